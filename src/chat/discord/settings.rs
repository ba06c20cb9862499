//! How the bot finds its place in Discord.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serenity::all::{ChannelId, GuildId, Http, HttpBuilder};

/// How long a connection to Discord, and one request, may take. A request without an end would keep its thread waiting for ever.
const CONNECT: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(30);

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

/// Reaches Discord with a bot's token; `api` is another address of its interface, for look-alikes and proxies that wait out
/// Discord's limits themselves: serenity's own rate limiter knows only Discord's address, and is off then.
///
/// # Errors
/// No HTTP client can be made: the machine has no certificates, for instance.
pub fn reaching(token: SecretString, api: Option<String>) -> Result<MakeHttp, String> {
    let client = reqwest::Client::builder().connect_timeout(CONNECT).timeout(REQUEST).build();
    let client = client.map_err(|error| format!("Discord cannot be asked: {error}"))?;
    Ok(Arc::new(move || {
        let builder = HttpBuilder::new(token.expose_secret()).client(client.clone());
        match &api {
            Some(address) => builder.proxy(address).ratelimiter_disabled(true).build(),
            None => builder.build(),
        }
    }))
}
