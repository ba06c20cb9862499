//! Values that commands take.
//!
//! Lives here: parsers from text, with the words that help lists. Never lives here: what a value leads to.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::base::event::Severity;
use crate::domain::incident::event::{Milestone, Role, Status};
use crate::domain::incident::review::{Impact, Lesson};
use crate::view::report::Kind;

/// `NAME=VALUE`, as `--input` and `do` take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Before the first `=`.
    pub name: String,
    /// Behind it; may be empty.
    pub value: String,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Self { name: name.trim().to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as NAME=VALUE".to_owned()),
        }
    }
}

/// One of a few words, each of which stands for a value.
fn one_of<T: Clone + Send + Sync + 'static>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).try_map(move |given| {
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&given))
            .map(|(_, value)| value.clone())
            .ok_or("not one of the words")
    })
}

pub(super) fn severity() -> impl TypedValueParser<Value = Severity> {
    one_of(&[("P0", Severity::P0), ("P1", Severity::P1), ("P2", Severity::P2), ("P3", Severity::P3)])
}

pub(super) fn status() -> impl TypedValueParser<Value = Status> {
    one_of(&[
        ("detected", Status::Detected),
        ("investigating", Status::Investigating),
        ("identified", Status::Identified),
        ("monitoring", Status::Monitoring),
    ])
}

pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    one_of(&[
        ("commander", Role::Commander),
        ("scribe", Role::Scribe),
        ("responder", Role::Responder),
        ("liaison", Role::Liaison),
    ])
}

pub(super) fn impact() -> impl TypedValueParser<Value = Impact> {
    one_of(&[
        ("users", Impact::Users),
        ("scope", Impact::Scope),
        ("business", Impact::Business),
        ("technical", Impact::Technical),
        ("customer", Impact::Customer),
        ("data-loss", Impact::DataLoss),
    ])
}

pub(super) fn lesson() -> impl TypedValueParser<Value = Lesson> {
    one_of(&[
        ("went-well", Lesson::WentWell),
        ("could-improve", Lesson::CouldImprove),
        ("surprised", Lesson::Surprised),
    ])
}

pub(super) fn report_kind() -> impl TypedValueParser<Value = Kind> {
    one_of(&[
        ("postmortem", Kind::Postmortem),
        ("summary", Kind::Summary),
        ("debugging", Kind::Debugging),
        ("phases", Kind::Phases),
        ("update", Kind::Update),
    ])
}

pub(super) fn milestone() -> impl TypedValueParser<Value = Milestone> {
    one_of(&[
        ("started", Milestone::Started),
        ("detected", Milestone::Detected),
        ("acknowledged", Milestone::Acknowledged),
        ("mitigated", Milestone::Mitigated),
        ("resolved", Milestone::Resolved),
    ])
}
