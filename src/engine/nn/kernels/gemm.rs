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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::nn::kernels::conv::{Patches, Window};
    use crate::engine::nn::weight::Stored;
    use half::f16;
    use proptest::prelude::*;

    /// Repeatable numbers in -1…1.
    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from(u16::try_from(state >> 16).unwrap_or(0)) / 32_768.0 - 1.0
            })
            .collect()
    }

    fn assert_close(ours: &[f32], plain: &[f64]) {
        assert_eq!(ours.len(), plain.len());
        for (i, (a, b)) in ours.iter().zip(plain).enumerate() {
            assert!((f64::from(*a) - b).abs() <= 2e-5 * (1.0 + b.abs()), "value {i}: {a} against {b}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn products_equal_the_plain_ones(
            (rows, columns, inputs) in (1usize..700, 1usize..300, 1usize..80),
            seed in any::<u32>(),
            half in any::<bool>(),
            with_bias in any::<bool>(),
        ) {
            let (x, bias) = (numbers(rows * inputs, seed), numbers(columns, seed ^ 1));
            let w: Vec<f16> = numbers(columns * inputs, seed ^ 2).into_iter().map(f16::from_f32).collect();
            let wide: Vec<f32> = w.iter().map(|v| v.to_f32()).collect();
            let stored = if half { Stored::F16(w) } else { Stored::F32(wide.clone()) };
            let matrix = Matrix::new(columns, inputs, stored).unwrap();
            let mut out = vec![f32::NAN; rows * columns];
            let bias = with_bias.then_some(&bias[..]);
            multiply(&Plain { values: &x, width: inputs }, rows, &matrix, bias, &mut out);
            let mut plain = Vec::new();
            for row in x.chunks_exact(inputs) {
                for (o, w) in wide.chunks_exact(inputs).enumerate() {
                    let sum: f64 = row.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    plain.push(sum + bias.map_or(0.0, |b| f64::from(b[o])));
                }
            }
            assert_close(&out, &plain);
        }

        #[test]
        fn convolutions_equal_the_plain_ones(
            (batch, height, width) in (1usize..3, 1usize..14, 1usize..14),
            (inputs, outputs) in (1usize..20, 1usize..20),
            (size, stride, padding) in prop_oneof![
                Just((3, 1, (1, 1))), Just((3, 2, (1, 1))), Just((3, 2, (0, 1))), Just((1, 1, (0, 0)))
            ],
            seed in any::<u32>(),
        ) {
            let window = Window { size, stride, before: padding.0, after: padding.1 };
            let (out_height, out_width) = (window.outputs(height), window.outputs(width));
            prop_assume!(out_height > 0 && out_width > 0);
            let x = numbers(batch * height * width * inputs, seed);
            let w = numbers(outputs * size * size * inputs, seed ^ 1);
            let matrix = Matrix::new(outputs, size * size * inputs, Stored::F32(w.clone())).unwrap();
            let patches = Patches { values: &x, height, width, channels: inputs, window };
            let mut out = vec![f32::NAN; batch * out_height * out_width * outputs];
            multiply(&patches, batch * out_height * out_width, &matrix, None, &mut out);
            let at = |b: usize, y: usize, x0: usize, c: usize| {
                let inside = (window.before..window.before + height).contains(&y)
                    && (window.before..window.before + width).contains(&x0);
                if !inside { return 0.0; }
                let (y, x0) = (y - window.before, x0 - window.before);
                f64::from(x[((b * height + y) * width + x0) * inputs + c])
            };
            let mut plain = Vec::new();
            for b in 0..batch { for y in 0..out_height { for x0 in 0..out_width { for o in 0..outputs {
                let mut sum = 0.0;
                for dy in 0..size { for dx in 0..size { for c in 0..inputs {
                    let weight = w[((o * size + dy) * size + dx) * inputs + c];
                    sum += at(b, y * stride + dy, x0 * stride + dx, c) * f64::from(weight);
                }}}
                plain.push(sum);
            }}}}
            assert_close(&out, &plain);
        }
    }
}
