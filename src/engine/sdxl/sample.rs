//! One job, start to end: text to picture, picture to picture and inpainting, in the order diffusers draws its
//! random numbers, so that a seed means the same picture.

use super::Sdxl;
use super::canvas::{self, Size, all_finite};
use super::schedule::Schedule;
use super::text::Embedded;
use super::unet::Conditioning;
use crate::engine::autoencoder::{AutoencoderConfig, Strips};
use crate::engine::nn::weight::Place;
use crate::engine::nn::{FeatureMap, profile};
use crate::engine::noise::TorchRng;
use crate::engine::protocol::{DrawJob, DrawOutput, EngineFailure, FailureClass};
use crate::engine::{Result, Watcher};
use crate::media::{Decoder, DrawnPicture, Mode, Picture, Progress, Timings};
use candle_core::{DType, Device, Tensor};
use std::cell::{Cell, RefCell};
use std::time::Instant;

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

/// Who looks on, and how far the job is.
struct Looker<'a> {
    watch: RefCell<&'a mut dyn Watcher>,
    done: Cell<u32>,
    of: u32,
}

impl Looker<'_> {
    /// A sign of life between parts of a step; ends the job if it was cancelled.
    fn go_on(&self) -> Result<()> {
        self.tell(None)
    }

    fn step(&self, preview: Option<Picture>) -> Result<()> {
        self.done.set(self.done.get() + 1);
        self.tell(preview)
    }

    fn tell(&self, preview: Option<Picture>) -> Result<()> {
        let mut watch = self.watch.borrow_mut();
        watch.progress(Progress { step: self.done.get(), of: self.of, preview });
        if watch.cancelled() {
            return Err(EngineFailure::new(FailureClass::Cancelled, "cancelled"));
        }
        Ok(())
    }
}

/// A part of the work on the clock, and what took the time if somebody wants to know.
struct Stage {
    started: Instant,
}

impl Stage {
    fn new(profiled: bool) -> Self {
        if profiled {
            profile::start();
        }
        Self { started: Instant::now() }
    }

    /// Seconds it took.
    fn end(self, name: &str, notices: &mut Vec<String>) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        notices.extend(profile::finish(name, seconds));
        seconds
    }
}

/// The picture a job starts from, in latent space: a distribution that every seed draws its own sample of.
struct Init {
    mean: Vec<f32>,
    log_variance: Vec<f32>,
    mask: Option<Vec<f32>>,
}

impl Init {
    /// The sample of one seed, scaled as the UNet takes it.
    fn sample(&self, config: &AutoencoderConfig, random: &mut TorchRng) -> Vec<f32> {
        let noise = random.normal(self.mean.len());
        #[allow(clippy::cast_possible_truncation)]
        let (factor, shift) = (config.scaling_factor as f32, config.shift_factor.unwrap_or(0.0) as f32);
        let values = self.mean.iter().zip(&self.log_variance).zip(&noise);
        values.map(|((m, v), n)| (m + (0.5 * v).exp() * n - shift) * factor).collect()
    }
}

impl Sdxl {
    pub(super) fn sample(&mut self, job: &DrawJob, watch: &mut dyn Watcher) -> Result<DrawOutput> {
        let stage = Stage::new(job.profile);
        let mut task = self.prepare(job)?;
        let mut timings = Timings { text_s: stage.end("text", &mut task.notices), ..Timings::default() };
        if job.drop_text_encoders {
            self.text.drop_encoders();
        }
        if (job.previews || job.decoder == Decoder::Taesd) && self.tiny.is_none() {
            self.tiny = self.files.tiny(&self.place)?;
        }
        let real_steps = task.schedule.steps() - task.first;
        let of = u32::try_from(real_steps * job.seeds.len()).unwrap_or(u32::MAX);
        let looker = Looker { watch: RefCell::new(watch), done: Cell::new(0), of };
        let mut pictures = Vec::with_capacity(job.seeds.len());
        let stage = Stage::new(job.profile);
        let init = self.encode_init(job, task.size)?;
        timings.denoise_s += stage.end("encode", &mut Vec::new());
        for seed in &job.seeds {
            let stage = Stage::new(job.profile);
            let latent = self.denoise(job, &task, init.as_ref(), *seed, &looker)?;
            timings.denoise_s += stage.end("denoise", &mut task.notices);
            let stage = Stage::new(job.profile);
            let picture = self.decode(&latent, job, task.size, &|| looker.go_on())?;
            timings.decode_s += stage.end("decode", &mut task.notices);
            pictures.push(DrawnPicture { picture, seed: Some(*seed) });
        }
        Ok(DrawOutput {
            pictures,
            steps: task.steps,
            guidance: task.guidance,
            mode: if self.place.has_kernels() && !self.place.bytes { Mode::Exact } else { Mode::Fast },
            decoder: job.decoder,
            notices: task.notices,
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
        let cut = texts.cut.then(|| "the prompt was longer than the model reads and was cut at a word".to_owned());
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
        let conditioned =
            |e: Embedded| Conditioning { prompt: e.prompt, pooled: e.pooled, sizes: [h, w, 0.0, 0.0, h, w] };
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
                keep_unmasked(schedule, i + 1, &mut latent, (original, &noise), mask);
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

    /// Init picture and mask in latent space.
    fn encode_init(&self, job: &DrawJob, size: Size) -> Result<Option<Init>> {
        let Some(picture) = &job.init else { return Ok(None) };
        let pixels = placed(&canvas::pixels(picture, size)?, self.vae.place())?;
        let (mean, log_variance) = self.vae.encode(&pixels, Strips::when(job.tiled))?;
        let (mean, log_variance) = (to_values(&mean)?, to_values(&log_variance)?);
        all_finite(&mean, "the encoded picture's values")?;
        all_finite(&log_variance, "the encoded picture's variances")?;
        let scale = self.files.vae_config().scale();
        let mask = job.mask.as_ref().map(|m| canvas::latent_mask(m, size, scale)).transpose()?;
        Ok(Some(Init { mean, log_variance, mask }))
    }

    /// Pixels of a finished latent.
    fn decode(&self, latent: &[f32], job: &DrawJob, size: Size, go_on: &dyn Fn() -> Result<()>) -> Result<Picture> {
        let (h, w) = self.latent_size(size);
        if job.decoder == Decoder::Taesd {
            let tiny = self.tiny.as_ref().ok_or_else(|| {
                EngineFailure::new(
                    FailureClass::Missing,
                    format!("{} has no tiny decoder installed", self.files.name()),
                )
            })?;
            return canvas::picture(&tiny.decode(&to_map(latent, (h, w), &self.place)?, go_on)?);
        }
        let config = self.files.vae_config();
        let map = to_map(latent, (h, w), self.vae.place())?;
        let map = map.map(|x| (x / config.scaling_factor)? + config.shift_factor.unwrap_or(0.0))?;
        canvas::picture(&self.vae.decode(&map, Strips::when(job.tiled), go_on)?)
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
        let Some(tiny) = self.tiny.as_ref().filter(|_| job.previews) else { return Ok(None) };
        let expected = task.schedule.original(i, latent, predicted);
        let (h, w) = self.latent_size(task.size);
        Ok(Some(canvas::picture(&tiny.decode(&to_map(&expected, (h, w), &self.place)?, &|| Ok(()))?)?))
    }
}

/// Puts the original back where the mask is 0, with the noise of the step that comes next (none after the last).
fn keep_unmasked(
    schedule: &Schedule,
    next: usize,
    latent: &mut [f32],
    (original, noise): (&[f32], &[f32]),
    mask: &[f32],
) {
    let mut kept = original.to_vec();
    if next < schedule.steps() {
        schedule.add_noise(next, &mut kept, noise);
    }
    for (plane, kept) in latent.chunks_exact_mut(mask.len()).zip(kept.chunks_exact(mask.len())) {
        for ((v, k), m) in plane.iter_mut().zip(kept).zip(mask) {
            *v = (1.0 - m) * k + m * *v;
        }
    }
}

/// A latent of `(h, w)` pixels where a network takes it.
fn to_map(latent: &[f32], (h, w): (usize, usize), place: &Place) -> Result<FeatureMap> {
    placed(&Tensor::from_slice(latent, (1, latent.len() / (h * w), h, w), &Device::Cpu)?, place)
}

/// A `(batch, channels, h, w)` tensor where a network takes it, in the precision it takes.
fn placed(tensor: &Tensor, place: &Place) -> Result<FeatureMap> {
    Ok(FeatureMap::from_nchw(&tensor.to_dtype(place.compute)?.to_device(&place.device)?)?)
}

/// A map's values as f32 in `(batch, channels, h, w)` order.
fn to_values(map: &FeatureMap) -> Result<Vec<f32>> {
    Ok(map.to_nchw()?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()?)
}
