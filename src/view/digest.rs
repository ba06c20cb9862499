//! A digest in words: the same lines for a chat, a terminal and a file.
//!
//! Lives here: what is said of each part and in which order ([`sections`]), the one line of a quiet time ([`quiet`]), all of it as a
//! page ([`page`]). What there is nothing to say of is left out. Never lives here: escaping and limits of a chat, colours.

use chrono::TimeDelta;

use super::chart::{Unit, sparkline};
use super::sentence::{skipped, why_skipped};
use super::time;
use crate::base::event::{Instant, Person};
use crate::base::text::{markdown, one_line};
use crate::domain::digest::model::{
    Budget, Condition, Digest, Duty, Health, InForce, Incident, Measure, Overdue, Pages, Review,
};

/// The longest piece of outside text in a line, in characters.
const QUOTE: usize = 90;
/// The longest name, in characters.
const NAME: usize = 40;
/// Blocks of a sparkline: one for two hours.
const BLOCKS: usize = 12;

/// A part with a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// One sign for it, for doors that show such.
    pub mark: &'static str,
    /// What it is about.
    pub title: String,
    /// The most important first.
    pub lines: Vec<Line>,
}

/// One line: what it is about, and what there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about; may be empty.
    pub lead: String,
    /// The rest.
    pub text: String,
}

fn line(lead: impl Into<String>, text: impl Into<String>) -> Line {
    Line { lead: lead.into(), text: text.into() }
}

/// `Digest morning, Mon 2026-11-23 08:00`.
#[must_use]
pub fn title(digest: &Digest) -> String {
    let name = digest.name.as_ref().map_or(String::new(), |name| format!(" {}", one_line(name, NAME)));
    format!("Digest{name}, {}", time::planned(digest.due.unwrap_or(digest.until), digest.zone))
}

/// What stands below the title: the time it tells of, whether it is late, which were not sent.
#[must_use]
pub fn about(digest: &Digest) -> Vec<String> {
    let zone = digest.zone;
    let length = time::length(time::rounded(digest.until - digest.since));
    let mut lines = vec![format!(
        "since {}, {length} ago ({})",
        time::planned(digest.since, zone),
        time::zone_label(digest.until, zone)
    )];
    if let Some(due) = digest.due.filter(|_| digest.late) {
        lines.push(format!(
            "late: it was due {} ago, and nobody was there",
            time::length(time::rounded(digest.until - due))
        ));
    }
    for missed in &digest.missed {
        let (first, last) = (time::planned(missed.first, zone), time::planned(missed.last, zone));
        let why = why_skipped(&missed.why);
        lines.push(match missed.count {
            0 | 1 => format!("the one of {first} was not sent: {why}"),
            _ => format!("{} from {first} to {last} were not sent: {why}", skipped(missed)),
        });
    }
    lines
}

/// All there is to say where nothing happened.
#[must_use]
pub fn quiet(digest: &Digest) -> Option<String> {
    if !digest.is_quiet() {
        return None;
    }
    let counts = digest.counts();
    let health = match counts.as_slice() {
        [] => "nothing is monitored".to_owned(),
        [(Condition::Healthy, 1)] => "1 target healthy".to_owned(),
        [(Condition::Healthy, all)] => format!("all {all} targets healthy"),
        counts => tally(counts),
    };
    let budget = digest
        .budgets
        .first()
        .map_or(String::new(), |least| format!(", {:.0} % of error budgets left or more", least.left));
    let duties: Vec<String> =
        digest.oncall.iter().map(|one| duty(digest, one)).map(|one| format!("{} {}", one.lead, one.text)).collect();
    let oncall = if duties.is_empty() { String::new() } else { format!(" On call: {}.", duties.join("; ")) };
    Some(format!("Quiet: {health}{budget}, no incident, nobody was called.{oncall}"))
}

/// Every part that there is something to say of, the most urgent first.
#[must_use]
pub fn sections(digest: &Digest) -> Vec<Section> {
    let quiet = digest.is_quiet();
    let section = |mark, title: &str, lines: Vec<Line>| Section { mark, title: title.to_owned(), lines };
    let counted = |mark, title: &str, lines: Vec<Line>| {
        let title = format!("{title} ({})", lines.len());
        Section { mark, title, lines }
    };
    let open = digest.incidents.iter().filter(|one| one.open).map(|one| incident(digest, one)).collect();
    let over = digest.incidents.iter().filter(|one| !one.open).map(|one| incident(digest, one)).collect();
    let mut sections = vec![counted("🔥", "Open incidents", open)];
    if !quiet && !digest.health.is_empty() {
        let title = format!("Health: {}", tally(&digest.counts()));
        sections.push(section("🩺", &title, digest.health.iter().map(health).collect()));
    }
    sections.push(section("📟", "Calls", pages(&digest.pages).into_iter().collect()));
    sections.push(counted("✅", "Resolved", over));
    if !quiet {
        sections.push(section("📉", "Error budgets", digest.budgets.iter().map(budget).collect()));
    }
    sections.push(counted(
        "⏰",
        "Overdue action items",
        digest.overdue.iter().map(|one| overdue(digest, one)).collect(),
    ));
    sections.push(counted("📝", "Postmortems missing", digest.reviews.iter().map(|one| review(digest, one)).collect()));
    if !quiet {
        sections.push(section("👤", "On call", digest.oncall.iter().map(|one| duty(digest, one)).collect()));
    }
    sections.push(section("🧊", "In force", digest.in_force.iter().map(|one| in_force(digest, one)).collect()));
    let stale = digest.stale.iter().map(|one| line(one_line(&one.runbook, NAME), one_line(&one.why, QUOTE)));
    sections.push(counted("📚", "Runbooks going stale", stale.collect()));
    sections.push(section("❔", "Not known", digest.unknown.iter().map(|why| line("", one_line(why, 200))).collect()));
    sections.retain(|section| !section.lines.is_empty());
    sections
}

/// All of it as a Markdown page.
#[must_use]
pub fn page(digest: &Digest) -> String {
    let mut page = format!("# {}\n\n", escaped(&title(digest)));
    for line in about(digest) {
        page.push_str(&format!("{}  \n", escaped(&line)));
    }
    if let Some(quiet) = quiet(digest) {
        page.push_str(&format!("\n{}\n", escaped(&quiet)));
    }
    for section in sections(digest) {
        page.push_str(&format!("\n## {}\n\n", escaped(&section.title)));
        for line in section.lines {
            let lead = if line.lead.is_empty() { String::new() } else { format!("**{}** ", escaped(&line.lead)) };
            page.push_str(&format!("- {lead}{}\n", escaped(&line.text)));
        }
    }
    page
}

/// Text on a line of Markdown that reads as it was written.
fn escaped(text: &str) -> String {
    // Without square brackets, which stay escaped, these mean nothing; unescaped, the source of the page is readable.
    markdown(text, 400).replace("\\(", "(").replace("\\)", ")")
}

/// `1 failing, 11 healthy`.
fn tally(counts: &[(Condition, usize)]) -> String {
    counts.iter().map(|(condition, count)| format!("{count} {}", condition.word())).collect::<Vec<_>>().join(", ")
}

/// `Mon 08:14`; with the day's date where it is far away.
fn when(digest: &Digest, at: Instant) -> String {
    let near = (at - digest.until).abs() < TimeDelta::days(6);
    if near { at.with_timezone(&digest.zone).format("%a %H:%M").to_string() } else { time::planned(at, digest.zone) }
}

fn name(person: Option<&Person>) -> String {
    person.map_or("nobody".to_owned(), |person| one_line(person.name(), NAME))
}

/// How long ago something was, in words without seconds.
fn ago(digest: &Digest, at: Instant) -> String {
    time::length(time::rounded(digest.until - at))
}

fn percent(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn health(one: &Health) -> Line {
    let now = &one.now;
    let changed = one.was.filter(|was| was.condition != now.condition);
    let was = changed.map_or(String::new(), |was| format!(" (was {})", was.condition.word()));
    let mut parts = vec![format!("{}{was}", now.condition.word())];
    if !one.seen.is_empty() {
        parts.push(one_line(&one.seen, QUOTE));
    }
    let before = |text: Option<String>| text.map_or(String::new(), |was| format!(" (was {was})"));
    if let Some(up) = now.availability.filter(|up| *up < 100.0 || one.availability_was().is_some()) {
        parts.push(format!("{} % up{}", percent(up), before(one.availability_was().map(percent))));
    }
    if let Some(p95) = now.p95_ms {
        parts.push(format!("p95 {p95} ms{}", before(one.p95_was().map(|was| was.to_string()))));
    }
    let (measure, series) = &one.day;
    let unit = if *measure == Measure::P95 { Unit::Millis } else { Unit::Percent };
    let drawn = sparkline(series, unit, BLOCKS);
    parts.extend(drawn.split(' ').next().filter(|blocks| !blocks.is_empty()).map(str::to_owned));
    line(one_line(&one.name, NAME), parts.join(" · "))
}

fn budget(one: &Budget) -> Line {
    let left = match one.left {
        left if left >= 0.0 => format!("{left:.0} % left"),
        left => format!("spent {:.1} times", 1.0 - left / 100.0),
    };
    let (uptime, promised) = (percent(one.uptime), percent(one.promised));
    line(one_line(&one.monitor, NAME), format!("{left}: {uptime} % up of {promised} % promised over {}", one.over))
}

fn incident(digest: &Digest, one: &Incident) -> Line {
    let severity = one.severity.map_or(String::new(), |severity| format!("{severity} "));
    let lead = format!("{severity}{}", one.id);
    let title = one_line(&one.title, QUOTE);
    let begun = when(digest, one.declared_at);
    let text = match one.resolved_at {
        Some(resolved) => {
            let took = time::length(time::rounded(resolved - one.declared_at));
            format!("{title} · declared {begun}, over after {took}: {}", one.status)
        }
        None if one.open => {
            let new = if one.opened { "new, " } else { "" };
            let whose =
                one.lead.as_ref().map_or("nobody has it".to_owned(), |lead| format!("{} has it", name(Some(lead))));
            format!("{title} · {new}{} for {}, {whose}", one.status, ago(digest, one.declared_at))
        }
        None => format!("{title} · declared {begun}, {}", one.status),
    };
    line(lead, text)
}

fn pages(pages: &Pages) -> Option<Line> {
    let middle = pages.answered_ms.get(pages.answered_ms.len().saturating_sub(1) / 2);
    let mut parts = Vec::new();
    if let (Some(middle), Some(most)) = (middle, pages.answered_ms.last()) {
        let length = |ms: u64| {
            time::length(time::rounded(TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX / 1_000))))
        };
        parts.push(match pages.answered_ms.len() {
            1 => format!("answered after {}", length(*middle)),
            several => {
                format!("{several} answered, half of them within {}, all within {}", length(*middle), length(*most))
            }
        });
    }
    if pages.unanswered > 0 {
        parts.push(format!("nobody answered {} of them", pages.unanswered));
    }
    if pages.calling > 0 {
        parts.push(format!("{} still waiting for an answer", pages.calling));
    }
    if parts.is_empty() && pages.count > 0 {
        parts.push("over before anybody answered".to_owned());
    }
    let count = if pages.count == 1 { "1 page".to_owned() } else { format!("{} pages", pages.count) };
    (pages.count > 0).then(|| line(count, parts.join("; ")))
}

fn overdue(digest: &Digest, one: &Overdue) -> Line {
    let today = digest.until.with_timezone(&digest.zone).date_naive();
    let days = match (today - one.due).num_days() {
        ..=1 => "since yesterday".to_owned(),
        days => format!("for {days} days"),
    };
    line(&*one.id, format!("{}: overdue {days}: {}", name(one.owner.as_ref()), one_line(&one.text, QUOTE)))
}

fn review(digest: &Digest, one: &Review) -> Line {
    let due = match one.due > digest.until {
        true => format!("due in {} ({})", time::length(time::rounded(one.due - digest.until)), when(digest, one.due)),
        false => format!("overdue for {}", ago(digest, one.due)),
    };
    let whose = one.lead.as_ref().map_or(String::new(), |lead| format!(", {} led it", name(Some(lead))));
    line(one.incident.to_string(), format!("{} · {due}{whose}", one_line(&one.title, QUOTE)))
}

fn duty(digest: &Digest, one: &Duty) -> Line {
    let next = one
        .next
        .as_ref()
        .map_or(String::new(), |(at, next)| format!(" until {}, then {}", when(digest, *at), name(next.as_ref())));
    line(one_line(&one.schedule, NAME), format!("{}{next}", name(one.person.as_ref())))
}

fn in_force(digest: &Digest, one: &InForce) -> Line {
    match one {
        InForce::Freeze { what, by, why, until } => {
            let (until, by) = (when(digest, *until), name(Some(by)));
            line(one_line(what, NAME), format!("frozen until {until} by {by}: {}", one_line(why, QUOTE)))
        }
        InForce::Override { schedule, person, instead_of, until } => {
            let place = instead_of.as_ref().map_or(String::new(), |of| format!(" instead of {}", name(Some(of))));
            let (who, until) = (name(Some(person)), when(digest, *until));
            line(one_line(schedule, NAME), format!("{who} is on call{place} until {until}"))
        }
        InForce::Mute { monitor, by, why, until } => {
            let (until, by) = (when(digest, *until), name(Some(by)));
            line(one_line(monitor, NAME), format!("muted until {until} by {by}: {}", one_line(why, QUOTE)))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
