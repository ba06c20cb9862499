//! Bodies as sources document them, and bodies that are none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn taken(source: Source, body: &Value) -> Result<Vec<Alert>, Unfit> {
    read(source, body.to_string().as_bytes(), &Words::new()).map(|read| read.alerts)
}

/// As Alertmanager's documentation shows it.
fn alertmanager() -> Value {
    json!({
        "receiver": "rundown", "status": "firing", "externalURL": "http://am:9093", "version": "4",
        "groupKey": "{}:{alertname=\"RedisDown\"}", "truncatedAlerts": 0,
        "groupLabels": { "alertname": "RedisDown" }, "commonLabels": { "alertname": "RedisDown" }, "commonAnnotations": {},
        "alerts": [{
            "status": "firing", "fingerprint": "1a30ba71cca2921f",
            "labels": { "alertname": "RedisDown", "instance": "redis-0:6379", "severity": "critical" },
            "annotations": { "description": "It refuses connections", "runbook_url": "https://wiki/runbooks/redis-pool.md#top" },
            "startsAt": "2026-02-06T13:08:45.828Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        }],
    })
}

fn grafana() -> Value {
    let mut body = alertmanager();
    body["version"] = json!("1");
    body["orgId"] = json!(1);
    body["title"] = json!("[FIRING:1]");
    body["state"] = json!("alerting");
    body["message"] = json!("**Firing**");
    let alert = &mut body["alerts"][0];
    alert["annotations"] = json!({ "summary": "Redis is down" });
    alert["silenceURL"] = json!("https://g/silence");
    alert["dashboardURL"] = json!("https://g/d/1");
    alert["panelURL"] = json!("");
    alert["values"] = json!({ "B": 44.2, "C": 1 });
    alert["valueString"] = json!("[ metric='' value=14 ]");
    body
}

/// As Railway's documentation shows it.
fn railway(kind: &str) -> Value {
    json!({
        "type": kind, "severity": "WARNING", "timestamp": "2025-11-21T23:48:42.311Z",
        "details": { "id": "d1", "source": "GitHub", "status": "FAILED", "branch": "main", "commitHash": "abc",
                     "commitAuthor": "ana", "commitMessage": "Faster" },
        "resource": {
            "workspace": { "id": "w", "name": "Ours" }, "project": { "id": "p", "name": "shop" },
            "environment": { "id": "e", "name": "production", "isEphemeral": false },
            "service": { "id": "s", "name": "backend" }, "deployment": { "id": "d1" },
        },
    })
}

fn generic() -> Value {
    json!({ "fingerprint": "disk", "title": "The disk is full", "state": "firing", "severity": "P1", "since": "2026-02-06T13:08:45Z",
            "link": "https://nas.example/disk", "details": { "free": "0" }, "runbook": "disk" })
}

#[test]
fn alertmanager_says_what_where_how_bad_and_since_when() {
    let alert = taken(Source::Alertmanager, &alertmanager()).unwrap().remove(0);
    assert_eq!((alert.title.as_str(), alert.severity), ("RedisDown on redis-0:6379", Some(Severity::P1)));
    assert_eq!((alert.fingerprint.as_str(), alert.state), ("1a30ba71cca2921f", Standing::Firing));
    assert_eq!(alert.group, "{}:{alertname=\"RedisDown\"}");
    assert_eq!(alert.since.unwrap().to_rfc3339(), "2026-02-06T13:08:45.828+00:00");
    assert_eq!(alert.runbook.as_deref(), Some("redis-pool"));
    assert_eq!(alert.details["description"], "It refuses connections");
    assert_eq!(alert.details["instance"], "redis-0:6379");
}

#[test]
fn grafana_is_the_same_with_a_summary_and_its_dashboard() {
    let alert = taken(Source::Grafana, &grafana()).unwrap().remove(0);
    assert_eq!((alert.source.as_str(), alert.title.as_str()), ("grafana", "Redis is down"));
    assert_eq!(alert.details["dashboard"], "https://g/d/1");
    assert!(!alert.details.contains_key("panel"));
}

#[test]
fn railway_fires_when_a_deployment_fails_and_the_next_one_that_works_ends_it() {
    let of = |kind: &str| taken(Source::Railway, &railway(kind)).unwrap();
    let failed = of("Deployment.failed").remove(0);
    assert_eq!(
        (failed.title.as_str(), failed.severity),
        ("backend in production: a deployment failed", Some(Severity::P2))
    );
    let ends = of("Deployment.deployed").remove(0);
    assert_eq!((&ends.fingerprint, ends.state), (&failed.fingerprint, Standing::Resolved));
    assert_eq!(of("Deployment.oom_killed")[0].fingerprint, failed.fingerprint);
    let volume = (of("VolumeAlert.triggered").remove(0), of("VolumeAlert.resolved").remove(0));
    assert_eq!(volume.0.fingerprint, volume.1.fingerprint);
    assert_ne!(volume.0.fingerprint, failed.fingerprint);
    assert_eq!(volume.0.group, failed.group, "what happens to one service belongs together");
    assert_eq!(of("Deployment.building"), []);
    let mut preview = railway("Deployment.failed");
    preview["resource"]["environment"]["isEphemeral"] = json!(true);
    assert_eq!(taken(Source::Railway, &preview).unwrap(), []);
}

#[test]
fn a_generic_alert_needs_three_words_and_takes_no_others_than_its_own() {
    let least = json!({ "fingerprint": "disk", "title": "The disk is full", "state": "resolved" });
    let alert = taken(Source::Generic, &least).unwrap().remove(0);
    assert_eq!((alert.group.as_str(), alert.severity, alert.state), ("disk", None, Standing::Resolved));
    let mut misspelt = generic();
    misspelt["sevrity"] = json!("P0");
    assert!(matches!(taken(Source::Generic, &misspelt), Err(Unfit::OtherShape(why)) if why.contains("sevrity")));
}

#[test]
fn words_of_ones_own_go_before_the_usual_ones() {
    let words = Words::from([("critical".to_owned(), Severity::P0), ("sev5".to_owned(), Severity::P3)]);
    assert_eq!(severity(" Critical ", &words), Some(Severity::P0));
    assert_eq!(severity("SEV5", &words), Some(Severity::P3));
    assert_eq!((severity("p1", &words), severity("quaint", &words)), (Some(Severity::P1), None));
}

#[test]
fn what_is_cut_off_is_no_json_and_what_is_wrongly_typed_has_another_shape() {
    let bodies = [
        (Source::Alertmanager, alertmanager(), "/alerts/0/labels/severity"),
        (Source::Grafana, grafana(), "/alerts/0/startsAt"),
        (Source::Railway, railway("Deployment.failed"), "/resource/environment/id"),
        (Source::Generic, generic(), "/state"),
    ];
    for (source, body, place) in bodies {
        let text = body.to_string();
        assert!(taken(source, &body).is_ok_and(|alerts| alerts.len() == 1));
        let cut = read(source, &text.as_bytes()[..text.len() - 1], &Words::new());
        assert!(matches!(cut, Err(Unfit::NoJson(_))), "{source:?}");
        for odd in [json!(7), json!({}), json!([])] {
            let mut spoilt = body.clone();
            *spoilt.pointer_mut(place).unwrap() = odd.clone();
            assert!(matches!(taken(source, &spoilt), Err(Unfit::OtherShape(_))), "{source:?} {place} {odd}");
        }
        for odd in ["null", "[]", "{}", "7", "\"firing\""] {
            assert!(
                matches!(read(source, odd.as_bytes(), &Words::new()), Err(Unfit::OtherShape(_))),
                "{source:?} {odd}"
            );
        }
    }
    let mut newer = alertmanager();
    newer["version"] = json!("5");
    assert!(matches!(taken(Source::Alertmanager, &newer), Err(Unfit::OtherShape(_))));
}

#[test]
fn a_body_of_thousands_is_taken_up_to_the_limit_and_says_so() {
    let mut body = alertmanager();
    let one = body["alerts"][0].clone();
    body["alerts"] = (0..ALERTS + 7).map(|_| one.clone()).collect();
    let read = read(Source::Alertmanager, body.to_string().as_bytes(), &Words::new()).unwrap();
    assert_eq!((read.alerts.len(), read.left_out), (ALERTS, 7));
    body["truncatedAlerts"] = json!(40);
    let read = super::read(Source::Alertmanager, body.to_string().as_bytes(), &Words::new()).unwrap();
    assert_eq!(read.left_out, 47, "with those that the sender left out");
}

/// Any JSON, no deeper than is useful.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Puts `value` at the `at`th place of a body.
fn spoil(body: &mut Value, at: &mut usize, value: &Value) {
    if *at == 0 {
        *body = value.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let inner: Vec<&mut Value> = match body {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in inner {
        if *at == usize::MAX {
            return;
        }
        spoil(child, at, value);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for source in Source::ALL {
            let _ = read(source, &bytes, &Words::new());
        }
    }

    #[test]
    fn any_spoilt_body_is_refused_or_comes_to_alerts_within_the_limits(at in 0..40usize, value in any_json()) {
        let bodies = [alertmanager(), grafana(), railway("Deployment.crashed"), generic()];
        for (source, mut body) in Source::ALL.into_iter().zip(bodies) {
            spoil(&mut body, &mut at.clone(), &value);
            for alert in taken(source, &body).unwrap_or_default() {
                prop_assert!(!alert.fingerprint.trim().is_empty());
                let alert = alert.bounded();
                prop_assert!(!alert.title.is_empty() && !alert.group.is_empty());
                prop_assert!(alert.details.len() <= crate::domain::alert::DETAILS);
            }
        }
    }
}
