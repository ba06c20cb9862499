//! How an `http` step is done.
//!
//! Lives here: references resolved into the request, what each outcome means for a read and for a change, facts. Never
//! lives here: sending.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::contract::Promise;
use super::text::millis;
use super::{Executors, Failure, Instant, Inventory, Reply};
use crate::base::secret::{Recipient, SecretError, holds_reference};
use crate::client::egress::{Named, host_and_port};
use crate::client::http::{HttpRequest, HttpResponse, Method};
use crate::domain::action::http::{Method as Verb, Request};
use crate::domain::action::reply::Answer;

pub(super) async fn act(
    executors: &Executors,
    request: &Request,
    inventory: &Inventory,
    key: &str,
    until: Instant,
) -> Reply {
    let promise = Promise::of(request, inventory);
    if let Some(why) = promise.as_ref().filter(|_| !request.method.reads()).and_then(Promise::broken) {
        return Reply::NotDone(executors.lasting(&format!("not sent: {why}")));
    }
    let sending = match build(executors, request, inventory, key, until) {
        Ok(sending) => sending,
        Err(message) => return Reply::NotDone(executors.lasting(&message)),
    };
    send(executors, request, promise, sending).await
}

/// Sends what was made ready; over at its `until`.
pub(super) async fn send(
    executors: &Executors,
    request: &Request,
    promise: Option<Promise<'_>>,
    sending: HttpRequest,
) -> Reply {
    match executors.within(sending.until, executors.ports.http.send(sending)).await {
        Some(Ok(response)) => judge(executors, request, promise, response),
        Some(Err(error)) => executors.unsent(&error),
        None => Reply::Unknown(executors.passing(&format!("no answer in time to {}", request.describe()))),
    }
}

pub(super) fn build(
    executors: &Executors,
    request: &Request,
    inventory: &Inventory,
    key: &str,
    until: Instant,
) -> Result<HttpRequest, String> {
    if holds_reference(&request.url) {
        return Err("a secret may not stand in a URL; put it into a header".to_owned());
    }
    let (host, port) = host_and_port(&request.url).ok_or_else(|| format!("not a URL: {}", request.describe()))?;
    let to = Recipient::Host { host: &host, port };
    let resolve = |text: &str| executors.secrets.resolve(text, to).map_err(|error: SecretError| error.to_string());
    let mut headers = Vec::with_capacity(request.headers.len() + 2);
    for (name, value) in &request.headers {
        headers.push((name.clone(), resolve(value)?));
    }
    let has = |wanted: &str| request.headers.keys().any(|name| name.eq_ignore_ascii_case(wanted));
    if request.json.is_some() && !has("content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned().into()));
    }
    if !request.method.reads() && !has("idempotency-key") {
        headers.push(("idempotency-key".to_owned(), key.to_owned().into()));
    }
    let body = match (&request.json, &request.body) {
        (Some(json), _) => Some(resolved_json(json, &resolve)?.to_string().into()),
        (None, Some(text)) => Some(resolve(text)?),
        (None, None) => None,
    };
    Ok(HttpRequest {
        method: method(request.method),
        url: request.url.clone(),
        headers,
        body,
        follow_redirects: request.follow_redirects,
        named: Named::from_urls(inventory.targets.values().filter_map(|target| target.url.as_deref())),
        until,
    })
}

/// Values are put into the strings before they are written as JSON, so that a quote in a secret cannot break out.
fn resolved_json(
    value: &Value,
    resolve: &impl Fn(&str) -> Result<secrecy::SecretString, String>,
) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(resolve(text)?.expose_secret().to_owned()),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| resolved_json(item, resolve)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, item)| Ok((key.clone(), resolved_json(item, resolve)?)));
            Value::Object(pairs.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Head => Method::HEAD,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete => Method::DELETE,
    }
}

fn judge(executors: &Executors, request: &Request, promise: Option<Promise<'_>>, response: HttpResponse) -> Reply {
    let status = response.status;
    if !request.method.reads() {
        let said = format!("{status} from {}", request.describe());
        if status == 429 {
            let wait = response.retry_after(executors.clock.now());
            return Reply::NotDone(Failure { retry_after_ms: wait.map(millis), ..executors.passing(&said) });
        }
        // A gateway speaks for a server that may have done it.
        if matches!(status, 502 | 504) {
            return Reply::Unknown(executors.passing(&said));
        }
    }
    let (status, whole) = (response.status, response.cut.is_none() && request.method != Verb::Head);
    let mut answer = answer(executors, response);
    if let Some(promise) = promise {
        let body = answer.facts.get("body").filter(|_| whole);
        let kept = executors.scrubbed_json(promise.answered(status, body));
        answer.facts.insert("contract".to_owned(), kept);
    }
    Reply::Answered(answer)
}

fn answer(executors: &Executors, response: HttpResponse) -> Answer {
    let latency = millis(response.latency);
    let mut headers = Map::new();
    for (name, value) in &response.headers {
        // A header that comes twice reads as one, RFC 9110, section 5.3.
        let value = executors.scrubbed(value);
        match headers.get_mut(name) {
            Some(Value::String(before)) => *before = format!("{before}, {value}"),
            _ => drop(headers.insert(name.clone(), Value::String(value))),
        }
    }
    let body = body(executors, &response);
    let facts = [
        ("status", json!(response.status)),
        ("latency_ms", json!(latency)),
        ("headers", Value::Object(headers)),
        ("body", body),
    ];
    Answer {
        facts: facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        summary: format!("{} in {latency} ms", response.status),
        output: (!response.body.is_empty()).then(|| executors.scrubbed(&response.body)),
        cut: response.cut.map(|cut| executors.line(&cut)),
    }
}

/// Parsed where the server says JSON, and where it is a JSON object or list whatever the server says: many servers
/// call everything `text/plain`. A body that was cut is text.
fn body(executors: &Executors, response: &HttpResponse) -> Value {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let claims_json = essence.is_empty() || essence == "application/json" || essence.ends_with("+json");
    let looks_like_json = response.body.trim_start().starts_with(['{', '[']);
    let parsed = (claims_json || looks_like_json).then(|| serde_json::from_str::<Value>(&response.body).ok()).flatten();
    match parsed {
        Some(value) => executors.scrubbed_json(value),
        None => Value::String(executors.scrubbed(&response.body)),
    }
}
