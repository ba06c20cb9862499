//! The screen of a run: finished steps as lines, what is under way as a spinner or a bar, the open question below.
//!
//! Lives here: drawing. Never lives here: what an answer means (`prompt`), and when to stop.

use super::out::{tell, telln};
use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::paint::Paint;
use super::watched::Watched;
use crate::base::event::{Instant, Person, Recorded};
use crate::base::series::Series;
use crate::base::text::one_line;
use crate::domain::run::event::Event;
use crate::domain::run::state::{Stage, State};
use crate::domain::runbook::model::Does;
use crate::domain::timeline::Fact;
use crate::view::chart::{Unit, sparkline};
use crate::view::sentence::Wording;
use crate::view::time;

/// Columns of a sparkline.
const SPARK: usize = 16;
/// Samples of a series that are kept for the sparkline.
const REMEMBERED: usize = 500;

/// Where a run is shown. Everything it prints goes to standard output.
pub struct Screen {
    bars: Option<MultiProgress>,
    under_way: BTreeMap<String, UnderWay>,
    wording: Wording,
    watched: Watched,
    paint: Paint,
    width: usize,
    zone: Tz,
    me: Person,
    hidden: bool,
    /// Something was printed behind the open question.
    disturbed: bool,
}

struct UnderWay {
    bar: ProgressBar,
    title: String,
    since: Instant,
    until: Option<Instant>,
    last: String,
    series: BTreeMap<String, Series>,
}

impl Screen {
    /// A screen; `live` where a person looks at it now.
    #[must_use]
    pub fn new(live: bool, paint: Paint, width: usize, zone: Tz, me: Person) -> Self {
        let bars = live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(10)));
        Self {
            bars,
            under_way: BTreeMap::new(),
            wording: Wording::new(zone),
            watched: Watched::default(),
            paint,
            width,
            zone,
            me,
            hidden: false,
            disturbed: false,
        }
    }

    /// Takes the run's headings and what is under way.
    pub fn found(&mut self, state: &State, now: Instant) {
        self.wording.know(&state.id, &state.plan);
        self.follow(state, now);
    }

    /// Prints what happened.
    pub fn events(&mut self, state: &State, events: &[Recorded<Fact>], now: Instant) {
        for recorded in events {
            if let Some(line) = self.line(recorded) {
                self.print(&line);
            }
            if let Fact::Run(_, event) = &recorded.event {
                for line in self.watched.read(event, &state.plan) {
                    self.print(&format!("    {line}"));
                }
            }
        }
        self.follow(state, now);
    }

    /// One event as a line; `None` for what the spinner shows, or what is too fine.
    fn line(&mut self, recorded: &Recorded<Fact>) -> Option<String> {
        let paint = self.paint;
        let told = self.wording.tell(&recorded.event);
        let Fact::Run(_, event) = &recorded.event else { return None };
        match event {
            Event::StepFinished(finished) => {
                let mark = if finished.ok { paint.good("✓") } else { paint.bad("✗") };
                let took = if finished.took_ms >= 1000 { time::length_ms(finished.took_ms) } else { String::new() };
                let mut line = self.columns(&mark, &finished.title, &finished.summary, &took);
                // The summary tells the first one already.
                let untold = finished.expects.iter().filter(|judged| !finished.summary.contains(&judged.that));
                for judged in untold.filter(|judged| !judged.held) {
                    let saw =
                        judged.saw.as_deref().map_or(String::new(), |saw| format!(", saw {}", one_line(saw, 120)));
                    line.push_str(&format!(
                        "\n    {}",
                        paint.bad(&format!("not so: {}{saw}", one_line(&judged.that, 200)))
                    ));
                }
                Some(line)
            }
            Event::StepSkipped(skipped) if skipped.follow_up => None,
            Event::StepSkipped(skipped) => {
                Some(self.columns(&paint.dim("-"), &skipped.title, &format!("skipped: {}", skipped.why), ""))
            }
            Event::StepStarted(_)
            | Event::Opened(_)
            | Event::Adopted(_)
            | Event::AttemptPrepared(_)
            | Event::AttemptSent(_)
            | Event::AttemptAccepted(_)
            | Event::Asked(_)
            | Event::ApprovalAsked(_)
            | Event::WaitStarted(_)
            | Event::WatchTallied(_)
            | Event::CriteriaJudged(_)
            | Event::Finished(_) => None,
            // The bar shows it; and what I answered stands on my screen already.
            Event::WatchStarted(_) if self.bars.is_some() => None,
            Event::Answered(answered) if self.bars.is_some() && answered.by.as_ref() == Some(&self.me) => None,
            Event::Notified(notified) => Some(format!("  {} {}", paint.ask("!"), one_line(&notified.text, 500))),
            Event::AttemptDoubted(_) | Event::WatchBreached(_) | Event::WatchLogFound(_) | Event::Overdue(_) => {
                told.map(|told| self.said(recorded, &paint.warn(&told)))
            }
            _ => told.map(|told| self.said(recorded, &told)),
        }
    }

    fn said(&self, recorded: &Recorded<Fact>, told: &str) -> String {
        format!("    {} {told}", self.paint.dim(&time::clock(recorded.at, self.zone)))
    }

    fn columns(&self, mark: &str, title: &str, summary: &str, took: &str) -> String {
        let title = one_line(title, 60);
        let gap = " ".repeat(34usize.saturating_sub(title.chars().count()).max(2));
        let room = self.width.saturating_sub(2 + title.chars().count() + gap.len() + took.chars().count() + 2);
        let summary = one_line(summary, 400);
        let took = if took.is_empty() { String::new() } else { format!("  {}", self.paint.dim(took)) };
        if summary.chars().count() <= room.max(20) {
            return format!("{mark} {title}{gap}{summary}{took}").trim_end().to_owned();
        }
        format!("{mark} {title}{took}\n{}", super::paint::wrap(&summary, "    ", self.width))
    }

    /// Prints lines above whatever is under way.
    pub fn print(&mut self, text: &str) {
        if self.hidden && !std::mem::replace(&mut self.disturbed, true) {
            // Not behind what is asked, and perhaps typed by half.
            telln!();
        }
        match &self.bars {
            Some(bars) if !self.hidden => bars.suspend(|| telln!("{text}")),
            _ => telln!("{text}"),
        }
    }

    /// Whether something was printed behind the open question since this was asked last.
    pub fn was_disturbed(&mut self) -> bool {
        std::mem::take(&mut self.disturbed)
    }

    /// Prints a question where its answer is typed, and keeps still until [`Self::answered`].
    pub fn ask(&mut self, text: &str) {
        use std::io::Write as _;
        if !self.hidden {
            self.hidden = true;
            for under_way in self.under_way.values() {
                under_way.bar.disable_steady_tick();
            }
            if let Some(bars) = &self.bars {
                // A terminal that cannot be cleared is one nobody looks at.
                drop(bars.clear());
                bars.set_draw_target(ProgressDrawTarget::hidden());
            }
        }
        self.disturbed = false;
        tell!("{text}");
        drop(std::io::stdout().flush());
    }

    /// Goes on drawing.
    pub fn answered(&mut self) {
        if !std::mem::replace(&mut self.hidden, false) {
            return;
        }
        if let Some(bars) = &self.bars {
            bars.set_draw_target(ProgressDrawTarget::stdout_with_hz(10));
        }
        for under_way in self.under_way.values() {
            under_way.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// A line of a running program.
    pub fn program_line(&mut self, step: &str, text: &str, now: Instant) {
        // Without anybody looking, the line is in the step's output.
        if let Some(under_way) = self.under_way.get_mut(step) {
            under_way.last = one_line(text, 200);
            under_way.draw(now, self.width);
        }
    }

    /// A sample of a watch.
    pub fn sample(&mut self, step: &str, at: Instant, values: &BTreeMap<String, f64>) {
        let Some(under_way) = self.under_way.get_mut(step) else { return };
        for (name, value) in values {
            let series = under_way.series.entry(name.clone()).or_default();
            series.push(at, *value);
            if series.len() > REMEMBERED {
                *series = series.downsample(REMEMBERED / 2);
            }
        }
        let shown: Vec<String> = values
            .iter()
            .map(|(name, value)| {
                let shown = under_way.series.get(name).map(|series| sparkline(series, Unit::Plain, SPARK));
                let shown = shown.filter(|shown| !shown.is_empty());
                let shown = shown.unwrap_or_else(|| crate::view::sentence::number(*value));
                format!("{} {shown}", one_line(name, 24))
            })
            .collect();
        under_way.last = shown.join("  ");
        under_way.draw(at, self.width);
    }

    /// Moves bars on.
    pub fn tick(&mut self, now: Instant) {
        for under_way in self.under_way.values() {
            under_way.draw(now, self.width);
        }
    }

    /// Clears what is under way: nothing is any more.
    pub fn close(&mut self) {
        for (_, under_way) in std::mem::take(&mut self.under_way) {
            under_way.bar.finish_and_clear();
        }
    }

    /// Adds and removes spinners and bars so that they show what is under way.
    fn follow(&mut self, state: &State, now: Instant) {
        let Some(bars) = &self.bars else { return };
        let busy: BTreeMap<&str, usize> = state
            .active()
            .filter(|position| {
                let stage = &state.steps[*position].stage;
                !stage.at_rest() && !matches!(stage, Stage::Approval { .. } | Stage::Asking { .. } | Stage::Failed)
            })
            .filter(|_| !state.is_over())
            .map(|position| (state.step(position).id.as_str(), position))
            .collect();
        self.under_way.retain(|step, under_way| {
            let keep = busy.contains_key(step.as_str());
            if !keep {
                under_way.bar.finish_and_clear();
            }
            keep
        });
        for (step, position) in busy {
            let plan = state.step(position);
            let folded = &state.steps[position];
            let since = folded.started_at.unwrap_or(now);
            let until = match &folded.stage {
                Stage::Watching { until } | Stage::Waiting { until } => Some(*until),
                _ => None,
            };
            let stage = stage_words(&folded.stage, &plan.does, folded.tries, self.zone);
            let hidden = self.hidden;
            let under_way = self.under_way.entry(step.to_owned()).or_insert_with(|| {
                let bar = bars.add(ProgressBar::new_spinner());
                bar.set_style(style());
                if !hidden {
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
                let title = one_line(&plan.title, 60);
                UnderWay { bar, title, since, until, last: String::new(), series: BTreeMap::new() }
            });
            under_way.until = until;
            under_way.since = since;
            if under_way.series.is_empty() {
                under_way.last = stage;
            }
            under_way.draw(now, self.width);
        }
    }
}

impl UnderWay {
    fn draw(&self, now: Instant, width: usize) {
        let elapsed = now - self.since;
        let text = match self.until {
            Some(until) => {
                let total = (until - self.since).num_milliseconds().max(1);
                let part = elapsed.num_milliseconds().clamp(0, total);
                let left = time::length(seconds((until - now).max(TimeDelta::zero())));
                format!("{}  {} {left} left  {}", self.title, meter(part, total), self.last)
            }
            None => format!("{}  {}  {}", self.title, time::length(seconds(elapsed)), self.last),
        };
        self.bar.set_message(one_line(text.trim_end(), width.saturating_sub(3)));
    }
}

fn seconds(length: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(length.num_seconds())
}

/// `[######------]`
fn meter(part: i64, total: i64) -> String {
    const CELLS: i64 = 12;
    let full = usize::try_from(part.saturating_mul(CELLS) / total).unwrap_or_default().min(CELLS as usize);
    format!("[{}{}]", "#".repeat(full), "-".repeat(CELLS as usize - full))
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// What a step under way is at.
fn stage_words(stage: &Stage, does: &Does, tries: u32, zone: Tz) -> String {
    match stage {
        Stage::Preparing => "looking at it first".to_owned(),
        Stage::Sent { .. } if tries > 1 => format!("try {tries}"),
        Stage::Confirming { until } => format!("waiting until it shows, until {}", time::clock(*until, zone)),
        Stage::Resting { until } => format!("tries again at {}", time::clock(*until, zone)),
        Stage::Probing { .. } => "outcome unknown, looking".to_owned(),
        Stage::Blocked(_) => "waiting for its target".to_owned(),
        Stage::Watching { .. } if matches!(does, Does::Watch(_)) => "first sample is on its way".to_owned(),
        _ => String::new(),
    }
}
