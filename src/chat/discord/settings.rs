//! How the bot finds its place in Discord.

use std::sync::Arc;

use serenity::all::{ChannelId, GuildId, Http};

/// Makes a client of Discord's REST interface: each connection to the gateway has its own.
pub type MakeHttp = Arc<dyn Fn() -> Http + Send + Sync>;

use super::endpoint;
use crate::base::text::one_line;

/// Everything the Discord door is told before it opens.
#[derive(Clone)]
pub struct Settings {
    /// The server it works in.
    pub guild: GuildId,
    /// The channel under which an incident's thread is made.
    pub channel: ChannelId,
    /// Where an incident is talked about.
    pub place: Place,
    /// Reaches Discord.
    pub http: MakeHttp,
    /// Where interactions come in as HTTP requests; `None`: over the gateway.
    pub endpoint: Option<endpoint::Settings>,
}

/// Where an incident is talked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a thread under the channel.
    Thread,
    /// In a channel of its own.
    Channel {
        /// The category it is made under.
        category: Option<ChannelId>,
    },
}

impl Place {
    /// What it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Channel { .. } => "channel",
        }
    }
}

impl Settings {
    /// Where interactions come in another way than is listened for, in a sentence; `url` is what the developer portal has as
    /// *Interactions Endpoint URL*. Otherwise every command would fail without a word here.
    #[must_use]
    pub fn at_odds(&self, url: Option<&str>) -> Option<String> {
        match (&self.endpoint, url) {
            (None, Some(url)) => Some(format!(
                "Discord sends interactions to {}, not over the gateway: remove that address in the developer portal, or set \
                 interactions = \"http\"",
                one_line(url, 200)
            )),
            (Some(_), None) => Some(
                "Discord sends interactions over the gateway, where nobody listens: enter this server's address as \
                 Interactions Endpoint URL in the developer portal"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::discord::endpoint::signed::PublicKey;

    #[test]
    fn interactions_that_come_in_elsewhere_are_told() {
        let settings = |endpoint| Settings {
            guild: GuildId::new(1),
            channel: ChannelId::new(2),
            place: Place::Thread,
            http: Arc::new(|| Http::new("t")),
            endpoint,
        };
        let key = PublicKey::parse("67c6bd767ca099e79efac9fcce4d2022a63bf7dea780e7f3d813f694c1597089").unwrap();
        let over_http = settings(Some(endpoint::Settings { listen: "127.0.0.1:1".parse().unwrap(), key }));
        let over_gateway = settings(None);
        assert!(over_gateway.at_odds(None).is_none() && over_http.at_odds(Some("https://a.example/")).is_none());
        assert!(over_gateway.at_odds(Some("https://a.example/")).unwrap().contains("https://a.example/"));
        assert!(over_http.at_odds(None).unwrap().contains("Interactions Endpoint URL"));
    }
}
