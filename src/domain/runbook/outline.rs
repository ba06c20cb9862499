//! A plan as people read it before they run it.
//!
//! Lives here: [`render`]: every step as it would run, with the values that are known now. Never lives here: how long it
//! may take (`longest`), secrets' values: their references are printed as `‹secret NAME›`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::longest::{Longest, of_run, of_step};
use super::model::{Decide, Destination, Does, InputKind, OnFailure, OnTimeout, Plan, Since, Step, Wait, Watch};
use crate::base::expr::{Scope, Template};
use crate::base::text::{one_line, plain};
use crate::domain::action::resolve::{ResolveError, base_scope, resolve};
use crate::domain::action::{Action, ActionSpec, Kind, inventory::Target};

const WIDTH: usize = 160;

/// The whole plan. Values that only a run can know are shown as `‹steps.tomar.spool›`.
#[must_use]
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    let severity = plan.severity.map_or(String::new(), |severity| format!(", {severity}"));
    let _ =
        writeln!(text, "{} ({}{severity}) in {}", one_line(&plan.title, 120), plan.runbook, plan.inventory.environment);
    for frame in plan.frames.iter().take(1) {
        for (name, value) in &frame.inputs {
            let _ = writeln!(text, "  input {name} = {}", one_line(&shown(value), WIDTH));
        }
    }
    for (name, target) in used_targets(plan) {
        let _ = writeln!(text, "  target {name}: {}", target_line(target));
    }
    let mut phase = usize::MAX;
    for (position, step) in plan.steps.iter().enumerate() {
        if step.phase != phase {
            phase = step.phase;
            let (title, covered) =
                plan.phases.get(phase).map_or(("", true), |phase| (phase.title.as_str(), phase.covered));
            let note = if covered { "" } else { "  (not covered: offered as action items)" };
            let _ = writeln!(text, "\n{}{note}", one_line(title, 120));
        }
        Outline { plan, step, scope: scope(plan, step), text: &mut text }.step(position);
    }
    if !plan.criteria.is_empty() {
        text.push_str("\nSuccess criteria\n");
        for criterion in &plan.criteria {
            let how =
                criterion.condition.as_ref().map_or("a person ticks it".to_owned(), |that| that.source().to_owned());
            let _ = writeln!(text, "  - {}: {how}", one_line(&criterion.text, WIDTH));
        }
    }
    let _ = writeln!(text, "\nLongest: {}", of_run(plan).describe());
    if let Some(deadline) = plan.deadline {
        let _ = writeln!(text, "Asks whether to go on after {deadline}.");
    }
    text
}

/// What is known before the run begins.
fn scope(plan: &Plan, step: &Step) -> Scope {
    let empty = serde_json::Map::new();
    let inputs = plan.frames.get(step.frame).map_or(&empty, |frame| &frame.inputs);
    let mut scope = base_scope(inputs, &plan.inventory);
    if let Some(item) = &step.each {
        scope.set("each", item.clone());
    }
    scope
}

fn used_targets(plan: &Plan) -> impl Iterator<Item = (&str, &Target)> {
    let text = serde_json::to_string(&plan.steps).unwrap_or_default();
    let named = move |name: &str| text.contains(&format!("\"{name}\"")) || text.contains(&format!("target.{name}."));
    plan.inventory.targets.iter().filter(move |(name, _)| named(name)).map(|(name, target)| (name.as_str(), target))
}

fn target_line(target: &Target) -> String {
    let mut parts: Vec<String> = target.url.iter().cloned().collect();
    parts.extend(target.railway.as_ref().map(|service| format!("Railway service {}", service.service)));
    parts.extend(target.redis.as_ref().map(|secret| format!("Redis at ‹secret {secret}›")));
    parts.extend(target.budget.as_ref().map(|budget| format!("at most {} changes in {}", budget.changes, budget.per)));
    if target.approval.quorum > 0 {
        parts.push(format!("every change takes {}", people(target.approval.quorum)));
    }
    parts.extend(target.unset.iter().map(|(field, variable)| format!("{field} not set: needs {variable}")));
    if parts.is_empty() { "nothing is known of it".to_owned() } else { parts.join("; ") }
}

struct Outline<'a> {
    plan: &'a Plan,
    step: &'a Step,
    scope: Scope,
    text: &'a mut String,
}

impl Outline<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        let line = mask(line.as_ref());
        let _ = writeln!(self.text, "      {}", one_line(&line, 400));
    }

    fn step(&mut self, position: usize) {
        let step = self.step;
        let mark = if step.runs_aside() { "~".to_owned() } else { format!("{}.", position + 1) };
        let _ = writeln!(self.text, "  {mark:<4}{}  [{}]", one_line(&step.title, 100), step.id);
        self.does(&step.does);
        if let Some(when) = &step.when {
            self.line(format!("only if {}", when.source()));
        }
        for condition in &step.expect {
            self.line(format!("expects {}", condition.source()));
        }
        for (name, condition) in &step.save {
            self.line(format!("keeps {name} = {}", condition.source()));
        }
        self.approval();
        self.relations();
        if let Some(retry) = &step.retry {
            let grows =
                if retry.factor > 1.0 { format!(", each wait {} times the last", retry.factor) } else { String::new() };
            let most = retry.max_delay.map_or(String::new(), |most| format!(", at most {most}"));
            self.line(format!("up to {} tries, {} apart{grows}{most}", retry.attempts, retry.delay));
        }
        let jump = match &step.on_failure {
            OnFailure::Ask => None,
            OnFailure::Continue => Some("if it fails: goes on".to_owned()),
            OnFailure::Stop => Some("if it fails: the run stops".to_owned()),
            OnFailure::Go(to) => Some(format!("if it fails: goes to {to}")),
        };
        if let Some(jump) = jump {
            self.line(jump);
        }
        let longest = of_step(step, &self.scope, self.plan);
        if longest != Longest::default() {
            self.line(format!("longest: {}", longest.describe()));
        }
    }

    fn relations(&mut self) {
        let step = self.step;
        if let Some(after) = &step.always_after {
            self.line(format!("runs whatever happens, once {after} was started"));
        }
        if let Some(undo) = &step.undo {
            self.line(format!("takes {undo} back; offered, never automatic"));
        }
        if let Some(during) = &step.during {
            self.line(format!("runs while {during} goes on"));
        }
        if step.idempotent {
            self.line("doing it twice is the same as once");
        }
    }

    fn approval(&mut self) {
        let rule = self.target_quorum();
        let Some(approval) = &self.step.approval else {
            if rule > 0 {
                self.line(format!("needs approval by {}, as targets.yaml says", people(rule)));
            }
            return;
        };
        let late = match approval.on_timeout {
            OnTimeout::Fail => "then it fails",
            OnTimeout::Page | OnTimeout::Take(_) => "then people are told again",
        };
        let source = if rule > approval.quorum { " (targets.yaml)" } else { "" };
        let quorum = people(approval.quorum.max(rule));
        self.line(format!("needs approval by {quorum}{source} within {}, {late}", approval.within));
    }

    /// How many people the target's own rule asks for before this step changes it.
    fn target_quorum(&self) -> u32 {
        let Does::Act(spec) = &self.step.does else { return 0 };
        let name = match resolve(spec, &self.scope, &self.plan.inventory) {
            Ok(action) if !action.changes() => None,
            Ok(action) => action.target().map(ToOwned::to_owned),
            // Not known in full yet; what a change of a service acts on is known all the same.
            Err(_) => matches!(spec.kind, Kind::RailwayRestart | Kind::RailwayRedeploy | Kind::RailwayRollback)
                .then(|| spec.params.get("target").map(shown))
                .flatten(),
        };
        name.and_then(|name| self.plan.inventory.targets.get(&name)).map_or(0, |target| target.approval.quorum)
    }

    fn does(&mut self, does: &Does) {
        match does {
            Does::Act(spec) => self.act(spec),
            Does::Watch(watch) => self.watch(watch),
            Does::Wait(Wait::For(span)) => {
                let span = self.text_of(span);
                self.line(format!("waits {span}"));
            }
            Does::Wait(Wait::Until { cron, zone }) => {
                let zone = zone.as_deref().unwrap_or(&self.plan.inventory.zone).to_owned();
                self.line(format!("waits until {cron} ({zone})"));
            }
            Does::Ask(ask) => {
                let kind = match &ask.kind {
                    InputKind::Text => "text".to_owned(),
                    InputKind::Number => "a number".to_owned(),
                    InputKind::Bool => "yes or no".to_owned(),
                    InputKind::Duration => "a duration".to_owned(),
                    InputKind::Choice(choices) => format!("one of {}", choices.join(", ")),
                };
                let question = self.text_of(&ask.question);
                self.line(format!("asks: {question} ({kind})"));
            }
            Does::Decide(decide) => self.decide(decide),
            Does::Set(values) => {
                for (name, condition) in values {
                    self.line(format!("sets {name} = {}", condition.source()));
                }
            }
            Does::Notify(notify) => {
                let message = self.text_of(&notify.text);
                self.line(format!("tells people: {message}"));
            }
            Does::Runbook(sub) => self.line(format!("runs the runbook {}", sub.id)),
            Does::Each(each) => self.line(format!("repeats for {} items", each.items.len())),
            Does::Manual => self.line("a person does it and says how it went"),
        }
    }

    fn act(&mut self, spec: &ActionSpec) {
        match resolve(spec, &self.scope, &self.plan.inventory) {
            Ok(action) => self.action(&action),
            Err(ResolveError::Unfit { target, what, todo }) => {
                self.line(format!("{}: cannot run yet: target '{target}' has no {what}: {todo}", spec.kind.key()));
            }
            Err(_) => self.unresolved(spec),
        }
    }

    fn action(&mut self, action: &Action) {
        self.line(action.describe());
        match action {
            Action::Http(request) => {
                for (name, value) in &request.headers {
                    self.line(format!("{name}: {value}"));
                }
                if let Some(json) = &request.json {
                    self.line(format!("json {json}"));
                }
                if let Some(body) = &request.body {
                    self.line(format!("body {body}"));
                }
                if let Some(contract) = &request.contract {
                    self.line(format!("must fit {}, and so must the answer", one_line(contract, 60)));
                }
            }
            Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change) => {
                let to = change.to.as_ref().map_or(String::new(), |to| format!(", to deployment {to}"));
                self.line(format!("ready within {}{to}", change.ready_within));
            }
            Action::Exec(command) => {
                for (name, value) in &command.env {
                    self.line(format!("{name}={value}"));
                }
                if !command.known_failures.is_empty() {
                    self.line(format!("known to fail: {}", command.known_failures.join(", ")));
                }
            }
            Action::RailwayLogs(logs) => {
                if let Some(text) = &logs.text {
                    self.line(format!("counts \"{text}\" of the last {}", logs.since));
                }
            }
            Action::RailwayDeployments(_) | Action::RedisClients(_) => {}
        }
    }

    /// An action with values that only the run can know.
    fn unresolved(&mut self, spec: &ActionSpec) {
        let mut params = spec.params.clone();
        self.fill(&mut params);
        if let Some(url) = ["get", "head", "post", "put", "patch", "delete"]
            .into_iter()
            .find_map(|method| Some((method, params.as_object_mut()?.remove(method)?)))
        {
            let address = shown(&url.1);
            self.line(format!("{} {}", url.0.to_uppercase(), address.split('?').next().unwrap_or_default()));
        } else {
            self.line(spec.kind.key());
        }
        if let Some(rest) = params.as_object() {
            let shown: Vec<(String, String)> = rest
                .iter()
                .filter(|(_, value)| !value.is_null() && **value != serde_json::Value::Bool(false))
                .map(|(name, value)| (name.clone(), shown(value)))
                .collect();
            for (name, value) in shown {
                self.line(format!("{name} {value}"));
            }
        }
    }

    fn fill(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.text_of(text),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|item| self.fill(item)),
            _ => {}
        }
    }

    /// A text with what is known filled in, and the names of what is not.
    fn text_of(&self, text: &str) -> String {
        if !text.contains("{{") {
            return text.to_owned();
        }
        let Ok(template) = Template::parse(text) else { return text.to_owned() };
        let mut scope = self.scope.clone();
        let mut unknown = BTreeSet::new();
        for reference in template.references() {
            if scope.at(&reference.path).is_none() {
                unknown.insert(reference.path.clone());
            }
        }
        for path in unknown {
            let Some((first, rest)) = path.split_first() else { continue };
            let mut root = scope.get(first).cloned().unwrap_or_default();
            put(&mut root, rest, &format!("‹{}›", path.join(".")));
            scope.set(first.clone(), root);
        }
        template.render(&scope).unwrap_or_else(|_| text.to_owned())
    }

    fn watch(&mut self, watch: &Watch) {
        let lasts = self.text_of(&watch.lasts);
        self.line(format!("watches for {lasts}, every {}", watch.every));
        self.act(&watch.sample);
        for (name, condition) in &watch.series {
            self.line(format!("{name} = {}", condition.source()));
        }
        for limit in &watch.expect {
            let level = match limit.level {
                super::model::Level::Warn => "warns",
                super::model::Level::Fail => "fails",
            };
            let times = if limit.breach_after == 1 {
                "1 sample".to_owned()
            } else {
                format!("{} samples in a row", limit.breach_after)
            };
            self.line(format!("{} ({level} after {times})", limit.that.source()));
        }
        for logs in &watch.forbid_logs {
            let text = self.text_of(&logs.text);
            let target = logs.logs.params.get("target").map(shown).unwrap_or_default();
            self.line(format!("\"{text}\" must not be in the logs of {target}, read every {}", logs.every));
        }
        let ends = if watch.stop_on_breach { "a breach ends it" } else { "a breach does not end it" };
        self.line(format!("needs {} % of its samples; {ends}", watch.min_coverage));
    }

    fn decide(&mut self, decide: &Decide) {
        for case in &decide.cases {
            let to = match &case.to {
                Destination::Next => "goes on".to_owned(),
                Destination::Stop => "stops".to_owned(),
                Destination::Go(to) => format!("goes to {to}"),
                Destination::Redo { step, max } => format!("back to {step}, at most {max} times"),
            };
            let label = case.label.as_ref().map_or(String::new(), |label| format!(" ({})", self.text_of(label)));
            let when = case.when.as_ref().map_or(String::new(), |when| format!(", recommended if {}", when.source()));
            self.line(format!("{}{label}: {to}{when}", case.id));
        }
        if let Some(deadline) = &decide.deadline {
            let from = match deadline.from {
                Since::Asked => "the question",
                Since::RunStarted => "the start of the run",
                Since::IncidentStarted => "the start of the incident",
            };
            let then = match &decide.on_timeout {
                OnTimeout::Take(case) => format!("takes {case}"),
                OnTimeout::Fail => "fails".to_owned(),
                OnTimeout::Page => "people are told".to_owned(),
            };
            self.line(format!("{} after {from}: {then}", deadline.after));
        }
    }
}

fn put(root: &mut serde_json::Value, path: &[String], value: &str) {
    let Some((first, rest)) = path.split_first() else {
        *root = serde_json::Value::String(value.to_owned());
        return;
    };
    if !root.is_object() {
        *root = serde_json::Value::Object(serde_json::Map::new());
    }
    if let Some(map) = root.as_object_mut() {
        put(map.entry(first.clone()).or_insert(serde_json::Value::Null), rest, value);
    }
}

fn people(count: u32) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// References of secrets as people read them.
fn mask(text: &str) -> String {
    plain(text, 4_000).replace("⟦secret:", "‹secret ").replace('⟧', "›")
}
