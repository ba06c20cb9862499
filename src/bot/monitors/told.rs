//! Monitors in words, the same for every door.

use chrono::{DateTime, TimeDelta};

use super::Seen;
use crate::base::event::{Instant, Recorded};
use crate::base::schedule::Span;
use crate::base::series::Series;
use crate::base::text::one_line;
use crate::domain::monitor::Sample;
use crate::domain::monitor::slo::Standing;
use crate::domain::monitor::spec::Slo;
use crate::domain::monitor::state::Level;
use crate::domain::monitor::tally::Tally;
use crate::domain::timeline::Fact;
use crate::view::chart::{Unit, sparkline};
use crate::view::sentence::Wording;
use crate::view::time;

/// The longest text about what was seen, in characters.
const SEEN: usize = 160;

impl Seen {
    /// One sign for how it is.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        match (self.part().level, self.part().flapping) {
            (None, _) => "▫️",
            (_, true) => "🔀",
            (Some(Level::Healthy), _) => "✅",
            (Some(Level::Degraded), _) => "⚠️",
            (Some(Level::Failing), _) => "❌",
        }
    }

    /// One word for how it is.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (self.part().level, self.part().flapping) {
            (None, _) => "unknown",
            (_, true) => "flapping",
            (Some(level), _) => level.word(),
        }
    }

    /// How it is, since when, what was seen, why nobody is called; one line.
    #[must_use]
    pub fn words(&self, now: Instant) -> String {
        let folded = &self.folded;
        let since = folded.flapping.or(folded.since).filter(|_| self.part().level.is_some());
        let since = since.map_or(String::new(), |since| format!(" for {}", time::length(now - since)));
        let mut words = format!("{}{since}", self.word());
        if folded.level != Level::Healthy && !folded.seen.is_empty() {
            words.push_str(&format!(": {}", one_line(&folded.seen, SEEN)));
        }
        // Not confirmed yet, and worth knowing.
        if let Some(last) = self.last.filter(|last| last.level > folded.level && folded.flapping.is_none()) {
            words.push_str(&format!("; last seen {}", last.level.word()));
        }
        if let Some(why) = &self.unclear {
            words.push_str(&format!("; it cannot be asked: {}", one_line(why, SEEN)));
        }
        if let Some(mute) = &self.mute {
            let until = time::due(mute.until, now, self.zone);
            words.push_str(&format!("; muted until {until} by {}: {}", mute.by, one_line(&mute.why, SEEN)));
        }
        if let Some(why) = &self.maintenance {
            words.push_str(&format!("; in maintenance: {}", one_line(why, SEEN)));
        }
        if let Some(incident) = folded.incident.as_ref().filter(|_| folded.alarm.is_some()) {
            words.push_str(&format!("; {incident}"));
        }
        words
    }

    /// How quickly it answered in the last hour, as blocks; empty where nothing was measured.
    #[must_use]
    pub fn spark(&self, width: usize) -> String {
        let mut series = Series::new();
        for (at, minute) in &self.hour {
            if let (Some(at), Some(mean)) = (DateTime::from_timestamp_millis(*at), minute.mean()) {
                series.push(at, mean.round());
            }
        }
        let drawn = sparkline(&series, Unit::Millis, width);
        if drawn.is_empty() { drawn } else { format!("{drawn} ms") }
    }
}

/// One monitor in detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// As it is.
    pub seen: Seen,
    /// How often it is looked at.
    pub every: Span,
    /// What is looked at, in words.
    pub asks: String,
    /// What it depends on.
    pub depends_on: Vec<String>,
    /// What was promised, and how that stands.
    pub promise: Option<(Slo, Standing)>,
    /// The last 24 hours.
    pub day: Option<Tally>,
    /// What changed lately, the newest last.
    pub lately: Vec<Recorded<Fact>>,
}

impl Shown {
    /// All of it, a line each.
    #[must_use]
    pub fn lines(&self, now: Instant) -> Vec<String> {
        let seen = &self.seen;
        let mut lines = vec![format!("{} {}: {}", seen.id, seen.title, seen.words(now))];
        let about = seen.target.as_ref().map_or(String::new(), |target| format!("about {target}, "));
        lines.push(format!("{about}every {}, {}", self.every, self.asks));
        if !self.depends_on.is_empty() {
            lines.push(format!("depends on {}", self.depends_on.join(", ")));
        }
        if let Some(last) = &seen.last {
            let took = last.took_ms.map_or(String::new(), |took| format!(" in {took} ms"));
            let at = DateTime::from_timestamp_millis(last.at).map_or(TimeDelta::zero(), |at| now - at);
            lines.push(format!("last seen {}{took}, {} ago", last.level.word(), time::length(at)));
        }
        let spark = seen.spark(60);
        if !spark.is_empty() {
            lines.push(format!("last hour  {spark}"));
        }
        lines.extend(self.day.as_ref().map(day));
        lines.extend(self.promise.iter().map(|(slo, standing)| promise(slo, standing)));
        let mut wording = Wording::new(seen.zone);
        for recorded in &self.lately {
            if let Some(said) = wording.tell(&recorded.event) {
                lines.push(format!("{}  {said}", time::moment(recorded.head.occurred_at, seen.zone)));
            }
        }
        lines
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of samples")]
fn day(day: &Tally) -> String {
    let up = day.ok as f64 / day.count.max(1) as f64 * 100.0;
    let times = match (day.p95(), day.min, day.max) {
        (Some(p95), Some(min), Some(max)) => format!(", p95 {p95} ms (min {min}, max {max})"),
        _ => String::new(),
    };
    let excused = if day.excused > 0 { format!(", {} in maintenance not counted", day.excused) } else { String::new() };
    format!("last 24 h  {} samples, {up:.2} % up{times}{excused}", day.count)
}

fn promise(slo: &Slo, standing: &Standing) -> String {
    let mut parts = Vec::new();
    if let Some(promised) = slo.uptime {
        parts.push(match (standing.uptime, standing.budget_left) {
            (Some(up), Some(left)) if left >= 0.0 => {
                format!("{up:.3} % up of {promised} % promised, {left:.0} % of the error budget left")
            }
            (Some(up), Some(left)) => {
                format!(
                    "{up:.3} % up of {promised} % promised, the error budget is spent {:.1} times",
                    1.0 - left / 100.0
                )
            }
            _ => format!("{promised} % promised, no samples"),
        });
    }
    if let Some(promised) = slo.p95 {
        parts.push(match (standing.p95_ms, standing.p95_kept) {
            (Some(p95), Some(true)) => format!("p95 {p95} ms, within {promised}"),
            (Some(p95), _) => format!("p95 {p95} ms, over the promised {promised}"),
            (None, _) => format!("p95 of {promised} promised, nothing measured"),
        });
    }
    format!("over {}  {}", slo.over, parts.join("; "))
}

/// What one look came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// Which monitor.
    pub id: String,
    /// What was seen, or why it could not be asked.
    pub came: Result<Sample, String>,
}

impl Tested {
    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.came {
            Ok(sample) => format!("{}: {}: {}", self.id, sample.level.word(), sample.seen),
            Err(why) => format!("{}: cannot be asked: {}", self.id, one_line(why, 300)),
        }
    }

    /// Whether it was as it should be.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.came.as_ref().is_ok_and(|sample| sample.level != Level::Failing)
    }
}
