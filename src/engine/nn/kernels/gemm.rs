//! Matrix product with stored weights: `out = finish(x · Wᵀ)`, where x may be gathered (a convolution is a product over
//! its taps). What happens around a product is the same for all kinds of numbers ([`Product`]); here are those in f32.
//!
//! First the rows are packed, in blocks that stay in the second cache, and not more of them than stay in the last. Then a
//! task takes a block and some panels, and of each a part of the inputs at a time, widened to f32 (it stays in the
//! first cache).

use super::level::Level;
use super::output::{Finish, Output, finish_block, gate_block};
use super::panels::{Panels, whole_chunks};
use super::threads;
use super::tile::{Ahead, Before, Left, WIDE, product};
use std::cell::RefCell;
use std::ops::Range;

/// Most rows of a block: a multiple of what the kernels take at once (6 and 14).
const ROWS: usize = 168;
/// Inputs widened at a time, in whole chunks. Half of a panel's part, 8 kB, shares the first cache with rows of the left side.
const INPUTS: usize = 128;
/// Most panels of a task.
const PANELS: usize = 8;
/// Tasks wanted for each thread, so that the last ones end about together.
const TASKS: usize = 4;
/// Most values that are packed at once.
const PACKED: usize = 4 << 20;
/// Chunks that a thread packs at a time.
const CHUNKS: usize = 4;
/// Most bytes of weights that are made ready at once: they should stay in the last cache.
const READY: usize = 4 << 20;

/// The left side of the product.
pub trait Rows: Sync {
    /// How many.
    fn rows(&self) -> usize;
    /// Values of each.
    fn inputs(&self) -> usize;
    /// Packs the values `inputs` of `rows`, `[chunk][row][32]`, filled up to whole chunks with zeros.
    fn pack(&self, rows: Range<usize>, inputs: Range<usize>, out: &mut [f32]);
}

/// A plain matrix, row-major.
pub struct Plain<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Columns.
    pub width: usize,
}

impl Rows for Plain<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    fn inputs(&self) -> usize {
        self.width
    }

    fn pack(&self, rows: Range<usize>, inputs: Range<usize>, out: &mut [f32]) {
        let n = rows.len();
        for (r, row) in rows.enumerate() {
            let row = &self.values[row * self.width..][inputs.clone()];
            for (chunk, values) in row.chunks(WIDE).enumerate() {
                put(values, &mut out[(chunk * n + r) * WIDE..][..WIDE]);
            }
        }
    }
}

/// Copies a row's part of a chunk and fills it up with zeros.
#[inline(always)]
pub(super) fn put(values: &[f32], to: &mut [f32]) {
    // Of a length that is known, or it is a call.
    if let (Ok(values), Ok(to)) = (<&[f32; WIDE]>::try_from(values), <&mut [f32; WIDE]>::try_from(&mut *to)) {
        *to = *values;
    } else {
        to[..values.len()].copy_from_slice(values);
        to[values.len()..].fill(0.0);
    }
}

/// The product of plain or gathered rows and weights in f32.
pub struct Wide<'a, X> {
    /// The left side.
    pub x: &'a X,
    /// The right side.
    pub weight: &'a Panels,
}

/// A product of rows and weights, whatever numbers it is made of.
pub trait Product: Sync {
    /// Packed rows.
    type Packed: Default + Send + Sync + 'static;
    /// A number of weights that were made ready.
    type Ready: Default + Copy + Send + Sync + 'static;

    /// Rows of the left side.
    fn rows(&self) -> usize;
    /// Values of each.
    fn inputs(&self) -> usize;
    /// Outputs of the weights.
    fn outputs(&self) -> usize;
    /// Packs rows, in blocks of `block` rows.
    fn pack(&self, level: Level, rows: Range<usize>, block: usize, packed: &mut Self::Packed);
    /// Numbers that a panel's weights are when they were made ready, so that all blocks of rows use what was made once; 0
    /// where they are used as they lie.
    fn made(&self) -> usize;
    /// Makes a panel's weights ready, `[input][32]` or as the product wants them.
    fn make(&self, level: Level, panel: usize, ready: &mut [Self::Ready]);
    /// The sums of some packed rows, which are a block, and some panels, each with its weights if they were made ready:
    /// `[panel][row][32]`.
    fn sums<'a, 'r>(
        &self,
        level: Level,
        block: (&Self::Packed, &Range<usize>),
        panels: impl Iterator<Item = (usize, &'r [Self::Ready])> + Clone,
        scratch: &'a mut Scratch,
    ) -> &'a mut [f32];
    /// Lends memory for packed rows and for weights that this thread had before: fresh pages cost more than packing.
    fn with_memory<T>(work: impl FnOnce(&mut Self::Packed, &mut Vec<Self::Ready>) -> T) -> T;
}

/// What a thread works in. Kept, so that its pages stay mapped and its lines in the cache.
#[derive(Default)]
pub struct Scratch {
    pub(super) right: Vec<f32>,
    pub(super) sums: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// Packed rows, and weights that were made ready.
    static MEMORY: RefCell<(Vec<f32>, Vec<f32>)> = RefCell::default();
}

/// Packs the rows part by part, and has each task of a part, a block of its rows and some panels, finished: `finish` is
/// given the row of the whole that the block begins with, and the sums of its panels.
fn in_tasks<P: Product>(
    level: Level,
    product: &P,
    (panels, gated): (usize, bool),
    finish: impl Fn(&Range<usize>, Range<usize>, &mut [f32]) + Sync,
) {
    let rows = product.rows();
    let at_once = (PACKED / product.inputs() / ROWS).max(1) * ROWS;
    let sides = 1 + usize::from(gated);
    let size = product.made();
    // Panels whose weights are ready at once.
    let group = READY.checked_div(size * size_of::<P::Ready>() * sides).map_or(panels, |n| n.clamp(1, panels));
    P::with_memory(|packed, ready| {
        if ready.len() < group * sides * size {
            ready.resize(group * sides * size, P::Ready::default());
        }
        for first in (0..rows).step_by(at_once) {
            let n = at_once.min(rows - first);
            let block = n.div_ceil(n.div_ceil(ROWS));
            product.pack(level, first..first + n, block, packed);
            for from in (0..panels).step_by(group) {
                let own = from..panels.min(from + group);
                let both = || own.clone().chain(if gated { own.start + panels..own.end + panels } else { 0..0 });
                let ready = &mut ready[..own.len() * sides * size];
                if size > 0 {
                    let made = both().zip(ready.chunks_exact_mut(size));
                    threads::each(made, |(panel, ready)| product.make(level, panel, ready));
                }
                let tasks = Tasks { first, n, block, own, panels, gated, size };
                tasks.run(level, product, (packed, ready), &finish);
            }
        }
    });
}

/// The tasks of some packed rows and some panels.
struct Tasks {
    /// The first row, and how many.
    first: usize,
    n: usize,
    /// Most rows of a block.
    block: usize,
    /// The panels, of so many in all, which are followed by as many gates.
    own: Range<usize>,
    panels: usize,
    gated: bool,
    /// Values of a panel's weights where they were made ready, else 0.
    size: usize,
}

impl Tasks {
    fn run<P: Product>(
        &self,
        level: Level,
        product: &P,
        (packed, ready): (&P::Packed, &[P::Ready]),
        finish: &(impl Fn(&Range<usize>, Range<usize>, &mut [f32]) + Sync),
    ) {
        let Self { first, n, block, own, panels, gated, size } = self;
        let blocks = n.div_ceil(*block);
        let most = if *gated { PANELS / 2 } else { PANELS };
        let wanted = (TASKS * threads::count()).div_ceil(blocks);
        let parts = own.len().div_ceil(most).max(wanted.min(own.len()));
        let made = |slot: usize| ready.get(slot * size..(slot + 1) * size).unwrap_or_default();
        // Those of one panel side by side.
        threads::each(0..blocks * parts, |task| {
            let (part, at) = (task / blocks, task % blocks * block);
            let rows = at..(*n).min(at + block);
            let slots = part * own.len() / parts..(part + 1) * own.len() / parts;
            let values = slots.clone().map(|slot| (own.start + slot, made(slot)));
            let gates = if *gated { slots.clone() } else { 0..0 };
            let gates = gates.map(|slot| (own.start + slot + panels, made(own.len() + slot)));
            SCRATCH.with_borrow_mut(|scratch| {
                let sums = product.sums(level, (packed, &rows), values.chain(gates), scratch);
                let panels = own.start + slots.start..own.start + slots.end;
                finish(&(first + rows.start..first + rows.end), panels, sums);
            });
        });
    }
}

/// `out[row][output] = finish(Σ input x[row][input] · w[output][input])`, by all threads.
///
/// # Panics
/// When the sizes disagree; layers check theirs at load.
#[must_use]
pub fn multiply(level: Level, product: &impl Product, finish: Finish) -> Vec<f32> {
    let (rows, outputs) = (product.rows(), product.outputs());
    assert!(finish.plus.is_none_or(|plus| plus.len() == rows * outputs));
    let out = Output::of(rows * outputs);
    in_tasks(level, product, (outputs.div_ceil(WIDE), false), |rows, panels, sums| {
        for (panel, block) in panels.zip(sums.chunks_exact_mut(rows.len() * WIDE)) {
            let (column, width) = (panel * WIDE, WIDE.min(outputs - panel * WIDE));
            let plus = finish.plus.map_or(&[][..], |plus| &plus[rows.start * outputs + column..]);
            // SAFETY: each row of each panel belongs to one task.
            let to = unsafe { out.place(rows.start * outputs + column, outputs) };
            finish_block(level, block, (column, width), finish, (plus, outputs), to);
        }
    });
    // SAFETY: the tasks cover all rows of all panels.
    unsafe { out.finish() }
}

/// `out[row][i] = (x·w)[row][i] · gelu((x·w)[row][n + i])` of a weight of `2 · n` outputs.
///
/// # Panics
/// When the sizes disagree, or n is not a multiple of 32.
#[must_use]
pub fn multiply_gated(level: Level, product: &impl Product, bias: Option<&[f32]>) -> Vec<f32> {
    let (rows, n) = (product.rows(), product.outputs() / 2);
    assert!(n.is_multiple_of(WIDE) && n > 0);
    let out = Output::of(rows * n);
    in_tasks(level, product, (n / WIDE, true), |rows, panels, sums| {
        let block = rows.len() * WIDE;
        let (values, gates) = sums.split_at_mut(panels.len() * block);
        for (panel, (values, gates)) in panels.zip(values.chunks_exact_mut(block).zip(gates.chunks_exact(block))) {
            let column = panel * WIDE;
            // SAFETY: each row of each panel belongs to one task.
            let to = unsafe { out.place(rows.start * n + column, n) };
            gate_block(level, values, gates, (column, n), bias, to);
        }
    });
    // SAFETY: the tasks cover all rows of all panels.
    unsafe { out.finish() }
}

impl<X: Rows> Product for Wide<'_, X> {
    /// `[block][chunk][row][32]`
    type Packed = Vec<f32>;
    type Ready = f32;

    fn rows(&self) -> usize {
        self.x.rows()
    }

    fn inputs(&self) -> usize {
        self.x.inputs()
    }

    fn outputs(&self) -> usize {
        self.weight.outputs()
    }

    fn pack(&self, _level: Level, rows: Range<usize>, block: usize, packed: &mut Vec<f32>) {
        assert_eq!(self.weight.inputs(), self.x.inputs());
        let width = whole_chunks(self.x.inputs());
        grow(packed, rows.len() * width);
        let blocks = packed[..rows.len() * width].chunks_mut(block * width).enumerate();
        let parts = blocks.flat_map(|(i, packed)| {
            let first = rows.start + i * block;
            let rows = first..rows.end.min(first + block);
            let parts = packed.chunks_mut(CHUNKS * rows.len() * WIDE).enumerate();
            parts.map(move |(i, packed)| (rows.clone(), i * CHUNKS * WIDE, packed))
        });
        threads::each(parts, |(rows, first, packed)| {
            self.x.pack(rows, first..self.x.inputs().min(first + CHUNKS * WIDE), packed);
        });
    }

    fn made(&self) -> usize {
        if self.weight.is_quantised() { whole_chunks(self.weight.inputs()) * WIDE } else { 0 }
    }

    fn make(&self, level: Level, panel: usize, ready: &mut [f32]) {
        self.weight.widen(level, panel, 0..whole_chunks(self.weight.inputs()), ready);
    }

    fn sums<'a, 'r>(
        &self,
        level: Level,
        (packed, rows): (&Vec<f32>, &Range<usize>),
        panels: impl Iterator<Item = (usize, &'r [f32])> + Clone,
        scratch: &'a mut Scratch,
    ) -> &'a mut [f32] {
        let width = whole_chunks(self.weight.inputs());
        let block = rows.len() * WIDE;
        let all = panels.clone().count() * block;
        let Scratch { right, sums, .. } = scratch;
        grow(right, INPUTS * WIDE);
        grow(sums, all);
        let ahead = |first: usize, panel: usize, ready: &[f32]| {
            let inputs = first..width.min(first + INPUTS);
            if ready.is_empty() {
                self.weight.ahead(panel, inputs)
            } else {
                Ahead::of(&ready[inputs.start * WIDE..inputs.end * WIDE])
            }
        };
        let order = (0..width).step_by(INPUTS).flat_map(|first| panels.clone().map(move |panel| (first, panel)));
        let mut following = order.skip(1).map(|(first, (panel, ready))| ahead(first, panel, ready));
        for first in (0..width).step_by(INPUTS) {
            let inputs = INPUTS.min(width - first);
            let values = &packed[rows.start * width + first * rows.len()..];
            let left = Left { values, rows: rows.len(), chunks: inputs / WIDE, step: block };
            let before = if first == 0 { Before::Zero } else { Before::Kept };
            for ((panel, ready), sums) in panels.clone().zip(sums.chunks_exact_mut(block)) {
                let right = if ready.is_empty() {
                    self.weight.widen(level, panel, first..first + inputs, &mut right[..inputs * WIDE]);
                    &right[..]
                } else {
                    &ready[first * WIDE..]
                };
                let narrow = self.weight.width(panel) <= WIDE / 2;
                product(level, left, right, sums, (before, narrow), following.next().unwrap_or(Ahead::NONE));
            }
        }
        &mut sums[..all]
    }

    fn with_memory<T>(work: impl FnOnce(&mut Vec<f32>, &mut Vec<f32>) -> T) -> T {
        MEMORY.with_borrow_mut(|(packed, ready)| work(packed, ready))
    }
}

/// Makes room where there is too little.
pub(super) fn grow(scratch: &mut Vec<f32>, length: usize) {
    if scratch.len() < length {
        scratch.resize(length, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Kind;
    use super::super::output::Then;
    use super::super::plain::{self, assert_close, assert_within, numbers, quantised};
    use super::super::stored::Stored;
    use super::*;
    use half::{bf16, f16};
    use proptest::prelude::*;

    /// Weights in each precision, and what they are in f32.
    fn stored(n: usize, seed: u32, precision: usize) -> (Stored, Vec<f32>) {
        let values = numbers(n, seed);
        match precision {
            0 => (Stored::F32(values.clone()), values),
            1 => {
                let half: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
                let wide = half.iter().map(|v| v.to_f32()).collect();
                (Stored::F16(half), wide)
            }
            _ => {
                let half: Vec<bf16> = values.into_iter().map(bf16::from_f32).collect();
                let wide = half.iter().map(|v| v.to_f32()).collect();
                (Stored::Bf16(half), wide)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn products_equal_the_plain_ones(
            (rows, outputs, inputs) in (1usize..400, 1usize..300, 1usize..600),
            seed in any::<u32>(),
            precision in 0usize..3,
            (with_bias, with_plus, then) in (any::<bool>(), any::<bool>(), 0usize..7),
        ) {
            let (x, bias) = (numbers(rows * inputs, seed), numbers(outputs, seed ^ 1));
            let (plus, slopes) = (numbers(rows * outputs, seed ^ 3), numbers(outputs, seed ^ 4));
            let (weight, wide) = stored(outputs * inputs, seed ^ 2, precision);
            let panels = Panels::pack(outputs, inputs, 1, weight).unwrap();
            let then = [
                Then::Nothing,
                Then::Silu,
                Then::Gelu,
                Then::GeluTanh,
                Then::QuickGelu,
                Then::Relu,
                Then::Prelu(&slopes),
            ][then];
            let finish = Finish { bias: with_bias.then_some(&bias[..]), plus: with_plus.then_some(&plus[..]), then };
            let plain = plain::finished(&plain::product(&x, &wide, inputs), outputs, finish);
            let rows = Plain { values: &x, width: inputs };
            for level in Level::all() {
                assert_close(&multiply(level, &Wide { x: &rows, weight: &panels }, finish), &plain);
            }
        }

        #[test]
        fn products_with_quantised_weights_equal_those_with_what_they_mean(
            (rows, outputs, blocks) in (1usize..200, 1usize..100, 1usize..5),
            seed in any::<u32>(),
            kind in prop::sample::select(vec![Kind::Q8_0, Kind::Q4_0, Kind::Q4K, Kind::F8E4m3]),
        ) {
            let inputs = blocks * kind.block().0;
            let weight = quantised(kind, outputs * inputs, seed);
            let x = numbers(rows * inputs, seed ^ 1);
            let wide = weight.to_f32();
            let plain = plain::product(&x, &wide, inputs);
            // What cancels out in a sum was there, and rounded.
            let sizes = |values: &[f32]| values.iter().map(|v| v.abs()).collect::<Vec<f32>>();
            let largest = plain::product(&sizes(&x), &sizes(&wide), inputs).into_iter().fold(1.0, f64::max);
            let panels = Panels::pack(outputs, inputs, 1, Stored::Blocks(weight)).unwrap();
            let rows = Plain { values: &x, width: inputs };
            for level in Level::all() {
                let out = multiply(level, &Wide { x: &rows, weight: &panels }, Finish::default());
                assert_within(&out, &plain, 1e-6 * largest);
            }
        }

        #[test]
        fn gated_products_equal_the_plain_ones(
            (rows, half, inputs) in (1usize..200, 1usize..5, 1usize..100),
            seed in any::<u32>(),
            with_bias in any::<bool>(),
        ) {
            let n = half * WIDE;
            let (x, bias) = (numbers(rows * inputs, seed), numbers(2 * n, seed ^ 1));
            let (weight, wide) = stored(2 * n * inputs, seed ^ 2, 1);
            let panels = Panels::pack(2 * n, inputs, 1, weight).unwrap();
            let bias = with_bias.then_some(&bias[..]);
            let both = plain::finished(&plain::product(&x, &wide, inputs), 2 * n, Finish { bias, ..Finish::default() });
            let plain: Vec<f64> =
                both.chunks(2 * n).flat_map(|row| (0..n).map(|i| row[i] * plain::gelu(row[n + i]))).collect();
            let rows = Plain { values: &x, width: inputs };
            for level in Level::all() {
                assert_close(&multiply_gated(level, &Wide { x: &rows, weight: &panels }, bias), &plain);
            }
        }
    }
}
