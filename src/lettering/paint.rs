//! Colour onto pixels, through masks that say how much of each pixel is covered.

use super::page::Pixels;
use super::style::Colour;
use crate::media::Picture;
use image::imageops;
use tiny_skia::{FillRule, Mask, Path, Transform};

/// How much of each pixel of a part is covered, 0 to 255.
pub(super) struct Coverage {
    pub pixels: Pixels,
    pub values: Vec<u8>,
}

/// A colour through a mask.
pub(super) struct Layer {
    pub coverage: Coverage,
    pub colour: Colour,
    /// 0 to 1.
    pub opacity: f32,
}

impl Coverage {
    /// What a path covers of a part; the path is in coordinates of the whole picture.
    pub fn of(path: &Path, pixels: Pixels) -> Self {
        let mut values = vec![0; pixels.width as usize * pixels.height as usize];
        if let Some(mut mask) = Mask::new(pixels.width, pixels.height) {
            #[allow(clippy::cast_precision_loss, reason = "sides of pictures are far below what f32 counts exactly")]
            let origin = Transform::from_translate(-(pixels.x as f32), -(pixels.y as f32));
            mask.fill_path(path, FillRule::Winding, true, origin);
            values.copy_from_slice(mask.data());
        }
        Self { pixels, values }
    }

    /// Covers a pixel of the picture at least so much.
    pub fn raise(&mut self, (x, y): (i64, i64), value: u8) {
        let (column, row) = (x - i64::from(self.pixels.x), y - i64::from(self.pixels.y));
        let inside =
            (0..i64::from(self.pixels.width)).contains(&column) && (0..i64::from(self.pixels.height)).contains(&row);
        let at = usize::try_from(row * i64::from(self.pixels.width) + column);
        if let Some(own) = at.ok().filter(|_| inside).and_then(|at| self.values.get_mut(at)) {
            *own = value.max(*own);
        }
    }

    /// The same with soft edges.
    #[must_use]
    pub fn blurred(self, radius: f32) -> Self {
        let Pixels { width, height, .. } = self.pixels;
        let Some(gray) = image::GrayImage::from_raw(width, height, self.values) else {
            return Self { pixels: self.pixels, values: vec![0; width as usize * height as usize] };
        };
        let blurred = if radius > 0.0 { imageops::fast_blur(&gray, radius) } else { gray };
        Self { pixels: self.pixels, values: blurred.into_raw() }
    }
}

/// Lays layers of one part over each other, and all together over the picture.
pub(super) fn lay(picture: &mut Picture, layers: &[Layer], opacity: f32) {
    let Some(pixels) = layers.first().map(|layer| layer.coverage.pixels) else { return };
    let width = pixels.width as usize;
    for row in 0..pixels.height as usize {
        for column in 0..width {
            let Some(at) = offset(picture, pixels, (column, row)) else { continue };
            let (mut colour, mut covered) = ([0.0; 3], 0.0);
            for layer in layers {
                let value = layer.coverage.values.get(row * width + column).copied().unwrap_or_default();
                let part = f32::from(value) / 255.0 * layer.opacity;
                for (sum, channel) in colour.iter_mut().zip(layer.colour.0) {
                    *sum = *sum * (1.0 - part) + f32::from(channel) * part;
                }
                covered = covered * (1.0 - part) + part;
            }
            if covered > 0.0 {
                blend(&mut picture.rgb[at..at + 3], colour, covered, opacity);
            }
        }
    }
}

/// Lays one pixel over the picture: a colour of which `covered` is already taken into account.
pub(super) fn blend(pixel: &mut [u8], colour: [f32; 3], covered: f32, opacity: f32) {
    for (under, over) in pixel.iter_mut().zip(colour) {
        let mixed = f32::from(*under) * (1.0 - covered * opacity) + over * opacity;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        let value = mixed.round().clamp(0.0, 255.0) as u8;
        *under = value;
    }
}

/// Where a pixel of a part begins in the bytes of a picture.
pub(super) fn offset(picture: &Picture, pixels: Pixels, (column, row): (usize, usize)) -> Option<usize> {
    let (x, y) = (pixels.x as usize + column, pixels.y as usize + row);
    let at = (y * picture.width as usize + x) * 3;
    (x < picture.width as usize && at + 3 <= picture.rgb.len()).then_some(at)
}
