//! `rundown doctor`: what is wrong, before the night it matters.
//!
//! Lives here: which checks there are, running them side by side, each with a deadline. What a check finds and how it is worded
//! is decided by pure functions in the files beside; only what they need to know is asked here and in `probe`. Never lives
//! here: mending anything. A doctor changes nothing.

mod discord;
mod drain;
pub mod finding;
mod guild;
mod journal;
pub mod permissions;
mod probe;
mod railway;
mod settings;
mod skew;
mod targets;

use std::path::PathBuf;
use std::sync::Arc;

use futures::join;

use crate::base::clock::Clock;
use crate::bot::library::Library;
use crate::client::http::Http;
use crate::client::redis::Redis;
use crate::config::Environment;
use crate::config::file::{File, FileError};
use finding::Finding;
use probe::{Probe, within};

/// Everything that is examined.
pub struct Patient<'a> {
    /// `rundown.toml`, or why it cannot be read.
    pub file: Result<File, FileError>,
    /// Where the journal is, or would be.
    pub journal: PathBuf,
    /// Runbooks, targets, people, who is on call.
    pub library: &'a Library,
    /// Which environment's targets; the default one where left out.
    pub environment: Option<String>,
    /// Railway's endpoint.
    pub railway: String,
    /// The process's variables.
    pub variables: Environment<'a>,
    /// What asks over HTTP.
    pub http: Arc<dyn Http>,
    /// What asks Redis servers.
    pub redis: Arc<dyn Redis>,
    /// The clock that is judged, too.
    pub clock: Arc<dyn Clock>,
}

/// Examines everything. Takes a runtime for I/O and timers, and never much longer than the longest deadline.
pub async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let probe = Arc::new(Probe::new(patient.http.clone(), patient.clock.clone()));
    let file = patient.file.clone().unwrap_or_default();
    let mut findings = settings::file(&patient.file, patient.variables);
    // What is only read is read before any deadline runs.
    let runbooks = settings::runbooks(patient.library, patient.environment.as_deref());
    let people = settings::people(patient.library, file.discord.is_some());
    let oncall = settings::oncall(patient.library);
    let known = patient.library.environment(patient.environment.as_deref());
    let secrets = patient.library.secrets();
    let (mut grants, mut reached, mut on_railway) = (Vec::new(), Vec::new(), Vec::new());
    let asked = async {
        let (inventory, secrets) = match (&known, &secrets) {
            (Ok(inventory), Ok(secrets)) => (inventory, secrets),
            (known, secrets) => {
                grants.push(settings::no_targets(known.as_ref().err(), secrets.as_ref().err()));
                return;
            }
        };
        grants = targets::values(inventory, secrets);
        (reached, on_railway) = join!(
            targets::reach(inventory, secrets, &probe, &*patient.redis),
            railway::examine(inventory, secrets, &probe, &patient.railway),
        );
    };
    let (journal, (), discord, heartbeat) = join!(
        journal::examine(&patient.journal, &*patient.clock),
        asked,
        discord::examine(&patient.file, patient.variables, &probe),
        heartbeat(&file, patient.variables, &*patient.clock),
    );
    findings.extend(journal);
    findings.extend(runbooks);
    findings.extend(people);
    findings.extend(oncall);
    findings.extend(settings::digests(&file, patient.clock.now()));
    findings.extend(grants.into_iter().chain(reached).chain(on_railway));
    let (discord, invite) = discord;
    findings.extend(discord);
    findings.push(skew::judge(probe.seen()));
    findings.push(drain::judge(&file, patient.variables));
    findings.extend(heartbeat);
    findings.extend(invite);
    findings
}

/// Calls the heartbeat's address once.
async fn heartbeat(file: &File, variables: Environment<'_>, clock: &dyn Clock) -> Option<Finding> {
    use crate::client::beat::Beat;
    use secrecy::ExposeSecret as _;

    const CHECK: &str = "heartbeat";
    // That it has no value is told with the settings.
    let url = file.heartbeat.as_ref()?.url.value("heartbeat.url", variables).ok()?;
    let beat = match Beat::new(url.expose_secret()) {
        Ok(beat) => beat,
        Err(why) => {
            return Some(Finding::wrong(CHECK, why).mend("Put the whole address there, with https:// before it."));
        }
    };
    let why = match within(clock, probe::DEADLINE, beat.once()).await {
        Some(Ok(())) => return Some(Finding::good(CHECK, "its address answers; it was called once")),
        Some(Err(why)) => why,
        None => "no answer in time".to_owned(),
    };
    let says = format!("its address was called once and does not take it: {}", crate::base::text::one_line(&why, 160));
    Some(
        Finding::wrong(CHECK, says)
            .mend("Look at that service whether the check is still there, and copy its address anew."),
    )
}
