//! Which number is of what: «72px», "10% margin", «плашка с прозрачностью 50%».

use super::phrases::Reading;
use super::sense::{Property, Quality, Sense, Side, Thing};
use super::tokens::{Number, Unit};

/// Gives every number to what it is of; a number alone becomes a size, or how well a plate is seen.
pub(super) fn assign(reading: &mut Reading<'_>) {
    for at in 0..reading.items.len() {
        let Sense::Number(number) = reading.sense(at) else { continue };
        match owner(reading, at, number) {
            Some(owner) => {
                if reading.sense(owner) == Sense::From {
                    reading.set(owner, Sense::Property(Property::Margin));
                }
                reading.items[owner].number = Some(number);
                reading.set(at, Sense::Nothing);
            }
            None => alone(reading, at, number),
        }
    }
}

fn alone(reading: &mut Reading<'_>, at: usize, number: Number) {
    let start = reading.clause(at).start;
    let last = (start..at).rev().find_map(|at| reading.items[at].thing());
    let property = match (number.unit, last) {
        (Unit::Percent, Some((Thing::Plate, _))) => Property::Opacity,
        (Unit::None, _) if number.value < 1.0 => return reading.reject(at),
        _ => Property::Size,
    };
    reading.items[at].number = Some(number);
    reading.set(at, Sense::Property(property));
}

/// How surely a number beside it is its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Strong,
    Weak,
}

fn claim(reading: &Reading<'_>, at: usize, number: Number) -> Option<Claim> {
    if reading.items[at].number.is_some() {
        return None;
    }
    match reading.items[at].sense {
        Sense::Property(Property::Colour | Property::Radius) => None,
        Sense::Property(Property::Opacity | Property::Transparency) => {
            (number.unit != Unit::Px).then_some(Claim::Strong)
        }
        Sense::Property(_) => Some(Claim::Strong),
        Sense::Thing(Thing::Outline | Thing::Shadow, _) => (number.unit != Unit::Percent).then_some(Claim::Weak),
        Sense::Quality(Quality::Opacity(_), _) => (number.unit != Unit::Px).then_some(Claim::Weak),
        Sense::Quality(Quality::Blurred | Quality::Rounded, _) => Some(Claim::Weak),
        _ => None,
    }
}

fn owner(reading: &Reading<'_>, at: usize, number: Number) -> Option<usize> {
    let (before, after) = (before(reading, at, number), after(reading, at, number));
    let strong = |found: Option<(usize, Claim)>| found.filter(|(_, claim)| *claim == Claim::Strong);
    let beside = before.filter(|(before, _)| reading.previous(at) == Some(*before));
    let found = strong(before).or(beside).or(strong(after)).or(before).or(after);
    found.map(|(owner, _)| owner)
}

fn before(reading: &Reading<'_>, at: usize, number: Number) -> Option<(usize, Claim)> {
    let start = reading.clause(at).start;
    for at in (start..at).rev() {
        match reading.items[at].sense {
            Sense::Number(_) => return None,
            Sense::Thing(Thing::Text | Thing::Plate, _) => {
                // «Прозрачность плашки 50%».
                let of = reading.previous(at).filter(|of| *of >= start && reading.items[*of].property().is_some());
                of?;
            }
            _ => {}
        }
        // A property that has its number already ends what this one can be of.
        if reading.items[at].number.is_some() {
            return None;
        }
        if let Some(claim) = claim(reading, at, number) {
            return Some((at, claim));
        }
    }
    None
}

fn after(reading: &Reading<'_>, at: usize, number: Number) -> Option<(usize, Claim)> {
    for at in at + 1..reading.clause(at).end {
        match reading.items[at].sense {
            Sense::Number(_) | Sense::With | Sense::And | Sense::On => return None,
            Sense::Thing(Thing::Text | Thing::Plate, _) => return None,
            // "10% from the bottom", «5% от края».
            Sense::From => {
                let next = reading.sense(reading.next(at + 1));
                let side = matches!(next, Sense::Side(side) if side != Side::Centre);
                return (side || next == Sense::Break).then_some((at, Claim::Strong));
            }
            _ => {}
        }
        if let Some(claim) = claim(reading, at, number) {
            return Some((at, claim));
        }
    }
    None
}
