//! The product of [`super::tile`] for bytes: sums of i32, the same on every processor to the last bit.
//!
//! The right side is `[four inputs][32 columns][4]`, values of seven bits with a sign. The left side is unsigned bytes, 64
//! inputs of a row in a chunk: with 128 added, for which the sums start with what makes up. Two products of such bytes fit
//! 16 bits (2 · 255 · 63 < 2¹⁵), so that AVX2's sums of two products cannot overflow; with VNNI it is four at once.

use super::level::Level;
use super::tile::{Before, WIDE};

/// Inputs, which are bytes, of a row in a chunk of the left side.
pub const CHUNK: usize = 64;
/// The largest value of the right side.
pub const LARGEST: f32 = 63.0;

/// Packs the first inputs of rows of `width` values into one chunk: `[row][64 bytes]`.
pub fn pack(values: &[i8], width: usize, out: &mut [u8]) {
    for (row, to) in out.as_chunks_mut::<CHUNK>().0.iter_mut().enumerate() {
        to.iter_mut().zip(&values[row * width..][..CHUNK]).for_each(|(to, v)| *to = v.cast_unsigned() ^ 0x80);
    }
}

/// Adds products to `result`, `[row][32]`: of `rows` packed rows and `right`, with as many inputs as `right` has.
/// `start`: what the sums start with where nothing is kept, as [`start`] says.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub fn product(
    level: Level,
    (left, rows): (&[u8], usize),
    right: &[i8],
    result: &mut [i32],
    (before, start): (Before, &[i32; WIDE]),
) {
    let level = level.min(Level::best());
    let inputs = right.len() / WIDE;
    let chunks = inputs / CHUNK;
    assert!(inputs.is_multiple_of(CHUNK) && left.len() >= rows * inputs && result.len() >= rows * WIDE);
    if before == Before::Zero {
        result[..rows * WIDE].as_chunks_mut::<WIDE>().0.iter_mut().for_each(|row| *row = *start);
    }
    #[cfg(target_arch = "x86_64")]
    {
        let (a, b, c) = (left.as_ptr(), right.as_ptr(), result.as_mut_ptr());
        match level {
            // SAFETY: the instructions are there; the three hold what the shape says (asserted).
            Level::Vnni => return unsafe { x86::each_vnni(rows, chunks, (a, b, c)) },
            // SAFETY: as above.
            Level::Avx2 | Level::Avx512 => return unsafe { x86::each_avx2(rows, chunks, (a, b, c)) },
            Level::Portable => {}
        }
    }
    plain(left, (rows, chunks), right, result);
}

/// What the sums of columns with these sums of weights start with.
#[must_use]
pub fn start(sums: &[i32]) -> [i32; WIDE] {
    let mut start = [0; WIDE];
    start.iter_mut().zip(sums).for_each(|(start, sum)| *start = -128 * sum);
    start
}

fn plain(left: &[u8], (rows, chunks): (usize, usize), right: &[i8], result: &mut [i32]) {
    for (row, sums) in result.chunks_exact_mut(WIDE).take(rows).enumerate() {
        for chunk in 0..chunks {
            let values = &left[(chunk * rows + row) * CHUNK..][..CHUNK];
            for (i, value) in values.iter().enumerate() {
                let input = chunk * CHUNK + i;
                let column = &right[input / 4 * 4 * WIDE + input % 4..];
                for (sum, weight) in sums.iter_mut().zip(column.iter().step_by(4)) {
                    *sum += i32::from(*value) * i32::from(*weight);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHUNK, WIDE};
    use std::arch::x86_64::*;

    /// The three matrices.
    type Matrices = (*const u8, *const i8, *mut i32);
    /// A product of as many rows as its place in the table says, plus one: chunks and how far apart they are in bytes, and
    /// the matrices.
    type Rows = unsafe fn((usize, usize), Matrices);

    /// Cuts the rows into parts of about one size, none larger than the table.
    ///
    /// # Safety
    /// The processor has the table's instructions, and the matrices are as large as the shape says.
    unsafe fn each(rows: usize, table: &[Rows], chunks: usize, (a, b, c): Matrices) {
        let parts = rows.div_ceil(table.len());
        for part in 0..parts {
            let (from, to) = (part * rows / parts, (part + 1) * rows / parts);
            let shape = (chunks, rows * CHUNK);
            // SAFETY: `from..to` lies within the rows; instructions and sizes are the caller's promise.
            unsafe { table[to - from - 1](shape, (a.add(from * CHUNK), b, c.add(from * WIDE))) };
        }
    }

    /// # Safety
    /// As [`each`]; AVX2.
    pub unsafe fn each_avx2(rows: usize, chunks: usize, (a, b, c): Matrices) {
        let table: [Rows; 6] =
            [rows_avx2::<1>, rows_avx2::<2>, rows_avx2::<3>, rows_avx2::<4>, rows_avx2::<5>, rows_avx2::<6>];
        // SAFETY: both halves of the columns are there: the caller's promise.
        unsafe {
            each(rows, &table, chunks, (a, b, c));
            each(rows, &table, chunks, (a, b.add(2 * WIDE), c.add(WIDE / 2)));
        }
    }

    /// # Safety
    /// As [`each`]; AVX-512 with VNNI.
    pub unsafe fn each_vnni(rows: usize, chunks: usize, matrices: Matrices) {
        let table: [Rows; 14] = [
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
        // SAFETY: the caller's promise.
        unsafe { each(rows, &table, chunks, matrices) };
    }

    #[target_feature(enable = "avx2")]
    unsafe fn rows_avx2<const ROWS: usize>((chunks, step): (usize, usize), (mut a, mut b, c): Matrices) {
        let ones = _mm256_set1_epi16(1);
        let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
        // SAFETY: ROWS rows of `a` and `c`, and `chunks` chunks of `a` and `b`, are there: the caller's promise.
        unsafe {
            for (row, sums) in sums.iter_mut().enumerate() {
                let c = c.add(row * WIDE);
                *sums = [_mm256_loadu_si256(c.cast()), _mm256_loadu_si256(c.add(8).cast())];
            }
            for _ in 0..chunks {
                for four in 0..CHUNK / 4 {
                    let right = [_mm256_loadu_si256(b.cast()), _mm256_loadu_si256(b.add(32).cast())];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = _mm256_set1_epi32(a.add(row * CHUNK + four * 4).cast::<i32>().read_unaligned());
                        let pairs = [_mm256_maddubs_epi16(left, right[0]), _mm256_maddubs_epi16(left, right[1])];
                        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pairs[0], ones));
                        sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pairs[1], ones));
                    }
                    b = b.wrapping_add(4 * WIDE);
                }
                a = a.wrapping_add(step);
            }
            for (row, sums) in sums.iter().enumerate() {
                let c = c.add(row * WIDE);
                _mm256_storeu_si256(c.cast(), sums[0]);
                _mm256_storeu_si256(c.add(8).cast(), sums[1]);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn rows_vnni<const ROWS: usize>((chunks, step): (usize, usize), (mut a, mut b, c): Matrices) {
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        // SAFETY: as in `rows_avx2`.
        unsafe {
            for (row, sums) in sums.iter_mut().enumerate() {
                let c = c.add(row * WIDE);
                *sums = [_mm512_loadu_si512(c.cast()), _mm512_loadu_si512(c.add(16).cast())];
            }
            for _ in 0..chunks {
                for four in 0..CHUNK / 4 {
                    let right = [_mm512_loadu_si512(b.cast()), _mm512_loadu_si512(b.add(64).cast())];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = _mm512_set1_epi32(a.add(row * CHUNK + four * 4).cast::<i32>().read_unaligned());
                        sums[0] = _mm512_dpbusd_epi32(sums[0], left, right[0]);
                        sums[1] = _mm512_dpbusd_epi32(sums[1], left, right[1]);
                    }
                    b = b.add(4 * WIDE);
                }
                a = a.wrapping_add(step);
            }
            for (row, sums) in sums.iter().enumerate() {
                let c = c.add(row * WIDE);
                _mm512_storeu_si512(c.cast(), sums[0]);
                _mm512_storeu_si512(c.add(16).cast(), sums[1]);
            }
        }
    }
}
