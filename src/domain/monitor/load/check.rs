//! What a monitor looks at: an action of the runbook language that only reads, or a heartbeat.
//!
//! Lives here: `check`, `expect`, `degraded_unless`, `timeout`, `heartbeat`. Never lives here: an action's own keys (`domain::action::check`).

use super::{Loader, names};
use crate::base::expr::Condition;
use crate::base::schedule::Span;
use crate::domain::action::{ActionSpec, Kind, check};
use crate::domain::monitor::spec::{Check, Probe};
use crate::domain::source::Node;
use crate::domain::source::read::{self, Fields};

const TIMEOUT: Span = Span::seconds(5);
/// Conditions of one monitor.
const MOST_CONDITIONS: usize = 50;
/// What only those that ask have a use for.
const OF_PROBES: [&str; 6] = ["expect", "degraded_unless", "every", "timeout", "fail_for", "ok_for"];

impl Loader<'_, '_, '_> {
    /// The question, and the target that it names.
    pub(super) fn probe(
        &mut self,
        fields: &Fields<'_>,
        node: &Node,
        every: Span,
        timeout: Option<Span>,
    ) -> Option<(Probe, Option<String>)> {
        let asked = Fields::of(node, "'check'", self.faults)?;
        asked.only(&Kind::ALL.map(Kind::key), self.faults);
        let kind = |key: &Node| Kind::ALL.into_iter().find(|kind| Some(kind.key()) == key.text());
        let kinds: Vec<_> = asked.entries().iter().filter_map(|(key, value)| Some((kind(key)?, key, value))).collect();
        let [(kind, key, value), more @ ..] = kinds.as_slice() else {
            if asked.entries().is_empty() {
                let hint = "write for example `check: { http: { get: … } }`";
                self.faults.add_hint("missing-key", node.at.clone(), "'check' asks nothing", hint);
            }
            return None;
        };
        if let Some((_, second, _)) = more.first() {
            self.faults.add_hint("two-kinds", second.at.clone(), "a check is one action", "make it two monitors");
        }
        let found = check::check(*kind, value, &key.at, self.known.inventory, self.faults);
        if found.changes {
            let message = format!("a check must only read; this '{}' may change something", kind.key());
            let hint = "check with `http: { get: … }`, `railway.logs`, `railway.deployments` or `redis.clients`";
            self.faults.add_hint("changing-check", key.at.clone(), message, hint);
        }
        found.texts.iter().for_each(|text| names::text(text, self.known.inventory, self.faults));
        let mut expect = self.conditions(fields, "expect", *kind);
        if let Some(usual) = found.spec.as_ref().filter(|_| fields.get("expect").is_none()).and_then(usual) {
            expect.push(usual);
        }
        let degraded_unless = self.conditions(fields, "degraded_unless", *kind);
        let timeout = self.timeout(fields, every, timeout)?;
        let source = self.faults.source();
        let named = found.targets.into_iter().map(|(name, _)| name).next();
        let target = named.or_else(|| found.texts.iter().find_map(|text| names::target(text, source)));
        Some((Probe { action: found.spec?, expect, degraded_unless, timeout }, target))
    }

    /// A probe that is still under way is not started again, so it must be over before the next one is due.
    fn timeout(&mut self, fields: &Fields<'_>, every: Span, asked: Option<Span>) -> Option<Span> {
        let half = Span::parse(&format!("{}ms", every.millis() / 2)).unwrap_or(TIMEOUT);
        let Some(timeout) = asked else { return Some(TIMEOUT.min(half)) };
        if timeout < every {
            return Some(timeout);
        }
        // A general timeout that is too long for this one gives way; one that was written here is a mistake.
        let Some(node) = fields.get("timeout") else { return Some(half) };
        let message = format!("the timeout of {timeout} is not shorter than the interval of {every}");
        self.faults.add_hint(
            "out-of-range",
            node.at.clone(),
            message,
            "an answer must be there before the next question",
        );
        None
    }

    fn conditions(&mut self, fields: &Fields<'_>, key: &str, kind: Kind) -> Vec<Condition> {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let items = read::list(node);
        if items.len() > MOST_CONDITIONS {
            let message = format!("a monitor has at most {MOST_CONDITIONS} conditions");
            self.faults.add("too-many", node.at.clone(), message);
        }
        items.iter().take(MOST_CONDITIONS).filter_map(|item| self.condition(item, key, kind)).collect()
    }

    fn condition(&mut self, node: &Node, what: &str, kind: Kind) -> Option<Condition> {
        let source = read::string(node, what, self.faults)?;
        match Condition::parse(&source) {
            Ok(condition) => {
                names::condition(&condition, node, kind, self.faults);
                Some(condition)
            }
            Err(fault) => {
                let at = node.inside(self.faults.source(), fault.offset, fault.len);
                self.faults.push("bad-condition", at, fault.message, fault.hint);
                None
            }
        }
    }

    pub(super) fn heartbeat(&mut self, fields: &Fields<'_>, node: &Node) -> Option<(Check, Span)> {
        for key in OF_PROBES {
            if let Some((place, _)) = fields.entry(key) {
                let message = format!("'{key}' has no meaning for a heartbeat");
                let hint = "a heartbeat has `every` and `grace` of its own";
                self.faults.add_hint("useless", place.at.clone(), message, hint);
            }
        }
        let beats = Fields::of(node, "'heartbeat'", self.faults)?;
        beats.only(&["every", "grace"], self.faults);
        let every = beats.require("every", self.faults).and_then(|node| read::span(node, "every", self.faults));
        let grace = beats.get("grace").map_or(Some(Span::ZERO), |node| read::span(node, "grace", self.faults));
        Some((Check::Heartbeat { grace: grace? }, every?))
    }
}

/// What is expected where nothing is said.
fn usual(action: &ActionSpec) -> Option<Condition> {
    let source = match action.kind {
        Kind::Http => "status >= 200 && status < 400",
        Kind::RedisClients => "reachable",
        // A text that was looked for is one that must not be there.
        Kind::RailwayLogs if action.params.get("text").is_some_and(serde_json::Value::is_string) => "matched == 0",
        Kind::RailwayDeployments => "!(latest_status in ['FAILED', 'CRASHED'])",
        _ => return None,
    };
    Condition::parse(source).ok()
}
