//! `rundown serve` as a process of its own, talking to the look-alike.

#![allow(dead_code, reason = "what one test asks of the server another does not")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::rundown::Desk;
use crate::world::discord::{Discord, Id, public_key};

/// A running server. Dropping it kills it.
pub struct Served {
    child: Child,
    said: watch::Receiver<Vec<String>>,
}

impl Served {
    /// Starts it beside a desk, with incidents' threads under the channel, and waits until it is connected.
    pub async fn start(desk: &Desk, discord: &Discord, channel: Id) -> Self {
        Self::start_with(desk, discord, channel, "").await
    }

    /// As [`Self::start`], with more lines in `[discord]`.
    pub async fn start_with(desk: &Desk, discord: &Discord, channel: Id, of_discord: &str) -> Self {
        let before = discord.look(|world| world.sessions.identified);
        let served = Self::spawn_with(desk, discord, channel, "", of_discord);
        discord
            .until("the bot is ready", |world| world.sessions.identified > before && world.sessions.is_connected())
            .await;
        discord.registered("incident").await;
        served
    }

    /// Starts it with interactions over HTTP on any port, and waits until it is ready; the address.
    pub async fn over_http(desk: &Desk, discord: &Discord, channel: Id) -> (Self, String) {
        let more = format!("interactions = \"http\"\nlisten = \"127.0.0.1:0\"\npublic-key = \"{}\"\n", public_key());
        let served = Self::spawn_with(desk, discord, channel, "", &more);
        let line = served.says("interactions at ").await;
        let (_, url) = line.split_once("interactions at ").expect("an address");
        let url = url.to_owned();
        (served, url)
    }

    /// Starts it, with more lines in its settings.
    pub fn spawn(desk: &Desk, discord: &Discord, channel: Id, more: &str) -> Self {
        Self::spawn_with(desk, discord, channel, more, "")
    }

    /// Starts it, with more lines in its settings: before `[discord]` and in it.
    pub fn spawn_with(desk: &Desk, discord: &Discord, channel: Id, more: &str, of_discord: &str) -> Self {
        let settings = format!(
            "{more}\n[discord]\nserver = \"{}\"\nchannel = \"{channel}\"\napi = \"{}\"\n{of_discord}",
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
        let (kept, said) = watch::channel(Vec::new());
        let lines = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                eprintln!("    bot: {line}");
                kept.send_modify(|lines| lines.push(line));
            }
        });
        Self { child, said }
    }

    /// What it said on standard error so far.
    pub fn said(&self) -> String {
        self.said.borrow().join("\n")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says a line with this text on standard error; the line.
    pub async fn says(&self, text: &str) -> String {
        let mut said = self.said.clone();
        let found = said.wait_for(|lines: &Vec<String>| lines.iter().any(|line| line.contains(text)));
        let found = tokio::time::timeout(Duration::from_secs(30), found).await.expect("it says it in time");
        let lines = found.expect("it still runs");
        lines.iter().find(|line| line.contains(text)).expect("a line").clone()
    }

    /// Waits until it leaves by itself; its exit code.
    pub fn ends(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
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
