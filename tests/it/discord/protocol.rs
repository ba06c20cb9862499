//! How interactions must be answered, who sees and may do what, and many people at once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use serenity::all::Http;

use super::rules::rest_only;
use super::small_bot::SmallBot;
use crate::world::discord::{Config, Discord, Person, permissions};

/// Answers an interaction as it is told; the code of Discord's error, where there is one.
async fn callback(http: &Http, interaction: &(u64, String), body: Value) -> Option<isize> {
    code(http.create_interaction_response(interaction.0.into(), &interaction.1, &body, Vec::new()).await)
}

fn code<T>(result: serenity::Result<T>) -> Option<isize> {
    match result.err()? {
        serenity::Error::Http(serenity::http::HttpError::UnsuccessfulRequest(response)) => Some(response.error.code),
        other => panic!("{other}"),
    }
}

/// A world with the command `/status`, and a person in it.
async fn world() -> (Discord, Http, Person, u64) {
    let discord = Discord::start(Config::default());
    let http = rest_only(&discord).await;
    let command = json!({ "name": "status", "description": "Says how it is" });
    http.create_global_commands(&json!([command])).await.expect("commands");
    let (ana, ops) = (discord.member("ana"), discord.channel("ops"));
    (discord, http, ana, ops)
}

fn ids(discord: &Discord, interaction: u64) -> (u64, String) {
    (interaction, discord.look(|world| world.interactions[&interaction].token.clone()))
}

#[tokio::test]
async fn an_interaction_is_answered_once_and_edited_while_its_token_lives() {
    let (discord, http, ana, ops) = world().await;
    let used = ana.slash(ops, "status", &[]);
    let one = ids(&discord, used.id);
    let edit = async |text: &str| {
        let body = json!({ "content": text });
        code(http.edit_original_interaction_response(&one.1, &body, Vec::new()).await)
    };
    assert_eq!(edit("too early").await, Some(10015));
    assert_eq!(callback(&http, &one, json!({ "type": 5, "data": { "flags": 64 } })).await, None);
    assert_eq!(callback(&http, &one, json!({ "type": 4, "data": { "content": "twice" } })).await, Some(40060));
    assert_eq!(edit("Healthy").await, None);
    assert_eq!(ana.sees_reply().await, "Healthy");
    assert_eq!(discord.member("bob").reads(ops), [""; 0], "only ana sees an ephemeral answer");

    discord.tokens_expire();
    assert_eq!(edit("too late").await, Some(50027));
    discord.finished();
}

#[tokio::test]
async fn an_answer_that_comes_late_or_does_not_fit_is_refused_and_a_finding() {
    let (discord, http, ana, ops) = world().await;
    let one = ids(&discord, ana.slash(ops, "status", &[]).id);
    assert_eq!(callback(&http, &one, json!({ "type": 8, "data": { "choices": [] } })).await, Some(50035));
    discord.must_acknowledge_within(Duration::ZERO);
    let message = json!({ "type": 4, "data": { "content": "here" } });
    assert_eq!(callback(&http, &one, message).await, Some(10062));
    let expected = [
        "an answer of type 8 does not fit: ana uses /status",
        "the bot answered after more than 0ns: ana uses /status",
        "nobody answered: ana uses /status",
    ];
    assert_eq!(discord.account(), expected);
}

#[tokio::test]
async fn a_channel_allows_and_denies_by_role() {
    let (discord, http, ana, _) = world().await;
    let secret = discord.channel("secret");
    discord.restrict(secret, "responder");
    let ben = discord.member("ben").with_role("responder");
    let sees = |person: &Person| discord.look(|world| world.can_see(secret, person.id));
    assert_eq!((sees(&ana), sees(&ben)), (false, true));
    let denied = permissions::EMBED_LINKS | permissions::ATTACH_FILES;
    discord.deny_bot(secret, denied);
    let embeds = json!({ "embeds": [{ "title": "Redis" }] });
    assert_eq!(code(http.send_message(secret.into(), Vec::new(), &embeds).await), Some(50013));
    discord.allow_bot(secret, denied);
    assert_eq!(code(http.send_message(secret.into(), Vec::new(), &embeds).await), None);
    ben.sees(secret, "Redis").await;
    ben.loses_role("responder");
    assert!(!sees(&ben));
    discord.finished();
}

#[tokio::test]
async fn the_same_nonce_writes_one_message() {
    let (discord, http, ana, ops) = world().await;
    let body = json!({ "content": "INC-17", "nonce": "card-17", "enforce_nonce": true });
    let send = async || http.send_message(ops.into(), Vec::new(), &body).await.expect("a message").id;
    assert_eq!(send().await, send().await);
    assert_eq!(ana.reads(ops), ["INC-17"]);
    discord.finished();
}

#[tokio::test]
async fn a_hundred_people_at_once_are_answered_in_time() {
    let discord = Discord::start(Config { limit: 10_000, ..Config::default() });
    let ops = discord.channel("ops");
    let _bot = SmallBot::start(&discord).await;
    let people: Vec<_> = (0..100).map(|number| discord.member(&format!("person {number}"))).collect();
    let said: Vec<_> = people.iter().map(|person| person.says(ops, "seen")).collect();
    let used: Vec<_> =
        people.iter().zip(said).map(|(person, message)| person.context_menu(message, "Add to timeline")).collect();
    for one in used {
        assert_eq!(one.reply().await, "Noted: seen");
    }
    let times = discord.acknowledgements();
    assert_eq!(times.len(), 100);
    assert!(times.iter().all(|time| *time < Duration::from_secs(3)), "{times:?}");
    discord.finished();
}

/// Every route at least once: the client library must be able to read each answer, and where Discord's document is at
/// hand each answer was held against it.
#[tokio::test]
async fn every_route_of_guilds_answers_as_discord_would() {
    let (discord, http, ana, _) = world().await;
    let guild = serenity::all::GuildId::new(discord.guild());
    http.get_bot_gateway().await.expect("GET gateway/bot");
    assert_eq!(http.get_current_user().await.expect("GET users/@me").name, "rundown");
    assert_eq!(http.get_user(ana.id.into()).await.expect("GET users").global_name.as_deref(), Some("ana"));
    http.get_current_application_info().await.expect("GET applications/@me");
    assert_eq!(http.get_guilds(None, None).await.expect("GET guilds").len(), 1);
    assert_eq!(http.get_guild(guild).await.expect("GET guild").roles.len(), 2);
    assert_eq!(http.get_channels(guild).await.expect("GET channels").len(), 1);
    assert_eq!(http.get_guild_roles(guild).await.expect("GET roles").len(), 2);
    assert!(http.get_member(guild, ana.id.into()).await.expect("GET member").roles.is_empty());
    assert_eq!(http.get_global_commands().await.expect("GET commands").len(), 1);
    let command = json!([{ "name": "health", "description": "Says how it is" }]);
    http.create_guild_commands(guild, &command).await.expect("PUT commands of a guild");
    assert_eq!(http.get_guild_commands(guild).await.expect("GET commands of a guild").len(), 1);

    let channel = || serenity::all::CreateChannel::new("The Disk").topic("full");
    assert_eq!(code(guild.create_channel(&http, channel()).await), Some(50013));
    let category = discord.category("incidents", 49);
    discord.allow_bot(category, crate::world::discord::permissions::MANAGE_CHANNELS);
    let made = guild.create_channel(&http, channel().category(category)).await.expect("POST channels");
    assert_eq!(
        (made.name.as_str(), made.topic.as_deref(), made.parent_id),
        ("the-disk", Some("full"), Some(category.into()))
    );
    assert_eq!(code(guild.create_channel(&http, channel().category(category)).await), Some(50035), "50 are there");

    code(guild.create_role(&http, serenity::all::EditRole::new().name("x")).await).expect("no route of this world");
    let unknown = format!("POST /guilds/{guild}/roles is no route that is known here");
    assert_eq!(discord.account(), [unknown]);
    let visited = discord.look(|world| world.requests.iter().map(|one| one.route).collect::<BTreeSet<_>>().len());
    assert!(visited > 11, "{visited}");
}

#[tokio::test]
async fn every_route_of_channels_answers_as_discord_would() {
    use serenity::all::{EditChannel, EditThread, GetMessages};
    let (discord, http, ana, ops) = world().await;
    let (guild, channel) = (serenity::all::GuildId::new(discord.guild()), serenity::all::ChannelId::new(ops));
    let said = ana.says(ops, "a secret");
    let message = http.get_message(channel, said.into()).await.expect("GET message");
    assert_eq!(message.content, "", "not for a bot without the privileged intent");
    assert_eq!(channel.messages(&http, GetMessages::new().limit(5)).await.expect("GET messages").len(), 1);
    let own = channel.say(&http, "mine").await.expect("POST message");
    http.delete_message(channel, own.id, None).await.expect("DELETE message");
    channel.broadcast_typing(&http).await.expect("POST typing");
    http.get_channel(channel).await.expect("GET channel");

    let body = json!({ "name": "INC-17", "type": 11 });
    let thread = http.create_thread(channel, &body, None).await.expect("POST threads").id;
    http.join_thread_channel(thread).await.expect("PUT thread-members/@me");
    http.add_thread_channel_member(thread, ana.id.into()).await.expect("PUT thread-members");
    assert_eq!(http.get_guild_active_threads(guild).await.expect("GET active threads").threads.len(), 1);
    thread.edit_thread(&http, EditThread::new().name("INC-17 done").archived(true)).await.expect("PATCH thread");
    let archived = http.get_channel_archived_public_threads(channel, None, None).await;
    assert_eq!(archived.expect("GET archived threads").threads[0].name, "INC-17 done");
    code(thread.delete(&http).await).expect("a bot may not delete threads without a permission for it");
    discord.allow_bot(ops, permissions::MANAGE_THREADS | permissions::MANAGE_CHANNELS);
    thread.delete(&http).await.expect("DELETE thread");
    channel.edit(&http, EditChannel::new().name("operations")).await.expect("PATCH channel");

    let direct =
        http.create_private_channel(&json!({ "recipient_id": ana.id.to_string() })).await.expect("POST channels");
    direct.id.say(&http, "hello").await.expect("a direct message");
    ana.sees(ana.direct(), "hello").await;
    ana.refuses_direct_messages();
    assert_eq!(code(direct.id.say(&http, "hello?").await), Some(50007));

    let used = ana.slash(ops, "status", &[]);
    let one = ids(&discord, used.id);
    assert_eq!(callback(&http, &one, json!({ "type": 4, "data": { "content": "one" } })).await, None);
    http.get_original_interaction_response(&one.1).await.expect("GET @original");
    let followup = http.create_followup_message(&one.1, &json!({ "content": "two" }), Vec::new()).await;
    let followup = followup.expect("POST followup").id;
    http.get_followup_message(&one.1, followup).await.expect("GET followup");
    let edited = http.edit_followup_message(&one.1, followup, &json!({ "content": "three" }), Vec::new()).await;
    assert_eq!(edited.expect("PATCH followup").content, "three");
    http.delete_followup_message(&one.1, followup).await.expect("DELETE followup");
    http.delete_original_interaction_response(&one.1).await.expect("DELETE @original");

    assert_eq!(code(channel.delete(&http).await), None);
    let visited = discord.look(|world| world.requests.iter().map(|one| one.route).collect::<BTreeSet<_>>().len());
    assert!(visited > 14, "{visited}");
    discord.finished();
}
