//! Pixels in memory, and their way in and out of files. Every file from outside is measured before it is decoded,
//! so that a small file cannot ask for a large memory.

use super::Failure;
use image::{DynamicImage, ImageDecoder, ImageReader};
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// Largest picture accepted, in pixels (CONTRACT).
pub const MAX_PIXELS: u64 = 40_000_000;
/// Largest picture file accepted, in bytes (CONTRACT).
pub const MAX_FILE_BYTES: usize = 20_000_000;
/// Largest picture that is made here or taken from a provider, in pixels.
pub const MAX_MADE_PIXELS: u64 = 80_000_000;
/// Largest file of a picture that is taken from a provider, in bytes.
const MAX_ANSWER_BYTES: usize = 128_000_000;

/// What is too large to be decoded.
#[derive(Clone, Copy)]
struct Most {
    pixels: u64,
    bytes: usize,
}

/// From those who ask.
const UPLOAD: Most = Most { pixels: MAX_PIXELS, bytes: MAX_FILE_BYTES };
/// From those who were asked and paid: what they make may be larger.
const ANSWER: Most = Most { pixels: MAX_MADE_PIXELS, bytes: MAX_ANSWER_BYTES };

/// An RGB picture, 8 bits a channel, rows top to bottom: `rgb.len() == width * height * 3`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The pixels.
    pub rgb: Vec<u8>,
}

/// What to repaint: 255 is repainted, 0 is kept. `gray.len() == width * height`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The pixels.
    pub gray: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({}x{})", self.width, self.height)
    }
}

impl Picture {
    /// Decodes a PNG, JPEG, WebP, GIF (first frame) or BMP found by content, turned as its EXIF says.
    /// Transparent pixels become white.
    ///
    /// # Errors
    /// [`Failure::TooBig`] over [`MAX_PIXELS`] or [`MAX_FILE_BYTES`]; [`Failure::Invalid`] when it does not decode.
    pub fn decode(bytes: &[u8], param: &str) -> Result<Self, Failure> {
        Ok(Self::flat(decode(bytes, param, UPLOAD)?))
    }

    /// Width and height as a file's header tells them, before they are turned as its EXIF says.
    ///
    /// # Errors
    /// As [`Self::decode`], for what the header shows.
    pub fn size_of(bytes: &[u8], param: &str) -> Result<(u32, u32), Failure> {
        opened(bytes, param, UPLOAD).map(|decoder| decoder.dimensions())
    }

    /// Decodes what a provider made, which may be larger than what is accepted from those who ask.
    ///
    /// # Errors
    /// As [`Self::decode`], over 80 megapixels or 128 MB.
    pub fn of_answer(bytes: &[u8], param: &str) -> Result<Self, Failure> {
        Ok(Self::flat(decode(bytes, param, ANSWER)?))
    }

    fn flat(decoded: DynamicImage) -> Self {
        let rgb = flatten_on_white(decoded);
        Self { width: rgb.width(), height: rgb.height(), rgb: rgb.into_raw() }
    }

    /// The picture at another size.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the pixels do not match the size.
    pub fn scaled(&self, width: u32, height: u32) -> Result<Self, Failure> {
        let pixels = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(self.width, self.height, &self.rgb)
            .ok_or_else(|| Failure::internal("a picture's pixels do not match its size"))?;
        let scaled = image::imageops::resize(&pixels, width, height, image::imageops::FilterType::Lanczos3);
        Ok(Self { width, height, rgb: scaled.into_raw() })
    }

    /// Encodes as PNG with text fields (iTXt, so that any script survives), in the order given.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the pixels do not match the size.
    pub fn to_png(&self, texts: &[(&str, String)]) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let broken = |e: png::EncodingError| Failure::internal(format!("the picture could not be written as PNG: {e}"));
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        for (key, text) in texts {
            encoder.add_itxt_chunk((*key).to_owned(), text.clone()).map_err(broken)?;
        }
        let mut writer = encoder.write_header().map_err(broken)?;
        writer.write_image_data(&self.rgb).map_err(broken)?;
        writer.finish().map_err(broken)?;
        Ok(bytes)
    }
}

impl Mask {
    /// Decodes a mask. Where the file has transparency, transparent is what to repaint (OpenAI's convention);
    /// otherwise white is.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode(bytes: &[u8], param: &str) -> Result<Self, Failure> {
        let decoded = decode(bytes, param, UPLOAD)?;
        let (width, height) = (decoded.width(), decoded.height());
        let by_alpha = Self::transparent_part(&decoded);
        Ok(by_alpha.unwrap_or_else(|| Self { width, height, gray: decoded.to_luma8().into_raw() }))
    }

    /// The mask that a picture brings itself: its transparent part. `None` where nothing is transparent.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn of_transparency(bytes: &[u8], param: &str) -> Result<Option<Self>, Failure> {
        Ok(Self::transparent_part(&decode(bytes, param, UPLOAD)?))
    }

    /// The mask at another size.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the pixels do not match the size.
    pub fn scaled(&self, width: u32, height: u32) -> Result<Self, Failure> {
        let pixels = image::ImageBuffer::<image::Luma<u8>, &[u8]>::from_raw(self.width, self.height, &self.gray)
            .ok_or_else(|| Failure::internal("a mask's pixels do not match its size"))?;
        let scaled = image::imageops::resize(&pixels, width, height, image::imageops::FilterType::Triangle);
        Ok(Self { width, height, gray: scaled.into_raw() })
    }

    /// The same as a gray picture: white is repainted.
    #[must_use]
    pub fn to_picture(&self) -> Picture {
        let rgb = self.gray.iter().flat_map(|gray| [*gray; 3]).collect();
        Picture { width: self.width, height: self.height, rgb }
    }

    /// The same as a PNG that is transparent where it is repainted.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the pixels do not match the size.
    pub fn to_transparency(&self) -> Result<Vec<u8>, Failure> {
        let rgba: Vec<u8> = self.gray.iter().flat_map(|gray| [0, 0, 0, 255 - gray]).collect();
        let pixels = image::RgbaImage::from_raw(self.width, self.height, rgba)
            .ok_or_else(|| Failure::internal("a mask's pixels do not match its size"))?;
        let mut bytes = Cursor::new(Vec::new());
        let broken = |e: image::ImageError| Failure::internal(format!("the mask could not be written as PNG: {e}"));
        pixels.write_to(&mut bytes, image::ImageFormat::Png).map_err(broken)?;
        Ok(bytes.into_inner())
    }

    fn transparent_part(decoded: &DynamicImage) -> Option<Self> {
        if !decoded.color().has_alpha() {
            return None;
        }
        let rgba = decoded.to_rgba8();
        let gray: Vec<u8> = rgba.pixels().map(|p| 255 - p.0[3]).collect();
        let (width, height) = rgba.dimensions();
        gray.iter().any(|g| *g > 0).then_some(Self { width, height, gray })
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its media type, whatever it was sent as.
    pub content_type: &'static str,
    /// Pixels a row, turned as its EXIF says.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Seen {
    /// Looks into a file and decodes it, to be sure that it can be worked with later. `None`: it is no picture of a kind
    /// that is known here.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn of(bytes: &[u8], param: &str) -> Result<Option<Self>, Failure> {
        check_size(bytes, param, UPLOAD)?;
        let format = image::guess_format(bytes).ok().filter(image::ImageFormat::reading_enabled);
        let Some(format) = format else { return Ok(None) };
        let decoded = decode(bytes, param, UPLOAD)?;
        let (width, height) = (decoded.width(), decoded.height());
        Ok(Some(Self { content_type: format.to_mime_type(), width, height }))
    }
}

fn check_size(bytes: &[u8], param: &str, most: Most) -> Result<(), Failure> {
    if bytes.len() <= most.bytes {
        return Ok(());
    }
    let message = format!("`{param}` has {} bytes; at most {} are accepted", bytes.len(), most.bytes);
    Err(Failure::TooBig { message })
}

fn unreadable(param: &str) -> impl Fn(image::ImageError) -> Failure {
    move |e| Failure::invalid(param, format!("`{param}` is not a picture that can be read: {e}"))
}

/// Reads a file's header and refuses what is too large.
fn opened<'a>(bytes: &'a [u8], param: &str, most: Most) -> Result<impl ImageDecoder + use<'a>, Failure> {
    check_size(bytes, param, most)?;
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| Failure::invalid(param, format!("`{param}` cannot be read: {e}")))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(most.pixels * 16);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(unreadable(param))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > most.pixels {
        return Err(Failure::TooBig {
            message: format!(
                "`{param}` is {width}x{height}; at most {} megapixels are accepted",
                most.pixels / 1_000_000
            ),
        });
    }
    Ok(decoder)
}

fn decode(bytes: &[u8], param: &str, most: Most) -> Result<DynamicImage, Failure> {
    let mut decoder = opened(bytes, param, most)?;
    let orientation = decoder.orientation().map_err(unreadable(param))?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(unreadable(param))?;
    decoded.apply_orientation(orientation);
    Ok(decoded)
}

fn flatten_on_white(decoded: DynamicImage) -> image::RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let rgba = decoded.into_rgba8();
    let mut rgb = image::RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let alpha = u32::from(from.0[3]);
        for (channel, value) in to.0.iter_mut().zip(&from.0[..3]) {
            let mixed = (u32::from(*value) * alpha + 255 * (255 - alpha) + 127) / 255;
            *channel = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
    }
    rgb
}
