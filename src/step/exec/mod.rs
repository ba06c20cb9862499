//! How `exec` is done: a granted program with an argument vector, its output followed line by line.
//!
//! Lives here: the operator's grants, what each ending means, facts. Never lives here: processes, and the formats of
//! test results.
//!
//! A program that had to be ended may have done half of what it does: that is a doubt. One that ended by itself gave a
//! definite answer, whatever its exit code.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use self::results::{Named, Parser, UNREAD};
use super::text::span;
use super::{Executors, Instant, Inventory, Progress, Reply};
use crate::base::secret::{Recipient, holds_reference};
use crate::base::text::plain;
use crate::client::process::{Exit, OUTPUT_CAP, ProcessError, Spawn};
use crate::domain::action::exec::{Command, Results};
use crate::domain::action::reply::Answer;

mod junit;
mod results;
mod tap;

/// Between SIGTERM and SIGKILL.
const KILL_AFTER: Duration = Duration::from_secs(5);
/// Beyond the deadline, for ending a program and what it left behind.
const SLACK: Duration = Duration::from_secs(10);

pub(super) async fn act(
    executors: &Executors,
    command: &Command,
    inventory: &Inventory,
    until: Instant,
    timeout: Duration,
    progress: &dyn Progress,
) -> Reply {
    let prepared = spawn(executors, command, inventory, until).and_then(|spawn| {
        let parser = command.results.as_ref().map(Parser::new).transpose()?;
        Ok((spawn, parser))
    });
    let (spawn, mut parser) = match prepared {
        Ok(both) => both,
        Err(message) => return Reply::NotDone(executors.lasting(&message)),
    };
    let mut last = String::new();
    let ended = {
        let mut line = |raw: &str| {
            let text = executors.uncoloured(raw);
            if let Some(parser) = &mut parser {
                parser.line(&text);
            }
            let shown = executors.line(&text);
            progress.line(&shown);
            if !shown.is_empty() {
                last = shown;
            }
        };
        executors.within(until + SLACK, executors.ports.processes.run(spawn, &mut line)).await
    };
    let killed = |why: String| {
        let last = if last.is_empty() { String::new() } else { format!("; its last line: {last}") };
        Reply::Unknown(executors.passing(&format!("{}: {why}{last}", command.describe())))
    };
    match ended {
        Some(Ok(exit)) if exit.timed_out => killed(format!("killed after {} s", timeout.as_secs())),
        Some(Ok(Exit { code: None, signal, .. })) => {
            killed(signal.map_or("ended in an unknown way".to_owned(), |signal| format!("ended by signal {signal}")))
        }
        Some(Ok(exit)) => {
            let tests = parser.map(|parser| parser.finish(&exit));
            Reply::Answered(answer(executors, command, &exit, tests))
        }
        Some(Err(ProcessError::NotStarted(message))) => Reply::NotDone(executors.lasting(&message)),
        Some(Err(ProcessError::Lost(message))) => killed(message),
        None => killed(format!("not ended {} after its time", span(SLACK))),
    }
}

fn spawn(executors: &Executors, command: &Command, inventory: &Inventory, until: Instant) -> Result<Spawn, String> {
    let (name, args) = command.argv.split_first().ok_or_else(|| "there is no program to run".to_owned())?;
    let grant = inventory.programs.get(name).ok_or_else(|| {
        format!("the program '{name}' is not granted; name it under `programs:` in targets.yaml if it should be")
    })?;
    if command.argv.iter().any(|argument| holds_reference(argument)) {
        return Err(format!("a secret may not stand in the arguments of {name}; put it into `env`"));
    }
    let mut env = std::collections::BTreeMap::new();
    for (variable, value) in &command.env {
        if !grant.env.contains(variable) {
            return Err(format!(
                "{name} may not be given the variable {variable}; grant it under `programs.{name}.env` in targets.yaml"
            ));
        }
        let value = executors.secrets.resolve(value, Recipient::Program(name)).map_err(|error| error.to_string())?;
        env.insert(variable.clone(), value);
    }
    Ok(Spawn {
        program: grant.path.as_ref().unwrap_or(name).clone(),
        args: args.to_vec(),
        env,
        until,
        kill_after: KILL_AFTER,
        max_output: OUTPUT_CAP,
        report: command.results.as_ref().and_then(Results::file).map(str::to_owned),
        scrubber: executors.secrets.scrubber().clone(),
    })
}

impl Executors {
    /// Without escape sequences. Scrubbed before and after, because colours inside a secret would hide it.
    fn uncoloured(&self, text: &str) -> String {
        self.scrubbed(&plain(&self.scrubbed(text), usize::MAX))
    }
}

fn answer(executors: &Executors, command: &Command, exit: &Exit, tests: Option<Vec<Named>>) -> Answer {
    let mut output = executors.uncoloured(&exit.output);
    // What replaces control characters is longer than they are.
    output.truncate(output.floor_char_boundary(OUTPUT_CAP));
    let code = exit.code.unwrap_or_default();
    let mut facts = vec![("exit", json!(code)), ("output", json!(output))];
    facts.extend(whole_json(&output).map(|value| ("json", value)));
    let mut summary = format!("exit {code}");
    if let Some(tests) = &tests {
        summary.push_str(&judge(command, tests, &mut facts));
    }
    Answer {
        facts: executors.facts(facts),
        summary: executors.line(&summary),
        output: (!output.is_empty()).then_some(output),
        cut: exit.cut.as_deref().map(|cut| executors.line(cut)),
    }
}

/// The output as JSON, where all of it is one object or list: what load testers and API clients print.
fn whole_json(output: &str) -> Option<Value> {
    let text = output.trim();
    text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())?
}

/// Adds what the tests say; gives it for the summary, too.
fn judge(command: &Command, tests: &[Named], facts: &mut Vec<(&'static str, Value)>) -> String {
    let known: BTreeSet<&str> = command.known_failures.iter().map(String::as_str).collect();
    let names = |passed: bool| tests.iter().filter(move |test| test.passed == passed).map(|test| test.name.as_str());
    let failures: Vec<&str> = names(false).collect();
    let unexpected: Vec<&str> = names(false).filter(|name| !known.contains(name)).collect();
    let fixed: Vec<&str> = names(true).filter(|name| known.contains(name)).collect();
    let passed = tests.len() - failures.len();
    let not_run = tests.iter().filter(|test| test.skipped).count();
    let mut said = format!("; {passed} of {} tests passed", tests.len());
    if not_run > 0 {
        said.push_str(&format!(" ({not_run} of them skipped)"));
    }
    if !unexpected.is_empty() {
        let kind = if known.is_empty() { "failed" } else { "failed unexpectedly" };
        said.push_str(&format!("; {kind}: {}", unexpected.join(", ")));
    } else if !failures.is_empty() {
        said.push_str("; every failure is a known one");
    }
    if let [only] = tests
        && only.name == UNREAD
    {
        said.push_str(&format!(" ({})", only.detail));
    }
    if !fixed.is_empty() {
        said.push_str(&format!("; passes again: {}", fixed.join(", ")));
    }
    let list = tests.iter().map(|test| json!({ "name": test.name, "passed": test.passed, "detail": test.detail }));
    facts.extend([
        ("tests", Value::Array(list.collect())),
        ("passed", json!(passed)),
        ("failed", json!(failures.len())),
        ("total", json!(tests.len())),
        ("failures", json!(failures)),
        ("unexpected", json!(unexpected)),
        ("fixed", json!(fixed)),
        ("not_run", json!(not_run)),
    ]);
    said
}
