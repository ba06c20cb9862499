//! Whether runbooks still fit the world: rehearsed lately, every branch tried, targets there, runs that went well.
//!
//! Lives here: bringing together what rehearsals, the inventory and the journal say of a page, and what of it needs
//! somebody. Never lives here: how it looks (`chat`), playing (`rehearsal`).

use std::collections::BTreeSet;
use std::path::Path;

use chrono::TimeDelta;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::grammar::{Check, Health as Asked};
use super::rehearsing::{FOLDER, Noted, Record};
use super::{Bot, Fault};
use crate::base::event::{Instant, RunId};
use crate::base::text::one_line;
use crate::domain::run::event::Outcome;
use crate::rehearsal::branches::{Branch, Branches};
use crate::rehearsal::rehearse;
use crate::rehearsal::scenario::{Loaded, list, load};
use crate::view::time;

/// A rehearsal that is longer ago says little of how things are now.
const STALE: TimeDelta = TimeDelta::days(90);

/// How a runbook is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Health {
    /// Its id.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// Its scenarios, by name.
    pub scenarios: Vec<Rehearsal>,
    /// How many branches it has.
    pub branches: usize,
    /// Those that no scenario takes, in the order of the page.
    pub untaken: Vec<Branch>,
    /// Targets that the page names and the inventory does not have, a sentence each.
    pub unresolved: Vec<String>,
    /// The last of its runs.
    pub last_run: Option<LastRun>,
    /// Its runs that are over.
    pub runs: usize,
    /// Of these, how many failed.
    pub failed: usize,
    /// What needs somebody, a sentence each; empty: nothing does.
    pub attention: Vec<String>,
}

/// A scenario as it is now and as it was when it was last rehearsed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rehearsal {
    /// Its name.
    pub name: String,
    /// When it was last rehearsed with `rundown rehearse`, and whether it passed.
    pub last: Option<Noted>,
    /// Whether the page has changed since it last passed there.
    pub changed_since: bool,
    /// What differs when it is played now.
    pub differences: Vec<String>,
    /// Why it cannot be played.
    pub faulty: Option<String>,
}

/// A run as far as health goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastRun {
    /// Which.
    pub run: RunId,
    /// When it began.
    pub at: Instant,
    /// `succeeded`, `failed`, …, `open`.
    pub outcome: String,
}

impl Bot {
    /// Looks at one runbook, or at all of them. Every scenario is played anew, in virtual time; nothing is written.
    ///
    /// # Errors
    /// No such runbook, scenarios that cannot be read, the journal.
    pub async fn health(&self, asked: &Asked) -> Result<Vec<Health>, Fault> {
        let named: Vec<String> = asked.runbook.iter().cloned().collect();
        let checks = self.library().check(&Check { paths: named, env: asked.env.clone() })?;
        let listed = self.library().list()?;
        let record = Record::read();
        let scenarios = self.library().with_folder(|folder| played(&folder.join(FOLDER)))??;
        let mut all = Vec::new();
        for check in &checks.pages {
            let id = runbook_id(&check.page.source).unwrap_or_else(|| check.page.name.clone());
            let title = listed.iter().find(|one| one.id == id).map_or_else(|| id.clone(), |one| one.title.clone());
            let unresolved: BTreeSet<&str> = check
                .faults
                .iter()
                .filter(|fault| fault.code == "unknown-target")
                .map(|fault| fault.message.as_str())
                .collect();
            let mut health = Health {
                runbook: id.clone(),
                title,
                unresolved: unresolved.into_iter().map(str::to_owned).collect(),
                ..Health::default()
            };
            if check.faults.len() > health.unresolved.len() {
                let faults = check.faults.len();
                health
                    .attention
                    .push(format!("the page has {faults} faults; `rundown check {}` prints them", check.page.file));
            }
            rehearsals(&mut health, &check.page.name, &scenarios, &record);
            self.runs_of(&mut health).await?;
            judge(&mut health);
            all.push(health);
        }
        Ok(all)
    }

    /// Runbooks that need somebody, with why, without playing anything: their faults, and scenarios whose last rehearsal differed, was of
    /// another text, or is long ago. Where nobody has ever rehearsed, that alone is no news.
    ///
    /// # Errors
    /// Runbooks or scenarios that cannot be read.
    pub(super) fn going_stale(&self) -> Result<Vec<(String, String)>, Fault> {
        let checks = self.library().check(&Check { paths: Vec::new(), env: None })?;
        let record = Record::read();
        let scenarios = self.library().with_folder(|folder| scenarios(&folder.join(FOLDER)))??;
        let now = self.clock.now();
        let mut found = Vec::new();
        for check in &checks.pages {
            let id = runbook_id(&check.page.source).unwrap_or_else(|| check.page.name.clone());
            let mut why = Vec::new();
            match check.faults.len() {
                0 => {}
                1 => why.push("the page has a fault".to_owned()),
                faults => why.push(format!("the page has {faults} faults")),
            }
            let digest = hex::encode(Sha256::digest(check.page.source.as_bytes()));
            let own = scenarios.iter().filter(|(_, page)| *page == check.page.name);
            let noted: Vec<Option<&Noted>> = own.map(|(name, _)| record.of(name)).collect();
            let rehearsed: Vec<&Noted> = noted.iter().copied().flatten().collect();
            let changed = |one: &&Noted| one.passed_with.as_ref().is_some_and(|was| *was != digest);
            if rehearsed.iter().any(|one| !one.ok) {
                why.push("it differed from its scenarios when last rehearsed".to_owned());
            } else if rehearsed.iter().any(changed) {
                why.push("the page changed since its last rehearsal".to_owned());
            } else if let Some(old) = rehearsed.iter().map(|one| one.at).min().filter(|at| now - *at > STALE) {
                why.push(format!("last rehearsed {} ago", time::length(TimeDelta::days((now - old).num_days()))));
            }
            if !record.is_empty() && noted.iter().any(Option::is_none) {
                why.push("never rehearsed here".to_owned());
            }
            if !why.is_empty() {
                found.push((id, why.join("; ")));
            }
        }
        Ok(found)
    }

    async fn runs_of(&self, health: &mut Health) -> Result<(), Fault> {
        for info in self.engine()?.runs(false).await? {
            // A run whose plan was erased can no longer be read; it counts for nothing.
            let Ok(run) = self.engine()?.run_state(&info.id).await else { continue };
            if run.plan.runbook != health.runbook || run.opened.follow_up {
                continue;
            }
            let outcome = run.outcome();
            health.runs += usize::from(outcome.is_some());
            health.failed += usize::from(outcome == Some(Outcome::Failed));
            let outcome = outcome.map_or("open", Outcome::word).to_owned();
            health.last_run = Some(LastRun { run: info.id, at: run.opened_at, outcome });
        }
        Ok(())
    }
}

/// Scenarios by name, with the name of the page each plays.
pub(super) fn scenarios(folder: &Path) -> Result<Vec<(String, String)>, Fault> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let usage = |error: crate::rehearsal::scenario::ScenarioError| Fault::Usage(error.to_string());
    let loaded = list(folder).map_err(usage)?.into_iter().map(|path| load(&path).map_err(usage));
    loaded.map(|loaded| loaded.map(|loaded| (loaded.name.clone(), stem(&loaded)))).collect()
}

/// A scenario that was played for this.
struct Played {
    name: String,
    page: String,
    result: Result<Outcomes, String>,
}

struct Outcomes {
    digest: String,
    branches: Branches,
    differences: Vec<String>,
}

fn played(folder: &Path) -> Result<Vec<Played>, Fault> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let usage = |error: crate::rehearsal::scenario::ScenarioError| Fault::Usage(error.to_string());
    let mut all = Vec::new();
    for path in list(folder).map_err(usage)? {
        let loaded = load(&path).map_err(usage)?;
        let page = stem(&loaded);
        let result = rehearse(&loaded).map_err(|error| one_line(&error.to_string(), 200));
        let result =
            result.map(|one| Outcomes { digest: one.digest, branches: one.branches, differences: one.differences });
        all.push(Played { name: loaded.name, page, result });
    }
    Ok(all)
}

fn stem(loaded: &Loaded) -> String {
    loaded.runbook.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The id in the front matter; the file's name stands for it where there is none.
fn runbook_id(source: &str) -> Option<String> {
    let front = source.strip_prefix("---")?.split("\n---").next()?;
    let line = front.lines().find_map(|line| line.strip_prefix("id:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|id| !id.is_empty())
}

fn rehearsals(health: &mut Health, page: &str, all: &[Played], record: &Record) {
    let mut branches = Branches::default();
    for one in all.iter().filter(|one| one.page == page) {
        let noted = record.of(&one.name);
        let (differences, changed, faulty) = match &one.result {
            Ok(outcomes) => {
                branches.join(outcomes.branches.clone());
                let changed =
                    noted.and_then(|noted| noted.passed_with.as_ref()).is_some_and(|was| *was != outcomes.digest);
                (outcomes.differences.clone(), changed, None)
            }
            Err(why) => (Vec::new(), false, Some(why.clone())),
        };
        let last = noted.cloned();
        health.scenarios.push(Rehearsal { name: one.name.clone(), last, changed_since: changed, differences, faulty });
    }
    health.branches = branches.all.len();
    health.untaken = branches.untaken().into_iter().cloned().collect();
}

/// What needs somebody. Branches that no scenario takes do not by themselves: which of them matter, people know.
fn judge(health: &mut Health) {
    let names = |those: Vec<&Rehearsal>| those.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    let picked = |fits: &dyn Fn(&Rehearsal) -> bool| names(health.scenarios.iter().filter(|one| fits(one)).collect());
    let differ = picked(&|one| !one.differences.is_empty());
    let changed = picked(&|one| one.differences.is_empty() && one.changed_since);
    let never = picked(&|one| one.last.is_none());
    let faulty = picked(&|one| one.faulty.is_some());
    let failed = picked(&|one| {
        one.faulty.is_none() && one.differences.is_empty() && one.last.as_ref().is_some_and(|last| !last.ok)
    });
    let mut found = Vec::new();
    if health.scenarios.is_empty() {
        found.push("no scenario rehearses it".to_owned());
    } else if health.scenarios.iter().all(|one| one.last.is_none()) {
        found.push("never rehearsed here; `rundown rehearse --all` does".to_owned());
    } else if !never.is_empty() {
        found.push(format!("never rehearsed here: {never}"));
    }
    for (what, who) in [
        ("cannot be played, because of the page or of the scenario itself", faulty),
        ("differs from what it expects", differ),
        ("differed when last rehearsed; it does not now, rehearse it again", failed),
        ("the page changed since it last passed; rehearse it again", changed),
    ] {
        if !who.is_empty() {
            found.push(format!("{what}: {who}"));
        }
    }
    found.extend(health.unresolved.iter().map(|text| format!("a target is missing: {text}")));
    health.attention.extend(found);
}
