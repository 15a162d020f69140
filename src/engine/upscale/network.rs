//! The layers: 3×3 convolutions with a slope each, and a last one whose channels become pixels.

use super::tiles::Rect;
use crate::engine::Result;
use crate::engine::nn::{Around, Bend, Conv2d, FeatureMap, PRelu};
use crate::engine::weights::{ConvShape, Weights, unusable};

/// Red, green, blue.
const COLOURS: usize = 3;

/// A network as its tensors `body.0` … describe it.
pub struct Network {
    body: Vec<(Conv2d, PRelu)>,
    last: Conv2d,
    scale: usize,
}

impl Network {
    /// Reads the layers; their shapes say how many there are and how wide they are. `file` is named in errors.
    ///
    /// # Errors
    /// When the tensors are not those of such a network.
    pub fn load(weights: &Weights, file: &str) -> Result<Self> {
        let other = || unusable(format!("{file} does not hold a compact Real-ESRGAN network (SRVGGNetCompact)"));
        let weights = weights.at("body");
        let mut body = Vec::new();
        let mut inputs = COLOURS;
        loop {
            let (conv, slope) = (2 * body.len(), 2 * body.len() + 1);
            let outputs = match weights.shape(format!("{conv}.weight")).as_deref() {
                Some([outputs, _, 3, 3]) => *outputs,
                _ => return Err(other()),
            };
            let layer = weights.conv(conv, ConvShape::three(inputs, outputs))?;
            if !weights.has(format!("{slope}.weight")) {
                let scale = (outputs / COLOURS).isqrt();
                if body.is_empty() || scale < 2 || scale * scale * COLOURS != outputs {
                    return Err(other());
                }
                return Ok(Self { body, last: layer, scale });
            }
            body.push((layer, weights.prelu(slope, outputs)?));
            inputs = outputs;
        }
    }

    /// How many times wider and higher a picture becomes.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// How many pixels around one are seen for it.
    pub fn reach(&self) -> usize {
        self.body.len() + 1
    }

    /// What is added to each pixel of `part` of a picture of size `whole`, a value for each colour of each pixel it
    /// becomes: `(colour, row, column)`. `pixels` are those of the part and of [`Self::reach`] more around it, as far
    /// as the picture goes. After each layer the outermost of them are wrong, for want of their neighbours, and leave;
    /// what is computed of a part is the same as of the whole.
    ///
    /// # Errors
    /// When `go_on`, asked before each layer, says so, or the device fails.
    pub fn forward(
        &self,
        pixels: FeatureMap,
        (part, whole): (Rect, (usize, usize)),
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<FeatureMap> {
        let mut x = pixels;
        let mut at = part.grown(self.reach(), whole);
        for (i, (conv, slope)) in self.body.iter().enumerate() {
            go_on()?;
            x = conv.forward_with(&x, Around { then: Some(Bend::PRelu(slope)), ..Around::default() })?;
            let inner = part.grown(self.reach() - 1 - i, whole);
            x = x.crop(inner.y - at.y, inner.x - at.x, inner.height, inner.width)?;
            at = inner;
        }
        go_on()?;
        let x = self.last.forward(&x)?;
        Ok(x.crop(part.y - at.y, part.x - at.x, part.height, part.width)?)
    }
}
