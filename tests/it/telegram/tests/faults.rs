//! Calls that go wrong, and chats that are written to too fast.

use super::{Bot, in_chat};
use crate::telegram::pace::Tally;
use crate::telegram::{Fault, Outcome, Pace, Person, Refusal, Trouble};
use serde_json::{Value, json};
use std::time::Duration;

impl Bot {
    /// A text to someone; nothing comes back from a connection that is cut.
    async fn tries(&self, person: &Person, text: &str) -> Option<reqwest::Response> {
        let params = in_chat(person, json!({ "text": text }));
        self.client.post(self.address("sendMessage")).json(&params).send().await.ok()
    }
}

async fn described(response: Option<reqwest::Response>) -> Value {
    response.expect("an answer").json().await.unwrap()
}

#[tokio::test]
async fn refusals_come_as_written() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    bot.api.trouble(Trouble::with("sendMessage", Fault::TooMany(7)).times(2));
    let first = bot.tries(&anna, "a").await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    let expected = json!({
        "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 7",
        "parameters": { "retry_after": 7 },
    });
    assert_eq!(first.json::<Value>().await.unwrap(), expected);
    assert_eq!(bot.tries(&anna, "a").await.unwrap().status().as_u16(), 429);
    assert_eq!(bot.tries(&anna, "a").await.unwrap().status().as_u16(), 200);
    bot.api.trouble(Trouble::with("*", Fault::Server));
    assert_eq!(described(bot.tries(&anna, "b").await).await["description"], "Internal Server Error");
    bot.api.trouble(Trouble::with("sendMessage", Fault::Gateway));
    let page = bot.tries(&anna, "b").await.unwrap();
    assert_eq!(page.status().as_u16(), 502);
    assert!(page.text().await.unwrap().contains("502 Bad Gateway"));
    let own = Refusal::forbidden("bot can't initiate conversation with a user");
    bot.api.trouble(Trouble::with("sendMessage", Fault::Refused(own.clone())).after(1));
    assert_eq!(described(bot.tries(&anna, "b").await).await["ok"], true);
    assert_eq!(described(bot.tries(&anna, "c").await).await["description"], own.description.as_str());
    assert_eq!((bot.api.tally(anna.chat).too_many, bot.api.tally(anna.chat).sends), (2, 2));
    assert_eq!(bot.api.calls("sendMessage").last().unwrap().outcome, Outcome::Refused(own));
}

#[tokio::test]
async fn faults_may_be_of_one_chat() {
    let bot = Bot::start().await;
    let (anna, boris) = (bot.friend().await, bot.friend().await);
    bot.api.trouble(Trouble::with("sendMessage", Fault::Server).always().in_chat(anna.chat));
    assert_eq!(described(bot.tries(&anna, "a").await).await["ok"], false);
    assert_eq!(described(bot.tries(&boris, "a").await).await["ok"], true);
    assert_eq!(described(bot.tries(&anna, "a").await).await["ok"], false);
    bot.api.heal();
    assert_eq!(described(bot.tries(&anna, "a").await).await["ok"], true);
}

#[tokio::test]
async fn connections_drop_before_and_after() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    bot.api.trouble(Trouble::with("sendMessage", Fault::DropBefore));
    assert!(bot.tries(&anna, "unread").await.is_none());
    assert!(bot.api.calls("sendMessage").is_empty(), "it was not even read");
    bot.api.trouble(Trouble::with("sendMessage", Fault::DropBefore).in_chat(anna.chat));
    assert!(bot.tries(&anna, "read").await.is_none());
    assert_eq!(bot.api.calls("sendMessage")[0].outcome, Outcome::Lost);
    assert_eq!(bot.api.tally(anna.chat).sends, 0);
    bot.api.trouble(Trouble::with("sendMessage", Fault::DropAfter));
    assert!(bot.tries(&anna, "sent").await.is_none());
    anna.expects_text(|text| text == "sent").await;
    let call = bot.api.expects_calls("sendMessage", 2).await.pop().unwrap();
    assert_eq!((call.outcome.clone(), call.param("text")), (Outcome::Unheard, "sent".to_owned()));
    assert!(bot.api.transcript(anna.chat).contains("!! sendmessage: done, but the answer did not come"));
}

#[tokio::test]
async fn what_hangs_is_let_go() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    for (fault, heard, sent) in [(Fault::Hang, false, false), (Fault::Hold, true, true), (Fault::Mute, true, true)] {
        let text = format!("{fault:?}");
        let waits = fault == Fault::Mute;
        bot.api.trouble(Trouble::with("sendMessage", fault));
        let calls = bot.api.calls("sendMessage").len();
        let (answer, ()) = tokio::join!(bot.tries(&anna, &text), async {
            while bot.api.calls("sendMessage").len() == calls {
                tokio::task::yield_now().await;
            }
            if waits {
                anna.expects_text(|seen| seen == text).await;
            }
            // Whoever hangs may listen for the release a little later than the call is written down.
            while bot.api.world.released.receiver_count() == 0 {
                tokio::task::yield_now().await;
            }
            bot.api.release();
        });
        assert_eq!(answer.is_some(), heard, "{text}");
        assert_eq!(bot.api.transcript(anna.chat).contains(&format!(": {text}\n")), sent, "{text}");
    }
    bot.api.trouble(Trouble::with("sendMessage", Fault::Slow(Duration::from_millis(10))));
    assert!(bot.tries(&anna, "slow").await.is_some());
}

#[tokio::test]
async fn downloads_go_wrong_too() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let photo = anna.sends_photo(super::picture(20, 20), "").await;
    let file = bot.gets("getFile", json!({ "file_id": photo.json()["photo"][0]["file_id"] })).await;
    let url = format!("{}/file/bot{}/{}", bot.api.url(), bot.api.token(), file["file_path"].as_str().unwrap());
    let get = || async { bot.client.get(&url).send().await.ok().map(|response| response.status().as_u16()) };
    let faults = [(Fault::Server, Some(500)), (Fault::TooMany(3), Some(429)), (Fault::DropBefore, None)];
    for (fault, status) in faults {
        bot.api.trouble(Trouble::with("file", fault));
        assert_eq!(get().await, status);
    }
    assert_eq!(get().await, Some(200));
}

#[tokio::test]
async fn the_same_file_is_not_sent_again_and_again() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    bot.api.stop_clock();
    bot.api.set_pace(Pace { burst: Some(100), per_minute: 100, ..Pace::STRICT });
    let params = [("chat_id", anna.chat.to_string())];
    let mut sent = 0;
    let refused = loop {
        let answer = bot.uploads("sendDocument", &params, &[("document", "a.bin", vec![1; 200_000])]).await;
        if answer["ok"] != true {
            break answer;
        }
        sent += 1;
    };
    // A second of rest and five more, a fifth of a second each.
    assert_eq!((sent, &refused["parameters"]["retry_after"]), (32, &json!(60)));
    let other = bot.uploads("sendDocument", &params, &[("document", "a.bin", vec![1; 200_001])]).await;
    assert_eq!(other["ok"], true);
}

#[tokio::test]
async fn a_strict_pace_slows_a_chat_down() {
    let bot = Bot::start().await;
    let (anna, boris) = (bot.friend().await, bot.friend().await);
    bot.api.stop_clock();
    bot.api.set_pace(Pace::STRICT);
    for _ in 0..5 {
        assert_eq!(described(bot.tries(&anna, "a").await).await["ok"], true);
    }
    let refused = described(bot.tries(&anna, "a").await).await;
    assert_eq!(refused["parameters"]["retry_after"], 3, "{refused}");
    assert_eq!(described(bot.tries(&boris, "a").await).await["ok"], true, "another chat is free");
    for _ in 0..15 {
        bot.api.advance(Duration::from_secs(1));
        assert_eq!(described(bot.tries(&anna, "a").await).await["ok"], true);
    }
    bot.api.advance(Duration::from_secs(10));
    let full = described(bot.tries(&anna, "a").await).await;
    assert_eq!(full["parameters"]["retry_after"], 35, "twenty in a minute: {full}");
    let edit = in_chat(&anna, json!({ "message_id": anna.expects_text(|_| true).await.id(), "text": "b" }));
    assert!(bot.is_refused("editMessageText", edit.clone()).await.ends_with("retry after 35"), "edits count as well");
    bot.api.advance(Duration::from_secs(35));
    bot.gets("editMessageText", edit).await;
    assert_eq!(bot.api.tally(anna.chat), Tally { sends: 20, edits: 1, too_many: 3, ..Tally::default() });
    assert_eq!(bot.api.busiest_minute(anna.chat), 20);
}
