//! Prompts to vectors: two CLIP encoders side by side, and a memory of prompts already encoded.

use super::files::Files;
use crate::engine::Result;
use crate::engine::clip::{ClipEncoder, ClipTokenizer, Tokens};
use crate::engine::nn::weight::Place;
use crate::engine::weights::unusable;
use candle_core::{D, Tensor};
use lru::LruCache;
use std::num::NonZeroUsize;

/// Prompts remembered: about 0.6 MB each at SDXL's size.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Both tokenizers, both encoders (while memory allows) and the prompts encoded so far.
pub struct Text {
    tokenizers: [ClipTokenizer; 2],
    encoders: Option<[ClipEncoder; 2]>,
    remembered: LruCache<String, Embedded>,
}

/// A prompt in vectors.
#[derive(Clone)]
pub struct Embedded {
    /// Penultimate states of both encoders, `(1, tokens, width)`.
    pub prompt: Tensor,
    /// The second encoder's projected end token, `(1, projection)`.
    pub pooled: Tensor,
    /// Whether words at the end were cut.
    pub cut: bool,
}

impl Embedded {
    /// Zeros of the same shapes: what SDXL takes for no negative prompt.
    ///
    /// # Errors
    /// When the device fails.
    pub fn zeros(&self) -> Result<Self> {
        Ok(Self { prompt: self.prompt.zeros_like()?, pooled: self.pooled.zeros_like()?, cut: false })
    }
}

impl Text {
    /// Loads tokenizers and encoders.
    ///
    /// # Errors
    /// When files are absent or contradict each other.
    pub fn new(files: &Files, place: &Place) -> Result<Self> {
        Ok(Self {
            tokenizers: files.tokenizers()?,
            encoders: Some(files.text_encoders(place)?),
            remembered: LruCache::new(REMEMBERED),
        })
    }

    /// The vectors of `text`, from memory where it was encoded before; encoders that were dropped are loaded again.
    ///
    /// # Errors
    /// When that fails.
    pub fn embed(&mut self, text: &str, files: &Files, place: &Place) -> Result<Embedded> {
        if let Some(known) = self.remembered.get(text) {
            return Ok(known.clone());
        }
        let encoders = match &mut self.encoders {
            Some(encoders) => encoders,
            gone => gone.insert(files.text_encoders(place)?),
        };
        let tokens = self.tokenizers.each_ref().map(|t| t.encode(text));
        let [first, second] = tokens;
        let embedded = encode(encoders, &first?, &second?)?;
        self.remembered.put(text.to_owned(), embedded.clone());
        Ok(embedded)
    }

    /// Gives the encoders' memory back; prompts already encoded stay known.
    pub fn drop_encoders(&mut self) {
        self.encoders = None;
    }
}

fn encode(encoders: &[ClipEncoder; 2], first: &Tokens, second: &Tokens) -> Result<Embedded> {
    let a = encoders[0].encode(first)?;
    let b = encoders[1].encode(second)?;
    let pooled = b.pooled.ok_or_else(|| unusable("the second text encoder has no text_projection"))?;
    let prompt = Tensor::cat(&[&a.penultimate, &b.penultimate], D::Minus1)?;
    Ok(Embedded { prompt, pooled, cut: first.cut || second.cut })
}
