//! What comes of a task, whoever did it.

use super::{Failure, ImageResult, Medium, Provenance};
use serde::{Deserialize, Serialize};

/// An answer in memory: what was made, by whom, and what should be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What was made.
    pub content: Content,
    /// By whom.
    pub provenance: Provenance,
    /// What the caller should know: a cut prompt, a tiled decode, another size.
    pub notices: Vec<String>,
    /// Bytes that came back over the network; 0 for a local answer.
    pub bytes: u64,
}

/// What was made.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// One picture or more.
    Pictures(ImageResult),
    /// Words.
    Text(Text),
    /// A sound.
    Sound(Medium),
    /// A film.
    Video(Medium),
}

/// Words: a transcript, a description, a translation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Text {
    /// All of it.
    pub text: String,
    /// Its language, where it was told: ISO-639-1 or a name, as the one who answered calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When each part of a transcript was said, where that was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

/// A part of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Seconds from the beginning.
    pub start: f64,
    /// Seconds from the beginning.
    pub end: f64,
    /// What was said.
    pub text: String,
}

impl Content {
    /// The pictures.
    ///
    /// # Errors
    /// [`Failure::BadOutput`] when something else was made.
    pub fn pictures(self) -> Result<ImageResult, Failure> {
        match self {
            Self::Pictures(pictures) => Ok(pictures),
            other => Err(other.not("pictures")),
        }
    }

    /// The words.
    ///
    /// # Errors
    /// [`Failure::BadOutput`] when something else was made.
    pub fn text(self) -> Result<Text, Failure> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.not("a text")),
        }
    }

    fn not(&self, wanted: &str) -> Failure {
        let kind = match self {
            Self::Pictures(_) => "pictures",
            Self::Text(_) => "a text",
            Self::Sound(_) => "a sound",
            Self::Video(_) => "a film",
        };
        Failure::BadOutput { message: format!("{kind} came instead of {wanted}") }
    }
}
