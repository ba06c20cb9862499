//! A service of the world: one process on one port, started anew when the platform says so.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Patience;
use super::ports::Port;
use super::process::{Log, Process};
use super::railway::Container;

type Condition = Box<dyn Fn() -> bool + Send + Sync>;

/// How to run a server and how to see that it is ready.
pub struct Command {
    pub program: OsString,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
    pub directory: PathBuf,
    pub ready: Condition,
}

/// The server.
pub struct Server {
    pub port: Port,
    command: Command,
    log: Log,
    process: Mutex<Option<Process>>,
    starts: AtomicUsize,
    closing: AtomicBool,
}

impl Server {
    /// Starts the process and returns when it is ready.
    pub fn start(port: Port, command: Command) -> Self {
        let server = Self {
            port,
            command,
            log: Log::default(),
            process: Mutex::new(None),
            starts: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        };
        server.restart().unwrap_or_else(|error| panic!("{error}"));
        server
    }

    /// How often it was stopped and started again.
    pub fn restarts(&self) -> usize {
        self.starts.load(Ordering::SeqCst) - 1
    }

    /// Ends the process for good and lets nobody start it again.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        *self.process.lock().expect("process") = None;
    }
}

impl Container for Server {
    fn restart(&self) -> Result<(), String> {
        let name = self.command.program.display();
        let mut process = self.process.lock().expect("process");
        if self.closing.load(Ordering::SeqCst) {
            return Err(format!("{name}: the world is ending"));
        }
        if let Some(mut running) = process.take() {
            running.stop();
        }
        let command = &self.command;
        let process = process.insert(Process::start(
            &command.program,
            command.arguments.iter().cloned(),
            command.environment.iter().cloned(),
            &command.directory,
            &self.log,
        ));
        self.starts.fetch_add(1, Ordering::SeqCst);
        let stop_waiting = |process: &mut Process| process.has_exited() || self.closing.load(Ordering::SeqCst);
        Patience::start().wait(|| (command.ready)() || stop_waiting(process));
        if process.has_exited() || !(command.ready)() {
            let said: Vec<_> = self.log.lines().into_iter().map(|line| line.text).collect();
            return Err(format!("{name} does not run:\n{}", said.join("\n")));
        }
        Ok(())
    }

    fn log(&self) -> Log {
        self.log.clone()
    }
}
