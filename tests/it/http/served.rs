//! Over a real socket: what only a connection shows.

use super::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on a free port of this machine.
async fn listening(turn: Turn) -> (std::net::SocketAddr, Server) {
    let server = server(turn).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, stop) = (server.router.clone(), server.stop.clone());
    tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await });
    (address, server)
}

fn generations(body: &str) -> Vec<u8> {
    let head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_job() {
    let (address, server) = listening(Turn::Waits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&generations(&json!({"prompt": "a cat"}).to_string())).await.unwrap();
    server.painter.started.notified().await;
    drop(client);
    server.painter.cancelled.notified().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_after_it_was_sent() {
    let (address, _server) = listening(Turn::Paints).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&generations(&" ".repeat(30_000_000))).await.unwrap();
    let mut answer = vec![0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

#[tokio::test]
async fn stopping_ends_waiting_clients_and_event_streams() {
    let (address, server) = listening(Turn::Waits).await;
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(&generations(&json!({"prompt": "a cat"}).to_string())).await.unwrap();
    server.painter.started.notified().await;
    let job = server.post("/v1/jobs", &json!({"task": "image.generate", "input": {"prompt": "a dog"}})).await.json();
    let mut following = TcpStream::connect(address).await.unwrap();
    let path = format!("/v1/jobs/{}/events", job["id"].as_str().unwrap());
    following.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut first = vec![0; 12];
    following.read_exact(&mut first).await.unwrap();
    server.stop.cancel();
    let (mut answer, mut events) = (String::new(), String::new());
    waiting.read_to_string(&mut answer).await.unwrap();
    following.read_to_string(&mut events).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("restarting"), "{answer}");
    assert!(events.contains("event: queued"), "{events}");
}
