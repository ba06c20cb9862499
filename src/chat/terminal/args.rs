//! The command line: the bot's grammar with what only a terminal has around it.
//!
//! Lives here: flags about this terminal and this process. Never lives here: commands that a chat has as well.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::bot::grammar::Command;

/// Runs on-call runbooks step by step, asks humans where humans must decide, and writes the postmortem.
#[derive(Clone, Debug, Parser, PartialEq)]
#[command(
    name = "rundown",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 succeeded, 1 failed, 2 bad usage or a runbook with faults, 3 needs a human.\n\
                  Try it with nothing installed: rundown rehearse"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// What only a terminal has.
    #[command(flatten)]
    pub door: Door,
}

/// The bot's commands, and those that make sense at a terminal only.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Verb {
    /// The bot's.
    #[command(flatten)]
    Bot(Command),
    /// Serve: drive every open run, and answer in Discord, until it is told to stop.
    Serve,
    /// Say what is wrong before the night it matters: settings, journal, runbooks, targets, Railway, Discord, clock.
    ///
    /// Changes nothing. Every address is asked once, the heartbeat's too. Exits with 1 where something is wrong.
    Doctor {
        /// The environment whose targets are asked; the default one where left out.
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
    },
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// What only a terminal has.
#[derive(Clone, ClapArgs, Debug, Default, PartialEq)]
#[command(next_help_heading = "At this terminal")]
pub struct Door {
    /// Confirm what is asked before the first step, and take recommended cases. Never approves anything.
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Approve this step (or `all`) as the person who runs it, as far as the policy lets them.
    #[arg(long, global = true, value_name = "STEP")]
    pub approve: Vec<String>,
    /// Where nobody sits here, wait for answers from other terminals instead of leaving with exit code 3.
    #[arg(long, global = true)]
    pub wait: bool,
    /// Print every event as one line of JSON, and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
    /// The journal's file [default: .rundown/journal.db, or RUNDOWN_JOURNAL].
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// The folder of runbooks and targets.yaml [default: ./runbooks, or those inside the program].
    #[arg(long, global = true, value_name = "DIR")]
    pub runbooks: Option<PathBuf>,
    /// The settings of `serve` [default: ./rundown.toml where it is there, or RUNDOWN_CONFIG].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Who you are [default: RUNDOWN_PERSON, or your account]; the account is recorded with it.
    // Not under the field's name: a command's own `person` would be taken for it.
    #[arg(id = "as", long = "as", global = true, value_name = "NAME")]
    pub person: Option<String>,
    /// Colours.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: Colour,
    /// Say more about what happens inside; twice for even more. RUST_LOG says it exactly.
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// At a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use clap::{Command as Clap, CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn no_command_has_an_argument_that_is_taken_for_one_of_the_terminals() {
        fn walk(node: &Clap, globals: &[String], path: &str, found: &mut Vec<String>) {
            for next in node.get_subcommands() {
                let path = format!("{path} {}", next.get_name());
                let own = next.get_arguments().map(|arg| arg.get_id().to_string());
                found.extend(own.filter(|id| globals.contains(id)).map(|id| format!("{path}: {id}")));
                walk(next, globals, &path, found);
            }
        }
        let tree = Args::command();
        let globals: Vec<String> =
            tree.get_arguments().filter(|arg| arg.is_global_set()).map(|arg| arg.get_id().to_string()).collect();
        let mut found = Vec::new();
        walk(&tree, &globals, "rundown", &mut found);
        assert!(globals.len() > 5 && found.is_empty(), "{found:?}");
        let args = Args::parse_from(["rundown", "incident", "assign", "commander", "Ben"]);
        assert_eq!(args.door.person, None, "whom a task is given to is not who gives it");
    }
}
