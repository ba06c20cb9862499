//! The clock port: everything that wants to know the time, or wait, asks here.
//!
//! Lives here: [`Clock`], the real clock and the virtual one that rehearsals drive by hand.
//! Never lives here: what to wait for. This is one of the few files that may touch `Utc::now` and `tokio::time`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use futures::future::BoxFuture;

use super::event::Instant;

/// Tells the time and wakes sleepers. Resolution: one millisecond.
pub trait Clock: Send + Sync {
    /// The time, rounded down to milliseconds. It may jump with the wall; whoever needs order takes the later of
    /// this and their last event.
    fn now(&self) -> Instant;

    /// Completes when `now()` has reached `deadline`.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;

    /// Time passed since some fixed point, never going back: for measuring latencies.
    fn monotonic(&self) -> Duration;
}

/// The wall clock.
pub struct RealClock {
    start: std::time::Instant,
}

impl Default for RealClock {
    #[allow(clippy::disallowed_methods, reason = "this file owns the wall clock")]
    fn default() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods, reason = "this file owns the wall clock")]
    fn now(&self) -> Instant {
        Utc::now().trunc_subsecs(3)
    }

    #[allow(clippy::disallowed_methods, reason = "this file owns the wall clock")]
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A wall clock that is set back while we sleep makes us sleep again; long sleeps are cut so that one
            // that is set forward is noticed within a minute.
            loop {
                let left = (deadline - Utc::now()).to_std().unwrap_or_default();
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            }
        })
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until it is told to move: whoever drives a rehearsal runs everything until it stalls,
/// then calls [`VirtualClock::advance`].
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<VirtualState>>);

struct VirtualState {
    now: Instant,
    start: Instant,
    order: u64,
    sleepers: BinaryHeap<Reverse<Sleeper>>,
}

struct Sleeper {
    deadline: Instant,
    order: u64,
    waker: Waker,
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        (self.deadline, self.order) == (other.deadline, other.order)
    }
}
impl Eq for Sleeper {}
impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline, self.order).cmp(&(other.deadline, other.order))
    }
}

impl VirtualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        let start = start.trunc_subsecs(3);
        Self(Arc::new(Mutex::new(VirtualState { now: start, start, order: 0, sleepers: BinaryHeap::new() })))
    }

    /// Moves to the earliest moment somebody sleeps for and wakes everyone due then. `false` when nobody sleeps.
    pub fn advance(&self) -> bool {
        let due = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Reverse(first)) = state.sleepers.peek() else { return false };
            state.now = state.now.max(first.deadline);
            let mut due = Vec::new();
            while state.sleepers.peek().is_some_and(|Reverse(sleeper)| sleeper.deadline <= state.now) {
                due.extend(state.sleepers.pop().map(|Reverse(sleeper)| sleeper.waker));
            }
            due
        };
        due.into_iter().for_each(Waker::wake);
        true
    }

    fn state(&self) -> std::sync::MutexGuard<'_, VirtualState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.state().now
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(VirtualSleep { clock: self.clone(), deadline })
    }

    fn monotonic(&self) -> Duration {
        let state = self.state();
        (state.now - state.start).to_std().unwrap_or_default()
    }
}

struct VirtualSleep {
    clock: VirtualClock,
    deadline: Instant,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.deadline {
            return Poll::Ready(());
        }
        state.order += 1;
        let sleeper = Sleeper { deadline: self.deadline, order: state.order, waker: context.waker().clone() };
        state.sleepers.push(Reverse(sleeper));
        Poll::Pending
    }
}
