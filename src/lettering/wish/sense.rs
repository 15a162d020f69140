//! What a word of a wish can mean.

use super::tokens::Number;
use crate::lettering::style::{Colour, Step};

/// The genders (and the plural) that a form of a word can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Genders(u8);

impl Genders {
    pub const MASCULINE: Self = Self(1);
    pub const FEMININE: Self = Self(2);
    pub const NEUTER: Self = Self(4);
    pub const PLURAL: Self = Self(8);
    /// An English word, an adverb.
    pub const ANY: Self = Self(15);

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether words of these forms can stand together.
    pub fn agree(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a wish is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Text,
    Plate,
    Outline,
    Shadow,
}

/// What a number can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    Size,
    /// How little can be seen through it.
    Opacity,
    /// The opposite.
    Transparency,
    Blur,
    Margin,
    Padding,
    Corner,
    /// Of what, other words say.
    Radius,
    /// «Цвет»: says only that a colour is meant.
    Colour,
}

/// What an adjective says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quality {
    Colour(Colour),
    /// Lighter or darker than the colour after it; a colour itself where none follows.
    Light,
    Dark,
    /// Nothing by itself, only before a colour.
    Bright,
    Step(Step),
    Bold,
    Plain,
    Thick,
    Thin,
    /// Percent.
    Opacity(u8),
    Blurred,
    Rounded,
    Straight,
}

/// A side, of the picture or of a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Top,
    Bottom,
    Left,
    Right,
    Centre,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sense {
    Thing(Thing, Genders),
    Property(Property),
    Quality(Quality, Genders),
    Number(Number),
    Side(Side),
    /// «По вертикали».
    Upright,
    /// «По горизонтали».
    Across,
    /// «Выравнивание».
    Align,
    /// «Без».
    Without,
    /// «Не».
    Not,
    /// «Нужна», which only matters after «не».
    Need,
    /// «Нет», after what is not wanted.
    Off,
    /// «Очень».
    Very,
    /// «На»: what follows lies beneath.
    On,
    /// «С».
    With,
    /// «Под», which makes the text after it a place.
    Under,
    /// «И».
    And,
    /// «От».
    From,
    /// The end of a clause.
    Break,
    /// Says nothing here.
    Nothing,
}

/// A word of the wish with its meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item<'a> {
    /// As it was written.
    pub said: &'a str,
    pub sense: Sense,
    /// A number that belongs to it.
    pub number: Option<Number>,
}

impl Item<'_> {
    pub fn thing(&self) -> Option<(Thing, Genders)> {
        match self.sense {
            Sense::Thing(thing, genders) => Some((thing, genders)),
            _ => None,
        }
    }

    pub fn property(&self) -> Option<Property> {
        match self.sense {
            Sense::Property(property) => Some(property),
            _ => None,
        }
    }

    pub fn quality(&self) -> Option<(Quality, Genders)> {
        match self.sense {
            Sense::Quality(quality, genders) => Some((quality, genders)),
            _ => None,
        }
    }

    pub fn is(&self, sense: Sense) -> bool {
        self.sense == sense
    }
}
