//! `samovar serve` from start to end, with the real program. No engine is started: nothing is drawn here.

use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn a_server_answers_logs_to_its_file_and_ends_when_told() {
    for signal in [Signal::TERM, Signal::INT] {
        let desk = Desk::new();
        let server = Server::start(&desk);
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "not alive");
        let models = server.get("/v1/models");
        assert!(models.contains("\"demo\""), "{models}");
        let (code, said) = server.end(signal);
        assert_eq!(code, Some(0), "{said}");
        let log = std::fs::read_to_string(desk.path("data/logs/samovar.log")).unwrap();
        assert!(log.contains("listening on http://"), "{log}");
        assert_eq!(desk.files(), ["data"]);
    }
}

#[test]
fn an_address_that_is_taken_is_one_clear_line() {
    let desk = Desk::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = desk.run(&["serve", "--listen", &address]);
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().last().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with(&format!("error: cannot listen on {address}")), "{said}");
}

#[test]
fn the_log_holds_neither_prompts_nor_keys() {
    const KEY: &str = "key-5f2b9c0d8e7a4b61";
    const PROMPT: &str = "a samovar that nobody else may know of";
    let desk = Desk::new();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("SAMOVAR_API_KEYS", format!("alice:{KEY}:admin")).env("SAMOVAR_ROUTE_IMAGE_GENERATE", "hf");
    let server = Server::started(command);
    let body = format!(r#"{{"prompt":"{PROMPT}"}}"#);
    let head = format!("Host: {}\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n", server.address);
    let request = format!(
        "POST /v1/images/generations?key={KEY} HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (_, said) = server.end(Signal::TERM);
    let log = std::fs::read_to_string(desk.path("data/logs/samovar.log")).unwrap();
    for text in [said, log] {
        assert!(text.contains("/v1/images/generations"), "{text}");
        assert!(!text.contains("nobody else") && !text.contains(KEY), "{text}");
    }
}
