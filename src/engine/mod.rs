//! The child's side: model code, run in a process of its own. Synchronous; it must not know tokio, HTTP, SQL or Telegram.
//!
//! [`protocol`] is what parent and child say to each other and is all that the server needs of this room; the rest
//! is compiled only with feature `engine`.

pub mod protocol;

#[cfg(feature = "engine")]
use crate::media::Progress;
#[cfg(feature = "engine")]
use protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, ModelSpec};

/// A resident model that draws.
#[cfg(feature = "engine")]
pub trait Painter {
    /// Draws every seed of the job, asking `watch` between steps and tiles whether to go on.
    ///
    /// # Errors
    /// A typed failure; the painter stays usable after any of them.
    fn draw(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput, EngineFailure>;
}

/// Who looks on while a model computes.
#[cfg(feature = "engine")]
pub trait Watcher {
    /// Called after each step.
    fn progress(&mut self, progress: Progress);
    /// Whether to stop at the next occasion.
    fn cancelled(&self) -> bool;
}

/// Reads a model into memory. The text says what it computes on, for people.
///
/// # Errors
/// [`FailureClass::Missing`] when its files are absent, damaged, or contradict each other.
#[cfg(feature = "engine")]
pub fn load(model: &ModelSpec) -> Result<(Box<dyn Painter>, String), EngineFailure> {
    Err(EngineFailure::new(FailureClass::Missing, format!("no code here draws with {}", model.path.display())))
}
