//! Stored weights of linear layers and convolutions, and where they are used.

use super::kernels::blocks::{Blocks, Kind};
use super::kernels::in_bytes::BytePanels;
use super::kernels::panels::Panels;
use super::values::kernels_serve;
use crate::media::Mode;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use std::borrow::Cow;

pub use super::kernels::stored::{Origin, PackError, Stored, Unread};

/// A weight where it will be used.
pub enum Weight {
    /// For our kernels.
    Ours(Panels),
    /// For our kernels, rounded to bytes.
    Bytes(BytePanels),
    /// For candle's operations, in the precision they compute in.
    Candle(Tensor),
    /// For candle's operations, in the file's blocks: a large model fits a small card that way. They are widened at each
    /// use, which is little beside the product of many rows.
    Quantised(QTensor),
}

impl Weight {
    /// Packs `[output][channel][tap]` for our kernels; quantised matrices stay as they are.
    ///
    /// # Errors
    /// When that is not their number, or they cannot be read.
    pub fn packed(outputs: usize, channels: usize, taps: usize, rows: Origin) -> Result<Self, PackError> {
        Panels::pack(outputs, channels, taps, rows).map(Self::Ours)
    }

    /// The blocks of `[output][input]` on `device`, `None` where candle does not know their kind or their rows are torn.
    ///
    /// # Errors
    /// When the device fails.
    pub fn quantised(
        outputs: usize,
        inputs: usize,
        blocks: &Blocks,
        device: &Device,
    ) -> candle_core::Result<Option<Self>> {
        let Some(kind) = candles(blocks.kind()) else { return Ok(None) };
        if blocks.len() != outputs * inputs || blocks.check_rows(inputs).is_err() || blocks.is_scaled() {
            return Ok(None);
        }
        let storage = QStorage::from_data(Cow::Borrowed(blocks.as_bytes()), device, kind)?;
        QTensor::new(storage, (outputs, inputs)).map(|weight| Some(Self::Quantised(weight)))
    }

    /// Rounds `[output][input]` to bytes for our kernels.
    ///
    /// # Errors
    /// As [`Self::packed`].
    pub fn rounded(outputs: usize, inputs: usize, rows: Origin) -> Result<Self, PackError> {
        BytePanels::round(outputs, inputs, rows).map(Self::Bytes)
    }
}

/// What candle calls a kind of blocks.
fn candles(kind: Kind) -> Option<GgmlDType> {
    Some(match kind {
        Kind::Q4_0 => GgmlDType::Q4_0,
        Kind::Q4_1 => GgmlDType::Q4_1,
        Kind::Q5_0 => GgmlDType::Q5_0,
        Kind::Q5_1 => GgmlDType::Q5_1,
        Kind::Q8_0 => GgmlDType::Q8_0,
        Kind::Q2K => GgmlDType::Q2K,
        Kind::Q3K => GgmlDType::Q3K,
        Kind::Q4K => GgmlDType::Q4K,
        Kind::Q5K => GgmlDType::Q5K,
        Kind::Q6K => GgmlDType::Q6K,
        // Plain numbers: candle's own tensors hold them.
        Kind::F32 | Kind::F16 | Kind::Bf16 | Kind::F8E4m3 => return None,
    })
}

/// Where a model's layers live and what they compute in.
#[derive(Debug, Clone)]
pub struct Place {
    /// The device.
    pub device: Device,
    /// Precision of activations.
    pub compute: DType,
    /// Whether linear layers may be rounded to bytes, and what convolutions multiply to fourteen bits, where our kernels
    /// serve.
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
