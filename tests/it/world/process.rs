//! A child process of the test world: its own process group, its output captured line by line, killed whole.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a process may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// One captured line.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: DateTime<Utc>,
    pub text: String,
    pub is_error: bool,
}

/// The lines of a service, across its restarts.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().expect("log").clone()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.lock().expect("log").len()
    }

    fn push(&self, text: String, is_error: bool) {
        self.0.lock().expect("log").push(Line { at: Utc::now(), text, is_error });
    }
}

/// A running process; dropping it ends its whole group.
pub struct Process {
    child: Child,
    /// One message for each output stream that reached its end: both mean that nothing of the group is left writing.
    ended: Receiver<()>,
    open_streams: usize,
}

impl Process {
    /// Starts `program` tied to this test: it dies with it, however the test ends.
    pub fn start<'a>(
        program: &OsStr,
        arguments: impl IntoIterator<Item = String>,
        environment: impl IntoIterator<Item = (&'a str, String)>,
        directory: &Path,
        log: &Log,
    ) -> Self {
        let mut child = Command::new("/bin/sh")
            .arg(super::programs().join("tied.sh"))
            .arg(program)
            .args(arguments)
            .envs(environment)
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let (end, ended) = mpsc::channel();
        capture(child.stdout.take().expect("piped"), false, log.clone(), end.clone());
        capture(child.stderr.take().expect("piped"), true, log.clone(), end);
        Self { child, ended, open_streams: 2 }
    }

    /// Whether it ended by itself.
    pub fn has_exited(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Ends it as a platform does: SIGTERM to the group, SIGKILL to what is left. Returns when it is gone.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        if !self.wait_for_streams(GRACE) {
            self.signal(Signal::SIGKILL);
            self.wait_for_streams(GRACE);
        }
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"));
        // It may have ended already.
        let _ = killpg(group, signal);
    }

    fn wait_for_streams(&mut self, patience: Duration) -> bool {
        while self.open_streams > 0 {
            if self.ended.recv_timeout(patience).is_err() {
                return false;
            }
            self.open_streams -= 1;
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn capture(stream: impl Read + Send + 'static, is_error: bool, log: Log, end: Sender<()>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut raw = Vec::new();
        while reader.read_until(b'\n', &mut raw).is_ok_and(|read| read > 0) {
            log.push(String::from_utf8_lossy(&raw).trim_end().to_owned(), is_error);
            raw.clear();
        }
        let _ = end.send(());
    });
}
