//! Two-dimensional convolutions.

use super::kernels::conv::{Patches, Window};
use super::kernels::gemm::multiply;
use super::values::Values;
use super::weight::{Matrix, Weight};
use super::{FeatureMap, PRelu};
use candle_core::{DType, Result, Tensor};

/// How far a convolution reaches over the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many zero pixels on every side as keep the size (stride 1).
    Same,
    /// One zero pixel after the last row and column only: diffusers' `downsample_padding = 0`.
    AfterOnly,
}

/// A convolution with a square kernel.
pub struct Conv2d {
    weight: Weight,
    bias: Option<Tensor>,
    window: Window,
}

impl Conv2d {
    /// A convolution of a weight as it was loaded: for our kernels a matrix of rows
    /// `[kernel y][kernel x][input channel]`, for candle `(outputs, inputs, size, size)`.
    #[must_use]
    pub fn new(weight: Weight, bias: Option<Tensor>, size: usize, stride: usize, padding: Padding) -> Self {
        let (before, after) = match padding {
            Padding::Same => (size / 2, size / 2),
            Padding::AfterOnly => (0, 1),
        };
        Self { weight, bias, window: Window { size, stride, before, after } }
    }

    /// Maps of the layer's input channels to maps of its output channels.
    ///
    /// # Errors
    /// When the channels are others.
    pub fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        match &self.weight {
            Weight::Ours(matrix) => self.by_kernel(x, matrix, None),
            Weight::Candle(weight) => self.by_candle(x, weight),
        }
    }

    /// The same, and then `prelu`, while the values are still at hand.
    ///
    /// # Errors
    /// When the channels are others.
    pub fn forward_prelu(&self, x: &FeatureMap, prelu: &PRelu) -> Result<FeatureMap> {
        match &self.weight {
            Weight::Ours(matrix) => self.by_kernel(x, matrix, Some(prelu)),
            Weight::Candle(weight) => prelu.by_candle(&self.by_candle(x, weight)?),
        }
    }

    fn by_kernel(&self, x: &FeatureMap, matrix: &Matrix, prelu: Option<&PRelu>) -> Result<FeatureMap> {
        let patches_width = self.window.size * self.window.size * x.channels();
        if patches_width != matrix.columns() {
            candle_core::bail!("a convolution of {} inputs was given {patches_width}", matrix.columns());
        }
        let (height, width) = (self.window.outputs(x.height()), self.window.outputs(x.width()));
        let rows = x.batch() * height * width;
        let values = Values::of(&x.tensor)?;
        let bias = self.bias.as_ref().map(Values::of).transpose()?;
        let patches = Patches {
            values: &values,
            height: x.height(),
            width: x.width(),
            channels: x.channels(),
            window: self.window,
        };
        let mut out = vec![0.0; rows * matrix.rows()];
        multiply(&patches, rows, matrix, bias.as_deref(), &mut out);
        if let Some(prelu) = prelu {
            prelu.by_kernel(&mut out)?;
        }
        let shape = (x.batch(), height, width, matrix.rows());
        Ok(FeatureMap::of(Tensor::from_vec(out, shape, x.tensor.device())?))
    }

    /// candle's cuDNN convolution adds up f16 in f16, which costs the picture its precision: half maps are widened
    /// for it.
    fn by_candle(&self, x: &FeatureMap, weight: &Tensor) -> Result<FeatureMap> {
        let kept = x.tensor.dtype();
        let wide = if kept == DType::F16 { DType::F32 } else { kept };
        let mut input = x.tensor.to_dtype(wide)?;
        let Window { before, after, stride, .. } = self.window;
        let padding = if before == after {
            before
        } else {
            input = input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
            0
        };
        let mut y = input.conv2d(&weight.to_dtype(wide)?, padding, stride, 1, 1)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(&bias.to_dtype(wide)?.reshape((1, (), 1, 1))?)?;
        }
        Ok(FeatureMap::of(y.to_dtype(kept)?))
    }
}
