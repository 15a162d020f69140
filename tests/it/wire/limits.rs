//! Telegram's limits: kept by ourselves, and obeyed where Telegram knows better.

use super::*;
use crate::telegram::{Fault, Pace as Strictness, Trouble};

#[tokio::test]
async fn a_chat_that_must_wait_loses_news_of_jobs_and_nothing_else() {
    on_every_rig(async |mut rig| {
        let (anna, boris) = (rig.friend("Анна").await, rig.friend("Борис").await);
        rig.start();
        rig.put(&[named(&anna, "status", "s")]).await;
        anna.expects_text(|text| text == "status").await;
        rig.settles("text:status", "sent").await;
        rig.stop().await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::TooMany(1)).times(2).in_chat(anna.chat));
        let job = JobId::fresh();
        rig.put(&[result(&anna, "result", job), text(&anna, "answer"), edit(&anna, "s", "news")]).await;
        rig.put(&[text(&boris, "other")]).await;
        rig.start();
        boris.expects_text(|text| text == "other").await;
        rig.settles("edit:s", "dropped").await;
        anna.expects_text(|text| text == "answer").await;
        assert_eq!(rig.texts(anna.chat), ["status", "result", "result", "result", "answer"]);
        assert_eq!(rig.api.tally(anna.chat).too_many, 2);
        assert!(rig.api.calls("editMessageText").is_empty());
        assert!(matches!(&rig.books.told(1).await[..], [Told::Arrived(who, _)] if *who == job));
        rig.put(&[edit(&anna, "s", "later news")]).await;
        rig.settles("edit:s", "sent").await;
    })
    .await;
}

#[tokio::test]
async fn a_pause_outlives_the_program() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::TooMany(3600)));
        rig.put(&[text(&anna, "first")]).await;
        rig.start();
        rig.api.expects_calls("sendMessage", 1).await;
        let waits = async |rig: &Rig| {
            let sql = "SELECT not_before FROM telegram_outbox WHERE key = 'text:first' AND state = 'waiting'";
            let row = rig.db().row(sql, &[]).await.unwrap();
            row.is_some_and(|row| row.get::<i64>("not_before").unwrap() > rig.db().now() + 3_000_000)
        };
        while !waits(&rig).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rig.kill().await;
        let boris = rig.friend("Борис").await;
        rig.put(&[text(&anna, "second"), text(&boris, "other")]).await;
        rig.start();
        boris.expects_text(|text| text == "other").await;
        rig.put(&[text(&boris, "another")]).await;
        boris.expects_text(|text| text == "another").await;
        assert_eq!(rig.texts(anna.chat), ["first"]);
        rig.kill().await;
        // An hour later.
        rig.database.clock.jump(3_600_000);
        rig.start();
        anna.expects_text(|text| text == "second").await;
        assert_eq!(rig.texts(anna.chat), ["first", "first", "second"]);
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_news_leaves_room_for_the_result() {
    on_every_rig_with(Pace::default(), Patience::default(), async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.api.set_pace(Strictness::STRICT);
        rig.start();
        rig.put(&[named(&anna, "status", "s")]).await;
        let message = anna.expects_text(|text| text == "status").await;
        for step in 0..100 {
            rig.put(&[edit(&anna, "s", &format!("step {step}"))]).await;
        }
        let job = JobId::fresh();
        rig.put(&[result(&anna, "result", job), delete(&anna, "s")]).await;
        anna.expects_text(|text| text == "result").await;
        anna.expects_gone(&message).await;
        let tally = rig.api.tally(anna.chat);
        assert_eq!((tally.sends, tally.too_many), (2, 0));
        assert!(tally.edits <= 5, "{tally:?}");
    })
    .await;
}
