//! What goes over the rotation: overrides, and requests for cover, which become overrides when somebody takes them.
//!
//! Lives here: the facts ([`event`]), the state they fold to ([`Rota`]), and whether something may be said. Never lives here: the
//! rotation itself, and where facts are kept.

pub mod event;

use std::collections::BTreeMap;

use crate::base::event::{Instant, Person};
use crate::base::schedule::Span;
use crate::base::text::one_line;
use event::{CoverAsked, CoverTaken, CoverWithdrawn, Event, OverrideAdded, OverrideRemoved};

pub use crate::base::event::CoverId;

/// An override that is longer is a change of the rotation, and belongs into the file.
pub const LONGEST: Span = Span::seconds(92 * 24 * 60 * 60);
/// Longest reason, in characters.
const LONGEST_WHY: usize = 500;
/// Overrides and requests that are not over yet, at most.
const MOST: usize = 500;

/// Somebody is on call instead of whoever the layers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Its id.
    pub id: CoverId,
    /// Which schedule.
    pub schedule: String,
    /// Who is on call.
    pub person: Person,
    /// Whose place they take; `None` where they take everybody's.
    pub instead_of: Option<Person>,
    /// From when.
    pub from: Instant,
    /// Until when; not any more at this instant.
    pub until: Instant,
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: Option<String>,
}

/// Somebody asks for another person in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which schedule.
    pub schedule: String,
    /// Whose place is to be taken.
    pub person: Person,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// Why.
    pub why: Option<String>,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a request for cover came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody took it so far.
    Open,
    /// Somebody did.
    Taken(Person),
    /// It was taken back.
    Withdrawn,
}

/// Overrides in the order in which they were made: a later one goes over an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

impl Overrides {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of one schedule.
    pub fn of<'a>(&'a self, schedule: &'a str) -> impl Iterator<Item = &'a Override> {
        self.0.iter().filter(move |one| one.schedule == schedule)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.0.iter()
    }

    fn get(&self, id: &CoverId) -> Option<&Override> {
        self.0.iter().find(|one| one.id == *id)
    }
}

impl FromIterator<Override> for Overrides {
    fn from_iter<I: IntoIterator<Item = Override>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

/// What goes over the rotation, and what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rota {
    overrides: Overrides,
    asked: BTreeMap<CoverId, Asked>,
    /// How many ids there are.
    ids: u64,
}

/// Which schedule, whose, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which schedule.
    pub schedule: String,
    /// Who is to be on call, or whose place is to be taken.
    pub person: Person,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// Why.
    pub why: Option<String>,
}

/// Why it may not be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It ends before it begins.
    #[error("it would end before it begins: --until is not after --from")]
    Backwards,
    /// All of it lies in the past.
    #[error("that time is over; what was cannot be changed")]
    Over,
    /// It is too long.
    #[error("an override lasts at most {LONGEST}; what stays belongs into the layers of oncall.yaml")]
    TooLong,
    /// There are too many.
    #[error("there are {MOST} overrides and requests that are not over yet; remove some first")]
    TooMany,
    /// There is no such override and no such request.
    #[error("there is no {0}; `oncall schedule` shows overrides and requests")]
    Unknown(CoverId),
    /// Whoever asks is not on call then.
    #[error("{person} is not on call on '{schedule}' in that time, so there is nothing to cover")]
    NotOnCall {
        /// Who.
        person: Person,
        /// Where.
        schedule: String,
    },
    /// Nobody covers for themselves.
    #[error("{0} asked for that cover, and another person has to take it; `oncall remove` withdraws it")]
    OwnRequest(Person),
    /// Somebody was faster.
    #[error("{0} took that already")]
    Taken(Person),
    /// It was taken back.
    #[error("that request was withdrawn")]
    Withdrawn,
    /// It is an override: nobody needs to take it.
    #[error("{0} is an override, not a request for cover")]
    NotAsked(CoverId),
}

impl Rota {
    /// Overrides, for [`who`](super::who) and [`shifts`](super::shifts).
    #[must_use]
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// An override by its id.
    #[must_use]
    pub fn get(&self, id: &CoverId) -> Option<&Override> {
        self.overrides.get(id)
    }

    /// A request by its id.
    #[must_use]
    pub fn asked(&self, id: &CoverId) -> Option<&Asked> {
        self.asked.get(id)
    }

    /// Requests that somebody may still take, the oldest first.
    pub fn open(&self, now: Instant) -> impl Iterator<Item = (&CoverId, &Asked)> {
        self.asked.iter().filter(move |(_, asked)| asked.outcome == Outcome::Open && asked.until > now)
    }

    /// Folds one event. What is about something that is not there (its event was erased) changes nothing.
    pub fn apply(&mut self, event: &Event, at: Instant) {
        match event.clone() {
            Event::OverrideAdded(added) => {
                self.ids += 1;
                let OverrideAdded { id, schedule, person, from, until, by, why } = added;
                self.overrides.0.push(Override { id, schedule, person, instead_of: None, from, until, by, why });
            }
            Event::OverrideRemoved(removed) => {
                // Who was on call until now stays what it was.
                self.overrides.0.retain(|one| one.id != removed.id || one.from < at);
                let ended = self.overrides.0.iter_mut().find(|one| one.id == removed.id);
                ended.into_iter().for_each(|one| one.until = one.until.min(at));
                if let Some(asked) = self.asked.get_mut(&removed.id) {
                    asked.outcome = Outcome::Withdrawn;
                }
            }
            Event::CoverAsked(asked) => {
                self.ids += 1;
                let CoverAsked { id, schedule, person, from, until, why } = asked;
                self.asked.insert(id, Asked { schedule, person, from, until, why, outcome: Outcome::Open });
            }
            Event::CoverTaken(taken) => {
                let Some(asked) = self.asked.get_mut(&taken.id) else { return };
                asked.outcome = Outcome::Taken(taken.by.clone());
                self.overrides.0.push(Override {
                    id: taken.id,
                    schedule: asked.schedule.clone(),
                    person: taken.by.clone(),
                    instead_of: Some(asked.person.clone()),
                    // Nobody was on call before they said so.
                    from: asked.from.max(at),
                    until: asked.until,
                    by: taken.by,
                    why: asked.why.clone(),
                });
            }
            Event::CoverWithdrawn(withdrawn) => {
                if let Some(asked) = self.asked.get_mut(&withdrawn.id) {
                    asked.outcome = Outcome::Withdrawn;
                }
            }
        }
    }

    /// An event of ours whose body was erased: its id stays taken.
    pub fn skip(&mut self, kind: &str) {
        if matches!(kind, "override.added" | "cover.asked") {
            self.ids += 1;
        }
    }

    /// Puts somebody on call.
    ///
    /// # Errors
    /// A time that is over, backwards or too long; too many of them.
    pub fn add(&self, wanted: Wanted, by: Person, now: Instant) -> Result<Event, Refusal> {
        self.timely(&wanted, now)?;
        let Wanted { schedule, person, from, until, why } = wanted;
        let (id, why) = (self.next_id(), why.and_then(|why| reason(&why)));
        Ok(OverrideAdded { id, schedule, person, from: from.max(now), until, by, why }.into())
    }

    /// Asks for somebody in a person's place. `on_call` is whether that person is on call at all in that time.
    ///
    /// # Errors
    /// As [`Self::add`]; there is nothing to cover.
    pub fn ask(&self, wanted: Wanted, on_call: bool, now: Instant) -> Result<Event, Refusal> {
        self.timely(&wanted, now)?;
        let Wanted { schedule, person, from, until, why } = wanted;
        if !on_call {
            return Err(Refusal::NotOnCall { person, schedule });
        }
        let (id, why) = (self.next_id(), why.and_then(|why| reason(&why)));
        Ok(CoverAsked { id, schedule, person, from: from.max(now), until, why }.into())
    }

    /// Steps in.
    ///
    /// # Errors
    /// No such request, somebody was faster, it is over or withdrawn, it is the person's own.
    pub fn take(&self, id: &CoverId, by: Person, now: Instant) -> Result<Event, Refusal> {
        let asked = match self.asked.get(id) {
            Some(asked) => asked,
            None if self.get(id).is_some() => return Err(Refusal::NotAsked(id.clone())),
            None => return Err(Refusal::Unknown(id.clone())),
        };
        match &asked.outcome {
            Outcome::Taken(other) => Err(Refusal::Taken(other.clone())),
            Outcome::Withdrawn => Err(Refusal::Withdrawn),
            Outcome::Open if asked.until <= now => Err(Refusal::Over),
            Outcome::Open if asked.person == by => Err(Refusal::OwnRequest(by)),
            Outcome::Open => Ok(CoverTaken { id: id.clone(), by }.into()),
        }
    }

    /// Takes an override back, or a request that nobody took.
    ///
    /// # Errors
    /// There is neither, or it is over or withdrawn.
    pub fn remove(&self, id: &CoverId, by: Person, now: Instant) -> Result<Event, Refusal> {
        if let Some(one) = self.get(id) {
            let event = || OverrideRemoved { id: id.clone(), by }.into();
            return if one.until > now { Ok(event()) } else { Err(Refusal::Over) };
        }
        let asked = self.asked.get(id).ok_or_else(|| Refusal::Unknown(id.clone()))?;
        match asked.outcome {
            // What it became is an override, or was erased.
            Outcome::Taken(_) | Outcome::Withdrawn => Err(Refusal::Withdrawn),
            Outcome::Open => Ok(CoverWithdrawn { id: id.clone(), by }.into()),
        }
    }

    fn next_id(&self) -> CoverId {
        CoverId::number(self.ids + 1)
    }

    fn timely(&self, wanted: &Wanted, now: Instant) -> Result<(), Refusal> {
        if wanted.until <= wanted.from {
            return Err(Refusal::Backwards);
        }
        if wanted.until <= now {
            return Err(Refusal::Over);
        }
        if wanted.until - wanted.from.max(now) > LONGEST.delta() {
            return Err(Refusal::TooLong);
        }
        let ahead = self.overrides.iter().filter(|one| one.until > now).count() + self.open(now).count();
        if ahead >= MOST { Err(Refusal::TooMany) } else { Ok(()) }
    }
}

fn reason(why: &str) -> Option<String> {
    Some(one_line(why, LONGEST_WHY)).filter(|why| !why.is_empty())
}
