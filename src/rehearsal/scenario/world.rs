//! The world of a scenario as it is written: states, what moves them, and what each part of it shows in which state.
//!
//! Lives here: the shape, and laying one world over another. Never lives here: the world while it is played.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::text::{Needs, RequestLine};
use crate::base::event::Instant;
use crate::base::schedule::Span;

/// A world. Where rules are tried, the first that fits is taken.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Environment variables that the inventory takes its values from. Never real ones.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// States by name, with what each is at first.
    #[serde(default)]
    pub state: BTreeMap<String, String>,
    /// What moves them.
    #[serde(default)]
    pub moves: Vec<Move>,
    /// What answers HTTP, by a name of its own.
    #[serde(default)]
    pub sites: BTreeMap<String, Site>,
    /// Services on Railway, by name.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceSpec>,
    /// Redis servers, by the target's name.
    #[serde(default)]
    pub redis: BTreeMap<String, RedisServer>,
    /// What programs print.
    #[serde(default)]
    pub commands: Vec<CommandRule>,
    /// What services write to their logs.
    #[serde(default)]
    pub logs: Vec<LogRule>,
}

impl World {
    /// This world over another: names replace, states and variables too; rules of this one are tried first.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let mut sites = base.sites;
        for (name, mut site) in self.sites {
            if let Some(below) = sites.remove(&name) {
                site.replies.extend(below.replies);
                site.served_by = site.served_by.or(below.served_by);
                site.url = site.url.or(below.url);
            }
            sites.insert(name, site);
        }
        Self {
            variables: join(base.variables, self.variables),
            state: join(base.state, self.state),
            moves: chain(self.moves, base.moves),
            sites,
            services: join(base.services, self.services),
            redis: join(base.redis, self.redis),
            commands: chain(self.commands, base.commands),
            logs: chain(self.logs, base.logs),
        }
    }
}

fn join<T>(mut below: BTreeMap<String, T>, above: BTreeMap<String, T>) -> BTreeMap<String, T> {
    below.extend(above);
    below
}

fn chain<T>(mut first: Vec<T>, then: Vec<T>) -> Vec<T> {
    first.extend(then);
    first
}

/// A change of states.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// What brings it about.
    pub on: Trigger,
    /// How long after that.
    #[serde(default)]
    pub after: Span,
    /// Only in these states, looked at when it comes due.
    #[serde(default)]
    pub when: Needs,
    /// What the states are then.
    pub set: BTreeMap<String, String>,
    /// How often it can happen; 0: as often as it is brought about.
    #[serde(default)]
    pub times: u32,
}

/// What brings a move about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The beginning of the scenario.
    Start,
    /// The service is up again after a restart.
    Restart(String),
    /// The service is up again after a redeploy.
    Redeploy(String),
    /// The service is up again after a rollback.
    Rollback(String),
    /// The bot wrote down something.
    Event(super::people::Occasion),
    /// States became such: one of them changed, and all are so now.
    State(Needs),
}

/// Something that answers HTTP.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Scheme, host and port.
    #[serde(default)]
    pub url: Option<String>,
    /// The service that answers there; while it restarts, connections are refused.
    #[serde(default)]
    pub served_by: Option<String>,
    /// What it answers.
    #[serde(default)]
    pub replies: Vec<Reply>,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// To which.
    pub to: RequestLine,
    /// Only in these states.
    #[serde(default)]
    pub when: Needs,
    /// Only if the request's JSON holds this: objects may hold more, everything else is equal.
    #[serde(default)]
    pub with: Option<Value>,
    /// What comes back instead of an answer.
    #[serde(default)]
    pub gets: Option<super::fault::Failing>,
    /// Nobody knows the answer: why. Asking for it is a difference.
    #[serde(default)]
    pub unknown: Option<String>,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The body, where it is JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// The body, where it is text.
    #[serde(default)]
    pub text: Option<String>,
    /// Numbers of the JSON that differ each time.
    #[serde(default)]
    pub vary: BTreeMap<String, Vary>,
    /// How long it takes.
    #[serde(default = "http_latency")]
    pub takes: Span,
    /// What the request changes.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

fn ok() -> u16 {
    200
}

fn http_latency() -> Span {
    Span::parse("30ms").unwrap_or_default()
}

/// A number that differs each time it is asked for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Vary {
    /// A whole number from the first to the second, by the scenario's seed.
    Between(i64, i64),
    /// `times` another varied field, `plus` something.
    From {
        /// The other field, which is `between`.
        field: String,
        /// Factor.
        times: f64,
        /// Summand.
        #[serde(default)]
        plus: f64,
    },
    /// A number as it was seen.
    Recorded {
        /// The state whose last change the seconds count from; from the start where it never changed.
        since: String,
        /// Seconds, in order, with what the number was from there on; `null`: no answer came.
        points: Vec<(f64, Option<f64>)>,
    },
}

impl Vary {
    /// The recorded number so many seconds after the change; the first one before all of them. `None`: no answer came.
    #[must_use]
    pub fn recorded(points: &[(f64, Option<f64>)], seconds: f64) -> Option<f64> {
        let after = points.partition_point(|(from, _)| *from <= seconds);
        points.get(after.saturating_sub(1)).and_then(|(_, value)| *value)
    }
}

/// A service on Railway.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Railway's id.
    pub id: String,
    /// How long it takes until it is up again after a restart.
    #[serde(default = "restart_takes")]
    pub restart_takes: Span,
    /// The same after a redeploy or a rollback.
    #[serde(default = "deploy_takes")]
    pub deploy_takes: Span,
    /// How long Railway takes to answer.
    #[serde(default = "railway_latency")]
    pub takes: Span,
    /// In which states it does not come up again after a restart. Empty: it always does.
    #[serde(default)]
    pub crashes: Option<Needs>,
    /// Its deployments, newest first; one without a commit where none are given.
    #[serde(default)]
    pub deployments: Vec<DeploymentSpec>,
}

fn restart_takes() -> Span {
    Span::seconds(40)
}

fn deploy_takes() -> Span {
    Span::seconds(90)
}

fn railway_latency() -> Span {
    Span::parse("180ms").unwrap_or_default()
}

/// A deployment that was there from the beginning.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// Railway's id.
    pub id: String,
    /// How long before the start it was made.
    pub age: Span,
    /// The commit, where known.
    #[serde(default)]
    pub commit: Option<String>,
    /// Railway's word for what became of it: `SUCCESS` of the newest and `REMOVED` of the others where it is not given.
    /// The newest one with `SUCCESS` serves; without any the service is down.
    #[serde(default)]
    pub status: Option<String>,
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisServer {
    /// The service that it is; while it restarts, connections are refused.
    #[serde(default)]
    pub served_by: Option<String>,
    /// Whether the bot has kept a connection from before the incident. A restart ends it.
    #[serde(default)]
    pub kept: bool,
    /// Who is connected.
    pub shows: Vec<RedisView>,
}

/// Who is connected to a Redis server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisView {
    /// Only in these states.
    #[serde(default)]
    pub when: Needs,
    /// `maxclients`.
    pub max: u64,
    /// In which words new connections are refused, where they are.
    #[serde(default)]
    pub refuses: Option<String>,
    /// Connections refused since it started.
    #[serde(default)]
    pub rejected: u64,
    /// Who.
    #[serde(default)]
    pub clients: Vec<ClientGroup>,
}

/// Connections of one kind.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientGroup {
    /// How many.
    pub count: u64,
    /// What they are used for.
    #[serde(default)]
    pub kind: ClientKind,
    /// The name they gave themselves.
    #[serde(default)]
    pub name: String,
    /// Where they come from.
    #[serde(default)]
    pub address: String,
    /// Age of the oldest; the others are younger, evenly spread.
    #[serde(default)]
    pub oldest: Span,
    /// How long each has been idle.
    #[serde(default)]
    pub idle: Span,
}

/// What a connection to Redis is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// Commands.
    #[default]
    Normal,
    /// Subscribed to channels.
    Pubsub,
    /// Waits in a blocking command.
    Blocked,
    /// A replica.
    Replica,
}

/// What a program prints.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRule {
    /// How its argument vector begins, the program first.
    pub argv: Vec<String>,
    /// Variables that it must be given.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Only in these states.
    #[serde(default)]
    pub when: Needs,
    /// How long it runs.
    #[serde(default)]
    pub takes: Span,
    /// Its exit code.
    #[serde(default)]
    pub exit: i32,
    /// What it prints, evenly over its time.
    #[serde(default)]
    pub lines: Vec<String>,
    /// What it prints at its end, where that is JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// What it writes to the file that its step reads test results from.
    #[serde(default)]
    pub report: Option<String>,
    /// What it changes.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// What a service writes to its log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRule {
    /// Which service.
    pub service: String,
    /// Only in these states.
    #[serde(default)]
    pub when: Needs,
    /// How often.
    #[serde(default)]
    pub every: Option<Span>,
    /// Instead, or as well: when, counted from the start.
    #[serde(default)]
    pub at: Vec<Span>,
    /// The line.
    pub message: String,
    /// `info`, `error`.
    #[serde(default)]
    pub severity: Option<String>,
}

impl LogRule {
    /// When it is written in `from..=to`: on a grid that begins at `start`, or at the moments that are named.
    pub fn moments(&self, start: Instant, from: Instant, to: Instant) -> impl Iterator<Item = Instant> + use<> {
        let named: Vec<Instant> = self.at.iter().map(|after| start + after.delta()).collect();
        let grid = self.every.into_iter().flat_map(move |every| Self::grid(every, start, from, to));
        named.into_iter().filter(move |at| (from..=to).contains(at)).chain(grid)
    }

    fn grid(every: Span, start: Instant, from: Instant, to: Instant) -> impl Iterator<Item = Instant> + use<> {
        let every = every.delta().max(chrono::TimeDelta::seconds(1));
        let behind = (from - start).num_milliseconds().max(0);
        let first = (behind + every.num_milliseconds() - 1) / every.num_milliseconds();
        (first..).map_while(move |index| {
            let step = chrono::TimeDelta::try_milliseconds(every.num_milliseconds().checked_mul(index)?)?;
            Some(start + step).filter(|at| *at <= to)
        })
    }
}
