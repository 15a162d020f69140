//! The three transforms of Winograd's F(4×4, 3×3), 32 channels at a time.

use super::lanes::{Lanes, per_lanes};
use super::tile::WIDE;

/// Points of the transformed plane: 6 × 6.
pub const POINTS: usize = 36;

per_lanes! {
    /// `Bᵀ d B`: six rows of six pixels of 32 channels, `row` values apart, to 36 points, `point` values apart.
    ///
    /// # Safety
    /// All of them are there and nobody else looks at the points.
    pub unsafe fn transform_input<V>(from: *const f32, row: usize, to: *mut f32, point: usize) {
        for lane in (0..WIDE).step_by(V::N) {
            // SAFETY: 32 values of each pixel and point are there: the caller's promise.
            unsafe {
                let mut half = [[V::splat(0.0); 6]; 6];
                for (x, half) in half.iter_mut().enumerate() {
                    let at = |y: usize| V::load(from.add(y * row + x * WIDE + lane));
                    *half = six_of_six([at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
                #[allow(clippy::needless_range_loop, reason = "y goes across the rows of `half`")]
                for y in 0..6 {
                    let points = six_of_six([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]]);
                    for (x, value) in points.into_iter().enumerate() {
                        value.store(to.add((y * 6 + x) * point + lane));
                    }
                }
            }
        }
    }
}

per_lanes! {
    /// `G g Gᵀ` of `channels` channels of 32 outputs each: nine taps, `tap` values apart, to 36 points, `point` apart.
    ///
    /// # Safety
    /// All of them are there and nobody else looks at the points.
    pub unsafe fn transform_weights<V>(from: *const f32, tap: usize, channels: usize, to: *mut f32, point: usize) {
        for at in (0..channels * WIDE).step_by(V::N) {
            // SAFETY: `channels · 32` values of each tap and point are there: the caller's promise.
            unsafe {
                let mut half = [[V::splat(0.0); 6]; 3];
                for (x, half) in half.iter_mut().enumerate() {
                    let at = |y: usize| V::load(from.add((y * 3 + x) * tap + at));
                    *half = six_of_three([at(0), at(1), at(2)]);
                }
                #[allow(clippy::needless_range_loop, reason = "y goes across the rows of `half`")]
                for y in 0..6 {
                    let points = six_of_three([half[0][y], half[1][y], half[2][y]]);
                    for (x, value) in points.into_iter().enumerate() {
                        value.store(to.add((y * 6 + x) * point + at));
                    }
                }
            }
        }
    }
}

per_lanes! {
    /// `Aᵀ m A`: 36 points of 32 outputs, `point` values apart, to sixteen pixels, `[4][4][32]`.
    ///
    /// # Safety
    /// All of them are there and nobody else looks at the pixels.
    pub unsafe fn transform_sums<V>(from: *const f32, point: usize, to: *mut f32) {
        for lane in (0..WIDE).step_by(V::N) {
            // SAFETY: 32 values of each point and pixel are there: the caller's promise.
            unsafe {
                let mut half = [[V::splat(0.0); 4]; 6];
                for (x, half) in half.iter_mut().enumerate() {
                    let at = |y: usize| V::load(from.add((y * 6 + x) * point + lane));
                    *half = four_of_six([at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
                #[allow(clippy::needless_range_loop, reason = "y goes across the rows of `half`")]
                for y in 0..4 {
                    let pixels = four_of_six([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]]);
                    for (x, value) in pixels.into_iter().enumerate() {
                        value.store(to.add((y * 4 + x) * WIDE + lane));
                    }
                }
            }
        }
    }
}

/// The two pairs of points beside 0 and infinity: ±5/8 and ±3/2, with which sums in f32 come out nearer to the truth than with
/// the usual 1 and 2 (oneDNN takes them too), and which are exact.
const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

/// Bᵀ, whose row for point p, of a pair ±p and ±q, is 0 -pq² -q² p 1 0; for 0 it is a²b² 0 -(a²+b²) 0 1 0, and for infinity
/// the same one place on.
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn six_of_six<V: Lanes>(d: [V; 6]) -> [V; 6] {
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let (even_a, odd_a) = (d[2].times_plus(-B2, d[4]), d[1].times_plus(-B2, d[3]));
        let (even_b, odd_b) = (d[2].times_plus(-A2, d[4]), d[1].times_plus(-A2, d[3]));
        [
            d[0].times_plus(A2 * B2, d[2].times_plus(-(A2 + B2), d[4])),
            odd_a.times_plus(A, even_a),
            odd_a.times_plus(-A, even_a),
            odd_b.times_plus(B, even_b),
            odd_b.times_plus(-B, even_b),
            d[1].times_plus(A2 * B2, d[3].times_plus(-(A2 + B2), d[5])),
        ]
    }
}

/// G, whose row for point p is 1 p p², divided by the product of its distances from the other points.
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn six_of_three<V: Lanes>(g: [V; 3]) -> [V; 6] {
    const OF_0: f32 = 1.0 / (A2 * B2);
    const OF_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
    const OF_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let zero = V::splat(0.0);
        let even_a = g[0].times_plus(OF_A, g[2].times_plus(A2 * OF_A, zero));
        let even_b = g[0].times_plus(OF_B, g[2].times_plus(B2 * OF_B, zero));
        [
            g[0].times_plus(OF_0, zero),
            g[1].times_plus(A * OF_A, even_a),
            g[1].times_plus(-A * OF_A, even_a),
            g[1].times_plus(B * OF_B, even_b),
            g[1].times_plus(-B * OF_B, even_b),
            g[2],
        ]
    }
}

/// Aᵀ, whose column for point p is 1 p p² p³, and for infinity 0 0 0 1.
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn four_of_six<V: Lanes>(m: [V; 6]) -> [V; 4] {
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let zero = V::splat(0.0);
        let (even_a, odd_a) = (m[1].plus(m[2]), m[1].minus(m[2]));
        let (even_b, odd_b) = (m[3].plus(m[4]), m[3].minus(m[4]));
        [
            m[0].plus(even_a).plus(even_b),
            odd_a.times_plus(A, odd_b.times_plus(B, zero)),
            even_a.times_plus(A2, even_b.times_plus(B2, zero)),
            odd_a.times_plus(A * A2, odd_b.times_plus(B * B2, m[5])),
        ]
    }
}
