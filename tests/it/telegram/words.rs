//! Text as Telegram keeps it: words, and entities whose offsets are UTF-16 units.

use super::html;
use super::limits;
use super::refusal::Refusal;
use serde_json::{Value, json};

/// A part of a text that means something.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// `bold`, `bot_command` …
    pub kind: String,
    /// Where it begins, in UTF-16 units.
    pub offset: usize,
    /// How long it is, in UTF-16 units.
    pub length: usize,
    /// What else it has, such as `url`.
    pub more: Vec<(&'static str, Value)>,
}

impl Entity {
    /// One that has nothing else.
    pub fn new(kind: &str, offset: usize, length: usize) -> Self {
        Self { kind: kind.to_owned(), offset, length, more: Vec::new() }
    }

    /// As the Bot API writes it.
    pub fn json(&self) -> Value {
        let mut json = json!({ "type": self.kind, "offset": self.offset, "length": self.length });
        for (name, value) in &self.more {
            json[*name] = value.clone();
        }
        json
    }

    fn end(&self) -> usize {
        self.offset + self.length
    }
}

/// A text with its entities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Without markup.
    pub text: String,
    /// By offset, the longer first.
    pub entities: Vec<Entity>,
}

impl Words {
    /// What a person writes: commands, mentions and links are found by the client.
    pub fn plain(text: &str) -> Self {
        Self::found(text.to_owned(), Vec::new())
    }

    /// What a bot writes, with `parse_mode` or explicit entities.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it is too long, has wrong markup, or is of a mode that the fake does not know.
    pub fn of_bot(raw: &str, mode: &str, entities: &Value) -> Result<Self, Refusal> {
        if raw.len() > limits::RAW {
            return Err(Refusal::bad("Text is too long"));
        }
        let (text, entities) = match mode.to_ascii_lowercase().as_str() {
            "" | "none" => (raw.to_owned(), given(entities)?),
            "html" => html::parse(raw).map_err(|why| Refusal::bad(format!("Can't parse entities: {why}")))?,
            _ => return Err(Refusal::bad("Unsupported parse_mode")),
        };
        let (text, entities) = trimmed(&text, entities);
        Ok(Self::found(text, entities))
    }

    fn found(text: String, mut entities: Vec<Entity>) -> Self {
        for new in detected(&text) {
            if entities.iter().all(|old| new.end() <= old.offset || old.end() <= new.offset) {
                entities.push(new);
            }
        }
        entities.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
        Self { text, entities }
    }

    /// As the server counts what a bot sends.
    pub fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// As the Bot API writes the entities.
    pub fn entities_json(&self) -> Value {
        self.entities.iter().map(Entity::json).collect()
    }

    /// What an entity covers.
    pub fn covered(&self, entity: &Entity) -> String {
        let units: Vec<u16> = self.text.encode_utf16().skip(entity.offset).take(entity.length).collect();
        String::from_utf16_lossy(&units)
    }
}

/// Length in UTF-16 units.
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn given(entities: &Value) -> Result<Vec<Entity>, Refusal> {
    let Some(entities) = entities.as_array() else { return Ok(Vec::new()) };
    let wrong = || Refusal::bad("Can't parse MessageEntity: Can't find field \"type\"");
    let number = |entity: &Value, name: &str| entity[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let read = |entity: &Value| {
        let kind = entity["type"].as_str()?;
        let mut read = Entity::new(kind, number(entity, "offset")?, number(entity, "length")?);
        for name in ["url", "language", "user", "custom_emoji_id"] {
            if let Some(value) = entity.get(name) {
                read.more.push((name, value.clone()));
            }
        }
        Some(read)
    };
    entities.iter().map(|entity| read(entity).ok_or_else(wrong)).collect()
}

/// Without white space around, and without control characters.
fn trimmed(text: &str, entities: Vec<Entity>) -> (String, Vec<Entity>) {
    let clean = |c: char| if c != '\n' && c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(clean).collect();
    let without_end = text.trim_end();
    // The front is trimmed only up to the first entity.
    let first = entities.iter().map(|entity| entity.offset).min().unwrap_or(usize::MAX);
    let blank = without_end.chars().take(first).take_while(|c| matches!(c, ' ' | '\n')).count();
    let kept: String = without_end.chars().skip(blank).collect();
    let end = units(&kept);
    let moved = entities.into_iter().filter_map(|mut entity| {
        entity.offset -= blank;
        entity.length = entity.length.min(end.saturating_sub(entity.offset));
        (entity.length > 0).then_some(entity)
    });
    let moved = moved.collect();
    (kept, moved)
}

/// Commands, mentions, hashtags and links.
fn detected(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut offset = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let trimmed = word.trim_end();
        let bare = trimmed.trim_start_matches(['(', '«', '"', '[']);
        let from = offset + units(&trimmed[..trimmed.len() - bare.len()]);
        if let Some((kind, length)) = sort_of(bare) {
            found.push(Entity::new(kind, from, length));
        }
        offset += units(word);
    }
    found
}

fn sort_of(word: &str) -> Option<(&'static str, usize)> {
    let named = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
    if let Some(rest) = word.strip_prefix('/') {
        let name = named(rest);
        let bot = rest[name..].strip_prefix('@').map_or(0, named);
        let bot = if bot >= 3 { bot + 1 } else { 0 };
        return (1..=64).contains(&name).then_some(("bot_command", 1 + name + bot));
    }
    if let Some(rest) = word.strip_prefix('@') {
        let name = named(rest);
        return (name >= 3).then_some(("mention", 1 + name));
    }
    if let Some(rest) = word.strip_prefix('#') {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        return (!name.is_empty()).then(|| ("hashtag", 1 + units(&name)));
    }
    let link = word.starts_with("https://") || word.starts_with("http://");
    link.then(|| ("url", units(word.trim_end_matches(['.', ',', '!', '?', ')', ';']))))
}
