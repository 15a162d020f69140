//! Real-ESRGAN's compact network (`SRVGGNetCompact`): a picture made larger.
//!
//! [`Upscaler`] is the resident model. [`network`] has its layers, [`mod@tiles`] cuts a picture so that no seam shows and
//! memory is bounded by the tile, [`canvas`] brings pixels in and out.

mod canvas;
#[cfg(test)]
mod golden_tests;
mod network;
mod tiles;

use crate::engine::nn::weight::Place;
use crate::engine::protocol::{EngineFailure, FailureClass, ModelSpec, UpscaleJob, UpscaleOutput};
use crate::engine::weights::{SafetensorsFiles, Weights};
use crate::engine::{Result, Watcher};
use crate::media::Progress;
use candle_core::DType;
use canvas::Canvas;
use network::Network;
use std::sync::Arc;
use std::time::Instant;
use tiles::tiles;

/// A resident upscaler.
pub struct Upscaler {
    network: Network,
    place: Place,
}

impl Upscaler {
    /// Reads a network. Its tensors say how large it is.
    ///
    /// # Errors
    /// [`FailureClass::Missing`] when the file is absent, damaged, or holds another kind of network.
    pub fn load(spec: &ModelSpec, place: Place) -> Result<Self> {
        // Half precision would gain nothing: convolutions widen it, and the weights are a few megabytes.
        let place = Place { compute: DType::F32, ..place };
        let file = Arc::new(SafetensorsFiles::open(std::slice::from_ref(&spec.path))?);
        let network = Network::load(&Weights::new(file, place.clone()), &spec.path.display().to_string())?;
        Ok(Self { network, place })
    }

    /// Makes a picture larger tile by tile, looking between layers whether to stop.
    ///
    /// # Errors
    /// A typed failure; the upscaler stays usable after any of them.
    pub fn upscale(&self, job: &UpscaleJob, watch: &mut dyn Watcher) -> Result<UpscaleOutput> {
        let started = Instant::now();
        let mut canvas = Canvas::new(job, self.network.scale())?;
        let tiles = tiles(canvas.size(), job.tile as usize);
        let of = u32::try_from(tiles.len()).unwrap_or(u32::MAX);
        for (done, tile) in (0..).zip(&tiles) {
            let part = canvas.part(*tile);
            let seen = part.grown(self.network.reach(), canvas.size());
            let pixels = canvas.pixels(seen, &self.place)?;
            let added = self.network.forward(pixels, (part, canvas.size()), &mut || tell(watch, done, of))?;
            canvas.paint(*tile, &added)?;
        }
        tell(watch, of, of)?;
        Ok(UpscaleOutput { picture: canvas.finish(), upscale_s: started.elapsed().as_secs_f64() })
    }
}

/// A sign of life; ends the job if it was cancelled.
fn tell(watch: &mut dyn Watcher, step: u32, of: u32) -> Result<()> {
    watch.progress(Progress { step, of, percent: 0, preview: None });
    if watch.cancelled() {
        return Err(EngineFailure::new(FailureClass::Cancelled, "cancelled"));
    }
    Ok(())
}
