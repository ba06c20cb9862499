//! Runbooks for a page: what each is for, how its runs went, whether it still fits the world.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::super::health::scenarios;
use super::super::library::{Library, Listed, Page};
use super::super::rehearsing::{FOLDER, Noted, Record};
use super::super::{Bot, Fault};
use super::runs::Line;
use crate::domain::runbook::fault::Fault as PageFault;
use crate::domain::runbook::model::Runbook;

/// Runs of a runbook that its page shows.
const RUNS: usize = 10;
/// After so long it is found out anew whether runbooks still fit.
const AGAIN: TimeDelta = TimeDelta::seconds(60);

/// How the runs of a runbook went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    /// The newest, the newest first.
    pub last: Vec<Arc<Line>>,
    /// How many are over.
    pub over: usize,
    /// How many of these succeeded.
    pub succeeded: usize,
}

impl Runs {
    /// Takes a run in; the newest comes first.
    fn take(&mut self, line: &Arc<Line>) {
        if self.last.len() < RUNS {
            self.last.push(line.clone());
        }
        if let Some((outcome, _)) = &line.outcome {
            self.over += 1;
            self.succeeded += usize::from(*outcome == crate::domain::run::event::Outcome::Succeeded);
        }
    }

    /// How many of those that are over succeeded, in whole percent.
    #[must_use]
    pub fn success(&self) -> Option<usize> {
        (self.over > 0).then(|| self.succeeded * 100 / self.over)
    }
}

/// A scenario, and how it was when it was last rehearsed here.
pub type Rehearsed = (String, Option<Noted>);

/// Whether runbooks still fit the world, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fitness {
    /// Why one needs somebody.
    pub stale: BTreeMap<String, String>,
    /// The scenarios of each.
    pub rehearsed: BTreeMap<String, Vec<Rehearsed>>,
    /// Why that cannot be said.
    pub unclear: Option<String>,
}

/// A runbook as a line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// What the runbook itself says.
    pub listed: Listed,
    /// Its runs.
    pub runs: Runs,
    /// Its scenarios.
    pub rehearsed: Vec<Rehearsed>,
    /// Why it needs somebody; none: it does not.
    pub stale: Option<String>,
}

/// All runbooks.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// By name.
    pub all: Vec<Book>,
    /// How many of the newest runs were looked at, and how many there are.
    pub looked_at: (usize, usize),
    /// Why nobody can say which of them need somebody.
    pub unclear: Option<String>,
}

/// One runbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// As a line of the list.
    pub book: Book,
    /// As it is written.
    pub page: Page,
    /// What it says, or what is wrong with it.
    pub read: Result<Runbook, Vec<PageFault>>,
    /// How many of the newest runs were looked at, and how many there are.
    pub looked_at: (usize, usize),
}

impl Bot {
    /// Every runbook as a line of a list. No scenario is played.
    ///
    /// # Errors
    /// The runbooks, the journal.
    pub async fn shelf(&self) -> Result<Shelf, Fault> {
        let (lines, all_runs) = self.newest_runs().await?;
        let mut runs: BTreeMap<&str, Runs> = BTreeMap::new();
        for line in lines.iter().filter(|line| !line.follow_up) {
            runs.entry(&line.runbook).or_default().take(line);
        }
        let fitness = self.fitness();
        let book = |listed: Listed| Book {
            runs: runs.remove(listed.id.as_str()).unwrap_or_default(),
            rehearsed: fitness.rehearsed.get(&listed.id).cloned().unwrap_or_default(),
            stale: fitness.stale.get(&listed.id).cloned(),
            listed,
        };
        let all = self.library.list()?.into_iter().map(book).collect();
        Ok(Shelf { all, looked_at: (lines.len(), all_runs), unclear: fitness.unclear.clone() })
    }

    /// One runbook; none where none is listed by that id.
    ///
    /// # Errors
    /// The runbooks, the journal.
    pub async fn opened_runbook(&self, id: &str) -> Result<Option<Opened>, Fault> {
        let Some(page) = self.library.listed_page(id)? else { return Ok(None) };
        let Shelf { all, looked_at, .. } = self.shelf().await?;
        let Some(book) = all.into_iter().find(|book| book.listed.id == id) else { return Ok(None) };
        let read = Library::parsed(&page);
        Ok(Some(Opened { book, page, read, looked_at }))
    }

    /// Whether runbooks still fit; found out anew once a minute at most, because every page and every scenario is read for it.
    fn fitness(&self) -> Arc<Fitness> {
        let now = self.clock.now();
        if let Some((at, known)) = &self.remembered.get().fitness
            && now - *at < AGAIN
        {
            return known.clone();
        }
        let (stale, stale_unclear) = told(self.going_stale());
        let (rehearsed, rehearsed_unclear) = told(self.rehearsed());
        let stale = stale.into_iter().collect();
        let found = Arc::new(Fitness { stale, rehearsed, unclear: stale_unclear.or(rehearsed_unclear) });
        self.remembered.get().fitness = Some((now, found.clone()));
        found
    }

    /// Scenarios by the id of the runbook that they play.
    fn rehearsed(&self) -> Result<BTreeMap<String, Vec<Rehearsed>>, Fault> {
        let record = Record::read();
        let mut by_page: BTreeMap<String, Vec<Rehearsed>> = BTreeMap::new();
        for (name, page) in self.library.with_folder(|folder| scenarios(&folder.join(FOLDER)))?? {
            let noted = record.of(&name).cloned();
            by_page.entry(page).or_default().push((name, noted));
        }
        // Scenarios name a page by its file, lists by its id.
        self.library.by_id(by_page)
    }
}

/// What could be found out, or why not: the list is there all the same.
fn told<T: Default>(found: Result<T, Fault>) -> (T, Option<String>) {
    match found {
        Ok(found) => (found, None),
        Err(fault) => (T::default(), Some(fault.to_string())),
    }
}
