//! What becomes of a product before it is written, and the memory that tasks write it to.

use super::activation::{gelu_one, gelu_tanh_one, quick_gelu_one, silu_one};
use super::level::per_level;
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

// SAFETY: `write` has its callers promise that no two of them write the same part.
unsafe impl Sync for Output {}

impl Output {
    /// Room for that many values.
    #[must_use]
    pub fn of(length: usize) -> Self {
        let mut values = Vec::with_capacity(length);
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

    /// Writes values from `at` on.
    ///
    /// # Safety
    /// Nobody writes the same part at the same time.
    ///
    /// # Panics
    /// When they do not fit.
    pub unsafe fn write(&self, at: usize, values: &[f32]) {
        assert!(at + values.len() <= self.length);
        // SAFETY: they fit (asserted), and the part is the caller's alone (its promise).
        unsafe {
            let to = self.first.add(at);
            // Nearly all are of this length; when it is known, it is no call.
            if values.len() == WIDE {
                to.copy_from_nonoverlapping(values.as_ptr(), WIDE);
            } else {
                to.copy_from_nonoverlapping(values.as_ptr(), values.len());
            }
        }
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

per_level! {
    /// Finishes rows of one block of columns, `[row][32]`, the first of which is output `column`. `plus` has the other
    /// side's row for each, from that column on.
    pub fn finish_block(block: &mut [f32], column: usize, width: usize, finish: Finish, plus: (&[f32], usize)) {
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
    }
}

per_level! {
    /// `value · gelu(gate)` of one block each, `[row][32]`, left in `values`. Their biases begin at `column` and
    /// `n + column`.
    pub fn gate_block(values: &mut [f32], gates: &[f32], at: (usize, usize), bias: Option<&[f32]>) {
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
    }
}
