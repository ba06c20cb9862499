//! What others try at the pages: it changes nothing, and is told calmly.

use std::path::{Path, PathBuf};

use rundown::web::acts::{Act, ROUTES};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::acts::{offered, waiting_for_approval};
use super::signed::{Answer, Browser, Pages};
use crate::rundown::Desk;

/// An address of a route, and a form that does something there when somebody sends it who may.
async fn form(pages: &Pages, path: &str, act: Act) -> (String, Vec<(&'static str, String)>) {
    let path = path.replace("{incident}", if act == Act::Ack { "inc-2" } else { "inc-1" }).replace("{run}", "run-1");
    let fields = match act {
        Act::SignIn => return (path.replace("{token}", &pages.token("ben")), Vec::new()),
        Act::SignOut | Act::Ack => Vec::new(),
        Act::Offer => {
            let pause = offered(&pages.signed_in("ana").await, "Pause").await;
            vec![("offer", pause)]
        }
        Act::Note => vec![("text", "it was me".to_owned())],
        Act::Tick => vec![("criterion", "1".to_owned())],
        Act::Steer => vec![("verb", "cancel".to_owned())],
    };
    (path, fields)
}

fn fields<'a>(of: &'a [(&'static str, String)], csrf: &'a str) -> Vec<(&'a str, &'a str)> {
    of.iter().map(|(name, value)| (*name, value.as_str())).chain([("csrf", csrf)]).collect()
}

/// How many events are recorded, and the last one's hash.
fn anchor(pages: &Pages) -> String {
    pages.desk.rundown(&["verify"]).exits(0).out
}

#[tokio::test]
async fn whatever_changes_something_does_so_for_a_page_of_ours_in_a_session_with_the_right_and_for_nobody_else() {
    for (path, act) in ROUTES {
        let pages = waiting_for_approval().await;
        let (path, form) = form(&pages, path, act).await;
        let (ana, vic, nobody) = (pages.signed_in("ana").await, pages.signed_in("vic").await, pages.browser());
        let (own, other) = (ana.csrf().await, vic.csrf().await);
        // A link is its own proof; everything else about it is as with any form.
        let links = act == Act::SignIn;
        let before = anchor(&pages);

        if !links {
            let unknown = Answer::of(nobody.sent(&path, &fields(&form, &own))).await;
            assert_eq!(unknown.status, 401, "{path} without a session");
            let forged = Browser { cookie: format!("{}x", ana.cookie), ..nobody.clone() };
            assert_eq!(
                Answer::of(forged.sent(&path, &fields(&form, &own))).await.status,
                401,
                "{path} with a forged one"
            );
            for (csrf, whose) in
                [(String::new(), "no token"), (other, "another session's"), (format!("{own}A"), "a forged one")]
            {
                let answer = Answer::of(ana.sent(&path, &fields(&form, &csrf))).await;
                assert_eq!(answer.status, 403, "{path} with {whose}");
            }
            let none: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(Answer::of(ana.sent(&path, &none)).await.status, 403, "{path} without a token");
        }
        let from = |name: &'static str, value: &str| ana.bare(&path).header(name, value).form(&fields(&form, &own));
        assert_eq!(Answer::of(ana.bare(&path).form(&fields(&form, &own))).await.status, 403, "{path} from nowhere");
        let port = pages.url.rsplit_once(':').unwrap().1;
        for origin in ["http://evil.example", "null", "https://127.0.0.1", &format!("http://localhost:{port}")] {
            assert_eq!(Answer::of(from("origin", origin)).await.status, 403, "{path} from {origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(Answer::of(from("sec-fetch-site", site)).await.status, 403, "{path}, {site}");
        }
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example"] {
            let answer = Answer::of(from("origin", &format!("http://{host}")).header("host", host)).await;
            assert_eq!(answer.status, 421, "{path} under {host}");
        }
        let body = serde_json::to_string(&serde_json::json!({ "csrf": own })).unwrap();
        for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
            let sent = ana.bare(&path).header("origin", &pages.url).header("content-type", kind).body(body.clone());
            assert_eq!(Answer::of(sent).await.status, 415, "{path} as {kind}");
        }
        let viewer = Answer::of(vic.sent(&path, &fields(&form, &vic.csrf().await)));
        if !links && act != Act::SignOut {
            let refused = viewer.await.is(403);
            assert!(refused.text.contains("Vic is a viewer"), "{path}: {}", refused.text);
        }
        assert_eq!(anchor(&pages), before, "{path}: none of that is recorded");

        let done = Answer::of(ana.sent(&path, &fields(&form, &own))).await;
        assert_eq!(done.status, 303, "{path} as it is meant: {}", done.text);
        assert_ne!(anchor(&pages), before, "{path} does something");
    }
}

#[test]
fn every_address_that_is_posted_to_stands_in_the_one_list() {
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut files = Vec::new();
    sources(&web, &mut files);
    let changing = ["post", "put", "patch", "delete", "any", "on", "MethodRouter", "post_service", "any_service"];
    let mut posting = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let imports = text.lines().filter(|line| line.contains("routing::"));
        let words: Vec<&str> =
            imports.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')).collect();
        if changing.iter().any(|way| words.contains(way)) {
            posting.push(file.strip_prefix(&web).unwrap().display().to_string());
        }
    }
    posting.sort();
    assert_eq!(posting, ["acts.rs", "hooks/mod.rs"], "hooks prove themselves otherwise");
}

#[tokio::test]
async fn under_a_foreign_name_nothing_is_shown_and_every_answer_has_its_headers() {
    let pages = Pages::of(Desk::new()).await;
    let (ana, nobody) = (pages.signed_in("ana").await, pages.browser());
    let style = ana.get("/").await.text.split("href=\"/assets/").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let foreign = |path: &str| ana.asked(path).header("host", "evil.example");
    let answers = [
        (ana.get("/").await, 200),
        (ana.get("/nothing").await, 404),
        (nobody.get("/").await, 401),
        (nobody.get("/nothing").await, 401),
        (nobody.get("/incidents/inc-1/live").await, 401),
        (nobody.get("/login").await, 200),
        (Answer::of(foreign("/")).await, 421),
        (Answer::of(foreign("/login")).await, 421),
        (Answer::of(foreign(&format!("/assets/{style}"))).await, 421),
        (Answer::of(ana.http.put(&pages.url)).await, 405),
        (Answer::of(ana.http.delete(&pages.url)).await, 405),
        (Answer::of(ana.http.request(reqwest::Method::OPTIONS, &pages.url)).await, 405),
        (ana.post("/act", &[("offer", "none")]).await, 400),
    ];
    for (answer, status) in answers {
        let answer = answer.is(status);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store", "{status}");
    }
    let kept = nobody.get(&format!("/assets/{style}")).await.is(200);
    assert!(kept.header("cache-control").contains("immutable"), "what is the same for everybody is kept");
    let stream = Answer::of(
        nobody.http.get(format!("{}/incidents/inc-1/live", pages.url)).header("accept", "text/event-stream"),
    );
    assert_eq!(stream.await.is(401).text, "sign in first", "a program gets no page");
}

#[tokio::test]
async fn what_is_too_long_or_too_slow_is_not_waited_for() {
    let pages = waiting_for_approval().await;
    let ana = pages.signed_in("ana").await;
    let before = anchor(&pages);
    let slow = {
        let (address, cookie) = (pages.url.trim_start_matches("http://").to_owned(), ana.cookie.clone());
        let head = format!(
            "POST /incidents/inc-1/note HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntext=slo"
        );
        async move { raw(&address, &head).await }
    };
    let slow_head = raw(pages.url.trim_start_matches("http://"), "POST /act HTTP/1.1\r\nHost: ");
    let long = async {
        ana.post("/incidents/inc-1/note", &[("text", &"a".repeat(64 * 1024))]).await.is(413);
        ana.post("/incidents/inc-1/note", &[("text", &"a".repeat(8_001))]).await.is(413);
        let many: Vec<(&str, &str)> = vec![("a", "b"); 5_000];
        ana.post("/incidents/inc-1/note", &many).await.is(400);
        let wide = ana.asked("/").header("x-wide", "a".repeat(40_000));
        assert_eq!(Answer::of(wide).await.status, 431);
    };
    let (slow, slow_head, ()) = futures::join!(slow, slow_head, long);
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 408"), "{slow_head}");
    assert_eq!(anchor(&pages), before);
}

/// Says something as it is, and hears everything that comes back until the other side hangs up.
async fn raw(address: &str, said: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(said.as_bytes()).await.expect("it is heard");
    let mut heard = Vec::new();
    // A reset is as good as an end.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn no_address_leads_out_of_what_it_names() {
    let pages = waiting_for_approval().await;
    let ana = pages.signed_in("ana").await;
    let address = pages.url.trim_start_matches("http://").to_owned();
    let before = anchor(&pages);
    let csrf = ana.csrf().await;
    let names = [
        "..",
        "../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "inc-1%00",
        "inc-1%2f..%2f..%2fweb.key",
        "....//....//web.key",
        "%252e%252e%252fweb.key",
        "%ff%fe",
        "-1",
        "inc-99999999999999999999999",
        &"a".repeat(3_000),
    ];
    let shown = [
        "/incidents/{}",
        "/incidents/{}/live",
        "/incidents/inc-1/charts/{}",
        "/incidents/inc-1/output/{}",
        "/assets/{}",
        "/login/{}",
        "/{}",
    ];
    let posted = ROUTES.iter().filter(|(path, _)| path.contains('{'));
    let posted = posted.map(|(path, _)| {
        let (front, rest) = path.split_once('{').unwrap();
        format!("{front}{{}}{}", rest.split_once('}').unwrap().1)
    });
    let posted: Vec<String> = posted.collect();
    for name in names {
        let asks = shown.iter().map(|path| ("GET", path.replace("{}", name)));
        for (method, path) in asks.chain(posted.iter().map(|path| ("POST", path.replace("{}", name)))) {
            let body =
                if method == "POST" { format!("csrf={csrf}&text=x&criterion=1&verb=pause") } else { String::new() };
            let said = format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                ana.cookie,
                body.len()
            );
            let heard = raw(&address, &said).await;
            let status = heard.split(' ').nth(1).unwrap_or_default().to_owned();
            assert!(matches!(status.as_str(), "400" | "404" | "405"), "{method} {path}: {heard}");
            assert!(!heard.contains("root:"), "{path}");
        }
    }
    assert_eq!(anchor(&pages), before);
}

#[tokio::test]
async fn no_text_becomes_a_header() {
    let desk = Desk::new();
    desk.rundown(&["incident", "declare", "Redis\r\nSet-Cookie: a=b is full"]).exits(0);
    let pages = Pages::of(desk).await;
    // Where nobody is named, somebody is called as their account is; what nobody can see is in no name.
    let refused = pages.desk.command(&["login-link"]).env("USER", "ana\r\nSet-Cookie: a=b").output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let ana = pages.signed_in("ana; Path=/x, \"a\"=b").await;
    for back in [
        "/x\r\nSet-Cookie: a=b",
        "/x%0d%0aSet-Cookie: a=b",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
    ] {
        let form = [("text", "a note\r\nSet-Cookie: a=b"), ("back", back)];
        let done = ana.post("/incidents/inc-1/note", &form).await.is(303);
        assert_eq!(done.location(), "/incidents/inc-1", "{back:?}");
        assert!(done.cookies().iter().all(|cookie| cookie.starts_with("rundown-said=")), "{:?}", done.cookies());
    }
    for path in ["/", "/incidents/inc-1", "/login"] {
        let shown = ana.get(path).await.is(200);
        assert!(shown.cookies().is_empty(), "{path}: {:?}", shown.cookies());
    }
}
