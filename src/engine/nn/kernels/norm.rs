//! Group and layer normalisation of channels-last values.

use super::activation::silu_one;
use super::level::{Level, per_level};
use super::threads;

/// Pixels a task of group normalisation takes.
const PIXELS: usize = 1024;

/// Scale and shift of a normalisation, and what keeps its root from zero.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    /// One per channel.
    pub scale: &'a [f32],
    /// One per channel.
    pub shift: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

/// What group normalisation does to each channel of one picture: a factor and an offset. `x` holds
/// `pixels × channels` values; each of `groups` runs of channels shares its mean and variance. Sums are kept in f64.
#[must_use]
pub fn group_factors(x: &[f32], groups: usize, affine: Affine) -> (Vec<f32>, Vec<f32>) {
    let channels = affine.scale.len();
    let per_group = channels / groups;
    let sums = channel_sums(x, channels);
    #[allow(clippy::cast_precision_loss)]
    let count = (x.len() / channels * per_group) as f64;
    let (mut factors, mut offsets) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
    for (group, sums) in sums.chunks_exact(per_group).enumerate() {
        let (sum, square) = sums.iter().fold((0.0, 0.0), |(a, b), (s, q)| (a + s, b + q));
        let mean = sum / count;
        let variance = (square / count - mean * mean).max(0.0);
        let inverse = 1.0 / (variance + f64::from(affine.eps)).sqrt();
        for c in group * per_group..(group + 1) * per_group {
            let factor = inverse * f64::from(affine.scale[c]);
            #[allow(clippy::cast_possible_truncation)]
            {
                factors.push(factor as f32);
                offsets.push((f64::from(affine.shift[c]) - mean * factor) as f32);
            }
        }
    }
    (factors, offsets)
}

/// Multiplies each channel by its factor, adds its offset and, if asked, applies SiLU.
pub fn scale_channels(x: &[f32], factors: &[f32], offsets: &[f32], silu: bool, out: &mut [f32]) {
    let level = Level::best();
    let block = PIXELS * factors.len();
    threads::each(out.chunks_mut(block).zip(x.chunks(block)), |(out, x)| {
        if silu {
            scale_shift_silu(level, x, factors, offsets, out);
        } else {
            scale_shift(level, x, factors, offsets, out);
        }
    });
}

/// Sum and sum of squares of each channel.
fn channel_sums(x: &[f32], channels: usize) -> Vec<(f64, f64)> {
    let level = Level::best();
    let chunks = x.chunks(PIXELS * channels);
    let mut parts = vec![0.0; chunks.len() * 2 * channels];
    threads::each(parts.chunks_mut(2 * channels).zip(chunks), |(sums, chunk)| add_sums(level, chunk, sums));
    let mut total = vec![(0.0, 0.0); channels];
    for part in parts.chunks(2 * channels) {
        for (c, t) in total.iter_mut().enumerate() {
            t.0 += part[c];
            t.1 += part[channels + c];
        }
    }
    total
}

per_level! {
    /// Adds each channel's values to the first half of `sums` and their squares to the second.
    pub fn add_sums(x: &[f32], sums: &mut [f64]) {
        let channels = sums.len() / 2;
        let (sum, square) = sums.split_at_mut(channels);
        for pixel in x.chunks_exact(channels) {
            for ((v, s), q) in pixel.iter().zip(sum.iter_mut()).zip(square.iter_mut()) {
                let v = f64::from(*v);
                *s += v;
                *q += v * v;
            }
        }
    }
}

per_level! {
    /// `out = x * factor + offset`, channel by channel.
    pub fn scale_shift(x: &[f32], factor: &[f32], offset: &[f32], out: &mut [f32]) {
        let channels = factor.len();
        for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for (((o, v), f), b) in out.iter_mut().zip(x).zip(factor).zip(offset) {
                *o = v * f + b;
            }
        }
    }
}

per_level! {
    /// `out = silu(x * factor + offset)`, channel by channel.
    pub fn scale_shift_silu(x: &[f32], factor: &[f32], offset: &[f32], out: &mut [f32]) {
        let channels = factor.len();
        for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for (((o, v), f), b) in out.iter_mut().zip(x).zip(factor).zip(offset) {
                *o = silu_one(v * f + b);
            }
        }
    }
}

/// Normalises each row of `affine.scale.len()` values.
pub fn layer_norm(x: &[f32], affine: Affine, out: &mut [f32]) {
    let n = affine.scale.len();
    let level = Level::best();
    let blocks = out.chunks_mut(64 * n).zip(x.chunks(64 * n));
    threads::each(blocks, |(out, x)| normalise_rows(level, x, affine, out));
}

per_level! {
    /// [`layer_norm`] of a block of rows, two passes over each.
    pub fn normalise_rows(x: &[f32], affine: Affine, out: &mut [f32]) {
        let n = affine.scale.len();
        for (out, x) in out.chunks_exact_mut(n).zip(x.chunks_exact(n)) {
            #[allow(clippy::cast_precision_loss)]
            let count = n as f32;
            let mean = sum_of(x, |v| v) / count;
            let variance = sum_of(x, |v| (v - mean) * (v - mean)) / count;
            let inverse = 1.0 / (variance + affine.eps).sqrt();
            for (((o, v), scale), shift) in out.iter_mut().zip(x).zip(affine.scale).zip(affine.shift) {
                *o = (v - mean) * inverse * scale + shift;
            }
        }
    }
}

/// Scales each row of `scale.len()` values so that the mean of its squares is 1, and then by `scale`.
pub fn rms_norm(x: &[f32], scale: &[f32], eps: f32, out: &mut [f32]) {
    let n = scale.len();
    let level = Level::best();
    let rows = (1usize << 14).div_ceil(n) * n;
    threads::each(out.chunks_mut(rows).zip(x.chunks(rows)), |(out, x)| scale_rows(level, x, scale, eps, out));
}

per_level! {
    /// [`rms_norm`] of a block of rows.
    pub fn scale_rows(x: &[f32], scale: &[f32], eps: f32, out: &mut [f32]) {
        let n = scale.len();
        for (out, x) in out.chunks_exact_mut(n).zip(x.chunks_exact(n)) {
            #[allow(clippy::cast_precision_loss)]
            let inverse = 1.0 / (sum_of(x, |v| v * v) / n as f32 + eps).sqrt();
            for ((o, v), scale) in out.iter_mut().zip(x).zip(scale) {
                *o = v * inverse * scale;
            }
        }
    }
}

per_level! {
    /// `out += gate * y`, row by row of `gate.len()` values.
    pub fn add_scaled(y: &[f32], gate: &[f32], out: &mut [f32]) {
        let n = gate.len();
        for (out, y) in out.chunks_exact_mut(n).zip(y.chunks_exact(n)) {
            for ((o, v), g) in out.iter_mut().zip(y).zip(gate) {
                *o += g * v;
            }
        }
    }
}

/// Sum in sixteen lanes, so that it vectorises and rounds like a tree.
#[inline(always)]
fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let chunks = x.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|v| f(*v)).sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += f(*v);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn normalised_values_have_mean_zero_and_variance_one(
            (pixels, groups, per_group) in (2usize..40, 1usize..5, 1usize..9),
            values in proptest::collection::vec(-3.0f32..5.0, 50..90),
        ) {
            prop_assume!(pixels * per_group > 3);
            let channels = groups * per_group;
            let x: Vec<f32> = (0..pixels * channels).map(|i| values[(i * 11 + i / 7) % values.len()]).collect();
            let (scale, shift) = (vec![1.0; channels], vec![0.0; channels]);
            let affine = Affine { scale: &scale, shift: &shift, eps: 1e-6 };
            let (factors, offsets) = group_factors(&x, groups, affine);
            let mut out = vec![0.0; x.len()];
            scale_channels(&x, &factors, &offsets, false, &mut out);
            for group in 0..groups {
                let of_group: Vec<f64> = out
                    .chunks_exact(channels)
                    .flat_map(|p| &p[group * per_group..(group + 1) * per_group])
                    .map(|v| f64::from(*v))
                    .collect();
                let n = f64::from(u32::try_from(of_group.len()).unwrap());
                let mean = of_group.iter().sum::<f64>() / n;
                let variance = of_group.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                prop_assert!(mean.abs() < 1e-4, "mean {mean}");
                prop_assert!((variance - 1.0).abs() < 1e-3 || variance < 1e-3, "variance {variance}");
            }
        }

        #[test]
        fn layer_norm_is_the_same_at_every_level(x in proptest::collection::vec(-3.0f32..5.0, 40..41)) {
            let (scale, shift) = (vec![1.5; 20], vec![0.25; 20]);
            let affine = Affine { scale: &scale, shift: &shift, eps: 1e-5 };
            let (mut a, mut b) = (vec![0.0; 40], vec![0.0; 40]);
            normalise_rows(Level::Portable, &x, affine, &mut a);
            normalise_rows(Level::best(), &x, affine, &mut b);
            for (a, b) in a.iter().zip(&b) {
                prop_assert!((a - b).abs() <= 1e-5);
            }
        }
    }
}
