//! Euler and ancestral Euler as diffusers computes them: the same timesteps, the same sigmas, f32 where torch is f32.

use super::config::ScheduleConfig;
use crate::engine::Result;
use crate::engine::painting::decimal;
use crate::engine::protocol::{EngineFailure, FailureClass};
use crate::engine::weights::unusable;
use crate::media::Scheduler;

/// What the model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prediction {
    Epsilon,
    Velocity,
}

/// The steps of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    sampler: Scheduler,
    prediction: Prediction,
    /// What the model is told, one per step.
    pub timesteps: Vec<f32>,
    /// Noise before each step, and 0 after the last.
    pub sigmas: Vec<f32>,
    /// What pure noise is multiplied by.
    pub init_noise_sigma: f32,
}

impl Schedule {
    /// The schedule of `steps` steps, with the sampler the caller or else the checkpoint names.
    ///
    /// # Errors
    /// When the config asks for what is not supported, or `steps` is not from 1 to its training steps.
    pub fn new(config: &ScheduleConfig, sampler: Option<Scheduler>, steps: usize) -> Result<Self> {
        let train = config.num_train_timesteps;
        if steps == 0 || steps > train {
            return Err(EngineFailure::new(
                FailureClass::Invalid,
                format!("{steps} steps of {train} are not possible"),
            ));
        }
        let prediction = match config.prediction_type.as_str() {
            "epsilon" => Prediction::Epsilon,
            "v_prediction" => Prediction::Velocity,
            other => return Err(unusable(format!("scheduler: prediction_type {other} is not supported"))),
        };
        let timesteps = timesteps(config, steps)?;
        let all = training_sigmas(config)?;
        let mut sigmas: Vec<f32> = timesteps.iter().map(|t| interpolate(&all, f64::from(*t))).collect();
        let largest = sigmas.iter().copied().fold(0.0, f32::max);
        sigmas.push(0.0);
        let init_noise_sigma =
            if config.timestep_spacing == "leading" { (largest * largest + 1.0).sqrt() } else { largest };
        let sampler = sampler.unwrap_or_else(|| Self::published_sampler(config));
        Ok(Self { sampler, prediction, timesteps, sigmas, init_noise_sigma })
    }

    /// The sampler a checkpoint was published with.
    #[must_use]
    pub fn published_sampler(config: &ScheduleConfig) -> Scheduler {
        if config.class_name.contains("Ancestral") { Scheduler::EulerA } else { Scheduler::Euler }
    }

    /// Steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }

    /// The first step of a picture that is changed by `strength`.
    #[must_use]
    pub fn first_step(&self, strength: f32) -> usize {
        let steps = self.steps();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        // diffusers: int(num_inference_steps * strength), in f64.
        let done = (steps as f64 * decimal(strength)) as usize;
        steps - done.min(steps)
    }

    /// What the model is shown of a latent before step `i`.
    pub fn scale_input(&self, i: usize, latent: &mut [f32]) {
        let sigma = self.sigmas[i];
        let divisor = (sigma * sigma + 1.0).sqrt();
        latent.iter_mut().for_each(|v| *v /= divisor);
    }

    /// Adds noise as before step `i`.
    pub fn add_noise(&self, i: usize, latent: &mut [f32], noise: &[f32]) {
        let sigma = self.sigmas[i];
        for (v, n) in latent.iter_mut().zip(noise) {
            *v += n * sigma;
        }
    }

    /// Whether [`Self::step`] wants fresh noise.
    #[must_use]
    pub fn wants_noise(&self) -> bool {
        self.sampler == Scheduler::EulerA
    }

    /// The noiseless latent that step `i` expects, from what the model `predicted`.
    #[must_use]
    pub fn original(&self, i: usize, latent: &[f32], predicted: &[f32]) -> Vec<f32> {
        let sigma = self.sigmas[i];
        let square = sigma * sigma + 1.0;
        let expected = |v: f32, p: f32| match self.prediction {
            Prediction::Epsilon => v - sigma * p,
            Prediction::Velocity => p * (-sigma / square.sqrt()) + v / square,
        };
        latent.iter().zip(predicted).map(|(v, p)| expected(*v, *p)).collect()
    }

    /// Step `i`: moves `latent` by what the model `predicted`. `noise` is empty where none is wanted.
    pub fn step(&self, i: usize, latent: &mut [f32], predicted: &[f32], noise: &[f32]) {
        let (from, to) = (self.sigmas[i], self.sigmas[i + 1]);
        let (down, up) = match self.sampler {
            Scheduler::EulerA => {
                let up = (to * to * (from * from - to * to) / (from * from)).sqrt();
                ((to * to - up * up).sqrt(), up)
            }
            Scheduler::Euler => (to, 0.0),
        };
        let dt = down - from;
        let originals = self.original(i, latent, predicted);
        for (v, original) in latent.iter_mut().zip(originals) {
            *v += (*v - original) / from * dt;
        }
        for (v, n) in latent.iter_mut().zip(noise) {
            *v += n * up;
        }
    }
}

/// The timesteps of `steps` steps, largest first.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn timesteps(config: &ScheduleConfig, steps: usize) -> Result<Vec<f32>> {
    let train = config.num_train_timesteps;
    match config.timestep_spacing.as_str() {
        "linspace" => {
            let step = (train - 1) as f64 / (steps.max(2) - 1) as f64;
            Ok((0..steps).rev().map(|i| (i as f64 * step) as f32).collect())
        }
        "leading" => {
            let ratio = train / steps;
            Ok((0..steps).rev().map(|i| (i * ratio) as f32 + config.steps_offset as f32).collect())
        }
        "trailing" => {
            // numpy.arange(train, 0, -train / steps): its step is what the first difference rounds to.
            let train = train as f64;
            let delta = (train - train / steps as f64) - train;
            Ok((0..steps).map(|i| (train + i as f64 * delta).round_ties_even() as f32 - 1.0).collect())
        }
        other => Err(unusable(format!("scheduler: timestep_spacing {other} is not supported"))),
    }
}

/// √((1 - ᾱ) / ᾱ) of each training timestep.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn training_sigmas(config: &ScheduleConfig) -> Result<Vec<f32>> {
    let n = config.num_train_timesteps;
    let (start, end) = match config.beta_schedule.as_str() {
        "scaled_linear" => (config.beta_start.sqrt(), config.beta_end.sqrt()),
        "linear" => (config.beta_start, config.beta_end),
        other => return Err(unusable(format!("scheduler: beta_schedule {other} is not supported"))),
    };
    let (start, end) = (start as f32, end as f32);
    // torch.linspace in f32: from the start in the first half, from the end in the second.
    let step = (end - start) / (n - 1) as f32;
    // torch.cumprod keeps the product in f64 and rounds each output.
    let mut product = 1.0f64;
    Ok((0..n)
        .map(|i| {
            let even = if i < n / 2 { step.mul_add(i as f32, start) } else { (-step).mul_add((n - 1 - i) as f32, end) };
            let beta = if config.beta_schedule == "linear" { even } else { even * even };
            product *= f64::from(1.0 - beta);
            let alpha = product as f32;
            ((1.0 - alpha) / alpha).sqrt()
        })
        .collect())
}

/// `numpy.interp` at position `at` of values at 0, 1, 2 …
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn interpolate(values: &[f32], at: f64) -> f32 {
    let last = values.len() - 1;
    let below = (at.max(0.0) as usize).min(last);
    let above = (below + 1).min(last);
    let (a, b) = (f64::from(values[below]), f64::from(values[above]));
    (a + (b - a) * (at - at.floor())) as f32
}
