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
