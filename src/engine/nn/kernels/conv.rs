//! Convolutions of a channels-last map: which way serves which, and the plain way, a product over the taps whose left
//! side is gathered.

use super::gemm::{Rows, Wide, multiply, put};
use super::level::{Level, per_level};
use super::output::Finish;
use super::panels::Panels;
use super::threads;
use super::tile::WIDE;
use super::{activation::silu_one, winograd};
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

/// A map `values[batch][height][width][channels]`, and what is done to it on the way into a convolution.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pixels.
    pub values: &'a [f32],
    /// Rows of the map.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Values a pixel.
    pub channels: usize,
    /// First: each channel of each picture times its factor, plus its offset, and SiLU of that.
    pub norm: Option<(&'a [f32], &'a [f32])>,
    /// Then: each pixel four times, as a square.
    pub doubled: bool,
    /// Whether what is multiplied may be rounded to integers of fourteen bits.
    pub rounded: bool,
}

impl Input<'_> {
    /// Pictures.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.values.len() / (self.height * self.width * self.channels)
    }

    /// Rows and pixels a row that the convolution sees.
    #[must_use]
    pub fn seen(&self) -> (usize, usize) {
        let scale = 1 + usize::from(self.doubled);
        (self.height * scale, self.width * scale)
    }

    /// A part of row `y` that the convolution sees of a picture, in blocks of 32 channels: `[chunk][column][32]`, `columns` of
    /// them from the pixel before pixel `left` on. What is outside the picture is zeros.
    pub(super) fn ready_row(
        &self,
        level: Level,
        (picture, y): (usize, Option<usize>),
        (left, columns): (usize, usize),
        out: &mut [f32],
    ) {
        let (height, width) = self.seen();
        let Some(y) = y.filter(|y| *y < height) else {
            out.fill(0.0);
            return;
        };
        let c = self.channels;
        let scale = 1 + usize::from(self.doubled);
        let row = &self.values[(picture * self.height + y / scale) * self.width * c..][..self.width * c];
        let of = picture * c..(picture + 1) * c;
        let norm = self.norm.map(|(factors, offsets)| (&factors[of.clone()], &offsets[of]));
        fill_row(level, row, norm, (c, width, scale), (left, columns), out);
    }
}

per_level! {
    /// See [`Input::ready_row`]; `shape` is channels, pixels that are seen, and how often each is.
    pub fn fill_row(
        row: &[f32],
        norm: Option<(&[f32], &[f32])>,
        shape: (usize, usize, usize),
        place: (usize, usize),
        out: &mut [f32],
    ) {
        let ((channels, width, scale), (left, columns)) = (shape, place);
        // Pixel by pixel, not chunk by chunk: memory is fastest read in its order.
        for column in 0..columns {
            // Column 0 is the pixel before `left`.
            let Some(x) = (left + column).checked_sub(1).filter(|x| *x < width) else {
                out.chunks_exact_mut(columns * WIDE).for_each(|out| out[column * WIDE..][..WIDE].fill(0.0));
                continue;
            };
            let pixel = &row[x / scale * channels..][..channels];
            for (chunk, from) in pixel.chunks(WIDE).enumerate() {
                let to = &mut out[(chunk * columns + column) * WIDE..][..WIDE];
                let norm = norm.map(|(factors, offsets)| (&factors[chunk * WIDE..], &offsets[chunk * WIDE..]));
                ready_block(from, norm, to);
            }
        }
    }
}

/// Up to 32 channels of a pixel, filled up with zeros.
#[inline(always)]
fn ready_block(from: &[f32], norm: Option<(&[f32], &[f32])>, to: &mut [f32]) {
    put(from, to);
    let Some((factors, offsets)) = norm else { return };
    if from.len() == WIDE {
        // Of a length that is known, or it is slower by half.
        let (to, factors, offsets) = (&mut to[..WIDE], &factors[..WIDE], &offsets[..WIDE]);
        for i in 0..WIDE {
            to[i] = silu_one(to[i] * factors[i] + offsets[i]);
        }
    } else {
        for ((v, f), o) in to.iter_mut().zip(factors).zip(offsets).take(from.len()) {
            *v = silu_one(*v * f + o);
        }
    }
}

/// `out[batch][y][x][output]`: the convolution of `input`, finished.
///
/// # Panics
/// When the sizes disagree; layers check theirs at load.
#[must_use]
pub fn convolve(level: Level, input: &Input, window: Window, weight: &Panels, finish: Finish) -> Vec<f32> {
    assert_eq!(weight.inputs(), window.size * window.size * input.channels);
    if winograd::serves(input, window) {
        return winograd::convolve(level, input, weight, finish);
    }
    let (height, width) = input.seen();
    let made = (input.norm.is_some() || input.doubled).then(|| made_ready(level, input));
    let values = made.as_deref().unwrap_or(input.values);
    let patches = Patches { values, height, width, channels: input.channels, window };
    multiply(level, &Wide { x: &patches, weight }, finish)
}

/// The whole map that a convolution sees.
fn made_ready(level: Level, input: &Input) -> Vec<f32> {
    let ((height, width), c) = (input.seen(), input.channels);
    let columns = width + 2;
    let mut out = vec![0.0; input.batch() * height * width * c];
    threads::each(out.chunks_mut(width * c).enumerate(), |(line, out)| {
        let mut row = vec![0.0; c.div_ceil(WIDE) * columns * WIDE];
        input.ready_row(level, (line / height, Some(line % height)), (0, columns), &mut row);
        for (chunk, row) in row.chunks_exact(columns * WIDE).enumerate() {
            let n = WIDE.min(c - chunk * WIDE);
            for (pixel, values) in out.chunks_exact_mut(c).zip(row[WIDE..].chunks_exact(WIDE)) {
                pixel[chunk * WIDE..][..n].copy_from_slice(&values[..n]);
            }
        }
    });
    out
}

/// The left side of the product: for each output the pixels it sees, tap by tap.
struct Patches<'a> {
    values: &'a [f32],
    height: usize,
    width: usize,
    channels: usize,
    window: Window,
}

impl Patches<'_> {
    fn sides(&self) -> (usize, usize) {
        (self.window.outputs(self.height), self.window.outputs(self.width))
    }

    /// The pixel that a tap of an output sees, `None` beyond the border.
    fn pixel(&self, output: usize, tap: usize) -> Option<&[f32]> {
        let (Window { size, stride, before, .. }, (height, width)) = (self.window, self.sides());
        let (x, line) = (output % width, output / width);
        let (y, picture) = (line % height, line / height);
        let y = (y * stride + tap / size).checked_sub(before).filter(|y| *y < self.height)?;
        let x = (x * stride + tap % size).checked_sub(before).filter(|x| *x < self.width)?;
        Some(&self.values[((picture * self.height + y) * self.width + x) * self.channels..][..self.channels])
    }
}

impl Rows for Patches<'_> {
    fn rows(&self) -> usize {
        let (height, width) = self.sides();
        self.values.len() / (self.height * self.width * self.channels) * height * width
    }

    fn inputs(&self) -> usize {
        self.window.size * self.window.size * self.channels
    }

    fn pack(&self, rows: Range<usize>, inputs: Range<usize>, out: &mut [f32]) {
        let (n, c) = (rows.len(), self.channels);
        for (r, row) in rows.enumerate() {
            let mut at = inputs.start;
            let mut filled = [0.0; WIDE];
            for chunk in 0..inputs.len().div_ceil(WIDE) {
                let to = &mut out[(chunk * n + r) * WIDE..][..WIDE];
                let end = inputs.end.min(at + WIDE);
                if at % c + (end - at) <= c {
                    // All of one tap, as it mostly is.
                    match self.pixel(row, at / c) {
                        Some(pixel) => put(&pixel[at % c..at % c + end - at], to),
                        None => to.fill(0.0),
                    }
                } else {
                    filled.fill(0.0);
                    for (value, input) in filled.iter_mut().zip(at..end) {
                        *value = self.pixel(row, input / c).map_or(0.0, |pixel| pixel[input % c]);
                    }
                    to.copy_from_slice(&filled);
                }
                at = end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::Then;
    use super::super::plain::{self, assert_within, numbers};
    use super::super::stored::Stored;
    use super::*;
    use half::f16;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Both ways: the plain one and, where there are enough channels and pixels, Winograd's.
        #[test]
        fn convolutions_equal_the_plain_ones(
            (batch, height, width) in (1usize..3, 1usize..19, 1usize..19),
            (channels, outputs) in (1usize..70, 1usize..70),
            (size, stride, padding) in prop_oneof![
                4 => Just((3, 1, (1, 1))), 1 => Just((3, 2, (1, 1))), 1 => Just((3, 2, (0, 1))), 1 => Just((1, 1, (0, 0)))
            ],
            (norm, doubled, with_bias, with_plus, then) in any::<(bool, bool, bool, bool, bool)>(),
            seed in any::<u32>(),
        ) {
            let window = Window { size, stride, before: padding.0, after: padding.1 };
            let values = numbers(batch * height * width * channels, seed);
            let (factors, offsets) = (numbers(batch * channels, seed ^ 5), numbers(batch * channels, seed ^ 6));
            let norm = norm.then_some((&factors[..], &offsets[..]));
            let input = Input { values: &values, height, width, channels, norm, doubled, rounded: false };
            let (out_height, out_width) = (window.outputs(input.seen().0), window.outputs(input.seen().1));
            prop_assume!(out_height > 0 && out_width > 0);
            let w: Vec<f16> =
                numbers(outputs * size * size * channels, seed ^ 1).into_iter().map(f16::from_f32).collect();
            let wide: Vec<f32> = w.iter().map(|v| v.to_f32()).collect();
            let panels = Panels::pack(outputs, channels, size * size, Stored::F16(w)).unwrap();
            let bias = numbers(outputs, seed ^ 2);
            let plus = numbers(batch * out_height * out_width * outputs, seed ^ 3);
            let finish = Finish {
                bias: with_bias.then_some(&bias[..]),
                plus: with_plus.then_some(&plus[..]),
                then: if then { Then::Silu } else { Then::Nothing },
            };
            let plain = plain::finished(&plain::convolution(&input, window, &wide), outputs, finish);
            // What cancels out in a sum was there, and rounded.
            let size_of_sums = f64::from(u32::try_from(size * size * channels).unwrap()).sqrt().max(8.0);
            for level in Level::all() {
                assert_within(&convolve(level, &input, window, &panels, finish), &plain, 4e-6 * size_of_sums);
            }
        }
    }
}
