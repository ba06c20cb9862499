//! `run` and `do`: what is asked before the first step, and what is said after the last.
//!
//! Lives here: confirmation of the environment, starting and going on. Never lives here: the loop (`run`).

use super::out::{tell, telln, warnln};
use futures::StreamExt as _;
use futures::channel::mpsc;

use super::args::Door;
use super::run::{Left, sit};
use super::{Exit, Terminal, end, keyboard};
use crate::base::event::RunId;
use crate::bot::grammar::{Do, Run};
use crate::bot::library::Planned;
use crate::bot::running::Start;
use crate::bot::{Bot, Fault};
use crate::domain::run::state::State;

type Lines = Option<mpsc::UnboundedReceiver<String>>;

/// `run`.
pub async fn run(bot: &Bot, terminal: &Terminal, door: &Door, run: Run) -> Result<Exit, Fault> {
    if let Some(named) = run.resume {
        let state = bot.resumable(named.as_ref()).await?;
        let lines = terminal.interactive.then(keyboard::lines);
        say(door, &format!("{}  {} ({}), going on", state.id, state.plan.title, state.opened.incident));
        return drive(bot, terminal, door, state, lines).await;
    }
    let name = run.runbook.unwrap_or_default();
    let planned = bot.plan(&name, &run.at.into())?;
    if let Some(from) = &run.from {
        differences(bot, door, &planned, from).await?;
    }
    let start = Start { incident: run.incident, from: run.from, approves: door.approve.clone() };
    begin(bot, terminal, door, planned, start).await
}

/// `do`.
pub async fn single(bot: &Bot, terminal: &Terminal, door: &Door, action: Do) -> Result<Exit, Fault> {
    let incident = action.incident.clone();
    let planned = bot.single(action)?;
    let start = Start { incident, from: None, approves: door.approve.clone() };
    begin(bot, terminal, door, planned, start).await
}

async fn begin(bot: &Bot, terminal: &Terminal, door: &Door, planned: Planned, start: Start) -> Result<Exit, Fault> {
    let mut lines: Lines = terminal.interactive.then(keyboard::lines);
    if planned.plan.inventory.confirm && !door.yes {
        confirm(terminal, &planned, &mut lines).await?;
    }
    let run = bot.start(&terminal.who.actor, &planned, start).await?;
    let state = bot.state(&run).await?;
    say(
        door,
        &format!(
            "{run}  {} on {} ({})",
            terminal.paint.bold(&planned.plan.title),
            planned.plan.inventory.environment,
            state.opened.incident
        ),
    );
    drive(bot, terminal, door, state, lines).await
}

fn say(door: &Door, text: &str) {
    if !door.json {
        telln!("{text}");
    }
}

/// Says what an edited runbook changes compared to the run it follows.
async fn differences(bot: &Bot, door: &Door, planned: &Planned, from: &str) -> Result<(), Fault> {
    let Some(old) = bot.last_run_of(&planned.plan.runbook).await? else { return Ok(()) };
    let lines = crate::bot::library::differences(&old.plan, &planned.plan);
    if door.json {
        return Ok(());
    }
    telln!("Starting at '{from}'. Compared to {}:", old.id);
    if lines.is_empty() {
        telln!("  nothing that a review must see");
    }
    lines.iter().for_each(|line| telln!("  {line}"));
    Ok(())
}

/// Asks whether the run may touch this environment.
async fn confirm(terminal: &Terminal, planned: &Planned, lines: &mut Lines) -> Result<(), Fault> {
    let environment = &planned.plan.inventory.environment;
    let title = &planned.plan.title;
    let Some(lines) = lines else {
        return Err(Fault::NeedsHuman(format!(
            "runs on {environment} are confirmed first, and nobody sits here: add --yes to confirm '{title}'"
        )));
    };
    tell!("{} ", terminal.paint.ask(&format!("Run '{title}' on {environment}? [y/N]")));
    drop(std::io::Write::flush(&mut std::io::stdout()));
    let answer = lines.next().await.unwrap_or_default().trim().to_lowercase();
    if answer == "y" || answer == "yes" {
        return Ok(());
    }
    Err(Fault::NeedsHuman("not confirmed; nothing was started".to_owned()))
}

async fn drive(bot: &Bot, terminal: &Terminal, door: &Door, state: State, mut lines: Lines) -> Result<Exit, Fault> {
    let (state, exit) = drive_one(bot, terminal, door, state, &mut lines).await?;
    let next = match bot.follow_up(&state).await {
        Ok(Some(next)) => bot.state(&next).await?,
        Ok(None) => return Ok(exit),
        // The run is over and did what it should: that its follow-up could not begin changes nothing about that.
        Err(fault) => {
            warnln!("what follows {} could not begin: {fault}", state.id);
            return Ok(exit);
        }
    };
    let phases: Vec<_> =
        next.plan.phases.iter().filter(|phase| phase.covered).map(|phase| phase.title.as_str()).collect();
    let (id, phases) = (&next.id, phases.join(", "));
    if !terminal.interactive {
        // Whoever waits for this command waits for the run, not for two quiet days.
        say(door, &format!("{id} follows by itself: {phases}. It goes on with: rundown run --resume {id}"));
        return Ok(exit);
    }
    say(door, &format!("\n{id} follows by itself: {phases}. Ctrl-C leaves it; rundown run --resume {id} goes on."));
    drive_one(bot, terminal, door, next, &mut lines).await?;
    Ok(exit)
}

async fn drive_one(
    bot: &Bot,
    terminal: &Terminal,
    door: &Door,
    state: State,
    lines: &mut Lines,
) -> Result<(State, Exit), Fault> {
    let run: RunId = state.id.clone();
    let left = sit(bot, terminal, door, &state, lines.as_mut()).await?;
    let state = bot.state(&run).await?;
    let anchor = bot.anchor().await?;
    let text = end::text(&state, &left, &anchor.to_string(), terminal);
    if door.json {
        if matches!(left, Left::NeedsHuman) {
            warnln!("{}", text.trim_end());
        }
    } else {
        tell!("{text}");
    }
    Ok((state, end::exit(&left)))
}
