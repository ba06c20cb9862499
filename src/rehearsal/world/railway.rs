//! The Railway side of a scripted world.
//!
//! Lives here: services, their deployments and containers, restarts that take their time, log lines. Never lives here: when
//! a restart counts as done.

use chrono::{SecondsFormat, TimeDelta};
use futures::future::BoxFuture;

use super::fault::{Call, Strike};
use super::{Change, Due, Inner, Missed, Order, ScriptedWorld, failure};
use crate::base::event::Instant;
use crate::client::railway::{
    Deployment, DeploymentStatus, Instance, LogLine, LogQuery, Railway, RailwayError, Service,
};
use crate::rehearsal::scenario::{Failing, RailwayCall, ServiceSpec, Trigger};

/// A service while it is played.
pub(super) struct ServiceState {
    name: String,
    /// Whether it runs: answers requests and writes its log.
    pub up: bool,
    /// Newest first.
    deployments: Vec<Deployment>,
    made: u32,
    containers: u32,
}

impl ServiceState {
    pub fn new(name: &str, spec: &ServiceSpec, start: Instant) -> Self {
        let mut deployments: Vec<Deployment> = spec
            .deployments
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let usual = if index == 0 { "SUCCESS" } else { "REMOVED" };
                let status = DeploymentStatus::from_name(one.status.as_deref().unwrap_or(usual));
                Deployment {
                    id: one.id.clone(),
                    // What was never built has nothing to go back to.
                    can_rollback: status == DeploymentStatus::Removed,
                    status,
                    status_updated_at: Some(start - one.age.delta()),
                    created_at: start - one.age.delta(),
                    instances: Vec::new(),
                    commit: one.commit.clone(),
                    by: None,
                    message: None,
                }
            })
            .collect();
        if deployments.is_empty() {
            let made = start - TimeDelta::days(3);
            deployments.push(Deployment {
                id: format!("{name}-deployment-1"),
                status: DeploymentStatus::Success,
                status_updated_at: Some(made),
                created_at: made,
                instances: Vec::new(),
                can_rollback: false,
                commit: None,
                by: None,
                message: None,
            });
        }
        let serving = deployments.iter_mut().find(|one| one.status == DeploymentStatus::Success);
        let up = serving.is_some();
        if let Some(serving) = serving {
            serving.instances = vec![running(name, 1)];
        }
        let made = u32::try_from(deployments.len()).unwrap_or(u32::MAX);
        Self { name: name.to_owned(), up, deployments, made, containers: 1 }
    }
}

fn running(service: &str, number: u32) -> Instance {
    Instance { id: format!("{service}-container-{number}"), status: "RUNNING".to_owned() }
}

impl Inner {
    /// An order for a service arrived.
    pub(super) fn change(&mut self, service: &str, how: Change, deployment: &str, now: Instant) {
        let spec = std::sync::Arc::clone(&self.spec);
        let (Some(rules), Some(state)) = (spec.services.get(service), self.services.get_mut(service)) else { return };
        let counts = match how {
            Change::Restart => &mut self.acts.restarts,
            Change::Redeploy => &mut self.acts.redeploys,
            Change::Rollback => &mut self.acts.rollbacks,
        };
        *counts.entry(service.to_owned()).or_default() += 1;
        let takes = match how {
            Change::Restart => {
                state.up = false;
                for instance in &mut state.deployments[0].instances {
                    instance.status = "RESTARTING".to_owned();
                }
                rules.restart_takes.delta()
            }
            Change::Redeploy | Change::Rollback => {
                // The old one goes on until the new one runs.
                state.made += 1;
                let commit =
                    state.deployments.iter().find(|one| one.id == deployment).and_then(|one| one.commit.clone());
                let next = Deployment {
                    id: format!("{}-deployment-{}", state.name, state.made),
                    status: DeploymentStatus::Deploying,
                    status_updated_at: Some(now),
                    created_at: now,
                    instances: Vec::new(),
                    can_rollback: false,
                    commit,
                    by: None,
                    message: None,
                };
                state.deployments.insert(0, next);
                rules.deploy_takes.delta()
            }
        };
        self.kept.retain(|target| spec.redis.get(target).is_none_or(|one| one.served_by.as_deref() != Some(service)));
        self.schedule(now + takes, Due::Up { service: service.to_owned(), how });
    }

    /// A service comes up again, or does not.
    pub(super) fn up(&mut self, service: &str, how: Change, at: Instant) {
        let spec = std::sync::Arc::clone(&self.spec);
        let crashes = spec.services.get(service).and_then(|rules| rules.crashes.as_ref());
        let crashed = crashes.is_some_and(|needs| self.holds(needs));
        let Some(state) = self.services.get_mut(service) else { return };
        state.containers += 1;
        let current = &mut state.deployments[0];
        current.status_updated_at = Some(at);
        if crashed {
            current.status = DeploymentStatus::Crashed;
            current.instances.iter_mut().for_each(|one| one.status = "CRASHED".to_owned());
            return;
        }
        state.up = true;
        current.status = DeploymentStatus::Success;
        current.instances = vec![running(&state.name, state.containers)];
        let served = |one: &&mut Deployment| one.status == DeploymentStatus::Success;
        for former in state.deployments[1..].iter_mut().filter(served) {
            former.status = DeploymentStatus::Removed;
            former.instances.clear();
            former.can_rollback = true;
        }
        self.trigger(at, |on| match (on, how) {
            (Trigger::Restart(name), Change::Restart)
            | (Trigger::Redeploy(name), Change::Redeploy)
            | (Trigger::Rollback(name), Change::Rollback) => name == service,
            _ => false,
        });
    }

    fn service_name(&mut self, service: &Service) -> Result<(String, TimeDelta), RailwayError> {
        let found = self.spec.services.iter().find(|(_, one)| one.id == service.service);
        let found = found.map(|(name, one)| (name.clone(), one.takes.delta()));
        found.ok_or_else(|| {
            self.complain(format!("there is no service with the id {} ({})", service.service, service.target));
            refused(format!("Railway knows no service {}", service.service), None, false)
        })
    }

    fn deployments_of(&self, name: &str) -> &[Deployment] {
        self.services.get(name).map_or(&[], |state| &state.deployments)
    }

    fn log_lines(&self, name: &str, query: &LogQuery, now: Instant) -> Vec<LogLine> {
        let rules = self.spec.logs.iter().filter(|rule| rule.service == name);
        let filter = query.filter.as_ref().map(|filter| filter.trim_matches('"').to_lowercase());
        let mut lines: Vec<(Instant, LogLine)> = rules
            .filter(|rule| filter.as_ref().is_none_or(|filter| rule.message.to_lowercase().contains(filter.as_str())))
            .flat_map(|rule| {
                let moments = rule.moments(self.start, query.since.max(self.start), now);
                moments.filter(|at| self.held(&rule.when, *at)).map(|at| {
                    let stamp = at.to_rfc3339_opts(SecondsFormat::Nanos, true);
                    let (severity, message) = (rule.severity.clone(), rule.message.clone());
                    (at, LogLine { at: stamp, severity, message })
                })
            })
            .collect();
        lines.sort_by_key(|(at, _)| *at);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let from = lines.len().saturating_sub(limit);
        lines.drain(from..).map(|(_, line)| line).collect()
    }
}

fn refused(message: String, retry_after: Option<std::time::Duration>, passing: bool) -> RailwayError {
    RailwayError::Refused { message, retry_after, passing }
}

/// How a call fails where there are no HTTP statuses.
fn error(missed: Missed) -> RailwayError {
    match missed {
        Missed::Struck(Failing::Busy(wait)) => {
            refused(format!("Railway is busy (429) and asks to wait {wait}"), Some(wait.std()), true)
        }
        Missed::Struck(how) => RailwayError::Send(failure(how, "Railway")),
        Missed::Send(error) => RailwayError::Send(error),
        Missed::Railway(error) => error,
    }
}

/// What is asked of a service, however it came here. Silence ends at `until`.
impl ScriptedWorld {
    /// Every call begins so: which service, how long it takes, whether it fails.
    async fn begin(
        &self,
        call: RailwayCall,
        service: &Service,
        until: Instant,
        order: Option<(Change, &str)>,
    ) -> Result<(String, TimeDelta), Missed> {
        let (name, takes, strike) = {
            let mut inner = self.now();
            let (name, takes) = inner.service_name(service).map_err(Missed::Railway)?;
            let strike = inner.trouble.strike(Call::Railway { call, target: &service.target });
            (name, takes, strike)
        };
        let Some(Strike { how, done }) = strike else { return Ok((name, takes)) };
        if let (true, Some((how, deployment))) = (done, order) {
            let order = Order::Service { service: name, how, deployment: deployment.to_owned() };
            self.deliver(order, TimeDelta::zero()).await;
        }
        self.endure(how, takes, until).await;
        Err(Missed::Struck(how))
    }

    /// Gives the id of the service's newest deployment.
    pub(in crate::rehearsal) async fn order(
        &self,
        how: Change,
        service: &Service,
        id: &str,
        until: Instant,
    ) -> Result<String, Missed> {
        let call = match how {
            Change::Restart => RailwayCall::Restart,
            Change::Redeploy => RailwayCall::Redeploy,
            Change::Rollback => RailwayCall::Rollback,
        };
        let (name, takes) = self.begin(call, service, until, Some((how, id))).await?;
        let current = self.now().deployments_of(&name).iter().any(|one| one.id == id);
        if !current {
            return Err(unknown_deployment(id));
        }
        self.deliver(Order::Service { service: name.clone(), how, deployment: id.to_owned() }, takes).await;
        let newest = self.now().deployments_of(&name).first().map(|one| one.id.clone());
        Ok(newest.unwrap_or_default())
    }

    pub(in crate::rehearsal) async fn list_deployments(
        &self,
        service: &Service,
        limit: u32,
        until: Instant,
    ) -> Result<Vec<Deployment>, Missed> {
        let (name, takes) = self.begin(RailwayCall::Deployments, service, until, None).await?;
        self.pass(takes).await;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.now().deployments_of(&name).iter().take(limit).cloned().collect())
    }

    pub(in crate::rehearsal) async fn one_deployment(
        &self,
        service: &Service,
        id: &str,
        until: Instant,
    ) -> Result<Deployment, Missed> {
        let (name, takes) = self.begin(RailwayCall::Deployment, service, until, None).await?;
        self.pass(takes).await;
        let found = self.now().deployments_of(&name).iter().find(|one| one.id == id).cloned();
        found.ok_or_else(|| unknown_deployment(id))
    }

    pub(in crate::rehearsal) async fn list_logs(
        &self,
        service: &Service,
        query: &LogQuery,
        until: Instant,
    ) -> Result<Vec<LogLine>, Missed> {
        let (name, takes) = self.begin(RailwayCall::Logs, service, until, None).await?;
        self.pass(takes).await;
        let now = self.clock.now();
        Ok(self.now().log_lines(&name, query, now))
    }

    /// Railway's id of the service that a deployment belongs to.
    pub(in crate::rehearsal) fn service_of(&self, deployment: &str) -> Option<String> {
        let inner = self.now();
        let owner = inner.services.iter().find(|(_, state)| state.deployments.iter().any(|one| one.id == deployment));
        owner.and_then(|(name, _)| inner.spec.services.get(name)).map(|spec| spec.id.clone())
    }
}

fn unknown_deployment(id: &str) -> Missed {
    Missed::Railway(refused(format!("Railway knows no deployment {id}"), None, false))
}

impl Railway for ScriptedWorld {
    fn deployments<'a>(
        &'a self,
        service: &'a Service,
        limit: u32,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, RailwayError>> {
        Box::pin(async move { self.list_deployments(service, limit, until).await.map_err(error) })
    }

    fn deployment<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<Deployment, RailwayError>> {
        Box::pin(async move { self.one_deployment(service, id, until).await.map_err(error) })
    }

    fn restart<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>> {
        Box::pin(async move { self.order(Change::Restart, service, id, until).await.map(drop).map_err(error) })
    }

    fn redeploy<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<String, RailwayError>> {
        Box::pin(async move { self.order(Change::Redeploy, service, id, until).await.map_err(error) })
    }

    fn rollback<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>> {
        Box::pin(async move { self.order(Change::Rollback, service, id, until).await.map(drop).map_err(error) })
    }

    fn logs<'a>(
        &'a self,
        service: &'a Service,
        _id: &'a str,
        query: LogQuery,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<LogLine>, RailwayError>> {
        Box::pin(async move { self.list_logs(service, &query, until).await.map_err(error) })
    }
}
