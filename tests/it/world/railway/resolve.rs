//! Executes a GraphQL request against the platform. The schema decides what may be asked; here is what is answered.

use std::sync::Arc;

use apollo_compiler::ast::Type;
use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::platform::{self, ENVIRONMENT, PROJECT, Platform, Service};

/// Whose token came with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Account,
    Workspace,
    Project,
    Nobody,
}

/// Executes `document` and returns the response, errors with the extensions that Railway adds.
pub fn execute(
    schema: &Valid<Schema>,
    document: &Valid<ExecutableDocument>,
    operation: Option<&str>,
    variables: &JsonMap,
    root: &Root,
) -> Value {
    let run = Execution::new(schema, document)
        .raw_variable_values(variables)
        .operation_name(operation)
        .and_then(|execution| execution.execute_sync(root));
    let mut response = match run {
        Ok(response) => serde_json::to_value(response).expect("a response is JSON"),
        Err(error) => json!({ "errors": [error.to_graphql_error(&document.sources)], "data": null }),
    };
    for error in response.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(message) = error["message"].as_str().and_then(|message| message.strip_prefix("resolver error: ")) {
            error["message"] = Value::from(message);
        }
        error["extensions"] = json!({ "code": "INTERNAL_SERVER_ERROR" });
        error["traceId"] = json!("7403918264250178113");
    }
    response
}

/// The object that a request starts from.
pub struct Root {
    pub platform: Arc<Platform>,
    pub access: Access,
    pub is_mutation: bool,
}

impl ObjectValue for Root {
    fn type_name(&self) -> &str {
        if self.is_mutation { "Mutation" } else { "Query" }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = Arguments(info.arguments());
        let value = self.answer(info.field_name(), &arguments).map_err(|message| FieldError { message })?;
        Ok(resolved(value, &info.field_definition().ty, info.schema()))
    }
}

impl Root {
    fn answer(&self, field: &str, arguments: &Arguments) -> Result<Value, String> {
        let allowed = match self.access {
            Access::Nobody => false,
            Access::Account => field != "projectToken",
            // A workspace is nobody: it has no `me`.
            Access::Workspace => !matches!(field, "projectToken" | "me"),
            Access::Project => field != "me",
        };
        if !allowed {
            return Err("Not Authorized".to_owned());
        }
        let id = arguments.text("id").unwrap_or_default();
        match field {
            "deployment" => self.deployment(id),
            "deployments" => Ok(self.deployments(arguments)),
            "deploymentLogs" => self.logs(arguments),
            "environment" if id == ENVIRONMENT => Ok(platform::environment()),
            "environment" => Err("Environment not found".to_owned()),
            "project" if id == PROJECT => Ok(project()),
            "project" => Err("Project not found".to_owned()),
            "me" => Ok(json!({ "id": "user" })),
            "projectToken" => {
                Ok(json!({ "id": "token", "name": "on call", "projectId": PROJECT, "environmentId": ENVIRONMENT }))
            }
            "service" => {
                let service = Service::ALL.into_iter().find(|service| service.id() == id);
                service.map(platform::service_json).ok_or_else(|| "Service not found".to_owned())
            }
            "deploymentRestart" => self.platform.restart(id).map(|()| Value::Bool(true)),
            "deploymentRedeploy" => self.platform.replace("deploymentRedeploy", id),
            "deploymentRollback" => self.platform.replace("deploymentRollback", id).map(|_| Value::Bool(true)),
            other => Err(format!("the look-alike does not answer {other}")),
        }
    }

    fn deployment(&self, id: &str) -> Result<Value, String> {
        let service = self.platform.service_of(id).ok_or("Deployment not found")?;
        let mut shown = self.platform.deployments(service).into_iter();
        shown.find(|deployment| deployment["id"] == id).ok_or_else(|| "Deployment not found".to_owned())
    }

    fn deployments(&self, arguments: &Arguments) -> Value {
        let input = arguments.json("input");
        let wanted = |key: &str, value: &str| input[key].is_null() || input[key] == value;
        let listed = |key: &str, status: &Value| input["status"][key].as_array().map(|list| list.contains(status));
        let mut found = Vec::new();
        for service in Service::ALL {
            if wanted("serviceId", service.id()) && wanted("projectId", PROJECT) && wanted("environmentId", ENVIRONMENT)
            {
                found.extend(self.platform.deployments(service));
            }
        }
        found.retain(|deployment| {
            listed("in", &deployment["status"]).unwrap_or(true)
                && !listed("notIn", &deployment["status"]).unwrap_or(false)
        });
        if let Some(after) = arguments.text("after") {
            let seen = found.iter().position(|deployment| deployment["id"] == after).map_or(0, |position| position + 1);
            found.drain(..seen);
        }
        let all = found.len();
        found.truncate(arguments.count("first").unwrap_or(usize::MAX));
        connection(found, all)
    }

    fn logs(&self, arguments: &Arguments) -> Result<Value, String> {
        let id = arguments.text("deploymentId").unwrap_or_default();
        let service = self.platform.service_of(id).ok_or("Deployment not found")?;
        let (start, end) = (arguments.moment("startDate")?, arguments.moment("endDate")?);
        // Railway's filter: words and quoted phrases, all of which must occur.
        let filter = arguments.text("filter").unwrap_or_default();
        let phrases: Vec<_> = filter
            .split('"')
            .enumerate()
            .flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
            .collect();
        let (mut lines, instance) = self.platform.lines(service, id);
        lines.retain(|line| {
            start.is_none_or(|start| line.at >= start)
                && end.is_none_or(|end| line.at <= end)
                && phrases.iter().all(|phrase| line.text.contains(phrase))
        });
        let limit = arguments.count("limit").unwrap_or(500);
        let latest = lines.len().saturating_sub(limit);
        let shown = lines[latest..].iter().map(|line| {
            let severity = if line.is_error { "error" } else { "info" };
            json!({
                "attributes": [{ "key": "level", "value": format!("\"{severity}\"") }],
                "message": line.text,
                "severity": severity,
                "tags": {
                    "deploymentId": id,
                    "deploymentInstanceId": instance,
                    "environmentId": ENVIRONMENT,
                    "projectId": PROJECT,
                    "serviceId": service.id(),
                },
                "timestamp": line.at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true),
            })
        });
        Ok(shown.collect())
    }
}

fn project() -> Value {
    let services = Service::ALL.into_iter().map(platform::service_json).collect::<Vec<_>>();
    let all = services.len();
    json!({ "id": PROJECT, "name": "shop floor", "services": connection(services, all) })
}

/// A page of `nodes` out of `all`.
fn connection(nodes: Vec<Value>, all: usize) -> Value {
    let has_next = nodes.len() < all;
    let edges: Vec<_> = nodes.into_iter().map(|node| json!({ "cursor": node["id"], "node": node })).collect();
    json!({
        "pageInfo": {
            "startCursor": edges.first().map(|edge| &edge["cursor"]),
            "endCursor": edges.last().map(|edge| &edge["cursor"]),
            "hasNextPage": has_next,
            "hasPreviousPage": false,
        },
        "edges": edges,
    })
}

/// The coerced arguments of a field.
struct Arguments<'a>(&'a JsonMap);

impl Arguments<'_> {
    fn json(&self, name: &str) -> Value {
        self.0.get(name).map_or(Value::Null, |value| serde_json::to_value(value).expect("JSON"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.0.get(name)?.as_u64().and_then(|count| usize::try_from(count).ok())
    }

    fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match DateTime::parse_from_rfc3339(text) {
            Ok(moment) => Ok(Some(moment.to_utc())),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }
}

/// An object whose fields are all there already.
struct Tree {
    type_name: String,
    fields: Value,
}

impl ObjectValue for Tree {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let value = self.fields.get(info.field_name()).ok_or_else(|| self.unknown_field_error(info))?;
        Ok(resolved(value.clone(), &info.field_definition().ty, info.schema()))
    }
}

fn resolved<'a>(value: Value, expected: &Type, schema: &Valid<Schema>) -> ResolvedValue<'a> {
    let name = expected.inner_named_type();
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.into_iter().map(|item| resolved(item, expected, schema)).collect();
            ResolvedValue::list(items)
        }
        Value::Object(_) if schema.get_object(name).is_some() => {
            ResolvedValue::object(Tree { type_name: name.to_string(), fields: value })
        }
        leaf => ResolvedValue::Leaf(serde_json::from_value::<JsonValue>(leaf).expect("JSON")),
    }
}
