//! Faults of calls: which call gets which fault.
//!
//! Lives here: counting calls and finding the fault that a call gets. Never lives here: how it looks.

use crate::rehearsal::scenario::{CallFault, Failing, Fault, RailwayCall};

/// The faults of a scenario, and how far each has come.
pub(super) struct Trouble(Vec<Pending>);

struct Pending {
    fault: CallFault,
    calls: u32,
    struck: u32,
}

/// A call, as far as faults tell calls apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call<'a> {
    Http { method: &'a str, path: &'a str, query: Option<&'a str> },
    Railway { call: RailwayCall, target: &'a str },
    Redis { target: &'a str },
    Exec { program: &'a str },
}

/// A fault that strikes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub how: Failing,
    /// Whether it is done all the same.
    pub done: bool,
}

impl Trouble {
    pub fn new(faults: &[Fault]) -> Self {
        let calls = faults.iter().filter_map(|fault| match fault {
            Fault::Call(fault) => Some(Pending { fault: fault.clone(), calls: 0, struck: 0 }),
            Fault::Crash(_) => None,
        });
        Self(calls.collect())
    }

    /// Counts a call, and says whether it fails.
    pub fn strike(&mut self, call: Call<'_>) -> Option<Strike> {
        let mut strike = None;
        for pending in self.0.iter_mut().filter(|pending| concerns(&pending.fault, call)) {
            pending.calls += 1;
            let (first, times) = (pending.fault.nth, pending.fault.times);
            if strike.is_none() && (first..first.saturating_add(times)).contains(&pending.calls) {
                pending.struck += 1;
                strike = Some(Strike { how: pending.fault.gets, done: pending.fault.done });
            }
        }
        strike
    }

    /// A sentence for every fault that never struck, or not often enough.
    pub fn unused(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().filter(|pending| pending.struck < pending.fault.times).map(|pending| {
            let what = describe(&pending.fault);
            format!(
                "the fault of {what} struck {} of {} times: there were {} such calls",
                pending.struck, pending.fault.times, pending.calls
            )
        })
    }
}

fn concerns(fault: &CallFault, call: Call<'_>) -> bool {
    match call {
        Call::Http { method, path, query } => fault.http.as_ref().is_some_and(|line| line.matches(method, path, query)),
        Call::Railway { call, target } => {
            fault.railway == Some(call) && fault.target.as_deref().is_none_or(|wanted| wanted == target)
        }
        Call::Redis { target } => fault.redis.as_deref() == Some(target),
        Call::Exec { program } => fault.exec.as_deref() == Some(program),
    }
}

fn describe(fault: &CallFault) -> String {
    let railway = fault.railway.map(|call| {
        let call = format!("{call:?}").to_lowercase();
        format!("railway {call}{}", fault.target.as_ref().map_or(String::new(), |target| format!(" of {target}")))
    });
    let http = fault.http.as_ref().map(ToString::to_string);
    let redis = fault.redis.as_ref().map(|target| format!("redis {target}"));
    let exec = fault.exec.as_ref().map(|program| format!("exec {program}"));
    http.or(railway).or(redis).or(exec).unwrap_or_default()
}
