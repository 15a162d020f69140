//! Element-wise functions in f32, good to about one unit in the last place of f32. Polynomials are written with `mul_add`,
//! half the instructions where the processor has one for it (all but those without AVX2, which are slow anyway).

use super::lanes::Lanes;
use super::level::per_level;
use std::f32::consts::LOG2_E;

/// ln 2 in two parts, so that x - n·ln2 keeps its last bits.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Adding 1.5·2^23 rounds to the nearest integer and leaves it in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;
/// The smallest exponent that leaves a normal number.
const LOWEST: f32 = -87.3;
/// (e^r - r - 1) / r², the highest power first (Cephes `expf`).
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// e^x. Range reduction to [-ln2/2, ln2/2] and a polynomial of degree 6; below -87 it is 0.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    // Written so that what is not a number stays none, in one instruction each.
    let clamped = if x > 88.3 { 88.3 } else { x };
    let clamped = if clamped < LOWEST { LOWEST } else { clamped };
    let rounded = clamped.mul_add(LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LN_2[1], n.mul_add(-LN_2[0], clamped));
    let mut p = EXP[0];
    for next in &EXP[1..] {
        p = p.mul_add(r, *next);
    }
    let y = p.mul_add(r * r, r) + 1.0;
    // The low bits of `rounded` hold n; shifting moves n to the exponent and everything else out.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    let result = y * scale;
    if x < LOWEST { 0.0 } else { result }
}

/// [`exp`] of a vector of what is not above 0; at its smallest it is 1e-38, not 0.
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn exp_of_negative<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let x = x.at_least(V::splat(LOWEST));
        let rounded = x.times_plus(LOG2_E, V::splat(ROUND));
        let n = rounded.minus(V::splat(ROUND));
        let r = n.times_plus(-LN_2[1], n.times_plus(-LN_2[0], x));
        let mut p = V::splat(EXP[0]);
        for next in &EXP[1..] {
            p = p.fused(r, V::splat(*next));
        }
        p.fused(r.times(r), r).plus(V::splat(1.0)).times(rounded.power_of_two())
    }
}

/// The error function, rational approximation on [-4, 4] (the one of Eigen and XLA), absolute error below 6e-7.
#[inline(always)]
#[must_use]
pub fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let z = x * x;
    let mut p: f32 = -2.726_142_3e-10;
    p = p.mul_add(z, 2.770_681_4e-8);
    p = p.mul_add(z, -2.101_024e-6);
    p = p.mul_add(z, -5.692_506_3e-5);
    p = p.mul_add(z, -7.349_906_3e-4);
    p = p.mul_add(z, -2.954_6e-3);
    p = p.mul_add(z, -1.609_603_3e-2);
    let mut q: f32 = -1.456_607_2e-5;
    q = q.mul_add(z, -2.133_740_6e-4);
    q = q.mul_add(z, -1.682_827e-3);
    q = q.mul_add(z, -7.373_329e-3);
    q = q.mul_add(z, -1.426_473_9e-2);
    x * p / q
}

/// x·σ(x)
#[inline(always)]
#[must_use]
pub fn silu_one(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// x·Φ(x) by erf, torch's default `gelu`.
#[inline(always)]
#[must_use]
pub fn gelu_one(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// x·Φ(x) by its approximation with tanh: ½·(1 + tanh u) is σ(2u), u = √(2/π)·(x + 0.044715·x³).
#[inline(always)]
#[must_use]
pub fn gelu_tanh_one(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 2.0 * 0.797_884_6;
    x / (1.0 + exp(-TWICE_ROOT * (x + 0.044_715 * x * x * x)))
}

/// x·σ(1.702·x), CLIP-L's `quick_gelu`.
#[inline(always)]
#[must_use]
pub fn quick_gelu_one(x: f32) -> f32 {
    x / (1.0 + exp(-1.702 * x))
}

per_level! {
    /// x·σ(x) in place.
    pub fn silu(values: &mut [f32]) {
        for v in values {
            *v = silu_one(*v);
        }
    }
}

per_level! {
    /// x·Φ(x) in place (exact, by erf).
    pub fn gelu(values: &mut [f32]) {
        for v in values {
            *v = gelu_one(*v);
        }
    }
}

per_level! {
    /// GELU by its approximation with tanh, in place.
    pub fn gelu_tanh(values: &mut [f32]) {
        for v in values {
            *v = gelu_tanh_one(*v);
        }
    }
}

per_level! {
    /// x·σ(1.702·x) in place: CLIP-L's `quick_gelu`.
    pub fn quick_gelu(values: &mut [f32]) {
        for v in values {
            *v = quick_gelu_one(*v);
        }
    }
}

per_level! {
    /// `out[i] = row[i] * gelu(row[n + i])` for each row of `2 * n` values.
    pub fn geglu(rows: &[f32], out: &mut [f32], n: usize) {
        for (row, out) in rows.chunks_exact(2 * n).zip(out.chunks_exact_mut(n)) {
            let (value, gate) = row.split_at(n);
            for ((o, v), g) in out.iter_mut().zip(value).zip(gate) {
                *o = v * gelu_one(*g);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::level::Level;
    use super::super::plain;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_good_to_two_units(x in -87.0f32..88.0) {
            let (ours, truth) = (f64::from(exp(x)), f64::from(x).exp());
            prop_assert!((ours - truth).abs() <= 2.5e-7 * truth, "{x}: {ours} against {truth}");
        }

        #[test]
        fn erf_is_good_to_6e_7(x in -4.5f32..4.5) {
            prop_assert!((f64::from(erf(x)) - plain::erf(f64::from(x))).abs() < 6e-7, "{x}");
        }

        #[test]
        fn every_level_agrees(mut values in proptest::collection::vec(-30.0f32..30.0, 0..70)) {
            let mut plain = values.clone();
            silu(Level::Portable, &mut plain);
            silu(Level::best(), &mut values);
            for (a, b) in plain.iter().zip(&values) {
                prop_assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()));
            }
        }
    }

    #[test]
    fn exp_keeps_the_edges() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(silu_one(f32::NAN).is_nan());
    }
}
