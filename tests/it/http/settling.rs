//! When the money moves: at the delivery, and back when there is none.

use super::*;
use samovar::intake::Wish;
use samovar::media::{Door, ImageRequest, JobId, Owner};
use samovar::pipeline::keep_house;
use samovar::values;
use serde_json::json;

impl Server {
    fn intake(&self) -> Intake {
        let Pipeline { db, queue, accounts, storage, .. } = self.pipeline.clone();
        Intake::new(db, queue, accounts, storage, self.stop.clone())
    }

    /// Four pictures, of which three are free and one costs 3 roubles.
    async fn four_for(&self, door: Door) -> JobId {
        let request = ImageRequest { count: 4, ..ImageRequest::new("a cat") };
        let owner = Owner { id: "tg:42".to_owned(), level: Level::User };
        let id = self.intake().submit(&owner, Wish::new(door, request)).await.unwrap();
        assert_eq!(self.balance().await, 2700, "held at once");
        id
    }

    async fn done(&self, id: JobId) {
        let mut states = self.pipeline.queue.watch(id, &Owner::local()).await.unwrap().unwrap();
        states.wait_for(queue::State::is_final).await.unwrap();
    }

    async fn balance(&self) -> i64 {
        let row = self.pipeline.db.row("SELECT balance FROM users WHERE id = 'tg:42'", &[]).await.unwrap().unwrap();
        row.get("balance").unwrap()
    }

    async fn status(&self, id: JobId) -> String {
        let sql = "SELECT status FROM operations WHERE job = $1";
        self.pipeline.db.row(sql, values![id.to_string()]).await.unwrap().unwrap().get("status").unwrap()
    }

    /// The job's row is gone, as nothing here deletes it.
    async fn lose(&self, id: JobId) {
        let mut tx = self.pipeline.db.begin().await.unwrap();
        tx.execute("DELETE FROM jobs WHERE id = $1", values![id.to_string()]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What a worker does when it starts and every hour, until the operation is no longer pending.
    async fn kept_house(&self, id: JobId) {
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(keep_house(self.pipeline.clone(), Worker::here(Vec::new()), stop.clone()));
        while self.status(id).await == "pending" {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        keeping.await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_lies_ready_is_delivered() {
    let server = server(Turn::Paints).await;
    let id = server.four_for(Door::Http).await;
    server.done(id).await;
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("charged", 2700));
}

#[tokio::test]
async fn an_answer_for_telegram_is_charged_when_its_message_is_there_and_once() {
    let server = server(Turn::Paints).await;
    let id = server.four_for(Door::Telegram).await;
    server.done(id).await;
    assert_eq!(server.status(id).await, "pending");
    for _ in 0..2 {
        server.intake().delivered(id, "message 7").await.unwrap();
        assert_eq!((server.status(id).await.as_str(), server.balance().await), ("charged", 2700));
    }
    server.intake().undeliverable(id, "blocked").await.unwrap();
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("charged", 2700));
}

#[tokio::test]
async fn an_answer_that_cannot_be_delivered_is_given_back() {
    let server = server(Turn::Paints).await;
    let id = server.four_for(Door::Telegram).await;
    server.done(id).await;
    for _ in 0..2 {
        server.intake().undeliverable(id, "the user has blocked the bot").await.unwrap();
        assert_eq!((server.status(id).await.as_str(), server.balance().await), ("failed", 3000));
    }
}

#[tokio::test]
async fn a_delivery_of_which_nothing_is_known_for_a_day_is_given_back() {
    let server = server(Turn::Paints).await;
    let id = server.four_for(Door::Telegram).await;
    server.done(id).await;
    server.clock.jump(23 * 3_600_000);
    // A hold whose job is gone tells when the house was kept.
    let other = server.intake().submit(&Owner::local(), Wish::new(Door::Telegram, ImageRequest::new("a dog"))).await;
    let other = other.unwrap();
    server.done(other).await;
    server.lose(other).await;
    server.kept_house(other).await;
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("pending", 2700));
    server.clock.jump(2 * 3_600_000);
    server.kept_house(id).await;
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("failed", 3000));
    server.intake().delivered(id, "too late").await.unwrap();
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("failed", 3000));
}

#[tokio::test]
async fn a_hold_without_a_job_is_given_back() {
    let server = server(Turn::Waits).await;
    let id = server.four_for(Door::Http).await;
    server.lose(id).await;
    server.kept_house(id).await;
    assert_eq!((server.status(id).await.as_str(), server.balance().await), ("failed", 3000));
}

#[tokio::test]
async fn cancelling_gives_back_at_once_or_when_the_worker_has_stopped() {
    let server = server(Turn::Waits).await;
    let running =
        server.post("/v1/jobs", &json!({"task": "image.generate", "input": {"prompt": "a dog"}})).await.json();
    server.painter.started.notified().await;
    let waiting = server.four_for(Door::Http).await;
    assert!(server.intake().cancel(waiting, &Owner::local()).await.unwrap());
    assert_eq!((server.status(waiting).await.as_str(), server.balance().await), ("failed", 3000));
    let running: JobId = running["id"].as_str().unwrap().parse().unwrap();
    assert!(server.intake().cancel(running, &Owner::local()).await.unwrap());
    server.done(running).await;
    assert_eq!(server.status(running).await, "failed");
    assert!(Accounts::audit(&server.pipeline.db).await.unwrap().is_empty());
}
