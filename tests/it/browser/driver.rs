//! The driver itself, against pages that are as small as can be: what works is seen to work, and what is wrong is found.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Browser, Device, Scheme};

const STRICT: &str =
    "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'";

const COUNTER: &str = r#"<!doctype html><html lang="en"><title>Counter</title><link rel="stylesheet" href="/style.css">
<h1>Counter</h1><p id="count">Nothing counted yet</p>
<p><a href="/export">Export</a> <button id="more">Count</button> <label>Name <input id="name"></label></p>
<noscript>Counting needs scripts.</noscript><script src="/page.js"></script>"#;

const SCRIPT: &str = "document.getElementById('more').addEventListener('click', async () => {
    const next = await fetch('/next').then(answer => answer.text(), () => 'nothing: no connection');
    document.getElementById('count').textContent = `Counted ${next}`;
});";

const STYLE: &str = "body { background: #fff; color: #111 } @media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
    @media print { button { display: none } }";

const FAULTY: &str = r#"<!doctype html><html lang="en"><title>Faulty</title><main><h1>Faulty</h1>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="></main>
<script>document.title = 'run'</script><script src="/broken.js"></script><script src="/nowhere.js"></script>"#;

/// Serves these pages until the process ends; gives their origin.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer(&stream)));
        }
    });
    origin
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, kind, more, body) = match path {
        "/" => (200, "text/html", STRICT, COUNTER),
        "/faulty" => (200, "text/html", "content-security-policy: script-src 'self'", FAULTY),
        "/page.js" => (200, "text/javascript", "x: y", SCRIPT),
        "/broken.js" => (200, "text/javascript", "x: y", "nobody.home()"),
        "/style.css" => (200, "text/css", "x: y", STYLE),
        "/next" => (200, "text/plain", "x: y", "one"),
        "/export" => (200, "text/plain", "content-disposition: attachment; filename=\"counted.txt\"", "1\n"),
        "/favicon.ico" => (204, "image/x-icon", "x: y", ""),
        _ => (404, "text/plain", "x: y", "nothing"),
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}; charset=utf-8\r\n{more}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}

#[test]
fn a_person_sees_presses_types_and_downloads() {
    let origin = serve();
    let page = Browser::get().visitor();
    page.open(&origin);
    assert_eq!(page.text("h1"), "Counter");
    page.click("button", "Count");
    page.sees("Counted one");

    page.reload();
    page.sees("Nothing counted yet");
    page.tabs_to("button", "Count");
    page.press("Enter");
    page.sees("Counted one");
    page.press("Tab");
    page.types("Ana");
    assert_eq!(page.ask("document.getElementById('name').value"), "Ana");

    let file = page.downloads(|page| page.click("link", "Export"));
    assert_eq!((file.name.as_str(), file.bytes.as_slice()), ("counted.txt", b"1\n".as_slice()));
    page.is_accessible();
}

#[test]
fn a_page_is_seen_as_on_a_phone_at_night_on_paper_without_scripts_and_without_a_network() {
    let origin = serve();
    let page = Browser::get().visitor();
    page.open(&origin);
    let background = "getComputedStyle(document.body).backgroundColor";
    assert_eq!((page.ask("innerWidth"), page.ask(background)), (1200.into(), "rgb(255, 255, 255)".into()));
    let light = page.picture();
    page.looks(Device::Phone, Scheme::Dark);
    // The page says how wide it is: it names no viewport, and a phone then takes it for one of a desktop.
    assert_eq!((page.ask("screen.width"), page.ask(background)), (390.into(), "rgb(17, 17, 17)".into()));
    let dark = page.picture();
    assert!(light.starts_with(b"\x89PNG") && dark.starts_with(b"\x89PNG") && light != dark);

    page.looks(Device::Desktop, Scheme::Light);
    page.prints(true);
    assert!(!page.text("body").contains("Count\n") && !page.has("button", "Count"), "a button is of no use on paper");
    page.prints(false);

    page.foresees("net::ERR_INTERNET_DISCONNECTED");
    page.is_offline(true);
    page.click("button", "Count");
    page.sees("Counted nothing: no connection");
    page.is_offline(false);

    page.runs_scripts(false);
    page.reload();
    page.sees("Counting needs scripts.");
    page.click("button", "Count");
    assert_eq!(page.text("#count"), "Nothing counted yet");
}

#[test]
fn what_is_wrong_in_a_page_is_found() {
    let origin = serve();
    let page = Browser::get().visitor();
    page.open(&format!("{origin}/faulty"));
    page.until("the page is read", "document.readyState === 'complete'");
    let wrong = page.complaints().join("\n");
    for part in ["Content Security Policy", "nobody is not defined", "/nowhere.js"] {
        assert!(wrong.contains(part), "{part} is not among:\n{wrong}");
    }
    assert_eq!(page.ask("document.title"), "Faulty", "the policy was left as it is");
    let broken = page.examined();
    assert!(broken.iter().any(|one| one.rule == "image-alt" && one.impact == "critical"), "{broken:#?}");

    let fails = |act: &dyn Fn()| {
        let failed = catch_unwind(AssertUnwindSafe(act)).expect_err("it passed");
        failed.downcast::<String>().map_or_else(|_| String::new(), |text| *text)
    };
    assert!(fails(&|| page.is_accessible()).contains("image-alt"));
    let never = fails(&|| page.until_within(Duration::from_millis(50), "it is mended", "document.title === 'mended'"));
    assert!(never.contains("in vain: it is mended") && never.contains("Faulty"), "{never}");
    assert!(fails(&|| page.tabs_to("button", "Approve")).contains("never comes to"));
    assert!(fails(&|| drop(page.downloads(|page| page.open("http://elsewhere.example")))).contains("cannot be opened"));
    // A window that closes says what was wrong in it.
    let closes = || {
        let other = page.another();
        other.open(&format!("{origin}/faulty"));
        drop(other);
    };
    assert!(fails(&closes).contains("went wrong in the page"));
    for part in ["Content Security Policy", "nobody is not defined", "/nowhere.js", "net::ERR_NAME_NOT_RESOLVED"] {
        page.foresees(part);
    }
}
