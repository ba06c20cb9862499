//! How `railway.logs` is done: the running deployment's newest lines.
//!
//! Lives here: lines as facts, and the count of those that hold a text. Never lives here: watching a log.

use serde_json::{Value, json};

use super::super::{Executors, Instant, Reply};
use super::running;
use super::{LOOK_BACK, Trouble};
use crate::client::railway::{LogLine, LogQuery};
use crate::domain::action::railway::Logs;
use crate::domain::action::reply::Answer;

pub(in crate::step) async fn act(executors: &Executors, logs: &Logs, until: Instant) -> Reply {
    match read(executors, logs, until).await {
        Ok((deployment, lines)) => Reply::Answered(answer(executors, logs, &deployment, &lines)),
        Err(trouble) => trouble.reply(),
    }
}

async fn read(executors: &Executors, logs: &Logs, until: Instant) -> Result<(String, Vec<LogLine>), Trouble> {
    let service = executors.service(&logs.service).map_err(Trouble::settled)?;
    // Before the first question: lines written while it is asked are still in it.
    let since = executors.clock.now() - logs.since.std();
    let list = executors.recent(&service, LOOK_BACK, until).await?;
    let Some(deployment) = running(&list).or(list.first()) else {
        return Err(Trouble::settled(executors.lasting(&format!("{} has no deployment yet", service.target))));
    };
    let query = LogQuery { since, limit: logs.limit, filter: None };
    let asking = executors.ports.railway.logs(&service, &deployment.id, query, until);
    match executors.within(until, asking).await {
        Some(Ok(lines)) => Ok((deployment.id.clone(), lines)),
        Some(Err(error)) => Err(executors.trouble(&error)),
        None => Err(executors.silence(&service)),
    }
}

fn answer(executors: &Executors, logs: &Logs, deployment: &str, lines: &[LogLine]) -> Answer {
    let surplus = lines.len().saturating_sub(logs.limit as usize);
    let full = lines.len() >= logs.limit as usize;
    let lines = &lines[surplus..];
    let messages: Vec<String> = lines.iter().map(|line| executors.scrubbed(&line.message)).collect();
    // What is counted is what can be read: the scrubbed text.
    let matched = logs.text.as_ref().map(|text| messages.iter().filter(|message| message.contains(text)).count());
    let facts: Vec<Value> = lines
        .iter()
        .zip(&messages)
        .map(|(line, message)| json!({ "at": line.at, "severity": line.severity, "message": message }))
        .collect();
    let text = messages.join("\n");
    let mut summary = format!("{} lines of deployment {deployment}", lines.len());
    if let (Some(matched), Some(wanted)) = (matched, &logs.text) {
        summary.push_str(&format!(", {matched} with \"{wanted}\""));
    }
    let mut named = vec![("lines", Value::Array(facts)), ("text", json!(text)), ("count", json!(lines.len()))];
    named.push(("matched", json!(matched.unwrap_or_default())));
    Answer {
        facts: executors.facts(named),
        summary: executors.line(&summary),
        output: (!text.is_empty()).then_some(text),
        cut: full.then(|| format!("at most {} lines were read; there may be older ones", logs.limit)),
    }
}
