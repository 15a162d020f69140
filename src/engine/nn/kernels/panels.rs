//! Weights in the order that products read them, in the precision of their file.
//!
//! A panel is 32 outputs: `[panel][input][32]`, inputs filled up to whole chunks and outputs to whole panels with
//! zeros. For a convolution, input `tap · channels + channel`. Quantised weights stay rows as their file has them, where
//! it is mapped, and become panels when they are widened.

use super::blocks::{Blocks, BlocksError};
use super::dequantise::f16s;
use super::level::{Level, per_level};
use super::tile::{Ahead, WIDE};
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;
use half::{bf16, f16};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Inputs of quantised rows that are widened at a time: whole blocks of every kind.
const INPUTS: usize = 256;
/// From a row of them to the next: at a distance of 256 all would fall into the same few lines of the first cache.
const ROW: usize = INPUTS + 16;

/// Numbers in the precision they are stored in; the arithmetic is f32.
pub enum Stored {
    /// Full.
    F32(Vec<f32>),
    /// Half, as published.
    F16(Vec<f16>),
    /// Half with f32's range.
    Bf16(Vec<bf16>),
    /// As a file holds them, quantised or not.
    Blocks(Blocks),
}

impl Stored {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These rows of a matrix of rows of `columns` values.
    ///
    /// # Panics
    /// When there are no such rows, or they end within a block.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>, columns: usize) -> Self {
        let of = rows.start * columns..rows.end * columns;
        match self {
            Self::F32(v) => Self::F32(v[of].to_vec()),
            Self::F16(v) => Self::F16(v[of].to_vec()),
            Self::Bf16(v) => Self::Bf16(v[of].to_vec()),
            Self::Blocks(blocks) => Self::Blocks(blocks.part(of)),
        }
    }

    /// These values and then those.
    ///
    /// # Errors
    /// When they are kept in different precisions.
    pub fn followed_by(self, other: Self) -> Result<Self, BlocksError> {
        Ok(match (self, other) {
            (Self::F32(a), Self::F32(b)) => Self::F32([a, b].concat()),
            (Self::F16(a), Self::F16(b)) => Self::F16([a, b].concat()),
            (Self::Bf16(a), Self::Bf16(b)) => Self::Bf16([a, b].concat()),
            (Self::Blocks(a), Self::Blocks(b)) => Self::Blocks(a.followed_by(&b)?),
            _ => return Err(BlocksError::Different),
        })
    }

    /// Widens those values to f32.
    ///
    /// # Panics
    /// When there are none there, they end within a block, or `to` has another length.
    pub fn widen(&self, values: Range<usize>, to: &mut [f32]) {
        match self {
            Self::F32(v) => to.copy_from_slice(&v[values]),
            Self::F16(v) => widen_f16(Level::best(), &v[values], to),
            Self::Bf16(v) => widen_bf16(Level::best(), &v[values], to),
            Self::Blocks(blocks) => blocks.widen(values, to),
        }
    }
}

/// A matrix of weights.
pub struct Panels {
    outputs: usize,
    inputs: usize,
    values: Stored,
}

/// Inputs filled up to whole chunks.
#[must_use]
pub fn whole_chunks(inputs: usize) -> usize {
    inputs.next_multiple_of(WIDE)
}

impl Panels {
    /// From rows `[output][channel][tap]`; a plain matrix has one tap. `None` when that is not their number, or they end
    /// within a block.
    #[must_use]
    pub fn pack(outputs: usize, channels: usize, taps: usize, rows: Stored) -> Option<Self> {
        let inputs = channels * taps;
        if inputs == 0 || outputs == 0 || rows.len() != outputs * inputs {
            return None;
        }
        let values = match rows {
            Stored::F32(v) => Stored::F32(packed(&v, channels, taps)),
            // As bits: only of plain numbers the system clears the memory where it is touched, by all threads.
            Stored::F16(v) => Stored::F16(packed(v.reinterpret_cast(), channels, taps).reinterpret_into()),
            Stored::Bf16(v) => Stored::Bf16(packed(v.reinterpret_cast(), channels, taps).reinterpret_into()),
            Stored::Blocks(blocks) if taps > 1 => Stored::F32(packed(&blocks.to_f32(), channels, taps)),
            Stored::Blocks(blocks) => {
                blocks.check_rows(inputs).ok()?;
                Stored::Blocks(blocks)
            }
        };
        Some(Self { outputs, inputs, values })
    }

    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Panels.
    #[must_use]
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(WIDE)
    }

    /// Outputs of a panel that are not filling.
    #[must_use]
    pub fn width(&self, panel: usize) -> usize {
        WIDE.min(self.outputs - panel * WIDE)
    }

    /// Whether they are kept in blocks, which take more to be widened than numbers.
    #[must_use]
    pub fn is_quantised(&self) -> bool {
        matches!(self.values, Stored::Blocks(_))
    }

    fn within(&self, panel: usize, range: &Range<usize>) -> Range<usize> {
        let start = panel * whole_chunks(self.inputs);
        (start + range.start) * WIDE..(start + range.end) * WIDE
    }

    /// Where [`Self::widen`] will read, unless that is in a file.
    #[must_use]
    pub(super) fn ahead(&self, panel: usize, range: Range<usize>) -> Ahead {
        let within = self.within(panel, &range);
        match &self.values {
            Stored::F32(values) => Ahead::of(&values[within]),
            Stored::F16(values) => Ahead::of(&values[within]),
            Stored::Bf16(values) => Ahead::of(&values[within]),
            Stored::Blocks(_) => Ahead::NONE,
        }
    }

    /// The inputs `range` of a panel in f32, `[input][32]`.
    ///
    /// # Panics
    /// When the panel or the range is outside, or `to` is of another size; and when quantised rows are asked for from
    /// within a block.
    pub fn widen(&self, level: Level, panel: usize, range: Range<usize>, to: &mut [f32]) {
        let within = self.within(panel, &range);
        match &self.values {
            Stored::F32(values) => to.copy_from_slice(&values[within]),
            Stored::F16(values) => widen_f16(level, &values[within], to),
            Stored::Bf16(values) => {
                assert_eq!(within.len(), to.len());
                widen_bf16(level, &values[within], to);
            }
            Stored::Blocks(blocks) => self.widen_rows(level, blocks, panel, range, to),
        }
    }
}

impl Panels {
    fn widen_rows(&self, level: Level, blocks: &Blocks, panel: usize, range: Range<usize>, to: &mut [f32]) {
        thread_local! {
            static ROWS: RefCell<Vec<f32>> = RefCell::default();
        }
        assert_eq!(to.len(), range.len() * WIDE);
        ROWS.with_borrow_mut(|rows| {
            rows.resize(WIDE * ROW, 0.0);
            for (first, to) in range.clone().step_by(INPUTS).zip(to.chunks_mut(INPUTS * WIDE)) {
                let end = self.inputs.min(first + to.len() / WIDE);
                for (column, row) in rows.chunks_exact_mut(ROW).enumerate() {
                    let row = &mut row[..INPUTS];
                    let known = if column < self.width(panel) { end.saturating_sub(first) } else { 0 };
                    let at = (panel * WIDE + column) * self.inputs + first;
                    if known > 0 {
                        blocks.widen(at..at + known, &mut row[..known]);
                    }
                    row[known..].fill(0.0);
                }
                turn(level, rows, to);
            }
        });
    }
}

/// Rows of 256 inputs, [`ROW`] apart, to `[input][32]`, as many inputs as there is room for, a multiple of 8.
fn turn(level: Level, rows: &[f32], to: &mut [f32]) {
    let lines = to.as_chunks_mut::<WIDE>().0;
    assert!(rows.len() >= WIDE * ROW && lines.len() <= INPUTS && lines.len().is_multiple_of(8));
    #[cfg(target_arch = "x86_64")]
    if level.min(Level::best()) >= Level::Avx2 {
        // SAFETY: this processor has AVX; 32 rows of so many inputs and as many lines are there (asserted).
        return unsafe { turn_avx(rows.as_ptr(), lines.len(), lines.as_mut_ptr().cast()) };
    }
    let _ = level;
    for (input, line) in lines.iter_mut().enumerate() {
        for (to, row) in line.iter_mut().zip(rows.chunks_exact(ROW)) {
            *to = row[input];
        }
    }
}

/// # Safety
/// The processor has AVX; there are 32 rows with that many inputs, a multiple of 8, and room for as many lines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn turn_avx(rows: *const f32, inputs: usize, to: *mut f32) {
    for input in (0..inputs).step_by(8) {
        for column in (0..WIDE).step_by(8) {
            // SAFETY: eight inputs from there of eight rows, and as much room, are there: the caller's promise.
            unsafe { turn_eight(rows.add(column * ROW + input), to.add(input * WIDE + column)) };
        }
    }
}

/// Eight inputs of eight rows, [`ROW`] apart, to eight lines of 32.
///
/// # Safety
/// The processor has AVX, and they are there.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn turn_eight(rows: *const f32, to: *mut f32) {
    use std::arch::x86_64::*;
    for half in [0, 4] {
        // SAFETY: all of it lies within the eight rows and lines.
        unsafe {
            // Four inputs of the rows i and i + 4 side by side.
            let pair = |i: usize| {
                let low = _mm256_castps128_ps256(_mm_loadu_ps(rows.add(i * ROW + half)));
                _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(rows.add((i + 4) * ROW + half)))
            };
            let (a, b, c, d) = (pair(0), pair(1), pair(2), pair(3));
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (low_after, high_after) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let to = to.add(half * WIDE);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(low, low_after));
            _mm256_storeu_ps(to.add(WIDE), _mm256_shuffle_ps::<0xee>(low, low_after));
            _mm256_storeu_ps(to.add(2 * WIDE), _mm256_shuffle_ps::<0x44>(high, high_after));
            _mm256_storeu_ps(to.add(3 * WIDE), _mm256_shuffle_ps::<0xee>(high, high_after));
        }
    }
}

/// Transposes panel by panel.
fn packed<T: Copy + Default + Send + Sync>(rows: &[T], channels: usize, taps: usize) -> Vec<T> {
    let inputs = channels * taps;
    let outputs = rows.len() / inputs;
    let panel = whole_chunks(inputs) * WIDE;
    let mut out = vec![T::default(); outputs.div_ceil(WIDE) * panel];
    out.par_chunks_mut(panel)
        .zip(rows.par_chunks(WIDE * inputs))
        .for_each_init(Vec::new, |near, (out, rows)| transpose(rows, (channels, taps), near, out));
    out
}

/// Up to 32 rows `[channel][tap]` to `[tap][channel][32]`, missing ones as zeros. A few channels of all rows are copied
/// to `near` first: far apart they would push each other out of the first cache, and written are whole lines.
fn transpose<T: Copy + Default>(rows: &[T], (channels, taps): (usize, usize), near: &mut Vec<T>, out: &mut [T]) {
    /// Values of a row that are near at once.
    const NEAR: usize = 128;
    let inputs = channels * taps;
    let block = (NEAR / taps).max(1);
    let pitch = block * taps;
    near.clear();
    near.resize(WIDE * pitch, T::default());
    for first in (0..channels).step_by(block) {
        let here = block.min(channels - first);
        for (row, near) in rows.chunks_exact(inputs).zip(near.chunks_exact_mut(pitch)) {
            near[..here * taps].copy_from_slice(&row[first * taps..][..here * taps]);
        }
        for tap in 0..taps {
            let lines = out[(tap * channels + first) * WIDE..].as_chunks_mut::<WIDE>().0;
            for (channel, line) in lines.iter_mut().take(here).enumerate() {
                for (to, near) in line.iter_mut().zip(near.chunks_exact(pitch)) {
                    *to = near[channel * taps + tap];
                }
            }
        }
    }
}

per_level! {
    /// bf16 to f32.
    pub fn widen_bf16(from: &[bf16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(from.to_bits()) << 16);
        }
    }
}

/// f16 to f32.
fn widen_f16(level: Level, from: &[f16], to: &mut [f32]) {
    // SAFETY: as many bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(from.as_ptr().cast(), size_of_val(from)) };
    f16s(level, bytes, to);
}
