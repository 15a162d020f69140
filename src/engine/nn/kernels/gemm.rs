//! Matrix product with stored weights: `out = x · Wᵀ + bias`, where W may be kept in half precision and is widened
//! a block at a time, and where x may be gathered (a convolution is a product over its taps).

use crate::engine::nn::weight::Matrix;
use gemm::Parallelism;
use rayon::prelude::*;
use std::ops::Range;

/// Columns of the output a task computes: with up to 2560 inputs the widened block of weights stays in the L2 cache.
const COLUMNS: usize = 128;
/// Rows of the output a task computes at most.
const ROWS: usize = 512;
/// Floats a gathered block of rows may have, so that it stays in the L2 cache beside the weights.
const GATHERED: usize = 192 * 1024;

/// The left side of the product: `taps` row-major matrices of `columns` columns whose products are added up.
pub trait Rows: Sync {
    /// How many matrices.
    fn taps(&self) -> usize;
    /// Columns of each.
    fn columns(&self) -> usize;
    /// Rows `range` of matrix `tap`, contiguous: borrowed where they lie so, else gathered in `scratch`.
    fn rows<'a>(&'a self, tap: usize, range: Range<usize>, scratch: &'a mut Vec<f32>) -> &'a [f32];
    /// Whether `rows` copies.
    fn gathers(&self) -> bool;
}

/// A plain matrix.
pub struct Plain<'a> {
    /// Row-major values.
    pub values: &'a [f32],
    /// Columns.
    pub width: usize,
}

impl Rows for Plain<'_> {
    fn taps(&self) -> usize {
        1
    }

    fn columns(&self) -> usize {
        self.width
    }

    fn rows<'a>(&'a self, _tap: usize, range: Range<usize>, _scratch: &'a mut Vec<f32>) -> &'a [f32] {
        &self.values[range.start * self.width..range.end * self.width]
    }

    fn gathers(&self) -> bool {
        false
    }
}

/// `out[r, o] = bias[o] + Σ_tap Σ_i x_tap[r, i] · w[o, tap · width + i]`, in parallel on rayon's pool.
///
/// # Panics
/// When the sizes disagree; layers check theirs at load.
pub fn multiply(x: &impl Rows, rows: usize, weight: &Matrix, bias: Option<&[f32]>, out: &mut [f32]) {
    let columns = weight.rows();
    assert_eq!(weight.columns(), x.taps() * x.columns());
    assert_eq!(out.len(), rows * columns);
    assert!(bias.is_none_or(|b| b.len() == columns));
    if rows == 0 {
        return;
    }
    let row_block = if x.gathers() { (GATHERED / x.columns()).clamp(32, ROWS) } else { ROWS };
    let (row_blocks, column_blocks) = (rows.div_ceil(row_block), columns.div_ceil(COLUMNS));
    let out = Tiles { values: out.as_mut_ptr(), stride: columns };
    (0..row_blocks * column_blocks).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        let (r, c) = (task / column_blocks, task % column_blocks);
        let tile = Tile {
            rows: r * row_block..rows.min((r + 1) * row_block),
            columns: c * COLUMNS..columns.min((c + 1) * COLUMNS),
        };
        compute_tile(x, weight, bias, &out, &tile, scratch);
    });
}

#[derive(Default)]
struct Scratch {
    gathered: Vec<f32>,
    widened: Vec<f32>,
}

struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The output, shared by tasks that write disjoint tiles of it.
struct Tiles {
    values: *mut f32,
    stride: usize,
}

// SAFETY: each task writes only its own tile; no two tiles of `multiply` overlap.
unsafe impl Sync for Tiles {}

fn compute_tile(x: &impl Rows, weight: &Matrix, bias: Option<&[f32]>, out: &Tiles, tile: &Tile, scratch: &mut Scratch) {
    let (m, n, k) = (tile.rows.len(), tile.columns.len(), x.columns());
    // SAFETY: the tile lies inside the output, whose length `multiply` checked.
    let first = unsafe { out.values.add(tile.rows.start * out.stride + tile.columns.start) };
    if let Some(bias) = bias {
        for row in 0..m {
            // SAFETY: `row` is one of the tile's m rows, each of n values that only this task writes.
            let row = unsafe { std::slice::from_raw_parts_mut(first.add(row * out.stride), n) };
            row.copy_from_slice(&bias[tile.columns.clone()]);
        }
    }
    for tap in 0..x.taps() {
        let left = x.rows(tap, tile.rows.clone(), &mut scratch.gathered);
        let (right, right_stride) = weight.block(tile.columns.clone(), tap * k..(tap + 1) * k, &mut scratch.widened);
        assert!(left.len() >= m * k && right.len() >= (n - 1) * right_stride + k);
        let accumulate = tap > 0 || bias.is_some();
        // SAFETY: `left` holds m rows of k, `right` n rows of k at `right_stride` (asserted), and `first` starts an
        // m × n tile at `out.stride` that only this task touches.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                first,
                1,
                out.stride.cast_signed(),
                accumulate,
                left.as_ptr(),
                1,
                k.cast_signed(),
                right.as_ptr(),
                right_stride.cast_signed(),
                1,
                1.0f32,
                1.0f32,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
