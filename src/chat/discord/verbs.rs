//! The command grammar as Discord shows it: definitions out, words in. Both are read off the one clap tree, so that no
//! command can be said at one door and not at the other without being named here.
//!
//! Lives here: [`verbs`], what Discord is told of them, and the way back to an argument vector. Never lives here: what a
//! command does.

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _};
use serenity::all::{CommandOptionType, CreateCommand, CreateCommandOption};

use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::grammar::Command;

/// Discord's limit for a description, in characters.
const DESCRIPTION: usize = 100;
/// Discord's limits for choices of an option, and for options of a command.
const CHOICES: usize = 25;
const OPTIONS: usize = 25;

/// Commands that belong to the machine that Rundown runs on (files, the journal as a whole), and short forms of others.
const NOT_HERE: &[&str] = &[
    "backup",
    "check",
    "export",
    "oncall simulate",
    "plan",
    "purge",
    "rehearse",
    "restore",
    "run",
    "schema",
    "runbook check",
    "runbook diff",
    "runbook health",
];
/// Options that name files of that machine, or that only somebody who sits at it can mean.
const NO_OPTION_HERE: &[&str] = &["to", "resume", "template", "export", "format", "theme"];
/// Options of which only this use is a file or a folder: the command that takes them, and the option that stays.
const STAYS: &[(&str, &str)] = &[("handoff", "to"), ("page", "to")];

/// What Discord may ask while a value is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Runbooks by id.
    Runbooks,
    /// Incidents.
    Incidents,
    /// Runs.
    Runs,
    /// Monitors.
    Monitors,
    /// Digests.
    Digests,
    /// Steps of the run that is meant.
    Steps,
    /// Cases of the decision that is asked for.
    Cases,
    /// Persons.
    Persons,
    /// Schedules.
    Schedules,
    /// Requests for cover, and overrides.
    Covers,
    /// Hypotheses, evidence, action items and so on of the incident that is meant.
    Items,
}

/// What an option takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Text, with suggestions while it is typed where there is a source.
    Text(Option<Source>),
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// One of a few words.
    Choice(Vec<String>),
}

/// An option of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its name as Discord shows it.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Whether there is no command without it.
    pub required: bool,
    /// What it takes.
    pub takes: Takes,
    /// The flag behind `--`; `None` for what goes by its place.
    long: Option<String>,
    /// Its place among those without a flag.
    index: usize,
    /// Whether it may be given more than once: then values are parted by `;`.
    many: bool,
}

/// One thing that can be said: a command, or one of a command's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verb {
    /// `["incident", "declare"]`, or one word.
    pub path: Vec<String>,
    /// What it is for.
    pub about: String,
    /// Its options, required ones first.
    pub options: Vec<Opt>,
}

/// A value that a person gave to an option, as text: a flag is `true` or `false`.
pub type Given = (String, String);

/// The grammar alone, without what only a terminal has around it.
#[derive(clap::Parser)]
#[command(name = "rundown", disable_help_subcommand = true, disable_help_flag = true, no_binary_name = true)]
struct Said {
    #[command(subcommand)]
    command: Command,
}

/// Everything that can be said in Discord.
#[must_use]
pub fn verbs() -> Vec<Verb> {
    let mut tree = Said::command();
    tree.build();
    let mut found = Vec::new();
    for command in tree.get_subcommands() {
        let name = command.get_name();
        if NOT_HERE.contains(&name) {
            continue;
        }
        if command.get_subcommands().next().is_none() {
            found.push(verb(&[name], command));
        }
        for inner in command.get_subcommands() {
            if !NOT_HERE.contains(&format!("{name} {}", inner.get_name()).as_str()) {
                found.push(verb(&[name, inner.get_name()], inner));
            }
        }
    }
    found
}

fn verb(path: &[&str], command: &clap::Command) -> Verb {
    let root = path[0];
    let mut positions = 0;
    let mut options: Vec<Opt> = command
        .get_arguments()
        .filter_map(|arg| {
            let long = arg.get_long().map(str::to_owned);
            let index = positions;
            positions += usize::from(long.is_none());
            let id = arg.get_id().as_str();
            let hidden = NO_OPTION_HERE.contains(&id) && !STAYS.contains(&(root, id));
            (!hidden).then(|| option(path, arg, long, index))
        })
        .collect();
    options.sort_by_key(|option| !option.required);
    options.truncate(OPTIONS);
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    Verb { path, about: about(command.get_about()), options }
}

fn option(path: &[&str], arg: &clap::Arg, long: Option<String>, index: usize) -> Opt {
    let id = arg.get_id().as_str();
    let choices: Vec<String> = arg
        .get_value_parser()
        .possible_values()
        .map(|values| values.filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect())
        .unwrap_or_default();
    let takes = if matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse) {
        Takes::Flag
    } else if !choices.is_empty() && choices.len() <= CHOICES {
        Takes::Choice(choices)
    } else if arg.get_value_parser().type_id() == std::any::TypeId::of::<u32>() {
        Takes::Number
    } else {
        Takes::Text(source(path, id))
    };
    let required = match id {
        // In a thread it is that thread's.
        "incident" => false,
        "runbook" => true,
        _ => arg.is_required_set(),
    };
    let words = arg.is_positional() && arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let many = matches!(arg.get_action(), ArgAction::Append) && (!words || id == "params");
    let name = long.clone().unwrap_or_else(|| id.replace('_', "-")).to_lowercase();
    Opt { name, about: about(arg.get_help()), required, takes, long, index, many }
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    // A chat has neither files nor dashes in front of its options.
    let text = text.replace(", or a file", "").replace(", or go on with a run", "").replace("--", "");
    one_line(text.trim_end_matches('.'), DESCRIPTION)
}

fn source(path: &[&str], id: &str) -> Option<Source> {
    Some(match id {
        "runbook" => Source::Runbooks,
        "incident" => Source::Incidents,
        "run" => Source::Runs,
        "from" if path[0] == "oncall" => return None,
        "id" if path[0] == "oncall" => Source::Covers,
        "schedule" => Source::Schedules,
        "monitor" => Source::Monitors,
        "name" if path[0] == "digest" => Source::Digests,
        "step" | "from" => Source::Steps,
        "case" => Source::Cases,
        "person" | "owner" => Source::Persons,
        "to" => Source::Persons,
        "id" | "corrects" | "hypothesis" => Source::Items,
        _ => return None,
    })
}

/// The definitions as Discord takes them, without the menus on messages.
#[must_use]
pub fn definitions(verbs: &[Verb]) -> Vec<CreateCommand> {
    let mut commands: Vec<(String, CreateCommand)> = Vec::new();
    let tree = Said::command();
    for verb in verbs {
        match verb.path.as_slice() {
            [name] => {
                let command = CreateCommand::new(name).description(&verb.about).set_options(options(verb));
                commands.push((name.clone(), command));
            }
            [name, inner, ..] => {
                let sub = CreateCommandOption::new(CommandOptionType::SubCommand, inner, &verb.about)
                    .set_sub_options(options(verb));
                match commands.iter_mut().find(|(known, _)| known == name) {
                    Some((_, command)) => {
                        *command = std::mem::replace(command, CreateCommand::new(name)).add_option(sub)
                    }
                    None => {
                        let about = about(tree.find_subcommand(name).and_then(clap::Command::get_about));
                        commands.push((name.clone(), CreateCommand::new(name).description(about).add_option(sub)));
                    }
                }
            }
            [] => {}
        }
    }
    commands.into_iter().map(|(_, command)| command.dm_permission(false)).collect()
}

fn options(verb: &Verb) -> Vec<CreateCommandOption> {
    verb.options
        .iter()
        .map(|option| {
            let kind = match option.takes {
                Takes::Flag => CommandOptionType::Boolean,
                Takes::Number => CommandOptionType::Integer,
                Takes::Text(_) | Takes::Choice(_) => CommandOptionType::String,
            };
            let made = CreateCommandOption::new(kind, &option.name, &option.about).required(option.required);
            match &option.takes {
                Takes::Choice(words) => words.iter().fold(made, |made, word| made.add_string_choice(word, word)),
                Takes::Text(Some(_)) => made.set_autocomplete(true),
                Takes::Number => made.min_int_value(0),
                Takes::Text(None) | Takes::Flag => made,
            }
        })
        .collect()
}

impl Verb {
    /// The verb of a path as Discord tells it.
    #[must_use]
    pub fn find<'a>(verbs: &'a [Self], path: &[String]) -> Option<&'a Self> {
        verbs.iter().find(|verb| verb.path == path)
    }

    /// The option of a name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&Opt> {
        self.options.iter().find(|option| option.name == name)
    }

    /// What was said, as a command. Text stays text: flags go as `--name=value` in one piece, all else behind `--`, so that
    /// nothing a person types can become a flag.
    ///
    /// # Errors
    /// What the grammar says against it, in one line.
    pub fn command(&self, given: &[Given]) -> Result<Command, Fault> {
        let mut argv = self.path.clone();
        let mut places: Vec<(usize, Vec<String>)> = Vec::new();
        for (name, value) in given {
            let Some(option) = self.option(name) else { continue };
            let parts = |separator: &dyn Fn(char) -> bool| -> Vec<String> {
                value.split(separator).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            };
            let values = match option.many {
                true => parts(&|char| char == ';'),
                // A command as one would say it is words.
                false if option.name == "what" => parts(&char::is_whitespace),
                false => vec![value.clone()],
            };
            match (&option.long, &option.takes) {
                (Some(long), Takes::Flag) if value == "true" => argv.push(format!("--{long}")),
                (_, Takes::Flag) => {}
                (Some(long), _) => argv.extend(values.iter().map(|value| format!("--{long}={value}"))),
                (None, _) => places.push((option.index, values)),
            }
        }
        places.sort_by_key(|(index, _)| *index);
        argv.push("--".to_owned());
        argv.extend(places.into_iter().flat_map(|(_, values)| values));
        let matches = Said::command().try_get_matches_from(argv).map_err(|error| refused(&error))?;
        Said::from_arg_matches(&matches).map(|said| said.command).map_err(|error| refused(&error))
    }
}

/// What clap has to say, without its usage lines: Discord shows the options itself.
fn refused(error: &clap::Error) -> Fault {
    let text = error.to_string();
    // What is missing stands on lines of its own.
    let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    Fault::Usage(one_line(said.join(" ").trim_start_matches("error: "), 300))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::Severity;
    use crate::bot::grammar::Incident;

    fn said(path: &str, given: &[(&str, &str)]) -> Result<Command, Fault> {
        let path: Vec<String> = path.split(' ').map(str::to_owned).collect();
        let given: Vec<Given> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Verb::find(&verbs(), &path).unwrap_or_else(|| panic!("/{path:?} is not there")).command(&given)
    }

    #[test]
    fn the_commands_that_discord_shows() {
        let mut shown = String::new();
        for verb in verbs() {
            shown += &format!("/{}  {}\n", verb.path.join(" "), verb.about);
            for option in &verb.options {
                let must = if option.required { "!" } else { "" };
                shown += &format!("    {}{must}  {:?}  {}\n", option.name, option.takes, option.about);
            }
        }
        insta::assert_snapshot!(shown);
    }

    /// The table of docs/discord.md.
    fn table() -> String {
        let mut table = "| command | takes | |\n|---|---|---|\n".to_owned();
        let cell = |text: &str| text.replace('|', "\\|");
        for verb in verbs() {
            let named = |option: &Opt| {
                let name = if option.required { format!("**{}**", option.name) } else { option.name.clone() };
                match &option.takes {
                    Takes::Choice(words) => format!("{name} ({})", words.join(", ")),
                    _ => name,
                }
            };
            let takes: Vec<String> = verb.options.iter().map(named).collect();
            table += &format!("| `/{}` | {} | {} |\n", verb.path.join(" "), takes.join(", "), cell(&verb.about));
        }
        table
    }

    #[test]
    fn the_page_names_every_command_and_no_other() {
        let page = include_str!("../../../docs/discord.md");
        let (_, behind) = page.split_once("by a test -->\n").expect("the table's beginning");
        let (told, _) = behind.split_once("<!-- end of commands").expect("the table's end");
        assert_eq!(told.trim(), table().trim(), "docs/discord.md should say:\n{}", table());
    }

    #[test]
    fn a_title_is_enough_and_text_never_becomes_a_flag() {
        let declared = said("incident declare", &[("title", "--severity P0 is what it looks like")]).unwrap();
        let Command::Incident(Incident::Declare { title, severity, .. }) = declared else { panic!("{declared:?}") };
        assert_eq!(title, ["--severity P0 is what it looks like"]);
        assert_eq!(severity, None);
        let declared = said("incident declare", &[("severity", "P1"), ("title", "500 everywhere")]).unwrap();
        assert!(matches!(declared, Command::Incident(Incident::Declare { severity: Some(Severity::P1), .. })));
        let approve = said("approve", &[("step", "--break-glass")]).unwrap();
        assert!(matches!(approve, Command::Approve(approve) if !approve.break_glass));
    }

    #[test]
    fn no_option_names_a_file_of_the_machine() {
        for verb in verbs() {
            for option in &verb.options {
                let text = format!("{} {}", option.name, option.about).to_lowercase();
                let file = ["folder", "write it to", " dir"].iter().any(|word| text.contains(word));
                assert!(!file, "/{} {text}", verb.path.join(" "));
            }
        }
    }
}
