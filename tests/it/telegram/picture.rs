//! What Telegram does with a photo: looks at it, and keeps it in several sizes.

use super::limits::{PHOTO, PHOTO_RATIO, PHOTO_SIDES};
use super::refusal::Refusal;
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, ImageReader};
use std::io::Cursor;

/// The longest sides of the sizes that Telegram keeps.
const SIDES: [u32; 4] = [90, 320, 800, 1280];

/// A photo in one size.
#[derive(Debug, Clone)]
pub struct Size {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// A JPEG.
    pub bytes: Bytes,
}

/// Looks at a photo as the server does, and makes its sizes, the smallest first.
///
/// # Errors
///
/// [`Refusal`] if it is no picture, too large, too long or too thin.
pub fn sizes(bytes: &Bytes) -> Result<Vec<Size>, Refusal> {
    let length = bytes.len() as u64;
    if length > PHOTO {
        let why = format!("File of size {length} bytes is too big for a photo; the maximum size is {PHOTO} bytes");
        return Err(Refusal::bad(why));
    }
    let broken = || Refusal::bad("IMAGE_PROCESS_FAILED");
    let reader = |bytes: Bytes| ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| broken());
    // The header alone tells of a picture that would take long to read.
    let (width, height) = reader(bytes.clone())?.into_dimensions().map_err(|_| broken())?;
    let (short, long) = (width.min(height).max(1), width.max(height));
    if width + height > PHOTO_SIDES || long > short.saturating_mul(PHOTO_RATIO) {
        return Err(Refusal::bad("PHOTO_INVALID_DIMENSIONS"));
    }
    let reader = reader(bytes.clone())?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let picture = DynamicImage::ImageRgb8(reader.decode().map_err(|_| broken())?.to_rgb8());
    let smaller = SIDES.into_iter().filter(|side| *side < long);
    let largest = SIDES[SIDES.len() - 1].min(long);
    let mut sizes: Vec<Size> = smaller.filter(|side| *side < largest).map(|side| scaled(&picture, side)).collect();
    sizes.push(if is_jpeg && long <= largest {
        Size { width, height, bytes: bytes.clone() }
    } else {
        scaled(&picture, largest)
    });
    Ok(sizes)
}

fn scaled(picture: &DynamicImage, side: u32) -> Size {
    let long = picture.width().max(picture.height());
    let small = if long > side { &picture.thumbnail(side, side) } else { picture };
    let mut bytes = Vec::new();
    small.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).expect("an RGB picture is written");
    Size { width: small.width(), height: small.height(), bytes: bytes.into() }
}
