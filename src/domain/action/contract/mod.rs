//! What an API promises: an OpenAPI document held against one request and its answer.
//!
//! Lives here: [`Contract`] (reading a document, finding the operation of a request), [`operation`] (what does not fit it),
//! `schema` (its schemas, made to stand for themselves), `words` (a violation as a sentence). All of it is pure and bounded.
//! Never lives here: reading files and sending requests; nothing is ever fetched, references stay inside the document.
//!
//! OpenAPI 3.0 and 3.1. What is looked at: path, query and JSON bodies. What is not: headers, cookies, forms, security.

pub mod operation;
mod schema;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::Method;
use crate::base::text::{nearest, one_line};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Faults, Node};
use operation::Operation;

/// Longest document, in bytes.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// How long a chain of references to parameters, bodies and answers may be.
const MAX_HOPS: usize = 8;
/// The methods of an operation.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];
/// What a step writes that is not to be held against its target's contract.
pub const NONE: &str = "none";

/// A document as far as it is needed; pinned to a run with the inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contract {
    document: Arc<Value>,
}

/// The path and query of a request, as far as they are known: a part that holds a template is known only when it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Decoded parts of the path; `None` for an unknown one.
    segments: Vec<Option<String>>,
    /// Decoded pairs of the query; `None` where it is not known.
    query: Option<Vec<(String, String)>>,
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A JSON pointer into the body where it is about the body: `/worker_id`, or empty.
    pub pointer: Option<String>,
    /// In a sentence that names the field and the rule.
    pub text: String,
}

impl Contract {
    /// Reads a document, JSON or YAML.
    ///
    /// # Errors
    /// A sentence: it is too large, cannot be read, is no OpenAPI 3.0 or 3.1.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_DOCUMENT {
            return Err(format!("it is larger than {} KiB", MAX_DOCUMENT / 1024));
        }
        let mut document = parse(text)?;
        let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
        if !["3.0", "3.1"].iter().any(|known| version == *known || version.starts_with(&format!("{known}."))) {
            return Err("it is no OpenAPI 3.0 or 3.1: `openapi` says which".to_owned());
        }
        if !document.get("paths").is_some_and(Value::is_object) {
            return Err("it has no `paths`".to_owned());
        }
        if let Some(map) = document.as_object_mut() {
            map.retain(|key, _| ["openapi", "paths", "components", "servers"].contains(&key.as_str()));
        }
        Ok(Self { document: Arc::new(document) })
    }

    /// The operation that a request is, or a sentence that says why it is none. Where unknown parts of the path leave
    /// several, none is named (`Ok(None)`).
    ///
    /// # Errors
    /// No path fits, or the path has no such method.
    pub fn operation(&self, method: Method, asked: &Asked) -> Result<Option<Operation<'_>>, String> {
        let Some(paths) = self.document.get("paths").and_then(Value::as_object) else {
            return Err("the contract has no paths".to_owned());
        };
        let mut fitting: Vec<(usize, &str, &Value)> = Vec::new();
        for (template, item) in paths {
            if self.prefixes().iter().any(|prefix| fits(&format!("{prefix}{template}"), asked)) {
                let literal = template.split('/').filter(|part| !part.contains('{')).count();
                fitting.push((literal, template, item));
            }
        }
        let best = fitting.iter().map(|(literal, ..)| *literal).max();
        if asked.segments.iter().all(Option::is_some) {
            // "Concrete definitions are matched before their templated counterparts", OpenAPI 3.1, Path Templating.
            fitting.retain(|(literal, ..)| Some(*literal) == best);
        }
        let shown = asked.shown();
        if fitting.is_empty() {
            let near = nearest(&shown, paths.keys().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(format!("the contract has no path {}{near}", one_line(&shown, 100)));
        }
        let mut found = Vec::new();
        let mut others: Vec<String> = Vec::new();
        for (_, template, item) in &fitting {
            let item = follow(&self.document, item).ok_or("a reference in the contract leads nowhere")?;
            let verb = method.as_str().to_ascii_lowercase();
            let does = item.get(&verb).or_else(|| item.get("get").filter(|_| method == Method::Head));
            match does {
                Some(does) => found.push(Operation::new(&self.document, method, template, item, does)),
                None => others.extend(
                    METHODS.iter().filter(|method| item.get(**method).is_some()).map(|method| method.to_uppercase()),
                ),
            }
        }
        match found.len() {
            0 => {
                let others = if others.is_empty() { "nothing".to_owned() } else { others.join(" and ") };
                let method = method.as_str();
                Err(format!("the contract knows {} for {others}, not for {method}", one_line(&shown, 100)))
            }
            1 => Ok(found.pop()),
            _ => Ok(None),
        }
    }

    /// What may stand before the document's paths: nothing, or the path of one of its servers.
    fn prefixes(&self) -> Vec<String> {
        let servers = self.document.get("servers").and_then(Value::as_array).into_iter().flatten();
        let urls = servers.filter_map(|server| server.get("url").and_then(Value::as_str));
        let paths = urls.map(|url| path_of(url).0.trim_end_matches('/').to_owned()).filter(|path| !path.contains('{'));
        std::iter::once(String::new()).chain(paths).collect()
    }
}

fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let mut faults = Faults::new(text);
    let node = yaml::parse(&Placed::whole(text, 0), &mut faults);
    let first = faults.finish().into_iter().next();
    match (node, first) {
        (_, Some(fault)) => Err(format!("line {}: {}", fault.line, fault.message)),
        (Some(node), None) => Ok(Node::to_json(&node)),
        (None, None) => Err("it is empty".to_owned()),
    }
}

/// What a value stands for, where it is a reference to another place of the document.
fn follow<'a>(document: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let mut at = value;
    for _ in 0..MAX_HOPS {
        match at.get("$ref").and_then(Value::as_str) {
            Some(reference) => at = lookup(document, reference)?,
            None => return Some(at),
        }
    }
    None
}

fn lookup<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(&decoded(reference.strip_prefix('#')?))
}

/// Path and query of a URL, or of the part of one that a template leaves.
fn path_of(url: &str) -> (&str, Option<&str>) {
    let rest = url.split('#').next().unwrap_or_default();
    let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest.find(['/', '?']).map_or("", |at| &rest[at..]));
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    }
}

/// `%2F` as `/`; what is no escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let raw = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let escape = raw.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                at += 3;
            }
            None => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Asked {
    /// Of a whole URL.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self::read(url, |_| false)
    }

    /// Of a URL as a runbook writes it. `base` is the URL of the target that `{{target.NAME.url}}` at its beginning stands
    /// for, if that is known.
    #[must_use]
    pub fn of_template(text: &str, base: Option<&str>) -> Self {
        let (begin, rest) = match text.strip_prefix("{{").and_then(|text| text.split_once("}}")) {
            Some((_, rest)) => (base.unwrap_or("http://unknown"), rest),
            None => ("", text),
        };
        Self::read(&format!("{}{rest}", begin.trim_end_matches('/')), |part| part.contains("{{"))
    }

    fn read(url: &str, unknown: impl Fn(&str) -> bool) -> Self {
        // A template may hold any character; its inside must not be taken for the border of a part.
        let mut plain = String::new();
        let mut rest = url;
        while let Some((before, (_, after))) = rest.split_once("{{").and_then(|(a, b)| Some((a, b.split_once("}}")?))) {
            plain.push_str(before);
            plain.push_str("{{}}");
            rest = after;
        }
        plain.push_str(rest);
        let (path, query) = path_of(&plain);
        let part = |part: &str| (!unknown(part)).then(|| decoded(part));
        let query = match query {
            None => Some(Vec::new()),
            Some(query) if unknown(query) => None,
            Some(query) => Some(
                query
                    .split('&')
                    .filter(|pair| !pair.is_empty())
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .map(|(name, value)| (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " "))))
                    .collect(),
            ),
        };
        Self { segments: path.trim_start_matches('/').split('/').map(part).collect(), query }
    }

    fn shown(&self) -> String {
        let parts = self.segments.iter().map(|segment| segment.as_deref().unwrap_or("…"));
        parts.fold(String::new(), |path, part| path + "/" + part)
    }
}

/// Whether a path template fits; an unknown part fits anything.
fn fits(template: &str, asked: &Asked) -> bool {
    let parts: Vec<&str> = template.trim_start_matches('/').split('/').collect();
    parts.len() == asked.segments.len()
        && parts.iter().zip(&asked.segments).all(|(part, segment)| match segment {
            None => true,
            Some(segment) => match (part.find('{'), part.rfind('}')) {
                (Some(open), Some(close)) if open < close => {
                    let (before, after) = (&part[..open], &part[close + 1..]);
                    segment.len() > before.len() + after.len()
                        && segment.starts_with(before)
                        && segment.ends_with(after)
                }
                _ => segment == part,
            },
        })
}
