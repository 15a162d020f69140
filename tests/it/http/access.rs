//! Who may come in, with keys and without.

use super::*;
use serde_json::json;

pub async fn with(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

pub async fn with_key(server: &Server, path: &str, key: &str) -> Answer {
    with(server, path, &[("authorization", &format!("Bearer {key}"))]).await
}

#[tokio::test]
async fn without_keys_only_this_machine_is_answered() {
    let server = server(Turn::Paints).await;
    for headers in [
        &[("host", "localhost:8080")][..],
        &[("host", "127.0.0.1:8080"), ("origin", "http://localhost:3000")],
        &[("host", "[::1]:8080"), ("authorization", "Bearer anything")],
    ] {
        assert_eq!(with(&server, "/v1/models", headers).await.status, 200, "{headers:?}");
    }
    for headers in [
        &[("host", "example.org")][..],
        &[("host", "localhost"), ("host", "example.org")],
        &[("host", "192.168.1.7:8080")],
        &[("host", "localhost"), ("forwarded", "for=1.2.3.4")],
        &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")],
        &[("host", "localhost"), ("x-forwarded-proto", "https")],
        &[("host", "localhost"), ("origin", "https://example.org")],
        &[("host", "localhost"), ("origin", "null")],
    ] {
        for path in ["/v1/models", "/v1/assets/x", "/openapi.json", "/metrics", "/nothing"] {
            let answer = with(&server, path, headers).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert_eq!(answer.error()["code"], "not_local");
        }
        assert_eq!(with(&server, "/healthz", headers).await.status, 200, "health is asked by anybody");
    }
}

#[tokio::test]
async fn with_keys_every_path_but_health_and_description_asks_for_one() {
    let server = server_with(Turn::Paints, vec![key("anna", "tulip", Level::User)], 8).await;
    for path in [
        "/v1/models",
        "/v1/models/demo",
        "/v1/account",
        "/v1/jobs",
        "/v1/jobs/x",
        "/v1/jobs/x/events",
        "/metrics",
        "/v1/assets/01234567-89ab-4def-8123-456789abcdef",
    ] {
        for headers in [
            &[][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "Bearer tulip2")],
            &[("authorization", "Basic tulip")],
            &[("authorization", "tulip")],
        ] {
            let answer = with(&server, path, headers).await;
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert_eq!(
                (&answer.error()["code"], answer.header("www-authenticate")),
                (&json!("invalid_api_key"), Some("Bearer"))
            );
        }
        let answer = with(
            &server,
            path,
            &[("authorization", "bearer tulip"), ("x-forwarded-for", "1.2.3.4"), ("host", "example.org")],
        )
        .await;
        assert!([200, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
    }
    for path in ["/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/jobs"] {
        assert_eq!(server.post(path, &json!({"prompt": "a"})).await.status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(with(&server, path, &[]).await.status, 200, "{path}");
    }
    assert!(server.painter.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_door_does_not_open_to_everybody_without_keys() {
    let dir = tempfile::tempdir().unwrap();
    let Behind { state, stop, .. } = behind(Turn::Paints, 8, &[], dir.path()).await;
    let settings = http::Settings { listen: ([0, 0, 0, 0], 0).into(), public_url: None };
    let refused = http::serve(settings, state, stop).await.unwrap_err();
    assert!(refused.to_string().contains("there are no API keys"), "{refused}");
}

#[tokio::test]
async fn readiness_names_the_part_that_does_not_work() {
    let dir = tempfile::tempdir().unwrap();
    let Behind { mut state, stop, .. } = behind(Turn::Paints, 8, &[], dir.path()).await;
    state.readiness.push(("model", Arc::new(|| Box::pin(async { Err("no model is installed".to_owned()) }))));
    let settings = http::Settings { listen: ([127, 0, 0, 1], 0).into(), public_url: None };
    let router = http::router(&settings, state, stop);
    let response = router.oneshot(request("GET", "/readyz").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 503);
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let parts: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        parts,
        json!({"ready": false, "parts": {"storage": "ok", "engine": "ok", "model": "no model is installed"}})
    );
}

#[tokio::test]
async fn the_description_lists_every_path() {
    let server = server(Turn::Paints).await;
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    insta::assert_json_snapshot!("openapi", answer.json());
}
