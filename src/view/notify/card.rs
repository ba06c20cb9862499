//! An incident in at most twelve lines: how it stands, since when, who does what, what is open.

use chrono_tz::Tz;

use crate::base::event::{IncidentId, Instant};
use crate::base::text::one_line;
use crate::domain::incident::event::{Milestone, Role};
use crate::domain::incident::{Gate, Measure, State};
use crate::view::NOT_RECORDED;
use crate::view::time;

/// The most lines a card has.
pub const LINES: usize = 12;

/// The card, without a line end behind the last line.
#[must_use]
pub fn card(id: &IncidentId, state: &State, gate: &Gate, zone: Tz, now: Instant) -> String {
    let severity = state.severity.map_or("no severity".to_owned(), |severity| severity.to_string());
    let place = state.environment.as_deref().map_or(String::new(), |place| format!(" on {}", one_line(place, 60)));
    let mut lines = vec![
        format!("{id}  {severity}  {}", state.status_words()),
        one_line(&state.title, 200),
        format!(
            "declared by {}{place}, {}",
            one_line(state.declared_by.name(), 60),
            time::due(state.declared_at, now, zone)
        ),
        milestones(state, zone),
        measures(state),
        roles(state),
    ];
    if !state.runs.is_empty() {
        let shown: Vec<String> = state.runs.iter().rev().take(5).map(ToString::to_string).collect();
        let more = if state.runs.len() > 5 { format!(" and {} before", state.runs.len() - 5) } else { String::new() };
        lines.push(format!("runs  {}{more}", shown.join(", ")));
    }
    let open = gate.lines();
    if open.is_empty() {
        lines.push("nothing that the runs know of is open".to_owned());
    } else {
        let room = LINES - lines.len() - 1;
        lines.push(format!("open ({}):", open.len()));
        let shown = if open.len() > room { room - 1 } else { open.len() };
        lines.extend(open.iter().take(shown).map(|line| format!("  {}", one_line(line, 160))));
        if shown < open.len() {
            lines.push(format!("  and {} more", open.len() - shown));
        }
    }
    lines.join("\n")
}

fn milestones(state: &State, zone: Tz) -> String {
    let shown = Milestone::ALL.iter().filter_map(|milestone| {
        Some(format!("{} {}", milestone.word(), time::clock(*state.milestones.get(milestone)?, zone)))
    });
    format!("times  {}", shown.collect::<Vec<_>>().join(" · "))
}

fn measures(state: &State) -> String {
    let shown: Vec<String> = Measure::ALL
        .iter()
        .filter_map(|measure| {
            let interval = state.measure(*measure);
            let length = time::length(interval.length?);
            Some(format!("{} {length} ({} → {})", measure.word(), interval.from.word(), interval.to.word()))
        })
        .collect();
    if shown.is_empty() { format!("TTD, TTA, TTM, TTR  {NOT_RECORDED}") } else { shown.join(" · ") }
}

fn roles(state: &State) -> String {
    let shown: Vec<String> = Role::ALL
        .iter()
        .filter_map(|role| Some(format!("{} {}", role.word(), one_line(state.roles.get(role)?.name(), 60))))
        .collect();
    if shown.is_empty() { format!("roles  {NOT_RECORDED}") } else { format!("roles  {}", shown.join(" · ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::Person;
    use crate::domain::incident::event::{Acknowledged, Declared, Event, Status, StatusSet};

    fn at(minute: i64) -> Instant {
        "2026-02-02T11:00:00Z".parse::<Instant>().unwrap() + chrono::TimeDelta::minutes(minute)
    }

    #[test]
    fn a_card_fits_in_twelve_lines_however_much_is_open() {
        let by = Person::new("ana");
        let declared = Declared {
            title: "Occupation answers 500".into(),
            severity: Some(crate::base::event::Severity::P1),
            environment: Some("production".into()),
            zone: None,
            started: None,
            detected: at(0),
            by: by.clone(),
        };
        let mut state = Some(State::declare(&declared, at(1)));
        let monitoring = StatusSet { from: Status::Detected, to: Status::Monitoring, by: by.clone(), why: None };
        State::step(&mut state, &Event::from(Acknowledged { by, by_doing: None }), at(2)).unwrap();
        State::step(&mut state, &Event::from(monitoring), at(31)).unwrap();
        let mut state = state.unwrap();
        state.runs = (1..=7).map(crate::base::event::RunId::number).collect();
        let open = Gate { unmet: (0..9).map(|index| format!("criterion {index}")).collect(), ..Gate::default() };
        let shown = card(&IncidentId::number(7), &state, &open, Tz::America__Santiago, at(45));
        assert!(shown.lines().count() <= LINES, "{shown}");
        insta::assert_snapshot!(shown);
    }
}
