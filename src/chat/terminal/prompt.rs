//! Prompts: what a person at this terminal is asked, and what the lines they type mean.
//!
//! Lives here: [`Prompt`] (one question, with its text) and [`Dialog`] (what was typed so far, for answers that take a
//! reason). Pure: lines in, commands out. Never lives here: the keyboard, the screen, whether an answer is allowed.

use chrono_tz::Tz;

use super::paint::{Paint, wrap};
use crate::base::event::{Instant, Person};
use crate::base::text::{one_line, plain};
use crate::bot::waiting::{Waiting, What};
use crate::domain::run::event::{DoubtVerdict, Obstacle, Offered, Question};
use crate::domain::run::input::Command;
use crate::domain::runbook::model::InputKind;
use crate::view::evidence::{self, Pen};
use crate::view::time;

/// No prose is shown longer than this, in characters.
const LONGEST_PROSE: usize = 4_000;

/// One question to the person at this terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    waiting: Waiting,
    /// What has been chosen and now takes a reason.
    pending: Option<Pending>,
}

#[derive(Clone, Debug, PartialEq)]
enum Pending {
    Case(String),
    Settle(DoubtVerdict),
    CouldNot,
    BreakGlass,
}

/// What a typed line comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The person wants this.
    Command(Command),
    /// Something is to be said or asked first; the text ends without a line break where an answer is wanted.
    Say(String),
}

/// How prompts look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub paint: Paint,
    /// Columns.
    pub width: usize,
    /// In which zone times are shown.
    pub zone: Tz,
}

impl Prompt {
    /// The question that a waiting step puts to the person here.
    #[must_use]
    pub fn new(waiting: Waiting) -> Self {
        Self { waiting, pending: None }
    }

    /// Whether the other is the same question: then what was typed so far stays good.
    #[must_use]
    pub fn is_about(&self, other: &Waiting) -> bool {
        let mine = &self.waiting;
        (&mine.step, mine.visit, mine.attempt) == (&other.step, other.visit, other.attempt) && mine.what == other.what
    }

    /// Only where the answer is typed, for when something came in between.
    #[must_use]
    pub fn last_line(&self, me: &Person, paint: Paint) -> String {
        self.ask(me, paint)
    }

    /// The whole question, ending where the answer is typed.
    #[must_use]
    pub fn text(&self, me: &Person, now: Instant, look: Look) -> String {
        let Look { paint, width, zone } = look;
        let mut text = format!("{} {}\n", paint.ask("?"), paint.bold(&one_line(&self.waiting.title, 200)));
        match &self.waiting.what {
            What::Approval { action, digest, given, quorum, approvers, requester } => {
                text.push_str(&format!("  {}\n", one_line(action, 400)));
                let short = digest.get(..8).unwrap_or(digest);
                let persons = if *quorum == 1 { "1 person".to_owned() } else { format!("{quorum} persons") };
                let until = self
                    .waiting
                    .until
                    .map_or(String::new(), |until| format!(", until {}", time::due(until, now, zone)));
                text.push_str(&format!("  {}\n", paint.dim(&format!("action {short}, takes {persons}{until}"))));
                text.push_str(&before(&self.waiting, look, now));
                if !given.is_empty() {
                    text.push_str(&format!("  approved so far: {}\n", names(given)));
                }
                if let Some(why) = cannot(me, given, approvers, requester.as_ref()) {
                    text.push_str(&wrap(&why, "  ", width));
                    text.push('\n');
                }
            }
            What::Question { question, prose } => text.push_str(&self.question_text(question, prose, look, now)),
            What::Obstacle { obstacle, target } => {
                let why = match obstacle {
                    Obstacle::HeldBy(run) => {
                        format!("{run} acts on {target} right now. It goes on here when {run} is done.")
                    }
                    Obstacle::OverBudget { until } => format!(
                        "{target} was changed as often as its budget allows. It goes on at {}.",
                        time::due(*until, now, zone)
                    ),
                    Obstacle::Frozen { by, why, until, .. } => format!(
                        "{by} froze {target}: {}. It goes on at {}, or when the freeze is lifted.",
                        one_line(why, 400),
                        time::due(*until, now, zone)
                    ),
                };
                text.push_str(&wrap(&why, "  ", width));
                text.push('\n');
            }
        }
        text.push_str(&self.ask(me, paint));
        text
    }

    fn question_text(&self, question: &Question, prose: &str, look: Look, now: Instant) -> String {
        let Look { paint, width, zone } = look;
        let mut text = String::new();
        match question {
            Question::Value { text: asked, .. } => {
                text.push_str(&wrap(&plain(asked, LONGEST_PROSE), "  ", width));
                text.push('\n');
            }
            Question::Branch { cases } => {
                for (index, case) in cases.iter().enumerate() {
                    let mark = match case {
                        Offered { recommended: true, .. } => format!("  {}", paint.good("<- recommended")),
                        Offered { fits: false, .. } => format!("  {}", paint.dim("(its condition does not hold)")),
                        _ => String::new(),
                    };
                    text.push_str(&format!("  {}) {}{mark}\n", index + 1, one_line(&case.label, 200)));
                }
            }
            Question::Work => {
                if prose.trim().is_empty() {
                    text.push_str("  To be done by hand.\n");
                } else {
                    text.push_str(&wrap(&plain(prose.trim(), LONGEST_PROSE), "  ", width));
                    text.push('\n');
                }
            }
            Question::Failure { summary } => {
                text.push_str(&format!("  {} {}\n", paint.bad("failed:"), one_line(summary, 400)));
            }
            Question::Doubt { evidence } => {
                text.push_str(&format!("  {}\n", paint.warn("It may or may not have happened.")));
                text.push_str(&wrap(&plain(evidence, LONGEST_PROSE), "  ", width));
                text.push('\n');
                text.push_str(&before(&self.waiting, look, now));
            }
        }
        if let Some(until) = self.waiting.until {
            text.push_str(&format!("  {}\n", paint.dim(&format!("wanted by {}", time::due(until, now, zone)))));
        }
        text
    }

    /// The last line, where the answer is typed.
    fn ask(&self, me: &Person, paint: Paint) -> String {
        let ask = match (&self.waiting.what, &self.pending) {
            (_, Some(_)) => "why?".to_owned(),
            (What::Approval { given, approvers, requester, .. }, None) => {
                match cannot(me, given, approvers, requester.as_ref()) {
                    None => "approve? [y/n]".to_owned(),
                    Some(_) => "break-glass or n; Enter waits for others".to_owned(),
                }
            }
            (What::Question { question, .. }, None) => match question {
                Question::Value { kind, .. } => match kind {
                    InputKind::Text => String::new(),
                    InputKind::Number => "a number".to_owned(),
                    InputKind::Bool => "yes or no".to_owned(),
                    InputKind::Duration => "a duration such as 2h".to_owned(),
                    InputKind::Choice(words) => words.join(" / "),
                },
                Question::Branch { cases } => match cases.iter().position(|case| case.recommended) {
                    Some(index) => format!("1-{}, Enter takes {}", cases.len(), index + 1),
                    None => format!("1-{}", cases.len()),
                },
                Question::Work => "d)one or c)ould not; a remark may follow".to_owned(),
                Question::Failure { .. } => "r)etry, s)kip, e)nd the run, or b)ack to STEP".to_owned(),
                Question::Doubt { .. } => "d)one, a)gain or f)ailed".to_owned(),
            },
            (What::Obstacle { .. }, None) => "go ahead all the same? type why; Enter waits".to_owned(),
        };
        let sign = if ask.ends_with('?') { "" } else { ">" };
        format!("  {} ", paint.ask(&format!("{ask}{sign}")))
    }

    /// What a line means.
    pub fn read(&mut self, line: &str, me: &Person, paint: Paint) -> Reading {
        let line = line.trim();
        if let Some(pending) = self.pending.take() {
            return self.reason(pending, line, me, paint);
        }
        let step = Some(self.waiting.step.clone());
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        let lower = word.to_lowercase();
        let means = |full: &str| !lower.is_empty() && full.starts_with(lower.as_str());
        let why = (!rest.is_empty()).then(|| rest.to_owned());
        let what = self.waiting.what.clone();
        match what {
            What::Approval { .. } => {
                if means("yes") {
                    Reading::Command(Command::Approve { step })
                } else if means("no") {
                    Reading::Command(Command::Reject { step, why })
                } else if lower == "break-glass" {
                    match why {
                        Some(why) => Reading::Command(Command::BreakGlass { step, why }),
                        None => self.need_reason(Pending::BreakGlass, paint),
                    }
                } else {
                    self.again(me, paint, "Nothing happened: the step waits.")
                }
            }
            What::Question { question, .. } => self.answer(&question, line, &lower, why, me, paint),
            What::Obstacle { .. } => match line {
                "" => Reading::Say(format!("  {}\n", paint.dim("It goes on by itself when it may."))),
                why => Reading::Command(Command::Override { step, why: why.to_owned() }),
            },
        }
    }

    fn answer(
        &mut self,
        question: &Question,
        line: &str,
        word: &str,
        why: Option<String>,
        me: &Person,
        paint: Paint,
    ) -> Reading {
        let step = Some(self.waiting.step.clone());
        let means = |full: &str| !word.is_empty() && full.starts_with(word);
        match question {
            Question::Value { .. } if line.is_empty() => self.again(me, paint, ""),
            Question::Value { .. } => Reading::Command(Command::Answer { step, value: line.to_owned() }),
            Question::Branch { cases } => {
                let chosen = match word.parse::<usize>() {
                    Ok(number) => number.checked_sub(1).and_then(|index| cases.get(index)),
                    Err(_) if line.is_empty() => cases.iter().find(|case| case.recommended),
                    Err(_) => cases.iter().find(|case| case.id.eq_ignore_ascii_case(word)),
                };
                match chosen {
                    Some(case) if case.fits || why.is_some() => {
                        Reading::Command(Command::Choose { step, case: case.id.clone(), why })
                    }
                    Some(case) => {
                        let (case, label) = (case.id.clone(), one_line(&case.label, 200));
                        let reading = self.need_reason(Pending::Case(case), paint);
                        let Reading::Say(ask) = reading else { return reading };
                        Reading::Say(format!("  The condition of '{label}' does not hold.\n{ask}"))
                    }
                    None => self.again(me, paint, &format!("Type a number from 1 to {}.", cases.len())),
                }
            }
            Question::Work if means("done") || means("yes") => {
                Reading::Command(Command::Done { step, ok: true, note: why })
            }
            Question::Work if means("could") || means("no") => match why {
                Some(note) => {
                    let note = note.strip_prefix("not ").unwrap_or(&note).to_owned();
                    Reading::Command(Command::Done { step, ok: false, note: Some(note) })
                }
                None => self.need_reason(Pending::CouldNot, paint),
            },
            Question::Work => self.again(me, paint, "Type d when it is done, c if it could not be done."),
            Question::Failure { .. } if means("retry") => Reading::Command(Command::Retry { step }),
            Question::Failure { .. } if means("skip") => Reading::Command(Command::Skip { step, why }),
            Question::Failure { .. } if means("end") => Reading::Command(Command::Stop { why }),
            Question::Failure { .. } if means("back") => match why {
                Some(rest) => {
                    let rest = rest.strip_prefix("to ").unwrap_or(&rest);
                    let (to, why) =
                        rest.split_once(char::is_whitespace).map_or((rest, None), |(to, why)| (to, Some(why)));
                    Reading::Command(Command::Redo { step: to.to_owned(), why: why.map(|why| why.trim().to_owned()) })
                }
                None => self.again(me, paint, "Say to which step: b STEP"),
            },
            Question::Failure { .. } => self.again(me, paint, "Type r, s, e, or b and a step."),
            Question::Doubt { .. } => {
                let verdict = match () {
                    () if means("done") => DoubtVerdict::Done,
                    () if means("again") => DoubtVerdict::RunAgain,
                    () if means("failed") || means("abort") => DoubtVerdict::Abort,
                    () => return self.again(me, paint, "Type d, a or f. Nothing is done twice unless you say so."),
                };
                match why {
                    Some(why) => Reading::Command(Command::Settle { step, verdict, why: Some(why) }),
                    None => self.need_reason(Pending::Settle(verdict), paint),
                }
            }
        }
    }

    fn reason(&mut self, pending: Pending, line: &str, me: &Person, paint: Paint) -> Reading {
        let step = Some(self.waiting.step.clone());
        let why = (!line.is_empty()).then(|| line.to_owned());
        match (pending, why) {
            (Pending::Case(case), Some(why)) => Reading::Command(Command::Choose { step, case, why: Some(why) }),
            (Pending::BreakGlass, Some(why)) => Reading::Command(Command::BreakGlass { step, why }),
            (Pending::Settle(verdict), why) => Reading::Command(Command::Settle { step, verdict, why }),
            (Pending::CouldNot, note) => Reading::Command(Command::Done { step, ok: false, note }),
            (Pending::Case(_) | Pending::BreakGlass, None) => {
                let text = format!("  It takes a reason; nothing happened.\n{}", self.ask(me, paint));
                Reading::Say(text)
            }
        }
    }

    fn need_reason(&mut self, pending: Pending, paint: Paint) -> Reading {
        self.pending = Some(pending);
        Reading::Say(format!("  {}", paint.ask("why? ")))
    }

    fn again(&self, me: &Person, paint: Paint, said: &str) -> Reading {
        let said = if said.is_empty() { String::new() } else { format!("  {said}\n") };
        Reading::Say(format!("{said}{}", self.ask(me, paint)))
    }
}

/// What was seen before the change that is asked about, a line each.
fn before(waiting: &Waiting, look: Look, now: Instant) -> String {
    let ago = |at: Instant| format!("{} ago", time::length(time::rounded(now - at)));
    let pen = Pen { safe: &one_line, ago: &ago };
    let lines = waiting.before.iter().flat_map(|seen| evidence::before(seen, &pen));
    lines.map(|line| wrap(&line, "  ", look.width) + "\n").collect()
}

/// Why this person's agreement does not count, where it does not.
fn cannot(me: &Person, given: &[Person], approvers: &[Person], requester: Option<&Person>) -> Option<String> {
    if given.contains(me) {
        return Some(format!("You ({me}) have approved it; it takes another person."));
    }
    if !approvers.is_empty() && !approvers.contains(me) {
        return Some(format!("You ({me}) may not approve this; {} may.", names(approvers)));
    }
    (requester == Some(me)).then(|| format!("You ({me}) started the run; it takes another person."))
}

fn names(persons: &[Person]) -> String {
    let names: Vec<_> = persons.iter().map(Person::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::evidence::Seen;

    #[test]
    fn an_approval_shows_what_was_seen_before() {
        let now: Instant = "2026-03-01T12:00:00Z".parse().unwrap();
        let seen = |step: Option<(&str, bool)>, said: &str, seconds| Seen {
            step: step.map(|(title, ok)| (title.to_owned(), ok)),
            said: said.to_owned(),
            at: now - chrono::TimeDelta::seconds(seconds),
        };
        let what = What::Approval {
            action: "restart redis on Railway".into(),
            digest: "0123456789abcdef".into(),
            given: Vec::new(),
            quorum: 1,
            approvers: Vec::new(),
            requester: None,
        };
        let waiting = |before| Waiting {
            step: "restart".into(),
            title: "Restart Redis".into(),
            visit: 1,
            attempt: 0,
            what: what.clone(),
            until: None,
            before: Some(before),
        };
        let look = Look { paint: Paint { on: false }, width: 100, zone: Tz::UTC };
        let shown = |before| Prompt::new(waiting(before)).text(&Person::new("Ana"), now, look);
        let looked = vec![
            seen(Some(("Check Redis health", false)), "answered 503; expected status == 200; status was 503", 95),
            seen(None, "deployment 4f1c SUCCESS since 2026-02-01T08:00:00Z, 1 instance: RUNNING", 12),
        ];
        insta::assert_snapshot!(format!("{}\n\n{}", shown(looked), shown(Vec::new())));
    }
}
