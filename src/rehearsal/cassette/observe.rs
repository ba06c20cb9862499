//! What a run saw of the world, taken from its events: who was asked what, when, and what came back.
//!
//! Lives here: reading the events, nothing else. Never lives here: what that says of the world (`world`).

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Map, Value};

use crate::base::event::{Instant, Recorded};
use crate::domain::action::Action;
use crate::domain::action::http::Request;
use crate::domain::run::event::{DoubtVerdict, Event, Output, Tried, WatchTallied};
use crate::domain::run::state::State;
use crate::domain::runbook::model::Does;
use crate::domain::timeline::Fact;
use crate::rehearsal::scenario::Failing;

/// Longest body or output that is taken over, in bytes.
const LONGEST: usize = 64 * 1024;

/// Something that was asked of the world.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    Http { method: &'static str, url: String, json: Option<Value> },
    Redis(String),
    Program(Vec<String>),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Http {
        status: u64,
        body: String,
    },
    /// A watch's samples: fields of the body, each with its values as seen. `None`: a sample failed.
    Samples {
        fields: BTreeMap<String, Vec<(Instant, Option<f64>)>>,
        every: TimeDelta,
    },
    Redis(Map<String, Value>),
    Program {
        exit: i64,
        output: String,
    },
    Nothing(Failing),
    /// Something that the journal does not hold: why.
    Unknown(String),
}

/// One answer with its moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub first: Instant,
    pub last: Instant,
    pub takes: TimeDelta,
    pub answer: Answer,
}

/// A change of a service that was ordered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub verb: &'static str,
    pub target: String,
    pub sent: Instant,
    /// The how-manieth order of this verb to this target.
    pub nth: u32,
    /// What came back instead of an acceptance.
    pub gets: Option<Failing>,
    /// When its acceptance, or its happening, was known.
    pub accepted: Option<Instant>,
    pub doubted: bool,
    /// When it was seen to be done, and well.
    pub up: Option<Instant>,
    /// It was accepted and went wrong: what was seen.
    pub broke: Option<String>,
    pub baseline: Option<Value>,
}

/// A forbidden line that a watch found.
pub(super) struct LogLine {
    pub target: String,
    pub at: Instant,
    pub line: String,
}

/// Everything a run saw.
#[derive(Default)]
pub(super) struct Observed {
    pub answers: Vec<(Asked, Vec<Seen>)>,
    pub orders: Vec<Order>,
    pub logs: Vec<LogLine>,
    /// Moments at which something is known to have changed: breaches.
    pub turns: Vec<Instant>,
    /// What could not be taken over, a sentence each.
    pub missing: Vec<String>,
}

/// Reads the events of a run. `blobs` holds the outputs that were too long for an event.
pub(super) fn observe(run: &State, facts: &[Recorded<Fact>], blobs: &BTreeMap<String, String>) -> Observed {
    let mut reader =
        Reader { run, blobs, seen: Observed::default(), under_way: BTreeMap::new(), watches: BTreeMap::new() };
    for recorded in facts {
        if let Fact::Run(id, event) = &recorded.event
            && *id == run.id
        {
            reader.event(event, recorded.at);
        }
    }
    reader.end()
}

#[derive(Default)]
struct UnderWay {
    action: Option<Action>,
    sent: Option<Instant>,
    order: Option<usize>,
    baseline: Option<Value>,
}

struct Watching {
    request: Option<Asked>,
    target: Option<String>,
    began: Instant,
    every: TimeDelta,
    fields: BTreeMap<String, String>,
    tallies: Vec<WatchTallied>,
}

struct Reader<'a> {
    run: &'a State,
    blobs: &'a BTreeMap<String, String>,
    seen: Observed,
    under_way: BTreeMap<String, UnderWay>,
    watches: BTreeMap<String, Watching>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event, at: Instant) {
        match event {
            Event::StepStarted(one) => {
                let sent = one.sent.as_ref().map(|_| at);
                let started = UnderWay { action: one.action.clone(), sent, ..UnderWay::default() };
                self.under_way.insert(one.step.clone(), started);
            }
            Event::AttemptPrepared(one) => self.step(&one.step).baseline = Some(one.baseline.clone()),
            Event::AttemptSent(one) => self.sent(&one.step, at),
            Event::AttemptAccepted(one) => {
                if let Some(order) = self.order(&one.step) {
                    order.accepted.get_or_insert(at);
                }
            }
            Event::AttemptFailed(one) if one.again_at.is_some() => {
                self.answered(&one.step, at, one.answer.as_ref(), &one.message);
            }
            Event::AttemptDoubted(one) => {
                let why = failing(&one.why);
                match self.order(&one.step) {
                    Some(order) => (order.doubted, order.gets) = (true, why),
                    None => self.answered(&one.step, at, None, &one.why),
                }
            }
            Event::DoubtSettled(one) => {
                if let (Some(order), DoubtVerdict::Done) = (self.order(&one.step), one.verdict) {
                    order.accepted.get_or_insert(at);
                }
            }
            Event::StepFinished(one) => {
                let output = self.text(one.output.as_ref());
                let left_out = one.output.is_some() && output.is_none();
                let tried = Tried { facts: one.facts.clone(), output, left_out };
                if let Some(order) = self.order(&one.step) {
                    let accepted = order.accepted.is_some();
                    (order.up, order.broke) =
                        if one.ok { (Some(at), None) } else { (None, accepted.then(|| one.summary.clone())) };
                }
                self.answered(&one.step, at, Some(&tried), &one.summary);
                self.watch_ends(&one.step);
            }
            Event::WatchStarted(one) => self.watch_begins(one, at),
            Event::WatchTallied(one) => {
                if let Some(watch) = self.watches.get_mut(&one.step) {
                    watch.tallies.push(one.clone());
                }
            }
            Event::WatchBreached(one) => self.seen.turns.push(one.since),
            Event::WatchLogFound(one) => {
                let target = self.watches.get(&one.step).and_then(|watch| watch.target.clone());
                if let Some(target) = target {
                    self.seen.logs.push(LogLine { target, at: one.at.unwrap_or(at), line: one.line.clone() });
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &str) -> &mut UnderWay {
        self.under_way.entry(step.to_owned()).or_default()
    }

    fn order(&mut self, step: &str) -> Option<&mut Order> {
        let index = self.under_way.get(step)?.order?;
        self.seen.orders.get_mut(index)
    }

    fn text(&self, output: Option<&Output>) -> Option<String> {
        match output? {
            Output::Text(text) => Some(text.clone()),
            Output::Blob { id, .. } => self.blobs.get(id).cloned(),
        }
    }

    fn sent(&mut self, step: &str, at: Instant) {
        let number = self.seen.orders.len();
        let under_way = self.step(step);
        under_way.sent = Some(at);
        let (verb, change) = match &under_way.action {
            Some(Action::RailwayRestart(change)) => ("restart", change),
            Some(Action::RailwayRedeploy(change)) => ("redeploy", change),
            Some(Action::RailwayRollback(change)) => ("rollback", change),
            _ => return,
        };
        let (target, baseline) = (change.service.target.clone(), under_way.baseline.clone());
        under_way.order = Some(number);
        let before = self.seen.orders.iter().filter(|one| one.verb == verb && one.target == target).count();
        let nth = u32::try_from(before + 1).unwrap_or(u32::MAX);
        let (gets, accepted, up, broke) = (None, None, None, None);
        self.seen.orders.push(Order {
            verb,
            target,
            sent: at,
            nth,
            gets,
            accepted,
            doubted: false,
            up,
            broke,
            baseline,
        });
    }

    /// What came back for what a step had sent.
    fn answered(&mut self, step: &str, at: Instant, tried: Option<&Tried>, message: &str) {
        let Some(sent) = self.step(step).sent.take() else { return };
        let Some(action) = self.step(step).action.clone() else { return };
        let number = |name: &str| tried.and_then(|tried| tried.facts.get(name)).and_then(Value::as_i64);
        let (asked, answer) = match &action {
            Action::Http(request) => (http(request), answer_of(Kind::Http, tried, message)),
            Action::RedisClients(clients) => {
                (Asked::Redis(clients.target.clone()), answer_of(Kind::Redis, tried, message))
            }
            Action::Exec(command) => (Asked::Program(command.argv.clone()), answer_of(Kind::Program, tried, message)),
            Action::RailwayRestart(_) | Action::RailwayRedeploy(_) | Action::RailwayRollback(_) => {
                if let Some(order) = self.order(step).filter(|order| order.accepted.is_none() && order.up.is_none()) {
                    order.gets = order.gets.or(failing(message));
                }
                return;
            }
            Action::RailwayLogs(logs) => {
                let text = tried.and_then(|tried| tried.output.as_deref());
                return self.lines(&logs.service.target, at, text);
            }
            Action::RailwayDeployments(list) => {
                self.seen.missing.push(format!(
                    "which deployments of {} were listed is not known: only those that a change began from are in here",
                    list.service.target
                ));
                return;
            }
        };
        let takes = number("latency_ms").map_or(at - sent, TimeDelta::milliseconds).min(at - sent);
        // A request that was asked for is looked up when it is sent.
        let first = if matches!(action, Action::Http(_)) { at - takes } else { sent };
        self.push(asked, Seen { first, last: at, takes, answer });
    }

    fn lines(&mut self, target: &str, at: Instant, text: Option<&str>) {
        let Some(text) = text else { return };
        self.seen.missing.push(format!(
            "when the log lines of {target} that were read at {} were written is not known; they are put a second before",
            at.to_rfc3339()
        ));
        let lines = text.lines().take(100).map(|line| line.to_owned());
        let lines = lines.map(|line| LogLine { target: target.to_owned(), at: at - TimeDelta::seconds(1), line });
        self.seen.logs.extend(lines);
    }

    fn push(&mut self, asked: Asked, seen: Seen) {
        match self.seen.answers.iter_mut().find(|(known, _)| *known == asked) {
            Some((_, all)) => all.push(seen),
            None => self.seen.answers.push((asked, vec![seen])),
        }
    }

    fn watch_begins(&mut self, one: &crate::domain::run::event::WatchStarted, at: Instant) {
        let request = match &one.sample {
            Action::Http(request) => Some(http(request)),
            _ => None,
        };
        let target = one.logs.iter().find_map(|log| match &log.action {
            Action::RailwayLogs(logs) => Some(logs.service.target.clone()),
            _ => None,
        });
        let step = self.run.plan.steps.iter().find(|step| step.id == one.step);
        let mut fields = BTreeMap::new();
        if let Some(Does::Watch(watch)) = step.map(|step| &step.does) {
            for (name, condition) in &watch.series {
                // `body.active` can be turned round: the field is the value. Anything else cannot.
                let field = condition.source().trim().strip_prefix("body.").unwrap_or_default();
                let plain = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if plain {
                    fields.insert(name.clone(), field.to_owned());
                } else {
                    self.seen.missing.push(format!(
                        "the samples of '{}' are known as '{name}' only, and which answer that came from is not",
                        one.step
                    ));
                }
            }
        }
        let every = TimeDelta::milliseconds(i64::try_from(one.every_ms).unwrap_or(i64::MAX));
        let watch = Watching { request, target, began: at, every, fields, tallies: Vec::new() };
        self.watches.insert(one.step.clone(), watch);
    }

    fn watch_ends(&mut self, step: &str) {
        let Some(watch) = self.watches.remove(step) else { return };
        let Some(request) = watch.request.clone() else { return };
        let mut fields: BTreeMap<String, Vec<(Instant, Option<f64>)>> = BTreeMap::new();
        let mut takes = TimeDelta::zero();
        for tally in &watch.tallies {
            for (name, points) in &tally.points {
                let Some(field) = watch.fields.get(name) else { continue };
                for point in points {
                    let behind = (point.at - watch.began).num_milliseconds() % watch.every.num_milliseconds().max(1);
                    takes = TimeDelta::milliseconds(behind);
                    fields.entry(field.clone()).or_default().push((point.at - takes, Some(point.value)));
                }
            }
            if tally.taken < tally.due {
                self.seen.missing.push(format!(
                    "{} of {} samples of '{step}' before {} failed: {}",
                    tally.due - tally.taken,
                    tally.due,
                    tally.to.to_rfc3339(),
                    tally.failures.join("; ")
                ));
                holes(&mut fields, tally, &watch);
            }
        }
        if fields.is_empty() {
            return;
        }
        let last = fields.values().filter_map(|points| points.last()).map(|(at, _)| *at).max().unwrap_or(watch.began);
        fields.values_mut().for_each(|points| points.sort_by_key(|(at, _)| *at));
        let answer = Answer::Samples { fields, every: watch.every };
        self.push(request, Seen { first: watch.began, last, takes, answer });
    }

    fn end(mut self) -> Observed {
        for step in self.watches.keys().cloned().collect::<Vec<_>>() {
            self.watch_ends(&step);
        }
        self.seen
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Redis,
    Program,
}

/// What a try came back with, as far as its events hold it.
fn answer_of(kind: Kind, tried: Option<&Tried>, message: &str) -> Answer {
    let facts = tried.map(|tried| &tried.facts);
    let number = |name: &str| facts.and_then(|facts| facts.get(name)).and_then(Value::as_i64);
    let silent = || Answer::Nothing(failing(message).unwrap_or(Failing::Reset));
    let text = tried.and_then(|tried| tried.output.clone()).unwrap_or_default();
    let long = || Answer::Unknown(format!("it was {} bytes long", text.len()));
    if tried.is_some_and(|tried| tried.left_out) {
        return Answer::Unknown("it was too long to be kept, or was erased since".to_owned());
    }
    match (kind, number("status"), number("exit"), facts.filter(|facts| facts.contains_key("reachable"))) {
        (Kind::Http, Some(_), ..) | (Kind::Program, _, Some(_), _) if text.len() > LONGEST => long(),
        (Kind::Http, Some(status), ..) => Answer::Http { status: status.unsigned_abs(), body: text },
        (Kind::Program, _, Some(exit), _) => Answer::Program { exit, output: text },
        (Kind::Redis, _, _, Some(facts)) if facts.contains_key("connected") && !facts.contains_key("groups") => {
            Answer::Unknown("who was connected was not written down then".to_owned())
        }
        (Kind::Redis, _, _, Some(facts)) => Answer::Redis(facts.clone()),
        _ => silent(),
    }
}

/// Samples of a tally that were due and did not come in.
fn holes(fields: &mut BTreeMap<String, Vec<(Instant, Option<f64>)>>, tally: &WatchTallied, watch: &Watching) {
    let mut due = crate::domain::run::watch::next_due(watch.began, every_ms(watch), tally.from, true);
    for _ in 0..tally.due.min(10_000) {
        if due > tally.to {
            break;
        }
        for points in fields.values_mut() {
            let near = points.iter().any(|(at, _)| (*at - due).abs() * 2 < watch.every);
            if !near {
                points.push((due, None));
            }
        }
        due += watch.every;
    }
}

fn every_ms(watch: &Watching) -> u64 {
    watch.every.num_milliseconds().unsigned_abs()
}

fn http(request: &Request) -> Asked {
    Asked::Http { method: request.method.as_str(), url: request.url.clone(), json: request.json.clone() }
}

/// The way in which no answer came, as far as its message tells.
fn failing(message: &str) -> Option<Failing> {
    let says = |text: &str| message.contains(text);
    if says("429") || says("busy") {
        let wait = message.split("to wait ").nth(1).and_then(|rest| rest.split([' ', ';', ',']).next());
        let wait = wait.and_then(|text| crate::base::schedule::Span::parse(text).ok());
        return Some(Failing::Busy(wait.unwrap_or_else(|| crate::base::schedule::Span::seconds(10))));
    }
    let gateway = says("502") || says("504");
    let never = says("refused the connection") || says("no host") || says("could not be reached");
    match () {
        () if gateway => Some(Failing::BadGateway),
        () if never => Some(Failing::Refused),
        () if says("in time") || says("no answer") => Some(Failing::Silence),
        () if says("reset") => Some(Failing::Reset),
        () => None,
    }
}
