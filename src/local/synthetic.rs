//! Drawing with made-up weights, to measure a machine without a download.

use super::catalogue::{Defaults, Family};
use super::{DeviceSetting, Local};
use crate::engine::protocol::{Architecture, DeviceChoice, FluxParts, ModelSpec, SdxlParts};
use crate::media::{Answered, Failure, ImageRequest, Watch};
use std::path::Path;

/// How FLUX's made-up weights are stored when the model's name does not say: on a processor, and on a card.
const KINDS: (&str, &str) = ("q4_0", "f16");

impl Local {
    /// Draws with random weights of the published shape of a manifest's model: what a machine takes for it, without a
    /// download. SDXL's are written to the folder `save`, in the published layout, when it is not empty; FLUX's are in
    /// the ggml blocks that the model's name ends with, else as the device likes them.
    ///
    /// # Errors
    /// [`Failure::Missing`] for a model whose shape is not known here; else as [`Local::draw`].
    pub async fn draw_synthetic(
        &self,
        model: &str,
        save: &Path,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let tokenizers = self.catalogue.settings().models_dir.join("tokenizers");
        let clip_vocabulary = tokenizers.join("clip");
        let (name, architecture) = match self.catalogue.get(model).map(|entry| entry.family) {
            Some(Family::Sdxl) => {
                let parts = SdxlParts { clip_vocabulary, synthetic: true, ..SdxlParts::default() };
                ("synthetic-sdxl".to_owned(), Architecture::Sdxl(parts))
            }
            Some(Family::Flux) => {
                let on_card = matches!(self.settings.device, DeviceSetting::Cuda(_));
                let own = if on_card { KINDS.1 } else { KINDS.0 };
                let kind = ["q8_0", "q4_0"].into_iter().find(|kind| model.ends_with(kind)).unwrap_or(own);
                let synthetic = Some(kind.to_owned());
                let t5_vocabulary = tokenizers.join("t5");
                let parts = FluxParts { clip_vocabulary, t5_vocabulary, synthetic, ..FluxParts::default() };
                (format!("synthetic-flux-{kind}"), Architecture::Flux(parts))
            }
            _ => return Err(Failure::Missing { message: format!("no made-up weights have the shape of '{model}'") }),
        };
        let spec = ModelSpec { name, path: save.to_owned(), architecture, device: DeviceChoice::Cpu };
        self.draw_with(spec, Defaults::default(), request, watch).await
    }
}
