//! Events for programs: one line of JSON each.
//!
//! Lives here: the shape of a line. It is the terminal's promise to scripts: keys are added, never changed.

use serde_json::{Value, json};

use crate::base::event::{Recorded, Stream};
use crate::domain::timeline::Fact;

/// `{"pos", "at", "occurred_at", "actor", "stream", "kind", "body"}`; `body` is null where it was erased.
#[must_use]
pub fn line(recorded: &Recorded<Fact>) -> String {
    let parsed = |encoded: Result<Vec<u8>, serde_json::Error>| {
        encoded.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or(Value::Null)
    };
    let (stream, kind, body) = match &recorded.event {
        Fact::Incident(id, event) => (Stream::incident(id), event.kind().to_owned(), parsed(event.encode())),
        Fact::Run(id, event) => (Stream::run(id), event.kind().to_owned(), parsed(event.encode())),
        Fact::Page(id, event) => (Stream::page(id), event.kind().to_owned(), parsed(event.encode())),
        Fact::Target(name, event) => {
            (Stream::named(format!("target:{name}")), event.kind().to_owned(), parsed(event.encode()))
        }
        Fact::Alert(name, event) => {
            (Stream::named(format!("alert:{name}")), event.kind().to_owned(), parsed(event.encode()))
        }
        Fact::Rota(event) => (Stream::rota(), event.kind().to_owned(), parsed(event.encode())),
        Fact::Monitor(name, event) => (Stream::monitor(name), event.kind().to_owned(), parsed(event.encode())),
        Fact::Digest(name, event) => (Stream::digest(name), event.kind().to_owned(), parsed(event.encode())),
        Fact::Session(name, event) => (Stream::session(name), event.kind().to_owned(), parsed(event.encode())),
        Fact::Erasure(event) => (Stream::journal(), event.kind().to_owned(), parsed(event.encode())),
        Fact::Erased { stream, kind } => (stream.clone(), kind.clone(), Value::Null),
    };
    let at = |at: crate::base::event::Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({
        "pos": recorded.pos,
        "at": at(recorded.at),
        "occurred_at": at(recorded.head.occurred_at),
        "actor": recorded.head.actor,
        "stream": stream.as_str(),
        "kind": kind,
        "body": body,
    })
    .to_string()
}
