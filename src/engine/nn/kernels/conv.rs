//! Convolution of a channels-last map as a product over its taps: for each tap the shifted pixels are gathered
//! (a contiguous copy of all channels each) and multiplied with that tap's weights.

use super::gemm::Rows;
use std::ops::Range;

/// Where a convolution looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Kernel side.
    pub size: usize,
    /// Pixels between two outputs.
    pub stride: usize,
    /// Zero pixels before the first row and column.
    pub before: usize,
    /// Zero pixels after the last row and column.
    pub after: usize,
}

impl Window {
    /// Outputs along a side of `n` pixels; 0 when the kernel does not fit.
    #[must_use]
    pub fn outputs(&self, n: usize) -> usize {
        (n + self.before + self.after).checked_sub(self.size).map_or(0, |room| room / self.stride + 1)
    }
}

/// The input of a convolution, `values[batch][height][width][channels]`.
pub struct Patches<'a> {
    /// The pixels.
    pub values: &'a [f32],
    /// Rows of the map.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Values a pixel.
    pub channels: usize,
    /// Where to look.
    pub window: Window,
}

impl Rows for Patches<'_> {
    fn taps(&self) -> usize {
        self.window.size * self.window.size
    }

    fn columns(&self) -> usize {
        self.channels
    }

    fn rows<'a>(&'a self, tap: usize, range: Range<usize>, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let window = self.window;
        let (out_height, out_width) = (window.outputs(self.height), window.outputs(self.width));
        let (dy, dx) = (tap / window.size, tap % window.size);
        let c = self.channels;
        scratch.resize(range.len() * c, 0.0);
        for (to, output) in scratch.chunks_exact_mut(c).zip(range) {
            let (x, line) = (output % out_width, output / out_width);
            let (y, batch) = (line % out_height, line / out_height);
            let source = (y * window.stride + dy)
                .checked_sub(window.before)
                .zip((x * window.stride + dx).checked_sub(window.before))
                .filter(|(y, x)| *y < self.height && *x < self.width);
            match source {
                Some((y, x)) => {
                    let from = ((batch * self.height + y) * self.width + x) * c;
                    to.copy_from_slice(&self.values[from..from + c]);
                }
                None => to.fill(0.0),
            }
        }
        scratch
    }

    fn gathers(&self) -> bool {
        true
    }
}
