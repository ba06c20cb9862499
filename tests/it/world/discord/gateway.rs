//! The gateway: sessions over websockets, events with sequence numbers, resumption with what was missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Shared;
use super::state::{ChannelKind, Id, State};

const GUILDS: u64 = 1;
const GUILD_MESSAGES: u64 = 1 << 9;
const DIRECT_MESSAGES: u64 = 1 << 12;
/// Members, presences and message content: an application must apply for them, so the bot does without.
const PRIVILEGED: u64 = 1 << 1 | 1 << 8 | 1 << 15;
const PRIVILEGED_NAMES: [(u64, &str); 3] =
    [(1 << 1, "GUILD_MEMBERS"), (1 << 8, "GUILD_PRESENCES"), (1 << 15, "MESSAGE_CONTENT")];
const HEARTBEAT: u64 = 10_000;
/// The first frame must come within this time.
const GREETING: Duration = Duration::from_secs(30);

/// Everybody who is or was connected.
#[derive(Default)]
pub struct Sessions {
    by_id: BTreeMap<String, Session>,
    /// How often a gateway's address was asked for.
    pub asked: u32,
    /// How often a bot identified itself.
    pub identified: u32,
    /// How often one resumed.
    pub resumed: u32,
    /// How many heartbeats arrived.
    pub heartbeats: u32,
    /// Whether connections are refused.
    pub is_closed: bool,
}

struct Session {
    intents: u64,
    events: Vec<(u64, Value)>,
    outbox: Option<UnboundedSender<Out>>,
}

enum Out {
    Send(Value),
    /// The connection breaks without a word.
    Break,
    Close(u16),
}

impl Sessions {
    /// Whether a bot is connected and identified.
    pub fn is_connected(&self) -> bool {
        self.by_id.values().any(Session::is_connected)
    }

    /// The intents of every session so far, as bits.
    pub fn intents(&self) -> Vec<u64> {
        self.by_id.values().map(|session| session.intents).collect()
    }

    fn tell_all(&mut self, out: impl Fn() -> Out) {
        for session in self.by_id.values_mut() {
            if let Some(outbox) = &session.outbox {
                let _ = outbox.send(out());
            }
        }
    }

    pub(super) fn break_connections(&mut self) {
        self.tell_all(|| Out::Break);
        self.by_id.values_mut().for_each(|session| session.outbox = None);
    }

    pub(super) fn ask_to_reconnect(&mut self) {
        self.tell_all(|| Out::Send(json!({ "op": 7, "d": null })));
    }

    /// Forgets every session: a bot must identify anew.
    pub(super) fn invalidate(&mut self) {
        self.tell_all(|| Out::Send(json!({ "op": 9, "d": false })));
        self.by_id.clear();
    }
}

impl Session {
    fn is_connected(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| !outbox.is_closed())
    }

    fn send(&mut self, kind: &str, data: &Value) {
        let sequence = self.events.len() as u64 + 1;
        let event = json!({ "op": 0, "s": sequence, "t": kind, "d": data });
        self.events.push((sequence, event.clone()));
        if let Some(outbox) = &self.outbox {
            let _ = outbox.send(Out::Send(event));
        }
    }
}

impl State {
    /// Sends an event about a channel to every session that asked for its kind, where the bot sees the channel.
    pub(super) fn dispatch(&mut self, kind: &str, channel: Id, data: &Value) {
        let direct = self.channels.get(&channel).is_some_and(|one| matches!(one.kind, ChannelKind::Direct { .. }));
        let needed = match kind.split('_').next() {
            Some("INTERACTION") => 0,
            Some("MESSAGE") if direct => DIRECT_MESSAGES,
            Some("MESSAGE") => GUILD_MESSAGES,
            _ => GUILDS,
        };
        if needed != 0 && !self.can_see(channel, self.bot) {
            return;
        }
        for session in self.sessions.by_id.values_mut() {
            if session.intents & needed == needed {
                session.send(kind, data);
            }
        }
    }

    /// Sends an event about a guild as a whole.
    pub(super) fn announce(&mut self, kind: &str, data: &Value) {
        for session in self.sessions.by_id.values_mut().filter(|session| session.intents & GUILDS != 0) {
            session.send(kind, data);
        }
    }

    fn identify(&mut self, data: &Value, outbox: UnboundedSender<Out>, url: &str) -> Result<String, u16> {
        let token = data["token"].as_str().unwrap_or_default();
        if token.trim_start_matches("Bot ") != self.token {
            return Err(4004);
        }
        let intents = data["intents"].as_u64().unwrap_or_default();
        if intents & PRIVILEGED != 0 {
            let named = PRIVILEGED_NAMES.iter().filter(|(bit, _)| intents & bit != 0).map(|(_, name)| *name);
            let named: Vec<_> = named.collect();
            self.findings.push(format!("the bot asked for privileged intents: {}", named.join(", ")));
            return Err(4014);
        }
        self.sessions.identified += 1;
        let id = format!("session-{}", self.next_id());
        let guilds: Vec<_> =
            self.guilds.keys().map(|id| json!({ "id": id.to_string(), "unavailable": true })).collect();
        let ready = json!({
            "v": 10, "user": self.user_json(self.bot), "guilds": guilds, "session_id": id, "session_type": "normal",
            "resume_gateway_url": url, "shard": data["shard"], "private_channels": [], "presences": [],
            "application": { "id": self.application.to_string(), "flags": 0 },
        });
        let mut session = Session { intents, events: Vec::new(), outbox: Some(outbox) };
        session.send("READY", &ready);
        if intents & GUILDS != 0 {
            for guild in self.guilds.values() {
                session.send("GUILD_CREATE", &self.guild_event(guild));
            }
        }
        self.sessions.by_id.insert(id.clone(), session);
        Ok(id)
    }

    fn resume(&mut self, data: &Value, outbox: UnboundedSender<Out>) -> Option<String> {
        let id = data["session_id"].as_str()?;
        let seen = data["seq"].as_u64()?;
        if data["token"].as_str()?.trim_start_matches("Bot ") != self.token {
            return None;
        }
        let session = self.sessions.by_id.get_mut(id)?;
        self.sessions.resumed += 1;
        for (sequence, event) in &session.events {
            if *sequence > seen {
                let _ = outbox.send(Out::Send(event.clone()));
            }
        }
        session.outbox = Some(outbox);
        session.send("RESUMED", &json!({}));
        Some(id.to_owned())
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    if shared.read(|state| state.sessions.is_closed) {
        return;
    }
    let second = socket2::SockRef::from(&stream).try_clone();
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (outbox, mut inbox) = unbounded_channel();
    let _ = outbox.send(Out::Send(json!({ "op": 10, "d": { "heartbeat_interval": HEARTBEAT } })));
    let mut greeted = false;
    let greeting = tokio::time::sleep(GREETING);
    tokio::pin!(greeting);
    loop {
        tokio::select! {
            out = inbox.recv() => match out {
                Some(Out::Send(value)) => if socket.send(Frame::Text(value.to_string())).await.is_err() { return },
                Some(Out::Close(code)) => {
                    let frame = CloseFrame { code: code.into(), reason: "".into() };
                    let _ = socket.close(Some(frame)).await;
                    return;
                }
                Some(Out::Break) | None => break,
            },
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    if let Ok(frame) = serde_json::from_str::<Value>(&text) {
                        greeted |= frame["op"] == 2 || frame["op"] == 6;
                        shared.hear(&frame, &outbox);
                    }
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            () = &mut greeting, if !greeted => return,
            () = shared.until_gone() => break,
        }
    }
    // What was queued before the break is lost with it.
    drain(&mut inbox);
    if let Ok(second) = second {
        let _ = second.set_linger(Some(Duration::ZERO));
    }
}

fn drain(inbox: &mut UnboundedReceiver<Out>) {
    inbox.close();
    while inbox.try_recv().is_ok() {}
}

impl Shared {
    fn hear(&self, frame: &Value, outbox: &UnboundedSender<Out>) {
        let data = &frame["d"];
        self.change(|state| match frame["op"].as_u64() {
            Some(1) => {
                state.sessions.heartbeats += 1;
                let _ = outbox.send(Out::Send(json!({ "op": 11, "d": null })));
            }
            Some(2) => {
                if let Err(code) = state.identify(data, outbox.clone(), &self.gateway_url()) {
                    let _ = outbox.send(Out::Close(code));
                }
            }
            Some(3) => {}
            Some(6) => {
                if state.resume(data, outbox.clone()).is_none() {
                    let _ = outbox.send(Out::Send(json!({ "op": 9, "d": false })));
                }
            }
            Some(8) => state.findings.push("the bot asked for all members, which needs a privileged intent".to_owned()),
            other => state.findings.push(format!("the bot sent an opcode that does not exist: {other:?}")),
        });
    }
}
