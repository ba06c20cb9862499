//! A server of the loopback address that answers well, or badly.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub struct Backend {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    broken: AtomicBool,
    over: AtomicBool,
    asked: Mutex<u64>,
    news: Condvar,
}

impl Backend {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                shared.answer(stream);
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn breaks(&self) {
        self.state.broken.store(true, Ordering::SeqCst);
    }

    pub fn heals(&self) {
        self.state.broken.store(false, Ordering::SeqCst);
    }

    pub fn asked(&self) -> u64 {
        *self.state.asked.lock().expect("asked")
    }

    /// Waits until it was asked so often.
    pub fn until_asked(&self, times: u64) {
        let asked = self.state.asked.lock().expect("asked");
        let waited = self.state.news.wait_timeout_while(asked, Duration::from_secs(30), |asked| *asked < times);
        let (asked, late) = waited.expect("asked");
        assert!(!late.timed_out(), "asked {asked} times, not {times}");
    }
}

impl State {
    fn answer(&self, mut stream: std::net::TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let (status, body) = match self.broken.load(Ordering::SeqCst) {
            true => ("503 Service Unavailable", r#"{"operational": false}"#),
            false => ("200 OK", r#"{"operational": true}"#),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        // Whoever asked may be gone by now.
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
        *self.asked.lock().expect("asked") += 1;
        self.news.notify_all();
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends.
        let _ = std::net::TcpStream::connect(self.address);
    }
}
