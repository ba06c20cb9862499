//! Clients that hold the backend's event streams open, as browsers on a shop floor do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Patience;

const RETRY: Duration = Duration::from_millis(20);

/// A crowd of clients with one event stream each. Dropping it closes them all.
pub struct Streams {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    port: u16,
    /// How long after the backend is up again a client that it dropped comes back; `None`: never.
    returns_after: Option<Duration>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    held: Vec<(usize, TcpStream)>,
}

impl Streams {
    /// Connects `count` clients and returns when every one is subscribed.
    pub fn open(port: u16, count: usize, returns_after: Option<Duration>) -> Self {
        let shared =
            Arc::new(Shared { port, returns_after, state: Mutex::new(State::default()), changed: Condvar::new() });
        let threads = (0..count)
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.keep_open(number))
            })
            .collect();
        let streams = Self { shared, threads };
        streams.wait_until_all_held();
        streams
    }

    /// Whether every client is subscribed now.
    pub fn all_held(&self) -> bool {
        self.shared.lock().held.len() == self.threads.len()
    }

    /// Returns when every client is subscribed; panics when that takes too long.
    fn wait_until_all_held(&self) {
        let all = self.threads.len();
        let patience = Patience::start();
        let mut state = self.shared.lock();
        while state.held.len() < all {
            assert!(patience.left() > Duration::ZERO, "only {} of {all} event streams subscribed", state.held.len());
            state = self.shared.changed.wait_timeout(state, patience.left()).expect("streams").0;
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stopping = true;
            for (_, stream) in &state.held {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("streams")
    }

    fn keep_open(&self, number: usize) {
        loop {
            let pause = match (self.hold(number), self.returns_after) {
                (None, _) => RETRY,
                (Some(()), None) => return,
                (Some(()), Some(pause)) => {
                    while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
                        if self.stops_within(RETRY) {
                            return;
                        }
                    }
                    pause
                }
            };
            if self.stops_within(pause) {
                return;
            }
        }
    }

    /// Waits that long, or until the streams are to stop: `true`.
    fn stops_within(&self, pause: Duration) -> bool {
        let state = self.lock();
        self.changed.wait_timeout_while(state, pause, |state| !state.stopping).expect("streams").0.stopping
    }

    /// Holds one stream until it ends; `None` when it could not be opened.
    fn hold(&self, number: usize) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: backend\r\nAccept: text/event-stream\r\n\r\n").ok()?;
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut status = String::new();
        reader.read_line(&mut status).ok()?;
        if !status.starts_with("HTTP/1.1 200") {
            return None;
        }
        {
            let mut state = self.lock();
            if state.stopping {
                return Some(());
            }
            state.held.push((number, stream));
        }
        self.changed.notify_all();
        let _ = reader.read_to_end(&mut Vec::new());
        self.lock().held.retain(|(held, _)| *held != number);
        Some(())
    }
}
