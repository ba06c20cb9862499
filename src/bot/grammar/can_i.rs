//! `can-i …`.
//!
//! Lives here: its arguments, and which command somebody means who names it without everything it takes. Never lives here:
//! the answer (`bot/rights`).

use clap::{Arg, Args, Command as Clap, FromArgMatches, Subcommand};

use super::Command;
use crate::base::text::{nearest, one_line};

/// `can-i WHAT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct CanI {
    /// A command as you would say it; what it takes may be left out: `approve restart`, `incident resolve`.
    #[arg(required = true, num_args = 1.., value_name = "WHAT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub what: Vec<String>,
}

/// The command that somebody names. What it takes and was left out is made up: only the kind of command matters.
///
/// # Errors
/// No command is called that; the sentence says what there is.
pub fn named(words: &[String]) -> Result<Command, String> {
    let tree = tree();
    let with_reason = [words, &["--why".to_owned(), "x".to_owned()]].concat();
    if let Some(command) = read(&tree, words).or_else(|| read(&tree, &with_reason)) {
        return Ok(command);
    }
    let (mut node, mut path) = (&tree, Vec::new());
    for word in words {
        let Some(next) = node.find_subcommand(word) else { break };
        node = next;
        path.push(word.clone());
    }
    let unknown = || {
        let said = one_line(&words.join(" "), 60);
        let there_is: Vec<&str> = node.get_subcommands().map(Clap::get_name).collect();
        let Some(last) = words.get(path.len()) else {
            return format!("'{said}' what? There are: {}", there_is.join(", "));
        };
        match nearest(last, there_is.iter().copied()) {
            Some(near) => format!("there is no command '{said}'; did you mean '{near}'?"),
            None => format!("there is no command '{said}'; there are: {}", there_is.join(", ")),
        }
    };
    if path.is_empty() || node.has_subcommands() {
        return Err(unknown());
    }
    completed(&tree, node, &path).ok_or_else(unknown)
}

/// Every command by the words that name it, each with an example.
#[must_use]
pub fn leaves() -> Vec<(Vec<String>, Option<Command>)> {
    fn walk(tree: &Clap, node: &Clap, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Option<Command>)>) {
        if !node.has_subcommands() {
            found.push((path.clone(), completed(tree, node, path)));
        }
        for next in node.get_subcommands() {
            path.push(next.get_name().to_owned());
            walk(tree, next, path, found);
            path.pop();
        }
    }
    let (tree, mut found) = (tree(), Vec::new());
    walk(&tree, &tree, &mut Vec::new(), &mut found);
    found
}

fn tree() -> Clap {
    Command::augment_subcommands(Clap::new("rundown").no_binary_name(true).disable_help_subcommand(true))
}

fn read(tree: &Clap, words: &[String]) -> Option<Command> {
    let matches = tree.clone().try_get_matches_from(words).ok()?;
    Command::from_arg_matches(&matches).ok()
}

/// The command with its required arguments made up; where that is not enough, with those that something else stands in for.
fn completed(tree: &Clap, node: &Clap, path: &[String]) -> Option<Command> {
    let required = |arg: &Arg| arg.is_required_set();
    let positional = |arg: &Arg| required(arg) || arg.is_positional();
    let usual = |arg: &Arg| required(arg) || matches!(arg.get_long(), Some("for" | "why"));
    [&required as &dyn Fn(&Arg) -> bool, &positional, &usual].into_iter().find_map(|wanted| {
        let mut words = path.to_vec();
        for arg in node.get_arguments().filter(|arg| wanted(arg)) {
            words.extend(arg.get_long().map(|long| format!("--{long}")));
            words.push(example(arg));
        }
        read(tree, &words)
    })
}

fn example(arg: &Arg) -> String {
    if let Some(value) = arg.get_possible_values().first() {
        return value.get_name().to_owned();
    }
    match arg.get_value_names().and_then(<[_]>::first).map(clap::builder::Str::as_str) {
        Some("ID") => "H1",
        Some("INC" | "RUN" | "N" | "EVENT" | "COV") => "1",
        Some("NAME=VALUE") => "a=b",
        _ => "x",
    }
    .to_owned()
}
