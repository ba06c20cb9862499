//! What can happen to a session in a browser: the facts of a stream `session:KEY`.
//!
//! Lives here: the events. Never lives here: which follows when (`decide`).

use serde::{Deserialize, Serialize};

use crate::base::event::{Instant, Person};

crate::stored_events! {
    /// A fact about one session.
    Event {
        /// A link was made for somebody.
        Offered = "session.offered" v 1,
        /// It was used: they are signed in. It happens once at most.
        Begun = "session.begun" v 1,
        /// They are not signed in any more, before the time was over.
        Ended = "session.ended" v 1,
    }
}

/// See [`Event::Offered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The account that asked for it: who that is, and what they may, is looked up whenever they do something.
    pub account: Holder,
    /// Who it was when they asked.
    pub person: Person,
    /// Until when the link can be used.
    pub until: Instant,
}

/// An account at a door, as the door vouched for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which door: `terminal`, `discord`.
    pub door: String,
    /// What the door knows them by and nobody can choose.
    pub id: String,
    /// What they call themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shown: String,
    /// The ids of the roles that the door gave them then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// See [`Event::Begun`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Until when they are signed in.
    pub until: Instant,
}

/// See [`Event::Ended`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub why: Why,
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They signed out in that browser.
    SignedOut,
    /// They ended all of their sessions at once.
    AllEnded,
}
