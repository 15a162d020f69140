//! Weights in the order that products read them, in the precision of their file.
//!
//! A panel is 32 outputs: `[panel][input][32]`, inputs filled up to whole chunks and outputs to whole panels with
//! zeros. For a convolution, input `tap · channels + channel`. Quantised weights stay rows as their file has them, where
//! it is mapped, and become panels when they are widened.

use super::blocks::{Blocks, Kind};
use super::level::Level;
use super::pages;
use super::stored::{Origin, PackError, Stored, Unread, widen_bf16, widen_f16};
use super::threads;
use super::tile::{Ahead, WIDE};
use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;
use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::ops::Range;

/// Inputs of quantised rows that are widened at a time: whole blocks of every kind.
const INPUTS: usize = 256;
/// From a row of them to the next: at a distance of 256 all would fall into the same few lines of the first cache.
const ROW: usize = INPUTS + 16;

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
    /// From rows `[output][channel][tap]`; a plain matrix has one tap.
    ///
    /// # Errors
    /// When that is not their number, they end within a block, or their file cannot be read.
    pub fn pack(outputs: usize, channels: usize, taps: usize, rows: impl Into<Origin>) -> Result<Self, PackError> {
        let (rows, inputs, shape) = (rows.into(), channels * taps, (outputs, channels, taps));
        PackError::check(rows.len(), outputs, inputs)?;
        let values = match rows {
            Origin::File(unread) => match unread.kind() {
                Kind::F32 => Stored::F32(packed(shape, of_file(&unread))?),
                Kind::F16 => Stored::F16(packed::<u16>(shape, of_file(&unread))?.reinterpret_into()),
                Kind::Bf16 => Stored::Bf16(packed::<u16>(shape, of_file(&unread))?.reinterpret_into()),
                _ => in_order(unread.read()?, shape)?,
            },
            Origin::Memory(stored) => in_order(stored, shape)?,
        };
        Ok(Self { outputs, inputs, values })
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

/// Outputs, channels, taps.
type Shape = (usize, usize, usize);

fn in_order(stored: Stored, shape: Shape) -> Result<Stored, PackError> {
    let (_, channels, taps) = shape;
    Ok(match stored {
        Stored::F32(v) => Stored::F32(packed(shape, of_slice(&v))?),
        Stored::F16(v) => Stored::F16(packed(shape, of_slice(v.reinterpret_cast()))?.reinterpret_into()),
        Stored::Bf16(v) => Stored::Bf16(packed(shape, of_slice(v.reinterpret_cast()))?.reinterpret_into()),
        Stored::Blocks(blocks) if taps > 1 => Stored::F32(packed(shape, of_slice(&blocks.to_f32()))?),
        Stored::Blocks(blocks) => {
            blocks.check_rows(channels)?;
            Stored::Blocks(blocks)
        }
    })
}

fn of_file<'a, T: Pod + Send>(unread: &'a Unread) -> impl Fn(Range<usize>) -> io::Result<Cow<'a, [T]>> {
    |of| unread.part(of).numbers().map(Cow::Owned)
}

fn of_slice<'a, T: Clone>(values: &'a [T]) -> impl Fn(Range<usize>) -> io::Result<Cow<'a, [T]>> {
    |of| Ok(Cow::Borrowed(&values[of]))
}

/// Transposes panel by panel what `rows` has of some values. Halves as bits: only of plain numbers the system clears the
/// memory where it is touched, by all threads.
fn packed<'a, T: Copy + Default + Send + Sync + 'a>(
    (outputs, channels, taps): Shape,
    rows: impl Fn(Range<usize>) -> io::Result<Cow<'a, [T]>> + Sync,
) -> io::Result<Vec<T>> {
    let inputs = channels * taps;
    let panel = whole_chunks(inputs) * WIDE;
    let mut out = vec![T::default(); outputs.div_ceil(WIDE) * panel];
    threads::try_each(out.chunks_mut(panel).enumerate(), |(i, out)| {
        let of = i * WIDE..outputs.min((i + 1) * WIDE);
        pages::make(out);
        transpose(&rows(of.start * inputs..of.end * inputs)?, (channels, taps), out);
        io::Result::Ok(())
    })?;
    Ok(out)
}

/// Up to 32 rows `[channel][tap]` to `[tap][channel][32]`, missing ones as zeros. A few channels of all rows are copied
/// to `near` first: far apart they would push each other out of the first cache, and written are whole lines.
fn transpose<T: Copy + Default>(rows: &[T], (channels, taps): (usize, usize), out: &mut [T]) {
    /// Values of a row that are near at once.
    const NEAR: usize = 128;
    let inputs = channels * taps;
    let block = (NEAR / taps).max(1);
    let pitch = block * taps;
    let mut near = vec![T::default(); WIDE * pitch];
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
