//! HTML as `parse_mode` knows it, with the server's words for what it does not take.

use super::words::{Entity, units};
use serde_json::json;

const TAGS: [&str; 17] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "tg-time",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// A tag that is open.
struct Open {
    name: String,
    argument: String,
    /// Where its text begins: in UTF-16 units, and in bytes of what was read.
    offset: usize,
    begin: usize,
}

struct Reader<'a> {
    raw: &'a str,
    at: usize,
    text: String,
    open: Vec<Open>,
    entities: Vec<Entity>,
}

/// Takes markup apart into text and entities.
///
/// # Errors
///
/// What is wrong, with the byte at which it stands.
pub fn parse(raw: &str) -> Result<(String, Vec<Entity>), String> {
    let mut reader = Reader { raw, at: 0, text: String::new(), open: Vec::new(), entities: Vec::new() };
    while let Some(c) = reader.peek() {
        match c {
            '<' if reader.rest().starts_with("</") => reader.close()?,
            '<' => reader.begin()?,
            '&' => {
                let c = reader.reference();
                reader.text.push(c);
            }
            c => {
                reader.text.push(c);
                reader.at += c.len_utf8();
            }
        }
    }
    if let Some(open) = reader.open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", open.name));
    }
    reader.entities.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
    Ok((reader.text, reader.entities))
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.raw[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = &self.raw[self.at..];
        let taken = &rest[..rest.find(|c| !wanted(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken.to_owned()
    }

    /// `&lt;`, `&#60;` …; an ampersand that is none of those stands for itself.
    fn reference(&mut self) -> char {
        let rest = self.rest();
        let end = rest.find(';').filter(|end| *end <= 10);
        let meant = end.and_then(|end| match &rest[1..end] {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code).filter(|c| *c != '\0')
            }
        });
        match (meant, end) {
            (Some(c), Some(end)) => {
                self.at += end + 1;
                c
            }
            _ => {
                self.at += 1;
                '&'
            }
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        let from = self.at;
        self.at += 1;
        let name = self.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
        if self.peek().is_none() {
            return Err(format!("Unclosed start tag at byte offset {from}"));
        }
        if !TAGS.contains(&name.as_str()) {
            return Err(format!("Unsupported start tag \"{name}\" at byte offset {from}"));
        }
        let mut argument = String::new();
        loop {
            self.take_while(|c| c.is_ascii_whitespace());
            match self.peek() {
                None => return Err(format!("Unclosed start tag \"{name}\" at byte offset {from}")),
                Some('>') => break,
                Some(_) => {}
            }
            let (attribute, value) = self.attribute(&name, from)?;
            if let Some(meant) = argument_of(&name, &attribute, value) {
                argument = meant;
            }
        }
        self.at += 1;
        if name == "span" && argument != "spoiler" {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {from}"));
        }
        let (offset, begin) = (units(&self.text), self.text.len());
        self.open.push(Open { name, argument, offset, begin });
        Ok(())
    }

    fn attribute(&mut self, tag: &str, from: usize) -> Result<(String, String), String> {
        let name = self.take_while(|c| !c.is_ascii_whitespace() && !matches!(c, '=' | '>' | '/' | '"' | '\''));
        if name.is_empty() {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {from}"));
        }
        self.take_while(|c| c.is_ascii_whitespace());
        if self.peek() != Some('=') {
            return Ok((name, String::new()));
        }
        self.at += 1;
        self.take_while(|c| c.is_ascii_whitespace());
        let Some(quote) = self.peek().filter(|c| matches!(c, '"' | '\'')) else {
            let token = self.at;
            let value = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
            if self.peek().is_some_and(|c| !c.is_ascii_whitespace() && c != '>') {
                return Err(format!("Unexpected end of name token at byte offset {token}"));
            }
            return Ok((name, value.to_ascii_lowercase()));
        };
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                None => return Err(format!("Unclosed start tag at byte offset {from}")),
                Some(c) if c == quote => break,
                Some('&') => value.push(self.reference()),
                Some(c) => {
                    value.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        Ok((name, value))
    }

    fn close(&mut self) -> Result<(), String> {
        let from = self.at;
        let Some(open) = self.open.last() else {
            return Err(format!("Unexpected end tag at byte offset {from}"));
        };
        let expected = open.name.clone();
        self.at += 2;
        let name = self.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
        self.take_while(|c| c.is_ascii_whitespace());
        if self.peek() != Some('>') {
            return Err(format!("Unclosed end tag at byte offset {from}"));
        }
        self.at += 1;
        if !name.is_empty() && name != expected {
            let why =
                format!("Unmatched end tag at byte offset {from}, expected \"</{expected}>\", found \"</{name}>\"");
            return Err(why);
        }
        let open = self.open.pop().expect("looked at above");
        let length = units(&self.text) - open.offset;
        if length > 0 {
            self.keep(open, length);
        }
        Ok(())
    }

    fn keep(&mut self, open: Open, length: usize) {
        let kind = match open.name.as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "tg-spoiler" | "span" => "spoiler",
            "tg-emoji" => "custom_emoji",
            "tg-time" => "date_time",
            "a" => "text_link",
            "blockquote" if open.argument.is_empty() => "blockquote",
            "blockquote" => "expandable_blockquote",
            tag => tag,
        };
        let mut entity = Entity::new(kind, open.offset, length);
        match kind {
            "text_link" if open.argument.is_empty() => {
                entity.more.push(("url", json!(&self.text[open.begin..])));
            }
            "text_link" => entity.more.push(("url", json!(open.argument))),
            "custom_emoji" => entity.more.push(("custom_emoji_id", json!(open.argument))),
            "date_time" => entity.more.push(("unix_time", json!(open.argument.parse::<i64>().unwrap_or_default()))),
            "code" if !open.argument.is_empty() => entity.more.push(("language", json!(open.argument))),
            "pre" if self.is_all_code(&entity) => {
                self.entities.last_mut().expect("the code inside").kind = "pre".to_owned();
                return;
            }
            _ => {}
        }
        if entity.kind == "code" && self.open.last().is_none_or(|outer| outer.name != "pre") {
            // Only a block of code has a language.
            entity.more.clear();
        }
        self.entities.push(entity);
    }

    /// Whether the last entity is code with a language that fills this block.
    fn is_all_code(&self, block: &Entity) -> bool {
        self.entities.last().is_some_and(|inner| {
            inner.kind == "code"
                && !inner.more.is_empty()
                && (inner.offset, inner.length) == (block.offset, block.length)
        })
    }
}

fn argument_of(tag: &str, attribute: &str, value: String) -> Option<String> {
    match (tag, attribute) {
        ("a", "href") | ("tg-emoji", "emoji-id") | ("tg-time", "unix") => Some(value),
        ("code", "class") => value.strip_prefix("language-").map(str::to_owned),
        ("span", "class") => value.strip_prefix("tg-").map(str::to_owned),
        ("blockquote", "expandable") => Some("1".to_owned()),
        _ => None,
    }
}
