//! How `railway.*` steps are done, one file a verb family.
//!
//! Lives here: what the families share: the service with its token, which deployment is meant, errors as failures of
//! steps. Never lives here: GraphQL.

use super::{Executors, Failure, Instant, Reply};
use crate::client::SendError;
use crate::client::railway::{Deployment, DeploymentStatus, RailwayError, Service};
use crate::domain::action::railway as action;

pub(super) mod change;
pub(super) mod deployments;
pub(super) mod logs;
mod snapshot;

/// Deployments that are looked at to find the running one, or one to go back to.
const LOOK_BACK: u32 = 20;

impl Executors {
    /// The service with its token, as the port wants it.
    fn service(&self, service: &action::Service) -> Result<Service, Failure> {
        let token = self.secrets.value(&service.token).map_err(|error| self.lasting(&error.to_string()))?;
        Ok(Service {
            target: service.target.clone(),
            project: service.project.clone(),
            environment: service.environment.clone(),
            service: service.service.clone(),
            token: token.clone(),
            token_from: self.secrets.origin(&service.token).unwrap_or_default().to_owned(),
            project_token: service.project_token,
        })
    }

    /// The service's newest deployments; `None` in time becomes a failure.
    async fn recent(&self, service: &Service, limit: u32, until: Instant) -> Result<Vec<Deployment>, Trouble> {
        match self.within(until, self.ports.railway.deployments(service, limit, until)).await {
            Some(Ok(list)) => Ok(list),
            Some(Err(error)) => Err(self.trouble(&error)),
            None => Err(self.silence(service)),
        }
    }

    fn trouble(&self, error: &RailwayError) -> Trouble {
        match error {
            RailwayError::Send(SendError::Denied(message)) => Trouble::settled(self.lasting(message)),
            RailwayError::Send(SendError::NotSent(message)) => Trouble::settled(self.passing(message)),
            RailwayError::Send(SendError::Unanswered(message)) | RailwayError::Unreadable(message) => {
                Trouble { failure: self.passing(message), settled: false }
            }
            RailwayError::Refused { message, retry_after, passing } => {
                let failure = if *passing { self.passing(message) } else { self.lasting(message) };
                Trouble::settled(Failure { retry_after_ms: retry_after.map(super::text::millis), ..failure })
            }
        }
    }

    fn silence(&self, service: &Service) -> Trouble {
        let message = format!("no answer in time from Railway about {}", service.target);
        Trouble { failure: self.passing(&message), settled: false }
    }
}

/// Why Railway did not do or say what it was asked.
struct Trouble {
    failure: Failure,
    /// Whether it is certain that nothing was done.
    settled: bool,
}

impl Trouble {
    fn settled(failure: Failure) -> Self {
        Self { failure, settled: true }
    }

    fn reply(self) -> Reply {
        if self.settled { Reply::NotDone(self.failure) } else { Reply::Unknown(self.failure) }
    }
}

/// The deployment whose containers run, or ran until they crashed or went to sleep: the newest of those. A newer one
/// that failed to build, or is still being built, runs nothing.
fn running(deployments: &[Deployment]) -> Option<&Deployment> {
    use DeploymentStatus::{Crashed, Deploying, Sleeping, Success};
    deployments.iter().find(|deployment| {
        matches!(deployment.status, Success | Crashed | Sleeping)
            || (deployment.status == Deploying && !deployment.instances.is_empty())
    })
}
