//! Levels, free units, money and keys, on SQLite and on PostgreSQL.

mod commands;
mod concurrent;
mod keys;
mod money;
mod quotas;
mod sequences;

use crate::support::database::{Database, on_every_database};
use samovar::accounts::{Accounts, Limit, Purchase, Reserved, Settings, Terms, TopUp};
use samovar::db::Db;
use samovar::media::{Failure, JobId, Level, Owner};
use std::collections::BTreeMap;

/// Free a day for users 3 and subscribers 5, admins unlimited; 3 ₽, 5 ₽ for flux-schnell, and 30 ₽ to begin with.
fn settings() -> Settings {
    let limits =
        [(Level::User, Limit::Daily(3)), (Level::Subscriber, Limit::Daily(5)), (Level::Admin, Limit::Unlimited)];
    let model_prices = BTreeMap::from([("flux-schnell".to_owned(), 500)]);
    let terms = Terms { limits: limits.into(), price: 300, model_prices };
    Settings {
        tasks: BTreeMap::from([("image.generate".to_owned(), terms)]),
        start_balance: 3000,
        ..Settings::default()
    }
}

/// The same with other free units for users.
fn settings_with(limit: Limit) -> Settings {
    let mut settings = settings();
    settings.tasks.get_mut("image.generate").unwrap().limits.insert(Level::User, limit);
    settings
}

/// The accounts of a test.
struct Books {
    db: Db,
    accounts: Accounts,
}

impl Books {
    fn new(db: Db, settings: Settings) -> Self {
        Self { accounts: Accounts::new(db.clone(), settings), db }
    }

    /// Reserves in a transaction of its own.
    async fn reserve(&self, owner: &Owner, job: JobId, units: u32, model: Option<&str>) -> Result<Reserved, Failure> {
        let mut tx = self.db.begin().await?;
        let purchase = Purchase { job, task: "image.generate", model, units };
        let reserved = self.accounts.reserve(&mut tx, owner, &purchase).await?;
        tx.commit().await?;
        Ok(reserved)
    }

    /// Reserves for a new job; the free units and the kopecks that it took.
    async fn take(&self, owner: &Owner, units: u32) -> (JobId, (u32, i64)) {
        let job = JobId::fresh();
        let Reserved { free, price } = self.reserve(owner, job, units, None).await.unwrap();
        (job, (free, price))
    }

    async fn charge(&self, job: JobId) {
        let mut tx = self.db.begin().await.unwrap();
        self.accounts.charge(&mut tx, job, "stored").await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn release(&self, job: JobId) {
        let mut tx = self.db.begin().await.unwrap();
        self.accounts.release(&mut tx, job, "cancelled").await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn top_up(&self, owner: &Owner, amount: i64, once: &str) -> Result<i64, Failure> {
        let mut tx = self.db.begin().await?;
        let done = self.accounts.top_up(&mut tx, owner, &TopUp { amount, reason: "a gift", once }).await?;
        tx.commit().await?;
        Ok(done.balance)
    }

    async fn balance(&self, owner: &Owner) -> i64 {
        self.accounts.overview(owner).await.unwrap().balance
    }

    /// Free units used today.
    async fn used(&self, owner: &Owner) -> u32 {
        self.accounts.overview(owner).await.unwrap().tasks[0].used
    }

    /// Kinds and amounts in the ledger, the oldest first.
    async fn movements(&self, owner: &Owner) -> Vec<(String, i64)> {
        let mut movements = self.accounts.history(&owner.id, 100).await.unwrap();
        movements.reverse();
        movements.into_iter().map(|movement| (movement.kind, movement.amount)).collect()
    }

    async fn pending(&self) -> Vec<JobId> {
        let mut tx = self.db.begin().await.unwrap();
        self.accounts.pending(&mut tx).await.unwrap().into_iter().map(|(job, _)| job).collect()
    }

    async fn assert_exact(&self) {
        assert_eq!(Accounts::audit(&self.db).await.unwrap(), []);
    }
}

fn anna() -> Owner {
    Owner::key("anna", Level::User)
}

/// What was refused, in numbers: limit, price, balance, and whether waiting for the next day helps.
fn quota(refused: Result<Reserved, Failure>) -> (u32, i64, i64, bool) {
    match refused {
        Err(Failure::Quota { limit, price, balance, retry_after_s }) => {
            (limit, price, balance, retry_after_s.is_some())
        }
        other => panic!("not refused for want of money: {other:?}"),
    }
}
