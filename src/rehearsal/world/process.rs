//! The programs of a scripted world.
//!
//! Lives here: what a program prints in which state, and when. Never lives here: what output means.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::BoxFuture;
use secrecy::ExposeSecret;

use super::fault::Call;
use super::{Inner, ScriptedWorld};
use crate::client::process::{Exit, ProcessError, Processes, Spawn};
use crate::rehearsal::scenario::{CommandRule, Failing};

/// The signal that ends a program whose time is up.
const SIGTERM: i32 = 15;

impl Inner {
    fn command(&mut self, spawn: &Spawn) -> Result<CommandRule, ProcessError> {
        let program = program(spawn);
        let argv: Vec<&str> = std::iter::once(program).chain(spawn.args.iter().map(String::as_str)).collect();
        let spec = std::sync::Arc::clone(&self.spec);
        let rule = spec.commands.iter().find(|rule| {
            rule.argv.len() <= argv.len()
                && rule.argv.iter().zip(&argv).all(|(wanted, given)| wanted == given)
                && has_variables(&rule.env, spawn)
                && self.holds(&rule.when)
        });
        let Some(rule) = rule else {
            self.complain(format!("no command of the scenario is {}", argv.join(" ")));
            return Err(ProcessError::NotStarted(format!("there is no program {program}")));
        };
        *self.acts.commands.entry(program.to_owned()).or_default() += 1;
        Ok(rule.clone())
    }
}

fn program(spawn: &Spawn) -> &str {
    Path::new(&spawn.program).file_name().and_then(|name| name.to_str()).unwrap_or(&spawn.program)
}

fn has_variables(wanted: &BTreeMap<String, String>, spawn: &Spawn) -> bool {
    wanted.iter().all(|(name, value)| spawn.env.get(name).is_some_and(|given| given.expose_secret() == value))
}

impl ScriptedWorld {
    async fn run_program(&self, spawn: Spawn, line: &mut (dyn FnMut(&str) + Send)) -> Result<Exit, ProcessError> {
        let strike = self.now().trouble.strike(Call::Exec { program: program(&spawn) });
        if let Some(strike) = strike {
            return Err(match strike.how {
                Failing::Refused => ProcessError::NotStarted(format!("{} could not be started", program(&spawn))),
                _ => ProcessError::Lost(format!("{} was started, and its end was not seen", program(&spawn))),
            });
        }
        let rule = self.now().command(&spawn)?;
        let start = self.clock.now();
        let mut output = String::new();
        let count = i32::try_from(rule.lines.len()).unwrap_or(i32::MAX).saturating_add(1);
        for (index, text) in (1..).zip(&rule.lines) {
            let at = start + rule.takes.delta() * index / count;
            if at > spawn.until {
                break;
            }
            self.clock.sleep_until(at).await;
            let text = spawn.scrubber.scrub(text);
            line(&text);
            output.push_str(&text);
            output.push('\n');
        }
        let end = start + rule.takes.delta();
        if end > spawn.until {
            self.clock.sleep_until(spawn.until).await;
            return Ok(Exit { signal: Some(SIGTERM), output, timed_out: true, ..Exit::default() });
        }
        self.clock.sleep_until(end).await;
        for text in rule.json.iter().flat_map(|json| format!("{json:#}").lines().map(str::to_owned).collect::<Vec<_>>())
        {
            let text = spawn.scrubber.scrub(&text);
            line(&text);
            output.push_str(&text);
            output.push('\n');
        }
        self.now().set(&rule.set, end);
        let report = spawn.report.map(|path| {
            let report = rule.report.ok_or_else(|| format!("the program wrote no {path}"))?;
            Ok(spawn.scrubber.scrub(&report))
        });
        Ok(Exit { code: Some(rule.exit), output, report, ..Exit::default() })
    }
}

impl Processes for ScriptedWorld {
    fn run<'a>(
        &'a self,
        spawn: Spawn,
        line: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Exit, ProcessError>> {
        Box::pin(self.run_program(spawn, line))
    }
}
