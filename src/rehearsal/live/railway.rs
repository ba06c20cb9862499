//! The scripted world's Railway: GraphQL over HTTP.
//!
//! Lives here: the operations that this program sends, read and answered as Railway does. Never lives here: a GraphQL engine:
//! a document that this program does not send is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use futures::FutureExt as _;
use hyper::Method;
use serde_json::{Value, json};

use super::door::{Tasks, Visit};
use super::http::{Answer, Asked, SILENCE, visit};
use crate::base::clock::{Clock, ScaledClock};
use crate::base::event::Instant;
use crate::client::http::HttpResponse;
use crate::client::railway::{DOCUMENTS, Deployment, LogQuery, RailwayError, Service};
use crate::domain::action::inventory::Inventory;
use crate::rehearsal::world::{Change, Missed, ScriptedWorld};

/// Where it answers.
pub(super) const PATH: &str = "/graphql/v2";

/// What happens on a connection to Railway.
pub(super) fn railway(world: ScriptedWorld, clock: ScaledClock, inventory: &Inventory, tasks: &Tasks) -> Visit {
    let services = inventory.targets.iter().filter_map(|(target, entry)| {
        let service = entry.railway.as_ref()?;
        Some((service.service.clone(), target.clone()))
    });
    let platform = Arc::new(Platform { world, targets: services.collect() });
    let answer: Answer = Arc::new(move |asked| {
        let (platform, until) = (platform.clone(), clock.now() + SILENCE);
        async move { platform.answer(asked, until).await }.boxed()
    });
    visit(answer, tasks)
}

struct Platform {
    world: ScriptedWorld,
    /// Targets by Railway's service id: faults name targets.
    targets: BTreeMap<String, String>,
}

impl Platform {
    async fn answer(&self, asked: Asked, until: Instant) -> Result<HttpResponse, Missed> {
        if asked.method != Method::POST || asked.target != PATH {
            return Ok(HttpResponse { status: 404, ..HttpResponse::default() });
        }
        if !(asked.headers.contains_key("authorization") || asked.headers.contains_key("project-access-token")) {
            return Ok(refusal("Not Authorized"));
        }
        let question: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let text = |key: &str| question.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let known = DOCUMENTS.iter().find(|(_, document)| document.trim() == text("query"));
        let Some((operation, _)) = known.filter(|(name, _)| *name == text("operationName")) else {
            return Ok(refusal("This Railway knows only the operations that rundown sends"));
        };
        match self.carry_out(operation, &question["variables"], until).await {
            Ok(data) => Ok(json(&json!({ "data": data }))),
            Err(Missed::Railway(RailwayError::Refused { message, .. })) => Ok(refusal(&message)),
            Err(missed) => Err(missed),
        }
    }

    async fn carry_out(&self, operation: &str, variables: &Value, until: Instant) -> Result<Value, Missed> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let world = &self.world;
        if operation == "Deployments" {
            let service = self.service(&text(&variables["input"]["serviceId"]));
            let limit = variables["first"].as_u64().and_then(|limit| u32::try_from(limit).ok()).unwrap_or(10);
            let list = world.list_deployments(&service, limit, until).await?;
            let edges: Vec<Value> = list.iter().map(|one| json!({ "node": node(one) })).collect();
            return Ok(json!({ "deployments": { "edges": edges } }));
        }
        let key = if operation == "DeploymentLogs" { "deploymentId" } else { "id" };
        let id = text(&variables[key]);
        // As Railway: a deployment is asked for without its service.
        let Some(service) = world.service_of(&id).map(|service| self.service(&service)) else {
            return Err(refused("Deployment not found"));
        };
        Ok(match operation {
            "Deployment" => json!({ "deployment": node(&world.one_deployment(&service, &id, until).await?) }),
            "DeploymentRestart" => {
                world.order(Change::Restart, &service, &id, until).await?;
                json!({ "deploymentRestart": true })
            }
            "DeploymentRedeploy" => {
                let made = world.order(Change::Redeploy, &service, &id, until).await?;
                json!({ "deploymentRedeploy": { "id": made } })
            }
            "DeploymentRollback" => {
                world.order(Change::Rollback, &service, &id, until).await?;
                json!({ "deploymentRollback": true })
            }
            "DeploymentLogs" => {
                let since = text(&variables["startDate"]).parse::<Instant>();
                let query = LogQuery {
                    since: since.map_err(|_| refused("startDate is no time"))?,
                    limit: variables["limit"].as_u64().and_then(|limit| u32::try_from(limit).ok()).unwrap_or(100),
                    filter: variables["filter"].as_str().map(str::to_owned),
                };
                let lines = world.list_logs(&service, &query, until).await?;
                let lines = lines
                    .iter()
                    .map(|line| json!({ "timestamp": line.at, "severity": line.severity, "message": line.message }));
                json!({ "deploymentLogs": lines.collect::<Vec<_>>() })
            }
            other => return Err(refused(&format!("{other} is not answered here"))),
        })
    }

    /// A service by Railway's id; the name of a target that nobody has stands for itself.
    fn service(&self, id: &str) -> Service {
        Service {
            target: self.targets.get(id).cloned().unwrap_or_else(|| id.to_owned()),
            project: String::new(),
            environment: String::new(),
            service: id.to_owned(),
            token: String::new().into(),
            token_from: String::new(),
            project_token: false,
        }
    }
}

fn node(one: &Deployment) -> Value {
    let stamp = |at: &Instant| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let instances: Vec<Value> =
        one.instances.iter().map(|instance| json!({ "id": instance.id, "status": instance.status })).collect();
    json!({
        "id": one.id,
        "status": one.status.as_str(),
        "statusUpdatedAt": one.status_updated_at.as_ref().map(stamp),
        "createdAt": stamp(&one.created_at),
        "canRollback": one.can_rollback,
        "meta": one.commit.as_ref().map(|commit| json!({ "commitHash": commit })),
        "instances": instances,
    })
}

fn refused(message: &str) -> Missed {
    Missed::Railway(RailwayError::Refused { message: message.to_owned(), retry_after: None, passing: false })
}

/// Railway says no with status 200.
fn refusal(message: &str) -> HttpResponse {
    json(&json!({ "errors": [{ "message": message }], "data": null }))
}

fn json(body: &Value) -> HttpResponse {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    HttpResponse { status: 200, headers, body: body.to_string(), ..HttpResponse::default() }
}
