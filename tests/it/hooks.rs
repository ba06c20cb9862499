//! Alerts of other systems through the real server: what they lead to, and what is refused and leaves nothing behind.
#![allow(clippy::disallowed_methods, reason = "sources of alerts are outside the program and live in real time")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::discord::served::Served;
use crate::rundown::Desk;

const BEARER: &str = "alertmanager-s3cret";
const SIGNING: &str = "generic-s3cret";
const GRAFANA: &str = "grafana-s3cret";
const RAILWAY: &str = "railway-s3cret";

pub const HOOKS: &str = "[hooks]\nlisten = \"127.0.0.1:0\"\n[hooks.severities]\npage-me = \"P0\"\n\
    [hooks.alertmanager]\nbearer = { env = \"ALERTMANAGER_BEARER\" }\n[hooks.grafana]\nhmac = { env = \"GRAFANA_HMAC\" }\n\
    [hooks.railway]\nkey = { env = \"RAILWAY_KEY\" }\n[hooks.generic]\nhmac = { env = \"GENERIC_HMAC\" }\n";

/// A server with every source, and no Discord.
struct Hooked {
    desk: Desk,
    bot: Served,
    url: String,
    http: reqwest::Client,
}

/// Gives a desk the secrets of all sources.
pub fn with_secrets(desk: &mut Desk) {
    let secrets = [("ALERTMANAGER_BEARER", BEARER), ("GENERIC_HMAC", SIGNING), ("GRAFANA_HMAC", GRAFANA)];
    secrets.into_iter().chain([("RAILWAY_KEY", RAILWAY)]).for_each(|(name, value)| desk.set(name, value));
}

/// The address at which a server hears alerts.
pub async fn address(bot: &Served) -> String {
    let line = bot.says("alerts are heard at ").await;
    let (_, behind) = line.split_once("heard at ").expect("an address");
    behind.split("/hooks/").next().expect("an address").to_owned()
}

/// Posts a body to Alertmanager's hook as Alertmanager would.
pub async fn alertmanager(url: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{url}/hooks/alertmanager")).bearer_auth(BEARER).json(body);
    told(request).await
}

async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("every answer is JSON"))
}

fn hex_of(secret: &str, message: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A notification of Alertmanager's: alerts by name and status.
pub fn notification(alerts: &[(&str, &str)], severity: &str) -> Value {
    let alert = |(name, status): &(&str, &str)| {
        json!({
            "status": status, "fingerprint": format!("fp-{name}"), "startsAt": "2026-02-06T13:08:45.828Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph",
            "labels": { "alertname": name, "severity": severity }, "annotations": { "summary": format!("{name} is down") },
        })
    };
    json!({
        "receiver": "rundown", "status": "firing", "externalURL": "http://am:9093", "version": "4", "groupKey": "{}:{team=\"shop\"}",
        "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "alerts": alerts.iter().map(alert).collect::<Vec<_>>(),
    })
}

impl Hooked {
    async fn new() -> Self {
        let mut desk = Desk::new();
        with_secrets(&mut desk);
        std::fs::write(desk.path().join("rundown.toml"), HOOKS).unwrap();
        let bot = Served::alone(&desk);
        let url = address(&bot).await;
        // A connection of its own for every request, as most sources do.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { desk, bot, url, http }
    }

    /// Kills the process and starts another one.
    async fn restarted(self) -> Self {
        self.bot.kill();
        let bot = Served::alone(&self.desk);
        let url = address(&bot).await;
        Self { bot, url, ..self }
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json").body(body)
    }

    async fn generic(&self, signed: u64, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let signature = format!("sha256={}", hex_of(SIGNING, &format!("{signed}.{body}")));
        let request = self.post("/hooks/generic", body).header("X-Rundown-Timestamp", signed);
        told(request.header("X-Rundown-Signature", signature)).await
    }

    /// Kinds of everything recorded about an incident.
    fn kinds(&self, incident: &str) -> Vec<String> {
        let events = self.desk.rundown(&["timeline", incident, "--json"]).exits(0).events();
        events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// An incident's timeline as people read it, on one line.
    fn timeline(&self, incident: &str) -> String {
        let said = self.desk.rundown(&["timeline", incident]).exits(0).out;
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Where the journal's chain stands; everything in it is as it was written.
    fn anchor(&self) -> String {
        self.desk.rundown(&["verify"]).exits(0).out
    }
}

fn accepted(answer: &(u16, Value)) -> Vec<&str> {
    assert_eq!(answer.0, 202, "{}", answer.1);
    answer.1["incidents"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
}

#[tokio::test]
async fn three_alerts_of_a_group_are_one_incident_that_ends_with_the_last_of_them() {
    let hooked = Hooked::new().await;
    let firing = notification(&[("redis", "firing"), ("queue", "firing"), ("workers", "firing")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &firing).await), ["inc-1"]);
    assert_eq!(hooked.kinds("inc-1"), ["incident.declared", "alert.fired", "alert.fired", "alert.fired"]);
    let before = hooked.anchor();
    assert_eq!(accepted(&alertmanager(&hooked.url, &firing).await), ["inc-1"]);
    assert_eq!(hooked.anchor(), before, "a repeat writes nothing");

    let fewer = notification(&[("redis", "firing"), ("queue", "resolved"), ("workers", "resolved")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &fewer).await), ["inc-1"]);
    let timeline = hooked.timeline("inc-1");
    assert!(timeline.contains("incident declared by Alertmanager: redis is down, P1"), "{timeline}");
    assert!(timeline.contains("from Alertmanager: redis is down, P1 · http://prometheus:9090/graph"), "{timeline}");
    assert!(timeline.contains("other alerts that led here still fire"), "{timeline}");
    let last = notification(&[("redis", "resolved")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &last).await), ["inc-1"]);
    let shown = hooked.desk.rundown(&["incident", "show", "inc-1"]).exits(0).out;
    assert!(shown.contains("resolved"), "{shown}");
    let again = notification(&[("redis", "firing")], "page-me");
    assert_eq!(accepted(&alertmanager(&hooked.url, &again).await), ["inc-2"]);
    let declared = hooked.timeline("inc-2");
    assert!(declared.contains("P0"), "a word of one's own: {declared}");
}

#[tokio::test]
async fn what_somebody_took_on_is_theirs_to_end() {
    let hooked = Hooked::new().await;
    let alert =
        |state: &str| json!({ "fingerprint": "disk", "title": "The disk is full", "state": state, "severity": "P1" });
    let fired = hooked.generic(now(), &alert("firing")).await;
    assert_eq!(accepted(&fired), ["inc-1"]);
    hooked.desk.rundown(&["incident", "ack", "inc-1"]).exits(0);
    assert_eq!(accepted(&hooked.generic(now(), &alert("resolved")).await), ["inc-1"]);
    let timeline = hooked.timeline("inc-1");
    assert!(timeline.contains("resolve the incident when you are sure"), "{timeline}");
    let shown = hooked.desk.rundown(&["incident", "list"]).exits(0).out;
    assert!(shown.contains("inc-1"), "it is open still: {shown}");
}

#[tokio::test]
async fn grafana_signs_and_railway_has_its_secret_in_the_path() {
    let hooked = Hooked::new().await;
    let grafana = |status: &str, signed: u64| {
        let mut body = notification(&[("latency", status)], "warning");
        body["version"] = json!("1");
        body["title"] = json!("[FIRING:1]");
        let body = body.to_string();
        let signature = hex_of(GRAFANA, &format!("{signed}:{body}"));
        let request = hooked.post("/hooks/grafana", body).header("X-Grafana-Alerting-Signature", signature);
        request.header("X-Grafana-Alerting-Timestamp", signed)
    };
    assert_eq!(accepted(&told(grafana("firing", now())).await), ["inc-1"]);
    assert_eq!(told(grafana("firing", now() - 301)).await.0, 401, "signed too long ago");
    assert_eq!(accepted(&told(grafana("resolved", now())).await), ["inc-1"]);

    let railway = |kind: &str| {
        json!({
            "type": kind, "severity": "WARNING", "timestamp": "2026-02-06T13:08:45.828Z",
            "details": { "id": "d1", "source": "GitHub", "status": "FAILED", "commitHash": "abc", "commitMessage": "Faster" },
            "resource": { "project": { "id": "p", "name": "shop" }, "service": { "id": "s", "name": "backend" },
                          "environment": { "id": "e", "name": "production", "isEphemeral": false }, "deployment": { "id": "d1" } },
        })
        .to_string()
    };
    let path = format!("/hooks/railway/{RAILWAY}");
    assert_eq!(accepted(&told(hooked.post(&path, railway("Deployment.failed"))).await), ["inc-2"]);
    let none: [&str; 0] = [];
    assert_eq!(accepted(&told(hooked.post(&path, railway("Deployment.building"))).await), none);
    assert_eq!(accepted(&told(hooked.post(&path, railway("Deployment.deployed"))).await), ["inc-2"]);
    assert!(hooked.kinds("inc-2").contains(&"incident.resolved".to_owned()));
    for wrong in ["/hooks/railway", "/hooks/railway/", "/hooks/railway/guess", &format!("{path}/more")] {
        let status = told(hooked.post(wrong, railway("Deployment.failed"))).await.0;
        assert!(matches!(status, 401 | 404), "{wrong}: {status}");
    }
    let said = hooked.bot.said();
    assert!(said.contains("alerts were refused") && !said.contains(RAILWAY), "{said}");
}

#[tokio::test]
async fn what_is_refused_has_its_status_and_leaves_nothing_behind() {
    let hooked = Hooked::new().await;
    let alert = json!({ "fingerprint": "disk", "title": "The disk is full", "state": "firing" });
    let signed = now();
    assert_eq!(hooked.generic(signed, &alert).await.0, 202);
    let before = hooked.anchor();
    // A body that never comes; its answer is looked at in the end.
    let address = hooked.url.trim_start_matches("http://").to_owned();
    let slow = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /hooks/alertmanager HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\n\
             content-length: 20\r\nconnection: close\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });

    assert_eq!(hooked.generic(signed, &alert).await.0, 409, "replayed");
    assert_eq!(hooked.generic(signed - 400, &alert).await.0, 401, "overheard long ago");
    assert_eq!(hooked.generic(signed + 400, &alert).await.0, 401, "signed for later");
    let other = json!({ "fingerprint": "cpu", "title": "The CPU burns", "state": "firing" }).to_string();
    let genuine = hex_of(SIGNING, &format!("{signed}.{alert}"));
    let forged = [
        ("another body", other.clone(), format!("sha256={genuine}")),
        ("another secret", other.clone(), format!("sha256={}", hex_of("guess", &format!("{signed}.{other}")))),
        ("no digits", other.clone(), "sha256=".to_owned()),
    ];
    for (what, body, signature) in forged {
        let request = hooked.post("/hooks/generic", body).header("X-Rundown-Timestamp", signed);
        assert_eq!(told(request.header("X-Rundown-Signature", signature)).await.0, 401, "{what}");
    }
    assert_eq!(told(hooked.post("/hooks/generic", other.clone())).await.0, 401, "unsigned");

    let firing = notification(&[("redis", "firing")], "critical").to_string();
    let bearer = |body: String| hooked.post("/hooks/alertmanager", body).bearer_auth(BEARER);
    let with = |token: &str| hooked.post("/hooks/alertmanager", firing.clone()).bearer_auth(token);
    assert_eq!(told(with("guess")).await.0, 401);
    assert_eq!(told(with(&BEARER[..BEARER.len() - 1])).await.0, 401);
    assert_eq!(told(hooked.post("/hooks/alertmanager", firing.clone())).await.0, 401);
    assert_eq!(told(bearer(firing[..firing.len() - 9].to_owned())).await.0, 400, "truncated");
    assert_eq!(told(bearer("not JSON".to_owned())).await.0, 400);
    assert_eq!(told(bearer(firing.replace("\"4\"", "4"))).await.0, 422, "a number where a text is expected");
    assert_eq!(told(bearer(firing.replace("\"firing\"", "\"on fire\""))).await.0, 422);
    assert_eq!(told(bearer("[]".to_owned())).await.0, 422);
    let padded = format!("{firing}{}", " ".repeat(1024 * 1024));
    assert_eq!(told(bearer(padded.clone())).await.0, 413, "announced");
    let chunks = futures::stream::iter(padded.into_bytes().chunks(64 * 1024).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let streamed = reqwest::Body::wrap_stream(futures::StreamExt::map(chunks, Ok::<_, std::io::Error>));
    let unannounced = hooked.post("/hooks/alertmanager", streamed).bearer_auth(BEARER).send().await;
    // It may be cut off while it still sends.
    assert!(unannounced.is_ok_and(|answer| answer.status() == 413) || hooked.bot.said().contains("status=413"));
    let as_text =
        hooked.http.post(format!("{}/hooks/alertmanager", hooked.url)).bearer_auth(BEARER).body(firing.clone());
    assert_eq!(told(as_text).await.0, 415);
    assert_eq!(told(hooked.post("/hooks/datadog", firing.clone())).await.0, 404);
    assert_eq!(told(hooked.post("/", firing.clone())).await.0, 404);
    assert_eq!(told(hooked.http.get(format!("{}/hooks/alertmanager", hooked.url))).await.0, 405);

    let answer = tokio::time::timeout(Duration::from_secs(30), slow).await.expect("it is told in time").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(hooked.anchor(), before, "nothing of it was written down");
}

#[tokio::test]
async fn too_many_at_once_are_asked_to_come_later() {
    let hooked = Hooked::new().await;
    let mut refused = None;
    for _ in 0..200 {
        let answer = hooked.post("/hooks/alertmanager", "{}").bearer_auth(BEARER).send().await.unwrap();
        if answer.status() == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), 422);
    }
    let refused = refused.expect("sixty may come at once, and ten more a second");
    let later: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&later), "{later}");
    // Another source's bucket is its own.
    let alert = json!({ "fingerprint": "disk", "title": "The disk is full", "state": "firing" });
    assert_eq!(hooked.generic(now(), &alert).await.0, 202);
}

#[tokio::test]
async fn a_kill_between_requests_loses_nothing_and_doubles_nothing() {
    let hooked = Hooked::new().await;
    let first = notification(&[("redis", "firing")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &first).await), ["inc-1"]);
    let hooked = hooked.restarted().await;
    // The source never heard the answer, and sends it again with another one.
    let both = notification(&[("redis", "firing"), ("queue", "firing")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &both).await), ["inc-1"]);
    let hooked = hooked.restarted().await;
    let over = notification(&[("redis", "resolved"), ("queue", "resolved")], "critical");
    assert_eq!(accepted(&alertmanager(&hooked.url, &over).await), ["inc-1"]);
    let kinds = hooked.kinds("inc-1");
    let expected =
        ["incident.declared", "alert.fired", "alert.fired", "incident.resolved", "alert.resolved", "alert.resolved"];
    assert_eq!(kinds, expected);
    let incidents = hooked.desk.rundown(&["incident", "list", "--all"]).exits(0).out;
    assert!(!incidents.contains("inc-2"), "{incidents}");
    hooked.anchor();
}

#[tokio::test]
async fn two_servers_that_hear_a_group_at_once_declare_one_incident() {
    let hooked = Hooked::new().await;
    let other = Served::alone(&hooked.desk);
    let urls = [hooked.url.clone(), address(&other).await];
    let names: Vec<String> = (0..16).map(|number| format!("pod-{number}")).collect();
    let posted = names.iter().enumerate().map(|(number, name)| {
        let url = urls[number % 2].clone();
        async move { alertmanager(&url, &notification(&[(name, "firing")], "critical")).await }
    });
    for answer in futures::future::join_all(posted).await {
        assert_eq!(accepted(&answer), ["inc-1"]);
    }
    let kinds = hooked.kinds("inc-1");
    assert_eq!(kinds.iter().filter(|kind| *kind == "alert.fired").count(), 16);
    let over = names.iter().enumerate().map(|(number, name)| {
        let url = urls[number % 2].clone();
        async move { alertmanager(&url, &notification(&[(name, "resolved")], "critical")).await }
    });
    futures::future::join_all(over).await.iter().for_each(|answer| assert_eq!(accepted(answer), ["inc-1"]));
    assert_eq!(hooked.kinds("inc-1").iter().filter(|kind| *kind == "incident.resolved").count(), 1);
    let incidents = hooked.desk.rundown(&["incident", "list", "--all"]).exits(0).out;
    assert!(!incidents.contains("inc-2"), "{incidents}");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_asked_for_again() {
    let hooked = Hooked::new().await;
    let alert = json!({ "fingerprint": "disk", "title": "The disk is full", "state": "firing" });
    assert_eq!(hooked.generic(now(), &json!({ "fingerprint": "a", "title": "A", "state": "resolved" })).await.0, 202);
    let lock = rusqlite::Connection::open(hooked.desk.journal()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let signed = now();
    let refused = hooked.generic(signed, &alert).await;
    assert_eq!(refused.0, 503, "{}", refused.1);
    lock.execute_batch("ROLLBACK").unwrap();
    // The same signature: what it signed was not taken.
    assert_eq!(accepted(&hooked.generic(signed, &alert).await), ["inc-1"]);
    assert_eq!(hooked.kinds("inc-1"), ["incident.declared", "alert.fired"]);
}

#[tokio::test]
async fn a_heartbeat_calls_in_from_another_machine_and_its_silence_is_an_incident() {
    let monitors = "monitors:\n  nightly: { heartbeat: { every: 2s, grace: 2s }, on_failure: { declare: true } }\n";
    let mut desk = Desk::with_pages(&[("monitors.yaml", monitors)]);
    desk.set("HEARTBEAT_KEY", "beat-s3cret");
    let settings = "[hooks]\nlisten = \"127.0.0.1:0\"\n[hooks.heartbeat]\nkey = { env = \"HEARTBEAT_KEY\" }\n";
    std::fs::write(desk.path().join("rundown.toml"), settings).unwrap();
    let bot = Served::alone(&desk);
    let url = address(&bot).await;
    let http = reqwest::Client::new();
    let call = async |path: &str| {
        let answer = http.get(format!("{url}/hooks/heartbeat/{path}")).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(call("beat-s3cret/nightly").await, 204);
    assert_eq!((call("guessed/nightly").await, call("beat-s3cret/nightli").await), (401, 404));
    // Nobody calls any more.
    let declared = || desk.rundown(&["timeline", "inc-1", "--json"]).out.contains("monitor.alerted");
    let until = SystemTime::now() + Duration::from_secs(20);
    while !declared() {
        assert!(SystemTime::now() < until, "silence is an incident");
    }
    assert_eq!(call("beat-s3cret/nightly").await, 204);
    // Nobody had begun to work on it, so it ends with the silence.
    let until = SystemTime::now() + Duration::from_secs(20);
    while !desk.rundown(&["timeline", "inc-1", "--json"]).out.contains("incident.resolved") {
        assert!(SystemTime::now() < until, "the beat ends it");
    }
    assert!(!bot.said().contains("s3cret"), "{}", bot.said());
}
