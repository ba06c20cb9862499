//! A run in front of a person, or of nobody: driving it, showing it, asking, leaving.
//!
//! Lives here: the loop that brings driver, screen, keyboard and signals together. Never lives here: what a typed line
//! means (`prompt`), how things look (`screen`), what follows from an answer (the run).

use super::out::{telln, warnln};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, select_biased};

use super::Terminal;
use super::args::Door;
use super::json;
use super::prompt::{Look, Prompt, Reading};
use super::screen::Screen;
use super::signals::{Signal, signals};
use crate::base::event::{Person, Recorded, RunId};
use crate::bot::running::{Live, Observer, Stopped};
use crate::bot::waiting::{Waiting, What, waiting};
use crate::bot::{Bot, Fault};
use crate::domain::people::Identity;
use crate::domain::run::event::{Outcome, Question};
use crate::domain::run::input::{Command, Refusal};
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;

/// How long a run that the system wants gone may take to come to rest.
const LEAVE_WITHIN: TimeDelta = TimeDelta::seconds(2);
/// How often bars move on.
const TICK: TimeDelta = TimeDelta::seconds(1);

/// How a run was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// It is over.
    Over(Outcome),
    /// It is held up, by whoever.
    Paused,
    /// Only a person can go on, and nobody sits here.
    NeedsHuman,
    /// This process leaves it as it is; `sent` names what is under way without an answer.
    Abandoned {
        /// The step, where something is under way.
        sent: Option<String>,
    },
}

/// Looks on for the loop: draws, and keeps the last state.
struct Seat<'a> {
    bot: &'a Bot,
    json: bool,
    shared: Mutex<Shared>,
    changed: mpsc::UnboundedSender<()>,
}

struct Shared {
    screen: Screen,
    state: Option<State>,
    prompt: Option<Prompt>,
    /// A command of this terminal is on its way.
    in_flight: bool,
    /// Who brought the last events about, where another person did.
    other: Option<Person>,
    me: Person,
}

impl Seat<'_> {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // The loop is gone only when nobody is left to wake.
        drop(self.changed.unbounded_send(()));
    }
}

impl Observer for Seat<'_> {
    fn found(&self, state: &State) {
        let now = self.bot.clock().now();
        let mut shared = self.shared();
        if !self.json {
            shared.screen.found(state, now);
        }
        shared.state = Some(state.clone());
        drop(shared);
        self.wake();
    }

    fn events(&self, state: &State, events: &[Recorded<Fact>]) {
        if events.is_empty() {
            return;
        }
        let now = self.bot.clock().now();
        let mut shared = self.shared();
        for recorded in events {
            match recorded.head.actor.person() {
                Some(person) if *person == shared.me => shared.in_flight = false,
                Some(person) => shared.other = Some(person.clone()),
                None => {}
            }
        }
        if self.json {
            events.iter().for_each(|recorded| telln!("{}", json::line(recorded)));
        } else {
            shared.screen.events(state, events, now);
        }
        shared.state = Some(state.clone());
        drop(shared);
        self.wake();
    }

    fn live(&self, live: Live<'_>) {
        if self.json {
            return;
        }
        let mut shared = self.shared();
        match live {
            Live::Line { step, text } => shared.screen.program_line(step, text, self.bot.clock().now()),
            Live::Sample { step, at, values } => shared.screen.sample(step, at, values),
        }
    }

    fn refused(&self, refusal: &Refusal) {
        let mut shared = self.shared();
        shared.in_flight = false;
        if self.json {
            warnln!("{refusal}");
        } else {
            shared.screen.print(&format!("    {refusal}"));
        }
        drop(shared);
        self.wake();
    }

    fn trouble(&self, text: &str) {
        warnln!("the journal could not be written, trying again: {text}");
    }
}

/// Everything the loop turns over.
pub struct Sitting<'a> {
    bot: &'a Bot,
    terminal: &'a Terminal,
    door: &'a Door,
    run: RunId,
    commands: mpsc::UnboundedSender<(Identity, Command)>,
    /// Answers that were given without asking: never twice.
    given: BTreeSet<(String, u32, u32, &'static str)>,
}

/// Drives a run from this terminal until it is over, held up, left, or (where nobody sits here) needs a person.
///
/// # Errors
/// Another process drives it, the journal, no signals can be caught.
pub async fn sit(
    bot: &Bot,
    terminal: &Terminal,
    door: &Door,
    state: &State,
    lines: Option<&mut mpsc::UnboundedReceiver<String>>,
) -> Result<Left, Fault> {
    let (commands, receiver) = mpsc::unbounded();
    let (changed, mut news) = mpsc::unbounded();
    let actor = &terminal.who.actor;
    let me = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
    let zone = crate::base::schedule::zone(&state.plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
    let screen = Screen::new(terminal.interactive, terminal.paint, terminal.width, zone, me.clone());
    let shared = Shared { screen, state: None, prompt: None, in_flight: false, other: None, me: me.clone() };
    let seat = Seat { bot, json: door.json, shared: Mutex::new(shared), changed };
    let look = Look { paint: terminal.paint, width: terminal.width, zone };
    let mut sitting = Sitting { bot, terminal, door, run: state.id.clone(), commands, given: BTreeSet::new() };
    if state.paused.is_some() {
        // Written down before anybody drives: a driver leaves a run that is held up.
        let resumed = bot.steer(&terminal.who, (Some(state.id.clone()), Command::Resume)).await?;
        if door.json {
            resumed.facts.iter().for_each(|recorded| telln!("{}", json::line(recorded)));
        }
    }
    let mut signals = signals().map_err(|error| Fault::Failed(format!("signals cannot be caught: {error}")))?.fuse();
    let mut lines: BoxStream<'_, String> =
        lines.map_or_else(|| futures::stream::pending().boxed(), |lines| lines.boxed());
    let mut driving = Box::pin(bot.drive(&state.id, receiver, &seat).fuse());
    let mut tick = bot.clock().sleep_until(bot.clock().now() + TICK).fuse();
    let mut leave = futures::future::pending().boxed().fuse();
    let mut leaving = false;
    loop {
        select_biased! {
            stopped = driving => {
                seat.shared().screen.close();
                return Ok(match stopped? {
                    Stopped::Over(outcome) => Left::Over(outcome),
                    Stopped::Paused | Stopped::Left => Left::Paused,
                    Stopped::NeedsHuman => Left::NeedsHuman,
                });
            }
            signal = signals.select_next_some() => {
                if leaving {
                    return Ok(sitting.abandon(&seat));
                }
                leaving = true;
                sitting.begin_to_leave(&seat, signal);
                if signal == Signal::Terminate {
                    leave = bot.clock().sleep_until(bot.clock().now() + LEAVE_WITHIN).fuse();
                }
            }
            () = leave => return Ok(sitting.abandon(&seat)),
            () = news.select_next_some() => {
                if !leaving && sitting.follow(&seat, &me, look) {
                    seat.shared().screen.close();
                    return Ok(Left::NeedsHuman);
                }
            }
            line = lines.next().fuse() => match line {
                Some(line) => sitting.typed(&seat, &line, &me, look),
                // Nobody types any more; others may still answer.
                None => lines = futures::stream::pending().boxed(),
            },
            () = tick => {
                seat.shared().screen.tick(bot.clock().now());
                tick = bot.clock().sleep_until(bot.clock().now() + TICK).fuse();
            }
        }
    }
}

impl Sitting<'_> {
    fn send(&self, seat: &Seat<'_>, command: Command) {
        seat.shared().in_flight = true;
        // A driver that is gone ends the loop by itself.
        drop(self.commands.unbounded_send((self.terminal.who.clone(), command)));
    }

    /// Answers what may be answered without asking, asks the rest. `true`: nobody here can.
    fn follow(&mut self, seat: &Seat<'_>, me: &Person, look: Look) -> bool {
        let (state, in_flight) = {
            let shared = seat.shared();
            (shared.state.clone(), shared.in_flight)
        };
        let Some(state) = state else { return false };
        let open = waiting(&state);
        self.withdraw(seat, &open, me, look);
        if in_flight {
            return false;
        }
        for waiting in &open {
            if let Some(command) = self.automatic(&state, waiting) {
                self.send(seat, command);
                return false;
            }
        }
        if self.terminal.interactive {
            self.ask(seat, &open, me, look);
            return false;
        }
        if self.door.wait {
            self.announce(seat, &open);
        }
        state.waits_for_human() && !self.door.wait
    }

    /// What the flags answer.
    fn automatic(&mut self, state: &State, waiting: &Waiting) -> Option<Command> {
        let step = Some(waiting.step.clone());
        let (command, kind) = match &waiting.what {
            What::Question { question: Question::Branch { cases }, .. } if self.door.yes => {
                let case = cases.iter().find(|case| case.recommended && case.fits)?.id.clone();
                (Command::Choose { step, case, why: None }, "decide")
            }
            What::Approval { .. } => {
                let named = self.door.approve.iter().any(|named| named == "all" || *named == waiting.step);
                // What cannot be taken back is agreed to by somebody who sees it.
                let action = state.plan.position(&waiting.step).and_then(|at| state.steps[at].action.as_deref());
                let for_good = action.is_some_and(|action| state.plan.inventory.irreversible(action));
                ((named && !for_good).then_some(Command::Approve { step })?, "approve")
            }
            _ => return None,
        };
        self.given.insert((waiting.step.clone(), waiting.visit, waiting.attempt, kind)).then_some(command)
    }

    /// Takes a question back that is settled, and says who settled it.
    fn withdraw(&self, seat: &Seat<'_>, open: &[Waiting], me: &Person, look: Look) {
        let mut shared = seat.shared();
        let Some(prompt) = &shared.prompt else { return };
        if open.iter().any(|waiting| prompt.is_about(waiting)) {
            let again = prompt.last_line(me, look.paint);
            if shared.screen.was_disturbed() {
                shared.screen.ask(&again);
            }
            return;
        }
        shared.prompt = None;
        let who = shared
            .other
            .take()
            .map_or_else(|| "no longer asked".to_owned(), |who| format!("answered by {who}, elsewhere"));
        let who = look.paint.dim(&format!("  ({who})"));
        shared.screen.print(&who);
        shared.screen.answered();
    }

    /// Says once what others have to answer.
    fn announce(&mut self, seat: &Seat<'_>, open: &[Waiting]) {
        for waiting in open {
            let fresh = self.given.insert((waiting.step.clone(), waiting.visit, waiting.attempt, "announced"));
            if fresh && !self.door.json {
                seat.shared().screen.print(&super::end::wanted(waiting, self.terminal));
            }
        }
    }

    fn ask(&self, seat: &Seat<'_>, open: &[Waiting], me: &Person, look: Look) {
        let mut shared = seat.shared();
        if shared.prompt.is_some() {
            return;
        }
        let Some(next) = open.iter().find(|waiting| waiting.is_for(me)).or(open.first()) else { return };
        let prompt = Prompt::new(next.clone());
        let text = prompt.text(me, self.bot.clock().now(), look);
        shared.other = None;
        shared.screen.ask(&format!("\n{text}"));
        shared.prompt = Some(prompt);
    }

    fn typed(&self, seat: &Seat<'_>, line: &str, me: &Person, look: Look) {
        let reading = {
            let mut shared = seat.shared();
            // What is typed while nothing is asked answers nothing.
            let Some(prompt) = &mut shared.prompt else { return };
            let reading = prompt.read(line, me, look.paint);
            match &reading {
                Reading::Say(text) => shared.screen.ask(text),
                Reading::Command(_) => {
                    shared.prompt = None;
                    shared.screen.answered();
                }
            }
            reading
        };
        if let Reading::Command(command) = reading {
            self.send(seat, command);
        }
    }

    fn begin_to_leave(&self, seat: &Seat<'_>, signal: Signal) {
        {
            let mut shared = seat.shared();
            if shared.prompt.take().is_some() {
                telln!();
                shared.screen.answered();
            }
            let under_way = under_way(shared.state.as_ref());
            if !self.door.json {
                let wait = under_way.map_or(String::new(), |title| {
                    format!(" once '{title}' has been answered; Ctrl-C again leaves at once")
                });
                shared.screen.print(&format!("Pausing {}{wait}.", self.run));
            }
        }
        let why = match signal {
            Signal::Interrupt => "Ctrl-C",
            Signal::Terminate => "the process was told to end",
        };
        self.send(seat, Command::Pause { why: Some(why.to_owned()) });
    }

    fn abandon(&self, seat: &Seat<'_>) -> Left {
        let mut shared = seat.shared();
        shared.screen.close();
        Left::Abandoned { sent: under_way(shared.state.as_ref()) }
    }
}

/// The heading of a step that was sent and not answered.
fn under_way(state: Option<&State>) -> Option<String> {
    let state = state?;
    state
        .active()
        .find(|position| state.steps[*position].stage.under_way())
        .map(|position| state.step(position).title.clone())
}
