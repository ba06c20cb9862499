//! From a page's text to a checked runbook, or to every fault of it.
//!
//! Lives here: the order of the checks, ids of steps, phases, criteria, sub-runbooks. Never lives here: the single checks,
//! and reading files: the caller brings the text.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::block::{self, slug};
use super::draft::{Draft, Place};
use super::front::{self, Front};
use super::model::{Criterion, Does, Phase, Runbook, SubRunbook};
use super::names::{Names, Steps};
use super::page::{self, Heading, Item, MAX_PAGE};
use super::{facts, jumps};
use crate::base::expr::Condition;
use crate::base::text::one_line;
use crate::domain::action::inventory::Inventory;
use crate::domain::source::read::did_you_mean;
use crate::domain::source::{Fault, Faults};

/// How deep sub-runbooks may hold sub-runbooks.
pub const MAX_SUB_DEPTH: usize = 8;

/// Brings the text of a runbook by its id; `None` where there is none.
pub type Library<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A page that was checked.
#[derive(Debug)]
pub struct Checked {
    /// The runbook; only where nothing is wrong.
    pub runbook: Option<Runbook>,
    /// Everything that is wrong, in the order of the text.
    pub faults: Vec<Fault>,
}

/// The text in a file's bytes.
///
/// # Errors
/// More than 2 MiB, text that is not UTF-8, a binary file.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let fault = |message: String, hint: &str, before: &[u8]| {
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let (line, column) = (number(line), number(column));
        let at = before.len()..before.len();
        Fault { code: "unreadable", at, line, column, len: 1, message, hint: Some(hint.to_owned()) }
    };
    if bytes.len() > MAX_PAGE {
        let message = format!("a runbook may be 2 MiB; this file has {} bytes", bytes.len());
        return Err(fault(message, "split it into sub-runbooks", &[]));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(fault("this is a binary file".to_owned(), "a runbook is Markdown text", &bytes[..at]));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        fault("the text is not UTF-8 from here on".to_owned(), "save the file as UTF-8", &bytes[..error.valid_up_to()])
    })
}

/// Checks a page by itself: without an environment, and without looking into its sub-runbooks. `name` is the file's
/// name without its ending; it becomes the id of a page that gives none.
///
/// # Errors
/// Every fault of the page.
pub fn parse(source: &str, name: &str) -> Result<Runbook, Vec<Fault>> {
    let checked = read(source, name, None, None);
    checked.runbook.ok_or(checked.faults)
}

/// Checks a page: in an environment where one is given, and with the sub-runbooks it names.
#[must_use]
pub fn check(source: &str, name: &str, inventory: Option<&Inventory>, library: Library<'_>) -> Checked {
    read(source, name, inventory, Some((library, &mut Vec::new())))
}

type Subs<'a, 'b> = Option<(Library<'a>, &'b mut Vec<String>)>;

fn read(source: &str, name: &str, inventory: Option<&Inventory>, subs: Subs<'_, '_>) -> Checked {
    if let Err(fault) = text(source.as_bytes()) {
        return Checked { runbook: None, faults: vec![fault] };
    }
    let mut faults = Faults::new(source);
    let page = page::read(source, name, &mut faults);
    let front = page.front.as_ref().map(|placed| front::read(placed, inventory, &mut faults)).unwrap_or_default();
    let phases = phases(&page.phases, &front, &mut faults);
    let mut drafts: Vec<Draft> =
        page.steps.into_iter().map(|section| block::read(section, inventory, &mut faults)).collect();
    name_steps(&mut drafts, &mut faults);
    let criteria = {
        let steps = Steps::new(&drafts);
        let names = Names { inputs: &front.inputs, targets: front.targets.as_deref(), inventory, steps };
        for position in 0..drafts.len() {
            jumps::check(&names.steps, position, &mut faults);
            names.check_step(position, &mut faults);
        }
        criteria(page.criteria, &names, &mut faults)
    };
    let id = front.id.clone().unwrap_or_else(|| slug(name).replace('_', "-"));
    if let Some((library, open)) = subs {
        open.push(id.clone());
        sub_runbooks(&drafts, inventory, library, open, &mut faults);
        open.pop();
    }
    let title = front.title.or(page.title).unwrap_or_else(|| name.to_owned());
    let sound = faults.is_empty();
    let runbook = sound.then(|| Runbook {
        id,
        title,
        severity: front.severity,
        use_when: front.use_when,
        targets: front.targets.unwrap_or_default(),
        inputs: front.inputs,
        deadline: front.deadline,
        phases,
        steps: drafts.into_iter().map(|draft| draft.step).collect(),
        criteria,
        digest: hex::encode(Sha256::digest(source.as_bytes())),
    });
    Checked { runbook, faults: faults.finish() }
}

fn phases(headings: &[Heading], front: &Front, faults: &mut Faults<'_>) -> Vec<Phase> {
    for (name, at) in front.phases.iter().flatten() {
        if !headings.iter().any(|heading| heading.title == *name) {
            let hint = did_you_mean(name, headings.iter().take(100).map(|heading| heading.title.as_str()));
            faults.add_hint("unknown-phase", at.clone(), format!("there is no phase '{}'", one_line(name, 60)), hint);
        }
    }
    let covered = |title: &str| front.phases.as_ref().is_none_or(|named| named.iter().any(|(name, _)| name == title));
    headings.iter().map(|heading| Phase { title: heading.title.clone(), covered: covered(&heading.title) }).collect()
}

/// Gives steps without an id one made of their heading; two explicit ids that are the same are a fault.
fn name_steps(drafts: &mut [Draft], faults: &mut Faults<'_>) {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (position, draft) in drafts.iter().enumerate().filter(|(_, draft)| draft.id.is_some()) {
        let Some(first) = taken.insert(draft.step.id.clone(), position) else { continue };
        let at = draft.id.clone().unwrap_or_else(|| draft.heading.clone());
        let first_at = drafts[first].id.as_ref().map_or(0, |at| at.start);
        let (one, two) = (faults.line(first_at), faults.line(at.start));
        let message = format!("two steps have the id '{}': on line {one} and on line {two}", draft.step.id);
        faults.add_hint("duplicate-id", at, message, "give one of them another id");
    }
    // How often a heading was seen, so that the thousandth step of one name does not try a thousand ids.
    let mut seen: HashMap<String, usize> = HashMap::new();
    for draft in drafts.iter_mut().filter(|draft| draft.id.is_none()) {
        let base = slug(&draft.step.title);
        let count = seen.entry(base.clone()).or_insert(0);
        let mut id = base.clone();
        while *count > 0 || taken.contains_key(&id) {
            *count += 1;
            id = format!("{base}_{}", *count);
            if !taken.contains_key(&id) {
                break;
            }
        }
        *count = (*count).max(1);
        taken.insert(id.clone(), usize::MAX);
        draft.step.id = id;
    }
}

fn criteria(items: Vec<Item>, names: &Names<'_>, faults: &mut Faults<'_>) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    for item in items {
        let condition = item.condition.and_then(|placed| match Condition::parse(&placed.text) {
            Ok(condition) => {
                names.check_criterion(&condition, &Place::Plain(placed.place(0)), faults);
                Some(condition)
            }
            Err(fault) => {
                let at = placed.place(fault.offset);
                faults.push("bad-condition", at..at + fault.len, fault.message, fault.hint);
                None
            }
        });
        criteria.push(Criterion { text: item.text, condition });
    }
    criteria
}

/// Checks the sub-runbooks that a page names, each once.
fn sub_runbooks(
    drafts: &[Draft],
    inventory: Option<&Inventory>,
    library: Library<'_>,
    open: &mut Vec<String>,
    faults: &mut Faults<'_>,
) {
    let mut known: HashMap<&str, Option<Runbook>> = HashMap::new();
    for draft in drafts {
        let does = match &draft.step.does {
            Does::Each(each) => &*each.does,
            does => does,
        };
        let Does::Runbook(sub) = does else { continue };
        let at = draft.heading.clone();
        if !known.contains_key(sub.id.as_str()) {
            let found = sub_runbook(sub, &at, inventory, library, open, faults);
            known.insert(&sub.id, found);
        }
        if let Some(Some(runbook)) = known.get(sub.id.as_str()) {
            sub_inputs(sub, runbook, &at, faults);
        }
    }
}

fn sub_runbook(
    sub: &SubRunbook,
    at: &std::ops::Range<usize>,
    inventory: Option<&Inventory>,
    library: Library<'_>,
    open: &mut Vec<String>,
    faults: &mut Faults<'_>,
) -> Option<Runbook> {
    let name = one_line(&sub.id, 60);
    if open.contains(&sub.id) {
        let message = format!("sub-runbooks go in a circle: {} → {name}", open.join(" → "));
        faults.add_hint("circle", at.clone(), message, "take one of the links out");
        return None;
    }
    if open.len() > MAX_SUB_DEPTH {
        faults.add("too-deep", at.clone(), format!("sub-runbooks nest deeper than {MAX_SUB_DEPTH}"));
        return None;
    }
    let Some(source) = library(&sub.id) else {
        let hint = "its id is in its front matter, or the name of its file";
        faults.add_hint("unknown-runbook", at.clone(), format!("there is no runbook '{name}'"), hint);
        return None;
    };
    let checked = read(&source, &sub.id, inventory, Some((library, open)));
    match (checked.runbook, checked.faults.first()) {
        (None, Some(first)) => {
            let count = checked.faults.len();
            let faults_word = if count == 1 { "a fault" } else { "faults" };
            let message = format!(
                "the runbook '{name}' has {faults_word}; the first, on its line {}: {}",
                first.line, first.message
            );
            faults.add_hint("sub-runbook", at.clone(), message, format!("check '{name}' by itself"));
            None
        }
        (runbook, _) => runbook,
    }
}

fn sub_inputs(sub: &SubRunbook, runbook: &Runbook, at: &std::ops::Range<usize>, faults: &mut Faults<'_>) {
    for name in sub.inputs.keys().filter(|name| !runbook.inputs.contains_key(*name)) {
        let hint = did_you_mean(name, runbook.inputs.keys().map(String::as_str));
        let message = format!("the runbook '{}' has no input '{}'", sub.id, one_line(name, 40));
        faults.add_hint("unknown-input", at.clone(), message, hint);
    }
    for (name, input) in &runbook.inputs {
        if input.default.is_none() && input.default_from.is_none() && !sub.inputs.contains_key(name) {
            let message = format!("the runbook '{}' needs the input '{name}'", sub.id);
            faults.add_hint("missing-input", at.clone(), message, format!("add `{name}:` to `inputs`"));
        }
    }
}

/// Names under `steps.ID` of a step, for completion and documentation.
#[must_use]
pub fn facts_of(step: &super::model::Step) -> Vec<&str> {
    facts::of(step)
}
