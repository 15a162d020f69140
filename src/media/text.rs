//! Words, and when they were said.

use serde::{Deserialize, Serialize};

/// Words: a transcript, a description, a translation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Text {
    /// All of it.
    pub text: String,
    /// Its language, where it was told: ISO-639-1 or a name, as the one who answered calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How long the sound is, in seconds, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// When each part of a transcript was said, where that was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// When each word of a transcript was said, where that was asked for and told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A part of a transcript.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Segment {
    /// Seconds from the beginning.
    pub start: f64,
    /// Seconds from the beginning.
    pub end: f64,
    /// What was said.
    pub text: String,
    /// How sure the model was, where it tells.
    #[serde(default)]
    pub sureness: Option<Sureness>,
}

/// How sure a model of speech is of a part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sureness {
    /// Mean of the logarithms of its tokens' probabilities: 0 is certain, below -1 a guess.
    pub avg_logprob: f64,
    /// How probable it is that nobody spoke.
    pub no_speech_prob: f64,
}

/// A word of a transcript.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Word {
    /// The word, with the marks that belong to it.
    pub word: String,
    /// Seconds from the beginning.
    pub start: f64,
    /// Seconds from the beginning.
    pub end: f64,
}
