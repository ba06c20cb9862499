//! The whole outage through Discord: a real Redis that is full, a real backend, a Railway that restarts them, and the people in
//! the incident's thread.

use super::response::{people, thread};
use super::served::Served;
use crate::real_incident;
use crate::world::discord::{Config, Discord, Message};
use crate::world::railway::Service;
use crate::world::{self, World};

/// A card without what differs from run to run: times, lengths, numbers of events, hashes.
fn without_times(card: &str) -> String {
    [
        (r"<t:\d+:(\w)>", "<t:…:$1>"),
        (r"\d+(\.\d+)? (ms|s|min)( \d+ (ms|s))?", "some time"),
        (r"journal \d+:[0-9a-f]{64}", "journal …"),
        (r"\d{4}-\d\d-\d\dT", "yyyy-mm-ddT"),
        (r"\d\d:\d\d:\d\d", "hh:mm:ss"),
    ]
    .iter()
    .fold(card.to_owned(), |text, (pattern, with)| {
        regex::Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
    })
}

/// The postmortem's headings and what it says is not recorded: figures differ from run to run.
fn outline(page: &str) -> String {
    let missing = |line: &str| line.contains("not recorded");
    let mut told = String::new();
    let citation = regex::Regex::new(r" \[#[^\]]*\]").expect("a pattern");
    for line in page.lines().filter(|line| line.starts_with('#') || missing(line)) {
        let line = citation.replace_all(line, "").into_owned();
        // What was measured before and after has its own tests; its addresses differ.
        if line.contains("http:") {
            continue;
        }
        told.push_str(&without_times(&line));
        told.push('\n');
    }
    told
}

#[tokio::test]
async fn the_whole_outage_is_handled_from_a_telephone() {
    let world = World::start(world::Config::default());
    world.unhealthy_by_server_limit();
    let desk = real_incident::desk(&world);
    let discord = Discord::start(Config { patience: std::time::Duration::from_secs(40), ..Config::default() });
    let ops = discord.channel("ops");
    let (ana, cleo) = (discord.member("ana"), discord.member("cleo"));
    people(&desk, &[("Ana", &ana, "responder"), ("Cleo", &cleo, "commander")]);
    let bot = Served::start(&desk, &discord, ops).await;

    // Declared with a pasted error: the runbook that fits is offered.
    let error = "500 on /api/occupation: max number of clients reached";
    let said = ana.slash(ops, "incident declare", &[("title", error), ("severity", "P1")]);
    assert!(said.reply().await.contains("inc-1"));
    let thread = thread(&discord, "inc-1");
    ana.sees(thread, "There is a runbook for this").await;
    ana.slash(thread, "incident assign", &[("role", "scribe"), ("person", "Ana"), ("why", "nobody else is here")]);
    ana.sees_reply().await;
    cleo.slash(thread, "incident ack", &[]);
    cleo.sees_reply().await;
    let begins = ana.slash(
        thread,
        "runbook run",
        &[("runbook", "redis-connections"), ("input", "watch_for=20s"), ("env", "production")],
    );
    assert!(begins.reply().await.contains("run-1"));

    // Redis is restarted, once, by two taps of somebody who saw what exactly it does.
    let asked = cleo.sees(thread, "waits for the approval of one person: restart redis on Railway").await;
    assert!(
        discord
            .look(|world| world.messages[&asked].text())
            .contains("before: Read what the health check says · failed")
    );
    let sure = cleo.press(asked, "Approve").message().await;
    cleo.press(sure, "Approve").acknowledged().await;

    let decides = cleo.sees(thread, "waits for a decision").await;
    let followed = cleo.sees(thread, "after: Wait until Redis is healthy · done").await;
    assert_eq!(followed, asked, "the message that asked says what came of it");
    insta::assert_snapshot!(
        "the_approval_in_the_end",
        without_times(&discord.look(|world| world.messages[&asked].text()))
    );
    ana.says(thread, "@Rundown the lead says spools can be taken again");
    let told = cleo.says(thread, "TOMAR answers in 200 ms now");
    ana.context_menu(told, "Add as evidence").reply().await;
    cleo.press(decides, "Keep this version and watch it").acknowledged().await;

    // The bot dies half-way through the watch; the next one goes on with the same watch and the same buttons.
    // The card names the step before it is its turn: the one with the button asks.
    let asks = |message: &&Message| message.buttons().iter().any(|button| button.label == "Done");
    let asked = discord
        .find("the shift lead is to be told", |world| {
            world.bot_messages_in(thread).into_iter().find(asks).map(|message| message.id)
        })
        .await;
    ana.sees(thread, "Tell the shift lead that paper tracking can stop").await;
    bot.kill();
    let bot = Served::start(&desk, &discord, ops).await;
    ana.press(asked, "Done").acknowledged().await;
    let watched = ana.sees(thread, "📈").await;
    let picture = discord.look(|world| world.messages[&watched].attachments()[0].clone());
    assert!(picture.bytes.starts_with(b"\x89PNG") && picture.description.is_some_and(|words| words.contains("active")));
    ana.sees(thread, "run-1 succeeded").await;

    // The gate names what nobody ticked; a reason passes over it.
    let card = cleo.sees(thread, "(run-1) · succeeded").await;
    cleo.press(card, "Resolve").followups(1).await;
    let gate = cleo.sees(thread, "⚠️").await;
    cleo.press(gate, "Resolve all the same…").modal().await;
    cleo.submit_modal(&[("Why? Everybody reads it.", "the lead ticks them tomorrow")]).await.reply().await;
    let resolved = ana.sees(thread, "🏁").await;
    let draft = discord.look(|world| world.messages[&resolved].attachments()[0].clone());
    let page = String::from_utf8(draft.bytes).expect("a Markdown page");
    assert!(page.contains("4 of 8") && page.contains("8 of 8"), "{page}");
    let card = ana.sees(thread, "after it was declared").await;

    assert_eq!((world.restarts(Service::Redis), world.restarts(Service::Backend)), (1, 0));
    let final_card = discord.look(|world| world.messages[&card].text());
    insta::assert_snapshot!("the_final_card", without_times(&final_card));
    insta::assert_snapshot!("the_postmortem_in_outline", outline(&page));
    ana.reads(thread);
    ana.reads(ops);
    cleo.reads(thread);
    assert_eq!(bot.leaves(), Some(0));
    desk.rundown(&["verify"]).exits(0);
    discord.finished();
}
