//! Real child processes, each the leader of a process group of its own.
//!
//! Lives here: starting, reading, ending and reaping. Never lives here: what is kept of the output.
//!
//! Nothing of the group outlives its leader. A child that makes a session of its own (`setsid`) leaves the group and is not ended with
//! it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use secrecy::ExposeSecret;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::output::Output;
use super::report::Awaited;
use super::{Exit, ProcessError, Processes, Spawn};
use crate::base::clock::Clock;
use crate::base::event::Instant;

/// The only variables that a child inherits.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// The same number on every Unix.
const SIGTERM: i32 = 15;
/// How long output is awaited after the child has ended: others of its group may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs real processes.
#[derive(Clone)]
pub struct ProcessGroups {
    clock: Arc<dyn Clock>,
}

/// A running group; killed whole when its leader has ended, or when this is dropped before.
struct Group {
    child: Box<dyn ChildWrapper>,
    over: bool,
}

impl Group {
    /// That nothing is left to signal is no fault.
    fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    /// The leader is gone; what it left behind in its group goes, too.
    fn end(&mut self) {
        self.kill();
        // Where orphans come to this process (the first one of a container), they are reaped here.
        let _ = self.child.try_wait();
        self.over = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
        }
    }
}

/// What happens when the deadline of a phase comes.
enum Phase {
    /// SIGTERM.
    Running,
    /// SIGKILL.
    Terminating,
    /// The child has ended and others hold its output: SIGKILL to them.
    Draining,
    /// Nothing more can be done; what was read is what there is.
    Killed,
}

impl ProcessGroups {
    /// Runs processes against this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    async fn drive(&self, spawn: Spawn, line: &mut (dyn FnMut(&str) + Send)) -> Result<Exit, ProcessError> {
        let awaited = match &spawn.report {
            Some(path) => Some(Awaited::new(path).await),
            None => None,
        };
        let (mut group, mut pipe) = start(&spawn)?;
        let mut output = Output::new(spawn.max_output, spawn.scrubber.clone());
        let mut buffer = vec![0; 16 * 1024];
        let (mut phase, mut until) = (Phase::Running, spawn.until);
        let (mut status, mut open, mut timed_out, mut left_behind) = (None, true, false, false);
        while status.is_none() || open {
            // The deadline is asked first: a child that floods its output is always readable.
            let sleep = self.clock.sleep_until(until);
            tokio::select! {
                biased;
                () = sleep => match phase {
                    Phase::Running => {
                        timed_out = true;
                        let _ = group.child.signal(SIGTERM);
                        (phase, until) = (Phase::Terminating, self.after(spawn.kill_after));
                    }
                    Phase::Terminating | Phase::Draining => {
                        left_behind = status.is_some() && !timed_out;
                        group.kill();
                        (phase, until) = (Phase::Killed, self.after(DRAIN));
                    }
                    Phase::Killed if status.is_some() => break,
                    Phase::Killed => {
                        let message = format!("{} was sent SIGKILL and has not ended", spawn.program);
                        return Err(ProcessError::Lost(message));
                    }
                },
                ended = group.child.inner_mut().wait(), if status.is_none() => {
                    let ended = ended.map_err(|error| {
                        ProcessError::Lost(format!("how {} ended is not known: {error}", spawn.program))
                    })?;
                    status = Some(ended);
                    if timed_out {
                        group.kill();
                    }
                    (phase, until) = (Phase::Draining, self.after(DRAIN));
                }
                read = pipe.read(&mut buffer), if open => match read {
                    Ok(length) if length > 0 => output.push(&buffer[..length], line),
                    _ => open = false,
                },
            }
        }
        group.end();
        let (text, cut) = output.finish(line);
        let left = left_behind.then(|| "processes it left behind, which held its output open, were ended".to_owned());
        let cut = [cut, left].into_iter().flatten().reduce(|all, one| format!("{all}; {one}"));
        let report = match awaited {
            Some(awaited) => Some(awaited.read().await.map(|text| spawn.scrubber.scrub(&text))),
            None => None,
        };
        Ok(Exit { report, ..exit(status, text, cut, timed_out) })
    }

    fn after(&self, duration: Duration) -> Instant {
        self.clock.now() + duration
    }
}

impl Processes for ProcessGroups {
    fn run<'a>(
        &'a self,
        spawn: Spawn,
        line: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Exit, ProcessError>> {
        Box::pin(self.drive(spawn, line))
    }
}

fn start(spawn: &Spawn) -> Result<(Group, Receiver), ProcessError> {
    let failed = |error: std::io::Error| {
        let program = &spawn.program;
        ProcessError::NotStarted(match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no program {program}"),
            std::io::ErrorKind::PermissionDenied => format!("{program} may not be executed"),
            _ => format!("{program} could not be started: {error}"),
        })
    };
    // One pipe for both streams: the kernel keeps their order.
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let inherited = INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut env: BTreeMap<&str, OsString> = inherited.collect();
    env.extend(spawn.env.iter().map(|(name, value)| (name.as_str(), value.expose_secret().into())));
    // By its path, where it has one: a name would have to be looked up by the child, and for that the system would copy
    // this process's whole memory map first.
    let path = env.get("PATH").and_then(|path| look_up(&spawn.program, path));
    let mut command = tokio::process::Command::new(path.as_deref().unwrap_or(Path::new(&spawn.program)));
    command.arg0(&spawn.program).args(&spawn.args).env_clear().envs(env).stdin(Stdio::null());
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut command = CommandWrap::from(command);
    command.wrap(ProcessGroup::leader());
    let child = command.spawn().map_err(failed)?;
    let group = Group { child, over: false };
    // Our ends of the pipe for writing are in the command; while they are open the output does not end.
    drop(command);
    let pipe = Receiver::from_owned_fd(reader.into()).map_err(failed)?;
    Ok((group, pipe))
}

/// The file that a program's name means: the first of its name in PATH that may be executed. Nothing for a path, and where there is
/// none: the system then says itself what is wrong.
fn look_up(program: &str, path: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    // An empty entry is the working directory.
    let file = |folder: PathBuf| {
        if folder.as_os_str().is_empty() { Path::new(".").join(program) } else { folder.join(program) }
    };
    (!program.contains('/')).then(|| std::env::split_paths(path).map(file).find(executable))?
}

fn exit(status: Option<std::process::ExitStatus>, output: String, cut: Option<String>, timed_out: bool) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    let code = status.and_then(|status| status.code());
    let signal = status.and_then(|status| status.signal());
    Exit { code, signal, output, cut, timed_out, report: None }
}
