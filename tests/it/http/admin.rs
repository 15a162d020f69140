//! What only administrators see.

use super::*;
use samovar::media::Tried;

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
        Statistics::new(db.clone()).record(&mut tx, "image.generate", &tried).await.unwrap();
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
