//! The product of [`super::tile`] for bytes: sums of i32, the same on every processor to the last bit.
//!
//! The right side is `[four inputs][32 columns][4]`. The left side has the form that the instructions want, 64 bytes of a
//! row in a chunk: with VNNI 64 inputs as unsigned bytes with 128 added (the sums start with what makes up for it),
//! else 32 inputs of 16 bits.

use super::level::Level;
use super::tile::{Before, WIDE};

/// Bytes of a row in a chunk of the left side.
pub const CHUNK: usize = 64;

/// Bytes an input of the left side takes.
#[must_use]
pub fn bytes(level: Level) -> usize {
    if level.min(Level::best()) == Level::Vnni { 1 } else { 2 }
}

/// Inputs of a row in a chunk of the left side.
#[must_use]
pub fn inputs(level: Level) -> usize {
    CHUNK / bytes(level)
}

/// Packs the first inputs of rows of `width` values into one chunk: `[row][64 bytes]`.
pub fn pack(level: Level, values: &[i8], width: usize, out: &mut [u8]) {
    let unsigned = bytes(level) == 1;
    for (row, to) in out.as_chunks_mut::<CHUNK>().0.iter_mut().enumerate() {
        if unsigned {
            to.iter_mut().zip(&values[row * width..][..CHUNK]).for_each(|(to, v)| *to = v.cast_unsigned() ^ 0x80);
        } else {
            for (to, v) in to.chunks_exact_mut(2).zip(&values[row * width..][..CHUNK / 2]) {
                to.copy_from_slice(&i16::from(*v).to_le_bytes());
            }
        }
    }
}

/// Adds products to `result`, `[row][32]`: of `rows` rows packed at this level and `right`, with as many inputs as
/// `right` has. `scratch` is for the right side in the form of the instructions. `start`: what the sums start with where
/// nothing is kept, as [`start`] says.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub fn product(
    level: Level,
    (left, rows): (&[u8], usize),
    right: &[i8],
    result: &mut [i32],
    (before, start): (Before, &[i32; WIDE]),
    scratch: &mut Vec<i16>,
) {
    let level = level.min(Level::best());
    let inputs = right.len() / WIDE;
    let chunks = inputs / self::inputs(level);
    assert!(inputs.is_multiple_of(CHUNK) && left.len() >= chunks * rows * CHUNK && result.len() >= rows * WIDE);
    if before == Before::Zero {
        result[..rows * WIDE].as_chunks_mut::<WIDE>().0.iter_mut().for_each(|row| *row = *start);
    }
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Vnni => {
            let (a, b, c) = (left.as_ptr(), right.as_ptr(), result.as_mut_ptr());
            // SAFETY: the instructions are there; the three hold what the shape says (asserted).
            return unsafe { x86::each_vnni(rows, chunks, (a, b, c)) };
        }
        Level::Avx2 | Level::Avx512 => {
            if scratch.len() < inputs * WIDE {
                scratch.resize(inputs * WIDE, 0);
            }
            // SAFETY: the instructions are there; `scratch` has room for all of `right` (grown), the others hold what the
            // shape says (asserted).
            return unsafe {
                x86::widen(right.as_ptr(), inputs / 4, scratch.as_mut_ptr());
                x86::each_avx2(rows, chunks, (left.as_ptr(), scratch.as_ptr(), result.as_mut_ptr()));
            };
        }
        Level::Portable => {}
    }
    let _ = scratch;
    plain(left, (rows, chunks), right, result);
}

/// What the sums of columns with these sums of weights start with.
#[must_use]
pub fn start(level: Level, sums: &[i32]) -> [i32; WIDE] {
    let added = if bytes(level) == 1 { 128 } else { 0 };
    let mut start = [0; WIDE];
    start.iter_mut().zip(sums).for_each(|(start, sum)| *start = -added * sum);
    start
}

fn plain(left: &[u8], (rows, chunks): (usize, usize), right: &[i8], result: &mut [i32]) {
    let each = CHUNK / 2;
    for (row, sums) in result.chunks_exact_mut(WIDE).take(rows).enumerate() {
        for chunk in 0..chunks {
            let values = left[(chunk * rows + row) * CHUNK..][..CHUNK].chunks_exact(2);
            for (i, value) in values.map(|v| i32::from(i16::from_le_bytes([v[0], v[1]]))).enumerate() {
                let input = chunk * each + i;
                let column = &right[input / 4 * 4 * WIDE + input % 4..];
                for (sum, weight) in sums.iter_mut().zip(column.iter().step_by(4)) {
                    *sum += value * i32::from(*weight);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHUNK, WIDE};
    use std::arch::x86_64::*;

    /// A product of as many rows as its place in the table says, plus one: chunks and how far apart they are in bytes, and
    /// the three matrices.
    type Rows<R> = unsafe fn((usize, usize), (*const u8, *const R, *mut i32));

    /// Cuts the rows into parts of about one size, none larger than the table.
    ///
    /// # Safety
    /// The processor has the table's instructions, and the matrices are as large as the shape says.
    unsafe fn each<R>(rows: usize, table: &[Rows<R>], chunks: usize, (a, b, c): (*const u8, *const R, *mut i32)) {
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
    pub unsafe fn each_avx2(rows: usize, chunks: usize, (a, b, c): (*const u8, *const i16, *mut i32)) {
        let table: [Rows<i16>; 6] =
            [rows_avx2::<1>, rows_avx2::<2>, rows_avx2::<3>, rows_avx2::<4>, rows_avx2::<5>, rows_avx2::<6>];
        // SAFETY: both halves of the columns are there: the caller's promise.
        unsafe {
            each(rows, &table, chunks, (a, b, c));
            each(rows, &table, chunks, (a, b.add(WIDE), c.add(WIDE / 2)));
        }
    }

    /// # Safety
    /// As [`each`]; AVX-512 with VNNI.
    pub unsafe fn each_vnni(rows: usize, chunks: usize, matrices: (*const u8, *const i8, *mut i32)) {
        let table: [Rows<i8>; 14] = [
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

    /// `[four inputs][32][4]` of bytes to `[two inputs][32][2]` of 16 bits.
    ///
    /// # Safety
    /// `fours · 128` values are at `from`, and there is room for as many at `to`.
    #[target_feature(enable = "avx2")]
    pub unsafe fn widen(from: *const i8, fours: usize, to: *mut i16) {
        for four in 0..fours {
            for eight in 0..WIDE / 8 {
                // SAFETY: eight columns of four inputs are there and have room: the caller's promise.
                unsafe {
                    let at = from.add((four * WIDE + eight * 8) * 4);
                    // Pairs of inputs as 32 bits each: 0 and 1 of a column, then 2 and 3 of it.
                    let first = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast())));
                    let second = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(at.add(16).cast())));
                    let lower = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(first, second));
                    let upper = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(first, second));
                    let to = to.add((four * 2 * WIDE + eight * 8) * 2);
                    _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(lower));
                    _mm256_storeu_si256(to.add(2 * WIDE).cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(upper));
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn rows_avx2<const ROWS: usize>(
        (chunks, step): (usize, usize),
        (mut a, mut b, c): (*const u8, *const i16, *mut i32),
    ) {
        let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
        // SAFETY: ROWS rows of `a` and `c`, and `chunks` chunks of `a` and `b`, are there: the caller's promise.
        unsafe {
            for (row, sums) in sums.iter_mut().enumerate() {
                let c = c.add(row * WIDE);
                *sums = [_mm256_loadu_si256(c.cast()), _mm256_loadu_si256(c.add(8).cast())];
            }
            for _ in 0..chunks {
                for pair in 0..CHUNK / 4 {
                    let right = [_mm256_loadu_si256(b.cast()), _mm256_loadu_si256(b.add(16).cast())];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = _mm256_set1_epi32(a.add(row * CHUNK + pair * 4).cast::<i32>().read_unaligned());
                        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(left, right[0]));
                        sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(left, right[1]));
                    }
                    b = b.add(2 * WIDE);
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
    unsafe fn rows_vnni<const ROWS: usize>(
        (chunks, step): (usize, usize),
        (mut a, mut b, c): (*const u8, *const i8, *mut i32),
    ) {
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
