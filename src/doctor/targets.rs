//! Targets: whether what `targets.yaml` names has a value, and whether it can be reached from here.
//!
//! Lives here: asking each address once, through the client and the egress rule that runs use. Never lives here: whether a
//! target is healthy: any answer counts.

use futures::StreamExt as _;
use futures::stream;

use super::finding::Finding;
use super::probe::{DEADLINE, Probe, within};
use crate::base::secret::{SecretError, Secrets};
use crate::base::text::one_line;
use crate::client::egress::Named;
use crate::client::http::{Http as _, HttpRequest, Method};
use crate::client::redis::Redis;
use crate::domain::action::inventory::{Inventory, Target};

/// How many are asked at once.
const AT_ONCE: usize = 10;

/// Variables and secrets that have no value here.
pub fn values(inventory: &Inventory, secrets: &Secrets) -> Vec<Finding> {
    const CHECK: &str = "variables";
    let of_target = |(name, target): (&String, &Target)| {
        let lines = target.unset.iter().map(|(field, variable)| format!("{variable} ({field} of {name})"));
        lines.collect::<Vec<_>>()
    };
    let mut missing: Vec<String> = inventory.targets.iter().flat_map(of_target).collect();
    let inputs = inventory.variables.iter().filter(|(_, value)| value.is_empty());
    missing.extend(inputs.map(|(name, _)| format!("{name} (an input's default)")));
    for name in inventory.secrets.keys() {
        if let Err(SecretError::Unset { from, .. }) = secrets.value(name) {
            missing.push(format!("{} (the secret {name})", from.strip_prefix("the variable ").unwrap_or(&from)));
        }
    }
    let nothing = inventory.targets.is_empty() && inventory.secrets.is_empty() && inventory.variables.is_empty();
    if nothing {
        return Vec::new();
    }
    let environment = &inventory.environment;
    vec![if missing.is_empty() {
        Finding::good(CHECK, format!("everything that targets.yaml needs for {environment} has a value"))
    } else {
        Finding::warn(CHECK, format!("not set for {environment}: {}", missing.join(", ")))
            .mend("Set them where the server is started. Steps that need one stop and name it.")
    }]
}

/// What a target is asked at.
enum Place<'a> {
    Url(&'a str),
    Redis(&'a str),
}

/// Asks every target once.
pub async fn reach(inventory: &Inventory, secrets: &Secrets, probe: &Probe, redis: &dyn Redis) -> Vec<Finding> {
    let named = Named::from_urls(inventory.targets.values().filter_map(|target| target.url.as_deref()));
    let places = inventory.targets.iter().flat_map(|(name, target)| {
        let url = target.url.as_deref().map(|url| (name.as_str(), Place::Url(url)));
        let redis = target.redis.as_deref().map(|secret| (name.as_str(), Place::Redis(secret)));
        url.into_iter().chain(redis)
    });
    let asked = places.map(|(name, place)| {
        let named = named.clone();
        async move { (name, ask(name, &place, named, secrets, probe, redis).await) }
    });
    let asked: Vec<(&str, Option<Result<(), String>>)> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    judge(&asked)
}

/// `None` where it has no value here, which is told already.
async fn ask(
    name: &str,
    place: &Place<'_>,
    named: Named,
    secrets: &Secrets,
    probe: &Probe,
    redis: &dyn Redis,
) -> Option<Result<(), String>> {
    let until = probe.clock().now() + DEADLINE;
    let late = || Err("no answer within 5 s".to_owned());
    match place {
        Place::Url(url) => {
            let request = HttpRequest {
                method: Method::HEAD,
                url: (*url).to_owned(),
                headers: Vec::new(),
                body: None,
                follow_redirects: false,
                named,
                until,
            };
            let answer = probe.send(request).await;
            Some(answer.map(drop).map_err(|error| error.to_string()))
        }
        Place::Redis(secret) => {
            let url = secrets.value(secret).ok()?;
            let held = within(&**probe.clock(), DEADLINE, redis.hold(name, url, until)).await;
            Some(held.map_or_else(late, |held| held.map_err(|error| error.to_string())))
        }
    }
}

fn judge(asked: &[(&str, Option<Result<(), String>>)]) -> Vec<Finding> {
    const CHECK: &str = "targets";
    let mut answering: Vec<&str> =
        asked.iter().filter(|(_, answer)| matches!(answer, Some(Ok(())))).map(|(name, _)| *name).collect();
    answering.dedup();
    let mut findings = Vec::new();
    match answering.as_slice() {
        [] => {}
        [one] => findings.push(Finding::good(CHECK, format!("{one} answers"))),
        several => findings.push(Finding::good(CHECK, format!("{} answer", several.join(", ")))),
    }
    for (name, answer) in asked {
        if let Some(Err(why)) = answer {
            findings.push(Finding::wrong(CHECK, format!("{name} does not answer: {}", one_line(why, 200))).mend(
                "Look at whether it runs, whether its address in targets.yaml is right, and whether this machine may reach it.",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::note(CHECK, "none has an address that could be asked"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_is_one_line_and_what_does_not_is_a_line_each() {
        let refused = || Some(Err("connection refused by 127.0.0.1:9".to_owned()));
        let all =
            [judge(&[("api", Some(Ok(()))), ("api", Some(Ok(()))), ("db", refused()), ("web", None)]), judge(&[])];
        insta::assert_snapshot!(super::super::finding::page(&all.concat(), Default::default(), 100));
    }
}
