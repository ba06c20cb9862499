//! Railway's body (its documentation, "Webhooks"): deployments, volumes and monitors of a project.
//!
//! Railway documents the shape by an example of a failed deployment; of volumes and monitors it names the kinds, not their details. What
//! tells two of them apart is therefore taken from what the body says of resources, and everything else is only shown.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Standing, Words, severity};
use crate::base::event::Instant;
use crate::domain::alert::Alert;
use crate::web::hooks::Source;

/// An event.
#[derive(Debug, Deserialize)]
pub struct Told {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    details: BTreeMap<String, Value>,
    resource: Resource,
    severity: Option<String>,
    timestamp: Option<Instant>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    project: Option<Named>,
    environment: Named,
    service: Option<Named>,
    volume: Option<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    id: String,
    name: Option<String>,
    #[serde(default)]
    is_ephemeral: bool,
}

impl Named {
    fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// Reads an event. Most are no alerts: that something is being built, for instance, or anything in an environment that comes and goes with
/// a pull request.
pub fn read(told: &Told, words: &Words) -> Vec<Alert> {
    if told.resource.environment.is_ephemeral {
        return Vec::new();
    }
    // `Deployment.oom_killed` and `Deployment.OomKilled` are the same.
    let kind: String = told.kind.chars().filter(|char| *char != '_').flat_map(char::to_lowercase).collect();
    let (about, state, says) = match kind.as_str() {
        "deployment.failed" => ("deployment", Standing::Firing, "a deployment failed"),
        "deployment.crashed" => ("deployment", Standing::Firing, "it crashed"),
        "deployment.oomkilled" => ("deployment", Standing::Firing, "it ran out of memory"),
        "deployment.deployed" | "deployment.success" => ("deployment", Standing::Resolved, "it was deployed"),
        "volumealert.triggered" => ("volume", Standing::Firing, "a volume fills up"),
        "volumealert.resolved" => ("volume", Standing::Resolved, "a volume has room again"),
        "monitor.triggered" => ("monitor", Standing::Firing, "a monitor was triggered"),
        "monitor.resolved" | "monitor.deleted" => ("monitor", Standing::Resolved, "a monitor is content"),
        _ => return Vec::new(),
    };
    vec![alert(told, about, state, says, words)]
}

fn alert(told: &Told, about: &str, state: Standing, says: &str, words: &Words) -> Alert {
    let Resource { project, environment, service, volume } = &told.resource;
    let detail = |name: &str| told.details.get(name).and_then(Value::as_str);
    let of = service.as_ref().map_or("", |service| &service.id);
    // Which of several volumes or monitors of a service; the id of the event itself would not be found again by its end.
    let which = match about {
        "volume" => volume.as_ref().map(|volume| volume.id.as_str()).or_else(|| detail("volumeId")),
        "monitor" => detail("monitorId").or_else(|| detail("monitor")).or_else(|| detail("measurement")),
        _ => None,
    };
    let group = format!("{}/{of}", environment.id);
    let subject = service.as_ref().or(volume.as_ref()).or(project.as_ref()).map_or("a project", Named::shown);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let mut details: BTreeMap<String, String> =
        told.details.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    details.insert("environment".to_owned(), environment.shown().to_owned());
    details.extend(project.as_ref().map(|project| ("project".to_owned(), project.shown().to_owned())));
    Alert {
        source: Source::Railway.word().to_owned(),
        fingerprint: format!("{about}:{group}/{}", which.unwrap_or_default()),
        group,
        title: format!("{subject} in {}: {says}", environment.shown()),
        severity: told.severity.as_deref().and_then(|word| severity(word, words)),
        state,
        since: super::since(told.timestamp),
        details,
        link: None,
        runbook: None,
    }
}
