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
                for x in 0..6 {
                    let at = |y: usize| V::load(from.add(y * row + x * WIDE + lane));
                    half[x] = six_of_six([at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
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
                for x in 0..3 {
                    let at = |y: usize| V::load(from.add((y * 3 + x) * tap + at));
                    half[x] = six_of_three([at(0), at(1), at(2)]);
                }
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
                for x in 0..6 {
                    let at = |y: usize| V::load(from.add((y * 6 + x) * point + lane));
                    half[x] = four_of_six([at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
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

/// Bᵀ: 4 0 -5 0 1 0 / 0 -4 -4 1 1 0 / 0 4 -4 -1 1 0 / 0 -2 -1 2 1 0 / 0 2 -1 -2 1 0 / 0 4 0 -5 0 1
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn six_of_six<V: Lanes>(d: [V; 6]) -> [V; 6] {
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let (even, odd) = (d[2].times_plus(-4.0, d[4]), d[1].times_plus(-4.0, d[3]));
        let (near, far) = (d[4].minus(d[2]), d[3].minus(d[1]));
        [
            d[0].times_plus(4.0, d[2].times_plus(-5.0, d[4])),
            even.plus(odd),
            even.minus(odd),
            far.times_plus(2.0, near),
            far.times_plus(-2.0, near),
            d[1].times_plus(4.0, d[3].times_plus(-5.0, d[5])),
        ]
    }
}

/// G: ¼ 0 0 / -⅙ -⅙ -⅙ / -⅙ ⅙ -⅙ / 1/24 1/12 ⅙ / 1/24 -1/12 ⅙ / 0 0 1
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn six_of_three<V: Lanes>(g: [V; 3]) -> [V; 6] {
    const SIXTH: f32 = 1.0 / 6.0;
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let zero = V::splat(0.0);
        let sides = g[0].plus(g[2]).times_plus(-SIXTH, zero);
        let outer = g[0].times_plus(1.0 / 24.0, g[2].times_plus(SIXTH, zero));
        [
            g[0].times_plus(0.25, zero),
            g[1].times_plus(-SIXTH, sides),
            g[1].times_plus(SIXTH, sides),
            g[1].times_plus(1.0 / 12.0, outer),
            g[1].times_plus(-1.0 / 12.0, outer),
            g[2],
        ]
    }
}

/// Aᵀ: 1 1 1 1 1 0 / 0 1 -1 2 -2 0 / 0 1 1 4 4 0 / 0 1 -1 8 -8 1
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn four_of_six<V: Lanes>(m: [V; 6]) -> [V; 4] {
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let (sum, difference) = (m[1].plus(m[2]), m[1].minus(m[2]));
        let (sum2, difference2) = (m[3].plus(m[4]), m[3].minus(m[4]));
        [
            m[0].plus(sum).plus(sum2),
            difference2.times_plus(2.0, difference),
            sum2.times_plus(4.0, sum),
            difference2.times_plus(8.0, difference).plus(m[5]),
        ]
    }
}
