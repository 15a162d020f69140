//! Makes pictures and sounds fit for a provider: their kind, their bytes, their pixels. A picture that is too large is
//! written as JPEG at falling quality, then made smaller; a sound of another kind becomes WAV or bare samples. Works on the processor; it must not know HTTP.

use super::file::{Input, Op};
use crate::media::{Failure, Medium, Picture, Refusal};
use image::ImageFormat;
use std::io::Cursor;

/// Qualities of JPEG that are tried, best first.
const QUALITIES: [u8; 4] = [85, 75, 65, 50];
/// Each step of making a picture smaller.
const SHRINK: f64 = 0.8;
/// Samples a second of a sound that is decoded, where the file does not say: what speech needs.
const RATE: u32 = 16_000;
/// Bare samples, without a header.
const BARE: &str = "audio/l16";
/// A picture is not made smaller than this, in pixels a side.
const SMALLEST: u32 = 64;

/// Media by placeholder, and what should be said about their changes.
pub type Fitted = (Vec<(&'static str, Medium)>, Vec<String>);

/// Makes the media of a request fit for an op of the provider of that title.
///
/// # Errors
/// When the op has no place for them, or they cannot be made fit: others may still take them.
pub fn fit(media: Vec<(&'static str, Medium)>, op: &Op, title: &str) -> Result<Fitted, Failure> {
    let (mut fitted, mut notices) = (Vec::new(), Vec::new());
    for (name, medium) in media {
        let images = fitted.iter().filter(|(other, _)| *other == name).count() + 1;
        place(op, name, images, title)?;
        let plain = Input::default();
        let input = op.inputs.get(name).unwrap_or(&plain);
        let medium = match name {
            "mask" => beside(medium, &fitted)?,
            _ if medium.content_type.starts_with("image/") => picture(medium, input, title, &mut notices)?,
            _ => sound(medium, input, title)?,
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

fn sound(medium: Medium, input: &Input, title: &str) -> Result<Medium, Failure> {
    if input.max_s.is_some_and(|most| medium.seconds().is_some_and(|seconds| seconds > most)) {
        return Err(too_big(title));
    }
    let takes = |kind: &str| input.mime.is_empty() || input.mime.iter().any(|mime| mime == kind);
    let fits = |medium: &Medium| input.max_bytes.is_none_or(|most| medium.bytes.len() <= most);
    let turned = if takes(&medium.content_type) {
        if fits(&medium) {
            return Ok(medium);
        }
        // A WAV of two channels or of a high rate may fit with one of a lower.
        if medium.content_type == "audio/wav" { Some(medium.to_wav(RATE)?) } else { None }
    } else {
        let to = input.transcode.as_deref().or_else(|| input.mime.iter().map(String::as_str).find(|to| samples(to)));
        match to.filter(|to| samples(to)) {
            Some(to) if to.starts_with(BARE) => Some(medium.to_lpcm(rate(to))?),
            Some(to) => Some(medium.to_wav(rate(to))?),
            None => {
                let message = format!("{title} does not take {}", medium.content_type);
                return Err(Failure::Missing { message });
            }
        }
    };
    turned.filter(fits).ok_or_else(|| too_big(title))
}

/// Whether sounds can be turned into this here.
fn samples(kind: &str) -> bool {
    kind.starts_with("audio/wav") || kind.starts_with(BARE)
}

/// The rate that a media type names, as in `audio/l16;rate=8000`.
fn rate(kind: &str) -> u32 {
    let named = kind.split(';').filter_map(|part| part.trim().strip_prefix("rate=")).next();
    named.and_then(|rate| rate.parse().ok()).unwrap_or(RATE)
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
    fn a_sound_becomes_what_is_taken() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound");
        let speech = Medium::sound(std::fs::read(folder.join("modern-opus.ogg")).unwrap().into(), "audio").unwrap();
        let takes =
            |kinds: &[&str]| Input { mime: kinds.iter().map(|kind| (*kind).to_owned()).collect(), ..Input::default() };
        let kind = |input: &Input| sound(speech.clone(), input, "Tea").map(|sound| sound.content_type);
        assert_eq!(kind(&takes(&["audio/mpeg", "audio/ogg"])).as_deref(), Ok("audio/ogg"));
        assert_eq!(kind(&takes(&["audio/mpeg", "audio/wav"])).as_deref(), Ok("audio/wav"));
        let bare = Input { transcode: Some("audio/l16;rate=8000".to_owned()), ..takes(&["audio/l16"]) };
        assert_eq!(kind(&bare).as_deref(), Ok("audio/l16;rate=8000;channels=1"));
        assert_eq!(kind(&takes(&["audio/mpeg"])).unwrap_err().class(), "missing");
        assert_eq!(kind(&Input { max_s: Some(1.0), ..Input::default() }).unwrap_err().class(), "too_big");
        assert_eq!(kind(&Input { max_bytes: Some(10), ..Input::default() }).unwrap_err().class(), "too_big");
        let wide = speech.to_wav(48_000).unwrap();
        let most = Input { max_bytes: Some(wide.bytes.len() / 2), ..Input::default() };
        assert!(sound(wide, &most, "Tea").unwrap().bytes.len() <= most.max_bytes.unwrap());
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
