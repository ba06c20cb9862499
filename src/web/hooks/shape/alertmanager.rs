//! Alertmanager's body (its documentation, `webhook_config`, version 4), and Grafana's, which is the same with a few fields more
//! (Grafana's documentation, "Configure webhook notifications").

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Standing, Unfit, Words, runbook_in, severity, since, unfit};
use crate::base::event::Instant;
use crate::domain::alert::Alert;
use crate::web::hooks::Source;

/// Labels under which somebody says how bad it is.
const SEVERITY: [&str; 2] = ["severity", "priority"];
/// Where somebody names a runbook.
const RUNBOOK: [&str; 2] = ["runbook", "runbook_url"];

/// A notification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The version of the shape. Grafana's says "1".
    version: String,
    group_key: String,
    alerts: Vec<One>,
    /// Alerts that the sender left out itself.
    #[serde(default, rename = "truncatedAlerts")]
    pub truncated: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    status: Standing,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<Instant>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
    #[serde(default, rename = "dashboardURL")]
    dashboard_url: Option<String>,
    #[serde(default, rename = "panelURL")]
    panel_url: Option<String>,
    #[serde(default)]
    value_string: Option<String>,
}

/// Reads a notification.
pub fn read(source: Source, told: Notification, words: &Words) -> Result<Vec<Alert>, Unfit> {
    if source == Source::Alertmanager && told.version != "4" {
        return Err(unfit("only version 4 of Alertmanager's body is known"));
    }
    if told.alerts.iter().any(|one| one.fingerprint.trim().is_empty()) {
        return Err(unfit("an alert has no fingerprint"));
    }
    Ok(told.alerts.into_iter().map(|one| alert(source, &told.group_key, one, words)).collect())
}

fn alert(source: Source, group: &str, one: One, words: &Words) -> Alert {
    let noted = |name: &str| one.annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let label = |name: &str| one.labels.get(name).map(String::as_str);
    let name = label("alertname").unwrap_or("an alert without a name");
    let title = match (noted("summary"), label("instance")) {
        (Some(summary), _) => summary.to_owned(),
        (None, Some(instance)) => format!("{name} on {instance}"),
        (None, None) => name.to_owned(),
    };
    let runbook = RUNBOOK.iter().find_map(|name| label(name).or_else(|| noted(name)));
    // What a person wants to know first stands first: an alert keeps only so many.
    let mut details = BTreeMap::new();
    details.extend(noted("description").map(|text| ("description".to_owned(), text.to_owned())));
    let extra = [("dashboard", &one.dashboard_url), ("panel", &one.panel_url), ("values", &one.value_string)];
    let extra = extra.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    details.extend(extra.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text.clone())));
    let room = crate::domain::alert::DETAILS.saturating_sub(details.len());
    let labels = one.labels.iter().filter(|(name, _)| !name.starts_with("__"));
    let own: Vec<_> = labels.filter(|(name, _)| !details.contains_key(*name)).take(room).collect();
    details.extend(own.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    Alert {
        source: source.word().to_owned(),
        fingerprint: one.fingerprint.clone(),
        group: group.to_owned(),
        title,
        severity: SEVERITY.iter().find_map(|name| severity(label(name)?, words)),
        state: one.status,
        since: since(one.starts_at),
        details,
        link: Some(one.generator_url.clone()).filter(|link| !link.is_empty()),
        runbook: runbook.and_then(runbook_in),
    }
}
