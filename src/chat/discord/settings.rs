//! How the bot finds its place in Discord.

use secrecy::{ExposeSecret as _, SecretString};
use serenity::all::{ChannelId, GuildId, Http, HttpBuilder};

use super::endpoint;

/// Everything the Discord door is told before it opens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bot's token.
    pub token: SecretString,
    /// The server it works in.
    pub guild: GuildId,
    /// The channel under which an incident's thread is made.
    pub channel: ChannelId,
    /// Another address of Discord's interface, for look-alikes; then serenity's own rate limiter is off.
    pub api: Option<String>,
    /// Where interactions come in as HTTP requests; `None`: over the gateway.
    pub endpoint: Option<endpoint::Settings>,
}

impl Settings {
    /// A client of Discord's REST interface.
    #[must_use]
    pub fn http(&self) -> Http {
        let builder = HttpBuilder::new(self.token.expose_secret());
        match &self.api {
            Some(address) => builder.proxy(address).ratelimiter_disabled(true).build(),
            None => builder.build(),
        }
    }
}
