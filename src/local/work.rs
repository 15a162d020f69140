//! A request made ready for the engine: the manifest's defaults filled in, the size settled, the model measured.

use super::catalogue::Defaults;
use super::footprint::Footprint;
use super::plan::{Rung, Wish};
use crate::engine::protocol::{DrawJob, ModelSpec};
use crate::media::ImageRequest;
use crate::media::image::{MAX_SEED, SIDE_STEP, size_of_init};

/// What a measured peak belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Measured {
    pub(super) model: ModelSpec,
    size: (u32, u32),
    guided: bool,
    rung: Rung,
}

/// A job on its way to the engine.
pub(super) struct Work {
    /// The model to have in memory.
    pub(super) spec: ModelSpec,
    /// What to draw with it; the plan settles how it is decoded.
    pub(super) job: DrawJob,
    /// What the model takes.
    pub(super) footprint: Footprint,
    /// What the plan has to fit.
    pub(super) wish: Wish,
    /// Pixels a row and rows.
    size: (u32, u32),
}

impl Work {
    /// Reads the model's headers, which takes time.
    pub(super) fn new(spec: ModelSpec, defaults: Defaults, request: ImageRequest) -> Self {
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
        };
        let size = size(&job, footprint.side);
        let wish = Wish {
            pixels: u64::from(size.0) * u64::from(size.1),
            guided: job.guidance.is_some_and(|g| g > 1.0),
            decoder: request.decoder,
        };
        Self { spec, job, footprint, wish, size }
    }

    /// What the plan gave up.
    pub(super) fn rung(&self) -> Rung {
        let DrawJob { drop_text_encoders, tiled, decoder, .. } = self.job;
        Rung { drop_text_encoders, tiled, decoder }
    }

    /// What a peak of that rung is remembered by.
    pub(super) fn measured(&self, rung: Rung) -> Measured {
        Measured { model: self.spec.clone(), size: self.size, guided: self.wish.guided, rung }
    }
}

/// The size the engine will settle on.
fn size(job: &DrawJob, side: u32) -> (u32, u32) {
    match (&job.init, job.width, job.height) {
        (Some(init), None, None) => size_of_init((init.width, init.height), side, SIDE_STEP),
        (_, width, height) => (width.unwrap_or(side), height.unwrap_or(side)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::DeviceChoice;
    use crate::media::Picture;
    use std::path::PathBuf;

    const DEFAULTS: Defaults = Defaults { steps: Some(4), guidance: Some(0.0), width: Some(512), height: Some(384) };

    fn work(change: impl FnOnce(&mut ImageRequest)) -> Work {
        let mut request = ImageRequest::new("a cat");
        change(&mut request);
        let spec = ModelSpec {
            name: "m".to_owned(),
            path: PathBuf::from("nowhere"),
            vae: None,
            taesd: None,
            clip_vocabulary: PathBuf::new(),
            synthetic: false,
            device: DeviceChoice::Cpu,
        };
        Work::new(spec, DEFAULTS, request)
    }

    #[test]
    fn defaults_fill_what_the_request_leaves_open() {
        let job = work(|_| {}).job;
        assert_eq!((job.steps, job.guidance, job.width, job.height), (Some(4), Some(0.0), Some(512), Some(384)));
        let job = work(|r| (r.steps, r.height) = (Some(9), Some(64))).job;
        assert_eq!((job.steps, job.width, job.height), (Some(9), Some(512), Some(64)));
    }

    #[test]
    fn a_picture_to_start_from_settles_the_size() {
        let init = Picture { width: 101, height: 300, rgb: Vec::new() };
        let work = work(|r| r.init = Some(init));
        assert_eq!((work.job.width, work.job.height, work.size), (None, None, (96, 296)));
        assert_eq!(work.job.steps, None);
    }

    #[test]
    fn each_picture_has_the_next_seed() {
        assert_eq!(work(|r| (r.seed, r.count) = (Some(7), 3)).job.seeds, [7, 8, 9]);
        assert_eq!(work(|r| r.count = 2).job.seeds.len(), 2);
    }
}
