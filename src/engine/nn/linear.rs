//! Fully connected layers.

use super::kernels::gemm::{Plain, multiply};
use super::values::Values;
use super::weight::Weight;
use candle_core::{Result, Tensor};

/// `y = x · Wᵀ + b` on the last axis.
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer of `weight` (outputs × inputs) and `bias` (outputs), both where they will be used.
    #[must_use]
    pub fn new(weight: Weight, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// `(…, inputs)` to `(…, outputs)`.
    ///
    /// # Errors
    /// When the last axis is not `inputs` long.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Ours(matrix) => {
                let mut shape = x.dims().to_vec();
                let inputs = shape.pop().unwrap_or(0);
                if inputs != matrix.columns() {
                    candle_core::bail!("a layer of {} inputs was given {inputs}", matrix.columns());
                }
                let rows = shape.iter().product();
                shape.push(matrix.rows());
                let x = x.contiguous()?;
                let values = Values::of(&x)?;
                let bias = self.bias.as_ref().map(Values::of).transpose()?;
                let mut out = vec![0.0; rows * matrix.rows()];
                multiply(&Plain { values: &values, width: inputs }, rows, matrix, bias.as_deref(), &mut out);
                Tensor::from_vec(out, shape, x.device())
            }
            Weight::Candle(weight) => {
                let y = x.broadcast_matmul(&weight.t()?)?;
                match &self.bias {
                    Some(bias) => y.broadcast_add(bias),
                    None => Ok(y),
                }
            }
        }
    }
}
