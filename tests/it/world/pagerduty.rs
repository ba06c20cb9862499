//! `PagerDuty`: alerts by their key, as the Events API v2 makes them of what it is sent. It keeps what is wrong with an event.
//!
//! The rules are those of its reference: 202 for what is accepted, 400 with the reasons for what is not, a key belongs to one alert until
//! that is resolved, a second trigger is no second alert.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The key of the one service there is.
pub const ROUTING_KEY: &str = "R0123456789ABCDEF0123456789ABCDE";

/// An alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alert {
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: &'static str,
    /// What it says.
    pub summary: String,
    /// Everything that was sent about it, in order: actions.
    pub log: Vec<String>,
}

#[derive(Default)]
struct World {
    alerts: BTreeMap<String, Alert>,
    refusals: VecDeque<u16>,
    findings: Vec<String>,
}

/// The service.
pub struct PagerDuty {
    pub url: String,
    world: Arc<Mutex<World>>,
    changed: Arc<Notify>,
}

impl PagerDuty {
    /// Starts it on a port of its own, in the test's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the look-alike");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (world, changed) = (Arc::<Mutex<World>>::default(), Arc::<Notify>::default());
        let (kept, told) = (world.clone(), changed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (world, changed) = (kept.clone(), told.clone());
                let service = hyper::service::service_fn(move |request| serve(request, world.clone(), changed.clone()));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, world, changed }
    }

    /// Answers the next events with these statuses instead.
    pub fn refuse(&self, statuses: &[u16]) {
        self.world().refusals.extend(statuses);
    }

    /// Waits until an alert is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Alert) -> bool) -> Alert {
        let seen = async {
            loop {
                let changed = self.changed.notified();
                if let Some(alert) = self.world().alerts.values().find(|alert| is_so(alert)) {
                    return alert.clone();
                }
                changed.await;
            }
        };
        let patience = tokio::time::timeout(Duration::from_secs(20), seen).await;
        patience.unwrap_or_else(|_| panic!("in vain: {what}; there is {:?}", self.alerts()))
    }

    /// All alerts.
    pub fn alerts(&self) -> Vec<Alert> {
        self.world().alerts.values().cloned().collect()
    }

    /// What was wrong with what it was sent.
    pub fn findings(&self) -> Vec<String> {
        self.world().findings.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(
    request: Request<Incoming>,
    world: Arc<Mutex<World>>,
    changed: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = format!("{} {}", request.method(), request.uri().path());
    let bytes = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, body) = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        match (world.refusals.pop_front(), path.as_str()) {
            (Some(status), _) => (status, json!({ "status": "throttle exceeded" })),
            (None, "POST /v2/enqueue") => world.take(&bytes),
            (None, path) => {
                world.findings.push(format!("{path} is not known here"));
                (404, Value::Null)
            }
        }
    };
    changed.notify_waiters();
    let response = Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .expect("a response");
    Ok(response)
}

impl World {
    fn take(&mut self, bytes: &[u8]) -> (u16, Value) {
        let Ok(event) = serde_json::from_slice::<Value>(bytes) else {
            self.findings.push("a body that is no JSON".into());
            return (400, json!({ "status": "invalid event", "errors": ["no JSON"] }));
        };
        let errors = errors(&event);
        if !errors.is_empty() {
            self.findings.extend(errors.clone());
            return (400, json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors }));
        }
        let key = event["dedup_key"].as_str().unwrap_or_default().to_owned();
        let action = event["event_action"].as_str().unwrap_or_default();
        let alert = self.alerts.entry(key.clone()).or_default();
        match action {
            "trigger" if alert.status.is_empty() || alert.status == "resolved" => {
                alert.status = "triggered";
                alert.summary = event["payload"]["summary"].as_str().unwrap_or_default().to_owned();
            }
            "acknowledge" if alert.status == "triggered" => alert.status = "acknowledged",
            "resolve" if !alert.status.is_empty() => alert.status = "resolved",
            _ => {}
        }
        alert.log.push(action.to_owned());
        (202, json!({ "status": "success", "message": "Event processed", "dedup_key": key }))
    }
}

/// What the reference demands of an event.
fn errors(event: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let mut check = |holds: bool, text: &str| {
        if !holds {
            errors.push(text.to_owned());
        }
    };
    let within = |value: &Value, longest: usize| {
        value.as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= longest)
    };
    check(event["routing_key"] == ROUTING_KEY, "'routing_key' is no key of a service");
    check(within(&event["dedup_key"], 255), "'dedup_key' is missing or too long");
    let action = event["event_action"].as_str().unwrap_or_default();
    check(matches!(action, "trigger" | "acknowledge" | "resolve"), "'event_action' is unknown");
    if action == "trigger" {
        let payload = &event["payload"];
        check(within(&payload["summary"], 1_024), "'summary' is missing or too long");
        check(within(&payload["source"], 255), "'source' is missing");
        let severity = payload["severity"].as_str().unwrap_or_default();
        check(matches!(severity, "critical" | "error" | "warning" | "info"), "'severity' is unknown");
        let at = payload["timestamp"].as_str().unwrap_or_default();
        check(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "'timestamp' is no time");
    }
    let known = ["routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"];
    for name in event.as_object().into_iter().flat_map(|object| object.keys()) {
        check(known.contains(&name.as_str()), &format!("'{name}' is no part of an event"));
    }
    errors
}
