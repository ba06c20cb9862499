//! Cassettes: a past run as a scenario, so that a changed runbook can be played against what really happened.
//!
//! Lives here: putting the file together and saying in it what is masked and what is not known. What was seen is taken from
//! the events by `observe`, made into a world by `world`; `people` has the acts. Never lives here: an invented answer:
//! what the journal does not hold has no rule, and asking for it is a difference.

mod mask;
mod observe;
mod people;
mod services;
mod variables;
mod world;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use self::mask::Mask;
use self::write::{Line, lines};
use super::compare::step_is;
use crate::base::event::Recorded;
use crate::domain::run::event::{Event, Output};
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;

/// A run with all that a cassette is made from.
pub struct Taken<'a> {
    /// As it stands.
    pub run: &'a State,
    /// Everything recorded about its incident, in order.
    pub facts: &'a [Recorded<Fact>],
    /// Outputs that were too long for an event, by blob; see [`blobs`].
    pub blobs: &'a BTreeMap<String, String>,
    /// The runbook's page, relative to the file that is written.
    pub runbook: &'a str,
    /// The inventory, likewise.
    pub targets: &'a str,
    /// The text of that inventory: it names the variables whose values the scenario has to give.
    pub inventory: &'a str,
}

/// A scenario made from a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cassette {
    /// The file.
    pub text: String,
    /// What was replaced in it: `2 tokens`.
    pub masked: Vec<String>,
    /// What is not known or could not be said, a sentence each.
    pub missing: Vec<String>,
}

/// The blobs that a run's answers lie in.
#[must_use]
pub fn blobs(run: &State, facts: &[Recorded<Fact>]) -> BTreeSet<String> {
    let outputs = facts.iter().filter_map(|recorded| match &recorded.event {
        Fact::Run(id, Event::StepFinished(finished)) if *id == run.id => finished.output.as_ref(),
        _ => None,
    });
    outputs.filter_map(|output| if let Output::Blob { id, .. } = output { Some(id.clone()) } else { None }).collect()
}

/// Makes a scenario of a run.
#[must_use]
pub fn record(taken: &Taken<'_>) -> Cassette {
    let run = taken.run;
    let mut mask = Mask::default();
    let seen = observe::observe(run, taken.facts, taken.blobs);
    let people = people::people(run, taken.facts, &mut mask);
    let world = world::make(&seen, &run.plan.inventory, run.opened_at, &mut mask);
    let mut missing = seen.missing.clone();
    missing.extend(world.missing.iter().cloned());
    missing.extend(people.left_out.iter().map(|text| format!("no part says that: {text}")));
    let erased = taken.facts.iter().filter(|one| matches!(one.event, Fact::Erased { .. })).count();
    if erased > 0 {
        missing.push(format!("{erased} events of the incident were erased; what they said is not in here"));
    }
    let crashes = crashes(taken, &mut missing);
    let mut missing: Vec<String> = missing.into_iter().map(|text| mask.text(&text)).collect();
    let mut known = BTreeSet::new();
    missing.retain(|text| known.insert(text.clone()));

    let mut file = head(taken, &mut mask);
    let variables = variables::values(taken.inventory, &run.plan.inventory);
    let mut made = Vec::new();
    let entries =
        |map: BTreeMap<String, String>| map.into_iter().map(|(name, is)| Line::Entry(name, json!(is))).collect();
    block(&mut made, "variables", entries(variables));
    block(&mut made, "state", entries(world.state));
    block(&mut made, "moves", world.moves);
    block(&mut made, "services", world.services);
    block(&mut made, "sites", world.sites);
    block(&mut made, "redis", world.redis);
    block(&mut made, "commands", world.commands);
    block(&mut made, "logs", world.logs);
    block(&mut file, "world", made);
    block(&mut file, "faults", world.faults.into_iter().chain(crashes).collect());
    block(&mut file, "people", people.parts);
    block(&mut file, "expect", expect(run, taken.facts, &seen.orders));

    let masked = mask.told();
    let mut text = String::new();
    lines(&mut text, 0, &about(run, &masked, &missing));
    lines(&mut text, 0, &file);
    Cassette { text, masked, missing }
}

fn block(into: &mut Vec<Line>, name: &str, below: Vec<Line>) {
    if !below.is_empty() {
        into.push(Line::Block(name.to_owned(), below));
    }
}

fn about(run: &State, masked: &[String], missing: &[String]) -> Vec<Line> {
    let comment = |text: String| Line::Comment(text);
    let mut lines = vec![
        comment(format!("Recorded from {} of {}; the world as that run saw it.", run.id, run.opened.incident)),
        comment(
            "Nothing here was invented: what the run never asked in a phase has no answer, and asking is a difference."
                .into(),
        ),
    ];
    let told = if masked.is_empty() { "nothing looked like it should be".to_owned() } else { masked.join(", ") };
    lines.push(comment(format!("Masked in bodies, outputs and what persons said: {told}. Paths, arguments and names are as they were; secrets never were in the record. Read it before you pass it on.")));
    lines.extend(missing.iter().map(|text| comment(format!("Not known: {text}"))));
    lines
}

fn head(taken: &Taken<'_>, mask: &mut Mask) -> Vec<Line> {
    let (run, opened) = (taken.run, &taken.run.opened);
    let entry = |name: &str, value: Value| Line::Entry(name.to_owned(), value);
    let start = run.opened_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mut lines = vec![
        entry("title", json!(format!("{} as recorded in {}", mask.text(&opened.title), run.id))),
        entry("runbook", json!(taken.runbook)),
        entry("targets", json!(taken.targets)),
        entry("environment", json!(opened.environment)),
        entry("by", json!(opened.by)),
        entry("start", json!(start)),
    ];
    if run.opened_at - opened.incident_started >= chrono::TimeDelta::seconds(1) {
        lines.push(entry("impact_began", json!(write::span(run.opened_at - opened.incident_started))));
    }
    if !opened.approves.is_empty() {
        lines.push(entry("approves", json!(opened.approves)));
    }
    let inputs: Map<String, Value> =
        opened.inputs.iter().map(|(name, value)| (name.clone(), mask.json(value))).collect();
    if !inputs.is_empty() {
        lines.push(entry("inputs", Value::Object(inputs)));
    }
    if opened.from.is_some() {
        lines.push(Line::Comment(
            "the run began in the middle of the page; a rehearsal begins at its first step".into(),
        ));
    }
    lines
}

/// Where another process went on with the run although nobody had held it up.
fn crashes(taken: &Taken<'_>, missing: &mut Vec<String>) -> Vec<Line> {
    let mut wording = crate::view::sentence::Wording::new(chrono_tz::Tz::UTC);
    let mut counts: BTreeMap<(String, Option<String>), u32> = BTreeMap::new();
    let mut last = None;
    let (mut driven, mut held) = (false, false);
    let mut found = Vec::new();

    for recorded in taken.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        if *id != taken.run.id {
            continue;
        }
        let entry = super::entry::Entry::of(recorded, &mut wording);
        if let Event::Adopted(_) = event {
            if let (true, false, Some((kind, step, nth, at))) = (driven, held, last.clone()) {
                let mut crash = Map::from_iter([("after".to_owned(), json!(kind))]);
                let step: Option<String> = step;
                crash.extend(step.map(|step| ("step".to_owned(), json!(step))));
                crash.insert("nth".to_owned(), json!(nth));
                crash.insert("done".to_owned(), json!(arrived(taken, recorded.pos)));
                crash.insert("down_for".to_owned(), json!(write::span(recorded.at - at)));
                found.push(Line::Item(json!({ "crash": crash })));
                missing.push(format!(
                    "when the bot stopped before {}; it is put right behind the last thing it wrote down",
                    recorded.at.to_rfc3339()
                ));
            }
            (driven, held) = (true, false);
        }
        held = matches!(event, Event::Paused(_)) || (held && !matches!(event, Event::Adopted(_)));
        let count = counts.entry((entry.kind.clone(), entry.step.clone())).or_default();
        *count += 1;
        // What people said from elsewhere came after the bot was gone.
        if recorded.head.actor.person().is_none() {
            last = Some((entry.kind, entry.step, *count, recorded.at));
        }
    }
    found
}

/// Whether what was just being sent when the bot stopped arrived, as it was settled later.
fn arrived(taken: &Taken<'_>, after: u64) -> bool {
    let later = taken.facts.iter().filter(|one| one.pos > after);
    let settled = later.filter_map(|one| match &one.event {
        Fact::Run(id, Event::DoubtSettled(settled)) if *id == taken.run.id => Some(settled.verdict),
        _ => None,
    });
    settled.take(1).any(|verdict| verdict == crate::domain::run::event::DoubtVerdict::Done)
}

fn expect(run: &State, facts: &[Recorded<Fact>], orders: &[observe::Order]) -> Vec<Line> {
    let outcome = run.outcome().map_or("needs_human", |outcome| outcome.word());
    let mut lines = vec![Line::Entry("outcome".to_owned(), json!(outcome))];
    let (mut steps, mut visits) = (Vec::new(), Map::new());
    for (position, step) in run.plan.steps.iter().enumerate() {
        steps.push(Line::Entry(step.id.clone(), json!(step_is(run, position).word())));
        let times = run.steps[position].visits;
        if times > 1 {
            visits.insert(step.id.clone(), json!(times));
        }
    }
    lines.push(Line::Block("steps".to_owned(), steps));
    if !visits.is_empty() {
        lines.push(Line::Entry("visits".to_owned(), Value::Object(visits)));
    }
    let criteria = run.judged.iter().flatten().map(|one| {
        let is = one.met.map_or("unticked", |met| if met { "met" } else { "unmet" });
        Line::Entry(one.text.clone(), json!(is))
    });
    block(&mut lines, "criteria", criteria.collect());
    for (name, verb) in [("restarts", "restart"), ("redeploys", "redeploy"), ("rollbacks", "rollback")] {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for order in orders.iter().filter(|order| order.verb == verb && order.accepted.is_some()) {
            *counts.entry(order.target.as_str()).or_default() += 1;
        }
        if !counts.is_empty() {
            lines.push(Line::Entry(name.to_owned(), json!(counts)));
        }
    }
    let mut wording = crate::view::sentence::Wording::new(chrono_tz::Tz::UTC);
    let timeline = facts.iter().filter_map(|recorded| match &recorded.event {
        Fact::Run(id, event) if *id == run.id => {
            let entry = super::entry::Entry::of(recorded, &mut wording);
            let told = matches!(
                event,
                Event::ApprovalGiven(_)
                    | Event::ApprovalRejected(_)
                    | Event::GlassBroken(_)
                    | Event::AttemptAccepted(_)
                    | Event::AttemptDoubted(_)
                    | Event::Answered(_)
                    | Event::WatchStarted(_)
                    | Event::Finished(_)
            );
            let mut line = Map::from_iter([("event".to_owned(), json!(entry.kind))]);
            line.extend(entry.step.map(|step| ("step".to_owned(), json!(step))));
            told.then_some(Line::Item(Value::Object(line)))
        }
        _ => None,
    });
    block(&mut lines, "timeline", timeline.collect());
    lines
}

#[cfg(test)]
mod tests;
