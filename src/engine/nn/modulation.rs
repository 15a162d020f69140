//! Residual connections whose strength is another network's output.

#[cfg(feature = "cuda")]
use super::kernels::cuda;
use super::kernels::level::Level;
use super::kernels::norm::add_scaled;
use super::kernels::threads;
use super::values::{Values, is_ours};
use candle_core::{Result, Tensor};

/// `x + gate · y` of tokens `(batch, n, width)` and a gate `(width)`.
///
/// # Errors
/// When the sizes disagree.
pub fn add_gated(x: &Tensor, gate: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.dims() != y.dims() || x.dims().last() != Some(&gate.dims1()?) {
        candle_core::bail!("a gate of {:?} between {:?} and {:?}", gate.dims(), x.dims(), y.dims());
    }
    #[cfg(feature = "cuda")]
    if cuda::serves(x) {
        return cuda::add_gated(x, gate, y);
    }
    if !is_ours(x) {
        return x + y.broadcast_mul(gate)?;
    }
    let (x, y, gate) = (x.contiguous()?, y.contiguous()?, gate.contiguous()?);
    let (values, gate) = (Values::of(&y)?, Values::of(&gate)?);
    let mut out = Values::of(&x)?.to_vec();
    let block = 16 * gate.len();
    let rows = out.chunks_mut(block).zip(values.chunks(block));
    threads::each(rows, |(out, y)| add_scaled(Level::best(), y, &gate, out));
    Tensor::from_vec(out, x.dims(), x.device())
}
