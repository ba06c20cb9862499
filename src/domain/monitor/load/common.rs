//! The keys that `defaults` and a monitor share.
//!
//! Lives here: [`Common`] and reading it: times, maintenance, flapping, what follows, what was promised. Never lives here: what is looked at.

use chrono_tz::Tz;

use super::Loader;
use crate::base::event::Severity;
use crate::base::schedule::{Cron, ScheduleFault, Span, zone};
use crate::base::text::one_line;
use crate::domain::monitor::spec::{Flapping, Maintenance, OnFailure, Slo};
use crate::domain::source::Node;
use crate::domain::source::read::{self, Fields, did_you_mean};

/// What may stand under `defaults`.
pub(super) const KEYS: [&str; 8] =
    ["every", "timeout", "fail_for", "ok_for", "maintenance", "flapping", "on_failure", "slo"];
/// Windows of one monitor.
const MOST_WINDOWS: usize = 20;
const SLO_OVER: Span = Span::seconds(30 * 86_400);

/// What a monitor may take over from `defaults`.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    pub every: Option<Span>,
    pub timeout: Option<Span>,
    pub fail_for: Option<Span>,
    pub ok_for: Option<Span>,
    pub maintenance: Option<Vec<Maintenance>>,
    pub flapping: Option<Flapping>,
    pub on_failure: Option<OnFailure>,
    pub slo: Option<Slo>,
}

impl Common {
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            every: self.every.or(other.every),
            timeout: self.timeout.or(other.timeout),
            fail_for: self.fail_for.or(other.fail_for),
            ok_for: self.ok_for.or(other.ok_for),
            maintenance: self.maintenance.or_else(|| other.maintenance.clone()),
            flapping: self.flapping.or(other.flapping),
            on_failure: self.on_failure.or_else(|| other.on_failure.clone()),
            slo: self.slo.or(other.slo),
        }
    }
}

impl Loader<'_, '_, '_> {
    pub(super) fn common(&mut self, fields: &Fields<'_>) -> Common {
        Common {
            every: fields.get("every").and_then(|node| self.every(node)),
            timeout: fields.get("timeout").and_then(|node| read::span(node, "timeout", self.faults)),
            fail_for: fields.get("fail_for").and_then(|node| self.span_or_none(node, "fail_for")),
            ok_for: fields.get("ok_for").and_then(|node| self.span_or_none(node, "ok_for")),
            maintenance: fields.get("maintenance").map(|node| self.windows(node)),
            flapping: fields.get("flapping").and_then(|node| self.flapping(node)),
            on_failure: fields.get("on_failure").and_then(|node| self.on_failure(node)),
            slo: fields.get("slo").and_then(|node| self.slo(node)),
        }
    }

    fn every(&mut self, node: &Node) -> Option<Span> {
        let every = read::span(node, "every", self.faults)?;
        if !(Span::seconds(1)..=Span::seconds(86_400)).contains(&every) {
            self.faults.add("out-of-range", node.at.clone(), "'every' goes from 1s to 1d");
            return None;
        }
        Some(every)
    }

    /// A duration that may be 0: at once.
    fn span_or_none(&mut self, node: &Node, what: &str) -> Option<Span> {
        let written = read::string(node, what, self.faults)?;
        if written.trim() == "0" {
            return Some(Span::ZERO);
        }
        self.schedule(node, what, Span::parse(&written))
    }

    /// What was read, or its fault in its place.
    fn schedule<T>(&mut self, node: &Node, what: &str, read: Result<T, ScheduleFault>) -> Option<T> {
        read.map_err(|fault| {
            self.faults.push("bad-schedule", node.at.clone(), format!("{what}: {}", fault.message), fault.hint);
        })
        .ok()
    }

    fn windows(&mut self, node: &Node) -> Vec<Maintenance> {
        let items = read::list(node);
        if items.len() > MOST_WINDOWS {
            self.faults.add("too-many", node.at.clone(), format!("a monitor has at most {MOST_WINDOWS} windows"));
        }
        items.iter().take(MOST_WINDOWS).filter_map(|item| self.window(item)).collect()
    }

    fn window(&mut self, node: &Node) -> Option<Maintenance> {
        let fields = Fields::of(node, "a window of 'maintenance'", self.faults)?;
        fields.only(&["cron", "for", "zone", "why"], self.faults);
        let cron = fields.require("cron", self.faults).and_then(|node| {
            let written = read::string(node, "cron", self.faults)?;
            self.schedule(node, "cron", Cron::parse(&written))
        });
        let lasts = fields.require("for", self.faults).and_then(|node| read::span(node, "for", self.faults));
        let why = fields.require("why", self.faults).and_then(|node| read::string(node, "why", self.faults));
        let zone = match fields.get("zone") {
            Some(node) => {
                let written = read::string(node, "zone", self.faults)?;
                self.schedule(node, "zone", zone(&written))
            }
            None => {
                let of_inventory = self.known.inventory.and_then(|inventory| zone(&inventory.zone).ok());
                Some(of_inventory.unwrap_or(Tz::UTC))
            }
        };
        Some(Maintenance { cron: cron?, lasts: lasts?, zone: zone?, why: one_line(&why?, 200) })
    }

    fn flapping(&mut self, node: &Node) -> Option<Flapping> {
        let fields = Fields::of(node, "'flapping'", self.faults)?;
        fields.only(&["changes", "within"], self.faults);
        let most = u32::try_from(crate::domain::monitor::state::MOST_CHANGES).unwrap_or(u32::MAX);
        let changes =
            fields.require("changes", self.faults).and_then(|node| read::whole(node, "changes", 3, most, self.faults));
        let within = fields.require("within", self.faults).and_then(|node| read::span(node, "within", self.faults));
        Some(Flapping { changes: changes?, within: within? })
    }

    fn on_failure(&mut self, node: &Node) -> Option<OnFailure> {
        let fields = Fields::of(node, "'on_failure'", self.faults)?;
        fields.only(&["severity", "post", "page", "declare", "propose", "start"], self.faults);
        let words = [("P0", Severity::P0), ("P1", Severity::P1), ("P2", Severity::P2), ("P3", Severity::P3)];
        let severity = fields.get("severity").and_then(|node| read::word(node, "severity", &words, self.faults));
        let mut flag = |key: &str, usual: bool| match fields.get(key) {
            Some(node) => read::boolean(node, key, self.faults).unwrap_or(usual),
            None => usual,
        };
        let (post, page, declare) = (flag("post", true), flag("page", false), flag("declare", false));
        let propose = fields.get("propose").and_then(|node| self.runbook(node, "propose"));
        let start = match fields.get("start").and_then(|node| Fields::of(node, "'start'", self.faults)) {
            Some(start) => {
                start.only(&["runbook"], self.faults);
                start.require("runbook", self.faults).and_then(|node| self.runbook(node, "runbook"))
            }
            None => None,
        };
        for key in ["propose", "start"] {
            if let (false, Some((place, _))) = (declare, fields.entry(key)) {
                let message = format!("'{key}' needs an incident to do so in");
                self.faults.add_hint("useless", place.at.clone(), message, "add `declare: true`");
            }
        }
        Some(OnFailure { severity, post, page, declare, propose, start })
    }

    fn runbook(&mut self, node: &Node, what: &str) -> Option<String> {
        let id = read::string(node, what, self.faults)?;
        if let Some(known) = self.known.runbooks.filter(|known| !known.contains(&id)) {
            let hint = did_you_mean(&id, known.iter().map(String::as_str));
            let message = format!("there is no runbook '{}'", one_line(&id, 40));
            self.faults.add_hint("unknown-runbook", node.at.clone(), message, hint);
        }
        Some(id)
    }

    fn slo(&mut self, node: &Node) -> Option<Slo> {
        let fields = Fields::of(node, "'slo'", self.faults)?;
        fields.only(&["uptime", "p95", "over"], self.faults);
        let uptime = fields.get("uptime").and_then(|node| {
            let uptime = read::percent(node, "uptime", self.faults)?;
            if uptime >= 100.0 {
                let hint = "a promise of 100% allows no failure at all, and so has no budget to watch";
                self.faults.add_hint("out-of-range", node.at.clone(), "'uptime' must be below 100%", hint);
                return None;
            }
            Some(uptime)
        });
        let p95 = fields.get("p95").and_then(|node| read::span(node, "p95", self.faults));
        let over = fields.get("over").map_or(Some(SLO_OVER), |node| read::span(node, "over", self.faults));
        if fields.get("uptime").is_none() && fields.get("p95").is_none() {
            let hint = "write for example `uptime: 99.5%`";
            self.faults.add_hint("missing-key", fields.at.clone(), "'slo' promises nothing", hint);
        }
        if let (Some(span), Some(node)) = (over, fields.get("over"))
            && span < Span::seconds(3600)
        {
            self.faults.add("out-of-range", node.at.clone(), "'over' goes from 1h to 366d");
        }
        Some(Slo { uptime, p95, over: over? })
    }
}
