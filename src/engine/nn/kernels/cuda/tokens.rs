//! What is done to every token between two products: `tokens.cu`.

use super::kernel::{Kernel, Name, Wide};
use candle_core::{D, Result, Tensor};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/tokens.ptx"));
/// Threads of a block: eight warps.
const THREADS: u32 = 256;
const WARPS: usize = 8;

fn name(kernel: &'static str) -> Name {
    Name { kernel, file: "tokens", ptx: PTX }
}

/// How many rows of `width` values there are in `x`.
fn rows(x: &Tensor, width: usize) -> Result<usize> {
    if width == 0 || x.elem_count() == 0 || !x.dim(D::Minus1)?.is_multiple_of(width) {
        candle_core::bail!("{:?} is not made of rows of {width}", x.dims());
    }
    Ok(x.elem_count() / width)
}

/// Layer normalisation of the last axis by `scale` and `shift` (as long as it).
///
/// # Errors
/// When the sizes or precisions disagree, or the card fails.
pub fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor, eps: f32) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let rows = rows(x, width)?;
    let kernel = Kernel {
        name: name("layer_norm"),
        wide: Wide::Nothing,
        grid: (rows, 1),
        threads: THREADS,
        sizes: [rows, width, 0],
        number: eps,
        lengths: (width, width),
        result: x.shape().clone(),
    };
    kernel.apply(x, scale, shift)
}

/// Normalisation by the root of the mean square of each run as long as `scale`.
///
/// # Errors
/// As [`layer_norm`].
pub fn rms_norm(x: &Tensor, scale: &Tensor, eps: f32) -> Result<Tensor> {
    let width = scale.elem_count();
    let rows = rows(x, width)?;
    let kernel = Kernel {
        name: name("rms_norm"),
        wide: Wide::Nothing,
        grid: (rows.div_ceil(WARPS), 1),
        threads: THREADS,
        sizes: [rows, width, 0],
        number: eps,
        lengths: (width, width),
        result: x.shape().clone(),
    };
    kernel.apply(x, scale, scale)
}

/// Turns neighbouring values of every head of `(1, tokens, heads · 2 · angles)` by f32 angles `(tokens, angles)`.
///
/// # Errors
/// As [`layer_norm`].
pub fn turn(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (width, angles) = (x.dim(D::Minus1)?, cos.dim(D::Minus1)?);
    let rows = rows(x, width)?;
    if angles == 0 || !width.is_multiple_of(2 * angles) {
        candle_core::bail!("{angles} angles do not turn tokens of {width} values");
    }
    let kernel = Kernel {
        name: name("turn"),
        wide: Wide::Others,
        grid: (rows, 1),
        threads: THREADS,
        sizes: [rows, width, angles],
        number: 0.0,
        lengths: (rows * angles, rows * angles),
        result: x.shape().clone(),
    };
    kernel.apply(x, cos, sin)
}

/// `x + gate · y` with a gate as long as the last axis.
///
/// # Errors
/// As [`layer_norm`].
pub fn add_gated(x: &Tensor, gate: &Tensor, y: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let rows = rows(x, width)?;
    let kernel = Kernel {
        name: name("add_gated"),
        wide: Wide::Nothing,
        grid: (rows, 1),
        threads: THREADS,
        sizes: [rows, width, 0],
        number: 0.0,
        lengths: (width, x.elem_count()),
        result: x.shape().clone(),
    };
    kernel.apply(x, gate, y)
}
