//! `/login`: a link that only whoever asked sees, and that is that person on the pages.

use super::place::Place;
use super::response::people;
use super::served::Served;
use crate::web::signed::{ANYWHERE, Browser, address, client};

#[tokio::test]
async fn a_link_is_for_whoever_asked_alone_and_they_are_themselves_on_the_pages() {
    let place = Place::by_hand();
    let Place { discord, ana, ops: channel, .. } = &place;
    let (bo, vic) = (discord.member("bo"), discord.member("vic"));
    people(&place.desk, &[("Ana", ana, "commander"), ("Bo", &bo, "responder"), ("Vic", &vic, "viewer")]);
    let bot = Served::start_with(&place.desk, discord, *channel, ANYWHERE).await;
    let url = address(&bot).await;
    let (thread, _) = place.declare("The disk is full").await;

    let asked = bo.slash(thread, "login", &[]).message().await;
    let text = discord.look(|world| {
        assert!(world.messages[&asked].is_ephemeral(), "nobody else sees it");
        world.messages[&asked].text()
    });
    let link = text.split_once("/login/").expect("a link").1;
    let token = link.split_once('>').expect("between brackets Discord shows no preview of it").0;
    assert!(text.contains("once"), "{text}");

    let browser = Browser { url, http: client(), cookie: String::new() };
    let page = browser.get(&format!("/login/{token}")).await.is(200);
    assert!(page.text.contains("Sign in as Bo") && page.text.contains("in Discord"), "{}", page.text);
    let browser = browser.sign_in(token).await;
    browser.post("/incidents/inc-1/ack", &[]).await.is(303);
    ana.sees(thread, "Bo").await;
    let events = place.recorded("inc-1", "it is taken on", |events| {
        events.iter().any(|event| event["kind"] == "incident.acknowledged")
    });
    let taken = events.iter().find(|event| event["kind"] == "incident.acknowledged").expect("it is recorded");
    let by = &taken["actor"]["person"];
    assert_eq!((by["name"].as_str(), by["door"].as_str()), (Some("Bo"), Some("web")), "{by}");
    assert_eq!(by["login"], format!("discord:{}", bo.id));

    let out = bo.slash(thread, "login", &[("sign-out", "true")]).reply().await;
    assert_eq!(out, "signed out: one session or link ended");
    browser.get("/").await.is(401);
    let read = [ana.reads(thread), vic.reads(thread), ana.reads(*channel)].concat();
    assert!(read.iter().all(|text| !text.contains("/login/")), "{read:?}");
    assert!(!bot.said().contains(token));
    discord.finished();
}
