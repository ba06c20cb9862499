//! One operation of a contract: what does not fit it in a request, and in an answer.
//!
//! Lives here: parameters, bodies, statuses. Never lives here: which operation a request is.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::schema::Inliner;
use super::words::Whose;
use super::{Asked, Finding, follow};
use crate::base::text::one_line;
use crate::domain::action::http::Method;

/// Most findings of one request or answer.
const MAX_FINDINGS: usize = 20;

/// An operation of a document.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    document: &'a Value,
    name: String,
    template: &'a str,
    item: &'a Value,
    does: &'a Value,
}

/// The body of a request, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// There is none.
    None,
    /// JSON.
    Json(&'a Value),
    /// Something that nobody can look into: text that is no JSON, or not known yet.
    Opaque,
}

impl<'a> Operation<'a> {
    pub(super) fn new(
        document: &'a Value,
        method: Method,
        template: &'a str,
        item: &'a Value,
        does: &'a Value,
    ) -> Self {
        let name = format!("{} {}", method.as_str(), one_line(template, 100));
        Self { document, name, template, item, does }
    }

    /// `POST /api/occupation/tomar`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What does not fit in a request.
    ///
    /// # Errors
    /// The document cannot be used here: a reference that leads nowhere, out of it or back to itself, a schema that is none.
    pub fn request(&self, asked: &Asked, body: Body<'_>) -> Result<Vec<Finding>, String> {
        let mut findings = Vec::new();
        for parameter in self.parameters()? {
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
            let (name, place) = (text("name"), text("in"));
            let required = parameter.get("required") == Some(&Value::Bool(true));
            let values = match place {
                "path" => self.path_value(name, asked).map(|value| vec![value]),
                "query" => asked
                    .query
                    .as_ref()
                    .map(|pairs| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()),
                _ => None,
            };
            // Not known yet, or not looked at.
            let Some(values) = values else { continue };
            let what = format!("the {place} parameter '{}'", one_line(name, 40));
            if values.is_empty() {
                if required {
                    let text = format!("{what} is missing, which {} needs", self.name);
                    findings.push(Finding { pointer: None, text });
                }
                continue;
            }
            if let Some(schema) = parameter.get("schema") {
                findings.extend(self.parameter(&what, schema, &values)?);
            }
        }
        findings.extend(self.body(body)?);
        findings.truncate(MAX_FINDINGS);
        Ok(findings)
    }

    /// The path's parameters and the operation's; the operation's own replace the path's.
    fn parameters(&self) -> Result<Vec<&'a Value>, String> {
        let mut all: Vec<&Value> = Vec::new();
        for list in [self.does.get("parameters"), self.item.get("parameters")] {
            for parameter in list.and_then(Value::as_array).into_iter().flatten() {
                let parameter = self.followed(parameter)?;
                let same = |other: &&Value| ["name", "in"].iter().all(|key| other.get(*key) == parameter.get(*key));
                if !all.iter().any(same) {
                    all.push(parameter);
                }
            }
        }
        Ok(all)
    }

    /// The value of a path parameter; `None` where it is not known, or shares its part of the path with another.
    fn path_value(&self, name: &str, asked: &Asked) -> Option<String> {
        let parts: Vec<&str> = self.template.trim_start_matches('/').split('/').collect();
        // A server's prefix stands before the template.
        let skip = asked.segments.len().checked_sub(parts.len())?;
        let at = parts.iter().position(|part| part.contains(&format!("{{{name}}}")))?;
        let (before, after) = parts[at].split_once(&format!("{{{name}}}"))?;
        let segment = asked.segments.get(at + skip)?.as_deref()?;
        let plain = !before.contains('{') && !after.contains('{');
        segment.strip_prefix(before)?.strip_suffix(after).filter(|_| plain).map(ToOwned::to_owned)
    }

    /// Text is all that a URL holds: it fits where it fits as text or as the value that it reads as.
    fn parameter(&self, what: &str, schema: &'a Value, values: &[String]) -> Result<Vec<Finding>, String> {
        let validator = self.validator(schema)?;
        let read = |text: &String| match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => Value::String(text.clone()),
        };
        let text = |text: &String| Value::String(text.clone());
        let mut candidates: Vec<Value> = Vec::new();
        if let [value] = values {
            candidates.extend([read(value), text(value)]);
        }
        candidates.push(Value::Array(values.iter().map(read).collect()));
        candidates.push(Value::Array(values.iter().map(text).collect()));
        if candidates.iter().any(|candidate| validator.is_valid(candidate)) {
            return Ok(Vec::new());
        }
        let whose = Whose { what, operation: &self.name, verb: "takes" };
        let first =
            candidates.first().and_then(|candidate| validator.iter_errors(candidate).next().map(|e| whose.say(&e)));
        Ok(first.map(|text| Finding { pointer: None, text }).into_iter().collect())
    }

    fn body(&self, body: Body<'_>) -> Result<Vec<Finding>, String> {
        let Some(wanted) = self.does.get("requestBody") else { return Ok(Vec::new()) };
        let wanted = self.followed(wanted)?;
        match (body, json_schema(wanted)) {
            (Body::None, _) if wanted.get("required") == Some(&Value::Bool(true)) => {
                let text = format!("there is no body, which {} needs", self.name);
                Ok(vec![Finding { pointer: None, text }])
            }
            (Body::Json(value), Some(schema)) => {
                let validator = self.validator(schema)?;
                let whose = Whose { what: "body", operation: &self.name, verb: "takes" };
                Ok(findings(&validator, value, &whose))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What does not fit in an answer. `body` is absent where it is not to be looked at (none was asked for, or it was cut).
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn response(&self, status: u16, body: Option<&Value>) -> Result<Vec<Finding>, String> {
        let responses = self.does.get("responses");
        let class = format!("{}XX", status / 100);
        let listed = responses
            .and_then(|all| all.get(status.to_string()).or_else(|| all.get(&class)).or_else(|| all.get("default")));
        let Some(listed) = listed else {
            let known: Vec<&str> = responses
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|all| all.keys().map(String::as_str))
                .collect();
            let known = if known.is_empty() { "none".to_owned() } else { one_line(&known.join(", "), 80) };
            let text =
                format!("the answer has status {status}, which {} does not promise (it lists {known})", self.name);
            return Ok(vec![Finding { pointer: None, text }]);
        };
        let (Some(body), Some(schema)) = (body, json_schema(self.followed(listed)?)) else { return Ok(Vec::new()) };
        let validator = self.validator(schema)?;
        let whose = Whose { what: "the answer", operation: &self.name, verb: "promises" };
        Ok(findings(&validator, body, &whose))
    }

    fn followed(&self, value: &'a Value) -> Result<&'a Value, String> {
        follow(self.document, value)
            .ok_or_else(|| format!("the contract cannot be used for {}: a reference leads nowhere", self.name))
    }

    fn validator(&self, schema: &'a Value) -> Result<Validator, String> {
        let unusable = |why: String| format!("the contract cannot be used for {}: {why}", self.name);
        let schema = Inliner::new(self.document).inline(schema).map_err(unusable)?;
        // Patterns run in time that grows with the text only; one that needs more is refused.
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .build(&schema)
            .map_err(|error| unusable(format!("a schema of it is none: {}", one_line(&error.to_string(), 160))))
    }
}

fn findings(validator: &Validator, value: &Value, whose: &Whose<'_>) -> Vec<Finding> {
    let found = validator.iter_errors(value).take(MAX_FINDINGS);
    found
        .map(|error| Finding { pointer: Some(error.instance_path().as_str().to_owned()), text: whose.say(&error) })
        .collect()
}

/// The schema of the JSON among the contents.
fn json_schema(holder: &Value) -> Option<&Value> {
    let contents = holder.get("content")?.as_object()?;
    let is_json = |name: &str| {
        let essence = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json") || essence == "*/*" || essence == "application/*"
    };
    contents.iter().find(|(name, _)| is_json(name))?.1.get("schema")
}
