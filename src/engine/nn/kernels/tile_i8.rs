//! The product of [`super::tile`] for bytes, a group of inputs at a time: within it sums of i32, which are exact, then f32,
//! in the same order and rounding on every processor.
//!
//! ```text
//! c[row][32]  (+)=  unit[row] · unit[column] · Σ input  a[row][input] · b[input][column]
//! ```
//!
//! Both sides have seven bits and a sign among them. The left side is made unsigned by adding [`ZERO`], for which the sums
//! start with what makes up. Four products of such bytes fit 16 bits (4 · 127 · 63 < 2¹⁵): AVX2 multiplies two pairs, adds
//! them as they are, and needs every other widening to 32 bits only; with VNNI it is four at once.

use super::level::Level;
use super::tile::{Ahead, Before, WIDE};
use half::bf16;

/// Inputs, which are bytes, that are multiplied at a time.
const STEP: usize = 16;
/// Inputs that share a unit.
pub const GROUP: usize = 256;
/// The largest value of both sides.
pub const LARGEST: f32 = 63.0;
/// What zero is on the left side: 2 to this power.
const ZERO_BITS: u32 = 6;
/// What zero is on the left side.
pub const ZERO: u8 = 1 << ZERO_BITS;

/// A group of inputs of 32 outputs. Aligned, so that no vector lies in two lines of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Group {
    /// `[four inputs][32][4]`
    pub values: [i8; GROUP * WIDE],
    /// Of each output: what one is worth.
    pub units: [bf16; WIDE],
    /// Of each output: the sum of its values, with the other sign.
    pub missing: [i16; WIDE],
}

impl Default for Group {
    fn default() -> Self {
        Self { values: [0; GROUP * WIDE], units: [bf16::ZERO; WIDE], missing: [0; WIDE] }
    }
}

/// A group of inputs of rows.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// `[row][256 bytes]`
    pub values: &'a [u8],
    /// Of each row: what one is worth.
    pub units: &'a [f32],
}

/// Adds products of the first `inputs` to `result`, `[row][32]`, or sets it to them. Beyond those, and up to a multiple of
/// 16, the right side is zero.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub fn product(
    level: Level,
    left: Left,
    (right, inputs): (&Group, usize),
    result: &mut [f32],
    before: Before,
    ahead: Ahead,
) {
    let rows = left.units.len();
    assert!(left.values.len() >= rows * GROUP && inputs <= GROUP && result.len() >= rows * WIDE);
    let (steps, kept) = (inputs.div_ceil(STEP), before == Before::Kept);
    #[cfg(target_arch = "x86_64")]
    {
        let sides = (left.values.as_ptr(), left.units.as_ptr(), result.as_mut_ptr());
        match level.min(Level::best()) {
            // SAFETY: the instructions are there; the slices hold what the shape says (asserted).
            Level::Vnni => return unsafe { x86::each_vnni((rows, steps), sides, right, kept, ahead) },
            // SAFETY: as above.
            Level::Avx2 | Level::Avx512 => return unsafe { x86::each_avx2((rows, steps), sides, right, kept, ahead) },
            Level::Portable => {}
        }
    }
    let _ = (level, ahead);
    plain(left, steps, right, result, kept);
}

fn plain(left: Left, steps: usize, right: &Group, result: &mut [f32], kept: bool) {
    let sides = left.values.as_chunks::<GROUP>().0.iter().zip(left.units);
    for (result, (values, unit)) in result.as_chunks_mut::<WIDE>().0.iter_mut().zip(sides) {
        let mut sums = right.missing.map(|sum| i32::from(sum) << ZERO_BITS);
        for (input, value) in values[..steps * STEP].iter().enumerate() {
            let column = &right.values[input / 4 * 4 * WIDE + input % 4..];
            for (sum, weight) in sums.iter_mut().zip(column.iter().step_by(4)) {
                *sum += i32::from(*value) * i32::from(*weight);
            }
        }
        for ((result, sum), worth) in result.iter_mut().zip(sums).zip(&right.units) {
            #[allow(clippy::cast_precision_loss)]
            let value = sum as f32 * worth.to_f32();
            *result = value.mul_add(*unit, if kept { *result } else { 0.0 });
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::tile::by_memory;
    use super::{Ahead, GROUP, Group, STEP, WIDE, ZERO_BITS};
    use half::bf16;
    use std::arch::x86_64::*;

    /// The left side, what one is worth in its rows, and the result.
    type Sides = (*const u8, *const f32, *mut f32);
    /// The right side, from the first column that is used: values, units and what is missing.
    type Right = (*const i8, *const bf16, *const i16);
    /// A product of as many rows as its place in the table says, plus one: steps, both sides, and whether the result is
    /// added to.
    type OfRows = unsafe fn(usize, Sides, Right, bool);

    /// Cuts the rows into parts of about one size, none larger than the table.
    ///
    /// # Safety
    /// The processor has the table's instructions, and all slices are as large as the shape says.
    unsafe fn each(
        (rows, steps): (usize, usize),
        table: &[OfRows],
        (a, units, c): Sides,
        right: Right,
        kept: bool,
        ahead: Ahead,
    ) {
        let parts = rows.div_ceil(table.len());
        for part in 0..parts {
            ahead.fetch(part, parts);
            let (from, to) = (part * rows / parts, (part + 1) * rows / parts);
            // SAFETY: `from..to` lies within the rows; instructions and sizes are the caller's promise.
            unsafe {
                let sides = (a.add(from * GROUP), units.add(from), c.add(from * WIDE));
                table[to - from - 1](steps, sides, right, kept);
            }
        }
    }

    /// # Safety
    /// As [`each`]; AVX2 and FMA.
    pub unsafe fn each_avx2(shape: (usize, usize), sides: Sides, right: &Group, kept: bool, ahead: Ahead) {
        let right = (right.values.as_ptr(), right.units.as_ptr(), right.missing.as_ptr());
        // SAFETY: the caller's promise.
        unsafe { each(shape, &[rows_avx2::<1>, rows_avx2::<2>], sides, right, kept, ahead) };
    }

    /// # Safety
    /// As [`each`]; AVX-512 with VNNI.
    pub unsafe fn each_vnni(shape: (usize, usize), sides: Sides, right: &Group, kept: bool, ahead: Ahead) {
        let table: [OfRows; 14] = [
            rows_vnni::<1>,
            rows_vnni::<2>,
            rows_vnni::<3>,
            rows_vnni::<4>,
            rows_vnni::<5>,
            rows_vnni::<6>,
            rows_vnni::<7>,
            rows_vnni::<8>,
            rows_vnni::<9>,
            rows_vnni::<10>,
            rows_vnni::<11>,
            rows_vnni::<12>,
            rows_vnni::<13>,
            rows_vnni::<14>,
        ];
        let right = (right.values.as_ptr(), right.units.as_ptr(), right.missing.as_ptr());
        // SAFETY: the caller's promise.
        unsafe { each(shape, &table, sides, right, kept, ahead) };
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn rows_avx2<const ROWS: usize>(
        steps: usize,
        (mut a, units, c): Sides,
        (mut b, worth, missing): Right,
        kept: bool,
    ) {
        // SAFETY: ROWS rows of `a`, `units` and `c`, `steps` steps of `a` and `b`, and 32 columns of what is of the
        // right side, are there: the caller's promise.
        unsafe {
            let eight = |at: usize| _mm256_cvtepi16_epi32(_mm_loadu_si128(missing.add(at).cast()));
            let starts = [0, 8, 16, 24].map(|at| _mm256_slli_epi32::<{ ZERO_BITS.cast_signed() }>(eight(at)));
            let mut sums = [starts; ROWS];
            for _ in 0..steps {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = a.add(row * GROUP).cast::<i32>();
                    add_eight::<0>(a, b, sums);
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = a.add(row * GROUP).cast::<i32>();
                    add_eight::<1>(a.add(2), b, sums);
                }
                a = a.wrapping_add(STEP);
                b = b.wrapping_add(STEP * WIDE);
            }
            let eight = |at: usize| _mm256_cvtepu16_epi32(_mm_loadu_si128(worth.add(at).cast()));
            let worth = [0, 8, 16, 24].map(|at| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(eight(at))));
            for (row, sums) in sums.iter().enumerate() {
                let unit = _mm256_set1_ps(*units.add(row));
                for (v, sum) in sums.iter().enumerate() {
                    let c = c.add(row * WIDE + 8 * v);
                    let before = if kept { _mm256_loadu_ps(c) } else { _mm256_setzero_ps() };
                    let value = _mm256_mul_ps(_mm256_cvtepi32_ps(*sum), worth[v]);
                    _mm256_storeu_ps(c, _mm256_fmadd_ps(value, unit, before));
                }
            }
        }
    }

    /// Adds the products of eight inputs of a row, and of the eight of that number from `b` on of 32 columns.
    ///
    /// # Safety
    /// They are there; AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add_eight<const NUMBER: usize>(a: *const i32, b: *const i8, sums: &mut [__m256i; 4]) {
        let ones = _mm256_set1_epi16(1);
        // SAFETY: the caller's promise.
        unsafe {
            let left = [_mm256_set1_epi32(a.read_unaligned()), _mm256_set1_epi32(a.add(1).read_unaligned())];
            let products = [
                products::<NUMBER, 0>(left, b),
                products::<NUMBER, 1>(left, b),
                products::<NUMBER, 2>(left, b),
                products::<NUMBER, 3>(left, b),
            ];
            for (sum, products) in sums.iter_mut().zip(products) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, ones));
            }
        }
    }

    /// `_mm256_maddubs_epi16` of each four of the left side and what lies at `b` of the eight inputs and the eight columns
    /// of those numbers, added.
    ///
    /// # Safety
    /// As [`add_eight`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn products<const EIGHT: usize, const COLUMNS: usize>(left: [__m256i; 2], b: *const i8) -> __m256i {
        // SAFETY: those twice 32 bytes are there: the caller's promise.
        let (first, second) = unsafe {
            (
                by_memory!("vpmaddubsw", left[0], b, (EIGHT * 2 * WIDE + COLUMNS * 8) * 4),
                by_memory!("vpmaddubsw", left[1], b, ((EIGHT * 2 + 1) * WIDE + COLUMNS * 8) * 4),
            )
        };
        _mm256_add_epi16(first, second)
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn rows_vnni<const ROWS: usize>(
        steps: usize,
        (mut a, units, c): Sides,
        (mut b, worth, missing): Right,
        kept: bool,
    ) {
        // SAFETY: as in `rows_avx2`, with 32 columns.
        unsafe {
            let sixteen = |at: usize| _mm512_cvtepi16_epi32(_mm256_loadu_si256(missing.add(at).cast()));
            let starts = [0, 16].map(|at| _mm512_slli_epi32::<ZERO_BITS>(sixteen(at)));
            let mut sums = [starts; ROWS];
            for _ in 0..4 * steps {
                let right = [_mm512_loadu_si512(b.cast()), _mm512_loadu_si512(b.add(64).cast())];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let left = _mm512_set1_epi32(a.add(row * GROUP).cast::<i32>().read_unaligned());
                    sums[0] = _mm512_dpbusd_epi32(sums[0], left, right[0]);
                    sums[1] = _mm512_dpbusd_epi32(sums[1], left, right[1]);
                }
                a = a.wrapping_add(STEP / 4);
                b = b.wrapping_add(STEP / 4 * WIDE);
            }
            let sixteen = |at: usize| _mm512_cvtepu16_epi32(_mm256_loadu_si256(worth.add(at).cast()));
            let worth = [0, 16].map(|at| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(sixteen(at))));
            for (row, sums) in sums.iter().enumerate() {
                let unit = _mm512_set1_ps(*units.add(row));
                for (v, sum) in sums.iter().enumerate() {
                    let c = c.add(row * WIDE + 16 * v);
                    let before = if kept { _mm512_loadu_ps(c) } else { _mm512_setzero_ps() };
                    let value = _mm512_mul_ps(_mm512_cvtepi32_ps(*sum), worth[v]);
                    _mm512_storeu_ps(c, _mm512_fmadd_ps(value, unit, before));
                }
            }
        }
    }
}
