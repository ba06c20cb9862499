//! Times of day, weekdays and dates as they stand in `oncall.yaml`.

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};

use super::super::Window;
use super::{Loader, MOST_PARTS, When};
use crate::base::text::{nearest, one_line};
use crate::domain::source::Node;
use crate::domain::source::read::{self, Fields};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];
const ALL: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

impl Loader<'_, '_> {
    /// `mon 09:00`, or `09:00` where turns are no whole weeks.
    pub(super) fn handoff(&mut self, node: &Node, days: Option<u32>) -> Option<When> {
        let written = read::string(node, "handoff", self.faults)?;
        let (day, time) = match written.trim().split_once(char::is_whitespace) {
            Some((day, time)) => (Some(day), time.trim()),
            None => (None, written.trim()),
        };
        let weeks = days.is_none_or(|days| days % 7 == 0);
        let day = match day {
            Some(_) if !weeks => {
                let message = "turns of that many days begin on another weekday each time";
                self.faults.add_hint("bad-handoff", node.at.clone(), message, format!("write \"{time}\""));
                return None;
            }
            Some(day) => Some(self.weekday(day, node)?),
            None if days == Some(7) => {
                let hint = format!("write mon {time}, or another day");
                self.faults.add_hint("bad-handoff", node.at.clone(), "a weekly hand-off has a weekday", hint);
                return None;
            }
            None => None,
        };
        Some((day, self.time(time, node)?))
    }

    /// `{ days: [mon-fri], from: "09:00", to: "17:00" }`; days and hours that are left out are all.
    pub(super) fn window(&mut self, node: &Node) -> Option<Window> {
        let fields = Fields::of(node, "a restriction", self.faults)?;
        fields.only(&["days", "from", "to"], self.faults);
        if fields.entries().is_empty() {
            self.faults.add("empty", node.at.clone(), "a restriction names days, or hours, or both");
            return None;
        }
        self.hours(&fields)
    }

    /// Days and hours, which end where they begin if none are written.
    pub(super) fn hours(&mut self, fields: &Fields<'_>) -> Option<Window> {
        let days = match fields.get("days") {
            Some(node) => self.weekdays(node),
            None => Some(ALL.to_vec()),
        };
        let (from, to) = match (fields.get("from"), fields.get("to")) {
            (None, None) => (NaiveTime::MIN, NaiveTime::MIN),
            (Some(_), None) => return fields.require("to", self.faults).and(None),
            (None, Some(_)) => return fields.require("from", self.faults).and(None),
            (Some(from), Some(to)) => {
                let (from, to) = (self.time_of(from), self.time_of(to));
                (from?, to?)
            }
        };
        Some(Window::new(&days?, from, to))
    }

    fn time_of(&mut self, node: &Node) -> Option<NaiveTime> {
        let written = read::string(node, "a time of day", self.faults)?;
        // The end of a day is the beginning of the next.
        if written.trim() == "24:00" { Some(NaiveTime::MIN) } else { self.time(written.trim(), node) }
    }

    fn time(&mut self, written: &str, node: &Node) -> Option<NaiveTime> {
        let time = NaiveTime::parse_from_str(written, "%H:%M").ok().filter(|_| written.len() == 5);
        if time.is_none() {
            let message = format!("'{}' is not a time of day", one_line(written, 20));
            self.faults.add_hint("bad-time", node.at.clone(), message, "write it like 09:00, from 00:00 to 23:59");
        }
        time
    }

    pub(super) fn date(&mut self, node: &Node, what: &str) -> Option<NaiveDate> {
        let written = read::string(node, what, self.faults)?;
        let date = NaiveDate::parse_from_str(written.trim(), "%Y-%m-%d").ok();
        let date = date.filter(|date| written.trim().len() == 10 && (1970..2200).contains(&date.year()));
        if date.is_none() {
            let message = format!("{what}: '{}' is not a date", one_line(&written, 20));
            self.faults.add_hint("bad-date", node.at.clone(), message, "write it like 2026-01-05");
        }
        date
    }

    /// `[mon-fri, sun]`.
    fn weekdays(&mut self, node: &Node) -> Option<Vec<Weekday>> {
        let mut found = Vec::new();
        for item in self.list(node, "'days'", MOST_PARTS)? {
            let written = read::string(item, "a weekday", self.faults)?;
            let (first, last) = match written.split_once('-') {
                Some((first, last)) => (self.weekday(first, item)?, self.weekday(last, item)?),
                None => (self.weekday(&written, item)?, self.weekday(&written, item)?),
            };
            let mut day = first;
            found.push(day);
            while day != last {
                day = day.succ();
                found.push(day);
            }
        }
        Some(found)
    }

    fn weekday(&mut self, written: &str, node: &Node) -> Option<Weekday> {
        let written = written.trim();
        let lower = written.to_lowercase();
        let known = DAYS.iter().find(|(word, day)| *word == lower || spelt(*day).eq_ignore_ascii_case(written));
        if known.is_none() {
            let message = format!("'{}' is not a weekday", one_line(written, 20));
            let words = || DAYS.iter().map(|(word, _)| *word);
            let hint = match nearest(&lower, words()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are: {}", words().collect::<Vec<_>>().join(", ")),
            };
            self.faults.add_hint("bad-weekday", node.at.clone(), message, hint);
        }
        known.map(|(_, day)| *day)
    }
}

/// The day's whole name.
pub(super) fn spelt(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}
