//! The official `openai` client against a real server, a real engine and the bundled demo model.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ended with the test, whatever became of it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `samovar serve` on a free port and returns it with the address that it tells in its log.
fn serve(data: &Path, models: &Path) -> (Server, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_samovar"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(data)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SAMOVAR_DATA_DIR", data)
        .env("SAMOVAR_MODELS_DIR", models)
        .env("SAMOVAR_WEIGHTS_DIR", data.join("weights"))
        .env("SAMOVAR_ENGINE", env!("CARGO_BIN_EXE_samovar-engine"))
        .env("SAMOVAR_API_KEYS", "anna:tulip")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    let server = Server(child);
    let address = loop {
        let start = told.len();
        assert!(log.read_line(&mut told).unwrap() > 0, "the server ended:\n{told}");
        if let Some((_, address)) = told[start..].split_once("listening on ") {
            break address.trim().to_owned();
        }
    };
    // Read on, or the server would stand still on a full pipe; what it says is shown when the test fails.
    std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| println!("{line}")));
    (server, address)
}

#[test]
fn the_official_client_works_unchanged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh --tests", python.display());
    let data = tempfile::tempdir().unwrap();
    let (_server, address) = serve(data.path(), &root.join("models"));
    let output = Command::new(python)
        .arg(root.join("tests/openai_client.py"))
        .args([&address, "tulip"])
        .env_remove("OPENAI_API_KEY")
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.trim_end().ends_with("all good"), "{told}");
}
