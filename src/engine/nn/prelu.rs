//! PReLU: a line that bends at zero, with a slope for each channel.

use super::FeatureMap;
use super::kernels::activation as kernel;
use super::kernels::level::Level;
use super::values::Values;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// Pixels a task takes.
const BLOCK: usize = 256;

/// The slopes of negative values, one a channel. Applied by the layer before it: [`super::Conv2d::forward_prelu`].
pub struct PRelu {
    slopes: Tensor,
}

impl PRelu {
    /// With these slopes.
    #[must_use]
    pub fn new(slopes: Tensor) -> Self {
        Self { slopes }
    }

    /// In place, on values of which the slopes' number make a pixel.
    pub(super) fn by_kernel(&self, values: &mut [f32]) -> Result<()> {
        let slopes = Values::of(&self.slopes)?;
        let block = BLOCK * slopes.len();
        values.par_chunks_mut(block).for_each(|values| kernel::prelu(Level::best(), values, &slopes));
        Ok(())
    }

    pub(super) fn by_candle(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let slopes = self.slopes.reshape((1, (), 1, 1))?;
        x.map(|x| x.relu()? + x.minimum(0f64)?.broadcast_mul(&slopes)?)
    }
}
