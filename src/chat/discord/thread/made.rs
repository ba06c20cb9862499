//! Where an incident is talked about is made: a thread under the channel, or a channel of its own.
//!
//! Lives here: making it once, also where an answer was lost, and tying it to the incident in the journal. Never lives here: what
//! is said in it (`sent`), what trouble leads to (`thread`).

use serenity::all::{AutoArchiveDuration, ChannelId, ChannelType, CreateChannel, CreateThread, GuildChannel};

use super::trouble::Trouble;
use super::{LINK, LINK_TO_CHANNEL, Room, prefix};
use crate::base::event::Actor;
use crate::base::text::one_line;
use crate::bot::grammar::Incident as Verb;
use crate::chat::discord::settings::Place;
use crate::chat::discord::text::markdown;
use crate::domain::incident;

/// Discord's clock and ours may differ by this much.
const CLOCKS_APART: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// The longest name of a channel (Discord takes 100 characters) and title in its topic (1,024 in all).
const NAME: usize = 90;
const TOPIC: usize = 400;

impl Room<'_> {
    /// Makes the thread, or the channel. Where Discord refuses a channel (there are 500, or 50 in the category; the category is
    /// gone; the permission is), the incident has a thread: somebody needs a place to talk, and under the configured channel it is
    /// seen by those who are to see it.
    pub(super) async fn open(&mut self, state: &incident::State) -> Result<ChannelId, Trouble> {
        self.instead = None;
        let made = match self.house.settings.place {
            Place::Thread => self.open_thread(state).await?,
            Place::Channel { category } => match self.open_channel(state, category).await {
                Ok(channel) => channel,
                Err(Trouble::Refused(why) | Trouble::Malformed(why)) => {
                    let incident = &self.incident;
                    tracing::warn!(%incident, why, "Discord refuses a channel: the incident has a thread");
                    self.instead = Some(why);
                    self.open_thread(state).await?
                }
                Err(trouble) => return Err(trouble),
            },
        };
        (self.thread, self.tied) = (Some(made), false);
        self.sent += 1;
        self.known(made);
        Ok(made)
    }

    async fn open_thread(&self, state: &incident::State) -> Result<ChannelId, Trouble> {
        let settings = self.house.settings;
        let name = one_line(&format!("{} {}", self.incident, state.title), 100);
        let active = settings.guild.get_active_threads(&self.house.http).await?.threads;
        let ours = |thread: &&GuildChannel| {
            thread.parent_id == Some(settings.channel)
                && thread.owner_id == Some(self.house.me)
                && thread.name == name
                && is_since(thread.id, state)
        };
        if let Some(before) = active.iter().filter(ours).map(|thread| thread.id).max() {
            return Ok(before);
        }
        let made =
            CreateThread::new(name).kind(ChannelType::PublicThread).auto_archive_duration(AutoArchiveDuration::OneWeek);
        Ok(settings.channel.create_thread(&self.house.http, made).await?.id)
    }

    async fn open_channel(&self, state: &incident::State, category: Option<ChannelId>) -> Result<ChannelId, Trouble> {
        let guild = self.house.settings.guild;
        let name = slug(&format!("{} {}", self.incident, state.title));
        let topic = format!("{} · {}", self.incident, markdown(&state.title, TOPIC));
        // Nobody owns a channel: it is known by what it is called and by its topic.
        let all = guild.channels(&self.house.http).await?;
        let ours = |channel: &&GuildChannel| {
            channel.kind == ChannelType::Text
                && channel.name == name
                && channel.topic.as_deref() == Some(&topic)
                && is_since(channel.id, state)
        };
        if let Some(before) = all.values().filter(ours).map(|channel| channel.id).max() {
            return Ok(before);
        }
        let made = CreateChannel::new(name).kind(ChannelType::Text).topic(topic);
        let made = match category {
            Some(category) => made.category(category),
            None => made,
        };
        Ok(guild.create_channel(&self.house.http, made).await?.id)
    }

    /// Ties the thread or channel to the incident in the journal, from where every door and the next process know it.
    pub(super) async fn tie(&mut self, thread: ChannelId) -> Result<(), Trouble> {
        let settings = self.house.settings;
        let is_channel = matches!(settings.place, Place::Channel { .. }) && self.instead.is_none();
        let verb = Verb::Link {
            url: format!("{}{thread}", prefix(settings)),
            label: Some(if is_channel { LINK_TO_CHANNEL } else { LINK }.to_owned()),
            incident: Some(self.incident.clone()),
        };
        self.house.bot.incident(&Actor::Bot, verb).await?;
        self.tied = true;
        Ok(())
    }
}

/// Whether it was made for this incident, and not for one of the same name before.
fn is_since(channel: ChannelId, state: &incident::State) -> bool {
    channel.created_at().unix_timestamp() >= (state.declared_at - CLOCKS_APART).timestamp()
}

/// A text as the name of a text channel: small letters, digits and single hyphens, as Discord would make of it.
fn slug(text: &str) -> String {
    let small = one_line(text, 400).to_lowercase();
    let words: Vec<&str> = small.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(NAME).collect();
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_channels_name_is_what_discord_takes() {
        assert_eq!(slug("inc-1 500 on /api/occupation: @everyone"), "inc-1-500-on-api-occupation-everyone");
        assert_eq!(slug("inc-2 Größe **überall**"), "inc-2-größe-überall");
        assert_eq!(slug("inc-3 🚨"), "inc-3");
        assert!(slug(&format!("inc-4 {}", "long title ".repeat(40))).chars().count() <= 90);
    }
}
