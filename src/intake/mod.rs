//! What every door calls: check the request, put it in the line, wait for it, cancel it, watch it.
//!
//! Owns the rules between a door and the line. Must not know HTTP, Telegram, or who answers.

pub use crate::queue::{JobView, State};

use crate::media::{Answer, Failure, ImageRequest, JobId, Owner};
use crate::queue::Queue;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: Arc<Queue>,
}

impl Intake {
    /// The way into this line.
    #[must_use]
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// Checks a request and puts it in the line.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for a request out of bounds, [`Failure::Busy`] when the line is full.
    pub async fn submit(&self, owner: &Owner, request: ImageRequest) -> Result<JobId, Failure> {
        // On a thread of its own: a large picture to start from is scaled here.
        let checked = tokio::task::spawn_blocking(move || request.checked()).await;
        let (request, notices) =
            checked.map_err(|e| Failure::internal(format!("checking the request broke: {e}")))??;
        self.queue.submit(owner.clone(), request, notices).await
    }

    /// Submits and waits for the answer. Dropping the future cancels the job: nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Self::submit`], and whatever the job fails with.
    pub async fn answer(&self, owner: &Owner, request: ImageRequest) -> Result<Arc<Answer>, Failure> {
        let id = self.submit(owner, request).await?;
        let (answered, waiter) = oneshot::channel();
        let (queue, name) = (Arc::clone(&self.queue), owner.clone());
        tokio::spawn(async move {
            // An error means that `answered` was dropped unused, together with this very future.
            if waiter.await.is_err() {
                queue.cancel(id, &name).await;
            }
        });
        let answer = self.wait(id, owner).await;
        let _ = answered.send(());
        answer
    }

    /// Waits until a job of this owner is over.
    ///
    /// # Errors
    /// What the job failed with; [`Failure::Invalid`] where the owner has no such job.
    pub async fn wait(&self, id: JobId, owner: &Owner) -> Result<Arc<Answer>, Failure> {
        let unknown = || Failure::invalid("id", format!("there is no job {id}"));
        let mut watcher = self.watch(id, owner).await.ok_or_else(unknown)?;
        let state = watcher.wait_for(State::is_final).await.map_err(|_| unknown())?.clone();
        match state {
            State::Done(answer) => Ok(answer),
            State::Failed(failure) => Err(failure),
            State::Queued { .. } | State::Running { .. } | State::Cancelled => Err(Failure::Cancelled),
        }
    }

    /// Cancels a job of this owner, waiting or running. `None` where the owner has no such job.
    pub async fn cancel(&self, id: JobId, owner: &Owner) -> Option<State> {
        self.queue.cancel(id, owner).await
    }

    /// Follows a job of this owner. `None` where the owner has no such job.
    pub async fn watch(&self, id: JobId, owner: &Owner) -> Option<watch::Receiver<State>> {
        self.queue.watch(id, owner).await
    }

    /// One job of this owner. `None` where the owner has no such job.
    pub async fn view(&self, id: JobId, owner: &Owner) -> Option<JobView> {
        self.queue.view(id, owner).await
    }

    /// The owner's jobs, newest first, older than `before`.
    pub async fn list(&self, owner: &Owner, before: Option<JobId>, limit: usize) -> Vec<JobView> {
        self.queue.list(owner, before, limit).await
    }
}
