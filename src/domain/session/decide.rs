//! What follows: whether a link can be used, whether somebody is still signed in.
//!
//! Lives here: the rules. Never lives here: the wording for people (the doors have that), reading and writing (`engine`).

use super::event::{Begun, Ended, Holder, Offered, Why};
use super::state::State;
use super::{LINK_LIFE, SESSION_LIFE};
use crate::base::event::{Instant, Person};

/// Why a link cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    /// There is none like that.
    #[error("this link is not known here; ask for a new one")]
    Unknown,
    /// Somebody used it.
    #[error("this link was used already, and works once; ask for a new one")]
    Used,
    /// Nobody used it in time.
    #[error("this link is too old: a link works for ten minutes; ask for a new one")]
    TooLate,
}

/// Somebody who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// For whom the link was made.
    pub offered: &'a Offered,
    /// Until when.
    pub until: Instant,
}

/// A link for an account.
#[must_use]
pub fn offer(account: Holder, person: Person, now: Instant) -> Offered {
    Offered { account, person, until: now + LINK_LIFE }
}

/// For whom a link is that can be used now.
///
/// # Errors
/// It cannot.
pub fn open(state: &State, now: Instant) -> Result<&Offered, NoLink> {
    match &state.offered {
        _ if state.used || state.over => Err(NoLink::Used),
        None => Err(NoLink::Unknown),
        Some(offered) if offered.until <= now => Err(NoLink::TooLate),
        Some(offered) => Ok(offered),
    }
}

/// Uses a link.
///
/// # Errors
/// It cannot be used.
pub fn begin(state: &State, now: Instant) -> Result<Begun, NoLink> {
    open(state, now).map(|_| Begun { until: now + SESSION_LIFE })
}

/// Who is signed in by it now; `None` where nobody is.
#[must_use]
pub fn standing(state: &State, now: Instant) -> Option<Standing<'_>> {
    let (offered, begun) = (state.offered.as_ref()?, state.begun.as_ref()?);
    (!state.over && now < begun.until).then_some(Standing { offered, until: begun.until })
}

/// Ends it; `None` where there is nothing to end. A link that nobody used yet is ended as well: it cannot be used then.
#[must_use]
pub fn end(state: &State, why: Why, now: Instant) -> Option<Ended> {
    let stands = standing(state, now).is_some() || open(state, now).is_ok();
    stands.then_some(Ended { why })
}
