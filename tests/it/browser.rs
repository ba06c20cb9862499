//! A real browser: headless Chromium, told what to do over its DevTools protocol, the way a person would: by what things are
//! called, with a mouse that hits what is on top, with keys.
//!
//! Whoever opens a [`Page`] gets cookies of their own. Everything that goes wrong in a page on the way (an exception, a
//! violation of the content security policy, a file that is not there) fails the test in the end, unless it was foreseen.
//! Nothing but this machine is reached: every other name is unknown to the browser.

#![allow(clippy::disallowed_methods, reason = "the browser is outside the program and lives in real time")]
#![allow(dead_code, reason = "what one test asks of the browser another does not")]

mod axe;
mod driver;
mod input;
mod outage;
mod page;
mod rehearsal;
mod wire;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::json;

pub use self::page::{Device, Page, Scheme};
use self::wire::Wire;
use crate::world::process::{Log, Process};

/// How long anything in a page may take. A machine that compiles beside the tests is slow.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What Debian, other distributions and macOS call it.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const BUNDLES: &[&str] = &[
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-features=MediaRouter,OptimizationHints,Translate",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--password-store=basic",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
];

/// A running browser. Its processes and its folder are gone with it.
pub struct Browser {
    wire: Wire,
    // After the connection, before its folder.
    _process: Mutex<Process>,
    folder: tempfile::TempDir,
}

impl Browser {
    /// The browser that tests of this process share while any of them needs it: starting one takes a second.
    pub fn get() -> Arc<Self> {
        static SHARED: Mutex<Weak<Browser>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start());
        *shared = Arc::downgrade(&started);
        started
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the browser");
        let log = Log::default();
        let profile = folder.path().join("profile");
        let arguments = ARGUMENTS.iter().map(|argument| (*argument).to_owned());
        let arguments = arguments.chain([format!("--user-data-dir={}", profile.display())]);
        let home = [("HOME", folder.path().display().to_string())];
        let mut process = Process::start(&program(), arguments, home, folder.path(), &log);
        let told = profile.join("DevToolsActivePort");
        let by = Instant::now() + PATIENCE;
        let place = loop {
            // The port, and the path of the browser's own socket. The file is there before it is whole.
            let text = std::fs::read_to_string(&told).unwrap_or_default();
            let mut lines = text.lines();
            if let (Some(port), Some(path)) = (lines.next(), lines.next()) {
                break (port.parse().expect("a port"), path.to_owned());
            }
            let lines = || log.lines().iter().map(|line| line.text.clone()).collect::<Vec<_>>().join("\n");
            assert!(!process.has_exited(), "Chromium ended at once:\n{}", lines());
            assert!(Instant::now() < by, "Chromium does not say where it listens:\n{}", lines());
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { wire: Wire::open(place.0, &place.1), _process: Mutex::new(process), folder }
    }

    /// A window of a visitor whom nobody knows yet, on a desktop, in light colours.
    pub fn visitor(self: &Arc<Self>) -> Page {
        Page::new(self.clone(), None)
    }

    /// A call to the browser itself.
    fn call(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        self.wire.call(None, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself, with all its processes; what does not is killed.
        drop(self.wire.call(None, "Browser.close", json!({})));
    }
}

/// Where Chromium is. Without one these tests fail: a page that nobody looked at is not a page that works.
fn program() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let on_path = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let mut all = on_path.chain(BUNDLES.iter().map(PathBuf::from));
    let found = all.find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("there is no Chromium on this machine: run script/bootstrap")).into_os_string()
}

/// Where `script/bootstrap` puts what tests need.
fn provided(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's directory for tests is in its target");
    let file = target.join(path);
    assert!(file.exists(), "{} is missing: run script/bootstrap", file.display());
    file
}
