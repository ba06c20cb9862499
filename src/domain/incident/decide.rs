//! What a person's command comes to: events, or a refusal that says what to do instead.
//!
//! Lives here: [`Command`], the [`Gate`] that is asked before an incident counts as resolved, [`decide`]. Pure. Never lives
//! here: who may give a command, how the gate is computed. Nothing here stands in anyone's way: any status may follow any
//! other, and what is open can be passed over with a reason.

use super::event::{
    Acknowledged, Closed, Declared, Event, HandedOver, Linked, Milestone, MilestoneSet, Noted, Reminded, Reopened,
    Resolved, Role, RoleAssigned, RunAttached, Section, SeveritySet, Status, StatusSet, Summarised, Titled,
};
use super::item::{ITEMS_LIMIT, ItemId, ItemKind};
use super::state::State;
use super::{investigation, review};
use crate::base::event::{Instant, Person, RunId, Severity};

/// The longest title, in characters.
pub const TITLE_LIMIT: usize = 200;
/// The longest note, reason or part of a postmortem, in characters.
pub const TEXT_LIMIT: usize = 10_000;
/// The longest address, in characters.
pub const URL_LIMIT: usize = 2_000;

/// What a person wants of an incident. Texts lose surrounding space.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// There is one; the title alone is enough.
    Declare {
        /// What people call it.
        title: String,
        /// How bad it is.
        severity: Option<Severity>,
        /// Where.
        environment: Option<String>,
        /// The IANA name of the time zone to show it in.
        zone: Option<String>,
        /// When the impact began.
        started: Option<Instant>,
        /// When it was noticed; now, where absent.
        detected: Option<Instant>,
    },
    /// Asks whoever works on it for what is missing. The bot's own.
    Remind(Reminded),
    /// Takes it on.
    Acknowledge,
    /// Says how bad it is.
    SetSeverity {
        /// How bad.
        severity: Severity,
        /// Why.
        why: Option<String>,
    },
    /// Says how far the response is, in any direction; *resolved* and *closed* are the commands of those names.
    SetStatus {
        /// How far.
        status: Status,
        /// Why.
        why: Option<String>,
    },
    /// Gives a role to a person, or takes it away.
    AssignRole {
        /// Which role.
        role: Role,
        /// Who; nobody, where absent.
        person: Option<Person>,
    },
    /// Says when something happened.
    SetMilestone {
        /// What.
        milestone: Milestone,
        /// When.
        at: Instant,
        /// How that is known.
        why: Option<String>,
    },
    /// Writes something down. When it happened, where that is not now, goes into the event's head.
    Note {
        /// What.
        text: String,
    },
    /// Ties something elsewhere to it.
    Link {
        /// An `http` or `https` address.
        url: String,
        /// What it is.
        label: Option<String>,
    },
    /// Calls it something else.
    Title {
        /// What.
        title: String,
    },
    /// Writes a part of the postmortem.
    Summarise {
        /// Which part.
        section: Section,
        /// The text.
        text: String,
    },
    /// A run of it begins; that also takes the incident on, and begins the investigation, where neither was done before.
    AttachRun {
        /// Which run.
        run: RunId,
        /// The id of its runbook.
        runbook: String,
    },
    /// About hypotheses, evidence and causes.
    Investigate(investigation::Command),
    /// About impact, lessons and what is to follow.
    Review(review::Command),
    /// Gives the command to another person.
    HandOver {
        /// Whom.
        to: Person,
        /// What that person is told.
        brief: String,
    },
    /// It is over.
    Resolve {
        /// Needed where the gate holds something.
        why: Option<String>,
    },
    /// It is not over after all.
    Reopen {
        /// Why.
        why: Option<String>,
    },
    /// The review is done; resolves it first where nobody has.
    Close {
        /// Needed where it is not resolved yet and the gate holds something.
        why: Option<String>,
    },
}

impl Command {
    /// Whether [`decide`] reads the gate for it, which takes the incident's whole timeline.
    #[must_use]
    pub fn asks_the_gate(&self) -> bool {
        matches!(self, Self::Resolve { .. } | Self::Close { .. } | Self::SetStatus { .. })
    }
}

/// What is open on an incident's runs. Resolving over any of it needs a reason and reads "resolved, unverified".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Criteria that are not met, with what was seen.
    pub unmet: Vec<String>,
    /// Attempts whose outcome nobody knows.
    pub doubts: Vec<String>,
    /// Criteria that wait for a person's tick.
    pub unticked: Vec<String>,
    /// Runs that are not over.
    pub open_runs: Vec<String>,
}

impl Gate {
    /// Whether nothing is open.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.unmet.is_empty() && self.doubts.is_empty() && self.unticked.is_empty() && self.open_runs.is_empty()
    }

    /// Everything that is open, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let named = |what: &str, items: &[String]| -> Vec<String> {
            items.iter().map(|item| format!("{what}: {item}")).collect()
        };
        [
            named("not met", &self.unmet),
            named("outcome unknown", &self.doubts),
            named("waits for a tick", &self.unticked),
            named("still running", &self.open_runs),
        ]
        .concat()
    }
}

/// Why a command comes to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such incident.
    #[error("there is no such incident; declare it first")]
    NotDeclared,
    /// There is one already.
    #[error("this incident was declared already")]
    AlreadyDeclared,
    /// A text is missing.
    #[error("the {what} is empty; say it in a few words")]
    Empty {
        /// Which one.
        what: &'static str,
    },
    /// A text is too long.
    #[error("the {what} is longer than {limit} characters; shorten it, or link to a page that holds it")]
    TooLong {
        /// Which one.
        what: &'static str,
        /// Characters allowed.
        limit: usize,
    },
    /// Only addresses of pages can be linked.
    #[error("'{url}' is not an http or https address")]
    BadUrl {
        /// What was given, shortened.
        url: String,
    },
    /// A milestone lies ahead.
    #[error("{} cannot be set to a time that is still to come", .milestone.word())]
    InFuture {
        /// Which one.
        milestone: Milestone,
    },
    /// An id names something else than is meant.
    #[error("{id} is {}, not {}", .id.kind.word(), .wanted.word())]
    OtherKind {
        /// Which.
        id: ItemId,
        /// What was meant.
        wanted: ItemKind,
    },
    /// Nothing has that id, or not any more.
    #[error("there is no {id} here; `{}` shows what there is", .id.kind.shown_by())]
    NoSuchItem {
        /// Which.
        id: ItemId,
    },
    /// There are as many as an incident holds.
    #[error("there are {ITEMS_LIMIT} of these already; correct one of them, or link to a page that holds more")]
    TooMany {
        /// Of what.
        kind: ItemKind,
    },
    /// It is so already.
    #[error("nothing to do: {0}")]
    Already(String),
    /// Something is open; with a reason it goes.
    #[error("{}", needs_reason(.0))]
    NeedsReason(Gate),
}

fn needs_reason(gate: &Gate) -> String {
    let mut text = "resolving it now leaves this open:\n".to_owned();
    for line in gate.lines() {
        text.push_str("  - ");
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str("settle it, or give a reason: the incident is then \"resolved, unverified\"");
    text
}

/// What a command of `actor` at `now` comes to. `state` is absent before the declaration; `gate` is read only by commands
/// that resolve.
///
/// # Errors
/// See [`Refusal`].
pub fn decide(
    state: Option<&State>,
    command: Command,
    actor: &Person,
    now: Instant,
    gate: &Gate,
) -> Result<Vec<Event>, Refusal> {
    let by = actor.clone();
    if let Command::Declare { title, severity, environment, zone, started, detected } = command {
        if state.is_some() {
            return Err(Refusal::AlreadyDeclared);
        }
        let title = text("title", &title, TITLE_LIMIT)?;
        let detected = detected.unwrap_or(now);
        past(Milestone::Detected, detected, now)?;
        started.map_or(Ok(()), |started| past(Milestone::Started, started, now))?;
        return Ok(vec![Declared { title, severity, environment, zone, started, detected, by }.into()]);
    }
    let state = state.ok_or(Refusal::NotDeclared)?;
    match command {
        Command::Declare { .. } => Err(Refusal::AlreadyDeclared),
        Command::Acknowledge => match &state.acknowledged_by {
            Some(person) => Err(Refusal::Already(format!("{person} acknowledged it"))),
            None => Ok(vec![Acknowledged { by, by_doing: None }.into()]),
        },
        Command::SetSeverity { severity, .. } if state.severity == Some(severity) => {
            Err(Refusal::Already(format!("its severity is {severity}")))
        }
        Command::SetSeverity { severity, why } => {
            Ok(vec![SeveritySet { from: state.severity, to: severity, by, why: reason(why)? }.into()])
        }
        Command::SetStatus { status, why } => set_status(state, status, by, reason(why)?, gate),
        Command::AssignRole { role, person } if state.roles.get(&role) == person.as_ref() => {
            Err(Refusal::Already(match person {
                Some(person) => format!("{person} is {}", role.word()),
                None => format!("nobody is {}", role.word()),
            }))
        }
        Command::AssignRole { role, person } => Ok(vec![RoleAssigned { role, person, by }.into()]),
        Command::SetMilestone { milestone, at, why } => {
            past(milestone, at, now)?;
            Ok(vec![MilestoneSet { milestone, at, by, why: reason(why)? }.into()])
        }
        Command::Remind(reminded) => Ok(vec![reminded.into()]),
        Command::Note { text: note } => Ok(vec![Noted { text: text("note", &note, TEXT_LIMIT)?, by }.into()]),
        Command::Link { url, label } => Ok(vec![Linked { url: address(&url)?, label: reason(label)?, by }.into()]),
        Command::Title { title } => Ok(vec![Titled { title: text("title", &title, TITLE_LIMIT)?, by }.into()]),
        Command::Summarise { section, text: written } => {
            Ok(vec![Summarised { section, text: text(section.word(), &written, TEXT_LIMIT)?, by }.into()])
        }
        Command::AttachRun { run, runbook } => attach_run(state, run, runbook, by),
        Command::Investigate(command) => investigation::decide(state, command, by),
        Command::Review(command) => review::decide(state, command, by),
        Command::HandOver { to, .. } if state.roles.get(&Role::Commander) == Some(&to) => {
            Err(Refusal::Already(format!("{to} is {}", Role::Commander.word())))
        }
        Command::HandOver { to, .. } if to.name().trim().is_empty() => Err(Refusal::Empty { what: "name" }),
        Command::HandOver { to, brief } => {
            Ok(vec![HandedOver { to, brief: text("brief", &brief, TEXT_LIMIT)?, by }.into()])
        }
        Command::Resolve { why } => set_status(state, Status::Resolved, by, reason(why)?, gate),
        Command::Reopen { .. } if state.status.is_open() => {
            Err(Refusal::Already(format!("it is open: {}", state.status.word())))
        }
        Command::Reopen { why } => set_status(state, Status::Investigating, by, reason(why)?, gate),
        Command::Close { why } => set_status(state, Status::Closed, by, reason(why)?, gate),
    }
}

fn set_status(state: &State, to: Status, by: Person, why: Option<String>, gate: &Gate) -> Result<Vec<Event>, Refusal> {
    let from = state.status;
    // Resolving again is how "unverified" is put right once everything is settled.
    let again = to == Status::Resolved
        && from == Status::Resolved
        && state.resolution.as_ref().is_some_and(|last| !last.verified);
    if from == to && !again {
        return Err(Refusal::Already(format!("it is {}", state.status_words())));
    }
    match to {
        Status::Closed => {
            let mut events = Vec::new();
            if from.is_open() {
                events.push(resolve(by.clone(), why.clone(), gate)?);
            }
            events.push(Closed { by, why }.into());
            Ok(events)
        }
        // A closed incident stays resolved as it was; going back to *resolved* only takes the closing back.
        Status::Resolved if from == Status::Closed => Ok(vec![
            Reopened { from, to: Status::Monitoring, by: by.clone(), why: why.clone() }.into(),
            resolve(by, why, gate)?,
        ]),
        Status::Resolved => Ok(vec![resolve(by, why, gate)?]),
        _ if from.is_open() => Ok(vec![StatusSet { from, to, by, why }.into()]),
        _ => Ok(vec![Reopened { from, to, by, why }.into()]),
    }
}

fn resolve(by: Person, why: Option<String>, gate: &Gate) -> Result<Event, Refusal> {
    if !gate.is_clear() && why.is_none() {
        return Err(Refusal::NeedsReason(gate.clone()));
    }
    let Gate { unmet, doubts, unticked, open_runs } = gate.clone();
    Ok(Resolved { by, verified: gate.is_clear(), unmet, doubts, unticked, open_runs, why }.into())
}

fn attach_run(state: &State, run: RunId, runbook: String, by: Person) -> Result<Vec<Event>, Refusal> {
    if state.runs.contains(&run) {
        return Err(Refusal::Already(format!("{run} belongs to it")));
    }
    let mut events = Vec::new();
    // What begins by itself is nobody who takes it on.
    if state.acknowledged_by.is_none() && by.as_monitor().is_none() {
        events.push(Acknowledged { by: by.clone(), by_doing: Some(format!("started {run}")) }.into());
    }
    if state.status == Status::Detected {
        let why = Some(format!("{run} started"));
        events.push(StatusSet { from: state.status, to: Status::Investigating, by: by.clone(), why }.into());
    }
    events.push(RunAttached { run, runbook, by }.into());
    Ok(events)
}

fn past(milestone: Milestone, at: Instant, now: Instant) -> Result<(), Refusal> {
    if at > now { Err(Refusal::InFuture { milestone }) } else { Ok(()) }
}

pub(super) fn text(what: &'static str, given: &str, limit: usize) -> Result<String, Refusal> {
    let trimmed = given.trim();
    if trimmed.is_empty() {
        return Err(Refusal::Empty { what });
    }
    if trimmed.chars().nth(limit).is_some() {
        return Err(Refusal::TooLong { what, limit });
    }
    Ok(trimmed.to_owned())
}

/// An empty reason is none.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, Refusal> {
    match given {
        Some(given) if !given.trim().is_empty() => text("reason", &given, TEXT_LIMIT).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn address(given: &str) -> Result<String, Refusal> {
    let url = text("link", given, URL_LIMIT)?;
    let lower = url.to_ascii_lowercase();
    let host = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let plain = !url.contains(|char: char| char.is_whitespace() || char.is_control());
    if plain && host.is_some_and(|host| !host.is_empty()) {
        return Ok(url);
    }
    Err(Refusal::BadUrl { url: crate::base::text::one_line(&url, 80) })
}
