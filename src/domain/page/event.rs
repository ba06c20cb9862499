//! What can happen to a page: the facts its journal stream is made of, and the words they use.

use serde::{Deserialize, Serialize};

use crate::base::event::{IncidentId, Instant, Person, RunId, Severity};
use crate::base::schedule::Span;

crate::stored_events! {
    /// A fact about one page.
    Event {
        /// Somebody is needed.
        Opened = "page.opened" v 1,
        /// These persons are to be called now. It is written down before anything is sent.
        Called = "page.called" v 1,
        /// It got through one way.
        Delivered = "page.delivered" v 1,
        /// It did not get through one way.
        Undelivered = "page.undelivered" v 1,
        /// Somebody answered.
        Acknowledged = "page.acknowledged" v 1,
        /// Somebody cannot take it, and it goes on at once.
        PassedOn = "page.passed_on" v 1,
        /// Nobody answered for so long that no more calls are made.
        GivenUp = "page.given_up" v 1,
        /// Nobody is needed any more.
        Ended = "page.ended" v 1,
    }
}

/// See [`Event::Opened`]. The ladder is kept as it was, so that a later edit of `oncall.yaml` changes no page that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The incident that needs somebody; none for a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// What it is about, in one line.
    pub subject: String,
    /// How bad it is, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What called for it.
    pub cause: Cause,
    /// Who is called, in which order.
    pub ladder: Ladder,
    /// Quiet hours: nobody is called before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Instant>,
}

/// What called for a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An incident of this severity is open, and nobody took it on.
    Incident,
    /// A run asked, and nobody answered in time.
    Unanswered {
        /// Which run.
        run: RunId,
        /// Which step of it.
        step: String,
    },
    /// Something that is watched alerts, and whoever set it up wants somebody called.
    Alert {
        /// The alert's fingerprint: `monitor:api-health`.
        fingerprint: String,
    },
    /// A person asked for somebody.
    Person {
        /// Who.
        by: Person,
    },
    /// A person tries whether pages arrive.
    Drill {
        /// Who.
        by: Person,
    },
}

/// An escalation policy as it stood when the page was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The policy's name.
    pub policy: String,
    /// Who is called first, next, and so on; at least one.
    pub rungs: Vec<Rung>,
    /// How often all of it is gone through again.
    pub repeat: u32,
    /// Who is called when nobody answered, again and again.
    pub finally: Vec<Whom>,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Whom it calls; several are called together, and one answer is enough.
    pub notify: Vec<Whom>,
    /// How long they have to answer.
    pub escalate_after: Span,
}

/// Whom a rung calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// Whoever is on call in that schedule at that moment.
    Schedule(String),
    /// Always the same person.
    Person(Person),
}

/// A way to reach people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A message with a mention and a direct message.
    Discord,
    /// `PagerDuty`, which wakes people.
    PagerDuty,
}

impl Route {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Discord => "Discord",
            Self::PagerDuty => "PagerDuty",
        }
    }
}

/// Where on its ladder a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a rung, both counted from 0.
    Rung {
        /// Which time through the ladder.
        round: u32,
        /// Which rung.
        rung: u32,
    },
    /// At the final fallback, for the how manieth time, from 0.
    Finally {
        /// Which time.
        time: u32,
    },
}

/// See [`Event::Called`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// The how manieth call of this page, from 1.
    pub number: u32,
    /// On which rung.
    pub place: Place,
    /// Who is called.
    pub persons: Vec<Person>,
    /// Whom the ladder named and who could not be found: nobody was on call there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nobody: Vec<String>,
    /// How long they have to answer.
    pub until: Instant,
}

/// Something that is to be sent. It is the key by which a second try is known to be the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Call [`Called::number`].
    Call(u32),
    /// Tell those who were called that somebody answered.
    Answered,
    /// Tell them that nobody is needed any more.
    Over,
}

/// See [`Event::Delivered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// What.
    pub task: Task,
    /// Which way.
    pub route: Route,
    /// What that way calls it: ids of messages, a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// What was not as it should be: who got no direct message, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// See [`Event::Undelivered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// What.
    pub task: Task,
    /// Which way.
    pub route: Route,
    /// Why, in words.
    pub why: String,
    /// Whether it is tried again. Only the first failure of several is written down.
    pub again: bool,
}

/// See [`Event::Acknowledged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who answered.
    pub by: Person,
}

/// See [`Event::PassedOn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOn {
    /// Who cannot take it.
    pub by: Person,
    /// Who is asked instead, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Person>,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::GivenUp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// How many calls were made.
    pub calls: u32,
}

/// See [`Event::Ended`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub why: End,
}

/// Why nobody is needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its incident is resolved.
    Resolved,
    /// What the run asked is answered.
    Settled,
    /// Somebody answered, and there is no incident that goes on.
    Answered,
}
