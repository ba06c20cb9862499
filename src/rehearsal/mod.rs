//! Rehearsals: a runbook played against a scripted world, in virtual time or over real sockets.
//!
//! Lives here: scenario files, the world they describe (behind the ports of `client`), the people in it, the player and the
//! comparison with what was expected. Never lives here: another engine or other executors: what is rehearsed is what runs.

pub mod branches;
pub mod cassette;
mod cast;
mod compare;
pub mod contract;
mod entry;
pub mod live;
mod play;
mod prepare;
pub mod scenario;
mod stage;
mod transcript;
pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::event::{Actor, Instant};
use crate::base::schedule::zone;
use crate::domain::runbook::model::Plan;
use crate::engine::EngineError;
use crate::view::report::{self, ReportError};
use crate::view::sentence::Wording;
use crate::view::time;
use entry::Entry;
use scenario::{Loaded, ScenarioError};
use stage::Performance;

/// The scenario that is played when none is named.
pub const FIRST: &str = "server-limit";

/// A rehearsal that was played to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The scenario's name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What was rehearsed, where and from when on: one line.
    pub about: String,
    /// What happened, a line each with the virtual time.
    pub lines: Vec<String>,
    /// How it ended: outcome, criteria, what the world saw.
    pub ending: Vec<String>,
    /// Where it differs from what the scenario expects; empty when all is well.
    pub differences: Vec<String>,
    /// The postmortem of its incident, Markdown.
    pub postmortem: String,
    /// Files that the postmortem links, by name: SVG.
    pub charts: Vec<(String, String)>,
    /// The branches of the runbook, and those that it took.
    pub branches: branches::Branches,
    /// Hex of the SHA-256 of the page that was rehearsed.
    pub digest: String,
    /// What was played by hand; `None` where the scenario's people were alone.
    pub by_hand: Option<ByHand>,
}

/// People took part who are not the scenario's: what came of it says something about them, and is no verdict on the runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// Whose part was left to a person.
    pub part: Option<String>,
    /// What people did, a line each.
    pub did: Vec<String>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The scenario cannot be played.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The runbook or the inventory that it names has faults; the text lists them.
    #[error("{0}")]
    Faulty(String),
    /// The engine gave up: a defect, since everything is in memory.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The postmortem could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A live rehearsal has nothing to listen on, or nothing to ask with.
    #[error("{0}")]
    NoSocket(String),
}

/// Plays a scenario. The same scenario, runbook and inventory give the same result, to the byte.
///
/// # Errors
/// The files that it names cannot be read or have faults.
pub fn rehearse(loaded: &Loaded) -> Result<Played, RehearsalError> {
    let scenario = &loaded.scenario;
    let (plan, secrets) = prepare::prepare(loaded)?;
    let played = play::play(scenario, &plan, secrets)?;
    finish(loaded, &plan, &played)
}

/// One line: what is rehearsed, where and from when on.
fn about(plan: &Plan, start: Instant, zone: chrono_tz::Tz) -> String {
    let (title, environment) = (&plan.title, &plan.inventory.environment);
    format!("{title} on {environment}, from {} ({})", time::moment(start, zone), time::zone_label(start, zone))
}

/// What came of it, for people and against what was expected.
fn finish(loaded: &Loaded, plan: &Plan, played: &Performance) -> Result<Played, RehearsalError> {
    let scenario = &loaded.scenario;
    let zone = zone(&plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
    let mut wording = Wording::new(zone);
    wording.know(&played.run.id, plan);
    let entries: Vec<Entry> = played.facts.iter().map(|fact| Entry::of(fact, &mut wording)).collect();
    let plans = BTreeMap::from([(played.run.id.clone(), Arc::clone(&played.run.plan))]);
    let options = report::Options {
        zone: None,
        anchor: Some(played.anchor.clone()),
        generated_at: played.end,
        template: None,
        plans: &plans,
    };
    let postmortem = report::report(report::Kind::Postmortem, &played.facts, &options)?;
    let mut differences = played.troubles.clone();
    differences.extend(compare::differences(&scenario.expect, played, &entries, &postmortem.markdown));
    Ok(Played {
        name: loaded.name.clone(),
        title: scenario.title.clone(),
        about: about(plan, played.start, zone),
        lines: transcript::lines(played, &entries, zone),
        ending: transcript::ending(played),
        differences,
        postmortem: postmortem.markdown,
        charts: postmortem.charts,
        branches: branches::branches(&played.run, &played.facts),
        digest: played.run.plan.digest.clone(),
        by_hand: by_hand(played, &entries, zone),
    })
}

/// What people did who came through another door than the scenario's.
fn by_hand(played: &Performance, entries: &[Entry], zone: chrono_tz::Tz) -> Option<ByHand> {
    let by_people = played
        .facts
        .iter()
        .zip(entries)
        .filter(|(fact, _)| matches!(&fact.head.actor, Actor::Person { door, .. } if door != stage::DOOR));
    let told = by_people.filter(|(_, entry)| !entry.sentence.is_empty());
    let did: Vec<String> =
        told.map(|(_, entry)| format!("{}  {}", time::clock(entry.at, zone), entry.sentence)).collect();
    (played.left_to.is_some() || !did.is_empty()).then(|| ByHand { part: played.left_to.clone(), did })
}

impl Played {
    /// Whether all is as expected. What people did by hand is not expected by anybody: then there is nothing to compare with.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.differences.is_empty() || self.by_hand.is_some()
    }

    /// The whole rehearsal as people read it; `written` says where the postmortem is.
    #[must_use]
    pub fn text(&self, written: Option<&str>) -> String {
        let mut lines = vec![format!("{}: {}", self.name, self.title), self.about.clone(), String::new()];
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n" + &self.close(written)
    }

    /// How it ended and what differed, for those who have read the rest.
    #[must_use]
    pub fn close(&self, written: Option<&str>) -> String {
        let mut lines = vec![String::new()];
        lines.extend(self.ending.iter().cloned());
        lines.extend(written.map(|place| format!("postmortem: {place}")));
        lines.push(String::new());
        lines.push(self.verdict());
        lines.join("\n") + "\n"
    }

    /// One line for a list, with what differed below it where something did.
    #[must_use]
    pub fn line(&self) -> String {
        let mark = if self.is_ok() { "ok     " } else { "differs" };
        let mut text = format!("{mark}  {}: {}", self.name, self.title);
        for difference in &self.differences {
            text.push_str("\n          ");
            text.push_str(difference);
        }
        text + "\n"
    }

    /// `ok`, or what differed; where people took part, what they did.
    fn verdict(&self) -> String {
        let mut text = match &self.by_hand {
            None if self.is_ok() => return "ok".to_owned(),
            None => "differs from what the scenario expects:".to_owned(),
            Some(by_hand) => {
                let text = by_hand.text();
                if self.differences.is_empty() {
                    return text + "\nall else is as the scenario expects";
                }
                text + "\nthis differs from what the scenario expects, where its own people play every part:"
            }
        };
        for difference in &self.differences {
            text.push_str("\n  ");
            text.push_str(difference);
        }
        text
    }
}

impl ByHand {
    /// What was played by hand, and by whom.
    fn text(&self) -> String {
        let part =
            self.part.as_ref().map_or_else(String::new, |part| format!(": the part of {part} was left to a person"));
        let mut text = format!("played by hand{part}; this is no rehearsal that passed or failed");
        if self.did.is_empty() {
            text.push_str("\n  (they did nothing)");
        }
        for line in &self.did {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text
    }
}

/// `RunAgain` as `run again`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests;
