//! `decide`: a branch that a person takes.
//!
//! Lives here: reading its keys, and the bound of each `redo`. Never lives here: whether the steps it names are there.

use std::ops::Range;

use super::block::Reader;
use super::draft::{LinkKind, Sees};
use super::model::{Case, Deadline, Decide, Destination, OnTimeout, Since};
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::{Node, Value};

/// How often one run may go back over one `redo`.
const MAX_REDO: u32 = 20;
const MAX_CASES: usize = 20;

/// Reads `decide: { … }`.
pub fn read(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, key: &Range<usize>) -> Option<Decide> {
    let fields = Fields::of(node, "'decide'", reader.faults)?.placed(key.clone());
    fields.only(&["deadline", "on_timeout", "cases"], reader.faults);
    let deadline = fields.get("deadline").and_then(|node| deadline(reader, node));
    let mut cases = Vec::new();
    match fields.require("cases", reader.faults) {
        Some(Node { value: Value::List(items), at }) => {
            if items.is_empty() || items.len() > MAX_CASES {
                reader.faults.add("out-of-range", at.clone(), format!("cases takes 1 to {MAX_CASES} items"));
            }
            for item in items {
                let Some((case, id_at)) = case(reader, item) else { continue };
                if cases.iter().any(|other: &Case| other.id == case.id) {
                    reader.faults.add("duplicate-id", id_at, format!("two cases with the id '{}'", case.id));
                }
                cases.push(case);
            }
        }
        Some(other) => read::wrong_type(other, "cases takes a list", reader.faults),
        None => {}
    }
    let on_timeout = fields.get("on_timeout").map_or(Some(OnTimeout::Page), |node| on_timeout(reader, node, &cases));
    if let (Some((key, _)), None) = (fields.entry("on_timeout"), fields.get("deadline")) {
        reader.faults.add_hint(
            "useless",
            key.at.clone(),
            "'on_timeout' has no meaning without 'deadline'",
            "add `deadline:`",
        );
    }
    Some(Decide { deadline, on_timeout: on_timeout?, cases })
}

fn deadline(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<Deadline> {
    if !matches!(node.value, Value::Map(_)) {
        let after = read::span(node, "deadline", reader.faults)?;
        return Some(Deadline { from: Since::Asked, after });
    }
    let fields = Fields::of(node, "'deadline'", reader.faults)?;
    fields.only(&["from", "after"], reader.faults);
    let words =
        [("asked", Since::Asked), ("run.started", Since::RunStarted), ("incident.started", Since::IncidentStarted)];
    let from = fields.get("from").map_or(Some(Since::Asked), |node| read::word(node, "from", &words, reader.faults));
    let after = fields.require("after", reader.faults).and_then(|node| read::span(node, "after", reader.faults));
    Some(Deadline { from: from?, after: after? })
}

fn on_timeout(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, cases: &[Case]) -> Option<OnTimeout> {
    if !matches!(node.value, Value::Map(_)) {
        read::word(node, "on_timeout", &[("page", ())], reader.faults)?;
        return Some(OnTimeout::Page);
    }
    let fields = Fields::of(node, "'on_timeout'", reader.faults)?;
    fields.only(&["take"], reader.faults);
    let place = fields.require("take", reader.faults)?;
    let id = read::string(place, "take", reader.faults)?;
    match cases.iter().find(|case| case.id == id).map(|case| &case.to) {
        None => {
            let hint = did_you_mean(&id, cases.iter().map(|case| case.id.as_str()));
            reader.faults.add_hint(
                "unknown-case",
                place.at.clone(),
                format!("there is no case '{}'", one_line(&id, 40)),
                hint,
            );
        }
        Some(Destination::Redo { .. }) => {
            let message = "a missed deadline does not take a branch that does things again";
            reader.faults.add_hint("changing-timeout", place.at.clone(), message, "write `on_timeout: page`");
        }
        Some(Destination::Go(step)) => {
            let link = super::draft::Link { to: step.clone(), at: place.at.clone(), kind: LinkKind::Untaken };
            reader.draft.links.push(link);
        }
        Some(Destination::Next) => {
            let message = "a missed deadline does not go on with the next step";
            reader.faults.add_hint(
                "changing-timeout",
                place.at.clone(),
                message,
                "name a case that stops, or one that goes to a step that changes nothing",
            );
        }
        Some(Destination::Stop) => {}
    }
    Some(OnTimeout::Take(id))
}

/// One case, and where its id stands.
fn case(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<(Case, Range<usize>)> {
    let fields = Fields::of(node, "a case", reader.faults)?;
    fields.only(&["id", "label", "when", "go", "redo", "max"], reader.faults);
    let id_node = fields.require("id", reader.faults);
    let id = id_node.and_then(|node| read::string(node, "id", reader.faults));
    if let (Some(id), Some(node)) = (&id, id_node) {
        let good = !id.is_empty()
            && id.len() <= 64
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !good {
            let hint = "letters, digits, _ and -";
            reader.faults.add_hint(
                "bad-id",
                node.at.clone(),
                format!("'{}' cannot be the id of a case", one_line(id, 40)),
                hint,
            );
        }
    }
    let label = fields.get("label").and_then(|node| reader.template(node, "label", "the label of a case"));
    let when = fields.get("when").and_then(|node| reader.condition(node, "when", Sees::Flow));
    let to = destination(reader, &fields, when.as_ref().map(|when| when.source()));
    let at = id_node.map_or_else(|| node.at.clone(), |node| node.at.clone());
    Some((Case { id: id?, label, when, to: to? }, at))
}

fn destination(reader: &mut Reader<'_, '_, '_, '_>, fields: &Fields<'_>, when: Option<&str>) -> Option<Destination> {
    if let (Some((key, _)), None) = (fields.entry("max"), fields.get("redo")) {
        reader.faults.add("useless", key.at.clone(), "'max' has no meaning without 'redo'");
    }
    match (fields.get("go"), fields.entry("redo")) {
        (Some(_), Some((redo, _))) => {
            reader.faults.add("conflict", redo.at.clone(), "'redo' and 'go' exclude each other");
            None
        }
        (Some(node), None) => match node.text() {
            Some("next") => Some(Destination::Next),
            Some("stop") => Some(Destination::Stop),
            _ => reader.link(node, "go", LinkKind::Go).map(Destination::Go),
        },
        (None, Some((key, node))) => {
            let step = reader.link(node, "redo", LinkKind::Redo)?;
            let given = match fields.get("max") {
                Some(node) => Some(read::whole(node, "max", 1, MAX_REDO, reader.faults)?),
                None => when.and_then(|when| bound(when, &step)),
            };
            let max = given.filter(|max| (1..=MAX_REDO).contains(max));
            if max.is_none() {
                let hint = format!("add `max: 2` to the case, or `runs('{step}') < 2` to its `when`");
                let message = format!("nothing bounds how often '{}' is done again", one_line(&step, 40));
                reader.faults.add_hint("unbounded-redo", key.at.clone(), message, hint);
            }
            max.map(|max| Destination::Redo { step, max })
        }
        (None, None) => {
            let hint = "write `go: next`, `go: stop`, `go: STEP` or `redo: STEP`";
            reader.faults.add_hint("missing-key", fields.at.clone(), "a case leads nowhere", hint);
            None
        }
    }
}

/// The number of `runs('STEP') < N` where that must hold for the whole condition to hold.
fn bound(when: &str, step: &str) -> Option<u32> {
    conjuncts(when)?.into_iter().filter_map(|part| runs_below(part, step)).min()
}

/// The parts of `a && b && c` on the outermost level; `None` where an `||` or `?` stands there too.
fn conjuncts(source: &str) -> Option<Vec<&str>> {
    let bytes = source.as_bytes();
    let (mut parts, mut from, mut depth, mut quote, mut at) = (Vec::new(), 0, 0_usize, None, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(open) => {
                at += usize::from(byte == b'\\');
                quote = if byte == open { None } else { quote };
            }
            None => match byte {
                b'\'' | b'"' => quote = Some(byte),
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b'|' | b'?' if depth == 0 => return None,
                b'&' if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                    parts.push(&source[from..at]);
                    at += 1;
                    from = at + 1;
                }
                _ => {}
            },
        }
        at += 1;
    }
    parts.push(source.get(from..)?);
    Some(parts)
}

fn runs_below(part: &str, step: &str) -> Option<u32> {
    let mut part = part.trim();
    while let Some(inner) = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        part = inner.trim();
    }
    let rest = part.strip_prefix("runs")?.trim_start().strip_prefix('(')?.trim_start();
    let (argument, rest) = rest.split_once(')')?;
    let named = argument.trim().trim_matches(['\'', '"']);
    let rest = rest.trim_start();
    let (more, number) = match rest.strip_prefix("<=") {
        Some(number) => (1, number),
        None => (0, rest.strip_prefix('<')?),
    };
    (named == step).then(|| number.trim().parse::<u32>().ok())?.and_then(|number| number.checked_add(more))
}
