//! The DevTools protocol: calls and their answers, events as they come, over one websocket.
//!
//! Lives here: a thread that reads and writes the socket, waiting for an answer. Never lives here: what any of it means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::PATIENCE;

/// Events that somebody may ask for later; all others are forgotten as they come.
const KEPT: &[&str] = &[
    "Browser.downloadProgress",
    "Browser.downloadWillBegin",
    "Inspector.targetCrashed",
    "Log.entryAdded",
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
];

/// Something that happened by itself.
#[derive(Clone, Debug)]
pub struct Event {
    /// The page it belongs to, by its connection; the browser's own have none.
    pub session: Option<String>,
    pub method: String,
    pub params: Value,
}

/// The connection to one browser.
pub struct Wire {
    out: UnboundedSender<String>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: u64,
    waiting: BTreeSet<u64>,
    answers: BTreeMap<u64, Result<Value, String>>,
    events: Vec<Event>,
    is_closed: bool,
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, mut message: Value) {
        let mut state = self.state();
        if let Some(id) = message["id"].as_u64() {
            // Nobody waits any more for what came too late.
            if state.waiting.remove(&id) {
                let answer = match message["error"]["message"].as_str() {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(message["result"].take()),
                };
                state.answers.insert(id, answer);
            }
        } else if let Some(method) = message["method"].as_str().filter(|method| KEPT.contains(method)) {
            let (session, method) = (message["sessionId"].as_str().map(str::to_owned), method.to_owned());
            state.events.push(Event { session, method, params: message["params"].take() });
        }
        self.changed.notify_all();
    }
}

impl Wire {
    /// Connects to the browser on this machine.
    pub fn open(port: u16, path: &str) -> Self {
        let (out, outgoing) = unbounded_channel();
        let heard = Arc::new(Heard::default());
        let (url, hears) = (format!("ws://127.0.0.1:{port}{path}"), heard.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(carry(port, &url, outgoing, &hears));
            hears.state().is_closed = true;
            hears.changed.notify_all();
        });
        Self { out, heard }
    }

    /// A call and its answer, within the usual patience.
    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let answer = self.call_within(session, method, params, PATIENCE);
        answer.unwrap_or_else(|| Err("the browser does not answer".to_owned()))
    }

    /// A call and its answer; `None` when it does not come in time.
    pub fn call_within(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
        patience: Duration,
    ) -> Option<Result<Value, String>> {
        let id = {
            let mut state = self.heard.state();
            state.calls += 1;
            let id = state.calls;
            state.waiting.insert(id);
            id
        };
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        // Where the connection is gone, that is what the waiting finds.
        drop(self.out.send(message.to_string()));
        let answer = self.wait(patience, |state| state.answers.remove(&id));
        if answer.is_none() {
            self.heard.state().waiting.remove(&id);
        }
        answer
    }

    /// Waits for an event that `wanted` makes something of.
    pub fn event<T>(&self, patience: Duration, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.wait(patience, |state| state.events.iter().find_map(&wanted).map(Ok))?.ok()
    }

    /// Every event of one page so far.
    pub fn events(&self, session: &str) -> Vec<Event> {
        let state = self.heard.state();
        state.events.iter().filter(|event| event.session.as_deref() == Some(session)).cloned().collect()
    }

    fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut State) -> Option<Result<T, String>>,
    ) -> Option<Result<T, String>> {
        let by = Instant::now() + patience;
        let mut state = self.heard.state();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            if state.is_closed {
                return Some(Err("the browser is gone".to_owned()));
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.heard.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Carries messages until either end is gone.
async fn carry(port: u16, url: &str, mut outgoing: UnboundedReceiver<String>, heard: &Heard) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the browser listens");
    // A picture of a page is one long message.
    let limits = WebSocketConfig { max_message_size: None, max_frame_size: None, ..WebSocketConfig::default() };
    let connected = tokio_tungstenite::client_async_with_config(url, stream, Some(limits)).await;
    let (mut socket, _) = connected.expect("the browser speaks websocket");
    loop {
        tokio::select! {
            message = outgoing.recv() => match message {
                Some(message) => if socket.send(Message::Text(message)).await.is_err() { return },
                None => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => heard.take(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
