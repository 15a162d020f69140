//! Pictures in and out of the model: the size that is drawn, pixels to -1…1 and back, masks to latent pixels.

use crate::engine::Result;
use crate::engine::nn::FeatureMap;
use crate::engine::protocol::{DrawJob, EngineFailure, FailureClass};
use crate::media::image::size_of_init;
use crate::media::{Mask, Picture};
use candle_core::{Device, Tensor};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The size of the picture a job asks for: as given, else that of its init picture, else the model's `own` square.
/// The text is what to tell when an init is resized.
///
/// # Errors
/// [`FailureClass::Invalid`] when a side is not a multiple of `step`.
pub fn size(job: &DrawJob, own: u32, step: u32) -> Result<(Size, Option<String>)> {
    let Some(init) = job.init.as_ref().filter(|_| job.width.is_none() && job.height.is_none()) else {
        let size = Size { width: job.width.unwrap_or(own), height: job.height.unwrap_or(own) };
        return checked(size, step).map(|s| (s, None));
    };
    let (width, height) = size_of_init((init.width, init.height), own, step);
    let told = (init.width.abs_diff(width) >= step || init.height.abs_diff(height) >= step)
        .then(|| format!("the picture was resized from {}x{} to {width}x{height}", init.width, init.height));
    Ok((Size { width, height }, told))
}

fn checked(size: Size, step: u32) -> Result<Size> {
    for side in [size.width, size.height] {
        if side == 0 || !side.is_multiple_of(step) {
            return Err(EngineFailure::new(
                FailureClass::Invalid,
                format!("this model draws sides divisible by {step}, not {}x{}", size.width, size.height),
            ));
        }
    }
    Ok(size)
}

/// A picture resized (Lanczos, as Pillow does it), as `(1, 3, height, width)` in -1…1.
pub fn pixels(picture: &Picture, size: Size) -> Result<Tensor> {
    let rgb = resized(&picture.rgb, (picture.width, picture.height), size, PixelType::U8x3)?;
    let (w, h) = (size.width as usize, size.height as usize);
    let mut planes = vec![0f32; 3 * w * h];
    for (i, pixel) in rgb.chunks_exact(3).enumerate() {
        for (channel, value) in pixel.iter().enumerate() {
            planes[channel * w * h + i] = f32::from(*value) / 255.0 * 2.0 - 1.0;
        }
    }
    Ok(Tensor::from_vec(planes, (1, 3, h, w), &Device::Cpu)?)
}

/// Which latent pixels are repainted: 1 where the top left pixel of the cell is at least half white.
pub fn latent_mask(mask: &Mask, size: Size, scale: usize) -> Result<Vec<f32>> {
    let gray = resized(&mask.gray, (mask.width, mask.height), size, PixelType::U8)?;
    let width = size.width as usize;
    let rows = gray.chunks_exact(width).step_by(scale);
    Ok(rows.flat_map(|row| row.iter().step_by(scale)).map(|v| if *v >= 128 { 1.0 } else { 0.0 }).collect())
}

fn resized(bytes: &[u8], from: (u32, u32), to: Size, kind: PixelType) -> Result<Vec<u8>> {
    if from == (to.width, to.height) {
        return Ok(bytes.to_vec());
    }
    let bad = |e: &dyn std::fmt::Display| {
        EngineFailure::new(FailureClass::Invalid, format!("the picture could not be resized: {e}"))
    };
    let source = ImageRef::new(from.0, from.1, bytes, kind).map_err(|e| bad(&e))?;
    let mut target = Image::new(to.width, to.height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| bad(&e))?;
    Ok(target.into_vec())
}

/// Pixels in -1…1, `(1, 3, height, width)`, to bytes.
///
/// # Errors
/// [`FailureClass::BadOutput`] when one is not a finite number: such a picture would be black.
pub fn picture(pixels: &FeatureMap) -> Result<Picture> {
    let (height, width) = (pixels.height(), pixels.width());
    let tensor = pixels.to_nchw()?.to_dtype(candle_core::DType::F32)?.to_device(&Device::Cpu)?;
    let planes = tensor.flatten_all()?.to_vec1::<f32>()?;
    all_finite(&planes, "decoded pixels")?;
    let n = width * height;
    let mut rgb = Vec::with_capacity(3 * n);
    for i in 0..n {
        for channel in 0..3 {
            let value = (planes[channel * n + i] * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            rgb.push(value.round_ties_even() as u8);
        }
    }
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Picture { width: side(width), height: side(height), rgb })
}

/// Refuses numbers that are not finite.
///
/// # Errors
/// [`FailureClass::BadOutput`], naming `what`.
pub fn all_finite(values: &[f32], what: &str) -> Result<()> {
    if values.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    Err(EngineFailure::new(FailureClass::BadOutput, format!("{what} are not finite numbers")))
}
