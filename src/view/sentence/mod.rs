//! Every fact in a short, calm sentence: the one place where the wording lives, for timelines and live output alike.
//!
//! Lives here: [`sentence`] for one fact, [`Wording`] for many in order. The sentences are plain text of one line; what came from outside is cut to a length and has no
//! control or bidirectional characters, but it is *not* escaped for Markdown. Never lives here: the time of a fact itself
//! (its reader prints that), colours, citations.

mod alerts;
mod digests;
mod findings;
mod monitors;
mod pages;
mod rota;
mod sessions;
mod targets;

pub(in crate::view) use digests::{count as skipped, why as why_skipped};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono_tz::Tz;
use serde_json::Value;

use crate::base::event::{Instant, Person, RunId};
use crate::base::text::one_line;
use crate::domain::erasure;
use crate::domain::incident::event as incident;
use crate::domain::run::event as run;
use crate::domain::run::event::{DoubtVerdict, FailureChoice, Question};
use crate::domain::runbook::model::{Level, Plan};
use crate::domain::timeline::Fact;
use crate::view::time;
pub use targets::{came_of, deployed};

/// The longest piece of outside text in a sentence, in characters.
const QUOTE: usize = 240;
/// The longest heading or name in a sentence, in characters.
const NAME: usize = 100;

/// Tells facts in order, and remembers what later sentences need of earlier facts: headings, whether a step changes
/// anything, which runs were driven before.
#[derive(Clone, Debug)]
pub struct Wording {
    zone: Tz,
    /// Whether times inside sentences name their zone: nobody around the sentence does.
    names_zone: bool,
    headings: BTreeMap<(RunId, String), String>,
    reads: BTreeSet<(RunId, String)>,
    driven: BTreeSet<RunId>,
    /// What was told of a doubt last, so that the question about it need not tell it again.
    probed: BTreeMap<(RunId, String), String>,
}

/// A single fact in a sentence, without what earlier facts tell: steps go by their ids where the fact does not carry the
/// heading, times inside it are UTC and say so. `None` for a fact that is too fine for a timeline. Who reads many facts
/// in order uses [`Wording`].
#[must_use]
pub fn sentence(fact: &Fact) -> Option<String> {
    Wording { names_zone: true, ..Wording::new(Tz::UTC) }.tell(fact)
}

impl Wording {
    /// Times inside sentences (until when, since when) are told in this zone.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self {
            zone,
            names_zone: false,
            headings: BTreeMap::new(),
            reads: BTreeSet::new(),
            driven: BTreeSet::new(),
            probed: BTreeMap::new(),
        }
    }

    /// Takes the headings of a run from its plan, for those who do not begin with its first fact.
    pub fn know(&mut self, run: &RunId, plan: &Plan) {
        for step in &plan.steps {
            self.headings.insert((run.clone(), step.id.clone()), step.title.clone());
        }
    }

    /// The heading of a step; its id where no fact has named it yet.
    #[must_use]
    pub fn heading(&self, run: &RunId, step: &str) -> String {
        let heading = self.headings.get(&(run.clone(), step.to_owned()));
        one_line(heading.map_or(step, String::as_str), NAME)
    }

    fn lead(&self, run: &RunId, step: &str) -> String {
        lead(&self.heading(run, step))
    }

    /// The next fact in a sentence; `None` for one that is too fine for a timeline.
    pub fn tell(&mut self, fact: &Fact) -> Option<String> {
        let told = match fact {
            Fact::Incident(_, event) => Some(self.incident(event)),
            Fact::Run(id, event) => self.run(id, event),
            Fact::Page(id, event) => self.page(id, event),
            Fact::Alert(_, event) => Some(alerts::sentence(event)),
            Fact::Target(name, event) => targets::sentence(name, event, self.zone),
            Fact::Rota(event) => Some(rota::sentence(event, self.zone)),
            Fact::Monitor(name, event) => monitors::sentence(name, event, |at| self.at(at)),
            Fact::Digest(name, event) => digests::sentence(name, event, |at| self.at(at)),
            Fact::Session(_, event) => Some(sessions::sentence(event, |at| self.at(at))),
            Fact::Erasure(erasure::Event::Erased(erased)) => {
                Some(format!("what #{} said was erased: {}", erased.pos, one_line(&erased.why, QUOTE)))
            }
            Fact::Erased { kind, .. } => Some(format!("erased (it was {})", one_line(kind, NAME))),
        };
        self.learn(fact);
        told
    }

    fn learn(&mut self, fact: &Fact) {
        let Fact::Run(id, event) = fact else { return };
        let key = |step: &str| (id.clone(), step.to_owned());
        match event {
            run::Event::StepStarted(started) => {
                self.headings.insert(key(&started.step), started.title.clone());
                match started.action.as_ref().is_some_and(|action| action.changes()) {
                    true => self.reads.remove(&key(&started.step)),
                    false => self.reads.insert(key(&started.step)),
                };
            }
            run::Event::StepSkipped(skipped) => {
                self.headings.insert(key(&skipped.step), skipped.title.clone());
            }
            run::Event::Asked(asked) => {
                self.headings.insert(key(&asked.step), asked.title.clone());
            }
            run::Event::WatchStarted(started) => {
                self.headings.insert(key(&started.step), started.title.clone());
            }
            run::Event::DoubtProbed(probed) => {
                self.probed.insert(key(&probed.step), probed.evidence.clone());
            }
            run::Event::DoubtSettled(settled) => {
                self.probed.remove(&key(&settled.step));
            }
            run::Event::Adopted(_) => {
                self.driven.insert(id.clone());
            }
            _ => {}
        }
    }

    fn at(&self, at: Instant) -> String {
        let clock = time::clock(at, self.zone);
        if self.names_zone { format!("{clock} {}", self.zone.name()) } else { clock }
    }

    fn incident(&self, event: &incident::Event) -> String {
        use incident::Event;
        match event {
            Event::Declared(declared) => {
                let severity = declared.severity.map_or_else(String::new, |severity| format!(", {severity}"));
                format!("incident declared by {}: {}{severity}", name(&declared.by), quote(&declared.title))
            }
            Event::Acknowledged(acknowledged) => {
                format!("acknowledged by {}{}", name(&acknowledged.by), by_doing(acknowledged.by_doing.as_deref()))
            }
            Event::SeveritySet(set) => match set.from {
                Some(from) => {
                    format!("severity {from} → {} by {}{}", set.to, name(&set.by), because(set.why.as_deref()))
                }
                None => format!("severity set to {} by {}{}", set.to, name(&set.by), because(set.why.as_deref())),
            },
            Event::StatusSet(set) => {
                let why = because(set.why.as_deref());
                format!("status {} → {} by {}{why}", set.from.word(), set.to.word(), name(&set.by))
            }
            Event::RoleAssigned(assigned) => match &assigned.person {
                Some(person) if *person == assigned.by => format!("{} is {}", name(person), assigned.role.word()),
                Some(person) => {
                    format!("{} is {}, says {}", name(person), assigned.role.word(), name(&assigned.by))
                }
                None => format!("nobody is {} any more, says {}", assigned.role.word(), name(&assigned.by)),
            },
            Event::MilestoneSet(set) => {
                let (milestone, at) = (set.milestone.word(), time::moment(set.at, self.zone));
                format!("{milestone} at {at}, says {}{}", name(&set.by), because(set.why.as_deref()))
            }
            Event::Noted(noted) => format!("note by {}: {}", name(&noted.by), quote(&noted.text)),
            Event::Reminded(reminded) => {
                let missing: Vec<&str> = reminded.missing.iter().map(|missing| missing_words(*missing)).collect();
                format!("{} (reminder {} of {})", missing.join("; "), reminded.number, reminded.at_most)
            }
            Event::Linked(linked) => {
                let label = linked.label.as_deref().unwrap_or(&linked.url);
                format!("{} linked {}", name(&linked.by), quote(label))
            }
            Event::Titled(titled) => format!("{} called it: {}", name(&titled.by), quote(&titled.title)),
            Event::Summarised(summarised) => {
                format!("{} wrote the {}", name(&summarised.by), summarised.section.word())
            }
            Event::RunAttached(attached) => {
                format!("{} of {} belongs to this incident", attached.run, one_line(&attached.runbook, NAME))
            }
            Event::Resolved(resolved) if resolved.verified => {
                format!("resolved by {}{}", name(&resolved.by), because(resolved.why.as_deref()))
            }
            Event::Resolved(resolved) => {
                let open =
                    resolved.unmet.len() + resolved.doubts.len() + resolved.unticked.len() + resolved.open_runs.len();
                let why = because(resolved.why.as_deref());
                format!("resolved, unverified, by {} with {open} still open{why}", name(&resolved.by))
            }
            Event::Reopened(reopened) => {
                let why = because(reopened.why.as_deref());
                format!("reopened as {} by {}{why}", reopened.to.word(), name(&reopened.by))
            }
            Event::Closed(closed) => format!("closed by {}{}", name(&closed.by), because(closed.why.as_deref())),
            Event::HandedOver(handed) => format!("{} hands over to {}", name(&handed.by), name(&handed.to)),
            event => findings::sentence(event, self.zone),
        }
    }

    fn run(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        let told = match event {
            Event::Opened(opened) => {
                let (title, place) = (one_line(&opened.title, NAME), one_line(&opened.environment, NAME));
                let from = opened
                    .from
                    .as_deref()
                    .map_or_else(String::new, |from| format!(", from step {}", self.heading(id, from)));
                format!("{id} started by {}: {title} on {place}{from}", name(&opened.by))
            }
            Event::Adopted(_) if self.driven.contains(id) => {
                format!("{id} goes on in another process; what was under way is looked at again")
            }
            Event::Adopted(_) => return None,
            Event::Paused(paused) => format!("{id} paused by {}{}", name(&paused.by), because(paused.why.as_deref())),
            Event::Resumed(resumed) => format!("{id} resumed by {}", name(&resumed.by)),
            Event::Cancelled(cancelled) => {
                format!("{id} cancelled by {}{}", name(&cancelled.by), because(cancelled.why.as_deref()))
            }
            Event::Overdue(overdue) => format!("{id} has been going for {}", one_line(&overdue.after, NAME)),
            Event::Finished(finished) if finished.why.is_empty() => format!("{id} {}", finished.outcome.word()),
            Event::Finished(finished) => format!("{id} {}: {}", finished.outcome.word(), quote(&finished.why)),
            Event::Notified(notified) => format!("told people: {}", quote(&notified.text)),
            Event::CriterionTicked(ticked) => format!("{} ticked: {}", name(&ticked.by), quote(&ticked.text)),
            Event::CriteriaJudged(judged) => criteria(judged),
            _ => return self.step(id, event),
        };
        Some(told)
    }

    fn step(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        let told = match event {
            Event::StepStarted(_) => return None,
            Event::StepSkipped(skipped) if skipped.follow_up => return None,
            Event::StepSkipped(skipped) => {
                let by = skipped.by.as_ref().map_or_else(String::new, |by| format!(" by {}", name(by)));
                format!("{} skipped{by}: {}", lead(&skipped.title), quote(&skipped.why))
            }
            Event::StepBlocked(blocked) => {
                format!("{} held back: {}", self.lead(id, &blocked.step), quote(&blocked.why))
            }
            Event::StepUnblocked(unblocked) => match &unblocked.override_ {
                Some(guard) => {
                    let why = quote(&guard.why);
                    format!("{} guard overridden by {}: {why}", self.lead(id, &unblocked.step), name(&guard.by))
                }
                None => format!("{} free to go on", self.lead(id, &unblocked.step)),
            },
            Event::StepFinished(finished) => {
                let outcome = if finished.ok { "done" } else { "failed" };
                let title = lead(&finished.title);
                match finished.summary.is_empty() {
                    true => format!("{title} {outcome}"),
                    false => format!("{title} {outcome}: {}", quote(&finished.summary)),
                }
            }
            // The step's own end says that it failed; that the run went on, the next line shows.
            Event::FailureSettled(settled) if settled.by.is_none() && settled.choice == FailureChoice::Continue => {
                return None;
            }
            Event::FailureSettled(settled) => {
                let choice = match settled.choice {
                    FailureChoice::Retry => "is tried again",
                    FailureChoice::Continue => "counts as failed, the run goes on",
                    FailureChoice::Stop => "ends the run",
                };
                let by = settled
                    .by
                    .as_ref()
                    .map_or_else(|| ", as the runbook says".into(), |by| format!(", says {}", name(by)));
                format!("{} {choice}{by}{}", self.lead(id, &settled.step), because(settled.why.as_deref()))
            }
            Event::Jumped(jumped) => {
                let to = match &jumped.to {
                    Some(to) if jumped.redo => format!("goes back to {}", self.heading(id, to)),
                    Some(to) => format!("goes on with {}", self.heading(id, to)),
                    None => "comes to its end".to_owned(),
                };
                let by = jumped.by.as_ref().map_or_else(String::new, |by| format!(", says {}", name(by)));
                format!("{id} {to}{by}{}", because(Some(&jumped.why)))
            }
            Event::WaitStarted(wait) => {
                format!("{} waits until {}", self.lead(id, &wait.step), self.at(wait.until))
            }
            Event::ApprovalAsked(_)
            | Event::ApprovalGiven(_)
            | Event::ApprovalRejected(_)
            | Event::ApprovalExpired(_)
            | Event::ApprovalLapsed(_)
            | Event::GlassBroken(_) => return self.approval(id, event),
            Event::Asked(_) | Event::Answered(_) | Event::QuestionOverdue(_) => return self.question(id, event),
            Event::WatchStarted(_)
            | Event::WatchTallied(_)
            | Event::WatchBreached(_)
            | Event::WatchRecovered(_)
            | Event::WatchGap(_)
            | Event::WatchLogFound(_) => return self.watch(id, event),
            _ => return self.attempt(id, event),
        };
        Some(told)
    }

    fn approval(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        Some(match event {
            Event::ApprovalAsked(asked) => {
                let needs = match asked.quorum {
                    1 => "one person".to_owned(),
                    quorum => format!("{quorum} persons"),
                };
                let (action, until) = (quote(&asked.action), self.at(asked.until));
                format!("{} asks {needs} to approve until {until}: {action}", self.lead(id, &asked.step))
            }
            Event::ApprovalGiven(given) => {
                let step = self.lead(id, &given.step);
                format!("{step} approved by {} ({} of {})", name(&given.by), given.count, given.quorum)
            }
            Event::ApprovalRejected(rejected) => {
                let why = because(rejected.why.as_deref());
                format!("{} refused by {}{why}", self.lead(id, &rejected.step), name(&rejected.by))
            }
            Event::ApprovalExpired(expired) => {
                let then = if expired.asked_again { "asked again" } else { "the step fails" };
                format!("{} nobody approved in time; {then}", self.lead(id, &expired.step))
            }
            Event::ApprovalLapsed(lapsed) => {
                let names: Vec<_> = lapsed.persons.iter().map(name).collect();
                let (step, why) = (self.lead(id, &lapsed.step), quote(&lapsed.why));
                format!("{step} the approval of {} does not count any more: {why}", names.join(", "))
            }
            Event::GlassBroken(broken) => {
                let (step, why) = (self.lead(id, &broken.step), quote(&broken.why));
                format!("{step} {} went ahead without approval (break-glass): {why}", name(&broken.by))
            }
            _ => return None,
        })
    }

    fn question(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        Some(match event {
            Event::Asked(asked) => {
                let title = lead(&asked.title);
                match &asked.question {
                    Question::Value { text, .. } => format!("{title} asked: {}", quote(text)),
                    Question::Branch { cases } => match cases.iter().find(|case| case.recommended) {
                        Some(case) => format!("{title} a decision is due; recommended: {}", quote(&case.label)),
                        None => format!("{title} a decision is due; nothing is recommended"),
                    },
                    Question::Work => format!("{title} a person is asked to do it by hand"),
                    Question::Failure { summary } => format!("{title} failed ({}); asked what to do", quote(summary)),
                    Question::Doubt { evidence }
                        if self.probed.get(&(id.clone(), asked.step.clone())) == Some(evidence) =>
                    {
                        format!("{title} a person is asked whether it happened")
                    }
                    Question::Doubt { evidence } => {
                        format!("{title} outcome unknown; a person is asked: {}", quote(evidence))
                    }
                }
            }
            Event::Answered(answered) => {
                let step = self.lead(id, &answered.step);
                let (said, why) = (answer(&answered.answer), because(answered.why.as_deref()));
                match &answered.by {
                    Some(by) => format!("{step} {} said {said}{why}", name(by)),
                    None => format!("{step} nobody answered in time; {said} was taken{why}"),
                }
            }
            Event::QuestionOverdue(overdue) => {
                format!("{} nobody has answered yet", self.lead(id, &overdue.step))
            }
            _ => return None,
        })
    }

    fn watch(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        Some(match event {
            Event::WatchStarted(started) => {
                let every = time::length_ms(started.every_ms);
                let until = self.at(started.until);
                format!("{} watching until {until}, every {every}", lead(&started.title))
            }
            Event::WatchBreached(breached) => {
                let level = if breached.level == Level::Fail { "broken" } else { "broken (warning)" };
                let (step, that, since) =
                    (self.lead(id, &breached.step), quote(&breached.that), self.at(breached.since));
                format!("{step} {that} is {level} since {since}{}", values(&breached.values))
            }
            Event::WatchRecovered(recovered) => {
                let (step, that) = (self.lead(id, &recovered.step), quote(&recovered.that));
                format!("{step} {that} holds again{}", values(&recovered.values))
            }
            Event::WatchGap(gap) => {
                let (from, to) = (self.at(gap.from), self.at(gap.to));
                format!("{} nobody looked from {from} to {to}: {}", self.lead(id, &gap.step), quote(&gap.why))
            }
            Event::WatchLogFound(found) => {
                let (text, line) = (quote(&found.text), quote(&found.line));
                format!("{} \"{text}\" stood in the log: {line}", self.lead(id, &found.step))
            }
            _ => return None,
        })
    }

    fn attempt(&self, id: &RunId, event: &run::Event) -> Option<String> {
        use run::Event;
        let again = |attempt: u32| if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        Some(match event {
            Event::AttemptPrepared(prepared) if prepared.summary.is_empty() => return None,
            Event::AttemptPrepared(prepared) => {
                format!("{} before the change: {}", self.lead(id, &prepared.step), quote(&prepared.summary))
            }
            // A read is told by what it found.
            Event::AttemptSent(sent) if self.reads.contains(&(id.clone(), sent.step.clone())) => return None,
            Event::AttemptSent(sent) => format!("{} sent{}", self.lead(id, &sent.step), again(sent.attempt)),
            Event::AttemptAccepted(accepted) => {
                let (step, said) = (self.lead(id, &accepted.step), quote(&accepted.summary));
                format!("{step} accepted ({said}); waiting until it shows")
            }
            Event::AttemptFailed(failed) => {
                let (step, message) = (self.lead(id, &failed.step), quote(&failed.message));
                // The last attempt is told by the step's end.
                let again = self.at(failed.again_at?);
                format!("{step} attempt {} failed: {message}; again at {again}", failed.attempt)
            }
            Event::AttemptDoubted(doubted) => {
                let then = if doubted.probe { "the world is looked at" } else { "a person is asked" };
                format!("{} outcome unknown: {}; {then}", self.lead(id, &doubted.step), quote(&doubted.why))
            }
            Event::DoubtProbed(probed) => {
                let evidence = quote(&probed.evidence);
                format!("{} looked, and it does not tell: {evidence}", self.lead(id, &probed.step))
            }
            Event::DoubtSettled(settled) => {
                let verdict = verdict(settled.verdict);
                let by =
                    settled.by.as_ref().map_or_else(|| "shown by the world".into(), |by| format!("says {}", name(by)));
                format!("{} {verdict}, {by}{}", self.lead(id, &settled.step), because(Some(&settled.why)))
            }
            Event::LateReply(late) => {
                format!("{} a late answer, which changes nothing: {}", self.lead(id, &late.step), quote(&late.summary))
            }
            _ => return None,
        })
    }
}

/// What an attempt in doubt was taken for.
#[must_use]
pub fn verdict(verdict: DoubtVerdict) -> &'static str {
    match verdict {
        DoubtVerdict::Done => "it was done",
        DoubtVerdict::RunAgain => "it is run again",
        DoubtVerdict::Abort => "the step is given up",
    }
}

/// An answer as people read it: text without quotes, yes and no.
#[must_use]
pub fn answer(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => format!("\"{}\"", quote(text)),
        other => quote(&other.to_string()),
    }
}

/// A number without needless digits: `15`, `78.5`.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn criteria(judged: &run::CriteriaJudged) -> String {
    let count = |met| judged.criteria.iter().filter(|criterion| criterion.met == met).count();
    let mut told = format!("criteria: {} of {} met", count(Some(true)), judged.criteria.len());
    if count(Some(false)) > 0 {
        let _ = write!(told, ", {} not met", count(Some(false)));
    }
    if count(None) > 0 {
        let _ = write!(told, ", {} waiting for a tick", count(None));
    }
    told
}

fn values(values: &BTreeMap<String, f64>) -> String {
    if values.is_empty() {
        return String::new();
    }
    let shown: Vec<String> =
        values.iter().take(6).map(|(key, value)| format!("{} {}", one_line(key, 40), number(*value))).collect();
    format!(" ({})", shown.join(", "))
}

/// A heading in front of what is told of it: a colon behind it, unless it asks or exclaims by itself.
fn lead(heading: &str) -> String {
    let heading = one_line(heading, NAME);
    if heading.ends_with(['?', '!', ':']) { heading } else { format!("{heading}:") }
}

fn missing_words(missing: incident::Missing) -> &'static str {
    match missing {
        incident::Missing::Commander => "nobody leads this incident yet",
        incident::Missing::Update => "nobody has written an update for a while",
        incident::Missing::Summary => "there is no summary yet",
    }
}

fn name(person: &Person) -> String {
    one_line(person.name(), NAME)
}

fn quote(text: &str) -> String {
    one_line(text, QUOTE)
}

fn because(why: Option<&str>) -> String {
    match why {
        Some(why) if !why.is_empty() => format!(": {}", quote(why)),
        _ => String::new(),
    }
}

fn by_doing(what: Option<&str>) -> String {
    what.map_or_else(String::new, |what| format!(" ({})", quote(what)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::IncidentId;

    fn of_run(event: impl Into<run::Event>) -> Fact {
        Fact::Run(RunId::number(3), event.into())
    }

    fn started(step: &str, title: &str) -> Fact {
        of_run(run::StepStarted { step: step.into(), title: title.into(), visit: 1, action: None, sent: None })
    }

    #[test]
    fn a_single_fact_names_its_step_and_its_zone() {
        let wait = of_run(run::WaitStarted { step: "rest".into(), until: "2026-02-02T11:14:00Z".parse().unwrap() });
        assert_eq!(sentence(&wait).unwrap(), "rest: waits until 11:14:00 UTC");
        assert_eq!(sentence(&started("rest", "Let it rest")), None, "too fine");
    }

    #[test]
    fn later_sentences_know_the_headings_of_earlier_facts() {
        let mut wording = Wording::new(Tz::America__Santiago);
        assert_eq!(wording.tell(&started("rest", "Let it rest")), None);
        let wait = of_run(run::WaitStarted { step: "rest".into(), until: "2026-02-02T11:14:00Z".parse().unwrap() });
        assert_eq!(wording.tell(&wait).unwrap(), "Let it rest: waits until 08:14:00");
        wording.tell(&started("cause", "Server or pool?"));
        let late = of_run(run::QuestionOverdue { step: "cause".into() });
        assert_eq!(wording.tell(&late).unwrap(), "Server or pool? nobody has answered yet");
    }

    #[test]
    fn outside_text_stays_on_one_line_and_is_cut() {
        let note =
            incident::Noted { text: format!("a\n\u{1b}[31mb\u{202e} {}", "x".repeat(900)), by: Person::new("ana") };
        let told = sentence(&Fact::Incident(IncidentId::number(1), note.into())).unwrap();
        assert!(told.starts_with("note by ana: a b\\u{202e} xxx") && told.ends_with('…'), "{told}");
        assert!(told.chars().count() <= QUOTE + 20 && !told.contains('\n'), "{told}");
    }
}
