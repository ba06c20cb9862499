//! The Redis port: who is connected to a server, asked even when it accepts nobody new.
//!
//! Lives here: the port and its types. Never lives here: who is to blame.

use futures::future::BoxFuture;
use secrecy::SecretString;

use super::SendError;
use crate::base::event::Instant;

mod parse;
mod server;

pub use parse::{ClientEntry, ClientType, parse_client_list, parse_info};
pub use server::RedisServers;

/// Clients that are read from `CLIENT LIST`; of more, only the number is known.
pub const MAX_CLIENTS: usize = 20_000;

/// Which connection answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// One that was opened for this question.
    New,
    /// The one that was opened earlier, while all was well.
    Kept,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Why no new connection was accepted, in the server's own words where it had any; `None`: it was accepted.
    pub refusal: Option<String>,
    /// What it said of its clients; `None` when it refused a new connection and none was kept.
    pub census: Option<Census>,
}

/// A server's clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Which connection answered.
    pub answered_by: AnsweredBy,
    /// `connected_clients`: every connection but replicas; the one that asked is one of them.
    pub connected: u64,
    /// `maxclients`, where the server tells.
    pub max: Option<u64>,
    /// `blocked_clients`: waiting in a blocking command.
    pub blocked: u64,
    /// `rejected_connections`: refused because of `maxclients`, since the server started or its statistics were reset.
    pub rejected: Option<u64>,
    /// Every client that was listed, without the one that asked; at most [`MAX_CLIENTS`].
    pub clients: Vec<ClientEntry>,
}

/// Asks Redis servers.
pub trait Redis: Send + Sync {
    /// Asks over a new connection first, then over the kept one.
    ///
    /// # Errors
    /// [`SendError`] when no connection could be made at all (refused, no such host, timeout) and none was kept. A server
    /// that said why it refuses has answered.
    fn inspect<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<Inspection, SendError>>;

    /// Makes sure that a connection to the target is open and alive, so that [`Self::inspect`] can fall back on it.
    ///
    /// # Errors
    /// [`SendError`] when none is.
    fn hold<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), SendError>>;
}
