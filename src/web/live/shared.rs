//! What was made once for all who look at an incident the same way: parts of its page, and messages that carry what changed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::body::Bytes;

/// Messages that are kept at a time: those who look on from the start share one, whoever comes back has one of their own.
const MESSAGES: usize = 64;

/// A part of a page that is exchanged as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The id of its element.
    pub id: String,
    /// The id of the region that it stands in, which is sent instead where this one is new.
    pub within: Option<&'static str>,
    /// The element.
    pub html: String,
    mark: u64,
}

impl Region {
    /// A region.
    #[must_use]
    pub fn new(id: String, within: Option<&'static str>, html: String) -> Self {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        Self { id, within, html, mark: hasher.finish() }
    }
}

/// All regions as they were after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The number of the last event.
    pub through: u64,
    /// The regions; those that stand in others come behind them.
    pub regions: Vec<Region>,
}

impl Rendered {
    /// What somebody needs who has `known`, or nothing but a frame.
    #[must_use]
    pub fn since<'a>(&'a self, known: Option<&Self>) -> Vec<&'a Region> {
        let before: BTreeMap<&str, u64> =
            known.iter().flat_map(|known| &known.regions).map(|region| (region.id.as_str(), region.mark)).collect();
        let is_new = |region: &&Region| !before.contains_key(region.id.as_str());
        let whole: Vec<&'static str> = self.regions.iter().filter(is_new).filter_map(|region| region.within).collect();
        let wanted = |region: &&Region| match region.within {
            Some(outer) => !whole.contains(&outer) && before.get(region.id.as_str()) != Some(&region.mark),
            // One that holds others is sent only where one of them is new: else they are sent by themselves.
            None if self.holds(&region.id) => {
                whole.iter().any(|outer| *outer == region.id) || !before.contains_key(region.id.as_str())
            }
            None => before.get(region.id.as_str()) != Some(&region.mark),
        };
        self.regions.iter().filter(wanted).collect()
    }

    fn holds(&self, id: &str) -> bool {
        self.regions.iter().any(|region| region.within == Some(id))
    }
}

/// What a message carries: for whom (how they look at it), from which event on, and what they had before.
type Key = (String, u64, u64);

/// See the module. It holds for one state of the incident.
#[derive(Default)]
pub struct Shared {
    rendered: BTreeMap<&'static str, Arc<Rendered>>,
    messages: BTreeMap<Key, Bytes>,
}

impl Shared {
    /// The incident went on.
    pub fn clear(&mut self) {
        self.rendered.clear();
        self.messages.clear();
    }

    /// The regions in a zone, made now where nobody needed them yet.
    pub fn rendered(&mut self, zone: &'static str, make: impl FnOnce() -> Rendered) -> Arc<Rendered> {
        self.rendered.entry(zone).or_insert_with(|| Arc::new(make())).clone()
    }

    /// A message, made now where nobody needed it yet.
    pub fn message(&mut self, key: Key, make: impl FnOnce() -> Bytes) -> Bytes {
        if self.messages.len() >= MESSAGES && !self.messages.contains_key(&key) {
            self.messages.clear();
        }
        self.messages.entry(key).or_insert_with(make).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(through: u64, parts: &[(&str, Option<&'static str>, &str)]) -> Rendered {
        let region = |(id, within, html): &(&str, Option<&'static str>, &str)| {
            Region::new((*id).to_owned(), *within, (*html).to_owned())
        };
        Rendered { through, regions: parts.iter().map(region).collect() }
    }

    fn ids(of: Vec<&Region>) -> Vec<&str> {
        of.into_iter().map(|region| region.id.as_str()).collect()
    }

    #[test]
    fn only_what_changed_is_sent_and_what_is_new_comes_with_what_it_stands_in() {
        let first = rendered(1, &[("head", None, "a"), ("runs", None, "12"), ("one", Some("runs"), "1")]);
        assert_eq!(ids(first.since(None)), ["head", "runs"]);
        assert!(first.since(Some(&first)).is_empty());
        let next = rendered(2, &[("head", None, "a"), ("runs", None, "13"), ("one", Some("runs"), "2")]);
        assert_eq!(ids(next.since(Some(&first))), ["one"], "what holds it stays");
        let more = rendered(
            3,
            &[("head", None, "b"), ("runs", None, "134"), ("one", Some("runs"), "2"), ("two", Some("runs"), "4")],
        );
        assert_eq!(ids(more.since(Some(&next))), ["head", "runs"]);
    }
}
