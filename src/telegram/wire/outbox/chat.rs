//! One chat at work: its parcels one after the other, each when its time has come, and what came of each. Must not know
//! of other chats, beyond what all of them share.

use super::change::change;
use super::freight::{Carrier, Freight, Stop};
use super::onward::{self, Onward};
use super::outage::Outage;
use super::pace::{Budget, Gate, Worth};
use super::rows::{self, End, Waiting};
use super::sent::Sent;
use super::verdict::{Effect, Verdict, verdict};
use crate::db::{DbError, Passing};
use crate::telegram::parcel::{Act, Body, Urgency};
use crate::telegram::wire::moved::moved;
use crate::telegram::wire::pauses;
use crate::telegram::wire::trouble::Trouble;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The first pause after something failed that has nothing to do with the parcel.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause while files cannot be read.
const STORAGE_PAUSE: Duration = Duration::from_secs(5);

/// What all chats share.
pub(super) struct Office {
    pub carrier: Carrier,
    pub onward: Arc<dyn Onward>,
    pub budget: Mutex<Budget>,
    pub gate: Gate,
    /// Chats in which something is done at the moment.
    pub desks: Semaphore,
    pub uploads: Semaphore,
    pub outage: Outage,
    pub stop: CancellationToken,
}

/// What comes after one look at a chat.
enum Next {
    /// There is nothing more to do.
    Nothing,
    /// Another look.
    Look,
    /// Another look after a while, or when something new is there.
    Wait(Duration),
    /// Another look after a while, whatever comes.
    Pause(Duration),
}

impl Office {
    /// Works until nothing is left to do in the chat. Returns which news it has seen.
    pub async fn serve(&self, chat: i64, mut news: watch::Receiver<u64>) -> u64 {
        let mut pause = PAUSE;
        let mut begun = false;
        loop {
            let seen = *news.borrow_and_update();
            let desk = self.desks.acquire().await;
            if self.stop.is_cancelled() {
                return seen;
            }
            let looked = self.look(chat, &mut begun).await;
            drop(desk);
            let next = match looked {
                Ok(Next::Nothing) => return seen,
                Ok(next) => {
                    pause = PAUSE;
                    next
                }
                Err(error) => {
                    tracing::warn!(chat, %error, "the outbox cannot be worked on");
                    let now = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    Next::Pause(now)
                }
            };
            if self.stop.is_cancelled() {
                // What has just arrived is told of now, not at the next start.
                let _ = onward::tell(&self.carrier.db, &*self.onward, chat).await;
                return seen;
            }
            match next {
                Next::Nothing | Next::Look => {}
                Next::Wait(long) => tokio::select! {
                    () = self.stop.cancelled() => return seen,
                    () = tokio::time::sleep(long) => {}
                    _ = news.changed() => {}
                },
                Next::Pause(long) => tokio::select! {
                    () = self.stop.cancelled() => return seen,
                    () = tokio::time::sleep(long) => {}
                },
            }
        }
    }

    async fn look(&self, chat: i64, begun: &mut bool) -> Result<Next, DbError> {
        let db = &self.carrier.db;
        if !*begun {
            self.take_over(chat).await?;
            *begun = true;
        }
        let told = onward::tell(db, &*self.onward, chat).await;
        if let Err(failure) = &told {
            tracing::warn!(chat, %failure, "what came of a parcel could not be told");
        }
        let Some(mut parcel) = rows::next(db, chat).await? else {
            return Ok(if told.is_err() { Next::Wait(LONGEST_PAUSE) } else { Next::Nothing });
        };
        if let Some(long) = self.must_wait(&parcel) {
            return Ok(Next::Wait(long));
        }
        if self.gate.pass().await {
            // Something more urgent may have come meanwhile.
            let Some(first) = rows::next(db, chat).await? else { return Ok(Next::Look) };
            parcel = first;
        }
        if self.stop.is_cancelled() {
            return Ok(Next::Nothing);
        }
        self.carry(&parcel).await
    }

    /// Nobody else works on this chat: what is on its way there has been left behind.
    async fn take_over(&self, chat: i64) -> Result<(), DbError> {
        let db = &self.carrier.db;
        let (until, sending) = rows::left_behind(db, chat).await?;
        if sending {
            rows::recover(db, chat).await?;
        }
        if let Ok(left @ 1..) = u64::try_from(until.saturating_sub(db.now())) {
            self.carrier.bots.0.pauses.restore(chat, Duration::from_millis(left));
        }
        Ok(())
    }

    /// How long a parcel must wait; `None`: it is its turn.
    fn must_wait(&self, parcel: &Waiting) -> Option<Duration> {
        let (chat, now) = (parcel.place.chat, Instant::now());
        let until = self.carrier.bots.0.pauses.until(chat).max(self.outage.until());
        if let Some(until) = until {
            return Some(until.saturating_duration_since(now));
        }
        let worth = match (&parcel.act, parcel.urgency) {
            (Some(Act::Delete { .. }) | None, _) => Worth::Free,
            (_, Urgency::Status) => Worth::Status,
            _ => Worth::Awaited,
        };
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(chat, worth, now).err()
    }

    /// Takes a parcel on its way and writes down what came of it.
    async fn carry(&self, parcel: &Waiting) -> Result<Next, DbError> {
        match &parcel.act {
            Some(act @ Act::Send { body, .. }) => {
                // Before files are in memory: no more of them than can be on their way.
                let _berth = if matches!(body, Body::Text { .. }) { None } else { self.uploads.acquire().await.ok() };
                self.carry_message(parcel, act).await
            }
            Some(act) => self.carry_change(parcel, act).await,
            None => self.without_call(parcel, End::Refused("nobody understands it any more".to_owned())).await,
        }
    }

    async fn carry_message(&self, parcel: &Waiting, act: &Act) -> Result<Next, DbError> {
        let quiet = parcel.urgency == Urgency::Status;
        let Some(mut freight) = Freight::new(&self.carrier, parcel.place, act, quiet) else { return Ok(Next::Look) };
        match freight.load().await {
            Ok(()) => {}
            Err(Stop::Away) => return Ok(Next::Pause(STORAGE_PAUSE)),
            Err(Stop::Database(error)) => return Err(error),
            Err(stop) => return self.without_call(parcel, End::Refused(stop.to_string())).await,
        }
        let Some(attempt) = self.claim(parcel.id).await? else { return Ok(Next::Look) };
        match freight.send().await {
            Ok(sent) => Ok(self.done(parcel, attempt, sent).await),
            Err(Stop::Trouble(trouble)) => Ok(self.failed(parcel, attempt, trouble).await),
            // Another form of it was refused, so none was taken.
            Err(Stop::Away | Stop::Database(_)) => {
                self.settle(parcel, attempt, &End::Waiting).await;
                Ok(Next::Pause(STORAGE_PAUSE))
            }
            Err(stop @ Stop::Gone) => {
                self.settle(parcel, attempt, &End::Refused(stop.to_string())).await;
                Ok(Next::Look)
            }
        }
    }

    async fn carry_change(&self, parcel: &Waiting, act: &Act) -> Result<Next, DbError> {
        let message = match act.target() {
            Some(target) => rows::message(&self.carrier.db, target).await?,
            None => None,
        };
        let Some(message) = message else {
            return self.without_call(parcel, End::Dropped("its message was never sent".to_owned())).await;
        };
        let Some(attempt) = self.claim(parcel.id).await? else { return Ok(Next::Look) };
        match change(&self.carrier.bots, parcel.place.chat, message, act).await {
            Ok(()) => Ok(self.done(parcel, attempt, Sent::default()).await),
            Err(trouble) => Ok(self.failed(parcel, attempt, trouble).await),
        }
    }

    /// Ends a parcel that is not even tried.
    async fn without_call(&self, parcel: &Waiting, end: End) -> Result<Next, DbError> {
        if let Some(attempt) = self.claim(parcel.id).await? {
            self.settle(parcel, attempt, &end).await;
        }
        Ok(Next::Look)
    }

    async fn done(&self, parcel: &Waiting, attempt: i64, sent: Sent) -> Next {
        self.outage.heard();
        count(parcel, "sent");
        self.settle(parcel, attempt, &End::Sent(sent)).await;
        Next::Look
    }

    async fn failed(&self, parcel: &Waiting, attempt: i64, trouble: Trouble) -> Next {
        let (db, chat) = (&self.carrier.db, parcel.place.chat);
        count(parcel, trouble.word());
        if !matches!(trouble, Trouble::NotSent(_) | Trouble::Unsure(_) | Trouble::Fatal(_)) {
            self.outage.heard();
        }
        tracing::debug!(parcel = parcel.id, chat, %trouble, "a parcel did not arrive");
        let Verdict { end, effect, pause } = verdict(parcel, attempt, trouble);
        self.settle(parcel, attempt, &end).await;
        match effect {
            Effect::Nothing => {}
            Effect::NotHeard(at_least) => self.outage.not_heard(at_least),
            Effect::Wait(long) => {
                self.carrier.bots.0.pauses.pause(chat, long);
                let long = i64::try_from(long.min(pauses::LONGEST).as_millis()).unwrap_or(i64::MAX);
                self.written(|| rows::postpone(db, chat, long)).await;
            }
            Effect::Moved(to) => self.written(|| self.move_chat(chat, to)).await,
            Effect::Unreachable => self.written(|| rows::unreachable(db, chat)).await,
        }
        pause.map_or(Next::Look, Next::Pause)
    }

    async fn move_chat(&self, from: i64, to: i64) -> Result<(), DbError> {
        let mut tx = self.carrier.db.begin().await?;
        moved(&mut tx, from, to).await?;
        tx.commit().await
    }

    /// The number of the call, or `None` when the parcel no longer waits.
    async fn claim(&self, id: i64) -> Result<Option<i64>, DbError> {
        let db = &self.carrier.db;
        let claimed = rows::claim(db, id).await;
        if claimed.is_err() {
            // It may have been written all the same; but no call is made.
            self.written(|| rows::unclaim(db, id)).await;
        }
        claimed
    }

    async fn settle(&self, parcel: &Waiting, attempt: i64, end: &End) {
        if let End::Unsure(reason) = end {
            metrics::counter!("samovar_telegram_unsure_total").increment(1);
            tracing::warn!(parcel = parcel.id, chat = parcel.place.chat, reason, "a message may have arrived or not");
        }
        self.written(|| rows::settle(&self.carrier.db, parcel, attempt, end)).await;
    }

    /// Writes down what must not be forgotten, again and again while the database is out of reach, until the end of
    /// the program: then what is on its way is taken for unsure.
    async fn written<W: Future<Output = Result<(), DbError>>>(&self, mut write: impl FnMut() -> W) {
        let mut pause = Duration::from_millis(50);
        while let Err(error) = write().await {
            if !error.passes() || self.stop.is_cancelled() && pause >= PAUSE {
                tracing::error!(%error, "what came of a parcel could not be written down");
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn count(parcel: &Waiting, outcome: &'static str) {
    let act = match parcel.act {
        Some(Act::Send { .. }) | None => "send",
        Some(Act::Edit { .. } | Act::Rearrange { .. }) => "edit",
        Some(Act::Delete { .. }) => "delete",
    };
    metrics::counter!("samovar_telegram_calls_total", "act" => act, "outcome" => outcome).increment(1);
}
