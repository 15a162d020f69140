//! Group normalisation of maps `(batch, channels, height, width)`: `maps.cu`.

use super::kernel::{Kernel, Name, Wide};
use candle_core::{Result, Tensor};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/maps.ptx"));
/// Threads that sum a group, and that scale a channel's pixels.
const SUMMING: u32 = 1024;
const SCALING: u32 = 256;
/// Pixels a thread scales.
const EACH: usize = 8;

fn name(kernel: &'static str) -> Name {
    Name { kernel, file: "maps", ptx: PTX }
}

/// What the norm of `groups` groups does to each channel: f32 factors and offsets, `(batch, channels)` each.
///
/// # Errors
/// When the sizes or precisions disagree, or the card fails.
pub fn group_statistics(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    groups: usize,
    eps: f32,
) -> Result<(Tensor, Tensor)> {
    let (batch, channels, height, width) = x.dims4()?;
    if x.elem_count() == 0 || groups == 0 || !channels.is_multiple_of(groups) {
        candle_core::bail!("{:?} in {groups} groups", x.dims());
    }
    let kernel = Kernel {
        name: name("group_statistics"),
        wide: Wide::Result,
        grid: (batch * groups, 1),
        threads: SUMMING,
        sizes: [groups, channels, height * width],
        number: eps,
        lengths: (channels, channels),
        result: (2, batch, channels).into(),
    };
    let both = kernel.apply(x, scale, shift)?;
    Ok((both.get(0)?, both.get(1)?))
}

/// Every pixel's channels times `factors` plus `offsets` (f32, `(batch, channels)`), and SiLU of that where wanted.
///
/// # Errors
/// As [`group_statistics`].
pub fn scale_channels(x: &Tensor, factors: &Tensor, offsets: &Tensor, silu: bool) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let pixels = height * width;
    if x.elem_count() == 0 {
        candle_core::bail!("no pixels to scale in {:?}", x.dims());
    }
    let kernel = Kernel {
        name: name("scale_channels"),
        wide: Wide::Others,
        grid: (pixels.div_ceil(EACH * SCALING as usize), batch * channels),
        threads: SCALING,
        sizes: [pixels, usize::from(silu), 0],
        number: 0.0,
        lengths: (batch * channels, batch * channels),
        result: x.shape().clone(),
    };
    kernel.apply(x, factors, offsets)
}
