//! Tables of embeddings, and the sinusoids that stand for a number.

use super::weight::Origin;
use candle_core::{DType, Device, Error, Result, Tensor};

/// A table of vectors, one per id.
pub struct Embedding {
    table: Table,
    compute: DType,
}

/// The vectors, `(ids, width)`.
pub enum Table {
    /// On the processor, as their file has them, where they stay: of a hundred megabytes a prompt needs a few rows.
    Stored {
        /// All of them.
        rows: Origin,
        /// Values of each.
        width: usize,
    },
    /// Where candle's operations compute.
    Candle(Tensor),
}

impl Embedding {
    /// Of a table, kept in its own precision; rows come out in `compute`.
    #[must_use]
    pub fn new(table: Table, compute: DType) -> Self {
        Self { table, compute }
    }

    /// The rows of `ids`, `(ids.len(), width)`.
    ///
    /// # Errors
    /// When an id is outside the table, or its file cannot be read.
    pub fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let (stored, width) = match &self.table {
            Table::Stored { rows, width } => (rows, *width),
            Table::Candle(table) => {
                return table.index_select(&Tensor::new(ids, table.device())?, 0)?.to_dtype(self.compute);
            }
        };
        let mut rows = vec![0.0; ids.len() * width];
        for (id, row) in ids.iter().zip(rows.chunks_exact_mut(width)) {
            let at = *id as usize * width;
            if at + width > stored.len() {
                candle_core::bail!("token {id} is outside a table of {}", stored.len() / width);
            }
            stored.widen(at..at + width, row).map_err(Error::wrap)?;
        }
        Tensor::from_vec(rows, (ids.len(), width), &Device::Cpu)
    }
}

/// Sinusoids of each value: `(values.len(), width)`, cosines first and sines after them (diffusers'
/// `flip_sin_to_cos`), frequencies 10000^(-i / (width/2 - shift)). Always in f32: half precision cannot tell 999
/// from 1000.
///
/// # Errors
/// When the device fails.
pub fn timestep_embedding(
    values: &[f32],
    width: usize,
    cosines_first: bool,
    shift: f64,
    to: &Device,
) -> Result<Tensor> {
    let half = width / 2;
    let mut rows = vec![0.0f32; values.len() * width];
    for (row, value) in rows.chunks_exact_mut(width).zip(values) {
        for i in 0..half {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            let frequency = {
                // torch: exp(-ln(10000) * arange(half, f32) / (half - shift)), in f32.
                let exponent = (-(10_000f64.ln())) as f32 * i as f32 / (half as f64 - shift) as f32;
                exponent.exp()
            };
            let (sin, cos) = (value * frequency).sin_cos();
            let (first, second) = if cosines_first { (cos, sin) } else { (sin, cos) };
            row[i] = first;
            row[half + i] = second;
        }
    }
    Tensor::from_vec(rows, (values.len(), width), to)
}
