//! Attention over heads that lie side by side in each token, a block of queries and a block of keys at a time: only the
//! scores of one block of both are there at once. What a query has seen of the values is kept with the largest score
//! and the sum of weights so far, and scaled when a larger score comes (Milakov and Gimelshein, "Online normalizer
//! calculation for softmax").

use super::activation::{exp, exp_of_negative};
use super::attention_i16::{Answers, Asked, DIM, Head, KEYS, ONE};
use super::gemm::{grow, put};
use super::lanes::{folded, per_lanes};
use super::level::Level;
use super::output::{Output, scale_block};
use super::threads;
use super::tile::{Ahead, Before, Left, WIDE, product};
use std::cell::RefCell;
use std::ops::Range;

/// Most queries of a task.
const QUERIES: usize = 84;
/// Panels of keys at a time, of 32 keys each.
const PANELS: usize = KEYS / WIDE;

/// The shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Pictures.
    pub batch: usize,
    /// Tokens that ask.
    pub queries: usize,
    /// Tokens that answer.
    pub keys: usize,
    /// Heads.
    pub heads: usize,
    /// Values a head and token; a token has `heads * dim`.
    pub dim: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
    /// What scores are multiplied by: usually 1 / √dim.
    pub scale: f32,
    /// Whether what is multiplied may be rounded to integers.
    pub rounded: bool,
}

impl Shape {
    pub(super) fn token(&self) -> usize {
        self.heads * self.dim
    }

    /// Where a head begins among so many tokens a picture.
    pub(super) fn first(&self, tokens: usize, head: usize) -> usize {
        head / self.heads * tokens * self.token() + head % self.heads * self.dim
    }

    /// Keys, values of each, and from one to the next.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.keys, self.dim, self.token())
    }

    fn is_rounded(&self) -> bool {
        self.rounded && self.dim <= DIM
    }

    /// Chunks that the values of a head, or that many of anything, fill.
    fn chunks(n: usize) -> usize {
        n.div_ceil(WIDE)
    }

    /// Values of one head's keys, or of its values, when packed.
    pub(super) fn packed(&self) -> usize {
        Self::chunks(self.keys) * Self::chunks(self.dim) * WIDE * WIDE
    }
}

/// `out = softmax(scale · q · kᵀ + bias) · v`, every head for itself. `q` and the result are `(batch, queries, heads *
/// dim)`, `k` and `v` are `(batch, keys, heads * dim)`, `bias` is `(heads, queries, keys)`.
///
/// # Panics
/// When a slice is shorter than its shape says.
#[must_use]
pub fn attention(level: Level, shape: Shape, (q, k, v): (&[f32], &[f32], &[f32]), bias: Option<&[f32]>) -> Vec<f32> {
    let token = shape.token();
    assert_eq!(q.len(), shape.batch * shape.queries * token);
    assert_eq!(k.len(), shape.batch * shape.keys * token);
    assert_eq!(v.len(), k.len());
    assert!(bias.is_none_or(|bias| bias.len() == shape.heads * shape.queries * shape.keys));
    let heads = shape.batch * shape.heads;
    let (mut wide, mut integers) = MEMORY.take();
    if shape.is_rounded() {
        integers.round(level, shape, (k, v));
    } else {
        wide.pack(shape, (k, v));
    }
    let out = Output::of(q.len());
    let blocks = shape.queries.div_ceil(QUERIES);
    threads::each(0..heads * blocks, |task| {
        let (head, block) = (task / blocks, task % blocks);
        let rows = block * shape.queries / blocks..(block + 1) * shape.queries / blocks;
        let at = shape.first(shape.queries, head);
        SCRATCH.with_borrow_mut(|scratch| {
            let answers = if shape.is_rounded() {
                scratch.asked.round(level, shape, &q[at..], (&rows, PANELS));
                Of::Rounded(integers.head(shape, head))
            } else {
                pack_queries(shape, &q[at..], &rows, &mut scratch.queries);
                let packed = head * shape.packed()..(head + 1) * shape.packed();
                Of::Wide(&wide.keys[packed.clone()], &wide.values[packed])
            };
            let bias = bias.map(|bias| &bias[head % shape.heads * shape.queries * shape.keys..]);
            attend(level, shape, &rows, (answers, bias), scratch);
            let Scratch { seen, sums, .. } = scratch;
            sums.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
            for (panel, seen) in seen.chunks_exact_mut(rows.len() * WIDE).take(Shape::chunks(shape.dim)).enumerate() {
                let first = panel * WIDE;
                // SAFETY: each row of each head belongs to one task.
                let to = unsafe { out.place(at + rows.start * token + first, token) };
                scale_block(level, seen, WIDE.min(shape.dim - first), sums, to);
            }
        });
    });
    MEMORY.set((wide, integers));
    // SAFETY: the tasks cover all rows of all heads.
    unsafe { out.finish() }
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    /// `[chunk][query][32]`, scaled.
    queries: Vec<f32>,
    asked: Asked,
    /// `[panel][query][32]`
    scores: Vec<f32>,
    /// What each query has seen of the values, `[panel][query][32]`.
    seen: Vec<f32>,
    /// Of each query: the largest score so far.
    largest: Vec<f32>,
    /// The sum of its weights so far, relative to the largest.
    sums: Vec<f32>,
    /// What makes up for a larger score in this block.
    factors: Vec<f32>,
}

/// Packed keys and values of all heads.
#[derive(Default)]
struct Wide {
    keys: Vec<f32>,
    values: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// Kept: fresh pages cost more than packing.
    static MEMORY: RefCell<(Wide, Answers)> = RefCell::default();
}

/// Keys and values of one head.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// As they are.
    Wide(&'a [f32], &'a [f32]),
    /// Rounded.
    Rounded(Head<'a>),
}

impl Wide {
    fn pack(&mut self, shape: Shape, (k, v): (&[f32], &[f32])) {
        let (packed, heads) = (shape.packed(), shape.batch * shape.heads);
        grow(&mut self.keys, heads * packed);
        grow(&mut self.values, heads * packed);
        let both = self.keys.chunks_mut(packed).zip(self.values.chunks_mut(packed));
        threads::each(both.take(heads).enumerate(), |(head, (keys, values))| {
            if !shape.keys.is_multiple_of(WIDE) || !shape.dim.is_multiple_of(WIDE) {
                keys.fill(0.0);
                values.fill(0.0);
            }
            pack_keys(shape, &k[shape.first(shape.keys, head)..], keys);
            pack_values(shape, &v[shape.first(shape.keys, head)..], values);
        });
    }
}

/// Transposed: `[panel of keys][value][32 keys]`.
fn pack_keys(shape: Shape, k: &[f32], out: &mut [f32]) {
    let panel = Shape::chunks(shape.dim) * WIDE * WIDE;
    for key in 0..shape.keys {
        let out = &mut out[key / WIDE * panel..][..panel];
        for (i, value) in k[key * shape.token()..][..shape.dim].iter().enumerate() {
            out[i * WIDE + key % WIDE] = *value;
        }
    }
}

/// `[panel of the head's values][key][32]`
fn pack_values(shape: Shape, v: &[f32], out: &mut [f32]) {
    let panel = Shape::chunks(shape.keys) * WIDE * WIDE;
    for key in 0..shape.keys {
        let row = &v[key * shape.token()..][..shape.dim];
        for (values, out) in row.chunks(WIDE).zip(out.chunks_exact_mut(panel)) {
            put(values, &mut out[key * WIDE..][..WIDE]);
        }
    }
}

fn pack_queries(shape: Shape, q: &[f32], rows: &Range<usize>, out: &mut Vec<f32>) {
    let n = rows.len();
    grow(out, Shape::chunks(shape.dim) * n * WIDE);
    for (r, row) in rows.clone().enumerate() {
        for (chunk, values) in q[row * shape.token()..][..shape.dim].chunks(WIDE).enumerate() {
            let to = &mut out[(chunk * n + r) * WIDE..][..WIDE];
            put(values, to);
            to.iter_mut().for_each(|v| *v *= shape.scale);
        }
    }
}

/// Leaves what the queries see in `scratch.seen`, still to be divided by `scratch.sums`. The bias is that of the head.
fn attend(
    level: Level,
    shape: Shape,
    rows: &Range<usize>,
    (answers, bias): (Of, Option<&[f32]>),
    scratch: &mut Scratch,
) {
    let Scratch { queries, asked, scores, seen, largest, sums, factors } = scratch;
    let (n, chunks) = (rows.len(), Shape::chunks(shape.dim));
    let block = n * WIDE;
    grow(scores, PANELS * block);
    grow(seen, chunks * block);
    for (of_row, start) in [(&mut *largest, f32::NEG_INFINITY), (&mut *sums, 0.0), (&mut *factors, 0.0)] {
        of_row.clear();
        of_row.resize(n, start);
    }
    let panels = if shape.causal { Shape::chunks(shape.keys.min(rows.end)) } else { Shape::chunks(shape.keys) };
    for first in (0..panels).step_by(PANELS) {
        let here = PANELS.min(panels - first);
        for (panel, scores) in (first..).zip(scores.chunks_exact_mut(block).take(here)) {
            match answers {
                Of::Wide(keys, _) => {
                    let left = Left { values: queries, rows: n, chunks, step: block };
                    let right = &keys[panel * chunks * WIDE * WIDE..][..chunks * WIDE * WIDE];
                    product(level, left, right, scores, (Before::Zero, false), Ahead::NONE);
                }
                Of::Rounded(head) => head.scores(level, asked, panel, scores),
            }
        }
        let keys_left = shape.keys - first * WIDE;
        let queries_before = if shape.causal { rows.start } else { usize::MAX };
        let scores = &mut scores[..here * block];
        if let Some(bias) = bias {
            add_bias(bias, (rows, shape.keys), first * WIDE, scores);
        }
        let state = State { largest, sums, factors };
        let rounded = matches!(answers, Of::Rounded(_)).then_some(&mut asked.weights[..]);
        weigh(level, scores, (first * WIDE, keys_left), queries_before, state, rounded);
        for (panel, seen) in seen.chunks_exact_mut(block).take(chunks).enumerate() {
            let before = if first == 0 { Before::Zero } else { Before::Kept };
            if before == Before::Kept {
                for (row, factor) in seen.chunks_exact_mut(WIDE).zip(&*factors) {
                    row.iter_mut().for_each(|v| *v *= factor);
                }
            }
            match answers {
                Of::Wide(_, values) => {
                    let left = Left { values: scores, rows: n, chunks: here, step: block };
                    let at = (panel * Shape::chunks(shape.keys) + first) * WIDE * WIDE;
                    let narrow = shape.dim - panel * WIDE <= WIDE / 2;
                    product(level, left, &values[at..][..here * WIDE * WIDE], seen, (before, narrow), Ahead::NONE);
                }
                Of::Rounded(head) => head.seen(level, asked, (panel, first..first + here), seen, before),
            }
        }
    }
}

/// Adds `(query, key)` of `rows` and of the keys from `first` on to scores `[panel][query][32]`.
fn add_bias(bias: &[f32], (rows, keys): (&Range<usize>, usize), first: usize, scores: &mut [f32]) {
    for (panel, scores) in scores.chunks_exact_mut(rows.len() * WIDE).enumerate() {
        let first = first + panel * WIDE;
        for (row, scores) in rows.clone().zip(scores.chunks_exact_mut(WIDE)) {
            let added = &bias[row * keys + first..row * keys + keys.min(first + WIDE)];
            scores.iter_mut().zip(added).for_each(|(score, added)| *score += added);
        }
    }
}

/// Of each query, as in [`Scratch`].
struct State<'a> {
    largest: &'a mut [f32],
    sums: &'a mut [f32],
    factors: &'a mut [f32],
}

/// Scores `[panel][query][32]` to weights relative to each query's largest score so far; `keys` is the first key of the
/// block and how many there are from there. Where `before` is not `usize::MAX`, it is the number of the first query, and
/// a query sees only keys up to its own number. Where `rounded` is there, they go there instead, in units of 1 / [`ONE`].
fn weigh(
    level: Level,
    scores: &mut [f32],
    keys: (usize, usize),
    before: usize,
    state: State,
    mut rounded: Option<&mut [i16]>,
) {
    let n = state.largest.len();
    let blocks = scores.chunks_exact_mut(n * WIDE);
    let panels = blocks.len();
    for (panel, block) in blocks.enumerate() {
        for (row, values) in block.chunks_exact_mut(WIDE).enumerate() {
            let seen =
                if before == usize::MAX { keys.1 } else { keys.1.min((before + row + 1).saturating_sub(keys.0)) };
            if let Some(hidden) = values.get_mut(seen.saturating_sub(panel * WIDE)..) {
                hidden.fill(f32::NEG_INFINITY);
            }
        }
    }
    let (mut tops, mut added) = ([f32::NEG_INFINITY; WIDE], [0.0; WIDE]);
    for row in 0..n {
        let own = &mut scores[row * WIDE..];
        assert!(own.len() >= (panels - 1) * n * WIDE + WIDE);
        // SAFETY: all panels have 32 scores of the row (asserted), and there is room for 32 values.
        unsafe { largest(level, own.as_ptr(), (panels, n * WIDE), tops.as_mut_ptr()) };
        let (before, top) = (state.largest[row], folded(tops, |a, b| if b > a { b } else { a }));
        let top = if top > before { top } else { before };
        let rounded = rounded.as_mut().map_or(std::ptr::null_mut(), |rounded| {
            assert!(rounded.len() >= panels * n * WIDE);
            rounded[row * WIDE..].as_mut_ptr()
        });
        // SAFETY: as above; where it is not null, there is as much room for rounded ones.
        unsafe { weights(level, own.as_mut_ptr(), rounded, (panels, n * WIDE), top, added.as_mut_ptr()) };
        // Before the first key nothing was seen, and what it is multiplied with does not matter.
        let factor = if state.sums[row] == 0.0 { 0.0 } else { exp(before - top) };
        state.largest[row] = top;
        state.sums[row] = state.sums[row] * factor + folded(added, |a, b| a + b);
        state.factors[row] = factor;
    }
}

per_lanes! {
    /// The largest of 32 scores a panel, in vectors: 32 values, of which some may be the same.
    ///
    /// # Safety
    /// As many panels are there, so far apart, and room for 32 values.
    unsafe fn largest<V>(scores: *const f32, panels: (usize, usize), to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut tops = [V::splat(f32::NEG_INFINITY); 2];
            for panel in 0..panels.0 {
                for at in (0..WIDE).step_by(2 * V::N) {
                    for (v, top) in tops.iter_mut().enumerate() {
                        // A score that is no number does not count.
                        *top = top.at_least(V::load(scores.add(panel * panels.1 + at + v * V::N)));
                    }
                }
            }
            for at in (0..WIDE).step_by(2 * V::N) {
                tops[0].store(to.add(at));
                tops[1].store(to.add(at + V::N));
            }
        }
    }
}

per_lanes! {
    /// e to the power of what 32 scores a panel are above `top`, and in `to` 32 sums of them. They take the scores' place, or
    /// where `rounded` is not null go there in units of 1 / [`ONE`].
    ///
    /// # Safety
    /// As [`largest`], of `rounded`, too, where it is not null.
    unsafe fn weights<V>(scores: *mut f32, rounded: *mut i16, panels: (usize, usize), top: f32, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::splat(0.0); 2];
            let top = V::splat(top);
            for panel in 0..panels.0 {
                for at in (0..WIDE).step_by(2 * V::N) {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let here = panel * panels.1 + at + v * V::N;
                        let weight = exp_of_negative(V::load(scores.add(here)).minus(top));
                        if rounded.is_null() {
                            weight.store(scores.add(here));
                        } else {
                            weight.times(V::splat(ONE)).store_as_i16(rounded.add(here));
                        }
                        *sum = sum.plus(weight);
                    }
                }
            }
            for at in (0..WIDE).step_by(V::N) {
                V::splat(0.0).store(to.add(at));
            }
            sums[0].store(to);
            sums[1].store(to.add(V::N));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::numbers;
    use super::*;
    use proptest::prelude::*;

    fn plain(shape: Shape, q: &[f32], k: &[f32], v: &[f32], bias: &[f32]) -> Vec<f64> {
        let token = shape.heads * shape.dim;
        let mut out = vec![0.0; q.len()];
        for batch in 0..shape.batch {
            for head in 0..shape.heads {
                for i in 0..shape.queries {
                    let seen = if shape.causal { shape.keys.min(i + 1) } else { shape.keys };
                    let q_at = (batch * shape.queries + i) * token + head * shape.dim;
                    let key_at = |j: usize| (batch * shape.keys + j) * token + head * shape.dim;
                    let scores: Vec<f64> = (0..seen)
                        .map(|j| {
                            let dot: f64 =
                                (0..shape.dim).map(|d| f64::from(q[q_at + d]) * f64::from(k[key_at(j) + d])).sum();
                            let added = bias.get((head * shape.queries + i) * shape.keys + j).copied().unwrap_or(0.0);
                            (dot * f64::from(shape.scale) + f64::from(added)).exp()
                        })
                        .collect();
                    let total: f64 = scores.iter().sum();
                    for d in 0..shape.dim {
                        let sum: f64 = scores.iter().enumerate().map(|(j, s)| s * f64::from(v[key_at(j) + d])).sum();
                        out[q_at + d] = sum / total;
                    }
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn equals_the_plain_one(
            (batch, queries, keys) in (1usize..3, 1usize..200, 1usize..700),
            (heads, dim) in (1usize..4, 1usize..70),
            (causal, biased) in any::<(bool, bool)>(),
            values in proptest::collection::vec(-2.0f32..2.0, 97..400),
        ) {
            let keys = if causal { queries } else { keys };
            #[allow(clippy::cast_precision_loss)]
            let shape = Shape { batch, queries, keys, heads, dim, causal, scale: 1.0 / (dim as f32).sqrt(), rounded: false };
            let token = heads * dim;
            let fill = |n: usize, from: usize| -> Vec<f32> {
                (0..n).map(|i| values[(i * 7 + i / 13 + from) % values.len()]).collect()
            };
            let q = fill(batch * queries * token, 0);
            let (k, v) = (fill(batch * keys * token, 31), fill(batch * keys * token, 57));
            let bias = biased.then(|| fill(heads * queries * keys, 5));
            let plain = plain(shape, &q, &k, &v, bias.as_deref().unwrap_or(&[]));
            for level in Level::all() {
                for (a, b) in attention(level, shape, (&q, &k, &v), bias.as_deref()).iter().zip(&plain) {
                    prop_assert!((f64::from(*a) - b).abs() <= 2e-5, "{level:?}: {a} against {b}");
                }
            }
        }

        /// What is rounded most are weights, by up to half of 1 / 2047, which is some 3e-4 in their sums.
        #[test]
        fn rounded_ones_are_near_the_plain_one(
            (batch, queries, keys) in (1usize..3, 1usize..200, 1usize..1100),
            (heads, dim) in (1usize..3, 1usize..129),
            (causal, biased) in any::<(bool, bool)>(),
            seed in any::<u32>(),
        ) {
            let keys = if causal { queries } else { keys };
            #[allow(clippy::cast_precision_loss)]
            let shape =
                Shape { batch, queries, keys, heads, dim, causal, scale: 1.0 / (dim as f32).sqrt(), rounded: true };
            let q = numbers(batch * queries * heads * dim, seed);
            let (k, v) = (numbers(batch * keys * heads * dim, seed ^ 8), numbers(batch * keys * heads * dim, seed ^ 16));
            let bias = biased.then(|| numbers(heads * queries * keys, seed ^ 32));
            let plain = plain(shape, &q, &k, &v, bias.as_deref().unwrap_or(&[]));
            for level in Level::all() {
                for (a, b) in attention(level, shape, (&q, &k, &v), bias.as_deref()).iter().zip(&plain) {
                    prop_assert!((f64::from(*a) - b).abs() <= 2e-3, "{level:?}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_shows() {
        let shape =
            Shape { batch: 1, queries: 3, keys: 40, heads: 1, dim: 64, causal: false, scale: 0.125, rounded: true };
        for level in Level::all() {
            for wrong in 0..3 {
                let mut sides = [3, 40, 40].map(|n| numbers(n * 64, 7));
                sides[wrong][70] = f32::NAN;
                let out = attention(level, shape, (&sides[0], &sides[1], &sides[2]), None);
                // A query's row, all rows for a key, a column for a value.
                let shown = out.iter().enumerate().all(|(i, v)| v.is_nan() == [i / 64 == 1, true, i % 64 == 6][wrong]);
                assert!(shown, "{level:?}, {wrong}");
            }
        }
    }
}
