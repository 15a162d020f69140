//! A working directory of its own for the real program, with an environment of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A working directory with the repository's models and nothing else set.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samovar"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.environment());
        command
    }

    /// All that is set for a command.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        vec![
            ("SAMOVAR_MODELS_DIR".into(), models.into()),
            // Weights that happen to lie in the checkout must not answer.
            ("SAMOVAR_WEIGHTS_DIR".into(), self.path("weights").into()),
            ("SAMOVAR_DATA_DIR".into(), self.path("data").into()),
        ]
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Files in the folder, so that a test can say that there are none.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs, expects the exit code and one line on stderr that holds `part`, and expects no file.
    pub fn refused(&self, arguments: &[&str], code: i32, part: &str) {
        let before = self.files();
        let output = self.run(arguments);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(part), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?} said something on stdout");
        assert_eq!(self.files(), before, "{arguments:?} left files behind");
    }

    /// As `refused` for what the program itself refuses: then the error is exactly one line.
    pub fn refused_in_one_line(&self, arguments: &[&str], code: i32, part: &str) {
        self.refused(arguments, code, part);
        let stderr = stderr(&self.run(arguments));
        assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

/// What was said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was said on stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
