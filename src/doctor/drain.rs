//! Whether the platform waits long enough between asking the server to leave and killing it.
//!
//! Lives here: what can be known of that from inside, and only that. Never lives here: how the server leaves (`serve`).

use chrono::TimeDelta;

use super::finding::Finding;
use crate::config::Environment;
use crate::config::file::{File, FileError};
use crate::view::time;

const CHECK: &str = "drain time";
/// What Railway waits, in seconds.
const RAILWAY: &str = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS";
/// The server takes two seconds at most; one more for the system.
const ENOUGH: TimeDelta = TimeDelta::seconds(3);

/// Judges what the settings and the environment say.
#[must_use]
pub fn judge(file: &File, environment: Environment<'_>) -> Finding {
    let railway = environment(RAILWAY);
    if let Some(told) = railway.as_deref().and_then(|text| text.trim().parse::<u32>().ok()) {
        let mend = format!("Set {RAILWAY} to 10 in the service's variables, or Draining Time in its settings.");
        return told_by("Railway", TimeDelta::seconds(told.into()), mend);
    }
    match file.drain() {
        Ok(Some(span)) => {
            let waits = TimeDelta::from_std(span.std()).unwrap_or(TimeDelta::MAX);
            let mend = "Let the platform wait longer (TimeoutStopSec=, docker stop --time, terminationGracePeriodSeconds), and \
                        say so in rundown.toml.";
            return told_by("rundown.toml says that the platform", waits, mend.to_owned());
        }
        Err(FileError::Faulty { why, .. }) => return Finding::wrong(CHECK, why).mend("Write it as drain = \"10s\"."),
        Err(other) => return Finding::wrong(CHECK, other.to_string()),
        Ok(None) => {}
    }
    let on_railway = ["RAILWAY_ENVIRONMENT_ID", "RAILWAY_DEPLOYMENT_ID"].iter().all(|name| environment(name).is_some());
    if on_railway {
        return Finding::warn(
            CHECK,
            format!("{RAILWAY} is not set, and what Railway waits then may be less than 3 seconds"),
        )
        .mend(format!("Set {RAILWAY} to 10 in the service's variables, or Draining Time in its settings."));
    }
    let usual = match environment("KUBERNETES_SERVICE_HOST") {
        Some(_) => "Kubernetes waits 30 s unless terminationGracePeriodSeconds says otherwise",
        None => "systemd waits 90 s and Docker 10 s unless they are told otherwise",
    };
    Finding::note(CHECK, format!("how long the platform waits before it kills cannot be known from here; {usual}"))
        .mend("The server needs 2 seconds at most. To have this checked, write drain = \"10s\" into rundown.toml.")
}

fn told_by(who: &str, waits: TimeDelta, mend: String) -> Finding {
    let says = format!("{who} waits {} before it kills; the server leaves within 2 s", time::length(waits));
    if waits < ENOUGH { Finding::warn(CHECK, says).mend(mend) } else { Finding::good(CHECK, says) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_can_be_known_and_only_that() {
        let judged = |drain: Option<&str>, set: &[(&str, &str)]| {
            let file = File { drain: drain.map(ToOwned::to_owned), ..File::default() };
            judge(&file, &|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        let railway = [("RAILWAY_ENVIRONMENT_ID", "e"), ("RAILWAY_DEPLOYMENT_ID", "d")];
        let all = [
            judged(None, &[]),
            judged(None, &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]),
            judged(None, &railway),
            judged(None, &[(RAILWAY, "1")]),
            judged(None, &[(RAILWAY, "10")]),
            judged(Some("2s"), &[]),
            judged(Some("10s"), &[]),
            judged(Some("soon"), &[]),
        ];
        insta::assert_snapshot!(super::super::finding::page(&all, Default::default(), 100));
    }
}
