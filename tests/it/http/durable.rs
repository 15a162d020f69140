//! What a restart, a repetition, a leaving client and an empty purse do to a request.

use super::*;
use serde_json::json;

fn order(input: Value) -> Value {
    json!({"task": "image.generate", "input": input})
}

impl Server {
    /// Ends the server as a restart does, and gives back its folder.
    async fn ended(mut self) -> tempfile::TempDir {
        self.stop.cancel();
        (&mut self.works).await.unwrap();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    async fn submit(&self, order: &Value) -> String {
        let answer = self.post("/v1/jobs", order).await;
        assert_eq!(answer.status, 202, "{}", answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The job, once it is over.
    async fn over(&self, id: &str) -> Value {
        let owner = media::Owner::local();
        let mut states = self.pipeline.queue.watch(id.parse().unwrap(), &owner).await.unwrap().unwrap();
        states.wait_for(queue::State::is_final).await.unwrap();
        self.get(&format!("/v1/jobs/{id}")).await.json()
    }

    async fn keyed(&self, key: &str, path: &str, json: &Value) -> Answer {
        let request = request("POST", path).header("idempotency-key", key);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(json.to_string().into()).unwrap()).await
    }

    async fn by(&self, key: &str, method: &str, path: &str, json: &Value) -> Answer {
        let request = request(method, path).header(header::AUTHORIZATION, format!("Bearer {key}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(json.to_string().into()).unwrap()).await
    }

    fn times_asked(&self) -> usize {
        self.painter.asked.lock().unwrap().len()
    }
}

#[tokio::test]
async fn jobs_survive_a_restart() {
    let first = server(Turn::Waits).await;
    let running = first.submit(&order(json!({"prompt": "a cat"}))).await;
    first.painter.started.notified().await;
    let waiting = first.submit(&order(json!({"prompt": "a dog"}))).await;
    // Killed: nothing is written down any more.
    first.works.abort();
    let mut first = first;
    let folder = std::mem::replace(&mut first.dir, tempfile::tempdir().unwrap());
    let second = server_in(folder, Turn::Paints, settings(), &[], 8).await;
    assert_eq!(second.over(&waiting).await["status"], "done");
    assert_eq!(second.get(&format!("/v1/jobs/{running}")).await.json()["status"], "running", "its lease goes on");
    drop(first);
}

#[tokio::test]
async fn a_restart_in_good_order_finishes_what_is_running() {
    let first = server(Turn::Paints).await;
    let id = first.submit(&order(json!({"prompt": "a cat"}))).await;
    first.over(&id).await;
    let folder = first.ended().await;
    let second = server_in(folder, Turn::Paints, settings(), &[], 8).await;
    let view = second.over(&id).await;
    let url = view["result"]["data"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(second.get(url.split_once("localhost:8080").unwrap().1).await.status, 200, "its picture is there");
}

#[tokio::test]
async fn those_who_wait_are_told_that_the_server_ends() {
    let server = Arc::new(server(Turn::Waits).await);
    let running = server.submit(&order(json!({"prompt": "a cat"}))).await;
    server.painter.started.notified().await;
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { server.generate(&json!({"prompt": "a dog"})).await }
    });
    let returning = tokio::spawn({
        let server = server.clone();
        async move { server.keyed("order-1", "/v1/images/generations", &json!({"prompt": "a bird"})).await }
    });
    let list = async || server.get("/v1/jobs").await.json()["data"].as_array().unwrap().clone();
    while list().await.len() < 3 {
        tokio::task::yield_now().await;
    }
    server.stop.cancel();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.error()["message"].as_str().unwrap().contains("restarting"));
    assert_eq!(returning.await.unwrap().status, 503);
    let mut left: Vec<_> = list().await.iter().map(|job| job["status"].as_str().unwrap().to_owned()).collect();
    left.retain(|status| status == "cancelled");
    assert_eq!(left.len(), 1, "nobody waits for it any more; the one with a key will be asked for again");
    let (id, owner) = (running.parse().unwrap(), media::Owner::local());
    let mut states = server.pipeline.queue.watch(id, &owner).await.unwrap().unwrap();
    states.wait_for(|state| matches!(state, queue::State::Queued { .. })).await.unwrap();
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_job() {
    let server = server(Turn::Paints).await;
    let cat = order(json!({"prompt": "a cat"}));
    let first = server.keyed("order-1", "/v1/jobs", &cat).await.json();
    let again = server.keyed("order-1", "/v1/jobs", &cat).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (202, &first["id"]));
    let other = server.keyed("order-1", "/v1/jobs", &order(json!({"prompt": "a dog"}))).await;
    assert_eq!((other.status.as_u16(), &other.error()["param"]), (400, &json!("Idempotency-Key")));
    let picture = json!({"prompt": "a bird"});
    let first = server.keyed("order-2", "/v1/images/generations", &picture).await.json();
    let again = server.keyed("order-2", "/v1/images/generations", &picture).await.json();
    assert_eq!(first["data"], again["data"], "the second waited for the first's job");
    assert_eq!(server.times_asked(), 2);
    let long = "x".repeat(300);
    assert_eq!(server.keyed(&long, "/v1/jobs", &cat).await.error()["param"], "Idempotency-Key");
}

#[tokio::test]
async fn a_request_with_a_seed_is_drawn_once() {
    let server = server(Turn::Paints).await;
    let seeded = json!({"prompt": "a cat", "seed": 5, "n": 2, "response_format": "b64_json"});
    let first = server.generate(&seeded).await.json();
    let again = server.generate(&seeded).await.json();
    assert_eq!(server.times_asked(), 1);
    assert_eq!(first["data"], again["data"]);
    for different in [json!({"seed": 6}), json!({"steps": 3}), json!({"size": "128x64"}), json!({"mode": "exact"})] {
        let mut changed = seeded.clone();
        changed.as_object_mut().unwrap().extend(different.as_object().unwrap().clone());
        assert_eq!(server.generate(&changed).await.status, 200);
    }
    assert_eq!(server.times_asked(), 5);
    for _ in 0..2 {
        assert_eq!(server.generate(&json!({"prompt": "a cat"})).await.status, 200);
    }
    assert_eq!(server.times_asked(), 7, "without a seed a new picture is asked for");
}

#[tokio::test]
async fn a_child_changes_its_parents_picture() {
    let server = server(Turn::Paints).await;
    let parent = server.submit(&order(json!({"prompt": "a cat", "size": "64x96"}))).await;
    let mut child = order(json!({"prompt": "a blue cat", "image": "parent", "strength": 0.5, "steps": 4}));
    child["parent"] = json!(parent);
    let child = server.submit(&child).await;
    let view = server.over(&child).await;
    assert_eq!((&view["status"], &view["parent"]), (&json!("done"), &json!(parent)), "{view}");
    let asked = server.painter.asked.lock().unwrap();
    let init = asked[1].init.as_ref().expect("the child starts from a picture");
    assert_eq!((init.width, init.height, asked[1].strength), (64, 96, Some(0.5)));
}

#[tokio::test]
async fn wrong_parents_and_pictures_are_named() {
    let server = server(Turn::Paints).await;
    let nowhere = media::AssetId::fresh().to_string();
    for (param, input, parent) in [
        ("parent", json!({"prompt": "a"}), json!("x")),
        ("parent", json!({"prompt": "a"}), json!(media::JobId::fresh())),
        ("image", json!({"prompt": "a", "image": "parent"}), Value::Null),
        ("image", json!({"prompt": "a", "image": "x"}), Value::Null),
        ("image", json!({"prompt": "a", "image": nowhere}), Value::Null),
        ("mask", json!({"prompt": "a", "mask": nowhere}), Value::Null),
        ("model", json!({"prompt": "a", "model": "a\u{0}", "provider": "local"}), Value::Null),
    ] {
        let mut wrong = order(input);
        wrong["parent"] = parent;
        let answer = server.post("/v1/jobs", &wrong).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["param"]), (400, &json!(param)), "{wrong}");
    }
    assert_eq!(server.get("/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn free_requests_come_first_then_money_then_a_clear_refusal() {
    let keys = vec![key("anna", "tulip", Level::User), key("root", "oak", Level::Admin)];
    let server = server_with(Turn::Paints, keys, 8).await;
    // Three are free, and 30 roubles buy ten more.
    for _ in 0..13 {
        assert_eq!(server.by("tulip", "POST", "/v1/images/generations", &json!({"prompt": "a cat"})).await.status, 200);
    }
    let refused = server.by("tulip", "POST", "/v1/images/generations", &json!({"prompt": "a cat"})).await;
    assert_eq!((refused.status.as_u16(), &refused.error()["code"]), (429, &json!("insufficient_quota")));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 86_400);
    let said = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(said.contains("3 free") && said.contains("3.00 ₽") && said.contains("0.00 ₽"), "{said}");
    assert_eq!(server.times_asked(), 13);
    assert_eq!(server.by("oak", "POST", "/v1/images/generations", &json!({"prompt": "a cat"})).await.status, 200);
    assert!(Accounts::audit(&server.pipeline.db).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_comes_to_nothing_costs_nothing() {
    let broken = media::Failure::OutOfMemory { needed: 2, available: 1 };
    let server = server_with(Turn::Fails(broken), vec![key("anna", "tulip", Level::User)], 8).await;
    for _ in 0..20 {
        assert_eq!(server.by("tulip", "POST", "/v1/images/generations", &json!({"prompt": "a cat"})).await.status, 503);
    }
    let sql = "SELECT COUNT(*) AS n FROM operations WHERE status = 'failed'";
    let row = server.pipeline.db.row(sql, &[]).await.unwrap().unwrap();
    assert_eq!(row.get::<i64>("n").unwrap(), 20);
}

#[tokio::test]
async fn admins_see_who_was_asked() {
    let keys = vec![key("anna", "tulip", Level::User), key("root", "oak", Level::Admin)];
    let server = server_with(Turn::Paints, keys, 8).await;
    let job = server.by("tulip", "POST", "/v1/jobs", &order(json!({"prompt": "a cat"}))).await.json();
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    server.over_as_admin(&job).await;
    let hers = server.by("tulip", "GET", &path, &Value::Null).await.json();
    let theirs = server.by("oak", "GET", &path, &Value::Null).await.json();
    assert_eq!(hers.get("attempts"), None);
    let tried = &theirs["attempts"][0];
    assert_eq!(
        (&tried["provider"], &tried["model"], &tried["class"]),
        (&json!("local"), &json!("demo"), &json!("done"))
    );
    assert!(tried["bytes"].as_u64().unwrap() > 0, "{tried}");
}

impl Server {
    async fn over_as_admin(&self, job: &Value) {
        let id = job["id"].as_str().unwrap().parse().unwrap();
        let mut states = self.pipeline.queue.watch(id, &media::Owner::local()).await.unwrap().unwrap();
        states.wait_for(queue::State::is_final).await.unwrap();
    }
}
