//! What can happen beside the rotation: somebody steps in, or asks for that.

use serde::{Deserialize, Serialize};

use super::CoverId;
use crate::base::event::{Instant, Person};

crate::stored_events! {
    /// A fact about who is on call.
    Event {
        /// A person is on call instead of whoever the layers say.
        OverrideAdded = "override.added" v 1,
        /// That is taken back: all of it before it began, else the rest.
        OverrideRemoved = "override.removed" v 1,
        /// Somebody asks for another person in their place.
        CoverAsked = "cover.asked" v 1,
        /// Somebody steps in; from then on it is an override under the same id.
        CoverTaken = "cover.taken" v 1,
        /// Nobody needs to step in any more.
        CoverWithdrawn = "cover.withdrawn" v 1,
    }
}

impl Event {
    /// Which override or request it is about.
    #[must_use]
    pub fn id(&self) -> &CoverId {
        match self {
            Self::OverrideAdded(OverrideAdded { id, .. })
            | Self::OverrideRemoved(OverrideRemoved { id, .. })
            | Self::CoverAsked(CoverAsked { id, .. })
            | Self::CoverTaken(CoverTaken { id, .. })
            | Self::CoverWithdrawn(CoverWithdrawn { id, .. }) => id,
        }
    }
}

/// See [`Event::OverrideAdded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideAdded {
    /// Its id.
    pub id: CoverId,
    /// Which schedule.
    pub schedule: String,
    /// Who is on call.
    pub person: Person,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// Who said so.
    pub by: Person,
    /// Why, where a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::OverrideRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideRemoved {
    /// Which.
    pub id: CoverId,
    /// Who said so.
    pub by: Person,
}

/// See [`Event::CoverAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverAsked {
    /// Its id.
    pub id: CoverId,
    /// Which schedule.
    pub schedule: String,
    /// Whose place is to be taken.
    pub person: Person,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// Why, where a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::CoverTaken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverTaken {
    /// Which request.
    pub id: CoverId,
    /// Who steps in.
    pub by: Person,
}

/// See [`Event::CoverWithdrawn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverWithdrawn {
    /// Which request.
    pub id: CoverId,
    /// Who said so.
    pub by: Person,
}
