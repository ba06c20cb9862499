//! Rehearsals: which scenarios, played and compared, and where their postmortems go.
//!
//! Lives here: finding scenarios in the runbooks' folder, or in the copy inside the program. Never lives here: playing
//! (`rehearsal`).

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::grammar::Rehearse;
use super::library::Library;
use super::{Bot, Fault};
use crate::base::event::Instant;
use crate::base::text::nearest;
use crate::rehearsal::scenario::{ScenarioError, list, load};
use crate::rehearsal::{Played, RehearsalError, live, rehearse};

/// Where scenarios are, beside the runbooks.
pub(super) const FOLDER: &str = "rehearsals";
/// The scenario that shows the whole way, for those who name none.
const FIRST: &str = "server-limit";
/// How many times as fast as the wall time passes in a live rehearsal, and in one in which somebody takes part: they have to find
/// the button.
const SPEED: u32 = 60;
const BY_HAND: u32 = 10;
/// Where postmortems of rehearsals go.
const WRITTEN: &str = ".rundown/rehearsals";

/// When scenarios were last rehearsed, in that folder.
const RECORD: &str = "record.json";

/// What came of rehearsing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// The scenarios that there are: name and title.
    List(Vec<(String, String)>),
    /// One, with where its postmortem is.
    One(Box<Played>, String),
    /// Several.
    Several(Vec<Played>),
    /// One whose lines were told while it was played, with where its postmortem is.
    Told(Box<Played>, String),
}

impl Rehearsed {
    /// Whether everything is as its scenario expects.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::One(played, _) | Self::Told(played, _) => played.is_ok(),
            Self::Several(all) => all.iter().all(Played::is_ok),
        }
    }
}

/// When scenarios were last rehearsed, in a file of its own: a rehearsal opens no journal, so that it runs anywhere, and is
/// no fact about an incident. What a file says that is gone is said again by the next rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record(BTreeMap<String, Noted>);

/// A scenario's last rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// When.
    pub at: Instant,
    /// Whether all was as expected.
    pub ok: bool,
    /// Hex of the SHA-256 of the page with which it last passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_with: Option<String>,
}

impl Record {
    /// What was noted so far; nothing where there is no file, or one that cannot be read.
    #[must_use]
    pub fn read() -> Self {
        let text = std::fs::read(Path::new(WRITTEN).join(RECORD)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// A scenario's last rehearsal.
    #[must_use]
    pub fn of(&self, scenario: &str) -> Option<&Noted> {
        self.0.get(scenario)
    }

    /// Whether nothing was ever rehearsed here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what was played. A folder that cannot be written (a read-only checkout) does not make a rehearsal fail.
    fn note<'a>(played: impl Iterator<Item = &'a Played>, now: Instant) {
        let mut record = Self::read();
        for one in played {
            let before = record.0.remove(&one.name).and_then(|noted| noted.passed_with);
            let passed_with = if one.is_ok() { Some(one.digest.clone()) } else { before };
            record.0.insert(one.name.clone(), Noted { at: now, ok: one.is_ok(), passed_with });
        }
        let folder = Path::new(WRITTEN);
        let beside = folder.join(format!("{RECORD}.{}", std::process::id()));
        let written = serde_json::to_vec_pretty(&record).map_err(std::io::Error::other).and_then(|text| {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&beside, text)?;
            std::fs::rename(&beside, folder.join(RECORD))
        });
        if let Err(error) = written {
            tracing::warn!(%error, "when it was rehearsed could not be noted");
        }
    }
}

/// Plays scenarios in virtual time. Opens no journal, reaches nothing outside.
///
/// # Errors
/// No such scenario, one that cannot be played, a postmortem that cannot be written.
pub fn rehearsals(library: &Library, asked: &Rehearse, now: Instant) -> Result<Rehearsed, Fault> {
    library.with_folder(|folder| play(&folder.join(FOLDER), asked, now))?
}

fn play(folder: &Path, asked: &Rehearse, now: Instant) -> Result<Rehearsed, Fault> {
    let paths = list(folder).map_err(usage)?;
    if asked.list {
        let listed =
            paths.iter().map(|path| load(path).map(|loaded| (loaded.name.clone(), loaded.scenario.title.clone())));
        return Ok(Rehearsed::List(listed.collect::<Result<_, _>>().map_err(usage)?));
    }
    let chosen = choose(folder, paths, asked)?;
    let mut played = Vec::new();
    for path in &chosen {
        played.push(rehearse(&load(path).map_err(usage)?).map_err(failed)?);
    }
    note(folder, &chosen, &played, now);
    if played.len() == 1
        && !asked.all
        && let Some(only) = played.pop()
    {
        let written = write(&only)?;
        return Ok(Rehearsed::One(Box::new(only), written));
    }
    Ok(Rehearsed::Several(played))
}

/// Pages over a rehearsal. They are served until this is dropped.
pub struct Shown {
    /// Where they are, without a slash at its end.
    pub address: String,
    /// What is said of them, a line each: a link in it signs whoever opens it in, once.
    pub lines: Vec<String>,
    /// What serves them.
    pub serving: Box<dyn Any + Send>,
}

impl Bot {
    /// Plays scenarios over real sockets on this machine, one after the other. `tell` gets a line for each thing that happens, as
    /// it happens; of several scenarios, only the lines that say where each is served. Reaches nothing outside. Where there
    /// is one scenario, pages are opened over it, for `myself`; the part of the person whom somebody `plays` is left to them.
    ///
    /// # Errors
    /// As [`rehearsals`]; a scenario that cannot be had over sockets; nobody is called that in it; no free port.
    pub async fn rehearse_live(
        &self,
        asked: &Rehearse,
        (plays, myself): (Option<&str>, &str),
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Rehearsed, Option<Shown>), Fault> {
        let (folder, chosen, set_up) = self.library.with_folder(|folder| {
            let folder = folder.join(FOLDER);
            let chosen = choose(&folder, list(&folder).map_err(usage)?, asked)?;
            let plays = plays.filter(|_| chosen.len() == 1 && !asked.all);
            let speed = asked.speed.unwrap_or(if plays.is_some() { BY_HAND } else { SPEED });
            let set_up = chosen.iter().map(|path| live::set_up(&load(path).map_err(usage)?, speed).map_err(failed));
            let set_up = set_up.collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Fault>((folder, chosen, set_up))
        })??;
        let (now, only) = (self.clock.now(), set_up.len() == 1 && !asked.all);
        let (mut played, mut shown) = (Vec::new(), None);
        for one in set_up {
            if only {
                played.push(self.play_shown(one, (plays, myself), &mut shown, tell).await?);
            } else {
                one.head().iter().for_each(|line| tell(line));
                played.push(one.play(&mut |_| ()).await.map_err(failed)?);
            }
        }
        note(&folder, &chosen, &played, now);
        if only && let Some(only) = played.pop() {
            let written = write(&only)?;
            return Ok((Rehearsed::Told(Box::new(only), written), shown));
        }
        Ok((Rehearsed::Several(played), None))
    }

    async fn play_shown(
        &self,
        one: live::Live,
        (plays, myself): (Option<&str>, &str),
        shown: &mut Option<Shown>,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Played, Fault> {
        if let Some(name) = plays
            && !one.people().contains(name)
        {
            let people = one.people().into_iter().collect::<Vec<_>>().join(", ");
            let name = crate::base::text::one_line(name, 60);
            return Err(Fault::Usage(format!("nobody is called '{name}' in this scenario; there are {people}")));
        }
        one.head().iter().for_each(|line| tell(line));
        let mut enters = |scene| {
            let mut lines = Vec::new();
            match self.shows.as_ref().map(|shows| shows(scene, plays.unwrap_or(myself))) {
                Some(Ok(pages)) => {
                    lines.extend(pages.lines.iter().cloned());
                    *shown = Some(pages);
                }
                // It is played all the same: pages are there to look at.
                Some(Err(why)) => lines.push(format!("no pages: {why}")),
                None => {}
            }
            lines.extend(plays.map(|name| format!("you play {name}: what {name} is asked is left to you")));
            lines.push(String::new());
            lines
        };
        let audience = live::Audience { plays: plays.map(str::to_owned), enters: &mut enters };
        one.play_before(audience, tell).await.map_err(failed)
    }
}

/// The scenarios that are meant.
fn choose(folder: &Path, paths: Vec<PathBuf>, asked: &Rehearse) -> Result<Vec<PathBuf>, Fault> {
    if asked.all {
        return Ok(paths);
    }
    if asked.names.is_empty() {
        let first = paths.iter().find(|path| stem(path) == FIRST).or(paths.first()).cloned();
        let nothing = || Fault::Usage(format!("there are no scenarios in {}", folder.display()));
        return Ok(vec![first.ok_or_else(nothing)?]);
    }
    asked.names.iter().map(|name| find(&paths, name)).collect()
}

/// Notes the scenarios of the runbooks' folder; others have no name there.
fn note(folder: &Path, chosen: &[PathBuf], played: &[Played], now: Instant) {
    // What people did by hand says nothing about the runbook.
    let stock =
        chosen.iter().zip(played).filter(|(path, played)| path.parent() == Some(folder) && played.by_hand.is_none());
    Record::note(stock.map(|(_, played)| played), now);
}

fn find(paths: &[PathBuf], name: &str) -> Result<PathBuf, Fault> {
    if let Some(path) = paths.iter().find(|path| stem(path) == name) {
        return Ok(path.clone());
    }
    if Path::new(name).is_file() {
        return Ok(name.into());
    }
    let names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    let hint = nearest(name, names.iter().map(String::as_str)).map_or_else(
        || "; `rundown rehearse --list` lists them".to_owned(),
        |near| format!("; did you mean '{near}'?"),
    );
    Err(Fault::Usage(format!("there is no scenario '{}'{hint}", crate::base::text::one_line(name, 60))))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes the postmortem and its charts; says where the page is.
fn write(played: &Played) -> Result<String, Fault> {
    let folder = Path::new(WRITTEN).join(&played.name);
    let cannot = |error: std::io::Error| Fault::Failed(format!("{} cannot be written: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    for (name, chart) in &played.charts {
        std::fs::write(folder.join(name), chart).map_err(cannot)?;
    }
    let page = folder.join("postmortem.md");
    std::fs::write(&page, &played.postmortem).map_err(cannot)?;
    Ok(page.display().to_string())
}

fn usage(error: ScenarioError) -> Fault {
    Fault::Usage(error.to_string())
}

fn failed(error: RehearsalError) -> Fault {
    match error {
        RehearsalError::Scenario(_) | RehearsalError::Faulty(_) => Fault::Usage(error.to_string()),
        RehearsalError::Engine(_) | RehearsalError::Report(_) | RehearsalError::NoSocket(_) => {
            Fault::Failed(error.to_string())
        }
    }
}
