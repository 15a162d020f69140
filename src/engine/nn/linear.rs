//! Fully connected layers, alone or with what follows them.

use super::Activation;
use super::activation::geglu;
use super::kernels::gemm::{Plain, Product, Wide, multiply, multiply_gated};
use super::kernels::in_bytes::Bytes;
use super::kernels::level::Level;
use super::kernels::output::{Finish, Then};
use super::kernels::tile::WIDE;
use super::profile::{Part, counted};
use super::values::Values;
use super::weight::Weight;
use candle_core::{DType, Result, Tensor};

/// `y = x · Wᵀ + b` on the last axis.
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

/// What follows the sums, for our kernels.
enum After<'a> {
    Finish { plus: Option<&'a Tensor>, then: Then<'a> },
    Gate,
}

impl Linear {
    /// A layer of `weight` (outputs × inputs) and `bias` (outputs), both where they will be used.
    #[must_use]
    pub fn new(weight: Weight, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Whether its weights, and what they are multiplied with, are rounded to bytes.
    #[must_use]
    pub fn in_bytes(&self) -> bool {
        matches!(self.weight, Weight::Bytes(_))
    }

    /// `(…, inputs)` to `(…, outputs)`.
    ///
    /// # Errors
    /// When the last axis is not `inputs` long.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Candle(_) | Weight::Quantised(_) => self.by_candle(x),
            _ => self.by_kernel(x, After::Finish { plus: None, then: Then::Nothing }),
        }
    }

    /// The same, and `plus` added.
    ///
    /// # Errors
    /// As [`Self::forward`], and when `plus` is of another size than the result.
    pub fn forward_plus(&self, x: &Tensor, plus: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Candle(_) | Weight::Quantised(_) => plus + self.by_candle(x)?,
            _ => self.by_kernel(x, After::Finish { plus: Some(plus), then: Then::Nothing }),
        }
    }

    /// The same, and an activation.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_then(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match &self.weight {
            Weight::Candle(_) | Weight::Quantised(_) => activation.forward(&self.by_candle(x)?),
            _ => self.by_kernel(x, After::Finish { plus: None, then: activation.then() }),
        }
    }

    /// The same, and `a * gelu(b)` of the outputs' first and second half.
    ///
    /// # Errors
    /// As [`Self::forward`], and when the outputs are odd.
    pub fn forward_geglu(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Ours(panels) if panels.outputs().is_multiple_of(2 * WIDE) => self.by_kernel(x, After::Gate),
            Weight::Bytes(panels) if panels.outputs().is_multiple_of(2 * WIDE) => self.by_kernel(x, After::Gate),
            _ => geglu(&self.forward(x)?),
        }
    }

    fn by_kernel(&self, x: &Tensor, after: After) -> Result<Tensor> {
        let x = x.contiguous()?;
        let values = Values::of(&x)?;
        let inputs = x.dims().last().copied().unwrap_or(0);
        let rows = values.len() / inputs.max(1);
        match &self.weight {
            Weight::Ours(weight) if weight.inputs() == inputs => {
                let left = Plain { values: &values, width: inputs };
                let product = Wide { x: &left, weight };
                counted(Part::Linear, rows * inputs * weight.outputs(), || self.follow(&product, x.dims(), after))
            }
            Weight::Bytes(weight) if weight.inputs() == inputs => {
                counted(Part::Bytes, rows * inputs * weight.outputs(), || {
                    self.follow(&Bytes { x: &values, weight }, x.dims(), after)
                })
            }
            _ => candle_core::bail!("a layer was given {inputs} inputs, which are not its own"),
        }
    }

    fn follow(&self, product: &impl Product, shape: &[usize], after: After) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(Values::of).transpose()?;
        let mut shape = shape.to_vec();
        let mut outputs = product.outputs();
        let out = match after {
            After::Gate => {
                outputs /= 2;
                multiply_gated(Level::best(), product, bias.as_deref())
            }
            After::Finish { plus, then } => {
                let plus = plus.map(Tensor::contiguous).transpose()?;
                let plus = plus.as_ref().map(Values::of).transpose()?;
                let length = product.rows() * outputs;
                if plus.as_ref().is_some_and(|plus| plus.len() != length) {
                    candle_core::bail!("other than {length} values were to be added to a layer's result");
                }
                multiply(Level::best(), product, Finish { bias: bias.as_deref(), plus: plus.as_deref(), then })
            }
        };
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        Tensor::from_vec(out, shape, &candle_core::Device::Cpu)
    }

    fn by_candle(&self, x: &Tensor) -> Result<Tensor> {
        let weight = match &self.weight {
            Weight::Candle(weight) => weight.clone(),
            Weight::Quantised(weight) => match x.dtype() {
                half @ (DType::F16 | DType::BF16) => weight.dequantize_f16(x.device())?.to_dtype(half)?,
                wide => weight.dequantize(x.device())?.to_dtype(wide)?,
            },
            _ => candle_core::bail!("a layer's weight is for our kernels, its input is not"),
        };
        let y = x.broadcast_matmul(&weight.t()?)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}
