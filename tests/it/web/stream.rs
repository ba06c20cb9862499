//! An open page of an incident: what it is told while things go on, over lost connections and a server that dies.

#![allow(clippy::disallowed_methods, reason = "a browser lives in real time")]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::Value;

use super::signed::{Browser, Pages};
use crate::rundown::Desk;

/// The stock of a runbook that asks before anything is done.
const PAGE: &str = "---\nid: small\ntitle: Small check\nseverity: P2\n---\n# Small check\n\n## Look\n\n### Count\n```yaml rundown\n\
    id: count\nset: { n: \"5\" }\n```\n\n### Look at the dashboard\nIs the curve going down?\n\n## Success criteria\n- [ ] The shift lead knows\n";

/// One message.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: u64,
    pub event: String,
    pub data: Value,
}

/// A page that stays open: what it shows, as its script keeps it.
pub struct Tab {
    browser: Browser,
    path: String,
    /// The last event it knows.
    pub last: u64,
    /// Its timeline: how often each event was put into it.
    pub lines: BTreeMap<u64, u32>,
    /// Its parts, by id.
    pub parts: BTreeMap<String, String>,
    open: Option<BoxStream<'static, reqwest::Result<Vec<u8>>>>,
    kept: Vec<u8>,
}

impl Tab {
    /// Loads the page.
    pub async fn load(browser: &Browser, path: &str) -> Self {
        let text = browser.get(path).await.is(200).text;
        let behind = |mark: &str| text.split_once(mark).expect(mark).1.split('"').next().expect("a value").to_owned();
        let last = behind("data-through=\"").parse().expect("a number");
        let lines = ids(&text);
        let (browser, path) = (browser.clone(), path.to_owned());
        Self { browser, path, last, lines, parts: BTreeMap::new(), open: None, kept: Vec::new() }
    }

    /// Listens, from where it is, as a browser does that lost its connection.
    pub async fn listen(&mut self) {
        let request = self.browser.asked(&format!("{}/live?", self.path)).header("last-event-id", self.last);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        self.kept.clear();
        self.open = Some(response.bytes_stream().map(|bytes| bytes.map(|bytes| bytes.to_vec())).boxed());
    }

    /// Loses its connection.
    pub fn lose(&mut self) {
        self.open = None;
    }

    /// The next message but the ones that only tell the time; `None` where the connection ended.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some(end) = self.kept.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = self.kept.drain(..end + 2).collect();
                let told = message_of(&String::from_utf8(message).expect("text"));
                if told.event == "more" {
                    self.take(&told);
                    return Some(told);
                }
            }
            let open = self.open.as_mut().expect("it listens");
            let more = tokio::time::timeout(Duration::from_secs(20), open.next()).await.expect("it is told in time");
            self.kept.extend(more?.ok()?);
        }
    }

    /// Listens until it knows an event.
    pub async fn until(&mut self, pos: u64) {
        while self.last < pos {
            self.next().await.expect("the stream goes on");
        }
    }

    fn take(&mut self, told: &Told) {
        assert!(told.id > self.last, "{} after {}", told.id, self.last);
        self.last = told.id;
        for line in told.data["lines"].as_array().expect("lines") {
            for (pos, count) in ids(line.as_str().expect("a line")) {
                *self.lines.entry(pos).or_default() += count;
            }
        }
        for region in told.data["regions"].as_array().expect("regions") {
            let text = |at: usize| region[at].as_str().expect("text").to_owned();
            self.parts.insert(text(0), text(1));
        }
    }
}

fn message_of(text: &str) -> Told {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let data = serde_json::from_str(field("data:")).unwrap_or_default();
    Told { id: field("id:").parse().unwrap_or_default(), event: field("event:").to_owned(), data }
}

/// The events whose lines stand in a text.
fn ids(text: &str) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    for part in text.split("<li id=\"e").skip(1) {
        let pos = part.split('"').next().expect("an id").parse().expect("a number");
        *found.entry(pos).or_default() += 1;
    }
    found
}

/// The events that the timeline has a line for, from the terminal.
fn told_at_the_terminal(desk: &Desk, incident: &str) -> Vec<u64> {
    let said = desk.rundown(&["timeline", incident]).exits(0);
    let mut numbers: Vec<u64> = said
        .out
        .lines()
        .flat_map(|line| line.split_whitespace().filter_map(|word| word.strip_prefix('#')?.parse().ok()).next())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn an_open_page_has_every_line_once_over_lost_connections_and_a_server_that_dies() {
    let pages = Pages::of(Desk::with_pages(&[("small.md", PAGE)])).await;
    pages.desk.rundown(&["run", "small", "--yes"]).exits(3);
    let ana = pages.signed_in("ana").await;
    let mut tab = Tab::load(&ana, "/incidents/inc-1").await;
    let note = |desk: &Desk, text: &str| {
        desk.rundown(&["note", text]).exits(0);
    };
    tab.listen().await;
    note(&pages.desk, "the first");
    let told = tab.next().await.expect("a message");
    assert!(told.data["lines"].to_string().contains("the first"), "{told:?}");
    // It misses two, and hears of both when it comes back.
    tab.lose();
    note(&pages.desk, "while nobody listened");
    note(&pages.desk, "still nobody");
    tab.listen().await;
    let told = tab.next().await.expect("a message");
    assert_eq!(told.data["lines"].as_array().map(Vec::len), Some(2), "{told:?}");
    assert!(tab.parts.contains_key("head") && tab.parts.contains_key("asks"), "all that may have changed comes along");
    // The server dies, something is written meanwhile, and another server stands in its place.
    let pages = pages.restarted().await;
    assert!(tab.next().await.is_none(), "the connection ended");
    note(&pages.desk, "while there was no server");
    let address = pages.url.clone();
    tab.browser.url = address;
    tab.listen().await;
    tab.next().await.expect("a message");
    // What is done on a page is told to the others.
    let done = pages.desk.rundown(&["done", "look_at_the_dashboard"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    while !tab.parts.get("run-1-head").is_some_and(|head| head.contains("succeeded")) {
        tab.next().await.expect("the run goes on to its end");
    }
    let last = *told_at_the_terminal(&pages.desk, "inc-1").last().expect("lines");
    tab.until(last).await;
    let known = told_at_the_terminal(&pages.desk, "inc-1");
    assert_eq!(tab.lines.keys().copied().collect::<Vec<_>>(), known, "no holes");
    assert!(tab.lines.values().all(|count| *count == 1), "no doubles: {:?}", tab.lines);
}

#[tokio::test]
async fn a_page_is_told_only_the_lines_it_asked_for() {
    let pages = Pages::of(Desk::with_pages(&[("small.md", PAGE)])).await;
    pages.desk.rundown(&["run", "small", "--yes"]).exits(3);
    let ana = pages.signed_in("ana").await;
    let all = ana.get("/incidents/inc-1").await.is(200).text;
    let steps = ana.get("/incidents/inc-1?kind=step").await.is(200).text;
    assert!(all.contains("incident declared by") && !steps.contains("incident declared by"));
    assert!(steps.contains("Count: done"), "{steps}");
    let nothing = ana.get("/incidents/inc-1?q=nowhere%20to%20be%20found").await.is(200).text;
    assert!(nothing.contains("No line fits"));
    let utc = ana.get("/incidents/inc-1?zone=Asia%2FKolkata").await.is(200).text;
    assert!(utc.contains("Asia/Kolkata, UTC+5:30"));
    let mut tab = Tab::load(&ana, "/incidents/inc-1?kind=step").await;
    tab.path = "/incidents/inc-1".to_owned();
    let request = ana.asked("/incidents/inc-1/live?kind=step").header("last-event-id", tab.last).send().await;
    tab.open = Some(request.expect("an answer").bytes_stream().map(|bytes| bytes.map(|bytes| bytes.to_vec())).boxed());
    pages.desk.rundown(&["note", "of no interest here"]).exits(0);
    let told = tab.next().await.expect("a message");
    assert_eq!(told.data["lines"].as_array().map(Vec::len), Some(0), "{told:?}");
}

#[tokio::test]
async fn what_is_erased_is_on_no_page_any_more() {
    let pages = Pages::of(Desk::with_pages(&[("small.md", PAGE)])).await;
    pages.desk.rundown(&["incident", "declare", "The shop is slow"]).exits(0);
    pages.desk.rundown(&["note", "the customer's number is 555-0199"]).exits(0);
    let ana = pages.signed_in("ana").await;
    let mut tab = Tab::load(&ana, "/incidents/inc-1").await;
    let number = *tab.lines.keys().last().expect("a line");
    let places = ["/incidents/inc-1", "/incidents/inc-1/postmortem", &format!("/incidents/inc-1/events/{number}"), "/"];
    assert!(ana.get(places[0]).await.text.contains("555-0199"));
    assert!(ana.get(places[2]).await.text.contains("555-0199"));
    tab.listen().await;
    pages.desk.rundown(&["purge", &format!("#{number}"), "--why", "a customer's number"]).exits(0);
    for place in places {
        assert!(!ana.get(place).await.is(200).text.contains("555-0199"), "{place}");
    }
    // Nor does it come back with what is told next.
    pages.desk.rundown(&["note", "called back"]).exits(0);
    let told = tab.next().await.expect("a message");
    assert!(told.data.to_string().contains("called back") && !told.data.to_string().contains("555-0199"));
}
