//! The text of a provider file as tables that remember their lines, and the mistakes found in it. Whoever reads a
//! table asks for its keys one by one; what nobody asked for is unknown. It must not know what any key means.

use super::super::template::Flaw;
use serde_json::{Map, Number, Value as Json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The text, and what was found wrong so far.
pub struct Source<'s> {
    text: &'s str,
    mistakes: RefCell<BTreeSet<Mistake>>,
}

/// A value and where it stands, in bytes from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: usize,
}

impl<'s> Source<'s> {
    /// Of that text.
    #[must_use]
    pub fn new(text: &'s str) -> Self {
        Self { text, mistakes: RefCell::default() }
    }

    /// Notes a mistake.
    pub fn wrong(&self, at: usize, message: impl Into<String>) {
        let line = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        self.mistakes.borrow_mut().insert(Mistake { line, message: message.into() });
    }

    /// Notes flaws of a template or body that stands at `at`.
    pub fn flaws(&self, at: usize, flaws: Vec<Flaw>) {
        for flaw in flaws {
            self.wrong(at + flaw.at, flaw.message);
        }
    }

    /// Every mistake, by line.
    #[must_use]
    pub fn mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner().into_iter().collect()
    }

    /// Where the content of a string begins: behind its quotes, and behind the line's end that follows three of them.
    fn content_at(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let quotes = rest.bytes().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
        if quotes < 3 {
            return at + 1;
        }
        match rest.get(3..) {
            Some(inside) if inside.starts_with("\r\n") => at + 5,
            Some(inside) if inside.starts_with('\n') => at + 4,
            _ => at + 3,
        }
    }
}

/// One table.
pub struct Table<'a, 's> {
    /// The file.
    pub source: &'a Source<'s>,
    /// Where it begins.
    pub at: usize,
    /// What it is, for sentences: `a step`, `[op."image.generate"]`.
    pub what: String,
    entries: &'a DeTable<'s>,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Set where any key may stand.
    open: Cell<bool>,
}

impl<'a, 's> Table<'a, 's> {
    /// A table of the file.
    pub fn new(source: &'a Source<'s>, entries: &'a DeTable<'s>, at: usize, what: impl Into<String>) -> Self {
        Self { source, at, what: what.into(), entries, asked: RefCell::default(), open: Cell::new(false) }
    }

    /// Notes a mistake at the table itself.
    pub fn wrong(&self, message: impl Into<String>) {
        self.source.wrong(self.at, message);
    }

    /// Every key with its value in the order of the file; no key is unknown then.
    pub fn entries(&self) -> Vec<(Spot<String>, &'a Spanned<DeValue<'s>>)> {
        self.open.set(true);
        let spot =
            |key: &Spanned<_>| Spot { value: AsRef::<str>::as_ref(key.get_ref()).to_owned(), at: key.span().start };
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value): (&Spanned<std::borrow::Cow<'s, str>>, _)| (spot(key), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.at);
        entries
    }

    /// Whether the key stands here.
    #[must_use]
    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Where the key stands, or the table where it does not.
    #[must_use]
    pub fn place(&self, key: &'static str) -> usize {
        self.get(key).map_or(self.at, |(at, _)| at)
    }

    fn get(&self, key: &'static str) -> Option<(usize, &'a Spanned<DeValue<'s>>)> {
        self.asked.borrow_mut().insert(key);
        let found = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        found.map(|(name, value)| (name.span().start, value))
    }

    fn expected<T>(&self, at: usize, key: &str, kind: &str) -> Option<T> {
        self.source.wrong(at, format!("`{key}` of {} must be {kind}", self.what));
        None
    }

    /// A string.
    pub fn text(&self, key: &'static str) -> Option<Spot<String>> {
        let (at, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                Some(Spot { value: text.as_ref().to_owned(), at: self.source.content_at(value.span().start) })
            }
            _ => self.expected(at, key, "a string"),
        }
    }

    /// A string that must be there.
    pub fn needed(&self, key: &'static str) -> Option<Spot<String>> {
        if !self.has(key) {
            self.wrong(format!("{} needs `{key}`", self.what));
        }
        self.text(key)
    }

    /// `true` or `false`; `false` where it is absent.
    pub fn flag(&self, key: &'static str) -> bool {
        match self.get(key).map(|(at, value)| (at, value.get_ref())) {
            None => false,
            Some((_, DeValue::Boolean(yes))) => *yes,
            Some((at, _)) => self.expected(at, key, "true or false").unwrap_or_default(),
        }
    }

    /// A whole number above 0.
    pub fn count<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        let (at, value) = self.get(key)?;
        let number = number(value.get_ref()).and_then(|number| number.as_u64()).filter(|number| *number > 0);
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.expected(at, key, "a whole number above 0"),
        }
    }

    /// A number that is not below 0.
    pub fn amount(&self, key: &'static str) -> Option<f64> {
        let (at, value) = self.get(key)?;
        match number(value.get_ref()).and_then(|number| number.as_f64()).filter(|number| *number >= 0.0) {
            Some(number) => Some(number),
            None => self.expected(at, key, "a number of 0 or more"),
        }
    }

    /// A list of strings; one string is a list of one.
    pub fn texts(&self, key: &'static str) -> Vec<Spot<String>> {
        let Some((at, value)) = self.get(key) else { return Vec::new() };
        let spot = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) => {
                Some(Spot { value: text.as_ref().to_owned(), at: self.source.content_at(value.span().start) })
            }
            _ => self.expected(value.span().start, key, "a list of strings"),
        };
        match value.get_ref() {
            DeValue::String(_) => spot(value).into_iter().collect(),
            DeValue::Array(list) => list.iter().filter_map(spot).collect(),
            _ => self.expected(at, key, "a list of strings").unwrap_or_default(),
        }
    }

    /// A list of plain values; one value is a list of one.
    pub fn plain(&self, key: &'static str) -> Option<Vec<Json>> {
        let (at, value) = self.get(key)?;
        match json(value.get_ref()) {
            Some(Json::Array(list)) => Some(list),
            Some(Json::Object(_)) | None => self.expected(at, key, "a list of strings, numbers or booleans"),
            Some(one) => Some(vec![one]),
        }
    }

    /// A table within.
    pub fn table(&self, key: &'static str, what: impl Into<String>) -> Option<Table<'a, 's>> {
        let (at, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(self.source, entries, at, what)),
            _ => self.expected(at, key, "a table"),
        }
    }

    /// A list of tables; one table is a list of one.
    pub fn tables(&self, key: &'static str, what: &str) -> Vec<Table<'a, 's>> {
        let Some((at, value)) = self.get(key) else { return Vec::new() };
        let table = |value: &'a Spanned<DeValue<'s>>| match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(self.source, entries, value.span().start, what)),
            _ => self.expected(value.span().start, key, "a list of tables"),
        };
        match value.get_ref() {
            DeValue::Table(entries) => vec![Table::new(self.source, entries, at, what)],
            DeValue::Array(list) => list.iter().filter_map(table).collect(),
            _ => self.expected(at, key, "a list of tables").unwrap_or_default(),
        }
    }

    /// A table of words: each key with a string, or with a number or boolean written out.
    pub fn words(&self, key: &'static str) -> Vec<(Spot<String>, Spot<String>)> {
        let Some(table) = self.table(key, format!("`{key}`")) else { return Vec::new() };
        let word = |(name, value): (Spot<String>, &Spanned<DeValue<'_>>)| {
            let start = value.span().start;
            let word = match json(value.get_ref())? {
                Json::String(text) => Spot { value: text, at: self.source.content_at(start) },
                Json::Array(_) | Json::Object(_) | Json::Null => {
                    return self.expected(name.at, &name.value, "a string, a number or a boolean");
                }
                plain => Spot { value: plain.to_string(), at: start },
            };
            Some((name, word))
        };
        table.entries().into_iter().filter_map(word).collect()
    }

    /// A table of anything.
    pub fn anything(&self, key: &'static str) -> Vec<(Spot<String>, Json)> {
        let Some(table) = self.table(key, format!("`{key}`")) else { return Vec::new() };
        let one = |(name, value): (Spot<String>, &Spanned<DeValue<'_>>)| match json(value.get_ref()) {
            Some(value) => Some((name, value)),
            None => self.expected(name.at, &name.value, "a string, number, boolean, list or table"),
        };
        table.entries().into_iter().filter_map(one).collect()
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        if self.open.get() {
            return;
        }
        let asked = self.asked.take();
        for key in self.entries.keys().filter(|key| !asked.contains(key.get_ref().as_ref())) {
            let known: Vec<&str> = asked.iter().copied().collect();
            let message = format!("{} has no key `{}`; it has {}", self.what, key.get_ref(), known.join(", "));
            self.source.wrong(key.span().start, message);
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<Number> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::from),
        DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64),
        _ => None,
    }
}

/// The value as JSON. `None` for dates and numbers that JSON does not have.
pub fn json(value: &DeValue<'_>) -> Option<Json> {
    match value {
        DeValue::String(text) => Some(Json::String(text.as_ref().to_owned())),
        DeValue::Boolean(yes) => Some(Json::Bool(*yes)),
        DeValue::Integer(_) | DeValue::Float(_) => number(value).map(Json::Number),
        DeValue::Array(list) => list.iter().map(|value| json(value.get_ref())).collect::<Option<_>>().map(Json::Array),
        DeValue::Table(table) => {
            let members =
                table.iter().map(|(key, value)| Some((key.get_ref().as_ref().to_owned(), json(value.get_ref())?)));
            members.collect::<Option<Map<_, _>>>().map(Json::Object)
        }
        DeValue::Datetime(_) => None,
    }
}
