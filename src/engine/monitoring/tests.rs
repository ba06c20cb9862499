//! The schedule in virtual time: an hour of many monitors in a moment, over a scripted server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use futures::executor::LocalPool;
use futures::future::BoxFuture;
use futures::task::LocalSpawnExt as _;

use super::{Alerts, Beats, Monitoring};
use crate::base::clock::{Clock, VirtualClock};
use crate::base::event::{IncidentId, Instant};
use crate::base::secret::Secrets;
use crate::client::SendError;
use crate::client::http::{Http, HttpRequest, HttpResponse};
use crate::domain::action::inventory::Inventory;
use crate::domain::monitor::load::{Known, load};
use crate::domain::monitor::{Alert, Status};
use crate::engine::Engine;
use crate::journal::memory::MemoryJournal;
use crate::samples::Nowhere;
use crate::step::{Executors, Ports};

/// A server that answers after 30 ms, badly between two moments, and on `/slow` never.
struct Server {
    clock: VirtualClock,
    bad: (Instant, Instant),
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    times: BTreeMap<String, Vec<Instant>>,
    under_way: BTreeMap<String, usize>,
    twice: bool,
    most: usize,
}

impl Http for Server {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            let now = self.clock.now();
            {
                let mut asked = self.asked.lock().unwrap();
                asked.times.entry(request.url.clone()).or_default().push(now);
                let under_way = asked.under_way.entry(request.url.clone()).or_default();
                *under_way += 1;
                let twice = *under_way > 1;
                asked.twice |= twice;
                let all = asked.under_way.values().sum();
                asked.most = asked.most.max(all);
            }
            let slow = request.url.ends_with("/slow");
            let until = if slow { request.until } else { now + TimeDelta::milliseconds(30) };
            self.clock.sleep_until(until).await;
            *self.asked.lock().unwrap().under_way.get_mut(&request.url).unwrap() -= 1;
            if slow {
                return Err(SendError::Unanswered("no answer".to_owned()));
            }
            let status = if (self.bad.0..self.bad.1).contains(&now) { 503 } else { 200 };
            Ok(HttpResponse { status, ..HttpResponse::default() })
        })
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<(Instant, String, Status)>>, Option<VirtualClock>);

impl Alerts for Heard {
    fn take<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<Option<IncidentId>, String>> {
        let now = self.1.as_ref().unwrap().now();
        self.0.lock().unwrap().push((now, alert.monitor.clone(), alert.status));
        Box::pin(async { Ok(None) })
    }
}

fn start() -> Instant {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

/// What one played hour came to.
#[derive(Debug, PartialEq)]
struct Hour {
    times: BTreeMap<String, Vec<Instant>>,
    alerts: Vec<(Instant, String, Status)>,
    most: usize,
}

/// Plays an hour of a `monitors.yaml`; the process ends and begins anew after `restart` minutes.
fn hour(source: &str, restart: Option<i64>) -> Hour {
    let clock = VirtualClock::starting_at(start());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let bad = (start() + TimeDelta::minutes(20), start() + TimeDelta::minutes(30));
    let server = Arc::new(Server { clock: clock.clone(), bad, asked: Mutex::default() });
    let engine = Engine::new(Arc::new(MemoryJournal::new(1)), Arc::clone(&shared));
    // Nothing but HTTP is asked.
    let ports = Ports { http: server.clone(), ..Ports::real(&shared, "http://unused.example") };
    let executors = Executors::new(ports, Secrets::default(), Arc::clone(&shared));
    let alerts = Arc::new(Heard(Mutex::default(), Some(clock.clone())));
    let monitors = load(source, Known::default()).unwrap();
    for until in restart.into_iter().chain([60]) {
        let mut pool = LocalPool::new();
        let (engine, executors, monitors, alerts) =
            (engine.clone(), executors.clone(), monitors.clone(), alerts.clone());
        let running = async move {
            let (_beats, mut heard) = Beats::new();
            let (inventory, samples) = (Inventory::default(), Nowhere);
            let monitoring = Monitoring {
                engine: &engine,
                executors: &executors,
                inventory: &inventory,
                monitors: &monitors,
                alerts: &*alerts,
                samples: &samples,
            };
            monitoring.run(&mut heard).await.unwrap();
        };
        pool.spawner().spawn_local(running).unwrap();
        while clock.now() < start() + TimeDelta::minutes(until) {
            pool.run_until_stalled();
            assert!(clock.advance(), "nobody waits for anything");
        }
        server.asked.lock().unwrap().under_way.clear();
    }
    let asked = server.asked.lock().unwrap();
    assert!(!asked.twice, "the same thing was asked twice at once");
    let alerts = alerts.0.lock().unwrap().clone();
    Hour { times: asked.times.clone(), alerts, most: asked.most }
}

fn many(count: usize, every: &str) -> String {
    let one = |n| format!("  m{n}: {{ check: {{ http: {{ get: \"http://api.example/{n}\" }} }} }}\n");
    let all: String = (0..count).map(one).collect();
    format!("defaults: {{ every: {every}, fail_for: 1m, ok_for: 1m }}\nmonitors:\n{all}")
}

#[test]
fn everything_is_asked_on_time_spread_over_its_interval_and_never_too_many_at_once() {
    let hour = hour(&many(200, "15s"), None);
    assert_eq!(hour.times.len(), 200);
    let mut places = BTreeMap::new();
    for times in hour.times.values() {
        assert!((239..=241).contains(&times.len()), "{} times", times.len());
        let even = |pair: &[Instant]| pair[1] - pair[0] == TimeDelta::seconds(15);
        assert!(times.windows(2).all(even), "not every 15 seconds");
        *places.entry((times[0] - start()).num_seconds()).or_insert(0) += 1;
    }
    assert!(places.len() >= 15 && places.values().all(|count| *count < 40), "{places:?}");
    assert!(hour.most < 15, "{} at once", hour.most);
}

#[test]
fn an_outage_of_everything_is_one_alarm_each_also_over_a_restart_and_plays_the_same_every_time() {
    let source = many(50, "15s");
    let played = hour(&source, Some(25));
    let of = |status| played.alerts.iter().filter(|(_, _, one)| *one == status).count();
    assert_eq!((of(Status::Firing), of(Status::Resolved)), (50, 50));
    let firing = played.alerts.iter().filter(|(_, _, status)| *status == Status::Firing).map(|(at, ..)| *at);
    let (first, last) = (firing.clone().min().unwrap(), firing.max().unwrap());
    assert!(first >= start() + TimeDelta::minutes(21) && last <= start() + TimeDelta::seconds(21 * 60 + 31));
    assert_eq!(hour(&source, Some(25)), played);
}

#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    let slow: String = (0..300)
        .map(|n| {
            format!(
                "  s{n}: {{ every: 30s, timeout: 29s, check: {{ http: {{ get: \"http://{n}.example/slow\" }} }} }}\n"
            )
        })
        .collect();
    let source = format!("{}{slow}", many(10, "15s"));
    let hour = hour(&source, None);
    assert_eq!(hour.most, 256, "the cap");
    let quick = hour.times.iter().filter(|(url, _)| !url.ends_with("/slow"));
    for (url, times) in quick {
        assert!(times.len() > 100, "{url} was asked {} times", times.len());
    }
}
