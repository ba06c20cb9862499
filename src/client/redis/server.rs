//! Real Redis servers: a new connection for every question, and one kept for the night when no new one is accepted.
//!
//! Lives here: connections, deadlines, whose answer counts. Never lives here: reading the answers' text.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, RedisResult, cmd};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{AnsweredBy, Census, Inspection, MAX_CLIENTS, Redis, parse_client_list, parse_info};
use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::client::SendError;

/// The name that connections give themselves, so that nobody takes them for a leak.
const NAME: &str = "rundown";
/// The share of the time that the new connection may use, so that the kept one gets its turn.
const FOR_NEW: i32 = 2;
/// How long a server that closed a connection without a word is listened to for its reason.
const LISTEN: Duration = Duration::from_millis(500);

/// Asks real servers. Keeps at most one connection a target; a connection is closed when this is dropped.
pub struct RedisServers {
    clock: Arc<dyn Clock>,
    kept: Mutex<BTreeMap<String, MultiplexedConnection>>,
}

enum Opened {
    Connection(MultiplexedConnection),
    /// The server spoke, and said no.
    Refused(String),
}

impl RedisServers {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    fn kept(&self, target: &str) -> Option<MultiplexedConnection> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    fn keep(&self, target: &str, connection: Option<MultiplexedConnection>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Some(connection) => drop(kept.insert(target.to_owned(), connection)),
            None => drop(kept.remove(target)),
        }
    }

    /// `None` when `until` comes first.
    async fn within<T>(&self, until: Instant, future: impl Future<Output = T>) -> Option<T> {
        match select(Box::pin(future), self.clock.sleep_until(until)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    async fn open(&self, url: &SecretString, until: Instant) -> Result<Opened, SendError> {
        // The error could quote the URL, and with it the password.
        let client = Client::open(url.expose_secret()).map_err(|_| {
            SendError::Denied("the Redis URL is not valid; it starts with redis:// or rediss://".to_owned())
        })?;
        let place = place(&client);
        // Time limits are raced against our own clock; a kept connection outlives the limit it was opened under.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connected = self.within(until, connecting).await;
        match connected {
            Some(Ok(connection)) => match self.greet(connection, until).await {
                Some(Ok(connection)) => Ok(Opened::Connection(connection)),
                Some(Err(error)) => self.refusal(&client, &place, &error, until).await,
                None => {
                    Err(SendError::Unanswered(format!("{place} accepted a connection and did not answer PING in time")))
                }
            },
            Some(Err(error)) => self.refusal(&client, &place, &error, until).await,
            None => Err(SendError::NotSent(format!("no connection to {place} in time"))),
        }
    }

    async fn greet(
        &self,
        mut connection: MultiplexedConnection,
        until: Instant,
    ) -> Option<RedisResult<MultiplexedConnection>> {
        let greeting = async {
            cmd("PING").query_async::<String>(&mut connection).await?;
            // A restricted user may not name its connection; it works without a name.
            let _: RedisResult<()> = cmd("CLIENT").arg("SETNAME").arg(NAME).query_async(&mut connection).await;
            Ok(connection)
        };
        self.within(until, greeting).await
    }

    /// Tells a server that refuses in words from one that cannot be reached.
    async fn refusal(
        &self,
        client: &Client,
        place: &str,
        error: &RedisError,
        until: Instant,
    ) -> Result<Opened, SendError> {
        if let Some(words) = words(error) {
            return Ok(Opened::Refused(words));
        }
        if error.is_connection_refusal() {
            return Err(SendError::NotSent(format!("connection refused by {place}")));
        }
        // A server that is full says so and closes at once. Where our first command crossed that, the reset can swallow
        // the words; whoever only listens hears them.
        if let Some(words) = self.listen(client, until).await {
            return Ok(Opened::Refused(words));
        }
        let reason =
            if error.is_timeout() { "no answer in time".to_owned() } else { one_line(&error.to_string(), 200) };
        Err(SendError::NotSent(format!("no connection to {place}: {reason}")))
    }

    async fn listen(&self, client: &Client, until: Instant) -> Option<String> {
        let ConnectionAddr::Tcp(host, port) = client.get_connection_info().addr() else { return None };
        let until = until.min(self.clock.now() + LISTEN);
        let listening = async {
            let mut stream = TcpStream::connect((host.as_str(), *port)).await.ok()?;
            let mut heard = [0; 512];
            let length = stream.read(&mut heard).await.ok()?;
            let heard = String::from_utf8_lossy(&heard[..length]);
            heard.strip_prefix('-').map(|error| one_line(error.strip_prefix("ERR ").unwrap_or(error), 200))
        };
        self.within(until, listening).await?
    }

    async fn census(
        &self,
        mut connection: MultiplexedConnection,
        answered_by: AnsweredBy,
        until: Instant,
    ) -> Result<Census, SendError> {
        let asking = async {
            let own: u64 = cmd("CLIENT").arg("ID").query_async(&mut connection).await.unwrap_or_default();
            let info: String = cmd("INFO").arg("clients").query_async(&mut connection).await?;
            let stats: String = cmd("INFO").arg("stats").query_async(&mut connection).await?;
            let list: String = cmd("CLIENT").arg("LIST").query_async(&mut connection).await?;
            let (info, stats) = (parse_info(&info), parse_info(&stats));
            let number =
                |map: &BTreeMap<String, String>, key: &str| map.get(key).and_then(|text| text.parse::<u64>().ok());
            let max = match number(&info, "maxclients") {
                Some(max) => Some(max),
                // Older servers; hosted ones do not let everybody read their configuration.
                None => {
                    let config: RedisResult<Vec<String>> =
                        cmd("CONFIG").arg("GET").arg("maxclients").query_async(&mut connection).await;
                    config.ok().and_then(|pair| pair.get(1)?.parse().ok())
                }
            };
            let mut clients = parse_client_list(&list, MAX_CLIENTS);
            clients.retain(|client| client.id != own);
            Ok::<_, RedisError>(Census {
                answered_by,
                connected: number(&info, "connected_clients").unwrap_or(clients.len() as u64 + 1),
                max,
                blocked: number(&info, "blocked_clients").unwrap_or_default(),
                rejected: number(&stats, "rejected_connections"),
                clients,
            })
        };
        match self.within(until, asking).await {
            Some(Ok(census)) => Ok(census),
            Some(Err(error)) => {
                let reason = words(&error).unwrap_or_else(|| one_line(&error.to_string(), 200));
                Err(SendError::Unanswered(format!("Redis did not say who is connected: {reason}")))
            }
            None => Err(SendError::Unanswered("Redis did not say in time who is connected".to_owned())),
        }
    }

    async fn over_kept(&self, target: &str, until: Instant) -> Option<Census> {
        let connection = self.kept(target)?;
        let census = self.census(connection, AnsweredBy::Kept, until).await.ok();
        if census.is_none() {
            self.keep(target, None);
        }
        census
    }
}

impl Redis for RedisServers {
    fn inspect<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<Inspection, SendError>> {
        Box::pin(async move {
            let now = self.clock.now();
            // Without a kept connection there is nobody to leave time for.
            let half = if self.kept(target).is_some() { now + (until - now) / FOR_NEW } else { until };
            match self.open(url, half).await {
                Ok(Opened::Connection(connection)) => {
                    let census = self.census(connection, AnsweredBy::New, until).await?;
                    Ok(Inspection { refusal: None, census: Some(census) })
                }
                Ok(Opened::Refused(words)) => {
                    Ok(Inspection { refusal: Some(words), census: self.over_kept(target, until).await })
                }
                Err(error @ SendError::Denied(_)) => Err(error),
                Err(error) => match self.over_kept(target, until).await {
                    Some(census) => Ok(Inspection { refusal: Some(error.to_string()), census: Some(census) }),
                    None => Err(error),
                },
            }
        })
    }

    fn hold<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            if let Some(mut connection) = self.kept(target) {
                let now = self.clock.now();
                let ping = async { cmd("PING").query_async::<String>(&mut connection).await };
                if matches!(self.within(now + (until - now) / FOR_NEW, ping).await, Some(Ok(_))) {
                    return Ok(());
                }
                self.keep(target, None);
            }
            match self.open(url, until).await? {
                Opened::Connection(connection) => {
                    self.keep(target, Some(connection));
                    Ok(())
                }
                Opened::Refused(words) => Err(SendError::NotSent(words)),
            }
        })
    }
}

/// The server's own words, where it had any.
fn words(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    let detail = error.detail().unwrap_or_default();
    let words = if code == "ERR" { detail.to_owned() } else { format!("{code} {detail}") };
    Some(one_line(&words, 200))
}

/// Host and port, without credentials.
fn place(client: &Client) -> String {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
        _ => "the Redis socket".to_owned(),
    }
}
