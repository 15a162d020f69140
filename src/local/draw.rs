//! Drawing: the manifest's defaults filled in, the size settled, the ladder of what a picture can do without.

use super::catalogue::{Defaults, Family, Located};
use super::footprint::Footprint;
use super::work::{Rung, Way, Work};
use super::{Local, unexpected};
use crate::engine::protocol::{Architecture, DeviceChoice, DrawJob, Job, ModelSpec, Output, SdxlParts};
use crate::media::image::{MAX_SEED, SIDE_STEP, size_of_init};
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
    /// The text encoders leave once the prompt is encoded.
    pub(super) drop_text_encoders: bool,
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
        job.drop_text_encoders = self.drop_text_encoders;
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
        if located.family != Family::Sdxl {
            let message = format!("'{}' is not a model that this version can draw with", located.name);
            return Err(Failure::Missing { message });
        }
        let Located { name, path, vae, taesd, clip_vocabulary, defaults, .. } = located;
        let architecture = Architecture::Sdxl(SdxlParts { vae, taesd, clip_vocabulary, ..SdxlParts::default() });
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
        let served = self.serve(move || Ok(draw(spec, defaults, request)), &watch).await?;
        let Output::Drawn(output) = served.output else { return Err(unexpected()) };
        let drawing = Drawing {
            steps: output.steps,
            guidance: output.guidance,
            mode: output.mode,
            decoder: output.decoder,
            timings: Timings { load_s: served.load_s, total_s: started.elapsed().as_secs_f64(), ..output.timings },
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

/// The model as a mode wants it read. Where nobody says, in bytes: the picture stays the same to the eye.
fn in_mode(mut spec: ModelSpec, mode: Mode) -> ModelSpec {
    if let Architecture::Sdxl(parts) = &mut spec.architecture {
        parts.bytes = mode != Mode::Exact;
    }
    spec
}

/// Reads the model's headers, which takes time.
fn draw(spec: ModelSpec, defaults: Defaults, request: ImageRequest) -> Work {
    let footprint = Footprint::read(&spec);
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
        mode: request.mode,
        init: request.init,
        strength: request.strength,
        mask: request.mask,
        tiled: false,
        drop_text_encoders: false,
        previews: request.previews,
        profile: request.profile,
    };
    let everything = DrawWay {
        size: size(&job, footprint.side),
        guided: job.guidance.is_some_and(|g| g > 1.0),
        drop_text_encoders: false,
        tiled: false,
        decoder: job.decoder,
    };
    Work {
        spec,
        job: Job::Draw(job),
        ladder: ladder(&footprint, everything, request.decoder),
        weights: footprint.weights(),
        pixels: everything.pixels(),
    }
}

/// The size the engine will settle on.
fn size(job: &DrawJob, side: u32) -> (u32, u32) {
    match (&job.init, job.width, job.height) {
        (Some(init), None, None) => size_of_init((init.width, init.height), side, SIDE_STEP),
        (_, width, height) => (width.unwrap_or(side), height.unwrap_or(side)),
    }
}

/// What can be given up, cheapest loss first. A decoder that somebody asked for is never overruled.
fn ladder(footprint: &Footprint, everything: DrawWay, asked: Option<Decoder>) -> Vec<Rung> {
    let mut ways = vec![everything, DrawWay { drop_text_encoders: true, ..everything }];
    if everything.decoder == Decoder::Vae {
        ways.push(DrawWay { drop_text_encoders: true, tiled: true, ..everything });
        if asked.is_none() && footprint.taesd > 0 {
            ways.push(DrawWay { drop_text_encoders: true, tiled: true, decoder: Decoder::Taesd, ..everything });
        }
    }
    let rung = |way: DrawWay| Rung { way: Way::Draw(way), needed: footprint.peak(&way), notices: notices(way, asked) };
    ways.into_iter().map(rung).collect()
}

fn notices(way: DrawWay, asked: Option<Decoder>) -> Vec<String> {
    let mut notices = Vec::new();
    if way.drop_text_encoders {
        notices.push("memory is short: the text encoders were unloaded after use".to_owned());
    }
    if way.decoder == Decoder::Taesd && asked.is_none() {
        notices.push("memory is short: the tiny decoder drew the pixels, details are softer".to_owned());
    } else if way.tiled {
        notices.push("memory is short: the picture was decoded in parts".to_owned());
    }
    notices
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
        let work = draw(spec("nowhere", SdxlParts::default()), DEFAULTS, request);
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
        let work = draw(spec, DEFAULTS, ImageRequest { decoder, ..ImageRequest::new("a cat") });
        assert!(work.weights > 20_000_000 && work.ladder[0].needed > 100 << 20, "{:?}", work.ladder[0]);
        let given_up = |rung: &Rung| {
            let Way::Draw(way) = rung.way else { panic!("not a drawing") };
            (way.drop_text_encoders, way.tiled, way.decoder, rung.notices.len())
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
