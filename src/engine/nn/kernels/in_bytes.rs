//! Linear layers in bytes: a scale for each output of the weights, and one for each row of the activations, both
//! symmetric about zero. Weights have seven bits, which [`super::tile_i8`] can add up fast, activations eight: their rows
//! have more outliers. The sums are exact; what is lost is lost by rounding. Quantised weights stay as their file has
//! them, where it is mapped, and are rounded again by each product: their bytes would take more memory than they do.

use super::blocks::Blocks;
use super::gemm::{Product, Scratch, grow};
use super::level::{Level, per_level};
use super::panels::{Stored, transpose};
use super::tile::{Before, WIDE};
use super::tile_i8::{CHUNK, LARGEST, pack, product, start};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Inputs at hand: a multiple of 64.
const INPUTS: usize = 512;
/// The largest number an activation becomes.
const BYTE: f32 = 127.0;
/// Inputs of kept rows that are rounded at a time: whole blocks of every kind.
const MADE: usize = 256;
/// From a row of them to the next: at a distance of 256 all would fall into the same few lines of the first cache.
const ROW: usize = MADE + 16;
/// Rows that a task rounds.
const ROWS: usize = 16;

/// A matrix of weights in bytes.
pub struct BytePanels {
    outputs: usize,
    inputs: usize,
    values: Values,
    /// Of each output: what a unit is worth.
    scales: Vec<f32>,
    /// Of each output: the sum of its values.
    sums: Vec<i32>,
}

enum Values {
    /// `[panel of 32 outputs][four inputs][32][4]`, inputs filled up to a multiple of 64.
    Packed(Vec<i8>),
    /// Rows that are rounded by each product.
    Rows(Blocks),
}

impl BytePanels {
    /// Rounds rows `[output][input]`. `None` when that is not their number, or they end within a
    /// block.
    #[must_use]
    pub fn round(outputs: usize, inputs: usize, rows: Stored) -> Option<Self> {
        if inputs == 0 || outputs == 0 || rows.len() != outputs * inputs {
            return None;
        }
        let (mut scales, mut sums) = (vec![0.0; outputs], vec![0; outputs]);
        if let Stored::Blocks(blocks) = &rows {
            blocks.check_rows(inputs).ok()?;
            let each = scales.par_iter_mut().zip(sums.par_iter_mut()).enumerate();
            let scratch = || (vec![0.0; inputs], vec![0; inputs]);
            each.for_each_init(scratch, |(row, bytes), (output, (scale, sum))| {
                (*scale, *sum) = round_output(&rows, output, row, bytes);
            });
            return Some(Self { outputs, inputs, values: Values::Rows(blocks.clone()), scales, sums });
        }
        let width = inputs.next_multiple_of(CHUNK);
        let mut values = vec![0; outputs.div_ceil(WIDE) * WIDE * width];
        let scratch = || (vec![0.0; inputs], vec![0; WIDE * width], Vec::new());
        values
            .par_chunks_mut(WIDE * width)
            .zip(scales.par_chunks_mut(WIDE).zip(sums.par_chunks_mut(WIDE)))
            .enumerate()
            .for_each_init(scratch, |(row, bytes, near), (number, (panel, (scales, sums)))| {
                let bytes = &mut bytes[..scales.len() * width];
                for (column, bytes) in bytes.chunks_exact_mut(width).enumerate() {
                    (scales[column], sums[column]) =
                        round_output(&rows, number * WIDE + column, row, &mut bytes[..inputs]);
                }
                let (fours, panel) = (bytes.as_chunks::<4>().0, panel.as_chunks_mut::<4>().0);
                transpose(fours, (width / 4, 1), near, panel);
            });
        Some(Self { outputs, inputs, values: Values::Packed(values), scales, sums })
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

    fn outputs_of(&self, panel: usize) -> Range<usize> {
        panel * WIDE..self.outputs.min((panel + 1) * WIDE)
    }

    /// Those inputs of a panel, `[four inputs][32][4]`, where they are there.
    fn packed(&self, panel: usize, range: Range<usize>) -> Option<&[i8]> {
        let Values::Packed(values) = &self.values else { return None };
        let at = panel * self.inputs.next_multiple_of(CHUNK);
        Some(&values[(at + range.start) * WIDE..(at + range.end) * WIDE])
    }

    /// All inputs of a panel, made of rows that are kept.
    fn make(&self, level: Level, panel: usize, to: &mut [i8]) {
        let Values::Rows(blocks) = &self.values else { return };
        let outputs = self.outputs_of(panel);
        let (mut wide, mut rounded) = ([0.0; MADE], [0i8; WIDE * ROW]);
        for first in (0..self.inputs.next_multiple_of(CHUNK)).step_by(MADE) {
            let known = MADE.min(self.inputs.saturating_sub(first));
            for (row, output) in rounded.chunks_exact_mut(ROW).zip(outputs.clone()) {
                let at = output * self.inputs + first;
                blocks.widen(at..at + known, &mut wide[..known]);
                round_part(level, &wide[..known], self.scales[output], row);
                row[known..].fill(0);
            }
            let there = MADE.min(to.len() / WIDE - first);
            in_fours(level, &rounded, &mut to[first * WIDE..(first + there) * WIDE]);
        }
    }
}

/// Rounds the row of an output: what a unit is worth, and the sum of its bytes.
fn round_output(rows: &Stored, output: usize, row: &mut [f32], bytes: &mut [i8]) -> (f32, i32) {
    rows.widen(output * row.len()..(output + 1) * row.len(), row);
    let mut scale = [0.0];
    round_rows(Level::best(), row, LARGEST, bytes, &mut scale);
    let mut sum = [0];
    sum_of(Level::best(), bytes, &mut sum);
    (scale[0], sum[0])
}

/// Rows of activations in bytes.
#[derive(Default)]
pub struct ByteRows {
    /// `[row][input]`, filled up with zeros to a multiple of 64.
    rounded: Vec<i8>,
    /// The same as the instructions want it, `[block][chunk][row][64 bytes]`.
    packed: Vec<u8>,
    /// Of each row: what a unit is worth.
    scales: Vec<f32>,
}

impl ByteRows {
    /// Rounds rows of `inputs` values.
    fn round(&mut self, level: Level, x: &[f32], inputs: usize) {
        let (rows, width) = (x.len() / inputs, inputs.next_multiple_of(CHUNK));
        self.rounded.resize(rows * width, 0);
        self.scales.resize(rows, 0.0);
        let each = self.rounded.par_chunks_mut(ROWS * width).zip(self.scales.par_chunks_mut(ROWS));
        each.zip(x.par_chunks(ROWS * inputs)).for_each(|((rounded, scales), x)| {
            let rows = rounded.chunks_exact_mut(width).zip(scales.chunks_exact_mut(1));
            for ((rounded, scale), x) in rows.zip(x.chunks_exact(inputs)) {
                round_rows(level, x, BYTE, &mut rounded[..inputs], scale);
                rounded[inputs..].fill(0);
            }
        });
    }
}

per_level! {
    /// Rounds a row so that its largest value becomes ±`largest`, and tells in `scale` what a unit is worth. A row that has
    /// what is not a number, or infinity, gets a scale that is not a number: what comes of it is none either.
    pub fn round_rows(row: &[f32], largest: f32, bytes: &mut [i8], scale: &mut [f32]) {
        let (mut tops, mut wrong) = ([0.0f32; WIDE], [0.0f32; WIDE]);
        let (lines, rest) = row.as_chunks::<WIDE>();
        for line in lines {
            largest_of(line, &mut tops, &mut wrong);
        }
        largest_of(rest, &mut tops, &mut wrong);
        let top = tops.iter().fold(0.0f32, |a, b| if *b > a { *b } else { a });
        let wrong: f32 = wrong.iter().sum();
        scale[0] = top / largest + wrong;
        to_units(row, scale[0], bytes);
    }
}

per_level! {
    /// The sum of bytes.
    pub fn sum_of(bytes: &[i8], sum: &mut [i32]) {
        sum[0] = bytes.iter().map(|v| i32::from(*v)).sum();
    }
}

per_level! {
    /// Rounds a part of a row whose unit is worth `scale`.
    pub fn round_part(row: &[f32], scale: f32, bytes: &mut [i8]) {
        to_units(row, scale, bytes);
    }
}

per_level! {
    /// Rows of 256 bytes, [`ROW`] apart, to `[four inputs][32][4]`, as many as there is room for.
    pub fn in_fours(rows: &[i8], to: &mut [i8]) {
        for (four, to) in to.chunks_exact_mut(4 * WIDE).enumerate() {
            for (row, to) in rows.chunks_exact(ROW).zip(to.chunks_exact_mut(4)) {
                to.copy_from_slice(&row[four * 4..four * 4 + 4]);
            }
        }
    }
}

/// The largest absolute values so far, and 0 as long as all are numbers: infinity and what is no number make that no
/// number for good.
#[inline(always)]
fn largest_of(values: &[f32], tops: &mut [f32; WIDE], wrong: &mut [f32; WIDE]) {
    for ((top, wrong), v) in tops.iter_mut().zip(wrong).zip(values) {
        *top = if v.abs() > *top { v.abs() } else { *top };
        *wrong += v * 0.0;
    }
}

/// How many units, worth `scale` each, values are.
#[inline(always)]
fn to_units(row: &[f32], scale: f32, bytes: &mut [i8]) {
    let factor = 1.0 / if scale > 0.0 { scale } else { f32::INFINITY };
    // Of one length at a time: only so do all of them become vectors.
    let ((lines, rest), (to_lines, to_rest)) = (row.as_chunks::<WIDE>(), bytes.as_chunks_mut::<WIDE>());
    for (to, line) in to_lines.iter_mut().zip(lines) {
        *to = line.map(|v| nearest(v * factor));
    }
    for (to, v) in to_rest.iter_mut().zip(rest) {
        *to = nearest(v * factor);
    }
}

/// Adding 1.5·2^23 rounds to the nearest integer and leaves it in the low bits.
#[inline(always)]
fn nearest(value: f32) -> i8 {
    #[allow(clippy::cast_possible_truncation)]
    let low = (value + 12_582_912.0).to_bits() as u8;
    low.cast_signed()
}

/// The product of rows and weights in bytes.
pub struct Bytes<'a> {
    /// The left side in f32, row-major.
    pub x: &'a [f32],
    /// The right side.
    pub weight: &'a BytePanels,
}

thread_local! {
    /// Rows, and weights that were made ready.
    static MEMORY: RefCell<(ByteRows, Vec<i8>)> = RefCell::default();
}

impl Product for Bytes<'_> {
    type Packed = ByteRows;
    type Ready = i8;

    fn rows(&self) -> usize {
        self.x.len() / self.weight.inputs
    }

    fn inputs(&self) -> usize {
        self.weight.inputs
    }

    fn outputs(&self) -> usize {
        self.weight.outputs
    }

    fn pack(&self, level: Level, rows: Range<usize>, block: usize, packed: &mut ByteRows) {
        let inputs = self.weight.inputs;
        let width = inputs.next_multiple_of(CHUNK);
        packed.round(level, &self.x[rows.start * inputs..rows.end * inputs], inputs);
        packed.packed.resize(rows.len() * width, 0);
        let blocks = packed.packed.par_chunks_mut(block * width).zip(packed.rounded.par_chunks(block * width));
        blocks.for_each(|(packed, rounded)| {
            let rows = rounded.len() / width;
            packed.par_chunks_mut(rows * CHUNK).enumerate().for_each(|(chunk, packed)| {
                pack(&rounded[chunk * CHUNK..], width, packed);
            });
        });
    }

    fn made(&self) -> usize {
        match self.weight.values {
            Values::Packed(_) => 0,
            Values::Rows(_) => self.weight.inputs.next_multiple_of(CHUNK) * WIDE,
        }
    }

    fn make(&self, level: Level, panel: usize, ready: &mut [i8]) {
        self.weight.make(level, panel, ready);
    }

    fn sums<'a, 'r>(
        &self,
        level: Level,
        (packed, rows): (&ByteRows, &Range<usize>),
        panels: impl Iterator<Item = (usize, &'r [i8])> + Clone,
        scratch: &'a mut Scratch,
    ) -> &'a mut [f32] {
        let width = self.weight.inputs.next_multiple_of(CHUNK);
        let (n, block) = (rows.len(), rows.len() * WIDE);
        let all = panels.clone().count() * block;
        let Scratch { sums, integers, .. } = scratch;
        if integers.len() < all {
            integers.resize(all, 0);
        }
        grow(sums, all);
        let left = &packed.packed[rows.start * width..rows.end * width];
        for first in (0..width).step_by(INPUTS) {
            let inputs = INPUTS.min(width - first);
            let left = &left[first * n..];
            let before = if first == 0 { Before::Zero } else { Before::Kept };
            for ((panel, ready), sums) in panels.clone().zip(integers.chunks_exact_mut(block)) {
                let right = self.weight.packed(panel, first..first + inputs);
                let right = right.unwrap_or_else(|| &ready[first * WIDE..(first + inputs) * WIDE]);
                let start = start(&self.weight.sums[self.weight.outputs_of(panel)]);
                product(level, (left, n), right, sums, (before, &start));
            }
        }
        for ((panel, _), (to, from)) in panels.zip(sums.chunks_exact_mut(block).zip(integers.chunks_exact(block))) {
            scale_block(
                level,
                from,
                &packed.scales[rows.clone()],
                &self.weight.scales[self.weight.outputs_of(panel)],
                to,
            );
        }
        &mut sums[..all]
    }

    fn with_memory<T>(work: impl FnOnce(&mut ByteRows, &mut Vec<i8>) -> T) -> T {
        // Taken out: while this thread waits for others it may be given a task of another product.
        let (mut packed, mut ready) = MEMORY.take();
        let result = work(&mut packed, &mut ready);
        MEMORY.set((packed, ready));
        result
    }
}

per_level! {
    /// Sums `[row][32]` times what a unit of the row and of the output is worth.
    pub fn scale_block(from: &[i32], rows: &[f32], columns: &[f32], to: &mut [f32]) {
        let mut worth = [0.0f32; WIDE];
        worth[..columns.len()].copy_from_slice(columns);
        for ((to, from), row) in to.chunks_exact_mut(WIDE).zip(from.chunks_exact(WIDE)).zip(rows) {
            for ((to, from), column) in to.iter_mut().zip(from).zip(&worth) {
                #[allow(clippy::cast_precision_loss)]
                {
                    *to = *from as f32 * (row * column);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Kind;
    use super::super::gemm::{multiply, multiply_gated};
    use super::super::output::Finish;
    use super::super::plain::{numbers, quantised};
    use super::*;
    use half::f16;
    use proptest::prelude::*;

    /// What the rounded numbers come to, without any kernel.
    fn plain(x: &[f32], weight: &BytePanels) -> Vec<f32> {
        let mut out = Vec::new();
        let width = weight.inputs.next_multiple_of(CHUNK);
        let mut rows = ByteRows::default();
        rows.round(Level::Portable, x, weight.inputs);
        for (row, scale) in rows.rounded.chunks_exact(width).zip(&rows.scales) {
            for o in 0..weight.outputs {
                let panel = weight.packed(o / WIDE, 0..width).unwrap();
                let sum: i32 = row
                    .iter()
                    .enumerate()
                    .map(|(i, v)| i32::from(*v) * i32::from(panel[(i / 4 * WIDE + o % WIDE) * 4 + i % 4]))
                    .sum();
                #[allow(clippy::cast_precision_loss)]
                out.push(sum as f32 * (scale * weight.scales[o]));
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sums_are_exact_on_every_processor(
            (rows, outputs, inputs) in (1usize..200, 1usize..150, 1usize..1300),
            seed in any::<u32>(),
        ) {
            let x = numbers(rows * inputs, seed);
            let w: Vec<f16> = numbers(outputs * inputs, seed ^ 2).into_iter().map(f16::from_f32).collect();
            let weight = BytePanels::round(outputs, inputs, Stored::F16(w)).unwrap();
            let plain = plain(&x, &weight);
            for level in Level::all() {
                let out = multiply(level, &Bytes { x: &x, weight: &weight }, Finish::default());
                prop_assert_eq!(&out, &plain, "{:?}", level);
                if outputs.is_multiple_of(2 * WIDE) {
                    let gated = multiply_gated(level, &Bytes { x: &x, weight: &weight }, None);
                    prop_assert_eq!(gated.len(), rows * outputs / 2);
                }
            }
        }

        #[test]
        fn quantised_rows_are_rounded_as_what_they_mean(
            (rows, outputs, blocks) in (1usize..50, 1usize..100, 1usize..30),
            seed in any::<u32>(),
            kind in prop::sample::select(vec![Kind::Q8_0, Kind::Q4_0, Kind::Q4K]),
        ) {
            let inputs = blocks * kind.block().0;
            let weight = quantised(kind, outputs * inputs, seed);
            let x = numbers(rows * inputs, seed ^ 1);
            let wide = BytePanels::round(outputs, inputs, Stored::F32(weight.to_f32())).unwrap();
            let weight = BytePanels::round(outputs, inputs, Stored::Blocks(weight)).unwrap();
            let plain = multiply(Level::Portable, &Bytes { x: &x, weight: &wide }, Finish::default());
            for level in Level::all() {
                let out = multiply(level, &Bytes { x: &x, weight: &weight }, Finish::default());
                prop_assert_eq!(&out, &plain, "{:?}", level);
            }
        }

        #[test]
        fn rounding_loses_half_a_unit_at_most(row in proptest::collection::vec(-9.0f32..9.0, 1..200)) {
            for level in Level::all() {
                let (mut bytes, mut scale) = (vec![0; row.len()], [0.0]);
                round_rows(level, &row, 127.0, &mut bytes, &mut scale);
                for (v, b) in row.iter().zip(&bytes) {
                    prop_assert!((v - f32::from(*b) * scale[0]).abs() <= 0.501 * scale[0], "{v} as {b}");
                }
            }
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let (inputs, rows) = (10_240, 3);
        for sign in [1.0, -1.0] {
            let w = vec![f16::from_f32(sign); 2 * inputs];
            let weight = BytePanels::round(2, inputs, Stored::F16(w)).unwrap();
            for level in Level::all() {
                let x = vec![1.0; rows * inputs];
                let out = multiply(level, &Bytes { x: &x, weight: &weight }, Finish::default());
                assert!(out.iter().all(|v| (v - sign * 10_240.0).abs() < 0.1), "{level:?}: {out:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 40];
            x[25] = wrong;
            let weight = BytePanels::round(1, 20, Stored::F32(vec![1.0; 20])).unwrap();
            let out = multiply(Level::best(), &Bytes { x: &x, weight: &weight }, Finish::default());
            assert!((out[0] - 20.0).abs() < 1e-3 && out[1].is_nan(), "{out:?}");
        }
    }
}
