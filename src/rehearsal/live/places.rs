//! Where a scenario's hosts are while it is played live.
//!
//! Lives here: which loopback address stands for which host, and a scenario rewritten so that it speaks of these. Never lives
//! here: listening.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::super::prepare::Moved;
use super::super::scenario::{Fault, RailwayCall, Scenario};
use super::super::world::http::Url;
use crate::rehearsal::scenario::Failing;

/// Origins (scheme, host and port) of a scenario's sites, each once.
pub(super) fn origins(scenario: &Scenario) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    let urls = scenario.world.sites.values().filter_map(|site| site.url.as_deref());
    for url in urls.filter_map(Url::of) {
        if !origins.iter().any(|known| known.eq_ignore_ascii_case(url.origin)) {
            origins.push(url.origin.to_owned());
        }
    }
    origins
}

/// Why a scenario cannot be played over sockets; `None`: it can.
pub(super) fn impossible(scenario: &Scenario) -> Option<String> {
    let refused = |what: &str| {
        format!(
            "{what} is to be refused, and over a socket a connection is accepted before anybody knows what it will ask; \
             play it without --live, or let it get `reset`"
        )
    };
    let replies = scenario.world.sites.values().flat_map(|site| &site.replies);
    if let Some(reply) = replies.into_iter().find(|reply| reply.gets == Some(Failing::Refused)) {
        return Some(refused(&format!("{}", reply.to)));
    }
    let calls = scenario.faults.iter().filter_map(|fault| match fault {
        Fault::Call(call) => Some(call),
        Fault::Crash(_) => None,
    });
    for call in calls {
        let railway = call.railway.map(|railway: RailwayCall| format!("{railway:?} at Railway").to_lowercase());
        match (call.gets, &call.http, railway, &call.redis) {
            (Failing::Refused, Some(line), _, _) => return Some(refused(&line.to_string())),
            (Failing::Refused, _, Some(railway), _) => return Some(refused(&railway)),
            (Failing::Refused, _, _, Some(target)) => return Some(refused(&format!("a question to {target}"))),
            (Failing::Busy(_) | Failing::BadGateway, _, _, Some(target)) => {
                return Some(format!(
                    "{target} is to answer with an HTTP status, which no Redis server does; play it without --live, or let \
                     it get `reset` or `silence`"
                ));
            }
            _ => {}
        }
    }
    None
}

/// What is where, and the scenario and the inventory made to speak of it.
pub(super) fn moved(sites: &[(String, SocketAddr)], redis: &BTreeMap<String, SocketAddr>) -> Moved {
    let sites = sites.iter().map(|(origin, address)| (origin.clone(), format!("http://{address}")));
    let mut sites: Vec<(String, String)> = sites.collect();
    // `https://api.example:8443` before `https://api.example`, which it begins with.
    sites.sort_by_key(|(origin, _)| std::cmp::Reverse(origin.len()));
    Moved { sites, redis: redis.clone() }
}

/// Rewrites a scenario: wherever it names a site, it names the address that stands for it.
pub(super) fn relocate(scenario: &mut Scenario, moved: &Moved) {
    let world = &mut scenario.world;
    for value in world.variables.values_mut() {
        *value = moved.url(value);
    }
    for url in world.sites.values_mut().filter_map(|site| site.url.as_mut()) {
        *url = moved.url(url);
    }
    for rule in &mut world.commands {
        rule.argv.iter_mut().chain(rule.env.values_mut()).for_each(|text| *text = moved.text(text));
    }
    scenario.inputs.values_mut().for_each(|value| relocate_json(value, moved));
    let expect = &mut scenario.expect;
    let says = expect.timeline.iter_mut().chain(&mut expect.never).filter_map(|entry| entry.says.as_mut());
    let texts = says.chain(&mut expect.postmortem.has).chain(&mut expect.postmortem.lacks);
    texts.for_each(|text| *text = moved.text(text));
}

fn relocate_json(value: &mut Value, moved: &Moved) {
    match value {
        Value::String(text) => *text = moved.text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| relocate_json(item, moved)),
        Value::Object(map) => map.values_mut().for_each(|item| relocate_json(item, moved)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
