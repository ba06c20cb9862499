//! The terminal: arguments in, text out, exit codes.
//!
//! Lives here: reading the command line, asking at a prompt, showing answers. Never lives here: what a command does
//! (`bot`), the wording of facts (`view`).

pub mod args;
mod begin;
mod end;
mod health;
mod json;
mod keyboard;
mod paint;
mod prompt;
mod run;
mod screen;
mod show;
mod signals;

use std::io::IsTerminal as _;

use args::{Args, Colour, Door, Verb};
use paint::Paint;

use crate::base::event::Actor;
use crate::bot::grammar::{Command, Incident, Runbook};
use crate::bot::library::Checks;
use crate::bot::{Bot, Fault};

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
    /// Who sits here.
    pub me: Actor,
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
    pub fn new(me: Actor, door: &Door, no_color: bool) -> Self {
        let out = std::io::stdout().is_terminal();
        let on = match door.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => out && !no_color && !door.json,
        };
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).clamp(40, 120);
        let interactive = out && std::io::stdin().is_terminal() && !door.json;
        Self { me, interactive, paint: Paint { on }, width }
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
        Verb::Bot(command) => command,
    };
    let me = &terminal.me;
    let show = show::Show { paint: terminal.paint, width: terminal.width, json: door.json, now: bot.clock().now() };
    match command {
        Command::Check(check) | Command::Runbook(Runbook::Check(check)) => checked(&show, bot.library().check(&check)?),
        Command::Plan(plan) | Command::Runbook(Runbook::Plan(plan)) => {
            show.text(&bot.library().plan_text(&plan.runbook, &plan.at.into())?)
        }
        Command::Run(run) | Command::Runbook(Runbook::Run(run)) => begin::run(bot, terminal, &door, run).await,
        Command::Do(action) => begin::single(bot, terminal, &door, action).await,
        Command::Runbook(Runbook::List) => show.runbooks(&bot.library().list()?),
        Command::Runbook(Runbook::Show { runbook }) => show.text(&bot.library().page(&runbook)?.source),
        Command::Runbook(Runbook::Diff(diff)) => {
            show.lines(&bot.library().diff(&diff)?, "nothing that a review must see")
        }
        Command::Runbook(Runbook::Status { run }) => show.run(&bot.run_status(run.as_ref()).await?),
        Command::Runbook(Runbook::Health(asked)) => show.health(&bot.health(&asked).await?),
        Command::Runbook(verb) => match crate::bot::steer::steering(&verb) {
            Some(said) => show.written(&bot.steer(me, said).await?),
            None => Err(Fault::Usage("this is no way to steer a run".to_owned())),
        },
        Command::Approve(said) => show.written(&bot.say(me, said).await?),
        Command::Reject(said) => show.written(&bot.say(me, said).await?),
        Command::Decide(said) => show.written(&bot.say(me, said).await?),
        Command::Answer(said) => show.written(&bot.say(me, said).await?),
        Command::Done(said) => show.written(&bot.say(me, said).await?),
        Command::Settle(said) => show.written(&bot.say(me, said).await?),
        Command::Override(said) => show.written(&bot.say(me, said).await?),
        Command::Tick(tick) => show.written(&bot.tick(me, tick).await?),
        Command::Incident(Incident::Note(note)) | Command::Note(note) => show.incident(bot.note(me, note).await?),
        Command::Incident(verb) => show.incident(bot.incident(me, verb).await?),
        Command::Postmortem(asked) => show.postmortem(bot.postmortem(asked).await?),
        Command::Timeline(asked) => show.timeline(&bot.timeline(&asked).await?),
        Command::Verify(asked) => show.verified(&bot.verify(&asked).await?),
        Command::Purge(asked) => {
            let (number, kind) = bot.purge(me, &asked).await?;
            show.text(&format!("erased what #{number} ({kind}) said; that it was there, who erased it and why stay\n"))
        }
        Command::Schema => show.text(&crate::bot::library::schema()?),
        Command::Rehearse(asked) if asked.record.is_some() => show.taken(&bot.record(&asked).await?),
        Command::Rehearse(asked) => {
            show.rehearsed(&crate::bot::rehearsing::rehearsals(bot.library(), &asked, show.now)?)
        }
    }
}

fn checked(show: &show::Show, checks: Checks) -> Result<Exit, Fault> {
    for check in &checks.pages {
        print!("{}", check.rendered(show.paint.on));
    }
    let faulty = checks.pages.iter().filter(|page| !page.faults.is_empty()).count();
    let faults: usize = checks.pages.iter().map(|page| page.faults.len()).sum();
    let pages = match checks.pages.len() {
        1 => "1 runbook".to_owned(),
        several => format!("{several} runbooks"),
    };
    if faults == 0 {
        println!("{pages} checked, no faults");
        return Ok(Exit::Succeeded);
    }
    let unreadable = checks.pages.iter().any(|page| page.faults.iter().any(|fault| fault.code == "unreadable"));
    println!("{pages} checked, {faults} fault{} in {faulty}", if faults == 1 { "" } else { "s" });
    Ok(if unreadable { Exit::Usage } else { Exit::Failed })
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Fault> {
    let mut command = <Args as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "rundown", &mut std::io::stdout());
    Ok(Exit::Succeeded)
}
