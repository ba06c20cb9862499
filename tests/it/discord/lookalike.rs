//! The look-alike plays Discord for the real client library: connection, commands, threads, buttons, modals.

use std::time::Duration;

use serenity::all::{ChannelId, CreateMessage, GatewayIntents};

use super::small_bot::{INTENTS, SmallBot, with_limiter, without_limiter};
use crate::world::discord::{Config, Discord, How, permissions};

const MESSAGES: &str = "/channels/{channel_id}/messages";

#[tokio::test]
async fn a_person_declares_an_incident_and_approves_by_button_and_modal() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana").with_role("responder");
    let bot = SmallBot::start(&discord).await;
    assert_eq!(discord.look(|world| world.commands.global_overwrites), 1);
    assert_eq!(discord.look(|world| world.sessions.intents()), [INTENTS.bits()]);

    let used = ana.slash(ops, "incident declare", &[("title", "Redis is slow"), ("severity", "P1")]);
    assert!(used.acknowledged().await < Duration::from_secs(3));
    let reply = ana.sees_reply().await;
    let thread = discord.look(|world| world.channel_named("Redis is slow").id);
    assert_eq!(reply, format!("Declared in <#{thread}>"));
    assert_eq!(used.followups(1).await, ["Nobody is commander yet."]);

    let card = ana.sees(thread, "Redis is slow").await;
    let file = discord.look(|world| world.messages[&card].attachments()[0].clone());
    assert_eq!((file.name.as_str(), file.bytes.as_slice()), ("chart.svg", b"<svg/>".as_slice()));
    assert_eq!(ana.press(card, "Approve").modal().await, "Approve the restart");
    let submitted = ana.submit_modal(&[("Reason", "all locks are held")]).await;
    assert_eq!(submitted.reply().await, "Approved: all locks are held");
    assert!(discord.look(|world| world.messages[&card].buttons().is_empty()), "the card was edited");

    bot.stop().await;
    discord.finished();
}

#[tokio::test]
async fn suggestions_a_message_menu_and_mentions_reach_the_bot() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let _bot = SmallBot::start(&discord).await;

    let suggested = ana.autocomplete(ops, "incident show", &[("id", "INC")]).await;
    assert_eq!(suggested, [("INC-17: slow".to_owned(), "INC-17".to_owned())]);

    // Without the privileged intent the bot reads what is said to it, and what somebody puts before it.
    let said = ana.says(ops, "the pool is empty since 14:05");
    assert_eq!(ana.context_menu(said, "Add to timeline").reply().await, "Noted: the pool is empty since 14:05");
    ana.says(ops, "@Rundown are you there?");
    ana.sees(ops, "I listen.").await;
    ana.says(ana.direct(), "and here?");
    ana.sees(ana.direct(), "I listen.").await;
    discord.finished();
}

#[tokio::test]
async fn what_was_missed_while_the_connection_was_broken_comes_with_the_resumption() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let _bot = SmallBot::start(&discord).await;
    discord.must_acknowledge_within(Duration::from_secs(15));

    discord.gateway_closes();
    let said = ana.says(ops, "nobody hears this yet");
    let used = ana.context_menu(said, "Add to timeline");
    discord.gateway_opens();
    assert_eq!(used.reply().await, "Noted: nobody hears this yet");
    assert_eq!(discord.look(|world| (world.sessions.identified, world.sessions.resumed)), (1, 1));

    discord.gateway_asks_to_reconnect();
    discord.until("the bot resumes when asked to", |world| world.sessions.resumed == 2).await;
    discord.gateway_forgets();
    discord.until("the bot identifies anew", |world| world.sessions.identified == 2).await;
    discord.finished();
}

#[tokio::test]
async fn the_clients_own_rate_limiter_waits_over_tls() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    discord.limit("POST", MESSAGES, 2, Duration::from_millis(600));
    let bot = SmallBot::connect(with_limiter(&discord), INTENTS).await;
    discord.registered("incident").await;

    let channel = ChannelId::new(ops);
    let send = |text: String| channel.say(&bot.http, text);
    let all = (0..5).map(|number| send(format!("message {number}")));
    for sent in futures::future::join_all(all).await {
        sent.expect("a message, sooner or later");
    }
    assert_eq!(ana.reads(ops).len(), 5);
    assert!(discord.look(|world| world.faults.limited) > 0, "five at once are more than two");

    let retry_after = Duration::from_millis(300);
    discord.fail("POST", MESSAGES, 1, How::GlobalLimit { retry_after });
    channel.say(&bot.http, "after the global limit").await.expect("a message, sooner or later");
    ana.sees(ops, "after the global limit").await;
    discord.finished();
}

#[tokio::test]
async fn discord_fails_on_request() {
    // A client that knocks in vain takes its time before it knocks again.
    let discord = Discord::start(Config { patience: Duration::from_secs(90), ..Config::default() });
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let bot = SmallBot::start(&discord).await;
    let channel = ChannelId::new(ops);
    let say = async |text: &str| channel.say(&bot.http, text).await.map(|message| message.id.get());

    discord.fail("POST", MESSAGES, 1, How::Down { status: 503 });
    say("one").await.expect_err("503");
    discord.fail("POST", MESSAGES, 1, How::ResetAfter);
    say("two").await.expect_err("a reset");
    assert_eq!(ana.reads(ops), ["two"], "it was written, in spite of the reset");
    discord.limit("POST", MESSAGES, 0, Duration::from_secs(60));
    assert_eq!(status(&say("three").await.expect_err("429")), Some(429));
    discord.limit("POST", MESSAGES, 50, Duration::from_secs(1));

    discord.goes_away();
    assert_eq!(status(&say("four").await.expect_err("nobody there")), None);
    discord.comes_back();
    // It resumes or, where it knocked in vain in the meantime, identifies anew and has missed what happened.
    discord.connected().await;

    discord.deny_bot(ops, permissions::SEND_MESSAGES);
    assert_eq!(code(&say("five").await.expect_err("not allowed")), Some(50013));
    discord.deny_bot(ops, permissions::VIEW_CHANNEL);
    assert_eq!(code(&say("six").await.expect_err("not visible")), Some(50001));
    discord.delete_channel(ops);
    assert_eq!(code(&say("seven").await.expect_err("gone")), Some(10003));
    discord.finished();
}

#[tokio::test]
async fn a_privileged_intent_ends_the_bot_and_is_a_finding() {
    let discord = Discord::start(Config::default());
    let mut bot = SmallBot::connect(without_limiter(&discord), INTENTS | GatewayIntents::MESSAGE_CONTENT).await;
    bot.end().await.expect_err("the gateway refuses");
    assert_eq!(discord.account(), ["the bot asked for privileged intents: MESSAGE_CONTENT"]);
}

#[tokio::test]
async fn an_archived_thread_must_be_opened_first() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    let bot = SmallBot::start(&discord).await;
    let card = ChannelId::new(ops).say(&bot.http, "card").await.expect("a message");
    let builder = serenity::all::CreateThread::new("INC-17");
    let thread = card.channel_id.create_thread_from_message(&bot.http, card.id, builder).await.expect("a thread");
    assert_eq!(thread.id.get(), card.id.get(), "a thread has the id of its message");

    discord.archive(thread.id.get(), false);
    let refused = thread.id.say(&bot.http, "more").await.expect_err("archived");
    assert_eq!(code(&refused), Some(50083));
    let open = serenity::all::EditThread::new().archived(false);
    thread.id.edit_thread(&bot.http, open).await.expect("opened again");
    thread.id.send_message(&bot.http, CreateMessage::new().content("more")).await.expect("written");

    discord.archive(thread.id.get(), true);
    let locked = thread.id.edit_thread(&bot.http, open_again()).await.expect_err("locked");
    assert_eq!(code(&locked), Some(50013));
    assert_eq!(ana.reads(thread.id.get()), ["more"]);
    ana.sees(ops, "card").await;
    discord.finished();
}

fn open_again() -> serenity::all::EditThread<'static> {
    serenity::all::EditThread::new().archived(false)
}

fn response(error: &serenity::Error) -> Option<&serenity::http::ErrorResponse> {
    match error {
        serenity::Error::Http(serenity::http::HttpError::UnsuccessfulRequest(response)) => Some(response),
        _ => None,
    }
}

fn status(error: &serenity::Error) -> Option<u16> {
    response(error).map(|response| response.status_code.as_u16())
}

fn code(error: &serenity::Error) -> Option<isize> {
    response(error).map(|response| response.error.code)
}
