//! Two-dimensional convolutions, alone or with what comes before and after them.

use super::kernels::conv::{Input, Window, convolve};
#[cfg(feature = "cuda")]
use super::kernels::cuda;
use super::kernels::level::Level;
use super::kernels::output::{Finish, Then};
use super::kernels::panels::Panels;
use super::kernels::winograd;
use super::profile::{Part, counted};
use super::values::Values;
use super::weight::Weight;
use super::{Activation, FeatureMap, GroupNorm, PRelu};
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
    rounded: bool,
}

/// What is done to a map on the way into a convolution, and on the way out. In one go with our kernels.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// First: this norm, and SiLU.
    pub norm_silu: Option<&'a GroupNorm>,
    /// Then: each pixel four times, as a square.
    pub doubled: bool,
    /// Afterwards added to every pixel: `(batch, channels)`.
    pub per_channel: Option<&'a Tensor>,
    /// Then added: the other side of a residual connection.
    pub plus: Option<&'a FeatureMap>,
    /// Last.
    pub then: Option<Bend<'a>>,
    /// Whether nothing is rounded, whatever the layer may do.
    pub exact: bool,
}

/// An activation of a convolution's result.
#[derive(Clone, Copy)]
pub enum Bend<'a> {
    /// The same for all channels.
    Same(Activation),
    /// A slope for each.
    PRelu(&'a PRelu),
}

impl Conv2d {
    /// A convolution of a weight as it was loaded: for our kernels panels of inputs `[kernel y][kernel x][channel]`, for
    /// candle `(outputs, inputs, size, size)`.
    #[must_use]
    pub fn new(weight: Weight, bias: Option<Tensor>, size: usize, stride: usize, padding: Padding) -> Self {
        let (before, after) = match padding {
            Padding::Same => (size / 2, size / 2),
            Padding::AfterOnly => (0, 1),
        };
        Self { weight, bias, window: Window { size, stride, before, after }, rounded: false }
    }

    /// The same; our kernels may round what they multiply to integers of fourteen bits.
    #[must_use]
    pub fn that_rounds(self, rounded: bool) -> Self {
        Self { rounded, ..self }
    }

    /// Maps of the layer's input channels to maps of its output channels.
    ///
    /// # Errors
    /// When the channels are others.
    pub fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.forward_with(x, Around::default())
    }

    /// The same, with all that `around` says.
    ///
    /// # Errors
    /// When channels or sizes are others.
    pub fn forward_with(&self, x: &FeatureMap, around: Around) -> Result<FeatureMap> {
        match &self.weight {
            Weight::Ours(panels) => self.by_kernel(x, panels, around),
            Weight::Bytes(_) | Weight::Quantised(_) => candle_core::bail!("convolutions are not computed in blocks"),
            Weight::Candle(weight) => {
                let normal = around.norm_silu.map(|norm| norm.norm_silu(x)).transpose()?;
                let x = normal.as_ref().unwrap_or(x);
                let doubled = around.doubled.then(|| x.upsample2x()).transpose()?;
                let mut y = self.by_candle(doubled.as_ref().unwrap_or(x), weight)?;
                if let Some(values) = around.per_channel {
                    y = y.add_per_channel(values)?;
                }
                if let Some(plus) = around.plus {
                    y = y.add(plus)?;
                }
                match around.then {
                    Some(Bend::Same(activation)) => y.map(|y| activation.forward(y)),
                    Some(Bend::PRelu(prelu)) => prelu.by_candle(&y),
                    None => Ok(y),
                }
            }
        }
    }

    fn by_kernel(&self, x: &FeatureMap, panels: &Panels, around: Around) -> Result<FeatureMap> {
        let inputs = self.window.size * self.window.size * x.channels();
        if inputs != panels.inputs() {
            candle_core::bail!("a convolution of {} inputs was given {inputs}", panels.inputs());
        }
        if x.batch() > 1 && around.per_channel.is_some() {
            return self.one_by_one(x, panels, around);
        }
        let statistics = around.norm_silu.map(|norm| norm.statistics(x)).transpose()?;
        let statistics = statistics.as_ref().map(super::norm::GroupStatistics::values).transpose()?;
        let values = Values::of(&x.tensor)?;
        let input = Input {
            values: &values,
            height: x.height(),
            width: x.width(),
            channels: x.channels(),
            norm: statistics.as_ref().map(|(factors, offsets)| (&factors[..], &offsets[..])),
            doubled: around.doubled,
            rounded: self.rounded && !around.exact,
        };
        let (height, width) = input.seen();
        let shape = (x.batch(), self.window.outputs(height), self.window.outputs(width), panels.outputs());
        let bias = self.bias_and(around.per_channel, panels.outputs())?;
        let plus = around.plus.map(|plus| Values::of(&plus.tensor)).transpose()?;
        if plus.as_ref().is_some_and(|plus| plus.len() != shape.0 * shape.1 * shape.2 * shape.3) {
            candle_core::bail!("{:?} was to be added to what is {shape:?}", around.plus.map(|p| p.tensor.dims()));
        }
        let slopes = match around.then {
            Some(Bend::PRelu(prelu)) => Some(prelu.slopes()?),
            _ => None,
        };
        let then = match (around.then, &slopes) {
            (Some(Bend::Same(activation)), _) => activation.then(),
            (_, Some(slopes)) => Then::Prelu(slopes),
            _ => Then::Nothing,
        };
        let finish = Finish { bias: bias.as_deref(), plus: plus.as_deref(), then };
        let part = if winograd::serves(&input, self.window) { Part::Winograd } else { Part::Convolution };
        let multiplications = shape.0 * shape.1 * shape.2 * shape.3 * panels.inputs();
        let out = counted(part, multiplications, || convolve(Level::best(), &input, self.window, panels, finish));
        Ok(FeatureMap::of(Tensor::from_vec(out, shape, x.tensor.device())?))
    }

    /// The bias of one picture's outputs, with what is added to every pixel of it.
    fn bias_and(&self, per_channel: Option<&Tensor>, outputs: usize) -> Result<Option<Vec<f32>>> {
        let Some(per_channel) = per_channel else {
            return self.bias.as_ref().map(Tensor::to_vec1).transpose();
        };
        if per_channel.dims() != [1, outputs] {
            candle_core::bail!("{:?} was to be added to {outputs} channels", per_channel.dims());
        }
        let values = per_channel.flatten_all()?;
        Ok(Some(match &self.bias {
            Some(bias) => (values + bias)?.to_vec1()?,
            None => values.to_vec1()?,
        }))
    }

    /// What is added to a channel differs from picture to picture, and the kernels know one bias.
    fn one_by_one(&self, x: &FeatureMap, panels: &Panels, around: Around) -> Result<FeatureMap> {
        let one = |i: usize| -> Result<FeatureMap> {
            let picture = |map: &FeatureMap| Ok::<_, candle_core::Error>(FeatureMap::of(map.tensor.narrow(0, i, 1)?));
            let per_channel = around.per_channel.map(|values| values.narrow(0, i, 1)).transpose()?;
            let plus = around.plus.map(picture).transpose()?;
            let around = Around { per_channel: per_channel.as_ref(), plus: plus.as_ref(), ..around };
            self.by_kernel(&picture(x)?, panels, around)
        };
        let pictures = (0..x.batch()).map(one).collect::<Result<Vec<_>>>()?;
        let tensors: Vec<&Tensor> = pictures.iter().map(|picture| &picture.tensor).collect();
        Ok(FeatureMap::of(Tensor::cat(&tensors, 0)?))
    }

    /// candle's cuDNN convolution adds up f16 in f16, which costs the picture its precision: on a card half maps go to
    /// one of our own, elsewhere they are widened for it.
    fn by_candle(&self, x: &FeatureMap, weight: &Tensor) -> Result<FeatureMap> {
        let Window { before, after, stride, .. } = self.window;
        let mut input = x.tensor.clone();
        let padding = if before == after {
            before
        } else {
            input = input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
            0
        };
        let bias = self.bias.as_ref().map(|bias| bias.reshape((1, (), 1, 1))).transpose()?;
        #[cfg(feature = "cuda")]
        if cuda::convolution_serves(&input) {
            let y = cuda::convolve(&input, weight, padding, stride)?;
            return Ok(FeatureMap::of(match bias {
                Some(bias) => y.broadcast_add(&bias)?,
                None => y,
            }));
        }
        let kept = input.dtype();
        let wide = if kept == DType::F16 { DType::F32 } else { kept };
        let mut y = input.to_dtype(wide)?.conv2d(&weight.to_dtype(wide)?, padding, stride, 1, 1)?;
        if let Some(bias) = bias {
            y = y.broadcast_add(&bias.to_dtype(wide)?)?;
        }
        Ok(FeatureMap::of(y.to_dtype(kept)?))
    }
}
