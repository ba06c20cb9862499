//! What is worth a message of its own in an incident's thread: edits of a card notify nobody.
//!
//! Lives here: who must act ([`asked`]), what ended ([`note`]), what was missed while Discord was away ([`catch_up`]), figures of
//! watches for the card. Pure but for the pictures and pages that a message carries. Never lives here: sending.

use std::collections::BTreeMap;

use serenity::all::CreateAttachment;

use super::announce::mark;
use super::answer::{MESSAGE, Reply};
use super::card::{PEN, ROOM, Row, ended, is_long, relative, row, wanted, whole};
use super::text::{cut, markdown, units};
use crate::base::event::{IncidentId, Instant, Person, Recorded, RunId};
use crate::base::series::Series;
use crate::base::text::one_line;
use crate::bot::grammar::Postmortem;
use crate::bot::offers;
use crate::bot::reports::Drafted;
use crate::bot::waiting::waiting;
use crate::bot::{Bot, Fault};
use crate::domain::action::Action;
use crate::domain::alert::event::{Event as Alert, Led, Then};
use crate::domain::incident;
use crate::domain::incident::event::Event as OfIncident;
use crate::domain::run::event::{Event, Point, WatchTallied};
use crate::domain::run::evidence;
use crate::domain::run::state::{Stage, State};
use crate::domain::runbook::model::Does;
use crate::domain::target::event::Event as OfTarget;
use crate::domain::timeline::Fact;
use crate::view::chart::{Unit, sparkline};
use crate::view::evidence as words;
use crate::view::sentence;

/// Points that a sparkline on the card draws, and characters of a series' name: one line of a telephone together with the value.
const POINTS: usize = 12;
const SERIES: usize = 16;
/// Lines of what changed lately on the card.
const CHANGED: usize = 3;
/// Lines of a catch-up.
const MISSED: usize = 15;

/// A question that was announced: the id of its first answer tells it from any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked(String);

impl Asked {
    /// The question whose first answer has this id.
    #[must_use]
    pub fn by(first: &offers::OfferId) -> Self {
        Self(first.to_string())
    }
}

/// The message that asks a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// Which question.
    pub key: Asked,
    /// Its text.
    pub text: String,
    /// Its buttons, or its menu.
    pub row: Row,
    /// All of it as a file, where it is longer than a message.
    pub file: Option<(String, String)>,
}

/// What a message shows that asked for an approval which is given or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its text.
    pub text: String,
    /// What takes the place of its buttons while it is still to be seen what comes after the change; by it the message is found
    /// again after a restart.
    pub row: Option<Row>,
}

/// What became of an approval that was asked for: who agreed, what was seen before the change, and after it as far as
/// anybody looked. `None` where it is none of these runs', or the step began anew.
#[must_use]
pub fn settled(runs: &[State], key: &Asked) -> Option<Settled> {
    runs.iter().find_map(|run| {
        let mut started = (0..run.steps.len()).filter(|at| run.steps[*at].visits > 0);
        started.find_map(|at| {
            let asked = offers::of_approvals(run, at).find(|offer| Asked::by(&offer.id()) == *key)?;
            Some(became(run, at, asked, several(runs)))
        })
    })
}

fn became(run: &State, position: usize, asked: offers::Offer, several: bool) -> Settled {
    let (plan, step) = (run.step(position), &run.steps[position]);
    let action = step.action.as_ref().map(|action| action.describe()).unwrap_or_default();
    let mut lines = vec![format!("**{}** {}", markdown(&plan.title, 80), markdown(&action, 400))];
    let names: Vec<String> = step.agreed.iter().take(10).map(|person| markdown(person.name(), 40)).collect();
    let agreed = format!("approved by {}", names.join(", "));
    let after = evidence::after(run, position);
    let is_open = !run.is_over() && !matches!(step.stage, Stage::Skipped) && !names.is_empty();
    let row = match &after {
        Some(after) if after.check.is_some() => None,
        _ if is_open => {
            let names: Vec<&str> = step.agreed.iter().map(Person::name).collect();
            Some(Row::Settled(asked.labelled(&format!("Approved by {}", names.join(", ")))))
        }
        _ => None,
    };
    match (&after, names.is_empty()) {
        (Some(after), true) => lines.push(markdown(&after.change.said, 200)),
        (None, true) => lines.push("it was not done".to_owned()),
        (after, false) => {
            lines.push(agreed);
            lines.extend(words::before(&evidence::before(run, position), &PEN));
            lines.extend(after.iter().flat_map(|after| words::after(after, &PEN)));
        }
    }
    let quoted: Vec<String> = lines.iter().map(|line| format!("> {line}")).collect();
    Settled { text: cut(&of_run(run, several, &quoted.join("\n")), MESSAGE), row }
}

fn several(runs: &[State]) -> bool {
    runs.iter().filter(|run| !run.is_over()).count() > 1
}

/// Which run a message is about, where that would not be clear.
fn of_run(run: &State, several: bool, text: &str) -> String {
    if !several {
        return text.to_owned();
    }
    format!("-# {} ({})\n{text}", markdown(&run.plan.title, 60), run.id)
}

/// What is asked right now.
#[must_use]
pub fn asked(runs: &[State]) -> Vec<Asking> {
    let mut found = Vec::new();
    let several = several(runs);
    for run in runs {
        for waiting in waiting(run) {
            let offers = offers::of_question(run, &waiting);
            let Some(first) = offers.first() else { continue };
            let key = Asked::by(&first.id());
            let (mut text, mut file) = (wanted(&waiting), None);
            if is_long(&waiting) {
                text = format!("{}\n-# all of it is attached", cut(&text, MESSAGE - ROOM));
                file = Some((format!("{}.txt", waiting.step.replace('/', "-")), whole(&waiting)));
            }
            text = of_run(run, several, &text);
            found.push(Asking { key, text, row: row(&waiting, offers), file });
        }
    }
    found
}

/// A message that is still to be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Words.
    Text(String),
    /// A watch ended: its chart goes with it.
    Watched {
        /// Of which run.
        run: RunId,
        /// Which step.
        step: String,
        /// Its verdict in words.
        text: String,
    },
    /// The incident is resolved: the draft of its postmortem goes with it.
    Resolved(String),
}

/// What is worth a message about a fact; `said` is its sentence.
#[must_use]
pub fn note(recorded: &Recorded<Fact>, said: Option<String>) -> Option<Note> {
    let said = markdown(&said?, 600);
    match &recorded.event {
        Fact::Run(_, Event::Finished(finished)) => Some(Note::Text(format!("{} {said}", ended(finished.outcome)))),
        Fact::Run(run, Event::StepFinished(finished)) if finished.facts.contains_key("verdict") => {
            Some(Note::Watched { run: run.clone(), step: finished.step.clone(), text: said })
        }
        // What an incident begins with is its card; what resolves it says so itself.
        Fact::Alert(_, Alert::Fired(fired)) if matches!(fired.led, Led::Joined { .. }) => {
            Some(Note::Text(format!("🚨 {said}")))
        }
        Fact::Alert(_, Alert::Resolved(over)) if matches!(over.then, Then::PersonDecides) => {
            Some(Note::Text(format!("✅ {said}")))
        }
        Fact::Incident(_, OfIncident::Resolved(_)) => Some(Note::Resolved(said)),
        Fact::Monitor(_, event) => mark(event).map(|mark| Note::Text(format!("{mark} {said}"))),
        Fact::Incident(_, OfIncident::Reminded(_)) => Some(Note::Text(format!("🔔 {said}"))),
        Fact::Incident(_, OfIncident::Reopened(_)) => Some(Note::Text(format!("↩️ {said}"))),
        _ => None,
    }
}

/// What was recorded while nobody could be told, as one message, and what brings a file of its own; each with the event up to
/// which it tells.
#[must_use]
pub fn catch_up(missed: &[(Recorded<Fact>, String)]) -> Vec<(u64, Note)> {
    let mut text = format!("-# since this thread was last up to date, {} things were recorded:\n", missed.len());
    let skipped = missed.len().saturating_sub(MISSED);
    if skipped > 0 {
        text.push_str(&format!("-# {skipped} before these; `/timeline` has them\n"));
    }
    for (recorded, said) in &missed[skipped..] {
        let line = format!("• <t:{}:T> {}\n", recorded.head.occurred_at.timestamp(), markdown(said, 200));
        if units(&text) + units(&line) > MESSAGE {
            break;
        }
        text.push_str(&line);
    }
    let last = missed.last().map_or(0, |(recorded, _)| recorded.pos);
    let mut notes = vec![(last, Note::Text(text.trim_end().to_owned()))];
    // What ended meanwhile brings its chart or its page all the same.
    notes.extend(missed.iter().filter_map(|(recorded, said)| match note(recorded, Some(said.clone())) {
        Some(Note::Text(_)) | None => None,
        Some(other) => Some((last, other)),
    }));
    notes
}

impl Note {
    /// The message: text and files.
    ///
    /// # Errors
    /// The journal.
    pub async fn message(
        &self,
        bot: &Bot,
        incident: &IncidentId,
        _state: &incident::State,
    ) -> Result<(String, Vec<CreateAttachment>), Fault> {
        match self {
            Self::Text(text) => Ok((text.clone(), Vec::new())),
            Self::Watched { run, step, text } => {
                // A picture that cannot be drawn must not keep the verdict from being told.
                let pictures = bot.pictures(Some(incident)).await.unwrap_or_default();
                let picture = pictures
                    .into_iter()
                    .rev()
                    .find(|picture| picture.step.as_ref().is_some_and(|(of, at)| of == run && at == step));
                let files = picture.map(|picture| {
                    CreateAttachment::bytes(picture.png, format!("{}.png", picture.name)).description(picture.words)
                });
                Ok((format!("📈 {text}"), files.into_iter().collect()))
            }
            Self::Resolved(text) => {
                let asked = Postmortem::Draft { incident: Some(incident.clone()), to: None };
                let Drafted::Text(page) = bot.postmortem(asked).await? else { return Ok((text.clone(), Vec::new())) };
                let reply = Reply::document(&format!("{incident}-postmortem.md"), &page);
                let text = format!("🏁 {text}\nThe draft of the postmortem:\n{}", reply.text);
                let files = reply.files.into_iter().map(|(name, bytes)| CreateAttachment::bytes(bytes, name)).collect();
                Ok((super::answer::cut(&text), files))
            }
        }
    }
}

/// The latest values of a run's watches, by series.
#[derive(Clone, Debug, Default)]
pub struct Measured(BTreeMap<String, Vec<Point>>);

impl Measured {
    /// Takes in a minute.
    pub fn add(&mut self, tallied: &WatchTallied) {
        for (name, points) in &tallied.points {
            let kept = self.0.entry(name.clone()).or_default();
            kept.extend_from_slice(points);
            let over = kept.len().saturating_sub(POINTS * 4);
            kept.drain(..over);
        }
    }

    /// A line a series: name, sparkline, last value.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(name, points): (&String, &Vec<Point>)| {
            let mut series = Series::new();
            for point in points {
                series.push(point.at, point.value);
            }
            let drawn = sparkline(&series, Unit::of(name, None), POINTS);
            (!drawn.is_empty()).then(|| format!("{} {drawn}", one_line(name, SERIES)))
        };
        self.0.iter().filter_map(line).collect()
    }
}

/// A deployment that was seen, as the card tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployed {
    id: String,
    at: Instant,
    line: String,
}

/// The deployment that a fact is about.
#[must_use]
pub fn deployed(recorded: &Recorded<Fact>) -> Option<Deployed> {
    let Fact::Target(target, OfTarget::DeploymentSeen(seen)) = &recorded.event else { return None };
    let name = target.split_once('/').map_or(target.as_str(), |(_, name)| name);
    let deployment = &seen.deployment;
    let by = deployment.by.as_deref().map_or(String::new(), |by| format!(" · {}", markdown(by, 40)));
    let message = deployment.message.as_deref().map_or(String::new(), |said| format!(" · {}", markdown(said, 80)));
    let what = format!("{} {} {}", markdown(name, 40), sentence::came_of(deployment), relative(deployment.at));
    Some(Deployed { id: deployment.id.clone(), at: deployment.at, line: format!("{what}{by}{message}") })
}

/// What was changed lately, by the runs on the card or by deployments, the newest last. A deployment that a run made is told as
/// what the run did.
#[must_use]
pub fn changed(runs: &[State], deployed: &[Deployed]) -> Vec<String> {
    let (mut found, mut own) = (Vec::new(), Vec::new());
    for run in runs {
        for (position, step) in run.steps.iter().enumerate() {
            let (Some(action), Some(result), Some(began)) = (&step.action, &step.result, step.started_at) else {
                continue;
            };
            let done = matches!(step.stage, Stage::Done) && result.ok && action.changes() && action.confirms();
            if done && matches!(run.step(position).does, Does::Act(_)) {
                found.push((began, format!("{} {}", markdown(&action.describe(), 80), relative(began))));
                // A restart names the deployment that somebody made before.
                if !matches!(**action, Action::RailwayRestart(_)) {
                    own.extend(result.facts.get("deployment").and_then(|id| id.as_str()));
                }
            }
        }
    }
    let others = deployed.iter().filter(|one| !own.contains(&one.id.as_str()));
    found.extend(others.map(|one| (one.at, one.line.clone())));
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, line)| line).rev().take(CHANGED).rev().collect()
}
