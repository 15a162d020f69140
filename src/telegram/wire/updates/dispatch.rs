//! Kept updates on their way to whoever handles them: one after the other of each person in each chat, those of
//! different ones beside each other.

use super::rows::{self, Stored};
use crate::db::{Db, DbError, Event, Passing};
use crate::media::Failure;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use teloxide::types::{Update, UpdateKind};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Handled at a time.
const BESIDE: usize = 64;
/// Taken into memory at a time.
const TAKEN: u32 = 500;
/// How often everything that waits is looked at: news may get lost, and updates come out of order.
const LOOK: Duration = Duration::from_secs(2);
/// Pauses after a handler that failed, and tries of one that panics or fails in a way that does not pass.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 15];
const TRIES: usize = 3;
/// A handler that takes longer delays everything else of its person.
const LONG: Duration = Duration::from_secs(2);

/// Whoever handles updates: writes down what comes of one together with [`super::handled`], in one transaction. It is
/// called again until that works.
pub trait Handler: Fn(i64, Update) -> BoxFuture<'static, Result<(), Failure>> + Clone + Send + Sync + 'static {}

impl<F: Fn(i64, Update) -> BoxFuture<'static, Result<(), Failure>> + Clone + Send + Sync + 'static> Handler for F {}

/// Whose turn it is: the chat and the person; by itself what has neither.
type Lane = (i64, i64);

/// Has everything handled until `stop`; then ends what is being handled.
pub(super) async fn run(db: &Db, handler: impl Handler, stop: &CancellationToken) {
    let mut news = db.listen();
    let mut look = tokio::time::interval(LOOK);
    let mut lanes = Lanes::default();
    let mut tasks: JoinSet<(Lane, i64)> = JoinSet::new();
    let mut whole = true;
    loop {
        match lanes.fill(db, whole).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "updates cannot be read"),
        }
        while tasks.len() < BESIDE
            && let Some((lane, id, update)) = lanes.next()
        {
            let (db, handler, stop) = (db.clone(), handler.clone(), stop.clone());
            tasks.spawn(async move {
                handle(&db, handler, (id, update), &stop).await;
                (lane, id)
            });
        }
        let heard = async {
            loop {
                match news.next().await {
                    Event::Changed { topic, .. } if topic == rows::TOPIC => return,
                    Event::Changed { .. } | Event::Perhaps => {}
                }
            }
        };
        whole = false;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next() => match ended {
                Ok((lane, id)) => lanes.free(lane, id),
                // Nothing in a task panics; were it so, everything is looked at anew.
                Err(_) => lanes = Lanes::default(),
            },
            () = heard => {}
            _ = look.tick() => whole = true,
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// What waits in memory.
#[derive(Default)]
struct Lanes {
    waiting: HashMap<Lane, VecDeque<(i64, Update)>>,
    ready: VecDeque<Lane>,
    busy: HashSet<Lane>,
    known: HashSet<i64>,
    last: i64,
}

impl Lanes {
    /// Takes in what came: all that waits, or what is newer than anything seen.
    async fn fill(&mut self, db: &Db, whole: bool) -> Result<(), DbError> {
        if self.known.len() >= TAKEN as usize {
            return Ok(());
        }
        let after = if whole { i64::MIN } else { self.last };
        for Stored { id, body } in rows::open(db, after, TAKEN).await? {
            if !self.known.insert(id) {
                continue;
            }
            self.last = self.last.max(id);
            let parsed = serde_json::from_str::<Update>(&body);
            match parsed {
                Ok(update) if !matches!(update.kind, UpdateKind::Error(_)) => self.add(id, update),
                _ => {
                    // Not its text: that is somebody's.
                    tracing::warn!(update = id, "an update cannot be understood and is left out");
                    metrics::counter!("samovar_telegram_updates_total", "kind" => "unknown").increment(1);
                    dismiss(db, id).await?;
                    self.known.remove(&id);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, id: i64, update: Update) {
        let person = update.from().and_then(|from| i64::try_from(from.id.0).ok());
        let lane = match (update.chat(), person) {
            (Some(chat), Some(person)) => (chat.id.0, person),
            (Some(chat), None) => (chat.id.0, 0),
            (None, _) => (0, id),
        };
        metrics::counter!("samovar_telegram_updates_total", "kind" => kind(&update)).increment(1);
        let waiting = self.waiting.entry(lane).or_default();
        // They come in order but for those that a webhook brought late.
        let at = waiting.partition_point(|(other, _)| *other < id);
        waiting.insert(at, (id, update));
        if !self.busy.contains(&lane) && !self.ready.contains(&lane) {
            self.ready.push_back(lane);
        }
    }

    fn next(&mut self) -> Option<(Lane, i64, Update)> {
        loop {
            let lane = self.ready.pop_front()?;
            let Some((id, update)) = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front) else { continue };
            self.busy.insert(lane);
            return Some((lane, id, update));
        }
    }

    fn free(&mut self, lane: Lane, id: i64) {
        self.known.remove(&id);
        self.busy.remove(&lane);
        match self.waiting.get(&lane) {
            Some(waiting) if !waiting.is_empty() => self.ready.push_back(lane),
            _ => drop(self.waiting.remove(&lane)),
        }
    }
}

fn kind(update: &Update) -> &'static str {
    match update.kind {
        UpdateKind::Message(_) => "message",
        UpdateKind::EditedMessage(_) => "edited_message",
        UpdateKind::CallbackQuery(_) => "callback_query",
        UpdateKind::MyChatMember(_) => "my_chat_member",
        _ => "other",
    }
}

/// One update, until it is handled or everything ends.
async fn handle(db: &Db, handler: impl Handler, (id, update): (i64, Update), stop: &CancellationToken) {
    let mut broke = 0;
    for pause in PAUSES.iter().chain(std::iter::repeat(&PAUSES[PAUSES.len() - 1])) {
        let started = Instant::now();
        // The call itself may panic, too, not only what it returns.
        let handling = async { handler(id, update.clone()).await };
        let outcome = AssertUnwindSafe(handling).catch_unwind().await;
        let took = started.elapsed();
        metrics::histogram!("samovar_telegram_handler_seconds").record(took);
        if took > LONG {
            tracing::warn!(update = id, seconds = took.as_secs_f64(), "an update took long to handle");
        }
        match outcome {
            Ok(Ok(())) => return,
            // By a commit whose answer was lost, or by another process.
            _ if matches!(rows::is_open(db, id).await, Ok(false)) => return,
            Ok(Err(failure)) if failure.passes() => {
                tracing::warn!(update = id, %failure, "an update waits to be handled");
            }
            Ok(Err(failure)) => {
                broke += 1;
                tracing::error!(update = id, %failure, "an update cannot be handled");
            }
            Err(_) => {
                broke += 1;
                tracing::error!(update = id, "handling an update broke");
            }
        }
        if broke >= TRIES {
            metrics::counter!("samovar_telegram_updates_total", "kind" => "given_up").increment(1);
            if let Err(error) = dismiss(db, id).await {
                tracing::error!(update = id, %error, "an update that breaks its handler could not be put aside");
            }
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(*pause)) => {}
        }
    }
}

async fn dismiss(db: &Db, id: i64) -> Result<(), DbError> {
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        rows::mark(&mut tx, id).await?;
        tx.commit().await
    })
    .await
}
