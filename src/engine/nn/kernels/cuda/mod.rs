//! Kernels for NVIDIA cards, where candle has none or slow ones. They are CUDA C++, compiled to PTX when this crate is
//! built and by the driver when they are first used.

mod attention;
mod conv;
mod kernel;
mod maps;
mod tokens;

pub use attention::{attention, attention_serves};
pub use conv::{convolution_serves, convolve};
pub use maps::{group_statistics, scale_channels};
pub use tokens::{add_gated, layer_norm, rms_norm, turn};

use candle_core::cuda_backend::cudarc::driver::{CudaView, result::mem_pool, sys};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaDevice, CudaStorage, DType, Layout, Result, Tensor};
use std::ptr;

/// Values at whose multiples a run must begin, so that 16 bytes can be copied at once.
const PIECE: usize = 8;

/// Makes a card quick for a process in which one thread computes: what is synchronised for several is left out, and
/// memory that was used once is kept for the next time (else every reading back gives it to the driver, which takes
/// milliseconds).
///
/// # Errors
/// When the card does not answer.
pub fn claim(card: &CudaDevice) -> Result<()> {
    // SAFETY: candle gives all work of a thread to that thread's one stream, in whose order everything then happens; a
    // model and its tensors never leave the thread that loaded it.
    unsafe { card.disable_event_tracking() };
    let stream = card.cuda_stream();
    let mut pool = ptr::null_mut();
    // SAFETY: the pointer is to a live variable.
    let asked = unsafe { sys::cuDeviceGetDefaultMemPool(&raw mut pool, stream.context().cu_device()) };
    if asked.result().is_err() {
        // A card or driver without pools: memory is taken and given back one piece at a time, and stays correct.
        return Ok(());
    }
    let mut all = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool is the card's and lives as long as it; this attribute is a number of 64 bits.
    unsafe { mem_pool::set_attribute(pool, threshold, (&raw mut all).cast()) }.w()
}

/// Whether the kernels for tokens and for maps serve a tensor: it is on a card and in a precision they know.
#[must_use]
pub fn serves(x: &Tensor) -> bool {
    x.device().is_cuda() && matches!(x.dtype(), DType::F16 | DType::BF16 | DType::F32)
}

/// The same values in one run that begins at a whole [`PIECE`].
fn aligned(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    if x.layout().start_offset().is_multiple_of(PIECE) { Ok(x) } else { x.force_contiguous() }
}

/// The `n` values of a tensor that went through [`aligned`].
fn run<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout, n: usize) -> Result<CudaView<'a, T>> {
    match layout.contiguous_offsets() {
        Some((start, end)) if end - start == n && start.is_multiple_of(PIECE) => {
            Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
        }
        _ => candle_core::bail!("a card's kernel was given {:?} where {n} values in one run were due", layout.shape()),
    }
}

/// A size as kernels take it.
fn number(n: usize) -> Result<i32> {
    i32::try_from(n).map_err(|_| candle_core::Error::msg(format!("{n} is too much for a card's kernel")))
}
