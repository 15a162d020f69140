//! The one product of matrices that everything here is made of, in f32: a block of 32 columns at a time, the rows of
//! the left side in chunks of 32 values, so that every distance but one is a constant.
//!
//! ```text
//! c[row][32]  (+)=  Σ chunk  a[chunk · step + row · 32 + i]  ·  b[(chunk · 32 + i) · 32 + column]
//! ```
//!
//! A result of several blocks has the form of a left side: blocks are chunks. Who calls this decides what lies where,
//! and how much of it stays in which cache.

use super::level::Level;

/// Columns of a block, and values a row has in a chunk.
pub const WIDE: usize = 32;

/// The left side of a product.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// The values, from the first one that is used.
    pub values: &'a [f32],
    /// Rows that are used.
    pub rows: usize,
    /// Chunks that are used.
    pub chunks: usize,
    /// From a chunk to the next.
    pub step: usize,
}

/// What is done with what the result held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It counts as zero.
    Zero,
    /// It is added to.
    Kept,
}

/// Memory that is read next. While a product computes it comes nearer, a little with each few rows: waiting for weights
/// from beyond the last cache was up to a tenth of a product.
#[derive(Clone, Copy)]
pub struct Ahead {
    first: *const u8,
    bytes: usize,
}

impl Ahead {
    /// Nothing.
    pub const NONE: Self = Self { first: std::ptr::null(), bytes: 0 };

    /// Those values.
    #[must_use]
    pub fn of<T>(values: &[T]) -> Self {
        Self { first: values.as_ptr().cast(), bytes: size_of_val(values) }
    }

    /// Has the `part`-th of so many parts fetched to the second cache.
    #[inline(always)]
    pub(super) fn fetch(self, part: usize, parts: usize) {
        #[cfg(target_arch = "x86_64")]
        for at in (part * self.bytes / parts..(part + 1) * self.bytes / parts).step_by(64) {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            // SAFETY: this touches nothing, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(self.first.wrapping_add(at).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (part, parts);
    }

    /// The first or the second half.
    #[must_use]
    pub(super) fn half(self, second: bool) -> Self {
        let bytes = self.bytes / 2;
        Self { first: self.first.wrapping_add(if second { bytes } else { 0 }), bytes }
    }
}

/// What an instruction of AVX2 makes of a vector of integers and the 32 bytes at a constant distance from a pointer, which
/// must be there. A compiler would have what several rows use loaded by an instruction of its own; the processor multiplies
/// with what lies in memory as fast, and in integers the number of instructions is what it waits for.
#[cfg(target_arch = "x86_64")]
macro_rules! by_memory {
    ($instruction:literal, $left:expr, $right:expr, $distance:expr) => {{
        let result: __m256i;
        std::arch::asm!(
            concat!($instruction, " {result}, {left}, [{right} + {distance}]"),
            result = lateout(ymm_reg) result,
            left = in(ymm_reg) $left,
            right = in(reg) $right,
            distance = const $distance,
            options(pure, readonly, nostack, preserves_flags),
        );
        result
    }};
}
#[cfg(target_arch = "x86_64")]
pub(super) use by_memory;

/// The product as the module says it. Where `narrow`, only the first 16 columns of `right` are looked at and only those
/// of the result are right.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub fn product(
    level: Level,
    left: Left,
    right: &[f32],
    result: &mut [f32],
    (before, narrow): (Before, bool),
    ahead: Ahead,
) {
    let Left { values, rows, chunks, step } = left;
    if rows == 0 {
        return;
    }
    assert!(chunks > 0 && values.len() >= (chunks - 1) * step + rows * WIDE);
    assert!(right.len() >= chunks * WIDE * WIDE && result.len() >= rows * WIDE);
    #[cfg(target_arch = "x86_64")]
    {
        let kept = before == Before::Kept;
        let (a, b, c) = (values.as_ptr(), right.as_ptr(), result.as_mut_ptr());
        match level.min(Level::best()) {
            Level::Avx512 | Level::Vnni if narrow => {
                // SAFETY: the instructions are there; `a`, `b` and `c` hold what the shape says (asserted).
                return unsafe { x86::each(rows, x86::avx512_narrow(), (chunks, step), (a, b, c), kept, ahead) };
            }
            Level::Avx512 | Level::Vnni => {
                // SAFETY: as above.
                return unsafe { x86::each(rows, x86::avx512(), (chunks, step), (a, b, c), kept, ahead) };
            }
            // SAFETY: as above, of both halves of the columns.
            Level::Avx2 => unsafe {
                x86::each(rows, x86::avx2(), (chunks, step), (a, b, c), kept, ahead.half(false));
                if !narrow {
                    let second = (a, b.add(16), c.add(16));
                    x86::each(rows, x86::avx2(), (chunks, step), second, kept, ahead.half(true));
                }
                return;
            },
            Level::Portable => {}
        }
    }
    let _ = (level, narrow, ahead);
    plain(left, right, result, before);
}

/// Four rows at a time, in loops that a compiler makes vectors of.
fn plain(left: Left, right: &[f32], result: &mut [f32], before: Before) {
    let mut row = 0;
    while row < left.rows {
        let rows = 4.min(left.rows - row);
        let c = &mut result[row * WIDE..(row + rows) * WIDE];
        if before == Before::Zero {
            c.fill(0.0);
        }
        for chunk in 0..left.chunks {
            let a = &left.values[chunk * left.step + row * WIDE..][..rows * WIDE];
            let b = &right[chunk * WIDE * WIDE..][..WIDE * WIDE];
            for (c, a) in c.chunks_exact_mut(WIDE).zip(a.chunks_exact(WIDE)) {
                let mut sums = [0.0f32; WIDE];
                sums.copy_from_slice(c);
                for (a, b) in a.iter().zip(b.chunks_exact(WIDE)) {
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum += a * b;
                    }
                }
                c.copy_from_slice(&sums);
            }
        }
        row += rows;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Ahead, WIDE};
    use std::arch::x86_64::*;

    /// A product of as many rows as its place in the table says, plus one: chunks and step, the three matrices, and
    /// whether the result is added to.
    type Rows = unsafe fn((usize, usize), (*const f32, *const f32, *mut f32), bool);

    /// Cuts the rows into parts of about one size, none larger than the table.
    ///
    /// # Safety
    /// The processor has the table's instructions, and the matrices are as large as the shape says.
    pub unsafe fn each(
        rows: usize,
        table: &[Rows],
        shape: (usize, usize),
        (a, b, c): (*const f32, *const f32, *mut f32),
        kept: bool,
        ahead: Ahead,
    ) {
        let parts = rows.div_ceil(table.len());
        for part in 0..parts {
            ahead.fetch(part, parts);
            let (from, to) = (part * rows / parts, (part + 1) * rows / parts);
            // SAFETY: `from..to` lies within the rows; instructions and sizes are the caller's promise.
            unsafe { table[to - from - 1](shape, (a.add(from * WIDE), b, c.add(from * WIDE)), kept) };
        }
    }

    /// Up to 6 rows of 16 columns: twelve sums, two vectors of the right side and one value of the left.
    pub fn avx2() -> &'static [Rows] {
        &[rows_avx2::<1>, rows_avx2::<2>, rows_avx2::<3>, rows_avx2::<4>, rows_avx2::<5>, rows_avx2::<6>]
    }

    /// Up to 14 rows of 32 columns: 28 sums, two vectors of the right side and one value of the left.
    pub fn avx512() -> &'static [Rows] {
        &[
            rows_avx512::<1, 2>,
            rows_avx512::<2, 2>,
            rows_avx512::<3, 2>,
            rows_avx512::<4, 2>,
            rows_avx512::<5, 2>,
            rows_avx512::<6, 2>,
            rows_avx512::<7, 2>,
            rows_avx512::<8, 2>,
            rows_avx512::<9, 2>,
            rows_avx512::<10, 2>,
            rows_avx512::<11, 2>,
            rows_avx512::<12, 2>,
            rows_avx512::<13, 2>,
            rows_avx512::<14, 2>,
        ]
    }

    /// The same with 16 columns.
    pub fn avx512_narrow() -> &'static [Rows] {
        &[
            rows_avx512::<1, 1>,
            rows_avx512::<2, 1>,
            rows_avx512::<3, 1>,
            rows_avx512::<4, 1>,
            rows_avx512::<5, 1>,
            rows_avx512::<6, 1>,
            rows_avx512::<7, 1>,
            rows_avx512::<8, 1>,
            rows_avx512::<9, 1>,
            rows_avx512::<10, 1>,
            rows_avx512::<11, 1>,
            rows_avx512::<12, 1>,
            rows_avx512::<13, 1>,
            rows_avx512::<14, 1>,
        ]
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn rows_avx2<const ROWS: usize>(
        (chunks, step): (usize, usize),
        (mut a, mut b, c): (*const f32, *const f32, *mut f32),
        kept: bool,
    ) {
        let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
        // SAFETY: ROWS rows of `a` and `c`, and `chunks` chunks of `a` and `b`, are there: the caller's promise.
        unsafe {
            if kept {
                for (row, sums) in sums.iter_mut().enumerate() {
                    *sums = [_mm256_loadu_ps(c.add(row * WIDE)), _mm256_loadu_ps(c.add(row * WIDE + 8))];
                }
            }
            for _ in 0..chunks {
                for i in 0..WIDE {
                    let right = [_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8))];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = _mm256_set1_ps(*a.add(row * WIDE + i));
                        sums[0] = _mm256_fmadd_ps(left, right[0], sums[0]);
                        sums[1] = _mm256_fmadd_ps(left, right[1], sums[1]);
                    }
                    b = b.add(WIDE);
                }
                a = a.wrapping_add(step);
            }
            for (row, sums) in sums.iter().enumerate() {
                _mm256_storeu_ps(c.add(row * WIDE), sums[0]);
                _mm256_storeu_ps(c.add(row * WIDE + 8), sums[1]);
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn rows_avx512<const ROWS: usize, const VECTORS: usize>(
        (chunks, step): (usize, usize),
        (mut a, mut b, c): (*const f32, *const f32, *mut f32),
        kept: bool,
    ) {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        // SAFETY: as in `rows_avx2`.
        unsafe {
            if kept {
                for row in ROWS..2 * ROWS {
                    _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(row * WIDE).cast());
                    _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(row * WIDE + 16).cast());
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm512_loadu_ps(c.add(row * WIDE + 16 * v));
                    }
                }
            }
            for _ in 0..chunks {
                // The rows of the next part come from the second cache meanwhile.
                for row in ROWS..2 * ROWS {
                    _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(row * WIDE).cast());
                    _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(row * WIDE + 16).cast());
                }
                for i in 0..WIDE {
                    let mut right = [_mm512_setzero_ps(); VECTORS];
                    for (v, right) in right.iter_mut().enumerate() {
                        *right = _mm512_loadu_ps(b.add(16 * v));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = _mm512_set1_ps(*a.add(row * WIDE + i));
                        for (sum, right) in sums.iter_mut().zip(&right) {
                            *sum = _mm512_fmadd_ps(left, *right, *sum);
                        }
                    }
                    b = b.add(WIDE);
                }
                a = a.wrapping_add(step);
            }
            for (row, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    _mm512_storeu_ps(c.add(row * WIDE + 16 * v), *sum);
                }
            }
        }
    }
}
