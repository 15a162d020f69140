//! Durable jobs: a row is the truth about one, and every change to it is one statement that names what it expects.
//!
//! Owns which job waits, runs or is over, who may work on it and until when. `queued → running → done | failed |
//! cancelled`. Must not know what a job computes, what it costs, who answers it, or how its door works.
//!
//! What keeps jobs from being lost or done twice: an attempt is counted when it is claimed, so a job that kills its
//! worker runs out of attempts; a claim has a lease that heartbeats renew; and every later change by a worker names its
//! attempt, so one that lost its lease changes nothing.

mod cancel;
mod claim;
mod line;
mod state;
mod submit;
mod sweep;
mod watch;
mod worker;

pub use claim::{Claim, Finished, Held};
pub use state::{JobView, State};
pub use submit::{Idempotency, NewJob, Submitted};
pub use sweep::{Ended, Standing};
pub use worker::Worker;

use crate::db::{Db, DbError, Row};
use crate::media::{JobId, Owner};
use crate::values;
use line::Line;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use watch::Watchers;

/// Topic of the news about jobs.
const TOPIC: &str = "jobs";
/// Topic of the wish that a running job stops.
const STOP: &str = "stop";
/// How often [`Queue::claim_next`] looks without having heard anything.
const POLL: Duration = Duration::from_secs(2);

/// How the line is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most jobs waiting; one more is answered [`crate::media::Failure::Busy`].
    pub capacity: u32,
    /// Most jobs of one account that wait or run, by level; admins have no limit.
    pub open_user: u32,
    /// As `open_user`, for subscribers.
    pub open_subscriber: u32,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Claims of one job, when each ends without an answer.
    pub max_attempts: u32,
    /// How long a finished job can still be asked for.
    pub keep_finished: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 1000,
            open_user: 5,
            open_subscriber: 10,
            lease: Duration::from_secs(30),
            max_attempts: 3,
            keep_finished: Duration::from_secs(30 * 86_400),
        }
    }
}

/// The line. Cheap to clone; clones are the same line.
#[derive(Clone)]
pub struct Queue {
    db: Db,
    settings: Arc<Settings>,
    line: Arc<Line>,
    watchers: Arc<Watchers>,
}

impl Queue {
    /// The line in this database.
    #[must_use]
    pub fn new(db: Db, settings: Settings) -> Self {
        let line = Arc::new(Line::new(db.clone(), &settings));
        let watchers = Watchers::start(&db, Arc::clone(&line));
        Self { db, settings: Arc::new(settings), line, watchers }
    }

    /// How the line is kept.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many jobs wait. Also tells the metrics.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub async fn length(&self) -> Result<u32, DbError> {
        let row = self.db.row("SELECT COUNT(*) AS waiting FROM jobs WHERE state = 'queued'", &[]).await?;
        let waiting = state::count(row.map(|row| row.get("waiting")).transpose()?.unwrap_or(0));
        metrics::gauge!("samovar_queue_length").set(waiting);
        Ok(waiting)
    }

    /// One job of this owner. `None` where the owner has no such job.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub async fn view(&self, id: JobId, owner: &Owner) -> Result<Option<JobView>, DbError> {
        let rows = self.db.rows(state::SELECT_ONE, values![id.to_string()]).await?;
        Ok(self.shown(&rows).await?.pop().filter(|view| owner.may_see(&view.owner)))
    }

    /// The owner's jobs, newest first, older than `before`; an admin's are everybody's.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub async fn list(&self, owner: &Owner, before: Option<JobId>, limit: u32) -> Result<Vec<JobView>, DbError> {
        // Larger than every id, which is of hexadecimal digits, in every order of letters that a database may have.
        let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let rows = if owner.admin() {
            self.db.rows(state::SELECT_ALL, values![before, limit]).await?
        } else {
            self.db.rows(state::SELECT_OF_OWNER, values![before, limit, &owner.id]).await?
        };
        self.shown(&rows).await
    }

    /// Follows a job of this owner from its present state on. `None` where the owner has no such job.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub async fn watch(
        &self,
        id: JobId,
        owner: &Owner,
    ) -> Result<Option<tokio::sync::watch::Receiver<State>>, DbError> {
        let Some(view) = self.view(id, owner).await? else { return Ok(None) };
        Ok(Some(self.watchers.watch(id, view.state)))
    }

    /// Rows as their owners see them, with their places in the line.
    async fn shown(&self, rows: &[Row]) -> Result<Vec<JobView>, DbError> {
        let mut views = rows.iter().map(state::view).collect::<Result<Vec<_>, _>>()?;
        let waiting = views.iter_mut().filter(|view| matches!(view.state, State::Queued { .. })).collect::<Vec<_>>();
        // One by itself, several by one reading of the whole line.
        let all = if waiting.len() > 1 { self.line.places().await? } else { HashMap::new() };
        for view in waiting {
            let (position, eta_s) = match all.get(&view.id) {
                Some(place) => *place,
                None => self.line.place(view.id).await?,
            };
            view.state = State::Queued { position, eta_s };
        }
        Ok(views)
    }
}
