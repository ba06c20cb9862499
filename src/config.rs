//! Settings: where the journal and the runbooks are, who sits at the terminal, what this process is called.
//!
//! Lives here: reading them from flags and the environment. `.env` files are not read: what a process may know is what it
//! was started with. Never lives here: targets and grants (`targets.yaml` has those), values of secrets beyond handing
//! the environment to whoever reads `targets.yaml`.

pub mod file;
pub mod hooks;
pub mod web;

use std::path::PathBuf;

use crate::base::event::{Actor, Person};
use crate::base::text::one_line;

/// The door's name in the record.
const DOOR: &str = "terminal";
/// The longest name of a person, in characters.
const LONGEST_NAME: usize = 100;

/// What may be set on the command line; it goes before the environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `--journal`.
    pub journal: Option<PathBuf>,
    /// `--runbooks`.
    pub runbooks: Option<PathBuf>,
    /// `--as`.
    pub person: Option<String>,
    /// What `rundown.toml` says: it goes behind the environment.
    pub file: file::File,
}

/// Everything that is set before a command runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The journal's file.
    pub journal: PathBuf,
    /// The runbooks' folder.
    pub runbooks: Folder,
    /// Railway's endpoint, where it is not the official one.
    pub railway_api: Option<String>,
    /// What this process is called in the record: `host:pid`.
    pub process: String,
    /// Who sits at the terminal, by what they call themselves.
    pub person: Actor,
    /// The account at the terminal; empty where nobody knows.
    pub login: String,
}

/// Where runbooks are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// A folder that was named: it must be there.
    Named(PathBuf),
    /// `./runbooks` if it is there, else the runbooks inside the program.
    Default,
}

/// What cannot be set like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nobody knows who is there.
    #[error("nobody knows who you are: this account has no name; say it with --as NAME or RUNDOWN_PERSON")]
    Nobody,
    /// A name that is no name.
    #[error("'{0}' cannot be a person's name; use up to 100 visible characters")]
    BadName(String),
}

/// Looks a variable up. Empty ones count as not set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Puts flags, environment and defaults together. `login` is asked only where the environment does not tell the account.
    ///
    /// # Errors
    /// No usable name for the person.
    pub fn new(
        flags: Flags,
        environment: Environment<'_>,
        login: impl FnOnce() -> Option<String>,
        host: &str,
    ) -> Result<Self, ConfigError> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let login = set("LOGNAME").or_else(|| set("USER")).or_else(|| set("USERNAME")).or_else(login);
        let name =
            flags.person.or_else(|| set("RUNDOWN_PERSON")).or_else(|| login.clone()).ok_or(ConfigError::Nobody)?;
        let default = PathBuf::from(".rundown").join("journal.db");
        Ok(Self {
            journal: flags
                .journal
                .or_else(|| set("RUNDOWN_JOURNAL").map(PathBuf::from))
                .or(flags.file.journal)
                .unwrap_or(default),
            runbooks: flags
                .runbooks
                .or_else(|| set("RUNDOWN_RUNBOOKS").map(PathBuf::from))
                .or(flags.file.runbooks)
                .map_or(Folder::Default, Folder::Named),
            railway_api: set("RAILWAY_API_URL"),
            process: format!("{}:{}", one_line(host, LONGEST_NAME), std::process::id()),
            login: one_line(login.as_deref().unwrap_or_default(), LONGEST_NAME),
            person: person(&name, login)?,
        })
    }
}

/// A person at the terminal; the account is kept beside a name that differs from it.
fn person(name: &str, login: Option<String>) -> Result<Actor, ConfigError> {
    let shown = one_line(name, LONGEST_NAME);
    if shown.is_empty() || shown != name.trim() {
        return Err(ConfigError::BadName(shown));
    }
    let login = login.map(|login| one_line(&login, LONGEST_NAME)).filter(|login| *login != shown);
    Ok(Actor::Person { name: Person::new(&shown), door: DOOR.to_owned(), login })
}

/// The name of the account that this process runs as, as the system's files tell it; `None` where they do not.
#[cfg(unix)]
#[must_use]
pub fn system_login() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == uid).then(|| name.to_owned())
    })
}

/// The name of the account, where the environment does not tell it: nobody knows.
#[cfg(not(unix))]
#[must_use]
pub fn system_login() -> Option<String> {
    None
}

/// The name of this machine, or `host` where it has none.
#[must_use]
pub fn host_name(environment: Environment<'_>) -> String {
    let known =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    known
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| environment("HOSTNAME"))
        .unwrap_or_else(|| "host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: Flags, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let variables: std::collections::BTreeMap<_, _> = variables.iter().copied().collect();
        let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        Settings::new(flags, &environment, || None, "box")
    }

    #[test]
    fn the_account_is_recorded_beside_another_name() {
        let plain = settings(Flags::default(), &[("USER", "ana")]).unwrap();
        assert_eq!(plain.person, Actor::Person { name: Person::new("ana"), door: "terminal".into(), login: None });
        let named = Flags { person: Some("Ana M.".into()), ..Flags::default() };
        let named = settings(named, &[("USER", "root"), ("RUNDOWN_PERSON", "bo")]).unwrap();
        let login = Some("root".to_owned());
        assert_eq!(named.person, Actor::Person { name: Person::new("Ana M."), door: "terminal".into(), login });
    }

    #[test]
    fn nobody_goes_unnamed_and_names_are_visible() {
        assert_eq!(settings(Flags::default(), &[("USER", "")]).unwrap_err(), ConfigError::Nobody);
        let odd = Flags { person: Some("an\u{202e}a".into()), ..Flags::default() };
        assert!(matches!(settings(odd, &[]).unwrap_err(), ConfigError::BadName(_)));
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_defaults() {
        let variables = [("USER", "ana"), ("RUNDOWN_JOURNAL", "/var/j.db"), ("RAILWAY_API_URL", "")];
        let from_environment = settings(Flags::default(), &variables).unwrap();
        assert_eq!(from_environment.journal, PathBuf::from("/var/j.db"));
        assert_eq!(from_environment.railway_api, None);
        let flags = Flags { journal: Some("here.db".into()), ..Flags::default() };
        assert_eq!(settings(flags, &variables).unwrap().journal, PathBuf::from("here.db"));
        assert_eq!(
            settings(Flags::default(), &[("USER", "ana")]).unwrap().journal,
            PathBuf::from(".rundown/journal.db")
        );
    }
}
