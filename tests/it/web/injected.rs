//! Text that means to act on its reader: in every field that a person or a service can fill, on every page.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::signed::Pages;
use super::stream::Tab;
use crate::hooks::{HOOKS, address, alertmanager, notification, with_secrets};
use crate::rundown::Desk;

/// Breaks out of an attribute, begins a script, an element with a handler, and a comment.
const EVIL: &str = "\"'><script>pwned(1)</script><img src=x onerror=pwned(2)><!--";
/// The same where a link may stand.
const LINK: &str = "javascript:pwned(3)";

const PAGE: &str = r#"---
id: small
title: "\"'><script>pwned(4)</script>"
severity: P2
---
# "'><script>pwned(4)</script>

## Look <script>pwned(5)</script>

### Ask the service <script>pwned(6)</script>
Do as <script>pwned(7)</script> says, [here](javascript:pwned(8)).

```yaml rundown
id: ask_it
http: { get: "{{target.backend.url}}/x" }
expect: [status == 200]
on_failure: continue
```

### By hand <script>pwned(9)</script>
Look at <img src=x onerror=pwned(10)>.

## Success criteria
- [ ] All is well <script>pwned(11)</script>
"#;

/// A service that answers with a script in its body and in a header.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            drop(stream.read(&mut asked));
            let body = format!("{{\"said\": \"<script>pwned(12)</script>\"}}{EVIL}");
            let head = format!("HTTP/1.1 500 No\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
    });
    format!("http://{address}")
}

/// What a page must not hold: anything of it that is not text.
fn acts(html: &str) -> Option<&'static str> {
    let small = html.to_ascii_lowercase();
    ["<script>pwned", "<img src=x", "href=\"javascript:", "src=\"javascript:", "'><script>", "\"'>"]
        .into_iter()
        .find(|sign| small.contains(sign))
}

#[tokio::test]
async fn text_from_anywhere_is_only_text_on_every_page() {
    let targets = "environments: { production: { targets: { backend: { url: { env: BACKEND_URL } } } } }\n";
    let mut desk = Desk::with_pages(&[("targets.yaml", targets), ("small.md", PAGE)]);
    desk.set("BACKEND_URL", service());
    with_secrets(&mut desk);
    let pages = Pages::with(desk, HOOKS).await;
    let say = |arguments: &[&str]| {
        let said = pages.desk.rundown(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
    };
    say(&["incident", "declare", EVIL, "--severity", "P1"]);
    let run = pages.desk.rundown(&["run", "small", "--incident", "inc-1", "--yes"]);
    assert_eq!(run.code, 3, "it waits for a person: {}{}", run.out, run.err);
    say(&["note", EVIL]);
    say(&["incident", "title", EVIL]);
    say(&["incident", "assign", "scribe", EVIL]);
    say(&["incident", "link", "https://example.com/\"'><script>pwned(13)</script>", "--label", EVIL]);
    say(&["incident", "summary", EVIL]);
    say(&["hypothesis", "add", EVIL, "--expecting", EVIL, "--test", EVIL]);
    say(&["evidence", EVIL, "--found", EVIL, "--hypothesis", "H1", "--implies", EVIL]);
    say(&["hypothesis", "confirm", "H1", "--why", EVIL]);
    say(&["cause", EVIL]);
    say(&["impact", "users", EVIL]);
    say(&["lesson", "went-well", EVIL]);
    say(&["recommend", EVIL, "--priority", "P1", "--detail", EVIL]);
    say(&["action", "add", EVIL, "--owner", EVIL, "--due", "2020-01-01"]);
    // Another system's alert, whose every word is somebody else's, declares an incident of its own.
    let alerts = address(&pages.bot).await;
    assert_eq!(alertmanager(&alerts, &notification(&[(EVIL, "firing")], EVIL)).await.0, 202);
    let refused = pages.desk.rundown(&["incident", "link", LINK, "--label", "x"]);
    assert_ne!(refused.code, 0, "an address that runs something is none");

    let ana = pages.signed_in("ana").await;
    let events: u64 = Tab::load(&ana, "/incidents/inc-1").await.last;
    let mut paths: Vec<String> = [
        "/incidents/inc-1",
        "/incidents/inc-1?kind=step&who=%22%27%3E%3Cscript%3Epwned(14)%3C%2Fscript%3E&q=%22%27%3E%3Cscript%3Epwned(15)%3C%2Fscript%3E",
        "/incidents/inc-1?zone=%22%27%3E%3Cscript%3Epwned(16)%3C%2Fscript%3E",
        "/incidents/inc-1/postmortem",
        "/incidents/inc-2",
        "/incidents/inc-2/postmortem",
        "/",
        "/?q=%22%27%3E%3Cscript%3Epwned(17)%3C%2Fscript%3E",
        "/runs",
        "/runbooks",
        "/runbooks/small",
        "/monitors",
        "/oncall",
        "/actions",
        "/actions?owner=%22%27%3E%3Cscript%3Epwned(18)%3C%2Fscript%3E",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend((1..=events).map(|event| format!("/incidents/inc-1/events/{event}")));
    let mut seen = String::new();
    for path in &paths {
        let shown = ana.get(path).await.is(200);
        assert_eq!(acts(&shown.text), None, "{path}");
        assert!(shown.header("content-security-policy").contains("script-src 'self'"), "{path}");
        seen.push_str(&shown.text);
    }
    for number in [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13] {
        assert!(seen.contains(&format!("pwned({number})")), "pwned({number}) is nowhere to be read as text");
    }
    for path in ["/nowhere/<script>pwned(19)</script>", "/incidents/<script>pwned(20)</script>"] {
        let shown = ana.get(path).await.is(404);
        assert_eq!(acts(&shown.text), None, "{path}");
    }
    // The same through the stream, whose parts become elements of the page.
    let mut tab = Tab::load(&ana, "/incidents/inc-1").await;
    tab.last = 0;
    tab.listen().await;
    let told = tab.next().await.expect("a message");
    let html: String =
        told.data["regions"].as_array().into_iter().flatten().map(|region| region[1].to_string()).collect();
    assert!(html.contains("pwned(1)"));
    let raw: Vec<&str> = tab.parts.values().map(String::as_str).filter(|part| acts(part).is_some()).collect();
    assert!(raw.is_empty(), "{raw:?}");
    // All of an output is plain text, whatever stands in it.
    let page = ana.get("/incidents/inc-1").await.text;
    if let Some((_, behind)) = page.split_once("/incidents/inc-1/output/") {
        let output =
            ana.get(&format!("/incidents/inc-1/output/{}", behind.split('"').next().expect("a number"))).await.is(200);
        assert_eq!(
            (output.header("content-type"), output.header("x-content-type-options")),
            ("text/plain; charset=utf-8", "nosniff")
        );
    }
}
