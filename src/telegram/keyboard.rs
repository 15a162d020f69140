//! Keyboards as the door thinks of them: rows of labelled buttons under a message. It must not know what a press does.

use serde::{Deserialize, Serialize};

/// Most bytes of what a button carries, by the Bot API.
pub const MOST_DATA: usize = 64;

/// Rows of buttons under a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keyboard {
    /// From top to bottom; no row is empty.
    pub rows: Vec<Vec<Button>>,
}

/// One button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What stands on it: plain text.
    pub label: String,
    /// What a press does.
    pub press: Press,
}

/// What a press does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// Tells the bot: 1 to [`MOST_DATA`] bytes.
    Tell(String),
    /// Copies a text of 1 to 256 characters.
    Copy(String),
    /// Opens an address.
    Open(String),
}

impl Keyboard {
    /// One more row; an empty one is left out.
    #[must_use]
    pub fn row(mut self, buttons: impl IntoIterator<Item = Button>) -> Self {
        let row: Vec<Button> = buttons.into_iter().collect();
        if !row.is_empty() {
            self.rows.push(row);
        }
        self
    }

    /// Whether there is no button.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Button {
    /// A button that tells the bot something.
    pub fn tell(label: impl Into<String>, data: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Tell(data.into()) }
    }
}
