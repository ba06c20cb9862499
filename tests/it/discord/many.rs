//! Many runs at once, targets that are frozen meanwhile, phases that follow, and Discord as it is in production.

use std::sync::Arc;

use rundown::base::clock::RealClock;
use rundown::base::event::{Actor, RunId};
use rundown::bot::Bot;
use rundown::bot::fleet::Fleet;
use rundown::bot::library::{At, Library};
use rundown::bot::running::{Live, Observer, Start};
use rundown::chat::discord::thread::Threads;
use rundown::chat::discord::{door, settings::Settings};
use rundown::client::http::HttpClient;
use rundown::client::process::ProcessGroups;
use rundown::client::railway::RailwayApi;
use rundown::client::redis::RedisServers;
use rundown::config::Folder;
use rundown::domain::run::state::State;
use rundown::journal::Journal;
use rundown::journal::sqlite::SqliteJournal;
use rundown::step::{Executors, Ports};
use serenity::all::HttpBuilder;

use super::place::{Place, block, has, page, with_criteria};
use crate::rundown::Desk;

/// The bot of a desk, in this process.
fn bot(desk: &Desk) -> Bot {
    let clock: Arc<dyn rundown::base::clock::Clock> = Arc::new(RealClock::default());
    let runbooks = desk.path().join("runbooks");
    let library = Library::new(Folder::Named(runbooks), Box::new(|_| None), desk.path().join("scratch"));
    let (file, of_executors) = (desk.journal(), clock.clone());
    let open = {
        let file = file.clone();
        move || {
            SqliteJournal::open(&file)
                .map(|journal| Arc::new(journal) as Arc<dyn Journal>)
                .map_err(|error| error.to_string())
        }
    };
    let executors = move |secrets| {
        let clock = of_executors.clone();
        let http = Arc::new(HttpClient::new(clock.clone()));
        let railway = Arc::new(RailwayApi::new(http.clone(), clock.clone(), "http://127.0.0.1:9"));
        let (redis, processes) =
            (Arc::new(RedisServers::new(clock.clone())), Arc::new(ProcessGroups::new(clock.clone())));
        Ok(Executors::new(Ports { http, railway, redis, processes }, secrets, clock))
    };
    Bot::new(clock, library, "here:1".to_owned(), file, Box::new(open), Box::new(executors))
}

fn ana() -> Actor {
    Actor::Person { name: rundown::base::event::Person::new("Ana"), door: "terminal".to_owned(), login: None }
}

async fn start(bot: &Bot, runbook: &str) -> RunId {
    let planned = bot.plan(runbook, &At::default()).expect("a plan");
    bot.start(&ana(), &planned, Start::default()).await.expect("a run")
}

struct Nobody;

impl Observer for Nobody {
    fn events(&self, _: &State, _: &[rundown::base::event::Recorded<rundown::domain::timeline::Fact>]) {}
    fn live(&self, _: Live<'_>) {}
}

#[tokio::test]
async fn fifty_runs_wait_and_one_acts() {
    let place = Place::new(&[
        ("hour", &[("Wait", &block("wait: { for: 1h }"))]),
        ("act", &[("Act", &block("id: act\nexec: { argv: [\"true\"] }"))]),
    ]);
    let Place { discord, ana, desk, .. } = &place;
    {
        let bot = bot(desk);
        for _ in 0..50 {
            start(&bot, "hour").await;
        }
        start(&bot, "act").await;
    }
    let server = place.serve().await;
    place.recorded("inc-51", "the one that acts is over", |events| has(events, "run.finished", ""));
    discord.until("each has its thread", |world| world.threads(place.ops).len() == 51).await;
    discord
        .until("and its card", |world| {
            world.threads(place.ops).iter().all(|thread| !world.bot_messages_in(thread.id).is_empty())
        })
        .await;
    let listed = desk.rundown(&["runbook", "status", "run-50"]).exits(0);
    assert!(listed.out.contains("Wait"), "{}", listed.out);
    assert_eq!(server.leaves(), Some(0));
    for thread in discord.look(|world| world.threads(place.ops).iter().map(|thread| thread.id).collect::<Vec<_>>()) {
        ana.reads(thread);
    }
    discord.finished();
}

#[tokio::test]
async fn a_lifted_freeze_wakes_the_run_and_what_follows_is_driven_here() {
    let place = Place::new(&[]);
    let Place { discord, ana, desk, .. } = &place;
    let text = with_criteria(&page("act", &[("Act", &block("id: act\nexec: { argv: [\"true\"] }"))]));
    let text = text.replace("title: The act runbook\n", "title: The act runbook\nfollow_up: [Afterwards]\n");
    let after = format!("## Afterwards\n\n### Later\n{}\n\n## Success", block("id: later\nwait: { for: 1h }"));
    desk.add_page("act.md", &text.replace("## Success", &after));
    desk.rundown(&["freeze", "--for", "2h", "--why", "holidays", "--env", "production"]).exits(0);
    let server = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "act").await;
    ana.sees(thread, "froze").await;
    desk.rundown(&["unfreeze", "--env", "production"]).exits(0);
    ana.sees(thread, "✅ run-1 succeeded").await;
    place.recorded("inc-1", "what follows is under way", |events| {
        events.iter().any(|one| one["kind"] == "wait.started" && one["body"]["step"] == "later")
    });
    server.kill();

    // A process that dies right after the end of a run leaves what follows to the next one.
    {
        let bot = bot(desk);
        let run = start(&bot, "act").await;
        let (_said, commands) = futures::channel::mpsc::unbounded();
        bot.drive(&run, commands, &Nobody).await.expect("driven");
    }
    let before = place.recorded("inc-2", "it is over", |events| has(events, "run.finished", ""));
    assert!(!has(&before, "wait.started", "later"));
    let server = place.serve().await;
    place.recorded("inc-2", "what follows is opened after all", |events| has(events, "wait.started", "later"));
    assert_eq!(
        desk.rundown(&["timeline", "inc-1", "--json"]).out.matches("\"run.opened\"").count(),
        2,
        "and once only"
    );
    assert_eq!(server.leaves(), Some(0));
    let threads = discord.look(|world| world.threads(place.ops).iter().map(|thread| thread.id).collect::<Vec<_>>());
    threads.iter().chain([&place.ops]).for_each(|thread| drop(ana.reads(*thread)));
    discord.finished();
}

#[tokio::test]
async fn as_in_production_over_tls_with_serenitys_own_limiter() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, .. } = &place;
    discord.limit("PATCH", "/channels/{channel_id}/messages/{message_id}", 2, std::time::Duration::from_secs(1));
    let bot = bot(desk);
    let (fleet, harbour) = Fleet::new();
    let (ear, news) = futures::channel::mpsc::unbounded();
    let (token, client) = (discord.token(), discord.client());
    let settings = Settings {
        guild: discord.guild().into(),
        channel: place.ops.into(),
        place: rundown::chat::discord::settings::Place::Thread,
        http: Arc::new(move || HttpBuilder::new(&token).client(client.clone()).build()),
        endpoint: None,
    };
    let story = async {
        discord.connected().await;
        discord.registered("incident").await;
        let (thread, card) = place.declare("The disk is full").await;
        ana.press(card, "I'm on it").acknowledged().await;
        place.run(thread, "hand").await;
        for step in ["With your own eyes", "It may have changed"] {
            let asked = discord
                .find(step, |world| {
                    let messages = world.bot_messages_in(thread);
                    let found = messages.iter().find(|one| one.embeds().is_empty() && one.text().contains(step));
                    found.map(|message| message.id)
                })
                .await;
            ana.press(asked, "Done").acknowledged().await;
        }
        ana.sees(thread, "✅ run-1 succeeded").await;
        ana.sees(thread, "(run-1) · succeeded").await;
    };
    tokio::select! {
        driven = bot.drive_all(harbour, vec![ear]) => panic!("{driven:?}"),
        served = door::serve(&bot, &fleet, &settings, Threads::default(), news, &|_, _| {}) => panic!("{served:?}"),
        () = story => {}
    }
    assert_eq!(discord.look(|world| world.faults.limited), 0, "the limiter keeps the limits");
    discord.finished();
}
