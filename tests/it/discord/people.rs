//! Who presses what, and when: twice, at the same time, without the right, after the answer, while the bot is busy.

use std::time::Duration;

use super::place::{Place, block, count, has};
use super::response::people;

fn guarded() -> Place {
    let place = Place::new(&[(
        "act",
        &[("Act", &block("id: act\nexec: { argv: [\"true\"] }\napproval: { quorum: 2, within: 10m }"))],
    )]);
    place.desk.add_page(
        "targets.yaml",
        "programs: { 'true': {}, sleep: {} }\nenvironments:\n  production:\n    zone: UTC\n    targets:\n      box: { url: \"http://127.0.0.1:9\", approval: { quorum: 1, not_requester: true } }\n",
    );
    place
}

#[tokio::test]
async fn two_press_at_the_same_time_and_both_count() {
    let place = guarded();
    let Place { discord, ana, .. } = &place;
    let (bo, vic) = (discord.member("bo"), discord.member("vic"));
    people(&place.desk, &[("Ana", ana, "responder"), ("Bo", &bo, "responder"), ("Vic", &vic, "viewer")]);
    let _bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "act").await;
    let asked = ana.sees(thread, "waits for the approval").await;

    let refused = vic.press(asked, "Approve").message().await;
    vic.press(refused, "Approve").acknowledged().await;
    vic.sees(thread, "Vic is a viewer").await;
    assert!(discord.look(|world| world.messages[&refused].is_ephemeral()), "the others need not read it");

    let (one, two) = (ana.press(asked, "Approve"), bo.press(asked, "Approve"));
    let (one, two) = (one.message().await, two.message().await);
    let again = ana.press(asked, "Approve").message().await;
    ana.press(one, "Approve").acknowledged().await;
    ana.sees(thread, "approved by Ana").await;
    ana.press(again, "Approve").acknowledged().await;
    ana.sees(thread, "Ana has approved it already").await;
    bo.press(two, "Approve").acknowledged().await;
    ana.sees(thread, "✅ run-1 succeeded").await;
    let record = place.recorded("inc-1", "it is recorded", |events| has(events, "run.finished", ""));
    assert_eq!(count(&record, "approval.given", ""), 2);
    for person in [ana, &bo, &vic] {
        person.reads(thread);
    }
    discord.finished();
}

#[tokio::test]
async fn who_asked_for_it_may_not_agree_where_the_target_says_so_and_what_is_settled_is_settled() {
    let place = guarded();
    place.desk.add_page(
        "call.md",
        &super::place::page(
            "call",
            &[
                ("Call", &block("id: call\nhttp: { post: \"{{target.box.url}}/x\" }\non_failure: continue")),
                ("Look", "By hand."),
            ],
        ),
    );
    let Place { discord, ana, .. } = &place;
    let bo = discord.member("bo");
    people(&place.desk, &[("Ana", ana, "responder"), ("Bo", &bo, "responder")]);
    let bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "call").await;
    let asked = ana.sees(thread, "waits for the approval").await;
    let mine = ana.press(asked, "Approve").message().await;
    ana.press(mine, "Approve").acknowledged().await;
    discord.until("the requester is refused", |world| world.messages[&mine].text().contains("⚠")).await;

    // The buttons are those of a process that is gone.
    bot.kill();
    let bot = place.serve().await;
    let (one, two) = (bo.press(asked, "Approve").message().await, ana.press(asked, "Approve").message().await);
    bo.press(one, "Approve").acknowledged().await;
    ana.sees(thread, "By hand").await;
    ana.press(two, "Approve").acknowledged().await;
    discord.until("too late", |world| world.messages[&two].text().contains("settled already")).await;
    assert!(discord.look(|world| world.messages[&two].is_ephemeral()));
    let is_dead = |world: &crate::world::discord::State| {
        world.messages[&asked].buttons().iter().all(|button| button.disabled && button.label == "Approved by Bo")
    };
    discord.until("nothing of it can be pressed any more", is_dead).await;
    drop(bot);
    for person in [ana, &bo] {
        person.reads(thread);
    }
    discord.finished();
}

#[tokio::test]
async fn everybody_is_acknowledged_while_the_bot_is_busy_and_an_expired_token_loses_only_the_reply() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, .. } = &place;
    for number in 0..150 {
        let id = format!("page{number}");
        desk.add_page(
            &format!("{id}.md"),
            &super::place::page(&id, &[("Look", "By hand."), ("Act", &block("exec: { argv: [\"true\"] }"))]),
        );
    }
    let _bot = place.serve().await;
    let (thread, card) = place.declare("The disk is full").await;
    discord.must_acknowledge_within(Duration::from_secs(3));
    let busy: Vec<_> = (0..10).map(|_| ana.slash(thread, "runbook list", &[])).collect();
    let pressed = ana.press(card, "I'm on it").acknowledged().await;
    assert!(pressed < Duration::from_secs(1), "{pressed:?}");
    for used in busy {
        assert!(used.acknowledged().await < Duration::from_secs(2));
        used.reply().await;
    }
    let typed = ana.autocomplete(thread, "runbook run", &[("runbook", "page149")]).await;
    assert_eq!(typed.len(), 1);

    discord.fail(
        "PATCH",
        "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
        1,
        crate::world::discord::How::Down { status: 503 },
    );
    assert!(ana.slash(thread, "note", &[("text", "it is warm here")]).reply().await.contains("it is warm here"));
    let late = ana.press(card, "Note…");
    late.modal().await;
    discord.fail(
        "PATCH",
        "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
        1,
        crate::world::discord::How::Down { status: 503 },
    );
    let written = ana.submit_modal(&[("For the timeline", "and it smokes")]).await;
    written.acknowledged().await;
    discord.tokens_expire();
    place.recorded("inc-1", "the note", |events| events.iter().any(|one| one["body"]["text"] == "and it smokes"));
    let account = discord.account();
    assert!(account.iter().all(|line| line.contains("thinking")), "{account:?}");
}

#[tokio::test]
async fn who_is_refused_reads_which_option_to_fill_in() {
    let place = guarded();
    let Place { discord, ana, .. } = &place;
    let vic = discord.member("vic");
    people(&place.desk, &[("Ana", ana, "responder"), ("Vic", &vic, "viewer")]);
    let _bot = place.serve().await;
    let (thread, _) = place.declare("The disk is full").await;
    place.run(thread, "act").await;
    ana.sees(thread, "waits for the approval").await;

    for (person, command, options, hint) in [
        (ana, "incident close", &[] as &[(&str, &str)], "Fill in \\`why\\`"),
        (ana, "freeze", &[("target", "box"), ("for", "1h")], "not provided: \\`why\\`"),
        (ana, "freeze", &[("target", "box"), ("for", "soon"), ("why", "x")], "`for\\` soon"),
        (&vic, "can-i", &[("what", "approve")], "no: "),
        (ana, "can-i", &[("what", "approve")], "0 of 2 agreed"),
        (ana, "postmortem check", &[], "/cause"),
        (ana, "brief", &[], "inc-1"),
        (ana, "action done", &[("id", "A7")], "/action list all: True"),
    ] {
        person.slash(thread, command, options);
        let said = person.sees_reply().await;
        assert!(said.contains(hint), "{command}: {said}");
    }
    for person in [ana, &vic] {
        person.reads(thread);
    }
    discord.finished();
}
