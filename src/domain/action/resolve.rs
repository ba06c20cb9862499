//! From what a runbook writes to exactly what will be done.
//!
//! Lives here: rendering an action's parameters over a scope, looking its target up in the inventory, and the names that
//! every scope begins with. Never lives here: secrets' values (references stay references) and doing anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::inventory::{Inventory, Target};
use super::{Action, ActionSpec, Kind, contract, exec, http, railway, redis};
use crate::base::expr::{EvalError, Scope, Template};
use crate::base::schedule::Span;
use crate::base::secret;
use crate::base::text::one_line;

/// How long a change may take until it is ready, where nothing else is said.
const READY_WITHIN: Span = Span::seconds(180);
/// How far back logs are read, where nothing else is said.
const LOGS_SINCE: Span = Span::seconds(900);
const LOG_LIMIT: u32 = 500;
const DEPLOYMENT_LIMIT: u32 = 10;

/// Why an action could not be made ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A template has no value.
    #[error("{field}: {error}")]
    Render {
        /// The parameter: `json.tag_spool`.
        field: String,
        /// Why.
        error: EvalError,
    },
    /// The text of a template is wrong; only where a plan was not checked.
    #[error("{field}: {message}")]
    Template {
        /// The parameter.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// The inventory has no such target.
    #[error("there is no target '{target}' in {environment}; add it to targets.yaml")]
    NoTarget {
        /// The name as rendered.
        target: String,
        /// The environment.
        environment: String,
    },
    /// The target lacks what the action needs.
    #[error("target '{target}' has no {what}: {todo}")]
    Unfit {
        /// The target.
        target: String,
        /// `Railway service`.
        what: &'static str,
        /// `set RAILWAY_REDIS_SERVICE_ID`.
        todo: String,
    },
    /// A rendered value is not what the parameter takes.
    #[error("{field}: {message}")]
    Value {
        /// The parameter.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The names that every scope begins with: `inputs`, `target` and `secret`. Secrets are references, never values.
#[must_use]
pub fn base_scope(inputs: &Map<String, Value>, inventory: &Inventory) -> Scope {
    let targets: Map<String, Value> =
        inventory.targets.iter().map(|(name, target)| (name.clone(), target_fields(name, target))).collect();
    let secrets: Map<String, Value> =
        inventory.secrets.keys().map(|name| (name.clone(), Value::String(secret::reference(name)))).collect();
    Scope::new()
        .with("inputs", Value::Object(inputs.clone()))
        .with("target", Value::Object(targets))
        .with("secret", Value::Object(secrets))
}

/// What templates and conditions may read of a target: `target.NAME.url`, `target.NAME.name`.
fn target_fields(name: &str, target: &Target) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(name));
    if let Some(url) = &target.url {
        fields.insert("url".into(), json!(url));
    }
    Value::Object(fields)
}

/// Fields of [`target_fields`].
pub const TARGET_FIELDS: &[&str] = &["name", "url"];

/// Renders one text over a scope.
///
/// # Errors
/// A template that cannot be read, or has no value here.
pub fn render(text: &str, field: &str, scope: &Scope, inventory: &Inventory) -> Result<String, ResolveError> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    let template = parse(text, field)?;
    refuse_forged(&template, field, scope)?;
    template.render(scope).map_err(|error| {
        let missing_url = template.references().iter().find_map(|reference| unset_url(&reference.path, inventory));
        missing_url.unwrap_or_else(|| ResolveError::Render { field: field.to_owned(), error })
    })
}

fn parse(text: &str, field: &str) -> Result<Template, ResolveError> {
    Template::parse(text).map_err(|fault| ResolveError::Template { field: field.to_owned(), message: fault.message })
}

/// A reply or an input could spell a secret's reference, and would then be sent its value: only `secret.NAME` may bring one.
fn refuse_forged(template: &Template, field: &str, scope: &Scope) -> Result<(), ResolveError> {
    let forged = template.references().iter().find(|reference| {
        reference.path.first().is_some_and(|first| first != "secret")
            && scope.at(&reference.path).is_some_and(holds_reference)
    });
    match forged {
        Some(reference) => {
            let path = one_line(&reference.path.join("."), 80);
            let message = format!("`{path}` holds what reads like the reference of a secret; it is refused");
            Err(ResolveError::Value { field: field.to_owned(), message })
        }
        None => Ok(()),
    }
}

fn holds_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => secret::holds_reference(text),
        Value::Array(items) => items.iter().any(holds_reference),
        Value::Object(map) => map.iter().any(|(key, item)| secret::holds_reference(key) || holds_reference(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The error of a template that names the URL of a target that has none yet.
fn unset_url(path: &[String], inventory: &Inventory) -> Option<ResolveError> {
    let [first, name, field] = path else { return None };
    let target = inventory.targets.get(name).filter(|_| first == "target" && field == "url")?;
    target.url.is_none().then(|| unfit(name, target, "URL", "url"))
}

/// Says which variable is missing, or which key of `targets.yaml`.
fn unfit(name: &str, target: &Target, what: &'static str, field: &str) -> ResolveError {
    let mut variables: Vec<&str> = target
        .unset
        .iter()
        .filter(|(key, _)| *key == field || key.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
        .map(|(_, variable)| variable.as_str())
        .collect();
    variables.sort_unstable();
    variables.dedup();
    let todo = if variables.is_empty() {
        format!("add `{field}` to it in targets.yaml")
    } else {
        format!("set {}", variables.join(" and "))
    };
    ResolveError::Unfit { target: name.to_owned(), what, todo }
}

/// Renders the parameters and looks up what they name.
///
/// # Errors
/// A template without a value, a target that is not there or lacks what the action needs, a value of the wrong kind.
pub fn resolve(spec: &ActionSpec, scope: &Scope, inventory: &Inventory) -> Result<Action, ResolveError> {
    let cx = Resolving { scope, inventory };
    Ok(match spec.kind {
        Kind::Http => Action::Http(cx.http(params(spec)?)?),
        Kind::RailwayRestart => Action::RailwayRestart(cx.change(params(spec)?)?),
        Kind::RailwayRedeploy => Action::RailwayRedeploy(cx.change(params(spec)?)?),
        Kind::RailwayRollback => Action::RailwayRollback(cx.change(params(spec)?)?),
        Kind::RailwayLogs => Action::RailwayLogs(cx.logs(params(spec)?)?),
        Kind::RailwayDeployments => Action::RailwayDeployments(cx.deployments(params(spec)?)?),
        Kind::RedisClients => Action::RedisClients(cx.clients(params(spec)?)?),
        Kind::Exec => Action::Exec(cx.exec(params(spec)?)?),
    })
}

fn params<T: serde::de::DeserializeOwned>(spec: &ActionSpec) -> Result<T, ResolveError> {
    serde_json::from_value(spec.params.clone())
        .map_err(|error| ResolveError::Value { field: spec.kind.key().to_owned(), message: error.to_string() })
}

struct Resolving<'a> {
    scope: &'a Scope,
    inventory: &'a Inventory,
}

impl Resolving<'_> {
    fn text(&self, text: &str, field: &str) -> Result<String, ResolveError> {
        render(text, field, self.scope, self.inventory)
    }

    fn optional(&self, text: Option<&str>, field: &str) -> Result<Option<String>, ResolveError> {
        text.map(|text| self.text(text, field)).transpose()
    }

    /// A text that ends where nothing scrubs it; a secret must not be in it, however it got there.
    fn open_text(&self, text: &str, field: &str) -> Result<String, ResolveError> {
        let rendered = self.text(text, field)?;
        if secret::holds_reference(&rendered) {
            let message = "a secret may not stand here".to_owned();
            return Err(ResolveError::Value { field: field.to_owned(), message });
        }
        Ok(rendered)
    }

    fn span(&self, text: Option<&str>, field: &str, default: Span) -> Result<Span, ResolveError> {
        let Some(text) = text else { return Ok(default) };
        Span::parse_positive(&self.text(text, field)?)
            .map_err(|fault| ResolveError::Value { field: field.to_owned(), message: fault.message })
    }

    fn map(&self, map: &BTreeMap<String, String>, field: &str) -> Result<BTreeMap<String, String>, ResolveError> {
        map.iter().map(|(key, text)| Ok((key.clone(), self.text(text, &format!("{field}.{key}"))?))).collect()
    }

    /// Renders every string; one that is exactly a `{{path}}` takes the value as it is.
    fn json(&self, value: &Value, field: &str) -> Result<Value, ResolveError> {
        Ok(match value {
            Value::String(text) if text.contains("{{") => {
                let template = parse(text, field)?;
                refuse_forged(&template, field, self.scope)?;
                match template.whole_path().and_then(|path| self.scope.at(&path)) {
                    Some(value) => value.clone(),
                    None => Value::String(self.text(text, field)?),
                }
            }
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.json(item, &format!("{field}[{index}]")))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(key, item)| Ok((key.clone(), self.json(item, &format!("{field}.{key}"))?)))
                    .collect::<Result<_, ResolveError>>()?,
            ),
            other => other.clone(),
        })
    }

    fn http(&self, spec: http::Spec) -> Result<http::Request, ResolveError> {
        let wrong = |message: &str| ResolveError::Value { field: "http".to_owned(), message: message.to_owned() };
        let (method, url) = spec.request_line().ok_or_else(|| wrong("there is no method"))?;
        let url = self.open_text(url, "the URL")?;
        if !(url.starts_with("http://") || url.starts_with("https://")) || url.contains(char::is_whitespace) {
            let message = format!("'{}' is not a URL", one_line(&url, 80));
            return Err(ResolveError::Value { field: "the URL".to_owned(), message });
        }
        let target = self.target_of_url(&url).map(ToOwned::to_owned);
        let of_target = || self.inventory.targets.get(target.as_deref()?)?.contract.clone();
        let contract = spec.contract.or_else(of_target).filter(|name| name != contract::NONE);
        Ok(http::Request {
            method,
            contract,
            target,
            headers: self.map(&spec.headers, "headers")?,
            json: spec.json.as_ref().map(|json| self.json(json, "json")).transpose()?,
            body: self.optional(spec.body.as_deref(), "body")?,
            follow_redirects: spec.follow_redirects,
            url,
        })
    }

    /// The target whose URL the address begins with, up to a border of the path; the longest where several do.
    fn target_of_url(&self, url: &str) -> Option<&str> {
        let matches = |base: &str| {
            url.strip_prefix(base.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        };
        self.inventory
            .targets
            .iter()
            .filter_map(|(name, target)| {
                Some((name.as_str(), target.url.as_deref().filter(|base| !base.is_empty() && matches(base))?))
            })
            .max_by_key(|(_, base)| base.len())
            .map(|(name, _)| name)
    }

    fn target(&self, text: &str) -> Result<(String, &Target), ResolveError> {
        let name = self.open_text(text, "target")?;
        match self.inventory.targets.get(&name) {
            Some(target) => Ok((name, target)),
            None => Err(ResolveError::NoTarget {
                target: one_line(&name, 60),
                environment: self.inventory.environment.clone(),
            }),
        }
    }

    fn service(&self, text: &str) -> Result<railway::Service, ResolveError> {
        let (name, target) = self.target(text)?;
        target.railway.clone().ok_or_else(|| unfit(&name, target, "Railway service", "railway"))
    }

    fn change(&self, spec: railway::ChangeSpec) -> Result<railway::Change, ResolveError> {
        Ok(railway::Change {
            service: self.service(&spec.target)?,
            ready_within: self.span(spec.ready_within.as_deref(), "ready_within", READY_WITHIN)?,
            to: spec.to.as_deref().map(|to| self.open_text(to, "to")).transpose()?,
        })
    }

    fn logs(&self, spec: railway::LogsSpec) -> Result<railway::Logs, ResolveError> {
        Ok(railway::Logs {
            service: self.service(&spec.target)?,
            text: spec.text.as_deref().map(|text| self.open_text(text, "text")).transpose()?,
            since: self.span(spec.since.as_deref(), "since", LOGS_SINCE)?,
            limit: spec.limit.unwrap_or(LOG_LIMIT),
        })
    }

    fn deployments(&self, spec: railway::DeploymentsSpec) -> Result<railway::Deployments, ResolveError> {
        Ok(railway::Deployments { service: self.service(&spec.target)?, limit: spec.limit.unwrap_or(DEPLOYMENT_LIMIT) })
    }

    fn clients(&self, spec: redis::Spec) -> Result<redis::Clients, ResolveError> {
        let (name, target) = self.target(&spec.target)?;
        let url = target.redis.clone().ok_or_else(|| unfit(&name, target, "Redis URL", "redis"))?;
        Ok(redis::Clients { target: name, url })
    }

    fn exec(&self, spec: exec::Spec) -> Result<exec::Command, ResolveError> {
        let argv = spec.argv.iter().enumerate();
        Ok(exec::Command {
            argv: argv
                .map(|(index, text)| self.open_text(text, &format!("argv[{index}]")))
                .collect::<Result<_, _>>()?,
            env: self.map(&spec.env, "env")?,
            results: match spec.results {
                Some(exec::Results::JunitFile(path)) => {
                    Some(exec::Results::JunitFile(self.open_text(&path, "junit_file")?))
                }
                other => other,
            },
            known_failures: spec.known_failures,
        })
    }
}
