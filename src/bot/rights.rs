//! Who may do what: every command of the grammar with the right it takes, asked before it is carried out.
//!
//! Lives here: the table ([`need`]), [`Bot::admit`] for a command as it is given, `Bot::permit` for what is said to a run
//! (also at a prompt), `can-i`. Every door goes through them. Never lives here: what a role may do (`domain/people`), how
//! somebody is told (`view/rights`), the rule of a target (the run decides that).

use super::grammar::{
    Action, Approve, CanI, Command, Digest, DigestNow, Hypothesis, Incident, Monitor, Oncall, Page, Postmortem,
    Runbook, named,
};
use super::waiting::{What, waiting};
use super::{Bot, Fault, steer};
use crate::base::event::{Actor, IncidentId, Person, RunId};
use crate::domain::incident;
use crate::domain::people::{Account, Identity, People, Right, TERMINAL, Verdict};
use crate::domain::run::event::{DoubtVerdict, Question};
use crate::domain::run::input::Command as Said;
use crate::domain::run::state::{Stage, State};
use crate::engine::Standing;
use crate::view::rights as words;

/// What a command is called, and the right it takes. The one table: a command that is not in it does not compile.
#[must_use]
#[rustfmt::skip]
pub fn need(command: &Command) -> (&'static str, Right) {
    match command {
        Command::Incident(verb) => of_incident(verb),
        Command::Runbook(verb) => of_runbook(verb),
        Command::Monitor(verb) => match verb {
            Monitor::List { .. } => ("monitor list", Right::Look),
            Monitor::Show { .. } => ("monitor show", Right::Look),
            Monitor::Test { .. } => ("monitor test", Right::Look),
            Monitor::Mute { .. } => ("monitor mute", Right::Respond),
            Monitor::Unmute { .. } => ("monitor unmute", Right::Respond),
            Monitor::Heard { .. } => ("monitor heard", Right::Respond),
        },
        Command::Hypothesis(verb) => match verb {
            Hypothesis::Add { .. } => ("hypothesis add", Right::Respond),
            Hypothesis::Confirm(_) => ("hypothesis confirm", Right::Respond),
            Hypothesis::Eliminate(_) => ("hypothesis eliminate", Right::Respond),
            Hypothesis::Reopen(_) => ("hypothesis reopen", Right::Respond),
            Hypothesis::List { .. } => ("hypothesis list", Right::Look),
        },
        Command::Action(verb) => match verb {
            Action::Add { .. } => ("action add", Right::Respond),
            Action::Set { .. } => ("action set", Right::Respond),
            Action::Done(_) => ("action done", Right::Respond),
            Action::Reopen(_) => ("action reopen", Right::Respond),
            Action::List { .. } => ("action list", Right::Look),
        },
        Command::Oncall(verb) => match verb {
            Oncall::Who(_) => ("oncall who", Right::Look),
            Oncall::Next { .. } => ("oncall next", Right::Look),
            Oncall::Schedule { .. } => ("oncall schedule", Right::Look),
            Oncall::Override(_) => ("oncall override", Right::Respond),
            Oncall::Cover(_) => ("oncall cover", Right::Respond),
            Oncall::Take { .. } => ("oncall take", Right::Respond),
            Oncall::Remove { .. } => ("oncall remove", Right::Respond),
            Oncall::Drill { .. } => ("oncall drill", Right::Respond),
            Oncall::Simulate(_) => ("oncall simulate", Right::Look),
        },
        Command::Postmortem(Postmortem::Draft { .. }) => ("postmortem draft", Right::Look),
        Command::Postmortem(Postmortem::Export { .. }) => ("postmortem export", Right::Look),
        Command::Postmortem(Postmortem::Check { .. }) => ("postmortem check", Right::Look),
        Command::Check(_) => ("check", Right::Look),
        Command::Plan(_) => ("plan", Right::Look),
        Command::Run(_) => ("run", Right::Run),
        Command::Do(_) => ("do", Right::Run),
        Command::Now(_) => ("now", Right::Look),
        Command::Health(_) => ("health", Right::Look),
        Command::Digest(Digest { now: Some(DigestNow::Now { .. }), .. }) => ("digest now", Right::Respond),
        Command::Digest(Digest { now: None, .. }) => ("digest", Right::Look),
        Command::Stop(_) => ("stop", of_said(&Said::Pause { why: None })),
        Command::Page(verb) => match verb {
            Page::List { .. } => ("page list", Right::Look),
            Page::Ack { .. } => ("page ack", Right::Respond),
            Page::Pass { .. } => ("page pass", Right::Respond),
            Page::Call { .. } => ("page call", Right::Respond),
        },
        Command::Approve(said) => ("approve", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Reject(said) => ("reject", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Decide(said) => ("decide", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Answer(said) => ("answer", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Done(said) => ("done", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Settle(said) => ("settle", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Override(said) => ("override", of_said(&super::answers::Said::from(said.clone()).1)),
        Command::Tick(said) => ("tick", of_said(&Said::Tick { criterion: said.criterion })),
        Command::Freeze(asked) => ("freeze", if asked.list { Right::Look } else { Right::Command }),
        Command::Unfreeze(_) => ("unfreeze", Right::Command),
        Command::Note(_) => ("note", Right::Respond),
        Command::Evidence(_) => ("evidence", Right::Respond),
        Command::Cause(_) => ("cause", Right::Respond),
        Command::Impact(_) => ("impact", Right::Respond),
        Command::Lesson(_) => ("lesson", Right::Respond),
        Command::Recommend(_) => ("recommend", Right::Respond),
        Command::Review(_) => ("review", Right::Respond),
        Command::Withdraw(_) => ("withdraw", Right::Respond),
        Command::Handoff(_) => ("handoff", Right::Command),
        Command::Brief(_) => ("brief", Right::Look),
        Command::Similar(_) => ("similar", Right::Look),
        Command::Chart(_) => ("chart", Right::Look),
        Command::Report(_) => ("report", Right::Look),
        Command::Export(_) => ("export", Right::Look),
        Command::Login(_) => ("login", Right::Look),
        Command::CanI(_) => ("can-i", Right::Look),
        Command::Timeline(_) => ("timeline", Right::Look),
        Command::Verify(_) => ("verify", Right::Look),
        Command::Backup(_) => ("backup", Right::Keep),
        Command::Restore(_) => ("restore", Right::Erase),
        Command::Purge(_) => ("purge", Right::Erase),
        Command::Rehearse(_) => ("rehearse", Right::Look),
        Command::Schema => ("schema", Right::Look),
    }
}

#[rustfmt::skip]
fn of_incident(verb: &Incident) -> (&'static str, Right) {
    match verb {
        Incident::Declare { .. } => ("incident declare", Right::Respond),
        Incident::List { .. } => ("incident list", Right::Look),
        Incident::Show { .. } => ("incident show", Right::Look),
        Incident::Ack { .. } => ("incident ack", Right::Respond),
        Incident::Severity { .. } => ("incident severity", Right::Command),
        Incident::Status { .. } => ("incident status", Right::Command),
        Incident::Assign { .. } => ("incident assign", Right::Command),
        Incident::Note(_) => ("incident note", Right::Respond),
        Incident::Link { .. } => ("incident link", Right::Respond),
        Incident::Summary { .. } => ("incident summary", Right::Respond),
        Incident::Title { .. } => ("incident title", Right::Respond),
        Incident::Milestone { .. } => ("incident milestone", Right::Respond),
        Incident::Resolve { .. } => ("incident resolve", Right::Command),
        // That it is not over is a finding, and the safe side.
        Incident::Reopen { .. } => ("incident reopen", Right::Respond),
        Incident::Close { .. } => ("incident close", Right::Command),
    }
}

#[rustfmt::skip]
fn of_runbook(verb: &Runbook) -> (&'static str, Right) {
    match verb {
        Runbook::List => ("runbook list", Right::Look),
        Runbook::Show { .. } => ("runbook show", Right::Look),
        Runbook::Check(_) => ("runbook check", Right::Look),
        Runbook::Plan(_) => ("runbook plan", Right::Look),
        Runbook::Diff(_) => ("runbook diff", Right::Look),
        Runbook::Health(_) => ("runbook health", Right::Look),
        Runbook::Run(_) => ("runbook run", Right::Run),
        Runbook::Status { .. } => ("runbook status", Right::Look),
        Runbook::Pause { .. } => ("runbook pause", of_steering(verb)),
        Runbook::Resume { .. } => ("runbook resume", of_steering(verb)),
        Runbook::Skip { .. } => ("runbook skip", of_steering(verb)),
        Runbook::Retry { .. } => ("runbook retry", of_steering(verb)),
        Runbook::Redo { .. } => ("runbook redo", of_steering(verb)),
        Runbook::Stop { .. } => ("runbook stop", of_steering(verb)),
        Runbook::Cancel { .. } => ("runbook cancel", of_steering(verb)),
    }
}

fn of_steering(verb: &Runbook) -> Right {
    steer::steering(verb).map_or(Right::Run, |(_, said)| of_said(&said))
}

/// What is said to a run takes the same right whether it comes as a command or at a prompt.
#[must_use]
pub fn of_said(said: &Said) -> Right {
    match said {
        Said::Approve { .. } | Said::Reject { .. } => Right::Approve,
        Said::BreakGlass { .. } | Said::Override { .. } => Right::PassGuard,
        Said::Choose { .. }
        | Said::Answer { .. }
        | Said::Done { .. }
        | Said::Settle { .. }
        | Said::Retry { .. }
        | Said::Skip { .. }
        | Said::Redo { .. }
        | Said::Stop { .. }
        | Said::Pause { .. }
        | Said::Resume
        | Said::Cancel { .. }
        | Said::Tick { .. } => Right::Run,
    }
}

/// The command's own name, for a sentence.
fn name_of(said: &Said) -> &'static str {
    match said {
        Said::Approve { .. } => "approve",
        Said::Reject { .. } => "reject",
        Said::BreakGlass { .. } => "approve --break-glass",
        Said::Override { .. } => "override",
        Said::Settle { .. } => "settle",
        Said::Retry { .. } => "runbook retry",
        _ => "steering a run",
    }
}

/// The reason that was given with a command that yields to one.
fn reason(command: &Command) -> Option<&str> {
    let why = match command {
        Command::Approve(said) => &said.why,
        Command::Override(said) => return Some(&said.why),
        Command::Freeze(asked) => &asked.why,
        Command::Unfreeze(asked) => &asked.why,
        Command::Handoff(asked) => &asked.why,
        Command::Incident(
            Incident::Severity { why, .. }
            | Incident::Status { why, .. }
            | Incident::Assign { why, .. }
            | Incident::Resolve { why, .. }
            | Incident::Close { why, .. },
        ) => why,
        _ => return None,
    };
    why.as_deref().filter(|why| !why.trim().is_empty())
}

/// The incident whose timeline tells of a reason; `None` where the command belongs to none, and its own event tells it.
fn concerned(command: &Command) -> Option<Option<&IncidentId>> {
    match command {
        Command::Handoff(asked) => Some(Some(&asked.incident)),
        Command::Incident(
            Incident::Severity { incident, .. }
            | Incident::Status { incident, .. }
            | Incident::Assign { incident, .. }
            | Incident::Resolve { incident, .. },
        ) => Some(incident.as_ref()),
        Command::Incident(Incident::Close { incident, .. }) => Some(Some(incident)),
        _ => None,
    }
}

/// What `can-i` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether they may, if need be with a reason.
    pub yes: bool,
    /// In words, a line each.
    pub lines: Vec<String>,
}

impl Bot {
    /// Who somebody is who came through a door. A `people.yaml` that cannot be used names nobody, and gives no right.
    #[must_use]
    pub fn identify(&self, account: Account<'_>) -> Identity {
        self.people().identify(account)
    }

    /// Who is known now.
    pub(super) fn people(&self) -> People {
        self.library.people().unwrap_or_else(|_| People::unreadable())
    }

    /// The person whom somebody means by a name that they typed.
    pub(super) fn meant(&self, typed: &str) -> Person {
        self.people().meant(typed)
    }

    /// What somebody at the terminal must know about how they are seen there, a line each; empty where nothing is unusual.
    #[must_use]
    pub fn seen_as(&self, who: &Identity, account: Account<'_>) -> Vec<String> {
        let people = match self.library.people() {
            Ok(people) => people,
            Err(_) => return vec![words::unusable(who)],
        };
        let mut told = Vec::new();
        if !who.known {
            told.push(words::unnamed(who));
        }
        let claims_another = account.shown != account.id && people.meant(account.shown).name() != who.actor.label();
        if people.is_written() && claims_another {
            told.push(words::by_account(who, account.shown));
        }
        told
    }

    /// Whether somebody may give a command. Where a reason carries it, the reason is written into the incident first; what is
    /// returned is for everybody who looks on.
    ///
    /// # Errors
    /// They may not, or not without a reason: a sentence that says who may. The journal.
    pub async fn admit(&self, who: &Identity, command: &Command) -> Result<Option<String>, Fault> {
        let (name, right) = need(command);
        let why = reason(command);
        let people = self.people();
        let who = &people.again(who);
        let told = weigh(&people, who, name, right, why).map_err(Fault::Failed)?;
        let note = match (&told, command, why) {
            (Some(told), ..) => Some(told.clone()),
            // These have no place for a reason of their own.
            (None, Command::Handoff(_) | Command::Incident(Incident::Assign { .. }), Some(why)) => Some(why.to_owned()),
            _ => None,
        };
        if let (Some(text), Some(named)) = (note, concerned(command)) {
            let incident = self.open_incident(named).await?;
            self.submit(&who.actor, incident, None, incident::decide::Command::Note { text }).await?;
        }
        Ok(told)
    }

    /// Whether somebody may say this to a run as it stands, by what `people.yaml` says now. What is agreed to is pinned to the
    /// step that was looked at.
    ///
    /// # Errors
    /// Why not, and who may.
    pub(super) async fn permit(&self, who: &Identity, run: &RunId, mut said: Said) -> Result<(Actor, Said), String> {
        let people = self.people();
        let who = people.again(who);
        let why = match &said {
            Said::BreakGlass { why, .. } | Said::Override { why, .. } => Some(why.clone()),
            _ => None,
        };
        let mut right = of_said(&said);
        if let Some((step, waits)) = about_an_act(&mut said) {
            let engine = self.engine().map_err(|fault| fault.to_string())?;
            let state = engine.run_state(run).await.map_err(|error| error.to_string())?;
            if let Some(position) = asked_about(&state, step.as_deref(), waits) {
                *step = Some(state.step(position).id.clone());
                right = sharpened(right, &state, position);
                let several = matches!(state.steps[position].stage, Stage::Approval { quorum: 2.., .. });
                if matches!(said, Said::Approve { .. }) && several && !people.is_usable() {
                    return Err(words::UNCOUNTABLE.to_owned());
                }
            }
        }
        weigh(&people, &who, name_of(&said), right, why.as_deref())?;
        Ok((who.actor, said))
    }

    /// Whether somebody may do something, why not, and who could.
    ///
    /// # Errors
    /// No command is called that.
    pub async fn can_i(&self, who: &Identity, asked: &CanI) -> Result<Answered, Fault> {
        let command = named(&asked.what).map_err(Fault::Usage)?;
        let (name, mut right) = need(&command);
        let people = self.people();
        let who = &people.again(who);
        let mut lines = Vec::new();
        let mut barred = false;
        if let Command::Approve(said) = &command {
            match self.asked_step(said).await {
                Some((state, position)) => {
                    right = sharpened(right, &state, position);
                    (barred, lines) = policy(&who.actor, &state, position, said.break_glass);
                }
                None => lines.push("No step waits for that now; a target's own rule is told when one does".to_owned()),
            }
        }
        let (verdict, entitled) = (who.may(right), people.entitled(right));
        let first = match &verdict {
            Verdict::Allowed if barred => words::barred(name, who),
            verdict => words::answer(name, who, verdict, right, &entitled),
        };
        lines.insert(0, first);
        Ok(Answered { yes: verdict.rank() > 0 && !barred, lines })
    }

    /// The step that an approval is about, where a run waits for one.
    async fn asked_step(&self, said: &Approve) -> Option<(State, usize)> {
        if !self.journal_file.exists() {
            return None;
        }
        let run = self.open_run(said.run.as_ref()).await.ok()?;
        let state = self.engine().ok()?.run_state(&run).await.ok()?;
        let position = asked_about(&state, said.step.as_deref(), waits_for_approval)?;
        Some((state, position))
    }
}

/// Which stage an answer is for.
type Waits = fn(&Stage) -> bool;

/// Of what lets a step act: the step it names, and how that step waits for it.
fn about_an_act(said: &mut Said) -> Option<(&mut Option<String>, Waits)> {
    match said {
        Said::Approve { step } | Said::BreakGlass { step, .. } => Some((step, waits_for_approval)),
        Said::Settle { step, verdict: DoubtVerdict::RunAgain, .. } => Some((step, |stage| {
            matches!(stage, Stage::Probing { .. } | Stage::Asking { question: Question::Doubt { .. }, .. })
        })),
        Said::Retry { step } => Some((step, |stage| {
            matches!(stage, Stage::Resting { .. } | Stage::Blocked(_))
                || matches!(stage, Stage::Asking { question: Question::Failure { .. }, .. })
        })),
        _ => None,
    }
}

fn waits_for_approval(stage: &Stage) -> bool {
    matches!(stage, Stage::Approval { .. })
}

/// What goes on record where a reason carries it, nothing where nothing is in the way, or why not.
fn weigh(
    people: &People,
    who: &Identity,
    name: &str,
    right: Right,
    why: Option<&str>,
) -> Result<Option<String>, String> {
    match (who.may(right), why) {
        (Verdict::Allowed, _) => Ok(None),
        (Verdict::WithReason(_), Some(why)) => Ok(Some(words::beyond(name, who, right, why))),
        (Verdict::WithReason(short), None) => {
            Err(words::reason_wanted(name, who, short, right, &people.entitled(right)))
        }
        (Verdict::Refused(short), _) => Err(words::refusal(name, who, short, right, &people.entitled(right))),
    }
}

/// The step that waits like that: the one that was named, or the first.
fn asked_about(state: &State, step: Option<&str>, waits: Waits) -> Option<usize> {
    let fits = |position: &usize| waits(&state.steps[*position].stage);
    match step {
        Some(id) => state.plan.position(id).filter(fits),
        None => state.active().find(fits),
    }
}

/// The right for what a step really does: more where it cannot be taken back.
fn sharpened(right: Right, state: &State, position: usize) -> Right {
    let action = state.steps[position].action.as_deref();
    match right {
        _ if !action.is_some_and(|action| state.plan.inventory.irreversible(action)) => right,
        Right::PassGuard => Right::PassGuardIrreversible,
        _ => Right::ApproveIrreversible,
    }
}

impl Standing for Bot {
    /// Somebody whose role was taken between the approval and the act. A role that a door lends (a Discord role) cannot be looked up
    /// from here; neither can an account that is not named.
    fn lost(&self, state: &State, position: usize, person: &Person) -> Option<String> {
        let right = sharpened(Right::Approve, state, position);
        let may = self.people().by_name(person, right)?;
        (!may).then(|| words::lost(person, right))
    }
}

/// What the target's own rule says to somebody who wants to approve; whether it keeps them from it.
fn policy(who: &Actor, state: &State, position: usize, glass: bool) -> (bool, Vec<String>) {
    let step = &state.step(position).id;
    let open = waiting(state);
    let Some(wait) = open.iter().find(|wait| wait.step == *step) else { return (false, Vec::new()) };
    let What::Approval { action, given, quorum, approvers, requester, .. } = &wait.what else {
        return (false, Vec::new());
    };
    let mut lines = vec![format!("{} '{step}' waits to {action}: {} of {quorum} agreed", state.id, given.len())];
    let who = who.person();
    if let Some(me) = who.filter(|me| given.contains(me)) {
        lines.push(format!("{me} agreed already, and counts once"));
    }
    if !approvers.is_empty() {
        lines.push(format!("targets.yaml lets {} agree", words::names(approvers)));
    }
    if requester.is_some() && requester.as_ref() == who {
        lines.push("whoever started the run does not count".to_owned());
    }
    let barred = !glass && who.is_some_and(|me| !wait.is_for(me));
    if barred {
        lines.push("so it takes another person, or: rundown approve --break-glass --why TEXT".to_owned());
    }
    (barred, lines)
}

/// The account at the terminal.
#[must_use]
pub fn at_terminal<'a>(login: &'a str, shown: &'a str) -> Account<'a> {
    Account { door: TERMINAL, id: login, shown, roles: &[] }
}

#[cfg(test)]
mod tests;
