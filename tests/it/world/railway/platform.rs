//! What the look-alike knows and does: services, their deployments, and restarts of the processes behind them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::world::Patience;
use crate::world::process::{Line, Log};

pub const PROJECT: &str = "3f0c2a52-6a1e-4c3b-9b7e-0d6f5a1c0001";
pub const ENVIRONMENT: &str = "3f0c2a52-6a1e-4c3b-9b7e-0d6f5a1c0002";

/// The services of the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Redis,
    Backend,
}

impl Service {
    pub const ALL: [Self; 2] = [Self::Redis, Self::Backend];

    pub fn id(self) -> &'static str {
        match self {
            Self::Redis => "3f0c2a52-6a1e-4c3b-9b7e-0d6f5a1c0003",
            Self::Backend => "3f0c2a52-6a1e-4c3b-9b7e-0d6f5a1c0004",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Backend => "backend",
        }
    }
}

/// The process behind a service.
pub trait Container: Send + Sync {
    /// Stops the process and starts it anew; returns when it is ready, or says why it is not.
    fn restart(&self) -> Result<(), String>;

    /// Its output since the world began.
    fn log(&self) -> Log;
}

/// A change that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub mutation: &'static str,
    pub service: Service,
}

/// The state of the project.
pub struct Platform {
    containers: [Arc<dyn Container>; 2],
    /// How many reads after a change still show what was before it.
    stale_reads: u32,
    state: Mutex<State>,
    idle: Condvar,
}

struct State {
    deployments: [Vec<Deployment>; 2],
    /// What the next reads show instead, and how many.
    stale: [(u32, Vec<Deployment>); 2],
    changes: Vec<Change>,
    working: usize,
    ids: u32,
}

#[derive(Clone)]
struct Deployment {
    id: String,
    created_at: DateTime<Utc>,
    status: &'static str,
    status_updated_at: DateTime<Utc>,
    instances: Vec<(String, &'static str)>,
    /// Its part of the service's log.
    log: std::ops::Range<usize>,
}

impl Platform {
    /// Both containers are expected to run.
    pub fn new(containers: [Arc<dyn Container>; 2], stale_reads: u32) -> Self {
        let mut state = State {
            deployments: [Vec::new(), Vec::new()],
            stale: [(0, Vec::new()), (0, Vec::new())],
            changes: Vec::new(),
            working: 0,
            ids: 0,
        };
        for service in Service::ALL {
            let mut former = state.deployment("REMOVED");
            former.created_at -= chrono::TimeDelta::days(1);
            former.status_updated_at = former.created_at;
            former.instances.clear();
            former.log = 0..0;
            let current = state.deployment("SUCCESS");
            state.deployments[service as usize] = vec![former, current];
        }
        Self { containers, stale_reads, state: Mutex::new(state), idle: Condvar::new() }
    }

    /// The changes that were carried out, oldest first.
    pub fn changes(&self) -> Vec<Change> {
        self.lock().changes.clone()
    }

    /// Returns when no process is being restarted.
    pub fn wait_until_idle(&self) {
        let patience = Patience::start();
        let mut state = self.lock();
        while state.working > 0 && !patience.left().is_zero() {
            state = self.idle.wait_timeout(state, patience.left()).expect("platform").0;
        }
    }

    /// Deployments of `service` as GraphQL objects, newest first.
    pub fn deployments(&self, service: Service) -> Vec<Value> {
        let mut state = self.lock();
        let (left, before) = &mut state.stale[service as usize];
        let shown = if *left > 0 {
            *left -= 1;
            before
        } else {
            &state.deployments[service as usize]
        };
        shown.iter().rev().map(|deployment| deployment.to_json(service)).collect()
    }

    /// The service that a deployment belongs to.
    pub fn service_of(&self, deployment: &str) -> Option<Service> {
        let state = self.lock();
        Service::ALL
            .into_iter()
            .find(|service| state.deployments[*service as usize].iter().any(|candidate| candidate.id == deployment))
    }

    /// The lines that a deployment wrote, oldest first, and its instance.
    pub fn lines(&self, service: Service, deployment: &str) -> (Vec<Line>, Option<String>) {
        let lines = self.containers[service as usize].log().lines();
        let state = self.lock();
        let found = state.deployments[service as usize].iter().find(|candidate| candidate.id == deployment);
        let Some(found) = found else { return (Vec::new(), None) };
        let end = found.log.end.min(lines.len());
        (lines[found.log.start.min(end)..end].to_vec(), found.instances.first().map(|(id, _)| id.clone()))
    }

    /// Restarts the container of a deployment and answers at once; the status follows the process.
    pub fn restart(self: &Arc<Self>, id: &str) -> Result<(), String> {
        let service = self.service_of(id).ok_or("Deployment not found")?;
        let mut state = self.lock();
        if state.current(service).id != id {
            return Err("Cannot restart a deployment that is not running".to_owned());
        }
        state.remember_for_stale_reads(service, self.stale_reads);
        state.current(service).turn("DEPLOYING", "RESTARTING");
        self.carry_out(state, Change { mutation: "deploymentRestart", service });
        Ok(())
    }

    /// Replaces the running deployment by a new one made from deployment `id`; returns the new one.
    pub fn replace(self: &Arc<Self>, mutation: &'static str, id: &str) -> Result<Value, String> {
        let service = self.service_of(id).ok_or("Deployment not found")?;
        let mut state = self.lock();
        if mutation == "deploymentRollback" && state.current(service).id == id {
            return Err("Cannot roll back to the deployment that is running".to_owned());
        }
        state.remember_for_stale_reads(service, self.stale_reads);
        let now = self.containers[service as usize].log().len();
        let former = state.current(service);
        former.turn("REMOVED", "REMOVED");
        former.log.end = now;
        let mut next = state.deployment("DEPLOYING");
        next.log.start = now;
        next.instances[0].1 = "INITIALIZING";
        let shown = next.to_json(service);
        state.deployments[service as usize].push(next);
        self.carry_out(state, Change { mutation, service });
        Ok(shown)
    }

    fn carry_out(self: &Arc<Self>, mut state: MutexGuard<'_, State>, change: Change) {
        state.working += 1;
        drop(state);
        let platform = Arc::clone(self);
        std::thread::spawn(move || {
            let done = platform.containers[change.service as usize].restart();
            let mut state = platform.lock();
            let instance = state.next_id("instance");
            let current = state.current(change.service);
            current.instances = vec![(instance, "CREATED")];
            match done {
                Ok(()) => current.turn("SUCCESS", "RUNNING"),
                Err(_) => current.turn("CRASHED", "CRASHED"),
            }
            state.changes.push(change);
            state.working -= 1;
            drop(state);
            platform.idle.notify_all();
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("platform")
    }
}

impl State {
    fn current(&mut self, service: Service) -> &mut Deployment {
        self.deployments[service as usize].last_mut().expect("every service has a deployment")
    }

    fn remember_for_stale_reads(&mut self, service: Service, reads: u32) {
        self.stale[service as usize] = (reads, self.deployments[service as usize].clone());
    }

    fn next_id(&mut self, what: &str) -> String {
        self.ids += 1;
        let kind = if what == "instance" { "1a57" } else { "de91" };
        format!("9d1e4b70-{kind}-4e0a-8f21-0000000000{:02x}", self.ids)
    }

    fn deployment(&mut self, status: &'static str) -> Deployment {
        let now = Utc::now();
        Deployment {
            id: self.next_id("deployment"),
            created_at: now,
            status,
            status_updated_at: now,
            instances: vec![(self.next_id("instance"), "RUNNING")],
            log: 0..usize::MAX,
        }
    }
}

impl Deployment {
    fn turn(&mut self, status: &'static str, instances: &'static str) {
        self.status = status;
        self.status_updated_at = Utc::now();
        for (_, state) in &mut self.instances {
            *state = instances;
        }
    }

    fn to_json(&self, service: Service) -> Value {
        let instances: Vec<_> =
            self.instances.iter().map(|(id, status)| json!({ "id": id, "status": status })).collect();
        json!({
            "id": self.id,
            "canRedeploy": true,
            "canRollback": self.status == "REMOVED",
            "createdAt": time(self.created_at),
            "creator": { "id": "user", "name": "Mia", "email": "mia@shop.test", "avatar": null },
            "deploymentStopped": self.status == "REMOVED",
            "environment": environment(),
            "environmentId": ENVIRONMENT,
            "instances": instances,
            "meta": { "commitHash": "5f2c1d9", "branch": "main", "commitMessage": "Wait longer for a free connection" },
            "projectId": PROJECT,
            "service": service_json(service),
            "serviceId": service.id(),
            "staticUrl": null,
            "status": self.status,
            "statusUpdatedAt": time(self.status_updated_at),
            "updatedAt": time(self.status_updated_at),
            "url": null,
        })
    }
}

/// A moment as Railway writes it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The environment as a GraphQL object.
pub fn environment() -> Value {
    json!({ "id": ENVIRONMENT, "name": "production", "projectId": PROJECT })
}

/// A service as a GraphQL object.
pub fn service_json(service: Service) -> Value {
    json!({ "id": service.id(), "name": service.name(), "projectId": PROJECT })
}
