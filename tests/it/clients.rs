//! The executors over the real transports, against servers and children that misbehave for real.

#![allow(clippy::disallowed_methods, reason = "servers that misbehave live in real time, outside the program")]

mod http;
mod process;
mod railway;
mod redis;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rundown::base::clock::{Clock, RealClock};
use rundown::base::secret::{SecretEntry, Secrets};
use rundown::domain::action::Action;
use rundown::domain::action::inventory::{Inventory, Target};
use rundown::domain::action::reply::{Answer, Failure, Reply};
use rundown::step::{Executors, Ports, Progress};

/// The program's executors with a runtime to drive them.
struct Bench {
    runtime: tokio::runtime::Runtime,
    executors: Executors,
    inventory: Inventory,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Progress for Lines {
    fn line(&self, text: &str) {
        self.0.lock().expect("lines").push(text.to_owned());
    }
}

impl Bench {
    fn new(inventory: Inventory, secrets: Vec<SecretEntry>, railway: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
        let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
        let ports = Ports::real(&clock, railway);
        let executors = Executors::new(ports, Secrets::new(secrets), clock);
        Self { runtime, executors, inventory, lines: Arc::default() }
    }

    /// Executors whose inventory names these base URLs and nothing else.
    fn naming(urls: &[&str]) -> Self {
        let target = |url: &&str| Target { url: Some((*url).to_owned()), ..Target::default() };
        let targets: BTreeMap<_, _> = urls.iter().map(|url| ((*url).to_owned(), target(url))).collect();
        Self::new(Inventory { targets, ..Inventory::default() }, Vec::new(), "http://127.0.0.1:9")
    }

    fn act(&self, action: &Action, timeout: Duration) -> Reply {
        self.act_after(action, None, timeout)
    }

    fn act_after(&self, action: &Action, baseline: Option<&serde_json::Value>, timeout: Duration) -> Reply {
        let lines = Arc::clone(&self.lines);
        self.runtime.block_on(self.executors.act(action, &self.inventory, "key-1", baseline, timeout, &*lines))
    }
}

fn secret(name: &str, value: &str, hosts: &[&str]) -> SecretEntry {
    SecretEntry {
        name: name.to_owned(),
        value: Some(value.to_owned().into()),
        from: format!("the variable {}", name.to_uppercase()),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        programs: Vec::new(),
    }
}

#[track_caller]
fn answered(reply: Reply) -> Answer {
    match reply {
        Reply::Answered(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

#[track_caller]
fn not_done(reply: Reply) -> Failure {
    match reply {
        Reply::NotDone(failure) => failure,
        other => panic!("done, or perhaps: {other:?}"),
    }
}

#[track_caller]
fn unknown(reply: Reply) -> Failure {
    match reply {
        Reply::Unknown(failure) => failure,
        other => panic!("settled: {other:?}"),
    }
}
