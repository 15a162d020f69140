//! The plate behind a text: the picture beneath blurred, and a colour over it.

use super::page::{Frame, Page};
use super::paint::{self, Coverage, Layer};
use super::style::{Colour, Length, Plate};
use crate::media::Picture;
use image::imageops;
use tiny_skia::{Path, PathBuilder, Rect};

/// Distances from the text to the edges, and the radius of the corners, in sizes of letters.
const PADDING: (f32, f32) = (0.5, 0.22);
const CORNER: f32 = 0.3;
/// How well a plate is seen, in percent: usually, and over a blurred picture.
const OPACITY: u8 = 100;
const OPACITY_OVER_BLUR: u8 = 50;
/// The largest radius of a blur, in pixels.
const MOST_BLUR: f32 = 500.0;
/// So many radiuses away a pixel no longer matters for a blur.
const REACH: f32 = 3.0;
/// A control point this far along the side makes a quarter of a circle.
const ARC: f32 = 0.552_284_8;

/// How far a plate reaches beyond a text: to the sides, and up and down.
pub(super) fn padding(plate: &Plate, page: &Page, letters: f32) -> (f32, f32) {
    match plate.padding {
        Some(padding) => (padding.of(page.shorter()), padding.of(page.shorter())),
        None => (letters * PADDING.0, letters * PADDING.1),
    }
}

/// Lays a plate on a picture.
pub(super) fn lay(picture: &mut Picture, frame: &Frame, plate: &Plate, colour: Colour, letters: f32) {
    let usual = Length::Px(letters * CORNER);
    let shorter = frame.width.min(frame.height);
    let corner = plate.corner.unwrap_or(usual).of(shorter).min(shorter / 2.0);
    let Some(path) = rounded(frame, corner) else { return };
    let pixels = frame.pixels(picture);
    let coverage = Coverage::of(&path, pixels);
    if let Some(blur) = plate.blur {
        let radius = blur.of(Page::of(picture).shorter()).min(MOST_BLUR);
        blurred(picture, frame, &coverage, radius);
    }
    let usual = if plate.blur.is_some() { OPACITY_OVER_BLUR } else { OPACITY };
    let opacity = f32::from(plate.opacity.unwrap_or(usual)) / 100.0;
    paint::lay(picture, &[Layer { coverage, colour, opacity }], 1.0);
}

/// Blurs what lies beneath. What is around counts too, as if the plate were frosted glass.
fn blurred(picture: &mut Picture, frame: &Frame, coverage: &Coverage, radius: f32) {
    let around = frame.grown(radius * REACH + 1.0).pixels(picture);
    let mut part = image::RgbImage::new(around.width, around.height);
    for (x, y, pixel) in part.enumerate_pixels_mut() {
        if let Some(at) = paint::offset(picture, around, (x as usize, y as usize)) {
            pixel.0.copy_from_slice(&picture.rgb[at..at + 3]);
        }
    }
    if radius <= 0.0 || around.width == 0 || around.height == 0 {
        return;
    }
    let soft = imageops::fast_blur(&part, radius);
    let own = coverage.pixels;
    let places = (0..own.height).flat_map(|row| (0..own.width).map(move |column| (column, row)));
    for ((column, row), value) in places.zip(&coverage.values).filter(|(_, value)| **value > 0) {
        let Some(at) = paint::offset(picture, own, (column as usize, row as usize)) else { continue };
        let glass = soft.get_pixel(own.x - around.x + column, own.y - around.y + row).0;
        let part = f32::from(*value) / 255.0;
        paint::blend(&mut picture.rgb[at..at + 3], glass.map(|channel| f32::from(channel) * part), part, 1.0);
    }
}

fn rounded(frame: &Frame, radius: f32) -> Option<Path> {
    let Frame { left, top, width, height } = *frame;
    if radius < 0.5 {
        return Some(PathBuilder::from_rect(Rect::from_xywh(left, top, width, height)?));
    }
    let (right, bottom, near) = (left + width, top + height, radius * (1.0 - ARC));
    let mut path = PathBuilder::new();
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - near, top, right, top + near, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - near, right - near, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + near, bottom, left, bottom - near, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + near, left + near, top, left + radius, top);
    path.close();
    path.finish()
}
