//! What is said of speech.

use crate::media::{Segment, Word};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What goes with a Whisper model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct WhisperParts {
    /// Silero's model of where somebody speaks, in ggml format.
    pub vad: PathBuf,
    /// Random weights to be written before they are read (for `samovar bench --synthetic`).
    pub synthetic: Option<SyntheticWhisper>,
}

/// Random weights of a published shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyntheticWhisper {
    /// A model that has this shape: `whisper-small`.
    pub size: String,
    /// A model whose vocabulary is taken.
    pub tables: PathBuf,
    /// Whether the file stays when it was read.
    pub keep: bool,
}

/// A recording to write down; limits were checked by the parent. `None`: the model's own default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscribeJob {
    /// The file, in any container that `media::sound` reads.
    pub audio: Bytes,
    /// The language that is spoken, by its code or its English name; `None` to find out.
    pub language: Option<String>,
    /// In English, whatever is spoken.
    pub translate: bool,
    /// Names and terms that may be said.
    pub prompt: Option<String>,
    /// How freely words are guessed, 0 to 1; `None` and 0: from the surest on, more freely only where those fail.
    pub temperature: Option<f32>,
    /// Readings followed side by side, 1 to 8; 1 is the fastest.
    pub beams: u32,
    /// Tell when each word was said.
    pub words: bool,
}

/// How long a model of speech takes for its steps, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SpeechPace {
    /// To hear half a minute.
    pub encode_s: f64,
    /// For each token that is written.
    pub token_s: f64,
    /// For a token of each of five readings side by side.
    pub batch_s: f64,
    /// To read a context of 256 tokens.
    pub prompt_s: f64,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Transcript {
    /// All of it; empty where nobody speaks.
    pub text: String,
    /// The language by its code; `None` where nobody speaks.
    pub language: Option<String>,
    /// How long the recording is, in seconds.
    pub seconds: f64,
    /// When each part was said.
    pub segments: Vec<Segment>,
    /// When each word was said, if asked for.
    pub words: Vec<Word>,
    /// What the caller should know.
    pub notices: Vec<String>,
}
