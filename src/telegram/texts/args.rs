//! What is put into a text. It must not know the texts.

use fluent_bundle::{FluentArgs, FluentValue};

/// What is put into a text, by name. Made by [`args!`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(pub Vec<(&'static str, Value)>);

/// One thing that is put into a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words; escaped where the text is HTML.
    Text(String),
    /// HTML that is ready.
    Html(Html),
    /// A number, by which the text chooses its plural.
    Number(i64),
}

/// HTML as Telegram understands it: what people wrote is escaped in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(pub String);

impl Args {
    pub(super) fn into_fluent(self, html: bool) -> FluentArgs<'static> {
        let value = |value| match value {
            Value::Text(text) if html => FluentValue::from(escaped(&text)),
            Value::Text(text) | Value::Html(Html(text)) => FluentValue::from(text),
            Value::Number(number) => FluentValue::from(number),
        };
        self.0.into_iter().map(|(name, given)| (name, value(given))).collect()
    }
}

/// A text as it stands in HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Html> for Value {
    fn from(html: Html) -> Self {
        Self::Html(html)
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        })+
    };
}

numbers!(u8, i32, u32, i64, u64, usize);

/// What is put into a text: `args! { "name" => name, "left" => 3 }`.
macro_rules! args {
    ($($name:literal => $value:expr),* $(,)?) => {
        $crate::telegram::texts::Args(vec![$(($name, $crate::telegram::texts::Value::from($value))),*])
    };
}

pub(crate) use args;
