//! CLIP's text side: words to tokens to vectors. Used by every family that conditions on CLIP; it knows none of them.

mod encoder;
mod tokenizer;

pub use encoder::{ClipConfig, ClipEncoder, Encoded};
pub use tokenizer::{ClipTokenizer, Tokens};
