//! Jobs: submit, look, follow, cancel, and whose they are.

use super::*;
use serde_json::json;

fn order() -> Value {
    json!({"task": "image.generate", "input": {"prompt": "a cat", "seed": 5}})
}

async fn submitted(server: &Server) -> String {
    let answer = server.post("/v1/jobs", &order()).await;
    assert_eq!(answer.status, 202, "{}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The events of a job until its end, as (name, data).
async fn events(server: &Server, id: &str) -> Vec<(String, Value)> {
    let answer = server.get(&format!("/v1/jobs/{id}/events")).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(answer.bytes).unwrap();
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        (field("event:"), serde_json::from_str(&field("data:")).unwrap())
    };
    text.split("\n\n").filter(|block| block.contains("event:")).map(event).collect()
}

#[tokio::test]
async fn a_job_ends_with_links_to_its_pictures() {
    let server = server(Turn::Paints).await;
    let id = submitted(&server).await;
    let events = events(&server, &id).await;
    let (name, data) = events.last().unwrap();
    assert_eq!((name.as_str(), &data["status"]), ("done", &json!("done")));
    let url = data["result"]["data"][0]["url"].as_str().unwrap();
    let (_, path) = url.split_once("localhost:8080").unwrap();
    assert_eq!(server.get(path).await.status, 200);
    let view = server.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!((&view["status"], &view["id"]), (&json!("done"), &json!(id)));
    assert_eq!(view["result"]["data"][0]["seed"], 5);
}

#[tokio::test]
async fn a_job_tells_its_place_its_steps_and_its_end() {
    let server = server(Turn::Waits).await;
    let running = submitted(&server).await;
    server.painter.started.notified().await;
    let answer = server.post("/v1/jobs", &order()).await.json();
    assert_eq!((&answer["status"], &answer["position"]), (&json!("queued"), &json!(1)));
    let waiting = answer["id"].as_str().unwrap();
    let delete = async |id: &str| {
        let request = request("DELETE", &format!("/v1/jobs/{id}")).body(Body::empty()).unwrap();
        server.send(request).await.json()["status"].clone()
    };
    assert_eq!(delete(waiting).await, "cancelled", "one that waits ends at once");
    let id: media::JobId = running.parse().unwrap();
    let owner = media::Owner::local();
    let mut watcher = server.pipeline.queue.watch(id, &owner).await.unwrap().unwrap();
    watcher.wait_for(|state| *state == queue::State::Running { step: 1, of: 4 }).await.unwrap();
    let view = server.get(&format!("/v1/jobs/{running}")).await.json();
    assert_eq!((&view["status"], &view["step"], &view["of"]), (&json!("running"), &json!(1), &json!(4)));
    delete(&running).await;
    let names: Vec<String> = events(&server, &running).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.last().unwrap(), "cancelled", "{names:?}");
    assert_eq!(delete(&running).await, "cancelled", "a finished job stays as it is");
}

#[tokio::test]
async fn a_failed_job_tells_why() {
    let server = server(Turn::Fails(media::Failure::OutOfMemory { needed: 2 << 30, available: 1 << 30 })).await;
    let id = submitted(&server).await;
    let (name, data) = events(&server, &id).await.pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["code"]), ("failed", &json!("exhausted")));
    assert!(data["error"]["message"].as_str().unwrap().contains("not enough memory"));
}

#[tokio::test]
async fn wrong_orders_are_refused_before_they_wait() {
    let server = server(Turn::Paints).await;
    for (param, order) in [
        ("task", json!({})),
        ("task", json!({"task": "video.sing"})),
        ("input", json!({"task": "image.generate", "input": "a cat"})),
        ("prompt", json!({"task": "image.generate"})),
        ("n", json!({"task": "image.generate", "input": {"prompt": "a", "n": 9}})),
    ] {
        let answer = server.post("/v1/jobs", &order).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["param"]), (400, &json!(param)), "{order}");
    }
    assert_eq!(server.get("/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn jobs_are_shown_to_their_owner_alone() {
    let keys = vec![key("anna", "tulip", Level::User), key("boris", "rose", Level::User)];
    let server = server_with(Turn::Waits, keys, 8).await;
    let send = async |method: &str, path: &str, key: &str, body: String| {
        let request = request(method, path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        server.send(request.body(body.into()).unwrap()).await
    };
    let id = send("POST", "/v1/jobs", "tulip", order().to_string()).await.json()["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        ("GET", format!("/v1/jobs/{id}")),
        ("DELETE", format!("/v1/jobs/{id}")),
        ("GET", format!("/v1/jobs/{id}/events")),
    ] {
        assert_eq!(send(method, &path, "rose", String::new()).await.status, 404, "{method} {path}");
    }
    let list = async |key: &str| {
        send("GET", "/v1/jobs?limit=5", key, String::new()).await.json()["data"].as_array().unwrap().len()
    };
    assert_eq!((list("rose").await, list("tulip").await), (0, 1));
}
