//! `samovar serve` from start to end, with the real program. No engine is started: nothing is drawn here.

use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::Signal;

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
