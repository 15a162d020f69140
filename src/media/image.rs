//! The request for a picture and its answer.

use super::{Choice, Failure, Mask, Picture, words};
use serde::{Deserialize, Serialize};

/// Longest prompt accepted, in characters (CONTRACT).
pub const MAX_PROMPT_CHARS: usize = 10_000;
/// Longest name of a model or a provider, in bytes; a model may be named by its path.
const MAX_NAME_BYTES: usize = 4096;
/// Smallest and largest side of a picture, in pixels (CONTRACT).
pub const SIDES: std::ops::RangeInclusive<u32> = 64..=2048;
/// Every side is a multiple of this (FLUX: 16, checked by the model).
pub const SIDE_STEP: u32 = 8;
/// Most steps accepted.
pub const MAX_STEPS: u32 = 50;
/// Most pictures a request (CONTRACT).
pub const MAX_COUNT: u32 = 8;
/// Largest seed: what fits the signed 64 bits of every database and API (CONTRACT).
pub const MAX_SEED: u64 = i64::MAX as u64;

/// A picture to start from of more than this many times the model's own pixels is drawn at the model's own.
const LARGEST_INIT: f64 = 4.0;

/// The size at which a picture of `(width, height)` is changed when nobody names one: its own, with sides rounded down
/// to multiples of `step` as diffusers does, but no smaller or larger than [`SIDES`]; a photo far larger than `own`, the
/// side the model was trained on, is brought to that many pixels.
#[must_use]
pub fn size_of_init((width, height): (u32, u32), own: u32, step: u32) -> (u32, u32) {
    let (pixels, trained) = (f64::from(width) * f64::from(height), f64::from(own) * f64::from(own));
    let factor = if pixels > LARGEST_INIT * trained { (trained / pixels).sqrt() } else { 1.0 };
    let side = |n: u32| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let scaled = (f64::from(n) * factor) as u32;
        scaled.clamp(*SIDES.start(), *SIDES.end()) / step * step
    };
    (side(width), side(height))
}

/// How the local engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The engine picks.
    #[default]
    Auto,
    /// f32 arithmetic on a CPU: the picture diffusers draws.
    Exact,
    /// May quantise.
    Fast,
}

/// What turns the latent into pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    /// The model's own autoencoder.
    #[default]
    Vae,
    /// The tiny one (TAESD): a fraction of the time and memory, softer details.
    Taesd,
}

/// The sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    /// Euler with fresh noise at each step.
    EulerA,
    /// Euler.
    Euler,
}

words!(Mode { "auto" => Mode::Auto, "exact" => Mode::Exact, "fast" => Mode::Fast });
words!(Decoder { "vae" => Decoder::Vae, "taesd" => Decoder::Taesd });
words!(Scheduler { "euler_a" => Scheduler::EulerA, "euler" => Scheduler::Euler });

/// A wish for pictures, as any door hands it in. `None` means: the model's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRequest {
    /// What to draw.
    pub prompt: String,
    /// What to avoid; only with guidance above 1.
    pub negative: Option<String>,
    /// Picture `k` is drawn with `seed + k`. Without one, a random seed is drawn and told.
    pub seed: Option<u64>,
    /// 1 to [`MAX_STEPS`].
    pub steps: Option<u32>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Classifier-free guidance; up to 1 means none.
    pub guidance: Option<f32>,
    /// The sampler.
    pub scheduler: Option<Scheduler>,
    /// What decodes the latent.
    pub decoder: Option<Decoder>,
    /// How the engine computes.
    pub mode: Mode,
    /// Start from this picture instead of noise.
    #[serde(skip)]
    pub init: Option<Picture>,
    /// How much of `init` may change, above 0 and up to 1.
    pub strength: Option<f32>,
    /// Which part of `init` may change.
    #[serde(skip)]
    pub mask: Option<Mask>,
    /// Pictures wanted, 1 to [`MAX_COUNT`].
    pub count: u32,
    /// Send a small preview with each step, where the model has a tiny decoder.
    pub previews: bool,
    /// Tell in the notices where the time went, for `samovar bench`.
    #[serde(skip)]
    pub profile: bool,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl ImageRequest {
    /// A request with defaults for everything but the prompt.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), count: 1, ..Self::default() }
    }

    /// Checks every field against CONTRACT's limits and strips control characters from the texts.
    /// Returns the cleaned request and a notice for each thing that was changed.
    ///
    /// # Errors
    /// [`Failure::Invalid`] with the first field that is out of bounds.
    pub fn checked(mut self) -> Result<(Self, Vec<String>), Failure> {
        let mut notices = Vec::new();
        self.prompt = cleaned(&self.prompt, "prompt", &mut notices);
        self.negative = self.negative.map(|t| cleaned(&t, "negative prompt", &mut notices));
        if self.prompt.trim().is_empty() {
            return Err(Failure::invalid("prompt", "the prompt is empty: say what to draw"));
        }
        for (param, text) in [("prompt", Some(&self.prompt)), ("negative_prompt", self.negative.as_ref())] {
            let chars = text.map_or(0, |t| t.chars().count());
            if chars > MAX_PROMPT_CHARS {
                return Err(Failure::invalid(
                    param,
                    format!("`{param}` has {chars} characters; at most {MAX_PROMPT_CHARS} are accepted"),
                ));
            }
        }
        self.check_names()?;
        self.check_numbers()?;
        self.check_pictures()?;
        self.shrink_pictures(&mut notices)?;
        Ok((self, notices))
    }

    fn check_names(&self) -> Result<(), Failure> {
        for (param, name) in [("model", &self.choice.model), ("provider", &self.choice.provider)] {
            if name.as_ref().is_some_and(|name| name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control)) {
                return Err(Failure::invalid(param, format!("`{param}` is no name that anything here could have")));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Failure> {
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side
                && (!SIDES.contains(&side) || !side.is_multiple_of(SIDE_STEP))
            {
                return Err(Failure::invalid(
                    "size",
                    format!(
                        "the {name} is {side}; it must be from {} to {} and divisible by {SIDE_STEP}",
                        SIDES.start(),
                        SIDES.end()
                    ),
                ));
            }
        }
        if let Some(steps) = self.steps
            && !(1..=MAX_STEPS).contains(&steps)
        {
            return Err(Failure::invalid("steps", format!("`steps` is {steps}; it must be from 1 to {MAX_STEPS}")));
        }
        if !(1..=MAX_COUNT).contains(&self.count) {
            return Err(Failure::invalid(
                "n",
                format!("{} pictures asked; from 1 to {MAX_COUNT} are possible", self.count),
            ));
        }
        if self.seed.is_some_and(|s| s > MAX_SEED - u64::from(self.count - 1)) {
            return Err(Failure::invalid("seed", format!("`seed` must be from 0 to {MAX_SEED}, for each picture")));
        }
        if self.guidance.is_some_and(|g| !(0.0..=50.0).contains(&g)) {
            return Err(Failure::invalid("guidance_scale", "`guidance_scale` must be from 0 to 50"));
        }
        if self.strength.is_some_and(|s| !(s > 0.0 && s <= 1.0)) {
            return Err(Failure::invalid("strength", "`strength` must be above 0 and at most 1"));
        }
        Ok(())
    }

    fn check_pictures(&self) -> Result<(), Failure> {
        let Some(init) = &self.init else {
            if self.mask.is_some() {
                return Err(Failure::invalid("mask", "a mask needs a picture to change"));
            }
            if self.strength.is_some() {
                return Err(Failure::invalid("strength", "`strength` needs a picture to start from"));
            }
            return Ok(());
        };
        if let Some(mask) = &self.mask
            && (mask.width, mask.height) != (init.width, init.height)
        {
            return Err(Failure::invalid(
                "mask",
                format!(
                    "the mask is {}x{} but the picture is {}x{}; they must be of one size",
                    mask.width, mask.height, init.width, init.height
                ),
            ));
        }
        if let (Some(steps), Some(strength)) = (self.steps, self.strength)
            && f64::from(steps) * f64::from(strength) < 1.0 - f64::from(f32::EPSILON)
        {
            return Err(Failure::invalid(
                "strength",
                format!("{steps} steps at strength {strength} leave none to do; ask for more of either"),
            ));
        }
        Ok(())
    }

    /// Scales a picture to start from (and its mask) down to what can be drawn at most, so that a huge upload does not
    /// wait in memory at its full size.
    fn shrink_pictures(&mut self, notices: &mut Vec<String>) -> Result<(), Failure> {
        let Some(init) = &self.init else { return Ok(()) };
        let (width, height) = shrunk(init.width, init.height);
        if (width, height) == (init.width, init.height) {
            return Ok(());
        }
        notices.push(format!("the picture is {}x{}; it was scaled to {width}x{height}", init.width, init.height));
        self.mask = self.mask.as_ref().map(|mask| mask.scaled(width, height)).transpose()?;
        self.init = Some(init.scaled(width, height)?);
        Ok(())
    }
}

/// The size, or the largest of the same shape within [`SIDES`].
fn shrunk(width: u32, height: u32) -> (u32, u32) {
    let (longest, most) = (u64::from(width.max(height)), u64::from(*SIDES.end()));
    if longest <= most {
        return (width, height);
    }
    let side = |side: u32| u32::try_from((u64::from(side) * most / longest).max(1)).unwrap_or(*SIDES.end());
    (side(width), side(height))
}

fn cleaned(text: &str, what: &str, notices: &mut Vec<String>) -> String {
    let kept: String =
        text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    if kept.chars().count() != text.chars().count() {
        notices.push(format!("control characters were removed from the {what}"));
    }
    kept
}

/// One finished picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawnPicture {
    /// The pixels.
    pub picture: Picture,
    /// The seed that draws it again, alone; `None` where the one who drew takes none.
    pub seed: Option<u64>,
}

/// Where a result came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// `local` or the provider's id.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// Why it was not the first choice.
    pub fallback_reason: Option<String>,
}

/// Where the time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Reading weights (0 when they were in memory).
    pub load_s: f64,
    /// Text encoders.
    pub text_s: f64,
    /// All sampling steps.
    pub denoise_s: f64,
    /// Latents to pixels.
    pub decode_s: f64,
    /// From the request to the answer.
    pub total_s: f64,
}

/// The pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageResult {
    /// In the order of their seeds.
    pub pictures: Vec<DrawnPicture>,
    /// How they were drawn; `None` where a remote provider does not tell.
    pub drawing: Option<Drawing>,
    /// How they were made larger, on this machine.
    pub upscaling: Option<Upscaling>,
}

/// How a picture was made larger on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Upscaling {
    /// Where the time went.
    pub timings: UpscaleTimings,
    /// The engine's largest resident size so far, bytes.
    pub peak_rss_bytes: u64,
}

/// Where the time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UpscaleTimings {
    /// Reading weights (0 when they were in memory).
    pub load_s: f64,
    /// Small pixels to large ones.
    pub upscale_s: f64,
    /// From the request to the answer.
    pub total_s: f64,
}

/// How pictures were drawn on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// Steps done.
    pub steps: u32,
    /// Guidance used.
    pub guidance: f32,
    /// How it was computed: never `Auto`.
    pub mode: Mode,
    /// What decoded it.
    pub decoder: Decoder,
    /// Where the time went.
    pub timings: Timings,
    /// The engine's largest resident size so far, bytes.
    pub peak_rss_bytes: u64,
}

impl ImageResult {
    /// What the PNG of `drawn` tells about itself, in the order written: everything that draws it again.
    #[must_use]
    pub fn texts(
        &self,
        request: &ImageRequest,
        provenance: &Provenance,
        drawn: &DrawnPicture,
    ) -> Vec<(&'static str, String)> {
        let mut texts = Vec::new();
        let mut tell = |name, value: Option<String>| texts.extend(value.map(|value| (name, value)));
        tell("prompt", Some(request.prompt.clone()).filter(|prompt| !prompt.is_empty()));
        tell("negative_prompt", request.negative.clone());
        tell("seed", drawn.seed.map(|seed| seed.to_string()));
        tell("model", Some(provenance.model.clone()));
        tell("provider", Some(provenance.provider.clone()));
        tell("steps", self.drawing.map(|drawing| drawing.steps.to_string()));
        tell("guidance", self.drawing.map(|drawing| drawing.guidance.to_string()));
        tell("size", Some(format!("{}x{}", drawn.picture.width, drawn.picture.height)));
        tell("scheduler", request.scheduler.map(|scheduler| scheduler.to_string()));
        let strength = request.strength.filter(|_| request.init.is_some());
        tell("strength", strength.map(|strength| strength.to_string()));
        tell("mode", self.drawing.map(|drawing| drawing.mode.to_string()));
        tell("decoder", self.drawing.map(|drawing| drawing.decoder.to_string()));
        tell("software", Some("Samovar".to_owned()));
        texts
    }
}

#[cfg(test)]
mod tests;
