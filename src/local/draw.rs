//! Drawing: the manifest's defaults filled in, the size settled, the ladder of what a picture can do without.

use super::catalogue::{Defaults, Family, Located};
use super::effort::Effort;
use super::flux_parts;
use super::footprint::Footprint;
use super::work::{Rung, Way, Work};
use super::{Local, unexpected};
use crate::engine::protocol::{Architecture, DeviceChoice, DrawJob, Job, Keep, ModelSpec, Output, SdxlParts};
use crate::media::image::{MAX_SEED, size_of_init};
use crate::media::{
    Answered, Content, Decoder, Drawing, Failure, ImageRequest, ImageResult, Mode, Provenance, Timings, Watch,
};
use tokio::time::Instant;

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DrawWay {
    /// Pixels a row and rows.
    pub(super) size: (u32, u32),
    /// Guidance above 1: each step runs twice side by side.
    pub(super) guided: bool,
    /// Which parts of the model stay in memory.
    pub(super) keep: Keep,
    /// The autoencoder works in strips.
    pub(super) tiled: bool,
    /// What decodes.
    pub(super) decoder: Decoder,
}

impl DrawWay {
    /// Pixels of the picture.
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Writes what was settled into the job.
    pub(super) fn settle(self, job: &mut DrawJob) {
        job.keep = self.keep;
        job.tiled = self.tiled;
        job.decoder = self.decoder;
    }
}

impl Local {
    /// Draws with a manifest's model or, with `allow_path`, one given by its path. Jobs wait in line; cancelling
    /// `watch` ends the wait or the work. Dropping the future kills the engine if it was at work.
    ///
    /// # Errors
    /// [`Failure::Missing`] (model or engine), `OutOfMemory` (planned or real), `Crashed`, `Timeout`, `BadOutput`,
    /// `Busy` while the engine keeps dying, `Cancelled`, `Invalid` where the model says so.
    pub async fn draw(
        &self,
        model: &str,
        allow_path: bool,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let located = self.catalogue.locate(model, allow_path)?;
        let architecture = architecture(&located)?;
        let Located { name, path, defaults, .. } = located;
        let spec = ModelSpec { name, path, architecture, device: DeviceChoice::Cpu };
        self.draw_with(spec, defaults, request, watch).await
    }

    pub(super) async fn draw_with(
        &self,
        spec: ModelSpec,
        defaults: Defaults,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let started = Instant::now();
        let spec = in_mode(spec, request.mode);
        let (name, request) = (spec.name.clone(), request.clone());
        let served = self.serve(move || draw(spec, defaults, request), &watch).await?;
        let Output::Drawn(output) = served.output else { return Err(unexpected()) };
        let drawing = Drawing {
            steps: output.steps,
            guidance: output.guidance,
            mode: output.mode,
            decoder: output.decoder,
            timings: Timings {
                load_s: served.load_s + output.timings.load_s,
                total_s: started.elapsed().as_secs_f64(),
                ..output.timings
            },
            peak_rss_bytes: served.peak_rss,
        };
        Ok(Answered {
            content: Content::Pictures(ImageResult {
                pictures: output.pictures,
                drawing: Some(drawing),
                upscaling: None,
            }),
            provenance: Provenance { provider: "local".to_owned(), model: name, fallback_reason: None },
            notices: served.notices.into_iter().chain(output.notices).collect(),
            bytes: 0,
        })
    }
}

/// The code that draws with a model, and what it needs beside it.
fn architecture(located: &Located) -> Result<Architecture, Failure> {
    let Located { vae, taesd, clip_vocabulary, .. } = located.clone();
    match located.family {
        Family::Sdxl => Ok(Architecture::Sdxl(SdxlParts { vae, taesd, clip_vocabulary, ..SdxlParts::default() })),
        Family::Flux => flux_parts::find(located).map(Architecture::Flux),
        _ => {
            let message = format!("'{}' is not a model that this version can draw with", located.name);
            Err(Failure::Missing { message })
        }
    }
}

/// The model as a mode wants it read. Where nobody says, in bytes: the picture stays the same to the eye.
fn in_mode(mut spec: ModelSpec, mode: Mode) -> ModelSpec {
    match &mut spec.architecture {
        Architecture::Sdxl(parts) => parts.bytes = mode != Mode::Exact,
        Architecture::Flux(parts) => parts.bytes = mode != Mode::Exact,
        Architecture::CompactEsrgan | Architecture::Whisper(_) => {}
    }
    spec
}

/// Reads the model's headers, which takes time.
fn draw(spec: ModelSpec, defaults: Defaults, request: ImageRequest) -> Result<Work, Failure> {
    let footprint = Footprint::read(&spec)
        .ok_or_else(|| Failure::internal(format!("'{}' was taken for a model that draws", spec.name)))?;
    let named = request.choice.model.is_some();
    let seed = request.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let from_init = request.init.is_some();
    let size_of = |asked: Option<u32>, default: Option<u32>| asked.or(if from_init { None } else { default });
    let job = DrawJob {
        prompt: request.prompt,
        negative: request.negative,
        seeds: (0..u64::from(request.count.max(1))).map(|k| seed.saturating_add(k).min(MAX_SEED)).collect(),
        // Changing a picture takes more steps the less it may change: the engine knows how many.
        steps: request.steps.or(if from_init { None } else { defaults.steps }),
        width: size_of(request.width, defaults.width),
        height: size_of(request.height, defaults.height),
        guidance: request.guidance.or(defaults.guidance),
        scheduler: request.scheduler,
        decoder: request.decoder.unwrap_or_default(),
        init: request.init,
        strength: request.strength,
        mask: request.mask,
        tiled: false,
        keep: Keep::All,
        previews: request.previews,
        profile: request.profile,
    };
    let everything = DrawWay {
        size: size(&job, footprint.side()),
        guided: job.guidance.is_some_and(|g| g > 1.0),
        keep: Keep::All,
        tiled: false,
        decoder: job.decoder,
    };
    let times = job.steps.map_or(4, u64::from) * job.seeds.len() as u64;
    let effort = matches!(footprint, Footprint::Flux(_)).then(|| Effort::flux(everything.pixels(), times, named));
    Ok(Work {
        spec,
        effort,
        job: Job::Draw(job),
        ladder: ladder(&footprint, everything, request.decoder),
        weights: footprint.weights(),
        pixels: everything.pixels(),
    })
}

/// The size the engine will settle on.
fn size(job: &DrawJob, (side, step): (u32, u32)) -> (u32, u32) {
    match (&job.init, job.width, job.height) {
        (Some(init), None, None) => size_of_init((init.width, init.height), side, step),
        (_, width, height) => (width.unwrap_or(side), height.unwrap_or(side)),
    }
}

/// What can be given up, cheapest loss first. A decoder that somebody asked for is never overruled.
fn ladder(footprint: &Footprint, everything: DrawWay, asked: Option<Decoder>) -> Vec<Rung> {
    let as_kept = |keep: &Keep| DrawWay { keep: *keep, ..everything };
    let (blocks, parts): (Vec<Keep>, Vec<Keep>) = footprint.keeps().iter().partition(|keep| **keep == Keep::OneBlock);
    let mut ways: Vec<DrawWay> = parts.iter().map(as_kept).collect();
    // Reading a model block by block costs most time, so it comes after all that decoding can do without.
    for keep in parts.last().into_iter().chain(&blocks) {
        if everything.decoder == Decoder::Vae {
            ways.push(DrawWay { tiled: true, ..as_kept(keep) });
            if asked.is_none() && footprint.has_tiny_decoder() {
                ways.push(DrawWay { tiled: true, decoder: Decoder::Taesd, ..as_kept(keep) });
            }
        } else if *keep == Keep::OneBlock {
            ways.push(as_kept(keep));
        }
    }
    let rung = |way: DrawWay| Rung { way: Way::Draw(way), needed: footprint.peak(&way), notices: notices(way, asked) };
    ways.into_iter().map(rung).collect()
}

fn notices(way: DrawWay, asked: Option<Decoder>) -> Vec<String> {
    let kept = match way.keep {
        Keep::All => None,
        Keep::NoTextEncoders => Some("memory is short: the text encoders were unloaded after use"),
        Keep::OnePart => Some("memory is short: the parts of the model were loaded one after the other"),
        Keep::OneBlock => Some("memory is short: the model was read from disk block by block, which is slow"),
    };
    let decoded = if way.decoder == Decoder::Taesd && asked.is_none() {
        Some("memory is short: the tiny decoder drew the pixels, details are softer")
    } else if way.tiled {
        Some("memory is short: the picture was decoded in parts")
    } else {
        None
    };
    kept.into_iter().chain(decoded).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Picture;
    use std::path::{Path, PathBuf};

    const DEFAULTS: Defaults = Defaults { steps: Some(4), guidance: Some(0.0), width: Some(512), height: Some(384) };

    fn spec(path: &str, parts: SdxlParts) -> ModelSpec {
        ModelSpec {
            name: "m".to_owned(),
            path: PathBuf::from(path),
            architecture: Architecture::Sdxl(parts),
            device: DeviceChoice::Cpu,
        }
    }

    fn work(change: impl FnOnce(&mut ImageRequest)) -> (Work, DrawJob) {
        let mut request = ImageRequest::new("a cat");
        change(&mut request);
        let work = draw(spec("nowhere", SdxlParts::default()), DEFAULTS, request).unwrap();
        let Job::Draw(job) = work.job.clone() else { panic!("not a drawing") };
        (work, job)
    }

    #[test]
    fn defaults_fill_what_the_request_leaves_open() {
        let (_, job) = work(|_| {});
        assert_eq!((job.steps, job.guidance, job.width, job.height), (Some(4), Some(0.0), Some(512), Some(384)));
        let (_, job) = work(|r| (r.steps, r.height) = (Some(9), Some(64)));
        assert_eq!((job.steps, job.width, job.height), (Some(9), Some(512), Some(64)));
    }

    #[test]
    fn a_picture_to_start_from_settles_the_size() {
        let init = Picture { width: 101, height: 300, rgb: Vec::new() };
        let (work, job) = work(|r| r.init = Some(init));
        assert_eq!((job.width, job.height, job.steps, work.pixels), (None, None, None, 96 * 296));
    }

    #[test]
    fn each_picture_has_the_next_seed() {
        assert_eq!(work(|r| (r.seed, r.count) = (Some(7), 3)).1.seeds, [7, 8, 9]);
        assert_eq!(work(|r| r.count = 2).1.seeds.len(), 2);
    }

    /// The rungs of the demo model: what each gives up.
    fn rungs(taesd: bool, decoder: Option<Decoder>) -> Vec<(bool, bool, Decoder, usize)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let taesd = taesd.then(|| root.join("tests/golden/tiny-a/taesd"));
        let spec = spec(root.join("models/demo").to_str().unwrap(), SdxlParts { taesd, ..SdxlParts::default() });
        let work = draw(spec, DEFAULTS, ImageRequest { decoder, ..ImageRequest::new("a cat") }).unwrap();
        assert!(work.weights > 20_000_000 && work.ladder[0].needed > 100 << 20, "{:?}", work.ladder[0]);
        let given_up = |rung: &Rung| {
            let Way::Draw(way) = rung.way else { panic!("not a drawing") };
            (way.keep == Keep::NoTextEncoders, way.tiled, way.decoder, rung.notices.len())
        };
        work.ladder.iter().map(given_up).collect()
    }

    #[test]
    fn the_ladder_gives_up_the_cheapest_first_and_says_so() {
        let (vae, taesd) = (Decoder::Vae, Decoder::Taesd);
        let mut all = vec![(false, false, vae, 0), (true, false, vae, 1), (true, true, vae, 2), (true, true, taesd, 2)];
        assert_eq!(rungs(true, None), all);
        // The decoder that was asked for, or is all there is, stays.
        all.pop();
        assert_eq!(rungs(false, None), all);
        assert_eq!(rungs(true, Some(vae)), all);
        assert_eq!(rungs(true, Some(taesd)), [(false, false, taesd, 0), (true, false, taesd, 1)]);
    }
}
