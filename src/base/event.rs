//! Names of things that events speak about, and the envelope every event travels in.
//!
//! Lives here: ids of incidents, runs and streams, persons, actors, the unerasable head of an event.
//! Never lives here: what a particular event *says* (that belongs to the domain module that states it), storage.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A point in time as the whole program keeps it: UTC, rounded to milliseconds by [`crate::base::clock::Clock`].
pub type Instant = DateTime<Utc>;

macro_rules! short_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The `number`th of its kind in this journal; people type it, so it stays short.
            #[must_use]
            pub fn number(number: u64) -> Self {
                Self(format!(concat!($prefix, "-{}"), number))
            }

            /// Reads an id as a person types it: `12`, the full id, in any case.
            ///
            /// # Errors
            /// Anything that is not the prefix and a number.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let lower = text.trim().to_ascii_lowercase();
                let digits = lower.strip_prefix(concat!($prefix, "-")).unwrap_or(&lower);
                match digits.parse::<u64>() {
                    Ok(number) if number > 0 => Ok(Self::number(number)),
                    _ => Err(BadId { text: text.to_owned(), like: concat!($prefix, "-7") }),
                }
            }

            /// The id as it is written everywhere.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::parse(text)
            }
        }
    };
}

short_id!(
    /// One incident: `inc-7`.
    IncidentId,
    "inc"
);
short_id!(
    /// One execution of a runbook: `run-12`.
    RunId,
    "run"
);
short_id!(
    /// One page, a call for somebody on call: `page-3`.
    PageId,
    "page"
);
short_id!(
    /// One override of who is on call, or one request for it: `cov-3`.
    CoverId,
    "cov"
);

/// A text that was given as an id and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an id; ids look like {like}")]
pub struct BadId {
    /// What was given.
    pub text: String,
    /// An example of the right form.
    pub like: &'static str,
}

/// The name of an append-only sequence of events: `run:run-12`, `incident:inc-7`, `target:production/redis`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stream(String);

impl Stream {
    /// The stream of one run.
    #[must_use]
    pub fn run(id: &RunId) -> Self {
        Self(format!("run:{id}"))
    }

    /// The stream of one incident.
    #[must_use]
    pub fn incident(id: &IncidentId) -> Self {
        Self(format!("incident:{id}"))
    }

    /// The stream of one page.
    #[must_use]
    pub fn page(id: &PageId) -> Self {
        Self(format!("page:{id}"))
    }

    /// The stream of one target in one environment: who holds it and what was done to it.
    #[must_use]
    pub fn target(environment: &str, target: &str) -> Self {
        Self(format!("target:{environment}/{target}"))
    }

    /// Who is on call beside the rotation: overrides, and requests for cover.
    #[must_use]
    pub fn rota() -> Self {
        Self("oncall:rota".to_owned())
    }

    /// A group of alerts, by what its source calls it. That may be any text: the stream goes by its hash.
    #[must_use]
    pub fn alerts(source: &str, group: &str) -> Self {
        let hash = hex::encode(Sha256::digest(group));
        Self(format!("alert:{source}/{}", &hash[..24]))
    }

    /// The stream of one monitor: what it changed to, and who muted it.
    #[must_use]
    pub fn monitor(id: &str) -> Self {
        Self(format!("monitor:{id}"))
    }

    /// The stream of one digest: when it was due, and whether it was sent.
    #[must_use]
    pub fn digest(name: &str) -> Self {
        Self(format!("digest:{name}"))
    }

    /// The stream of one session in a browser, by the name of the link that began it ([`crate::base::token::Token::name`]).
    #[must_use]
    pub fn session(name: &str) -> Self {
        Self(format!("session:{name}"))
    }

    /// The journal's own stream: erasures.
    #[must_use]
    pub fn journal() -> Self {
        Self("journal:self".to_owned())
    }

    /// A stream by its stored name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon: `run`, `incident`, `target`.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The part behind the colon: `run-12`.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, key)| key)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One human at whatever door; two names are the same person exactly when the names are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(String);

impl Person {
    /// A person by the name the operator knows them by. Surrounding space is dropped.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.trim().to_owned())
    }

    /// Who it is where a monitor acts by itself: `monitor:api-health`. No person can be called that.
    #[must_use]
    pub fn monitor(id: &str) -> Self {
        Self(format!("monitor:{id}"))
    }

    /// The monitor, where it is one.
    #[must_use]
    pub fn as_monitor(&self) -> Option<&str> {
        self.0.strip_prefix("monitor:")
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who brought an event about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A human; `door` is how they came in (`terminal`, `rehearsal`), `login` the account they used there.
    Person {
        /// Who.
        name: Person,
        /// Through which door.
        door: String,
        /// The account at that door, where it differs from the name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<String>,
    },
    /// The bot itself: a reply, a timer, a recovery.
    Bot,
}

impl Actor {
    /// The person, where there is one.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Person { name, .. } => Some(name),
            Self::Bot => None,
        }
    }

    /// What is printed where somebody asks "who": the person's name, or `rundown`.
    #[must_use]
    pub fn label(&self) -> &str {
        self.person().map_or("rundown", Person::name)
    }
}

/// The part of an event that is never erased: who, and when it happened (which may be before it was recorded).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Who.
    pub actor: Actor,
    /// When it happened in the world; `at` of the stored event says when it was recorded.
    pub occurred_at: Instant,
}

/// How bad an incident is; `P0` is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Severity {
    /// Everything is down for everyone.
    P0,
    /// A main function is down.
    P1,
    /// A function is impaired, or there is a way around.
    P2,
    /// A nuisance.
    P3,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
        })
    }
}

/// A stored event that this version of the program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read a '{kind}' event of version {version}: {why}")]
pub struct Unreadable {
    /// What it is.
    pub kind: String,
    /// The version of its body.
    pub version: u32,
    /// In words.
    pub why: String,
}

/// Ties an enum of events to their stored kinds and versions, so that the two can not drift apart.
#[macro_export]
macro_rules! stored_events {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $kind:literal v $version:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name { $($(#[$variant_doc])* $variant($variant)),+ }

        impl $name {
            /// The kind it is stored under.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }

            /// The version of its body's shape.
            #[must_use]
            pub fn version(&self) -> u32 {
                match self { $(Self::$variant(_) => $version),+ }
            }

            /// The body as it is stored.
            ///
            /// # Errors
            /// Never for the types of this crate: all of them serialise.
            pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
                match self { $(Self::$variant(body) => serde_json::to_vec(body)),+ }
            }

            /// Reads a stored body.
            ///
            /// # Errors
            /// An unknown kind, a newer version, a body of another shape.
            pub fn decode(kind: &str, version: u32, body: &[u8]) -> Result<Self, $crate::base::event::Unreadable> {
                let unreadable = |why: String| $crate::base::event::Unreadable { kind: kind.to_owned(), version, why };
                match kind {
                    $($kind if version <= $version => {
                        serde_json::from_slice(body).map(Self::$variant).map_err(|error| unreadable(error.to_string()))
                    })+
                    $($kind => Err(unreadable(format!("this program knows it up to version {}; use a newer one", $version))),)+
                    _ => Err(unreadable("this program does not know it; use a newer one".to_owned())),
                }
            }
        }

        $(impl From<$variant> for $name { fn from(body: $variant) -> Self { Self::$variant(body) } })+
    };
}

/// An event with its envelope, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<E> {
    /// Place in the journal; people cite it as `#12`.
    pub pos: u64,
    /// When it was recorded.
    pub at: Instant,
    /// Who, and when it happened.
    pub head: Head,
    /// What happened.
    pub event: E,
}
