//! What others deployed on the targets around the incident.

use serde::Serialize;

use super::Context;
use super::cite::{Cites, md};
use crate::domain::target::event::Event;
use crate::domain::timeline::Fact;
use crate::view::sentence::deployed;
use crate::view::time;

/// One deployment.
#[derive(Serialize)]
pub(super) struct Deployed {
    time: String,
    target: String,
    text: String,
    commit: String,
    cites: String,
}

/// In the order in which they were made.
pub(super) fn deployments(context: &Context<'_>) -> Vec<Deployed> {
    let mut found: Vec<_> = context
        .facts
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Fact::Target(target, Event::DeploymentSeen(seen)) => Some((recorded.pos, target, &seen.deployment)),
            _ => None,
        })
        .collect();
    found.sort_by_key(|(pos, _, deployment)| (deployment.at, *pos));
    let row = |(pos, target, deployment): (u64, &String, &crate::domain::action::railway::Deployment)| Deployed {
        time: time::moment(deployment.at, context.zone),
        target: md(target, 100),
        text: md(&deployed(deployment), 600),
        commit: deployment.commit.as_deref().map_or_else(|| "–".to_owned(), |commit| md(commit, 12)),
        cites: Cites::one(pos).text(),
    };
    found.into_iter().map(row).collect()
}
