//! `getUpdates` and webhooks.

use super::Bot;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

fn texts(updates: &[Value]) -> Vec<&str> {
    updates.iter().map(|update| update["message"]["text"].as_str().unwrap()).collect()
}

fn next(update: &Value) -> i64 {
    update["update_id"].as_i64().unwrap() + 1
}

#[tokio::test]
async fn offsets_confirm() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    for text in ["a", "b", "c", "d"] {
        anna.sends(text).await;
    }
    let two = bot.updates(json!({ "limit": 2 })).await;
    assert_eq!(texts(&two), ["a", "b"]);
    assert_eq!(two[0]["update_id"].as_i64().unwrap() + 1, two[1]["update_id"].as_i64().unwrap());
    let again = bot.updates(json!({})).await;
    assert_eq!(texts(&again), ["a", "b", "c", "d"], "what is not confirmed comes again");
    let rest = bot.updates(json!({ "offset": next(&two[1]) })).await;
    assert_eq!(texts(&rest), ["c", "d"]);
    assert_eq!(texts(&bot.updates(json!({ "offset": -1 })).await), ["d"]);
    assert_eq!(texts(&bot.updates(json!({ "offset": "0" })).await), ["d"], "the others are forgotten");
    assert!(bot.updates(json!({ "offset": next(&rest[1]) })).await.is_empty());
    bot.api.all_taken().await;
}

#[tokio::test]
async fn a_long_poll_waits() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    assert!(bot.updates(json!({ "timeout": 0 })).await.is_empty());
    let (updates, ()) = tokio::join!(bot.updates(json!({ "timeout": 50 })), async {
        while bot.api.calls("getUpdates").len() < 2 {
            tokio::task::yield_now().await;
        }
        anna.sends("a").await;
    });
    assert_eq!(texts(&updates), ["a"]);
    assert!(bot.updates(json!({ "timeout": 1, "offset": next(&updates[0]) })).await.is_empty());
}

#[tokio::test]
async fn only_one_polls() {
    let bot = Bot::start().await;
    let polls = || bot.asks("getUpdates", json!({ "timeout": 50 }));
    let second = async {
        while bot.api.world.look(|state| state.updates.poll == 0) {
            tokio::task::yield_now().await;
        }
        polls().await
    };
    let third = async {
        while bot.api.world.look(|state| state.updates.poll < 2) {
            tokio::task::yield_now().await;
        }
        bot.api.user("Анна", "ru").sends("a").await;
    };
    let (first, second, ()) = tokio::join!(polls(), second, third);
    let why = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    assert_eq!((&first["error_code"], &first["description"]), (&json!(409), &json!(why)));
    assert_eq!(second["result"][0]["message"]["text"], "a");
}

#[tokio::test]
async fn a_bot_chooses_what_it_is_told() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    let seen = anna.sends("a").await;
    bot.updates(json!({ "allowed_updates": ["edited_message"] })).await;
    anna.sends("b").await;
    anna.edits(&seen, "c").await;
    let told = bot.updates(json!({})).await;
    assert_eq!(told.len(), 2, "what was there before stays, and nothing said is as before: {told:?}");
    assert_eq!(told[1]["edited_message"]["text"], "c");
    assert!(told[1]["edited_message"]["edit_date"].is_i64());
    bot.updates(json!({ "allowed_updates": [] })).await;
    anna.sends("d").await;
    assert_eq!(bot.updates(json!({})).await[2]["message"]["text"], "d");
}

#[tokio::test]
async fn what_waits_too_long_is_forgotten() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    let seen = anna.sends("a").await;
    anna.taps_data(&seen, "x").await;
    bot.api.advance(Duration::from_secs(150));
    assert_eq!(texts(&bot.updates(json!({})).await), ["a"]);
    bot.api.advance(Duration::from_secs(24 * 60 * 60));
    assert!(bot.updates(json!({})).await.is_empty());
    assert_eq!(bot.api.latencies().unanswered, 2);
}

/// Where updates go, and how many are refused still.
type Hooked = Arc<(mpsc::UnboundedSender<(String, Value)>, std::sync::atomic::AtomicUsize)>;

/// A bot behind a webhook: answers with what `refusals` says, then takes everything.
async fn hook(refusals: usize) -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
    let (tell, told) = mpsc::unbounded_channel();
    let state = Arc::new((tell, std::sync::atomic::AtomicUsize::new(refusals)));
    let take = |State(state): State<Hooked>, headers: HeaderMap, body: axum::Json<Value>| async move {
        let secret = headers.get("x-telegram-bot-api-secret-token").map_or("", |value| value.to_str().unwrap());
        let left = state.1.load(std::sync::atomic::Ordering::SeqCst);
        if left > 0 {
            state.1.store(left - 1, std::sync::atomic::Ordering::SeqCst);
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        state.0.send((secret.to_owned(), body.0)).unwrap();
        StatusCode::OK
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", axum::routing::post(take)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, told)
}

#[tokio::test]
async fn a_webhook_is_told_in_order_and_again() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    anna.sends("a").await;
    let (url, mut told) = hook(2).await;
    let answer = bot.asks("setWebhook", json!({ "url": url, "secret_token": "s-1", "max_connections": 4 })).await;
    assert_eq!(answer, json!({ "ok": true, "result": true, "description": "Webhook was set" }));
    anna.sends("b").await;
    for text in ["a", "b"] {
        let (secret, update) = told.recv().await.unwrap();
        assert_eq!((secret.as_str(), &update["message"]["text"]), ("s-1", &json!(text)));
    }
    bot.api.all_taken().await;
    let info = bot.gets("getWebhookInfo", json!({})).await;
    assert_eq!((&info["url"], &info["pending_update_count"]), (&json!(url), &json!(0)));
    let failed = "Wrong response from the webhook: 500 Internal Server Error";
    assert_eq!((&info["last_error_message"], &info["max_connections"]), (&json!(failed), &json!(4)));
    let poll = bot.is_refused("getUpdates", json!({})).await;
    assert!(poll.starts_with("Conflict: can't use getUpdates method while webhook is active"), "{poll}");
    let gone = bot.asks("deleteWebhook", json!({})).await;
    assert_eq!(gone["description"], "Webhook was deleted");
    assert_eq!(bot.asks("deleteWebhook", json!({})).await["description"], "Webhook is already deleted");
    anna.sends("c").await;
    bot.gets("deleteWebhook", json!({ "drop_pending_updates": true })).await;
    assert!(bot.updates(json!({})).await.is_empty());
    assert_eq!(bot.gets("getWebhookInfo", json!({})).await["url"], "");
}

#[tokio::test]
async fn a_webhook_ends_a_poll_and_is_checked() {
    let bot = Bot::start().await;
    let poll = bot.asks("getUpdates", json!({ "timeout": 50 }));
    let (url, _told) = hook(0).await;
    let (polled, ()) = tokio::join!(poll, async {
        while bot.api.world.look(|state| state.updates.poll == 0) {
            tokio::task::yield_now().await;
        }
        bot.gets("setWebhook", json!({ "url": url })).await;
    });
    assert_eq!(polled["description"], "Conflict: terminated by setWebhook request");
    let again = bot.asks("setWebhook", json!({ "url": url })).await;
    assert_eq!(again["description"], "Webhook is already set");
    let refused = |params: Value| bot.is_refused("setWebhook", params);
    let plain = refused(json!({ "url": "http://example.org/" })).await;
    assert_eq!(plain, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook");
    let port = refused(json!({ "url": "https://example.org:8080/" })).await;
    assert_eq!(port, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443");
    assert_eq!(refused(json!({ "url": "?" })).await, "Bad Request: invalid webhook URL specified");
    let secret = refused(json!({ "url": url, "secret_token": "a b" })).await;
    assert_eq!(secret, "Bad Request: secret token contains unallowed characters");
    let long = refused(json!({ "url": url, "secret_token": "a".repeat(257) })).await;
    assert_eq!(long, "Bad Request: secret token is too long");
}
