//! What only administrators see.

use super::*;
use samovar::media::providers::{BreakerView, KeyView, ProviderView, Providers};
use samovar::media::{JobId, Tried};

async fn asked(server: &Server, path: &str, key: &str) -> Answer {
    let request = request("GET", path).header(header::AUTHORIZATION, format!("Bearer {key}"));
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn statistics_are_for_administrators() {
    let keys = vec![
        key("boss", "boss-key", Level::Admin),
        key("paid", "paid-key", Level::Subscriber),
        key("all", "all-key", Level::User),
    ];
    let server = server_with(Turn::Paints, keys, 8).await;
    let url = format!("sqlite://{}", server.dir.path().join("samovar.db").display());
    let db = Db::open(&url, Clock::system()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    for (took_ms, class) in [(1500, Tried::DONE), (500, "crashed")] {
        let (provider, model) = ("local".to_owned(), "demo".to_owned());
        let tried = Tried { provider, model, took_ms, bytes: 1000, class: class.to_owned(), ..Tried::default() };
        Statistics::new(db.clone()).record(&mut tx, JobId::fresh(), "image.generate", &tried).await.unwrap();
    }
    tx.commit().await.unwrap();

    for key in ["paid-key", "all-key"] {
        let refused = asked(&server, "/v1/admin/stats", key).await;
        assert_eq!((refused.status, &refused.error()["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()));
    }
    assert_eq!(asked(&server, "/v1/admin/stats", "other-key").await.status, 401);
    for days in ["0", "36501", "-1", "all"] {
        let refused = asked(&server, &format!("/v1/admin/stats?days={days}"), "boss-key").await;
        assert_eq!(refused.status, 400, "{days}");
        refused.error();
    }
    assert_eq!(asked(&server, "/v1/admin/stats", "boss-key").await.json()["days"], 30);
    let json = asked(&server, "/v1/admin/stats?days=1", "boss-key").await.json();
    let expected = serde_json::json!({"days": 1, "totals": [{
        "task": "image.generate", "provider": "local", "model": "demo", "attempts": 2, "answered": 1,
        "success_rate": 0.5, "mean_s": 1.5, "longest_s": 1.5, "mean_bytes": 1000, "failures": {"crashed": 1},
    }]});
    assert_eq!(json, expected);
}

#[tokio::test]
async fn a_drawn_picture_is_counted() {
    let server = server(Turn::Paints).await;
    assert_eq!(server.generate(&serde_json::json!({"prompt": "a cat"})).await.status, 200);
    let total = server.get("/v1/admin/stats").await.json()["totals"][0].clone();
    assert_eq!((&total["task"], &total["provider"]), (&"image.generate".into(), &"local".into()), "{total}");
    assert_eq!((&total["attempts"], &total["answered"]), (&1.into(), &1.into()), "{total}");
    assert!(total["mean_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{total}");
}

/// Providers that stand as a test says.
struct Standing;

impl Providers for Standing {
    fn standings(&self) -> Vec<ProviderView> {
        let key = |tail: &str, state: &str, class: Option<&str>, until: Option<i64>| KeyView {
            provider: "openai".to_owned(),
            tail: tail.to_owned(),
            state: state.to_owned(),
            until,
            used_at: Some(1_763_600_000_999),
            class: class.map(str::to_owned),
            busy: 1,
            places: 4,
        };
        let breaker = |state: &str, failures, rests_s| BreakerView { state: state.to_owned(), failures, rests_s };
        let tasks = vec!["image.generate".to_owned(), "text.write".to_owned()];
        vec![
            ProviderView {
                id: "fal".to_owned(),
                title: "fal.ai".to_owned(),
                keyed: true,
                tasks: tasks.clone(),
                keys: Vec::new(),
                breaker: breaker("open", 5, Some(30)),
            },
            ProviderView {
                id: "openai".to_owned(),
                title: "OpenAI".to_owned(),
                keyed: true,
                tasks,
                keys: vec![
                    key("9f3a", "ready", Some("done"), None),
                    key("0001", "retired", Some("bad_key"), Some(1_763_603_600_000)),
                ],
                breaker: breaker("closed", 0, None),
            },
        ]
    }
}

#[tokio::test]
async fn administrators_see_providers_keys_and_breakers() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [key("boss", "boss-key", Level::Admin), key("all", "all-key", Level::User)];
    let Behind { painter, pipeline, state, stop, clock } = behind(Turn::Paints, 8, &keys, dir.path()).await;
    let known = state.providers.standings();
    assert_eq!(known.iter().map(|one| (one.id.as_str(), one.keys.len())).collect::<Vec<_>>(), [("hf", 0)]);
    let state = http::State { providers: Arc::new(Standing), ..state };
    let router = http::router(&settings(), state, stop.clone());
    let works = tokio::spawn(async {});
    let server = Server { router, painter, pipeline, works, clock, stop, dir };
    let refused = asked(&server, "/v1/admin/providers", "all-key").await;
    assert_eq!((refused.status, &refused.error()["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()));
    let answer = asked(&server, "/v1/admin/providers", "boss-key").await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!("providers", answer.json());
}

#[tokio::test]
async fn administrators_see_who_was_asked_lately() {
    let keys = vec![key("boss", "boss-key", Level::Admin), key("all", "all-key", Level::User)];
    let server = server_with(Turn::Paints, keys, 8).await;
    let url = format!("sqlite://{}", server.dir.path().join("samovar.db").display());
    let db = Db::open(&url, Clock::system()).await.unwrap();
    let [first, second] = [JobId::fresh(), JobId::fresh()];
    let mut tx = db.begin().await.unwrap();
    let tried = |provider: &str, class: &str| Tried {
        provider: provider.to_owned(),
        model: "gpt-image".to_owned(),
        took_ms: 1500,
        class: class.to_owned(),
        ..Tried::default()
    };
    let (key, status) = (Some("9f3a".to_owned()), Some(504));
    let timeout = Tried { key, status, spend_unknown: true, ..tried("openai", "timeout") };
    for (job, tried) in [(first, timeout), (first, tried("local", Tried::DONE)), (second, tried("hf", "busy"))] {
        Statistics::new(db.clone()).record(&mut tx, job, "image.generate", &tried).await.unwrap();
    }
    tx.commit().await.unwrap();

    let refused = asked(&server, "/v1/admin/attempts", "all-key").await;
    assert_eq!((refused.status, &refused.error()["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()));
    for query in ["limit=0", "limit=1001", "limit=all", "job=7"] {
        let refused = asked(&server, &format!("/v1/admin/attempts?{query}"), "boss-key").await;
        assert_eq!(refused.status, 400, "{query}");
        refused.error();
    }
    let latest = asked(&server, "/v1/admin/attempts?limit=1", "boss-key").await.json();
    assert_eq!((latest["attempts"].as_array().unwrap().len(), &latest["attempts"][0]["provider"]), (1, &"hf".into()));
    let path = format!("/v1/admin/attempts?job={first}");
    let mut of_one = asked(&server, &path, "boss-key").await.json();
    for attempt in of_one["attempts"].as_array_mut().unwrap() {
        assert_eq!(attempt["job"].as_str(), Some(first.to_string().as_str()));
        assert!(attempt["time"].as_i64().is_some_and(|time| time > 1_700_000_000), "{attempt}");
        (attempt["job"], attempt["time"]) = ("the job".into(), "now".into());
    }
    insta::assert_json_snapshot!("attempts", of_one);
}
