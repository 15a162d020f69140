//! Pixels in and out: parts of the small picture as numbers, and what the network adds to them as parts of the large one.

use super::tiles::Rect;
use crate::engine::Result;
use crate::engine::nn::FeatureMap;
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{EngineFailure, FailureClass, UpscaleJob};
use crate::media::Picture;
use candle_core::{DType, Device, Tensor};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

const COLOURS: usize = 3;
/// Lanczos' reach, in pixels of the smaller picture.
const LANCZOS: usize = 3;

/// A picture and the larger one that is painted of it.
pub struct Canvas<'a> {
    picture: &'a Picture,
    /// How many times larger the network makes it.
    own: usize,
    /// How many times larger it is to be.
    scale: usize,
    painted: Vec<u8>,
}

impl<'a> Canvas<'a> {
    /// A blank canvas for a job of a network that makes pictures `own` times larger.
    ///
    /// # Errors
    /// [`FailureClass::Invalid`] when more than that is asked, or the picture's pixels do not match its size.
    pub fn new(job: &'a UpscaleJob, own: usize) -> Result<Self> {
        let (picture, scale) = (&job.picture, job.scale as usize);
        let invalid = |message| Err(EngineFailure::new(FailureClass::Invalid, message));
        if !(1..=own).contains(&scale) {
            return invalid(format!("this model makes pictures up to {own} times larger, not {scale}"));
        }
        let (width, height) = (picture.width as usize, picture.height as usize);
        if width == 0 || height == 0 || picture.rgb.len() != width * height * COLOURS {
            return invalid("the picture's pixels do not match its size".to_owned());
        }
        Ok(Self { picture, own, scale, painted: vec![0; picture.rgb.len() * scale * scale] })
    }

    /// Columns and rows of the small picture.
    pub fn size(&self) -> (usize, usize) {
        (self.picture.width as usize, self.picture.height as usize)
    }

    /// What has to be enlarged for a tile: the tile and, where the result is reduced afterwards, what that looks at.
    pub fn part(&self, tile: Rect) -> Rect {
        let looks_at = if self.scale == self.own { 0 } else { LANCZOS.div_ceil(self.scale) };
        tile.grown(looks_at, self.size())
    }

    /// Pixels of the small picture, 0…1.
    pub fn pixels(&self, at: Rect, place: &Place) -> Result<FeatureMap> {
        let mut planes = vec![0f32; COLOURS * at.height * at.width];
        for (colour, plane) in planes.chunks_exact_mut(at.height * at.width).enumerate() {
            for (row, values) in plane.chunks_exact_mut(at.width).enumerate() {
                for (column, value) in values.iter_mut().enumerate() {
                    *value = self.value(at.x + column, at.y + row, colour);
                }
            }
        }
        let tensor = Tensor::from_vec(planes, (1, COLOURS, at.height, at.width), &Device::Cpu)?;
        Ok(FeatureMap::from_nchw(&tensor.to_dtype(place.compute)?.to_device(&place.device)?)?)
    }

    fn value(&self, x: usize, y: usize, colour: usize) -> f32 {
        let width = self.picture.width as usize;
        f32::from(self.picture.rgb[(y * width + x) * COLOURS + colour]) / 255.0
    }

    /// Paints a tile of what the network adds to its [`Self::part`].
    ///
    /// # Errors
    /// [`FailureClass::BadOutput`] when a value is not a finite number.
    pub fn paint(&mut self, tile: Rect, added: &FeatureMap) -> Result<()> {
        let part = self.part(tile);
        let enlarged = self.enlarged(part, added)?;
        let values = if self.scale == self.own { enlarged } else { self.reduced(&enlarged, part)? };
        let (from, to) = (part.times(self.scale), tile.times(self.scale));
        let width = self.picture.width as usize * self.scale;
        for y in to.y..to.y + to.height {
            let source = &values[((y - from.y) * from.width + to.x - from.x) * COLOURS..][..to.width * COLOURS];
            let target = &mut self.painted[(y * width + to.x) * COLOURS..][..to.width * COLOURS];
            for (byte, value) in target.iter_mut().zip(source) {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let rounded = (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
                *byte = rounded;
            }
        }
        Ok(())
    }

    /// Each pixel of a part as `own × own` pixels of its own colour, and what is added to them.
    pub(super) fn enlarged(&self, part: Rect, added: &FeatureMap) -> Result<Vec<f32>> {
        let tokens = added.to_tokens()?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        let added = tokens.flatten_all()?.to_vec1::<f32>()?;
        let own = self.own;
        let mut out = vec![0f32; added.len()];
        let mut finite = true;
        for (i, values) in added.chunks_exact(COLOURS * own * own).enumerate() {
            let (row, column) = (i / part.width, i % part.width);
            for (colour, square) in values.chunks_exact(own * own).enumerate() {
                let base = self.value(part.x + column, part.y + row, colour);
                for (j, value) in square.iter().enumerate() {
                    let (y, x) = (row * own + j / own, column * own + j % own);
                    finite &= value.is_finite();
                    out[(y * part.width * own + x) * COLOURS + colour] = (base + value).clamp(0.0, 1.0);
                }
            }
        }
        if finite {
            return Ok(out);
        }
        Err(EngineFailure::new(FailureClass::BadOutput, "enlarged pixels are not finite numbers"))
    }

    /// The enlarged part brought down to the size that was asked (Lanczos).
    fn reduced(&self, enlarged: &[f32], part: Rect) -> Result<Vec<f32>> {
        let broken = |e: &dyn std::fmt::Display| {
            EngineFailure::new(FailureClass::Crashed, format!("the enlarged picture could not be reduced: {e}"))
        };
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (from, to) = (part.times(self.own), part.times(self.scale));
        let bytes = bytemuck::cast_slice(enlarged);
        let source =
            ImageRef::new(side(from.width), side(from.height), bytes, PixelType::F32x3).map_err(|e| broken(&e))?;
        let mut target = Image::new(side(to.width), side(to.height), PixelType::F32x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        Resizer::new().resize(&source, &mut target, &options).map_err(|e| broken(&e))?;
        Ok(bytemuck::pod_collect_to_vec(target.buffer()))
    }

    /// The large picture.
    pub fn finish(self) -> Picture {
        let scale = u32::try_from(self.scale).unwrap_or(u32::MAX);
        Picture { width: self.picture.width * scale, height: self.picture.height * scale, rgb: self.painted }
    }
}
