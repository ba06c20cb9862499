//! What others deployed: a Railway look-alike that a colleague deploys on, a server that sees it, the card and the record.

use super::place::count;
use super::response::{people, thread};
use super::served::Served;
use crate::real_incident;
use crate::world::discord::{Config, Discord};
use crate::world::railway::{How, Service, When};
use crate::world::{self, World};

const SEEN: &str = "target.deployment_seen";

#[tokio::test]
async fn what_a_colleague_deployed_is_on_the_card_and_in_the_record_once() {
    let world = World::start(world::Config::default());
    let desk = real_incident::desk(&world);
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    people(&desk, &[("Ana", &ana, "commander")]);
    let bot = Served::start(&desk, &discord, ops).await;

    // The title names the runbook, and the runbook the targets: nothing has to be run first.
    let error = "500 on /api/occupation: Too many connections";
    ana.slash(ops, "incident declare", &[("title", error)]).reply().await;
    let thread = thread(&discord, "inc-1");
    let card = ana.sees(thread, ":R> · Mia · Wait longer for a free connection").await;
    let events = || desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    assert_eq!(count(&events(), SEEN, ""), 2, "one of each target");

    // A process that comes back asks again, and writes down only what is new.
    bot.kill();
    world.deploys(Service::Backend);
    let bot = Served::start(&desk, &discord, ops).await;
    discord
        .until("the card shows both", |world| {
            let text = world.messages[&card].text();
            text.matches("changed: backend was deployed").count() == 2 && text.contains("changed: redis was deployed")
        })
        .await;
    assert_eq!(count(&events(), SEEN, ""), 3);

    // Where Railway does not answer, the incident goes on; it is told once, in the log.
    bot.kill();
    world.railway().fail("deployments", 20, When::Before, How::ErrorPage { status: 502 });
    let bot = Served::start(&desk, &discord, ops).await;
    bot.says("what was deployed is not known for now").await;
    ana.press(card, "I'm on it").acknowledged().await;
    ana.sees(thread, "Ana is on it").await;
    assert_eq!(count(&events(), SEEN, ""), 3);
    assert!(bot.said().matches("what was deployed is not known").count() <= 2, "{}", bot.said());

    let timeline = desk.rundown(&["timeline", "inc-1"]).exits(0).out;
    let timeline = timeline.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        timeline.contains("production/backend was deployed by Mia: Wait longer for a free connection (commit 5f2c1d9)"),
        "{timeline}"
    );
    let draft = desk.rundown(&["postmortem", "draft", "inc-1"]).exits(0).out;
    let (_, section) = draft.split_once("## What was deployed").expect("a section about it");
    let rows: Vec<_> =
        section.lines().filter(|line| line.contains("was deployed by Mia") && line.contains("[#")).take(9).collect();
    assert!(rows.len() >= 3, "{section}");
    assert!(
        !draft.split_once("## Overrides").expect("a section").1.contains("was deployed"),
        "nobody overrode anything"
    );
    ana.reads(thread);
    assert_eq!(bot.leaves(), Some(0));
    desk.rundown(&["verify"]).exits(0);
    discord.finished();
}
