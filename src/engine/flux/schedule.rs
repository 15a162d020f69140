//! Euler steps along FLUX's straight paths from noise to picture, as diffusers' `FlowMatchEulerDiscreteScheduler`
//! computes them: f32 where torch and numpy are f32.

use super::config::ScheduleConfig;
use crate::engine::Result;
use crate::engine::painting::decimal;
use crate::engine::protocol::{EngineFailure, FailureClass};
use crate::engine::weights::unusable;

/// The steps of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// What the model is told, one per step, in thousandths of the way.
    pub timesteps: Vec<f32>,
    /// The share of noise before each step, and 0 after the last.
    pub sigmas: Vec<f32>,
}

impl Schedule {
    /// The schedule of `steps` steps for a picture of `tokens` packed latents.
    ///
    /// # Errors
    /// When the config asks for what is not supported, or `steps` is not from 1 to its training steps.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub fn new(config: &ScheduleConfig, steps: usize, tokens: usize) -> Result<Self> {
        let train = config.num_train_timesteps;
        if steps == 0 || steps > train {
            return Err(EngineFailure::new(
                FailureClass::Invalid,
                format!("{steps} steps of {train} are not possible"),
            ));
        }
        if config.use_dynamic_shifting && config.time_shift_type != "exponential" {
            return Err(unusable(format!("scheduler: time_shift_type {} is not supported", config.time_shift_type)));
        }
        let mut sigmas: Vec<f32> = even(steps).map(|sigma| shifted(config, sigma as f32, tokens)).collect();
        let timesteps = sigmas.iter().map(|sigma| sigma * train as f32).collect();
        sigmas.push(0.0);
        Ok(Self { timesteps, sigmas })
    }

    /// Steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }

    /// The first step of a picture that is changed by `strength`: unlike SDXL's, what is skipped is rounded down.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn first_step(&self, strength: f32) -> usize {
        let steps = self.steps() as f64;
        (steps - (steps * decimal(strength)).min(steps)) as usize
    }

    /// A latent with the share of noise it has before step `i`.
    #[must_use]
    pub fn noised(&self, i: usize, latent: &[f32], noise: &[f32]) -> Vec<f32> {
        let sigma = self.sigmas[i];
        latent.iter().zip(noise).map(|(v, n)| sigma * n + (1.0 - sigma) * v).collect()
    }

    /// The noiseless latent that step `i` expects, from what the model `predicted`.
    #[must_use]
    pub fn original(&self, i: usize, latent: &[f32], predicted: &[f32]) -> Vec<f32> {
        latent.iter().zip(predicted).map(|(v, p)| v - self.sigmas[i] * p).collect()
    }

    /// Step `i`: moves `latent` by what the model `predicted`.
    pub fn step(&self, i: usize, latent: &mut [f32], predicted: &[f32]) {
        let dt = self.sigmas[i + 1] - self.sigmas[i];
        for (v, p) in latent.iter_mut().zip(predicted) {
            *v += dt * p;
        }
    }
}

/// `numpy.linspace(1, 1 / steps, steps)`.
#[allow(clippy::cast_precision_loss)]
fn even(steps: usize) -> impl Iterator<Item = f64> {
    let last = 1.0 / steps as f64;
    let step = if steps > 1 { (last - 1.0) / (steps - 1) as f64 } else { 0.0 };
    (0..steps).map(move |i| if i > 0 && i + 1 == steps { last } else { 1.0 + i as f64 * step })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn shifted(config: &ScheduleConfig, sigma: f32, tokens: usize) -> f32 {
    if !config.use_dynamic_shifting {
        let shift = config.shift;
        return shift as f32 * sigma / (1.0 + (shift - 1.0) as f32 * sigma);
    }
    let (low, high) = (config.base_image_seq_len as f64, config.max_image_seq_len as f64);
    let slope = (config.max_shift - config.base_shift) / (high - low);
    let exponent = tokens as f64 * slope + (config.base_shift - slope * low);
    let shift = exponent.exp() as f32;
    shift / (shift + (1.0 / sigma - 1.0))
}
