//! `rundown.toml`: what a server is told.
//!
//! Lives here: its shape, its faults with the line they stand in, secrets by reference: a variable or a file, never the value
//! itself. Never lives here: targets and grants (`targets.yaml`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::Environment;
use crate::base::schedule::{self, Cron, ScheduleFault, Span};
use crate::base::text::one_line;
use crate::domain::digest::Schedule;

/// The file that is read where none is named.
pub const DEFAULT: &str = "rundown.toml";
/// How late a digest may be: between these.
const LEAST_LATE: Span = Span::seconds(60);
const MOST_LATE: Span = Span::seconds(7 * 24 * 60 * 60);
/// The largest file that is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// The whole file. Everything may be left out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// The journal's file.
    pub journal: Option<PathBuf>,
    /// The folder of runbooks and `targets.yaml`.
    pub runbooks: Option<PathBuf>,
    /// Discord.
    pub discord: Option<Discord>,
    /// What wakes people.
    pub pagerduty: Option<PagerDuty>,
    /// Where other systems report alerts.
    pub hooks: Option<super::hooks::Hooks>,
    /// The pages for browsers.
    pub web: Option<super::web::Web>,
    /// Something elsewhere that notices when this process is dead.
    pub heartbeat: Option<Heartbeat>,
    /// What is told regularly, and when.
    #[serde(default)]
    pub digest: Vec<Digest>,
    /// How long the platform waits between asking the server to leave and killing it; only `doctor` reads it.
    pub drain: Option<String>,
}

/// `[discord]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Discord {
    /// The bot's token.
    #[serde(default = "token")]
    pub token: Reference,
    /// The server's id.
    pub server: Id,
    /// The channel under which incidents get their threads.
    pub channel: Id,
    /// Where an incident is talked about.
    #[serde(default)]
    pub place: Place,
    /// With `place = "channel"`: the category under which the channels are made.
    pub category: Option<Id>,
    /// How interactions come in.
    #[serde(default)]
    pub interactions: Interactions,
    /// With `interactions = "http"`: where to listen.
    pub listen: Option<String>,
    /// With `interactions = "http"`: the application's public key, as Discord shows it.
    pub public_key: Option<String>,
    /// Another address of Discord's interface, for tests against a look-alike.
    pub api: Option<String>,
}

/// Where an incident is talked about.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In a thread of its own, under the channel.
    #[default]
    Thread,
    /// In a channel of its own.
    Channel,
}

/// How interactions reach the bot.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Interactions {
    /// Over the gateway: nothing needs to be reachable from outside.
    #[default]
    Gateway,
    /// As signed requests to an address of ours.
    Http,
}

/// `[pagerduty]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PagerDuty {
    /// The integration key of a service there (Events API v2).
    #[serde(default = "routing_key")]
    pub routing_key: Reference,
    /// Another address than that of the United States: `https://events.eu.pagerduty.com`.
    pub url: Option<String>,
}

/// `[[digest]]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Digest {
    /// What it is called.
    pub name: String,
    /// When: five fields, such as `0 8 * * mon-fri`.
    pub cron: String,
    /// Where the clock hangs; UTC where left out.
    pub zone: Option<String>,
    /// Into which channel; that of incidents where left out.
    pub channel: Option<Id>,
    /// How long after its time one that was missed is still sent.
    #[serde(default = "four_hours")]
    pub late: String,
}

/// `[heartbeat]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Heartbeat {
    /// The address that is called; it often holds a key of its own.
    pub url: Reference,
    /// How often.
    #[serde(default = "minute")]
    pub every: String,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `{ env = "DISCORD_TOKEN" }`.
    Env(String),
    /// `{ file = "/run/secrets/discord" }`.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Env { env: String },
            File { file: PathBuf },
            Other(serde::de::IgnoredAny),
        }
        match Written::deserialize(deserializer)? {
            Written::Env { env } => Ok(Self::Env(env)),
            Written::File { file } => Ok(Self::File(file)),
            // What was written there may be the secret itself: it is not repeated.
            Written::Other(_) => Err(serde::de::Error::custom(
                "a secret is never written into this file: name where it comes from, { env = \"VARIABLE\" } or { file = \"PATH\" }",
            )),
        }
    }
}

/// One of Discord's ids, as a number or in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let id = match Written::deserialize(deserializer)? {
            Written::Number(id) => Some(id),
            Written::Text(text) => text.trim().parse().ok(),
        };
        id.filter(|id| *id > 0).map(Self).ok_or_else(|| {
            serde::de::Error::custom(
                "an id is a number, such as 1043551234567890123; Discord's developer mode copies it",
            )
        })
    }
}

fn token() -> Reference {
    Reference::Env("DISCORD_TOKEN".to_owned())
}

fn routing_key() -> Reference {
    Reference::Env("PAGERDUTY_ROUTING_KEY".to_owned())
}

fn four_hours() -> String {
    "4h".to_owned()
}

fn minute() -> String {
    "1m".to_owned()
}

/// What is wrong with the file, or with what it points to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It was named and cannot be read.
    #[error("{file} cannot be read: {why}")]
    Unreadable {
        /// Which.
        file: String,
        /// In words.
        why: String,
    },
    /// It does not say what it should; the text has the line.
    #[error("{file}, {why}")]
    Faulty {
        /// Which.
        file: String,
        /// The line and what is wrong there.
        why: String,
    },
    /// A secret has no value.
    #[error("{what} has no value: {from} {why}")]
    NoSecret {
        /// What it is for.
        what: &'static str,
        /// Where it should come from.
        from: String,
        /// What is wrong there.
        why: String,
    },
}

impl File {
    /// Reads the file that was named, or `rundown.toml` where it is there, or nothing.
    ///
    /// # Errors
    /// It cannot be read, or has faults.
    pub fn read(named: Option<&Path>) -> Result<Self, FileError> {
        let path = named.unwrap_or(Path::new(DEFAULT));
        let file = path.display().to_string();
        let unreadable = |why: String| FileError::Unreadable { file: file.clone(), why };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(Self::default()),
            Err(error) => return Err(unreadable(error.to_string())),
            Ok(meta) if meta.len() > LIMIT => return Err(unreadable("it is over 64 KiB".to_owned())),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            // Without the line itself: it may hold a secret.
            FileError::Faulty { file, why: format!("line {line}: {}", error.message()) }
        })
    }
}

impl Discord {
    /// The category of incidents' own channels; `None` where incidents have threads.
    ///
    /// # Errors
    /// A category that would do nothing.
    pub fn own_channels(&self) -> Result<Option<Option<Id>>, FileError> {
        match (self.place, self.category) {
            (Place::Thread, None) => Ok(None),
            (Place::Thread, Some(_)) => Err(FileError::Faulty {
                file: DEFAULT.to_owned(),
                why: "discord.category does nothing without place = \"channel\"".to_owned(),
            }),
            (Place::Channel, category) => Ok(Some(category)),
        }
    }

    /// With `interactions = "http"`: where to listen, and the public key as `key` reads it; its fault goes on after the
    /// setting's name.
    ///
    /// # Errors
    /// One of the two is missing, or none; or they are there and would do nothing.
    pub fn endpoint<K>(
        &self,
        key: impl FnOnce(&str) -> Result<K, &'static str>,
    ) -> Result<Option<(SocketAddr, K)>, FileError> {
        let fault = |why: String| FileError::Faulty { file: DEFAULT.to_owned(), why };
        match (self.interactions, &self.listen, &self.public_key) {
            (Interactions::Gateway, None, None) => Ok(None),
            (Interactions::Gateway, ..) => Err(fault(
                "discord.listen and discord.public-key do nothing without interactions = \"http\"".to_owned(),
            )),
            (Interactions::Http, Some(listen), Some(written)) => {
                let no_address = "discord.listen is no address to listen at: it has an IP address and a port, such as \
                                  127.0.0.1:8080";
                let address = listen.parse().map_err(|_| fault(no_address.to_owned()))?;
                let key = key(written).map_err(|why| fault(format!("discord.public-key {why}")))?;
                Ok(Some((address, key)))
            }
            (Interactions::Http, listen, _) => {
                let missing = if listen.is_none() { "discord.listen" } else { "discord.public-key" };
                Err(fault(format!("discord.interactions = \"http\" needs {missing}, too")))
            }
        }
    }
}

impl File {
    /// How long the platform waits before it kills, where the file says so.
    ///
    /// # Errors
    /// No length of time.
    pub fn drain(&self) -> Result<Option<Span>, FileError> {
        let read = |text: &String| {
            Span::parse(text).map_err(|fault| FileError::Faulty {
                file: DEFAULT.to_owned(),
                why: format!("drain: {}", fault.message),
            })
        };
        self.drain.as_ref().map(read).transpose()
    }
}

impl File {
    /// The digests, each with its channel.
    ///
    /// # Errors
    /// A name that is none or is there twice, a schedule, a zone or a length of time that cannot be read.
    pub fn digests(&self) -> Result<Vec<(Schedule, Option<Id>)>, FileError> {
        let mut read: Vec<(Schedule, Option<Id>)> = Vec::new();
        for digest in &self.digest {
            let schedule = digest.schedule()?;
            if read.iter().any(|(other, _)| other.name == schedule.name) {
                return Err(digest.fault("name", "there are two of that name".to_owned()));
            }
            read.push((schedule, digest.channel));
        }
        Ok(read)
    }
}

impl Digest {
    fn fault(&self, key: &str, why: String) -> FileError {
        let name = one_line(&self.name, 40);
        FileError::Faulty { file: DEFAULT.to_owned(), why: format!("digest {name}, {key}: {why}") }
    }

    fn schedule(&self) -> Result<Schedule, FileError> {
        let wrong = |key: &'static str| {
            move |fault: ScheduleFault| {
                let hint = fault.hint.map_or(String::new(), |hint| format!("; {hint}"));
                self.fault(key, format!("{}{hint}", fault.message))
            }
        };
        let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(fits) {
            return Err(self.fault("name", "it is made of up to 40 letters, digits, - and _".to_owned()));
        }
        if self.name == "now" {
            return Err(self.fault("name", "`digest now` means another thing".to_owned()));
        }
        let late = Span::parse_positive(&self.late).map_err(wrong("late"))?;
        if !(LEAST_LATE.millis()..=MOST_LATE.millis()).contains(&late.millis()) {
            return Err(self.fault("late", format!("it is between {LEAST_LATE} and {MOST_LATE}")));
        }
        Ok(Schedule {
            name: self.name.clone(),
            cron: Cron::parse(&self.cron).map_err(wrong("cron"))?,
            zone: schedule::zone(self.zone.as_deref().unwrap_or("UTC")).map_err(wrong("zone"))?,
            late,
        })
    }
}

impl Heartbeat {
    /// How often.
    ///
    /// # Errors
    /// No length of time.
    pub fn every(&self) -> Result<Span, FileError> {
        Span::parse_positive(&self.every).map_err(|fault| FileError::Faulty {
            file: DEFAULT.to_owned(),
            why: format!("heartbeat.every: {}", fault.message),
        })
    }
}

impl Reference {
    /// The value. A file's last line end does not belong to it.
    ///
    /// # Errors
    /// It is not set, not there, or empty.
    pub fn value(&self, what: &'static str, environment: Environment<'_>) -> Result<SecretString, FileError> {
        let (from, value) = match self {
            Self::Env(name) => {
                let value = environment(name).ok_or_else(|| "is not set".to_owned());
                (format!("the variable {name}"), value)
            }
            Self::File(path) => {
                let value = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
                (format!("the file {}", path.display()), value)
            }
        };
        let none = |why: String| FileError::NoSecret { what, from: from.clone(), why };
        let value = value.map_err(none)?;
        let value = value.trim();
        if value.is_empty() {
            return Err(none("is empty".to_owned()));
        }
        Ok(SecretString::from(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(text: &str) -> Result<File, FileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rundown.toml");
        std::fs::write(&path, text).unwrap();
        File::read(Some(&path)).map_err(|error| match error {
            FileError::Faulty { why, .. } => FileError::Faulty { file: "rundown.toml".into(), why },
            other => other,
        })
    }

    #[test]
    fn a_small_file_is_enough_for_discord() {
        let file = read("[discord]\nserver = \"1043551234567890123\"\nchannel = 77\n").unwrap();
        let discord = file.discord.unwrap();
        assert_eq!((discord.server, discord.channel), (Id(1_043_551_234_567_890_123), Id(77)));
        assert_eq!(discord.token, Reference::Env("DISCORD_TOKEN".into()));
        assert_eq!(discord.interactions, Interactions::Gateway);
    }

    #[test]
    fn faults_tell_their_line() {
        let unknown = read("[discord]\nserver = 1\nchannel = 2\ntokn = 3\n").unwrap_err();
        let no_id = read("[discord]\nserver = \"general\"\nchannel = 2\n").unwrap_err();
        let secret = read("[discord]\nserver = 1\nchannel = 2\ntoken = \"abc\"\n").unwrap_err();
        insta::assert_snapshot!(format!("{unknown}\n\n{no_id}\n\n{secret}"));
    }

    #[test]
    fn an_endpoint_needs_an_address_and_a_key_and_neither_is_for_nothing() {
        let endpoint = |more: &str| {
            let file = read(&format!("[discord]\nserver = 1\nchannel = 2\n{more}")).unwrap();
            let discord = file.discord.unwrap();
            let key = |text: &str| if text == "ab" { Ok(text.len()) } else { Err("is no public key") };
            discord.endpoint(key).map(|found| found.map(|(at, key)| format!("{at} {key}"))).map_err(|e| e.to_string())
        };
        assert_eq!(endpoint(""), Ok(None));
        let whole = "interactions = \"http\"\nlisten = \"127.0.0.1:8080\"\npublic-key = \"ab\"\n";
        assert_eq!(endpoint(whole), Ok(Some("127.0.0.1:8080 2".into())));
        let faults: Vec<_> = [
            "interactions = \"http\"\n",
            "interactions = \"http\"\nlisten = \"127.0.0.1:8080\"\n",
            "interactions = \"http\"\nlisten = \"localhost\"\npublic-key = \"ab\"\n",
            "interactions = \"http\"\nlisten = \"127.0.0.1:8080\"\npublic-key = \"cd\"\n",
            "listen = \"127.0.0.1:8080\"\n",
        ]
        .map(|more| endpoint(more).unwrap_err())
        .into();
        insta::assert_snapshot!(faults.join("\n"));
    }

    #[test]
    fn a_digest_has_a_time_of_its_own_clock_and_its_faults_name_it() {
        let digests = |text: &str| read(text).and_then(|file| file.digests()).map_err(|error| error.to_string());
        let one = "[[digest]]\nname = \"morning\"\ncron = \"0 8 * * mon-fri\"\n";
        let read = digests(&format!("{one}zone = \"America/Santiago\"\nchannel = 77\n")).unwrap();
        let (schedule, channel) = &read[0];
        assert_eq!(
            (schedule.late, schedule.zone, *channel),
            (Span::parse("4h").unwrap(), chrono_tz::America::Santiago, Some(Id(77)))
        );
        let faults: Vec<String> = [
            format!("{one}zone = \"America/Santjago\"\n"),
            one.replace("0 8 * * mon-fri", "0 8 * *"),
            one.replace("0 8 * * mon-fri", "0 25 * * *"),
            format!("{one}late = \"10s\"\n"),
            one.replace("morning", "now"),
            one.replace("morning", "every morning"),
            format!("{one}{one}"),
            format!("{one}chanel = 77\n"),
        ]
        .iter()
        .map(|text| digests(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(faults.join("\n"));
    }

    #[test]
    fn a_category_is_for_channels_only() {
        let place = |more: &str| {
            let file = read(&format!("[discord]\nserver = 1\nchannel = 2\n{more}")).unwrap();
            file.discord.unwrap().own_channels().map_err(|error| error.to_string())
        };
        assert_eq!(place(""), Ok(None));
        assert_eq!(place("place = \"channel\"\n"), Ok(Some(None)));
        assert_eq!(place("place = \"channel\"\ncategory = \"9\"\n"), Ok(Some(Some(Id(9)))));
        let for_nothing = "rundown.toml, discord.category does nothing without place = \"channel\"";
        assert_eq!(place("category = 9\n"), Err(for_nothing.to_owned()));
    }

    #[test]
    fn secrets_come_from_a_variable_or_a_file_and_are_never_empty() {
        let environment = |name: &str| (name == "T").then(|| " s3cret \n".to_owned());
        let value = Reference::Env("T".into()).value("the token", &environment).unwrap();
        assert_eq!(value.expose_secret(), "s3cret");
        let unset = Reference::Env("NOPE".into()).value("the token", &environment).unwrap_err();
        assert_eq!(unset.to_string(), "the token has no value: the variable NOPE is not set");
        let gone = Reference::File("nowhere/at/all".into()).value("the token", &environment).unwrap_err();
        assert!(gone.to_string().starts_with("the token has no value: the file nowhere/at/all cannot be read"));
    }
}
