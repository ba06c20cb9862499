//! Reading `oncall.yaml`: schedules, policies, quiet hours, reminders.
//!
//! Lives here: [`load`]; every fault of the file at once, with its place. Never lives here: reading files, who is on call.

mod policies;
mod times;

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

use super::{Layer, Oncall, Reminders, Schedule};
use crate::base::event::Person;
use crate::base::schedule::{Span, zone};
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Fault, Faults, Node, Value};

/// Longest `oncall.yaml`, in bytes.
const MAX_SOURCE: usize = 1024 * 1024;
/// Schedules, and policies, that one file may have.
const MOST: usize = 200;
/// Layers of a schedule, steps of a policy, restrictions of a layer.
const MOST_PARTS: usize = 50;
/// People of a layer, targets of a step.
const MOST_PEOPLE: usize = 200;
/// Longest name of a schedule, a layer or a policy, in characters.
const LONGEST_NAME: usize = 40;
/// Longest name of a person, in characters; as in `people.yaml`.
const LONGEST_PERSON: usize = 60;
/// Longest turn, in days.
const LONGEST_TURN: u32 = 366;

/// Reads `oncall.yaml`. `known` are the persons that `people.yaml` names; `None` where there is no such file.
///
/// # Errors
/// Every fault of the text, in its order.
pub fn load(source: &str, known: Option<&[&str]>) -> Result<Oncall, Vec<Fault>> {
    let mut faults = Faults::new(source);
    if source.len() > MAX_SOURCE {
        faults.add("too-large", 0..0, format!("the file is larger than {} KiB", MAX_SOURCE / 1024));
        return Err(faults.finish());
    }
    let oncall = yaml::parse(&Placed::whole(source, 0), &mut faults)
        .and_then(|node| Loader { faults: &mut faults, known, zone: Tz::UTC }.file(&node));
    match oncall {
        Some(oncall) if faults.is_empty() => Ok(oncall),
        _ => Err(faults.finish()),
    }
}

struct Loader<'l, 's> {
    faults: &'l mut Faults<'s>,
    known: Option<&'l [&'l str]>,
    /// Of everything that names none.
    zone: Tz,
}

impl Loader<'_, '_> {
    fn file(&mut self, node: &Node) -> Option<Oncall> {
        let fields = Fields::of(node, "oncall.yaml", self.faults)?;
        fields.only(&["zone", "schedules", "policies", "page", "quiet_hours", "reminders"], self.faults);
        if let Some(zone) = fields.require("zone", self.faults) {
            self.zone = self.zone(zone).unwrap_or(Tz::UTC);
        }
        let schedules = match fields.require("schedules", self.faults) {
            Some(node) => self.named(node, "'schedules'", Self::schedule),
            None => BTreeMap::new(),
        };
        let names: Vec<&str> = schedules.keys().map(String::as_str).collect();
        let policies = match fields.get("policies") {
            Some(node) => {
                self.named(node, "'policies'", |this, name, key, value| this.policy(name, key, value, &names))
            }
            None => BTreeMap::new(),
        };
        let page = fields.get("page").map(|node| self.page(node, &policies)).unwrap_or_default();
        let quiet_hours = fields.get("quiet_hours").and_then(|node| self.quiet_hours(node));
        let reminders = match fields.get("reminders") {
            Some(node) => self.reminders(node).unwrap_or_default(),
            None => Reminders::default(),
        };
        let policies = policies.into_iter().filter_map(|(name, policy)| Some((name, policy?))).collect();
        let schedules = schedules.into_iter().filter_map(|(name, schedule)| Some((name, schedule?))).collect();
        Some(Oncall { zone: self.zone, schedules, policies, page, quiet_hours, reminders })
    }

    /// The entries of a mapping by their names. One with faults is kept as `None`, so that what names it has no fault.
    fn named<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &str, &Node, &Node) -> Option<T>,
    ) -> BTreeMap<String, Option<T>> {
        let mut found = BTreeMap::new();
        let Some(fields) = Fields::of(node, what, self.faults) else { return found };
        self.count(fields.entries().len(), MOST, &node.at);
        if fields.entries().is_empty() {
            self.faults.add("missing-key", node.at.clone(), format!("{what} has no entry"));
        }
        for (key, value) in fields.entries().iter().take(MOST) {
            let Some(name) = key.key() else { continue };
            if !is_name(&name) {
                let message = format!("'{}' cannot be a name", one_line(&name, LONGEST_NAME));
                let hint = "names have up to 40 letters, digits, - and _, and begin with a letter or digit";
                self.faults.add_hint("bad-name", key.at.clone(), message, hint);
                continue;
            }
            let one = read(self, &name, key, value);
            found.insert(name, one);
        }
        found
    }

    fn schedule(&mut self, name: &str, key: &Node, node: &Node) -> Option<Schedule> {
        let fields = Fields::of(node, format!("the schedule '{name}'"), self.faults)?.placed(key.at.clone());
        fields.only(&["zone", "layers"], self.faults);
        let zone = match fields.get("zone") {
            Some(node) => self.zone(node),
            None => Some(self.zone),
        };
        let list = fields.require("layers", self.faults)?;
        let list = self.list(list, "'layers'", MOST_PARTS)?;
        let mut layers: Vec<Layer> = Vec::new();
        let mut good = true;
        for (index, node) in list.iter().enumerate() {
            let Some(layer) = self.layer(index, node) else {
                good = false;
                continue;
            };
            if layers.iter().any(|other| other.name == layer.name) {
                let message = format!("two layers are called '{}'", layer.name);
                self.faults.add("same-name", node.at.clone(), message);
            }
            layers.push(layer);
        }
        Some(Schedule { name: name.to_owned(), zone: zone?, layers }).filter(|_| good)
    }

    fn layer(&mut self, index: usize, node: &Node) -> Option<Layer> {
        let fields = Fields::of(node, "a layer", self.faults)?;
        fields.only(&["name", "people", "rotate", "handoff", "from", "until", "only"], self.faults);
        let name = match fields.get("name") {
            Some(node) => self.title(node),
            None => Some(format!("layer {}", index + 1)),
        };
        let people = fields.require("people", self.faults).and_then(|node| self.people(node));
        let days = fields.require("rotate", self.faults).and_then(|node| self.turn(node));
        let handoff = fields.require("handoff", self.faults).and_then(|node| Some((node, self.handoff(node, days)?)));
        let from = fields.require("from", self.faults).and_then(|node| Some((node, self.date(node, "'from'")?)));
        if let (Some((_, (Some(day), _))), Some((node, from))) = (&handoff, &from) {
            self.begins_on(*day, *from, &node.at);
        }
        let until = match fields.get("until") {
            Some(node) => {
                let day = self.date(node, "'until'")?;
                if from.as_ref().is_some_and(|(_, from)| day <= *from) {
                    self.faults.add("backwards", node.at.clone(), "the layer would end before it begins");
                }
                Some(day)
            }
            None => None,
        };
        let only = match fields.get("only") {
            Some(node) => self.list(node, "'only'", MOST_PARTS)?.iter().filter_map(|one| self.window(one)).collect(),
            None => Vec::new(),
        };
        let ((_, (_, handoff)), (_, from)) = (handoff?, from?);
        Some(Layer { name: name?, people: people?, days: days?, handoff, from, until, only })
    }

    fn title(&mut self, node: &Node) -> Option<String> {
        let title = read::string(node, "the name of a layer", self.faults)?;
        if title.is_empty() || one_line(&title, LONGEST_NAME) != title {
            let message = format!("'{}' cannot be the name of a layer", one_line(&title, LONGEST_NAME));
            self.faults.add_hint("bad-name", node.at.clone(), message, "up to 40 visible characters");
            return None;
        }
        Some(title)
    }

    fn people(&mut self, node: &Node) -> Option<Vec<Person>> {
        let list = self.list(node, "'people'", MOST_PEOPLE)?;
        let people: Vec<Person> = list.iter().filter_map(|one| self.person(one)).collect();
        (people.len() == list.len()).then_some(people)
    }

    fn person(&mut self, node: &Node) -> Option<Person> {
        let name = read::string(node, "a person", self.faults)?;
        if one_line(&name, LONGEST_PERSON) != name || name.trim() != name || name.is_empty() {
            let message = format!("'{}' cannot be the name of a person", one_line(&name, 40));
            self.faults.add("bad-name", node.at.clone(), message);
            return None;
        }
        match self.known {
            Some(known) if !known.contains(&name.as_str()) => {
                let message = format!("people.yaml does not name '{}'", one_line(&name, 40));
                let hint = did_you_mean(&name, known.iter().copied());
                self.faults.add_hint("unknown-person", node.at.clone(), message, hint);
                None
            }
            _ => Some(Person::new(&name)),
        }
    }

    /// How many days a turn lasts.
    fn turn(&mut self, node: &Node) -> Option<u32> {
        if !matches!(node.value, Value::Map(_)) {
            return read::word(node, "rotate", &[("daily", 1), ("weekly", 7)], self.faults);
        }
        let fields = Fields::of(node, "rotate", self.faults)?;
        fields.only(&["every"], self.faults);
        let every = fields.require("every", self.faults)?;
        let days = read::span(every, "every", self.faults)?.millis() / Span::seconds(86_400).millis();
        let whole = read::span(every, "every", self.faults)? == Span::seconds(days * 86_400);
        let days = u32::try_from(days).ok().filter(|days| whole && (1..=LONGEST_TURN).contains(days));
        if days.is_none() {
            let message = "a rotation counts whole days: hours of a day are restrictions";
            self.faults.add_hint("bad-rotation", every.at.clone(), message, "write 3d, and hours under 'only'");
        }
        days
    }

    /// `from` has to be the day on which a hand-off is.
    fn begins_on(&mut self, day: Weekday, from: NaiveDate, at: &Range<usize>) {
        if from.weekday() == day {
            return;
        }
        let next =
            (1..7).filter_map(|days| from.checked_add_days(chrono::Days::new(days))).find(|d| d.weekday() == day);
        let message =
            format!("{from} is a {}, and the hand-off is on {}", times::spelt(from.weekday()), times::spelt(day));
        let hint = next.map(|next| format!("the next one is {next}"));
        self.faults.push("not-a-handoff", at.clone(), message, hint);
    }

    fn zone(&mut self, node: &Node) -> Option<Tz> {
        let name = read::string(node, "zone", self.faults)?;
        match zone(&name) {
            Ok(zone) => Some(zone),
            Err(fault) => {
                self.faults.push("unknown-zone", node.at.clone(), fault.message, fault.hint);
                None
            }
        }
    }

    /// A list with something in it.
    fn list<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> Option<&'n [Node]> {
        let list = read::list(node);
        self.count(list.len(), most, &node.at);
        if list.is_empty() {
            self.faults.add("empty", node.at.clone(), format!("{what} is empty"));
            return None;
        }
        Some(&list[..list.len().min(most)])
    }

    fn count(&mut self, count: usize, most: usize, at: &Range<usize>) {
        if count > most {
            self.faults.add("too-many", at.clone(), format!("at most {most} entries can stand here"));
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    name.len() <= LONGEST_NAME
        && name.chars().all(plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// The time of a hand-off, and its weekday where one is written.
type When = (Option<Weekday>, NaiveTime);
