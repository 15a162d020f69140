//! FLUX.1: prompt and seed to pixels, as diffusers' pipelines compute it.
//!
//! [`Flux`] is the resident model. One picture goes: [`text`] (prompt to vectors), [`schedule`] and [`transformer`]
//! (noise to latent, which [`packing`] makes tokens of), the autoencoder (latent to pixels). Nothing is loaded before it
//! is wanted, because on most machines its parts do not fit side by side: what stays is settled for each job.

mod blocks;
mod config;
mod files;
#[cfg(test)]
mod golden_tests;
mod original_names;
mod packing;
mod sample;
mod schedule;
mod synthetic;
mod text;
mod transformer;

use crate::engine::nn::weight::Place;
use crate::engine::painting::{Decoders, timed};
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, FluxParts, Keep, ModelSpec};
use crate::engine::{Painter, Result, Watcher};
use candle_core::DType;
use files::Files;
use text::Text;
use transformer::Transformer;

/// A FLUX.1 model, as far as it is in memory.
pub struct Flux {
    files: Files,
    place: Place,
    /// Whether the transformer's linear layers are computed in bytes.
    bytes: bool,
    text: Text,
    /// With what it was loaded for: all of it, or blocks that are read at each use.
    transformer: Option<(Keep, Transformer)>,
    decoders: Decoders,
    /// Seconds spent on reading networks so far, but for the text encoders.
    loading_s: f64,
}

impl Flux {
    /// Finds the parts of a checkpoint and reads what they say about themselves.
    ///
    /// # Errors
    /// [`FailureClass::Missing`] when files are absent, damaged or contradict each other.
    pub fn load(spec: &ModelSpec, parts: &FluxParts, place: Place) -> Result<Self> {
        // FLUX was trained in bf16 and leaves f16's range.
        let compute = if place.compute == DType::F16 { DType::BF16 } else { place.compute };
        let files = Files::find(spec, parts)?;
        let text = Text::new(&files)?;
        let place = Place { compute, ..place };
        let bytes = parts.bytes && place.has_kernels();
        Ok(Self { files, place, bytes, text, transformer: None, decoders: Decoders::default(), loading_s: 0.0 })
    }

    /// Seconds spent on reading files so far.
    fn loading_s(&self) -> f64 {
        self.text.loading_s + self.loading_s
    }

    /// Drops what a job that keeps less than all does not need next.
    fn make_room(&mut self, keep: Keep) {
        if keep != Keep::All {
            self.transformer = None;
            self.decoders.vae = None;
        }
    }

    /// The encoders of text and pictures stay exact: they take little time.
    fn place_of_transformer(&self) -> Place {
        Place { bytes: self.bytes, ..self.place.clone() }
    }

    /// Has the transformer in memory, in the way that `keep` says. `go_on` is asked between blocks.
    fn with_transformer(&mut self, keep: Keep, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        let streamed = keep == Keep::OneBlock;
        if self.transformer.as_ref().is_none_or(|(kept, _)| (*kept == Keep::OneBlock) != streamed) {
            self.transformer = None;
            let place = self.place_of_transformer();
            let load = || self.files.transformer(&place, streamed, go_on);
            self.transformer = Some((keep, timed(&mut self.loading_s, load)?));
        }
        Ok(())
    }

    /// Has the autoencoder in memory.
    fn with_autoencoder(&mut self) -> Result<()> {
        if self.decoders.vae.is_none() {
            let load = || self.files.autoencoder(&self.place);
            self.decoders.vae = Some(timed(&mut self.loading_s, load)?);
        }
        Ok(())
    }
}

impl Painter for Flux {
    fn draw(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput> {
        match self.sample(job, watch) {
            Err(EngineFailure { class: FailureClass::BadOutput, .. }) if self.place.compute != DType::F32 => {
                tracing::warn!(model = self.files.name(), "no finite picture in half precision, redone in f32");
                self.place.compute = DType::F32;
                self.text = Text::new(&self.files)?;
                self.transformer = None;
                self.decoders = Decoders::default();
                self.sample(job, watch)
            }
            result => result,
        }
    }
}
