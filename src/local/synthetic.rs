//! Drawing with made-up weights, to measure a machine without a download.

use super::Local;
use super::catalogue::Defaults;
use crate::engine::protocol::{Architecture, DeviceChoice, ModelSpec, SdxlParts};
use crate::media::{Answered, Failure, ImageRequest, Watch};
use std::path::Path;

impl Local {
    /// Draws with random weights of SDXL's published shape: what a machine takes for it, without a download. They are
    /// written to the folder `save`, in the published layout, when it is not empty.
    ///
    /// # Errors
    /// As [`Local::draw`].
    pub async fn draw_synthetic(&self, save: &Path, request: &ImageRequest, watch: Watch) -> Result<Answered, Failure> {
        let clip_vocabulary = self.catalogue.settings().models_dir.join("tokenizers/clip");
        let parts = SdxlParts { clip_vocabulary, synthetic: true, ..SdxlParts::default() };
        let spec = ModelSpec {
            name: "synthetic-sdxl".to_owned(),
            path: save.to_owned(),
            architecture: Architecture::Sdxl(parts),
            device: DeviceChoice::Cpu,
        };
        self.draw_with(spec, Defaults::default(), request, watch).await
    }
}
