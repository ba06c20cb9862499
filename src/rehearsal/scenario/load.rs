//! Reading scenario files.
//!
//! Lives here: files, limits, positions of mistakes, and mistakes that the shape does not show (a state nobody declared, a
//! service that does not exist). Never lives here: the runbook and the inventory that a scenario names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Does, Fault, Needs, Scenario, Trigger, World};
use crate::base::text::{nearest, one_line};
use crate::domain::incident::event::Status;

/// Of one file.
const LARGEST_FILE: u64 = 1024 * 1024;
/// In one directory.
const MOST_SCENARIOS: usize = 1_000;

/// Why a scenario cannot be played. The text says where and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ScenarioError {
    /// `path:line:column`, or the path alone.
    pub place: String,
    /// A sentence.
    pub message: String,
}

impl ScenarioError {
    /// Something about a whole file.
    #[must_use]
    pub fn of(path: &Path, message: impl Into<String>) -> Self {
        Self { place: path.display().to_string(), message: message.into() }
    }
}

/// A scenario with the places that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its name: that of the file, without the ending.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says; its world is complete.
    pub scenario: Scenario,
    /// The page.
    pub runbook: PathBuf,
    /// The inventory.
    pub targets: PathBuf,
}

/// Reads one scenario.
///
/// # Errors
/// The file cannot be read, is no scenario, or contradicts itself.
pub fn load(path: &Path) -> Result<Loaded, ScenarioError> {
    let mut scenario: Scenario = parse(path)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    if let Some(base) = &scenario.base {
        let base: World = parse(&directory.join(base))?;
        scenario.world = std::mem::take(&mut scenario.world).over(base);
    }
    let mut mistakes = mistakes(&scenario);
    if !mistakes.is_empty() {
        mistakes.dedup();
        return Err(ScenarioError::of(path, mistakes.join("\n  ")));
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (runbook, targets) = (directory.join(&scenario.runbook), directory.join(&scenario.targets));
    Ok(Loaded { name, path: path.to_owned(), scenario, runbook, targets })
}

/// The scenarios of a directory, by name. Files in directories below it are not scenarios.
///
/// # Errors
/// The directory cannot be read.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let unreadable = |error: std::io::Error| ScenarioError::of(directory, format!("cannot be read: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && path.is_file() {
            found.push(path);
        }
        if found.len() > MOST_SCENARIOS {
            return Err(ScenarioError::of(directory, format!("holds more than {MOST_SCENARIOS} scenarios")));
        }
    }
    found.sort();
    Ok(found)
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, ScenarioError> {
    let unreadable = |error: std::io::Error| ScenarioError::of(path, format!("cannot be read: {error}"));
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(ScenarioError::of(path, "is larger than 1 MiB, which no scenario is"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 50_000, max_documents: 1, },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let place = error.location().map_or_else(
            || path.display().to_string(),
            |at| format!("{}:{}:{}", path.display(), at.line(), at.column()),
        );
        let whole = error.without_snippet().to_string();
        let message = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(message, _)| message);
        ScenarioError { place, message: one_line(message, 300) }
    })
}

/// Everything that contradicts itself, a sentence each.
fn mistakes(scenario: &Scenario) -> Vec<String> {
    let world = &scenario.world;
    let mut found = Vec::new();
    for (what, needs) in all_needs(world) {
        for (name, words) in &needs.0 {
            match name.strip_prefix("service.") {
                Some(service) => service_exists(world, service, &what, &mut found),
                None => state_exists(world, name, &what, &mut found),
            }
            if words.split('|').any(|word| word.trim().is_empty()) {
                found.push(format!("{what}: '{name}' must be something"));
            }
        }
    }
    for (what, name) in all_sets(scenario) {
        state_exists(world, name, &what, &mut found);
    }
    for (what, service) in all_services(scenario) {
        service_exists(world, service, &what, &mut found);
    }
    for (name, site) in &world.sites {
        if site.url.is_none() {
            found.push(format!("site '{name}' has no url"));
        }
    }
    for rule in &world.logs {
        if rule.every.is_none() && rule.at.is_empty() {
            found.push(format!("the log of '{}' needs `every` or `at`", rule.service));
        }
    }
    for reply in world.sites.values().flat_map(|site| &site.replies) {
        for vary in reply.vary.values() {
            if let super::Vary::Recorded { since, .. } = vary {
                state_exists(world, since, &format!("the reply to {}", reply.to), &mut found);
            }
        }
    }
    for fault in &scenario.faults {
        if let Fault::Call(call) = fault {
            let named = [call.http.is_some(), call.railway.is_some(), call.redis.is_some(), call.exec.is_some()];
            if named.into_iter().filter(|named| *named).count() != 1 {
                found.push("a fault of a call names exactly one of http, railway, redis and exec".to_owned());
            }
        }
    }
    found.extend(scenario.people.iter().filter_map(part_mistake));
    found
}

/// The status of that name.
pub(in crate::rehearsal) fn status(word: &str) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status.word() == word)
}

fn part_mistake(part: &super::Part) -> Option<String> {
    let who = &part.who;
    let needs_why = matches!(part.does, Does::BreakGlass | Does::Override) && part.why.is_none();
    match &part.does {
        _ if needs_why => Some(format!("{who} needs a reason for that: add `why`")),
        Does::Status(word) if status(word).is_none() => Some(format!("there is no status '{word}'")),
        Does::Redo(_) | Does::Pause | Does::Resume | Does::Cancel | Does::Note(_) | Does::Status(_)
            if part.on.is_none() =>
        {
            Some(format!("{who} answers no question with that: say with `on` what it follows"))
        }
        Does::Redo(_) | Does::Pause | Does::Resume | Does::Cancel | Does::Note(_) | Does::Status(_) => None,
        Does::Tick(_) | Does::Resolve => None,
        _ if part.step.is_none() => Some(format!("what {who} does needs a `step`")),
        _ => None,
    }
}

fn all_needs(world: &World) -> Vec<(String, &Needs)> {
    let moves = world.moves.iter().flat_map(|one| {
        let trigger = if let Trigger::State(needs) = &one.on { Some(needs) } else { None };
        [Some(&one.when), trigger].into_iter().flatten().map(|needs| ("a move".to_owned(), needs))
    });
    let replies = world.sites.values().flat_map(|site| &site.replies);
    let replies = replies.map(|reply| (format!("the reply to {}", reply.to), &reply.when));
    let views = world
        .redis
        .iter()
        .flat_map(|(name, server)| server.shows.iter().map(move |view| (format!("redis '{name}'"), &view.when)));
    let crashes = world
        .services
        .iter()
        .filter_map(|(name, service)| service.crashes.as_ref().map(|needs| (format!("service '{name}'"), needs)));
    let commands = world.commands.iter().map(|rule| (format!("the command {}", rule.argv.join(" ")), &rule.when));
    let logs = world.logs.iter().map(|rule| (format!("the log of '{}'", rule.service), &rule.when));
    moves.chain(replies).chain(views).chain(crashes).chain(commands).chain(logs).collect()
}

fn all_sets(scenario: &Scenario) -> Vec<(String, &String)> {
    let world = &scenario.world;
    let moves = world.moves.iter().flat_map(|one| one.set.keys().map(|name| ("a move".to_owned(), name)));
    let replies = world.sites.values().flat_map(|site| &site.replies);
    let replies = replies.flat_map(|reply| reply.set.keys().map(|name| (format!("the reply to {}", reply.to), name)));
    let commands = world
        .commands
        .iter()
        .flat_map(|rule| rule.set.keys().map(|name| (format!("the command {}", rule.argv.join(" ")), name)));
    let expected = scenario.expect.state.keys().map(|name| ("expect.state".to_owned(), name));
    moves.chain(replies).chain(commands).chain(expected).collect()
}

fn all_services(scenario: &Scenario) -> Vec<(String, &String)> {
    let world = &scenario.world;
    let triggers = world.moves.iter().filter_map(|one| match &one.on {
        Trigger::Restart(service) | Trigger::Redeploy(service) | Trigger::Rollback(service) => {
            Some(("a move".to_owned(), service))
        }
        Trigger::Start | Trigger::Event(_) | Trigger::State(_) => None,
    });
    let sites =
        world.sites.iter().filter_map(|(name, site)| Some((format!("site '{name}'"), site.served_by.as_ref()?)));
    let redis =
        world.redis.iter().filter_map(|(name, server)| Some((format!("redis '{name}'"), server.served_by.as_ref()?)));
    let logs = world.logs.iter().map(|rule| ("a log".to_owned(), &rule.service));
    let expect = &scenario.expect;
    let counted = [&expect.restarts, &expect.redeploys, &expect.rollbacks].into_iter().flat_map(|counts| counts.keys());
    let expected = counted.map(|name| ("expect".to_owned(), name));
    triggers.chain(sites).chain(redis).chain(logs).chain(expected).collect()
}

fn state_exists(world: &World, name: &str, what: &str, found: &mut Vec<String>) {
    if !world.state.contains_key(name) {
        let known: BTreeSet<&str> = world.state.keys().map(String::as_str).collect();
        let hint = nearest(name, known).map_or(String::new(), |near| format!("; did you mean '{near}'?"));
        found.push(format!("{what}: there is no state '{name}'{hint}"));
    }
}

fn service_exists(world: &World, name: &str, what: &str, found: &mut Vec<String>) {
    if !world.services.contains_key(name) {
        let hint = nearest(name, world.services.keys().map(String::as_str))
            .map_or(String::new(), |near| format!("; did you mean '{near}'?"));
        found.push(format!("{what}: there is no service '{name}'{hint}"));
    }
}
