//! A fact as scenarios speak of it: kind, step, who, sentence.
//!
//! Lives here: taking these out of a fact. Never lives here: the wording itself.

use serde_json::Value;

use crate::base::event::{Instant, Recorded};
use crate::domain::timeline::Fact;
use crate::view::sentence::Wording;

/// A fact with what scenarios can say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub at: Instant,
    pub kind: String,
    pub step: Option<String>,
    pub by: String,
    /// Whether a step ended well.
    pub ok: bool,
    /// Whether a failed try is followed by another.
    pub again: bool,
    /// Empty where the fact is too fine for a timeline.
    pub sentence: String,
}

impl Entry {
    /// Facts have to come in order: later sentences lean on earlier facts.
    pub fn of(recorded: &Recorded<Fact>, wording: &mut Wording) -> Self {
        let (kind, body) = match &recorded.event {
            Fact::Incident(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Run(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Page(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Alert(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Target(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Rota(event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Monitor(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Digest(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Session(_, event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Erasure(event) => (event.kind().to_owned(), event.encode().ok()),
            Fact::Erased { kind, .. } => (kind.clone(), None),
        };
        let body: Value = body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let step = text("step").or_else(|| text("from").filter(|_| kind == "run.jumped"));
        let by = text("by").unwrap_or_else(|| recorded.head.actor.label().to_owned());
        let sentence = wording.tell(&recorded.event).unwrap_or_default();
        let ok = body.get("ok").and_then(Value::as_bool).unwrap_or_default();
        let again = body.get("again_at").is_some_and(|at| !at.is_null());
        Self { at: recorded.at, kind, step, by, ok, again, sentence }
    }
}
