//! What kind of token somebody has: Railway refuses one kind where it expects another without saying so.
//!
//! Lives here: [`TokenKind`], asking for it. Never lives here: what the token should be for.

use super::api::{Effect, RailwayApi};
use super::documents::{self, me, project_token};
use super::{Railway as _, RailwayError, Service};
use crate::base::event::Instant;

/// A token's kind, as far as its answers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's: it sees whatever they see.
    Account,
    /// A workspace's, or one that an app got through OAuth: it acts for nobody.
    Workspace,
    /// A project's: for one environment of it.
    Project {
        /// Railway's project id.
        project: String,
        /// Railway's environment id.
        environment: String,
    },
}

impl RailwayApi {
    /// Finds out what kind of token a service is asked with, whatever `project_token` says of it. Only reads.
    ///
    /// # Errors
    /// Railway was not reached, or accepts the token as none of its kinds.
    pub async fn token_kind(&self, service: &Service, until: Instant) -> Result<TokenKind, RailwayError> {
        let as_project = Service { project_token: true, ..service.clone() };
        let as_other = Service { project_token: false, ..service.clone() };
        let first = if service.project_token {
            self.of_project(&as_project, until).await
        } else {
            self.of_somebody(&as_other, until).await
        };
        let refused = match first {
            Err(refused @ RailwayError::Refused { passing: false, .. }) => refused,
            other => return other,
        };
        // Of the other kind?
        let second = if service.project_token {
            self.of_somebody(&as_other, until).await
        } else {
            self.of_project(&as_project, until).await
        };
        second.map_err(|_| refused)
    }

    async fn of_project(&self, service: &Service, until: Instant) -> Result<TokenKind, RailwayError> {
        let asked =
            self.ask::<documents::ProjectToken>(service, project_token::Variables {}, Effect::Reads, until).await?;
        let token = asked.project_token;
        Ok(TokenKind::Project { project: token.project_id, environment: token.environment_id })
    }

    async fn of_somebody(&self, service: &Service, until: Instant) -> Result<TokenKind, RailwayError> {
        match self.ask::<documents::Me>(service, me::Variables {}, Effect::Reads, until).await {
            Ok(_) => Ok(TokenKind::Account),
            // A workspace is no `me`, but may see deployments.
            Err(RailwayError::Refused { passing: false, .. }) => {
                self.deployments(service, 1, until).await.map(|_| TokenKind::Workspace)
            }
            Err(other) => Err(other),
        }
    }
}
