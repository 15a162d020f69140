//! Linear layers in bytes: weights and activations of seven bits, symmetric about zero, each group of 256 inputs of an
//! output, or of a row, with a unit of its own: one large value takes nothing from those of the other groups. The sums are
//! exact; what is lost is lost by rounding. Quantised weights stay as their file has them, where it is mapped, and are
//! rounded by each product: their bytes would take more memory than they do.

use super::activation::ROUND;
use super::gemm::{Product, Scratch, grow};
use super::lanes::folded;
use super::level::{Level, per_level};
use super::pages;
use super::stored::{Origin, PackError, Stored};
use super::threads;
use super::tile::{Ahead, Before, WIDE};
use super::tile_i8::{GROUP, Group, LARGEST, Left, ZERO, product};
use half::bf16;
use std::cell::RefCell;
use std::ops::Range;

/// From a row of a group to the next: at a distance of 256 all would fall into the same few lines of the first cache.
const ROW: usize = GROUP + 16;

/// A matrix of weights in bytes.
pub struct BytePanels {
    outputs: usize,
    inputs: usize,
    values: Values,
}

enum Values {
    /// `[panel of 32 outputs][group]`
    Rounded(Vec<Group>),
    /// Rows `[output][input]` that are rounded by each product.
    Rows(Stored),
}

impl BytePanels {
    /// Rounds rows `[output][input]`.
    ///
    /// # Errors
    /// When that is not their number, they end within a block, or their file cannot be read.
    pub fn round(outputs: usize, inputs: usize, rows: impl Into<Origin>) -> Result<Self, PackError> {
        let rows = rows.into();
        PackError::check(rows.len(), outputs, inputs)?;
        let rows = match rows {
            Origin::File(unread) if !unread.kind().is_plain() => unread.read()?.into(),
            rows => rows,
        };
        let values = match rows {
            Origin::Memory(Stored::Blocks(blocks)) => {
                blocks.check_rows(inputs)?;
                Values::Rows(Stored::Blocks(blocks))
            }
            rows => Values::Rounded(rounded(&rows, outputs, inputs)?),
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

    fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
    }

    /// The groups of a panel, where they are there.
    fn rounded(&self, panel: usize) -> Option<&[Group]> {
        let Values::Rounded(groups) = &self.values else { return None };
        Some(&groups[panel * self.groups()..(panel + 1) * self.groups()])
    }
}

/// Rounds a matrix of `[output][input]` to `[panel of 32 outputs][group]`, each panel where its rows were read.
fn rounded(rows: &Origin, outputs: usize, inputs: usize) -> Result<Vec<Group>, PackError> {
    let (level, groups) = (Level::best(), inputs.div_ceil(GROUP));
    let n = outputs.div_ceil(WIDE) * groups;
    let mut all = Vec::with_capacity(n);
    let panels = all.spare_capacity_mut()[..n].chunks_mut(groups).enumerate();
    threads::try_each(panels, |(panel, to)| {
        pages::make(to);
        let to = to.iter_mut().map(|group| group.write(Group::default())).enumerate();
        let of = panel * WIDE..outputs.min((panel + 1) * WIDE);
        match rows {
            Origin::Memory(rows) => {
                to.for_each(|(i, group)| round_group(level, rows, (outputs, inputs), (panel, i), group));
            }
            Origin::File(unread) => {
                let rows = unread.part(of.start * inputs..of.end * inputs).read()?;
                to.for_each(|(i, group)| round_group(level, &rows, (of.len(), inputs), (0, i), group));
            }
        }
        Ok::<_, PackError>(())
    })?;
    // SAFETY: all of them were written, or there was an error.
    unsafe { all.set_len(n) };
    Ok(all)
}

/// Rounds one group of inputs of a panel of a matrix of `[output][input]`.
fn round_group(
    level: Level,
    rows: &Stored,
    (outputs, inputs): (usize, usize),
    (panel, number): (usize, usize),
    group: &mut Group,
) {
    let (mut wide, mut rounded) = ([0.0; GROUP], [0; WIDE * ROW]);
    let first = number * GROUP;
    let known = GROUP.min(inputs - first);
    let outputs = panel * WIDE..outputs.min((panel + 1) * WIDE);
    let of_outputs = group.units.chunks_exact_mut(1).zip(group.missing.chunks_exact_mut(1));
    for ((output, row), (unit, missing)) in outputs.zip(rounded.chunks_exact_mut(ROW)).zip(of_outputs) {
        let at = output * inputs + first;
        rows.widen(at..at + known, &mut wide[..known]);
        round_weights(level, &wide[..known], &mut row[..known], unit, missing);
    }
    in_fours(level, &rounded, &mut group.values);
}

/// Rows of activations in bytes.
#[derive(Default)]
pub struct ByteRows {
    /// `[block][group][row][256 bytes]`
    values: Vec<u8>,
    /// What one is worth, `[block][group][row]`.
    units: Vec<f32>,
}

per_level! {
    /// Rounds some weights of an output, and tells what one is worth and their sum with the other sign. Where one is not a
    /// number, or infinity, nor is its unit: what comes of it is none either.
    pub fn round_weights(values: &[f32], bytes: &mut [i8], unit: &mut [bf16], missing: &mut [i16]) {
        unit[0] = bf16::from_f32(unit_of(values));
        to_units(values, unit[0].to_f32(), 0, bytes, u8::cast_signed);
        missing[0] = bytes.iter().map(|v| -i16::from(*v)).sum();
    }
}

per_level! {
    /// Rounds the group of inputs that begins with `first` of rows of `inputs` values, as [`Left`] has them. What is not a
    /// number is handed on as in [`round_weights`].
    pub fn round_rows(x: &[f32], inputs: usize, first: usize, bytes: &mut [u8], units: &mut [f32]) {
        let known = GROUP.min(inputs - first);
        let to = bytes.as_chunks_mut::<GROUP>().0.iter_mut().zip(units);
        for ((bytes, unit), x) in to.zip(x.chunks_exact(inputs)) {
            let x = &x[first..first + known];
            *unit = unit_of(x);
            to_units(x, *unit, ZERO, &mut bytes[..known], |v| v);
        }
    }
}

per_level! {
    /// Rows of 256 bytes, [`ROW`] apart, to `[four inputs][32][4]`.
    pub fn in_fours(rows: &[i8], to: &mut [i8]) {
        for (four, to) in to.chunks_exact_mut(4 * WIDE).enumerate() {
            for (row, to) in rows.chunks_exact(ROW).zip(to.chunks_exact_mut(4)) {
                to.copy_from_slice(&row[four * 4..four * 4 + 4]);
            }
        }
    }
}

/// What one is worth when the largest value becomes [`LARGEST`]; no number where one of them is none, or infinity.
#[inline(always)]
fn unit_of(values: &[f32]) -> f32 {
    largest(values) / LARGEST
}

/// The largest absolute value; no number where one of them is none, or infinity.
#[inline(always)]
pub(super) fn largest(values: &[f32]) -> f32 {
    let mut tops = [0; WIDE];
    let (lines, rest) = values.as_chunks::<WIDE>();
    lines.iter().for_each(|line| bits_of_largest(line, &mut tops));
    bits_of_largest(rest, &mut tops);
    top_of(folded(tops, u32::max))
}

/// The largest absolute values so far, as bits: those of infinity and of what is no number are larger than any number's.
#[inline(always)]
pub(super) fn bits_of_largest(values: &[f32], tops: &mut [u32; WIDE]) {
    for (top, v) in tops.iter_mut().zip(values) {
        *top = (*top).max(v.abs().to_bits());
    }
}

/// What those bits mean, no number if that is infinity.
#[inline(always)]
pub(super) fn top_of(bits: u32) -> f32 {
    let top = f32::from_bits(bits);
    top + top * 0.0
}

/// How many of that unit one is.
#[inline(always)]
pub(super) fn factor_of(unit: f32) -> f32 {
    1.0 / if unit > 0.0 { unit } else { f32::INFINITY }
}

/// How many units values are, counted from `zero`.
#[inline(always)]
fn to_units<T>(values: &[f32], unit: f32, zero: u8, bytes: &mut [T], as_byte: impl Fn(u8) -> T + Copy) {
    let factor = factor_of(unit);
    let nearest = ROUND + f32::from(zero);
    // Of one length at a time: only so do all of them become vectors.
    let ((lines, rest), (to_lines, to_rest)) = (values.as_chunks::<WIDE>(), bytes.as_chunks_mut::<WIDE>());
    for (to, line) in to_lines.iter_mut().zip(lines) {
        rounded_line(line, factor, nearest, to, as_byte);
    }
    rounded_line(rest, factor, nearest, to_rest, as_byte);
}

/// A loop, not `map`, which is a call without this processor's vectors.
#[inline(always)]
fn rounded_line<T>(values: &[f32], factor: f32, nearest: f32, bytes: &mut [T], as_byte: impl Fn(u8) -> T) {
    for (to, v) in bytes.iter_mut().zip(values) {
        #[allow(clippy::cast_possible_truncation)]
        let byte = (v * factor + nearest).to_bits() as u8;
        *to = as_byte(byte);
    }
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
    static MEMORY: RefCell<(ByteRows, Vec<Group>)> = RefCell::default();
}

impl Product for Bytes<'_> {
    type Packed = ByteRows;
    type Ready = Group;

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
        let (inputs, groups) = (self.weight.inputs, self.weight.groups());
        let width = groups * GROUP;
        packed.values.resize(rows.len() * width, ZERO);
        packed.units.resize(rows.len() * groups, 0.0);
        let blocks = packed.values.chunks_mut(block * width).zip(packed.units.chunks_mut(block * groups));
        let x = &self.x[rows.start * inputs..rows.end * inputs];
        let parts = blocks.zip(x.chunks(block * inputs)).flat_map(|((values, units), x)| {
            let rows = x.len() / inputs;
            let parts = values.chunks_mut(rows * GROUP).zip(units.chunks_mut(rows)).enumerate();
            parts.map(move |(group, to)| (x, group * GROUP, to))
        });
        threads::each(parts, |(x, first, (values, units))| round_rows(level, x, inputs, first, values, units));
    }

    fn made(&self) -> usize {
        match self.weight.values {
            Values::Rounded(_) => 0,
            Values::Rows(_) => self.weight.groups(),
        }
    }

    fn make(&self, level: Level, panel: usize, ready: &mut [Group]) {
        let Values::Rows(rows) = &self.weight.values else { return };
        for (number, group) in ready.iter_mut().enumerate() {
            round_group(level, rows, (self.weight.outputs, self.weight.inputs), (panel, number), group);
        }
    }

    fn sums<'a, 'r>(
        &self,
        level: Level,
        (packed, rows): (&ByteRows, &Range<usize>),
        panels: impl Iterator<Item = (usize, &'r [Group])> + Clone,
        scratch: &'a mut Scratch,
    ) -> &'a mut [f32] {
        let (inputs, groups) = (self.weight.inputs, self.weight.groups());
        let (n, block) = (rows.len(), rows.len() * WIDE);
        let all = panels.clone().count() * block;
        let sums = &mut scratch.sums;
        grow(sums, all);
        let values = packed.values[rows.start * groups * GROUP..rows.end * groups * GROUP].chunks_exact(n * GROUP);
        let units = packed.units[rows.start * groups..rows.end * groups].chunks_exact(n);
        let group =
            |(panel, ready): (usize, &'r [Group]), number: usize| &self.weight.rounded(panel).unwrap_or(ready)[number];
        let mut following = (0..groups).flat_map(|number| panels.clone().map(move |panel| (panel, number))).skip(1);
        for (number, (values, units)) in values.zip(units).enumerate() {
            let inputs = GROUP.min(inputs - number * GROUP);
            let before = if number == 0 { Before::Zero } else { Before::Kept };
            for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(block)) {
                let ahead = following
                    .next()
                    .map_or(Ahead::NONE, |(panel, number)| Ahead::of(std::slice::from_ref(group(panel, number))));
                product(level, Left { values, units }, (group(panel, number), inputs), sums, before, ahead);
            }
        }
        &mut sums[..all]
    }

    fn with_memory<T>(work: impl FnOnce(&mut ByteRows, &mut Vec<Group>) -> T) -> T {
        MEMORY.with_borrow_mut(|(packed, ready)| work(packed, ready))
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
        let inputs = weight.inputs;
        let mut out = vec![0.0f32; x.len() / inputs * weight.outputs];
        for (row, out) in x.chunks(inputs).zip(out.chunks_mut(weight.outputs)) {
            for first in (0..inputs).step_by(GROUP) {
                let known = GROUP.min(inputs - first);
                let (mut bytes, mut unit) = (vec![0; GROUP], [0.0]);
                round_rows(Level::Portable, row, inputs, first, &mut bytes, &mut unit);
                for (o, out) in out.iter_mut().enumerate() {
                    let group = weight.rounded(o / WIDE).unwrap()[first / GROUP];
                    let value = |i: usize| group.values[(i / 4 * WIDE + o % WIDE) * 4 + i % 4];
                    let sum: i32 = (0..known).map(|i| (i32::from(bytes[i]) - 64) * i32::from(value(i))).sum();
                    #[allow(clippy::cast_precision_loss)]
                    let worth = sum as f32 * group.units[o % WIDE].to_f32();
                    *out = worth.mul_add(unit[0], *out);
                }
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
        fn rounding_loses_half_a_unit_at_most(row in proptest::collection::vec(-9.0f32..9.0, 1..=GROUP)) {
            for level in Level::all() {
                let close = |v: f32, n: f32, unit: f32| n.abs() <= LARGEST && (v - n * unit).abs() <= 0.51 * unit;
                let (mut bytes, mut unit, mut missing) = (vec![0i8; row.len()], [bf16::ZERO], [0]);
                round_weights(level, &row, &mut bytes, &mut unit, &mut missing);
                prop_assert_eq!(-missing[0], bytes.iter().map(|b| i16::from(*b)).sum::<i16>());
                for (v, b) in row.iter().zip(&bytes) {
                    prop_assert!(close(*v, f32::from(*b), unit[0].to_f32()), "{v} as {b}");
                }
                let (mut bytes, mut unit) = (vec![0u8; GROUP], [0.0]);
                round_rows(level, &row, row.len(), 0, &mut bytes, &mut unit);
                for (v, b) in row.iter().zip(&bytes) {
                    prop_assert!(close(*v, f32::from(*b) - f32::from(ZERO), unit[0]), "{v} as {b}");
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
                // What one is worth is rounded too, to eight bits.
                assert!(out.iter().all(|v| (v - sign * 10_240.0).abs() < 10_240.0 / 512.0), "{level:?}: {out:?}");
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
            assert!((out[0] - 20.0).abs() < 0.04 && out[1].is_nan(), "{out:?}");
        }
    }
}
