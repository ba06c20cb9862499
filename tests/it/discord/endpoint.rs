//! Interactions over HTTP: the same responses without a gateway, and an address that strangers can reach.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::response::{desk, people, thread};
use super::served::Served;
use crate::rundown::Desk;
use crate::world::discord::{Config, Delivery, Discord};

#[tokio::test]
async fn an_incident_is_worked_on_without_a_gateway() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let (ana, bo) = (discord.member("ana"), discord.member("bo"));
    let desk = desk();
    people(&desk, &[("Ana", &ana, "commander"), ("Bo", &bo, "responder")]);
    let (bot, url) = Served::over_http(&desk, &discord, ops).await;
    assert!(bot.said().contains("ready: in Discord as rundown, interactions at http://127.0.0.1:"), "{}", bot.said());
    bot.says("nothing tells of mentions").await;
    // The look-alike's portal has no address yet.
    bot.says("enter this server's address as Interactions Endpoint URL").await;
    discord.send_interactions_to(&url);

    ana.slash(ops, "incident declare", &[("title", "The disk is full, says the backend"), ("severity", "P1")]);
    let reply = ana.sees_reply().await;
    assert!(reply.contains("inc-1"), "{reply}");
    let thread = thread(&discord, "disk is full");
    let offer = ana.sees(thread, "There is a runbook for this").await;
    let card = ana.sees(thread, "nobody has taken it on yet").await;
    bo.press(card, "I'm on it").acknowledged().await;
    ana.sees(thread, "Bo is on it").await;

    let suggested = ana.autocomplete(thread, "runbook run", &[("runbook", "tid")]).await;
    assert_eq!(suggested, [("tidy · Tidy up".to_owned(), "tidy".to_owned())]);
    let none = ana.autocomplete(thread, "runbook run", &[("runbook", "no such thing")]).await;
    assert!(none.is_empty(), "{none:?}");

    let again = ana.press(offer, "Run: Tidy up").message().await;
    ana.press(again, "Run: Tidy up").acknowledged().await;
    let asked = ana.sees(thread, "waits for the approval").await;
    let sure = bo.press(asked, "Approve").message().await;
    bo.press(sure, "Approve").acknowledged().await;

    let asked = ana.sees(thread, "is to be done by hand").await;
    assert_eq!(ana.press(asked, "Could not…").modal().await, "Anything to add?");
    let said = ana.submit_modal(&[("Why, or how it went", "the shift lead is out")]).await.reply().await;
    assert!(!said.contains("⚠️"), "{said}");
    discord
        .until("the reason is in the record", |_| {
            desk.rundown(&["timeline", "inc-1"]).out.contains("the shift lead is out")
        })
        .await;
    ana.reads(thread);
    bo.reads(thread);

    // Everything came through the door that was tested.
    assert_eq!(discord.look(|world| world.sessions.asked), 0, "the gateway was asked");
    let slowest = discord.acknowledgements().into_iter().max().expect("acknowledgements");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(bot.leaves(), Some(0));
    ana.reads(thread);
    discord.finished();
}

#[tokio::test]
async fn what_was_deleted_is_found_out_by_the_next_edit() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let desk = desk();
    people(&desk, &[("Ana", &ana, "commander")]);
    let (bot, url) = Served::over_http(&desk, &discord, ops).await;
    discord.send_interactions_to(&url);
    ana.slash(ops, "incident declare", &[("title", "A slow query")]);
    ana.sees_reply().await;
    let first = thread(&discord, "slow query");
    let card = ana.sees(first, "nobody has taken it on yet").await;

    discord.delete_message(card);
    ana.slash(first, "incident ack", &[]).reply().await;
    let card = ana.sees(first, "Ana is on it").await;
    ana.press(card, "Note…").modal().await;
    ana.submit_modal(&[("For the timeline", "it is the nightly report")]).await.reply().await;
    ana.reads(first);

    discord.delete_channel(first);
    ana.slash(ops, "note", &[("text", "stopped the report"), ("incident", "inc-1")]).reply().await;
    let second = discord
        .find("another thread", |world| {
            world.channels.values().find(|one| one.is_thread() && one.id != first).map(|one| one.id)
        })
        .await;
    ana.sees(second, "Ana is on it").await;
    assert_eq!(bot.leaves(), Some(0));
    ana.reads(second);
    discord.finished();
}

#[tokio::test]
async fn an_answer_waits_for_discord_and_never_for_the_bot() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let desk = desk();
    people(&desk, &[("Ana", &ana, "commander")]);
    let (bot, url) = Served::over_http(&desk, &discord, ops).await;
    discord.send_interactions_to(&url);
    // What follows the first answer may reach Discord before that answer was read.
    discord.reads_answers_late(true);
    assert!(ana.slash(ops, "incident list", &[]).reply().await.contains("no incident"));
    discord.reads_answers_late(false);

    // A page that nobody writes: whoever reads it waits, and that is the bot itself.
    let pipe = desk.path().join("runbooks").join("pipe.md");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let began = Instant::now();
    let suggested = ana.autocomplete(ops, "runbook show", &[("runbook", "ti")]).await;
    assert_eq!((suggested.len(), began.elapsed() > Duration::from_secs(2)), (0, true), "{:?}", began.elapsed());
    let asked = ana.slash(ops, "incident list", &[]);
    let acknowledged = asked.acknowledged().await;
    assert!(acknowledged < Duration::from_secs(1), "{acknowledged:?}");
    // Somebody writes after all.
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).expect("the bot reads it"));
    std::fs::remove_file(&pipe).expect("removed");
    assert!(asked.reply().await.contains("no incident"));
    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}

/// How often the record of the first incident has a note with this text.
fn notes(desk: &Desk, text: &str) -> usize {
    let timeline = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0);
    timeline.events().iter().filter(|event| event.to_string().contains(text)).count()
}

#[tokio::test]
async fn what_is_not_discords_changes_nothing_and_what_comes_twice_is_done_once() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let desk = desk();
    people(&desk, &[("Ana", &ana, "commander")]);
    let (bot, url) = Served::over_http(&desk, &discord, ops).await;
    // As Discord checks an address before it accepts it.
    let pong = discord.ping(&url, Delivery::Genuine).await;
    assert_eq!((pong.status, &pong.body["type"]), (200, &json!(1)));
    assert_eq!(discord.ping(&url, Delivery::BadSignature).await.status, 401);
    discord.send_interactions_to(&format!("{url}/interactions"));

    ana.slash(ops, "incident declare", &[("title", "The disk is full")]);
    ana.sees_reply().await;
    let thread = thread(&discord, "disk is full");
    let first = ana.slash(thread, "note", &[("text", "the first note")]);
    first.reply().await;
    let answered = first.answer().await;

    let again = discord.deliver_again(&url, first.id, Delivery::Genuine).await;
    assert_eq!((again.status, &again.body["type"]), (200, &json!(answered.kind)));
    let forged = discord.deliver_again(&url, first.id, Delivery::BadSignature).await;
    assert_eq!(forged.status, 401);
    for minutes in [6, 60 * 24] {
        let old = Delivery::SignedAgo(Duration::from_secs(minutes * 60));
        assert_eq!(discord.deliver_again(&url, first.id, old).await.status, 401);
    }
    let late = Delivery::SignedAgo(Duration::from_secs(4 * 60));
    assert_eq!(discord.deliver_again(&url, first.id, late).await.status, 200);
    // Signed, and nothing that is known.
    for odd in [json!({}), json!([1, 2]), json!("hello"), json!({ "id": "1", "type": 77, "token": "t" })] {
        assert_eq!(discord.deliver(&url, &odd, Delivery::Genuine).await.status, 400, "{odd}");
    }

    // Whatever those led to would be in the record before this.
    ana.slash(thread, "note", &[("text", "the last note")]).reply().await;
    assert_eq!((notes(&desk, "the first note"), notes(&desk, "the last note")), (1, 1));
    let listed = desk.rundown(&["incident", "list", "--json"]).exits(0);
    assert!(!listed.out.contains("inc-2"), "{}", listed.out);
    ana.reads(thread);
    assert_eq!(bot.leaves(), Some(0));
    ana.reads(thread);
    discord.finished();
}

/// Sends bytes and reads until the connection ends; also how long that took.
async fn exchange(address: &str, bytes: &[u8]) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let began = Instant::now();
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A reset is an end, too.
    drop(stream.read_to_end(&mut answer).await);
    (String::from_utf8_lossy(&answer).into_owned(), began.elapsed())
}

#[tokio::test]
async fn strangers_cannot_hold_the_address() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let (bot, url) = Served::over_http(&desk(), &discord, ops).await;
    discord.send_interactions_to(&url);
    let address = url.strip_prefix("http://").expect("an address").to_owned();
    let status =
        async |request: &str| exchange(&address, request.as_bytes()).await.0.chars().take(12).collect::<String>();

    assert_eq!(status("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await, "HTTP/1.1 200");
    assert_eq!(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await, "HTTP/1.1 405");
    assert_eq!(status("POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await, "HTTP/1.1 404");
    assert_eq!(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").await, "HTTP/1.1 401");
    assert_eq!(status("\u{0}\u{1}\u{2} what is this\r\n\r\n").await, "HTTP/1.1 400");
    // Too large by its own word, and too large without a word.
    assert_eq!(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 262145\r\n\r\n").await, "HTTP/1.1 413");
    let chunk = format!("40001\r\n{}", "x".repeat(0x40001));
    let chunked = format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(status(&chunked).await, "HTTP/1.1 413");
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(100_000));
    assert_eq!(status(&head).await, "HTTP/1.1 431");

    // Those who never finish are left, and meanwhile keep nobody waiting.
    let slow_head = exchange(&address, b"POST / HTTP/1.1\r\nHost: x\r\n");
    let slow_body = exchange(&address, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    let genuine = discord.ping(&url, Delivery::Genuine);
    let ((head, of_head), (body, of_body), pong) = tokio::join!(slow_head, slow_body, genuine);
    assert_eq!((head.as_str(), body.as_str(), pong.status), ("", "", 200));
    for took in [of_head, of_body] {
        assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&took), "{took:?}");
    }

    // More of them than there are places: those that came first give way.
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(TcpStream::connect(&address).await.expect("a connection"));
    }
    assert_eq!(discord.ping(&url, Delivery::Genuine).await.status, 200);
    let began = Instant::now();
    assert_eq!(crowd[0].read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert!(began.elapsed() < Duration::from_secs(2), "the first one gave way only after {:?}", began.elapsed());

    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_before_anything_happens() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let desk = desk();
    let zeros = format!("interactions = \"http\"\nlisten = \"127.0.0.1:0\"\npublic-key = \"{}\"\n", "0".repeat(64));
    let bot = Served::spawn_with(&desk, &discord, ops, "", &zeros);
    bot.says("discord.public-key is no public key").await;
    assert_eq!(bot.ends(), Some(2));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let key = crate::world::discord::public_key();
    let more = format!("interactions = \"http\"\nlisten = \"{address}\"\npublic-key = \"{key}\"\n");
    let bot = Served::spawn_with(&desk, &discord, ops, "", &more);
    bot.says(&format!("interactions cannot be heard at {address}")).await;
    assert_eq!(bot.ends(), Some(1));
    assert_eq!(discord.account().len(), 1, "nobody asked Discord for anything");
}
