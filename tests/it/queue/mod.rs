//! The durable line, without anything that is worth waiting for: every rule on SQLite and on PostgreSQL.

mod leases;
mod limits;
mod order;
mod parents;
mod watching;

use crate::support::database::{Database, on_every_database};
use samovar::db::{Clock, Db};
use samovar::media::{Answer, Door, Failure, JobId, Level, Owner, Provenance};
use samovar::queue::{
    Claim, Ended, Finished, Held, Idempotency, NewJob, Queue, Settings, Standing, State, Submitted, Worker,
};
use std::sync::Arc;
use std::time::Duration;

/// One line on a fresh database, with a worker that can do anything ordinary.
struct Bench {
    database: Database,
    queue: Queue,
    worker: Worker,
}

const TASK: &str = "image.generate";

fn user(name: &str) -> Owner {
    Owner::key(name, Level::User)
}

fn settings() -> Settings {
    Settings { open_user: 1000, ..Settings::default() }
}

fn answer() -> Arc<Answer> {
    let provenance = Provenance { provider: "local".into(), model: "demo".into(), fallback_reason: None };
    Arc::new(Answer { files: Vec::new(), text: None, provenance, notices: Vec::new(), from_cache: false })
}

fn done() -> State {
    State::Done(answer())
}

/// Runs a rule on every database.
async fn on_every_line(settings: Settings, rule: impl AsyncFn(Bench)) {
    on_every_database(async |database| {
        let queue = Queue::new(database.db.clone(), settings.clone());
        let worker = Worker::here(Vec::new());
        queue.register(&worker).await.unwrap();
        rule(Bench { database, queue, worker }).await;
    })
    .await;
}

impl Bench {
    fn db(&self) -> &Db {
        &self.database.db
    }

    fn clock(&self) -> &Clock {
        &self.database.clock
    }

    /// Submits in a transaction of its own.
    async fn offer(&self, job: &NewJob<'_>) -> Result<Submitted, Failure> {
        let mut tx = self.db().begin().await?;
        let submitted = self.queue.submit(&mut tx, job).await?;
        tx.commit().await?;
        Ok(submitted)
    }

    async fn submit(&self, owner: &Owner) -> JobId {
        let job = job(owner);
        assert_eq!(self.offer(&job).await.unwrap(), Submitted::Fresh(job.id));
        job.id
    }

    /// Submits for a user of this name.
    async fn submit_for(&self, name: &str) -> JobId {
        self.submit(&user(name)).await
    }

    async fn claim(&self) -> Option<Claim> {
        self.queue.claim(&self.worker).await.unwrap()
    }

    async fn claimed(&self) -> Claim {
        self.claim().await.expect("a job can be claimed")
    }

    async fn finish(&self, claim: &Claim, end: State) -> Finished {
        let mut tx = self.db().begin().await.unwrap();
        let finished = self.queue.finish(&mut tx, claim, end, &[]).await.unwrap();
        tx.commit().await.unwrap();
        finished
    }

    async fn cancel(&self, id: JobId, owner: &Owner) -> Option<Vec<Ended>> {
        let mut tx = self.db().begin().await.unwrap();
        let ended = self.queue.cancel(&mut tx, id, owner).await.unwrap();
        tx.commit().await.unwrap();
        ended
    }

    /// As another worker's housekeeping does it.
    async fn take_up(&self) -> Vec<Ended> {
        let mut tx = self.db().begin().await.unwrap();
        let ended = self.queue.take_up(&mut tx, &Worker::here(Vec::new())).await.unwrap();
        tx.commit().await.unwrap();
        ended
    }

    async fn state(&self, id: JobId) -> State {
        self.queue.view(id, &Owner::local()).await.unwrap().expect("the job is kept").state
    }

    async fn attempt(&self, id: JobId) -> u32 {
        self.queue.view(id, &Owner::local()).await.unwrap().expect("the job is kept").attempt
    }

    /// The clock goes on by this much.
    fn later(&self, by: Duration) {
        self.clock().jump(i64::try_from(by.as_millis()).unwrap());
    }
}

fn job(owner: &Owner) -> NewJob<'_> {
    NewJob {
        id: JobId::fresh(),
        task: TASK,
        owner,
        door: Door::Http,
        parent: None,
        input: "{}",
        needs: None,
        idempotency: None,
    }
}

fn standings(ended: &[Ended]) -> Vec<(JobId, Standing)> {
    ended.iter().map(|end| (end.id, end.standing)).collect()
}
