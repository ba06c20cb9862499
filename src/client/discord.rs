//! Reaching Discord: how long it may take, and under which address.
//!
//! Lives here: making the client library's client. Never lives here: what is said to Discord.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serenity::all::{Http, HttpBuilder};

/// How long a connection to Discord, and one request, may take. A request without an end would keep its thread waiting for ever.
const CONNECT: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(30);

/// Reaches Discord with a bot's token; `api` is another address of its interface, for look-alikes and proxies that wait out
/// Discord's limits themselves: serenity's own rate limiter knows only Discord's address, and is off then.
///
/// # Errors
/// No HTTP client can be made: the machine has no certificates, for instance.
pub fn reaching(token: SecretString, api: Option<String>) -> Result<impl Fn() -> Http + Send + Sync + 'static, String> {
    let client = reqwest::Client::builder().connect_timeout(CONNECT).timeout(REQUEST).build();
    let client = client.map_err(|error| format!("Discord cannot be asked: {error}"))?;
    Ok(move || {
        let builder = HttpBuilder::new(token.expose_secret()).client(client.clone());
        match &api {
            Some(address) => builder.proxy(address).ratelimiter_disabled(true).build(),
            None => builder.build(),
        }
    })
}
