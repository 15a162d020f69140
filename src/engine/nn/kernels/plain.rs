//! The plain way in f64, which the kernels' tests hold them to.

use super::blocks::{Blocks, Kind};
use super::conv::{Input, Window};
use super::output::{Finish, Then};
use half::f16;
use std::sync::Arc;

/// Values in ±1, the same for the same seed.
pub fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        #[allow(clippy::cast_precision_loss)]
        let value = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        value
    };
    (0..n).map(|_| next()).collect()
}

/// Blocks of any bytes but for their scales, which are small numbers.
pub fn quantised(kind: Kind, n: usize, seed: u32) -> Blocks {
    let mut bytes: Vec<u8> = numbers(kind.bytes(n).unwrap(), seed).iter().map(|v| (v * 999.0) as i32 as u8).collect();
    let scales = match kind {
        Kind::Q4K => 2,
        Kind::F8E4m3 => 0,
        _ => 1,
    };
    for (i, block) in bytes.chunks_exact_mut(kind.block().1).enumerate() {
        for scale in block.chunks_exact_mut(2).take(scales) {
            scale.copy_from_slice(&f16::from_f32(0.001 * (i % 7) as f32).to_le_bytes());
        }
        if kind == Kind::F8E4m3 {
            // Neither large nor what is no number.
            block[0] &= 0xbf;
        }
    }
    let length = bytes.len();
    Blocks::new(kind, Arc::new(bytes), 0..length).unwrap()
}

/// Fails unless each value is within 3e-5 of the plain one, relative to it or to 1.
pub fn assert_close(ours: &[f32], plain: &[f64]) {
    assert_within(ours, plain, 3e-5);
}

/// Fails unless each value is so near to the plain one, relative to it or to 1.
pub fn assert_within(ours: &[f32], plain: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), plain.len());
    for (i, (a, b)) in ours.iter().zip(plain).enumerate() {
        assert!((f64::from(*a) - b).abs() <= tolerance * (1.0 + b.abs()), "value {i}: {a} against {b}");
    }
}

/// `x · wᵀ`
pub fn product(x: &[f32], w: &[f32], inputs: usize) -> Vec<f64> {
    let dot = |row: &[f32], w: &[f32]| row.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    x.chunks_exact(inputs).flat_map(|row| w.chunks_exact(inputs).map(move |w| dot(row, w))).collect()
}

/// erf by its series: exact where |x| < 5, beyond it is ±1.
pub fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// x·Φ(x)
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// What [`Finish`] says.
pub fn finished(sums: &[f64], outputs: usize, finish: Finish) -> Vec<f64> {
    let one = |(i, sum): (usize, &f64)| {
        let output = i % outputs;
        let bias = finish.bias.map_or(0.0, |bias| f64::from(bias[output]));
        let x = sum + bias + finish.plus.map_or(0.0, |plus| f64::from(plus[i]));
        match finish.then {
            Then::Nothing => x,
            Then::Silu => x / (1.0 + (-x).exp()),
            Then::Gelu => gelu(x),
            Then::GeluTanh => {
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
            }
            Then::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Then::Relu => x.max(0.0),
            Then::Prelu(slopes) => x.max(0.0) + f64::from(slopes[output]) * x.min(0.0),
        }
    };
    sums.iter().enumerate().map(one).collect()
}

/// What a convolution of weights `[output][channel][tap]` sums up.
pub fn convolution(input: &Input, window: Window, w: &[f32]) -> Vec<f64> {
    let (height, width) = input.seen();
    let c = input.channels;
    let scale = 1 + usize::from(input.doubled);
    let pixel = |picture: usize, y: usize, x: usize, channel: usize| {
        let at = (picture * input.height + y / scale) * input.width + x / scale;
        let value = f64::from(input.values[at * c + channel]);
        let Some((factors, offsets)) = input.norm else { return value };
        let of = picture * c + channel;
        let x = value * f64::from(factors[of]) + f64::from(offsets[of]);
        x / (1.0 + (-x).exp())
    };
    let taps = window.size * window.size;
    let mut sums = Vec::new();
    for picture in 0..input.batch() {
        for at in 0..window.outputs(height) * window.outputs(width) {
            let (y, x) = (at / window.outputs(width), at % window.outputs(width));
            for w in w.chunks_exact(c * taps) {
                let mut sum = 0.0;
                for tap in 0..taps {
                    let y = (y * window.stride + tap / window.size).wrapping_sub(window.before);
                    let x = (x * window.stride + tap % window.size).wrapping_sub(window.before);
                    if y < height && x < width {
                        sum += (0..c).map(|i| pixel(picture, y, x, i) * f64::from(w[i * taps + tap])).sum::<f64>();
                    }
                }
                sums.push(sum);
            }
        }
    }
    sums
}
