//! What is known of a style so far, and the style that comes of it.

use super::phrases::Unwanted;
use super::places::Places;
use super::sense::{Property, Quality, Thing};
use super::tokens::{Number, Unit};
use crate::lettering::style::{Colour, Length, Outline, Plate, Shadow, Size, Step, Style};

/// The blur where no radius was named: percent of the picture's shorter side.
const BLUR: Length = Length::Percent(1.2);
/// Widths of outlines that have a word: percent of the letters' size.
const THICK: Length = Length::Percent(14.0);
const THIN: Length = Length::Percent(4.0);
/// Largest values that mean something.
const MOST_PX: f32 = 10_000.0;
const MOST_PERCENT: f32 = 100.0;

/// A style in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    style: Style,
    plate: Option<Plate>,
    outline: Option<(Option<Colour>, Option<Length>)>,
    unwanted: Vec<Unwanted>,
    /// What was said of what, so that the same is not said twice.
    said: Vec<(Thing, std::mem::Discriminant<Quality>)>,
}

impl Draft {
    /// Somebody spoke of it, so it is wanted.
    pub fn mention(&mut self, thing: Thing) {
        match thing {
            Thing::Text => {}
            Thing::Plate => _ = self.plate(),
            Thing::Outline => _ = self.outline.get_or_insert_default(),
            Thing::Shadow => _ = self.shadow(),
        }
    }

    fn plate(&mut self) -> &mut Plate {
        self.plate.get_or_insert_default()
    }

    fn shadow(&mut self) -> &mut Shadow {
        self.style.shadow.get_or_insert_default()
    }

    /// Whether such a thing was said of it already.
    pub fn has(&self, thing: Thing, quality: &Quality) -> bool {
        self.said.contains(&(thing, std::mem::discriminant(quality)))
    }

    /// Notes what an adjective says of a thing. `false`: it cannot be said of it.
    pub fn say(&mut self, thing: Thing, quality: Quality, number: Option<Number>) -> bool {
        if !self.take(thing, quality, number) {
            return false;
        }
        self.said.push((thing, std::mem::discriminant(&quality)));
        true
    }

    fn take(&mut self, thing: Thing, quality: Quality, number: Option<Number>) -> bool {
        match (thing, quality) {
            (Thing::Text, Quality::Colour(colour)) => self.style.colour = Some(colour),
            (Thing::Plate, Quality::Colour(colour)) => self.plate().colour = Some(colour),
            (Thing::Outline, Quality::Colour(colour)) => self.outline.get_or_insert_default().0 = Some(colour),
            (Thing::Shadow, Quality::Colour(colour)) => self.shadow().colour = Some(colour),
            (Thing::Text, Quality::Step(step)) => self.style.size = Size::Word(step),
            (Thing::Text, Quality::Bold | Quality::Thick) => self.style.bold = true,
            (Thing::Text, Quality::Plain) => self.style.bold = false,
            (Thing::Outline, Quality::Bold | Quality::Thick) => self.outline.get_or_insert_default().1 = Some(THICK),
            (Thing::Outline, Quality::Thin) => self.outline.get_or_insert_default().1 = Some(THIN),
            (Thing::Text | Thing::Plate, Quality::Opacity(usual)) => {
                let opacity = match number {
                    None => Some(usual),
                    // «Прозрачная на 30%», «непрозрачная на 80%».
                    Some(number) => percent(number).map(|said| if usual < 100 { 100 - said } else { said }),
                };
                return opacity.is_some_and(|opacity| self.opaque(thing, opacity));
            }
            (Thing::Plate | Thing::Shadow, Quality::Blurred) => return self.measure(thing, Property::Blur, number),
            (_, Quality::Rounded) => return number.is_none() || self.measure(Thing::Plate, Property::Corner, number),
            (_, Quality::Straight) => self.plate().corner = Some(Length::Px(0.0)),
            _ => return false,
        }
        true
    }

    fn opaque(&mut self, thing: Thing, opacity: u8) -> bool {
        match thing {
            Thing::Text => self.style.opacity = opacity,
            Thing::Plate => self.plate().opacity = Some(opacity),
            Thing::Outline | Thing::Shadow => return false,
        }
        true
    }

    /// Notes the number of a property. `false`: it is none that the property can have.
    pub fn measure(&mut self, thing: Thing, property: Property, number: Option<Number>) -> bool {
        let size = number.and_then(length);
        if number.is_some() && size.is_none() {
            return false;
        }
        match (property, thing, number) {
            (Property::Opacity, thing, Some(number)) => {
                return percent(number).is_some_and(|opacity| self.opaque(thing, opacity));
            }
            (Property::Transparency, thing, Some(number)) => {
                return percent(number).is_some_and(|through| self.opaque(thing, 100 - through));
            }
            (Property::Transparency, thing, None) => return self.opaque(thing, 50),
            (Property::Size, ..) => match size {
                Some(Length::Px(px)) if px < 1.0 => return false,
                Some(size) => self.style.size = Size::Exact(size),
                None => {}
            },
            (Property::Blur, Thing::Shadow, _) => self.shadow().blur = size.or(self.shadow().blur),
            (Property::Blur, ..) => {
                let before = self.plate().blur;
                self.plate().blur = size.or(before).or(Some(BLUR));
            }
            (Property::Corner, _, Some(_)) => self.plate().corner = size,
            (Property::Padding, _, Some(_)) => self.plate().padding = size,
            (Property::Corner | Property::Padding | Property::Colour | Property::Radius | Property::Margin, ..) => {}
            (Property::Opacity, _, None) => return false,
        }
        true
    }

    /// Notes the width of an outline, or how far a shadow falls. `false`: the number is neither.
    pub fn reach(&mut self, thing: Thing, number: Number) -> bool {
        let Some(length) = length(number) else { return false };
        match thing {
            Thing::Outline => self.outline.get_or_insert_default().1 = Some(length),
            Thing::Shadow => self.shadow().distance = Some(length),
            Thing::Text | Thing::Plate => return false,
        }
        true
    }

    /// Notes what is not wanted, whatever else is said of it.
    pub fn refuse(&mut self, unwanted: &[Unwanted]) {
        self.unwanted.extend_from_slice(unwanted);
    }

    /// The style.
    pub fn finish(mut self, places: &Places) -> Style {
        for unwanted in std::mem::take(&mut self.unwanted) {
            self.leave_out(unwanted);
        }
        if let Some((colour, width)) = self.outline {
            self.style.outline = Outline::Of { colour, width };
        }
        let (vertical, horizontal) = places.resolved();
        Style {
            plate: self.plate,
            vertical,
            horizontal,
            align: places.align,
            margins: places.margins,
            size: self.style.size,
            ..self.style
        }
    }

    fn leave_out(&mut self, unwanted: Unwanted) {
        match unwanted {
            Unwanted::Thing(Thing::Plate) => self.plate = None,
            Unwanted::Thing(Thing::Shadow) => self.style.shadow = None,
            Unwanted::Thing(Thing::Outline) => (self.outline, self.style.outline) = (None, Outline::Without),
            Unwanted::Property(Property::Transparency) => {
                self.style.opacity = 100;
                if let Some(plate) = &mut self.plate {
                    plate.opacity = Some(100);
                }
            }
            Unwanted::Property(property) => {
                if let Some(plate) = &mut self.plate {
                    match property {
                        Property::Blur => plate.blur = None,
                        Property::Corner => plate.corner = Some(Length::Px(0.0)),
                        Property::Padding => plate.padding = Some(Length::Px(0.0)),
                        _ => {}
                    }
                }
            }
            Unwanted::Thing(Thing::Text) => {}
        }
    }
}

/// A number as a length; without a unit it is one of pixels. `None` for what nobody means.
pub(super) fn length(number: Number) -> Option<Length> {
    match number.unit {
        Unit::Percent => (number.value <= MOST_PERCENT).then_some(Length::Percent(number.value)),
        Unit::None | Unit::Px => (number.value <= MOST_PX).then_some(Length::Px(number.value)),
    }
}

/// A number as percent; `0.5` is a half.
fn percent(number: Number) -> Option<u8> {
    let value = match number.unit {
        Unit::None if number.value <= 1.0 => number.value * 100.0,
        Unit::None | Unit::Percent => number.value,
        Unit::Px => return None,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    (0.0..=100.0).contains(&value).then(|| value.round() as u8)
}

/// The distance that a word names: percent of the side.
pub(super) fn margin(step: Step) -> Length {
    Length::Percent(match step {
        Step::Tiny => 1.0,
        Step::Small => 2.5,
        Step::Normal => 5.0,
        Step::Large => 10.0,
        Step::Huge => 15.0,
    })
}
