//! T5's text side: words to tokens to vectors. Used by every family that conditions on T5; it knows none of them.

mod encoder;
mod llama_names;
mod tokenizer;

pub use encoder::{T5Config, T5Encoder};
pub use llama_names::llama_names;
pub use tokenizer::T5Tokenizer;
