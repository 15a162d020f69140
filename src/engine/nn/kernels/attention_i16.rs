//! What an attention multiplies, rounded to integers of up to thirteen bits, and the sizes at which all sums of their
//! products fit [`super::tile_i16`]. Half the time of f32's, and finer by far than anything in bytes.

use super::attention::Shape;
use super::gemm::grow;
use super::in_bytes::{factor_of, largest};
use super::level::{Level, per_level};
use super::threads;
use super::tile::{Before, WIDE};
use super::tile_i16::{Left, Right, nearest, product};
use std::ops::Range;

/// The largest value of a query or a key. 128 products of two of them stay below 2³¹.
const LARGEST: f32 = 4095.0;
/// Most values a head may have for that.
pub const DIM: usize = 128;
/// The largest weight, which is 1, and the largest value of what is weighed. So do 512 products of two of these.
pub const ONE: f32 = 2047.0;
/// Most keys of a product for that.
pub const KEYS: usize = 512;

/// Keys and values of all heads.
#[derive(Default)]
pub struct Answers {
    /// `[head][panel of keys][chunk][16 pairs of values][32 keys][2]`
    keys: Vec<i16>,
    /// `[head][key]`
    key_units: Vec<f32>,
    /// `[head][panel of values][chunk][16 pairs of keys][32 values][2]`
    values: Vec<i16>,
    /// `[head][value]`
    value_units: Vec<f32>,
}

/// Those of one head.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    keys: &'a [i16],
    key_units: &'a [f32],
    values: &'a [i16],
    value_units: &'a [f32],
}

impl Answers {
    /// Rounds all of them.
    pub fn round(&mut self, level: Level, shape: Shape, (k, v): (&[f32], &[f32])) {
        let (packed, heads) = (shape.packed(), shape.batch * shape.heads);
        let (keys, dim) = (shape.keys.next_multiple_of(WIDE), shape.dim.next_multiple_of(WIDE));
        self.keys.resize(self.keys.len().max(heads * packed), 0);
        self.values.resize(self.values.len().max(heads * packed), 0);
        grow(&mut self.key_units, heads * keys);
        grow(&mut self.value_units, heads * dim);
        let of_keys = self.keys.chunks_mut(packed).zip(self.key_units.chunks_mut(keys));
        let of_values = self.values.chunks_mut(packed).zip(self.value_units.chunks_mut(dim));
        threads::each(of_keys.zip(of_values).take(heads).enumerate(), |(head, (of_keys, of_values))| {
            let first = shape.first(shape.keys, head);
            round_keys(level, &k[first..], shape.sizes(), of_keys);
            round_values(level, &v[first..], shape.sizes(), of_values);
        });
    }

    /// Those of one head.
    #[must_use]
    pub fn head(&self, shape: Shape, head: usize) -> Head<'_> {
        let (keys, dim) = (shape.keys.next_multiple_of(WIDE), shape.dim.next_multiple_of(WIDE));
        let packed = head * shape.packed()..(head + 1) * shape.packed();
        Head {
            keys: &self.keys[packed.clone()],
            key_units: &self.key_units[head * keys..(head + 1) * keys],
            values: &self.values[packed],
            value_units: &self.value_units[head * dim..(head + 1) * dim],
        }
    }
}

impl Head<'_> {
    /// The scores of a block of queries and one panel of keys, `[query][32]`.
    pub fn scores(self, level: Level, asked: &Asked, panel: usize, scores: &mut [f32]) {
        let (rows, chunks) = (asked.units.len(), self.value_units.len() / WIDE);
        let left = Left { values: &asked.queries, units: &asked.units, chunks, step: rows * WIDE };
        let size = chunks * WIDE * WIDE;
        let right = Right {
            values: &self.keys[panel * size..(panel + 1) * size],
            units: &self.key_units[panel * WIDE..(panel + 1) * WIDE],
        };
        product(level, left, right, scores, Before::Zero);
    }

    /// Adds what a block of queries sees of one panel of values by its weights of the keys of `panels`, or sets it to that.
    pub fn seen(
        self,
        level: Level,
        asked: &Asked,
        (panel, panels): (usize, Range<usize>),
        seen: &mut [f32],
        before: Before,
    ) {
        let (rows, chunks) = (asked.units.len(), self.key_units.len() / WIDE);
        let ones = &asked.ones[..rows];
        let left = Left { values: &asked.weights, units: ones, chunks: panels.len(), step: rows * WIDE };
        let values = &self.values[(panel * chunks + panels.start) * WIDE * WIDE..][..panels.len() * WIDE * WIDE];
        let right = Right { values, units: &self.value_units[panel * WIDE..(panel + 1) * WIDE] };
        product(level, left, right, seen, before);
    }
}

/// A block of queries.
#[derive(Default)]
pub struct Asked {
    /// `[chunk][query][32]`
    queries: Vec<i16>,
    /// Of each query: what one is worth, scaled.
    units: Vec<f32>,
    /// Of some panels of keys, `[panel][query][32]`.
    pub weights: Vec<i16>,
    /// What one is worth of each query's weights.
    ones: Vec<f32>,
}

impl Asked {
    /// Rounds some rows of a head's queries; there will be weights of `panels` panels of keys at a time.
    pub fn round(&mut self, level: Level, shape: Shape, q: &[f32], (rows, panels): (&Range<usize>, usize)) {
        let n = rows.len();
        let chunks = shape.dim.div_ceil(WIDE);
        self.queries.resize(self.queries.len().max(chunks * n * WIDE), 0);
        self.weights.resize(self.weights.len().max(panels * n * WIDE), 0);
        self.ones.resize(self.ones.len().max(n), 1.0 / ONE);
        self.units.resize(n, 0.0);
        let mut rounded = [0; DIM];
        for (r, row) in rows.clone().enumerate() {
            round_one(level, &q[row * shape.token()..][..shape.dim], &mut rounded, &mut self.units[r..=r]);
            self.units[r] *= shape.scale;
            for (chunk, values) in rounded.chunks_exact(WIDE).take(chunks).enumerate() {
                self.queries[(chunk * n + r) * WIDE..][..WIDE].copy_from_slice(values);
            }
        }
    }
}

/// The keys of a head, `keys` rows of `dim` values, `token` apart.
fn round_keys(
    level: Level,
    k: &[f32],
    (keys, dim, token): (usize, usize, usize),
    (to, units): (&mut [i16], &mut [f32]),
) {
    let mut rounded = [0; WIDE * DIM];
    let size = dim.next_multiple_of(WIDE) * WIDE;
    for (panel, (to, units)) in to.chunks_exact_mut(size).zip(units.chunks_exact_mut(WIDE)).enumerate() {
        units.fill(0.0);
        for (key, row) in (panel * WIDE..keys).zip(rounded.chunks_exact_mut(DIM)) {
            round_one(level, &k[key * token..][..dim], row, &mut units[key % WIDE..=key % WIDE]);
        }
        in_pairs(level, &rounded, to);
    }
}

/// The values of a head, as [`round_keys`].
fn round_values(
    level: Level,
    v: &[f32],
    (keys, dim, token): (usize, usize, usize),
    (to, units): (&mut [i16], &mut [f32]),
) {
    let chunks = keys.div_ceil(WIDE);
    let (mut tops, mut factors) = ([0.0f32; DIM], [0.0f32; DIM]);
    for key in 0..keys {
        largest_of_each(level, &v[key * token..][..dim], &mut tops);
    }
    for ((unit, factor), top) in units.iter_mut().zip(&mut factors).zip(&tops) {
        *unit = top / ONE;
        *factor = factor_of(*unit);
    }
    let mut row = [[0.0f32; DIM]; 2];
    for pair in 0..chunks * WIDE / 2 {
        for (i, row) in row.iter_mut().enumerate() {
            let key = 2 * pair + i;
            if key < keys {
                row[..dim].copy_from_slice(&v[key * token..][..dim]);
            } else {
                row.fill(0.0);
            }
        }
        for panel in 0..dim.div_ceil(WIDE) {
            let at = panel * WIDE..(panel + 1) * WIDE;
            let to = &mut to[(panel * chunks * WIDE / 2 + pair) * 2 * WIDE..][..2 * WIDE];
            round_pair(level, &row[0][at.clone()], &row[1][at.clone()], &factors[at], to);
        }
    }
}

per_level! {
    /// Rounds one row, and tells what one is worth: no number where one of them is none, or infinity.
    pub fn round_one(values: &[f32], to: &mut [i16], unit: &mut [f32]) {
        unit[0] = largest(values) / LARGEST;
        let factor = factor_of(unit[0]);
        for (to, v) in to.iter_mut().zip(values) {
            *to = nearest(v * factor);
        }
    }
}

per_level! {
    /// Rounds two rows to pairs.
    pub fn round_pair(first: &[f32], second: &[f32], factors: &[f32], to: &mut [i16]) {
        for (((to, a), b), factor) in to.chunks_exact_mut(2).zip(first).zip(second).zip(factors) {
            to[0] = nearest(a * factor);
            to[1] = nearest(b * factor);
        }
    }
}

per_level! {
    /// The largest absolute value so far of each column, no number for good after one that is none, or infinity.
    pub fn largest_of_each(values: &[f32], tops: &mut [f32]) {
        for (top, v) in tops.iter_mut().zip(values) {
            let larger = if v.abs() > *top { v.abs() } else { *top };
            *top = larger + v * 0.0;
        }
    }
}

per_level! {
    /// 32 rows of [`DIM`] values to `[pair][32][2]`.
    pub fn in_pairs(rows: &[i16], to: &mut [i16]) {
        for (pair, to) in to.chunks_exact_mut(2 * WIDE).enumerate() {
            for (row, to) in rows.chunks_exact(DIM).zip(to.chunks_exact_mut(2)) {
                to.copy_from_slice(&row[2 * pair..2 * pair + 2]);
            }
        }
    }
}
