//! Pictures as Telegram takes them: photos within its limits, small ones to stand beside files. Must not know where
//! pictures come from. Everything here takes a while: not on threads that others wait for.

use crate::media::Picture;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat, ImageReader};
use std::io::Cursor;

/// Most bytes of a photo.
const MOST_BYTES: usize = 10_000_000;
/// Most pixels of width and height together.
const MOST_SIDES: u32 = 10_000;
/// The longer side has at most so many times the pixels of the shorter one.
const MOST_RATIO: u32 = 20;
const QUALITY: u8 = 92;
/// Longest side of a small picture.
const SMALL: u32 = 320;
/// Most bytes of a small picture.
const SMALL_BYTES: usize = 200_000;

/// The picture as a photo; `None`: it can only be a file. A JPEG stays as it is, another picture becomes one where
/// that is smaller, as Telegram makes one of it anyway.
pub(super) fn photo(bytes: &Bytes) -> Option<Bytes> {
    let format = image::guess_format(bytes).ok()?;
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok()?;
    let (longer, shorter) = (width.max(height), width.min(height));
    if width.saturating_add(height) > MOST_SIDES || longer > shorter.saturating_mul(MOST_RATIO) {
        return None;
    }
    let fits = bytes.len() <= MOST_BYTES;
    if fits && format == ImageFormat::Jpeg {
        return Some(bytes.clone());
    }
    let smaller = Picture::of_answer(bytes, "photo").ok().and_then(|picture| jpeg(&picture, QUALITY))?;
    // What Telegram takes as it is stays where that is smaller; other kinds it would take for no photo.
    if fits && format == ImageFormat::Png && bytes.len() <= smaller.len() {
        return Some(bytes.clone());
    }
    (smaller.len() <= MOST_BYTES).then(|| smaller.into())
}

/// A small picture to stand beside a file; `None` where the file is no picture.
pub(super) fn small(bytes: &[u8]) -> Option<Bytes> {
    let picture = Picture::of_answer(bytes, "file").ok()?;
    let longer = picture.width.max(picture.height);
    let side = |pixels: u32| {
        let scaled = u64::from(pixels) * u64::from(SMALL) / u64::from(longer);
        u32::try_from(scaled.max(1)).unwrap_or(SMALL)
    };
    let picture =
        if longer > SMALL { picture.scaled(side(picture.width), side(picture.height)).ok()? } else { picture };
    let made = [85, 60, 30].into_iter().filter_map(|quality| jpeg(&picture, quality));
    made.into_iter().find(|bytes| bytes.len() < SMALL_BYTES).map(Bytes::from)
}

/// What files with such bytes are called at the end, without the dot.
pub(super) fn extension(bytes: &[u8]) -> &'static str {
    let format = image::guess_format(bytes).ok();
    format.and_then(|format| format.extensions_str().first()).copied().unwrap_or("bin")
}

fn jpeg(picture: &Picture, quality: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode(&picture.rgb, picture.width, picture.height, ExtendedColorType::Rgb8).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise, which no format makes small, or one colour, which PNG makes very small.
    fn picture(width: u32, height: u32, noise: bool) -> Picture {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if noise { u8::try_from(state >> 24).unwrap() } else { 127 }
        };
        let rgb = (0..width * height * 3).map(|_| next()).collect();
        Picture { width, height, rgb }
    }

    fn png(width: u32, height: u32, noise: bool) -> Bytes {
        picture(width, height, noise).to_png(&[]).unwrap().into()
    }

    fn format(bytes: &[u8]) -> ImageFormat {
        image::guess_format(bytes).unwrap()
    }

    #[test]
    fn a_png_becomes_a_jpeg_where_that_is_smaller() {
        let (noise, plain) = (png(64, 48, true), png(256, 256, false));
        let made = photo(&noise).unwrap();
        assert_eq!(format(&made), ImageFormat::Jpeg);
        assert!(made.len() < noise.len());
        let decoded = Picture::decode(&made, "x").unwrap();
        assert_eq!((decoded.width, decoded.height), (64, 48));
        assert_eq!(photo(&plain).unwrap(), plain);
    }

    #[test]
    fn a_png_of_more_than_a_photo_may_have_becomes_a_jpeg() {
        let large = png(2000, 1800, true);
        assert!(large.len() > MOST_BYTES);
        let made = photo(&large).unwrap();
        assert!(format(&made) == ImageFormat::Jpeg && made.len() <= MOST_BYTES, "{}", made.len());
    }

    #[test]
    fn a_jpeg_stays_as_it_is() {
        let bytes = Bytes::from(jpeg(&picture(64, 64, true), 50).unwrap());
        assert_eq!(photo(&bytes).unwrap(), bytes);
    }

    #[test]
    fn shapes_that_telegram_does_not_take_are_files() {
        assert!(photo(&png(9_990, 10, false)).is_none(), "too long");
        assert!(photo(&png(2_000, 100, false)).is_some(), "twenty to one is the most");
        assert!(photo(&png(2_020, 100, false)).is_none());
        assert!(photo(&png(5_000, 5_001, false)).is_none(), "too large");
        assert!(photo(&Bytes::from_static(b"RIFF....WEBPVP8 and nothing")).is_none());
        assert!(photo(&Bytes::from_static(b"no picture")).is_none());
    }

    #[test]
    fn small_pictures_are_small() {
        let bytes = small(&png(1600, 500, true)).unwrap();
        let decoded = Picture::decode(&bytes, "x").unwrap();
        assert_eq!((decoded.width, decoded.height), (320, 100));
        assert!(format(&bytes) == ImageFormat::Jpeg && bytes.len() < SMALL_BYTES);
        let sliver = Picture::decode(&small(&png(2000, 1, false)).unwrap(), "x").unwrap();
        assert_eq!((sliver.width, sliver.height), (320, 1));
        assert!(small(b"a text").is_none());
    }

    #[test]
    fn files_are_called_by_what_is_in_them() {
        assert_eq!(extension(&png(8, 8, false)), "png");
        assert_eq!(extension(&jpeg(&picture(8, 8, true), 90).unwrap()), "jpg");
        assert_eq!(extension(b"?"), "bin");
    }
}
