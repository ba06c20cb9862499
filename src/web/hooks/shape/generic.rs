//! The body for everything that can be taught to post: one alert, in our own words (docs/alerts.md).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Standing, Unfit, Words, runbook_in, severity, since, unfit};
use crate::base::event::Instant;
use crate::domain::alert::Alert;
use crate::web::hooks::Source;

/// One alert. A field that is not known is a fault: it is probably misspelt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    fingerprint: String,
    title: String,
    state: Standing,
    severity: Option<String>,
    group: Option<String>,
    since: Option<Instant>,
    link: Option<String>,
    #[serde(default)]
    details: BTreeMap<String, String>,
    runbook: Option<String>,
}

/// Reads it.
pub fn read(told: Told, words: &Words) -> Result<Alert, Unfit> {
    if told.fingerprint.trim().is_empty() || told.title.trim().is_empty() {
        return Err(unfit("an alert has a fingerprint and a title"));
    }
    let bad = match &told.severity {
        None => None,
        Some(word) => Some(severity(word, words).ok_or_else(|| unfit("severity is P0, P1, P2 or P3"))?),
    };
    Ok(Alert {
        source: Source::Generic.word().to_owned(),
        group: told.group.unwrap_or_else(|| told.fingerprint.clone()),
        fingerprint: told.fingerprint,
        title: told.title,
        severity: bad,
        state: told.state,
        since: since(told.since),
        details: told.details,
        link: told.link,
        runbook: told.runbook.as_deref().and_then(runbook_in),
    })
}
