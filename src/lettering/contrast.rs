//! What can be read on what: contrast as the Web Content Accessibility Guidelines define it.

use super::page::Pixels;
use super::style::Colour;
use crate::media::Picture;

/// Large letters are read from this contrast on (WCAG 2.2, 1.4.3).
const READABLE: f32 = 3.0;
/// Where more of the background than this is below it, the letters need an outline.
const TOLERATED: f32 = 0.1;
/// Pixels that are looked at, about.
const SAMPLES: u64 = 20_000;

/// Relative luminance, 0 to 1.
pub(super) fn luminance(Colour(rgb): Colour) -> f32 {
    let linear = |value: u8| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
}

/// The contrast of two luminances, 1 to 21.
pub(super) fn ratio(one: f32, other: f32) -> f32 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// White or black, whichever is read better on this colour.
pub(super) fn against(colour: Colour) -> Colour {
    better_on(&[luminance(colour)])
}

/// White or black, whichever is read better on all of these taken together.
fn better_on(luminances: &[f32]) -> Colour {
    let (white, black) = (luminance(Colour::WHITE), luminance(Colour::BLACK));
    // Contrasts are ratios: what counts is their product.
    let sum = |of: f32| luminances.iter().map(|beneath| ratio(of, *beneath).ln()).sum::<f32>();
    if sum(white) >= sum(black) { Colour::WHITE } else { Colour::BLACK }
}

/// What lies beneath a text.
pub(super) struct Backdrop(Vec<f32>);

impl Backdrop {
    /// Looks at a part of a picture.
    pub fn of(picture: &Picture, pixels: Pixels) -> Self {
        let all = u64::from(pixels.width) * u64::from(pixels.height);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a root of at most 40 megapixels")]
        let step = ((all / SAMPLES.max(1)) as f64).sqrt().ceil().max(1.0) as usize;
        let rows = (pixels.y..pixels.y + pixels.height).step_by(step);
        let colours = rows.flat_map(|y| (pixels.x..pixels.x + pixels.width).step_by(step).map(move |x| (x, y)));
        Self(colours.map(|(x, y)| luminance(colour_at(picture, x, y))).collect())
    }

    /// The colour that is read best on it, and whether parts of it make it hard to read even so.
    pub fn best(&self) -> (Colour, bool) {
        if self.0.is_empty() {
            return (Colour::WHITE, false);
        }
        let best = better_on(&self.0);
        let hard = self.0.iter().filter(|beneath| ratio(luminance(best), **beneath) < READABLE).count();
        #[allow(clippy::cast_precision_loss, reason = "a share of some thousand samples")]
        let share = hard as f32 / self.0.len() as f32;
        (best, share > TOLERATED)
    }
}

fn colour_at(picture: &Picture, x: u32, y: u32) -> Colour {
    let at = (y as usize * picture.width as usize + x as usize) * 3;
    match picture.rgb.get(at..at + 3) {
        Some(rgb) => Colour([rgb[0], rgb[1], rgb[2]]),
        None => Colour::BLACK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        let between = |one, other| ratio(luminance(Colour(one)), luminance(Colour(other)));
        // Values of the guidelines' own examples and of their calculators.
        for (one, other, expected) in [
            ([255; 3], [0; 3], 21.0),
            ([0x77; 3], [255; 3], 4.48),
            ([0xff, 0, 0], [255; 3], 4.0),
            ([0, 0, 0xff], [255; 3], 8.59),
            ([0x12, 0x34, 0x56], [0x12, 0x34, 0x56], 1.0),
        ] {
            assert!((between(one, other) - expected).abs() < 0.01, "{one:?} {other:?}: {}", between(one, other));
        }
    }

    #[test]
    fn white_is_chosen_on_dark_and_black_on_light() {
        for (colour, best) in [
            ([0; 3], Colour::WHITE),
            ([255; 3], Colour::BLACK),
            ([0x74; 3], Colour::WHITE),
            ([0x77; 3], Colour::BLACK),
            ([0xff, 0xe1, 0], Colour::BLACK),
            ([0x1f, 0x4f, 0xe0], Colour::WHITE),
        ] {
            assert_eq!(against(Colour(colour)), best, "{colour:?}");
        }
    }

    #[test]
    fn a_mixed_background_is_told() {
        let halves = |left: u8, right: u8| {
            let rgb = (0..100 * 100).flat_map(|at| [if at % 100 < 50 { left } else { right }; 3]).collect();
            let picture = Picture { width: 100, height: 100, rgb };
            Backdrop::of(&picture, Pixels { x: 0, y: 0, width: 100, height: 100 }).best()
        };
        assert!(halves(0, 255).1);
        assert_eq!(halves(20, 60), (Colour::WHITE, false));
        assert_eq!(halves(250, 200), (Colour::BLACK, false));
    }
}
