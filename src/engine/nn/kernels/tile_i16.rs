//! The product of [`super::tile`] for values of sixteen bits: sums of i32, which are exact, then f32, the same on every
//! processor. An instruction multiplies twice as many of them as of f32.
//!
//! ```text
//! c[row][32]  (+)=  unit[row] · unit[column] · Σ chunk  a[chunk · step + row · 32 + i] · b[chunk][i / 2][column][i % 2]
//! ```
//!
//! Who rounds the values sees to it that no sum reaches 2³¹.

use super::activation::ROUND;
use super::level::Level;
use super::tile::{Before, WIDE};

/// The left side.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// The values, from the first one that is used.
    pub values: &'a [i16],
    /// Of each row: what one is worth.
    pub units: &'a [f32],
    /// Chunks that are used.
    pub chunks: usize,
    /// From a chunk to the next.
    pub step: usize,
}

/// The right side.
#[derive(Clone, Copy)]
pub struct Right<'a> {
    /// `[chunk][16 pairs of inputs][32][2]`
    pub values: &'a [i16],
    /// Of each of the 32 columns: what one is worth.
    pub units: &'a [f32],
}

/// The nearest integer, which must fit: a value of either side.
#[inline(always)]
pub(super) fn nearest(value: f32) -> i16 {
    // What lies in the low bits after that sum; so does `Lanes::store_as_i16`.
    #[allow(clippy::cast_possible_truncation)]
    let low = (value + ROUND).to_bits() as u16;
    low.cast_signed()
}

/// The product as the module says it.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub fn product(level: Level, left: Left, right: Right, result: &mut [f32], before: Before) {
    let (rows, chunks, kept) = (left.units.len(), left.chunks, before == Before::Kept);
    if rows == 0 {
        return;
    }
    assert!(chunks > 0 && left.values.len() >= (chunks - 1) * left.step + rows * WIDE);
    assert!(right.values.len() >= chunks * WIDE * WIDE && right.units.len() >= WIDE && result.len() >= rows * WIDE);
    #[cfg(target_arch = "x86_64")]
    {
        let sides = (left.values.as_ptr(), left.units.as_ptr(), result.as_mut_ptr());
        let (values, units) = (right.values.as_ptr(), right.units.as_ptr());
        let shape = (chunks, left.step);
        match level.min(Level::best()) {
            // SAFETY: the instructions are there; the slices hold what the shape says (asserted).
            Level::Vnni => return unsafe { x86::each(rows, x86::vnni(), shape, sides, (values, units), kept) },
            // SAFETY: as above.
            Level::Avx512 => return unsafe { x86::each(rows, x86::avx512(), shape, sides, (values, units), kept) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { x86::each(rows, x86::avx2(), shape, sides, (values, units), kept) },
            Level::Portable => {}
        }
    }
    let _ = level;
    plain(left, right, result, kept);
}

fn plain(left: Left, right: Right, result: &mut [f32], kept: bool) {
    for (row, (result, unit)) in result.chunks_exact_mut(WIDE).zip(left.units).enumerate() {
        let mut sums = [0i32; WIDE];
        for chunk in 0..left.chunks {
            let a = &left.values[chunk * left.step + row * WIDE..][..WIDE];
            let b = &right.values[chunk * WIDE * WIDE..][..WIDE * WIDE];
            for (a, b) in a.as_chunks::<2>().0.iter().zip(b.chunks_exact(2 * WIDE)) {
                for (sum, b) in sums.iter_mut().zip(b.as_chunks::<2>().0) {
                    *sum += i32::from(a[0]) * i32::from(b[0]) + i32::from(a[1]) * i32::from(b[1]);
                }
            }
        }
        for ((result, sum), worth) in result.iter_mut().zip(sums).zip(right.units) {
            #[allow(clippy::cast_precision_loss)]
            let value = sum as f32 * worth;
            *result = value.mul_add(*unit, if kept { *result } else { 0.0 });
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::tile::by_memory;
    use super::WIDE;
    use std::arch::x86_64::*;

    /// The left side, what one is worth in its rows, and the result.
    type Sides = (*const i16, *const f32, *mut f32);
    /// The right side and what one is worth, from the first column that is used.
    type Right = (*const i16, *const f32);
    /// A product of as many rows as its place in the table says, plus one: chunks and step, both sides, and whether the
    /// result is added to.
    type Rows = unsafe fn((usize, usize), Sides, Right, bool);

    /// Cuts the rows into parts of about one size, none larger than the table.
    ///
    /// # Safety
    /// The processor has the table's instructions, and the matrices are as large as the shape says.
    pub unsafe fn each(
        rows: usize,
        table: &[Rows],
        shape: (usize, usize),
        (a, units, c): Sides,
        right: Right,
        kept: bool,
    ) {
        let parts = rows.div_ceil(table.len());
        for part in 0..parts {
            let (from, to) = (part * rows / parts, (part + 1) * rows / parts);
            // SAFETY: `from..to` lies within the rows; instructions and sizes are the caller's promise.
            unsafe {
                let sides = (a.add(from * WIDE), units.add(from), c.add(from * WIDE));
                table[to - from - 1](shape, sides, right, kept);
            }
        }
    }

    /// Up to 3 rows of 32 columns: twelve sums, a pair of the left side and its products.
    pub fn avx2() -> &'static [Rows] {
        &[rows_avx2::<1>, rows_avx2::<2>, rows_avx2::<3>]
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn rows_avx2<const ROWS: usize>(
        (chunks, step): (usize, usize),
        (mut a, units, c): Sides,
        (mut b, worth): Right,
        kept: bool,
    ) {
        let mut sums = [[_mm256_setzero_si256(); 4]; ROWS];
        // SAFETY: ROWS rows of `a`, `units` and `c`, `chunks` chunks of `a` and `b`, and 32 columns of what is of the
        // right side, are there: the caller's promise.
        unsafe {
            for _ in 0..chunks {
                for pair in (0..WIDE / 2).step_by(2) {
                    for (row, sums) in sums.iter_mut().enumerate() {
                        add_pair::<0>(a.add(row * WIDE + 2 * pair).cast(), b, sums);
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        add_pair::<1>(a.add(row * WIDE + 2 * pair + 2).cast(), b, sums);
                    }
                    b = b.add(4 * WIDE);
                }
                a = a.wrapping_add(step);
            }
            for (row, sums) in sums.iter().enumerate() {
                let unit = _mm256_set1_ps(*units.add(row));
                for (v, sum) in sums.iter().enumerate() {
                    let c = c.add(row * WIDE + 8 * v);
                    let before = if kept { _mm256_loadu_ps(c) } else { _mm256_setzero_ps() };
                    let value = _mm256_mul_ps(_mm256_cvtepi32_ps(*sum), _mm256_loadu_ps(worth.add(8 * v)));
                    _mm256_storeu_ps(c, _mm256_fmadd_ps(value, unit, before));
                }
            }
        }
    }

    /// Adds the products of a pair of a row, and of the pair of that number from `b` on of 32 columns.
    ///
    /// # Safety
    /// They are there; AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add_pair<const NUMBER: usize>(a: *const i32, b: *const i16, sums: &mut [__m256i; 4]) {
        // SAFETY: the caller's promise.
        unsafe {
            let left = _mm256_set1_epi32(a.read_unaligned());
            let products = [
                products::<NUMBER, 0>(left, b),
                products::<NUMBER, 1>(left, b),
                products::<NUMBER, 2>(left, b),
                products::<NUMBER, 3>(left, b),
            ];
            for (sum, products) in sums.iter_mut().zip(products) {
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
    }

    /// `_mm256_madd_epi16` of the left side and what lies at `b` of the pair and eight columns of those numbers.
    ///
    /// # Safety
    /// As [`add_pair`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn products<const PAIR: usize, const COLUMNS: usize>(left: __m256i, b: *const i16) -> __m256i {
        // SAFETY: those 32 bytes are there: the caller's promise.
        unsafe { by_memory!("vpmaddwd", left, b, (PAIR * 2 * WIDE + COLUMNS * 16) * size_of::<i16>()) }
    }

    /// Up to 14 rows of 32 columns, compiled for these instructions: product and sum are two, or with VNNI one.
    macro_rules! wide {
        ($table:ident, $rows:ident, $features:literal, $add:expr) => {
            pub fn $table() -> &'static [Rows] {
                &[
                    $rows::<1>,
                    $rows::<2>,
                    $rows::<3>,
                    $rows::<4>,
                    $rows::<5>,
                    $rows::<6>,
                    $rows::<7>,
                    $rows::<8>,
                    $rows::<9>,
                    $rows::<10>,
                    $rows::<11>,
                    $rows::<12>,
                    $rows::<13>,
                    $rows::<14>,
                ]
            }

            #[target_feature(enable = $features)]
            unsafe fn $rows<const ROWS: usize>(
                (chunks, step): (usize, usize),
                (mut a, units, c): Sides,
                (mut b, worth): Right,
                kept: bool,
            ) {
                let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
                // SAFETY: as in `rows_avx2`, with 32 columns.
                unsafe {
                    for _ in 0..chunks {
                        for pair in 0..WIDE / 2 {
                            let right = [_mm512_loadu_si512(b.cast()), _mm512_loadu_si512(b.add(32).cast())];
                            for (row, sums) in sums.iter_mut().enumerate() {
                                let left = a.add(row * WIDE + 2 * pair).cast::<i32>().read_unaligned();
                                let left = _mm512_set1_epi32(left);
                                sums[0] = $add(sums[0], left, right[0]);
                                sums[1] = $add(sums[1], left, right[1]);
                            }
                            b = b.add(2 * WIDE);
                        }
                        a = a.wrapping_add(step);
                    }
                    for (row, sums) in sums.iter().enumerate() {
                        let unit = _mm512_set1_ps(*units.add(row));
                        for (v, sum) in sums.iter().enumerate() {
                            let c = c.add(row * WIDE + 16 * v);
                            let before = if kept { _mm512_loadu_ps(c) } else { _mm512_setzero_ps() };
                            let value = _mm512_mul_ps(_mm512_cvtepi32_ps(*sum), _mm512_loadu_ps(worth.add(16 * v)));
                            _mm512_storeu_ps(c, _mm512_fmadd_ps(value, unit, before));
                        }
                    }
                }
            }
        };
    }
    wide!(avx512, rows_avx512, "avx512f,avx512bw", |sum, a, b| _mm512_add_epi32(sum, _mm512_madd_epi16(a, b)));
    wide!(vnni, rows_vnni, "avx512f,avx512bw,avx512vnni", |sum, a, b| _mm512_dpwssd_epi32(sum, a, b));
}

#[cfg(test)]
mod tests {
    use super::super::plain::numbers;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sums_are_exact_on_every_processor(
            (rows, chunks, apart) in (1usize..40, 1usize..17, 0usize..50),
            kept in any::<bool>(),
            seed in any::<u32>(),
        ) {
            #[allow(clippy::cast_possible_truncation)]
            let whole = |n: usize, seed: u32| numbers(n, seed).iter().map(|v| (v * 2000.0) as i16).collect::<Vec<_>>();
            let step = rows * WIDE + apart;
            let (a, b) = (whole(chunks * step, seed), whole(chunks * WIDE * WIDE, seed ^ 1));
            let (units, worth) = (numbers(rows, seed ^ 2), numbers(WIDE, seed ^ 3));
            let start = numbers(rows * WIDE, seed ^ 4);
            let before = if kept { Before::Kept } else { Before::Zero };
            let mut plainly = start.clone();
            for (i, out) in plainly.iter_mut().enumerate() {
                let (row, column) = (i / WIDE, i % WIDE);
                let sum: i64 = (0..chunks * WIDE)
                    .map(|i| {
                        let (chunk, i) = (i / WIDE, i % WIDE);
                        let b = b[chunk * WIDE * WIDE + (i / 2 * WIDE + column) * 2 + i % 2];
                        i64::from(a[chunk * step + row * WIDE + i]) * i64::from(b)
                    })
                    .sum();
                #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
                let value = sum as i32 as f32 * worth[column];
                *out = value.mul_add(units[row], if kept { *out } else { 0.0 });
            }
            for level in Level::all() {
                let mut out = start.clone();
                let left = Left { values: &a, units: &units, chunks, step };
                product(level, left, Right { values: &b, units: &worth }, &mut out, before);
                prop_assert_eq!(&out, &plainly, "{:?}", level);
            }
        }
    }
}
