//! English words.

use super::colours;
use super::sense::{Genders, Property, Quality, Sense, Side, Thing};
use crate::lettering::style::Step;

const fn thing(thing: Thing) -> Sense {
    Sense::Thing(thing, Genders::ANY)
}

const fn quality(quality: Quality) -> Sense {
    Sense::Quality(quality, Genders::ANY)
}

const WORDS: &[(&[&str], Sense)] = &[
    (
        &["text", "letters", "lettering", "font", "words", "caption", "title", "heading", "subtitle", "inscription"],
        thing(Thing::Text),
    ),
    (
        &["plate", "box", "background", "backdrop", "bg", "panel", "banner", "bar", "strip", "rectangle"],
        thing(Thing::Plate),
    ),
    (&["outline", "outlined", "outlines", "stroke", "contour", "border"], thing(Thing::Outline)),
    (&["shadow", "shadows"], thing(Thing::Shadow)),
    (&["size", "sized", "height"], Sense::Property(Property::Size)),
    (&["opacity"], Sense::Property(Property::Opacity)),
    (&["transparency"], Sense::Property(Property::Transparency)),
    (&["blur", "blurring"], Sense::Property(Property::Blur)),
    (&["margin", "margins", "offset", "indent", "distance"], Sense::Property(Property::Margin)),
    (&["padding", "inner", "inside"], Sense::Property(Property::Padding)),
    (&["rounding"], Sense::Property(Property::Corner)),
    (&["radius"], Sense::Property(Property::Radius)),
    (&["color", "colour", "coloured", "colored"], Sense::Property(Property::Colour)),
    (&["tiny"], quality(Quality::Step(Step::Tiny))),
    (&["small", "smaller", "little"], quality(Quality::Step(Step::Small))),
    (&["medium", "normal", "regular", "usual", "standard"], quality(Quality::Step(Step::Normal))),
    (&["large", "larger", "big", "bigger"], quality(Quality::Step(Step::Large))),
    (&["huge", "giant", "enormous", "gigantic"], quality(Quality::Step(Step::Huge))),
    (&["bold"], quality(Quality::Bold)),
    (&["thick"], quality(Quality::Thick)),
    (&["thin"], quality(Quality::Thin)),
    (&["transparent", "semitransparent", "translucent"], quality(Quality::Opacity(50))),
    (&["opaque", "solid"], quality(Quality::Opacity(100))),
    (&["blurred", "blurry"], quality(Quality::Blurred)),
    (&["rounded", "round"], quality(Quality::Rounded)),
    (&["sharp", "square"], quality(Quality::Straight)),
    (&["light", "pale"], quality(Quality::Light)),
    (&["dark", "deep"], quality(Quality::Dark)),
    (&["bright"], quality(Quality::Bright)),
    (&["top", "upper", "above"], Sense::Side(Side::Top)),
    (&["bottom", "lower", "below"], Sense::Side(Side::Bottom)),
    (&["left"], Sense::Side(Side::Left)),
    (&["right"], Sense::Side(Side::Right)),
    (&["center", "centre", "centered", "centred", "middle"], Sense::Side(Side::Centre)),
    (&["vertically", "vertical"], Sense::Upright),
    (&["horizontally", "horizontal"], Sense::Across),
    (&["align", "aligned", "alignment"], Sense::Align),
    (&["without", "no", "remove"], Sense::Without),
    (&["not"], Sense::Not),
    (&["need", "needed"], Sense::Need),
    (&["none", "off"], Sense::Off),
    (&["very", "extra", "really"], Sense::Very),
    (&["on", "over", "onto"], Sense::On),
    (&["with", "has", "having"], Sense::With),
    (&["behind", "under", "beneath", "around"], Sense::Under),
    (&["and", "or", "nor", "plus", "but"], Sense::And),
    (&["from"], Sense::From),
];

/// Words that say nothing here.
const NOTHING: &[&str] = &[
    "a", "an", "the", "at", "in", "of", "to", "it", "its", "is", "are", "be", "as", "by", "for", "please", "make",
    "put", "place", "placed", "add", "write", "use", "using", "should", "must", "want", "i", "my", "me", "picture",
    "image", "photo", "part", "side", "area", "edge", "edges", "corner", "corners", "width", "level", "amount",
    "about", "some", "all", "semi", "half", "drop", "that", "this", "them", "style", "sides",
];

/// What an English word means, given in small letters.
pub(super) fn sense(word: &str) -> Option<Sense> {
    let known = WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, sense)| *sense);
    let colour = || colours::english(word).map(|colour| quality(Quality::Colour(colour)));
    known.or_else(colour).or_else(|| NOTHING.contains(&word).then_some(Sense::Nothing))
}
