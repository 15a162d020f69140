//! `samovar serve` from start to end, with the real program. No engine is started: nothing is drawn here.

use crate::support::desk::Desk;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A server on a free port, ended with the test.
struct Server {
    child: Child,
    address: String,
    log: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Server {
    fn start(desk: &Desk) -> Self {
        let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, address: String::new(), log, said: String::new() };
        while server.address.is_empty() {
            let mut line = String::new();
            assert!(server.log.read_line(&mut line).unwrap() > 0, "the server ended: {}", server.said);
            server.said.push_str(&line);
            server.address = line.trim().split_once("listening on http://").map_or("", |(_, to)| to).to_owned();
        }
        server
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends the signal and gives the exit code and everything that was logged.
    fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.log.read_to_string(&mut self.said).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
