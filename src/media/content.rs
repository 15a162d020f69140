//! What comes of a task, whoever did it.

use super::{Failure, ImageResult, Medium, Provenance, Text};

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
