//! A request made ready for the engine: a job, and the ladder of ways to do it. What is special to one kind of model
//! stands in a file of its own ([`super::draw`], [`super::upscale`], [`super::transcribe`]).

use super::draw::DrawWay;
use super::effort::Effort;
use super::transcribe::TranscribeWay;
use super::upscale::UpscaleWay;
use crate::engine::protocol::{Architecture, DeviceChoice, Job, ModelSpec};

/// How a job is done: what it works on, and what is given up to save memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// Of a drawing.
    Draw(DrawWay),
    /// Of making a picture larger.
    Upscale(UpscaleWay),
    /// Of writing down what is said.
    Transcribe(TranscribeWay),
}

/// A way to do a job, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rung {
    /// What is settled by it.
    pub(super) way: Way,
    /// Bytes of the engine at its peak, as far as they can be known before.
    pub(super) needed: u64,
    /// What the caller should know of it.
    pub(super) notices: Vec<String>,
}

/// What a measured peak belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Measured {
    pub(super) model: ModelSpec,
    way: Way,
}

/// A job on its way to the engine.
pub(super) struct Work {
    /// The model to have in memory.
    pub(super) spec: ModelSpec,
    /// What to do with it; the plan settles the way.
    pub(super) job: Job,
    /// The ways to do it, cheapest loss first.
    pub(super) ladder: Vec<Rung>,
    /// Bytes of the model at rest.
    pub(super) weights: u64,
    /// Pixels, or what takes as long: how much silence is borne grows with them.
    pub(super) pixels: u64,
    /// How much a heavy model has to compute; `None` for light ones.
    pub(super) effort: Option<Effort>,
}

impl Work {
    /// Settles what computes.
    pub(super) fn compute_on(&mut self, device: DeviceChoice) {
        self.spec.device = device;
        match &mut self.spec.architecture {
            // The other VAE is for half precision, which a processor does not compute in.
            Architecture::Sdxl(parts) if device == DeviceChoice::Cpu => parts.vae = None,
            // A card computes in half precision instead.
            Architecture::Sdxl(parts) => parts.bytes = false,
            Architecture::Flux(parts) => parts.bytes &= device == DeviceChoice::Cpu,
            Architecture::CompactEsrgan => {}
            // whisper.cpp is built for the processor only.
            Architecture::Whisper(_) => self.spec.device = DeviceChoice::Cpu,
        }
    }

    /// Settles how it is done.
    pub(super) fn go(&mut self, way: Way) {
        match (&mut self.job, way) {
            (Job::Draw(job), Way::Draw(way)) => way.settle(job),
            (Job::Upscale(job), Way::Upscale(way)) => job.tile = way.tile,
            (Job::Transcribe(job), Way::Transcribe(way)) => job.beams = way.beams,
            // A ladder is made with its job.
            (Job::Draw(_) | Job::Upscale(_) | Job::Transcribe(_) | Job::PaceSpeech, _) => {}
        }
    }

    /// What a peak of that way is remembered by.
    pub(super) fn measured(&self, way: Way) -> Measured {
        Measured { model: self.spec.clone(), way }
    }
}
