//! Those who look on: each followed job has its present state here, kept up by the database's news.

use super::line::Line;
use super::{State, TOPIC, state};
use crate::db::{Db, DbError, Event};
use crate::media::JobId;
use crate::values;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How often places in the line are told anew at most: they change with every job that comes or goes.
const PLACES: Duration = Duration::from_millis(200);
/// How long after news without a name everybody is looked at: with SQLite, each commit of this process makes some.
const PERHAPS: Duration = Duration::from_millis(400);
/// How often every followed job is looked at without any news: they may get lost.
const WITHOUT_NEWS: Duration = Duration::from_secs(5);

/// The followed jobs.
pub(super) struct Watchers {
    followed: Mutex<HashMap<JobId, watch::Sender<State>>>,
    look: mpsc::UnboundedSender<JobId>,
}

impl Watchers {
    /// Starts following the news, until the last clone of the queue is dropped.
    pub(super) fn start(db: &Db, line: Arc<Line>) -> Arc<Self> {
        let (look, asked) = mpsc::unbounded_channel();
        let watchers = Arc::new(Self { followed: Mutex::default(), look });
        let follower = Follower { db: db.clone(), line, watchers: Arc::downgrade(&watchers), asked };
        tokio::spawn(follower.run());
        watchers
    }

    /// Follows a job whose state was just read.
    pub(super) fn watch(&self, id: JobId, state: State) -> watch::Receiver<State> {
        if state.is_final() {
            return watch::Sender::new(state).subscribe();
        }
        let receiver = {
            let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
            followed.entry(id).or_insert_with(|| watch::Sender::new(state)).subscribe()
        };
        // What changed between the reading and now made news that nobody here heard.
        let _ = self.look.send(id);
        receiver
    }

    /// The followed jobs; those that nobody follows any more are dropped.
    fn all(&self) -> Vec<JobId> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, sender| sender.receiver_count() > 0);
        followed.keys().copied().collect()
    }

    /// Those of the followed jobs that wait in the line, as far as was told.
    fn waiting(&self) -> Vec<JobId> {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = |sender: &watch::Sender<State>| matches!(*sender.borrow(), State::Queued { .. });
        followed.iter().filter(|(_, sender)| queued(sender)).map(|(id, _)| *id).collect()
    }

    fn follows(&self, id: &JobId) -> bool {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    fn tell(&self, id: JobId, now: State) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let over = now.is_final();
        if let Some(sender) = followed.get(&id) {
            sender.send_if_modified(|state| {
                let changed = *state != now;
                *state = now;
                changed
            });
        }
        if over {
            followed.remove(&id);
        }
    }
}

/// The one task that reads rows for those who look on, so that an older reading never overtakes a newer one.
struct Follower {
    db: Db,
    line: Arc<Line>,
    watchers: Weak<Watchers>,
    asked: mpsc::UnboundedReceiver<JobId>,
}

impl Follower {
    async fn run(mut self) {
        let mut news = self.db.listen();
        // When the places are told next, and when everybody is looked at; set by what was heard.
        let (mut places, mut all) = (None, None);
        let mut without_news = tokio::time::interval(WITHOUT_NEWS);
        loop {
            let mut due = Vec::new();
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some(id) = asked else { return };
                    due.push(id);
                }
                event = news.next() => match event {
                    Event::Changed { topic, id } if topic == TOPIC => {
                        due.push(state::job_id(&id));
                        places.get_or_insert_with(|| Instant::now() + PLACES);
                    }
                    Event::Changed { .. } => {}
                    Event::Perhaps => {
                        all.get_or_insert_with(|| Instant::now() + PERHAPS);
                    }
                },
                () = at(places) => {
                    places = None;
                    let Some(watchers) = self.watchers.upgrade() else { return };
                    self.tell_places(&watchers).await;
                }
                () = at(all) => {
                    all = None;
                    let Some(watchers) = self.watchers.upgrade() else { return };
                    due = watchers.all();
                }
                _ = without_news.tick() => {
                    let Some(watchers) = self.watchers.upgrade() else { return };
                    due = watchers.all();
                }
            }
            let Some(watchers) = self.watchers.upgrade() else { return };
            for id in due.into_iter().filter(|id| watchers.follows(id)).collect::<Vec<_>>() {
                // A failed reading is made up for by the next tick.
                if let Ok(Some(state)) = self.read(id).await {
                    watchers.tell(id, state);
                }
            }
        }
    }

    /// Tells those who wait where they stand now; all by one reading of the line.
    async fn tell_places(&self, watchers: &Watchers) {
        let waiting = watchers.waiting();
        if waiting.is_empty() {
            return;
        }
        let Ok(places) = self.line.places().await else { return };
        for id in waiting {
            if let Some((position, eta_s)) = places.get(&id).copied() {
                watchers.tell(id, State::Queued { position, eta_s });
            }
        }
    }

    async fn read(&self, id: JobId) -> Result<Option<State>, DbError> {
        let Some(row) = self.db.row(state::SELECT_ONE, values![id.to_string()]).await? else { return Ok(None) };
        let mut state = state::view(&row)?.state;
        if let State::Queued { position, eta_s } = &mut state {
            (*position, *eta_s) = self.line.place(id).await?;
        }
        Ok(Some(state))
    }
}

/// Waits until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
