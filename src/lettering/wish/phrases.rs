//! Words that mean something together: «тёмно-синий», «очень крупный», «не нужна плашка», «радиус размытия».

use super::sense::{Genders, Item, Property, Quality, Sense, Side, Thing};
use super::tokens::{self, Token};
use super::{english, russian};
use crate::lettering::style::{Colour, Step};

/// How far «светлый» and «тёмный» take a colour towards white and black.
const TINT: f32 = 0.45;
/// What «светлый» and «тёмный» are without a colour.
const LIGHT: Colour = Colour([0xf2; 3]);
const DARK: Colour = Colour([0x1a; 3]);

/// What is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwanted {
    Thing(Thing),
    Property(Property),
}

/// A wish in items; what is not understood is among them as [`Sense::Nothing`].
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    pub items: Vec<Item<'a>>,
    pub unwanted: Vec<Unwanted>,
    /// Where what is not understood stood, and what it is.
    pub unknown: Vec<(usize, &'a str)>,
}

/// Reads the words of a wish, and what they mean together.
pub(super) fn read(text: &str) -> Reading<'_> {
    let mut reading = Reading::default();
    for token in tokens::cut(text) {
        let (said, sense) = match &token {
            Token::Word(said, word) => (*said, russian::sense(word).or_else(|| english::sense(word))),
            Token::Number(said, number) => (*said, Some(Sense::Number(*number))),
            Token::Hex(said, colour) => (*said, Some(Sense::Quality(Quality::Colour(*colour), Genders::ANY))),
            Token::Break => ("", Some(Sense::Break)),
        };
        if sense.is_none() {
            reading.unknown.push((reading.items.len(), said));
        }
        reading.items.push(Item { said, sense: sense.unwrap_or(Sense::Nothing), number: None });
    }
    for at in 0..reading.items.len() {
        reading.join(at);
    }
    for at in 0..reading.items.len() {
        reading.negate(at);
    }
    reading
}

impl Reading<'_> {
    /// The sense at a place; past the end there is a break.
    pub fn sense(&self, at: usize) -> Sense {
        self.items.get(at).map_or(Sense::Break, |item| item.sense)
    }

    pub fn set(&mut self, at: usize, sense: Sense) {
        if let Some(item) = self.items.get_mut(at) {
            item.sense = sense;
        }
    }

    /// Takes an item out; what it said was not understood.
    pub fn reject(&mut self, at: usize) {
        if let Some(item) = self.items.get_mut(at) {
            item.sense = Sense::Nothing;
            self.unknown.push((at, item.said));
        }
    }

    /// The first place from `at` on where something is said.
    pub fn next(&self, at: usize) -> usize {
        (at..self.items.len()).find(|at| !self.items[*at].is(Sense::Nothing)).unwrap_or(self.items.len())
    }

    /// The last place before `at` where something is said.
    pub fn previous(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|at| !self.items[*at].is(Sense::Nothing))
    }

    /// The places of the clause around `at`.
    pub fn clause(&self, at: usize) -> std::ops::Range<usize> {
        let is_break = |at: &usize| self.items[*at].is(Sense::Break);
        let start = (0..at).rev().find(is_break).map_or(0, |before| before + 1);
        start..(at..self.items.len()).find(is_break).unwrap_or(self.items.len())
    }

    fn join(&mut self, at: usize) {
        match self.sense(at) {
            Sense::Quality(quality @ (Quality::Light | Quality::Dark | Quality::Bright), genders) => {
                self.tint(at, quality, genders);
            }
            Sense::Very => self.strengthen(at),
            Sense::Not => self.deny(at),
            Sense::Need => self.set(at, Sense::Nothing),
            Sense::Under => self.under(at),
            Sense::On if self.sense(at + 1) == Sense::Side(Side::Top) && self.says(at + 2, "of") => {
                self.set(at + 1, Sense::Nothing);
            }
            Sense::Property(Property::Colour) => self.colour_word(at),
            Sense::Property(Property::Radius) => self.radius(at),
            Sense::Property(Property::Padding) => self.padding(at),
            Sense::Thing(thing, _) => self.belonging(at, thing),
            // «Белым по чёрному».
            Sense::Nothing if self.says(at, "по") && self.colour(at + 1) => self.set(at, Sense::On),
            _ => {}
        }
    }

    fn colour(&self, at: usize) -> bool {
        matches!(self.sense(at), Sense::Quality(Quality::Colour(_), _))
    }

    fn says(&self, at: usize, word: &str) -> bool {
        self.items.get(at).is_some_and(|item| item.said.eq_ignore_ascii_case(word))
    }

    fn tint(&mut self, at: usize, tint: Quality, genders: Genders) {
        if let Sense::Quality(Quality::Colour(colour), genders) = self.sense(at + 1) {
            let colour = match tint {
                Quality::Light => colour.towards(Colour::WHITE, TINT),
                Quality::Dark => colour.towards(Colour::BLACK, TINT),
                _ => colour,
            };
            self.set(at + 1, Sense::Quality(Quality::Colour(colour), genders));
            return self.set(at, Sense::Nothing);
        }
        match tint {
            Quality::Light => self.set(at, Sense::Quality(Quality::Colour(LIGHT), genders)),
            Quality::Dark => self.set(at, Sense::Quality(Quality::Colour(DARK), genders)),
            _ => self.reject(at),
        }
    }

    fn strengthen(&mut self, at: usize) {
        self.set(at, Sense::Nothing);
        if let Sense::Quality(Quality::Step(step), genders) = self.sense(at + 1) {
            let stronger = match step {
                Step::Tiny | Step::Small => Step::Tiny,
                Step::Normal => Step::Normal,
                Step::Large | Step::Huge => Step::Huge,
            };
            self.set(at + 1, Sense::Quality(Quality::Step(stronger), genders));
        }
    }

    fn deny(&mut self, at: usize) {
        self.set(at, Sense::Nothing);
        match self.sense(at + 1) {
            Sense::Quality(Quality::Opacity(_), genders) => {
                self.set(at + 1, Sense::Quality(Quality::Opacity(100), genders));
            }
            Sense::Quality(Quality::Bold, genders) => self.set(at + 1, Sense::Quality(Quality::Plain, genders)),
            Sense::Thing(..) | Sense::Property(_) => self.set(at, Sense::Without),
            // Before what is not wanted, or after it.
            Sense::Need => {
                let clause = self.clause(at);
                let follows = (at..clause.end).any(|at| unwanted(self.sense(at)).is_some());
                self.set(at, if follows { Sense::Without } else { Sense::Off });
            }
            _ => self.reject(at),
        }
    }

    /// «Под текстом» says where the plate is, which is known.
    fn under(&mut self, at: usize) {
        let next = self.next(at + 1);
        if matches!(self.sense(next), Sense::Thing(Thing::Text, _)) {
            self.set(next, Sense::Nothing);
            self.set(at, Sense::Nothing);
        } else {
            self.set(at, Sense::With);
        }
    }

    /// The adjective of «красного цвета» and of «цвет плашки — белый» agrees with the word, not with what has the colour.
    fn colour_word(&mut self, at: usize) {
        let before = at.checked_sub(1).filter(|before| self.colour(*before));
        let joint = |at: &usize| matches!(self.sense(*at), Sense::On | Sense::With | Sense::And);
        let until = (at..self.clause(at).end).find(joint).unwrap_or(self.clause(at).end);
        let adjective = before.or_else(|| (at..until).find(|after| self.colour(*after)));
        if let Some(adjective) = adjective
            && let Sense::Quality(quality, _) = self.sense(adjective)
        {
            self.set(adjective, Sense::Quality(quality, Genders::ANY));
        }
    }

    /// A radius is one of blur or of corners.
    fn radius(&mut self, at: usize) {
        let corner = |item: &Item<'_>| {
            let word = tokens::plain(item.said);
            word.starts_with("corner") || word.starts_with("угл")
        };
        if self.items[at.saturating_sub(1)..].iter().take(3).any(corner) {
            return self.set(at, Sense::Property(Property::Corner));
        }
        let kind = |sense| match sense {
            Sense::Property(Property::Blur) | Sense::Quality(Quality::Blurred, _) => Some(Property::Blur),
            Sense::Property(Property::Corner) | Sense::Quality(Quality::Rounded, _) => Some(Property::Corner),
            _ => None,
        };
        let beside = [Some(self.next(at + 1)), self.previous(at)].into_iter().flatten();
        if beside.filter_map(|at| kind(self.sense(at))).next().is_some() {
            return self.set(at, Sense::Nothing);
        }
        let before = (0..at).rev().find_map(|at| kind(self.sense(at)));
        self.set(at, Sense::Property(before.unwrap_or(Property::Corner)));
    }

    /// «Внутренний отступ», «отступ внутри».
    fn padding(&mut self, at: usize) {
        let margin = Sense::Property(Property::Margin);
        for beside in [Some(self.next(at + 1)), self.previous(at)].into_iter().flatten() {
            if self.sense(beside) == margin {
                self.set(beside, Sense::Nothing);
            }
        }
    }

    /// «Обводка текста» and "text outline" are the outline's.
    fn belonging(&mut self, at: usize, thing: Thing) {
        if thing == Thing::Text {
            let english = self.items.get(at).is_some_and(|item| item.said.is_ascii());
            if english && matches!(self.sense(at + 1), Sense::Thing(..)) {
                self.set(at, Sense::Nothing);
            }
            return;
        }
        let next = self.next(at + 1);
        if matches!(self.sense(next), Sense::Thing(Thing::Text, _)) {
            self.set(next, Sense::Nothing);
        }
    }

    fn negate(&mut self, at: usize) {
        match self.sense(at) {
            Sense::Without => {
                self.set(at, Sense::Nothing);
                if !self.without(at) {
                    self.reject(at);
                }
            }
            Sense::Off => {
                let clause = self.clause(at);
                let before = (clause.start..at).rev().find(|at| unwanted(self.sense(*at)).is_some());
                match before {
                    Some(before) => {
                        self.set(at, Sense::Nothing);
                        self.refuse(before);
                    }
                    None => self.reject(at),
                }
            }
            _ => {}
        }
    }

    /// Notes what follows as unwanted: «без чёрной плашки и обводки». Whether there was any.
    fn without(&mut self, at: usize) -> bool {
        let end = self.clause(at).end;
        let found = (at..end).find(|at| unwanted(self.sense(*at)).is_some());
        let Some(found) = found else { return false };
        for between in at..found {
            self.set(between, Sense::Nothing);
        }
        self.refuse(found);
        let and = self.next(found + 1);
        let further = self.next(and + 1);
        let alone = !matches!(self.sense(self.next(further + 1)), Sense::Number(_) | Sense::Quality(..));
        if and < end && self.items[and].is(Sense::And) && unwanted(self.sense(further)).is_some() && alone {
            self.without(and);
        }
        true
    }

    fn refuse(&mut self, at: usize) {
        self.unwanted.extend(unwanted(self.sense(at)));
        self.set(at, Sense::Nothing);
    }
}

fn unwanted(sense: Sense) -> Option<Unwanted> {
    match sense {
        Sense::Thing(thing, _) if thing != Thing::Text => Some(Unwanted::Thing(thing)),
        Sense::Property(property) if !matches!(property, Property::Size | Property::Colour | Property::Radius) => {
            Some(Unwanted::Property(property))
        }
        _ => None,
    }
}
