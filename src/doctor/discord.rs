//! Asking Discord what it knows of the bot. Only reads.
//!
//! Lives here: the questions, and what comes back, as it came. Never lives here: what it means (`guild`).

use futures::join;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::finding::Finding;
use super::guild::judge;
use super::probe::{DEADLINE, Probe};
use crate::base::text::one_line;
use crate::client::egress::Named;
use crate::client::http::{Http as _, HttpRequest, Method};
use crate::config::Environment;
use crate::config::file::{File, FileError, Interactions};

/// Discord's own address.
const DISCORD: &str = "https://discord.com";

/// What Discord answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What was asked for.
    Told(Value),
    /// It refused, with its status, its own code and its words.
    Refused(u16, u64, String),
    /// It was not reached, or said something unreadable.
    Nothing(String),
}

impl Answer {
    /// What was asked for.
    #[must_use]
    pub fn told(&self) -> Option<&Value> {
        match self {
            Self::Told(value) => Some(value),
            _ => None,
        }
    }

    /// Why there is nothing, in words.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Told(_) => String::new(),
            Self::Refused(status, code, words) => format!("Discord answered {status} \"{words}\" (code {code})"),
            Self::Nothing(why) => why.clone(),
        }
    }
}

/// Everything that Discord was asked.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The application.
    pub application: Answer,
    /// The bot's user.
    pub me: Answer,
    /// Where the gateway is, and how often the bot may still connect.
    pub gateway: Answer,
    /// The server, with its roles.
    pub server: Answer,
    /// The server's channels.
    pub channels: Answer,
    /// The channel, in case it is not among them.
    pub channel: Answer,
    /// The bot as a member of the server.
    pub member: Answer,
    /// The commands that Discord knows there.
    pub commands: Answer,
}

/// Where the bot is to work.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The server's id.
    pub server: u64,
    /// The channel's id.
    pub channel: u64,
    /// The category of incidents' own channels (0: none); `None` where incidents have threads.
    pub own_channels: Option<u64>,
    /// Whether interactions are to come over the gateway.
    pub by_gateway: bool,
}

/// Asks Discord, where it is set up. The second finding is the link that invites the bot.
pub async fn examine(
    file: &Result<File, FileError>,
    variables: Environment<'_>,
    probe: &Probe,
) -> (Vec<Finding>, Option<Finding>) {
    let discord = match file.as_ref().map(|file| &file.discord) {
        Ok(Some(discord)) => discord,
        Ok(None) => {
            return (vec![Finding::note("discord", "it is not set up: there is no [discord] in rundown.toml")], None);
        }
        Err(_) => return (vec![Finding::note("discord", "it was not asked: the settings cannot be read")], None),
    };
    // That it has no value is told with the settings.
    let Ok(token) = discord.token.value("discord.token", variables) else {
        return (vec![Finding::note("discord", "it was not asked: there is no token")], None);
    };
    let place = Place {
        server: discord.server.0,
        channel: discord.channel.0,
        // That a category is there for nothing is told with the settings.
        own_channels: discord.own_channels().ok().flatten().map(|category| category.map_or(0, |id| id.0)),
        by_gateway: discord.interactions == Interactions::Gateway,
    };
    let asking = Asking::new(probe, discord.api.as_deref().unwrap_or(DISCORD), &token);
    judge(&asking.everything(place).await, place)
}

struct Asking<'a> {
    probe: &'a Probe,
    base: String,
    named: Named,
    authorization: SecretString,
}

impl<'a> Asking<'a> {
    fn new(probe: &'a Probe, address: &str, token: &SecretString) -> Self {
        let base = format!("{}/api/v10", address.trim_end_matches('/'));
        // The operator's own settings name it.
        let named = Named::from_urls([base.as_str()]);
        let authorization = SecretString::from(format!("Bot {}", token.expose_secret()));
        Self { probe, base, named, authorization }
    }

    async fn everything(&self, place: Place) -> Answers {
        let Place { server, channel, .. } = place;
        let (application, me) = join!(self.get("/applications/@me".to_owned()), self.get("/users/@me".to_owned()));
        if application.told().is_none() {
            // Whatever else was asked would be refused for the same reason, and Discord counts refusals.
            let none = || Answer::Nothing("it was not asked".to_owned());
            return Answers {
                application,
                me,
                gateway: none(),
                server: none(),
                channels: none(),
                channel: none(),
                member: none(),
                commands: none(),
            };
        }
        let id = |answer: &Answer| {
            let id = answer.told().and_then(|told| told["id"].as_str()?.parse::<u64>().ok());
            id.unwrap_or_default()
        };
        let commands = format!("/applications/{}/guilds/{server}/commands", id(&application));
        let (gateway, guild, channels, one, member, commands) = join!(
            self.get("/gateway/bot".to_owned()),
            self.get(format!("/guilds/{server}")),
            self.get(format!("/guilds/{server}/channels")),
            self.get(format!("/channels/{channel}")),
            self.get(format!("/guilds/{server}/members/{}", id(&me))),
            self.get(commands),
        );
        Answers { application, me, gateway, server: guild, channels, channel: one, member, commands }
    }

    async fn get(&self, path: String) -> Answer {
        let agent = concat!("DiscordBot (rundown, ", env!("CARGO_PKG_VERSION"), ")");
        let request = HttpRequest {
            method: Method::GET,
            url: format!("{}{path}", self.base),
            headers: vec![
                ("authorization".to_owned(), self.authorization.clone()),
                ("user-agent".to_owned(), agent.to_owned().into()),
            ],
            body: None,
            follow_redirects: false,
            named: self.named.clone(),
            until: self.probe.clock().now() + DEADLINE,
        };
        let answer = match self.probe.send(request).await {
            Ok(answer) => answer,
            Err(error) => return Answer::Nothing(one_line(&error.to_string(), 200)),
        };
        match (answer.status, serde_json::from_str::<Value>(&answer.body)) {
            (200, Ok(value)) => Answer::Told(value),
            (200, Err(_)) => Answer::Nothing("Discord answered something unreadable".to_owned()),
            (status, value) => {
                let value = value.unwrap_or_default();
                let words = one_line(value["message"].as_str().unwrap_or("without a word"), 120);
                Answer::Refused(status, value["code"].as_u64().unwrap_or_default(), words)
            }
        }
    }
}
