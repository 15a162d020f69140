//! The picture a job starts from, in latent space.

use super::canvas::{self, Size, all_finite};
use super::latent::{placed, to_values};
use crate::engine::Result;
use crate::engine::autoencoder::{Autoencoder, AutoencoderConfig, Strips};
use crate::engine::noise::TorchRng;
use crate::engine::protocol::DrawJob;

/// A distribution that every seed draws its own sample of, and where it may change.
pub struct Init {
    mean: Vec<f32>,
    log_variance: Vec<f32>,
    /// One value a latent pixel: 1 where it is repainted.
    pub mask: Option<Vec<f32>>,
}

impl Init {
    /// Init picture and mask of a job; `None` when it has no picture.
    ///
    /// # Errors
    /// When the picture cannot be resized, its latent is not finite, or the device fails.
    pub fn encode(job: &DrawJob, size: Size, vae: &Autoencoder, config: &AutoencoderConfig) -> Result<Option<Self>> {
        let Some(picture) = &job.init else { return Ok(None) };
        let pixels = placed(&canvas::pixels(picture, size)?, vae.place())?;
        let (mean, log_variance) = vae.encode(&pixels, Strips::when(job.tiled))?;
        let (mean, log_variance) = (to_values(&mean)?, to_values(&log_variance)?);
        all_finite(&mean, "the encoded picture's values")?;
        all_finite(&log_variance, "the encoded picture's variances")?;
        let mask = job.mask.as_ref().map(|m| canvas::latent_mask(m, size, config.scale())).transpose()?;
        Ok(Some(Self { mean, log_variance, mask }))
    }

    /// The sample of one seed, scaled as the denoising network takes it.
    #[must_use]
    pub fn sample(&self, config: &AutoencoderConfig, random: &mut TorchRng) -> Vec<f32> {
        let noise = random.normal(self.mean.len());
        #[allow(clippy::cast_possible_truncation)]
        let (factor, shift) = (config.scaling_factor as f32, config.shift_factor.unwrap_or(0.0) as f32);
        let values = self.mean.iter().zip(&self.log_variance).zip(&noise);
        values.map(|((m, v), n)| (m + (0.5 * v).exp() * n - shift) * factor).collect()
    }
}
