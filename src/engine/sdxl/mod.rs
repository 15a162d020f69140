//! Stable Diffusion XL and its Turbo: prompt and seed to pixels, as diffusers' pipelines compute it.
//!
//! [`Sdxl`] is the resident model. One picture goes: [`text`] (prompt to vectors), [`schedule`] and [`unet`] (noise to
//! latent), the autoencoder (latent to pixels).

mod config;
mod configs;
mod files;
#[cfg(test)]
mod golden_tests;
mod sample;
mod schedule;
mod single_file;
mod synthetic;
mod text;
mod unet;
mod unet_blocks;

use crate::engine::nn::weight::Place;
use crate::engine::painting::{Decoders, timed};
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, ModelSpec, SdxlParts};
use crate::engine::{Painter, Result, Watcher};
use crate::media::Decoder;
use candle_core::DType;
use files::Files;
use text::Text;
use unet::Unet;

/// A resident SDXL model.
pub struct Sdxl {
    files: Files,
    place: Place,
    text: Text,
    unet: Unet,
    decoders: Decoders,
}

impl Sdxl {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`FailureClass::Missing`] when files are absent, damaged or contradict each other.
    pub fn load(spec: &ModelSpec, parts: &SdxlParts, place: Place) -> Result<Self> {
        let files = Files::find(spec, parts)?;
        let text = Text::new(&files, &place)?;
        let unet = files.unet(&place)?;
        Ok(Self { files, place, text, unet, decoders: Decoders::default() })
    }

    /// Has the decoders in memory that a job wants. They are read when they are first wanted: with the tiny one, the
    /// other may never be. Adds the seconds it took to `load_s`.
    fn with_decoders(&mut self, job: &DrawJob, load_s: &mut f64) -> Result<()> {
        if (job.previews || job.decoder == Decoder::Taesd) && self.decoders.tiny.is_none() {
            self.decoders.tiny = timed(load_s, || self.files.tiny(&self.place))?;
        }
        if (job.init.is_some() || job.decoder == Decoder::Vae) && self.decoders.vae.is_none() {
            self.decoders.vae = Some(timed(load_s, || self.files.vae(&self.place))?);
        }
        Ok(())
    }

    /// Reads everything again in full precision.
    fn widen(&mut self) -> Result<()> {
        self.place.compute = DType::F32;
        self.text = Text::new(&self.files, &self.place)?;
        self.unet = self.files.unet(&self.place)?;
        self.decoders = Decoders::default();
        Ok(())
    }
}

impl Painter for Sdxl {
    fn draw(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput> {
        match self.sample(job, watch) {
            Err(EngineFailure { class: FailureClass::BadOutput, .. }) if self.place.compute != DType::F32 => {
                tracing::warn!(model = self.files.name(), "no finite picture in half precision, redone in f32");
                self.widen()?;
                self.sample(job, watch)
            }
            result => result,
        }
    }
}
