//! `PagerDuty`'s Events API v2: a page goes out to what wakes people.
//!
//! Lives here: one event, how it is written and what its answer means (<https://developer.pagerduty.com/docs/events-api-v2/overview/>).
//! Never lives here: when one is sent, how often it is tried.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::SendError;
use super::egress::Named;
use super::http::{Http, HttpRequest, HttpResponse, Method};
use crate::base::event::{Instant, Severity};
use crate::base::text::one_line;

/// Where events go, for services in the United States. Those in Europe have `https://events.eu.pagerduty.com`.
pub const ENDPOINT: &str = "https://events.pagerduty.com";
/// How long one event may take.
const WITHIN: TimeDelta = TimeDelta::seconds(15);
/// The longest summary that it takes, in characters.
const SUMMARY: usize = 1_024;
/// The longest key that it takes, in characters.
const KEY: usize = 255;
/// What is shown of an answer that is no success, in characters.
const SHOWN: usize = 200;

/// An integration of a service at `PagerDuty`.
#[derive(Clone)]
pub struct PagerDuty {
    http: Arc<dyn Http>,
    endpoint: String,
    routing_key: SecretString,
}

/// What is sent. Events of one key belong together: a second `trigger` of the same key is no second alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody is needed.
    Trigger(Trigger),
    /// Somebody has it.
    Acknowledge,
    /// Nobody is needed any more.
    Resolve,
}

/// What a person reads on their telephone.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// What is wrong, in one line.
    pub summary: String,
    /// Where.
    pub source: String,
    /// How bad.
    pub severity: Option<Severity>,
    /// Since when.
    pub at: Instant,
    /// More, by name.
    pub details: Vec<(&'static str, String)>,
    /// Where to look.
    pub link: Option<String>,
}

/// Why an event did not get through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// In words.
    pub why: String,
    /// Whether the same event may get through later.
    pub again: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    routing_key: &'a str,
    event_action: &'static str,
    dedup_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: &'a str,
    severity: &'static str,
    timestamp: String,
    custom_details: std::collections::BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct Link<'a> {
    href: &'a str,
    text: &'static str,
}

impl PagerDuty {
    /// An integration by its routing key; `endpoint` is [`ENDPOINT`] or the one of another region.
    #[must_use]
    pub fn new(http: Arc<dyn Http>, endpoint: &str, routing_key: SecretString) -> Self {
        Self { http, endpoint: endpoint.trim_end_matches('/').to_owned(), routing_key }
    }

    /// Sends one event. `key` tells which events belong together.
    ///
    /// # Errors
    /// It was not accepted; the routing key is in no text.
    pub async fn send(&self, key: &str, event: &Event, now: Instant) -> Result<(), Refused> {
        let body = body(self.routing_key.expose_secret(), key, event);
        let body = serde_json::to_string(&body).map_err(|error| Refused { why: error.to_string(), again: false })?;
        let url = format!("{}/v2/enqueue", self.endpoint);
        let request = HttpRequest {
            method: Method::POST,
            // The operator's own address, wherever it resolves to.
            named: Named::from_urls([url.as_str()]),
            url,
            headers: vec![("content-type".to_owned(), "application/json".into())],
            body: Some(body.into()),
            follow_redirects: false,
            until: now + WITHIN,
        };
        match self.http.send(request).await {
            Ok(answer) => self.read(&answer),
            Err(error @ SendError::Denied(_)) => Err(Refused { why: error.to_string(), again: false }),
            // Whether it arrived does not matter: the key makes the second one the same alert.
            Err(error) => Err(Refused { why: error.to_string(), again: true }),
        }
    }

    /// 202 is success; 429 and 5xx are to be tried again; anything else will never be accepted as it stands.
    fn read(&self, answer: &HttpResponse) -> Result<(), Refused> {
        match answer.status {
            202 => Ok(()),
            status => {
                let said = answer.body.replace(self.routing_key.expose_secret(), "…");
                let again = status == 429 || status >= 500;
                Err(Refused { why: format!("it answered {status}: {}", one_line(&said, SHOWN)), again })
            }
        }
    }
}

fn body<'a>(routing_key: &'a str, key: &'a str, event: &'a Event) -> Body<'a> {
    let (event_action, trigger) = match event {
        Event::Trigger(trigger) => ("trigger", Some(trigger)),
        Event::Acknowledge => ("acknowledge", None),
        Event::Resolve => ("resolve", None),
    };
    let dedup_key = key.char_indices().nth(KEY).map_or(key, |(end, _)| &key[..end]);
    let link = trigger.and_then(|trigger| trigger.link.as_deref());
    Body {
        routing_key,
        event_action,
        dedup_key,
        payload: trigger.map(|trigger| Payload {
            summary: one_line(&trigger.summary, SUMMARY),
            source: &trigger.source,
            severity: word(trigger.severity),
            timestamp: trigger.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            custom_details: trigger.details.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        }),
        client: trigger.map(|_| "Rundown"),
        links: link.map(|href| Link { href, text: "where it is talked about" }).into_iter().collect(),
    }
}

/// The four words that it knows. A page without a severity is somebody calling for help.
fn word(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::P0) | None => "critical",
        Some(Severity::P1) => "error",
        Some(Severity::P2) => "warning",
        Some(Severity::P3) => "info",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use futures::{FutureExt as _, executor::block_on};

    use super::*;

    /// Answers everything alike, and keeps what it was asked.
    struct Fixed(Result<HttpResponse, SendError>, Mutex<Vec<String>>);

    impl Http for Fixed {
        fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
            let body = request.body.unwrap();
            self.1.lock().unwrap().push(format!("{} {}", request.url, body.expose_secret()));
            futures::future::ready(self.0.clone()).boxed()
        }
    }

    fn sent(answer: Result<HttpResponse, SendError>, event: &Event) -> (Result<(), Refused>, String) {
        let http = Arc::new(Fixed(answer, Mutex::default()));
        let pager = PagerDuty::new(http.clone(), "https://events.example/", "R0UT1NG".into());
        let result = block_on(pager.send("rundown page-1", event, "2026-03-01T10:00:00Z".parse().unwrap()));
        let asked = http.1.lock().unwrap().join("\n");
        (result, asked)
    }

    fn status(status: u16, body: &str) -> Result<HttpResponse, SendError> {
        Ok(HttpResponse { status, body: body.into(), ..HttpResponse::default() })
    }

    #[test]
    fn a_trigger_has_the_documented_shape() {
        let trigger = Event::Trigger(Trigger {
            summary: "Redis\nis down".into(),
            source: "production".into(),
            severity: Some(Severity::P1),
            at: "2026-03-01T09:59:00Z".parse().unwrap(),
            details: vec![("page", "page-1".into())],
            link: Some("https://discord.com/channels/1/2".into()),
        });
        insta::assert_snapshot!(sent(status(202, "{}"), &trigger).1);
        insta::assert_snapshot!(sent(status(202, "{}"), &Event::Resolve).1);
    }

    #[test]
    fn only_what_may_get_through_later_is_tried_again_and_no_text_has_the_key() {
        let why = |answer| sent(answer, &Event::Resolve).0.map_err(|refused| (refused.again, refused.why));
        let invalid = status(400, r#"{"status":"invalid event","errors":["'R0UT1NG' is no routing key"]}"#);
        let (again, text) = why(invalid).unwrap_err();
        assert_eq!((again, text.contains("R0UT1NG")), (false, false), "{text}");
        assert!(why(status(429, "slow down")).unwrap_err().0);
        assert!(why(status(503, "")).unwrap_err().0);
        assert!(why(Err(SendError::Unanswered("no answer in time".into()))).unwrap_err().0);
        assert!(!why(Err(SendError::Denied("no address".into()))).unwrap_err().0);
        assert_eq!(why(status(202, "{}")), Ok(()));
    }
}
