//! Stable Diffusion XL and its Turbo: prompt and seed to pixels, as diffusers' pipelines compute it.
//!
//! [`Sdxl`] is the resident model. One picture goes: [`text`] (prompt to vectors), [`schedule`] and [`unet`] (noise to
//! latent), the autoencoder (latent to pixels); [`canvas`] brings pictures in and out.

mod canvas;
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

use crate::engine::autoencoder::{Autoencoder, TinyAutoencoder};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, ModelSpec, SdxlParts};
use crate::engine::{Painter, Result, Watcher};
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
    vae: Autoencoder,
    /// Loaded when first wanted.
    tiny: Option<TinyAutoencoder>,
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
        let vae = files.vae(&place)?;
        Ok(Self { files, place, text, unet, vae, tiny: None })
    }

    /// Reads everything again in full precision.
    fn widen(&mut self) -> Result<()> {
        self.place.compute = DType::F32;
        self.text = Text::new(&self.files, &self.place)?;
        self.unet = self.files.unet(&self.place)?;
        self.vae = self.files.own_vae(&self.place)?;
        self.tiny = None;
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
