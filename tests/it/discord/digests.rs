//! Digests in Discord: the one that was missed comes once and says that it is late, whatever happens to the process.

use std::time::Duration;

use chrono::TimeDelta;
use rundown::domain::digest::state::State;

use super::place::Place;
use super::served::Served;
use crate::digest::{MONITORS, TARGETS, daily, measured, sent_yesterday, state};
use crate::world::discord::How;
use crate::world::discord::state::Message;

fn place() -> Place {
    let place = Place::by_hand();
    place.desk.add_page("targets.yaml", &format!("programs: {{ 'true': {{}}, sleep: {{}} }}\n{TARGETS}"));
    place.desk.add_page("monitors.yaml", MONITORS);
    place
}

/// Starts it with the digest, and waits until it is connected.
async fn serve(place: &Place, cron: &str, more: &str) -> Served {
    let before = place.discord.look(|world| world.sessions.identified);
    let digest = format!("[[digest]]\nname = \"morning\"\ncron = \"{cron}\"\n{more}");
    let served = Served::spawn(&place.desk, &place.discord, place.ops, &digest);
    place
        .discord
        .until("the bot is ready", |world| world.sessions.identified > before && world.sessions.is_connected())
        .await;
    place.discord.registered("digest").await;
    served
}

/// Waits until the record, as another process reads it, says so. Opening it each time is pause enough.
async fn until(place: &Place, fits: impl Fn(&State) -> bool) -> State {
    let look = async {
        loop {
            let now = state(&place.desk).await;
            if fits(&now) {
                return now;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), look).await.expect("the record says so in time")
}

#[tokio::test]
async fn one_that_was_missed_is_sent_once_marked_late_with_its_picture_although_the_process_dies_over_it() {
    let place = place();
    let (discord, ana) = (&place.discord, &place.ana);
    let news = discord.channel("news");
    let (schedule, cron) = daily(TimeDelta::hours(1));
    sent_yesterday(&place.desk, &schedule).await;
    measured(&place.desk).await;

    // It gets through, and nobody hears that it did.
    discord.fail("POST", "/channels/{channel_id}/messages", 1, How::ResetAfter);
    let channel = format!("channel = \"{news}\"\n");
    let bot = serve(&place, &cron, &channel).await;
    let message = ana.sees(news, "Digest morning").await;
    bot.kill();
    let before = state(&place.desk).await;
    let _bot = serve(&place, &cron, &channel).await;
    // Asked for, it comes here, and the other one stays where it was due.
    let told = ana.slash(place.ops, "digest now", &[]).message().await;
    let after = until(&place, |now| now.pending.is_none() && now.last.as_ref().is_some_and(|last| last.late)).await;
    assert!(after.last.is_some_and(|last| last.since < last.due), "it goes on where yesterday's ended");
    assert!(before.pending.is_some() || before.last.is_some_and(|last| last.late), "the intent was on the disk");
    let in_news = discord.look(|world| world.bot_messages_in(news).len());
    assert_eq!(in_news, 1, "however often it was tried");
    discord.look(|world| {
        let message: &Message = &world.messages[&message];
        let text = message.text();
        assert!(text.contains("late: it was due 1 h ") && text.contains("nobody was there"), "{text}");
        assert!(text.contains("api** ") && text.contains("\\(was 100\\)"), "{text}");
        let picture = &message.attachments()[0];
        assert_eq!(picture.name, "digest.png");
        assert!(
            picture.description.as_ref().is_some_and(|alt| alt.contains("api, availability (%): last ")),
            "{picture:?}"
        );
        let told: &Message = &world.messages[&told];
        assert!(told.text().contains("Digest morning") && !told.text().contains("late:"), "{}", told.text());
        assert_eq!(told.attachments()[0].name, "digest.png");
    });
    ana.reads(news);
    ana.reads(place.ops);
    discord.finished();
}

#[tokio::test]
async fn one_whose_fate_is_not_known_is_recognised_and_not_sent_again() {
    let place = place();
    let (schedule, cron) = daily(TimeDelta::hours(1));
    sent_yesterday(&place.desk, &schedule).await;
    place.discord.fail("POST", "/channels/{channel_id}/messages", 1, How::ResetAfter);
    let _bot = serve(&place, &cron, "").await;
    place.ana.sees(place.ops, "Digest morning").await;
    until(&place, |now| now.last.as_ref().is_some_and(|last| last.late)).await;
    assert_eq!(place.times(place.ops, "Digest morning"), 1);
    place.discord.finished();
}

#[tokio::test]
async fn one_that_is_too_old_is_skipped_and_who_only_looks_posts_none() {
    let place = place();
    let (discord, ana) = (&place.discord, &place.ana);
    let (schedule, cron) = daily(TimeDelta::hours(6));
    sent_yesterday(&place.desk, &schedule).await;
    let _bot = serve(&place, &cron, "").await;
    until(&place, |now| !now.missed.is_empty()).await;
    let guest = discord.member("guest");
    let refused = guest.slash(place.ops, "digest now", &[]).reply().await;
    assert!(refused.contains("takes a responder"), "{refused}");
    let told = ana.slash(place.ops, "digest now", &[("name", "morning")]).reply().await;
    assert!(told.contains("was not sent: nobody was there to send it in time"), "{told}");
    ana.reads(place.ops);
    discord.finished();
}
