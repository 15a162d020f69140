//! A PostgreSQL of one test's own, which the test may end and start again.

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A server, ended with the test.
pub struct Postgres {
    folder: TempDir,
    /// Its address, the same after every start.
    pub url: String,
}

impl Postgres {
    /// A fresh server; `None` where the tests run without PostgreSQL.
    pub fn start() -> Option<Self> {
        super::database::postgres_of_the_tests()?;
        // A socket's path must be short.
        let folder = tempfile::Builder::new().prefix("samovar-").tempdir_in("/tmp").unwrap();
        let url = told(&folder, "start");
        Some(Self { folder, url })
    }

    /// Ends it as a crash would.
    pub fn stop(&self) {
        told(&self.folder, "stop");
    }

    /// Starts it again.
    pub fn start_again(&self) {
        assert_eq!(told(&self.folder, "start"), self.url);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may be stopped already.
        let _ = script(&self.folder, "stop").output();
    }
}

fn script(folder: &TempDir, what: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test_postgres.sh"));
    command.arg(what).arg(folder.path());
    command
}

fn told(folder: &TempDir, what: &str) -> String {
    let output = script(folder, what).output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
