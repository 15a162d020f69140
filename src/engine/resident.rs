//! What the engine's loop keeps in memory: a model of one kind or another, how it is loaded, and what each kind offers.

use super::device;
use super::flux::Flux;
use super::nn::weight::Place;
use super::protocol::{Architecture, DrawJob, DrawOutput, EngineFailure, FailureClass, Job, ModelSpec, Output};
use super::sdxl::Sdxl;
use super::upscale::Upscaler;
use super::whisper::Whisper;
use crate::media::Progress;

/// What every part of the engine returns.
pub type Result<T> = std::result::Result<T, EngineFailure>;

/// A model in memory.
pub enum Resident {
    /// One that draws.
    Painter(Box<dyn Painter>),
    /// One that makes pictures larger.
    Upscaler(Box<Upscaler>),
    /// One that writes down what is said.
    Transcriber(Whisper),
}

impl Resident {
    /// Does a job of its own kind.
    ///
    /// # Errors
    /// A typed failure; the model stays usable after any of them.
    pub fn run(&mut self, job: &Job, watch: &mut dyn Watcher) -> Result<Output> {
        match (self, job) {
            (Self::Painter(painter), Job::Draw(job)) => painter.draw(job, watch).map(Output::Drawn),
            (Self::Upscaler(upscaler), Job::Upscale(job)) => upscaler.upscale(job, watch).map(Output::Upscaled),
            (Self::Transcriber(whisper), Job::Transcribe(job)) => {
                whisper.transcribe(job, watch).map(Output::Transcribed)
            }
            (Self::Transcriber(whisper), Job::PaceSpeech) => whisper.pace(watch).map(Output::SpeechPaced),
            (_, job) => Err(EngineFailure::new(
                FailureClass::Crashed,
                format!("the resident {:?} is of another kind", job.kind()),
            )),
        }
    }
}

/// A model that draws.
pub trait Painter {
    /// Draws every seed of the job, asking `watch` between steps and tiles whether to go on.
    ///
    /// # Errors
    /// A typed failure; the painter stays usable after any of them.
    fn draw(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput>;
}

/// Who looks on while a model computes.
pub trait Watcher {
    /// Called after each step, and as a sign of life within long ones.
    fn progress(&mut self, progress: Progress);
    /// Whether to stop at the next occasion.
    fn cancelled(&self) -> bool;
}

/// Reads a model into memory. The text says what it computes on, for people.
///
/// # Errors
/// [`FailureClass::Missing`] when its files are absent, damaged, or contradict each other.
pub fn load(model: &ModelSpec) -> Result<(Resident, String)> {
    let (place, line) = device::place(model.device)?;
    let resident = match &model.architecture {
        Architecture::Sdxl(parts) => {
            let place = Place { bytes: parts.bytes && place.has_kernels(), ..place };
            Resident::Painter(Box::new(Sdxl::load(model, parts, place)?))
        }
        Architecture::Flux(parts) => Resident::Painter(Box::new(Flux::load(model, parts, place)?)),
        Architecture::CompactEsrgan => Resident::Upscaler(Box::new(Upscaler::load(model, place)?)),
        Architecture::Whisper(parts) => Resident::Transcriber(Whisper::load(&model.path, parts)?),
    };
    Ok((resident, line))
}

impl From<candle_core::Error> for EngineFailure {
    /// Out of memory on the card has no type of its own in candle: it is known by the driver's words.
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        let out_of_memory =
            ["OUT_OF_MEMORY", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED"].iter().any(|w| text.contains(w));
        let class = if out_of_memory { FailureClass::OutOfMemory } else { FailureClass::Crashed };
        Self::new(class, text.lines().next().unwrap_or("the engine failed").to_owned())
    }
}
