//! One channel from one rate to another, piece by piece, so that a long sound never lies in memory at both.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// The rates that are worked with. A file that claims others is damaged, and a filter for them would be as large as
/// they are.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Samples of a piece on the side that has fewer: the longer, the sharper the filter cuts.
const PIECE: usize = 1024;

/// The rate next to one that was asked for.
pub(super) fn possible(rate: u32) -> u32 {
    rate.clamp(*RATES.start(), *RATES.end())
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Changes the rate of a sound that comes in pieces.
pub(super) struct Resampler {
    /// `None` only if rubato refused rates that it can work with.
    inner: Option<Fft<f32>>,
    from: u64,
    to: u64,
    /// What came in and did not fill a piece yet.
    waiting: Vec<f32>,
    /// A piece on its way out.
    piece: Vec<f32>,
    /// How much of what comes out next only fills the filter.
    delay: usize,
    came: u64,
    left: u64,
}

impl Resampler {
    /// From and to a rate of [`RATES`]; others count as the next one.
    pub(super) fn new(from: u32, to: u32) -> Self {
        let (from, to) = (possible(from) as usize, possible(to) as usize);
        // Both sides of a piece shrink and grow together; the shorter one decides how sharp the filter is. An even number
        // of steps, or the middle of the filter lies between two samples and everything comes out that much too late.
        let step = 2 * from / gcd(from, to);
        let piece = PIECE.max(PIECE * from / to).next_multiple_of(step);
        let inner = Fft::new_custom(from, to, piece, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both).ok();
        let (delay, length) = inner.as_ref().map_or((0, 0), |fft| (fft.output_delay(), fft.output_frames_max()));
        let (waiting, piece) = (Vec::new(), vec![0.0; length]);
        Self { inner, from: from as u64, to: to as u64, waiting, piece, delay, came: 0, left: 0 }
    }

    /// Takes samples in and appends what they make to `out`.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.came += samples.len() as u64;
        let Some(needed) = self.inner.as_ref().map(|fft| fft.input_frames_next()) else { return };
        let mut rest = samples;
        if !self.waiting.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(needed - self.waiting.len()));
            self.waiting.extend_from_slice(head);
            rest = tail;
            if self.waiting.len() < needed {
                return;
            }
            let whole = std::mem::take(&mut self.waiting);
            self.turn(&whole, out);
        }
        let mut pieces = rest.chunks_exact(needed);
        for piece in &mut pieces {
            self.turn(piece, out);
        }
        self.waiting.extend_from_slice(pieces.remainder());
    }

    /// Appends what is still inside. The whole then is exactly as long as what came in.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) {
        let due = (self.came * self.to).div_ceil(self.from);
        let needed = self.inner.as_ref().map_or(0, |fft| fft.input_frames_next());
        let mut last = std::mem::take(&mut self.waiting);
        last.resize(needed, 0.0);
        while self.left < due && self.turn(&last, out) {
            last.fill(0.0);
        }
        let over = usize::try_from(self.left.saturating_sub(due)).unwrap_or(usize::MAX);
        out.truncate(out.len().saturating_sub(over));
    }

    /// Turns one full piece; `false` if there is nothing to turn it with.
    fn turn(&mut self, samples: &[f32], out: &mut Vec<f32>) -> bool {
        let Some(fft) = self.inner.as_mut() else { return false };
        let length = self.piece.len();
        let input = InterleavedSlice::new(samples, 1, samples.len());
        let output = InterleavedSlice::new_mut(&mut self.piece, 1, length);
        let (Ok(input), Ok(mut output)) = (input, output) else { return false };
        let Ok((_, made)) = fft.process_into_buffer(&input, &mut output, None) else { return false };
        let skipped = self.delay.min(made);
        self.delay -= skipped;
        self.left += (made - skipped) as u64;
        out.extend_from_slice(&self.piece[skipped..made]);
        true
    }
}

#[cfg(test)]
mod tests;
