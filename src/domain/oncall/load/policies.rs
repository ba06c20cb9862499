//! Policies, which severities page which, quiet hours and reminders.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Policy, QuietHours, Reminders, Step, Target, Window};
use super::{Loader, MOST_PARTS, MOST_PEOPLE};
use crate::base::event::Severity;
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::{Node, Value};

/// How often a ladder may be gone through again.
const MOST_REPEATS: u32 = 20;
/// Longest time that a step has, and longest time between two reminders.
const LONGEST_WAIT: Span = Span::seconds(24 * 3600);
/// Most reminders in a row.
const MOST_REMINDERS: u32 = 100;
/// Every severity by its word.
const SEVERITIES: [(&str, Severity); 4] =
    [("P0", Severity::P0), ("P1", Severity::P1), ("P2", Severity::P2), ("P3", Severity::P3)];

impl Loader<'_, '_> {
    pub(super) fn policy(&mut self, name: &str, key: &Node, node: &Node, schedules: &[&str]) -> Option<Policy> {
        let fields = Fields::of(node, format!("the policy '{name}'"), self.faults)?.placed(key.at.clone());
        fields.only(&["steps", "repeat", "finally"], self.faults);
        let steps = fields.require("steps", self.faults).and_then(|node| self.steps(node, schedules));
        let repeat = match fields.get("repeat") {
            Some(node) => read::whole(node, "repeat", 0, MOST_REPEATS, self.faults),
            None => Some(0),
        };
        let last = fields.require("finally", self.faults)?;
        let finally = self.targets(last, "'finally'", schedules);
        let nobody = |targets: &Vec<Target>| targets.iter().all(|target| matches!(target, Target::Schedule(_)));
        if finally.as_ref().is_some_and(nobody) {
            let message = format!("the policy '{name}' can end without telling anybody");
            let hint = "name a person under 'finally': a schedule may have nobody on call";
            self.faults.add_hint("no-fallback", last.at.clone(), message, hint);
        }
        Some(Policy { name: name.to_owned(), steps: steps?, repeat: repeat?, finally: finally? })
    }

    fn steps(&mut self, node: &Node, schedules: &[&str]) -> Option<Vec<Step>> {
        let list = self.list(node, "'steps'", MOST_PARTS)?;
        let steps: Vec<Step> = list.iter().filter_map(|step| self.step(step, schedules)).collect();
        (steps.len() == list.len()).then_some(steps)
    }

    fn step(&mut self, node: &Node, schedules: &[&str]) -> Option<Step> {
        let fields = Fields::of(node, "a step", self.faults)?;
        fields.only(&["notify", "escalate_after"], self.faults);
        let notify = fields.require("notify", self.faults).and_then(|node| self.targets(node, "'notify'", schedules));
        let after = fields.require("escalate_after", self.faults);
        let escalate_after = after.and_then(|node| self.wait(node, "escalate_after"));
        Some(Step { notify: notify?, escalate_after: escalate_after? })
    }

    /// `[schedule: primary, person: Eva]`.
    fn targets(&mut self, node: &Node, what: &str, schedules: &[&str]) -> Option<Vec<Target>> {
        let list = self.list(node, what, MOST_PEOPLE)?;
        let found: Vec<Target> = list.iter().filter_map(|one| self.target(one, schedules)).collect();
        (found.len() == list.len()).then_some(found)
    }

    fn target(&mut self, node: &Node, schedules: &[&str]) -> Option<Target> {
        const LIKE: &str = "write `schedule: primary` or `person: Ana`";
        let [(key, value)] = (match &node.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        }) else {
            self.faults.add_hint("bad-target", node.at.clone(), "a target is one schedule or one person", LIKE);
            return None;
        };
        match key.text() {
            Some("person") => self.person(value).map(Target::Person),
            Some("schedule") => {
                let name = read::string(value, "a schedule", self.faults)?;
                if schedules.contains(&name.as_str()) {
                    return Some(Target::Schedule(name));
                }
                let message = format!("there is no schedule '{}'", one_line(&name, 40));
                let hint = did_you_mean(&name, schedules.iter().copied());
                self.faults.add_hint("unknown-schedule", value.at.clone(), message, hint);
                None
            }
            _ => {
                self.faults.add_hint("bad-target", key.at.clone(), "a target is a schedule or a person", LIKE);
                None
            }
        }
    }

    /// `{ P0: default }`.
    pub(super) fn page(
        &mut self,
        node: &Node,
        policies: &BTreeMap<String, Option<Policy>>,
    ) -> BTreeMap<Severity, String> {
        self.by_severity(node, "'page'", |this, value| {
            let name = read::string(value, "a policy", this.faults)?;
            if policies.contains_key(&name) {
                return Some(name);
            }
            let message = format!("there is no policy '{}'", one_line(&name, 40));
            let hint = did_you_mean(&name, policies.keys().map(String::as_str));
            this.faults.add_hint("unknown-policy", value.at.clone(), message, hint);
            None
        })
    }

    pub(super) fn quiet_hours(&mut self, node: &Node) -> Option<QuietHours> {
        let fields = Fields::of(node, "'quiet_hours'", self.faults)?;
        fields.only(&["days", "from", "to", "zone", "hold"], self.faults);
        fields.require("from", self.faults);
        let hours = self.hours(&fields);
        let zone = match fields.get("zone") {
            Some(node) => self.zone(node),
            None => Some(self.zone),
        };
        let mut hold = BTreeSet::new();
        if hours.as_ref().is_some_and(Window::is_always) {
            self.faults.add("always-quiet", node.at.clone(), "these quiet hours never end");
        }
        let held = fields.require("hold", self.faults)?;
        for item in self.list(held, "'hold'", SEVERITIES.len())? {
            match read::word(item, "a severity", &SEVERITIES, self.faults) {
                Some(Severity::P0) => {
                    let message = "P0 never waits: everything is down for everyone";
                    self.faults.add("held-urgent", item.at.clone(), message);
                }
                Some(severity) => drop(hold.insert(severity)),
                None => {}
            }
        }
        Some(QuietHours { hours: hours?, zone: zone?, hold })
    }

    pub(super) fn reminders(&mut self, node: &Node) -> Option<Reminders> {
        let fields = Fields::of(node, "'reminders'", self.faults)?;
        fields.only(&["update_every", "at_most"], self.faults);
        let mut reminders = Reminders::default();
        if let Some(node) = fields.get("update_every") {
            reminders.update_every =
                self.by_severity(node, "'update_every'", |this, value| this.wait(value, "update_every"));
        }
        if let Some(node) = fields.get("at_most") {
            reminders.at_most = read::whole(node, "at_most", 1, MOST_REMINDERS, self.faults)?;
        }
        Some(reminders)
    }

    /// From a second to a day.
    fn wait(&mut self, node: &Node, what: &str) -> Option<Span> {
        let span = read::span(node, what, self.faults)?;
        if !(Span::seconds(1)..=LONGEST_WAIT).contains(&span) {
            self.faults.add("out-of-range", node.at.clone(), format!("{what} goes from 1s to {LONGEST_WAIT}"));
            return None;
        }
        Some(span)
    }

    fn by_severity<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> BTreeMap<Severity, T> {
        let mut found = BTreeMap::new();
        let Some(fields) = Fields::of(node, what, self.faults) else { return found };
        for (key, value) in fields.entries() {
            let severity = read::word(key, "a severity", &SEVERITIES, self.faults);
            if let (Some(severity), Some(value)) = (severity, read(self, value)) {
                found.insert(severity, value);
            }
        }
        found
    }
}
