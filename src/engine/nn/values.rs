//! The f32 values of a tensor in memory, for the kernels.

use candle_core::{CpuStorage, DType, Device, Result, Storage, StorageRef, Tensor};
use std::ops::{Deref, Range};

/// Whether our kernels serve tensors of this precision on this device; candle's operations serve the others.
pub fn kernels_serve(device: &Device, dtype: DType) -> bool {
    device.is_cpu() && dtype == DType::F32
}

/// Whether our kernels serve this tensor.
pub fn is_ours(tensor: &Tensor) -> bool {
    kernels_serve(tensor.device(), tensor.dtype())
}

/// A borrowed view of a contiguous f32 tensor on the CPU, row-major.
pub struct Values<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Values<'a> {
    /// Borrows `tensor`'s values.
    ///
    /// # Errors
    /// When it is not contiguous, not f32, or not on the CPU.
    pub fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let range = match layout.contiguous_offsets() {
            Some((start, end)) if matches!(&*storage, Storage::Cpu(CpuStorage::F32(_))) => start..end,
            _ => candle_core::bail!("a kernel was given a tensor that is not contiguous f32 in memory"),
        };
        Ok(Self { storage, range })
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => &[],
        }
    }
}
