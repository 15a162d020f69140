//! Stored weights of linear layers and convolutions, in the precision they are kept in.

use super::quantised::Blocks;
use super::values::kernels_serve;
use candle_core::{DType, Device, Result, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::ops::Range;

/// A row-major matrix of weights on the CPU, one row per output.
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Stored,
}

/// The precision a matrix is kept in; the arithmetic is f32.
pub enum Stored {
    /// Full.
    F32(Vec<f32>),
    /// Half, as published.
    F16(Vec<f16>),
    /// Half with f32's range.
    Bf16(Vec<bf16>),
    /// As a file holds them, quantised or not.
    Blocks(Blocks),
}

impl Stored {
    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These rows of a matrix of rows of `columns` values.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>, columns: usize) -> Self {
        let of = rows.start * columns..rows.end * columns;
        match self {
            Self::F32(v) => Self::F32(v[of].to_vec()),
            Self::F16(v) => Self::F16(v[of].to_vec()),
            Self::Bf16(v) => Self::Bf16(v[of].to_vec()),
            Self::Blocks(blocks) => Self::Blocks(blocks.part(of)),
        }
    }

    /// These values and then those.
    ///
    /// # Errors
    /// When they are kept in different precisions.
    pub fn followed_by(self, other: Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::F32(a), Self::F32(b)) => Self::F32([a, b].concat()),
            (Self::F16(a), Self::F16(b)) => Self::F16([a, b].concat()),
            (Self::Bf16(a), Self::Bf16(b)) => Self::Bf16([a, b].concat()),
            (Self::Blocks(a), Self::Blocks(b)) => Self::Blocks(a.followed_by(&b)?),
            _ => candle_core::bail!("weights of two precisions cannot be joined"),
        })
    }
}

impl Matrix {
    /// Wraps `rows × columns` values.
    ///
    /// # Errors
    /// When their number is another.
    pub fn new(rows: usize, columns: usize, values: Stored) -> Result<Self> {
        let n = values.len();
        if n != rows * columns {
            candle_core::bail!("a weight of {n} values cannot be {rows} × {columns}");
        }
        if let Stored::Blocks(blocks) = &values {
            blocks.check_rows(columns)?;
        }
        Ok(Self { rows, columns, values })
    }

    /// Outputs.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The block `rows × columns` in f32 and the distance of its rows: borrowed where it is f32 already, else
    /// widened into `scratch`.
    pub fn block<'a>(
        &'a self,
        rows: Range<usize>,
        columns: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> (&'a [f32], usize) {
        let width = columns.len();
        if let Stored::F32(values) = &self.values {
            let start = rows.start * self.columns + columns.start;
            let end = (rows.end - 1) * self.columns + columns.end;
            return (&values[start..end], self.columns);
        }
        scratch.resize(rows.len() * width, 0.0);
        for (to, row) in scratch.chunks_exact_mut(width).zip(rows) {
            let from = row * self.columns + columns.start..row * self.columns + columns.end;
            match &self.values {
                Stored::F32(v) => to.copy_from_slice(&v[from]),
                Stored::F16(v) => v[from].convert_to_f32_slice(to),
                Stored::Bf16(v) => v[from].convert_to_f32_slice(to),
                Stored::Blocks(blocks) => blocks.widen(from, to),
            }
        }
        (scratch, width)
    }
}

/// A weight where it will be used.
pub enum Weight {
    /// For our kernels.
    Ours(Matrix),
    /// For candle's operations, in the precision they compute in.
    Candle(Tensor),
}

/// Where a model's layers live and what they compute in.
#[derive(Debug, Clone)]
pub struct Place {
    /// The device.
    pub device: Device,
    /// Precision of activations.
    pub compute: DType,
}

impl Place {
    /// The processor, in f32.
    #[must_use]
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, compute: DType::F32 }
    }

    /// Whether our kernels serve it.
    #[must_use]
    pub fn has_kernels(&self) -> bool {
        kernels_serve(&self.device, self.compute)
    }
}
