//! A channel for each incident instead of a thread.

use super::place::{Place, count};
use super::served::Served;
use crate::world::discord::{Discord, How, Id, State, permissions};

const MAKE: &str = "/guilds/{guild_id}/channels";
const MESSAGES: &str = "/channels/{channel_id}/messages";

fn settings(category: Id) -> String {
    format!("place = \"channel\"\ncategory = \"{category}\"\n")
}

/// The channels in a category, oldest first.
fn inside(world: &State, category: Id) -> Vec<Id> {
    world.channels.values().filter(|one| one.category == Some(category)).map(|one| one.id).collect()
}

/// Waits for the next channel in a category.
async fn next(discord: &Discord, category: Id, before: usize) -> Id {
    discord.find("a channel in the category", |world| inside(world, category).get(before).copied()).await
}

#[tokio::test]
async fn an_incident_has_a_channel_in_which_everything_works_and_which_is_found_again() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, ops } = &place;
    let category = discord.category("incidents", 0);
    discord.allow_bot(category, permissions::MANAGE_CHANNELS);
    let bot = Served::start_with(desk, discord, *ops, &settings(category)).await;

    // The answer is lost, not the channel.
    discord.fail("POST", MAKE, 1, How::ResetAfter);
    ana.slash(*ops, "incident declare", &[("title", "The Disk is **full**: 100 %")]).reply().await;
    let channel = next(discord, category, 0).await;
    let (name, topic) =
        discord.look(|world| (world.channels[&channel].name.clone(), world.channels[&channel].topic.clone()));
    assert_eq!(name, "inc-1-the-disk-is-full-100");
    assert_eq!(topic.as_deref(), Some("inc-1 · The Disk is \\*\\*full\\*\\*: 100 %"));
    let card = ana.sees(channel, "nobody has taken it on yet").await;
    ana.press(card, "I'm on it").acknowledged().await;

    // Commands need not say which incident they mean; mentions and menus work.
    place.run(channel, "hand").await;
    let asked = ana.sees(channel, "With your own eyes").await;
    let noted = ana.says(channel, "@Rundown the old logs are gone");
    discord.until("the note is marked as taken", |world| world.messages[&noted].reactions == ["📝"]).await;
    let told = ana.says(channel, "df says 40 %");
    ana.context_menu(told, "Add as evidence").reply().await;

    // The next process finds the same channel, card and question, and says what was missed.
    bot.kill();
    desk.rundown(&["incident", "note", "nobody was there"]).exits(0);
    let bot = Served::start_with(desk, discord, *ops, &settings(category)).await;
    ana.sees(channel, "nobody was there").await;
    ana.press(asked, "Done").acknowledged().await;
    ana.sees(channel, "Look again").await;
    assert_eq!(place.times(channel, "journal "), 1, "one card");

    // What is deleted comes back, with what is asked; what the bot may not do is told once, and holds nothing up.
    discord.delete_channel(channel);
    let anew = next(discord, category, 0).await;
    ana.sees(anew, "> It may have changed").await;
    discord.deny_bot(anew, permissions::SEND_MESSAGES);
    desk.rundown(&["done", "look_again"]).exits(0);
    discord.until("it was refused", |world| world.asked("POST", MESSAGES).iter().any(|one| one.status == 403)).await;
    discord.allow_bot(anew, permissions::SEND_MESSAGES);
    ana.sees(anew, "run-1 succeeded").await;
    assert_eq!(discord.look(|world| (inside(world, category).len(), world.threads(*ops).len())), (1, 0));
    place.recorded("inc-1", "both channels are linked", |events| count(events, "incident.linked", "") == 2);

    // A channel cannot be put away: it stays when the incident is closed.
    ana.slash(anew, "incident resolve", &[("why", "it is over")]).reply().await;
    ana.slash(anew, "incident close", &[]).reply().await;
    ana.sees(anew, "after it was declared").await;
    assert!(discord.look(|world| world.channels.contains_key(&anew)));
    assert_eq!(bot.leaves(), Some(0));
    ana.reads(anew);
    discord.finished();
}

#[tokio::test]
async fn where_no_channel_can_be_made_the_incident_has_a_thread_and_says_why() {
    let place = Place::by_hand();
    let Place { discord, ana, desk, ops } = &place;
    let category = discord.category("incidents", 50);
    discord.allow_bot(category, permissions::MANAGE_CHANNELS);
    let bot = Served::start_with(desk, discord, *ops, &settings(category)).await;
    let (thread, _) = place.declare("The disk is full").await;
    ana.sees(thread, "no channel could be made for this incident, so it has a thread").await;
    bot.says("Discord refuses a channel").await;
    assert_eq!(bot.leaves(), Some(0));

    // Without the permission as well; what has a thread keeps it.
    discord.deny_bot(category, permissions::MANAGE_CHANNELS);
    let bot = Served::start_with(desk, discord, *ops, &settings(category)).await;
    let (another, _) = place.declare("The disk is full again").await;
    ana.sees(another, "so it has a thread: Missing Permissions").await;
    assert_eq!(place.times(thread, "so it has a thread"), 1);
    assert_eq!(discord.look(|world| (inside(world, category).len(), world.threads(*ops).len())), (50, 2));
    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}
