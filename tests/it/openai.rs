//! The official `openai` client against a real server, a real engine and the bundled demo model.

use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

#[test]
fn the_official_client_works_unchanged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh --tests", python.display());
    let desk = Desk::new();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("SAMOVAR_API_KEYS", "anna:tulip");
    // She asks more than a day and a minute have for a user.
    command.env("SAMOVAR_LIMITS", "user=unlimited").env("SAMOVAR_RATE_LIMIT", "0");
    let server = Server::started(command);
    let output = Command::new(python)
        .arg(root.join("tests/openai_client.py"))
        .args([&format!("http://{}", server.address), "tulip"])
        .env_remove("OPENAI_API_KEY")
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    let (code, log) = server.end(Signal::TERM);
    assert!(output.status.success() && told.trim_end().ends_with("all good"), "{told}\n{errors}\n{log}");
    assert_eq!(code, Some(0), "{log}");
}
