//! Discord in trouble: what was said is done once, what happened is told once, and the card is right in the end.

use std::time::Duration;

use super::place::{Place, block, count, has};
use crate::world::discord::{How, permissions};

const MESSAGES: &str = "/channels/{channel_id}/messages";
const MESSAGE: &str = "/channels/{channel_id}/messages/{message_id}";
const THREADS: &str = "/channels/{channel_id}/threads";

#[tokio::test]
async fn what_was_pressed_while_the_gateway_was_away_counts() {
    let place = Place::by_hand();
    let Place { discord, ana, .. } = &place;
    let _bot = place.serve().await;
    let (thread, card) = place.declare("The disk is full").await;
    discord.must_acknowledge_within(Duration::from_secs(15));

    discord.gateway_closes();
    let pressed = ana.press(card, "I'm on it");
    discord.gateway_opens();
    pressed.acknowledged().await;
    ana.sees(thread, "Ana is on it").await;
    assert_eq!(discord.look(|world| (world.sessions.identified, world.sessions.resumed)), (1, 1));
    discord.gateway_asks_to_reconnect();
    discord.until("the bot resumes when asked to", |world| world.sessions.resumed == 2).await;

    // A forgotten session misses what happened: the thread is looked at.
    discord.gateway_closes();
    discord.delete_message(card);
    discord.gateway_forgets();
    discord.gateway_opens();
    discord.until("the bot identifies anew", |world| world.sessions.identified == 2).await;
    ana.sees(thread, "Ana is on it").await;
    discord.finished();
}

#[tokio::test]
async fn requests_fail_in_every_way_and_all_is_said_once() {
    let place = Place::by_hand();
    let Place { discord, ana, .. } = &place;
    // The answer is lost, not the thread.
    discord.fail("POST", THREADS, 1, How::ResetAfter);
    let _bot = place.serve().await;
    discord.fail("POST", MESSAGES, 1, How::ResetAfter);
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "hand").await;
    let asked = ana.sees(thread, "With your own eyes").await;

    discord.fail("POST", MESSAGES, 1, How::ResetAfter);
    discord.fail("PATCH", MESSAGE, 1, How::Down { status: 503 });
    ana.press(asked, "Done").acknowledged().await;
    let asked = discord
        .find("the next question, in a message of its own", |world| {
            let messages = world.bot_messages_in(thread);
            let found = messages.iter().find(|one| one.embeds().is_empty() && one.text().contains("Look again"));
            found.map(|message| message.id)
        })
        .await;
    discord.fail("POST", MESSAGES, 1, How::ResetBefore);
    discord.fail("PATCH", MESSAGE, 1, How::GlobalLimit { retry_after: Duration::from_secs(1) });
    ana.press(asked, "Done").acknowledged().await;
    discord
        .until("the card says how it ended", |world| {
            let messages = world.bot_messages_in(thread);
            messages
                .iter()
                .any(|one| !one.embeds().is_empty() && one.text().contains("The hand runbook** (run-1) · succeeded"))
        })
        .await;
    ana.sees(thread, "run-1 succeeded").await;
    assert_eq!(place.times(thread, "▶️ run-1"), 1);
    assert_eq!(
        place.times(thread, "> **Look at it** is to be done by hand\n> With"),
        1,
        "asked once, and the card moved on"
    );
    assert_eq!(place.times(thread, "✅ run-1 succeeded"), 1);
    assert_eq!(place.times(thread, "journal "), 1, "one card");
    assert_eq!(discord.look(|world| world.threads(place.ops).len()), 1, "one thread");
    discord.finished();
}

#[tokio::test]
async fn what_is_deleted_or_put_away_comes_back() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, .. } = &place;
    let _bot = place.serve().await;
    let (thread, card) = place.declare("The disk is full").await;
    discord.delete_message(card);
    let card = ana.sees(thread, "nobody has taken it on yet").await;
    assert_eq!(place.times(thread, "journal "), 1);

    discord.archive(thread, false);
    ana.press(card, "I'm on it").acknowledged().await;
    ana.sees(thread, "Ana is on it").await;
    assert!(!discord.look(|world| world.channels[&thread].is_archived()));
    discord.allow_bot(place.ops, permissions::MANAGE_THREADS);
    discord.archive(thread, true);
    desk.rundown(&["run", "hand", "--incident", "inc-1", "--yes"]).exits(3);
    ana.sees(thread, "With your own eyes").await;
    assert!(!discord.look(|world| world.channels[&thread].is_archived()));

    discord.delete_channel(thread);
    let anew = discord.find("a new thread", |world| Some(world.threads(place.ops).first()?.id)).await;
    let asked = discord
        .find("what is asked is asked there again", |world| {
            let messages = world.bot_messages_in(anew);
            let found =
                messages.iter().find(|one| one.embeds().is_empty() && one.text().contains("With your own eyes"));
            found.map(|message| message.id)
        })
        .await;
    ana.press(asked, "Done").acknowledged().await;
    ana.sees(anew, "Look again").await;
    let record =
        place.recorded("inc-1", "the new thread is linked", |events| count(events, "incident.linked", "") == 2);
    assert!(record.iter().any(|one| one["body"]["url"].as_str().is_some_and(|url| url.ends_with(&anew.to_string()))));
    discord.finished();
}

#[tokio::test]
async fn without_permission_or_channel_runs_go_on_and_the_trouble_is_told_once() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, .. } = &place;
    let bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    discord.deny_bot(place.ops, permissions::SEND_MESSAGES_IN_THREADS);
    desk.rundown(&["run", "hand", "--incident", "inc-1", "--yes"]).exits(3);
    desk.rundown(&["done", "look_at_it"]).exits(0);
    place.recorded("inc-1", "the server drives on", |events| has(events, "question.asked", "look_again"));
    discord.until("it was refused", |world| world.asked("POST", MESSAGES).iter().any(|one| one.status == 403)).await;
    discord.allow_bot(place.ops, permissions::SEND_MESSAGES_IN_THREADS);
    ana.sees(thread, "It may have changed").await;
    assert_eq!(bot.said().matches("not up to date").count(), 1, "{}", bot.said());

    discord.delete_channel(place.ops);
    desk.rundown(&["done", "look_again"]).exits(0);
    place.recorded("inc-1", "the run is over", |events| has(events, "run.finished", ""));
    discord.until("it was tried", |world| world.asked("POST", THREADS).iter().any(|one| one.status == 404)).await;
    assert_eq!(bot.leaves(), Some(0));
    assert!(discord.look(|world| world.asked("POST", THREADS).len()) < 5, "nobody hammers at what is gone");
    discord.finished();
}

#[tokio::test]
async fn discord_is_away_for_hours_and_one_message_tells_what_was_missed() {
    let steps = [
        ("Rest", block("id: rest\nwait: { for: 1s }")),
        ("Act", block("id: act\nexec: { argv: [\"true\"] }")),
        ("Look at it", "With your own eyes.".to_owned()),
        ("Look again", "It may have changed.".to_owned()),
    ];
    let steps: Vec<_> = steps.iter().map(|(title, text)| (*title, text.as_str())).collect();
    let place = Place::new(&[("rest", &steps), ("short", &[("Act", &block("exec: { argv: [\"true\"] }"))])]);
    let Place { discord, ana, desk, .. } = &place;
    let _bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "rest").await;
    ana.sees(thread, "Rest").await;

    discord.goes_away();
    place.recorded("inc-1", "the run goes on", |events| has(events, "question.asked", "look_at_it"));
    for run in ["run-2", "run-3", "run-4"] {
        desk.rundown(&["run", "short", "--incident", "inc-1", "--yes"]).exits(0);
        place.recorded("inc-1", run, |events| events.iter().any(|one| one["body"]["run"] == run));
    }
    desk.rundown(&["done", "look_at_it", "--run", "run-1"]).exits(0);
    place.recorded("inc-1", "it is driven on", |events| has(events, "question.asked", "look_again"));
    discord.comes_back();

    ana.sees(thread, "since this thread was last up to date").await;
    let asked = discord
        .find("what is asked now is asked", |world| {
            let messages = world.bot_messages_in(thread);
            let found =
                messages.iter().find(|one| one.embeds().is_empty() && one.text().contains("> It may have changed"));
            found.map(|message| message.id)
        })
        .await;
    discord
        .until("the card is up to date", |world| {
            let messages = world.bot_messages_in(thread);
            messages.iter().any(|one| !one.embeds().is_empty() && one.text().contains("It may have changed"))
        })
        .await;
    assert_eq!(place.times(thread, "since this thread was last up to date"), 1);
    assert_eq!(place.times(thread, "✅ run-"), 0, "the catch-up said it");
    discord.connected().await;
    ana.press(asked, "Done").acknowledged().await;
    ana.sees(thread, "✅ run-1 succeeded").await;
    discord.finished();
}

#[tokio::test]
async fn the_card_moves_down_and_is_edited_now_and_then() {
    let place = Place::by_hand();
    let Place { discord, ana, .. } = &place;
    let _bot = place.serve().await;
    let (thread, card) = place.declare("@everyone <@&1> **full** [here](https://evil.example) \u{202e}txet").await;
    let writes = |world: &crate::world::discord::State| {
        world.asked("PATCH", MESSAGE).len() + world.asked("POST", MESSAGES).len()
    };
    for number in 0..14 {
        ana.says(thread, &format!("message {number}"));
        ana.says(thread, &format!("@Rundown @everyone note {number}"));
    }
    let moved = discord
        .find("the card is posted anew below", |world| {
            let messages = world.bot_messages_in(thread);
            messages.iter().find(|one| one.id != card && !one.embeds().is_empty()).map(|message| message.id)
        })
        .await;
    discord.until("and the old one is gone", |world| !world.messages.contains_key(&card)).await;
    place.recorded("inc-1", "every note is taken", |events| count(events, "incident.noted", "") == 14);
    ana.press(moved, "I'm on it").acknowledged().await;
    ana.sees(thread, "Ana is on it").await;
    // Equal cards are not sent: looking on changes nothing.
    let before = discord.look(writes);
    discord.gateway_asks_to_reconnect();
    discord.until("the bot resumes", |world| world.sessions.resumed == 1).await;
    ana.autocomplete(thread, "runbook run", &[("runbook", "ha")]).await;
    assert_eq!(discord.look(writes), before);
    let edits: Vec<_> = discord.look(|world| world.asked("PATCH", MESSAGE).iter().map(|one| one.at).collect());
    for pair in edits.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(1_900), "{:?} apart", pair[1] - pair[0]);
    }
    for text in ana.reads(thread) {
        assert!(!text.contains("@everyone") && !text.contains("<@&1>") && !text.contains('\u{202e}'), "{text}");
        assert!(!text.contains(" **full**") && !text.contains("](https"), "{text}");
    }
    let silent = |body: &serde_json::Value| body["allowed_mentions"]["parse"] == serde_json::json!([]);
    assert!(discord.look(|world| world.asked("POST", MESSAGES).iter().all(|one| silent(&one.body))));
    discord.finished();
}
