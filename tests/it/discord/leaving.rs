//! The server comes and goes, with and without Discord, beside terminals; what is under way is never lost and never done twice in
//! silence.

use std::time::{Duration, Instant};

use super::place::{Place, block, count, has, page, with_criteria};
use super::served::Served;

const SLEEP: &str = "exec: { argv: [\"sleep\", \"1\"] }";

/// Two changes of a second each, one right after the other.
fn sleepy() -> Place {
    let steps = [("One", format!("id: one\n{SLEEP}")), ("Two", format!("id: two\n{SLEEP}"))];
    let steps: Vec<_> = steps.iter().map(|(title, text)| (*title, block(text))).collect();
    let steps: Vec<_> = steps.iter().map(|(title, text)| (*title, text.as_str())).collect();
    Place::new(&[("sleepy", &steps)])
}

#[tokio::test]
async fn told_to_leave_it_waits_for_the_answer_and_begins_nothing_else() {
    let place = sleepy();
    let Place { discord, ana, .. } = &place;
    let bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "sleepy").await;
    place.recorded("inc-1", "it is sent", |events| has(events, "attempt.sent", "one"));
    let asked = Instant::now();
    assert_eq!(bot.leaves(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let record = place.recorded("inc-1", "something", |events| !events.is_empty());
    assert!(has(&record, "step.finished", "one"), "its answer is recorded");
    assert!(!has(&record, "attempt.sent", "two"), "nothing else began");

    let _bot = place.serve().await;
    ana.sees(thread, "✅ run-1 succeeded").await;
    let record = place.recorded("inc-1", "the whole run", |events| has(events, "run.finished", ""));
    assert_eq!((count(&record, "attempt.sent", ""), count(&record, "attempt.doubted", "")), (2, 0));
    ana.reads(thread);
    discord.finished();
}

#[tokio::test]
async fn killed_in_the_middle_of_a_change_somebody_is_asked_what_became_of_it() {
    let place = sleepy();
    let Place { discord, ana, .. } = &place;
    let bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "sleepy").await;
    place.recorded("inc-1", "it is sent", |events| has(events, "attempt.sent", "one"));
    bot.kill();

    let _bot = place.serve().await;
    let asked = discord
        .find("the question", |world| {
            let messages = world.bot_messages_in(thread);
            let found = messages.iter().find(|one| {
                one.buttons().iter().any(|button| button.label.starts_with("It happened")) && one.embeds().is_empty()
            });
            found.map(|message| message.id)
        })
        .await;
    let buttons = discord.look(|world| world.messages[&asked].buttons());
    let labels: Vec<_> = buttons.iter().map(|button| button.label.as_str()).collect();
    assert_eq!(labels, ["It happened…", "Run again…", "It failed…"]);
    ana.press(asked, "It happened…").modal().await;
    ana.submit_modal(&[("Why, or how it went", "the log says so")]).await.reply().await;
    ana.sees(thread, "✅ run-1 succeeded").await;
    let record = place.recorded("inc-1", "the whole run", |events| has(events, "run.finished", ""));
    assert_eq!((count(&record, "attempt.sent", "one"), count(&record, "attempt.sent", "two")), (1, 1));
    ana.reads(thread);
    discord.finished();
}

#[tokio::test]
async fn without_discord_runs_are_driven_and_terminals_take_over() {
    let steps = [
        ("Look at it", "By hand.".to_owned()),
        ("Act", block("id: act\nexec: { argv: [\"true\"] }")),
        ("Look again", "By hand.".to_owned()),
    ];
    let steps: Vec<_> = steps.iter().map(|(title, text)| (*title, text.as_str())).collect();
    let place = Place::new(&[]);
    let Place { discord, ana, desk, .. } = &place;
    desk.add_page("hand.md", &with_criteria(&page("hand", &steps)));
    discord.goes_away();
    let bot = Served::spawn(desk, discord, place.ops, "");
    desk.rundown(&["run", "hand", "--yes"]).exits(3);
    desk.rundown(&["done", "look_at_it"]).exits(0);
    place.recorded("inc-1", "the server drives it", |events| has(events, "step.finished", "act"));
    assert!(bot.said().contains("Discord is not there yet"), "{}", bot.said());
    discord.comes_back();
    discord.registered("incident").await;
    let thread = discord.find("its thread", |world| Some(world.threads(place.ops).first()?.id)).await;
    ana.sees(thread, "Look again").await;

    bot.kill();
    desk.rundown(&["done", "look_again"]).exits(0);
    desk.rundown(&["run", "--resume", "--yes"]).exits(0);
    let _bot = place.serve().await;
    ana.sees(thread, "run-1 succeeded").await;
    discord
        .until("the card says so", |world| {
            let messages = world.bot_messages_in(thread);
            messages.iter().any(|one| !one.embeds().is_empty() && one.text().contains("(run-1) · succeeded"))
        })
        .await;
    ana.reads(thread);
    discord.finished();
}

#[tokio::test]
async fn a_run_that_a_terminal_drives_is_shown_and_answered_in_discord() {
    let steps = [
        ("Go?", block("id: go\nexec: { argv: [\"true\"] }\napproval: { quorum: 1, within: 10m }")),
        ("Rest", block("wait: { for: 100ms }")),
    ];
    let steps: Vec<_> = steps.iter().map(|(title, text)| (*title, text.as_str())).collect();
    let place = Place::new(&[("go", &steps)]);
    let Place { discord, ana, desk, .. } = &place;
    let _bot = place.serve().await;
    let mut terminal = desk.watch(&["run", "go", "--json", "--yes", "--wait"]);
    let thread = discord.find("its thread", |world| Some(world.threads(place.ops).first()?.id)).await;
    let asked = discord
        .find("the question", |world| {
            let messages = world.bot_messages_in(thread);
            let found =
                messages.iter().find(|one| one.embeds().is_empty() && one.text().contains("waits for the approval"));
            found.map(|message| message.id)
        })
        .await;
    let sure = ana.press(asked, "Approve").message().await;
    ana.press(sure, "Approve").acknowledged().await;
    while terminal.next_event().is_some() {}
    ana.sees(thread, "run-1 succeeded").await;
    let record = place.recorded("inc-1", "the end", |events| has(events, "run.finished", ""));
    assert_eq!(count(&record, "run.adopted", ""), 1, "one process drove it");
    ana.reads(thread);
    discord.finished();
}

#[tokio::test]
async fn what_is_said_while_a_run_is_held_up_counts_when_it_goes_on() {
    let place = Place::by_hand();
    let Place { discord, ana, .. } = &place;
    let _bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "hand").await;
    ana.sees(thread, "With your own eyes").await;
    ana.slash(thread, "runbook pause", &[]).reply().await;
    ana.slash(thread, "done", &[("step", "look_at_it")]).reply().await;
    ana.slash(thread, "runbook resume", &[]).reply().await;
    place.recorded("inc-1", "it goes on", |events| has(events, "question.asked", "look_again"));
    ana.reads(thread);
    discord.finished();
}
