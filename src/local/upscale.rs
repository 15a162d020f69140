//! Making pictures larger: the picture decoded and measured, the ladder of tiles. Smaller ones take less memory and
//! more time, and give the same picture.

use super::catalogue::{Family, Located};
use super::footprint::{BASE, tensors};
use super::work::{Rung, Way, Work};
use super::{Local, unexpected};
use crate::engine::protocol::{Architecture, DeviceChoice, Job, ModelSpec, Output, UpscaleJob};
use crate::media::image::{UpscaleTimings, Upscaling};
use crate::media::task::ImageUpscale;
use crate::media::{Answered, Content, DrawnPicture, Failure, ImageResult, Picture, Provenance, Watch};
use tokio::time::Instant;

/// Most pixels a side of what is worked on at a time.
const TILES: [u32; 4] = [512, 256, 128, 64];
/// Pixels around a tile that the published network sees.
const REACH: u32 = 34;
/// Bytes of a pixel while the layers are at work: three maps of the published network's 64 channels.
const LAYERS: u64 = 3 * 64 * 4;
/// Bytes of a pixel while it becomes sixteen: what the last layer gives, the same in rows, and those reduced.
const ENLARGED: u64 = 3 * 16 * 3 * 4;
const COLOURS: u64 = 3;

/// How a picture is made larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UpscaleWay {
    /// Pixels a row and rows.
    size: (u32, u32),
    /// How many times larger it becomes.
    scale: u32,
    /// Most pixels a side of what is worked on at a time.
    pub(super) tile: u32,
}

impl UpscaleWay {
    /// Bytes of the engine at its peak, beside the weights.
    fn needed(&self) -> u64 {
        let of = |grown: u32| {
            let side = |side: u32| u64::from(side.min(self.tile + grown));
            side(self.size.0) * side(self.size.1)
        };
        let small = u64::from(self.size.0) * u64::from(self.size.1) * COLOURS;
        let large = small * u64::from(self.scale) * u64::from(self.scale);
        // The answer is written out for the parent while it is still there, into a buffer that doubles.
        let work = (of(2 * REACH) * LAYERS).max(of(4) * ENLARGED).max(2 * large);
        BASE + small + large + work
    }
}

impl Local {
    /// Makes a picture larger with a manifest's model or, with `allow_path`, one given by its path. Jobs wait in line
    /// with those of every other kind.
    ///
    /// # Errors
    /// [`Failure::TooBig`] when the result would be larger than what is made; else as [`Local::draw`].
    pub async fn upscale(
        &self,
        model: &str,
        allow_path: bool,
        request: &ImageUpscale,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let started = Instant::now();
        let Located { name, path, family, .. } = self.catalogue.locate(model, allow_path)?;
        if family != Family::RealEsrganCompact {
            let message = format!("'{name}' is not a model that this version can make pictures larger with");
            return Err(Failure::Missing { message });
        }
        let spec = ModelSpec {
            name: name.clone(),
            path,
            architecture: Architecture::CompactEsrgan,
            device: DeviceChoice::Cpu,
        };
        let request = request.clone();
        let prepare = move || Ok(upscale(spec, request.picture()?, request.scale));
        let served = self.serve(prepare, &watch).await?;
        let Output::Upscaled(output) = served.output else { return Err(unexpected()) };
        let timings = UpscaleTimings {
            load_s: served.load_s,
            upscale_s: output.upscale_s,
            total_s: started.elapsed().as_secs_f64(),
        };
        Ok(Answered {
            content: Content::Pictures(ImageResult {
                pictures: vec![DrawnPicture { picture: output.picture, seed: None }],
                drawing: None,
                upscaling: Some(Upscaling { timings, peak_rss_bytes: served.peak_rss }),
            }),
            provenance: Provenance { provider: "local".to_owned(), model: name, fallback_reason: None },
            notices: served.notices,
            bytes: 0,
        })
    }
}

fn upscale(spec: ModelSpec, picture: Picture, scale: u32) -> Work {
    let weights = tensors(std::slice::from_ref(&spec.path)).values().sum();
    let size = (picture.width, picture.height);
    let rung = |tile: &u32| {
        let way = UpscaleWay { size, scale, tile: *tile };
        Rung { way: Way::Upscale(way), needed: weights + way.needed(), notices: Vec::new() }
    };
    Work {
        job: Job::Upscale(UpscaleJob { picture, scale, tile: TILES[0] }),
        ladder: TILES.iter().map(rung).collect(),
        weights,
        pixels: u64::from(TILES[0]) * u64::from(TILES[0]),
        effort: None,
        spec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn ladder(width: u32, height: u32) -> Vec<u64> {
        let spec = ModelSpec {
            name: "m".to_owned(),
            path: PathBuf::from("nowhere"),
            architecture: Architecture::CompactEsrgan,
            device: DeviceChoice::Cpu,
        };
        let work = upscale(spec, Picture { width, height, rgb: Vec::new() }, 4);
        work.ladder.iter().map(|rung| rung.needed >> 20).collect()
    }

    #[test]
    fn smaller_tiles_take_less_memory_until_the_picture_itself_counts() {
        let photo = ladder(1024, 768);
        assert!(photo.is_sorted_by(|a, b| a >= b) && photo[0] > photo[1], "{photo:?}");
        assert!(photo[0] < 512 && photo[3] < 256, "{photo:?}");
        // A picture of one tile takes what it is, not what a tile could be.
        assert_eq!(ladder(1, 1), [96; 4]);
        assert_eq!(ladder(60, 60)[0], ladder(60, 60)[3]);
    }
}
