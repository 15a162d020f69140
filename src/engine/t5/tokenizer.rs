//! Words to T5's token ids, as transformers' `T5TokenizerFast` makes them.

use crate::engine::Result;
use crate::engine::weights::unusable;
use std::path::Path;
use tokenizers::Tokenizer;

const END: &str = "</s>";
const PAD: &str = "<pad>";
/// Begins the first token of a word.
const WORD_START: char = '\u{2581}';

/// A T5 tokenizer.
pub struct T5Tokenizer {
    unigram: Tokenizer,
    end: u32,
    pad: u32,
}

/// A prompt in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct T5Tokens {
    /// Words, end, padding: exactly as many as were asked for.
    pub ids: Vec<u32>,
    /// Whether words at the end did not fit.
    pub cut: bool,
}

impl T5Tokenizer {
    /// Reads `tokenizer.json` in `folder`.
    ///
    /// # Errors
    /// When it is absent or not T5's.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let unigram =
            Tokenizer::from_file(&path).map_err(|e| unusable(format!("the T5 tokenizer {}: {e}", path.display())))?;
        let id = |token: &str| {
            unigram.token_to_id(token).ok_or_else(|| unusable(format!("{} has no token {token}", path.display())))
        };
        Ok(Self { end: id(END)?, pad: id(PAD)?, unigram })
    }

    /// Exactly `length` tokens of `text`; what is too long is cut after the last word that fits. The end token is always
    /// there.
    ///
    /// # Errors
    /// When the tokenizer itself fails, which no text should cause.
    pub fn encode(&self, text: &str, length: usize) -> Result<T5Tokens> {
        let encoded = self.unigram.encode_fast(text, false).map_err(|e| unusable(format!("the T5 tokenizer: {e}")))?;
        let mut ids = encoded.get_ids().to_vec();
        let room = length.saturating_sub(1);
        let cut = ids.len() > room;
        if cut {
            ids.truncate(self.last_word_end(&ids, room));
        }
        ids.push(self.end);
        ids.resize(length, self.pad);
        Ok(T5Tokens { ids, cut })
    }

    /// The largest number of tokens up to `room` that is followed by the start of a word; `room` when the first word
    /// alone is longer.
    fn last_word_end(&self, ids: &[u32], room: usize) -> usize {
        let starts_word = |id: &u32| self.unigram.id_to_token(*id).is_none_or(|t| t.starts_with(WORD_START));
        ids[..=room].iter().rposition(starts_word).filter(|n| *n > 0).unwrap_or(room)
    }
}
