//! The scripted world's Redis servers: what the client asks, in RESP.
//!
//! Lives here: reading commands, the answers' text formats, refusing new connections. Never lives here: keys and values: only
//! who is connected can be asked.

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::door::Visit;
use super::http::SILENCE;
use crate::base::clock::{Clock, ScaledClock};
use crate::client::redis::{Census, ClientType};
use crate::rehearsal::scenario::Failing;
use crate::rehearsal::world::{Missed, ScriptedWorld};

/// Arguments of one command, and bytes of each: far above what clients send who only ask who is connected.
const MOST_ARGUMENTS: usize = 64;
const LONGEST_ARGUMENT: usize = 64 * 1024;
/// Bytes of a line that says how many or how long.
const LONGEST_LINE: u64 = 64;
/// The bot's connections count from here, far above those of the scenario.
const FIRST_ID: u64 = 1_000_000;

/// A server at one address.
pub(super) struct Server {
    world: ScriptedWorld,
    clock: ScaledClock,
    target: String,
    /// Whether the next connection is the one from before the incident, when all was well.
    admits: AtomicBool,
    connections: AtomicU64,
}

impl Server {
    /// With `kept`, the first connection is accepted whatever state the world is in.
    pub fn new(world: ScriptedWorld, clock: ScaledClock, target: String, kept: bool) -> Arc<Self> {
        Arc::new(Self { world, clock, target, admits: AtomicBool::new(kept), connections: AtomicU64::new(0) })
    }

    /// What happens on a connection.
    pub fn visit(self: &Arc<Self>) -> Visit {
        let server = self.clone();
        Arc::new(move |stream| {
            let server = server.clone();
            // A connection that breaks is the client's affair, or a fault of the scenario.
            async move { drop(server.connection(stream).await) }.boxed()
        })
    }

    async fn connection(&self, stream: TcpStream) -> io::Result<()> {
        let refuses = self.world.redis_refuses(&self.target);
        if !self.admits.swap(false, Ordering::SeqCst)
            && let Some(words) = refuses
        {
            return refuse(stream, &words).await;
        }
        let own = FIRST_ID + self.connections.fetch_add(1, Ordering::SeqCst);
        let mut stream = BufReader::new(stream);
        let mut name = String::new();
        while let Some(arguments) = command(&mut stream).await? {
            let word = |at: usize| arguments.get(at).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
            let answer = match (word(0).as_str(), word(1).as_str()) {
                ("PING", _) => "+PONG\r\n".to_owned(),
                ("CLIENT", "SETNAME") => {
                    name = arguments.get(2).cloned().unwrap_or_default();
                    "+OK\r\n".to_owned()
                }
                ("CLIENT", "SETINFO") | ("AUTH" | "SELECT", _) => "+OK\r\n".to_owned(),
                ("HELLO", version) => hello(version, own),
                // The first question of those who look who is connected.
                ("CLIENT", "ID") => match self.world.ask_redis(&self.target, self.clock.now() + SILENCE).await {
                    Ok(()) => format!(":{own}\r\n"),
                    Err(Missed::Struck(Failing::Silence)) => return Ok(()),
                    Err(_) => return stream.into_inner().set_zero_linger(),
                },
                ("INFO" | "CONFIG", _) | ("CLIENT", "LIST") => {
                    let Ok(census) = self.world.redis_census(&self.target) else {
                        return stream.into_inner().set_zero_linger();
                    };
                    match (word(0).as_str(), word(1).as_str()) {
                        ("INFO", _) => bulk(&info(&census)),
                        ("CONFIG", _) => {
                            let max = census.max.unwrap_or_default().to_string();
                            format!("*2\r\n{}{}", bulk("maxclients"), bulk(&max))
                        }
                        _ => bulk(&list(&census, own, &name)),
                    }
                }
                (other, _) => format!("-ERR unknown command '{}'\r\n", crate::base::text::one_line(other, 60)),
            };
            stream.get_mut().write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}

/// Says why, and listens until the client has hung up: closed at once, the reset could overtake the words.
async fn refuse(mut stream: TcpStream, words: &str) -> io::Result<()> {
    let has_code =
        words.split(' ').next().is_some_and(|code| code.len() > 1 && code.bytes().all(|b| b.is_ascii_uppercase()));
    let code = if has_code { "" } else { "ERR " };
    stream.write_all(format!("-{code}{}\r\n", crate::base::text::one_line(words, 400)).as_bytes()).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// One command; `None` at the end of the connection.
async fn command(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<String>>> {
    let Some(count) = number(stream, '*').await? else { return Ok(None) };
    if count > MOST_ARGUMENTS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut arguments = Vec::with_capacity(count);
    for _ in 0..count {
        let length = number(stream, '$').await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if length > LONGEST_ARGUMENT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut argument = vec![0; length + 2];
        stream.read_exact(&mut argument).await?;
        argument.truncate(length);
        arguments.push(String::from_utf8_lossy(&argument).into_owned());
    }
    Ok(Some(arguments))
}

/// A line that is `mark` and a number.
async fn number(stream: &mut BufReader<TcpStream>, mark: char) -> io::Result<Option<usize>> {
    let mut line = String::new();
    if stream.take(LONGEST_LINE).read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let number = line.trim_end().strip_prefix(mark).and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn hello(version: &str, own: u64) -> String {
    if !matches!(version, "" | "2" | "3") {
        return "-NOPROTO unsupported protocol version\r\n".to_owned();
    }
    let (head, proto) = if version == "3" { ("%6", 3) } else { ("*12", 2) };
    format!(
        "{head}\r\n{}{}{}{}{}:{proto}\r\n{}:{own}\r\n{}{}{}{}",
        bulk("server"),
        bulk("redis"),
        bulk("version"),
        bulk("7.4.0"),
        bulk("proto"),
        bulk("id"),
        bulk("mode"),
        bulk("standalone"),
        bulk("role"),
        bulk("master"),
    )
}

/// `INFO` of clients and of statistics, as far as the scenario says.
fn info(census: &Census) -> String {
    let mut text =
        format!("# Clients\r\nconnected_clients:{}\r\nblocked_clients:{}\r\n", census.connected, census.blocked);
    if let Some(max) = census.max {
        let _ = write!(text, "maxclients:{max}\r\n");
    }
    if let Some(rejected) = census.rejected {
        let _ = write!(text, "\r\n# Stats\r\nrejected_connections:{rejected}\r\n");
    }
    text
}

/// `CLIENT LIST`: those of the scenario and the connection that asks. Others of the bot are not listed, as in the scenario's own
/// count.
fn list(census: &Census, own: u64, name: &str) -> String {
    let mut text = String::new();
    for client in &census.clients {
        let (flags, subscribed, command) = match client.kind {
            ClientType::PubSub => ("P", 1, "subscribe"),
            ClientType::Blocked => ("b", 0, "blpop"),
            ClientType::Replica => ("S", 0, "replconf"),
            ClientType::Normal => ("N", 0, "get"),
        };
        let address = match client.address.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => client.address.clone(),
        };
        let _ = writeln!(
            text,
            "id={} addr={address}:6000 fd=8 name={} age={} idle={} flags={flags} db=0 sub={subscribed} psub=0 ssub=0 cmd={command}",
            client.id, client.name, client.age_s, client.idle_s
        );
    }
    let _ = writeln!(
        text,
        "id={own} addr=127.0.0.1:6001 fd=9 name={name} age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 cmd=client|list"
    );
    text
}
