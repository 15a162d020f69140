//! Shapes of pictures, and the sizes in which a model draws them well. It must not know the models.

use super::super::texts::{Lang, args};
use crate::media::image::SIDES;
use crate::media::words;

/// A shape that has a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Higher than wide.
    Portrait,
    /// As wide as high.
    #[default]
    Square,
    /// Wider than high.
    Landscape,
}

words!(Format { "portrait" => Format::Portrait, "square" => Format::Square, "landscape" => Format::Landscape });

impl Format {
    /// All of them, in the order of their buttons.
    pub const ALL: [Self; 3] = [Self::Portrait, Self::Square, Self::Landscape];

    /// What stands on its button.
    #[must_use]
    pub fn label(self, lang: Lang) -> String {
        let key = match self {
            Self::Portrait => "button-portrait",
            Self::Square => "button-square",
            Self::Landscape => "button-landscape",
        };
        lang.plain(key, args! {})
    }

    /// The shape of the button.
    #[must_use]
    pub fn aspect(self) -> Aspect {
        match self {
            Self::Portrait => Aspect { width: 2, height: 3 },
            Self::Square => Aspect { width: 1, height: 1 },
            Self::Landscape => Aspect { width: 3, height: 2 },
        }
    }
}

/// The shape of a picture: `width` to `height`, neither of them 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Aspect {
    /// Of the width.
    pub width: u32,
    /// Of the height.
    pub height: u32,
}

/// How a model likes its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// The size that it draws when nobody names one.
    pub own: (u32, u32),
    /// Every side is a multiple of this.
    pub step: u32,
}

/// Sizes that SDXL and its kin were trained on, near a million pixels, the long side first. Smaller models get the same
/// shapes.
const TRAINED: [(u32, u32); 6] = [(1024, 1024), (1152, 896), (1216, 832), (1344, 768), (1536, 640), (1088, 960)];
/// How far the shape of a trained size may be from what was asked, as a factor.
const NEAR: f64 = 1.04;
/// Larger sides than this are multiples of 32 where that keeps the shape: what models were trained on.
const COARSE: u32 = 32;

/// The size in which a model draws this shape: about as many pixels as its own, sides that it can draw, within what
/// this server takes.
#[must_use]
pub fn size(aspect: Aspect, canvas: Canvas) -> (u32, u32) {
    let step = canvas.step.max(1);
    let (own_width, own_height) = canvas.own;
    if u64::from(aspect.width) * u64::from(own_height) == u64::from(aspect.height) * u64::from(own_width) {
        return (bounded(f64::from(own_width), step, step), bounded(f64::from(own_height), step, step));
    }
    let ratio = f64::from(aspect.width.max(1)) / f64::from(aspect.height.max(1));
    let area = f64::from(own_width) * f64::from(own_height);
    if own_width == own_height
        && let Some(size) = trained(ratio, own_width, step)
    {
        return size;
    }
    let (least, most) = (f64::from(*SIDES.start()), f64::from(*SIDES.end()));
    let width = (area * ratio).sqrt();
    // The longer side first is brought within the bounds, so that the shape stays where it can.
    let width = width.clamp(least.max(least * ratio).min(most), most.min(most * ratio).max(least));
    let coarse = if area.sqrt() >= 512.0 { COARSE.max(step).next_multiple_of(step) } else { step };
    (bounded(width, coarse, step), bounded(width / ratio, coarse, step))
}

/// The trained size of nearly this shape, for a model whose own square has sides of `own`.
fn trained(ratio: f64, own: u32, step: u32) -> Option<(u32, u32)> {
    let both = TRAINED.into_iter().flat_map(|(long, short)| [(long, short), (short, long)]);
    let far = |(w, h): (u32, u32)| (f64::from(w) / f64::from(h) / ratio).ln().abs();
    let (width, height) = both.min_by(|a, b| far(*a).total_cmp(&far(*b)))?;
    let side = |side: u32| bounded(f64::from(side) * f64::from(own) / 1024.0, step, step);
    (far((width, height)) <= NEAR.ln()).then(|| (side(width), side(height)))
}

/// The nearest multiple of `coarse`, or of `step` at the bounds.
fn bounded(side: f64, coarse: u32, step: u32) -> u32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rounded = (side / f64::from(coarse)).round().max(1.0) as u32 * coarse;
    let (least, most) = (SIDES.start().next_multiple_of(step), SIDES.end() / step * step);
    rounded.clamp(least, most.max(least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(aspect: (u32, u32), own: u32, step: u32) -> (u32, u32) {
        size(Aspect { width: aspect.0, height: aspect.1 }, Canvas { own: (own, own), step })
    }

    #[test]
    fn shapes_become_sizes_that_models_know() {
        for (aspect, own, step, expected) in [
            ((2, 3), 1024, 8, (832, 1216)),
            ((3, 2), 1024, 16, (1216, 832)),
            ((1, 1), 1024, 16, (1024, 1024)),
            ((16, 9), 1024, 16, (1344, 768)),
            ((9, 16), 1024, 8, (768, 1344)),
            ((4, 3), 1024, 8, (1152, 896)),
            ((21, 9), 1024, 8, (1536, 640)),
            ((2, 3), 512, 8, (416, 608)),
            ((3, 2), 512, 16, (608, 416)),
            ((1, 1), 512, 8, (512, 512)),
            ((16, 9), 512, 8, (672, 384)),
            ((1, 1), 128, 8, (128, 128)),
            ((2, 3), 128, 8, (104, 152)),
            ((3, 2), 128, 16, (160, 112)),
            ((4, 1), 1024, 8, (2048, 512)),
            ((1, 3), 1024, 8, (576, 1760)),
        ] {
            assert_eq!(drawn(aspect, own, step), expected, "{aspect:?} of {own} by {step}");
        }
    }

    #[test]
    fn a_model_whose_own_shape_it_is_draws_its_own_size() {
        let canvas = Canvas { own: (768, 512), step: 8 };
        assert_eq!(size(Format::Landscape.aspect(), canvas), (768, 512));
        assert_eq!(size(Format::Square.aspect(), canvas), (640, 640));
    }

    proptest! {
        #[test]
        fn every_size_can_be_drawn(
            (width, height) in (1u32..=100, 1u32..=100),
            own in (8u32..=256).prop_map(|n| n * 8),
            step in proptest::sample::select(vec![8u32, 16]),
        ) {
            let (w, h) = drawn((width, height), own, step);
            for side in [w, h] {
                prop_assert!(SIDES.contains(&side) && side.is_multiple_of(step), "{}x{}", w, h);
            }
            let ratio = f64::from(width) / f64::from(height);
            // Within the bounds the number of pixels is the model's own, roughly.
            if (0.5..=2.0).contains(&ratio) && (256..=1400).contains(&own) {
                let (area, trained) = (f64::from(w) * f64::from(h), f64::from(own) * f64::from(own));
                prop_assert!((0.8..=1.2).contains(&(area / trained)), "{}x{} of {}", w, h, own);
                let shape = f64::from(w) / f64::from(h) / ratio;
                prop_assert!((0.85..=1.18).contains(&shape), "{}x{} for {}", w, h, ratio);
            }
        }
    }
}
