//! What is done to every token between two products: `tokens.cu`.

use super::kernel::{Kernel, Name, Wide};
use candle_core::{D, Result, Tensor};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/tokens.ptx"));
/// Threads of a block: eight warps.
const THREADS: u32 = 256;
const WARPS: usize = 8;

/// How many rows of `width` values there are in `x`.
fn rows(x: &Tensor, width: usize) -> Result<usize> {
    if width == 0 || x.elem_count() == 0 || !x.dim(D::Minus1)?.is_multiple_of(width) {
        candle_core::bail!("{:?} is not made of rows of {width}", x.dims());
    }
    Ok(x.elem_count() / width)
}

/// A kernel whose rows are `width` values of `x`: a block a row, and two arguments as long as one.
fn of_rows(kernel: &'static str, x: &Tensor, width: usize) -> Result<Kernel> {
    let rows = rows(x, width)?;
    Ok(Kernel {
        name: Name { kernel, file: "tokens", ptx: PTX },
        wide: Wide::Nothing,
        grid: (rows, 1),
        threads: THREADS,
        sizes: [rows, width, 0],
        number: 0.0,
        lengths: (width, width),
        result: x.shape().clone(),
    })
}

/// Layer normalisation of the last axis by `scale` and `shift` (as long as it).
///
/// # Errors
/// When the sizes or precisions disagree, or the card fails.
pub fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor, eps: f32) -> Result<Tensor> {
    let kernel = of_rows("layer_norm", x, x.dim(D::Minus1)?)?;
    Kernel { number: eps, ..kernel }.apply(x, scale, shift)
}

/// Normalisation by the root of the mean square of each run as long as `scale`.
///
/// # Errors
/// As [`layer_norm`].
pub fn rms_norm(x: &Tensor, scale: &Tensor, eps: f32) -> Result<Tensor> {
    let kernel = of_rows("rms_norm", x, scale.elem_count())?;
    let blocks = kernel.sizes[0].div_ceil(WARPS);
    Kernel { grid: (blocks, 1), number: eps, ..kernel }.apply(x, scale, scale)
}

/// Turns neighbouring values of every head of `(1, tokens, heads · 2 · angles)` by f32 angles `(tokens, angles)`.
///
/// # Errors
/// As [`layer_norm`].
pub fn turn(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (width, angles) = (x.dim(D::Minus1)?, cos.dim(D::Minus1)?);
    if angles == 0 || !width.is_multiple_of(2 * angles) {
        candle_core::bail!("{angles} angles do not turn tokens of {width} values");
    }
    let kernel = of_rows("turn", x, width)?;
    let [rows, ..] = kernel.sizes;
    let lengths = (rows * angles, rows * angles);
    Kernel { wide: Wide::Others, sizes: [rows, width, angles], lengths, ..kernel }.apply(x, cos, sin)
}

/// `x + gate · y` with a gate as long as the last axis.
///
/// # Errors
/// As [`layer_norm`].
pub fn add_gated(x: &Tensor, gate: &Tensor, y: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let kernel = of_rows("add_gated", x, width)?;
    Kernel { lengths: (width, x.elem_count()), ..kernel }.apply(x, gate, y)
}
