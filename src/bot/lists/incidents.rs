//! Incidents in a list: which are meant, and how quickly people were, month by month.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::Known;
use crate::base::event::{Instant, Severity};
use crate::domain::incident::event::Section;
use crate::domain::incident::state::{Measure, State};

/// Months that are told, the newest.
pub const MONTHS: usize = 12;

/// Which incidents are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that are open.
    pub open: bool,
    /// As bad as this.
    pub severity: Option<Severity>,
    /// There.
    pub environment: Option<String>,
    /// With this text in their id, title or summary.
    pub text: Option<String>,
    /// Declared on that day or later, in the reader's zone.
    pub from: Option<NaiveDate>,
    /// Declared on that day or before.
    pub to: Option<NaiveDate>,
}

impl Filter {
    fn fits(&self, (id, state): &Known, zone: Tz) -> bool {
        let holds = |asked: &String| {
            let asked = asked.to_lowercase();
            let summary = state.sections.get(&Section::Summary).map_or("", String::as_str);
            [id.as_str(), &state.title, summary].iter().any(|field| field.to_lowercase().contains(&asked))
        };
        let day = state.declared_at.with_timezone(&zone).date_naive();
        (!self.open || state.status.is_open())
            && self.severity.is_none_or(|asked| state.severity == Some(asked))
            && self.environment.as_ref().is_none_or(|asked| state.environment.as_ref() == Some(asked))
            && self.text.as_ref().is_none_or(holds)
            && self.from.is_none_or(|from| from <= day)
            && self.to.is_none_or(|to| day <= to)
    }

    /// Those that are meant: open ones first, and of both the newest first.
    #[must_use]
    pub fn of(&self, all: &[Known], zone: Tz) -> Vec<Known> {
        let fits = all.iter().filter(|known| self.fits(known, zone));
        let (open, over): (Vec<&Known>, Vec<&Known>) = fits.rev().partition(|(_, state)| state.status.is_open());
        open.into_iter().chain(over).cloned().collect()
    }
}

/// The middle one of several lengths, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Median {
    /// How long.
    pub length: TimeDelta,
    /// Of so many incidents: those in which both ends are known.
    pub of: usize,
}

/// A month of incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: NaiveDate,
    /// How many were declared in it.
    pub incidents: usize,
    /// How long it took, in the order of [`Measure::ALL`]; nothing where nobody knows.
    pub measures: [Option<Median>; 4],
}

/// How quickly people were, by the month in which an incident was declared, the oldest first: the newest [`MONTHS`] that have any.
///
/// An incident that is still open counts with what is known of it: it was acknowledged, whatever comes.
#[must_use]
pub fn months(incidents: &[Known], zone: Tz) -> Vec<Month> {
    let mut by_month: BTreeMap<NaiveDate, Vec<&State>> = BTreeMap::new();
    for (_, state) in incidents {
        by_month.entry(month_of(state.declared_at, zone)).or_default().push(state);
    }
    let told = by_month.len().saturating_sub(MONTHS);
    let month = |(first, of): (NaiveDate, Vec<&State>)| Month {
        first,
        incidents: of.len(),
        measures: Measure::ALL.map(|measure| median(of.iter().filter_map(|state| state.measure(measure).length))),
    };
    by_month.into_iter().skip(told).map(month).collect()
}

fn month_of(at: Instant, zone: Tz) -> NaiveDate {
    let day = at.with_timezone(&zone).date_naive();
    day.with_day(1).unwrap_or(day)
}

/// Of an even number the mean of the two in the middle.
fn median(lengths: impl Iterator<Item = TimeDelta>) -> Option<Median> {
    let mut lengths: Vec<TimeDelta> = lengths.collect();
    lengths.sort_unstable();
    let of = lengths.len();
    let upper = *lengths.get(of / 2)?;
    let lower = if of.is_multiple_of(2) { lengths[of / 2 - 1] } else { upper };
    Some(Median { length: (lower + upper) / 2, of })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::event::{IncidentId, Person};
    use crate::domain::incident::event::{Declared, Milestone, Status};

    fn incident(number: u64, declared: &str, resolved_after: Option<i64>) -> Known {
        let at: Instant = declared.parse().unwrap();
        let declared = Declared {
            title: format!("Incident {number}"),
            severity: Some(Severity::P1),
            environment: Some("production".into()),
            zone: None,
            started: Some(at),
            detected: at,
            by: Person::new("ana"),
        };
        let mut state = State::declare(&declared, at);
        if let Some(minutes) = resolved_after {
            state.status = Status::Resolved;
            state.milestones.insert(Milestone::Resolved, at + TimeDelta::minutes(minutes));
        }
        (IncidentId::number(number), Arc::new(state))
    }

    #[test]
    fn a_month_is_the_readers_and_rests_on_the_incidents_whose_end_is_known() {
        let all = [
            incident(1, "2026-01-10T10:00:00Z", Some(10)),
            incident(2, "2026-02-01T01:00:00Z", Some(30)),
            incident(3, "2026-02-10T10:00:00Z", Some(20)),
            incident(4, "2026-02-11T10:00:00Z", Some(50)),
            incident(5, "2026-02-12T10:00:00Z", None),
        ];
        let ttr = |zone: Tz| -> Vec<String> {
            let told = |month: Month| {
                let median =
                    month.measures[3].map_or_else(String::new, |median| format!("{} of {}", median.length, median.of));
                format!("{} {}: {median}", month.first.format("%Y-%m"), month.incidents)
            };
            months(&all, zone).into_iter().map(told).collect()
        };
        assert_eq!(ttr(Tz::UTC), ["2026-01 1: PT600S of 1", "2026-02 4: PT1800S of 3"]);
        // Seen from Santiago the second one was declared in January.
        assert_eq!(ttr(Tz::America__Santiago)[0], "2026-01 2: PT1200S of 2");
        assert!(months(&all[4..], Tz::UTC)[0].measures[3].is_none(), "nobody knows how long it will take");
    }

    #[test]
    fn a_day_is_found_in_the_readers_zone_and_open_incidents_come_first() {
        let all = [incident(1, "2026-02-01T01:00:00Z", None), incident(2, "2026-02-02T10:00:00Z", Some(5))];
        let ids =
            |filter: &Filter, zone| filter.of(&all, zone).iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&Filter::default(), Tz::UTC), ["inc-1", "inc-2"]);
        let from = Filter { from: NaiveDate::from_ymd_opt(2026, 2, 1), ..Filter::default() };
        assert_eq!(ids(&from, Tz::UTC), ["inc-1", "inc-2"]);
        assert_eq!(ids(&from, Tz::America__Santiago), ["inc-2"]);
        let text = Filter { text: Some("INCIDENT 2".into()), ..Filter::default() };
        assert_eq!(ids(&text, Tz::UTC), ["inc-2"]);
    }
}
