//! Who serves a bot: one process at a time, by a lease in the table `telegram_poller`.

use crate::db::{Db, DbError};
use crate::values;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// How long a lease holds, in milliseconds, and how often it is renewed.
const LEASE: i64 = 10_000;
const BEAT: Duration = Duration::from_secs(3);
/// How often others look whether it has lapsed.
const LOOK: Duration = Duration::from_millis(500);

/// The lease, until it is dropped or lost.
pub struct Duty {
    off: CancellationToken,
    _ended: DropGuard,
    keeper: tokio::task::JoinHandle<()>,
}

impl Duty {
    /// Waits for the lease; `None`: until `stop`.
    pub(super) async fn take(db: &Db, bot: i64, stop: &CancellationToken) -> Option<Self> {
        let holder = Uuid::new_v4().to_string();
        let mut told = false;
        loop {
            if stop.is_cancelled() {
                return None;
            }
            match acquire(db, bot, &holder).await {
                Ok(true) => break,
                Ok(false) if !told => {
                    tracing::info!("another process serves the Telegram bot; this one stands by");
                    told = true;
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "it cannot be found out who serves the Telegram bot"),
            }
            tokio::select! { () = stop.cancelled() => return None, () = tokio::time::sleep(LOOK) => {} }
        }
        let (off, ended) = (stop.child_token(), CancellationToken::new());
        let keeper = tokio::spawn(keep(db.clone(), (bot, holder), off.clone(), ended.clone()));
        Some(Self { off, _ended: ended.drop_guard(), keeper })
    }

    /// Cancelled when the lease is lost, or everything ends.
    #[must_use]
    pub fn off(&self) -> CancellationToken {
        self.off.clone()
    }

    /// Hands the lease back: nothing is sent or fetched any more.
    pub async fn end(self) {
        drop(self._ended);
        // The keeper cannot panic; were it gone, the lease would lapse by itself.
        let _ = self.keeper.await;
    }
}

/// Takes or renews the lease. `false`: somebody else has it.
async fn acquire(db: &Db, bot: i64, holder: &str) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let sql = "INSERT INTO telegram_poller (bot, holder, lease_until) VALUES ($1, $2, $3)
        ON CONFLICT (bot) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
        WHERE telegram_poller.holder = excluded.holder OR telegram_poller.lease_until < $4
            OR telegram_poller.lease_until > $5";
    // A lease that reaches further than any does was written before the clock went back.
    let changed = tx.execute(sql, values![bot, holder, now + LEASE, now, now + 2 * LEASE]).await?;
    tx.commit().await?;
    Ok(changed > 0)
}

async fn keep(db: Db, (bot, holder): (i64, String), off: CancellationToken, ended: CancellationToken) {
    loop {
        tokio::select! { () = ended.cancelled() => break, () = tokio::time::sleep(BEAT) => {} }
        match acquire(&db, bot, &holder).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("another process took over the Telegram bot");
                off.cancel();
                return;
            }
            // Nothing is fetched, sent or handled without the database: whoever cannot reach it does nothing that
            // another process could do, too, and what it has in hand can still be written down when it is back.
            Err(error) => tracing::warn!(%error, "the lease of the Telegram bot could not be renewed"),
        }
    }
    let released = async {
        let mut tx = db.begin().await?;
        let sql = "DELETE FROM telegram_poller WHERE bot = $1 AND holder = $2";
        tx.execute(sql, values![bot, &holder]).await?;
        tx.commit().await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "the lease of the Telegram bot could not be handed back; it will lapse");
    }
}
