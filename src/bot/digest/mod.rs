//! Digests: which one is asked for, its value, its picture, and keeping those that are due.
//!
//! Lives here: these use cases. The parts of one are collected in the files beside. Never lives here: when one is due
//! (`domain/digest`), its wording (`view/digest`), sending it (`chat`).

mod health;
mod parts;

use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::charts::Pictured;
use super::{Bot, Fault};
use crate::base::event::Instant;
use crate::base::text::{nearest, one_line};
pub use crate::domain::digest::Schedule;
use crate::domain::digest::decide::since;
pub use crate::domain::digest::event::Due;
use crate::domain::digest::model::{Digest, KeySeries, Measure};
use crate::domain::digest::state::State;
pub use crate::engine::digests::{Brief, Editor, Posted, Poster};
use crate::view::chart::{Chart, Look, Panel, Theme, Unit, png};
use crate::view::digest::title;

/// What a digest that somebody asks for looks back on at least.
const LEAST_LOOK: TimeDelta = TimeDelta::hours(1);

/// Makes digests of what the bot knows.
struct Desk<'a>(&'a Bot);

impl Editor for Desk<'_> {
    fn edit<'a>(&'a self, brief: &'a Brief<'a>) -> BoxFuture<'a, Digest> {
        let window = Window { since: brief.since, until: brief.until };
        async move {
            let digest = self.0.collect(Some(brief.schedule), brief.state, window).await;
            Digest { due: Some(brief.due), late: brief.late, ..digest }
        }
        .boxed()
    }
}

/// What a digest looks back on.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    until: Instant,
}

impl Bot {
    /// The digests that are sent.
    #[must_use]
    pub fn digests(&self) -> &[Schedule] {
        &self.digests
    }

    /// Keeps digests until the future is dropped: [`Engine::keep_digests`](crate::engine::Engine::keep_digests).
    ///
    /// # Errors
    /// The journal.
    pub async fn keep_digests(&self, poster: &dyn Poster) -> Result<(), Fault> {
        Ok(self.engine()?.keep_digests(&self.digests, &Desk(self), poster).await?)
    }

    /// A digest as it would be sent now: the one of that name, else the first one; of the last 24 hours where there is none, and of an hour
    /// at least. Nothing
    /// is recorded.
    ///
    /// # Errors
    /// There is none of that name, the journal.
    pub async fn digest(&self, name: Option<&str>) -> Result<Digest, Fault> {
        let schedule = match name {
            None => self.digests.first(),
            Some(name) => {
                Some(self.digests.iter().find(|one| one.name == name).ok_or_else(|| self.unknown_digest(name))?)
            }
        };
        let state = match schedule.filter(|_| self.journal_file.exists()) {
            Some(schedule) => self.engine()?.digest(&schedule.name).await?,
            None => State::default(),
        };
        let until = self.clock.now();
        // Right after a digest there would be nothing to see.
        let since = since(&state, until).min(until - LEAST_LOOK);
        Ok(self.collect(schedule, &state, Window { since, until }).await)
    }

    fn unknown_digest(&self, name: &str) -> Fault {
        let names = || self.digests.iter().map(|one| one.name.as_str());
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean '{near}'?"),
            None if self.digests.is_empty() => "rundown.toml names none ([[digest]])".to_owned(),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Fault::Usage(format!("there is no digest '{}'; {hint}", one_line(name, 60)))
    }

    /// What there is to tell. What cannot be found out is among it, and keeps nothing else from being told.
    async fn collect(&self, schedule: Option<&Schedule>, state: &State, window: Window) -> Digest {
        let zone = schedule.map_or_else(|| self.monitors_zone(), |schedule| schedule.zone);
        let name = schedule.map(|schedule| schedule.name.clone());
        let mut digest = Digest::blank(name, zone, window.since, window.until);
        digest.missed.clone_from(&state.missed);
        let was = state.last.as_ref().map(|last| &last.figures);
        let parts = [
            ("how everything is", self.monitored_part(&mut digest, was).await),
            ("incidents", self.incidents_part(&mut digest).await),
            ("calls", self.pages_part(&mut digest).await),
            ("who is on call", self.oncall_part(&mut digest).await),
            ("what is frozen", self.freezes_part(&mut digest).await),
            ("runbooks", self.stale_part(&mut digest)),
        ];
        for (what, part) in parts {
            if let Err(fault) = part {
                digest.unknown.push(format!("{what}: {}", one_line(&fault.to_string(), 160)));
            }
        }
        digest
    }
}

/// The key series of a digest as a picture; none where nothing was measured.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn picture(digest: &Digest) -> Result<Option<Pictured>, Fault> {
    let Some(first) = digest.series.first() else { return Ok(None) };
    let chart = Chart {
        title: title(digest),
        from: digest.since,
        to: digest.until,
        zone: digest.zone,
        every_ms: first.every_ms,
        gaps: Vec::new(),
        panels: digest.series.iter().map(panel).collect(),
    };
    // Dark, like every picture that goes into a chat: it stands well in a light one as well.
    let svg = chart.svg(Look::phone(Theme::Dark));
    let figures = crate::view::chart::figures;
    let words: Vec<String> = chart
        .panels
        .iter()
        .map(|panel| format!("{}: {}", panel.label(), figures(&panel.series, panel.unit).join(", ")))
        .collect();
    Ok(Some(Pictured {
        name: "digest".to_owned(),
        step: None,
        title: chart.title.clone(),
        words: one_line(&words.join("; "), 900),
        png: png(&svg).map_err(|error| Fault::Failed(error.to_string()))?,
    }))
}

fn panel(key: &KeySeries) -> Panel {
    let (what, unit) = match key.measure {
        Measure::Availability => ("availability", Unit::Percent),
        Measure::P95 => ("p95", Unit::Millis),
    };
    let name = format!("{}, {what}", one_line(&key.monitor, 40));
    Panel { name, unit, series: key.series.clone(), limits: Vec::new(), breaches: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::series::Series;

    #[test]
    fn the_key_series_are_drawn_one_below_the_other_and_told_in_words() {
        let begin: Instant = "2026-03-22T11:00:00Z".parse().unwrap();
        let series = |value: &dyn Fn(f64) -> f64| {
            let mut series = Series::new();
            for part in 0..288_i32 {
                series.push(begin + TimeDelta::minutes(i64::from(part) * 5), value(f64::from(part)));
            }
            series
        };
        let of =
            |monitor: &str, measure, series| KeySeries { monitor: monitor.into(), measure, every_ms: 300_000, series };
        let dip = |part: f64| if (150.0..170.0).contains(&part) { 40.0 } else { 100.0 };
        let mut digest =
            Digest::blank(Some("morning".into()), chrono_tz::America::Santiago, begin, begin + TimeDelta::days(1));
        assert_eq!(picture(&digest).unwrap(), None);
        digest.series = vec![
            of("redis-ping", Measure::Availability, series(&dip)),
            of("api-health", Measure::P95, series(&|part| 90.0 + 30.0 * (part / 20.0).sin())),
            of("a-monitor-with-a-name-that-goes-on-and-on-and-on", Measure::P95, series(&|part| 4_000.0 - part * 10.0)),
            of("checkout", Measure::P95, series(&|part| part % 48.0)),
        ];
        let drawn = picture(&digest).unwrap().unwrap();
        assert!(drawn.png.starts_with(b"\x89PNG"));
        assert!(drawn.words.starts_with("redis-ping, availability (%): last 100, min 40"), "{}", drawn.words);
        assert!(drawn.words.contains("checkout, p95 (ms): last "), "{}", drawn.words);
    }
}
