//! Prompts to vectors: T5 for the words, CLIP for the whole, and a memory of prompts already encoded.

use super::files::Files;
use crate::engine::Result;
use crate::engine::clip::{ClipEncoder, ClipTokenizer};
use crate::engine::nn::weight::Place;
use crate::engine::painting::timed;
use crate::engine::protocol::Keep;
use crate::engine::t5::{T5Encoder, T5Tokenizer};
use candle_core::Tensor;
use lru::LruCache;
use std::num::NonZeroUsize;

/// Prompts remembered: 4 MB each at schnell's size.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16).unwrap();
/// Tokens of T5 that schnell was trained with, and dev.
const LENGTHS: (usize, usize) = (256, 512);

/// Both tokenizers, both encoders (while memory allows) and the prompts encoded so far.
pub struct Text {
    tokenizers: (ClipTokenizer, T5Tokenizer),
    clip: Option<ClipEncoder>,
    t5: Option<T5Encoder>,
    remembered: LruCache<String, Embedded>,
    length: usize,
    /// Seconds spent on reading encoders so far.
    pub loading_s: f64,
}

/// A prompt in vectors.
#[derive(Clone)]
pub struct Embedded {
    /// T5's, `(1, tokens, width)`.
    pub prompt: Tensor,
    /// CLIP's end token, `(1, width)`.
    pub pooled: Tensor,
    /// Whether words at the end were cut.
    pub cut: bool,
}

impl Text {
    /// Loads the tokenizers; encoders come when they are wanted.
    ///
    /// # Errors
    /// When files are absent.
    pub fn new(files: &Files) -> Result<Self> {
        let length = if files.transformer.guidance_embeds { LENGTHS.1 } else { LENGTHS.0 };
        let remembered = LruCache::new(REMEMBERED);
        Ok(Self { tokenizers: files.tokenizers()?, clip: None, t5: None, remembered, length, loading_s: 0.0 })
    }

    /// Whether a prompt needs no encoder.
    #[must_use]
    pub fn knows(&self, text: &str) -> bool {
        self.remembered.contains(text)
    }

    /// The vectors of `text`, from memory where it was encoded before. One encoder leaves before the other comes where
    /// not all is kept. `go_on` is asked between layers.
    ///
    /// # Errors
    /// When `go_on` says so, or an encoder cannot be loaded.
    pub fn embed(
        &mut self,
        text: &str,
        (files, place): (&Files, &Place),
        keep: Keep,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Embedded> {
        if let Some(known) = self.remembered.get(text) {
            return Ok(known.clone());
        }
        let words = self.tokenizers.1.encode(text, self.length)?;
        // Each layer is used once: reading it for that costs no more than reading all of them before. Of a mapped file
        // layers are not kept even where there is memory: they would be pages, which come back as fast as they left.
        let streamed = keep != Keep::All || files.t5_is_mapped();
        let t5 = match &mut self.t5 {
            Some(t5) => t5,
            gone => gone.insert(timed(&mut self.loading_s, || files.t5(place, streamed, go_on))?),
        };
        let prompt = t5.encode(&words.ids, go_on)?;
        if keep != Keep::All {
            self.t5 = None;
        }
        go_on()?;
        let clip = match &mut self.clip {
            Some(clip) => clip,
            gone => gone.insert(timed(&mut self.loading_s, || files.clip(place))?),
        };
        let pooled = clip.end(&self.tokenizers.0.encode(text)?)?;
        if keep != Keep::All {
            self.clip = None;
        }
        let embedded = Embedded { prompt, pooled, cut: words.cut };
        self.remembered.put(text.to_owned(), embedded.clone());
        Ok(embedded)
    }
}
