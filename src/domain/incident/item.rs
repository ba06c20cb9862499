//! Numbered things that people state about an incident: `H1`, `E2`, `A3`.
//!
//! Lives here: their ids, and [`Items`], which keeps what was said last about each. Stating one again under its id corrects
//! it, and it can be withdrawn; the journal keeps every version. Never lives here: what the things say.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::event::Instant;

/// How many of one kind an incident holds at most.
pub const ITEMS_LIMIT: u32 = 500;

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// What may be wrong.
    Hypothesis,
    /// What was looked at and what was found.
    Evidence,
    /// A root cause or a contributing factor.
    Cause,
    /// What was learned.
    Lesson,
    /// What should change.
    Recommendation,
    /// Work that follows.
    Action,
}

impl ItemKind {
    const ALL: [Self; 6] =
        [Self::Hypothesis, Self::Evidence, Self::Cause, Self::Lesson, Self::Recommendation, Self::Action];

    fn letter(self) -> char {
        match self {
            Self::Hypothesis => 'H',
            Self::Evidence => 'E',
            Self::Cause => 'C',
            Self::Lesson => 'L',
            Self::Recommendation => 'R',
            Self::Action => 'A',
        }
    }

    /// The command that lists them.
    #[must_use]
    pub fn shown_by(self) -> &'static str {
        match self {
            Self::Hypothesis | Self::Evidence | Self::Cause => "rundown hypothesis list",
            Self::Action => "rundown action list --all",
            Self::Lesson | Self::Recommendation => "rundown report postmortem",
        }
    }

    /// As people read it, with its article.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hypothesis => "a hypothesis",
            Self::Evidence => "evidence",
            Self::Cause => "a cause",
            Self::Lesson => "a lesson",
            Self::Recommendation => "a recommendation",
            Self::Action => "an action item",
        }
    }
}

/// Which one: a letter for the kind and a number that counts within the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// What it is.
    pub kind: ItemKind,
    /// Counted from 1.
    pub number: u32,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.letter(), self.number)
    }
}

impl FromStr for ItemId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' names nothing here; ids look like H1, E2, C1, L3, R1 or A4");
        let mut chars = text.trim().chars();
        let letter = chars.next().map(|letter| letter.to_ascii_uppercase());
        let kind = ItemKind::ALL.into_iter().find(|kind| Some(kind.letter()) == letter).ok_or_else(bad)?;
        let digits = chars.as_str();
        let number = digits.parse().ok().filter(|number| (1..=ITEMS_LIMIT).contains(number)).ok_or_else(bad)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self { kind, number })
    }
}

impl Serialize for ItemId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// All things of one kind, in the order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Items<T> {
    stated: BTreeMap<u32, Item<T>>,
    /// The highest number that anything spoke of, stated or not: a statement may have been erased.
    highest: u32,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<T> {
    /// What was said last.
    pub said: T,
    /// When it was said first.
    pub since: Instant,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { stated: BTreeMap::new(), highest: 0 }
    }
}

impl<T> Items<T> {
    /// What still stands, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.stated.iter().filter(|(_, item)| !item.withdrawn).map(|(number, item)| (*number, &item.said))
    }

    /// One that still stands.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.item(number).map(|item| &item.said)
    }

    /// One that still stands, with when it was said.
    #[must_use]
    pub fn item(&self, number: u32) -> Option<&Item<T>> {
        self.stated.get(&number).filter(|item| !item.withdrawn)
    }

    /// Whether none stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The number of the next one; withdrawn ones keep theirs.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.highest + 1
    }

    /// Says that something spoke of this number, so that it is never given again.
    pub(super) fn spoken_of(&mut self, number: u32) {
        self.highest = self.highest.max(number);
    }

    pub(super) fn state(&mut self, number: u32, said: T, at: Instant) {
        self.spoken_of(number);
        let since = self.stated.get(&number).map_or(at, |item| item.since);
        self.stated.insert(number, Item { said, since, withdrawn: false });
    }

    pub(super) fn said_mut(&mut self, number: u32) -> Option<&mut T> {
        self.spoken_of(number);
        self.stated.get_mut(&number).map(|item| &mut item.said)
    }

    pub(super) fn withdraw(&mut self, number: u32) {
        self.spoken_of(number);
        if let Some(item) = self.stated.get_mut(&number) {
            item.withdrawn = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back_and_no_text_makes_the_reader_panic(number in 1..=ITEMS_LIMIT, kind in 0..6usize, text in "\\PC{0,12}") {
            let id = ItemId { kind: ItemKind::ALL[kind], number };
            prop_assert_eq!(id.to_string().to_lowercase().parse::<ItemId>(), Ok(id));
            if let Ok(read) = text.parse::<ItemId>() {
                prop_assert!((1..=ITEMS_LIMIT).contains(&read.number));
            }
        }
    }
}
