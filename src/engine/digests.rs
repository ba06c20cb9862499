//! Keeping digests: waiting until one is due, having it made, writing down that it is to be sent, having it sent.
//!
//! Lives here: [`Engine::keep_digests`] and the ports it needs ([`Editor`], [`Poster`]), pauses between tries. Never lives here: which
//! digest is due (`domain/digest`), what stands in it (`bot`), how it is sent (`chat`).

use chrono::TimeDelta;
use futures::future::{BoxFuture, try_join_all};

use super::{Engine, EngineError, codec};
use crate::base::event::{Actor, Instant, Stream};
use crate::domain::digest::Schedule;
use crate::domain::digest::decide::{Make, Next, decide, since};
use crate::domain::digest::event::{Due, Event, Sent, Skipped, Why};
use crate::domain::digest::model::Digest;
use crate::domain::digest::state::State;
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

/// How long is waited after something did not get through, first and at most.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How often it is looked whether another process that keeps digests is gone.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(5);
/// A digest that could not be sent for so long is made anew: it says how things are.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// What a digest is to tell of.
#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// Which digest.
    pub schedule: &'a Schedule,
    /// What became of it so far: what it is compared with, what was missed.
    pub state: &'a State,
    /// When it was due.
    pub due: Instant,
    /// Whether nobody kept it then.
    pub late: bool,
    /// From when on it tells.
    pub since: Instant,
    /// Up to when.
    pub until: Instant,
}

/// Makes digests.
pub trait Editor: Send + Sync {
    /// Collects what there is to tell. What cannot be found out is told as such; nothing of it keeps a digest from being made.
    fn edit<'a>(&'a self, brief: &'a Brief<'a>) -> BoxFuture<'a, Digest>;
}

/// What came of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It got through, now or before.
    Sent {
        /// What whoever took it calls it.
        receipt: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why.
        why: String,
        /// Whether the same may get through later.
        again: bool,
    },
}

/// Sends digests.
pub trait Poster: Send + Sync {
    /// Sends one. It may be the second try of something whose first try's fate nobody knows: then it must not be sent again. The
    /// schedule's name and the due time are the key.
    fn post<'a>(&'a self, schedule: &'a Schedule, due: &'a Due, digest: &'a Digest) -> BoxFuture<'a, Posted>;
}

impl Engine {
    /// Keeps digests until the future is dropped. One process does so for a journal; another one waits for its turn.
    ///
    /// # Errors
    /// The journal.
    pub async fn keep_digests(
        &self,
        schedules: &[Schedule],
        editor: &dyn Editor,
        poster: &dyn Poster,
    ) -> Result<(), EngineError> {
        let _turn = loop {
            if let Some(turn) = self.journal.own(&Stream::named("duty:digests"))? {
                break turn;
            }
            self.clock.sleep_until(self.clock.now() + LOOK_AGAIN).await;
        };
        let kept = schedules.iter().map(|schedule| self.keep_digest(schedule, editor, poster));
        try_join_all(kept).await?;
        futures::future::pending().await
    }

    /// Keeps one digest; ends where it is never due again.
    async fn keep_digest(
        &self,
        schedule: &Schedule,
        editor: &dyn Editor,
        poster: &dyn Poster,
    ) -> Result<(), EngineError> {
        // Why the one that is pending did not get through, and how often it was tried.
        let mut failed: Option<(String, u32)> = None;
        let mut draft: Option<Digest> = None;
        loop {
            let (state, seq) = self.load_digest(&schedule.name).await?;
            let now = self.clock.now();
            match decide(&state, schedule, failed.as_ref().map(|(why, _)| why.as_str()), now) {
                Next::Record(events) => {
                    self.append_digest(schedule, seq, &events).await?;
                    failed = None;
                }
                Next::Make(make) => {
                    let (digest, events) = self.make(schedule, &state, make, editor).await;
                    self.append_digest(schedule, seq, &events).await?;
                    draft = Some(digest);
                }
                Next::Send(due) => {
                    let fresh = |digest: &Digest| digest.due == Some(due.due) && now - digest.until < FRESH;
                    let digest = match draft.take().filter(fresh) {
                        Some(digest) => digest,
                        None => {
                            let (late, since) = (due.late, due.since);
                            let brief = Brief { schedule, state: &state, due: due.due, late, since, until: now };
                            editor.edit(&brief).await
                        }
                    };
                    match poster.post(schedule, &due, &digest).await {
                        Posted::Sent { receipt } => {
                            self.append_digest(schedule, seq, &[Sent { due: due.due, receipt }.into()]).await?;
                            failed = None;
                        }
                        Posted::Failed { why, again: false } => {
                            tracing::warn!(digest = schedule.name, why, "a digest cannot be sent");
                            let why = Why::Undelivered { said: why };
                            let skipped = Skipped { first: due.due, last: due.due, count: 1, why };
                            self.append_digest(schedule, seq, &[skipped.into()]).await?;
                            failed = None;
                        }
                        Posted::Failed { why, again: true } => {
                            let tries = failed.as_ref().map_or(0, |(_, tries)| *tries) + 1;
                            if tries == 1 {
                                tracing::warn!(
                                    digest = schedule.name,
                                    why,
                                    "a digest did not get through; trying again"
                                );
                            }
                            failed = Some((why, tries));
                            draft = Some(digest);
                            let pause = (FIRST_PAUSE * 2_i32.pow(tries.min(8) - 1)).min(LONGEST_PAUSE);
                            self.clock.sleep_until(now + pause).await;
                        }
                    }
                }
                Next::Wait(Some(at)) => self.clock.sleep_until(at).await,
                Next::Wait(None) => return Ok(()),
            }
        }
    }

    /// A digest, and what is written down before it is sent.
    async fn make(&self, schedule: &Schedule, state: &State, make: Make, editor: &dyn Editor) -> (Digest, Vec<Event>) {
        let mut told = state.clone();
        let mut events: Vec<Event> = make.skipped.map(Event::from).into_iter().collect();
        let until = self.clock.now();
        events.iter().for_each(|event| told.apply(event, until));
        let (due, late, since) = (make.due, make.late, since(state, until));
        let digest = editor.edit(&Brief { schedule, state: &told, due, late, since, until }).await;
        events.push(Due { due, late, since, until, figures: digest.figures() }.into());
        (digest, events)
    }

    /// What became of a digest so far.
    ///
    /// # Errors
    /// The journal.
    pub async fn digest(&self, name: &str) -> Result<State, EngineError> {
        Ok(self.load_digest(name).await?.0)
    }

    async fn load_digest(&self, name: &str) -> Result<(State, u64), EngineError> {
        let (mut state, mut seq) = (State::default(), 0);
        for row in self.rows(Select::Stream(Stream::digest(name)), 0).await? {
            // What was erased is as if it had not been said.
            if let Fact::Digest(_, event) = codec::recorded(&row)?.event {
                state.apply(&event, row.at);
            }
            seq = row.seq;
        }
        Ok((state, seq))
    }

    /// Writes down what follows. Where somebody else wrote in between nothing is: it is decided anew.
    async fn append_digest(&self, schedule: &Schedule, expected: u64, events: &[Event]) -> Result<(), EngineError> {
        let now = self.clock.now();
        let events = events.iter().map(|event| codec::digest_event(event, &Actor::Bot, now));
        let item = Item {
            stream: Stream::digest(&schedule.name),
            expected,
            incident: None,
            events: events.collect::<Result<_, _>>()?,
            open: None,
        };
        match self.journal.append(Batch { items: vec![item], ..Batch::default() }, now).await {
            Ok(_) | Err(AppendError::Conflict { .. }) => Ok(()),
            Err(error) => Err(EngineError::NotWritten(error)),
        }
    }
}
