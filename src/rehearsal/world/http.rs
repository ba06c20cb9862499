//! The HTTP side of a scripted world.
//!
//! Lives here: which reply a request gets, and numbers that differ each time. Never lives here: what a reply means.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::fault::{Call, Strike};
use super::{Inner, Missed, Order, ScriptedWorld, failure};
use crate::base::event::Instant;
use crate::client::SendError;
use crate::client::http::{Http, HttpRequest, HttpResponse};
use crate::rehearsal::scenario::{Failing, Reply, Vary};

impl Http for ScriptedWorld {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        Box::pin(self.answer_request(request))
    }
}

impl ScriptedWorld {
    async fn answer_request(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let Some(url) = Url::of(&request.url) else {
            return Err(SendError::Denied("the URL is not valid: it has no scheme or no host".to_owned()));
        };
        let until = request.until;
        self.reply(&request, &url, until).await.map_err(|missed| match missed {
            Missed::Struck(how) => failure(how, url.host()),
            Missed::Send(error) => error,
            Missed::Railway(error) => SendError::Unanswered(error.to_string()),
        })
    }

    /// What a request gets, however it came here.
    ///
    /// # Errors
    /// What its sender gets instead of an answer, once it gets it. Silence ends at `until`.
    pub(in crate::rehearsal) async fn reply(
        &self,
        request: &HttpRequest,
        url: &Url<'_>,
        until: Instant,
    ) -> Result<HttpResponse, Missed> {
        let sent = self.clock.now();
        let found = self.now().look_up(request, url, sent).map_err(Missed::Send)?;
        if let Some(strike) = found.strike {
            return self.strike_request(strike, found, until).await;
        }
        let Found { order, takes, response, .. } = found;
        if sent + takes > until {
            self.deliver_late(order, takes, until).await;
            return Err(Missed::Struck(Failing::Silence));
        }
        self.deliver(order, takes).await;
        Ok(response)
    }

    /// The caller gives up while the answer is on its way; what it asked for happens all the same.
    async fn deliver_late(&self, order: Order, takes: TimeDelta, until: Instant) {
        let deliver = self.deliver(order, takes);
        futures::future::select(Box::pin(deliver), self.clock.sleep_until(until)).await;
        let now = self.clock.now();
        let mut inner = self.now();
        // Calls of a step do not overlap: what is on its way is this one.
        for (_, order) in std::mem::take(&mut inner.on_the_way) {
            inner.arrived(order, now);
        }
    }

    async fn strike_request(&self, strike: Strike, found: Found, until: Instant) -> Result<HttpResponse, Missed> {
        if strike.done {
            self.deliver(found.order, TimeDelta::zero()).await;
        }
        self.endure(strike.how, found.takes, until).await;
        let latency = found.takes.to_std().unwrap_or_default();
        error_page(strike.how, latency).ok_or(Missed::Struck(strike.how))
    }
}

/// The page of a failure that is an answer; `None`: it is none.
pub(in crate::rehearsal) fn error_page(how: Failing, latency: Duration) -> Option<HttpResponse> {
    let (status, headers, body) = match how {
        Failing::Busy(wait) => {
            let header = ("retry-after".to_owned(), wait.std().as_secs().to_string());
            (429, vec![header], "Too Many Requests".to_owned())
        }
        Failing::BadGateway => (502, html(), "<!DOCTYPE html><title>502 Bad Gateway</title>".to_owned()),
        Failing::Silence | Failing::Reset | Failing::Refused => return None,
    };
    Some(HttpResponse { status, headers, body, cut: None, latency })
}

fn html() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "text/html".to_owned())]
}

/// A URL as far as sites need it apart.
pub(in crate::rehearsal) struct Url<'a> {
    /// Scheme, host and port.
    pub origin: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    pub fn of(text: &'a str) -> Option<Self> {
        let scheme = text.find("://")? + 3;
        let end = text[scheme..].find(['/', '?', '#']).map_or(text.len(), |at| scheme + at);
        let rest = text[end..].split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        (end > scheme).then_some(Self { origin: &text[..end], path, query })
    }

    /// Host and port.
    pub fn host(&self) -> &'a str {
        self.origin.split("://").nth(1).unwrap_or_default()
    }
}

/// What a request is going to get.
struct Found {
    strike: Option<Strike>,
    order: Order,
    takes: TimeDelta,
    response: HttpResponse,
}

impl Inner {
    fn look_up(&mut self, request: &HttpRequest, url: &Url<'_>, now: Instant) -> Result<Found, SendError> {
        let host = url.host();
        let spec = std::sync::Arc::clone(&self.spec);
        let site = spec.sites.values().find_map(|site| {
            let base = Url::of(site.url.as_deref()?)?;
            let path = url.path.strip_prefix(base.path.trim_end_matches('/'))?;
            base.origin.eq_ignore_ascii_case(url.origin).then_some((site, path))
        });
        let Some((site, path)) = site else {
            self.complain(format!("there is no site at {host}, which the run asks"));
            return Err(SendError::NotSent(format!("there is no host {host}")));
        };
        let (method, query) = (request.method.as_str(), url.query);
        let strike = self.trouble.strike(Call::Http { method, path, query });
        if self.is_down(site.served_by.as_ref()) {
            return Err(SendError::NotSent(format!("{host} refused the connection")));
        }
        let body = request.body.as_ref().and_then(|body| serde_json::from_str::<Value>(body.expose_secret()).ok());
        let reply = site.replies.iter().find(|reply| {
            reply.to.matches(method, path, query)
                && self.holds(&reply.when)
                && reply.with.as_ref().is_none_or(|wanted| body.as_ref().is_some_and(|body| within(wanted, body)))
        });
        let line = format!("{method} {path}");
        let Some(reply) = reply else {
            self.complain(format!("nothing in the scenario answers {line}"));
            let order = Order::Set { set: BTreeMap::new(), request: Some(line) };
            let response = respond(404, Some("{\"detail\":\"Not Found\"}".to_owned()), true, TimeDelta::zero());
            return Ok(Found { strike, order, takes: TimeDelta::zero(), response });
        };
        let takes = reply.takes.delta();
        let body = self.body_of(reply, &line, now);
        if let Some(why) = &reply.unknown {
            self.complain(format!("what {line} answered then is not known: {why}"));
        }
        let silent = body.is_none().then_some(Failing::Reset).or(reply.unknown.as_ref().map(|_| Failing::Reset));
        let failing = reply.gets.or(silent).map(|how| Strike { how, done: how != Failing::Refused });
        let (text, json) = body.unwrap_or_default();
        let order = Order::Set { set: reply.set.clone(), request: Some(line) };
        Ok(Found { strike: strike.or(failing), order, takes, response: respond(reply.status, text, json, takes) })
    }

    /// The body and whether it is JSON; `None` where a recorded number says that no answer came.
    fn body_of(&self, reply: &Reply, line: &str, now: Instant) -> Option<(Option<String>, bool)> {
        let Some(json) = &reply.json else { return Some((reply.text.clone(), false)) };
        let mut json = json.clone();
        if let Some(object) = json.as_object_mut() {
            for (field, vary) in &reply.vary {
                let value = self.varied(reply, vary, field, line, now)?;
                let whole = value.fract() == 0.0 && !matches!(vary, Vary::From { .. });
                // Cast of a whole number that came from an i64.
                #[allow(clippy::cast_possible_truncation, reason = "between bounds that are i64")]
                let number = if whole { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
                object.insert(field.clone(), number.map_or(Value::Null, Value::Number));
            }
        }
        Some((Some(json.to_string()), true))
    }

    #[allow(clippy::cast_precision_loss, reason = "shown numbers, far below 2^52")]
    fn varied(&self, reply: &Reply, vary: &Vary, field: &str, line: &str, now: Instant) -> Option<f64> {
        Some(match vary {
            Vary::Recorded { since, points } => {
                let seconds = (now - self.since(since)).num_milliseconds() as f64 / 1_000.0;
                return Vary::recorded(points, seconds);
            }
            Vary::Between(low, high) => {
                let span = high.saturating_sub(*low).max(0).unsigned_abs() + 1;
                let millis = (now - self.start).num_milliseconds();
                let hash = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(millis.to_be_bytes());
                let digest = hash.chain_update(line).chain_update(field).finalize();
                let mut first = [0; 8];
                first.copy_from_slice(&digest[..8]);
                let above = i64::try_from(u64::from_be_bytes(first) % span).unwrap_or(0);
                low.saturating_add(above) as f64
            }
            Vary::From { field: other, times, plus } => match reply.vary.get(other) {
                Some(between @ Vary::Between(..)) => self.varied(reply, between, other, line, now)? * times + plus,
                _ => *plus,
            },
        })
    }
}

fn respond(status: u16, body: Option<String>, json: bool, takes: TimeDelta) -> HttpResponse {
    let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: body.unwrap_or_default(),
        cut: None,
        latency: takes.to_std().unwrap_or(Duration::ZERO),
    }
}

/// Whether everything of `wanted` is in `found`: objects may hold more, everything else is equal.
fn within(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|found| within(value, found)))
        }
        _ => wanted == found,
    }
}
