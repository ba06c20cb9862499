//! A window of the browser: opening pages, waiting for what is to be seen there, how it looks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Browser, PATIENCE};

/// How long a look at a page lasts before the next one.
const LOOK: Duration = Duration::from_millis(500);

/// What a page is looked at with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Desktop,
    Phone,
}

/// Which colours a person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// A window with one page. Dropped, it closes, and fails the test where something went wrong in it that nobody foresaw.
pub struct Page {
    browser: Arc<Browser>,
    context: String,
    target: String,
    session: String,
    /// What may go wrong, as parts of the complaint.
    foreseen: Mutex<Vec<String>>,
}

/// A file that was downloaded.
#[derive(Debug)]
pub struct Download {
    /// The name that the server suggests.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Page {
    /// A new window; with `context`, beside others of the same visitor.
    pub(super) fn new(browser: Arc<Browser>, context: Option<String>) -> Self {
        let own = || browser.call("Target.createBrowserContext", json!({ "disposeOnDetach": true }));
        let context = context.unwrap_or_else(|| text(&own()["browserContextId"]));
        // A tab behind another one is not drawn, and what is not drawn cannot be pressed.
        let blank = json!({ "url": "about:blank", "browserContextId": context, "newWindow": true });
        let target = text(&browser.call("Target.createTarget", blank)["targetId"]);
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        let session = text(&attached["sessionId"]);
        let page = Self { browser, context, target, session, foreseen: Mutex::default() };
        for domain in ["Page", "Runtime", "Log", "DOM", "Accessibility", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let folder = page.browser.folder.path().display().to_string();
        let to = json!({
            "behavior": "allowAndName",
            "browserContextId": page.context,
            "downloadPath": folder,
            "eventsEnabled": true,
        });
        page.browser.call("Browser.setDownloadBehavior", to);
        // Several windows of several tests are all in front, for themselves.
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        page.looks(Device::Desktop, Scheme::Light);
        page
    }

    /// A call to this page; a refusal is a mistake of the test.
    #[track_caller]
    pub(super) fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub(super) fn try_call(&self, method: &str, params: Value) -> Result<Value, String> {
        self.browser.wire.call(Some(&self.session), method, params)
    }

    /// Another window of the same visitor: with the same cookies.
    pub fn another(&self) -> Self {
        Self::new(self.browser.clone(), Some(self.context.clone()))
    }

    /// Goes to an address and returns when the page is there, with all that belongs to it.
    #[track_caller]
    pub fn open(&self, url: &str) {
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url} cannot be opened: {}", answer["errorText"]);
        self.until("the page is loaded", "document.readyState === 'complete'");
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.ask("window.beforeReload = true");
        self.call("Page.reload", json!({}));
        self.until("the page is loaded again", "!window.beforeReload && document.readyState === 'complete'");
    }

    /// The address it shows.
    #[track_caller]
    pub fn url(&self) -> String {
        text(&self.ask("location.href"))
    }

    /// What an expression is in the page. It is asked from beside the page's own scripts: the page's policy does not hold it up,
    /// and the page does not notice.
    #[track_caller]
    pub fn ask(&self, expression: &str) -> Value {
        let by = Instant::now() + PATIENCE;
        loop {
            match self.try_ask(expression, PATIENCE) {
                Some(Ok(value)) => return value,
                // The page went away under the question.
                Some(Err(error)) if is_passing(&error) && Instant::now() < by => {}
                Some(Err(error)) => panic!("{expression}: {error}"),
                None => panic!("the page does not answer: {expression}"),
            }
        }
    }

    /// Waits until an expression is true in the page, and panics with `what` and with what is to be seen when it does not come.
    #[track_caller]
    pub fn until(&self, what: &str, condition: &str) {
        self.until_within(PATIENCE, what, condition);
    }

    /// The same with a patience of its own.
    #[track_caller]
    pub fn until_within(&self, patience: Duration, what: &str, condition: &str) {
        let by = Instant::now() + patience;
        // Asked again whenever the page changes; a look ends by itself, so that a page that went away is looked for again.
        let look = format!(
            "new Promise(done => {{
                const holds = () => {{ try {{ return Boolean({condition}) }} catch {{ return false }} }};
                if (holds()) return done(true);
                const stop = held => {{ changes.disconnect(); clearTimeout(late); done(held); }};
                const changes = new MutationObserver(() => holds() && stop(true));
                const all = {{ subtree: true, childList: true, attributes: true, characterData: true }};
                changes.observe(document, all);
                const late = setTimeout(() => stop(holds()), {});
            }})",
            LOOK.as_millis() / 2
        );
        loop {
            match self.try_ask(&look, LOOK) {
                Some(Ok(Value::Bool(true))) => return,
                Some(Err(error)) if !is_passing(&error) => panic!("{what}: {error}"),
                _ => {}
            }
            if Instant::now() >= by {
                self.fails(&format!("in vain: {what}"));
            }
        }
    }

    /// Waits until these words are to be seen.
    #[track_caller]
    pub fn sees(&self, words: &str) {
        let said = json!(words);
        self.until(&format!("{words:?} is to be seen"), &format!("document.body.innerText.includes({said})"));
    }

    /// What a person reads of the first element that a selector matches; empty where there is none.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        text(&self.ask(&format!("document.querySelector({})?.innerText ?? ''", json!(selector))))
    }

    /// What a person reads of every element that a selector matches.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let all = self.ask(&format!("[...document.querySelectorAll({})].map(one => one.innerText)", json!(selector)));
        all.as_array().expect("a list").iter().map(text).collect()
    }

    /// Panics with what is to be seen, and keeps a picture of it.
    #[track_caller]
    pub(super) fn fails(&self, why: &str) -> ! {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}.png", self.target));
        let kept = match self.picture_within(LOOK) {
            Some(picture) => std::fs::write(&place, picture).map_or(String::new(), |()| place.display().to_string()),
            None => "there is none".to_owned(),
        };
        let seen = match self.try_ask("location.href + '\\n' + document.body?.innerText", LOOK) {
            Some(Ok(seen)) => text(&seen).chars().take(6_000).collect(),
            other => format!("{other:?}"),
        };
        panic!("{why}\nwrong in the page: {:#?}\na picture of it: {kept}\nit says: {seen}", self.complaints());
    }

    /// Asks from a world beside the page's own. `None`: no answer in time.
    fn try_ask(&self, expression: &str, patience: Duration) -> Option<Result<Value, String>> {
        let beside = json!({ "frameId": self.target, "worldName": "test" });
        let world = match self.try_call("Page.createIsolatedWorld", beside) {
            Ok(world) => world["executionContextId"].clone(),
            Err(error) => return Some(Err(error)),
        };
        let question = json!({
            "expression": expression,
            "contextId": world,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": false,
        });
        let answer = self.browser.wire.call_within(Some(&self.session), "Runtime.evaluate", question, patience)?;
        Some(answer.and_then(|answer| match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].clone()),
            details => Err(format!("{} {}", text(&details["text"]), text(&details["exception"]["description"]))),
        }))
    }

    /// What it is looked at with.
    pub fn looks(&self, device: Device, scheme: Scheme) {
        let phone = device == Device::Phone;
        let (width, height) = if phone { (390, 844) } else { (1200, 720) };
        let sizes = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.call("Emulation.setDeviceMetricsOverride", sizes);
        self.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone }));
        let scheme = if scheme == Scheme::Dark { "dark" } else { "light" };
        // Nothing fades while a picture is taken, and nothing has half a colour while its contrast is measured.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": "", "features": features }));
    }

    /// As it would come out of a printer.
    pub fn prints(&self, on_paper: bool) {
        let media = if on_paper { "print" } else { "" };
        self.call("Emulation.setEmulatedMedia", json!({ "media": media, "features": [] }));
    }

    /// Lets pages run scripts, from the next that is opened on.
    pub fn runs_scripts(&self, allowed: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed }));
    }

    /// Pulls the plug, or puts it back in.
    pub fn is_offline(&self, offline: bool) {
        let conditions = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.call("Network.emulateNetworkConditions", conditions);
    }

    /// A picture of what is to be seen, as PNG.
    #[track_caller]
    pub fn picture(&self) -> Vec<u8> {
        self.picture_within(PATIENCE).unwrap_or_else(|| panic!("no picture can be taken of {}", self.url()))
    }

    fn picture_within(&self, patience: Duration) -> Option<Vec<u8>> {
        let wanted = json!({ "format": "png", "optimizeForSpeed": false });
        let wire = &self.browser.wire;
        let picture = wire.call_within(Some(&self.session), "Page.captureScreenshot", wanted, patience)?.ok()?;
        BASE64_STANDARD.decode(text(&picture["data"])).ok()
    }

    /// The next file that is downloaded by what `act` does.
    #[track_caller]
    pub fn downloads(&self, act: impl FnOnce(&Self)) -> Download {
        let wire = &self.browser.wire;
        let begun = |event: &super::wire::Event| {
            let ours = event.method == "Browser.downloadWillBegin" && event.params["frameId"] == self.target.as_str();
            ours.then(|| (text(&event.params["guid"]), text(&event.params["suggestedFilename"])))
        };
        let before = wire.event(Duration::ZERO, begun);
        assert!(before.is_none(), "a window downloads one file: {before:?}");
        act(self);
        let Some((guid, name)) = wire.event(PATIENCE, begun) else { self.fails("nothing is downloaded") };
        let ended = wire.event(PATIENCE, |event| {
            let ours = event.method == "Browser.downloadProgress" && event.params["guid"] == guid.as_str();
            ours.then(|| text(&event.params["state"])).filter(|state| state != "inProgress")
        });
        assert_eq!(ended.as_deref(), Some("completed"), "{name}");
        let bytes = std::fs::read(self.browser.folder.path().join(&guid)).expect("the file is there");
        Download { name, bytes }
    }

    /// What went wrong in this window so far and was not foreseen.
    pub fn complaints(&self) -> Vec<String> {
        let foreseen = self.foreseen.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.browser.wire.events(&self.session).into_iter().filter_map(|event| complaint(&event));
        all.filter(|one| !foreseen.iter().any(|part| one.contains(part.as_str()))).collect()
    }

    /// From now on nothing that says this counts as wrong: a test that pulls the plug foresees that nothing is reached.
    pub fn foresees(&self, part: &str) {
        self.foreseen.lock().unwrap_or_else(PoisonError::into_inner).push(part.to_owned());
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let wrong = self.complaints();
        drop(self.browser.wire.call(None, "Target.closeTarget", json!({ "targetId": self.target })));
        // Another panic on top would end the whole process without a word.
        if !std::thread::panicking() {
            assert!(wrong.is_empty(), "this went wrong in the page: {wrong:#?}");
        }
    }
}

/// What an event says that went wrong.
fn complaint(event: &super::wire::Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Inspector.targetCrashed" => Some("the page crashed".to_owned()),
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            Some(format!("{} {}", text(&details["text"]), text(&details["exception"]["description"])))
        }
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let matters = matches!(entry["level"].as_str(), Some("error" | "warning"));
            matters.then(|| format!("{} ({})", text(&entry["text"]), text(&entry["url"])))
        }
        "Runtime.consoleAPICalled" => {
            let matters = matches!(params["type"].as_str(), Some("error" | "warning" | "assert"));
            matters.then(|| params["args"].to_string())
        }
        _ => None,
    }
}

/// Whether a question failed only because another page came in between.
fn is_passing(error: &str) -> bool {
    ["context was destroyed", "Cannot find context", "navigated", "No frame", "Cannot find execution context"]
        .iter()
        .any(|part| error.contains(part))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
