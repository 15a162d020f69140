//! Updates: how they come, how they are kept, and who handles them. One is written down before Telegram may forget it,
//! and handled until that is written down, too. Must not know what an update means.

mod dispatch;
mod duty;
mod poll;
mod rows;
mod webhook;

pub use dispatch::Handler;
pub use duty::Duty;
pub use rows::{handled, sweep};

use super::bots::Bots;
use super::settings::{Patience, Settings, Webhook};
use crate::db::Db;
use axum::Router;
use tokio_util::sync::CancellationToken;

/// What the bot is told of.
const KINDS: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];

/// The updates of one bot.
pub struct Updates {
    bots: Bots,
    db: Db,
    webhook: Option<Webhook>,
    patience: Patience,
}

impl Updates {
    /// Those of this bot, kept in this database.
    #[must_use]
    pub fn new(settings: &Settings, bots: Bots, db: Db) -> Self {
        Self { bots, db, webhook: settings.webhook.clone(), patience: settings.patience }
    }

    /// Where Telegram brings updates to, if it does.
    #[must_use]
    pub fn webhook(&self) -> Option<Router> {
        self.webhook.as_ref().map(|webhook| webhook::router(webhook, self.db.clone()))
    }

    /// Waits until this process is the one that serves the bot; `None`: until `stop`.
    pub async fn duty(&self, stop: &CancellationToken) -> Option<Duty> {
        Duty::take(&self.db, self.bots.id(), stop).await
    }

    /// Takes updates in and has them handled, until `stop`; then ends those that are being handled.
    pub async fn run(&self, handler: impl Handler, stop: CancellationToken) {
        let come = async {
            match &self.webhook {
                Some(webhook) => webhook::announce(&self.bots, webhook, self.patience.control, &stop).await,
                None => poll::run(&self.bots, &self.db, self.patience, &stop).await,
            }
        };
        tokio::join!(come, dispatch::run(&self.db, handler, &stop));
    }
}
