//! What becomes of a product before it is written, and the memory that tasks write it to.

use super::activation::{gelu_one, gelu_tanh_one, quick_gelu_one, silu_one};
use super::level::per_level;
use super::pages;
use super::tile::WIDE;

/// Done to each value when its sum is complete: bias, then the other side of a residual connection, then the activation.
#[derive(Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Added, one per output.
    pub bias: Option<&'a [f32]>,
    /// Added, of the output's size.
    pub plus: Option<&'a [f32]>,
    /// Applied last.
    pub then: Then<'a>,
}

/// The activation after a layer.
#[derive(Clone, Copy, Default)]
pub enum Then<'a> {
    /// None.
    #[default]
    Nothing,
    /// x·σ(x)
    Silu,
    /// x·Φ(x)
    Gelu,
    /// x·Φ(x) by its approximation with tanh.
    GeluTanh,
    /// x·σ(1.702·x)
    QuickGelu,
    /// max(x, 0)
    Relu,
    /// Below zero times a slope, one per output.
    Prelu(&'a [f32]),
}

/// Memory of a result that is not written yet, shared by tasks that write disjoint parts of it.
pub struct Output {
    values: Vec<f32>,
    first: *mut f32,
    length: usize,
}

// SAFETY: `place` has its callers promise that no two of them write the same part.
unsafe impl Sync for Output {}

impl Output {
    /// Room for that many values.
    #[must_use]
    pub fn of(length: usize) -> Self {
        let mut values = Vec::with_capacity(length);
        pages::make_all(values.spare_capacity_mut());
        let first = values.as_mut_ptr();
        Self { values, first, length }
    }

    /// Has the memory of a block's row from `at` on come nearer, to be written, and that of `plus`, to be read. It need not
    /// be there.
    #[inline(always)]
    pub(super) fn prefetch(&self, at: usize, plus: Option<&[f32]>) {
        #[cfg(target_arch = "x86_64")]
        for line in [at, at + WIDE / 2] {
            use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch};
            // SAFETY: this touches nothing, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(self.first.wrapping_add(line).cast()) };
            if let Some(plus) = plus {
                // SAFETY: as above.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(plus.as_ptr().wrapping_add(line).cast()) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (at, plus);
    }

    /// The place of rows of up to 32 values, the first of which begins at `at`.
    ///
    /// # Safety
    /// Nobody else writes them at the same time.
    pub unsafe fn place(&self, at: usize, stride: usize) -> Place<'_> {
        Place { out: self, at, stride }
    }

    /// The values, all of which were written.
    ///
    /// # Safety
    /// They were.
    #[must_use]
    pub unsafe fn finish(mut self) -> Vec<f32> {
        // SAFETY: the capacity is there and the values were written: the caller's promise.
        unsafe { self.values.set_len(self.length) };
        self.values
    }
}

/// Rows of an [`Output`] that one task writes.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    out: &'a Output,
    at: usize,
    stride: usize,
}

impl Place<'_> {
    /// Writes the first `width` values of rows of 32.
    ///
    /// # Panics
    /// When they do not fit.
    #[inline(always)]
    pub(super) fn write(self, rows: &[f32], width: usize) {
        let Self { out, at, stride } = self;
        let n = rows.len() / WIDE;
        assert!(width <= WIDE && (n == 0 || at + (n - 1) * stride + width <= out.length));
        // Two loops, for one copy of either length would be a call.
        if width == WIDE {
            for (r, row) in rows.chunks_exact(WIDE).enumerate() {
                // SAFETY: the row fits (asserted) and is this place's alone (the promise of who made it).
                unsafe { out.first.add(at + r * stride).copy_from_nonoverlapping(row.as_ptr(), WIDE) };
            }
        } else {
            for (r, row) in rows.chunks_exact(WIDE).enumerate() {
                // SAFETY: as above.
                unsafe { out.first.add(at + r * stride).copy_from_nonoverlapping(row.as_ptr(), width) };
            }
        }
    }
}

per_level! {
    /// Finishes rows of one block of columns, `[row][32]`, and writes them. `columns` is the output of its first one, and how
    /// many there are; `plus` has the other side's row for each, from that first one on.
    pub fn finish_block(
        block: &mut [f32],
        columns: (usize, usize),
        finish: Finish,
        plus: (&[f32], usize),
        to: Place,
    ) {
        let (column, width) = columns;
        let mut bias = [0.0f32; WIDE];
        if let Some(all) = finish.bias {
            bias[..width].copy_from_slice(&all[column..column + width]);
        }
        let mut slopes = [1.0f32; WIDE];
        if let Then::Prelu(all) = finish.then {
            slopes[..width].copy_from_slice(&all[column..column + width]);
        }
        for (r, row) in block.chunks_exact_mut(WIDE).enumerate() {
            for (v, b) in row.iter_mut().zip(&bias) {
                *v += b;
            }
            if finish.plus.is_some() {
                let (values, stride) = plus;
                for (v, p) in row.iter_mut().zip(&values[r * stride..r * stride + width]) {
                    *v += p;
                }
            }
            match finish.then {
                Then::Nothing => {}
                Then::Silu => row.iter_mut().for_each(|v| *v = silu_one(*v)),
                Then::Gelu => row.iter_mut().for_each(|v| *v = gelu_one(*v)),
                Then::GeluTanh => row.iter_mut().for_each(|v| *v = gelu_tanh_one(*v)),
                Then::QuickGelu => row.iter_mut().for_each(|v| *v = quick_gelu_one(*v)),
                Then::Relu => row.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
                Then::Prelu(_) => {
                    for (v, slope) in row.iter_mut().zip(&slopes) {
                        *v = if *v < 0.0 { slope * *v } else { *v };
                    }
                }
            }
        }
        to.write(block, width);
    }
}

per_level! {
    /// Writes rows of `(row · factor of the row)`, `[row][32]`, the first `width` values of each.
    pub fn scale_block(block: &mut [f32], width: usize, factors: &[f32], to: Place) {
        for (row, factor) in block.chunks_exact_mut(WIDE).zip(factors) {
            row.iter_mut().for_each(|v| *v *= factor);
        }
        to.write(block, width);
    }
}

per_level! {
    /// Writes `value · gelu(gate)` of one block each, `[row][32]`. Their biases begin at `column` and `n + column`.
    pub fn gate_block(values: &mut [f32], gates: &[f32], at: (usize, usize), bias: Option<&[f32]>, to: Place) {
        let (column, n) = at;
        let (mut of_value, mut of_gate) = ([0.0f32; WIDE], [0.0f32; WIDE]);
        if let Some(bias) = bias {
            of_value.copy_from_slice(&bias[column..column + WIDE]);
            of_gate.copy_from_slice(&bias[n + column..n + column + WIDE]);
        }
        for (values, gates) in values.chunks_exact_mut(WIDE).zip(gates.chunks_exact(WIDE)) {
            for (((v, g), a), b) in values.iter_mut().zip(gates).zip(&of_value).zip(&of_gate) {
                *v = (*v + a) * gelu_one(*g + b);
            }
        }
        to.write(values, WIDE);
    }
}
