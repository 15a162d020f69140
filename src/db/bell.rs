//! News of changes: within this process at once, from other processes by PostgreSQL's NOTIFY or by asking SQLite
//! whether its file has changed. News may come twice and may be lost: whoever hears looks at the rows, and looks now
//! and then without having heard anything.

use super::clock::Clock;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, SqlitePool};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) const CHANNEL: &str = "samovar";
/// News kept for a slow listener; one that misses some hears [`Event::Perhaps`].
const KEPT: usize = 4096;
/// How often SQLite is asked whether another process changed something.
const POLL: Duration = Duration::from_millis(200);
/// How long to wait before a lost connection is tried again, and how often the server's clock is asked.
const RECONNECT: Duration = Duration::from_secs(1);
const CLOCK: Duration = Duration::from_secs(60);

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This was changed.
    Changed {
        /// What kind of thing, in the words of the room that owns it.
        topic: Cow<'static, str>,
        /// Which one.
        id: String,
    },
    /// Something may have changed; look.
    Perhaps,
}

pub(super) struct Bell {
    /// Marks our own notifications, which have been heard already when they come back.
    process: Uuid,
    news: broadcast::Sender<Event>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { process: Uuid::new_v4(), news: broadcast::Sender::new(KEPT) }
    }
}

impl Bell {
    pub(super) fn ring(&self, event: Event) {
        // Nobody listens: no harm.
        let _ = self.news.send(event);
    }

    pub(super) fn listen(&self) -> Hearing {
        Hearing(self.news.subscribe())
    }

    pub(super) fn payload(&self, event: &Event) -> Option<String> {
        match event {
            Event::Changed { topic, id } => Some(format!("{} {topic} {id}", self.process)),
            Event::Perhaps => None,
        }
    }

    fn heard(&self, payload: &str) {
        let mut parts = payload.splitn(3, ' ');
        let (process, topic, id) = (parts.next(), parts.next(), parts.next());
        if process != Some(&self.process.to_string())
            && let (Some(topic), Some(id)) = (topic, id)
        {
            self.ring(Event::Changed { topic: topic.to_owned().into(), id: id.to_owned() });
        }
    }
}

/// One listener.
pub struct Hearing(broadcast::Receiver<Event>);

impl Hearing {
    /// The next news. Never ends by itself; dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        match self.0.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(_)) => Event::Perhaps,
            // The database was closed; there will be no news.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Rings whenever the file was changed; `data_version` counts the commits of every connection but its own.
pub(super) async fn poll_sqlite(bell: Arc<Bell>, pool: SqlitePool, stop: CancellationToken) {
    let mut seen: Option<i64> = None;
    let mut connection = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
        if bell.news.receiver_count() == 0 {
            continue;
        }
        if connection.is_none() {
            connection = pool.acquire().await.ok();
        }
        let Some(open) = &mut connection else { continue };
        match sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut **open).await {
            Ok(version) => {
                // At first, too: what was changed between the opening and this first look made no other news.
                if seen.replace(version) != Some(version) {
                    bell.ring(Event::Perhaps);
                }
            }
            Err(_) => connection = None,
        }
    }
}

/// Rings for the notifications of other processes. After a lost connection some may be missing: [`Event::Perhaps`].
pub(super) async fn listen_postgres(bell: Arc<Bell>, pool: PgPool, clock: Clock, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Ok(mut listener) = PgListener::connect_with(&pool).await
                && listener.listen(CHANNEL).await.is_ok()
            {
                bell.ring(Event::Perhaps);
                while let Ok(Some(notification)) = listener.try_recv().await {
                    bell.heard(notification.payload());
                }
                bell.ring(Event::Perhaps);
            }
            tokio::time::sleep(RECONNECT).await;
        }
    };
    let following = async {
        loop {
            tokio::time::sleep(CLOCK).await;
            if let Err(error) = clock.follow(&pool).await {
                tracing::debug!(%error, "the database server's clock could not be asked");
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
        () = following => {}
    }
}
