//! HTTP steps against servers that are slow, rude, huge or lead elsewhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rundown::client::http::BODY_CAP;
use rundown::domain::action::Action;
use rundown::domain::action::http::{Method, Request};
use serde_json::json;

use super::{Bench, answered, not_done, secret, unknown};

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that hands every connection, its request read, to `answer`; gives its address and counts connections.
fn serve(answer: impl Fn(&str, TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (Arc::clone(&count), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let request = read_request(&stream);
                answer(&request, stream);
            });
        }
    });
    (address, count)
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("the body");
    head + &String::from_utf8_lossy(&body)
}

fn text(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn says(status: &'static str, headers: &'static str, body: &'static str) -> SocketAddr {
    serve(move |_, mut stream| stream.write_all(text(status, headers, body).as_bytes()).expect("written")).0
}

fn request(method: Method, url: &str) -> Action {
    Action::Http(http(method, url))
}

fn http(method: Method, url: &str) -> Request {
    let (url, target) = (url.to_owned(), None);
    let headers = Default::default();
    Request { method, url, target, headers, json: None, body: None, follow_redirects: false, contract: None }
}

#[test]
fn a_body_that_drips_is_cut_off_by_the_deadline_and_leaves_a_change_in_doubt() {
    let (address, _) = serve(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        // Ends when the client hangs up.
        while stream.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let url = format!("http://{address}");
    let started = Instant::now();
    let reply = Bench::naming(&[&url]).act(&request(Method::Post, &url), Duration::from_secs(5));
    assert!(unknown(reply).message.contains("no complete answer"));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_reset_leaves_a_change_in_doubt() {
    let (address, count) = serve(|_, stream| {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    });
    let url = format!("http://{address}/restart?token=x");
    let failure = unknown(Bench::naming(&[&url]).act(&request(Method::Post, &url), PATIENCE));
    assert_eq!(failure.message, format!("{address} reset the connection before it answered"));
    assert_eq!(count.load(Ordering::SeqCst), 1, "it is not sent again behind our back");
}

#[test]
fn of_a_huge_body_only_the_beginning_is_read() {
    let (sent, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counter, over) = (Arc::clone(&sent), Arc::clone(&seen));
    let (address, _) = serve(move |_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
        let chunk = [b'x'; 65_536];
        while stream.write_all(&chunk).is_ok() {
            counter.fetch_add(chunk.len(), Ordering::SeqCst);
        }
        over.store(1, Ordering::SeqCst);
    });
    let url = format!("http://{address}");
    let answer = answered(Bench::naming(&[&url]).act(&request(Method::Get, &url), PATIENCE));
    assert_eq!(answer.output.expect("a body").len(), BODY_CAP);
    assert_eq!(answer.cut.as_deref(), Some("only the first 8 MiB of the body were read"));
    let patience = Instant::now() + PATIENCE;
    while seen.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < patience, "the connection is still open");
        std::thread::yield_now();
    }
    assert!(sent.load(Ordering::SeqCst) < 100_000_000, "the rest was not fetched");
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_said_so() {
    let (address, _) = serve(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nab\xff\xfed");
    });
    let url = format!("http://{address}");
    let answer = answered(Bench::naming(&[&url]).act(&request(Method::Get, &url), PATIENCE));
    assert_eq!(answer.facts["body"], "ab\u{fffd}\u{fffd}d");
    assert!(answer.cut.expect("a note").contains("not UTF-8"));
}

#[test]
fn what_a_status_settles_depends_on_who_says_it() {
    let act = |method, address: SocketAddr| {
        let url = format!("http://{address}/api");
        Bench::naming(&[&url]).act(&request(method, &url), PATIENCE)
    };
    let gateway = says("502 Bad Gateway", "", "");
    assert!(unknown(act(Method::Post, gateway)).message.starts_with("502 from POST http://"));
    assert_eq!(answered(act(Method::Get, gateway)).facts["status"], 502);
    unknown(act(Method::Delete, says("504 Gateway Timeout", "", "")));
    assert_eq!(answered(act(Method::Post, says("500 Oh", "", "no"))).facts["status"], 500);
    assert_eq!(answered(act(Method::Post, says("409 Conflict", "", ""))).facts["status"], 409);

    let busy = not_done(act(Method::Post, says("429 Too Many", "retry-after: 7\r\n", "")));
    assert_eq!((busy.retryable, busy.retry_after_ms), (true, Some(7000)));

    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let refused = not_done(act(Method::Post, nobody));
    assert_eq!((refused.retryable, refused.message), (true, format!("connection refused by {nobody}")));
}

#[test]
fn an_answer_becomes_facts() {
    let address = says("200 OK", "content-type: text/plain\r\nx-a: 1\r\nx-a: 2\r\n", "{\"status\": \"healthy\"}");
    let url = format!("http://{address}");
    let answer = answered(Bench::naming(&[&url]).act(&request(Method::Get, &url), PATIENCE));
    assert_eq!(answer.facts["body"], json!({ "status": "healthy" }));
    assert_eq!(answer.facts["headers"]["x-a"], "1, 2");
    assert!(answer.facts["latency_ms"].is_u64() && answer.summary.starts_with("200 in "), "{}", answer.summary);
    assert_eq!(answer.output.as_deref(), Some("{\"status\": \"healthy\"}"));
}

#[test]
fn private_addresses_are_reached_only_where_the_operator_names_them() {
    let (address, count) = serve(|_, mut stream| drop(stream.write_all(text("200 OK", "", "secret").as_bytes())));
    let bench = Bench::naming(&["http://127.0.0.1:1"]);
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{}", address.port());
        let failure = not_done(bench.act(&request(Method::Get, &url), PATIENCE));
        assert!(!failure.retryable && failure.message.contains("may not reach"), "{host}: {}", failure.message);
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn a_redirect_is_checked_like_a_first_request() {
    let (inner, reached) = serve(|_, mut stream| drop(stream.write_all(text("200 OK", "", "inner").as_bytes())));
    for to in [format!("http://{inner}/"), "http://169.254.169.254/latest/meta-data".to_owned()] {
        let location = format!("location: {to}\r\n");
        let (outer, _) =
            serve(move |_, mut stream| drop(stream.write_all(text("302 Found", &location, "").as_bytes())));
        let url = format!("http://{outer}");
        let bench = Bench::naming(&[&url]);
        let mut following = http(Method::Get, &url);
        assert_eq!(answered(bench.act(&Action::Http(following.clone()), PATIENCE)).facts["status"], 302);
        following.follow_redirects = true;
        let failure = not_done(bench.act(&Action::Http(following.clone()), PATIENCE));
        assert!(!failure.retryable && failure.message.contains("may not reach"), "{}", failure.message);
        // A change arrived at its first server, whatever became of the rest.
        following.method = Method::Post;
        unknown(bench.act(&Action::Http(following), PATIENCE));
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[test]
fn a_change_carries_its_key_and_a_secret_goes_only_where_it_is_granted() {
    let (address, _) = serve(|request, mut stream| {
        let request = request.to_owned();
        drop(stream.write_all(text("200 OK", "", &request).as_bytes()));
    });
    let url = format!("http://{address}/x");
    let mut bench = Bench::naming(&[&url]);
    let granted = |hosts: &[&str]| Bench::new(Default::default(), vec![secret("token", "hunter2-long", hosts)], &url);
    let mut carrying = http(Method::Post, &url);
    carrying.headers.insert("authorization".to_owned(), "Bearer ⟦secret:token⟧".to_owned());
    carrying.json = Some(json!({ "tag": "⟦secret:token⟧" }));

    let inventory = bench.inventory.clone();
    bench = Bench { inventory: inventory.clone(), ..granted(&[&address.to_string()]) };
    let echoed = answered(bench.act(&Action::Http(carrying.clone()), PATIENCE)).output.expect("the request");
    assert!(echoed.contains("idempotency-key: key-1\r\n"), "{echoed}");
    assert!(
        echoed.contains("authorization: Bearer ⟦token⟧\r\n") && echoed.ends_with("{\"tag\":\"⟦token⟧\"}"),
        "{echoed}"
    );
    assert!(!echoed.contains("hunter2"));

    bench = Bench { inventory, ..granted(&["elsewhere.example"]) };
    let failure = not_done(bench.act(&Action::Http(carrying), PATIENCE));
    assert!(!failure.retryable && failure.message.contains("may not go to 127.0.0.1"), "{}", failure.message);
}
