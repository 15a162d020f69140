//! Templates: words with placeholders, `{{name|filter|filter:argument}}`, filled in one pass, so that what a person
//! wrote is never read as a template. It must not know provider files, requests or HTTP.

pub mod filters;
pub mod json;
pub mod value;

use filters::Filter;
use value::{Scope, Value};

/// The placeholder of the element at hand within an `each`.
pub const ITEM: &str = "item";
/// The placeholder of the key.
pub const KEY: &str = "key";

/// Something wrong in a template, and where, in bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub at: usize,
    /// One sentence.
    pub message: String,
}

/// One placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Whose value it stands for.
    pub name: String,
    /// What is done with the value, in order.
    pub filters: Vec<Filter>,
    /// Where it stands, in bytes from the beginning of the text that was parsed.
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Slot(Slot),
}

/// Words with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pieces: Vec<Piece>,
}

/// How many placeholders had something to say, and how many had nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ink {
    /// With a value.
    pub filled: usize,
    /// Without.
    pub blank: usize,
}

impl Ink {
    /// Whether there were placeholders, and none had a value.
    #[must_use]
    pub fn dry(self) -> bool {
        self.blank > 0 && self.filled == 0
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { filled: self.filled + other.filled, blank: self.blank + other.blank }
    }
}

impl Slot {
    /// Reads what stands between the braces.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str, at: usize) -> Result<Self, Flaw> {
        let flaw = |message: String| Flaw { at, message };
        let mut parts = text.split('|');
        let name = parts.next().unwrap_or_default().trim();
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(flaw(format!(
                "`{{{{{text}}}}}` is no placeholder: a name of letters, digits and _ comes first"
            )));
        }
        let filters = parts.map(|part| Filter::parse(part.trim_start())).collect::<Result<_, _>>().map_err(flaw)?;
        Ok(Self { name: name.to_owned(), filters, at })
    }

    /// The value behind the placeholder, filtered. `None` where there is nothing to send.
    #[must_use]
    pub fn value(&self, scope: Scope<'_>) -> Option<Value> {
        let found = scope.get(&self.name).cloned();
        self.filters.iter().fold(found, |value, filter| filter.apply(value)).filter(|value| !value.is_blank())
    }

    fn ink(filled: bool) -> Ink {
        if filled { Ink { filled: 1, blank: 0 } } else { Ink { filled: 0, blank: 1 } }
    }
}

impl Text {
    /// Reads a template.
    ///
    /// # Errors
    /// Every flaw of it.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let (mut pieces, mut flaws) = (Vec::new(), Vec::new());
        let mut rest = 0;
        while let Some(open) = text[rest..].find("{{").map(|at| rest + at) {
            if open > rest {
                pieces.push(Piece::Words(text[rest..open].to_owned()));
            }
            let inside = open + 2;
            let Some(close) = text[inside..].find("}}").map(|at| inside + at) else {
                flaws.push(Flaw { at: open, message: "`{{` is not closed by `}}`".to_owned() });
                rest = text.len();
                break;
            };
            match Slot::parse(&text[inside..close], open) {
                Ok(slot) => pieces.push(Piece::Slot(slot)),
                Err(flaw) => flaws.push(flaw),
            }
            rest = close + 2;
        }
        if rest < text.len() {
            pieces.push(Piece::Words(text[rest..].to_owned()));
        }
        if flaws.is_empty() { Ok(Self { pieces }) } else { Err(flaws) }
    }

    /// Moves the places of its placeholders: the template stands this far into a longer text.
    pub fn shift(&mut self, by: usize) {
        for piece in &mut self.pieces {
            if let Piece::Slot(slot) = piece {
                slot.at += by;
            }
        }
    }

    /// Its placeholders, in order.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Words(_) => None,
        })
    }

    /// The placeholder, where the template is nothing else: its value keeps its type.
    #[must_use]
    pub fn alone(&self) -> Option<&Slot> {
        match self.pieces.as_slice() {
            [Piece::Slot(slot)] => Some(slot),
            _ => None,
        }
    }

    /// The words before the first placeholder.
    #[must_use]
    pub fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Words(words)) => words,
            _ => "",
        }
    }

    /// The placeholder that the template begins with.
    #[must_use]
    pub fn first_slot(&self) -> Option<&Slot> {
        match self.pieces.first() {
            Some(Piece::Slot(slot)) => Some(slot),
            _ => None,
        }
    }

    /// Fills it in.
    #[must_use]
    pub fn fill(&self, scope: Scope<'_>) -> (String, Ink) {
        self.fill_with(scope, |_, words| words)
    }

    /// Fills it in; `written` turns each value's words into what is put down.
    pub fn fill_with(&self, scope: Scope<'_>, written: impl Fn(&Slot, String) -> String) -> (String, Ink) {
        let (mut text, mut ink) = (String::new(), Ink::default());
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Slot(slot) => {
                    let value = slot.value(scope);
                    ink = ink.and(Slot::ink(value.is_some()));
                    if let Some(value) = value {
                        text.push_str(&written(slot, value.to_words()));
                    }
                }
            }
        }
        (text, ink)
    }
}

#[cfg(test)]
mod tests;
