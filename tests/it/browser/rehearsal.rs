//! A live rehearsal looked at in a browser: what a newcomer sees who types `rundown rehearse --live`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Browser, Device, Page, Scheme};
use crate::rundown::Desk;

/// How long the two hours of the rehearsal may take.
const REHEARSED: Duration = Duration::from_secs(120);

/// Every kind of page that there is over a rehearsal.
const PAGES: &[&str] = &[
    "/",
    "/incidents/inc-1",
    "/incidents/inc-1/postmortem",
    "/incidents/inc-1/events/1",
    "/runs",
    "/runs/run-1",
    "/runbooks",
    "/runbooks/redis-connections",
    "/monitors",
    "/oncall",
    "/actions",
    "/login",
    "/nowhere",
];

/// Whether the incident is over.
const RESOLVED: &str =
    "[...document.querySelectorAll('#head .badge')].some(badge => badge.innerText.includes('resolved'))";

/// `rundown rehearse server-limit --live`, with its pages open until this is dropped.
pub struct Rehearsal {
    child: Child,
    desk: Desk,
    /// Where the pages are.
    pub url: String,
}

impl Rehearsal {
    /// Begins it; the part of bruno, who is asked for the approval, is left to whoever looks.
    pub fn as_bruno(speed: &str) -> Self {
        let desk = Desk::new();
        let arguments = ["rehearse", "server-limit", "--live", "--as", "bruno", "--speed", speed, "--stay"];
        let mut child = desk.command(&arguments).stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("pages: ")).expect("it says where its pages are");
        let url =
            line.split(' ').nth(1).and_then(|url| url.split("/incidents/").next()).expect("an address").to_owned();
        // What nobody reads would hold it up.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("    rehearsal: {line}")));
        Self { child, desk, url }
    }

    /// The page of its incident, in a window of its own.
    pub fn incident(&self) -> Page {
        let page = Browser::get().visitor();
        page.open(&format!("{}/incidents/inc-1", self.url));
        page
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Gives the approval that the run waits for, with the mouse.
#[track_caller]
pub fn approves(page: &Page) {
    page.sees("waits for the approval of one person: restart redis on Railway");
    page.click("DisclosureTriangle", "Approve…");
    page.click("button", "Approve, yes");
}

/// How many steps are green.
fn green(page: &Page) -> i64 {
    page.ask("document.querySelectorAll('.steps .sign.ok').length").as_i64().expect("a number")
}

#[test]
fn a_newcomer_sees_steps_turn_green_approves_sees_the_chart_grow_and_takes_the_postmortem_home() {
    let rehearsal = Rehearsal::as_bruno("600");
    let page = rehearsal.incident();
    page.until("the page is live", "document.documentElement.dataset.live === 'yes'");
    page.sees("Waits for a person");
    let before = green(&page);

    page.click("DisclosureTriangle", "Reject…");
    for scheme in [Scheme::Dark, Scheme::Light] {
        page.looks(Device::Desktop, scheme);
        page.is_accessible();
    }
    approves(&page);
    page.sees("approved by bruno");
    page.until(
        "more steps are green",
        &format!("document.querySelectorAll('.steps .sign.ok').length > {}", before + 4),
    );

    page.until("there is a chart", "document.querySelector('#charts img')?.naturalWidth > 0");
    let chart =
        "fetch(document.querySelector('#charts img').src).then(answer => answer.text()).then(svg => svg.length)";
    let small = page.ask(chart).as_i64().expect("a length");
    page.until_within(REHEARSED, "it is over", RESOLVED);
    let large = page.ask(chart).as_i64().expect("a length");
    assert!(large > small, "the chart did not grow: {small}, {large}");
    assert_eq!(page.ask("document.documentElement.dataset.live"), "yes", "it was live all the time");
    let (live, anew) = (lines(&page), page.another());
    anew.open(&page.url());
    assert_eq!(live, lines(&anew), "what came line by line is what stands there");

    page.click("link", "Postmortem");
    page.sees("Download Markdown");
    let file = page.downloads(|page| page.click("link", "Download Markdown"));
    let text = String::from_utf8(file.bytes).expect("text");
    assert_eq!(file.name, "inc-1.md");
    assert!(text.contains("Redis connections exhausted") && text.contains("bruno"), "{text}");

    page.prints(true);
    let paper = page.text("body");
    assert!(
        paper.contains("At a glance") && !paper.contains("Download Markdown") && !paper.contains("On call"),
        "{paper}"
    );
    page.prints(false);

    page.foresees("404 (Not Found) ");
    is_fit_for_everybody(&page, &rehearsal.url, PAGES);
}

/// The numbers of the events in the timeline of a page, from above.
pub fn lines(page: &Page) -> Vec<i64> {
    let numbers = page.ask("[...document.querySelectorAll('#log > li')].map(line => Number(line.id.slice(1)))");
    numbers.as_array().expect("a list").iter().filter_map(Value::as_i64).collect()
}

/// Every page is open to everybody: on a phone and a desktop, by day and by night. None is wider than the phone.
pub fn is_fit_for_everybody(page: &Page, url: &str, paths: &[&str]) {
    let mut found = Vec::new();
    for path in paths {
        for (device, scheme) in [
            (Device::Desktop, Scheme::Light),
            (Device::Desktop, Scheme::Dark),
            (Device::Phone, Scheme::Light),
            (Device::Phone, Scheme::Dark),
        ] {
            page.looks(device, scheme);
            page.open(&format!("{url}{path}"));
            assert_eq!(page.text("h1") == "Not found", *path == "/nowhere", "{path}");
            found.extend(page.serious().into_iter().map(|one| format!("{path}, {device:?}, {scheme:?}: {one:?}")));
            let wider = page.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if wider != 0 {
                found.push(format!("{path} is {wider} pixels wider than the {device:?}"));
            }
        }
    }
    page.looks(Device::Desktop, Scheme::Light);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn without_scripts_and_without_a_mouse_everything_can_be_read_and_approved() {
    let rehearsal = Rehearsal::as_bruno("600");
    let page = rehearsal.incident();
    page.sees("Waits for a person");
    page.runs_scripts(false);
    page.open(&page.url());
    for words in ["investigating", "Restart Redis on Railway", "Timeline", "refuses new connections"] {
        page.sees(words);
    }
    page.tabs_to("DisclosureTriangle", "Approve…");
    page.press("Enter");
    page.tabs_to("button", "Approve, yes");
    page.press("Enter");
    page.sees("approved by bruno");
}

/// The pictures in `docs/images`, which the README shows: `script/screenshots` takes them.
#[test]
#[ignore = "takes pictures for the documentation: script/screenshots"]
fn pictures_for_the_documentation() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    std::fs::create_dir_all(&folder).expect("a folder");
    let take = |page: &Page, name: &str| {
        for (device, size) in [(Device::Desktop, "desktop"), (Device::Phone, "phone")] {
            for (scheme, colours) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
                page.looks(device, scheme);
                page.ask("document.fonts.ready.then(() => new Promise(requestAnimationFrame)).then(() => true)");
                let picture = page.picture();
                assert!(picture.len() < 200 * 1024, "{name} has {} bytes", picture.len());
                std::fs::write(folder.join(format!("{name}-{size}-{colours}.png")), picture).expect("a picture");
            }
        }
        page.looks(Device::Desktop, Scheme::Light);
    };
    let rehearsal = Rehearsal::as_bruno("300");
    let page = rehearsal.incident();
    page.sees("waits for the approval of one person");
    take(&page, "incident");
    approves(&page);
    page.until("there is a chart", "document.querySelector('#charts img')?.naturalWidth > 0");
    page.until_within(REHEARSED, "it is over", RESOLVED);
    page.ask("document.querySelector('#charts').scrollIntoView()");
    take(&page, "charts");
    page.open(&format!("{}/incidents/inc-1/postmortem", rehearsal.url));
    take(&page, "postmortem");
    for list in ["runbooks", "runs"] {
        page.open(&format!("{}/{list}", rehearsal.url));
        take(&page, list);
    }
}
