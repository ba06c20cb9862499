//! `redis.clients`: who is connected to a Redis server, so that long-lived connections have a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `reachable`: whether a *new* connection was accepted. `answered_by`: `new` or `kept` connection. `error`: the server's
/// own words when it refused. `connected`, `max`, `pubsub`, `blocked`, `share_percent`: counts from `INFO clients` and
/// `CLIENT LIST`. `refused_since_start`: `rejected_connections` of `INFO stats`. `top`: one line that names the largest group.
/// `groups`: a list of `{type, name, address, count, oldest_s, idle_s}`, largest first, at most a hundred.
pub const KEPT_FACTS: &[&str] = &[
    "reachable",
    "answered_by",
    "error",
    "connected",
    "max",
    "pubsub",
    "blocked",
    "share_percent",
    "refused_since_start",
    "top",
    "groups",
];
/// Nothing passes: all of it stays.
pub const PASSING_FACTS: &[&str] = &[];

/// What a runbook writes under `redis.clients`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The target; it must have a `redis` entry in `targets.yaml`.
    pub target: String,
}

/// A resolved question to a Redis server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// The target's name.
    pub target: String,
    /// The name of the secret that holds the server's URL.
    pub url: String,
}
