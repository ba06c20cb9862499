//! The terminal: arguments in, text out, exit codes.
//!
//! Lives here: reading the command line, asking at a prompt, showing answers. Never lives here: what a command does
//! (`bot`), the wording of facts (`view`).

pub mod args;
mod backup;
mod begin;
mod digests;
mod end;
mod findings;
mod freezing;
mod health;
mod json;
mod keyboard;
mod monitors;
mod oncall;
mod out;
mod overview;
mod paging;
pub mod paint;
mod prompt;
mod run;
mod screen;
mod sessions;
mod show;
pub mod signals;
mod watched;

use out::{tell, telln, warnln};
use std::io::IsTerminal as _;

use args::{Args, Colour, Door, Verb};
use futures::StreamExt as _;
use paint::Paint;
use signals::signals;

use crate::bot::grammar::{Command, Incident, Rehearse, Runbook};
use crate::bot::library::Checks;
use crate::bot::rights::need;
use crate::bot::{Bot, Fault};
use crate::domain::people::{Identity, Right};

/// How a command ended, as scripts read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It succeeded.
    Succeeded = 0,
    /// It failed.
    Failed = 1,
    /// What was asked for cannot be, or the runbook has faults.
    Usage = 2,
    /// Only a person can go on.
    NeedsHuman = 3,
}

impl From<&Fault> for Exit {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Usage(_) => Self::Usage,
            Fault::Failed(_) => Self::Failed,
            Fault::NeedsHuman(_) => Self::NeedsHuman,
        }
    }
}

/// Who and what is on the other side of the glass.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// Who sits here, and what they are.
    pub who: Identity,
    /// What they must know about how they are seen; said with whatever is more than looking.
    pub told: Vec<String>,
    /// Whether somebody can be asked: input and output are a terminal, and nobody asked for JSON.
    pub interactive: bool,
    /// Colours of standard output.
    pub paint: Paint,
    /// Columns.
    pub width: usize,
}

impl Terminal {
    /// Looks at what the process is connected to. `no_color` is whether `NO_COLOR` is set.
    #[must_use]
    pub fn new(who: Identity, told: Vec<String>, door: &Door, no_color: bool) -> Self {
        let out = std::io::stdout().is_terminal();
        let on = match door.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => out && !no_color && !door.json,
        };
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).clamp(40, 120);
        let interactive = out && std::io::stdin().is_terminal() && !door.json;
        Self { who, told, interactive, paint: Paint { on }, width }
    }
}

/// Carries out a command and shows what came of it. Faults are for standard error.
///
/// # Errors
/// What goes wrong, in a sentence.
pub async fn carry_out(bot: &Bot, terminal: &Terminal, args: Args) -> Result<Exit, Fault> {
    let Args { verb, door } = args;
    let command = match verb {
        Verb::Completions { shell } => return completions(shell),
        // Whoever wires the program serves: a terminal has no part in it.
        Verb::Serve => return Err(Fault::Usage("serving is not a terminal's business".to_owned())),
        Verb::Doctor { .. } => return Err(Fault::Usage("whoever wires the program examines it".to_owned())),
        Verb::Bot(command) => command,
    };
    let (who, me) = (&terminal.who, &terminal.who.actor);
    if need(&command).1 != Right::Look {
        terminal.told.iter().for_each(|told| warnln!("{told}"));
    }
    if let Some(told) = bot.admit(who, &command).await? {
        warnln!("on record: {told}");
    }
    let show = show::Show { paint: terminal.paint, width: terminal.width, json: door.json, now: bot.clock().now() };
    match command {
        Command::Check(check) | Command::Runbook(Runbook::Check(check)) => checked(&show, bot.library().check(&check)?),
        Command::Plan(plan) | Command::Runbook(Runbook::Plan(plan)) => {
            show.text(&bot.library().plan_text(&plan.runbook, &plan.at.clone().into())?)?;
            match bot.freezes(plan.at.env.as_deref()).await {
                Ok(frozen) => show.frozen_below(&frozen),
                // A plan needs no journal; that one cannot be read must not keep it from being shown.
                Err(fault) => show.text(&format!("\nwhat is frozen cannot be told: {fault}")),
            }
        }
        Command::Run(run) | Command::Runbook(Runbook::Run(run)) => begin::run(bot, terminal, &door, run).await,
        Command::Do(action) => begin::single(bot, terminal, &door, action).await,
        Command::Runbook(Runbook::List) => show.runbooks(&bot.library().list()?),
        Command::Runbook(Runbook::Show { runbook }) => show.text(&bot.library().page(&runbook)?.source),
        Command::Runbook(Runbook::Diff(diff)) => {
            show.lines(&bot.library().diff(&diff)?, "nothing that a review must see")
        }
        Command::Runbook(Runbook::Status { run }) => {
            let state = bot.run_status(run.as_ref()).await?;
            show.run(&state)?;
            // A run may be looked at where its environment is not known any more.
            show.frozen_below(&bot.freezes(Some(&state.opened.environment)).await.unwrap_or_default())
        }
        Command::Runbook(Runbook::Health(asked)) => show.health(&bot.health(&asked).await?),
        Command::Runbook(verb) => match crate::bot::steer::steering(&verb) {
            Some(said) => show.written(&bot.steer(who, said).await?),
            None => Err(Fault::Usage("this is no way to steer a run".to_owned())),
        },
        Command::Now(asked) => show.going(&bot.now(&asked).await?),
        Command::Health(asked) => show.conditions(&bot.conditions(&asked).await?),
        Command::Oncall(verb) => oncall::carry_out(bot, me, &show, verb).await,
        Command::Digest(asked) => digests::digest(&show, &bot.digest(asked.name()).await?),
        Command::Stop(asked) => show.stopped(&bot.stop_all(who, &asked).await?),
        Command::Page(verb) => show.paged(&bot.paging(me, verb).await?),
        Command::Approve(said) => show.written(&bot.say(who, said).await?),
        Command::Reject(said) => show.written(&bot.say(who, said).await?),
        Command::Decide(said) => show.written(&bot.say(who, said).await?),
        Command::Answer(said) => show.written(&bot.say(who, said).await?),
        Command::Done(said) => show.written(&bot.say(who, said).await?),
        Command::Settle(said) => show.written(&bot.say(who, said).await?),
        Command::Override(said) => show.written(&bot.say(who, said).await?),
        Command::Freeze(asked) if asked.list => show.frozen(&bot.freezes(asked.env.as_deref()).await?),
        Command::Freeze(asked) => show.freeze(&bot.freeze(me, &asked).await?),
        Command::Unfreeze(asked) => show.freeze(&bot.unfreeze(me, &asked).await?),
        Command::Tick(tick) => show.written(&bot.tick(who, tick).await?),
        Command::Incident(Incident::Note(note)) | Command::Note(note) => show.incident(bot.note(me, note).await?),
        Command::Incident(verb) => show.incident(bot.incident(me, verb).await?),
        Command::Monitor(verb) => monitors::carry_out(bot, &show, me, verb).await,
        Command::Hypothesis(verb) => show.incident(bot.hypothesis(me, verb).await?),
        Command::Evidence(said) => show.incident(bot.evidence(me, said).await?),
        Command::Cause(said) => show.incident(bot.cause(me, said).await?),
        Command::Impact(said) => show.incident(bot.impact(me, said).await?),
        Command::Lesson(said) => show.incident(bot.lesson(me, said).await?),
        Command::Recommend(said) => show.incident(bot.recommend(me, said).await?),
        Command::Action(verb) => show.incident(bot.action(me, verb).await?),
        Command::Review(said) => show.incident(bot.review(me, said).await?),
        Command::Withdraw(said) => show.incident(bot.withdraw(me, said).await?),
        Command::Brief(asked) => show.text(&bot.brief(&asked).await?),
        Command::Handoff(asked) => {
            let (outcome, brief) = bot.handoff(me, asked).await?;
            show.incident(outcome)?;
            show.text(&format!("\n{brief}"))
        }
        Command::Similar(asked) => {
            let (incident, alike) = bot.similar(&asked).await?;
            show.similar(&incident, &alike)
        }
        Command::Postmortem(asked) => show.postmortem(bot.postmortem(asked).await?),
        Command::Report(asked) => show.postmortem(bot.report(asked).await?),
        Command::Export(asked) => {
            let exported = bot.export(asked).await?;
            show.lines(&exported.lines(), "")
        }
        Command::Chart(asked) => show.charts(&bot.charts(&asked).await?),
        Command::Login(asked) => sessions::login(bot, who, show, &asked).await,
        Command::CanI(asked) => {
            let answered = bot.can_i(who, &asked).await?;
            answered.lines.iter().for_each(|line| telln!("{}", paint::wrap(line, "", terminal.width)));
            Ok(if answered.yes { Exit::Succeeded } else { Exit::Failed })
        }
        Command::Timeline(asked) => show.timeline(&bot.timeline(&asked).await?),
        Command::Verify(asked) => match &asked.export {
            Some(folder) => show.lines(&crate::bot::export::verify(folder, asked.anchor.as_deref())?, ""),
            None => show.verified(&bot.verify(&asked).await?),
        },
        Command::Backup(asked) => show.backed_up(&bot.backup(&asked).await?),
        Command::Restore(asked) => show.restored(&bot.restore(me, &asked).await?),
        Command::Purge(asked) => {
            let (number, kind) = bot.purge(me, &asked).await?;
            show.text(&format!("erased what #{number} ({kind}) said; that it was there, who erased it and why stay\n"))
        }
        Command::Schema => show.text(&crate::bot::library::schema()?),
        Command::Rehearse(asked) if asked.record.is_some() => show.taken(&bot.record(&asked).await?),
        Command::Rehearse(asked) if asked.live => {
            let parts = (door.person.as_deref(), me.label());
            rehearse_live(bot, terminal, &show, &asked, parts).await
        }
        Command::Rehearse(asked) => {
            show.rehearsed(&crate::bot::rehearsing::rehearsals(bot.library(), &asked, show.now)?)
        }
    }
}

/// Plays a rehearsal over real sockets. Ctrl-C ends the process, and with it all that it listens on.
async fn rehearse_live(
    bot: &Bot,
    terminal: &Terminal,
    show: &show::Show,
    asked: &Rehearse,
    parts: (Option<&str>, &str),
) -> Result<Exit, Fault> {
    let mut tell = |line: &str| telln!("{line}");
    let (rehearsed, shown) = bot.rehearse_live(asked, parts, &mut tell).await?;
    let exit = show.rehearsed(&rehearsed)?;
    if let Some(shown) = shown.filter(|_| asked.stay || terminal.interactive) {
        let mut signals = signals().map_err(|error| Fault::Failed(format!("signals cannot be caught: {error}")))?;
        telln!("\npages stay open at {}; Ctrl-C ends", shown.address);
        signals.next().await;
    }
    Ok(exit)
}

fn checked(show: &show::Show, checks: Checks) -> Result<Exit, Fault> {
    let all = || checks.pages.iter().chain(&checks.people).chain(&checks.oncall).chain(&checks.monitors);
    for check in all() {
        tell!("{}", check.rendered(show.paint.on));
    }
    checks.unasked.iter().for_each(|line| telln!("{line}"));
    let faulty = all().filter(|page| !page.faults.is_empty()).count();
    let faults: usize = all().map(|page| page.faults.len()).sum();
    let files = [
        ("people.yaml", checks.people.is_some()),
        ("oncall.yaml", checks.oncall.is_some()),
        ("monitors.yaml", checks.monitors.is_some()),
    ];
    let files: Vec<&str> = files.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect();
    let beside = match files.split_last() {
        None => String::new(),
        Some((last, [])) => format!(" and {last}"),
        Some((last, rest)) => format!(", {} and {last}", rest.join(", ")),
    };
    let pages = match checks.pages.len() {
        1 => format!("1 runbook{beside}"),
        several => format!("{several} runbooks{beside}"),
    };
    if faults == 0 {
        telln!("{pages} checked, no faults");
        return Ok(Exit::Succeeded);
    }
    let unreadable = all().any(|page| page.faults.iter().any(|fault| fault.code == "unreadable"));
    telln!("{pages} checked, {faults} fault{} in {faulty}", if faults == 1 { "" } else { "s" });
    Ok(if unreadable { Exit::Usage } else { Exit::Failed })
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Fault> {
    let mut command = <Args as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "rundown", &mut std::io::stdout());
    Ok(Exit::Succeeded)
}
