//! Work on a map one strip of rows at a time.
//!
//! This is what "tiled" means here: the norms see the statistics of the whole map and every strip sees its
//! neighbours' rows, so the picture is the same with and without, there are no seams, and what is saved are the
//! temporaries of the large maps. Our kernels work that way by themselves; here it is done for candle's, and for several
//! layers in a row.

use crate::engine::Result;
use crate::engine::nn::{Around, Conv2d, FeatureMap, GroupNorm};

/// How much of a map is worked on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strips {
    /// All of it.
    Whole,
    /// That many pixels, in whole rows.
    Pixels(usize),
}

/// Pixels of a strip: 64 rows of a 1024 wide map.
pub(super) const PIXELS: usize = 64 * 1024;

impl Strips {
    /// What the memory plan settled.
    #[must_use]
    pub fn when(tiled: bool) -> Self {
        if tiled { Self::Pixels(PIXELS) } else { Self::Whole }
    }

    fn rows(self, x: &FeatureMap) -> usize {
        match self {
            Self::Pixels(n) if !x.has_kernels() => (n / x.width()).max(1),
            Self::Whole | Self::Pixels(_) => x.height(),
        }
    }
}

/// `conv(silu(norm(x)))` of a 3×3 convolution that keeps the size, and the other side of a residual connection added.
pub fn norm_silu_conv(
    strips: Strips,
    norm: &GroupNorm,
    conv: &Conv2d,
    x: &FeatureMap,
    plus: Option<&FeatureMap>,
) -> Result<FeatureMap> {
    let rows = strips.rows(x);
    if rows >= x.height() {
        return Ok(conv.forward_with(x, Around { norm_silu: Some(norm), plus, ..Around::default() })?);
    }
    let statistics = norm.statistics(x)?;
    each_strip(x, rows, (1, 1), plus, |part| Ok(conv.forward(&statistics.norm_silu(part)?)?))
}

/// `conv(upsample2x(x))` of a 3×3 convolution that keeps the size.
pub fn upsample_conv(strips: Strips, conv: &Conv2d, x: &FeatureMap) -> Result<FeatureMap> {
    let rows = strips.rows(x);
    if rows >= x.height() {
        return Ok(conv.forward_with(x, Around { doubled: true, ..Around::default() })?);
    }
    each_strip(x, rows, (1, 2), None, |part| Ok(conv.forward(&part.upsample2x()?)?))
}

/// Several layers that look `reach` rows of `x` beyond their own and double the map, on our kernels in strips of about as
/// many pixels of the result: no map in between is larger, and all strips use the same memory.
pub(super) fn doubled_in_strips(
    x: &FeatureMap,
    pixels: usize,
    reach: usize,
    layers: impl Fn(&FeatureMap) -> Result<FeatureMap>,
) -> Result<FeatureMap> {
    let rows = (pixels / 4 / x.width()).max(1);
    if rows >= x.height() || !x.has_kernels() {
        return layers(x);
    }
    each_strip(x, rows, (reach, 2), None, layers)
}

/// Applies `f`, which looks `reach` rows beyond its own and gives `scale` rows for each, to strips of `rows` rows, and
/// adds the same rows of `plus`.
fn each_strip(
    x: &FeatureMap,
    rows: usize,
    (reach, scale): (usize, usize),
    plus: Option<&FeatureMap>,
    f: impl Fn(&FeatureMap) -> Result<FeatureMap>,
) -> Result<FeatureMap> {
    let height = x.height();
    let mut out = FeatureMap::stack(height * scale);
    for first in (0..height).step_by(rows) {
        let end = height.min(first + rows);
        let (from, to) = (first.saturating_sub(reach), height.min(end + reach));
        let part = f(&x.crop(from, 0, to - from, x.width())?)?;
        let kept = part.crop((first - from) * scale, 0, (end - first) * scale, part.width())?;
        match plus {
            Some(other) => out.push(&kept.add(&other.crop(first, 0, end - first, other.width())?)?)?,
            None => out.push(&kept)?,
        }
    }
    Ok(out.finish()?)
}
