//! Runs that were left behind: found one by one, and taken over at a measured pace.
//!
//! Lives here: who comes when. Never lives here: driving them (`fleet`).

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use futures::Stream;

use crate::base::event::{Instant, RunId};
use crate::bot::{Bot, Fault};
use crate::domain::run::state::State;

/// At most ten runs a second begin to ask the same target for something.
const APART: TimeDelta = TimeDelta::milliseconds(100);

/// The open runs of a journal, each with the moment from which it may be driven.
pub(super) struct Recovery;

impl Recovery {
    /// Finds them: those that wait for a person first said, the others in the order they were opened. A run is read when its
    /// turn comes, so that the first ones are driven before the last ones are read.
    pub(super) async fn of(bot: &Bot) -> Result<impl Stream<Item = Result<(RunId, Instant), Fault>> + '_, Fault> {
        let engine = bot.engine()?;
        let open: VecDeque<_> = engine.runs(true).await?.into_iter().map(|info| info.id).collect();
        Ok(futures::stream::unfold((open, Pace::default()), move |(mut open, mut pace)| async move {
            let run = open.pop_front()?;
            let found = match engine.run_state(&run).await {
                Ok(state) => {
                    let at = pace.admit(&state, bot.clock().now());
                    Ok((run, at))
                }
                Err(error) => {
                    // One damaged run must not keep the others from being driven.
                    tracing::error!(%run, %error, "the run cannot be read");
                    Ok((run, bot.clock().now() + TimeDelta::hours(1)))
                }
            };
            Some((found, (open, pace)))
        }))
    }
}

/// When the next run may begin to act, by target.
#[derive(Default)]
struct Pace(BTreeMap<String, Instant>);

impl Pace {
    /// From when on this run may be driven: not before everything it acts on has room for one more.
    fn admit(&mut self, state: &State, now: Instant) -> Instant {
        if state.waits_for_human() || state.paused.is_some() {
            return now;
        }
        self.slot(state.plan.inventory.targets.values().filter_map(|target| target.url.clone()), now)
    }

    fn slot(&mut self, hosts: impl Iterator<Item = String>, now: Instant) -> Instant {
        let hosts: Vec<String> = hosts.collect();
        let free = hosts.iter().filter_map(|host| self.0.get(host).copied()).max();
        let at = free.map_or(now, |free| free.max(now));
        for host in hosts {
            self.0.insert(host, at + APART);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_a_second_begin_to_ask_the_same_host() {
        let now: Instant = "2026-02-02T11:00:00Z".parse().unwrap();
        let mut pace = Pace::default();
        let mut begin = |hosts: &[&str]| pace.slot(hosts.iter().map(|host| (*host).to_owned()), now);
        let crowd: Vec<Instant> = (0..25).map(|_| begin(&["backend", "redis"])).collect();
        for pair in crowd.windows(2) {
            assert_eq!(pair[1] - pair[0], APART);
        }
        assert_eq!(begin(&["elsewhere"]), now, "who asks somebody else need not wait");
        assert_eq!(begin(&["elsewhere", "redis"]), now + APART * 25, "but must for all it asks");
    }
}
