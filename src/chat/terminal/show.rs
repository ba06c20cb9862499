//! Answers as text.
//!
//! Lives here: tables and cards of a terminal. Never lives here: the wording of facts (`view`).

use super::Exit;
use super::out::{tell, telln};
use super::paint::{Paint, wrap};
use super::{end, findings, json};
use crate::base::event::{IncidentId, Instant, Recorded};
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::answers::Written;
use crate::bot::charts::Charted;
use crate::bot::incidents::{Outcome, zone_of};
use crate::bot::joining::Alike;
use crate::bot::library::Listed;
use crate::bot::recording::Taken;
use crate::bot::records::{Anchor, Told, Verified};
use crate::bot::rehearsing::Rehearsed;
use crate::bot::reports::Drafted;
use crate::bot::waiting::waiting;
use crate::domain::run::state::{Progress, Stage, State};
use crate::domain::timeline::Fact;
use crate::view::notify::card::card;
use crate::view::sentence::Wording;
use crate::view::time;

/// `1 event`, `2 events`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How answers look.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    /// Colours.
    pub paint: Paint,
    /// Columns.
    pub width: usize,
    /// Facts as JSON.
    pub json: bool,
    /// The present.
    pub now: Instant,
}

pub(super) type Shown = Result<Exit, Fault>;

impl Show {
    /// Text as it is.
    pub fn text(&self, text: &str) -> Shown {
        tell!("{text}{}", if text.ends_with('\n') { "" } else { "\n" });
        Ok(Exit::Succeeded)
    }

    /// Lines, or what to say where there are none.
    pub fn lines(&self, lines: &[String], none: &str) -> Shown {
        if lines.is_empty() {
            telln!("{none}");
        }
        lines.iter().for_each(|line| telln!("{line}"));
        Ok(Exit::Succeeded)
    }

    fn facts(&self, wording: &mut Wording, facts: &[Recorded<Fact>]) {
        for recorded in facts {
            if self.json {
                telln!("{}", json::line(recorded));
            } else if let Some(told) = wording.tell(&recorded.event) {
                telln!("{told}");
            }
        }
    }

    /// What was written down about a run.
    pub fn written(&self, written: &Written) -> Shown {
        self.facts(&mut Wording::new(written.zone), &written.facts);
        if written.idle && !self.json {
            telln!("Nobody drives {0} right now. It goes on with: rundown run --resume {0}", written.run);
        }
        Ok(Exit::Succeeded)
    }

    /// What came of `incident …`.
    pub fn incident(&self, outcome: Outcome) -> Shown {
        match outcome {
            Outcome::Written { incident, facts, zone } => {
                let declared = facts.iter().any(|recorded| {
                    matches!(&recorded.event, Fact::Incident(_, crate::domain::incident::event::Event::Declared(_)))
                });
                self.facts(&mut Wording::new(zone), &facts);
                if declared && !self.json {
                    telln!("{incident}");
                } else if facts.is_empty() && !self.json {
                    telln!("{incident}: nothing changes, it is so already");
                }
            }
            Outcome::List { incidents, all } => {
                if incidents.is_empty() {
                    telln!("{}", if all { "there has been no incident yet" } else { "no incident is open" });
                }
                for (id, state) in incidents {
                    let severity = state.severity.map_or("--".to_owned(), |severity| severity.to_string());
                    let since = time::moment(state.declared_at, zone_of(&state));
                    let status = state.status_words();
                    telln!("{:<8} {severity:<2}  {status:<22}  {since}  {}", id.as_str(), one_line(&state.title, 80));
                }
            }
            Outcome::Investigation { incident, state } => self.investigation(&incident, &state),
            Outcome::Actions { listed, all } => {
                if listed.is_empty() {
                    telln!("{}", if all { "there are no action items" } else { "no action item is open" });
                }
                for item in listed {
                    telln!("{}", findings::action(&item, self.paint));
                }
            }
            Outcome::Card { incident, state, gate } => {
                telln!("{}", card(&incident, &state, &gate, zone_of(&state), self.now));
            }
        }
        Ok(Exit::Succeeded)
    }

    fn investigation(&self, incident: &IncidentId, state: &crate::domain::incident::State) {
        let lines = crate::view::notify::investigation::lines(state);
        if lines.is_empty() {
            telln!("{incident}: nobody suspects anything yet; `rundown hypothesis add` says what may be wrong");
        }
        for (indent, line) in lines {
            telln!("{}", wrap(&line, &" ".repeat(indent), self.width));
        }
    }

    /// Incidents that look like one.
    pub fn similar(&self, incident: &IncidentId, alike: &[Alike]) -> Shown {
        if alike.is_empty() {
            telln!("no other incident looks like {incident}");
        }
        for other in alike {
            telln!("{:<8} {:<22}  {}", other.incident.as_str(), other.status, one_line(&other.title, 80));
            other.likeness.reasons().iter().for_each(|reason| telln!("    {}", self.paint.dim(reason)));
        }
        Ok(Exit::Succeeded)
    }

    /// Everything recorded about an incident.
    pub fn timeline(&self, told: &Told) -> Shown {
        if self.json {
            told.facts.iter().for_each(|recorded| telln!("{}", json::line(recorded)));
            return Ok(Exit::Succeeded);
        }
        telln!("{}  {}", told.incident, self.paint.bold(&one_line(&told.state.title, 200)));
        let mut wording = Wording::new(told.zone);
        let mut day = String::new();
        for recorded in &told.facts {
            let at = recorded.head.occurred_at;
            let Some(said) = wording.tell(&recorded.event) else { continue };
            let today = time::day(at, told.zone);
            if today != day {
                telln!("{}", self.paint.dim(&format!("{today}, {}", time::zone_label(at, told.zone))));
                day = today;
            }
            let number = format!("#{}", recorded.pos);
            let who = one_line(recorded.head.actor.label(), 12);
            let lead = format!("{}  {number:>5}  {who:<12}  ", time::clock(at, told.zone));
            let body = wrap(&said, &" ".repeat(lead.chars().count()), self.width);
            telln!("{lead}{}", body.trim_start());
        }
        Ok(Exit::Succeeded)
    }

    /// A journal that is as it was written.
    pub fn verified(&self, verified: &Verified) -> Shown {
        let Verified { head, erased, blobs, streams } = verified;
        let (events, streams, blobs) = (count(head.pos, "event"), count(*streams, "stream"), count(*blobs, "blob"));
        telln!("as they were written: {events} in {streams}, {blobs}; {erased} erased");
        telln!("anchor: {}", Anchor::from(*head));
        Ok(Exit::Succeeded)
    }

    /// The runbooks.
    pub fn runbooks(&self, listed: &[Listed]) -> Shown {
        if listed.is_empty() {
            telln!("there are no runbooks here");
        }
        for runbook in listed {
            let severity = runbook.severity.map_or("--".to_owned(), |severity| severity.to_string());
            let faults = match runbook.faults {
                0 => String::new(),
                1 => format!("  {}", self.paint.bad("1 fault")),
                several => format!("  {}", self.paint.bad(&format!("{several} faults"))),
            };
            telln!("{:<28} {severity}  {}{faults}", runbook.id, one_line(&runbook.title, 60));
            if !runbook.use_when.is_empty() {
                let words = one_line(&runbook.use_when.join(" · "), 200);
                telln!("{}", self.paint.dim(&wrap(&words, "    ", self.width)));
            }
        }
        Ok(Exit::Succeeded)
    }

    /// A postmortem, or where it went.
    pub fn postmortem(&self, drafted: Drafted) -> Shown {
        match drafted {
            Drafted::Text(text) => return self.text(&text),
            Drafted::Lines(lines) => return self.lines(&lines, ""),
            Drafted::Lacks(incident, lacks) => {
                if lacks.is_empty() {
                    telln!("{incident}: nothing is missing");
                    return Ok(Exit::Succeeded);
                }
                let (count, things) = (lacks.len(), if lacks.len() == 1 { "thing is" } else { "things are" });
                telln!("{incident}: {count} {things} missing or unsupported");
                for lack in lacks {
                    telln!("{}", wrap(&format!("- {lack}"), "  ", self.width).trim_start());
                }
                return Ok(Exit::Failed);
            }
            Drafted::Files(files) => files.iter().for_each(|file| telln!("wrote {file}")),
        }
        Ok(Exit::Succeeded)
    }

    /// Charts: where they are, and the figures of each series.
    pub fn charts(&self, charts: &[Charted]) -> Shown {
        for chart in charts {
            telln!("{}  {}", self.paint.bold(&chart.file), chart.title);
            let wide = chart.series.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            for (name, figures) in &chart.series {
                telln!("  {name}{}  {figures}", " ".repeat(wide - name.chars().count()));
            }
        }
        Ok(Exit::Succeeded)
    }

    /// Rehearsals, and where they differ from what they expect.
    pub fn rehearsed(&self, rehearsed: &Rehearsed) -> Shown {
        match rehearsed {
            Rehearsed::List(scenarios) => scenarios.iter().for_each(|(name, title)| telln!("{name:<28} {title}")),
            Rehearsed::One(played, written) => tell!("{}", played.text(Some(written))),
            Rehearsed::Told(played, written) => tell!("{}", played.close(Some(written))),
            Rehearsed::Several(all) => {
                all.iter().for_each(|played| tell!("{}", played.line()));
                let differ = all.iter().filter(|played| !played.is_ok()).count();
                telln!("{} rehearsed, {differ} differ from what they expect", all.len());
            }
        }
        Ok(if rehearsed.is_ok() { Exit::Succeeded } else { Exit::Failed })
    }

    /// A run that became a scenario.
    pub fn taken(&self, taken: &Taken) -> Shown {
        telln!("wrote {}", taken.file);
        let masked = if taken.masked.is_empty() { "nothing".to_owned() } else { taken.masked.join(", ") };
        telln!("masked: {masked}; read it before you pass it on");
        taken.missing.iter().for_each(|text| telln!("not known: {text}"));
        telln!("\nPlay it: rundown rehearse {}", taken.name);
        Ok(Exit::Succeeded)
    }

    /// A run: every step, what waits for whom, and what answers it.
    pub fn run(&self, state: &State) -> Shown {
        let paint = self.paint;
        let zone = crate::base::schedule::zone(&state.plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
        let how = match &state.progress {
            Progress::Over { outcome, why } => {
                let why = if why.is_empty() { String::new() } else { format!(": {}", one_line(why, 200)) };
                format!("{}{why}", outcome.word())
            }
            Progress::Ending { outcome, .. } => format!("ending, {}", outcome.word()),
            Progress::Running => match &state.paused {
                Some(who) => format!("paused by {who}"),
                None => "running".to_owned(),
            },
        };
        telln!("{}  {}  {how}", state.id, paint.bold(&one_line(&state.plan.title, 100)));
        telln!(
            "{}",
            paint.dim(&format!(
                "on {}, for {}, started by {} at {}",
                state.opened.environment,
                state.opened.incident,
                state.opened.by,
                time::moment(state.opened_at, zone)
            ))
        );
        let mut phase = None;
        for (position, step) in state.plan.steps.iter().enumerate() {
            if phase != Some(step.phase) {
                phase = Some(step.phase);
                if let Some(named) = state.plan.phases.get(step.phase) {
                    let covered = if named.covered { "" } else { "  (not part of this run)" };
                    telln!("\n{}{covered}", paint.bold(&one_line(&named.title, 100)));
                }
            }
            telln!("{}", self.step(state, position));
        }
        let terminal = super::Terminal {
            who: crate::domain::people::Identity::bot(),
            told: Vec::new(),
            interactive: false,
            paint,
            width: self.width,
        };
        waiting(state).iter().for_each(|waiting| telln!("\n{}", end::wanted(waiting, &terminal)));
        let criteria = end::criteria(state, &terminal);
        if !criteria.is_empty() {
            telln!();
            criteria.iter().for_each(|line| telln!("{line}"));
        }
        Ok(Exit::Succeeded)
    }

    fn step(&self, state: &State, position: usize) -> String {
        let paint = self.paint;
        let (plan, step) = (state.step(position), &state.steps[position]);
        let (mark, said) = match (&step.stage, &step.result) {
            (Stage::Pending, _) => (" ".to_owned(), String::new()),
            (Stage::Skipped, _) => (paint.dim("-"), "skipped".to_owned()),
            (Stage::Done | Stage::Failed, Some(result)) if result.ok => (paint.good("✓"), result.summary.clone()),
            (Stage::Done | Stage::Failed, Some(result)) => (paint.bad("✗"), result.summary.clone()),
            (stage, _) if stage.waits_for_human() => (paint.ask("?"), stage.name().to_owned()),
            (stage, _) => (paint.warn(">"), stage.name().to_owned()),
        };
        let visits = if step.visits > 1 { format!(" (time {})", step.visits) } else { String::new() };
        let title = format!("{}{visits}", one_line(&plan.title, 60));
        let gap = " ".repeat(36usize.saturating_sub(title.chars().count()).max(2));
        let room = self.width.saturating_sub(4 + title.chars().count() + gap.len()).max(16);
        format!("  {mark} {title}{gap}{}", one_line(&said, room)).trim_end().to_owned()
    }
}
