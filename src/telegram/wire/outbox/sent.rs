//! What Telegram says of messages that it has taken.

use crate::media::AssetId;
use crate::telegram::wire::trouble::{Trouble, classify};
use serde_json::Value;
use teloxide::RequestError;
use teloxide::types::Message;

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sent {
    /// Telegram's number of the message, of an album's first. `None`: nothing new came of it.
    pub message: Option<i32>,
    /// Under which ids Telegram keeps its files.
    pub files: Vec<Kept>,
}

/// A file that Telegram keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub asset: AssetId,
    pub kind: String,
    pub id: String,
}

/// One message that Telegram has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub message: i32,
    pub file: Option<String>,
}

impl Taken {
    fn of(message: &Message) -> Self {
        let photo = message.photo().and_then(|sizes| sizes.last()).map(|size| size.file.id.to_string());
        let file = photo.or_else(|| message.document().map(|document| document.file.id.to_string()));
        Self { message: message.id.0, file }
    }

    fn read(message: &Value) -> Option<Self> {
        let photo = message["photo"].as_array().and_then(|sizes| sizes.last());
        let file = photo.unwrap_or(&message["document"])["file_id"].as_str().map(str::to_owned);
        Some(Self { message: message["message_id"].as_i64()?.try_into().ok()?, file })
    }
}

/// The message that was taken.
pub(super) fn one(answer: Result<Message, RequestError>) -> Result<Vec<Taken>, Trouble> {
    many(answer.map(|message| vec![message]))
}

/// The messages that were taken.
pub(super) fn many(answer: Result<Vec<Message>, RequestError>) -> Result<Vec<Taken>, Trouble> {
    match answer {
        Ok(messages) => Ok(messages.iter().map(Taken::of).collect()),
        Err(error) => taken_all_the_same(&error).ok_or_else(|| classify(&error)),
    }
}

/// A server that is newer than teloxide may say what it does not understand: the message was taken nevertheless.
fn taken_all_the_same(error: &RequestError) -> Option<Vec<Taken>> {
    let result = understood(error)?;
    let messages = match &result {
        Value::Array(messages) => messages.iter().map(Taken::read).collect(),
        message => Taken::read(message).map(|taken| vec![taken]),
    };
    tracing::warn!("Telegram took a message and described it in a way that is not known");
    messages
}

/// The result of a call that was done though its answer was not understood.
pub(super) fn understood(error: &RequestError) -> Option<Value> {
    let RequestError::InvalidJson { raw, .. } = error else { return None };
    let mut answer: Value = serde_json::from_str(raw).ok()?;
    (answer["ok"] == Value::Bool(true)).then(|| answer["result"].take())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn not_understood(raw: &str) -> RequestError {
        let source = Arc::new(serde_json::from_str::<u8>("x").unwrap_err());
        RequestError::InvalidJson { source, raw: raw.into() }
    }

    #[test]
    fn what_is_described_in_new_ways_was_taken_all_the_same() {
        let photo = r#"{"message_id": 7, "photo": [{"file_id": "small"}, {"file_id": "large"}], "chat": "new"}"#;
        let taken = |message, file: Option<&str>| Taken { message, file: file.map(str::to_owned) };
        let one = one(Err(not_understood(&format!(r#"{{"ok": true, "result": {photo}}}"#))));
        assert_eq!(one.unwrap(), [taken(7, Some("large"))]);
        let document = r#"{"message_id": 8, "document": {"file_id": "d"}}"#;
        let text = r#"{"message_id": 9, "text": "x"}"#;
        let raw = format!(r#"{{"ok": true, "result": [{photo}, {document}, {text}]}}"#);
        let expected = [taken(7, Some("large")), taken(8, Some("d")), taken(9, None)];
        assert_eq!(many(Err(not_understood(&raw))).unwrap(), expected);
    }

    #[test]
    fn what_is_no_answer_leaves_it_open() {
        for raw in ["<html>502</html>", r#"{"ok": true, "result": {}}"#, r#"{"result": {"message_id": 1}}"#, ""] {
            assert!(matches!(one(Err(not_understood(raw))), Err(Trouble::Unsure(_))), "{raw}");
        }
    }
}
