//! The official `openai` client against a server whose answers come from providers elsewhere.

use crate::fakes::Fake;
use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

#[test]
fn the_official_client_is_answered_by_providers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh --tests", python.display());
    let (openai, yandex) = (Fake::openai(), Fake::yandex());
    let desk = Desk::new();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("SAMOVAR_API_KEYS", "anna:tulip:admin").env("SAMOVAR_RATE_LIMIT", "0");
    command.env("OPENAI_API_KEY", "sk-of-the-tests-0042").env("OPENAI_BASE_URL", openai.base_url());
    command.env("YC_API_KEY", "yc-of-the-tests-0042").env("YC_FOLDER_ID", "b1gfolder");
    command.env("YANDEX_BASE_URL", yandex.base_url());
    let server = Server::started(command);
    let output = Command::new(python)
        .arg(root.join("tests/openai_remote.py"))
        .args([&format!("http://{}", server.address), "tulip"])
        .env_remove("OPENAI_API_KEY")
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    let (code, log) = server.end(Signal::TERM);
    assert!(output.status.success() && told.trim_end().ends_with("all good"), "{told}\n{errors}\n{log}");
    assert_eq!(code, Some(0), "{log}");
    assert_eq!((openai.complaints(), yandex.complaints()), (Vec::new(), Vec::new()));
    openai.assert_keys_kept(&["sk-of-the-tests-0042"]);
    assert!(!log.contains("of-the-tests-0042"), "a key stands in the log: {log}");
}
