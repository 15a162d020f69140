//! What a caller has left, and how fast it may ask.

use super::access::{with, with_key};
use super::*;
use samovar::accounts::NewKey;
use samovar::media::task::TASKS;
use serde_json::json;

#[tokio::test]
async fn a_caller_sees_its_own_account() {
    let keys = vec![key("anna", "tulip", Level::User), key("boss", "oak", Level::Admin)];
    let server = server_with(Turn::Paints, keys, 8).await;
    let mut account = with_key(&server, "/v1/account", "tulip").await.json();
    let tasks = account["tasks"].take();
    assert_eq!(tasks.as_array().unwrap().len(), TASKS.len());
    let mut task = tasks.as_array().unwrap().iter().find(|task| task["task"] == "image.generate").unwrap().clone();
    let resets = task["resets_in_s"].take().as_u64().unwrap();
    assert!((1..=25 * 3600).contains(&resets), "{resets}");
    let expected = json!({"task": "image.generate", "limit": 3, "used": 0, "left": 3, "price_kopecks": 300,
        "model_prices_kopecks": {"flux-schnell": 500}, "resets_in_s": null});
    assert_eq!(task, expected);
    assert_eq!(account, json!({"id": "key:anna", "level": "user", "balance_kopecks": 3000, "tasks": null}));
    let account = with_key(&server, "/v1/account", "oak").await.json();
    let task = &account["tasks"][0];
    assert_eq!((&account["level"], &task["limit"], &task["left"]), (&json!("admin"), &json!(null), &json!(null)));
    assert_eq!(with(&server, "/v1/account", &[]).await.status, 401);
}

/// Another process, as an administrator's command is.
async fn administrator(server: &Server) -> Db {
    let url = format!("sqlite://{}", server.dir.path().join("samovar.db").display());
    Db::open(&url, Clock::system()).await.unwrap()
}

/// Asks until the answer has that status.
async fn until_answered(server: &Server, key: &str, status: u16) {
    let asked = async {
        while with_key(server, "/v1/account", key).await.status != status {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap_or_else(|_| panic!("never {status}"));
}

#[tokio::test]
async fn a_key_of_the_database_is_known_and_revoked_while_the_server_runs() {
    use secrecy::ExposeSecret;
    let server = server(Turn::Paints).await;
    assert_eq!(server.get("/v1/account").await.json()["id"], "local");
    let db = administrator(&server).await;
    let mut tx = db.begin().await.unwrap();
    let new = NewKey { name: "anna", level: Level::Subscriber, rate: Some(2) };
    let key = Keys::add(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    let key = key.expose_secret();
    // Until the key is known, whoever sits at the machine is answered, whatever it sends.
    let asked = async {
        while server.get("/v1/account").await.status != 401 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.expect("the door stays open");
    assert_eq!(with_key(&server, "/v1/account", key).await.json()["level"], "subscriber");

    // Two requests a minute that submit work; the others are not counted.
    let submit = async || {
        let request = request("POST", "/v1/images/generations").header("authorization", format!("Bearer {key}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        server.send(request.body(json!({"prompt": ""}).to_string().into()).unwrap()).await
    };
    for _ in 0..2 {
        assert_eq!(submit().await.status, 400);
    }
    let early = submit().await;
    assert_eq!((early.status.as_u16(), &early.error()["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(early.error()["type"], "rate_limit_error");
    let wait: u64 = early.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(with_key(&server, "/v1/account", key).await.status, 200);

    let mut tx = db.begin().await.unwrap();
    Keys::revoke(&mut tx, "anna").await.unwrap();
    tx.commit().await.unwrap();
    until_answered(&server, key, 401).await;
    assert_eq!(server.get("/v1/account").await.status, 401, "without the last key the door is not open to everybody");
}
