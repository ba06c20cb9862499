//! Railway's GraphQL API over the HTTP port.
//!
//! Lives here: requests, and the reading of every way in which Railway refuses: status codes, GraphQL errors, HTML pages
//! of the proxies in front of it. Never lives here: retries.

use std::sync::Arc;

use futures::future::BoxFuture;
use graphql_client::{GraphQLQuery, Response};
use secrecy::{ExposeSecret, SecretString};

use super::documents::{self, deployment, deployments};
use super::{Deployment, DeploymentStatus, Instance, LogLine, LogQuery, Railway, RailwayError, Service};
use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::client::SendError;
use crate::client::egress::Named;
use crate::client::http::{Http, HttpRequest, HttpResponse, Method};

/// Railway's public API.
pub const ENDPOINT: &str = "https://backboard.railway.com/graphql/v2";

/// The longest name and commit message that are kept, in characters.
const LONGEST_NAME: usize = 60;
const LONGEST_MESSAGE: usize = 120;

/// Asks Railway's API.
#[derive(Clone)]
pub struct RailwayApi {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    endpoint: String,
    named: Named,
}

/// What a call does, because the same broken answer means more after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Changes,
}

impl RailwayApi {
    /// Asks at `endpoint`; pass [`ENDPOINT`] unless the operator says otherwise. Wherever it is, the operator named it.
    #[must_use]
    pub fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>, endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        let named = Named::from_urls([endpoint.as_str()]);
        Self { http, clock, endpoint, named }
    }

    pub(super) async fn ask<Q: GraphQLQuery>(
        &self,
        service: &Service,
        variables: Q::Variables,
        effect: Effect,
        until: Instant,
    ) -> Result<Q::ResponseData, RailwayError> {
        let body = serde_json::to_string(&Q::build_query(variables))
            .map_err(|error| SendError::Denied(format!("the question to Railway cannot be written: {error}")))?;
        let (header, value) = if service.project_token {
            ("project-access-token", service.token.expose_secret().to_owned())
        } else {
            ("authorization", format!("Bearer {}", service.token.expose_secret()))
        };
        let request = HttpRequest {
            method: Method::POST,
            url: self.endpoint.clone(),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned().into()),
                ("accept".to_owned(), "application/json".to_owned().into()),
                (header.to_owned(), SecretString::from(value)),
            ],
            body: Some(body.into()),
            follow_redirects: false,
            named: self.named.clone(),
            until,
        };
        let answer = self.http.send(request).await?;
        self.read::<Q>(service, &answer, effect)
    }

    fn read<Q: GraphQLQuery>(
        &self,
        service: &Service,
        answer: &HttpResponse,
        effect: Effect,
    ) -> Result<Q::ResponseData, RailwayError> {
        if answer.status == 429 {
            return Err(RailwayError::Refused {
                message: "Railway answered 429: too many requests with this token".to_owned(),
                retry_after: answer.retry_after(self.clock.now()),
                passing: true,
            });
        }
        let parsed: Result<Response<Q::ResponseData>, _> = serde_json::from_str(&answer.body);
        if let Ok(Response { errors: Some(errors), .. }) = &parsed
            && let Some(first) = errors.first()
        {
            return Err(refusal(service, answer.status, first, effect));
        }
        match (answer.status, parsed) {
            (200, Ok(Response { data: Some(data), .. })) => Ok(data),
            (200, _) => Err(RailwayError::Unreadable(format!("Railway answered 200 with {}", shape(answer)))),
            (status, _) => Err(bad_status(service, status, answer)),
        }
    }
}

/// A status without GraphQL errors in the body: a proxy in front of Railway, mostly.
fn bad_status(service: &Service, status: u16, answer: &HttpResponse) -> RailwayError {
    let said = format!("Railway answered {status} with {}", shape(answer));
    match status {
        401 | 403 if !is_html(answer) => unauthorised(service, &said),
        400..=499 => {
            RailwayError::Refused { message: said, retry_after: None, passing: matches!(status, 403 | 408 | 425) }
        }
        // A gateway speaks for a server that may have done it.
        _ => SendError::Unanswered(said).into(),
    }
}

fn refusal(service: &Service, status: u16, error: &graphql_client::Error, effect: Effect) -> RailwayError {
    let words = one_line(&error.message, 300);
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code")).and_then(|code| code.as_str());
    let lower = words.to_lowercase();
    // Railway gives one code to nearly everything, a refused token included, so only the words can tell.
    let token = ["not authorized", "unauthorized", "not authenticated", "invalid token", "unauthenticated"];
    if matches!(status, 401 | 403)
        || matches!(code, Some("UNAUTHENTICATED" | "FORBIDDEN"))
        || token.iter().any(|phrase| lower.contains(phrase))
    {
        return unauthorised(service, &format!("Railway said \"{words}\""));
    }
    let message = format!("Railway said \"{words}\" about {}", service.target);
    let internal = code == Some("INTERNAL_SERVER_ERROR") || status >= 500;
    let settled = lower.contains("not found") || lower.contains("cannot ");
    if internal && !settled && effect == Effect::Changes {
        return SendError::Unanswered(message).into();
    }
    RailwayError::Refused {
        message,
        retry_after: None,
        passing: (internal && !settled) || lower.contains("rate limit"),
    }
}

fn unauthorised(service: &Service, said: &str) -> RailwayError {
    let kind = if service.project_token { "project token" } else { "account or workspace token" };
    let message = format!(
        "{said} about {}: the {kind} in {} is not valid for it; check that it exists, may see this project, and is of the \
         kind that targets.yaml says",
        service.target, service.token_from
    );
    RailwayError::Refused { message, retry_after: None, passing: false }
}

fn is_html(answer: &HttpResponse) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.contains("html")) || answer.body.trim_start().starts_with('<')
}

/// What a body is, in words; never the body.
fn shape(answer: &HttpResponse) -> String {
    if answer.body.trim().is_empty() {
        return "an empty body".to_owned();
    }
    if let Some(cut) = &answer.cut {
        return format!("more than can be read ({cut}); ask for less");
    }
    if !is_html(answer) {
        return "something that is no answer to the question".to_owned();
    }
    let title = answer.body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    match title.map(|(title, _)| one_line(title, 80)) {
        Some(title) if !title.is_empty() => format!("an HTML page (\"{title}\")"),
        _ => "an HTML page".to_owned(),
    }
}

fn unreadable(what: &str) -> RailwayError {
    RailwayError::Unreadable(format!("Railway answered with {what}"))
}

fn taken(done: bool, service: &Service, verb: &str) -> Result<(), RailwayError> {
    if done {
        return Ok(());
    }
    let message = format!("Railway answered \"false\" when asked to {verb} {}", service.target);
    Err(RailwayError::Refused { message, retry_after: None, passing: false })
}

fn instant(text: &str) -> Result<Instant, RailwayError> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text);
    parsed.map(|time| time.to_utc()).map_err(|_| unreadable("a time that is no RFC 3339"))
}

/// Both queries ask for the same fragment, and each has its own generated type for it.
macro_rules! deployment_from {
    ($node:expr) => {{
        let node = $node;
        let status =
            serde_json::to_value(&node.status).ok().and_then(|name| name.as_str().map(DeploymentStatus::from_name));
        let instances = node.instances.iter().map(|instance| {
            let status = serde_json::to_value(&instance.status).ok();
            let status = status.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
            Instance { id: instance.id.clone(), status }
        });
        Ok(Deployment {
            status: status.ok_or_else(|| unreadable("a status that is no text"))?,
            status_updated_at: node.status_updated_at.as_deref().map(instant).transpose()?,
            created_at: instant(&node.created_at)?,
            instances: instances.collect(),
            can_rollback: node.can_rollback,
            commit: text(node.meta.as_ref(), "commitHash", 64),
            by: node
                .creator
                .and_then(|creator| creator.name)
                .map(|name| one_line(&name, LONGEST_NAME))
                .filter(|name| !name.is_empty())
                .or_else(|| text(node.meta.as_ref(), "commitAuthor", LONGEST_NAME)),
            message: text(node.meta.as_ref(), "commitMessage", LONGEST_MESSAGE),
            id: node.id,
        })
    }};
}

/// A text of what a deployment was made from; nothing where there is none, or an empty one.
fn text(meta: Option<&serde_json::Value>, key: &str, limit: usize) -> Option<String> {
    let text = one_line(meta?.get(key)?.as_str()?, limit);
    (!text.is_empty()).then_some(text)
}

impl Railway for RailwayApi {
    fn deployments<'a>(
        &'a self,
        service: &'a Service,
        limit: u32,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, RailwayError>> {
        Box::pin(async move {
            let limit = limit.clamp(1, 100);
            let input = deployments::DeploymentListInput {
                environment_id: Some(service.environment.clone()),
                project_id: Some(service.project.clone()),
                service_id: Some(service.service.clone()),
            };
            let variables = deployments::Variables { input, first: Some(limit.into()) };
            let data = self.ask::<documents::Deployments>(service, variables, Effect::Reads, until).await?;
            let nodes = data.deployments.edges.into_iter().map(|edge| edge.node);
            let mut list =
                nodes.map(|node| deployment_from!(node)).collect::<Result<Vec<Deployment>, RailwayError>>()?;
            // The order is not promised.
            list.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
            list.truncate(limit as usize);
            Ok(list)
        })
    }

    fn deployment<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<Deployment, RailwayError>> {
        Box::pin(async move {
            let variables = deployment::Variables { id: id.to_owned() };
            let data = self.ask::<documents::Deployment>(service, variables, Effect::Reads, until).await?;
            deployment_from!(data.deployment)
        })
    }

    fn restart<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>> {
        Box::pin(async move {
            let variables = documents::deployment_restart::Variables { id: id.to_owned() };
            let data = self.ask::<documents::DeploymentRestart>(service, variables, Effect::Changes, until).await?;
            taken(data.deployment_restart, service, "restart")
        })
    }

    fn redeploy<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<String, RailwayError>> {
        Box::pin(async move {
            let variables = documents::deployment_redeploy::Variables { id: id.to_owned() };
            let data = self.ask::<documents::DeploymentRedeploy>(service, variables, Effect::Changes, until).await?;
            Ok(data.deployment_redeploy.id)
        })
    }

    fn rollback<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>> {
        Box::pin(async move {
            let variables = documents::deployment_rollback::Variables { id: id.to_owned() };
            let data = self.ask::<documents::DeploymentRollback>(service, variables, Effect::Changes, until).await?;
            taken(data.deployment_rollback, service, "roll back")
        })
    }

    fn logs<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        query: LogQuery,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<LogLine>, RailwayError>> {
        Box::pin(async move {
            let variables = documents::deployment_logs::Variables {
                deployment_id: id.to_owned(),
                start_date: Some(query.since.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
                limit: Some(query.limit.into()),
                filter: query.filter,
            };
            let data = self.ask::<documents::DeploymentLogs>(service, variables, Effect::Reads, until).await?;
            let lines = data.deployment_logs.into_iter();
            Ok(lines.map(|log| LogLine { at: log.timestamp, severity: log.severity, message: log.message }).collect())
        })
    }
}
