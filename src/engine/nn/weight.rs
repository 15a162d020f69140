//! Stored weights of linear layers and convolutions, and where they are used.

use super::kernels::in_bytes::BytePanels;
use super::kernels::panels::Panels;
use super::values::kernels_serve;
use crate::media::Mode;
use candle_core::{DType, Device, Result, Tensor};

pub use super::kernels::panels::Stored;

/// A weight where it will be used.
pub enum Weight {
    /// For our kernels.
    Ours(Panels),
    /// For our kernels, rounded to bytes.
    Bytes(BytePanels),
    /// For candle's operations, in the precision they compute in.
    Candle(Tensor),
}

impl Weight {
    /// Packs `[output][channel][tap]` for our kernels; quantised matrices stay as they are.
    ///
    /// # Errors
    /// When that is not their number.
    pub fn packed(outputs: usize, channels: usize, taps: usize, rows: Stored) -> Result<Self> {
        let n = rows.len();
        match Panels::pack(outputs, channels, taps, rows) {
            Some(panels) => Ok(Self::Ours(panels)),
            None => candle_core::bail!("a weight of {n} values cannot be {outputs} × {channels} × {taps}"),
        }
    }

    /// Rounds `[output][input]` to bytes for our kernels.
    ///
    /// # Errors
    /// When that is not their number.
    pub fn rounded(outputs: usize, inputs: usize, rows: Stored) -> Result<Self> {
        let n = rows.len();
        match BytePanels::round(outputs, inputs, rows) {
            Some(panels) => Ok(Self::Bytes(panels)),
            None => candle_core::bail!("a weight of {n} values cannot be {outputs} × {inputs}"),
        }
    }
}

/// Where a model's layers live and what they compute in.
#[derive(Debug, Clone)]
pub struct Place {
    /// The device.
    pub device: Device,
    /// Precision of activations.
    pub compute: DType,
    /// Whether linear layers may be rounded to bytes, where our kernels serve.
    pub bytes: bool,
}

impl Place {
    /// The processor, in f32.
    #[must_use]
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, compute: DType::F32, bytes: false }
    }

    /// The processor, with linear layers in bytes.
    #[must_use]
    pub fn cpu_in_bytes() -> Self {
        Self { bytes: true, ..Self::cpu() }
    }

    /// How a model that is read here draws.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.has_kernels() && !self.bytes { Mode::Exact } else { Mode::Fast }
    }

    /// Whether our kernels serve it.
    #[must_use]
    pub fn has_kernels(&self) -> bool {
        kernels_serve(&self.device, self.compute)
    }
}
