//! `rundown serve` as a process of its own, talking to the look-alike.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rundown::Desk;
use crate::world::discord::{Discord, Id};

/// A running server. Dropping it kills it.
pub struct Served {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Served {
    /// Starts it beside a desk, with incidents' threads under the channel, and waits until it is connected.
    pub async fn start(desk: &Desk, discord: &Discord, channel: Id) -> Self {
        let served = Self::spawn(desk, discord, channel, "");
        let before = discord.look(|world| world.sessions.identified);
        discord
            .until("the bot is ready", |world| world.sessions.identified > before && world.sessions.is_connected())
            .await;
        discord.registered("incident").await;
        served
    }

    /// Starts it, with more lines in its settings.
    pub fn spawn(desk: &Desk, discord: &Discord, channel: Id, more: &str) -> Self {
        let settings = format!(
            "{more}\n[discord]\nserver = \"{}\"\nchannel = \"{channel}\"\napi = \"{}\"\n",
            discord.guild(),
            discord.url()
        );
        std::fs::write(desk.path().join("rundown.toml"), settings).expect("settings");
        Self::run(desk.command(&["serve"]).env("DISCORD_TOKEN", discord.token()))
    }

    /// Starts it without Discord: it drives runs, and that is all.
    pub fn alone(desk: &Desk) -> Self {
        Self::run(&mut desk.command(&["serve"]))
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary runs");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("a pipe")), said.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                eprintln!("    bot: {line}");
                kept.lock().expect("lines").push(line);
            }
        });
        Self { child, said }
    }

    /// What it said on standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().expect("lines").join("\n")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a chance to say anything.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Asks it to leave, as a platform does, and waits until it has left; its exit code.
    pub fn leaves(mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("a signal");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
