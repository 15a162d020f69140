//! Words to CLIP's token ids, as transformers' `CLIPTokenizer` makes them.

use crate::engine::Result;
use crate::engine::weights::unusable;
use serde_json::Value;
use std::path::Path;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreSequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// What is a word, in CLIP's own expression; everything else is dropped.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Marks the last token of a word.
const WORD_END: &str = "</w>";
/// Tokens of a prompt, where no config says otherwise.
const LENGTH: usize = 77;

/// A CLIP tokenizer with its padding.
pub struct ClipTokenizer {
    bpe: Tokenizer,
    start: u32,
    end: u32,
    pad: u32,
    length: usize,
}

/// A prompt in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Exactly the model's length: start, words, end, padding.
    pub ids: Vec<u32>,
    /// Whether words at the end did not fit.
    pub cut: bool,
}

impl ClipTokenizer {
    /// Reads `vocab.json` and `merges.txt` in `folder`; `tokenizer_config.json` beside them names the special tokens
    /// and the length.
    ///
    /// # Errors
    /// When a file is absent or not CLIP's.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer_config.json");
        let text = std::fs::read_to_string(&path).map_err(|e| unusable(format!("{}: {e}", path.display())))?;
        let config: Value =
            serde_json::from_str(&text).map_err(|e| unusable(format!("{} is not valid: {e}", path.display())))?;
        let length = config["model_max_length"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(LENGTH);
        let special = |key: &str, default: &str| special_token(&config, key, default);
        let tokens = [special("bos_token", START), special("eos_token", END), special("pad_token", END)];
        Self::build(folder, tokens, length)
    }

    /// A tokenizer of the plain vocabulary in `folder`, padded with `pad`, for checkpoints that bring none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn with_padding(folder: &Path, pad: &str) -> Result<Self> {
        let token = |t: &str| AddedToken::from(t, true);
        Self::build(folder, [token(START), token(END), token(pad)], LENGTH)
    }

    fn build(folder: &Path, special: [AddedToken; 3], length: usize) -> Result<Self> {
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let bad = |e: tokenizers::Error| unusable(format!("the CLIP tokenizer in {}: {e}", folder.display()));
        let bpe = BPE::from_file(&file("vocab.json"), &file("merges.txt"))
            .unk_token(END.to_owned())
            .end_of_word_suffix(WORD_END.to_owned())
            .build()
            .map_err(bad)?;
        let mut bpe = Tokenizer::new(bpe);
        let spaces = Replace::new(ReplacePattern::Regex(r"\s+".into()), " ").map_err(bad)?;
        bpe.with_normalizer(Some(Sequence::new(vec![NFC.into(), spaces.into(), Lowercase.into()]))).map_err(bad)?;
        let words = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true);
        let bytes = ByteLevel::new(false, true, false);
        bpe.with_pre_tokenizer(Some(PreSequence::new(vec![words.map_err(bad)?.into(), bytes.into()])));
        let names = special.each_ref().map(|t| t.content.clone());
        bpe.add_special_tokens(Vec::from(special)).map_err(bad)?;
        let id = |token: &str| {
            bpe.token_to_id(token)
                .ok_or_else(|| unusable(format!("the vocabulary in {} has no {token}", folder.display())))
        };
        Ok(Self { start: id(&names[0])?, end: id(&names[1])?, pad: id(&names[2])?, length, bpe })
    }

    /// The tokens of `text`; what is too long is cut after the last word that fits.
    ///
    /// # Errors
    /// When the tokenizer itself fails, which no text should cause.
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let encoded = self.bpe.encode_fast(text, false).map_err(|e| unusable(format!("the CLIP tokenizer: {e}")))?;
        let mut words = encoded.get_ids().to_vec();
        let room = self.length - 2;
        let cut = words.len() > room;
        if cut {
            words.truncate(self.last_word_end(&words, room));
        }
        let mut ids = Vec::with_capacity(self.length);
        ids.push(self.start);
        ids.append(&mut words);
        ids.push(self.end);
        ids.resize(self.length, self.pad);
        Ok(Tokens { ids, cut })
    }

    /// The largest number of tokens up to `room` that ends with a whole word; `room` when the first word alone is
    /// longer.
    fn last_word_end(&self, words: &[u32], room: usize) -> usize {
        let ends_word = |id: &u32| self.bpe.id_to_token(*id).is_none_or(|t| t.ends_with(WORD_END) || t == END);
        words[..room].iter().rposition(ends_word).map_or(room, |last| last + 1)
    }
}

/// A special token as `tokenizer_config.json` describes it: a name, whose details may stand in
/// `added_tokens_decoder`, or an object. Whether it is `normalized` decides if "<|ENDOFTEXT|>" is the token too.
fn special_token(config: &Value, key: &str, default: &str) -> AddedToken {
    let described = match &config[key] {
        Value::String(name) => config["added_tokens_decoder"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, token)| token)
            .find(|token| token["content"].as_str() == Some(name))
            .unwrap_or(&config[key]),
        other => other,
    };
    let name = described.as_str().or_else(|| described["content"].as_str()).unwrap_or(default);
    AddedToken::from(name, true).normalized(described["normalized"].as_bool().unwrap_or(false))
}
