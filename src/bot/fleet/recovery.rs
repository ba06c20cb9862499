//! Runs that were left behind: found one by one, and taken over at a measured pace.
//!
//! Lives here: who comes when; what a process left undone that died between two writes (a run that its incident does not know,
//! phases that should have followed). Never lives here: driving them (`fleet`).

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::base::event::{IncidentId, Instant, RunId};
use crate::bot::{Bot, Fault};
use crate::domain::run::state::State;

/// At most ten runs a second begin to ask the same target for something.
const APART: TimeDelta = TimeDelta::milliseconds(100);

/// How long the process that drove a run has to open what follows it.
const FOLLOWS_WITHIN: TimeDelta = TimeDelta::seconds(3);

/// The open runs of a journal, each with the moment from which it may be driven.
pub(super) struct Recovery;

impl Recovery {
    /// Finds them: those that wait for a person first said, the others in the order they were opened. A run is read when its
    /// turn comes, so that the first ones are driven before the last ones are read. What should have followed a run that is over
    /// is opened last.
    pub(super) async fn of(bot: &Bot) -> Result<impl Stream<Item = Result<(RunId, Instant), Fault>> + '_, Fault> {
        let engine = bot.engine()?;
        let open: VecDeque<_> = engine.runs(true).await?.into_iter().map(|info| info.id).collect();
        let found = futures::stream::unfold((open, Pace::default()), move |(mut open, mut pace)| async move {
            let run = open.pop_front()?;
            let found = match engine.run_state(&run).await {
                Ok(state) => {
                    attach(bot, &state).await;
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
        });
        Ok(found.chain(futures::stream::once(follow_ups(bot)).try_flatten()))
    }
}

/// Ties a run to its incident where the process that opened it died before it could.
async fn attach(bot: &Bot, state: &State) {
    if state.opened_at + FOLLOWS_WITHIN > bot.clock().now() {
        // Whoever opened it may be about to do it this moment.
        return;
    }
    if let Err(fault) = bot.attach(state).await {
        tracing::error!(run = %state.id, %fault, "the run cannot be tied to its incident");
    }
}

/// Opens the phases that should have followed the newest run of an open incident, where the process that drove it died before
/// it could.
async fn follow_ups(bot: &Bot) -> Result<impl Stream<Item = Result<(RunId, Instant), Fault>> + '_, Fault> {
    let open = bot.incident_list().await?.into_iter().filter(|(_, state)| state.status.is_open()).map(|(id, _)| id);
    let opened = futures::stream::iter(open).filter_map(move |incident| async move {
        match follow_up(bot, &incident).await {
            Ok(run) => run.map(|run| Ok((run, bot.clock().now()))),
            Err(fault) => {
                tracing::error!(%incident, %fault, "what follows the last run could not begin");
                None
            }
        }
    });
    Ok(opened)
}

async fn follow_up(bot: &Bot, incident: &IncidentId) -> Result<Option<RunId>, Fault> {
    let Some(last) = newest(bot, incident).await? else { return Ok(None) };
    if !last.is_over() || last.plan.follow_up().is_none() {
        return Ok(None);
    }
    // The process that drove it may be about to open it this moment.
    bot.clock().sleep_until(last.last_at + FOLLOWS_WITHIN).await;
    match newest(bot, incident).await? {
        Some(still) if still.id == last.id => bot.follow_up(&still).await,
        _ => Ok(None),
    }
}

async fn newest(bot: &Bot, incident: &IncidentId) -> Result<Option<State>, Fault> {
    match bot.incident_state(incident).await?.runs.last() {
        Some(run) => Ok(Some(bot.state(run).await?)),
        None => Ok(None),
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
