//! Silero's model of where somebody speaks, as whisper.cpp runs it: how probable speech is in each 32 ms.

use crate::engine::Result;
use crate::engine::weights::unusable;
use std::path::Path;
use whisper_rs::{WhisperVadContext, WhisperVadContextParams};

/// Samples of a frame.
pub(super) const FRAME: usize = 512;
/// Frames before those that are asked about, for the model to hear itself in: it begins anew with each call.
pub(super) const LEAD: usize = 32;

/// The model.
pub(super) struct Vad(WhisperVadContext);

impl Vad {
    /// Reads it.
    ///
    /// # Errors
    /// [`super::FailureClass::Missing`] when the file is absent or something else.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let wrong = || unusable(format!("{} cannot be used to tell speech from silence", path.display()));
        let text = path.to_str().filter(|_| path.is_file()).ok_or_else(wrong)?;
        let mut params = WhisperVadContextParams::new();
        // Its layers are so small that threads would only wait for each other.
        params.set_n_threads(1);
        WhisperVadContext::new(text, params).map(Self).map_err(|_| wrong())
    }

    /// How probable speech is in each frame of these samples; the last frame may be cut short.
    pub(super) fn probabilities(&mut self, samples: &[f32]) -> Result<&[f32]> {
        if samples.is_empty() {
            return Ok(&[]);
        }
        self.0.detect_speech(samples).map_err(super::broken)?;
        Ok(self.0.probabilities())
    }
}
