//! Which device computes, and in which precision.

use super::Result;
use super::nn::kernels::level::Level;
use super::nn::weight::Place;
use super::protocol::DeviceChoice;

/// The device asked for and a line about it for people.
///
/// # Errors
/// [`super::protocol::FailureClass::Missing`] when this binary or this machine has no such device.
pub fn place(choice: DeviceChoice) -> Result<(Place, String)> {
    match choice {
        DeviceChoice::Cpu => {
            let threads = rayon::current_num_threads();
            Ok((Place::cpu(), format!("cpu ({threads} threads, {})", Level::best().name())))
        }
        DeviceChoice::Cuda(ordinal) => cuda(ordinal),
    }
}

#[cfg(feature = "cuda")]
fn cuda(ordinal: u32) -> Result<(Place, String)> {
    let device = candle_core::Device::new_cuda(ordinal as usize)
        .map_err(|e| super::weights::unusable(format!("card {ordinal} cannot be used: {e}")))?;
    let name = device.as_cuda_device()?.cuda_stream().context().name().unwrap_or_default();
    Ok((Place { device, compute: candle_core::DType::F16 }, format!("cuda:{ordinal} ({name})")))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_ordinal: u32) -> Result<(Place, String)> {
    Err(super::weights::unusable("this engine was built for the CPU; CUDA needs the samovar-engine-cuda binary"))
}
