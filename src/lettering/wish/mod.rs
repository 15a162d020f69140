//! From a plain sentence, in Russian or English, to a style: «Крупный белый текст в центре, на чёрной плашке».
//!
//! Words are known by stem and ending (`russian`) or as they are (`english`); `phrases` reads those that mean something
//! together, `numbers` finds what each number is of, `places` where the text stands, `binding` what each adjective is
//! of. What was not understood is given back, for somebody must be told. It must not know pictures or fonts.

mod binding;
mod colours;
mod draft;
mod english;
mod numbers;
mod phrases;
mod places;
mod russian;
mod sense;
mod tokens;

use super::style::Style;
use draft::Draft;
use places::Places;

/// What a sentence says.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The style.
    pub style: Style,
    /// Words that said nothing known, as they were written, in order.
    pub unknown: Vec<String>,
}

/// Reads a wish. Every text is one; at worst nothing of it is known.
#[must_use]
pub fn read(text: &str) -> Wish {
    let mut reading = phrases::read(text);
    numbers::assign(&mut reading);
    let places = Places::read(&mut reading);
    let mut draft = Draft::default();
    draft.refuse(&reading.unwanted);
    binding::bind(&mut reading, &mut draft);
    let mut unknown = reading.unknown;
    unknown.sort_by_key(|(at, _)| *at);
    Wish { style: draft.finish(&places), unknown: unknown.into_iter().map(|(_, said)| said.to_owned()).collect() }
}

#[cfg(test)]
mod tests;
