//! Signing in, as a person does it and as others try to.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rundown::base::clock::{Clock as _, RealClock, VirtualClock};
use rundown::base::event::{Actor, Person};
use rundown::base::token::Token;
use rundown::domain::session::decide::offer;
use rundown::domain::session::event::Holder;
use rundown::domain::session::state::State;
use rundown::engine::Engine;
use rundown::journal::sqlite::SqliteJournal;

use super::signed::{Answer, Pages, client};
use crate::rundown::Desk;

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_uses_nothing_up() {
    let pages = Pages::of(Desk::new()).await;
    let (token, nobody) = (pages.token("ana"), pages.browser());
    let path = format!("/login/{token}");
    let asked = nobody.get("/").await.is(401);
    assert!(asked.text.contains("rundown login-link") && asked.text.contains("/login"), "{}", asked.text);
    // Chat programs look at links by themselves.
    for _ in 0..3 {
        let shown = nobody.get(&path).await.is(200);
        assert!(shown.text.contains("Sign in as ana"), "{}", shown.text);
        assert!(shown.cookies().is_empty() && !shown.text.contains(&token));
    }
    let ana = nobody.sign_in(&token).await;
    let page = ana.get("/").await.is(200);
    assert!(page.text.contains("Incidents") && page.text.contains("ana"), "{}", page.text);
    let again = Answer::of(nobody.sent(&path, &[])).await.is(410);
    assert!(again.text.contains("used already") && again.cookies().is_empty(), "{}", again.text);
    nobody.get(&path).await.is(410);
    nobody.get("/").await.is(401);
    nobody.get(&format!("/login/{}", "A".repeat(43))).await.is(404);
}

#[tokio::test]
async fn a_link_that_nobody_used_within_ten_minutes_is_too_old() {
    let desk = Desk::new();
    let holder = Holder { door: "terminal".into(), id: "ana".into(), shown: "ana".into(), roles: Vec::new() };
    let made = |ago: TimeDelta| {
        let clock = VirtualClock::starting_at(RealClock::default().now() - ago);
        let engine = Engine::new(Arc::new(SqliteJournal::open(desk.journal()).unwrap()), Arc::new(clock));
        let token = Token::fresh().unwrap();
        let offered = |_: &State, now| Ok::<_, ()>(offer(holder.clone(), Person::new("ana"), now).into());
        futures::executor::block_on(engine.tell_session(&token.name(), &Actor::Bot, offered)).unwrap().unwrap();
        token
    };
    let (old, young) = (made(TimeDelta::minutes(10)), made(TimeDelta::minutes(9)));
    let pages = Pages::of(desk).await;
    let browser = pages.browser();
    let shown = browser.get(&format!("/login/{}", old.expose())).await.is(410);
    assert!(shown.text.contains("too old"), "{}", shown.text);
    let pressed = Answer::of(browser.sent(&format!("/login/{}", old.expose()), &[])).await.is(410);
    assert!(pressed.cookies().is_empty());
    browser.sign_in(young.expose()).await.get("/").await.is(200);
}

#[tokio::test]
async fn two_who_press_at_the_same_time_are_not_both_signed_in() {
    let pages = Pages::of(Desk::new()).await;
    let path = format!("/login/{}", pages.token("ana"));
    let pressed = || async {
        let browser = pages.browser();
        Answer::of(browser.sent(&path, &[])).await.status
    };
    let mut came: Vec<u16> = futures::future::join_all((0..8).map(|_| pressed())).await;
    came.sort_unstable();
    assert_eq!(came, [303, 410, 410, 410, 410, 410, 410, 410]);
}

#[tokio::test]
async fn a_session_outlives_the_process_and_ends_with_signing_out() {
    let pages = Pages::of(Desk::new()).await;
    let key = pages.desk.path().join("web.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let mut ana = pages.signed_in("ana").await;
    let mut phone = pages.signed_in("ana").await;
    let pages = pages.restarted().await;
    (ana.url, phone.url) = (pages.url.clone(), pages.url.clone());
    ana.get("/").await.is(200);
    let out = ana.post("/logout", &[]).await.is(303);
    assert_eq!(out.location(), "/login");
    assert!(out.cookies().contains(&"rundown=".to_owned()), "{:?}", out.cookies());
    ana.get("/").await.is(401);
    phone.get("/").await.is(200);
    phone.post("/logout", &[("everywhere", "1")]).await.is(303);
    phone.get("/").await.is(401);
}

#[tokio::test]
async fn a_session_that_another_process_ended_is_over_at_once() {
    let pages = Pages::of(Desk::new()).await;
    let (ana, bo) = (pages.signed_in("ana").await, pages.signed_in("bo").await);
    let unused = pages.token("ana");
    ana.get("/").await.is(200);
    let said = pages.desk.rundown(&["login-link", "--sign-out"]).exits(0).out;
    assert_eq!(said.trim(), "signed out everywhere: 2 sessions and links ended");
    ana.get("/").await.is(401);
    pages.browser().get(&format!("/login/{unused}")).await.is(410);
    bo.get("/").await.is(200);
}

#[tokio::test]
async fn a_page_that_stays_open_is_told_nothing_more_once_the_session_is_over() {
    let desk = Desk::new();
    desk.rundown(&["incident", "declare", "Redis is full"]).exits(0);
    let pages = Pages::of(desk).await;
    let ana = pages.signed_in("ana").await;
    let open = ana.asked("/incidents/inc-1/live").header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(open.status(), 200);
    pages.desk.rundown(&["login", "--sign-out"]).exits(0);
    // It is looked up as often as something is said in any case.
    let told = tokio::time::timeout(Duration::from_secs(40), open.text()).await.expect("it ends").unwrap();
    assert!(told.contains("event: pulse"), "{told}");
    let closed = ana.asked("/incidents/inc-1/live").header("accept", "text/event-stream");
    Answer::of(closed).await.is(401);
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_gone_at_once() {
    let people = |role: &str| format!("people:\n  Ana: {{ terminal: ana, role: {role} }}\n");
    let desk = Desk::with_pages(&[("people.yaml", &people("responder"))]);
    desk.rundown(&["incident", "declare", "Redis is full"]).exits(0);
    let pages = Pages::of(desk).await;
    let ana = pages.signed_in("ana").await;
    ana.post("/incidents/inc-1/ack", &[]).await.is(303);
    pages.desk.add_page("people.yaml", &people("viewer"));
    let refused = ana.post("/incidents/inc-1/note", &[("text", "still here")]).await.is(403);
    assert!(refused.text.contains("Ana is a viewer"), "{}", refused.text);
    assert!(ana.get("/login").await.text.contains("viewer"));
}

#[tokio::test]
async fn a_link_stands_nowhere_but_where_it_is_shown() {
    let mut desk = Desk::new();
    desk.set("RUST_LOG", "trace");
    let pages = Pages::of(desk).await;
    let token = pages.token("ana");
    let path = format!("/login/{token}");
    let nobody = pages.browser();
    nobody.get(&path).await.is(200);
    let foreign = client().post(format!("{}{path}", pages.url)).header("origin", "http://evil.example");
    Answer::of(foreign.form(&[("a", "b")])).await.is(403);
    let ana = nobody.sign_in(&token).await;
    nobody.get(&path).await.is(410);
    let session = ana.cookie.split_once('=').unwrap().1.to_owned();
    let signature = session.rsplit_once('.').unwrap().1;
    let said = pages.bot.said();
    assert!(said.contains("a form was refused"), "the log is looked at, and says something: {said}");
    for secret in [&token, signature] {
        assert!(!said.contains(secret), "{said}");
        for file in std::fs::read_dir(pages.desk.path()).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
    let journal = pages.desk.rundown(&["verify"]).exits(0);
    assert!(!journal.out.contains(&token));
}
