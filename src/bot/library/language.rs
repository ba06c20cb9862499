//! The language's calls, with faults turned into sentences.
//!
//! Lives here: the seam between files and the language, and reading the values of secrets. Never lives here: a rule of the
//! language.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{At, Listed, Page, Planned, Variables};
use crate::base::secret::{SecretEntry, Secrets};
use crate::bot::Fault;
use crate::domain::action::inventory::load::{Inventories, SecretFrom, load};
use crate::domain::action::inventory::{Inventory, ReadContract};
use crate::domain::people::{People, load::load as load_people};
use crate::domain::runbook::model::{Plan, Runbook};
use crate::domain::runbook::plan::{Request, pin};
use crate::domain::runbook::{check, contracts, diff, fault, outline, parse, schema as schemas};

/// The longest value of a secret in a file, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

type Subs<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn id_of(page: &Page) -> Option<String> {
    parse(&page.source, &page.name).ok().map(|runbook| runbook.id)
}

pub(super) fn parsed(page: &Page) -> Result<Runbook, Vec<fault::Fault>> {
    parse(&page.source, &page.name)
}

pub(super) fn listed(page: &Page) -> Listed {
    match parse(&page.source, &page.name) {
        Ok(Runbook { id, title, severity, use_when, targets, .. }) => {
            Listed { id, title, severity, use_when, targets, faults: 0 }
        }
        Err(faults) => Listed {
            id: page.name.clone(),
            title: page.name.clone(),
            severity: None,
            use_when: Vec::new(),
            targets: Vec::new(),
            faults: faults.len(),
        },
    }
}

pub(super) fn faults(
    page: &Page,
    inventory: Option<&Inventory>,
    subs: Subs<'_>,
    contract: ReadContract<'_>,
) -> Vec<fault::Fault> {
    let inventory = inventory.map(|inventory| with_contracts(inventory, page, subs, contract));
    check::check(&page.source, &page.name, inventory.as_ref(), subs).faults
}

fn with_contracts(inventory: &Inventory, page: &Page, subs: Subs<'_>, contract: ReadContract<'_>) -> Inventory {
    let mut inventory = inventory.clone();
    contracts::gather(&mut inventory, &page.source, subs, contract);
    inventory
}

/// The JSON Schema of a step's block.
///
/// # Errors
/// Never for the schema of this program.
pub fn schema() -> Result<String, Fault> {
    serde_json::to_string_pretty(&schemas::block()).map_err(|error| Fault::Failed(error.to_string()))
}

/// What an edited runbook changes compared to the plan that a run was pinned to, a line each.
#[must_use]
pub fn differences(old: &Plan, new: &Plan) -> Vec<String> {
    match (parse(&old.source, &old.runbook), parse(&new.source, &new.runbook)) {
        (Ok(old), Ok(new)) => in_words(&old, &new),
        _ if old.digest == new.digest => Vec::new(),
        _ => vec!["the page changed; this program cannot read the old one to say what".to_owned()],
    }
}

pub(super) fn diff(old: &Page, new: &Page) -> Result<Vec<String>, Fault> {
    let read = |page: &Page| parse(&page.source, &page.name).map_err(|faults| faulty(&faults, page));
    Ok(in_words(&read(old)?, &read(new)?))
}

fn in_words(old: &Runbook, new: &Runbook) -> Vec<String> {
    diff::compare(old, new)
        .into_iter()
        .map(|difference| match difference.line {
            Some(line) => format!("{} (line {line})", difference.text),
            None => difference.text,
        })
        .collect()
}

pub(super) fn plan(
    page: &Page,
    inventory: &Inventory,
    at: &At,
    subs: Subs<'_>,
    contract: ReadContract<'_>,
) -> Result<Planned, Fault> {
    let inventory = &with_contracts(inventory, page, subs, contract);
    let checked = check::check(&page.source, &page.name, Some(inventory), subs);
    let runbook = checked.runbook.ok_or_else(|| faulty(&checked.faults, page))?;
    let inputs: Map<String, Value> =
        at.inputs.iter().map(|pair| (pair.name.clone(), Value::String(pair.value.clone()))).collect();
    let request = Request { inputs, phases: at.phases.clone() };
    let plan = pin(&runbook, &page.source, &request, inventory, subs).map_err(|faults| {
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| match &fault.hint {
                Some(hint) => format!("{}; {hint}", fault.message),
                None => fault.message.clone(),
            })
            .collect();
        Fault::Usage(lines.join("\n"))
    })?;
    Ok(Planned { plan })
}

pub(super) fn plan_text(planned: &Planned) -> String {
    outline::render(&planned.plan)
}

pub(super) fn faulty(faults: &[fault::Fault], page: &Page) -> Fault {
    let count = match faults.len() {
        1 => "1 fault".to_owned(),
        several => format!("{several} faults"),
    };
    let rendered = fault::render(faults, &page.file, &page.source, false);
    Fault::Usage(format!("{} has {count}:\n\n{}", page.file, rendered.trim_end()))
}

pub(super) fn people(page: &Page) -> Result<People, Fault> {
    load_people(&page.source).map_err(|faults| faulty(&faults, page))
}

fn inventories(targets: &Page, variables: &Variables) -> Result<Inventories, Fault> {
    load(&targets.source, &targets.file, variables).map_err(|faults| faulty(&faults, targets))
}

pub(super) fn default_zone(targets: &Page, variables: &Variables) -> Option<String> {
    Some(inventories(targets, variables).ok()?.pick(None).ok()?.zone.clone())
}

pub(super) fn inventory(
    targets: &Page,
    environment: Option<&str>,
    variables: &Variables,
    contract: ReadContract<'_>,
) -> Result<Inventory, Fault> {
    let inventories = inventories(targets, variables)?;
    let mut inventory = inventories.pick(environment).cloned().map_err(|error| Fault::Usage(error.to_string()))?;
    let read = inventories.read_contracts(&mut inventory, &targets.source, contract);
    read.map_err(|faults| faulty(&faults, targets))?;
    Ok(inventory)
}

/// The secrets that the file names, with the values this process can see. A value that is not there is no fault before a
/// step needs it: the step then says where it would come from.
pub(super) fn secrets(targets: &Page, variables: &Variables) -> Result<Secrets, Fault> {
    let mut entries = Vec::new();
    for source in inventories(targets, variables)?.secrets {
        let (value, from) = match &source.from {
            SecretFrom::Env(name) => (variables(name), format!("the variable {name}")),
            SecretFrom::File(path) => (file_value(path)?, format!("the file {}", path.display())),
        };
        let value = value.filter(|value| !value.is_empty()).map(SecretString::from);
        entries.push(SecretEntry { name: source.name, value, from, hosts: source.hosts, programs: source.programs });
    }
    Ok(Secrets::new(entries))
}

/// What stands in a file, without surrounding white space; `None` where there is no such file.
fn file_value(path: &std::path::Path) -> Result<Option<String>, Fault> {
    use std::io::Read as _;
    let cannot = |why: &str| Fault::Failed(format!("the secret in {} cannot be read: {why}", path.display()));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(&error.to_string())),
    };
    let mut text = String::new();
    let read = file.take(LONGEST_SECRET + 1).read_to_string(&mut text).map_err(|error| cannot(&error.to_string()))?;
    if read as u64 > LONGEST_SECRET {
        return Err(cannot("it is over 64 KiB long"));
    }
    Ok(Some(text.trim().to_owned()))
}
