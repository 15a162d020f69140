//! Bodies: a JSON text whose strings are templates. What is filled in is written as JSON values only, so that no
//! value can change the shape of a body, and every body is valid JSON.

use super::value::Scope;
use super::{Flaw, Ink, Slot, Text};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value as Json};
use std::collections::BTreeSet;
use std::fmt;

/// A body, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A number, `true`, `false` or `null`.
    Fixed(Json),
    /// A string.
    Text(Text),
    /// A list.
    List(Vec<Element>),
    /// An object, its keys in the file's order.
    Object(Vec<Member>),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// One value.
    One(Body),
    /// One value for each element of a list: `{"each": "images", "as": …}`.
    Each(Slot, Body),
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, without its `?`.
    pub key: String,
    /// Left out where it has nothing to say: `"key?"`.
    pub optional: bool,
    /// The value.
    pub value: Body,
}

/// Where a placeholder of a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In a value.
    Plain,
    /// It is the list of an `each`.
    List,
    /// Within the `as` of an `each`.
    Inside,
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// Every flaw of it; of JSON that is broken, the first.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| {
            let message = e.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            vec![Flaw { at: offset(text, e.line(), e.column()), message: format!("this is no JSON: {message}") }]
        })?;
        let mut reading = Reading { text, at: 0, flaws: Vec::new() };
        let body = reading.body(raw);
        if reading.flaws.is_empty() { Ok(body) } else { Err(reading.flaws) }
    }

    /// Fills it in. Always valid JSON.
    #[must_use]
    pub fn fill(&self, scope: Scope<'_>) -> String {
        let mut text = String::new();
        self.write(scope, &mut text);
        text
    }

    /// Its placeholders in the order of the text, and where each stands.
    #[must_use]
    pub fn slots(&self) -> Vec<(&Slot, Standing)> {
        let mut slots = Vec::new();
        self.collect(Standing::Plain, &mut slots);
        slots
    }

    fn collect<'a>(&'a self, standing: Standing, slots: &mut Vec<(&'a Slot, Standing)>) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(text) => slots.extend(text.slots().map(|slot| (slot, standing))),
            Self::Object(members) => members.iter().for_each(|member| member.value.collect(standing, slots)),
            Self::List(elements) => elements.iter().for_each(|element| match element {
                Element::One(body) => body.collect(standing, slots),
                Element::Each(list, body) => {
                    slots.push((list, Standing::List));
                    body.collect(Standing::Inside, slots);
                }
            }),
        }
    }

    fn write(&self, scope: Scope<'_>, out: &mut String) -> Ink {
        match self {
            Self::Fixed(value) => {
                out.push_str(&value.to_string());
                Ink::default()
            }
            Self::Text(text) => write_text(text, scope, out),
            Self::List(elements) => write_list(elements, scope, out),
            Self::Object(members) => write_object(members, scope, out),
        }
    }
}

fn write_text(text: &Text, scope: Scope<'_>, out: &mut String) -> Ink {
    if let Some(slot) = text.alone() {
        let value = slot.value(scope).map(|value| value.to_json());
        out.push_str(&value.as_ref().unwrap_or(&Json::Null).to_string());
        return Slot::ink(value.is_some());
    }
    let (words, ink) = text.fill(scope);
    out.push_str(&Json::String(words).to_string());
    ink
}

fn write_list(elements: &[Element], scope: Scope<'_>, out: &mut String) -> Ink {
    let mut ink = Ink::default();
    out.push('[');
    let start = out.len();
    for element in elements {
        match element {
            Element::One(body) => {
                separate(start, out);
                ink = ink.and(body.write(scope, out));
            }
            Element::Each(list, body) => {
                let found = list.value(scope).map(|value| value.elements()).unwrap_or_default();
                ink = ink.and(Slot::ink(!found.is_empty()));
                for item in &found {
                    separate(start, out);
                    ink = ink.and(body.write(scope.with_item(item), out));
                }
            }
        }
    }
    out.push(']');
    ink
}

fn write_object(members: &[Member], scope: Scope<'_>, out: &mut String) -> Ink {
    let mut ink = Ink::default();
    out.push('{');
    let start = out.len();
    for member in members {
        let before = out.len();
        separate(start, out);
        out.push_str(&Json::String(member.key.clone()).to_string());
        out.push(':');
        let value = out.len();
        let of_it = member.value.write(scope, out);
        ink = ink.and(of_it);
        if member.optional && (of_it.dry() || matches!(&out[value..], "null" | "\"\"" | "[]" | "{}")) {
            out.truncate(before);
        }
    }
    out.push('}');
    ink
}

fn separate(start: usize, out: &mut String) {
    if out.len() > start {
        out.push(',');
    }
}

/// Turns parsed JSON into a body, following along in the text so that a flaw can be shown where it stands.
struct Reading<'a> {
    text: &'a str,
    at: usize,
    flaws: Vec<Flaw>,
}

impl Reading<'_> {
    fn body(&mut self, raw: Raw) -> Body {
        match raw {
            Raw::Fixed(value) => Body::Fixed(value),
            Raw::Text(text) => self.template(&text).map_or(Body::Fixed(Json::Null), Body::Text),
            Raw::List(list) => Body::List(list.into_iter().map(|raw| self.element(raw)).collect()),
            Raw::Object(members) => Body::Object(self.members(members)),
        }
    }

    fn element(&mut self, raw: Raw) -> Element {
        let Raw::Object(members) = raw else { return Element::One(self.body(raw)) };
        if !members.iter().any(|(key, _)| key == "each") {
            return Element::One(Body::Object(self.members(members)));
        }
        let is = |at: usize, name: &str| members.get(at).is_some_and(|(key, _)| key == name);
        if members.len() != 2 || !is(0, "each") || !is(1, "as") {
            self.flaw(r#"an element with "each" has exactly two keys: {"each": "images", "as": …}"#.to_owned());
            return Element::One(Body::Fixed(Json::Null));
        }
        let mut values = members.into_iter().map(|(_, value)| value);
        let list = match values.next() {
            Some(Raw::Text(name)) => self.each(&name),
            _ => {
                self.flaw(r#""each" names a list, such as "images""#.to_owned());
                None
            }
        };
        let body = self.body(values.next().unwrap_or(Raw::Fixed(Json::Null)));
        match list {
            Some(list) => Element::Each(list, body),
            None => Element::One(body),
        }
    }

    fn each(&mut self, name: &str) -> Option<Slot> {
        self.follow(name);
        match Slot::parse(name, self.at) {
            Ok(slot) => Some(slot),
            Err(flaw) => {
                self.flaws.push(flaw);
                None
            }
        }
    }

    fn members(&mut self, raw: Vec<(String, Raw)>) -> Vec<Member> {
        let mut known = BTreeSet::new();
        let mut members = Vec::new();
        for (key, value) in raw {
            self.follow(&key);
            let (name, optional) = key.strip_suffix('?').map_or((key.as_str(), false), |name| (name, true));
            if key.contains("{{") {
                self.flaw("a placeholder cannot be a key of a body, only a value".to_owned());
            }
            if !known.insert(name.to_owned()) {
                self.flaw(format!("the key `{name}` stands twice in one object"));
            }
            members.push(Member { key: name.to_owned(), optional, value: self.body(value) });
        }
        members
    }

    fn template(&mut self, text: &str) -> Option<Text> {
        self.follow(text);
        let at = self.at;
        match Text::parse(text) {
            Ok(mut parsed) => {
                parsed.shift(at);
                self.at = self.text.len().min(at + text.len());
                Some(parsed)
            }
            Err(flaws) => {
                self.flaws.extend(flaws.into_iter().map(|flaw| Flaw { at: flaw.at + at, ..flaw }));
                None
            }
        }
    }

    /// Moves on to where this string stands. A string with escapes is not found; then the place is a little early.
    fn follow(&mut self, words: &str) {
        let quoted = format!("\"{words}\"");
        if let Some(found) = self.text.get(self.at..).and_then(|rest| rest.find(&quoted)) {
            self.at += found + 1;
        }
    }

    fn flaw(&mut self, message: String) {
        self.flaws.push(Flaw { at: self.at, message });
    }
}

/// The byte of a line and column, both counted from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// JSON as written: keys in order, even those that stand twice.
enum Raw {
    Fixed(Json),
    Text(String),
    List(Vec<Raw>),
    Object(Vec<(String, Raw)>),
}

struct RawVisitor;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Fixed(Json::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Fixed(Json::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Fixed(Json::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number is too large"))?;
        Ok(Raw::Fixed(Json::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Fixed(Json::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            if members.len() > 10_000 {
                return Err(A::Error::custom("an object has more than 10000 keys"));
            }
            members.push(member);
        }
        Ok(Raw::Object(members))
    }
}
