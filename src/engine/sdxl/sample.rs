//! One job, start to end: text to picture, picture to picture and inpainting, in the order diffusers draws its
//! random numbers, so that a seed means the same picture.

use super::Sdxl;
use super::schedule::Schedule;
use super::text::Embedded;
use super::unet::Conditioning;
use crate::engine::nn::profile;
use crate::engine::noise::TorchRng;
use crate::engine::painting::canvas::{self, Size, all_finite};
use crate::engine::painting::latent::{keep_unmasked, to_map, to_values};
use crate::engine::painting::{CUT, Init, Looker, timed};
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, Keep};
use crate::engine::{Result, Watcher};
use crate::media::{DrawnPicture, Picture, Timings};

/// Guidance of checkpoints that are not distilled, where nobody says otherwise (diffusers' default).
const GUIDANCE: f32 = 5.0;
/// Steps of checkpoints that are not distilled, where nobody says otherwise.
const STEPS: u32 = 30;
/// Change of an init picture where nobody says otherwise (diffusers' defaults for editing and inpainting).
const STRENGTH: (f32, f32) = (0.3, 0.9999);

/// What a job comes to on this model.
struct Task {
    size: Size,
    steps: u32,
    guidance: f32,
    strength: f32,
    schedule: Schedule,
    first: usize,
    texts: Texts,
    notices: Vec<String>,
}

/// A job's texts as the UNet takes them, the negative one only where guidance uses it.
struct Texts {
    positive: Conditioning,
    negative: Option<Conditioning>,
    /// Whether words of the prompt were cut.
    cut: bool,
}

impl Sdxl {
    pub(super) fn sample(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput> {
        let mut timings = Timings::default();
        let mut lines = Vec::new();
        let prepare = || profile::of(job.profile, "text", &mut lines, || self.prepare(job));
        let task = timed(&mut timings.text_s, prepare)?;
        if job.keep != Keep::All {
            self.text.drop_encoders();
        }
        self.with_decoders(job, &mut timings.load_s)?;
        let real_steps = task.schedule.steps() - task.first;
        let looker = Looker::new(watch, real_steps * job.seeds.len());
        let mut pictures = Vec::with_capacity(job.seeds.len());
        let init = match &self.decoders.vae {
            Some(vae) => timed(&mut timings.denoise_s, || Init::encode(job, task.size, vae, self.files.vae_config()))?,
            None => None,
        };
        for seed in &job.seeds {
            let denoise = || self.denoise(job, &task, init.as_ref(), *seed, &looker);
            let latent = timed(&mut timings.denoise_s, || profile::of(job.profile, "denoise", &mut lines, denoise))?;
            let networks = (self.files.vae_config(), &self.place);
            let hw = self.latent_size(task.size);
            let decode = || self.decoders.decode(&latent, hw, job, networks, &|| looker.go_on());
            let picture = timed(&mut timings.decode_s, || profile::of(job.profile, "decode", &mut lines, decode))?;
            pictures.push(DrawnPicture { picture, seed: Some(*seed) });
        }
        Ok(DrawOutput {
            pictures,
            steps: task.steps,
            guidance: task.guidance,
            mode: self.place.mode(),
            decoder: job.decoder,
            notices: task.notices.into_iter().chain(lines).collect(),
            timings,
        })
    }

    /// Settles every choice the job leaves open and encodes its texts.
    fn prepare(&mut self, job: &DrawJob) -> Result<Task> {
        let config = self.files.schedule().clone();
        let scale = u32::try_from(self.files.vae_config().scale()).unwrap_or(8);
        let own = u32::try_from(self.files.unet_config().sample_size).unwrap_or(64) * scale;
        let (size, resized) = canvas::size(job, own, scale)?;
        // Checkpoints with trailing timesteps are distilled to few steps without guidance (SDXL-Turbo and its kin).
        let distilled = config.timestep_spacing == "trailing";
        let guidance = job.guidance.unwrap_or(if distilled { 0.0 } else { GUIDANCE });
        let strength = match (&job.init, &job.mask) {
            (None, _) => 1.0,
            (Some(_), None) => job.strength.unwrap_or(STRENGTH.0),
            (Some(_), Some(_)) => job.strength.unwrap_or(STRENGTH.1),
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let fewest = (1.0 / f64::from(strength)).ceil() as u32;
        let steps = job.steps.unwrap_or(if distilled { fewest } else { STEPS.max(fewest) });
        let schedule = Schedule::new(&config, job.scheduler, steps as usize)?;
        let first = if job.init.is_some() { schedule.first_step(strength) } else { 0 };
        if first == schedule.steps() {
            return Err(EngineFailure::new(
                FailureClass::Invalid,
                format!("{steps} steps at strength {strength} leave none to do; at least {fewest} are needed"),
            ));
        }
        let texts = self.texts(job, guidance, size)?;
        let cut = texts.cut.then(|| CUT.to_owned());
        let notices = resized.into_iter().chain(cut).collect();
        Ok(Task { size, steps, guidance, strength, schedule, first, texts, notices })
    }

    fn texts(&mut self, job: &DrawJob, guidance: f32, size: Size) -> Result<Texts> {
        let positive = self.text.embed(&job.prompt, &self.files, &self.place)?;
        let negative = match &job.negative {
            _ if guidance <= 1.0 => None,
            None if self.files.zeros_for_no_negative() => Some(positive.zeros()?),
            text => Some(self.text.embed(text.as_deref().unwrap_or(""), &self.files, &self.place)?),
        };
        #[allow(clippy::cast_precision_loss)]
        let (w, h) = (size.width as f32, size.height as f32);
        let (sizes, guided) = ([h, w, 0.0, 0.0, h, w], negative.is_some());
        let conditioned = |e: Embedded| Conditioning { prompt: e.prompt, pooled: e.pooled, sizes, guided };
        let cut = positive.cut;
        Ok(Texts { positive: conditioned(positive), negative: negative.map(conditioned), cut })
    }

    /// The latent of one picture, `(1, channels, h, w)` in order.
    fn denoise(&self, job: &DrawJob, task: &Task, init: Option<&Init>, seed: u64, looker: &Looker) -> Result<Vec<f32>> {
        let schedule = &task.schedule;
        let (h, w) = self.latent_size(task.size);
        let n = self.files.unet_config().in_channels * h * w;
        let mut random = TorchRng::new(seed);
        let original = init.map(|init| init.sample(self.files.vae_config(), &mut random));
        let mask = init.and_then(|init| init.mask.as_ref());
        let noise = random.normal(n);
        let mut latent = match &original {
            Some(original) if mask.is_none() || task.strength < 1.0 => {
                let mut latent = original.clone();
                schedule.add_noise(task.first, &mut latent, &noise);
                latent
            }
            _ => noise.iter().map(|n| n * schedule.init_noise_sigma).collect(),
        };
        if mask.is_some() {
            // diffusers encodes the masked picture too, even when the UNet does not look at it.
            random.normal(self.files.vae_config().latent_channels * h * w);
        }
        for i in task.first..schedule.steps() {
            let predicted = self.predict(task, i, &latent, looker)?;
            all_finite(&predicted, "the model's predictions")?;
            let preview = self.preview(job, task, i, &latent, &predicted)?;
            let fresh = if schedule.wants_noise() { random.normal(n) } else { Vec::new() };
            schedule.step(i, &mut latent, &predicted, &fresh);
            if let (Some(original), Some(mask)) = (&original, mask) {
                let mut kept = original.clone();
                // With the noise of the step that comes next, none after the last.
                if i + 1 < schedule.steps() {
                    schedule.add_noise(i + 1, &mut kept, &noise);
                }
                keep_unmasked(&mut latent, &kept, mask);
            }
            looker.step(preview)?;
        }
        Ok(latent)
    }

    fn latent_size(&self, size: Size) -> (usize, usize) {
        let scale = self.files.vae_config().scale();
        (size.height as usize / scale, size.width as usize / scale)
    }

    /// What the UNet makes of a latent at step `i`, with guidance.
    fn predict(&self, task: &Task, i: usize, latent: &[f32], looker: &Looker) -> Result<Vec<f32>> {
        let mut input = latent.to_vec();
        task.schedule.scale_input(i, &mut input);
        let (h, w) = self.latent_size(task.size);
        let input = to_map(&input, (h, w), &self.place)?;
        let timestep = task.schedule.timesteps[i];
        let go_on = || looker.go_on();
        let predict =
            |conditioning: &Conditioning| to_values(&self.unet.forward(&input, timestep, conditioning, &go_on)?);
        let Some(negative) = &task.texts.negative else { return predict(&task.texts.positive) };
        let (mut without, with) = (predict(negative)?, predict(&task.texts.positive)?);
        for (u, c) in without.iter_mut().zip(&with) {
            *u += task.guidance * (c - *u);
        }
        Ok(without)
    }

    /// What step `i` expects the finished picture to be, where previews were asked for and there is a tiny decoder.
    fn preview(
        &self,
        job: &DrawJob,
        task: &Task,
        i: usize,
        latent: &[f32],
        predicted: &[f32],
    ) -> Result<Option<Picture>> {
        let expected = || task.schedule.original(i, latent, predicted);
        self.decoders.preview(expected, self.latent_size(task.size), job, &self.place)
    }
}
