//! `reply_markup`: what is taken, and what a person sees of it.

use super::limits;
use super::refusal::Refusal;
use serde_json::{Value, json};

/// What comes with a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Markup {
    /// Nothing.
    None,
    /// Buttons under the message, as the server gives them back.
    Inline(Vec<Vec<Button>>),
    /// Buttons in place of the keyboard, `remove_keyboard`, or `force_reply`: the server gives none of these back.
    Elsewhere(Value),
}

/// A button under a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Button {
    /// What it says.
    pub label: String,
    /// What it does: `callback_data`, `url`, `copy_text` …
    pub action: &'static str,
    /// With what.
    pub value: Value,
}

impl Button {
    fn json(&self) -> Value {
        json!({ "text": self.label, self.action: self.value })
    }

    /// `callback_data`.
    pub fn data(&self) -> Option<&str> {
        if self.action == "callback_data" { self.value.as_str() } else { None }
    }
}

/// As the Bot API writes buttons.
pub fn json_of(rows: &[Vec<Button>]) -> Value {
    let rows: Vec<Value> = rows.iter().map(|row| row.iter().map(Button::json).collect()).collect();
    json!({ "inline_keyboard": rows })
}

const ACTIONS: [&str; 8] = [
    "url",
    "callback_data",
    "pay",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "login_url",
    "web_app",
    "copy_text",
];

/// Reads and checks a `reply_markup`.
///
/// # Errors
///
/// [`Refusal`] in the server's words.
pub fn read(markup: &Value) -> Result<Markup, Refusal> {
    if markup.is_null() {
        return Ok(Markup::None);
    }
    let Some(fields) = markup.as_object() else { return Err(Refusal::bad("Object expected as reply markup")) };
    if let Some(rows) = fields.get("inline_keyboard") {
        return inline(rows);
    }
    let placeholder = markup["input_field_placeholder"].as_str().unwrap_or_default();
    // What the real server says here is not known.
    if placeholder.chars().count() > limits::PLACEHOLDER {
        return Err(Refusal::bad("REPLY_MARKUP_INVALID"));
    }
    Ok(if fields.is_empty() { Markup::None } else { Markup::Elsewhere(markup.clone()) })
}

/// Reads a `reply_markup` of an edit, where only buttons under the message may stand.
///
/// # Errors
///
/// [`Refusal`] in the server's words.
pub fn read_inline(markup: &Value) -> Result<Vec<Vec<Button>>, Refusal> {
    match read(markup)? {
        Markup::None => Ok(Vec::new()),
        Markup::Inline(rows) => Ok(rows),
        Markup::Elsewhere(_) => Err(Refusal::bad("Inline keyboard expected")),
    }
}

fn inline(rows: &Value) -> Result<Markup, Refusal> {
    let not_rows = || Refusal::bad("Field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array of Arrays");
    let mut read = Vec::new();
    for row in rows.as_array().ok_or_else(not_rows)? {
        let buttons = row.as_array().ok_or_else(not_rows)?;
        let buttons: Vec<Button> = buttons.iter().map(button).collect::<Result<_, _>>()?;
        // A button without words is left out, and a row without buttons as well.
        let buttons: Vec<Button> = buttons.into_iter().filter(|button| !button.label.is_empty()).collect();
        if !buttons.is_empty() {
            read.push(buttons);
        }
    }
    let count: usize = read.iter().map(Vec::len).sum();
    if count > limits::BUTTONS || read.iter().any(|row| row.len() > limits::ROW) {
        return Err(Refusal::bad("reply markup is too long"));
    }
    Ok(if read.is_empty() { Markup::None } else { Markup::Inline(read) })
}

fn button(given: &Value) -> Result<Button, Refusal> {
    let wrong = |why: &str| Refusal::bad(format!("Can't parse inline keyboard button: {why}"));
    if !given.is_object() {
        return Err(wrong("InlineKeyboardButton must be an Object"));
    }
    let label = given["text"].as_str().ok_or_else(|| wrong("Can't find field \"text\""))?.to_owned();
    let filled = |name: &&&str| !matches!(&given[**name], Value::Null) && given[**name] != json!("");
    let Some(action) = ACTIONS.iter().find(filled) else {
        return Err(wrong("Text buttons are unallowed in the inline keyboard"));
    };
    let value = given[*action].clone();
    match *action {
        "callback_data" if value.as_str().is_none_or(|data| data.len() > limits::DATA) => {
            Err(Refusal::bad("BUTTON_DATA_INVALID"))
        }
        "url" if !is_link(value.as_str().unwrap_or_default()) => {
            let value = value.as_str().unwrap_or_default();
            Err(Refusal::bad(format!("inline keyboard button URL '{value}' is invalid: Wrong HTTP URL")))
        }
        "copy_text" => {
            let length = value["text"].as_str().unwrap_or_default().chars().count();
            let fits = (1..=limits::COPIED).contains(&length);
            if fits { Ok(Button { label, action, value }) } else { Err(Refusal::bad("BUTTON_COPY_TEXT_INVALID")) }
        }
        _ => Ok(Button { label, action, value }),
    }
}

fn is_link(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "tg"))
}
