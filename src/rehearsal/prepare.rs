//! From the files that a scenario names to the plan of its run and the secrets of its world.
//!
//! Lives here: reading the runbook and the inventory with the scenario's variables. Never lives here: the real environment:
//! a rehearsal takes no variable and no secret from the machine it is played on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::RehearsalError;
use super::scenario::{Loaded, ScenarioError};
use crate::base::secret::{SecretEntry, Secrets};
use crate::domain::action::contract::Contract;
use crate::domain::action::inventory::load::{self as inventory, SecretFrom, SecretSource};
use crate::domain::runbook::model::Plan;
use crate::domain::runbook::plan::{Request, pin};
use crate::domain::runbook::{MAX_PAGE, check, contracts};
use crate::domain::source::fault::render;

/// Largest inventory that is read, in bytes.
const MAX_TARGETS: usize = 1024 * 1024;
/// What stands for a secret that comes from a file.
const NO_SECRET: &str = "not-a-secret-but-a-rehearsal";

/// Hosts of the scenario that are elsewhere while it is played. Empty: they are where they say.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    /// Origins (scheme, host and port) of sites, and what stands for each.
    pub sites: Vec<(String, String)>,
    /// Redis servers by target.
    pub redis: BTreeMap<String, SocketAddr>,
}

impl Moved {
    /// A URL where it leads now.
    pub fn url(&self, url: &str) -> String {
        let found = self.sites.iter().find_map(|(from, to)| {
            let (head, rest) = url.split_at_checked(from.len())?;
            let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
            (ends && head.eq_ignore_ascii_case(from)).then(|| format!("{to}{rest}"))
        });
        found.unwrap_or_else(|| url.to_owned())
    }

    /// A text with every URL in it where it leads now.
    pub fn text(&self, text: &str) -> String {
        self.sites.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// A secret may go where its host is now.
    fn host(&self, host: &str) -> String {
        let found = self.sites.iter().find_map(|(from, to)| {
            let (from, to) = (from.split("://").nth(1)?, to.split("://").nth(1)?);
            let same = host.eq_ignore_ascii_case(from) || host.eq_ignore_ascii_case(from.split(':').next()?);
            same.then(|| to.to_owned())
        });
        found.unwrap_or_else(|| host.to_owned())
    }

    /// A Redis URL with the same user, password and database at another address.
    fn redis_url(url: &str, address: SocketAddr) -> String {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let user = authority.rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
        format!("redis://{user}{address}{path}")
    }
}

/// Plans the run of a scenario whose hosts are where it says.
pub(super) fn prepare(loaded: &Loaded) -> Result<(Plan, Secrets), RehearsalError> {
    prepare_moved(loaded, &Moved::default())
}

/// Plans the run of a scenario.
pub(super) fn prepare_moved(loaded: &Loaded, moved: &Moved) -> Result<(Plan, Secrets), RehearsalError> {
    let scenario = &loaded.scenario;
    let variables = |name: &str| scenario.world.variables.get(name).cloned();
    let targets = read(&loaded.targets, MAX_TARGETS)?;
    let file = shown(&loaded.targets);
    let inventories = inventory::load(&targets, &file, &variables)
        .map_err(|faults| RehearsalError::Faulty(render(&faults, &file, &targets, false)))?;
    let picked = inventories.pick(scenario.environment.as_deref());
    let mut inventory = picked.map_err(|error| ScenarioError::of(&loaded.path, error.to_string()))?.clone();
    for url in inventory.targets.values_mut().filter_map(|target| target.url.as_mut()) {
        *url = moved.url(url);
    }
    for grant in inventory.secrets.values_mut() {
        grant.hosts.iter_mut().for_each(|host| *host = moved.host(host));
    }
    let beside = loaded.targets.parent().unwrap_or(Path::new("")).to_owned();
    let contract = move |name: &str| Contract::read(&super::contract::read(&beside.join(name))?);
    inventories
        .read_contracts(&mut inventory, &targets, &contract)
        .map_err(|faults| RehearsalError::Faulty(render(&faults, &file, &targets, false)))?;
    let source = read(&loaded.runbook, MAX_PAGE)?;
    let directory = loaded.runbook.parent().unwrap_or(Path::new("")).to_owned();
    let library = move |id: &str| {
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        plain.then(|| read(&directory.join(format!("{id}.md")), MAX_PAGE).ok()).flatten()
    };
    let name = loaded.runbook.file_stem().unwrap_or_default().to_string_lossy();
    contracts::gather(&mut inventory, &source, &library, &contract);
    let checked = check::check(&source, &name, Some(&inventory), &library);
    let Some(runbook) = checked.runbook else {
        return Err(RehearsalError::Faulty(render(&checked.faults, &shown(&loaded.runbook), &source, false)));
    };
    let inputs = scenario.inputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let request = Request { inputs, phases: Vec::new() };
    let plan = pin(&runbook, &source, &request, &inventory, &library).map_err(|faults| {
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| match &fault.hint {
                Some(hint) => format!("{}; {hint}", fault.message),
                None => fault.message.clone(),
            })
            .collect();
        ScenarioError::of(&loaded.path, lines.join("\n  "))
    })?;
    let mut entries: Vec<SecretEntry> = inventories.secrets.iter().map(|source| entry(source, &variables)).collect();
    for entry in &mut entries {
        entry.hosts.iter_mut().for_each(|host| *host = moved.host(host));
        let named = |target: &&String| {
            plan.inventory.targets.get(*target).and_then(|target| target.redis.as_ref()) == Some(&entry.name)
        };
        if let (Some(target), Some(url)) = (moved.redis.keys().find(named), &entry.value) {
            entry.value = Some(Moved::redis_url(url.expose_secret(), moved.redis[target]).into());
        }
    }
    Ok((plan, Secrets::new(entries)))
}

fn entry(source: &SecretSource, variables: &dyn Fn(&str) -> Option<String>) -> SecretEntry {
    let value = match &source.from {
        SecretFrom::Env(name) => variables(name),
        SecretFrom::File(_) => Some(NO_SECRET.to_owned()),
    };
    SecretEntry {
        name: source.name.clone(),
        value: value.map(Into::into),
        from: "the scenario's variables".to_owned(),
        hosts: source.hosts.clone(),
        programs: source.programs.clone(),
    }
}

fn read(path: &Path, most: usize) -> Result<String, ScenarioError> {
    let unreadable = |error: std::io::Error| ScenarioError::of(path, format!("cannot be read: {error}"));
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if usize::try_from(size).is_ok_and(|size| size <= most) {
        return std::fs::read_to_string(path).map_err(unreadable);
    }
    Err(ScenarioError::of(path, format!("has {size} bytes; at most {most} are read")))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
