//! What is to happen in chats, until it has happened: durable, in order, no faster than Telegram takes it, and no
//! message twice.
//!
//! A parcel stands here as `waiting`, is written down as `sending` before Telegram is called, and ends as `sent`,
//! `unsure`, `refused` or `dropped`. Whatever is found as `sending` after a crash may have arrived: a message is then
//! asked about, a change is made again.

mod change;
mod chat;
mod freight;
mod markup;
mod onward;
mod outage;
mod pace;
mod pictures;
mod rows;
mod sent;
mod verdict;

pub use onward::{Lost, Onward};
pub use pace::{Pace, Rate};
pub(super) use rows::TOPIC;

use super::bots::Bots;
use crate::db::{Db, DbError, Event, Tx};
use crate::storage::Storage;
use crate::telegram::parcel::Parcel;
use chat::Office;
use freight::Carrier;
use futures::FutureExt;
use outage::Outage;
use pace::{Budget, Gate};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often it is looked without having heard anything.
const POLL: Duration = Duration::from_secs(5);
/// Chats in which something is done at the same time; others wait.
const DESKS: usize = 64;

/// What is to happen in chats. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    carrier: Carrier,
    pace: Pace,
}

impl Outbox {
    /// The outbox in this database; pictures and files are taken from this storage.
    #[must_use]
    pub fn new(db: Db, storage: Arc<Storage>, bots: Bots, pace: Pace) -> Self {
        Self { carrier: Carrier { bots, db, storage }, pace }
    }

    /// Puts a parcel in, as a part of what the caller's transaction does. Under a key that is there already, only an
    /// edit changes something: it takes the place of the earlier one, whatever came of that. The deletion of a message
    /// by its name makes void what waits to be done with it.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn put(&self, tx: &mut Tx, parcel: &Parcel) -> Result<(), DbError> {
        rows::put(tx, parcel).await
    }

    /// Sends a message of this chat once more that may have arrived or not, as [`Onward::unsure`] told. `false`: it is
    /// no longer so, or it is another chat's.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn resend(&self, tx: &mut Tx, parcel: i64, chat: i64) -> Result<bool, DbError> {
        rows::resend(tx, parcel, chat).await
    }

    /// How many parcels wait or are on their way. Also tells the metrics.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub async fn length(&self) -> Result<u64, DbError> {
        let length = u64::try_from(rows::length(&self.carrier.db).await?).unwrap_or_default();
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("samovar_telegram_outbox_length").set(length as f64);
        Ok(length)
    }

    /// Deletes what was settled long ago.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn sweep(&self) -> Result<(), DbError> {
        rows::sweep(&self.carrier.db).await
    }

    /// Sends until `stop`, then ends the calls on their way. No other process may do so at the same time.
    pub async fn run(self, onward: Arc<dyn Onward>, stop: CancellationToken) {
        let mut news = self.carrier.db.listen();
        let mut crew = Crew::new(&self, onward, stop.clone());
        let mut look = tokio::time::interval(POLL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                event = news.next() => match event {
                    Event::Changed { topic, id } if topic == TOPIC => {
                        if let Ok(chat) = id.parse() {
                            crew.wake(chat);
                        }
                    }
                    Event::Changed { .. } => {}
                    Event::Perhaps => crew.wake_all(&self).await,
                },
                Some(ended) = crew.tasks.join_next() => crew.ended(ended),
                _ = look.tick() => crew.wake_all(&self).await,
            }
        }
        while crew.tasks.join_next().await.is_some() {}
    }
}

/// The chats at work.
struct Crew {
    office: Arc<Office>,
    chats: HashMap<i64, watch::Sender<u64>>,
    tasks: JoinSet<(i64, Option<u64>)>,
}

impl Crew {
    fn new(outbox: &Outbox, onward: Arc<dyn Onward>, stop: CancellationToken) -> Self {
        let office = Office {
            carrier: outbox.carrier.clone(),
            onward,
            budget: Mutex::new(Budget::new(outbox.pace)),
            gate: Gate::new(outbox.pace),
            desks: Semaphore::new(DESKS),
            uploads: Semaphore::new(outbox.pace.uploads),
            outage: Outage::default(),
            stop,
        };
        Self { office: Arc::new(office), chats: HashMap::new(), tasks: JoinSet::new() }
    }

    async fn wake_all(&mut self, outbox: &Outbox) {
        match rows::chats(&outbox.carrier.db).await {
            // Those at work look again by themselves before they do something.
            Ok(mut chats) => {
                chats.retain(|chat| !self.chats.contains_key(chat));
                chats.into_iter().for_each(|chat| self.begin(chat));
            }
            Err(error) => tracing::warn!(%error, "the outbox cannot be looked into"),
        }
        let _ = outbox.length().await;
    }

    /// There is something new to do in this chat.
    fn wake(&mut self, chat: i64) {
        match self.chats.get(&chat) {
            Some(news) => news.send_modify(|news| *news += 1),
            None => self.begin(chat),
        }
    }

    fn begin(&mut self, chat: i64) {
        let (news, heard) = watch::channel(0);
        self.chats.insert(chat, news);
        let office = Arc::clone(&self.office);
        self.tasks.spawn(async move {
            let served = AssertUnwindSafe(office.serve(chat, heard)).catch_unwind().await;
            (chat, served.ok())
        });
    }

    /// A chat has nothing more to do, unless something came while it ended.
    fn ended(&mut self, ended: Result<(i64, Option<u64>), tokio::task::JoinError>) {
        let Ok((chat, seen)) = ended else { return };
        let Some(news) = self.chats.remove(&chat) else { return };
        match seen {
            Some(seen) if *news.borrow() == seen => {}
            Some(_) => self.wake(chat),
            None => tracing::error!(chat, "the work on a chat broke; it goes on at the next look"),
        }
    }
}
