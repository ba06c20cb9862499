//! The GraphQL documents, checked at compile time against the small schema beside them.
//!
//! Lives here: the documents and the types generated from them. Never lives here: sending them.

#![allow(missing_docs, reason = "generated from the documents; the names are Railway's")]

use graphql_client::GraphQLQuery;

/// Every document that is ever sent, by its operation's name: for checking them against Railway's full schema.
pub const DOCUMENTS: &[(&str, &str)] = &[
    ("Deployments", include_str!("deployments.graphql")),
    ("Deployment", include_str!("deployment.graphql")),
    ("DeploymentRestart", include_str!("deployment_restart.graphql")),
    ("DeploymentRedeploy", include_str!("deployment_redeploy.graphql")),
    ("DeploymentRollback", include_str!("deployment_rollback.graphql")),
    ("DeploymentLogs", include_str!("deployment_logs.graphql")),
    ("Me", include_str!("me.graphql")),
    ("ProjectToken", include_str!("project_token.graphql")),
];

/// The part of Railway's schema that the documents are compiled against.
pub const SCHEMA: &str = include_str!("schema.graphql");

/// RFC 3339 text.
pub type DateTime = String;
/// Anything.
pub type DeploymentMeta = serde_json::Value;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployments.graphql",
    response_derives = "Debug"
)]
pub struct Deployments;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployment.graphql",
    response_derives = "Debug"
)]
pub struct Deployment;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployment_restart.graphql",
    response_derives = "Debug"
)]
pub struct DeploymentRestart;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployment_redeploy.graphql",
    response_derives = "Debug"
)]
pub struct DeploymentRedeploy;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployment_rollback.graphql",
    response_derives = "Debug"
)]
pub struct DeploymentRollback;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/deployment_logs.graphql",
    response_derives = "Debug"
)]
pub struct DeploymentLogs;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/me.graphql",
    response_derives = "Debug"
)]
pub struct Me;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "src/client/railway/schema.graphql",
    query_path = "src/client/railway/project_token.graphql",
    response_derives = "Debug"
)]
pub struct ProjectToken;
