//! Names: what conditions and templates of a page may speak of.
//!
//! Lives here: checking every reference to inputs, targets, secrets, steps and facts. Never lives here: jumps (`jumps`).

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::draft::{Draft, LinkKind, Place, Sees, Use};
use super::facts;
use super::model::{Does, Input};
use crate::base::expr::{Condition, Reference};
use crate::base::text::{nearest, one_line};
use crate::domain::action::check::Text;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::resolve::TARGET_FIELDS;
use crate::domain::source::Faults;
use crate::domain::source::read::did_you_mean;

/// How many names are looked through for a similar one: a hint is not worth more.
const HINTS: usize = 500;

/// The steps of a page by name.
pub struct Steps<'a> {
    drafts: &'a [Draft],
    /// Position by id.
    by_id: HashMap<&'a str, usize>,
    /// Position of an `each` by the id of one of its items.
    items: HashMap<String, usize>,
    /// The last step that leads back by `redo`, by the earliest step it leads back to: `earliest[i]` is how far back
    /// anything at `i` or behind leads.
    earliest: Vec<usize>,
}

impl<'a> Steps<'a> {
    /// Names the steps.
    #[must_use]
    pub fn new(drafts: &'a [Draft]) -> Self {
        let by_id: HashMap<&str, usize> =
            drafts.iter().enumerate().map(|(position, draft)| (draft.step.id.as_str(), position)).collect();
        let mut items = HashMap::new();
        for (position, draft) in drafts.iter().enumerate() {
            if let Does::Each(each) = &draft.step.does {
                items.extend((1..=each.items.len()).map(|number| (format!("{}_{number}", draft.step.id), position)));
            }
        }
        let mut earliest = vec![usize::MAX; drafts.len() + 1];
        for (position, draft) in drafts.iter().enumerate().rev() {
            let back = draft.links.iter().filter(|link| link.kind == LinkKind::Redo);
            let back = back.filter_map(|link| by_id.get(link.to.as_str()).copied()).min().unwrap_or(usize::MAX);
            earliest[position] = earliest[position + 1].min(back);
        }
        Self { drafts, by_id, items, earliest }
    }

    /// The position of the step that an author calls `name`; an item of an `each` counts as the step.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_id.get(name).or_else(|| self.items.get(name)).copied()
    }

    /// The step at a position.
    #[must_use]
    pub fn draft(&self, position: usize) -> &'a Draft {
        &self.drafts[position]
    }

    /// Explicit ids, for hints.
    fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.drafts.iter().filter(|draft| draft.id.is_some()).map(|draft| draft.step.id.as_str()).take(HINTS)
    }

    /// Finds a step by the name somebody wrote; a fault where there is none, or it has no explicit id.
    pub fn find(&self, name: &str, at: &Range<usize>, faults: &mut Faults<'_>) -> Option<usize> {
        let found = self.position(name);
        match found {
            None => {
                let titled = self.drafts.iter().take(HINTS).find(|draft| draft.step.title.eq_ignore_ascii_case(name));
                let hint = match titled {
                    Some(draft) if draft.id.is_some() => format!("write its id: {}", draft.step.id),
                    _ => did_you_mean(name, self.ids()),
                };
                faults.add_hint("unknown-step", at.clone(), format!("there is no step '{}'", one_line(name, 40)), hint);
                None
            }
            Some(position) if self.drafts[position].id.is_none() => {
                let draft = &self.drafts[position];
                let line = faults.line(draft.heading.start);
                let message = format!("'{}' is named after its heading, which may change", one_line(name, 60));
                let hint = format!("add `id: {}` to the step on line {line}", draft.step.id);
                faults.add_hint("no-id", at.clone(), message, hint);
                None
            }
            Some(position) => Some(position),
        }
    }

    /// Whether a step at `target` can have run when the one at `now` does: it comes earlier, or a `redo` at it or
    /// behind it leads back to `now` or further.
    fn can_have_run(&self, target: usize, now: usize) -> bool {
        target < now || self.earliest[target] <= now
    }
}

/// What names there are besides steps.
pub struct Names<'a> {
    /// The page's inputs.
    pub inputs: &'a BTreeMap<String, Input>,
    /// Targets the page says it acts on.
    pub targets: Option<&'a [String]>,
    /// The environment, where one is given.
    pub inventory: Option<&'a Inventory>,
    /// The page's steps.
    pub steps: Steps<'a>,
}

/// Who speaks: a step at a position, or the criteria at the end.
#[derive(Clone, Copy)]
struct Speaker {
    /// `usize::MAX` at the end of the run.
    position: usize,
    each: bool,
}

impl Names<'_> {
    /// Checks all names that a step uses.
    pub fn check_step(&self, position: usize, faults: &mut Faults<'_>) {
        let draft = self.steps.draft(position);
        let speaker = Speaker { position, each: matches!(draft.step.does, Does::Each(_)) };
        for used in &draft.uses {
            match used {
                Use::Condition(condition, place, sees) => self.condition(condition, place, sees, speaker, faults),
                Use::Text(text) => self.text(text, speaker, faults),
            }
        }
        for (name, at) in &draft.targets {
            self.listed_target(name, at.clone(), faults);
        }
    }

    /// Checks the names of a criterion.
    pub fn check_criterion(&self, condition: &Condition, place: &Place, faults: &mut Faults<'_>) {
        self.condition(condition, place, &Sees::Flow, Speaker { position: usize::MAX, each: false }, faults);
    }

    fn condition(&self, condition: &Condition, place: &Place, sees: &Sees, speaker: Speaker, faults: &mut Faults<'_>) {
        for reference in condition.references() {
            match reference {
                Reference::Variable { path, offset, len } => {
                    let at = place.inside(faults.source(), offset, len);
                    self.path(&path, &at, sees, speaker, faults);
                }
                Reference::Runs { step, offset, len } => {
                    let at = place.inside(faults.source(), offset, len);
                    if let Some(position) = self.steps.find(&step, &at, faults) {
                        self.whole_step(position, &step, &at, faults);
                    }
                }
            }
        }
    }

    /// A name at the beginning of a path, in a condition.
    fn path(&self, path: &[String], at: &Range<usize>, sees: &Sees, speaker: Speaker, faults: &mut Faults<'_>) {
        let Some(first) = path.first().map(String::as_str) else { return };
        if first == "secret" {
            let hint = "secrets may stand in http headers, json and body, and in the env of exec";
            faults.add_hint("secret", at.clone(), "a secret may not stand in a condition", hint);
            return;
        }
        let flow: &[&str] = match sees {
            Sees::Flow | Sees::Answer(_) => &["inputs", "target", "steps", "incident", "run"],
            Sees::Plan => &["inputs", "target"],
            Sees::Sample(_) | Sees::Series(_) => &[],
        };
        let mut known: Vec<&str> = flow.to_vec();
        match sees {
            Sees::Answer(kind) | Sees::Sample(kind) => {
                known.extend(kind.kept_facts());
                known.extend(kind.passing_facts());
            }
            Sees::Series(names) => known.extend(names.iter().map(String::as_str)),
            Sees::Flow | Sees::Plan => {}
        }
        if speaker.each && !matches!(sees, Sees::Series(_) | Sees::Sample(_)) {
            known.push("each");
        }
        if !known.contains(&first) {
            unknown_name(first, at, sees, &known, faults);
        } else if flow.contains(&first) {
            self.shared(path, at, speaker, faults);
        }
    }

    /// A path that begins with a name every scope has.
    fn shared(&self, path: &[String], at: &Range<usize>, speaker: Speaker, faults: &mut Faults<'_>) {
        let second = path.get(1).map(String::as_str);
        match (path.first().map(String::as_str), second) {
            (Some("inputs"), Some(name)) if !self.inputs.contains_key(name) => {
                let hint = if self.inputs.is_empty() {
                    format!("add `inputs: {{ {}: {{ type: text }} }}` to the front matter", one_line(name, 40))
                } else {
                    did_you_mean(name, self.inputs.keys().map(String::as_str))
                };
                faults.add_hint(
                    "unknown-input",
                    at.clone(),
                    format!("there is no input '{}'", one_line(name, 40)),
                    hint,
                );
            }
            (Some("target"), Some(name)) => self.target_path(name, path.get(2).map(String::as_str), at, faults),
            (Some("steps"), Some(name)) => self.step_path(name, path.get(2).map(String::as_str), at, speaker, faults),
            (Some("steps"), None) => {
                faults.add_hint("unknown-step", at.clone(), "this names no step", "write steps.ID.NAME");
            }
            (Some(first @ ("incident" | "run")), Some(name)) => {
                let known = if first == "run" { facts::RUN } else { facts::INCIDENT };
                if !known.contains(&name) {
                    let message = format!("'{first}' has no '{}'", one_line(name, 40));
                    faults.add_hint("unknown-name", at.clone(), message, did_you_mean(name, known.iter().copied()));
                }
            }
            _ => {}
        }
    }

    fn target_path(&self, name: &str, field: Option<&str>, at: &Range<usize>, faults: &mut Faults<'_>) {
        if let Some(inventory) = self.inventory.filter(|inventory| !inventory.targets.contains_key(name)) {
            let hint = did_you_mean(name, inventory.targets.keys().map(String::as_str));
            let message = format!("there is no target '{}' in {}", one_line(name, 40), inventory.environment);
            faults.add_hint("unknown-target", at.clone(), message, hint);
            return;
        }
        self.listed_target(name, at.clone(), faults);
        if let Some(field) = field.filter(|field| !TARGET_FIELDS.contains(field)) {
            let message = format!("a target has no '{}' to read", one_line(field, 40));
            faults.add_hint("unknown-name", at.clone(), message, did_you_mean(field, TARGET_FIELDS.iter().copied()));
        }
    }

    /// What the page acts on stands in its front matter, so that a reader knows.
    fn listed_target(&self, name: &str, at: Range<usize>, faults: &mut Faults<'_>) {
        let Some(listed) = self.targets.filter(|listed| !listed.iter().any(|target| target == name)) else { return };
        let known_elsewhere = self.inventory.is_some_and(|inventory| inventory.targets.contains_key(name));
        let near = nearest(name, listed.iter().map(String::as_str)).filter(|_| !known_elsewhere);
        let hint = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "add it to `targets` in the front matter".to_owned(),
        };
        let message = format!("'{}' is not among the targets of this page", one_line(name, 40));
        faults.add_hint("unknown-target", at, message, hint);
    }

    fn step_path(&self, name: &str, fact: Option<&str>, at: &Range<usize>, speaker: Speaker, faults: &mut Faults<'_>) {
        let Some(position) = self.steps.find(name, at, faults) else { return };
        if !self.whole_step(position, name, at, faults) {
            return;
        }
        let step = &self.steps.draft(position).step;
        if !self.steps.can_have_run(position, speaker.position) {
            let message = if position == speaker.position {
                format!("'{name}' is this step itself, which has not run yet")
            } else {
                format!("'{name}' comes later on the page: it has not run yet")
            };
            faults.add_hint(
                "too-early",
                at.clone(),
                message,
                "move the step, or lead back to this one with a bounded `redo`",
            );
        }
        let Some(fact) = fact else { return };
        let known = facts::of(step);
        if !known.contains(&fact) {
            let passing = match &step.does {
                Does::Act(spec) if spec.kind.passing_facts().contains(&fact) => true,
                Does::Each(each) => {
                    matches!(&*each.does, Does::Act(spec) if spec.kind.passing_facts().contains(&fact))
                }
                _ => false,
            };
            let fact = one_line(fact, 40);
            let message = format!("the step '{name}' keeps no '{fact}'");
            let hint = if passing {
                format!("keep what you need of it with `save: {{ NAME: {fact}… }}` in '{name}'")
            } else {
                did_you_mean(&fact, known)
            };
            faults.add_hint("unknown-fact", at.clone(), message, hint);
        }
    }

    /// Whether the name means one step of the plan: an `each` and a sub-runbook become several.
    fn whole_step(&self, position: usize, name: &str, at: &Range<usize>, faults: &mut Faults<'_>) -> bool {
        let step = &self.steps.draft(position).step;
        match &step.does {
            Does::Each(_) if step.id == name => {
                let message = format!("'{name}' becomes one step for each of its items");
                faults.add_hint("several-steps", at.clone(), message, format!("name one of them: {name}_1"));
                false
            }
            Does::Runbook(_) => {
                let message = format!("'{name}' is a sub-runbook; what its steps found stays inside it");
                faults.add_hint(
                    "several-steps",
                    at.clone(),
                    message,
                    "ask the question inside it, or repeat the reading here",
                );
                false
            }
            _ => true,
        }
    }

    fn text(&self, text: &Text, speaker: Speaker, faults: &mut Faults<'_>) {
        let source = faults.source();
        let Some(template) = text.template(faults) else { return };
        for reference in template.references() {
            let at = text.node.inside(source, reference.offset, reference.len);
            let second = reference.path.get(1).map(String::as_str);
            match (reference.path.first().map(String::as_str), second) {
                (Some("secret"), _) if !text.secrets => {
                    let hint = "secrets may stand in http headers, json and body, and in the env of exec";
                    faults.add_hint(
                        "secret",
                        at,
                        format!("a secret may not stand in {}: it would be shown or stored", text.place),
                        hint,
                    );
                }
                (Some("secret"), Some(name)) => self.secret(name, at, faults),
                (Some("each"), _) if speaker.each => {}
                (Some("inputs" | "target" | "steps" | "incident" | "run"), Some(_)) => {
                    self.shared(&reference.path, &at, speaker, faults);
                }
                (Some(first), _) => {
                    let mut known = vec!["inputs", "target", "steps", "incident", "run"];
                    known.extend(speaker.each.then_some("each"));
                    known.extend(text.secrets.then_some("secret"));
                    unknown_name(first, &at, &Sees::Flow, &known, faults);
                }
                (None, _) => {}
            }
        }
    }

    fn secret(&self, name: &str, at: Range<usize>, faults: &mut Faults<'_>) {
        let Some(inventory) = self.inventory.filter(|inventory| !inventory.secrets.contains_key(name)) else { return };
        let hint = match nearest(name, inventory.secrets.keys().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "name it under `secrets` in targets.yaml".to_owned(),
        };
        faults.add_hint("unknown-secret", at, format!("there is no secret '{}'", one_line(name, 40)), hint);
    }
}

fn unknown_name(name: &str, at: &Range<usize>, sees: &Sees, known: &[&str], faults: &mut Faults<'_>) {
    let name = one_line(name, 40);
    let message = match sees {
        Sees::Answer(kind) | Sees::Sample(kind) => {
            format!("there is no '{name}' here; '{}' does not answer with it", kind.key())
        }
        Sees::Plan => format!("'{name}' is not known when the run is planned"),
        Sees::Series(_) => format!("there is no series '{name}'"),
        Sees::Flow => format!("there is no '{name}' here"),
    };
    faults.add_hint("unknown-name", at.clone(), message, did_you_mean(&name, known.iter().copied()));
}

impl Place {
    /// Where `len` bytes from `offset` of the condition stand on the page.
    #[must_use]
    pub fn inside(&self, source: &str, offset: usize, len: usize) -> Range<usize> {
        match self {
            Self::Yaml(node) => node.inside(source, offset, len),
            Self::Plain(at) => at + offset..at + offset + len,
        }
    }
}
