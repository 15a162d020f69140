//! What comes: kept before it is acknowledged, handled once, in order for each, through crashes and failures.

use super::*;
use crate::telegram::{Fault, Refusal, Trouble};
use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode};
use futures::FutureExt;
use futures::future::BoxFuture;
use samovar::telegram::wire::Webhook;
use samovar::telegram::wire::updates::{Updates, handled};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use teloxide::types::{Update, UpdateKind};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::ServiceExt;

/// Whoever handles updates, and what it does with some of them.
#[derive(Clone)]
struct Reader {
    db: Db,
    /// What was handled, in order.
    read: watch::Sender<Vec<String>>,
    /// How often each was begun.
    begun: watch::Sender<BTreeMap<String, usize>>,
    /// What is waited for on "wait".
    gate: Arc<Notify>,
    /// So many fail on "fail".
    failing: Arc<AtomicUsize>,
}

impl Reader {
    fn new(db: &Db) -> Self {
        let (read, begun) = (watch::Sender::default(), watch::Sender::default());
        let (gate, failing) = (Arc::default(), Arc::default());
        Self { db: db.clone(), read, begun, gate, failing }
    }

    fn handler(&self) -> impl Fn(i64, Update) -> BoxFuture<'static, Result<(), Failure>> + Clone + use<> {
        let reader = self.clone();
        move |id, update| {
            let reader = reader.clone();
            async move { reader.handle(id, &update).await }.boxed()
        }
    }

    async fn handle(&self, id: i64, update: &Update) -> Result<(), Failure> {
        let words = match &update.kind {
            UpdateKind::Message(message) => message.text().unwrap_or("?").to_owned(),
            other => format!("{other:?}").chars().take_while(|c| c.is_alphabetic()).collect(),
        };
        self.begun.send_modify(|begun| *begun.entry(words.clone()).or_default() += 1);
        match words.as_str() {
            "wait" => self.gate.notified().await,
            "break" => panic!("so it is meant"),
            "never" => return Err(Failure::internal("a handler that is wrong")),
            "fail"
                if self
                    .failing
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok() =>
            {
                return Err(Failure::Unavailable { message: "not now".into() });
            }
            _ => {}
        }
        let mut tx = self.db.begin().await?;
        handled(&mut tx, id).await?;
        tx.commit().await?;
        self.read.send_modify(|read| read.push(words));
        Ok(())
    }

    /// Waits until so many were handled.
    async fn read(&self, count: usize) -> Vec<String> {
        let mut read = self.read.subscribe();
        let waiting = read.wait_for(|read| read.len() >= count);
        let all = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("more was to be handled");
        all.unwrap().clone()
    }

    fn begun(&self, words: &str) -> usize {
        self.begun.borrow().get(words).copied().unwrap_or_default()
    }

    /// Waits until the handling of these words has begun.
    async fn begins(&self, words: &str) {
        let mut begun = self.begun.subscribe();
        let waiting = begun.wait_for(|begun| begun.contains_key(words));
        let in_time = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        in_time.expect("it was to begin").unwrap();
    }
}

/// Updates of a bot, being handled.
struct Desk {
    api: FakeTelegram,
    database: Database,
    reader: Reader,
    running: Option<Running>,
}

async fn on_every_desk(rule: impl AsyncFn(Desk)) {
    on_every_database(async |database| {
        let reader = Reader::new(&database.db);
        rule(Desk { api: FakeTelegram::start().await, database, reader, running: None }).await;
    })
    .await;
}

impl Desk {
    fn settings(&self) -> Settings {
        settings(self.api.url(), self.api.token(), Patience::default())
    }

    fn start(&mut self) {
        self.start_with(self.settings());
    }

    fn start_with(&mut self, settings: Settings) {
        let (stop, db) = (CancellationToken::new(), self.database.db.clone());
        let updates = Updates::new(&settings, Bots::new(&settings).unwrap(), db);
        let (handler, until) = (self.reader.handler(), stop.clone());
        let task = tokio::spawn(async move { updates.run(handler, until).await });
        self.running = Some(Running { stop, task });
    }

    async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    async fn kill(&mut self) {
        self.running.take().unwrap().kill().await;
    }

    /// Updates that stand there, and those of them that are open.
    async fn rows(&self) -> (i64, i64) {
        let sql =
            "SELECT COUNT(*) AS kept, COUNT(CASE WHEN handled_at IS NULL THEN 1 END) AS open FROM telegram_updates";
        let row = self.database.db.row(sql, &[]).await.unwrap().unwrap();
        (row.get("kept").unwrap(), row.get("open").unwrap())
    }

    /// Waits until the rows are these.
    async fn comes_to(&self, rows: (i64, i64)) {
        let waiting = async {
            while self.rows().await != rows {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(in_time.is_ok(), "{:?}, not {rows:?}", self.rows().await);
    }
}

#[tokio::test]
async fn updates_are_handled_once_in_order_and_forgotten() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        for n in 0..250 {
            anna.sends(&n.to_string()).await;
        }
        desk.start();
        let expected: Vec<String> = (0..250).map(|n| n.to_string()).collect();
        assert_eq!(desk.reader.read(250).await, expected);
        desk.api.all_taken().await;
        desk.comes_to((250, 0)).await;
        let sql = "SELECT id FROM telegram_updates WHERE body <> ''";
        assert!(desk.database.db.rows(sql, &[]).await.unwrap().is_empty(), "what people wrote is not kept");
        let asked = desk.api.calls("getUpdates").remove(0);
        let kinds = ["message", "edited_message", "callback_query", "my_chat_member"];
        assert_eq!(asked.params["allowed_updates"], serde_json::json!(kinds));
    })
    .await;
}

#[tokio::test]
async fn a_person_waits_for_nobody_else() {
    on_every_desk(async |mut desk| {
        let (anna, boris) = (desk.api.user("Анна", "ru"), desk.api.user("Борис", "ru"));
        desk.start();
        anna.sends("wait").await;
        anna.sends("after").await;
        boris.sends("at once").await;
        assert_eq!(desk.reader.read(1).await, ["at once"]);
        assert_eq!(desk.reader.begun("after"), 0);
        desk.reader.gate.notify_one();
        assert_eq!(desk.reader.read(3).await, ["at once", "wait", "after"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_kept_when_the_program_died_is_handled_by_the_next_one() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        desk.start();
        anna.sends("wait").await;
        anna.sends("after").await;
        desk.comes_to((2, 2)).await;
        desk.reader.begins("wait").await;
        desk.kill().await;
        desk.reader.gate.notify_one();
        desk.start();
        assert_eq!(desk.reader.read(2).await, ["wait", "after"]);
        assert_eq!((desk.reader.begun("wait"), desk.reader.begun("after")), (2, 1));
        desk.comes_to((2, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn what_comes_again_because_it_was_not_acknowledged_is_not_handled_again() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        anna.sends("once").await;
        // The next call, which would acknowledge it, never gets through.
        desk.api.trouble(Trouble::with("getUpdates", Fault::Hang).after(1).always());
        desk.start();
        desk.reader.read(1).await;
        desk.kill().await;
        desk.api.heal();
        anna.sends("twice").await;
        desk.start();
        assert_eq!(desk.reader.read(2).await, ["once", "twice"]);
        desk.api.all_taken().await;
        assert_eq!(desk.reader.begun("once"), 1);
        desk.comes_to((2, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_program_waits_for_those_being_handled() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        desk.start();
        anna.sends("wait").await;
        anna.sends("after").await;
        desk.comes_to((2, 2)).await;
        desk.reader.begins("wait").await;
        let Running { stop, task } = desk.running.take().unwrap();
        stop.cancel();
        desk.reader.gate.notify_one();
        task.await.unwrap();
        assert_eq!(desk.reader.read(1).await, ["wait"]);
        assert_eq!(desk.rows().await, (2, 1));
    })
    .await;
}

#[tokio::test]
async fn what_fails_for_a_while_is_handled_and_what_breaks_its_handler_is_given_up() {
    on_every_desk(async |mut desk| {
        let (anna, boris) = (desk.api.user("Анна", "ru"), desk.api.user("Борис", "ru"));
        let vera = desk.api.user("Вера", "ru");
        desk.reader.failing.store(2, Ordering::SeqCst);
        desk.start();
        for (person, words) in [(&anna, "fail"), (&boris, "break"), (&vera, "never")] {
            person.sends(words).await;
            person.sends("next").await;
        }
        let read = desk.reader.read(4).await;
        assert_eq!(read.iter().filter(|words| *words == "next").count(), 3, "{read:?}");
        let begun = ["fail", "break", "never"].map(|words| desk.reader.begun(words));
        assert_eq!(begun, [3, 3, 3]);
        desk.comes_to((6, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_understands_is_passed_over() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        let mut tx = desk.database.db.begin().await.unwrap();
        for (id, body) in
            [(1_i64, "{"), (2, r#"{"update_id": 2, "something_new": {}}"#), (3, r#"{"update_id": 3, "message": 7}"#)]
        {
            let sql = "INSERT INTO telegram_updates (id, body, received_at) VALUES ($1, $2, 0)";
            tx.execute(sql, values![id, body]).await.unwrap();
        }
        tx.commit().await.unwrap();
        anna.sends_something_new().await;
        anna.sends("plain").await;
        desk.start();
        assert_eq!(desk.reader.read(2).await, ["?", "plain"], "a message of an unknown kind is one all the same");
        desk.comes_to((5, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn an_update_that_was_handled_by_another_is_not_handled_again() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        desk.start();
        anna.sends("wait").await;
        desk.comes_to((1, 1)).await;
        desk.reader.begins("wait").await;
        let mut tx = desk.database.db.begin().await.unwrap();
        tx.execute("UPDATE telegram_updates SET handled_at = 1", &[]).await.unwrap();
        tx.commit().await.unwrap();
        desk.reader.gate.notify_one();
        desk.stop().await;
        assert_eq!(desk.reader.begun("wait"), 1);
        assert!(desk.reader.read.borrow().is_empty(), "what came of it was not written down");
    })
    .await;
}

#[tokio::test]
async fn bad_days_of_telegram_pass() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        let other = "terminated by other getUpdates request; make sure that only one bot instance is running";
        for fault in [Fault::Gateway, Fault::TooMany(1), Fault::Refused(Refusal::conflict(other))] {
            desk.api.trouble(Trouble::with("getUpdates", fault));
        }
        desk.start();
        anna.sends("after all").await;
        assert_eq!(desk.reader.read(1).await, ["after all"]);
    })
    .await;
}

#[tokio::test]
async fn updates_are_brought_and_then_fetched_again() {
    on_every_desk(async |mut desk| {
        let anna = desk.api.user("Анна", "ru");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/hook", listener.local_addr().unwrap())).unwrap();
        let webhook = Some(Webhook { url, secret: "s3cret_".into() });
        let settings = Settings { webhook, ..desk.settings() };
        let updates = Updates::new(&settings, Bots::new(&settings).unwrap(), desk.database.db.clone());
        let router = updates.webhook().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        desk.start_with(settings);
        anna.sends("brought").await;
        assert_eq!(desk.reader.read(1).await, ["brought"]);
        assert!(desk.api.calls("getUpdates").is_empty());
        desk.stop().await;
        server.abort();
        desk.start();
        anna.sends("fetched").await;
        assert_eq!(desk.reader.read(2).await, ["brought", "fetched"]);
        assert_eq!(desk.reader.begun("brought"), 1);
    })
    .await;
}

#[tokio::test]
async fn only_telegram_brings_updates() {
    on_every_desk(async |desk| {
        let url = Url::parse("https://bot.example/hook").unwrap();
        let webhook = Some(Webhook { url, secret: "s3cret".into() });
        let settings = Settings { webhook, ..desk.settings() };
        let updates = Updates::new(&settings, Bots::new(&settings).unwrap(), desk.database.db.clone());
        let brings = async |secret: Option<&str>, body: Vec<u8>| {
            let mut request = Request::post("/hook");
            if let Some(secret) = secret {
                request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
            }
            let request = request.body(HttpBody::from(body)).unwrap();
            updates.webhook().unwrap().oneshot(request).await.unwrap().status()
        };
        let update = br#"{"update_id": 7, "message": {}}"#.to_vec();
        for wrong in [None, Some(""), Some("s3cre"), Some("s3cret1")] {
            assert_eq!(brings(wrong, update.clone()).await, StatusCode::UNAUTHORIZED, "{wrong:?}");
        }
        assert_eq!(brings(Some("s3cret"), b"no update".to_vec()).await, StatusCode::BAD_REQUEST);
        let large = vec![b' '; (4 << 20) + 1];
        assert_eq!(brings(Some("s3cret"), large).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(desk.rows().await, (0, 0));
        assert_eq!(brings(Some("s3cret"), update.clone()).await, StatusCode::OK);
        assert_eq!(brings(Some("s3cret"), update).await, StatusCode::OK);
        assert_eq!(desk.rows().await, (1, 1));
    })
    .await;
}
