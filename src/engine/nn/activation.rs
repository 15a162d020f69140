//! Activation functions on tensors of any shape.

use super::kernels::activation as kernel;
use super::kernels::level::Level;
use super::kernels::output::Then;
use super::kernels::threads;
use super::values::{Values, is_ours};
use candle_core::{Device, Result, Tensor};

/// Values a task takes.
const BLOCK: usize = 1 << 14;

/// The activations of the models here, by the names configs give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x·σ(x), `silu` and `swish`.
    Silu,
    /// x·Φ(x) by erf: `gelu` means this in transformers and diffusers.
    Gelu,
    /// x·Φ(x) by its approximation with tanh: `gelu_new` in transformers, `gelu-approximate` in diffusers.
    GeluTanh,
    /// x·σ(1.702·x).
    QuickGelu,
    /// max(x, 0).
    Relu,
}

impl Activation {
    /// The activation a config names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu-approximate" => Some(Self::GeluTanh),
            "quick_gelu" => Some(Self::QuickGelu),
            "relu" => Some(Self::Relu),
            _ => None,
        }
    }

    /// It as the end of a kernel.
    pub(super) fn then(self) -> Then<'static> {
        match self {
            Self::Silu => Then::Silu,
            Self::Gelu => Then::Gelu,
            Self::GeluTanh => Then::GeluTanh,
            Self::QuickGelu => Then::QuickGelu,
            Self::Relu => Then::Relu,
        }
    }

    /// Applies it to every value.
    ///
    /// # Errors
    /// When the device fails.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        let function = match self {
            Self::Relu => return x.relu(),
            Self::Silu => kernel::silu,
            Self::Gelu => kernel::gelu,
            Self::GeluTanh => kernel::gelu_tanh,
            Self::QuickGelu => kernel::quick_gelu,
        };
        if !is_ours(x) {
            return match self {
                Self::Silu => x.silu(),
                Self::Gelu => x.gelu_erf(),
                Self::GeluTanh => x.gelu(),
                Self::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
                Self::Relu => x.relu(),
            };
        }
        let x = x.contiguous()?;
        let mut out = Values::of(&x)?.to_vec();
        threads::each(out.chunks_mut(BLOCK), |block| function(Level::best(), block));
        Tensor::from_vec(out, x.dims(), &Device::Cpu)
    }
}

/// `a * gelu(b)` where the last axis holds a and then b.
///
/// # Errors
/// When the last axis is odd.
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    if !is_ours(x) {
        let halves = x.chunk(2, candle_core::D::Minus1)?;
        return &halves[0] * halves[1].gelu_erf()?;
    }
    let mut shape = x.dims().to_vec();
    let n = shape.pop().unwrap_or(0) / 2;
    shape.push(n);
    let x = x.contiguous()?;
    let values = Values::of(&x)?;
    let mut out = vec![0.0; values.len() / 2];
    let rows = out.chunks_mut(8 * n).zip(values.chunks(16 * n));
    threads::each(rows, |(out, rows)| kernel::geglu(Level::best(), rows, out, n));
    Tensor::from_vec(out, shape, &Device::Cpu)
}
