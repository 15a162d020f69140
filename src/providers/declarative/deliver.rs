//! Makes pictures and sounds fit for a provider: their kind, their bytes, their pixels. A picture that is too large is
//! written as JPEG at falling quality, then made smaller. Works on the processor; it must not know HTTP.

use super::file::{Input, Op};
use crate::media::{Failure, Medium, Picture, Refusal};
use image::ImageFormat;
use std::io::Cursor;

/// Qualities of JPEG that are tried, best first.
const QUALITIES: [u8; 4] = [85, 75, 65, 50];
/// Each step of making a picture smaller.
const SHRINK: f64 = 0.8;
/// A picture is not made smaller than this, in pixels a side.
const SMALLEST: u32 = 64;

/// Works on sounds; who can decode them gives this.
pub trait Sounds: Send + Sync {
    /// The sound in another container. `None`: that cannot be done.
    ///
    /// # Errors
    /// When the sound is broken.
    fn convert(&self, sound: &Medium, to: &str) -> Result<Option<Medium>, Failure>;

    /// How long it is. `None`: unknown.
    fn seconds(&self, sound: &Medium) -> Option<f64>;
}

/// Media by placeholder, and what should be said about their changes.
pub type Fitted = (Vec<(&'static str, Medium)>, Vec<String>);

/// Makes the media of a request fit for an op of the provider of that title.
///
/// # Errors
/// When the op has no place for them, or they cannot be made fit: others may still take them.
pub fn fit(
    media: Vec<(&'static str, Medium)>,
    op: &Op,
    title: &str,
    sounds: Option<&dyn Sounds>,
) -> Result<Fitted, Failure> {
    let (mut fitted, mut notices) = (Vec::new(), Vec::new());
    for (name, medium) in media {
        let images = fitted.iter().filter(|(other, _)| *other == name).count() + 1;
        place(op, name, images, title)?;
        let plain = Input::default();
        let input = op.inputs.get(name).unwrap_or(&plain);
        let medium = match name {
            "mask" => beside(medium, &fitted)?,
            _ if medium.content_type.starts_with("image/") => picture(medium, input, title, &mut notices)?,
            _ => sound(medium, input, title, sounds)?,
        };
        fitted.push((name, medium));
    }
    Ok((fitted, notices))
}

/// Whether an op sends what is there so many times.
fn place(op: &Op, name: &str, count: usize, title: &str) -> Result<(), Failure> {
    let several = name == "image" && op.sends.contains("images");
    if !several && !op.sends.contains(name) {
        return Err(Failure::Missing { message: format!("{title} takes no {name} for {}", op.task) });
    }
    let most = op.inputs.get(name).and_then(|input| input.max_count);
    let most = most.unwrap_or(if several { usize::MAX } else { 1 });
    if count > most {
        return Err(Failure::Missing { message: format!("{title} takes at most {most} of {name} for {}", op.task) });
    }
    Ok(())
}

fn too_big(title: &str) -> Failure {
    Failure::remote(title, Refusal::TooBig)
}

fn sound(medium: Medium, input: &Input, title: &str, sounds: Option<&dyn Sounds>) -> Result<Medium, Failure> {
    let seconds = sounds.and_then(|sounds| sounds.seconds(&medium));
    if input.max_s.zip(seconds).is_some_and(|(most, seconds)| seconds > most) {
        return Err(too_big(title));
    }
    let takes = |kind: &String| input.mime.is_empty() || input.mime.contains(kind);
    let medium = if takes(&medium.content_type) {
        medium
    } else {
        let to = input.transcode.as_ref().or(input.mime.first()).map_or("", String::as_str);
        let converted = sounds.map(|sounds| sounds.convert(&medium, to)).transpose()?.flatten();
        converted.ok_or_else(|| Failure::Missing {
            message: format!("{title} does not take {} and it cannot be turned into {to} here", medium.content_type),
        })?
    };
    if input.max_bytes.is_some_and(|most| medium.bytes.len() > most) { Err(too_big(title)) } else { Ok(medium) }
}

/// A mask has the size of its picture, also where that was made smaller.
fn beside(mask: Medium, fitted: &[(&'static str, Medium)]) -> Result<Medium, Failure> {
    let Some((_, image)) = fitted.iter().find(|(name, _)| *name == "image") else { return Ok(mask) };
    let (wanted, found) = (size(image)?, size(&mask)?);
    if wanted == found {
        return Ok(mask);
    }
    let pixels = image::load_from_memory_with_format(&mask.bytes, ImageFormat::Png).map_err(broken)?;
    let scaled = pixels.resize_exact(wanted.0, wanted.1, image::imageops::FilterType::Triangle);
    let mut bytes = Cursor::new(Vec::new());
    scaled.write_to(&mut bytes, ImageFormat::Png).map_err(broken)?;
    Ok(Medium::new(bytes.into_inner(), "image/png"))
}

fn size(medium: &Medium) -> Result<(u32, u32), Failure> {
    let reader = image::ImageReader::new(Cursor::new(&medium.bytes)).with_guessed_format();
    let reader = reader.map_err(|e| broken(image::ImageError::IoError(e)))?;
    reader.into_dimensions().map_err(broken)
}

fn broken(error: image::ImageError) -> Failure {
    Failure::internal(format!("a picture could not be made ready to be sent: {error}"))
}

fn picture(medium: Medium, input: &Input, title: &str, notices: &mut Vec<String>) -> Result<Medium, Failure> {
    let takes = |kind: &str| input.mime.is_empty() || input.mime.iter().any(|mime| mime == kind);
    let fits = |bytes: &[u8]| input.max_bytes.is_none_or(|most| bytes.len() <= most);
    let (width, height) = size(&medium)?;
    let pixels = u64::from(width) * u64::from(height);
    let many = input.max_px.filter(|most| pixels > *most);
    if takes(&medium.content_type) && fits(&medium.bytes) && many.is_none() {
        return Ok(medium);
    }
    let mut picture = Picture::decode(&medium.bytes, "image")?;
    if let Some(most) = many {
        #[allow(clippy::cast_precision_loss)]
        let factor = (most as f64 / pixels as f64).sqrt();
        picture = smaller(&picture, factor)?;
    }
    let own = Some(medium.content_type.as_str()).filter(|kind| takes(kind));
    let wanted = own.or(input.transcode.as_deref()).or(input.mime.first().map(String::as_str));
    let format = wanted.and_then(ImageFormat::from_mime_type).filter(|format| writable(*format));
    let format = format.ok_or_else(|| Failure::Missing {
        message: format!("{title} does not take {} and nothing that it can be turned into here", medium.content_type),
    })?;
    let fitted = squeezed(&mut picture, format, takes("image/jpeg"), fits)?.ok_or_else(|| too_big(title))?;
    if (picture.width, picture.height) != (width, height) {
        let (w, h) = (picture.width, picture.height);
        notices.push(format!("the picture was sent to {title} at {w}x{h}, which is what it takes"));
    }
    Ok(fitted)
}

/// The picture in its format; then as JPEG at falling quality, where that is taken; then smaller and smaller.
fn squeezed(
    picture: &mut Picture,
    format: ImageFormat,
    jpeg: bool,
    fits: impl Fn(&[u8]) -> bool,
) -> Result<Option<Medium>, Failure> {
    loop {
        let bytes = written(picture, format, QUALITIES[0])?;
        if fits(&bytes) {
            return Ok(Some(Medium::new(bytes, format.to_mime_type())));
        }
        if jpeg {
            for quality in QUALITIES {
                let bytes = written(picture, ImageFormat::Jpeg, quality)?;
                if fits(&bytes) {
                    return Ok(Some(Medium::new(bytes, ImageFormat::Jpeg.to_mime_type())));
                }
            }
        }
        if picture.width.min(picture.height) <= SMALLEST {
            return Ok(None);
        }
        *picture = smaller(picture, SHRINK)?;
    }
}

fn writable(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
}

fn smaller(picture: &Picture, factor: f64) -> Result<Picture, Failure> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let side = |side: u32| ((f64::from(side) * factor) as u32).max(1);
    picture.scaled(side(picture.width), side(picture.height))
}

fn written(picture: &Picture, format: ImageFormat, quality: u8) -> Result<Vec<u8>, Failure> {
    if format == ImageFormat::Png {
        return picture.to_png(&[]);
    }
    let mut bytes = Vec::new();
    let (width, height, kind) = (picture.width, picture.height, image::ExtendedColorType::Rgb8);
    let done = match format {
        ImageFormat::WebP => {
            image::codecs::webp::WebPEncoder::new_lossless(&mut bytes).encode(&picture.rgb, width, height, kind)
        }
        _ => image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode(
            &picture.rgb,
            width,
            height,
            kind,
        ),
    };
    done.map_err(broken)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Mask;

    /// Pixels that no format makes small.
    fn noise(width: u32, height: u32) -> Picture {
        let mut state = 1u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24).to_le_bytes()[0]
        };
        Picture { width, height, rgb: (0..width * height * 3).map(|_| byte()).collect() }
    }

    fn png(width: u32, height: u32) -> Medium {
        Medium::new(noise(width, height).to_png(&[]).unwrap(), "image/png")
    }

    fn fitted(medium: Medium, input: &Input) -> (Medium, Vec<String>) {
        let mut notices = Vec::new();
        (picture(medium, input, "Tea", &mut notices).expect("a picture"), notices)
    }

    #[test]
    fn a_picture_that_fits_is_sent_as_it_is() {
        let medium = png(80, 60);
        let input = Input { mime: vec!["image/png".to_owned()], max_px: Some(4800), ..Input::default() };
        assert_eq!(fitted(medium.clone(), &input), (medium, vec![]));
    }

    #[test]
    fn a_picture_of_too_many_bytes_loses_quality_before_it_loses_pixels() {
        let medium = png(200, 200);
        let jpeg = |quality| written(&noise(200, 200), ImageFormat::Jpeg, quality).unwrap().len();
        let most = |bytes| Input { max_bytes: Some(bytes), ..Input::default() };
        let (good, notices) = fitted(medium.clone(), &most(jpeg(65)));
        assert_eq!((good.content_type.as_str(), good.bytes.len(), notices.len()), ("image/jpeg", jpeg(65), 0));
        let (small, notices) = fitted(medium.clone(), &most(jpeg(50) - 1));
        assert_eq!((size(&small).unwrap(), notices.len()), ((160, 160), 1), "{notices:?}");
        let hopeless = picture(medium, &most(10), "Tea", &mut Vec::new()).expect_err("too big");
        assert_eq!(hopeless.class(), "too_big");
    }

    #[test]
    fn a_picture_is_turned_into_what_is_taken() {
        let jpeg = Medium::new(written(&noise(90, 90), ImageFormat::Jpeg, 85).unwrap(), "image/jpeg");
        let only_png = Input { mime: vec!["image/png".to_owned()], ..Input::default() };
        let (turned, _) = fitted(jpeg.clone(), &only_png);
        assert_eq!((turned.content_type.as_str(), size(&turned).unwrap()), ("image/png", (90, 90)));
        // A service that takes PNG only gets a smaller PNG, never a JPEG.
        let (small, _) = fitted(png(200, 200), &Input { max_bytes: Some(60_000), ..only_png });
        assert!(small.content_type == "image/png" && small.bytes.len() <= 60_000);
        let (fewer, notices) = fitted(jpeg, &Input { max_px: Some(2025), ..Input::default() });
        assert_eq!((size(&fewer).unwrap(), notices.len()), ((45, 45), 1));
    }

    #[test]
    fn a_mask_follows_its_picture() {
        let mask = Mask { width: 80, height: 80, gray: [vec![255; 3200], vec![0; 3200]].concat() };
        let mask = Medium::new(mask.to_transparency().unwrap(), "image/png");
        let scaled = beside(mask, &[("image", png(40, 40))]).unwrap();
        let scaled = Mask::decode(&scaled.bytes, "mask").unwrap();
        assert_eq!((scaled.width, scaled.gray[0], scaled.gray[1599]), (40, 255, 0));
    }
}
