//! The clock port: everything that wants to know the time, or wait, asks here.
//!
//! Lives here: [`Clock`], the real clock, the virtual one that rehearsals drive by hand, and the scaled one of rehearsals
//! over real sockets.
//! Never lives here: what to wait for. This is one of the few files that may touch `Utc::now` and `tokio::time`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
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

    /// How many times as fast as on the wall time passes here: what is shown to people counts with it, and so does what must not
    /// come more often than so many times a second of theirs.
    fn speed(&self) -> u32 {
        1
    }
}

/// How far a clock may be off. From here on events are told in the wrong order.
pub const OFF: TimeDelta = TimeDelta::seconds(5);

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

/// A clock that runs faster than the wall's: an hour of it passes in `1/speed` of an hour.
///
/// What really takes its time (a socket, the scheduler) takes as long as ever, and so `speed` times as long by this clock.
/// Whoever waits for such a thing under a time limit holds a [`Brake`] meanwhile.
#[derive(Clone)]
pub struct ScaledClock(Arc<Scaled>);

struct Scaled {
    wall: Arc<dyn Clock>,
    origin: Instant,
    speed: u32,
    pace: Mutex<Pace>,
}

/// Since when time has passed how fast.
struct Pace {
    /// What the wall's monotonic clock showed then.
    since: Duration,
    /// How long this clock had run then.
    ran: Duration,
    brakes: u32,
}

/// While one is held, time passes at most [`Brake::SPEED`] times as fast as on the wall.
#[must_use = "time passes slowly only while this is held"]
pub struct Brake(ScaledClock);

impl Brake {
    /// Ten seconds, the usual limit of a request, are half a second of the wall's: far above what a busy machine loses.
    pub const SPEED: u32 = 20;
}

impl ScaledClock {
    /// A clock that shows `origin` now and runs `speed` times as fast as `wall`; 0 is taken as 1.
    #[must_use]
    pub fn starting_at(origin: DateTime<Utc>, speed: u32, wall: Arc<dyn Clock>) -> Self {
        let pace = Mutex::new(Pace { since: wall.monotonic(), ran: Duration::ZERO, brakes: 0 });
        let (origin, speed) = (origin.trunc_subsecs(3), speed.max(1));
        Self(Arc::new(Scaled { wall, origin, speed, pace }))
    }

    /// Lets time pass slowly for as long as the brake is held.
    pub fn brake(&self) -> Brake {
        self.change(|brakes| brakes + 1);
        Brake(self.clone())
    }

    /// What has run so far is kept; from now on it runs as the brakes say.
    fn change(&self, brakes: impl FnOnce(u32) -> u32) {
        let mut pace = self.pace();
        let now = self.0.wall.monotonic();
        let passed = now.saturating_sub(pace.since).saturating_mul(self.speed_at(&pace));
        pace.ran = pace.ran.saturating_add(passed);
        pace.since = now;
        pace.brakes = brakes(pace.brakes);
    }

    fn speed_at(&self, pace: &Pace) -> u32 {
        if pace.brakes > 0 { self.0.speed.min(Brake::SPEED) } else { self.0.speed }
    }

    /// How long until it shows `deadline`, by the wall and with no brake held; `None`: it does already. A sleeper that is held
    /// up by a brake wakes early and sleeps again; one that counted on a brake would oversleep.
    fn left(&self, deadline: Instant) -> Option<Duration> {
        let left = (deadline - self.0.origin).to_std().unwrap_or_default().checked_sub(self.monotonic())?;
        let wall = left / self.0.speed;
        // The wall's timers tell milliseconds apart, no less.
        (left > Duration::ZERO).then(|| wall.max(Duration::from_millis(1)))
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Brake {
    fn drop(&mut self) {
        self.0.change(|brakes| brakes.saturating_sub(1));
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Instant {
        let ran = TimeDelta::from_std(self.monotonic()).unwrap_or(TimeDelta::MAX);
        self.0.origin.checked_add_signed(ran).unwrap_or(self.0.origin).trunc_subsecs(3)
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            while let Some(left) = clock.left(deadline) {
                let wall = &clock.0.wall;
                let wake = TimeDelta::from_std(left).ok().and_then(|left| wall.now().checked_add_signed(left));
                wall.sleep_until(wake.unwrap_or(DateTime::<Utc>::MAX_UTC)).await;
            }
        })
    }

    fn monotonic(&self) -> Duration {
        let pace = self.pace();
        let passed = self.0.wall.monotonic().saturating_sub(pace.since);
        pace.ran.saturating_add(passed.saturating_mul(self.speed_at(&pace)))
    }

    fn speed(&self) -> u32 {
        self.0.speed
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::LocalPool;
    use futures::task::LocalSpawnExt;

    use super::*;

    fn moment(text: &str) -> Instant {
        text.parse().unwrap()
    }

    /// Sleeps on a scaled clock while its wall is moved by hand; gives how long that took by the wall.
    /// `meanwhile` is asked before each move, and says whether it did something.
    fn sleep(wall: &VirtualClock, clock: &ScaledClock, seconds: i64, mut meanwhile: impl FnMut() -> bool) -> Duration {
        let (from, until) = (wall.monotonic(), clock.now() + TimeDelta::seconds(seconds));
        let mut pool = LocalPool::new();
        let sleeping = pool.spawner().spawn_local_with_handle(clock.sleep_until(until)).unwrap();
        let mut sleeping = std::pin::pin!(sleeping);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            pool.run_until_stalled();
            if sleeping.as_mut().poll(&mut context).is_ready() {
                assert!(clock.now() >= until);
                return wall.monotonic() - from;
            }
            assert!(meanwhile() || wall.advance(), "it waits for nothing");
        }
    }

    /// The wall's timers tell milliseconds apart: each of the sleeps may be one late.
    #[track_caller]
    fn assert_about(took: Duration, millis: u64) {
        assert!((millis..=millis + 2).contains(&u64::try_from(took.as_millis()).unwrap()), "{took:?}");
    }

    #[test]
    fn two_hours_pass_in_two_minutes_of_the_wall() {
        let wall = VirtualClock::starting_at(moment("2031-01-01T00:00:00Z"));
        let clock = ScaledClock::starting_at(moment("2026-03-09T11:02:00Z"), 60, Arc::new(wall.clone()));
        assert_eq!(clock.now(), moment("2026-03-09T11:02:00Z"));
        assert_eq!(sleep(&wall, &clock, 7_200, || false), Duration::from_secs(120));
        assert_eq!(clock.now(), moment("2026-03-09T13:02:00Z"));
        assert_eq!(clock.monotonic(), Duration::from_secs(7_200));
        assert_eq!(sleep(&wall, &clock, 0, || false), Duration::ZERO, "what has come needs no sleep");
    }

    #[test]
    fn a_held_brake_slows_time_down_and_nothing_is_lost_or_gained_when_it_is_let_go() {
        let wall = VirtualClock::starting_at(moment("2031-01-01T00:00:00Z"));
        let clock = ScaledClock::starting_at(moment("2026-03-09T11:02:00Z"), 600, Arc::new(wall.clone()));
        let brake = clock.brake();
        assert_about(sleep(&wall, &clock, 60, || false), 3_000);
        // Let go in the middle of the next minute: the wall stops there because somebody sleeps until then.
        let mut somebody = LocalPool::new();
        let half = wall.now() + TimeDelta::milliseconds(1_500);
        somebody.spawner().spawn_local(wall.sleep_until(half)).unwrap();
        somebody.run_until_stalled();
        let mut brake = Some(brake);
        let took = sleep(&wall, &clock, 60, || wall.now() >= half && brake.take().is_some());
        // Half of it slowly, half of it 600 times as fast.
        assert_about(took, 1_500 + 50);
        let late = clock.now() - moment("2026-03-09T11:04:00Z");
        assert!((TimeDelta::zero()..TimeDelta::seconds(2)).contains(&late), "{late}");
    }

    #[test]
    fn a_clock_slower_than_its_brake_does_not_notice_it() {
        let wall = VirtualClock::starting_at(moment("2031-01-01T00:00:00Z"));
        let clock = ScaledClock::starting_at(moment("2026-03-09T11:02:00Z"), 2, Arc::new(wall.clone()));
        let _brake = clock.brake();
        assert_eq!(sleep(&wall, &clock, 10, || false), Duration::from_secs(5));
    }
}
