//! The three transforms of Winograd's F(n×n, 3×3), 32 channels at a time.
//!
//! n×n outputs follow from n+2 × n+2 inputs, which are looked at in as many points of the plane: 0, infinity, and pairs ±p.
//! All coefficients follow from the pairs (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks").

use super::lanes::{Lanes, per_lanes};
use super::level::Level;
use super::tile::WIDE;

/// Most outputs along a side of a tile.
pub const MOST: usize = 6;

/// The transforms for tiles of one size.
pub struct Transforms {
    /// Outputs along a side.
    pub side: usize,
    /// `Bᵀ d B`: rows of pixels of 32 channels, so many values apart, to points, so many values apart.
    pub input: unsafe fn(Level, *const f32, usize, *mut f32, usize),
    /// `G g Gᵀ` of so many channels of 32 outputs each: nine taps, so many values apart, to points.
    pub weights: unsafe fn(Level, *const f32, usize, usize, *mut f32, usize),
    /// `Aᵀ m A`: points of 32 outputs, so many values apart, to pixels, `[side][side][32]`.
    pub sums: unsafe fn(Level, *const f32, usize, *mut f32),
}

impl Transforms {
    /// Inputs of a tile along a side.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.side + 2
    }

    /// Points of a tile.
    #[must_use]
    pub fn points(&self) -> usize {
        self.seen() * self.seen()
    }
}

/// Tiles of 4×4 outputs: 36 products where the plain way has 144.
pub static FOUR: Transforms = Transforms { side: 4, input: input_of_4, weights: weights_of_4, sums: sums_of_4 };
/// Tiles of 6×6 outputs: 64 products where the plain way has 324.
pub static SIX: Transforms = Transforms { side: 6, input: input_of_6, weights: weights_of_6, sums: sums_of_6 };

/// Pairs with which sums in f32 come out nearer to the truth than with the usual 1 and 2 (oneDNN takes them too).
const OF_4: Points<2> = Points::of([0.625, 1.5]);
/// The triple of seventeen numbers from 3/8 to 9/4 that rounds least, by trial: three to four times what those
/// pairs do.
const OF_6: Points<3> = Points::of([0.5625, 1.0, 2.0]);

/// Most pairs of points.
const PAIRS: usize = 3;
/// A polynomial in squares, its lowest power first.
type Polynomial = [f64; PAIRS + 1];

/// `N` pairs of points ±p, and what follows from them.
struct Points<const N: usize> {
    pairs: [f32; N],
    /// Factors of Π (y - p²) over all pairs.
    all: [f32; PAIRS + 1],
    /// For each pair the same over all others.
    others: [[f32; PAIRS + 1]; N],
    /// 1 by the product of a point's distances from all others but infinity: of 0, and of one of each pair.
    of_0: f32,
    of_pairs: [f32; N],
    /// Powers of one of each pair.
    powers: [[f32; MOST]; N],
}

#[allow(clippy::cast_possible_truncation, reason = "coefficients are computed in f64 and used in f32")]
impl<const N: usize> Points<N> {
    const fn of(pairs: [f64; N]) -> Self {
        let all = product(&pairs, N);
        let mut points = Self {
            pairs: [0.0; N],
            all: rounded(all),
            others: [[0.0; PAIRS + 1]; N],
            of_0: (1.0 / all[0]) as f32,
            of_pairs: [0.0; N],
            powers: [[1.0; MOST]; N],
        };
        let mut k = 0;
        while k < N {
            let (p, others) = (pairs[k], product(&pairs, k));
            points.pairs[k] = p as f32;
            points.others[k] = rounded(others);
            // Their value at p², by Horner's scheme, is the product of p's distances from the other pairs.
            let (mut value, mut i) = (0.0, PAIRS + 1);
            while i > 0 {
                i -= 1;
                value = value * p * p + others[i];
            }
            points.of_pairs[k] = (1.0 / (2.0 * p * p * value)) as f32;
            let (mut power, mut i) = (1.0, 0);
            while i < MOST {
                points.powers[k][i] = power as f32;
                power *= p;
                i += 1;
            }
            k += 1;
        }
        points
    }
}

/// What becomes of the values along a side of a tile.
trait Transform<const FROM: usize, const TO: usize> {
    /// # Safety
    /// As all of [`Lanes`].
    unsafe fn of<V: Lanes>(&self, values: [V; FROM]) -> [V; TO];
}

/// Bᵀ, whose row for a point is Π (x - q) over all other points but infinity, and for infinity over all of them.
struct Inputs<const N: usize>(Points<N>);

impl<const N: usize, const SEEN: usize> Transform<SEEN, SEEN> for Inputs<N> {
    #[inline(always)]
    unsafe fn of<V: Lanes>(&self, d: [V; SEEN]) -> [V; SEEN] {
        // SAFETY: the caller is compiled for these instructions.
        unsafe {
            let mut out = d;
            out[0] = in_squares(&self.0.all, N, &d, 0);
            out[SEEN - 1] = in_squares(&self.0.all, N, &d, 1);
            for k in 0..N {
                let odd = in_squares(&self.0.others[k], N - 1, &d, 1);
                let even = in_squares(&self.0.others[k], N - 1, &d, 2);
                out[1 + 2 * k] = odd.times_plus(self.0.pairs[k], even);
                out[2 + 2 * k] = odd.times_plus(-self.0.pairs[k], even);
            }
            out
        }
    }
}

/// G, whose row for point p is 1 p p², divided by the product of its distances from the other points.
struct Taps<const N: usize>(Points<N>);

impl<const N: usize, const SEEN: usize> Transform<3, SEEN> for Taps<N> {
    #[inline(always)]
    unsafe fn of<V: Lanes>(&self, g: [V; 3]) -> [V; SEEN] {
        // SAFETY: the caller is compiled for these instructions.
        unsafe {
            let zero = V::splat(0.0);
            let mut out = [g[2]; SEEN];
            out[0] = g[0].times_plus(self.0.of_0, zero);
            for k in 0..N {
                let (p, by) = (self.0.pairs[k], self.0.of_pairs[k]);
                let even = g[0].times_plus(by, g[2].times_plus(p * p * by, zero));
                out[1 + 2 * k] = g[1].times_plus(p * by, even);
                out[2 + 2 * k] = g[1].times_plus(-p * by, even);
            }
            out
        }
    }
}

/// Aᵀ, whose column for point p is 1 p p² …, and for infinity 0 … 0 1.
struct Sums<const N: usize>(Points<N>);

impl<const N: usize, const SEEN: usize, const SIDE: usize> Transform<SEEN, SIDE> for Sums<N> {
    #[inline(always)]
    unsafe fn of<V: Lanes>(&self, m: [V; SEEN]) -> [V; SIDE] {
        // SAFETY: the caller is compiled for these instructions.
        unsafe {
            let mut out = [V::splat(0.0); SIDE];
            out[0] = m[0];
            out[SIDE - 1] = m[SEEN - 1];
            for k in 0..N {
                let both = [m[1 + 2 * k].plus(m[2 + 2 * k]), m[1 + 2 * k].minus(m[2 + 2 * k])];
                for i in 0..SIDE {
                    out[i] = both[i % 2].times_plus(self.0.powers[k][i], out[i]);
                }
            }
            out
        }
    }
}

/// The factors of Π (y - p²) over all pairs but one.
const fn product(pairs: &[f64], but: usize) -> Polynomial {
    let mut factors = [0.0; PAIRS + 1];
    factors[0] = 1.0;
    let mut k = 0;
    while k < pairs.len() {
        if k != but {
            let mut i = PAIRS;
            while i > 0 {
                factors[i] = factors[i - 1] - pairs[k] * pairs[k] * factors[i];
                i -= 1;
            }
            factors[0] *= -pairs[k] * pairs[k];
        }
        k += 1;
    }
    factors
}

#[allow(clippy::cast_possible_truncation, reason = "coefficients are computed in f64 and used in f32")]
const fn rounded(factors: Polynomial) -> [f32; PAIRS + 1] {
    let (mut all, mut i) = ([0.0; PAIRS + 1], 0);
    while i <= PAIRS {
        all[i] = factors[i] as f32;
        i += 1;
    }
    all
}

/// The sum of every second input from `first` on, times the factors of a polynomial whose highest power has factor 1.
///
/// # Safety
/// As all of [`Lanes`].
#[inline(always)]
unsafe fn in_squares<V: Lanes>(factors: &[f32; PAIRS + 1], degree: usize, d: &[V], first: usize) -> V {
    // SAFETY: the caller is compiled for these instructions.
    unsafe {
        let mut sum = d[first + 2 * degree];
        for i in (0..degree).rev() {
            sum = d[first + 2 * i].times_plus(factors[i], sum);
        }
        sum
    }
}

/// Transforms columns, then rows, of a square of vectors. Of both sides it is told where they begin, and how far it is to
/// the next row and to the next column.
///
/// # Safety
/// As all of [`Lanes`]; all rows and columns are there.
#[inline(always)]
unsafe fn both_ways<V: Lanes, const FROM: usize, const TO: usize>(
    transform: impl Transform<FROM, TO>,
    (from, row, column): (*const f32, usize, usize),
    (to, to_row, to_column): (*mut f32, usize, usize),
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut half = [[V::splat(0.0); TO]; FROM];
        for (x, half) in half.iter_mut().enumerate() {
            let mut values = [V::splat(0.0); FROM];
            for (y, value) in values.iter_mut().enumerate() {
                *value = V::load(from.add(y * row + x * column));
            }
            *half = transform.of(values);
        }
        for y in 0..TO {
            let mut values = [V::splat(0.0); FROM];
            for (value, half) in values.iter_mut().zip(&half) {
                *value = half[y];
            }
            for (x, value) in transform.of(values).into_iter().enumerate() {
                value.store(to.add(y * to_row + x * to_column));
            }
        }
    }
}

/// The three transforms for tiles of `$side` outputs a side with the points `$points`.
macro_rules! transforms {
    ($points:expr, $side:literal, $input:ident, $weights:ident, $sums:ident) => {
        per_lanes! {
            /// See [`Transforms::input`].
            ///
            /// # Safety
            /// All of them are there and nobody else looks at the points.
            pub unsafe fn $input<V>(from: *const f32, row: usize, to: *mut f32, point: usize) {
                const SEEN: usize = $side + 2;
                for lane in (0..WIDE).step_by(V::N) {
                    // SAFETY: 32 values of each pixel and point are there: the caller's promise.
                    unsafe {
                        let (from, to) = ((from.add(lane), row, WIDE), (to.add(lane), SEEN * point, point));
                        both_ways::<V, SEEN, SEEN>(Inputs($points), from, to);
                    }
                }
            }
        }

        per_lanes! {
            /// See [`Transforms::weights`].
            ///
            /// # Safety
            /// All of them are there and nobody else looks at the points.
            pub unsafe fn $weights<V>(from: *const f32, tap: usize, channels: usize, to: *mut f32, point: usize) {
                const SEEN: usize = $side + 2;
                for at in (0..channels * WIDE).step_by(V::N) {
                    // SAFETY: `channels · 32` values of each tap and point are there: the caller's promise.
                    unsafe {
                        let (from, to) = ((from.add(at), 3 * tap, tap), (to.add(at), SEEN * point, point));
                        both_ways::<V, 3, SEEN>(Taps($points), from, to);
                    }
                }
            }
        }

        per_lanes! {
            /// See [`Transforms::sums`].
            ///
            /// # Safety
            /// All of them are there and nobody else looks at the pixels.
            pub unsafe fn $sums<V>(from: *const f32, point: usize, to: *mut f32) {
                const SEEN: usize = $side + 2;
                for lane in (0..WIDE).step_by(V::N) {
                    // SAFETY: 32 values of each point and pixel are there: the caller's promise.
                    unsafe {
                        let (from, to) = ((from.add(lane), SEEN * point, point), (to.add(lane), $side * WIDE, WIDE));
                        both_ways::<V, SEEN, $side>(Sums($points), from, to);
                    }
                }
            }
        }
    };
}
transforms!(OF_4, 4, input_of_4, weights_of_4, sums_of_4);
transforms!(OF_6, 6, input_of_6, weights_of_6, sums_of_6);
