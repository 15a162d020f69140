//! The wire of the Telegram door against a Bot API of our own: what is sent arrives once and in order, what comes is
//! handled once, through crashes, limits and bad connections, on SQLite and on PostgreSQL.

mod calls;
mod crashes;
mod forms;
mod limits;
mod order;
mod turns;
mod unreachable;
mod updates;

use crate::support::database::{Database, on_every_database};
use crate::telegram::{FakeTelegram, Person};
use async_trait::async_trait;
use bytes::Bytes;
use samovar::db::Db;
use samovar::media::{AssetId, Failure, JobId};
use samovar::storage::{Kind, NewAsset, Place as StoragePlace, Settings as StorageSettings, Storage};
use samovar::telegram::parcel::{Act, Body, Parcel, Place, Target, Urgency};
use samovar::telegram::wire::{Bots, Lost, Onward, Outbox, Pace, Patience, Rate, Settings};
use samovar::values;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// An outbox in front of a Telegram of our own.
struct Rig {
    api: FakeTelegram,
    database: Database,
    storage: Arc<Storage>,
    outbox: Outbox,
    books: Arc<Books>,
    running: Option<Running>,
    how: (Settings, Pace),
    _folder: TempDir,
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// As the end of the program does it.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As the death of the program does it: nothing more is written.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// What was told of parcels.
#[derive(Default)]
struct Books {
    told: watch::Sender<Vec<Told>>,
    /// So many are told in vain before one is heard.
    deaf: Mutex<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Arrived(JobId, String),
    Unreachable(JobId, String),
    Unsure(Lost),
}

#[async_trait]
impl Onward for Books {
    async fn arrived(&self, job: JobId, receipt: &str) -> Result<(), Failure> {
        self.hear(Told::Arrived(job, receipt.to_owned()))
    }

    async fn unreachable(&self, job: JobId, reason: &str) -> Result<(), Failure> {
        self.hear(Told::Unreachable(job, reason.to_owned()))
    }

    async fn unsure(&self, lost: Lost) -> Result<Option<Parcel>, Failure> {
        self.hear(Told::Unsure(lost))?;
        Ok(Some(Parcel::text("", lost.place, format!("Did {} arrive?", lost.parcel))))
    }
}

impl Books {
    fn hear(&self, told: Told) -> Result<(), Failure> {
        let mut deaf = self.deaf.lock().unwrap();
        if *deaf > 0 {
            *deaf -= 1;
            return Err(Failure::Unavailable { message: "not now".to_owned() });
        }
        self.told.send_modify(|all| all.push(told));
        Ok(())
    }

    /// Waits until so much was told.
    async fn told(&self, count: usize) -> Vec<Told> {
        let mut told = self.told.subscribe();
        let waiting = told.wait_for(|all| all.len() >= count);
        let all = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("more was to be told");
        all.unwrap().clone()
    }

    /// The parcel of which nobody knows.
    async fn lost(&self) -> Lost {
        match self.told(1).await.pop() {
            Some(Told::Unsure(lost)) => lost,
            other => panic!("{other:?}"),
        }
    }
}

/// No limits: the real ones have tests of their own, and would make these wait.
fn free() -> Pace {
    let rate = Rate { per_minute: 1e9, burst: 1e9, reserve: 0.0, between_statuses: Duration::ZERO };
    Pace { private: rate, group: rate, overall: 1e6, uploads: 6 }
}

fn settings(api_url: &str, token: String, patience: Patience) -> Settings {
    Settings { token: token.into(), api_url: Url::parse(api_url).unwrap(), proxy: None, webhook: None, patience }
}

/// Runs a rule on every database.
async fn on_every_rig(rule: impl AsyncFn(Rig)) {
    on_every_rig_with(free(), Patience::default(), rule).await;
}

async fn on_every_rig_with(pace: Pace, patience: Patience, rule: impl AsyncFn(Rig)) {
    on_every_database(async |database| {
        let api = FakeTelegram::start().await;
        let settings = settings(api.url(), api.token(), patience);
        rule(Rig::open(api, database, settings, pace).await).await;
    })
    .await;
}

impl Rig {
    async fn open(api: FakeTelegram, database: Database, settings: Settings, pace: Pace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = StorageSettings {
            place: StoragePlace::Folder(folder.path().join("media")),
            secret_file: folder.path().join("secret"),
            retention: Duration::from_secs(86_400),
            upload_retention: Duration::from_secs(86_400),
            link_life: Duration::from_secs(3600),
        };
        let storage = Arc::new(Storage::open(kept, database.db.clone()).await.unwrap());
        let bots = Bots::new(&settings).unwrap();
        let outbox = Outbox::new(database.db.clone(), Arc::clone(&storage), bots, pace);
        let (books, running, how) = (Arc::default(), None, (settings, pace));
        Self { api, database, storage, outbox, books, running, how, _folder: folder }
    }

    fn db(&self) -> &Db {
        &self.database.db
    }

    fn start(&mut self) {
        let stop = CancellationToken::new();
        let onward: Arc<dyn Onward> = self.books.clone();
        let task = tokio::spawn(self.outbox.clone().run(onward, stop.clone()));
        self.running = Some(Running { stop, task });
    }

    async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// The death of the program: nothing is remembered either.
    async fn kill(&mut self) {
        self.running.take().unwrap().kill().await;
        let bots = Bots::new(&self.how.0).unwrap();
        self.outbox = Outbox::new(self.db().clone(), Arc::clone(&self.storage), bots, self.how.1);
    }

    async fn put(&self, parcels: &[Parcel]) {
        let mut tx = self.db().begin().await.unwrap();
        for parcel in parcels {
            self.outbox.put(&mut tx, parcel).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Someone who talks with the bot.
    async fn friend(&self, name: &str) -> Person {
        let person = self.api.user(name, "ru");
        person.sends("/start").await;
        person
    }

    async fn store(&self, bytes: impl Into<Bytes>) -> AssetId {
        let new = NewAsset {
            bytes: bytes.into(),
            content_type: "image/png".to_owned(),
            owner: "tg:1".to_owned(),
            kind: Kind::Generated,
            parent: None,
            metadata: serde_json::json!({}),
        };
        self.storage.put(new).await.unwrap()
    }

    /// State and reason of a parcel.
    async fn state(&self, key: &str) -> (String, Option<String>) {
        let sql = "SELECT state, reason FROM telegram_outbox WHERE key = $1";
        let row = self.db().row(sql, values![key]).await.unwrap().expect("a parcel with this key");
        (row.get("state").unwrap(), row.get("reason").unwrap())
    }

    /// Waits until a parcel is in this state, by the news that the database tells.
    async fn settles(&self, key: &str, state: &str) {
        let settled = async {
            while self.state(key).await.0 != state {
                // What is settled makes no news; the fake's and the tests' own do not reach here.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), settled).await;
        assert!(in_time.is_ok(), "{key} is {:?}, not {state}", self.state(key).await);
    }

    /// Lets go of what hangs, again and again: it may begin to hang a little after its call was seen.
    async fn releasing<T>(&self, waiting: impl Future<Output = T>) -> T {
        let releasing = async {
            loop {
                self.api.release();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            done = waiting => done,
            () = releasing => unreachable!("it never ends"),
        }
    }

    /// The texts of all messages that came to a chat, in order.
    fn texts(&self, chat: i64) -> Vec<String> {
        let calls = self.api.calls("sendMessage").into_iter().filter(|call| call.chat == Some(chat));
        calls.map(|call| call.param("text")).collect()
    }
}

fn place(person: &Person) -> Place {
    Place { chat: person.chat, topic: None }
}

fn text(person: &Person, text: &str) -> Parcel {
    Parcel::text(format!("text:{text}"), place(person), text)
}

fn urgent(urgency: Urgency, parcel: Parcel) -> Parcel {
    Parcel { urgency, ..parcel }
}

fn result(person: &Person, html: &str, job: JobId) -> Parcel {
    Parcel { urgency: Urgency::Result, job: Some(job), ..text(person, html) }
}

/// A text that gets a name.
fn named(person: &Person, html: &str, slot: &str) -> Parcel {
    let body = Body::Text { html: html.to_owned() };
    let act = Act::Send { body, reply_to: None, keyboard: None, slot: Some(slot.to_owned()), ask: None };
    Parcel { act, ..text(person, html) }
}

fn send(person: &Person, key: &str, body: Body) -> Parcel {
    let act = Act::Send { body, reply_to: None, keyboard: None, slot: None, ask: None };
    Parcel { key: key.to_owned(), place: place(person), urgency: Urgency::Result, act, job: None }
}

fn edit(person: &Person, slot: &str, html: &str) -> Parcel {
    let target = Target::Slot(slot.to_owned());
    let act = Act::Edit { target, html: html.to_owned(), keyboard: None };
    Parcel { key: format!("edit:{slot}"), place: place(person), urgency: Urgency::Status, act, job: None }
}

fn delete(person: &Person, slot: &str) -> Parcel {
    let act = Act::Delete { target: Target::Slot(slot.to_owned()) };
    Parcel { key: format!("delete:{slot}"), place: place(person), urgency: Urgency::Answer, act, job: None }
}

/// A picture of noise as a PNG.
fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state = 7_u32;
    let image = image::RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, r, g, b] = state.to_le_bytes();
        image::Rgb([r, g, b])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
