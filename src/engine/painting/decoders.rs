//! A model's autoencoder and the tiny one beside it: finished latents to pictures.

use super::canvas;
use super::latent::to_map;
use crate::engine::Result;
use crate::engine::autoencoder::{Autoencoder, AutoencoderConfig, Strips, TinyAutoencoder};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{DrawJob, EngineFailure, FailureClass};
use crate::media::{Decoder, Picture};

/// What turns latents into pixels: each is there while a job may want it.
#[derive(Default)]
pub struct Decoders {
    /// The model's own.
    pub vae: Option<Autoencoder>,
    /// The tiny one, loaded when first wanted.
    pub tiny: Option<TinyAutoencoder>,
}

impl Decoders {
    /// The picture of a finished latent of `(h, w)` pixels, by the decoder that the job names. `place` is where the
    /// tiny one computes; `go_on` is asked between its parts.
    ///
    /// # Errors
    /// [`FailureClass::Missing`] without that decoder, [`FailureClass::BadOutput`] for pixels that are not finite.
    pub fn decode(
        &self,
        latent: &[f32],
        hw: (usize, usize),
        job: &DrawJob,
        (config, place): (&AutoencoderConfig, &Place),
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Picture> {
        if job.decoder == Decoder::Taesd {
            let tiny = self.tiny.as_ref().ok_or_else(|| absent("no tiny decoder is installed with this model"))?;
            return canvas::picture(&tiny.decode(&to_map(latent, hw, place)?, go_on)?);
        }
        let vae = self.vae.as_ref().ok_or_else(|| absent("the model's autoencoder is not loaded"))?;
        let map = to_map(latent, hw, vae.place())?;
        let map = map.map(|x| (x / config.scaling_factor)? + config.shift_factor.unwrap_or(0.0))?;
        canvas::picture(&vae.decode(&map, Strips::when(job.tiled), go_on)?)
    }

    /// A small picture of the latent a step expects, where the job wants previews and there is a tiny decoder.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn preview(
        &self,
        expected: impl FnOnce() -> Vec<f32>,
        hw: (usize, usize),
        job: &DrawJob,
        place: &Place,
    ) -> Result<Option<Picture>> {
        let Some(tiny) = self.tiny.as_ref().filter(|_| job.previews) else { return Ok(None) };
        Ok(Some(canvas::picture(&tiny.decode(&to_map(&expected(), hw, place)?, &|| Ok(()))?)?))
    }
}

fn absent(message: &str) -> EngineFailure {
    EngineFailure::new(FailureClass::Missing, message)
}
