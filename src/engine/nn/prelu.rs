//! PReLU: a line that bends at zero, with a slope for each channel.

use super::FeatureMap;
use super::values::Values;
use candle_core::{Result, Tensor};

/// The slopes of negative values, one a channel. Applied by the layer before it: [`super::Bend::PRelu`].
pub struct PRelu {
    slopes: Tensor,
}

impl PRelu {
    /// With these slopes.
    #[must_use]
    pub fn new(slopes: Tensor) -> Self {
        Self { slopes }
    }

    /// For the kernel of the layer before.
    pub(super) fn slopes(&self) -> Result<Values<'_>> {
        Values::of(&self.slopes)
    }

    pub(super) fn by_candle(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let slopes = self.slopes.reshape((1, (), 1, 1))?;
        x.map(|x| x.relu()? + x.minimum(0f64)?.broadcast_mul(&slopes)?)
    }
}
