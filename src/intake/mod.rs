//! What every door calls: check the request, put it in the line, wait for it, cancel it, watch it.
//!
//! Owns the rules between a door and the line: quota, hold and job are one transaction, and so are an end and the money
//! given back. Must not know HTTP, Telegram, or who answers.

mod wish;

pub use crate::queue::{JobView, State};
pub use wish::Wish;

use crate::accounts::{Accounts, Purchase};
use crate::db::{Db, Passing, Tx};
use crate::media::{Answer, AssetId, Failure, JobId, Level, Owner};
use crate::queue::{Ended, Idempotency, NewJob, Queue, Submitted};
use crate::storage::Storage;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    db: Db,
    queue: Queue,
    accounts: Accounts,
    storage: Arc<Storage>,
    stop: CancellationToken,
}

impl Intake {
    /// The way into this line. After `stop`, nobody is kept waiting for a job that has not started.
    #[must_use]
    pub fn new(db: Db, queue: Queue, accounts: Accounts, storage: Arc<Storage>, stop: CancellationToken) -> Self {
        Self { db, queue, accounts, storage, stop }
    }

    /// Checks a request, takes what it costs aside and puts it in the line.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for a request out of bounds, [`Failure::Busy`] when the line is full, [`Failure::Quota`] and
    /// [`Failure::Forbidden`] by the rules of the account, [`Failure::Unavailable`] when it could not be written down.
    pub async fn submit(&self, owner: &Owner, wish: Wish) -> Result<JobId, Failure> {
        self.submit_as(JobId::fresh(), owner, wish).await
    }

    async fn submit_as(&self, id: JobId, owner: &Owner, wish: Wish) -> Result<JobId, Failure> {
        if wish.idempotency_key.is_none() {
            self.queue.expect_room().await?;
        }
        let mut checked = wish.checked(owner, self.accounts.allowed_models(owner.level)).await?;
        let uploads = checked.store_files(&self.storage, owner).await?;
        let input = checked.input()?;
        let job = NewJob {
            id,
            task: checked.request.task(),
            owner,
            door: checked.door,
            parent: checked.parent,
            input: &input,
            needs: checked.needs.as_deref(),
            idempotency: checked.idempotency.as_ref(),
        };
        let purchase = Purchase {
            job: id,
            task: checked.request.task(),
            model: checked.request.choice().model.as_deref(),
            units: checked.request.units(),
        };
        let submitted = self.db.retrying(|| self.write_down(&job, &purchase)).await;
        // A commit whose answer was lost may have happened: its pictures must stay.
        let unused = match &submitted {
            Ok(Submitted::Fresh(_)) => false,
            Ok(Submitted::Known(known)) => *known != id,
            Err(failure) => !failure.passes(),
        };
        if unused {
            self.discard(&uploads).await;
        }
        match submitted? {
            Submitted::Fresh(id) | Submitted::Known(id) => Ok(id),
        }
    }

    async fn write_down(&self, job: &NewJob<'_>, purchase: &Purchase<'_>) -> Result<Submitted, Failure> {
        let mut tx = self.db.begin().await?;
        let submitted = self.queue.submit(&mut tx, job).await?;
        if matches!(submitted, Submitted::Fresh(_)) {
            self.accounts.reserve(&mut tx, job.owner, purchase).await?;
        }
        tx.commit().await?;
        Ok(submitted)
    }

    /// Submits and waits for the answer. Dropping the future cancels the job: nobody waits for it any more; unless it
    /// has an idempotency key, which says that the caller will ask again.
    ///
    /// # Errors
    /// As [`Self::submit`], and whatever the job fails with.
    pub async fn answer(&self, owner: &Owner, wish: Wish) -> Result<Arc<Answer>, Failure> {
        if wish.idempotency_key.is_some() {
            let id = self.submit(owner, wish).await?;
            return tokio::select! {
                answer = self.wait(id, owner) => answer,
                () = self.no_time(id, owner) => Err(restarting()),
            };
        }
        let id = JobId::fresh();
        let (answered, waiter) = oneshot::channel();
        let (intake, name) = (self.clone(), owner.clone());
        tokio::spawn(async move {
            // An error means that `answered` was dropped unused, together with the future that waits.
            if waiter.await.is_err()
                && let Err(failure) = intake.cancel(id, &name).await
            {
                tracing::warn!(job = %id, %failure, "a job that nobody waits for could not be cancelled");
            }
        });
        // The guard stands before the job does: whoever leaves while it is written down leaves none behind.
        let answer = async {
            self.submit_as(id, owner, wish).await?;
            tokio::select! {
                answer = self.wait(id, owner) => answer,
                () = self.no_time(id, owner) => self.cancel(id, owner).await.and(Err(restarting())),
            }
        };
        let answer = answer.await;
        // Whoever is told to try again makes another job: this one is cancelled, if it is there.
        if !matches!(answer, Err(Failure::Unavailable { .. })) {
            let _ = answered.send(());
        }
        answer
    }

    /// Resolves at the end of the server, for a job that has not started or was handed back: this process will not do it.
    async fn no_time(&self, id: JobId, owner: &Owner) {
        self.stop.cancelled().await;
        if let Ok(Some(mut states)) = self.watch(id, owner).await {
            // One that runs is given its time.
            let _ = states.wait_for(|state| matches!(state, State::Queued { .. })).await;
        }
    }

    /// Waits until a job of this owner is over.
    ///
    /// # Errors
    /// What the job failed with; [`Failure::Invalid`] where the owner has no such job.
    pub async fn wait(&self, id: JobId, owner: &Owner) -> Result<Arc<Answer>, Failure> {
        let unknown = || Failure::invalid("id", format!("there is no job {id}"));
        let mut watcher = self.watch(id, owner).await?.ok_or_else(unknown)?;
        let state = watcher.wait_for(State::is_final).await.map_err(|_| unknown())?.clone();
        match state {
            State::Done(answer) => Ok(answer),
            State::Failed(failure) => Err(failure),
            State::Queued { .. } | State::Running { .. } | State::Cancelled => Err(Failure::Cancelled),
        }
    }

    /// Cancels a job of this owner, waiting or running, and gives back what was held for it once it is over. `false`
    /// where the owner has no such job.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when that could not be written down.
    pub async fn cancel(&self, id: JobId, owner: &Owner) -> Result<bool, Failure> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                let Some(ended) = self.queue.cancel(&mut tx, id, owner).await? else { return Ok(false) };
                self.give_back(&mut tx, &ended).await?;
                tx.commit().await?;
                Ok(true)
            })
            .await
    }

    async fn give_back(&self, tx: &mut Tx, ended: &[Ended]) -> Result<(), Failure> {
        for job in ended {
            self.accounts.release(tx, job.id, "cancelled").await?;
        }
        Ok(())
    }

    /// Notes that the answer of a job has reached its owner: what was held for it is charged. A second time changes
    /// nothing. `receipt` says how it is known, such as a message's id.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when that could not be written down.
    pub async fn delivered(&self, id: JobId, receipt: &str) -> Result<(), Failure> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                self.accounts.charge(&mut tx, id, receipt).await?;
                tx.commit().await?;
                Ok(())
            })
            .await
    }

    /// Notes that the answer of a job can never reach its owner: what was held for it is given back.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when that could not be written down.
    pub async fn undeliverable(&self, id: JobId, reason: &str) -> Result<(), Failure> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                self.accounts.release(&mut tx, id, reason).await?;
                tx.commit().await?;
                Ok(())
            })
            .await
    }

    /// Follows a job of this owner. `None` where the owner has no such job.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database cannot be read.
    pub async fn watch(&self, id: JobId, owner: &Owner) -> Result<Option<watch::Receiver<State>>, Failure> {
        Ok(self.queue.watch(id, owner).await?)
    }

    /// One job of this owner. `None` where the owner has no such job.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database cannot be read.
    pub async fn view(&self, id: JobId, owner: &Owner) -> Result<Option<JobView>, Failure> {
        Ok(self.queue.view(id, owner).await?)
    }

    /// How many jobs wait.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database cannot be read.
    pub async fn waiting(&self) -> Result<u32, Failure> {
        Ok(self.queue.length().await?)
    }

    /// The owner's jobs, newest first, older than `before`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database cannot be read.
    pub async fn list(&self, owner: &Owner, before: Option<JobId>, limit: u32) -> Result<Vec<JobView>, Failure> {
        Ok(self.queue.list(owner, before, limit).await?)
    }

    /// Deletes what is kept of an account: its jobs that are over, and its files. Jobs under way are cancelled. What moved
    /// its balance stays, as books must.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when that could not be written down.
    pub async fn forget(&self, owner: &str) -> Result<(), Failure> {
        // Not as an administrator, to whom the jobs of everybody belong.
        let own = Owner { id: owner.to_owned(), level: Level::User };
        for job in self.list(&own, None, u32::from(u16::MAX)).await? {
            if !job.state.is_final() {
                self.cancel(job.id, &own).await?;
            }
        }
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                self.queue.forget_of(&mut tx, owner).await?;
                tx.commit().await
            })
            .await?;
        self.storage.delete_of(owner).await.map(drop)
    }

    async fn discard(&self, uploads: &[AssetId]) {
        for id in uploads {
            if let Err(failure) = self.storage.delete(*id).await {
                tracing::warn!(asset = %id, %failure, "a picture of a refused request stays until it expires");
            }
        }
    }
}

fn restarting() -> Failure {
    Failure::Unavailable { message: "the server is restarting; please try again shortly".to_owned() }
}
