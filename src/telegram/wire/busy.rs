//! "Draws a picture…" at the top of a chat, for as long as something is being done.

use super::bots::Bots;
use super::trouble::Trouble;
use crate::telegram::parcel::Place;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Telegram shows it for five seconds.
const AGAIN: Duration = Duration::from_secs(4);

/// What a chat is told is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A text is being written.
    Typing,
    /// A picture is on its way.
    Picture,
    /// A file is on its way.
    File,
    /// A voice is being recorded.
    Voice,
    /// A video is on its way.
    Video,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Picture => "upload_photo",
            Self::File => "upload_document",
            Self::Voice => "record_voice",
            Self::Video => "upload_video",
        }
    }
}

/// What is being done, by place: however many do something there, one is told of.
#[derive(Clone, Default)]
pub(super) struct Doing(Arc<Mutex<HashMap<Place, Entry>>>);

struct Entry {
    guards: usize,
    action: Action,
    _teller: DropGuard,
}

/// Something is being done until this is dropped.
#[must_use = "it ends when this is dropped"]
pub struct Busy {
    doing: Doing,
    place: Place,
}

impl Bots {
    /// Tells a chat that something is being done, again and again until the guard is dropped. Nothing is told while
    /// Telegram wants nothing more for the chat.
    pub fn chat_action(&self, place: Place, action: Action) -> Busy {
        let doing = self.0.doing.clone();
        let mut places = doing.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = places.entry(place).or_insert_with(|| {
            let stop = CancellationToken::new();
            tokio::spawn(stop.clone().run_until_cancelled_owned(tell(self.clone(), place)));
            Entry { guards: 0, action, _teller: stop.drop_guard() }
        });
        entry.guards += 1;
        entry.action = action;
        drop(places);
        Busy { doing, place }
    }
}

async fn tell(bots: Bots, place: Place) {
    loop {
        let action = bots.0.doing.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).map(|e| e.action);
        let Some(action) = action else { return };
        if bots.0.pauses.until(place.chat).is_none() {
            let mut body = json!({"chat_id": place.chat, "action": action.word()});
            if let Some(topic) = place.topic {
                body["message_thread_id"] = topic.into();
            }
            match bots.ask::<bool>("sendChatAction", &body, bots.0.patience.control).await {
                Ok(_) => {}
                Err(Trouble::Wait(long)) => bots.0.pauses.pause(place.chat, long),
                Err(trouble) => tracing::debug!(%trouble, "a chat could not be told what is being done"),
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut places = self.doing.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = places.get_mut(&self.place) {
            entry.guards -= 1;
            if entry.guards == 0 {
                places.remove(&self.place);
            }
        }
    }
}
