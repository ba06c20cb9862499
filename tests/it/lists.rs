//! The lists for browsers, of the real server over real HTTP: what somebody sees in each after something happened.
#![allow(clippy::disallowed_methods, reason = "what is monitored is outside the program and lives in real time")]

use std::time::{Duration, Instant};

use crate::monitors::backend::Backend;
use crate::rundown::Desk;
use crate::web::signed::{Answer, Browser, Pages};

/// What a title must never do.
const HOSTILE: &str = "<script>alert(1)</script> \"><img src=x onerror=alert(2)>";
/// The same as a reader sees it, in the page's source.
const HARMLESS: &str = "&lt;script&gt;alert(1)&lt;/script&gt; &quot;&gt;&lt;img src=x onerror=alert(2)&gt;";

const TARGETS: &str =
    "environments:\n  production: { zone: America/Santiago, targets: { api: { url: \"http://127.0.0.1:9\" } } }\n";
const BY_HAND: &str = "---\nid: by-hand\ntitle: Fill the tank\nseverity: P2\nuse_when: [tank is empty]\ntargets: [api]\ninputs:\n  litres: \
                       { type: number, default: 40, about: How much }\n---\n# Fill the tank\n\nFor when the **tank** is empty. \
                       [Where it stands](https://example.com/tank) and [not here](javascript:alert(1)).\n\n<script>alert(3)</script>\n\n\
                       ## Fill\n\nTwo people carry it.\n\n### Open the lid\nTurn it *left*.\n\n### Look at it\n```yaml rundown\nid: look\n\
                       set: { full: \"1 + 1 == 2\" }\nwhen: inputs.litres > 10\n```\n\n## Success criteria\n- It is full\n";
const ASIDE: &str = "---\nid: aside\ntitle: Stand aside\n---\n# Stand aside\n\n## Go\n\n### Step\n```yaml rundown\nid: step\nset: { x: \"1\" }\n```\n";
const BROKEN: &str = "# Broken\n\n## Go\n\n### X\n```yaml rundown\nid: [\n```\n";
const PEOPLE: &str = "people:\n  Ana: { terminal: ana, role: admin }\n  Ben: { terminal: ben, role: responder }\n";
const ONCALL: &str = "zone: America/Santiago\nschedules:\n  primary:\n    layers:\n      - { name: Weekly, people: [Ana, Ben], rotate: weekly, \
                      handoff: mon 09:00, from: 2026-01-05 }\n  office:\n    zone: Europe/Berlin\n    layers:\n      - { people: [Ben], rotate: \
                      daily, handoff: '09:00', from: 2026-01-05, only: [{ days: [mon-fri], from: '09:00', to: '17:00' }] }\npolicies:\n  \
                      default:\n    steps:\n      - { notify: [schedule: primary], escalate_after: 5m }\n    finally: [person: Ben]\n";

/// A server beside a desk, and the browser of somebody who may look.
struct Reader {
    pages: Pages,
    browser: Browser,
}

impl Reader {
    async fn of(desk: Desk) -> Self {
        let pages = Pages::of(desk).await;
        let browser = pages.signed_in("ana").await;
        Self { pages, browser }
    }

    async fn answer(&self, path: &str) -> Answer {
        self.browser.get(path).await
    }

    /// A page that is there; no page ever holds markup from outside, a style or a script of its own.
    async fn page(&self, path: &str) -> String {
        let text = self.answer(path).await.is(200).text;
        for never in ["<script>", "<img src=x", "<b>API", " style=", "<style", "href=\"javascript:"] {
            assert!(!text.contains(never), "{path} has {never}:\n{text}");
        }
        text
    }

    /// What is read on a page.
    async fn words(&self, path: &str) -> String {
        words(&self.page(path).await)
    }

    fn says(&self, words: &[&str]) {
        self.pages.desk.rundown(words).exits(0);
    }
}

/// The text of a page, on one line.
fn words(page: &str) -> String {
    let main = page.split_once("<main").map_or(page, |(_, main)| main);
    let main = main.split_once('>').map_or(main, |(_, main)| main);
    let mut text = String::new();
    let mut inside = false;
    for char in main.chars() {
        match char {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(char),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// That the texts stand there, one after the other.
#[track_caller]
fn reads(page: &str, texts: &[&str]) {
    let mut rest = page;
    for text in texts {
        let (_, behind) = rest.split_once(text).unwrap_or_else(|| panic!("no '{text}' in its place:\n{page}"));
        rest = behind;
    }
}

fn desk() -> Desk {
    Desk::with_pages(&[
        ("targets.yaml", TARGETS),
        ("by-hand.md", BY_HAND),
        ("aside.md", ASIDE),
        ("people.yaml", PEOPLE),
    ])
}

#[tokio::test]
async fn where_nothing_is_there_yet_each_list_says_what_to_do_next() {
    let reader = Reader::of(Desk::with_pages(&[("targets.yaml", TARGETS)])).await;
    reads(&reader.words("/").await, &["Nothing has been declared yet", "rundown incident declare"]);
    reads(&reader.words("/runs").await, &["No runbook has been run yet", "rundown run RUNBOOK"]);
    reads(&reader.words("/runbooks").await, &["There is no runbook in this folder", "docs/runbook-language.md"]);
    reads(&reader.words("/monitors").await, &["Nothing is monitored yet", "monitors.yaml", "docs/monitors.md"]);
    reads(&reader.words("/oncall").await, &["Nobody is on call", "oncall.yaml", "docs/oncall.md"]);
    reads(&reader.words("/actions").await, &["Nothing is to be done", "rundown action add"]);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_and_nobody_looks_without_signing_in() {
    let reader = Reader::of(desk()).await;
    std::fs::write(reader.pages.desk.path().join("secret.md"), "# Secret\n").unwrap();
    let outside =
        format!("/runbooks/{}", reader.pages.desk.path().join("secret.md").display().to_string().replace('/', "%2F"));
    for path in [
        "/runs/run-9",
        "/runs/nonsense",
        "/runbooks/other",
        "/runbooks/..%2Fpeople",
        "/runbooks/targets.yaml",
        &outside,
        "/monitors/other",
        "/monitors/other/day.svg",
        "/lists",
    ] {
        let page = reader.answer(path).await.is(404).text;
        assert!(!page.contains("Secret"), "{path}");
    }
    let nobody = reader.pages.browser();
    for path in ["/", "/runs", "/runs/run-1", "/runbooks", "/runbooks/by-hand", "/monitors", "/oncall", "/actions"] {
        nobody.get(path).await.is(401);
    }
}

#[tokio::test]
async fn open_incidents_come_first_and_filters_find_what_is_meant() {
    let reader = Reader::of(desk()).await;
    let declare = |title: &str, severity: &str, env: &str| {
        reader.says(&["incident", "declare", title, "--severity", severity, "--env", env]);
    };
    declare("Uploads are slow", "P2", "production");
    declare(HOSTILE, "P0", "staging");
    declare("Nobody can log in", "P1", "production");
    reader.says(&["incident", "ack", "inc-3"]);
    reader.says(&["incident", "resolve", "inc-3", "--why", "it works again"]);
    reader.says(&["incident", "summary", HOSTILE, "and the tank leaks", "--incident", "inc-1"]);

    let all = reader.words("/").await;
    reads(&all, &["2 open", "inc-2", "P0", "inc-1", "tank leaks", "inc-3", "✓ resolved"]);
    reads(&all, &["Times are by the clock of America/Santiago"]);
    assert!(reader.page("/").await.contains(HARMLESS));

    let ids = |page: &str| -> Vec<String> {
        ["inc-1", "inc-2", "inc-3"].into_iter().filter(|id| page.contains(id)).map(ToOwned::to_owned).collect()
    };
    for (filter, found) in [
        ("?status=open", &["inc-1", "inc-2"][..]),
        ("?severity=P1", &["inc-3"]),
        ("?env=staging", &["inc-2"]),
        ("?q=LOG+in", &["inc-3"]),
        ("?q=tank", &["inc-1"]),
        ("?q=inc-2", &["inc-2"]),
        ("?from=2026-01-01&to=2999-01-01", &["inc-1", "inc-2", "inc-3"]),
        ("?to=2026-01-01", &[]),
        ("?status=open&env=production", &["inc-1"]),
    ] {
        assert_eq!(ids(&reader.words(&format!("/{filter}")).await), found, "{filter}");
    }
    reads(&reader.words("/?q=nothing+like+it").await, &["No incident is like that"]);
    let odd = reader.page("/?from=yesterday&zone=%3Cscript%3Ealert(1)&page=-7&severity=P9&other=1").await;
    reads(&words(&odd), &["is no time zone", "'yesterday' is no date", "inc-2"]);
    reads(&reader.words("/?zone=Asia/Kolkata").await, &["by the clock of Asia/Kolkata, UTC+5:30"]);
    let kept = reader.page("/?q=%22%3E%3Cscript%3Ealert(1)&env=gone").await;
    assert!(kept.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)\""), "what was asked for stands in the form");

    // How quickly people were: this month, of the one incident that is over, and two acknowledged by nobody.
    reads(&all, &["How quickly, month by month", "Medians over the 3 incidents", "TTR", "of 1"]);
    let none = reader.words("/?q=nothing+like+it").await;
    assert!(!none.contains("How quickly"), "nothing where there is nothing: {none}");
}

#[tokio::test]
async fn more_incidents_than_fit_stand_on_the_next_page() {
    let reader = Reader::of(desk()).await;
    for number in 1..=52 {
        reader.says(&["incident", "declare", &format!("Case {number} of many")]);
    }
    let first = reader.page("/?q=many").await;
    reads(&words(&first), &["Case 52 of many", "Case 3 of many", "Page 1 of 2, 52 incidents"]);
    assert!(!words(&first).contains("Case 2 of many"));
    let (_, next) = first.split_once("rel=\"next\"").map(|(before, _)| before.rsplit_once("href=\"").unwrap()).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    assert!(next.contains("q=many") && next.contains("page=2"), "{next}");
    reads(&reader.words(&next).await, &["Case 2 of many", "Case 1 of many", "Page 2 of 2"]);
}

#[tokio::test]
async fn a_run_is_listed_with_what_it_waits_for_and_leads_to_its_incident() {
    let reader = Reader::of(desk()).await;
    reader.says(&["run", "aside", "--yes"]);
    let waits = reader.pages.desk.rundown(&["run", "by-hand", "--yes"]);
    assert_ne!(waits.code, 0, "it waits for a person: {waits:?}");
    let runs = reader.words("/runs").await;
    reads(
        &runs,
        &[
            "2 runs in all",
            "Going on",
            "run-2",
            "Fill the tank",
            "inc-2",
            "waiting",
            "Open the lid: is to be done by hand, for",
        ],
    );
    reads(&runs, &["Over", "run-1", "Stand aside", "inc-1", "succeeded"]);
    let leads = reader.answer("/runs/run-2").await.is(303);
    assert_eq!(leads.location(), "/incidents/inc-2#run-2");
    for (filter, has, has_not) in [
        ("?runbook=aside", "run-1", "run-2"),
        ("?outcome=open", "run-2", "run-1"),
        ("?outcome=succeeded", "run-1", "run-2"),
        ("?q=TANK", "run-2", "run-1"),
        ("?before=2", "run-1", "run-2"),
    ] {
        let page = reader.words(&format!("/runs{filter}")).await;
        assert!(page.contains(has) && !page.contains(has_not), "{filter}: {page}");
    }
    reads(&reader.words("/runs?outcome=failed").await, &["No run is like that"]);

    // Somebody goes on elsewhere; the list knows.
    reader.says(&["done", "open_the_lid"]);
    let began = Instant::now();
    loop {
        let over = reader.words("/runs?outcome=succeeded").await;
        if over.contains("run-2") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "in vain: {over}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // What was erased is shown nowhere any more, although it had been read.
    let opened = reader.pages.desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    let number = opened.iter().find(|event| event["kind"] == "run.opened").unwrap()["pos"].to_string();
    reader.says(&["purge", &number, "--why", "it holds a name"]);
    let after = reader.words("/runs").await;
    reads(&after, &["1 run cannot be read any more"]);
    assert!(!after.contains("Stand aside"), "{after}");
}

#[tokio::test]
async fn a_runbook_is_shown_with_its_prose_its_steps_and_how_its_runs_went() {
    let reader = Reader::of(desk()).await;
    reader.pages.desk.add_page("broken.md", BROKEN);
    reader.says(&["run", "aside", "--yes"]);
    let shelf = reader.words("/runbooks").await;
    reads(&shelf, &["3 runbooks, 1 needs somebody"]);
    reads(&shelf, &["Stand aside", "run-1", "succeeded", "100 %, 1 of 1 run", "no scenario rehearses it"]);
    reads(&shelf, &["broken", "1 fault"]);
    reads(&shelf, &["Fill the tank", "P2", "“tank is empty”", "Acts on api", "never run"]);
    let pasted = reader.words("/runbooks?q=error:+the+tank+is+empty+again").await;
    assert!(pasted.contains("Fill the tank") && !pasted.contains("Stand aside"), "a pasted error finds it: {pasted}");

    let page = reader.page("/runbooks/by-hand").await;
    let shown = words(&page);
    reads(
        &shown,
        &[
            "Fill the tank",
            "For when the tank is empty.",
            "At a glance",
            "rundown run by-hand",
            "litres",
            "How much",
            "a number",
            "40",
        ],
    );
    reads(
        &shown,
        &[
            "Fill",
            "Two people carry it.",
            "Open the lid",
            "Turn it left .",
            "a person does it",
            "Look at it",
            "Only if inputs.litres > 10",
        ],
    );
    reads(&shown, &["What must hold at the end", "It is full", "a person ticks it", "It has not been run"]);
    assert!(page.contains("<strong>tank</strong>") && page.contains("href=\"https://example.com/tank\""));
    assert!(
        page.contains("&lt;script&gt;alert(3)&lt;/script&gt;"),
        "what is written as HTML is shown as it is written"
    );

    reads(
        &reader.words("/runbooks/aside").await,
        &["Last runs", "run-1", "All runs of it", "No scenario rehearses it"],
    );
    reads(
        &reader.words("/runbooks/broken").await,
        &["It cannot be run as it is: 1 fault", "broken.md", "rundown check"],
    );
}

#[tokio::test]
async fn a_monitor_that_fails_is_seen_with_its_incident_and_what_is_left_of_its_promise() {
    let backend = Backend::start();
    let targets =
        format!("environments:\n  production: {{ zone: UTC, targets: {{ api: {{ url: \"{}\" }} }} }}\n", backend.url());
    let monitors = "monitors:\n  api:\n    title: The <b>API</b>\n    target: api\n    check: { http: { get: \"{{target.api.url}}/health\" } }\n    \
                    expect: [status == 200]\n    every: 1s\n    fail_for: 1s\n    ok_for: 1s\n    on_failure: { severity: P1, declare: true, propose: \
                    aside }\n    slo: { uptime: 99%, over: 30d }\n  nightly:\n    heartbeat: { every: 1d, grace: 1h }\n";
    let pages = [("targets.yaml", targets.as_str()), ("monitors.yaml", monitors), ("aside.md", ASIDE)];
    let reader = Reader::of(Desk::with_pages(&pages)).await;
    backend.until_asked(3);
    let until = async |what: &str| {
        let began = Instant::now();
        loop {
            let page = reader.words("/monitors").await;
            if page.contains(what) {
                return page;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "in vain: {what}\n{page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    reads(&until("100 % left").await, &["The <b>API</b>", "healthy", "none failed", "kept"]);
    backend.breaks();
    let bad = until("inc-1").await;
    reads(&bad, &["in production", "1 failing", "The <b>API</b>", "failing", "503", "inc-1", "spent"]);
    reader.says(&["monitor", "mute", "api", "--for", "1h", "--why", HOSTILE]);
    reads(&until("muted").await, &["muted", "by ana", HOSTILE]);
    assert!(!reader.words("/monitors?state=healthy").await.contains("API"));
    reads(&reader.words("/monitors?state=unwell&target=api").await, &["The <b>API</b>"]);
    reads(&reader.words("/monitors?target=other").await, &["No monitor is like that"]);

    let page = reader.page("/monitors/api").await;
    reads(
        &words(&page),
        &[
            "failing",
            "last 24 hours",
            "every 1s: GET",
            "expects status == 200",
            "declares an incident",
            "proposes aside",
            "What changed",
        ],
    );
    assert!(page.contains("src=\"/monitors/api/day.svg\""));
    let chart = reader.answer("/monitors/api/day.svg").await.is(200);
    assert_eq!(chart.header("content-type"), "image/svg+xml");
    assert!(chart.text.starts_with("<svg") && !chart.text.contains("<b>API"), "{:.300}", chart.text);
    reads(&reader.words("/monitors/nightly").await, &["waits to be called"]);

    // A file that somebody is editing keeps nobody from reading what is wrong with it.
    reader.pages.desk.add_page("monitors.yaml", "monitors: [");
    reads(&reader.words("/monitors").await, &["monitors.yaml or targets.yaml has faults", "monitors.yaml:"]);
}

#[tokio::test]
async fn the_calendar_says_who_is_on_call_and_shouts_where_nobody_is() {
    let desk = desk();
    desk.add_page("oncall.yaml", ONCALL);
    let reader = Reader::of(desk).await;
    reader.says(&[
        "oncall",
        "override",
        "primary",
        "Ben",
        "--from",
        "wed 10:00",
        "--until",
        "wed 12:00",
        "--why",
        HOSTILE,
    ]);
    reader.says(&["page", "call", HOSTILE]);
    let page = reader.words("/oncall").await;
    reads(&page, &["Calls that are open", HOSTILE, "I have it"]);
    reads(
        &page,
        &[
            "Now",
            "office",
            "primary",
            "The coming 14 days",
            "Nobody is on call in",
            "by the clock of Europe/Berlin",
            "today",
        ],
    );
    reads(&page, &["10:00–12:00 Ben", "override", HOSTILE]);
    assert!(page.contains("✗ nobody"), "{page}");
    let rows = |page: &str| page.matches("<th scope=\"row\"><time datetime=").count();
    assert_eq!(rows(&reader.page("/oncall").await), 14);
    let longer = reader.page("/oncall?days=28&zone=Europe/Berlin").await;
    assert_eq!(rows(&longer), 28);
    reads(&words(&longer), &["by the clock of Europe/Berlin", "Mon", "00:00–09:00 ✗ nobody 09:00–17:00 Ben"]);
    assert_eq!(rows(&reader.page("/oncall?days=100000").await), 14);
}

#[tokio::test]
async fn action_items_of_all_incidents_stand_overdue_first() {
    let reader = Reader::of(desk()).await;
    reader.says(&["incident", "declare", HOSTILE]);
    reader.says(&["incident", "declare", "Uploads are slow"]);
    reader.says(&["action", "add", "Raise the limit", "--owner", "Ben", "--due", "2999-01-02", "--incident", "inc-1"]);
    reader.says(&[
        "action",
        "add",
        HOSTILE,
        "--owner",
        "Ana",
        "--due",
        "2026-01-02",
        "--priority",
        "P1",
        "--incident",
        "inc-2",
    ]);
    reader.says(&["action", "add", "Some day", "--incident", "inc-2"]);
    reader.says(&["action", "add", "Long done", "--incident", "inc-2"]);
    reader.says(&["action", "done", "A3", "--incident", "inc-2"]);
    let page = reader.words("/actions").await;
    reads(
        &page,
        &[
            "3 open, 1 overdue",
            HOSTILE,
            "overdue",
            "2026-01-02",
            "Ana",
            "P1",
            "inc-2",
            "Uploads are slow",
            "Raise the limit",
            "Some day",
            "nobody yet",
        ],
    );
    assert!(!page.contains("Long done"), "{page}");
    for (filter, has, has_not) in [
        ("?owner=Ben", "Raise the limit", "Some day"),
        ("?owner=-", "Some day", "Raise the limit"),
        ("?q=LIMIT", "Raise the limit", "Some day"),
        ("?done=yes", "Long done", "No action item"),
    ] {
        let page = reader.words(&format!("/actions{filter}")).await;
        assert!(page.contains(has) && !page.contains(has_not), "{filter}: {page}");
    }
}
