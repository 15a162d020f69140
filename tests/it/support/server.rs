//! `samovar serve` on a free port, ended with the test.

use super::desk::Desk;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// A server on a free port, ended with the test.
pub struct Server {
    child: Child,
    /// Where it listens, such as `127.0.0.1:40001`.
    pub address: String,
    /// Reads on what the server logs, which would stand still on a full pipe.
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts `samovar serve` and reads its log up to the address.
    pub fn start(desk: &Desk) -> Self {
        Self::started(desk.command(&["serve", "--listen", "127.0.0.1:0"]))
    }

    /// As [`Self::start`], with more in the environment.
    pub fn started(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, address: String::new(), log: None };
        let mut said = String::new();
        while server.address.is_empty() {
            let start = said.len();
            assert!(log.read_line(&mut said).unwrap() > 0, "the server ended: {said}");
            server.address =
                said[start..].trim().split_once("listening on http://").map_or("", |(_, to)| to).to_owned();
        }
        server.log = Some(std::thread::spawn(move || {
            log.read_to_string(&mut said).unwrap();
            said
        }));
        server
    }

    /// The number of its process.
    #[cfg(feature = "engine")]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request with a JSON body and reads the JSON of the answer.
    #[cfg(feature = "engine")]
    pub fn json(&self, method: &str, path: &str, json: &str) -> serde_json::Value {
        let mut answer = String::new();
        self.ask(method, path, json).read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// The whole answer, head and body.
    pub fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        self.ask("GET", path, "").read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a request with a JSON body; the answer is read from what comes back.
    pub fn ask(&self, method: &str, path: &str, json: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, json.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let body = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}");
        stream.write_all((head + &body).as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Sends the signal and gives the exit code and everything that was logged.
    pub fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
