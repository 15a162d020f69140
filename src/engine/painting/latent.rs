//! Latents between the sampler, which keeps them as plain f32 values in `(channels, h, w)` order, and the networks.

use crate::engine::Result;
use crate::engine::nn::FeatureMap;
use crate::engine::nn::weight::Place;
use candle_core::{DType, Device, Tensor};

/// A latent of `(h, w)` pixels where a network takes it.
///
/// # Errors
/// When the device fails.
pub fn to_map(latent: &[f32], (h, w): (usize, usize), place: &Place) -> Result<FeatureMap> {
    placed(&Tensor::from_slice(latent, (1, latent.len() / (h * w), h, w), &Device::Cpu)?, place)
}

/// A `(batch, channels, h, w)` tensor where a network takes it, in the precision it takes.
///
/// # Errors
/// When the device fails.
pub fn placed(tensor: &Tensor, place: &Place) -> Result<FeatureMap> {
    Ok(FeatureMap::from_nchw(&tensor.to_dtype(place.compute)?.to_device(&place.device)?)?)
}

/// A map's values as f32 in `(batch, channels, h, w)` order.
///
/// # Errors
/// When the device fails.
pub fn to_values(map: &FeatureMap) -> Result<Vec<f32>> {
    values(&map.to_nchw()?)
}

/// A tensor's values as f32, row-major.
///
/// # Errors
/// When the device fails.
pub fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()?)
}

/// Puts `kept` back where the mask (one value a pixel, the same for all channels) is 0.
pub fn keep_unmasked(latent: &mut [f32], kept: &[f32], mask: &[f32]) {
    for (plane, kept) in latent.chunks_exact_mut(mask.len()).zip(kept.chunks_exact(mask.len())) {
        for ((v, k), m) in plane.iter_mut().zip(kept).zip(mask) {
            *v = (1.0 - m) * k + m * *v;
        }
    }
}
