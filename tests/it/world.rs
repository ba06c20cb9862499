//! A real world to test against: a Redis server with a low client limit, a backend on it, and a Railway look-alike
//! whose restarts stop and start those two processes. Both faults of the outage can be brought about for real.
//!
//! Every world has its own ports and directory, so tests run side by side; nothing of it outlives its test. What the
//! program under test does is not here. `script/bootstrap` installs what is needed.

#![allow(clippy::disallowed_methods, reason = "the world is outside the program and lives in real time")]
#![allow(dead_code, reason = "what one test asks of the world another does not")]

pub mod discord;
mod http;
pub mod pagerduty;
pub mod ports;
pub mod process;
pub mod railway;
pub mod redis;
mod server;
mod streams;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use http::Reply;
use railway::{Access, Container, Platform, Railway, Service};
use server::Server;
use streams::Streams;

const REQUEST_PATIENCE: Duration = Duration::from_secs(15);

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Redis' `maxclients`.
    pub max_clients: usize,
    /// The backend's pool.
    pub pool_limit: usize,
    /// What `/api/redis-health` answers while unhealthy: 200 or 503.
    pub unhealthy_status: u16,
    /// Whether restarting the right service ends a fault. Otherwise it is back before the service counts as ready.
    pub restart_helps: bool,
    /// After a restart that helped, how long until the same fault comes back by itself; `None`: never.
    pub comes_back_after: Option<Duration>,
    /// How many reads of a deployment still show the state before a change that was just accepted.
    pub stale_reads: u32,
    /// Which token `env` hands out.
    pub token: Access,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_clients: 40,
            pool_limit: 20,
            unhealthy_status: 200,
            restart_helps: true,
            comes_back_after: None,
            stale_reads: 1,
            token: Access::Account,
        }
    }
}

impl Config {
    fn fault_returns_after(&self) -> Option<Duration> {
        if self.restart_helps { self.comes_back_after } else { Some(Duration::ZERO) }
    }
}

/// A running world. Dropping it ends every process of it.
pub struct World {
    config: Config,
    railway: Railway,
    redis: Arc<Server>,
    backend: Arc<Server>,
    trouble: Arc<Trouble>,
    // Last, so that it is removed when nothing writes to it any more.
    directory: tempfile::TempDir,
}

/// Where the faults come from: both sources are outside the two services.
#[derive(Default)]
struct Trouble {
    /// An instance of an earlier deployment, which the platform has lost track of and whose connections leak.
    lost_instance: Mutex<Option<Server>>,
    streams: Mutex<Option<Streams>>,
}

/// What a run of the end-to-end suite said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    pub lines: Vec<String>,
    pub passed: usize,
    pub failed: usize,
    pub succeeded: bool,
}

impl World {
    /// Starts Redis, the backend and Railway, and returns when all three answer and Redis is healthy.
    pub fn start(config: Config) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the world");
        let trouble = Arc::new(Trouble::default());
        let redis = Arc::new(start_redis(&config, directory.path(), &trouble));
        let backend = Arc::new(start_backend(&config, "backend", directory.path(), redis.port.number, &trouble));
        let containers: [Arc<dyn Container>; 2] = [redis.clone(), backend.clone()];
        let railway = Railway::start(Arc::new(Platform::new(containers, config.stale_reads)));
        let world = Self { config, railway, redis, backend, trouble, directory };
        world.until("Redis is healthy at first", |world| world.is_healthy());
        world
    }

    /// The environment of the program: where everything is, and the secrets.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let token = match self.config.token {
            Access::Account => railway::ACCOUNT_TOKEN,
            Access::Workspace => railway::WORKSPACE_TOKEN,
            Access::Project => railway::PROJECT_TOKEN,
            Access::Nobody => "revoked",
        };
        vec![
            ("ZEUES_API_URL", self.url()),
            ("REDIS_URL", self.redis_url()),
            ("RAILWAY_API_URL", self.railway.url()),
            ("RAILWAY_TOKEN", token.to_owned()),
            ("RAILWAY_PROJECT_ID", railway::PROJECT.to_owned()),
            ("RAILWAY_ENVIRONMENT_ID", railway::ENVIRONMENT.to_owned()),
            ("RAILWAY_REDIS_SERVICE_ID", Service::Redis.id().to_owned()),
            ("RAILWAY_BACKEND_SERVICE_ID", Service::Backend.id().to_owned()),
            ("ZEUES_E2E_SCRIPT", programs().join("e2e.py").display().to_string()),
        ]
    }

    /// The backend's base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.backend.port.number)
    }

    /// Redis' URL.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.redis.port.number)
    }

    /// A new connection to Redis, which takes one of its slots.
    pub fn redis(&self) -> redis::Connection {
        redis::Connection::open(self.redis.port.number).expect("Redis accepts")
    }

    /// A directory that is gone after the test, for the program's journal and files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Railway: its faults, its record.
    pub fn railway(&self) -> &Railway {
        &self.railway
    }

    /// How often a service's process was really stopped and started again.
    pub fn restarts(&self, service: Service) -> usize {
        self.server(service).restarts()
    }

    /// What a service printed, across its restarts.
    pub fn log(&self, service: Service) -> Vec<String> {
        self.server(service).log().lines().into_iter().map(|line| line.text).collect()
    }

    /// Leaks connections until the Redis server refuses new ones; restarting Redis ends it, restarting the backend
    /// does not. Called again later, it exhausts the server again.
    pub fn unhealthy_by_server_limit(&self) {
        {
            let mut lost = self.trouble.lost_instance.lock().expect("lost instance");
            let lost = lost.get_or_insert_with(|| {
                let trouble = Arc::new(Trouble::default());
                start_backend(&self.config, "lost", self.directory.path(), self.redis.port.number, &trouble)
            });
            let url = format!("http://127.0.0.1:{}/test/leak", lost.port.number);
            let reply = http::send(&url, &[], Some(json!({})), REQUEST_PATIENCE).expect("the lost instance answers");
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        self.until("Redis refuses new clients", |world| world.says("max number of clients reached"));
    }

    /// Holds the backend's pool with event streams; restarting the backend ends it, restarting Redis does not. Called
    /// again later, it exhausts the pool again.
    pub fn unhealthy_by_pool(&self) {
        self.close_streams();
        let port = self.backend.port.number;
        let streams = Streams::open(port, self.config.pool_limit, self.config.fault_returns_after());
        *self.trouble.streams.lock().expect("streams") = Some(streams);
        self.until("the pool is empty", |world| world.says("Too many connections"));
    }

    /// The people with open event streams go home.
    pub fn close_streams(&self) {
        let streams = self.trouble.streams.lock().expect("streams").take();
        drop(streams);
    }

    /// `/api/redis-health`.
    pub fn health(&self) -> Reply {
        self.get("/api/redis-health")
    }

    /// Whether `/api/redis-health` says healthy now; not while the backend is down.
    pub fn is_healthy(&self) -> bool {
        let reply = http::send(&format!("{}/api/redis-health", self.url()), &[], None, REQUEST_PATIENCE);
        reply.is_ok_and(|reply| reply.body["status"] == "healthy" && reply.body["operational"] == true)
    }

    /// GET from the backend, which must answer.
    pub fn get(&self, path: &str) -> Reply {
        http::send(&format!("{}{path}", self.url()), &[], None, REQUEST_PATIENCE).expect("the backend answers")
    }

    /// POST to the backend, which must answer.
    pub fn post(&self, path: &str, body: Value) -> Reply {
        http::send(&format!("{}{path}", self.url()), &[], Some(body), REQUEST_PATIENCE).expect("the backend answers")
    }

    /// Asks Railway with the account token.
    pub fn graphql(&self, document: &str, variables: Value) -> Result<Reply, reqwest::Error> {
        let token = ("Authorization", format!("Bearer {}", railway::ACCOUNT_TOKEN));
        self.graphql_with(token, document, variables, REQUEST_PATIENCE)
    }

    /// Asks Railway with any header and waits at most `patience`.
    pub fn graphql_with(
        &self,
        token: (&'static str, String),
        document: &str,
        variables: Value,
        patience: Duration,
    ) -> Result<Reply, reqwest::Error> {
        let body = json!({ "query": document, "variables": variables });
        http::send(&self.railway.url(), &[token], Some(body), patience)
    }

    /// A colleague deploys a service again, past the program; returns when it runs and Railway shows it.
    pub fn deploys(&self, service: Service) {
        let list =
            "query ($service: String!) { deployments(input: { serviceId: $service }) { edges { node { id } } } }";
        let listed = || {
            let listed = self.graphql(list, json!({ "service": service.id() })).expect("Railway answers");
            listed.body["data"]["deployments"]["edges"].as_array().cloned().expect("deployments")
        };
        let before = listed();
        let deploy = "mutation ($id: String!) { deploymentRedeploy(id: $id) { id } }";
        let made = self.graphql(deploy, json!({ "id": before[0]["node"]["id"] })).expect("Railway answers");
        assert!(made.body["data"]["deploymentRedeploy"]["id"].is_string(), "{}", made.body);
        self.railway.wait_until_idle();
        // Railway shows a change late.
        self.until("Railway shows it", |_| listed().len() > before.len());
    }

    /// Runs the end-to-end suite as a child process.
    pub fn run_e2e(&self) -> Suite {
        let output = Command::new("python3")
            .arg(programs().join("e2e.py"))
            .env("BASE_URL", self.url())
            .output()
            .expect("python3 runs the suite");
        let lines: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        let count = |word: &str| lines.iter().filter(|line| line.starts_with("Test ") && line.contains(word)).count();
        Suite { passed: count(" PASSED: "), failed: count(" FAILED: "), succeeded: output.status.success(), lines }
    }

    /// Waits until `condition` holds; panics with `what` when it does not in good time.
    pub fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        assert!(Patience::start().wait(|| condition(self)), "in vain: {what}");
    }

    fn says(&self, text: &str) -> bool {
        let health = self.health();
        health.body["message"] == format!("Redis not responding: {text}")
    }

    fn server(&self, service: Service) -> &Server {
        match service {
            Service::Redis => &self.redis,
            Service::Backend => &self.backend,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A restart under way sees that its server closes and gives up.
        self.close_streams();
        self.backend.close();
        self.redis.close();
        if let Some(lost) = self.trouble.lost_instance.lock().expect("lost instance").take() {
            lost.close();
        }
        self.railway.wait_until_idle();
    }
}

fn start_redis(config: &Config, directory: &Path, trouble: &Arc<Trouble>) -> Server {
    let port = ports::take();
    let number = port.number;
    let arguments = [
        ("--port", number.to_string()),
        ("--bind", "127.0.0.1".to_owned()),
        ("--maxclients", config.max_clients.to_string()),
        ("--save", String::new()),
        ("--appendonly", "no".to_owned()),
    ];
    let (trouble, helps) = (Arc::clone(trouble), config.restart_helps);
    let command = server::Command {
        program: "redis-server".into(),
        arguments: arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect(),
        environment: Vec::new(),
        directory: directory.to_owned(),
        ready: Box::new(move || redis::answers(number) && (helps || trouble.leak_is_back())),
    };
    Server::start(port, command)
}

fn start_backend(config: &Config, name: &str, directory: &Path, redis: u16, trouble: &Arc<Trouble>) -> Server {
    let port = ports::take();
    let number = port.number;
    let mut environment = vec![
        ("PORT", number.to_string()),
        ("REDIS_URL", format!("redis://127.0.0.1:{redis}/0")),
        ("POOL_LIMIT", config.pool_limit.to_string()),
        ("UNHEALTHY_STATUS", config.unhealthy_status.to_string()),
        ("SHEET", directory.join(format!("{name}.sqlite")).display().to_string()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ];
    if let Some(after) = config.fault_returns_after() {
        environment.push(("LEAK_AGAIN_AFTER", after.as_secs_f64().to_string()));
    }
    let (trouble, helps) = (Arc::clone(trouble), config.restart_helps);
    let health = format!("http://127.0.0.1:{number}/api/health");
    let command = server::Command {
        program: python().into_os_string(),
        arguments: vec![programs().join("backend.py").display().to_string()],
        environment,
        directory: directory.to_owned(),
        ready: Box::new(move || {
            http::send(&health, &[], None, REQUEST_PATIENCE).is_ok_and(|reply| reply.status == 200)
                && (helps || trouble.streams_are_back())
        }),
    };
    Server::start(port, command)
}

impl Trouble {
    fn leak_is_back(&self) -> bool {
        let lost = self.lost_instance.lock().expect("lost instance");
        let Some(lost) = lost.as_ref() else { return true };
        let url = format!("http://127.0.0.1:{}/test/leak", lost.port.number);
        http::send(&url, &[], None, REQUEST_PATIENCE).is_ok_and(|reply| reply.body["refused"].is_string())
    }

    fn streams_are_back(&self) -> bool {
        self.streams.lock().expect("streams").as_ref().is_none_or(Streams::all_held)
    }
}

/// Where the programs of the world are.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/world")
}

/// The interpreter with the pinned Redis client.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's directory for tests is in its target");
    let python = target.join("world-venv/bin/python");
    assert!(python.exists(), "{} is missing: run script/bootstrap", python.display());
    python
}

/// A deadline for something that should happen soon.
struct Patience(Instant);

impl Patience {
    fn start() -> Self {
        Self(Instant::now() + Duration::from_secs(20))
    }

    fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Looks again and again until `condition` holds; `false` when patience ran out.
    fn wait(&self, mut condition: impl FnMut() -> bool) -> bool {
        while !condition() {
            if self.left().is_zero() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}
