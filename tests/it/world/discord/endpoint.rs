//! Interactions by HTTP: the look-alike sends them, signed, to an address that a test names, and takes the answer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::Utc;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use super::rest::{Asked, CALLBACK, Call, ROUTES, callbacks};
use super::state::{Id, State};
use super::{Shared, limits, openapi};

/// Discord closes the connection after 3 seconds.
const PATIENCE: Duration = Duration::from_secs(3);

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[0x5e; 32]));

/// The key that signatures can be checked with, in hexadecimal digits.
pub fn public_key() -> String {
    hex::encode(KEY.verifying_key().as_bytes())
}

/// How an interaction is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Genuine,
    /// Signed for another body.
    BadSignature,
    /// Signed long ago: somebody sends again what he once saw.
    SignedAgo(Duration),
}

/// What the bot's address answered; status 0 where it did not.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub status: u16,
    pub body: Value,
}

/// Sends a signed body to `url`.
pub async fn deliver(url: &str, payload: &Value, delivery: Delivery) -> Delivered {
    let body = payload.to_string();
    let age = if let Delivery::SignedAgo(age) = delivery { age } else { Duration::ZERO };
    let timestamp = (Utc::now() - age).timestamp().to_string();
    let signed =
        if delivery == Delivery::BadSignature { format!("{timestamp}{{}}") } else { format!("{timestamp}{body}") };
    let signature = hex::encode(KEY.sign(signed.as_bytes()).to_bytes());
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client");
    let request = client
        .post(url)
        .header("Content-Type", "application/json")
        .header("User-Agent", "Discord-Interactions/1.0 (+https://discord.com)")
        .header("X-Signature-Ed25519", signature)
        .header("X-Signature-Timestamp", timestamp)
        .body(body);
    let Ok(reply) = request.send().await else { return Delivered { status: 0, body: Value::Null } };
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap_or_default();
    Delivered { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

impl Shared {
    /// Sends an interaction to the bot's address and takes its answer as the first answer.
    pub(super) async fn deliver_over_http(self: Arc<Self>, url: String, id: Id) {
        let payload = self.read(|state| state.interactions[&id].payload.clone());
        let delivered = deliver(&url, &payload, Delivery::Genuine).await;
        if self.reads_late.load(Ordering::Relaxed) {
            let came = |state: &State| {
                let token = &state.interactions[&id].token;
                state.requests.iter().any(|one| one.path.contains(token) && one.status == 404).then_some(())
            };
            self.find("the bot comes with what follows an answer", came).await;
        }
        self.change(|state| {
            let what = state.interactions[&id].what.clone();
            match delivered.status {
                // Answered by the callback route instead.
                202 => {}
                200 => {
                    let asked = Asked {
                        method: "POST".to_owned(),
                        path: String::new(),
                        query: std::collections::BTreeMap::new(),
                        authorization: String::new(),
                        body: delivered.body,
                        files: Vec::new(),
                    };
                    let route = ROUTES.iter().find(|route| route.path == CALLBACK).expect("a route");
                    let mut findings = openapi::check(route, &asked);
                    findings.extend(limits::check(route, &asked.body, &[]));
                    state.findings.extend(findings.iter().map(|(place, text)| format!("{what}: {place}: {text}")));
                    if !findings.is_empty() {
                        return;
                    }
                    let mut call = Call {
                        state,
                        parts: Vec::new(),
                        query: &asked.query,
                        body: &asked.body,
                        files: &[],
                        gateway: "",
                        now: Instant::now(),
                    };
                    if let Err(refusal) = callbacks::take(&mut call, id, &asked.body) {
                        state.findings.push(format!("{what}: {}", refusal.body));
                    }
                }
                status => state.findings.push(format!("{what}: the bot's address answered {status}")),
            }
        });
    }
}

/// The question by which Discord checks an address before it uses it.
pub fn ping(application: Id, id: Id) -> Value {
    json!({
        "id": id.to_string(), "application_id": application.to_string(), "type": 1, "token": "ping", "version": 1,
        "entitlements": [], "authorizing_integration_owners": {},
    })
}
