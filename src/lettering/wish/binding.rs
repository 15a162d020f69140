//! Which adjective is of what: by the order of the words, by what joins them, and by gender where Russian shows it.

use super::draft::Draft;
use super::phrases::Reading;
use super::sense::{Genders, Item, Property, Quality, Sense, Thing};
use std::ops::Range;

/// Words between two joints: a comma, «на», «с», «и».
#[derive(Debug)]
struct Group {
    words: Range<usize>,
    opener: Sense,
}

/// Says of each thing what the wish says of it.
pub(super) fn bind(reading: &mut Reading<'_>, draft: &mut Draft) {
    for item in &reading.items {
        if let Some((thing, _)) = item.thing() {
            draft.mention(thing);
        }
    }
    for at in 0..reading.items.len() {
        let binder = Binder::of(&reading.items);
        let item = reading.items[at];
        let understood = match item.sense {
            Sense::Quality(quality, genders) => binder
                .of_quality(at, quality, genders, draft)
                .is_some_and(|thing| draft.say(thing, quality, item.number)),
            Sense::Property(property) => {
                let thing = binder.of_property(at, property);
                draft.measure(thing, property, item.number)
            }
            Sense::Thing(thing, _) => item.number.is_none_or(|number| draft.reach(thing, number)),
            _ => true,
        };
        if !understood {
            reading.reject(at);
        }
    }
}

struct Binder<'a> {
    items: &'a [Item<'a>],
    groups: Vec<Group>,
}

impl<'a> Binder<'a> {
    fn of(items: &'a [Item<'a>]) -> Self {
        let mut groups = Vec::new();
        let (mut start, mut opener) = (0, Sense::Break);
        for (at, item) in items.iter().enumerate() {
            if matches!(item.sense, Sense::Break | Sense::On | Sense::With | Sense::And) {
                groups.push(Group { words: start..at, opener });
                (start, opener) = (at + 1, item.sense);
            }
        }
        groups.push(Group { words: start..items.len(), opener });
        Self { items, groups }
    }

    /// Which group a word is in.
    fn place(&self, at: usize) -> usize {
        self.groups.iter().position(|group| group.words.contains(&at)).unwrap_or_default()
    }

    fn things(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = (usize, Thing, Genders)> {
        range.filter_map(|at| self.items[at].thing().map(|(thing, genders)| (at, thing, genders)))
    }

    fn of_quality(&self, at: usize, quality: Quality, genders: Genders, draft: &Draft) -> Option<Thing> {
        if matches!(quality, Quality::Rounded | Quality::Straight) {
            // Nothing else has corners.
            return Some(Thing::Plate);
        }
        let place = self.place(at);
        let group = &self.groups[place];
        let after = self.things(at..group.words.end).next();
        let before = self.things(group.words.start..at).next_back();
        let first =
            group.words.clone().find(|at| self.items[*at].thing().is_some() || self.items[*at].quality().is_some());
        let leads = first.is_some_and(|first| self.items[first].quality().is_some());
        let near = if leads { [after, before] } else { [before, after] };
        let agreeing = near.into_iter().flatten().find(|(_, _, of)| of.agree(genders));
        if let Some((where_, thing, _)) = agreeing {
            // A big box is none that is known here; "text with an outline, big" is big text.
            let follows = where_ < at && genders == Genders::ANY;
            return if accepts(thing, quality) || !follows {
                Some(thing)
            } else {
                self.earlier(at, quality, genders, draft)
            };
        }
        let alone = near.iter().all(Option::is_none)
            && !group.words.clone().any(|at| self.items[at].is(Sense::Property(Property::Colour)));
        if alone && (group.opener != Sense::Break || !self.spoken_of(group.words.start)) {
            if let Some(thing) = self.ahead(place, quality, genders) {
                return Some(thing);
            }
            if group.opener == Sense::On && matches!(quality, Quality::Colour(_)) {
                // "White on black".
                return Some(Thing::Plate);
            }
        }
        let earlier = self.earlier(at, quality, genders, draft);
        // «Плашка жёлтого» is short for «жёлтого цвета».
        let short = near.into_iter().flatten().map(|(_, thing, _)| thing).find(|thing| accepts(*thing, quality));
        short.filter(|_| earlier.is_none_or(|thing| draft.has(thing, &quality))).or(earlier)
    }

    /// Whether anything was named before.
    fn spoken_of(&self, at: usize) -> bool {
        self.things(0..at).next().is_some()
    }

    /// What the groups after this one lead to: «на чёрной, полупрозрачной плашке».
    fn ahead(&self, place: usize, quality: Quality, genders: Genders) -> Option<Thing> {
        for group in &self.groups[place + 1..] {
            if matches!(group.opener, Sense::On | Sense::With) {
                return None;
            }
            // The thing has a colour of its own.
            let own = |at: usize| self.items[at].quality().is_some_and(|(own, _)| same_kind(own, quality));
            if group.words.clone().any(own) {
                return None;
            }
            for at in group.words.clone() {
                match self.items[at].sense {
                    Sense::Thing(thing, of) => return of.agree(genders).then_some(thing),
                    Sense::Quality(..) | Sense::Nothing => {}
                    _ => return None,
                }
            }
        }
        None
    }

    /// What was named last and is fit for it; the text where nothing is.
    fn earlier(&self, at: usize, quality: Quality, genders: Genders, draft: &Draft) -> Option<Thing> {
        let fits = |(_, thing, of): &(usize, Thing, Genders)| of.agree(genders) && accepts(*thing, quality);
        let before = self.things(0..at).rev().find(fits);
        let after = || self.things(at..self.items.len()).find(fits);
        let text = self.things(0..self.items.len()).find(|(_, thing, _)| *thing == Thing::Text);
        let text = text.is_none_or(|(_, _, of)| of.agree(genders)) && accepts(Thing::Text, quality);
        match before {
            // It has one already: then the text is meant, if it has none.
            Some((_, thing, _)) if draft.has(thing, &quality) && text && !draft.has(Thing::Text, &quality) => {
                Some(Thing::Text)
            }
            Some((_, thing, _)) => Some(thing),
            None if text => Some(Thing::Text),
            // Only a picture can be blurred, beneath a plate.
            None if quality == Quality::Blurred => Some(Thing::Plate),
            None => after().map(|(_, thing, _)| thing),
        }
    }

    fn of_property(&self, at: usize, property: Property) -> Thing {
        let range = || self.things(0..self.items.len());
        let before = self.things(0..at).next_back().map(|(_, thing, _)| thing);
        match property {
            Property::Blur if before == Some(Thing::Shadow) => Thing::Shadow,
            Property::Blur | Property::Corner | Property::Padding => Thing::Plate,
            Property::Opacity | Property::Transparency => {
                // «Прозрачность плашки».
                let next = (at + 1..self.items.len()).find(|at| !self.items[*at].is(Sense::Nothing));
                let own = next.and_then(|next| self.items[next].thing()).map(|(thing, _)| thing);
                let plate = range().any(|(_, thing, _)| thing == Thing::Plate);
                own.or(before).unwrap_or(if plate { Thing::Plate } else { Thing::Text })
            }
            _ => Thing::Text,
        }
    }
}

fn same_kind(one: Quality, other: Quality) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// Whether such a thing can be said of it.
fn accepts(thing: Thing, quality: Quality) -> bool {
    match quality {
        Quality::Colour(_) => true,
        Quality::Step(_) | Quality::Plain => thing == Thing::Text,
        Quality::Bold | Quality::Thick => matches!(thing, Thing::Text | Thing::Outline),
        Quality::Thin => thing == Thing::Outline,
        Quality::Opacity(_) => matches!(thing, Thing::Text | Thing::Plate),
        Quality::Blurred => matches!(thing, Thing::Plate | Thing::Shadow),
        Quality::Rounded | Quality::Straight => thing == Thing::Plate,
        Quality::Light | Quality::Dark | Quality::Bright => false,
    }
}
