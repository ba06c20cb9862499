//! From a page's text to a checked runbook, or to every fault of it.
//!
//! Lives here: the order of the checks, ids of steps, phases, criteria, sub-runbooks. Never lives here: the single checks,
//! and reading files: the caller brings the text.

use std::collections::HashMap;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::block::{self, plain_slug, slug};
use super::draft::{Draft, Place};
use super::front::{self, Front};
use super::jumps;
use super::model::{Criterion, Does, Phase, Runbook, SubRunbook};
use super::names::{Names, Steps};
use super::page::{self, Heading, Item, MAX_PAGE};
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
    read(source, name, inventory, Some(&mut Subs { library, open: Vec::new(), known: HashMap::new() }))
}

/// Sub-runbooks while a page is checked with them.
struct Subs<'a> {
    library: Library<'a>,
    /// The pages that are being checked, outermost first.
    open: Vec<String>,
    /// Those that were checked, so that each is checked once however many pages name it.
    known: HashMap<String, Option<Rc<Runbook>>>,
}

fn read(source: &str, name: &str, inventory: Option<&Inventory>, subs: Option<&mut Subs<'_>>) -> Checked {
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
    follow_ups(&drafts, &phases, &mut faults);
    let criteria = {
        let steps = Steps::new(&drafts);
        let names = Names { inputs: &front.inputs, targets: front.targets.as_deref(), inventory, steps };
        for position in 0..drafts.len() {
            jumps::check(&names.steps, position, &mut faults);
            names.check_step(position, &mut faults);
        }
        criteria(page.criteria, &names, &mut faults)
    };
    let id = front.id.clone().unwrap_or_else(|| plain_slug(name).replace('_', "-"));
    if let Some(subs) = subs {
        subs.open.push(id.clone());
        sub_runbooks(&drafts, inventory, subs, &mut faults);
        subs.open.pop();
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
    for (name, at) in front.phases.iter().flatten().chain(&front.follow_up) {
        if !headings.iter().any(|heading| heading.title == *name) {
            let hint = did_you_mean(name, headings.iter().take(100).map(|heading| heading.title.as_str()));
            faults.add_hint("unknown-phase", at.clone(), format!("there is no phase '{}'", one_line(name, 60)), hint);
        }
    }
    let among = |named: &[(String, _)], title: &str| named.iter().any(|(name, _)| name == title);
    let follow_up = |title: &str| among(&front.follow_up, title);
    let covered = |title: &str| match &front.phases {
        Some(named) => among(named, title),
        None => !follow_up(title),
    };
    for (name, at) in front.follow_up.iter().filter(|(name, _)| covered(name)) {
        let message = format!("the phase '{}' is part of the run and cannot follow it as well", one_line(name, 60));
        faults.add_hint("covered-follow-up", at.clone(), message, "take it out of `phases`");
    }
    let phase = |title: &String| Phase { title: title.clone(), covered: covered(title), follow_up: follow_up(title) };
    headings.iter().map(|heading| phase(&heading.title)).collect()
}

/// A phase that begins by itself has nobody beside it: it may look, wait, compute and tell.
fn follow_ups(drafts: &[Draft], phases: &[Phase], faults: &mut Faults<'_>) {
    for draft in drafts.iter().filter(|draft| phases.get(draft.step.phase).is_some_and(|phase| phase.follow_up)) {
        let what = match &draft.step.does {
            Does::Act(_) if draft.changes => Some("changes something"),
            Does::Act(_) if draft.step.approval.is_some() => Some("asks for an approval"),
            Does::Act(_) | Does::Watch(_) | Does::Wait(_) | Does::Set(_) | Does::Notify(_) => None,
            Does::Manual | Does::Ask(_) | Does::Decide(_) => Some("asks a person"),
            Does::Runbook(_) | Does::Each(_) => Some("may hold anything"),
        };
        let outside = draft
            .links
            .iter()
            .find(|link| drafts.iter().any(|other| other.step.id == link.to && other.step.phase != draft.step.phase));
        if let Some(step) = speaks_of(draft, drafts) {
            let message =
                format!("a phase that begins by itself knows nothing of the step '{}' of another phase", step);
            faults.add_hint("follow-up-asks", draft.heading.clone(), message, "read it again in this phase");
        }
        if let Some(link) = outside {
            let message = "a phase that begins by itself is a run of its own and cannot go to a step of another phase";
            faults.add_hint("follow-up-leaves", link.at.clone(), message, "name a step of the same phase");
        }
        if let Some(what) = what {
            let message = format!("a phase that begins by itself may only look and wait; this step {what}");
            faults.add_hint(
                "follow-up-acts",
                draft.heading.clone(),
                message,
                "move it to a phase that a person starts",
            );
        }
    }
}

/// A step of another phase whose results this one reads.
fn speaks_of<'a>(draft: &Draft, drafts: &'a [Draft]) -> Option<&'a str> {
    let step = super::model::Step { prose: String::new(), title: String::new(), ..draft.step.clone() };
    let text = serde_json::to_string(&step).unwrap_or_default();
    let others = drafts.iter().filter(|other| other.step.phase != draft.step.phase).map(|other| other.step.id.as_str());
    let named = |id: &&str| {
        text.match_indices(&format!("steps.{id}")).any(|(at, found)| {
            !text[at + found.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        })
    };
    others.into_iter().find(named)
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

/// Checks the sub-runbooks that a page names.
fn sub_runbooks(drafts: &[Draft], inventory: Option<&Inventory>, subs: &mut Subs<'_>, faults: &mut Faults<'_>) {
    for draft in drafts {
        let does = match &draft.step.does {
            Does::Each(each) => &*each.does,
            does => does,
        };
        let Does::Runbook(sub) = does else { continue };
        let at = draft.heading.clone();
        let runbook = match subs.known.get(&sub.id) {
            Some(known) => known.clone(),
            None => {
                let found = sub_runbook(sub, &at, inventory, subs, faults).map(Rc::new);
                subs.known.insert(sub.id.clone(), found.clone());
                found
            }
        };
        if let Some(runbook) = runbook {
            sub_inputs(sub, &runbook, &at, faults);
        }
    }
}

fn sub_runbook(
    sub: &SubRunbook,
    at: &std::ops::Range<usize>,
    inventory: Option<&Inventory>,
    subs: &mut Subs<'_>,
    faults: &mut Faults<'_>,
) -> Option<Runbook> {
    let name = one_line(&sub.id, 60);
    if subs.open.contains(&sub.id) {
        let message = format!("sub-runbooks go in a circle: {} → {name}", subs.open.join(" → "));
        faults.add_hint("circle", at.clone(), message, "take one of the links out");
        return None;
    }
    if subs.open.len() > MAX_SUB_DEPTH {
        faults.add("too-deep", at.clone(), format!("sub-runbooks nest deeper than {MAX_SUB_DEPTH}"));
        return None;
    }
    let Some(source) = (subs.library)(&sub.id) else {
        let hint = "its id is in its front matter, or the name of its file";
        faults.add_hint("unknown-runbook", at.clone(), format!("there is no runbook '{name}'"), hint);
        return None;
    };
    let checked = read(&source, &sub.id, inventory, Some(subs));
    if let Some(first) = checked.faults.first() {
        let many = if checked.faults.len() == 1 { "a fault" } else { "faults" };
        let message =
            format!("the runbook '{name}' has {many}; the first, on its line {}: {}", first.line, first.message);
        faults.add_hint("sub-runbook", at.clone(), message, format!("check '{name}' by itself"));
    }
    checked.runbook
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
