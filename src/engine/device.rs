//! Which device computes, and in which precision.

use super::Result;
use super::nn::kernels::level::Level;
use super::nn::kernels::threads;
use super::nn::weight::Place;
use super::protocol::DeviceChoice;

/// The device asked for and a line about it for people.
///
/// # Errors
/// [`super::protocol::FailureClass::Missing`] when this binary or this machine has no such device.
pub fn place(choice: DeviceChoice) -> Result<(Place, String)> {
    match choice {
        DeviceChoice::Cpu => {
            let threads = threads::count();
            Ok((Place::cpu(), format!("cpu ({threads} threads, {})", Level::best().name())))
        }
        DeviceChoice::Cuda(ordinal) => cuda(ordinal),
    }
}

#[cfg(feature = "cuda")]
fn cuda(ordinal: u32) -> Result<(Place, String)> {
    let (device, name) = open(ordinal as usize).map_err(|e| {
        let reason = super::protocol::EngineFailure::from(e).message;
        super::weights::unusable(format!("the CUDA card {ordinal} cannot be used: {reason}"))
    })?;
    Ok((Place { device, compute: candle_core::DType::F16, bytes: false }, format!("cuda:{ordinal} ({name})")))
}

/// Opens a card and has it add: that its driver or the card itself is too old for our kernels shows only then.
#[cfg(feature = "cuda")]
fn open(ordinal: usize) -> candle_core::Result<(candle_core::Device, String)> {
    let device = candle_core::Device::new_cuda(ordinal)?;
    super::nn::kernels::cuda::claim(device.as_cuda_device()?)?;
    let sum = (candle_core::Tensor::zeros(1, candle_core::DType::F16, &device)? + 1.0)?;
    sum.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
    let name = device.as_cuda_device()?.cuda_stream().context().name().unwrap_or_default();
    Ok((device, name))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_ordinal: u32) -> Result<(Place, String)> {
    Err(super::weights::unusable("this engine was built without CUDA: a card needs samovar-engine-cuda"))
}
