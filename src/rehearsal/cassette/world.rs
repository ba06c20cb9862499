//! From what a run saw to a world in which it would see it again.
//!
//! Lives here: phases (before and after each change that the run made) and, within a phase, states of answers that moved:
//! by the request before them, or by time. Never lives here: a list of calls to play back: whoever asks in another order
//! is answered from the state of that moment.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::mask::Mask;
use super::observe::{Answer, Asked, Observed, Seen};
use super::services::{arrived, takes};
use super::write::{Line, span};
use crate::base::event::Instant;
use crate::domain::action::inventory::Inventory;
use crate::rehearsal::scenario::Failing;

/// Numbers of one answer that are taken over; of more, every second, third, … is.
const MOST_POINTS: usize = 4_000;

/// The parts of a scenario that a world is made of.
pub(super) struct Made {
    pub state: BTreeMap<String, String>,
    pub moves: Vec<Line>,
    pub sites: Vec<Line>,
    pub services: Vec<Line>,
    pub redis: Vec<Line>,
    pub commands: Vec<Line>,
    pub logs: Vec<Line>,
    pub faults: Vec<Line>,
    pub missing: Vec<String>,
}

pub(super) struct Phase {
    pub name: String,
    /// When the run knew that it had begun.
    known: Instant,
    /// When it began, as the played world will have it.
    began: Instant,
}

pub(super) fn make(seen: &Observed, inventory: &Inventory, start: Instant, mask: &mut Mask) -> Made {
    let mut maker = Maker::new(seen, inventory, start, mask);
    maker.services();
    let mut sites: BTreeMap<String, (Option<String>, String, Vec<Line>)> = BTreeMap::new();
    let mut redis: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (asked, all) in &seen.answers {
        match asked {
            Asked::Http { method, url, json } => {
                let Some(site) = maker.site(url) else { continue };
                let lines = maker.rules(asked, all, |maker, one| maker.reply(method, &site.path, json.as_ref(), one));
                let entry = sites.entry(site.name).or_insert((site.served_by, site.url, Vec::new()));
                entry.2.extend(lines);
            }
            Asked::Redis(target) => {
                let lines = maker.rules(asked, all, |maker, one| maker.view(target, one));
                redis.entry(target.clone()).or_default().extend(lines);
            }
            Asked::Program(argv) => {
                let lines = maker.rules(asked, all, |maker, one| maker.program(argv, one));
                maker.made.commands.extend(lines);
            }
        }
    }
    for (name, (served_by, url, replies)) in sites {
        let mut site = vec![Line::Entry("url".to_owned(), json!(url))];
        site.extend(served_by.map(|service| Line::Entry("served_by".to_owned(), json!(service))));
        site.push(Line::Block("replies".to_owned(), replies));
        maker.made.sites.push(Line::Block(name, site));
    }
    for (target, views) in redis {
        maker.server(target, views);
    }
    maker.logs();
    maker.made
}

struct Site {
    name: String,
    url: String,
    served_by: Option<String>,
    path: String,
}

pub(super) struct Maker<'a> {
    pub seen: &'a Observed,
    pub inventory: &'a Inventory,
    start: Instant,
    mask: &'a mut Mask,
    pub phases: Vec<Phase>,
    /// What requests set, by the request and which of its answers (by position).
    sets: Vec<(Asked, usize, Map<String, Value>)>,
    pub made: Made,
}

impl<'a> Maker<'a> {
    fn new(seen: &'a Observed, inventory: &'a Inventory, start: Instant, mask: &'a mut Mask) -> Self {
        let mut phases = vec![Phase { name: "found".to_owned(), known: start, began: start }];
        let mut moves = Vec::new();
        for order in &seen.orders {
            let Some(up) = order.up else { continue };
            let done = match order.verb {
                "restart" => "restarted",
                "redeploy" => "redeployed",
                _ => "rolled_back",
            };
            let stem = format!("{}_{done}", slug(&order.target));
            let before = phases.iter().filter(|phase| phase.name.starts_with(&stem)).count();
            let name = if before == 0 { stem } else { format!("{stem}_{}", before + 1) };
            let from = phases.last().map_or("found", |phase| phase.name.as_str());
            let on = Map::from_iter([(order.verb.to_owned(), json!(order.target))]);
            let one = json!({ "on": on, "when": { "phase": from }, "set": { "phase": name } });
            // The later first: of two that the same restart sets off, the second must not follow the first at once.
            moves.insert(0, Line::Item(one));
            phases.push(Phase { name, known: up, began: arrived(order) + takes(order) });
        }
        let state = BTreeMap::from([("phase".to_owned(), "found".to_owned())]);
        let (sites, services, redis, commands, logs, faults) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let made = Made { state, moves, sites, services, redis, commands, logs, faults, missing: Vec::new() };
        let mut maker = Self { seen, inventory, start, mask, phases, sets: Vec::new(), made };
        maker.find_causes();
        maker
    }

    pub(super) fn phase_at(&self, at: Instant) -> usize {
        self.phases.iter().rposition(|phase| phase.known <= at).unwrap_or(0)
    }

    fn site(&mut self, url: &str) -> Option<Site> {
        let target = self.inventory.targets.iter().find_map(|(name, target)| {
            let base = target.url.as_deref()?;
            let rest = url.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))?;
            let served_by = target.railway.is_some().then(|| name.clone());
            Some((slug(name), base.to_owned(), served_by, rest.to_owned()))
        });
        let (name, url, served_by, rest) = match target {
            Some(known) => known,
            None => {
                let host = url.find("://")? + 3;
                let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
                (slug(&url[host..end]), url[..end].to_owned(), None, url[end..].to_owned())
            }
        };
        let path = rest.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        let path = match query {
            Some(query) if self.mask.text(query) == query => format!("{path}?{query}"),
            _ => path.to_owned(),
        };
        Some(Site { name, url, served_by, path })
    }

    /// Rules for everything that came back for one thing, later answers first.
    fn rules(
        &mut self,
        asked: &Asked,
        all: &[Seen],
        write: impl Fn(&mut Self, &Seen) -> Option<Map<String, Value>>,
    ) -> Vec<Line> {
        let name = state_name(asked);
        let mut lines = Vec::new();
        for phase in 0..self.phases.len() {
            let label = self.phases[phase].name.clone();
            let groups = self.groups(all, phase);
            for (before, (index, one)) in groups.iter().enumerate().rev() {
                let number = before + 1;
                let mut when = Map::from_iter([("phase".to_owned(), json!(label))]);
                if number > 1 {
                    let value = format!("{label}_{number}");
                    self.made.state.entry(name.clone()).or_insert_with(|| "first".to_owned());
                    when.insert(name.clone(), json!(value));
                    if !self.is_set(&name, &value) {
                        let moment = self.turn(groups[number - 2].1.last, one.first);
                        self.move_at(phase, moment, &name, &value, &mut lines);
                    }
                }
                let Some(rule) = write(self, one) else { continue };
                let mut rule = rule;
                rule.insert("when".to_owned(), Value::Object(when));
                let set = self.set_by(asked, *index);
                if !set.is_empty() {
                    rule.insert("set".to_owned(), Value::Object(set));
                }
                lines.push(Line::Item(Value::Object(rule)));
            }
        }
        lines
    }

    /// The answers of a phase, equal ones in a row once, with the position of the first.
    fn groups(&self, all: &[Seen], phase: usize) -> Vec<(usize, Seen)> {
        let mut groups: Vec<(usize, Seen)> = Vec::new();
        for (index, one) in all.iter().enumerate().filter(|(_, one)| self.phase_at(one.first) == phase) {
            match groups.last_mut() {
                Some((_, last)) if last.answer == one.answer => last.last = one.last,
                _ => groups.push((index, one.clone())),
            }
        }
        groups
    }

    /// Looks for answers that changed behind a request to the same place: that request changed them.
    fn find_causes(&mut self) {
        let writes: Vec<(&Asked, usize, &Seen)> = self
            .seen
            .answers
            .iter()
            .filter(|(asked, _)| matches!(asked, Asked::Http { method, .. } if !["GET", "HEAD"].contains(method)))
            .flat_map(|(asked, all)| all.iter().enumerate().map(move |(index, one)| (asked, index, one)))
            .collect();
        for (asked, all) in &self.seen.answers {
            for phase in 0..self.phases.len() {
                let groups = self.groups(all, phase);
                for (number, pair) in (2..).zip(groups.windows(2)) {
                    let (from, to) = (pair[0].1.last, pair[1].1.first);
                    let between = writes.iter().filter(|(write, _, one)| {
                        one.first >= from && one.last <= to && *write != asked && near(write, asked)
                    });
                    let Some((write, index, cause)) = between.max_by_key(|(_, _, one)| one.first) else { continue };
                    // Its rule speaks for every request that got this answer in this phase; the others must not set it.
                    let same = self.seen.answers.iter().find(|(known, _)| known == *write).map(|(_, all)| all);
                    let once = same.is_some_and(|all| {
                        let alike = |one: &&Seen| self.phase_at(one.first) == phase && one.answer == cause.answer;
                        all.iter().filter(alike).count() == 1
                    });
                    if once {
                        let value = format!("{}_{number}", self.phases[phase].name);
                        let set = Map::from_iter([(state_name(asked), json!(value))]);
                        self.sets.push(((*write).clone(), *index, set));
                    }
                }
            }
        }
    }

    fn is_set(&self, name: &str, value: &str) -> bool {
        self.sets.iter().any(|(_, _, set)| set.get(name).is_some_and(|is| is == value))
    }

    fn set_by(&self, asked: &Asked, index: usize) -> Map<String, Value> {
        let sets = self.sets.iter().filter(|(write, at, _)| write == asked && *at == index);
        sets.flat_map(|(_, _, set)| set.clone()).collect()
    }

    /// When something changed that was one thing then and another later.
    fn turn(&self, from: Instant, to: Instant) -> Instant {
        let known = self.seen.turns.iter().find(|at| (from..=to).contains(at));
        known.copied().unwrap_or(from + (to - from) / 2)
    }

    fn move_at(&mut self, phase: usize, moment: Instant, name: &str, value: &str, lines: &mut Vec<Line>) {
        let (label, began) = (self.phases[phase].name.clone(), self.phases[phase].began);
        let on = if phase == 0 { json!("start") } else { json!({ "state": { "phase": label } }) };
        let after = span(moment - began);
        self.made.moves.push(Line::Item(json!({
            "on": on, "after": after, "when": { "phase": label }, "set": { name: value },
        })));
        lines.push(Line::Comment(format!(
            "{value}: nothing that the run did explains the change; it is put {after} after the phase began"
        )));
    }

    fn reply(&mut self, method: &str, path: &str, sent: Option<&Value>, one: &Seen) -> Option<Map<String, Value>> {
        let mut rule = Map::from_iter([("to".to_owned(), json!(format!("{method} {path}")))]);
        if let Some(sent) = sent.filter(|sent| self.mask.json(sent) == **sent) {
            rule.insert("with".to_owned(), sent.clone());
        }
        match &one.answer {
            Answer::Http { status, body } => {
                rule.insert("status".to_owned(), json!(status));
                match serde_json::from_str::<Value>(body) {
                    Ok(parsed @ (Value::Object(_) | Value::Array(_))) => {
                        rule.insert("json".to_owned(), self.mask.json(&parsed));
                    }
                    _ if body.is_empty() => {}
                    _ => drop(rule.insert("text".to_owned(), json!(self.mask.text(body)))),
                }
            }
            Answer::Samples { fields, every } => {
                let phase = self.phase_at(one.first);
                let began = self.phases[phase].began;
                let vary: Map<String, Value> =
                    fields.iter().map(|(field, points)| (field.clone(), recorded(points, began, *every))).collect();
                let named = fields.keys().cloned().collect::<Vec<_>>().join(", ");
                let text =
                    format!("of the samples of {path} only {named} is recorded; each value holds until the next");
                self.made.missing.push(text);
                rule.insert("json".to_owned(), json!({}));
                rule.insert("vary".to_owned(), Value::Object(vary));
            }
            Answer::Nothing(gets) => drop(rule.insert("gets".to_owned(), gets_value(*gets))),
            Answer::Unknown(why) => drop(rule.insert("unknown".to_owned(), json!(why))),
            Answer::Redis(_) | Answer::Program { .. } => return None,
        }
        rule.insert("takes".to_owned(), json!(span(one.takes)));
        Some(rule)
    }

    fn view(&mut self, target: &str, one: &Seen) -> Option<Map<String, Value>> {
        let facts = match &one.answer {
            Answer::Redis(facts) => facts,
            Answer::Nothing(_) | Answer::Unknown(_) => {
                let text = format!("redis {target} gave no answer at {} that is known", one.first.to_rfc3339());
                self.made.missing.push(text);
                return None;
            }
            _ => return None,
        };
        let mut rule = Map::new();
        rule.insert("max".to_owned(), facts.get("max").cloned().unwrap_or(json!(10_000)));
        if let Some(refusal) = facts.get("error").and_then(Value::as_str) {
            rule.insert("refuses".to_owned(), json!(self.mask.text(refusal)));
        }
        rule.extend(facts.get("refused_since_start").map(|count| ("rejected".to_owned(), count.clone())));
        let groups = facts.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
        let clients = groups.iter().map(|group| {
            let seconds = |name: &str| {
                let seconds = group.get(name).and_then(Value::as_i64).unwrap_or(0);
                span(TimeDelta::try_seconds(seconds).unwrap_or_default())
            };
            let text = |name: &str| group.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            json!({
                "count": group.get("count"), "kind": text("type"), "name": self.mask.text(&text("name")),
                "address": text("address"), "oldest": seconds("oldest_s"), "idle": seconds("idle_s"),
            })
        });
        rule.insert("clients".to_owned(), Value::Array(clients.collect()));
        Some(rule)
    }

    fn server(&mut self, target: String, views: Vec<Line>) {
        let kept = self.seen.answers.iter().any(|(asked, all)| {
            *asked == Asked::Redis(target.clone())
                && all.iter().any(|one| match &one.answer {
                    Answer::Redis(facts) => facts.get("answered_by").is_some_and(|by| by == "kept"),
                    _ => false,
                })
        });
        let mut server = Vec::new();
        if self.inventory.targets.get(&target).is_some_and(|entry| entry.railway.is_some()) {
            server.push(Line::Entry("served_by".to_owned(), json!(target)));
        }
        if kept {
            server.push(Line::Entry("kept".to_owned(), json!(true)));
        }
        server.push(Line::Block("shows".to_owned(), views));
        self.made.redis.push(Line::Block(target, server));
    }

    fn program(&mut self, argv: &[String], one: &Seen) -> Option<Map<String, Value>> {
        let Answer::Program { exit, output } = &one.answer else {
            let text = format!("what {} printed at {} is not known", argv.join(" "), one.first.to_rfc3339());
            self.made.missing.push(text);
            return None;
        };
        let lines: Vec<String> = output.lines().map(|line| self.mask.text(line)).collect();
        Some(Map::from_iter([
            ("argv".to_owned(), json!(argv)),
            ("takes".to_owned(), json!(span(one.takes))),
            ("exit".to_owned(), json!(exit)),
            ("lines".to_owned(), json!(lines)),
        ]))
    }

    fn logs(&mut self) {
        for one in &self.seen.logs {
            let (at, message) = (span(one.at - self.start), self.mask.text(&one.line));
            let rule = json!({ "service": one.target, "at": [at], "message": message });
            self.made.logs.push(Line::Item(rule));
        }
    }
}

fn recorded(points: &[(Instant, Option<f64>)], began: Instant, every: TimeDelta) -> Value {
    // A value holds from half a pace before it was read, so that a run a little earlier or later reads the same.
    let nth = points.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<(f64, Option<f64>)> = Vec::new();
    for (at, value) in points.iter().step_by(nth) {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of days")]
        let seconds = (*at - every / 2 - began).num_milliseconds() as f64 / 1_000.0;
        if kept.last().is_none_or(|(_, last)| last != value) {
            kept.push((seconds, *value));
        }
    }
    let points: Vec<Value> = kept
        .into_iter()
        .map(|(seconds, value)| {
            #[allow(clippy::cast_possible_truncation, reason = "only whole numbers far below 2^52")]
            let whole = |value: f64| {
                if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
            };
            json!([seconds, value.map(whole)])
        })
        .collect();
    json!({ "recorded": { "since": "phase", "points": points } })
}

/// Whether two requests are about the same thing, as far as their addresses tell: they lie in one folder.
fn near(one: &Asked, other: &Asked) -> bool {
    let folder = |asked: &Asked| match asked {
        Asked::Http { url, .. } => {
            let url = url.split(['?', '#']).next().unwrap_or_default().to_owned();
            url.rsplit_once('/').map(|(folder, _)| folder.to_owned())
        }
        Asked::Redis(_) | Asked::Program(_) => None,
    };
    folder(one).is_some_and(|one| folder(other) == Some(one))
}

fn state_name(asked: &Asked) -> String {
    match asked {
        Asked::Http { method, url, json } => {
            let path = url.split("://").nth(1).and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
            let mut name = format!("{}_{}", method.to_ascii_lowercase(), slug(path));
            if let Some(json) = json {
                use sha2::Digest as _;
                name.push_str(&format!("_{}", &hex::encode(sha2::Sha256::digest(json.to_string()))[..4]));
            }
            name
        }
        Asked::Redis(target) => format!("redis_{}", slug(target)),
        Asked::Program(argv) => format!("run_{}", slug(&argv.join("_"))),
    }
}

fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '_' }).collect();
    plain.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

pub(super) fn gets_value(gets: Failing) -> Value {
    match gets {
        Failing::Busy(wait) => json!({ "busy": wait.to_string() }),
        Failing::BadGateway => json!("bad_gateway"),
        Failing::Silence => json!("silence"),
        Failing::Reset => json!("reset"),
        Failing::Refused => json!("refused"),
    }
}
