//! How the bot finds its place in Discord.

use std::sync::Arc;

use serenity::all::{ChannelId, GuildId, Http};

/// Makes a client of Discord's REST interface: each connection to the gateway has its own.
pub type MakeHttp = Arc<dyn Fn() -> Http + Send + Sync>;

/// Everything the Discord door is told before it opens.
#[derive(Clone)]
pub struct Settings {
    /// The server it works in.
    pub guild: GuildId,
    /// The channel under which an incident's thread is made.
    pub channel: ChannelId,
    /// Reaches Discord.
    pub http: MakeHttp,
}
