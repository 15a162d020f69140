//! Where the text stands: sides of the picture, sides of margins, alignment.

use super::draft;
use super::phrases::{Reading, Unwanted};
use super::sense::{Property, Quality, Sense, Side};
use crate::lettering::style::{Horizontal, Length, Margins, Vertical};

/// What a wish says about places.
#[derive(Debug, Default)]
pub(super) struct Places {
    vertical: Option<Vertical>,
    horizontal: Option<Horizontal>,
    /// «По центру», of which axis was not said.
    centre: bool,
    pub align: Option<Horizontal>,
    pub margins: Margins,
}

impl Places {
    /// Reads sides, margins and alignment. What was used is nothing afterwards.
    pub fn read(reading: &mut Reading<'_>) -> Self {
        let mut places = Self::default();
        for at in 0..reading.items.len() {
            match reading.sense(at) {
                Sense::Align => places.align(reading, at),
                Sense::Property(Property::Margin) => places.margin(reading, at),
                _ => {}
            }
        }
        for at in 0..reading.items.len() {
            if let Sense::Side(side) = reading.sense(at) {
                places.stand(reading, at, side);
            }
        }
        if reading.unwanted.contains(&Unwanted::Property(Property::Margin)) {
            places.margins = Margins::default();
            places.edges(&[], Length::Px(0.0));
        }
        places
    }

    /// Where it is; a distance from an edge says that it is there, too.
    pub fn resolved(&self) -> (Vertical, Horizontal) {
        let near = |first: Option<Length>, other: Option<Length>| first.is_some() && other.is_none();
        let vertical = self.vertical.or_else(|| {
            let Margins { top, bottom, .. } = self.margins;
            match (near(top, bottom), near(bottom, top)) {
                (true, _) => Some(Vertical::Top),
                (_, true) => Some(Vertical::Bottom),
                _ => None,
            }
        });
        let horizontal = self.horizontal.or_else(|| {
            let Margins { left, right, .. } = self.margins;
            match (near(left, right), near(right, left)) {
                (true, _) => Some(Horizontal::Left),
                (_, true) => Some(Horizontal::Right),
                _ => None,
            }
        });
        // «По центру» and «слева» alone leave the height open, and then the middle is meant.
        let middle = self.centre || self.horizontal.is_some();
        let vertical = vertical.unwrap_or(if middle { Vertical::Middle } else { Vertical::Bottom });
        (vertical, horizontal.unwrap_or_default())
    }

    fn stand(&mut self, reading: &mut Reading<'_>, at: usize, side: Side) {
        match side {
            Side::Top => self.vertical = Some(Vertical::Top),
            Side::Bottom => self.vertical = Some(Vertical::Bottom),
            Side::Left => self.horizontal = Some(Horizontal::Left),
            Side::Right => self.horizontal = Some(Horizontal::Right),
            Side::Centre => {
                let clause = reading.clause(at);
                let axis = clause.clone().find(|at| matches!(reading.sense(*at), Sense::Upright | Sense::Across));
                match axis.map(|axis| reading.sense(axis)) {
                    Some(Sense::Upright) => self.vertical = Some(Vertical::Middle),
                    Some(_) => self.horizontal = Some(Horizontal::Centre),
                    None => self.centre = true,
                }
                if let Some(axis) = axis {
                    reading.set(axis, Sense::Nothing);
                }
            }
        }
        reading.set(at, Sense::Nothing);
    }

    /// «Выровнять по левому краю», "left aligned".
    fn align(&mut self, reading: &mut Reading<'_>, at: usize) {
        let clause = reading.clause(at);
        let side = |at: &usize| matches!(reading.sense(*at), Sense::Side(Side::Left | Side::Right | Side::Centre));
        let after = Some(reading.next(at + 1)).filter(|next| clause.contains(next) && side(next));
        let found = after.or_else(|| reading.previous(at).filter(|before| clause.contains(before) && side(before)));
        let Some(found) = found else { return reading.reject(at) };
        self.align = match reading.sense(found) {
            Sense::Side(Side::Left) => Some(Horizontal::Left),
            Sense::Side(Side::Right) => Some(Horizontal::Right),
            _ => Some(Horizontal::Centre),
        };
        reading.set(found, Sense::Nothing);
        reading.set(at, Sense::Nothing);
    }

    fn margin(&mut self, reading: &mut Reading<'_>, at: usize) {
        let said = match reading.items[at].number {
            Some(number) => draft::length(number),
            None => step(reading, at),
        };
        let Some(length) = said else { return reading.reject(at) };
        let sides = sides_of(reading, at);
        self.edges(&sides, length);
        reading.set(at, Sense::Nothing);
    }

    fn edges(&mut self, sides: &[Side], length: Length) {
        let Margins { top, right, bottom, left } = &mut self.margins;
        for (side, edge) in [(Side::Top, top), (Side::Right, right), (Side::Bottom, bottom), (Side::Left, left)] {
            if sides.is_empty() || sides.contains(&side) {
                *edge = Some(length);
            }
        }
    }
}

/// «Маленький отступ».
fn step(reading: &mut Reading<'_>, at: usize) -> Option<Length> {
    let beside = [reading.previous(at), Some(reading.next(at + 1))].into_iter().flatten();
    let clause = reading.clause(at);
    let found = beside.filter(|beside| clause.contains(beside)).find_map(|beside| match reading.sense(beside) {
        Sense::Quality(Quality::Step(step), _) => Some((beside, step)),
        _ => None,
    });
    found.map(|(beside, step)| {
        reading.set(beside, Sense::Nothing);
        draft::margin(step)
    })
}

/// The sides that a margin is from: those after it in its clause, and one right before it.
fn sides_of(reading: &mut Reading<'_>, at: usize) -> Vec<Side> {
    let clause = reading.clause(at);
    let before = reading.previous(at).filter(|before| clause.contains(before));
    let mut sides = Vec::new();
    for place in before.into_iter().chain(at + 1..clause.end) {
        if place > at && matches!(reading.sense(place), Sense::Thing(..)) {
            break;
        }
        match reading.sense(place) {
            Sense::Side(side) if side != Side::Centre => {
                sides.push(side);
                reading.set(place, Sense::Nothing);
            }
            _ => {}
        }
    }
    sides
}
