//! The line of jobs: bounded, in the order they came, each with a state that can be watched.
//!
//! Owns which job is waiting, running or finished, and how long the next one will wait. In memory: a restart forgets
//! it, so everything that a database would answer later is already `async`. Must not know what a job computes, who
//! answers it, or which door it came through.

mod pace;
mod state;

pub use state::{JobView, State};

use crate::media::{Answer, Failure, ImageRequest, JobId, Owner};
use pace::Pace;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How long the line may be and how long it remembers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most jobs waiting; one more is answered [`Failure::Busy`].
    pub capacity: usize,
    /// How long a finished job can still be asked for.
    pub keep_finished: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: 64, keep_finished: Duration::from_secs(3600) }
    }
}

/// The line. Shared by those who submit and those who work.
pub struct Queue {
    settings: Settings,
    lanes: Mutex<Lanes>,
    wake: Notify,
}

/// A job handed to a worker. It ends with [`Queue::finish`].
#[derive(Debug)]
pub struct Claim {
    /// The job.
    pub id: JobId,
    /// Who asked.
    pub owner: Owner,
    /// What for.
    pub request: ImageRequest,
    /// What the checks changed in the request.
    pub notices: Vec<String>,
    /// Set when the job is cancelled while it runs.
    pub cancel: CancellationToken,
}

#[derive(Default)]
struct Lanes {
    closed: bool,
    jobs: BTreeMap<JobId, Job>,
    waiting: VecDeque<JobId>,
    pace: Pace,
}

struct Job {
    owner: Owner,
    /// Taken by the claim, so that a finished job does not keep its pictures in memory.
    work: Option<(ImageRequest, Vec<String>)>,
    cancel: CancellationToken,
    state: watch::Sender<State>,
    created: SystemTime,
    started: Option<Instant>,
    finished: Option<Instant>,
}

impl Queue {
    /// An empty line.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, lanes: Mutex::new(Lanes::default()), wake: Notify::new() }
    }

    /// Puts a checked request at the end of the line.
    ///
    /// # Errors
    /// [`Failure::Busy`] when the line is full or closed.
    pub async fn submit(&self, owner: Owner, request: ImageRequest, notices: Vec<String>) -> Result<JobId, Failure> {
        let id = JobId::fresh();
        {
            let mut lanes = self.lanes();
            lanes.forget(self.settings.keep_finished);
            if lanes.closed {
                let message = "the server is shutting down".to_owned();
                return Err(Failure::Busy { message, retry_after_s: None });
            }
            if lanes.waiting.len() >= self.settings.capacity {
                return Err(Failure::Busy {
                    message: format!("{} jobs are waiting already; please try again later", lanes.waiting.len()),
                    retry_after_s: Some(lanes.pace.job_s().unwrap_or(5).max(1)),
                });
            }
            let job = Job {
                owner,
                work: Some((request, notices)),
                cancel: CancellationToken::new(),
                state: watch::Sender::new(State::Queued { position: 0, eta_s: None }),
                created: SystemTime::now(),
                started: None,
                finished: None,
            };
            lanes.jobs.insert(id, job);
            lanes.waiting.push_back(id);
            lanes.tell_positions();
        }
        self.wake.notify_one();
        Ok(id)
    }

    /// The job that waited longest; waits for one. Dropping the future loses nothing.
    pub async fn claim(&self) -> Claim {
        loop {
            if let Some(claim) = self.lanes().take() {
                return claim;
            }
            self.wake.notified().await;
        }
    }

    /// Notes how far a running job is.
    pub async fn progress(&self, id: JobId, step: u32, of: u32) {
        if let Some(job) = self.lanes().jobs.get(&id)
            && job.finished.is_none()
        {
            job.state.send_replace(State::Running { step, of });
        }
    }

    /// Ends a claimed job. [`Failure::Cancelled`] ends it as cancelled.
    pub async fn finish(&self, id: JobId, outcome: Result<Answer, Failure>) {
        let mut lanes = self.lanes();
        if outcome.is_ok()
            && let Some(started) = lanes.jobs.get(&id).and_then(|job| job.started)
        {
            lanes.pace.note(started.elapsed());
        }
        lanes.settle(id, State::of(outcome));
        lanes.forget(self.settings.keep_finished);
    }

    /// Cancels a job of this owner: one that waits ends at once, one that runs at its next step.
    /// Returns the state after the call, or `None` where the owner has no such job.
    pub async fn cancel(&self, id: JobId, owner: &Owner) -> Option<State> {
        let mut lanes = self.lanes();
        let job = lanes.jobs.get(&id).filter(|job| owner.may_see(&job.owner.id))?;
        job.cancel.cancel();
        if lanes.waiting.contains(&id) {
            lanes.waiting.retain(|other| *other != id);
            lanes.settle(id, State::Cancelled);
        }
        lanes.jobs.get(&id).map(|job| job.state.borrow().clone())
    }

    /// Takes no more jobs, ends those that wait as cancelled and asks those that run to stop.
    pub async fn close(&self) {
        let mut lanes = self.lanes();
        lanes.closed = true;
        for job in lanes.jobs.values() {
            job.cancel.cancel();
        }
        for id in std::mem::take(&mut lanes.waiting) {
            lanes.settle(id, State::Cancelled);
        }
    }

    /// Follows a job of this owner from its present state on. `None` where the owner has no such job.
    pub async fn watch(&self, id: JobId, owner: &Owner) -> Option<watch::Receiver<State>> {
        let lanes = self.lanes();
        let job = lanes.jobs.get(&id).filter(|job| owner.may_see(&job.owner.id))?;
        Some(job.state.subscribe())
    }

    /// The owner's jobs, newest first, older than `before`.
    pub async fn list(&self, owner: &Owner, before: Option<JobId>, limit: usize) -> Vec<JobView> {
        let lanes = self.lanes();
        let older = lanes.jobs.iter().rev().filter(|(id, _)| before.is_none_or(|before| **id < before));
        older
            .filter(|(_, job)| owner.may_see(&job.owner.id))
            .take(limit)
            .map(|(id, job)| JobView { id: *id, created: job.created, state: job.state.borrow().clone() })
            .collect()
    }

    /// One job of this owner. `None` where the owner has no such job.
    pub async fn view(&self, id: JobId, owner: &Owner) -> Option<JobView> {
        let lanes = self.lanes();
        let job = lanes.jobs.get(&id).filter(|job| owner.may_see(&job.owner.id))?;
        Some(JobView { id, created: job.created, state: job.state.borrow().clone() })
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Nothing between lock and unlock can panic half-way through a change, so a poisoned lock holds sound data.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn take(&mut self) -> Option<Claim> {
        let id = self.waiting.pop_front()?;
        let job = self.jobs.get_mut(&id)?;
        let (request, notices) = job.work.take()?;
        job.started = Some(Instant::now());
        job.state.send_replace(State::Running { step: 0, of: 0 });
        let claim = Claim { id, owner: job.owner.clone(), request, notices, cancel: job.cancel.clone() };
        self.tell_positions();
        Some(claim)
    }

    fn settle(&mut self, id: JobId, state: State) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.finished.is_none()) else { return };
        metrics::counter!("samovar_jobs_total", "task" => "image.generate", "outcome" => state.outcome()).increment(1);
        if let Some(started) = job.started {
            metrics::histogram!("samovar_job_seconds", "task" => "image.generate").record(started.elapsed());
        }
        job.finished = Some(Instant::now());
        job.work = None;
        job.state.send_replace(state);
        self.tell_positions();
    }

    /// Tells every waiting job its place; the line is short (bounded by `capacity`).
    fn tell_positions(&self) {
        let running: Vec<Duration> = self
            .jobs
            .values()
            .filter(|job| job.finished.is_none())
            .filter_map(|job| Some(job.started?.elapsed()))
            .collect();
        for (ahead, id) in self.waiting.iter().enumerate() {
            let now = State::Queued { position: ahead + 1, eta_s: self.pace.wait_s(&running, ahead) };
            if let Some(job) = self.jobs.get(id) {
                job.state.send_if_modified(|state| {
                    let changed = *state != now;
                    *state = now;
                    changed
                });
            }
        }
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("samovar_queue_length").set(self.waiting.len() as f64);
    }

    fn forget(&mut self, keep: Duration) {
        self.jobs.retain(|_, job| job.finished.is_none_or(|at| at.elapsed() < keep));
    }
}

#[cfg(test)]
mod tests;
