//! The head of the page: what it is called, how it stands, when it changed its phase, who took part, what people wrote.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, address, md, paragraphs};
use crate::base::event::Instant;
use crate::domain::incident::Measure;
use crate::domain::incident::event::{Event, Milestone, Role, Section, Status};
use crate::domain::timeline::Fact;
use crate::view::time;

/// See the module.
#[derive(Serialize)]
pub(super) struct Glance {
    id: String,
    title: String,
    title_cites: String,
    severity: String,
    /// Without its events.
    severity_word: String,
    status: String,
    status_cites: String,
    unverified: Option<String>,
    environment: String,
    zone: String,
    milestones: Vec<Row>,
    measures: Vec<Row>,
    roles: Vec<Row>,
    links: Vec<Row>,
    sections: BTreeMap<&'static str, Option<Written>>,
}

/// A named value.
#[derive(Serialize)]
struct Row {
    name: String,
    value: String,
    about: String,
    cites: String,
}

/// What a person wrote.
#[derive(Serialize)]
struct Written {
    text: String,
    cites: String,
}

/// Which events the head rests on.
#[derive(Default)]
struct Sources {
    title: Cites,
    severity: Cites,
    status: Cites,
    environment: Cites,
    milestones: BTreeMap<Milestone, Cites>,
    roles: BTreeMap<&'static str, (String, Cites)>,
    links: Vec<Row>,
    sections: BTreeMap<Section, Written>,
    unverified: Option<String>,
    first: Option<Instant>,
    id: Option<String>,
}

pub(super) fn glance(context: &Context<'_>) -> Glance {
    let mut sources = Sources::default();
    for recorded in context.facts {
        sources.first.get_or_insert(recorded.head.occurred_at);
        if let Fact::Incident(id, event) = &recorded.event {
            sources.id.get_or_insert_with(|| id.to_string());
            sources.read(event, recorded.pos);
        }
    }
    let state = context.incident.as_ref();
    let known = |text: Option<String>, cites: &Cites, kinds: &[&str]| match text {
        Some(text) => format!("{text} {}", cites.text()),
        None => context.missing(kinds),
    };
    let zone_at = sources.first.unwrap_or(Instant::UNIX_EPOCH);
    let mut sections: BTreeMap<&'static str, Option<Written>> = BTreeMap::new();
    for (key, section) in [
        ("summary", Section::Summary),
        ("impact", Section::Impact),
        ("root_cause", Section::RootCause),
        ("lessons", Section::Lessons),
    ] {
        sections.insert(key, sources.sections.remove(&section));
    }
    Glance {
        id: sources.id.clone().unwrap_or_else(|| NOT_RECORDED.to_owned()),
        title: match state {
            Some(state) if !state.title.is_empty() => md(&state.title, 200),
            _ => format!("Incident (title {})", context.missing(&["incident.declared", "incident.titled"])),
        },
        title_cites: sources.title.text(),
        severity_word: state
            .and_then(|state| state.severity)
            .map_or(NOT_RECORDED.to_owned(), |severity| severity.to_string()),
        severity: known(
            state.and_then(|state| state.severity).map(|severity| severity.to_string()),
            &sources.severity,
            &["incident.declared", "incident.severity_set"],
        ),
        status: match state {
            Some(state) if !sources.status.text().is_empty() => state.status_words(),
            _ => context.missing(&["incident.declared", "incident.status_set", "incident.resolved"]),
        },
        status_cites: sources.status.text(),
        unverified: state.and_then(|state| state.resolution.as_ref()).and(sources.unverified.take()),
        environment: known(
            state.and_then(|state| state.environment.as_deref()).map(|environment| md(environment, 100)),
            &sources.environment,
            &["incident.declared"],
        ),
        zone: time::zone_label(zone_at, context.zone),
        milestones: milestones(context, &sources),
        measures: measures(context, &sources),
        roles: sources
            .roles
            .into_iter()
            .map(|(role, (value, cites))| Row { name: role.into(), value, about: String::new(), cites: cites.text() })
            .collect(),
        links: sources.links,
        sections,
    }
}

impl Sources {
    fn read(&mut self, event: &Event, pos: u64) {
        let one = Cites::one(pos);
        match event {
            Event::Declared(declared) => {
                (self.title, self.status, self.environment) = (one.clone(), one.clone(), one.clone());
                if declared.severity.is_some() {
                    self.severity = one.clone();
                }
                if declared.started.is_some() {
                    self.milestones.insert(Milestone::Started, one.clone());
                }
                self.milestones.insert(Milestone::Detected, one);
            }
            Event::Acknowledged(_) => {
                self.milestones.entry(Milestone::Acknowledged).or_insert(one);
            }
            Event::SeveritySet(_) => self.severity = one,
            Event::StatusSet(set) => {
                if set.to == Status::Monitoring {
                    self.milestones.entry(Milestone::Mitigated).or_insert(one.clone());
                }
                self.status = one;
            }
            Event::RoleAssigned(assigned) => match &assigned.person {
                Some(person) => {
                    self.roles.insert(assigned.role.word(), (md(person.name(), 100), one));
                }
                None => {
                    self.roles.remove(assigned.role.word());
                }
            },
            Event::MilestoneSet(set) => {
                self.milestones.insert(set.milestone, one);
            }
            Event::Linked(linked) => self.links.push(Row {
                name: md(linked.label.as_deref().unwrap_or("link"), 200),
                value: address(&linked.url),
                about: String::new(),
                cites: one.text(),
            }),
            Event::Titled(_) => self.title = one,
            Event::Summarised(written) => {
                let written_text = Written { text: paragraphs(&written.text), cites: one.text() };
                self.sections.insert(written.section, written_text);
            }
            Event::Resolved(resolved) => {
                self.milestones.entry(Milestone::Resolved).or_insert(one.clone());
                let why = resolved.why.as_deref().map_or(NOT_RECORDED.to_owned(), |why| md(why, 2_000));
                let by = md(resolved.by.name(), 100);
                self.unverified = (!resolved.verified).then(|| {
                    format!("Resolved by {by} while something was still open. Reason given: {why} {}", one.text())
                });
                self.status = one;
            }
            Event::Reopened(_) => {
                self.milestones.remove(&Milestone::Resolved);
                self.milestones.remove(&Milestone::Mitigated);
                self.status = one;
            }
            Event::Closed(_) => self.status.add(pos),
            Event::HandedOver(handed) => {
                self.roles.insert(Role::Commander.word(), (md(handed.to.name(), 100), one));
            }
            // Notes and runs have sections of their own; so has everything that is numbered.
            _ => {}
        }
    }
}

/// The events that state a milestone.
fn kinds(milestone: Milestone) -> &'static [&'static str] {
    match milestone {
        Milestone::Started | Milestone::Detected => &["incident.declared", "incident.milestone_set"],
        Milestone::Acknowledged => &["incident.acknowledged", "incident.milestone_set"],
        Milestone::Mitigated => &["incident.status_set", "incident.milestone_set"],
        Milestone::Resolved => &["incident.resolved", "incident.milestone_set"],
    }
}

/// What stands where the milestones are missing. Only a declaration always states when it was noticed.
fn missing(context: &Context<'_>, milestones: &[Milestone]) -> String {
    let kinds: Vec<&str> = milestones.iter().flat_map(|milestone| kinds(*milestone)).copied().collect();
    if milestones == [Milestone::Detected] { context.missing(&kinds) } else { context.perhaps_missing(&kinds) }
}

fn milestones(context: &Context<'_>, sources: &Sources) -> Vec<Row> {
    let about = |milestone| match milestone {
        Milestone::Started => "the impact began",
        Milestone::Detected => "it was noticed",
        Milestone::Acknowledged => "somebody took it on",
        Milestone::Mitigated => "the impact ended",
        Milestone::Resolved => "it was declared over",
    };
    let row = |milestone: Milestone| {
        let at = context.incident.as_ref().and_then(|state| state.milestones.get(&milestone).copied());
        Row {
            name: milestone.word().to_owned(),
            value: at.map_or_else(|| missing(context, &[milestone]), |at| time::moment(at, context.zone)),
            about: about(milestone).to_owned(),
            cites: at.and(sources.milestones.get(&milestone)).map_or(String::new(), Cites::text),
        }
    };
    Milestone::ALL.map(row).into()
}

fn measures(context: &Context<'_>, sources: &Sources) -> Vec<Row> {
    let row = |measure: Measure| {
        let (from, to) = measure.between();
        let interval = context.incident.as_ref().map(|state| state.measure(measure));
        let stand_in = interval.filter(|interval| interval.stand_in && interval.length.is_some());
        let from = stand_in.map_or(from, |interval| interval.from);
        let mut cites = Cites::default();
        let length = interval.and_then(|interval| interval.length);
        for milestone in [from, to] {
            if let (Some(_), Some(source)) = (length, sources.milestones.get(&milestone)) {
                cites.extend(source);
            }
        }
        let mut about = format!("{} → {}", from.word(), to.word());
        if stand_in.is_some() {
            about.push_str(", because the start is not recorded");
        }
        let value = match length {
            Some(length) if length < chrono::TimeDelta::zero() => {
                format!("contradictory: {} is recorded before {}", to.word(), from.word())
            }
            Some(length) => time::length(length),
            None => missing(context, &[from, to]),
        };
        Row { name: measure.word().to_owned(), value, about, cites: cites.text() }
    };
    Measure::ALL.map(row).into()
}
