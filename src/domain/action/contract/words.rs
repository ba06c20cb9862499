//! A violation in a sentence that names the field and the rule.
//!
//! Lives here: the wording. Never lives here: finding violations.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::base::text::one_line;

/// Longest value that is quoted.
const VALUE: usize = 40;
/// Most values of an enumeration that are listed.
const OPTIONS: usize = 8;

/// Whose rules they are: `body lacks 'x', which POST /take needs`.
pub(super) struct Whose<'a> {
    /// What is looked at: `body`, `the answer`, `the query parameter 'limit'`.
    pub(super) what: &'a str,
    /// Whose rule it is: `POST /api/occupation/tomar`.
    pub(super) operation: &'a str,
    /// What it does to the thing: `takes`, or of an answer `promises`.
    pub(super) verb: &'a str,
}

impl Whose<'_> {
    pub(super) fn say(&self, error: &ValidationError<'_>) -> String {
        let Self { what, operation, verb } = self;
        let field = field(what, error.instance_path().as_str());
        let value = quoted(error.instance());
        let list = |names: &[String]| {
            names.iter().take(OPTIONS).map(|name| format!("'{}'", one_line(name, VALUE))).collect::<Vec<_>>().join(", ")
        };
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().map_or_else(|| property.to_string(), |name| one_line(name, VALUE));
                let needs = if *verb == "takes" { "needs" } else { verb };
                format!("{field} lacks '{name}', which {operation} {needs}")
            }
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                format!("{field} has {}, which {operation} does not know", list(unexpected))
            }
            Kind::Type { kind } => format!("{field} is {value}; {operation} {verb} {}", types(kind)),
            Kind::Enum { options } => format!("{field} is {value}; {operation} {verb} {}", choices(options)),
            Kind::Constant { expected_value } => {
                format!("{field} is {value}; {operation} {verb} {}", quoted(expected_value))
            }
            Kind::Format { format } => format!("{field} is {value}; {operation} {verb} a {}", format_name(format)),
            Kind::Pattern { pattern } => {
                format!("{field} is {value}; {operation} {verb} text like {}", one_line(pattern, 80))
            }
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
                format!("{field} is {value}, which fits none of the shapes that {operation} {verb}")
            }
            Kind::OneOfMultipleValid { .. } => {
                format!("{field} is {value}, which fits several of the shapes of which {operation} {verb} one")
            }
            Kind::FalseSchema => format!("{field} is there, which {operation} does not allow"),
            _ => {
                let rule = error.masked().to_string();
                format!("{field} is {value}: {}, says {operation}", one_line(&rule.replacen("value ", "it ", 1), 160))
            }
        }
    }
}

/// `body.worker_id`, `body.items[2]`.
fn field(what: &str, pointer: &str) -> String {
    let mut name = what.to_owned();
    for part in pointer.split('/').skip(1) {
        let part = one_line(&part.replace("~1", "/").replace("~0", "~"), VALUE);
        match part.parse::<usize>() {
            Ok(index) => name.push_str(&format!("[{index}]")),
            Err(_) => name.push_str(&format!(".{part}")),
        }
    }
    name
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Null => "nothing (null)".to_owned(),
        other => one_line(&other.to_string(), VALUE),
    }
}

fn types(kind: &TypeKind) -> String {
    let one = |name: &str| match name {
        "string" => "text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        other => other.to_owned(),
    };
    match kind {
        TypeKind::Single(single) => one(&single.to_string()),
        TypeKind::Multiple(several) => {
            several.iter().map(|kind| one(&kind.to_string())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn choices(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = options
        .iter()
        .take(OPTIONS)
        .map(|option| option.as_str().map_or_else(|| quoted(option), |text| one_line(text, VALUE)))
        .collect();
    let more = if options.len() > OPTIONS { " …" } else { "" };
    match shown.as_slice() {
        [one] => format!("{one} only"),
        _ => format!("one of {}{more}", shown.join(", ")),
    }
}

fn format_name(format: &str) -> String {
    match format {
        "date" => "date, YYYY-MM-DD".to_owned(),
        "date-time" => "time, like 2026-03-02T08:10:00Z".to_owned(),
        "uuid" => "UUID".to_owned(),
        "uri" => "URL".to_owned(),
        "email" => "mail address".to_owned(),
        other => format!("text in the form '{}'", one_line(other, VALUE)),
    }
}
