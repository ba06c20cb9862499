//! The real binary in a folder of its own, as a person or a script would use it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A folder with a journal, and the variables its commands run with.
pub struct Desk {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    runbooks: PathBuf,
}

/// What a command came to.
#[derive(Debug)]
pub struct Said {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained about.
    pub err: String,
}

impl Said {
    /// The events of `--json`.
    pub fn events(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

impl Desk {
    /// A fresh folder; runbooks are the stock ones.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, variables: Vec::new(), runbooks: Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks") }
    }

    /// With runbooks of its own: `targets.yaml` and pages, by file name.
    pub fn with_pages(pages: &[(&str, &str)]) -> Self {
        let mut desk = Self::new();
        desk.runbooks = desk.folder.path().join("runbooks");
        std::fs::create_dir(&desk.runbooks).expect("a folder");
        for (name, text) in pages {
            std::fs::write(desk.runbooks.join(name), text).expect("a page");
        }
        desk
    }

    /// Puts a file beside the runbooks.
    pub fn add_page(&self, name: &str, text: &str) {
        assert!(
            self.runbooks.starts_with(self.folder.path()),
            "the stock runbooks are everybody's: give the desk its own"
        );
        std::fs::write(self.runbooks.join(name), text).expect("a page");
    }

    /// Sets a variable for every command.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    /// A command of `rundown`, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // Figures are taken of a build for release, which cargo does not make for a test.
        let binary = std::env::var_os("RUNDOWN_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_rundown").into());
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("RUNDOWN_JOURNAL", self.journal())
            .env("RUNDOWN_RUNBOOKS", &self.runbooks)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn rundown(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("the binary runs");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command with `--json` and hands its events over as they come.
    pub fn watch(&self, arguments: &[&str]) -> Watched {
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Watched { child, lines }
    }
}

/// A command under way.
pub struct Watched {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watched {
    /// The next event; `None` when it printed its last.
    pub fn next_event(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
        }
    }

    /// Kills it without a chance to say anything.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }
}
