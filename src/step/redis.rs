//! How `redis.clients` is done, and how connections are kept for the night when no new one is accepted.
//!
//! Lives here: clients grouped by who they seem to be, counts as facts. Never lives here: connections.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::text::span;
use super::{Executors, Instant, Inventory, Reply};
use crate::client::redis::{AnsweredBy, Census, ClientEntry, ClientType, Inspection};
use crate::domain::action::redis::Clients;
use crate::domain::action::reply::Answer;

/// How long one server may take when connections are held open.
const HOLD: Duration = Duration::from_secs(5);
/// Groups that are listed; their sizes fall quickly.
const MAX_GROUPS: usize = 100;

pub(super) async fn hold(executors: &Executors, inventory: &Inventory) {
    let until = executors.clock.now() + HOLD;
    let holding = inventory.targets.iter().filter_map(|(target, entry)| {
        let url = executors.secrets.value(entry.redis.as_ref()?).ok()?;
        Some(async move {
            // That it fails now is no news: whoever asks the server will hear it.
            let _ = executors.within(until, executors.ports.redis.hold(target, url, until)).await;
        })
    });
    join_all(holding).await;
}

pub(super) async fn act(executors: &Executors, clients: &Clients, until: Instant) -> Reply {
    let url = match executors.secrets.value(&clients.url) {
        Ok(url) => url,
        Err(error) => return Reply::NotDone(executors.lasting(&error.to_string())),
    };
    match executors.within(until, executors.ports.redis.inspect(&clients.target, url, until)).await {
        Some(Ok(inspection)) => Reply::Answered(answer(executors, &inspection)),
        Some(Err(error)) => executors.unsent(&error),
        None => Reply::Unknown(executors.passing(&format!("no answer in time from {}", clients.target))),
    }
}

fn answer(executors: &Executors, inspection: &Inspection) -> Answer {
    let mut facts = vec![("reachable", json!(inspection.refusal.is_none()))];
    let mut parts = Vec::new();
    if let Some(refusal) = &inspection.refusal {
        facts.push(("error", json!(refusal)));
        parts.push(format!("refuses new connections: \"{refusal}\""));
    }
    if let Some(census) = &inspection.census {
        let groups = Group::all(&census.clients);
        count(census, &groups, &mut facts, &mut parts);
    }
    let summary = parts.join("; ");
    Answer { facts: executors.facts(facts), summary: executors.line(&summary), ..Answer::default() }
}

fn count(census: &Census, groups: &[Group<'_>], facts: &mut Vec<(&'static str, Value)>, parts: &mut Vec<String>) {
    let pubsub = census.clients.iter().filter(|client| client.kind == ClientType::PubSub).count();
    let share = census.max.filter(|max| *max > 0).map(|max| census.connected.saturating_mul(100) / max);
    let by = match census.answered_by {
        AnsweredBy::New => "new",
        AnsweredBy::Kept => "kept",
    };
    let top = groups.first().map(Group::describe);
    let of_max = census.max.map_or(String::new(), |max| format!(" of {max}"));
    let share_text = share.map_or(String::new(), |share| format!(" ({share} %)"));
    let by_text = if by == "kept" { ", says a connection opened earlier" } else { "" };
    parts.push(format!("{}{of_max} connected{share_text}, {pubsub} subscribed{by_text}", census.connected));
    parts.extend(top.as_ref().map(|top| format!("most: {top}")));
    facts.extend([
        ("answered_by", json!(by)),
        ("connected", json!(census.connected)),
        ("pubsub", json!(pubsub)),
        ("blocked", json!(census.blocked)),
        ("groups", Value::Array(groups.iter().take(MAX_GROUPS).map(Group::fact).collect())),
    ]);
    facts.extend(census.max.map(|max| ("max", json!(max))));
    facts.extend(share.map(|share| ("share_percent", json!(share))));
    facts.extend(census.rejected.map(|rejected| ("refused_since_start", json!(rejected))));
    facts.extend(top.map(|top| ("top", json!(top))));
}

/// Clients that look alike.
struct Group<'a> {
    kind: ClientType,
    name: &'a str,
    address: &'a str,
    count: usize,
    oldest_s: u64,
    idle_s: u64,
}

impl<'a> Group<'a> {
    /// Largest first; of equals, the oldest first.
    fn all(clients: &'a [ClientEntry]) -> Vec<Self> {
        let mut groups: BTreeMap<(ClientType, &str, &str), Self> = BTreeMap::new();
        for client in clients {
            let (kind, name, address) = (client.kind, client.name.as_str(), client.address.as_str());
            let group = groups.entry((kind, name, address)).or_insert(Self {
                kind,
                name,
                address,
                count: 0,
                oldest_s: 0,
                idle_s: 0,
            });
            group.count += 1;
            group.oldest_s = group.oldest_s.max(client.age_s);
            group.idle_s = group.idle_s.max(client.idle_s);
        }
        let mut groups: Vec<Self> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.count, group.oldest_s)));
        groups
    }

    /// `15 pubsub from 10.0.0.3 named "sse", the oldest 41 min`.
    fn describe(&self) -> String {
        let name =
            if self.name.is_empty() { " without a name".to_owned() } else { format!(" named \"{}\"", self.name) };
        let (kind, age) = (self.kind.as_str(), span(Duration::from_secs(self.oldest_s)));
        format!("{} {kind} from {}{name}, the oldest {age}", self.count, self.address)
    }

    fn fact(&self) -> Value {
        json!({
            "type": self.kind.as_str(),
            "name": self.name,
            "address": self.address,
            "count": self.count,
            "oldest_s": self.oldest_s,
            "idle_s": self.idle_s,
        })
    }
}
