//! Railway: whether each token works, of what kind it is, and whether it sees the services that `targets.yaml` names.
//!
//! Lives here: asking with every token once, and for every service once; the sentences. Never lives here: Railway's API
//! (`client/railway`).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::{join, stream};

use super::finding::Finding;
use super::probe::{DEADLINE, Probe};
use crate::base::secret::Secrets;
use crate::base::text::one_line;
use crate::client::railway::{Railway as _, RailwayApi, RailwayError, Service, TokenKind};
use crate::domain::action::inventory::Inventory;

/// How many services are asked for at once.
const AT_ONCE: usize = 10;

/// What was asked with one token.
struct Asked {
    /// Where the token comes from.
    from: String,
    /// Whether `targets.yaml` says that it is a project's.
    told_project: bool,
    kind: Result<TokenKind, RailwayError>,
    services: Vec<Looked>,
}

/// What was asked about one service: how many deployments it shows.
struct Looked {
    service: Service,
    found: Result<usize, RailwayError>,
}

/// Asks with every token that the inventory names and that has a value.
pub async fn examine(inventory: &Inventory, secrets: &Secrets, probe: &Arc<Probe>, endpoint: &str) -> Vec<Finding> {
    let api = RailwayApi::new(probe.clone(), probe.clock().clone(), endpoint);
    let mut tokens: BTreeMap<(&str, bool), Vec<Service>> = BTreeMap::new();
    for railway in inventory.targets.values().filter_map(|target| target.railway.as_ref()) {
        // One without a value is told with the variables.
        let Ok(token) = secrets.value(&railway.token) else { continue };
        let service = Service {
            target: railway.target.clone(),
            project: railway.project.clone(),
            environment: railway.environment.clone(),
            service: railway.service.clone(),
            token: token.clone(),
            token_from: secrets.origin(&railway.token).unwrap_or_default().to_owned(),
            project_token: railway.project_token,
        };
        tokens.entry((&railway.token, railway.project_token)).or_default().push(service);
    }
    let asked = tokens.into_values().filter_map(|services| services.first().cloned().map(|first| (first, services)));
    let asked = asked.map(|(first, services)| ask(&api, probe, first, services));
    let asked: Vec<Asked> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    asked.iter().flat_map(judge).collect()
}

async fn ask(api: &RailwayApi, probe: &Probe, first: Service, services: Vec<Service>) -> Asked {
    let until = probe.clock().now() + DEADLINE;
    let looks = services.into_iter().map(|service| async move {
        let found = api.deployments(&service, 1, until).await.map(|list| list.len());
        Looked { service, found }
    });
    let looks = stream::iter(looks).buffered(AT_ONCE).collect();
    let (kind, services) = join!(api.token_kind(&first, until), looks);
    Asked { from: first.token_from, told_project: first.project_token, kind, services }
}

fn judge(asked: &Asked) -> Vec<Finding> {
    const TOKEN: &str = "railway token";
    let from = &asked.from;
    let (kind, token) = match &asked.kind {
        Ok(kind) => (kind, token(kind)),
        Err(RailwayError::Refused { passing: false, .. }) => {
            return vec![
                Finding::wrong(TOKEN, format!("Railway does not accept the token in {from}, neither as a project's nor as an account's"))
                    .mend("Make a new one: railway.com > Account Settings > Tokens, or the project's Settings > Tokens for one environment."),
            ];
        }
        Err(error) => {
            return vec![
                Finding::wrong(
                    TOKEN,
                    format!("whether the token in {from} works is not known: {}", one_line(&error.to_string(), 200)),
                )
                .mend("Look at whether this machine may reach backboard.railway.com, and at status.railway.com."),
            ];
        }
    };
    let is_project = matches!(kind, TokenKind::Project { .. });
    if is_project != asked.told_project {
        let (says, write) =
            if is_project { ("does not say so", "Add") } else { ("says that it is a project's", "Remove") };
        return vec![
            Finding::wrong(
                TOKEN,
                format!("the token in {from} is {token}, and targets.yaml {says}: Railway refuses it like that"),
            )
            .mend(format!("{write} `project_token: true` under `railway:` of each target that uses it.")),
        ];
    }
    vec![Finding::good(TOKEN, format!("the token in {from} works; it is {token}")), scope(asked, kind)]
}

fn token(kind: &TokenKind) -> &'static str {
    match kind {
        TokenKind::Account => "an account's",
        TokenKind::Workspace => "a workspace's",
        TokenKind::Project { .. } => "a project's",
    }
}

/// Whether the token sees what it is there for.
fn scope(asked: &Asked, kind: &TokenKind) -> Finding {
    const CHECK: &str = "railway scope";
    let (mut unseen, mut empty, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for Looked { service, found } in &asked.services {
        let name = service.target.as_str();
        let elsewhere = matches!(kind, TokenKind::Project { project, environment }
            if *project != service.project || *environment != service.environment);
        match found {
            _ if elsewhere => unseen.push(format!("{name} (the token is for another project or environment)")),
            Err(error) => unseen.push(format!("{name} ({})", one_line(&error.to_string(), 160))),
            Ok(0) => empty.push(name),
            Ok(_) => seen.push(name),
        }
    }
    if !unseen.is_empty() {
        return Finding::wrong(CHECK, format!("the token in {} does not see {}", asked.from, unseen.join(", ")))
            .mend("Use a token that may see that project and environment, or correct the ids in targets.yaml.");
    }
    if !empty.is_empty() {
        return Finding::warn(CHECK, format!("Railway shows no deployment of {}", empty.join(", ")))
            .mend("Look at the ids of project, environment and service in targets.yaml: with a wrong one nothing is found, and nothing can be restarted.");
    }
    Finding::good(CHECK, format!("it sees {}", seen.join(", ")))
}
