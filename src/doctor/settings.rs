//! What is written down: `rundown.toml`, the runbooks, `people.yaml`, `oncall.yaml`.
//!
//! Lives here: what of it keeps the server from its work. Never lives here: reading the files (`config`, `bot/library`).

use super::finding::Finding;
use crate::base::event::{Instant, Person, Severity};
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::grammar::Check;
use crate::bot::library::Library;
use crate::chat::discord::endpoint::signed::PublicKey;
use crate::config::Environment;
use crate::config::file::{File, FileError};
use crate::domain::people::{People, Right};
use crate::view::time;

/// The settings file and the secrets that it names.
pub fn file(read: &Result<File, FileError>, variables: Environment<'_>) -> Vec<Finding> {
    const CHECK: &str = "settings";
    let file = match read {
        Ok(file) => file,
        Err(error) => {
            return vec![Finding::wrong(CHECK, error.to_string()).mend(
                "The server does not start like that. Everything below was checked as if there were no such file.",
            )];
        }
    };
    if *file == File::default() {
        return vec![
            Finding::note(CHECK, "there is no rundown.toml, or it says nothing: the server would drive runs without Discord")
                .mend("To answer in Discord it needs [discord] with server and channel; docs/operations.md shows a whole file."),
        ];
    }
    let mut faults = Vec::new();
    if let Some(discord) = &file.discord {
        faults.extend(discord.token.value("discord.token", variables).err());
        faults.extend(discord.endpoint(PublicKey::parse).err());
        faults.extend(discord.own_channels().err());
    }
    if let Some(heartbeat) = &file.heartbeat {
        faults.extend(heartbeat.url.value("heartbeat.url", variables).err());
        faults.extend(heartbeat.every().err());
    }
    if let Some(pagerduty) = &file.pagerduty {
        faults.extend(pagerduty.routing_key.value("pagerduty.routing-key", variables).err());
    }
    if let Some(hooks) = &file.hooks {
        faults.extend(hooks.read(variables).err());
    }
    faults.extend(file.digests().err());
    if faults.is_empty() {
        return vec![Finding::good(CHECK, "rundown.toml is understood, and every secret that it names has a value")];
    }
    faults.iter().map(|fault| Finding::wrong(CHECK, fault.to_string()).mend(remedy(fault))).collect()
}

/// When each digest is due next.
pub fn digests(file: &File, now: Instant) -> Vec<Finding> {
    const CHECK: &str = "digests";
    // What is wrong with them is told with the settings.
    let Ok(digests) = file.digests() else { return Vec::new() };
    let told = digests.iter().map(|(schedule, _)| match schedule.next_after(now) {
        Some(next) => {
            let (at, zone) = (time::planned(next, schedule.zone), schedule.zone.name());
            Finding::good(CHECK, format!("{} is due next {at} ({zone})", schedule.name))
        }
        None => Finding::warn(CHECK, format!("{} is never due again", schedule.name))
            .mend("Look at its cron; docs/digests.md says what the fields mean."),
    });
    let nowhere = (!digests.is_empty() && file.discord.is_none()).then(|| {
        Finding::warn(CHECK, "digests are sent into Discord, which is not set up: rundown.toml has no [discord]")
            .mend("Set it up, or take [[digest]] out. `rundown digest` shows one at a terminal.")
    });
    told.chain(nowhere).collect()
}

fn remedy(fault: &FileError) -> &'static str {
    match fault {
        FileError::NoSecret { .. } => {
            "Set it where the server is started, and here to have the rest checked; or name a file that holds it, with \
             file instead of env."
        }
        _ => "Mend it there; the server does not start like that.",
    }
}

/// Whether the runbooks are free of faults.
pub fn runbooks(library: &Library, environment: Option<&str>) -> Vec<Finding> {
    const CHECK: &str = "runbooks";
    let asked = Check { paths: Vec::new(), env: environment.map(ToOwned::to_owned) };
    let checks = match library.check(&asked) {
        Ok(checks) => checks,
        Err(fault) => {
            return vec![
                Finding::wrong(CHECK, first_line(&fault))
                    .mend("`rundown check` shows the place. Until it is mended nothing can run."),
            ];
        }
    };
    let count = |faults: usize| if faults == 1 { "1 fault".to_owned() } else { format!("{faults} faults") };
    let faulty: Vec<String> = checks
        .pages
        .iter()
        .filter(|page| !page.faults.is_empty())
        .map(|page| format!("{} ({})", one_line(&page.page.name, 60), count(page.faults.len())))
        .collect();
    let pages = match checks.pages.len() {
        1 => "1 runbook".to_owned(),
        several => format!("{several} runbooks"),
    };
    vec![if checks.pages.is_empty() {
        Finding::warn(CHECK, "there is not a single runbook")
            .mend("Name their folder: --runbooks, or runbooks in rundown.toml.")
    } else if faulty.is_empty() {
        Finding::good(CHECK, format!("{pages} checked, no faults"))
    } else {
        Finding::wrong(CHECK, format!("{pages} checked; these cannot run: {}", faulty.join(", ")))
            .mend("`rundown check` shows every fault with its place.")
    }]
}

/// Why targets and Railway were not asked.
pub fn no_targets(unknown: Option<&Fault>, no_secrets: Option<&Fault>) -> Finding {
    const CHECK: &str = "targets";
    match (unknown, no_secrets) {
        // A fault of targets.yaml is told with the runbooks, which cannot be checked then.
        (None, Some(fault)) => Finding::wrong(CHECK, first_line(fault))
            .mend("Nothing that needs a secret can run like that. Targets and Railway were not asked."),
        _ => Finding::note(CHECK, "targets and Railway were not asked: targets.yaml cannot be used"),
    }
}

/// The sentence of a fault that may go on with its place.
fn first_line(fault: &Fault) -> String {
    let text = fault.to_string();
    one_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default(), 200)
}

/// Whether anybody is known, where somebody has to be.
pub fn people(library: &Library, in_discord: bool) -> Vec<Finding> {
    const CHECK: &str = "people";
    let people = match library.people() {
        Ok(people) => people,
        Err(fault) => {
            return vec![
                Finding::wrong(CHECK, first_line(&fault))
                    .mend("`rundown check` shows the place. Until it is mended nobody has any right in chat."),
            ];
        }
    };
    let (persons, roles) = people.known_in("discord");
    vec![match (people.is_written(), in_discord, persons + roles) {
        (_, true, 0) => {
            Finding::wrong(CHECK, "nobody is known in Discord: everybody there may look, and nobody may do anything")
                .mend(
                    "Give persons in people.yaml their discord account (the user's id), or give a Discord role a role; \
                 docs/people.md shows how.",
                )
        }
        (true, true, _) => {
            let count =
                |many: usize, what: &str| if many == 1 { format!("1 {what}") } else { format!("{many} {what}s") };
            let says =
                format!("people.yaml knows {} and {} in Discord", count(persons, "person"), count(roles, "role"));
            Finding::good(CHECK, says)
        }
        (true, false, _) => Finding::good(CHECK, "people.yaml is understood"),
        (false, ..) => Finding::note(CHECK, "there is no people.yaml: whoever sits at the terminal may do everything"),
    }]
}

/// Whether somebody is on call.
pub fn oncall(library: &Library) -> Vec<Finding> {
    const CHECK: &str = "on call";
    let oncall = match library.oncall() {
        Ok(Some(oncall)) => oncall,
        Ok(None) => {
            return vec![Finding::note(CHECK, "there is no oncall.yaml: nobody is on call, and nobody is paged")];
        }
        Err(fault) => {
            return vec![
                Finding::wrong(CHECK, first_line(&fault))
                    .mend("`rundown check` shows the place. Until it is mended nobody is on call."),
            ];
        }
    };
    let count =
        |many: usize, one: &str, more: &str| if many == 1 { format!("1 {one}") } else { format!("{many} {more}") };
    let schedules = count(oncall.schedules.len(), "schedule", "schedules");
    let policies = count(oncall.policies.len(), "policy", "policies");
    let says = format!("oncall.yaml is understood: {schedules}, {policies}");
    let mut found = vec![match oncall.policy_for(Severity::P0) {
        Some(_) => Finding::good(CHECK, says),
        None => Finding::warn(CHECK, format!("{says}; an incident of severity P0 pages nobody"))
            .mend("Name a policy for P0 under `page` in oncall.yaml; docs/oncall.md shows how."),
    }];
    let people = library.people().unwrap_or_else(|_| People::unreadable());
    let looks_only = |person: &&Person| people.by_name(person, Right::Respond) == Some(false);
    let lookers: Vec<&str> = oncall.persons().into_iter().filter(looks_only).map(Person::name).collect();
    if !lookers.is_empty() {
        let says = format!("whoever is on call works on incidents, and these may only look: {}", lookers.join(", "));
        found.push(
            Finding::warn(CHECK, one_line(&says, 300))
                .mend("Give them the role responder in people.yaml, or take them out."),
        );
    }
    found
}
