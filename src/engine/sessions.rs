//! Sessions in a browser, read and written.
//!
//! Lives here: loading one, deciding and appending what follows, finding those that are open. Never lives here: what follows
//! (`domain/session`), links and cookies (`bot`, `web`).

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, Instant, Stream};
use crate::domain::session::event::Event;
use crate::domain::session::state::State;
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

/// How all streams of sessions begin.
const FAMILY: &str = "session:";

impl Engine {
    /// A session by its name; nothing happened where there is none.
    ///
    /// # Errors
    /// The journal.
    pub async fn session(&self, name: &str) -> Result<State, EngineError> {
        Ok(self.session_read(name).await?.0)
    }

    async fn session_read(&self, name: &str) -> Result<(State, u64), EngineError> {
        let (mut state, mut seq) = (State::default(), 0);
        for row in self.rows(Select::Stream(Stream::session(name)), 0).await? {
            match codec::recorded(&row)?.event {
                Fact::Session(_, event) => state.apply(&event),
                Fact::Erased { kind, .. } => state.skip(&kind),
                _ => {}
            }
            seq = row.seq;
        }
        Ok((state, seq))
    }

    /// Decides on the session as it stands and records what follows; where somebody else wrote in between, it is decided anew. So a
    /// link is used once, whichever processes try at the same time. What is returned is what it led to, or why nothing was done.
    ///
    /// # Errors
    /// The journal.
    pub async fn tell_session<R>(
        &self,
        name: &str,
        actor: &Actor,
        decide: impl Fn(&State, Instant) -> Result<Event, R>,
    ) -> Result<Result<State, R>, EngineError> {
        let stream = Stream::session(name);
        for _ in 0..CONFLICTS {
            let (mut state, seq) = self.session_read(name).await?;
            let now = self.clock.now();
            let event = match decide(&state, now) {
                Ok(event) => event,
                Err(refused) => return Ok(Err(refused)),
            };
            let item = Item {
                stream: stream.clone(),
                expected: seq,
                incident: None,
                events: vec![codec::session_event(&event, actor, now)?],
                open: Some(!matches!(event, Event::Ended(_))),
            };
            match self.journal.append(Batch { items: vec![item], ..Batch::default() }, now).await {
                Ok(_) => {
                    state.apply(&event);
                    return Ok(Ok(state));
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused("the session is being changed by others; try again".into())))
    }

    /// Names of the sessions that nobody ended; many of them are over by themselves.
    ///
    /// # Errors
    /// The journal.
    pub async fn open_sessions(&self) -> Result<Vec<String>, EngineError> {
        let streams = self.journal.streams(FAMILY, true).await?;
        Ok(streams.into_iter().map(|info| info.stream.key().to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::executor::block_on;
    use futures::future::join;

    use super::*;
    use crate::base::clock::VirtualClock;
    use crate::base::event::Person;
    use crate::domain::session::decide::{NoLink, begin, offer};
    use crate::domain::session::event::{Holder, Why};
    use crate::journal::memory::MemoryJournal;

    fn ana() -> Actor {
        Actor::Person { name: Person::new("Ana"), door: "web".to_owned(), login: None }
    }

    #[test]
    fn two_who_use_a_link_at_the_same_time_are_not_both_signed_in() {
        let clock = Arc::new(VirtualClock::starting_at("2026-03-02T12:00:00Z".parse().unwrap()));
        let journal = Arc::new(MemoryJournal::new(1));
        // Two processes over one journal.
        let (one, other) = (Engine::new(journal.clone(), clock.clone()), Engine::new(journal, clock));
        let holder = Holder { door: "terminal".into(), id: "ana".into(), shown: "ana".into(), roles: Vec::new() };
        let offered = |_: &State, now| Ok::<_, NoLink>(offer(holder.clone(), Person::new("Ana"), now).into());
        block_on(one.tell_session("n", &ana(), offered)).unwrap().unwrap();
        let used = |state: &State, now| begin(state, now).map(Into::into);
        let who = ana();
        let both = join(one.tell_session("n", &who, used), other.tell_session("n", &who, used));
        let (first, second) = block_on(both);
        let begun = [first.unwrap(), second.unwrap()];
        assert_eq!(begun.iter().filter(|told| told.is_ok()).count(), 1, "{begun:?}");
        assert!(begun.contains(&Err(NoLink::Used)));
        assert_eq!(block_on(other.open_sessions()).unwrap(), ["n"]);
        let ended = |_: &State, _| Ok::<Event, ()>(crate::domain::session::event::Ended { why: Why::SignedOut }.into());
        block_on(other.tell_session("n", &ana(), ended)).unwrap().unwrap();
        assert!(block_on(one.session("n")).unwrap().over && block_on(one.open_sessions()).unwrap().is_empty());
    }
}
