//! What can happen to a digest: the facts of the stream `digest:NAME`.
//!
//! Lives here: the events. Never lives here: which follows when (`decide`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::Figure;
use crate::base::event::Instant;

crate::stored_events! {
    /// A fact about one digest.
    Event {
        /// From now on it is kept by this schedule; what was due before does not count.
        Scheduled = "digest.scheduled" v 1,
        /// It is about to be sent. Written before it is, so that a process that dies sends it neither twice nor not at all.
        Due = "digest.due" v 1,
        /// It was sent.
        Sent = "digest.sent" v 1,
        /// It was due, and is not sent any more.
        Skipped = "digest.skipped" v 1,
    }
}

/// See [`Event::Scheduled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// The schedule as it is written.
    pub cron: String,
    /// The IANA name of its zone.
    pub zone: String,
}

/// See [`Event::Due`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Due {
    /// When it was due.
    pub due: Instant,
    /// Whether that was over when somebody noticed: nobody kept it then.
    pub late: bool,
    /// What it looks back on: from here,
    pub since: Instant,
    /// to here. The next one goes on there.
    pub until: Instant,
    /// What the next one compares with, by target or monitor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, Figure>,
}

/// See [`Event::Sent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When it was due.
    pub due: Instant,
    /// What whoever took it calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// See [`Event::Skipped`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The first time it was due,
    pub first: Instant,
    /// and the last: one time where they are the same.
    pub last: Instant,
    /// How many times that is; counted up to [`MOST_COUNTED`](super::decide::MOST_COUNTED).
    pub count: u32,
    /// Why.
    pub why: Why,
}

/// Why a digest is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Why {
    /// Nobody kept it, and now it is too old.
    TooOld,
    /// Nobody kept it, and a newer one says the same.
    Superseded,
    /// Whoever should take it did not.
    Undelivered {
        /// What they said.
        said: String,
    },
}
