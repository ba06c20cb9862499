//! The YAML of a step: the keys that every kind takes.
//!
//! Lives here: `id when expect save retry timeout approval always undo during each idempotent on_failure on_doubt`, and finding
//! the one key that says the kind. Never lives here: the kinds' own keys (`kinds`, `decide`, `watch`, and for actions
//! `domain::action::check`), and what names refer to (`names`).

use std::collections::BTreeMap;

use super::draft::{Draft, Link, LinkKind, Place, Sees, Use};
use super::model::{Approval, Does, Each, OnDoubt, OnFailure, OnTimeout, Retry, Step};
use super::page::Section;
use super::{decide, facts, kinds, watch};
use crate::base::expr::Condition;
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::action::Kind;
use crate::domain::action::inventory::Inventory;
use crate::domain::source::read::{self, Fields};
use crate::domain::source::{Faults, Node, Value, yaml};

/// Keys that every step takes.
pub const OPTIONS: [&str; 14] = [
    "id",
    "when",
    "expect",
    "save",
    "retry",
    "timeout",
    "approval",
    "always",
    "undo",
    "during",
    "each",
    "idempotent",
    "on_failure",
    "on_doubt",
];
/// Keys that say the kind, besides those of actions.
pub const FLOW_KINDS: [&str; 7] = ["watch", "wait", "ask", "decide", "set", "notify", "runbook"];
/// Words that no step can have as its id, because they mean something where a step can be named.
const RESERVED: [&str; 11] =
    ["ask", "continue", "stop", "next", "page", "fail", "probe", "true", "false", "null", "in"];
/// How long an approval stays good where nothing else is said.
const APPROVAL_WITHIN: Span = Span::seconds(900);
const RETRY_DELAY: Span = Span::seconds(5);

/// Reads one step of a page.
pub fn read(section: Section, inventory: Option<&Inventory>, faults: &mut Faults<'_>) -> Draft {
    let line = faults.line(section.heading.at.start);
    let step = Step {
        phase: section.phase,
        prose: section.prose,
        line,
        ..Step::by_hand(String::new(), section.heading.title)
    };
    let heading = section.heading.at;
    let (uses, links, targets) = (Vec::new(), Vec::new(), Vec::new());
    let mut draft = Draft { step, heading: heading.clone(), id: None, changes: false, uses, links, targets };
    let Some(yaml) = section.block else { return draft };
    let Some(node) = yaml::parse(&yaml, faults) else { return draft };
    if node.value == Value::Null {
        return draft;
    }
    if let Some(fields) = Fields::of(&node, "the block of a step", faults) {
        Reader { draft: &mut draft, inventory, faults }.block(&fields.placed(heading));
    }
    draft
}

/// What readers of a block's parts share.
pub struct Reader<'d, 'f, 's, 'i> {
    /// The step.
    pub draft: &'d mut Draft,
    /// The environment, where one is given.
    pub inventory: Option<&'i Inventory>,
    /// The faults of the page.
    pub faults: &'f mut Faults<'s>,
}

impl Reader<'_, '_, '_, '_> {
    fn block(&mut self, fields: &Fields<'_>) {
        let known: Vec<&str> = OPTIONS.into_iter().chain(Kind::ALL.map(Kind::key)).chain(FLOW_KINDS).collect();
        self.unknown_keys(fields, &known);
        if let Some(node) = fields.get("id") {
            self.id(node);
        }
        let kinds: Vec<&(Node, Node)> = fields
            .entries()
            .iter()
            .filter(|(key, _)| key.text().is_some_and(|key| known.contains(&key) && !OPTIONS.contains(&key)))
            .collect();
        if let [first, more @ ..] = kinds.as_slice() {
            for (key, _) in more {
                let first = first.0.text().unwrap_or_default();
                let message = format!("a step does one thing; '{first}' is given already");
                self.faults.add_hint("two-kinds", key.at.clone(), message, "make it two steps");
            }
            self.kind(&first.0, &first.1);
        }
        self.options(fields);
        self.useless(fields);
    }

    fn unknown_keys(&mut self, fields: &Fields<'_>, known: &[&str]) {
        for (key, _) in fields.entries() {
            let Some(name) = key.key() else {
                self.faults.add("unknown-key", key.at.clone(), "a key of a step must be text");
                continue;
            };
            if known.contains(&name.as_str()) {
                continue;
            }
            // `restart` or `railway.reboot`: most like a kind of that family.
            let family = name.split_once('.').map(|(family, _)| family);
            let hint = match crate::base::text::nearest(&name, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => match family.filter(|family| known.iter().any(|key| key.split('.').next() == Some(family))) {
                    Some(family) => {
                        let of: Vec<&str> =
                            known.iter().copied().filter(|key| key.split('.').next() == Some(family)).collect();
                        format!("there are: {}", of.join(", "))
                    }
                    None => {
                        format!("kinds of step are: {}, {}", Kind::ALL.map(Kind::key).join(", "), FLOW_KINDS.join(", "))
                    }
                },
            };
            let code = if family.is_some() { "unknown-kind" } else { "unknown-key" };
            let message = format!("a step does not know the key '{}'", one_line(&name, 40));
            self.faults.add_hint(code, key.at.clone(), message, hint);
        }
    }

    fn id(&mut self, node: &Node) {
        let Some(id) = read::string(node, "id", self.faults) else { return };
        let good = id.len() <= 64
            && id.starts_with(|char: char| char.is_ascii_lowercase())
            && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !good {
            let message = format!("'{}' cannot be an id", one_line(&id, 40));
            let hint = format!("small letters, digits and _, beginning with a letter: {}", slug(&id));
            self.faults.add_hint("bad-id", node.at.clone(), message, hint);
        } else if RESERVED.contains(&id.as_str()) {
            let message = format!("'{id}' cannot be an id: the word means something else where a step is named");
            self.faults.add("bad-id", node.at.clone(), message);
        } else {
            self.draft.step.id = id;
            self.draft.id = Some(node.at.clone());
        }
    }

    fn kind(&mut self, key: &Node, node: &Node) {
        let name = key.text().unwrap_or_default();
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.key() == name) {
            let found = crate::domain::action::check::check(kind, node, &key.at, self.inventory, self.faults);
            self.draft.changes = found.changes;
            self.draft.uses.extend(found.texts.into_iter().map(Use::Text));
            self.draft.targets.extend(found.targets);
            // A faulty one still says its kind, so that its facts are known.
            let spec =
                found.spec.unwrap_or(crate::domain::action::ActionSpec { kind, params: serde_json::Value::Null });
            self.draft.step.does = Does::Act(spec);
            return;
        }
        let does = match name {
            "watch" => watch::read(self, node, &key.at).map(Does::Watch),
            "wait" => kinds::wait(self, node, &key.at).map(Does::Wait),
            "ask" => kinds::ask(self, node, &key.at).map(Does::Ask),
            "decide" => decide::read(self, node, &key.at).map(Does::Decide),
            "set" => kinds::set(self, node).map(Does::Set),
            "notify" => kinds::notify(self, node).map(Does::Notify),
            _ => kinds::runbook(self, node, &key.at).map(Does::Runbook),
        };
        if let Some(does) = does {
            self.draft.step.does = does;
        }
    }

    fn options(&mut self, fields: &Fields<'_>) {
        let own = match &self.draft.step.does {
            Does::Act(spec) => Sees::Answer(spec.kind),
            _ => Sees::Flow,
        };
        if let Some(node) = fields.get("when") {
            let sees = if matches!(self.draft.step.does, Does::Runbook(_)) { Sees::Plan } else { Sees::Flow };
            self.draft.step.when = self.condition(node, "when", sees);
        }
        if let Some(node) = fields.get("expect") {
            let conditions = read::list(node).iter().filter_map(|item| self.condition(item, "expect", own.clone()));
            self.draft.step.expect = conditions.collect();
        }
        if let Some(node) = fields.get("save") {
            self.draft.step.save = self.conditions(node, "save", &own);
        }
        if let Some(node) = fields.get("retry") {
            self.draft.step.retry = self.retry(node);
        }
        if let Some(node) = fields.get("timeout") {
            self.draft.step.timeout = read::span(node, "timeout", self.faults);
        }
        if let Some(node) = fields.get("approval") {
            self.draft.step.approval = self.approval(node);
        }
        if let Some(node) = fields.get("idempotent") {
            self.draft.step.idempotent = read::boolean(node, "idempotent", self.faults).unwrap_or_default();
        }
        if let Some(node) = fields.get("on_doubt") {
            let words = [("probe", OnDoubt::Probe), ("ask", OnDoubt::Ask)];
            self.draft.step.on_doubt = read::word(node, "on_doubt", &words, self.faults).unwrap_or_default();
        }
        self.relations(fields);
        if let Some(node) = fields.get("each") {
            self.each(node);
        }
    }

    /// Keys that name other steps.
    fn relations(&mut self, fields: &Fields<'_>) {
        if let Some(node) = fields.get("always") {
            let after = Fields::of(node, "'always'", self.faults).and_then(|fields| {
                fields.only(&["after"], self.faults);
                fields.require("after", self.faults)
            });
            self.draft.step.always_after = after.and_then(|node| self.link(node, "after", LinkKind::Always));
        }
        if let Some(node) = fields.get("undo") {
            self.draft.step.undo = self.link(node, "undo", LinkKind::Undo);
        }
        if let Some(node) = fields.get("during") {
            self.draft.step.during = self.link(node, "during", LinkKind::During);
        }
        if let Some(node) = fields.get("on_failure") {
            self.draft.step.on_failure = match node.text() {
                Some("ask") => OnFailure::Ask,
                Some("continue") => OnFailure::Continue,
                Some("stop") => OnFailure::Stop,
                _ => self.link(node, "on_failure", LinkKind::Go).map_or(OnFailure::Ask, OnFailure::Go),
            };
        }
    }

    /// Options that the kind has no use for: they would promise what does not happen.
    fn useless(&mut self, fields: &Fields<'_>) {
        let does = match &self.draft.step.does {
            Does::Each(each) => &*each.does,
            does => does,
        };
        let (kind, acts) = (facts::kind_name(does), matches!(does, Does::Act(_)));
        let sub = matches!(does, Does::Runbook(_));
        for key in [
            "expect",
            "save",
            "retry",
            "timeout",
            "approval",
            "always",
            "undo",
            "during",
            "idempotent",
            "on_doubt",
            "on_failure",
        ] {
            let Some((place, _)) = fields.entry(key) else { continue };
            let (why, hint) = match key {
                "idempotent" | "on_doubt" if acts && !self.draft.changes => {
                    ("this step changes nothing", "take it out: what only reads is repeated anyway")
                }
                "expect" | "save" | "retry" | "timeout" | "approval" | "idempotent" | "on_doubt" if !acts => {
                    ("only steps that act have it", "take it out, or give the step an action")
                }
                "always" | "undo" | "during" | "on_failure" if sub => {
                    ("the steps of a sub-runbook say this themselves", "write it there")
                }
                _ => continue,
            };
            let message = format!("'{key}' has no meaning for {kind}: {why}");
            self.faults.add_hint("useless", place.at.clone(), message, hint);
        }
        let excluding = ["always", "undo", "during"].into_iter().filter_map(|key| fields.entry(key));
        if let [(first, _), (second, _), ..] = excluding.collect::<Vec<_>>().as_slice() {
            let (one, two) = (first.text().unwrap_or_default(), second.text().unwrap_or_default());
            self.faults.add("conflict", second.at.clone(), format!("'{two}' and '{one}' exclude each other"));
        }
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        let fields = Fields::of(node, "'retry'", self.faults)?;
        fields.only(&["attempts", "delay", "factor", "max_delay", "for", "every"], self.faults);
        if let Some((place, lasts)) = fields.entry("for") {
            for key in ["attempts", "delay", "factor", "max_delay"] {
                if let Some((other, _)) = fields.entry(key) {
                    self.faults.add_hint(
                        "conflict",
                        other.at.clone(),
                        format!("'{key}' and 'for' exclude each other"),
                        "keep `for` and `every`",
                    );
                }
            }
            let lasts = read::span(lasts, "for", self.faults)?;
            let every = fields.require("every", self.faults).and_then(|node| read::span(node, "every", self.faults))?;
            let attempts = 1 + lasts.millis() / every.millis();
            let attempts = u32::try_from(attempts).ok().filter(|attempts| (2..=100).contains(attempts));
            if attempts.is_none() {
                let message = format!("{lasts} every {every} is not 2 to 100 attempts");
                self.faults.add_hint("out-of-range", place.at.clone(), message, "change `for` or `every`");
            }
            return attempts.map(|attempts| Retry { attempts, delay: every, factor: 1.0, max_delay: None });
        }
        if let Some((every, _)) = fields.entry("every") {
            self.faults.add_hint(
                "missing-key",
                every.at.clone(),
                "'every' without 'for'",
                "write `delay`, or add `for`",
            );
        }
        let attempts =
            fields.require("attempts", self.faults).and_then(|node| read::whole(node, "attempts", 2, 100, self.faults));
        let delay = fields.get("delay").map_or(Some(RETRY_DELAY), |node| read::span(node, "delay", self.faults));
        let factor =
            fields.get("factor").map_or(Some(1.0), |node| read::number(node, "factor", 1.0, 10.0, self.faults));
        let max_delay = fields.get("max_delay").and_then(|node| read::span(node, "max_delay", self.faults));
        Some(Retry { attempts: attempts?, delay: delay?, factor: factor?, max_delay })
    }

    fn approval(&mut self, node: &Node) -> Option<Approval> {
        match node.value {
            Value::Bool(true) => {
                return Some(Approval { quorum: 1, within: APPROVAL_WITHIN, on_timeout: OnTimeout::Page });
            }
            Value::Bool(false) => return None,
            _ => {}
        }
        let fields = Fields::of(node, "'approval'", self.faults)?;
        fields.only(&["quorum", "within", "on_timeout"], self.faults);
        let quorum = fields.get("quorum").map_or(Some(1), |node| read::whole(node, "quorum", 1, 5, self.faults));
        let within = fields.get("within").map_or(Some(APPROVAL_WITHIN), |node| read::span(node, "within", self.faults));
        let words = [("page", false), ("fail", true)];
        let fails =
            fields.get("on_timeout").map_or(Some(false), |node| read::word(node, "on_timeout", &words, self.faults));
        let on_timeout = if fails? { OnTimeout::Fail } else { OnTimeout::Page };
        Some(Approval { quorum: quorum?, within: within?, on_timeout })
    }

    fn each(&mut self, node: &Node) {
        let Value::List(items) = &node.value else {
            read::wrong_type(node, "each takes a list", self.faults);
            return;
        };
        if items.is_empty() || items.len() > 100 {
            self.faults.add("out-of-range", node.at.clone(), format!("each takes 1 to 100 items, not {}", items.len()));
            return;
        }
        for item in items.iter().filter(|item| item.text().is_some_and(|text| text.contains("{{"))) {
            let hint = "the list is known before a run begins; use {{each}} in the step's own texts";
            self.faults.add_hint("template-here", item.at.clone(), "an item of each cannot be a template", hint);
        }
        let items = items.iter().map(Node::to_json).collect();
        let does = Box::new(std::mem::replace(&mut self.draft.step.does, Does::Manual));
        self.draft.step.does = Does::Each(Each { items, does });
    }

    /// A step named by `node`.
    pub fn link(&mut self, node: &Node, what: &str, kind: LinkKind) -> Option<String> {
        let to = read::string(node, what, self.faults)?;
        self.draft.links.push(Link { to: to.clone(), at: node.at.clone(), kind });
        Some(to)
    }

    /// A condition; its names are checked when all steps are known.
    pub fn condition(&mut self, node: &Node, what: &str, sees: Sees) -> Option<Condition> {
        let source = read::string(node, what, self.faults)?;
        match Condition::parse(&source) {
            Ok(condition) => {
                self.draft.uses.push(Use::Condition(condition.clone(), Place::Yaml(node.clone()), sees));
                Some(condition)
            }
            Err(fault) => {
                let at = node.inside(self.faults.source(), fault.offset, fault.len);
                self.faults.push("bad-condition", at, fault.message, fault.hint);
                None
            }
        }
    }

    /// Named conditions: `save`, `set`, `series`.
    pub fn conditions(&mut self, node: &Node, what: &str, sees: &Sees) -> BTreeMap<String, Condition> {
        let mut conditions = BTreeMap::new();
        let Some(fields) = Fields::of(node, format!("'{what}'"), self.faults) else { return conditions };
        for (key, value) in fields.entries() {
            let name = key.key().unwrap_or_default();
            let good = name.starts_with(|char: char| char.is_ascii_alphabetic())
                && name.len() <= 64
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !good {
                let message = format!("'{}' cannot be a name in {what}", one_line(&name, 40));
                self.faults.add_hint(
                    "bad-name",
                    key.at.clone(),
                    message,
                    "letters, digits and _, beginning with a letter",
                );
            } else if facts::COMMON.contains(&name.as_str()) {
                let message = format!("'{name}' is what every step says of itself; {what} needs another name");
                self.faults.add_hint("bad-name", key.at.clone(), message, format!("write for example {name}_value"));
            }
            if let Some(condition) = self.condition(value, what, sees.clone()) {
                conditions.insert(name, condition);
            }
        }
        conditions
    }

    /// A text that may hold a template; never a secret.
    pub fn template(&mut self, node: &Node, what: &str, place: &'static str) -> Option<String> {
        let text = read::string(node, what, self.faults)?;
        let node = node.clone();
        self.draft.uses.push(Use::Text(crate::domain::action::check::Text { node, place, secrets: false }));
        Some(text)
    }

    /// A duration that may be a template.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<String> {
        let mut texts = Vec::new();
        let found = crate::domain::action::check::duration_text(node, what, &mut texts, self.faults);
        self.draft.uses.extend(texts.into_iter().map(Use::Text));
        found
    }
}

/// An id made of a heading: `Restart Redis on Railway` → `restart_redis_on_railway`.
#[must_use]
pub fn slug(title: &str) -> String {
    let slug = plain_slug(title);
    let needs_word = slug.starts_with(|first: char| first.is_ascii_digit()) || RESERVED.contains(&slug.as_str());
    if needs_word { format!("step_{slug}") } else { slug }
}

/// Small letters and digits of a text, everything between them `_`; `step` where there are none.
#[must_use]
pub fn plain_slug(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars().flat_map(char::to_lowercase) {
        if char.is_ascii_lowercase() || char.is_ascii_digit() {
            slug.push(char);
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
        if slug.len() >= 60 {
            break;
        }
    }
    slug.truncate(slug.trim_end_matches('_').len());
    if slug.is_empty() { "step".to_owned() } else { slug }
}
