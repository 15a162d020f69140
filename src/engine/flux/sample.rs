//! One job, start to end: text to picture, picture to picture and inpainting, in the order diffusers draws its random
//! numbers, so that a seed means the same picture.

use super::Flux;
use super::packing::{pack, unpack};
use super::schedule::Schedule;
use super::text::Embedded;
use super::transformer::{Conditioning, Transformer};
use crate::engine::nn::{Rope, profile};
use crate::engine::noise::TorchRng;
use crate::engine::painting::canvas::{self, Size, all_finite};
use crate::engine::painting::latent::{keep_unmasked, values};
use crate::engine::painting::{CUT, Init, Looker};
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass, Keep};
use crate::engine::weights::unusable;
use crate::engine::{Result, Watcher};
use crate::media::{Decoder, DrawnPicture, Timings};
use candle_core::{Device, Tensor};
use std::time::Instant;

/// Steps and guidance where nobody says otherwise: of schnell, which is distilled to few steps, and of dev.
const SCHNELL: (u32, f32) = (4, 0.0);
const DEV: (u32, f32) = (28, 3.5);
/// Change of an init picture where nobody says otherwise (diffusers' default).
const STRENGTH: f32 = 0.6;
/// Latent pixels a side of the picture that is drawn when nobody names a size.
const OWN_SIDE: u32 = 128;
/// Latent pixels a side that one token stands for.
const PATCH: u32 = 2;

/// What a job comes to on this model.
struct Task {
    size: Size,
    /// Latent rows and columns.
    hw: (usize, usize),
    steps: u32,
    guidance: f32,
    schedule: Schedule,
    first: usize,
    notices: Vec<String>,
}

/// Tells stages apart: the time of each without what was spent on reading files.
struct Clock {
    last: Instant,
    /// Seconds of reading before this stage.
    read: f64,
}

impl Clock {
    /// Seconds since the last lap, where `read` are the seconds of reading so far.
    fn lap(&mut self, read: f64) -> f64 {
        let seconds = self.last.elapsed().as_secs_f64() - (read - self.read);
        *self = Self { last: Instant::now(), read };
        seconds.max(0.0)
    }
}

/// What every step of a job computes with.
struct Step<'a> {
    transformer: &'a Transformer,
    conditioning: Conditioning,
    rope: Rope,
}

impl Flux {
    pub(super) fn sample(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput> {
        let mut task = self.prepare(job)?;
        let looker = Looker::new(watch, (task.schedule.steps() - task.first) * job.seeds.len());
        let go_on = || looker.go_on();
        let (started, read) = (Instant::now(), self.loading_s());
        let mut clock = Clock { last: started, read };
        let mut lines = Vec::new();
        let embedded = profile::of(job.profile, "text", &mut lines, || self.embed(job, &go_on))?;
        task.notices.extend(embedded.cut.then(|| CUT.to_owned()));
        let text_s = clock.lap(self.loading_s());

        if (job.previews || job.decoder == Decoder::Taesd) && self.decoders.tiny.is_none() {
            self.decoders.tiny = self.files.tiny(&self.place)?;
        }
        let init = self.init(job, task.size)?;
        self.with_transformer(job.keep, &go_on)?;
        let denoise = || self.denoise(job, &task, (init.as_ref(), embedded), &looker);
        let latents = profile::of(job.profile, "denoise", &mut lines, denoise)?;
        let denoise_s = clock.lap(self.loading_s());

        self.make_room(job.keep);
        if job.decoder == Decoder::Vae {
            self.with_autoencoder()?;
        }
        let mut pictures = Vec::with_capacity(job.seeds.len());
        for (seed, latent) in job.seeds.iter().zip(&latents) {
            let networks = (&self.files.vae, &self.place);
            let decode = || self.decoders.decode(latent, task.hw, job, networks, &go_on);
            let picture = profile::of(job.profile, "decode", &mut lines, decode)?;
            pictures.push(DrawnPicture { picture, seed: Some(*seed) });
        }
        Ok(DrawOutput {
            pictures,
            steps: task.steps,
            guidance: task.guidance,
            mode: self.place_of_transformer().mode(),
            decoder: job.decoder,
            notices: task.notices.into_iter().chain(lines).collect(),
            timings: Timings {
                load_s: self.loading_s() - read,
                text_s,
                denoise_s,
                decode_s: clock.lap(self.loading_s()),
                total_s: 0.0,
            },
        })
    }

    /// The latents of a job before they are decoded, packed.
    #[cfg(test)]
    pub(super) fn packed(&mut self, job: &DrawJob, looker: &Looker) -> Result<Vec<Vec<f32>>> {
        let task = self.prepare(job)?;
        let embedded = self.embed(job, &|| Ok(()))?;
        self.with_transformer(job.keep, &|| Ok(()))?;
        let latents = self.denoise(job, &task, (None, embedded), looker)?;
        Ok(latents.iter().map(|latent| pack(latent, task.hw)).collect())
    }

    /// Settles every choice the job leaves open.
    fn prepare(&self, job: &DrawJob) -> Result<Task> {
        let scale = u32::try_from(self.files.vae.scale()).unwrap_or(8);
        let (size, resized) = canvas::size(job, OWN_SIDE * scale, PATCH * scale)?;
        let hw = ((size.height / scale) as usize, (size.width / scale) as usize);
        let told_guidance = self.files.transformer.guidance_embeds;
        let own = if told_guidance { DEV } else { SCHNELL };
        let steps = job.steps.unwrap_or(own.0);
        let guidance = if told_guidance { job.guidance.unwrap_or(own.1) } else { own.1 };
        let schedule = Schedule::new(&self.files.schedule, steps as usize, hw.0 * hw.1 / 4)?;
        let strength = job.strength.unwrap_or(STRENGTH);
        let first = if job.init.is_some() { schedule.first_step(strength) } else { 0 };
        if first == schedule.steps() {
            return Err(EngineFailure::new(
                FailureClass::Invalid,
                format!("{steps} steps at strength {strength} leave none to do"),
            ));
        }
        let ignored = [
            (job.negative.as_ref().is_some_and(|n| !n.is_empty()), "FLUX.1 knows no negative prompt: it was ignored"),
            (job.guidance.is_some_and(|g| g > 1.0) && !told_guidance, "this model knows no guidance: it was ignored"),
            (job.scheduler.is_some(), "FLUX.1 is drawn with its own scheduler: the one asked for was ignored"),
        ];
        let ignored = ignored.into_iter().filter(|(is, _)| *is).map(|(_, said)| said.to_owned());
        let notices = resized.into_iter().chain(ignored).collect();
        Ok(Task { size, hw, steps, guidance, schedule, first, notices })
    }

    fn embed(&mut self, job: &DrawJob, go_on: &dyn Fn() -> Result<()>) -> Result<Embedded> {
        if !self.text.knows(&job.prompt) {
            self.make_room(job.keep);
        }
        self.text.embed(&job.prompt, (&self.files, &self.place), job.keep, go_on)
    }

    /// Init picture and mask in latent space.
    fn init(&mut self, job: &DrawJob, size: Size) -> Result<Option<Init>> {
        if job.init.is_none() {
            return Ok(None);
        }
        self.make_room(job.keep);
        self.with_autoencoder()?;
        let init = match &self.decoders.vae {
            Some(vae) => Init::encode(job, size, vae, &self.files.vae)?,
            None => None,
        };
        if job.keep != Keep::All {
            self.decoders.vae = None;
        }
        Ok(init)
    }

    /// The latents of all seeds, each `(channels, h, w)` in order.
    fn denoise(
        &self,
        job: &DrawJob,
        task: &Task,
        (init, embedded): (Option<&Init>, Embedded),
        looker: &Looker,
    ) -> Result<Vec<Vec<f32>>> {
        let (_, transformer) = self.transformer.as_ref().ok_or_else(|| unusable("the transformer is not loaded"))?;
        let Embedded { prompt, pooled, .. } = embedded;
        let rope = transformer.places(prompt.dim(1)?, (task.hw.0 / 2, task.hw.1 / 2), &prompt)?;
        let step = Step { transformer, conditioning: Conditioning { prompt, pooled, guidance: task.guidance }, rope };
        job.seeds.iter().map(|seed| self.latent(job, task, (init, &step), *seed, looker)).collect()
    }

    fn latent(
        &self,
        job: &DrawJob,
        task: &Task,
        (init, step): (Option<&Init>, &Step),
        seed: u64,
        looker: &Looker,
    ) -> Result<Vec<f32>> {
        let schedule = &task.schedule;
        let n = self.files.vae.latent_channels * task.hw.0 * task.hw.1;
        let mut random = TorchRng::new(seed);
        let original = init.map(|init| init.sample(&self.files.vae, &mut random));
        let noise = random.normal(n);
        let mut latent = match &original {
            Some(original) => schedule.noised(task.first, original, &noise),
            None => noise.clone(),
        };
        for i in task.first..schedule.steps() {
            let predicted = self.predict(task, (i, step), &latent, looker)?;
            all_finite(&predicted, "the model's predictions")?;
            let expected = || schedule.original(i, &latent, &predicted);
            let preview = self.decoders.preview(expected, task.hw, job, &self.place)?;
            schedule.step(i, &mut latent, &predicted);
            if let (Some(original), Some(mask)) = (&original, init.and_then(|init| init.mask.as_ref())) {
                // With the noise of the step that comes next: sigma is 0 after the last.
                keep_unmasked(&mut latent, &schedule.noised(i + 1, original, &noise), mask);
            }
            looker.step(preview)?;
        }
        Ok(latent)
    }

    /// What the transformer makes of a latent at step `i`.
    fn predict(&self, task: &Task, (i, step): (usize, &Step), latent: &[f32], looker: &Looker) -> Result<Vec<f32>> {
        let tokens = pack(latent, task.hw);
        let shape = (1, task.hw.0 * task.hw.1 / 4, self.files.transformer.in_channels);
        let tokens = Tensor::from_vec(tokens, shape, &Device::Cpu)?;
        let tokens = tokens.to_dtype(self.place.compute)?.to_device(&self.place.device)?;
        let within = |done: usize, of: usize| looker.within(done, of);
        let timestep = task.schedule.timesteps[i];
        let predicted = step.transformer.forward(&tokens, timestep, &step.conditioning, &step.rope, &within)?;
        Ok(unpack(&values(&predicted)?, task.hw))
    }
}
