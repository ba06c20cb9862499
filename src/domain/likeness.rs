//! Which earlier incidents look like this one: the same error text, the same targets, the same runbook.
//!
//! Lives here: what an incident is recognised by ([`Traits`]) and how alike two are. Pure. Never lives here: reading them
//! from a journal.

use std::collections::BTreeSet;

use super::incident::event::Event as IncidentEvent;
use super::run::event::Event as RunEvent;
use super::timeline::Fact;
use crate::base::event::{IncidentId, Recorded};
use crate::base::text::one_line;

/// Error texts that are compared: shorter ones are no error's own words.
const SHORTEST: usize = 12;
/// Error texts kept of one incident.
const MOST: usize = 200;
/// The longest error text that is kept, in characters.
const LONGEST: usize = 160;

/// What an incident is recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// What failed said, with numbers taken out; what people wrote that they found.
    pub errors: BTreeSet<String>,
    /// Targets that its runs changed.
    pub targets: BTreeSet<String>,
    /// Ids of the runbooks that were run.
    pub runbooks: BTreeSet<String>,
}

impl Traits {
    /// Reads them off an incident's facts.
    #[must_use]
    pub fn of(facts: &[Recorded<Fact>]) -> Self {
        let mut traits = Self::default();
        // An incident that a run declared is called like its runbook: that says nothing about what happened.
        let titles: BTreeSet<&str> = facts
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Fact::Run(_, RunEvent::Opened(opened)) => Some(opened.title.as_str()),
                _ => None,
            })
            .collect();
        for recorded in facts {
            match &recorded.event {
                Fact::Run(_, RunEvent::Opened(opened)) => drop(traits.runbooks.insert(opened.runbook.clone())),
                Fact::Run(_, RunEvent::StepStarted(started)) => {
                    let changed = started.action.as_ref().filter(|action| action.changes());
                    traits.targets.extend(changed.and_then(|action| action.target()).map(str::to_owned));
                }
                Fact::Run(_, RunEvent::StepFinished(finished)) if !finished.ok => {
                    traits.learn(&finished.summary);
                    let message = finished.facts.get("body").and_then(|body| body.get("message"));
                    message.and_then(|message| message.as_str()).into_iter().for_each(|text| traits.learn(text));
                }
                Fact::Run(_, RunEvent::AttemptFailed(failed)) => traits.learn(&failed.message),
                Fact::Incident(_, IncidentEvent::Declared(declared)) if !titles.contains(declared.title.as_str()) => {
                    traits.learn(&declared.title);
                }
                Fact::Incident(_, IncidentEvent::EvidenceFound(found)) => traits.learn(&found.found),
                Fact::Incident(_, IncidentEvent::Noted(noted)) => traits.learn(&noted.text),
                _ => {}
            }
        }
        traits
    }

    /// Pieces of a text, so that `500 in 30 ms; unhealthy: Too many connections` is known again by its last words.
    fn learn(&mut self, text: &str) {
        for piece in text.split(['\n', ';', ':']) {
            let mut plain = String::new();
            for char in piece.trim().chars().take(LONGEST) {
                match char {
                    '0'..='9' if plain.ends_with('#') => {}
                    '0'..='9' => plain.push('#'),
                    char if char.is_whitespace() && plain.ends_with(' ') => {}
                    char => plain.extend(char.to_lowercase()),
                }
            }
            if plain.chars().count() >= SHORTEST && self.errors.len() < MOST {
                self.errors.insert(plain);
            }
        }
    }

    /// What this one has in common with another.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Likeness {
        let both = |own: &BTreeSet<String>, others: &BTreeSet<String>| -> Vec<String> {
            own.intersection(others).cloned().collect()
        };
        Likeness {
            errors: both(&self.errors, &other.errors),
            targets: both(&self.targets, &other.targets),
            runbooks: both(&self.runbooks, &other.runbooks),
        }
    }
}

/// What two incidents have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// Error texts, numbers taken out.
    pub errors: Vec<String>,
    /// Targets.
    pub targets: Vec<String>,
    /// Runbooks.
    pub runbooks: Vec<String>,
}

impl Likeness {
    /// How alike: an error's own words say more than a runbook, a runbook more than a target. 0: not at all.
    #[must_use]
    pub fn score(&self) -> usize {
        self.errors.len().min(5) * 3 + self.runbooks.len().min(3) * 2 + self.targets.len().min(3)
    }

    /// Why, one line each.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let errors = self.errors.iter().take(3).map(|text| format!("the same words: {}", one_line(text, 100)));
        let rest = [("the same runbook", &self.runbooks), ("the same target", &self.targets)];
        let rest = rest.into_iter().filter(|(_, items)| !items.is_empty());
        errors.chain(rest.map(|(what, items)| format!("{what}: {}", one_line(&items.join(", "), 100)))).collect()
    }
}

/// The incidents most like `one`, best first; of two that are equally alike the later one first.
#[must_use]
pub fn similar(one: &Traits, others: Vec<(IncidentId, Traits)>, most: usize) -> Vec<(IncidentId, Likeness)> {
    let compared = others.into_iter().rev().map(|(id, traits)| (id, one.compare(&traits)));
    let mut alike: Vec<_> = compared.filter(|(_, likeness)| likeness.score() > 0).collect();
    alike.sort_by_key(|(_, likeness)| std::cmp::Reverse(likeness.score()));
    alike.truncate(most);
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(errors: &[&str], targets: &[&str], runbooks: &[&str]) -> Traits {
        let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let mut traits = Traits { errors: BTreeSet::new(), targets: set(targets), runbooks: set(runbooks) };
        errors.iter().for_each(|text| traits.learn(text));
        traits
    }

    #[test]
    fn the_same_words_weigh_more_than_the_same_target_and_numbers_do_not_count() {
        let now = traits(&["500 in 61 ms; Redis: Too many  connections"], &["redis"], &[]);
        let day_before = traits(&["500 in 58 ms; redis: too many connections"], &[], &[]);
        let other = traits(&["disk full on node 3"], &["redis"], &[]);
        let unlike = traits(&["certificate expired"], &["web"], &["tls"]);
        let id = IncidentId::number;
        let found = similar(&now, vec![(id(1), day_before), (id(2), other), (id(3), unlike)], 5);
        let found: Vec<_> = found.iter().map(|(id, likeness)| (id.to_string(), likeness.reasons())).collect();
        assert_eq!(
            found,
            [
                ("inc-1".to_owned(), vec!["the same words: too many connections".to_owned()]),
                ("inc-2".to_owned(), vec!["the same target: redis".to_owned()]),
            ]
        );
    }
}
