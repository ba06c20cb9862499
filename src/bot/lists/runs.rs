//! Runs in a list: what a line says of one, and a page of them.

use std::sync::Arc;

use chrono::TimeDelta;

use super::super::waiting::waiting;
use super::super::{Bot, Fault};
use super::{REMEMBERED, readable};
use crate::base::event::{IncidentId, Instant, Person, RunId};
use crate::base::text::one_line;
use crate::domain::run::event::Outcome;
use crate::domain::run::state::{Progress, State};
use crate::engine::{Glance, Stand};

/// Runs on one page.
pub const PAGE: usize = 50;
/// Runs that are looked at for one page, however few of them are meant.
pub const LOOKED_AT: usize = 200;
/// Open runs that are shown, the newest.
pub const OPEN: usize = 100;
/// Of what waits, so many characters are kept.
const WORDS: usize = 160;

/// A run as a line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which.
    pub id: RunId,
    /// What it runs.
    pub runbook: String,
    /// That one's title as it was.
    pub title: String,
    /// Where.
    pub environment: String,
    /// For which incident.
    pub incident: IncidentId,
    /// Who started it.
    pub by: Person,
    /// Whether it began by itself after another one.
    pub follow_up: bool,
    /// When it began.
    pub opened_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// How it ended, and why.
    pub outcome: Option<(Outcome, String)>,
    /// Whether it is about to end: what was under way comes to its end, and cleanup runs.
    pub ending: bool,
    /// Who holds it up.
    pub paused: Option<Person>,
    /// What it does, or waits for.
    pub doing: Vec<Doing>,
}

/// What an open run does, or waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Doing {
    /// The heading of the step.
    pub step: String,
    /// What, in a few words.
    pub words: String,
    /// Since when.
    pub since: Option<Instant>,
    /// Until when.
    pub until: Option<Instant>,
    /// Whether a person is to answer.
    pub asks: bool,
}

impl Line {
    fn of(glance: &Glance) -> Self {
        let state = &glance.state;
        let outcome = match &state.progress {
            Progress::Over { outcome, why } => Some((*outcome, one_line(why, WORDS))),
            _ => None,
        };
        Self {
            id: state.id.clone(),
            runbook: state.plan.runbook.clone(),
            title: one_line(&state.plan.title, WORDS),
            environment: state.opened.environment.clone(),
            incident: state.opened.incident.clone(),
            by: state.opened.by.clone(),
            follow_up: state.opened.follow_up,
            opened_at: state.opened_at,
            ended_at: glance.ended_at,
            outcome,
            ending: matches!(state.progress, Progress::Ending { .. }),
            paused: state.paused.clone().filter(|_| !state.is_over()),
            doing: doing(state),
        }
    }

    /// How long it took; nothing while it goes on.
    #[must_use]
    pub fn took(&self) -> Option<TimeDelta> {
        Some(self.ended_at? - self.opened_at)
    }

    /// How it stands, in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.outcome {
            Some((outcome, _)) => outcome.word(),
            None if self.paused.is_some() => "paused",
            None if self.doing.iter().any(|one| one.asks) => "waiting",
            None if self.ending => "ending",
            None => "running",
        }
    }
}

/// Everything that goes on, the main step first.
fn doing(state: &State) -> Vec<Doing> {
    if state.is_over() || state.paused.is_some() {
        return Vec::new();
    }
    let waits = waiting(state);
    let one = |position: usize| {
        let step = state.step(position);
        let at = &state.steps[position];
        let (title, since) = (one_line(&step.title, WORDS), at.started_at);
        match waits.iter().find(|waits| waits.step == step.id) {
            Some(waits) => Doing {
                step: title,
                words: waits.short(WORDS),
                since,
                until: waits.until,
                asks: at.stage.waits_for_human(),
            },
            None => Doing {
                step: title,
                words: at.stage.name().to_owned(),
                since,
                until: at.stage.deadline().or(match at.stage {
                    crate::domain::run::state::Stage::Watching { until } => Some(until),
                    _ => None,
                }),
                asks: false,
            },
        }
    };
    state.active().map(one).collect()
}

/// Which runs are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this runbook.
    pub runbook: Option<String>,
    /// That stand like this: `open`, or the word of an outcome.
    pub standing: Option<String>,
    /// With this text in their title, runbook, incident, starter or id.
    pub text: Option<String>,
}

impl Filter {
    fn fits(&self, line: &Line) -> bool {
        let standing = |asked: &String| match &line.outcome {
            None => asked == "open",
            Some((outcome, _)) => asked == outcome.word(),
        };
        let holds = |asked: &String| {
            let asked = asked.to_lowercase();
            let fields = [&line.title, &line.runbook, line.incident.as_str(), line.by.name(), line.id.as_str()];
            fields.iter().any(|field| field.to_lowercase().contains(&asked))
        };
        self.runbook.as_ref().is_none_or(|asked| *asked == line.runbook)
            && self.standing.as_ref().is_none_or(standing)
            && self.text.as_ref().is_none_or(holds)
    }
}

/// A page of runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Those that go on, the newest first; only on the first page.
    pub open: Vec<Arc<Line>>,
    /// Those that are over, the newest first.
    pub over: Vec<Arc<Line>>,
    /// How many older ones go on that were not looked at.
    pub open_older: usize,
    /// How many there are in all, of whatever kind.
    pub all: usize,
    /// How many were looked at.
    pub looked_at: usize,
    /// How many of these cannot be read any more.
    pub unreadable: usize,
    /// Where the next page begins: runs before this number. None: there are no older ones.
    pub older: Option<u64>,
}

impl Bot {
    /// Runs that fit: those that go on, then the newest of those that are over, or those before a number.
    ///
    /// At most [`LOOKED_AT`] that are over are looked at.
    ///
    /// # Errors
    /// The journal.
    pub async fn run_lines(&self, filter: &Filter, before: Option<u64>) -> Result<Runs, Fault> {
        let mut found = Runs::default();
        let (erasures, stands) = self.run_stands().await?;
        found.all = stands.len();
        if before.is_none() {
            found.open_older = stands.iter().filter(|stand| stand.open).count().saturating_sub(OPEN);
            for stand in stands.iter().rev().filter(|stand| stand.open).take(OPEN) {
                match self.run_line(erasures, stand).await? {
                    Some(line) if filter.fits(&line) => found.open.push(line),
                    Some(_) => {}
                    None => found.unreadable += 1,
                }
            }
        }
        let over = stands.iter().rev().filter(|stand| !stand.open && before.is_none_or(|before| stand.number < before));
        for stand in over {
            if found.looked_at == LOOKED_AT || found.over.len() == PAGE {
                // What is next is older than the last one that was looked at.
                found.older = Some(stand.number + 1);
                break;
            }
            found.looked_at += 1;
            match self.run_line(erasures, stand).await? {
                Some(line) if filter.fits(&line) => found.over.push(line),
                Some(_) => {}
                None => found.unreadable += 1,
            }
        }
        Ok(found)
    }

    /// The newest runs, open or over, the newest first: at most [`LOOKED_AT`] of those there are.
    ///
    /// # Errors
    /// The journal.
    pub async fn newest_runs(&self) -> Result<(Vec<Arc<Line>>, usize), Fault> {
        let (erasures, stands) = self.run_stands().await?;
        let mut lines = Vec::new();
        for stand in stands.iter().rev().take(LOOKED_AT) {
            lines.extend(self.run_line(erasures, stand).await?);
        }
        Ok((lines, stands.len()))
    }

    /// One run as a line; none where there is none, or it cannot be read.
    ///
    /// # Errors
    /// The journal.
    pub async fn run_line_of(&self, run: &RunId) -> Result<Option<Arc<Line>>, Fault> {
        let (erasures, stands) = self.run_stands().await?;
        match stands.iter().find(|stand| stand.id == *run) {
            Some(stand) => self.run_line(erasures, stand).await,
            None => Ok(None),
        }
    }

    /// How far every run got, and how many erasures there were before that was read.
    async fn run_stands(&self) -> Result<(u64, Vec<Stand<RunId>>), Fault> {
        if !self.has_record() {
            return Ok((0, Vec::new()));
        }
        let engine = self.engine()?;
        let erasures = engine.erasures().await?;
        self.remembered.as_of(erasures);
        Ok((erasures, engine.run_stands().await?))
    }

    async fn run_line(&self, erasures: u64, stand: &Stand<RunId>) -> Result<Option<Arc<Line>>, Fault> {
        let known = self.remembered.get().runs.get(&stand.id).filter(|(seen, _)| *seen == stand.events).cloned();
        if let Some((_, line)) = known {
            return Ok(line);
        }
        let line = readable(self.engine()?.run_glance(&stand.id).await)?.map(|glance| Arc::new(Line::of(&glance)));
        if let Some(mut kept) = self.remembered.still(erasures) {
            if kept.runs.len() >= REMEMBERED {
                kept.runs.clear();
            }
            kept.runs.insert(stand.id.clone(), (stand.events, line.clone()));
        }
        Ok(line)
    }
}
