//! What the world of Discord is made of: guilds, people, channels, messages, commands, interactions.
//!
//! Lives here: the entities and how they are found. Never lives here: HTTP, websockets, or how Discord writes an entity
//! as JSON (`json`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::faults::Faults;
use super::gateway::Sessions;

/// A snowflake.
pub type Id = u64;

/// Messages that only one person sees.
pub const EPHEMERAL: u64 = 1 << 6;
/// "The bot is thinking…"
pub const LOADING: u64 = 1 << 7;

/// The whole world.
pub struct State {
    last_id: Id,
    pub application: Id,
    pub bot: Id,
    pub token: String,
    pub users: BTreeMap<Id, User>,
    pub guilds: BTreeMap<Id, Guild>,
    pub channels: BTreeMap<Id, Channel>,
    pub messages: BTreeMap<Id, Message>,
    pub commands: Commands,
    pub interactions: BTreeMap<Id, Interaction>,
    /// What the bot asked, oldest first.
    pub requests: Vec<Request>,
    /// What the bot did wrong.
    pub findings: Vec<String>,
    pub faults: Faults,
    pub sessions: Sessions,
    /// How long an interaction may stay without an answer; Discord allows 3 seconds.
    pub acknowledge_within: Duration,
}

pub struct User {
    pub id: Id,
    pub name: String,
    pub is_bot: bool,
    /// Whether the person takes no direct messages from members of the guild.
    pub refuses_direct: bool,
}

pub struct Guild {
    pub id: Id,
    pub name: String,
    pub owner: Id,
    /// The one with the guild's own id is `@everyone`.
    pub roles: BTreeMap<Id, Role>,
    /// Person → roles.
    pub members: BTreeMap<Id, Vec<Id>>,
}

pub struct Role {
    pub id: Id,
    pub name: String,
    pub permissions: u64,
}

/// What a channel allows or denies a role or a person.
#[derive(Clone, Copy, Debug)]
pub struct Overwrite {
    pub id: Id,
    pub is_member: bool,
    pub allow: u64,
    pub deny: u64,
}

/// A text channel, a thread or a direct conversation.
pub struct Channel {
    pub id: Id,
    pub guild: Option<Id>,
    pub name: String,
    pub kind: ChannelKind,
    pub overwrites: Vec<Overwrite>,
    pub topic: Option<String>,
    /// The category that it stands in.
    pub category: Option<Id>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    Text,
    Category,
    Thread { parent: Id, owner: Id, archived: bool, locked: bool, archive_after: u64, members: Vec<Id> },
    Direct { with: Id },
}

#[derive(Debug)]
pub struct Message {
    pub id: Id,
    pub channel: Id,
    pub author: Id,
    pub(super) content: String,
    pub(super) embeds: Vec<Value>,
    pub(super) components: Vec<Value>,
    pub(super) attachments: Vec<Attachment>,
    pub flags: u64,
    /// The message that this one replies to.
    pub reference: Option<Id>,
    /// The interaction that it answers.
    pub interaction: Option<Id>,
    /// The only person who sees it, where it is ephemeral.
    pub only_for: Option<Id>,
    pub at: DateTime<Utc>,
    pub edited: Option<DateTime<Utc>>,
    pub edits: u32,
    /// As sent: who may be mentioned.
    pub allowed_mentions: Value,
    /// By which the same message is known when it is sent twice.
    pub nonce: Option<String>,
    /// With what the bot reacted to it.
    pub reactions: Vec<String>,
    pub(super) looked_at: AtomicBool,
}

/// An uploaded file.
#[derive(Clone, Debug)]
pub struct Attachment {
    pub id: Id,
    pub name: String,
    pub content_type: String,
    pub description: Option<String>,
    pub bytes: Vec<u8>,
}

/// A button as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub custom_id: Option<String>,
    pub url: Option<String>,
    /// 1 primary, 2 secondary, 3 success, 4 danger, 5 link.
    pub style: u64,
    pub disabled: bool,
}

#[derive(Default)]
pub struct Commands {
    pub global: Vec<Value>,
    pub of_guild: BTreeMap<Id, Vec<Value>>,
    /// How often the bot wrote its global commands.
    pub global_overwrites: u32,
    /// How often the bot wrote a guild's commands.
    pub guild_overwrites: u32,
}

/// Something that a person did to the bot.
pub struct Interaction {
    pub id: Id,
    pub token: String,
    pub kind: InteractionKind,
    pub person: Id,
    pub channel: Id,
    pub guild: Option<Id>,
    /// The message whose button or menu it was.
    pub message: Option<Id>,
    /// In words, for lists of what went wrong.
    pub what: String,
    pub sent: Instant,
    pub acknowledged: Option<Instant>,
    pub answer: Option<Answer>,
    /// The message that answers it; for a component that was updated, the message of that component.
    pub original: Option<Id>,
    pub followups: Vec<Id>,
    /// The 15 minutes are over.
    pub is_expired: bool,
    /// The modal that it opened was submitted, or its suggestions were taken.
    pub is_used: bool,
    /// As it was sent to the bot.
    pub payload: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractionKind {
    Ping = 1,
    Command = 2,
    Component = 3,
    Autocomplete = 4,
    ModalSubmit = 5,
}

/// The first answer to an interaction: the callback's type (4 message, 5 deferred, 6 deferred update, 7 update,
/// 8 suggestions, 9 modal) and its data.
#[derive(Clone, Debug)]
pub struct Answer {
    pub kind: u64,
    pub data: Value,
}

/// A request of the bot.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without `/api/v10`, with its query.
    pub path: String,
    /// The route as Discord's own document names it.
    pub route: &'static str,
    pub body: Value,
    pub status: u16,
    pub at: Instant,
}

impl State {
    pub(super) fn new(token: &str, faults: Faults) -> Self {
        let mut state = Self {
            last_id: 0,
            application: 0,
            bot: 0,
            token: token.to_owned(),
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            commands: Commands::default(),
            interactions: BTreeMap::new(),
            requests: Vec::new(),
            findings: Vec::new(),
            faults,
            sessions: Sessions::default(),
            acknowledge_within: Duration::from_secs(3),
        };
        // The application and its bot share an id, as for all applications since 2016.
        state.bot = state.add_user("Rundown", true);
        state.application = state.bot;
        state
    }

    /// A new snowflake: milliseconds since 2015 in the upper bits, always larger than the one before.
    pub fn next_id(&mut self) -> Id {
        const EPOCH: i64 = 1_420_070_400_000;
        let now = u64::try_from(Utc::now().timestamp_millis() - EPOCH).unwrap_or_default() << 22;
        self.last_id = now.max(self.last_id + 1);
        self.last_id
    }

    pub(super) fn add_user(&mut self, name: &str, is_bot: bool) -> Id {
        let id = self.next_id();
        self.users.insert(id, User { id, name: name.to_owned(), is_bot, refuses_direct: false });
        id
    }

    /// The channel by its name, threads included.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    pub fn channel_named(&self, name: &str) -> &Channel {
        let mut found = self.channels.values().filter(|channel| channel.name == name);
        let channel = found.next().unwrap_or_else(|| panic!("no channel is called {name}"));
        assert!(found.next().is_none(), "several channels are called {name}");
        channel
    }

    /// The threads under a channel, oldest first.
    pub fn threads(&self, channel: Id) -> Vec<&Channel> {
        self.channels.values().filter(|candidate| candidate.parent() == Some(channel)).collect()
    }

    /// The messages of a channel, oldest first, without those that only one person sees.
    pub fn messages_in(&self, channel: Id) -> Vec<&Message> {
        self.messages.values().filter(|message| message.channel == channel && message.only_for.is_none()).collect()
    }

    /// What the bot wrote in a channel for all to see, oldest first.
    pub fn bot_messages_in(&self, channel: Id) -> Vec<&Message> {
        self.messages_in(channel).into_iter().filter(|message| message.author == self.bot).collect()
    }

    /// The conversation between a person and the bot, where there is one.
    pub fn direct_channel(&self, person: Id) -> Option<Id> {
        let found = self.channels.values().find(|channel| channel.kind == ChannelKind::Direct { with: person });
        found.map(|channel| channel.id)
    }

    pub(super) fn open_direct_channel(&mut self, person: Id) -> Id {
        if let Some(id) = self.direct_channel(person) {
            return id;
        }
        let id = self.next_id();
        let kind = ChannelKind::Direct { with: person };
        self.channels.insert(id, Channel::new(id, None, "", kind));
        id
    }

    /// Requests to a route: method and route as Discord's document names it.
    pub fn asked(&self, method: &str, route: &str) -> Vec<&Request> {
        self.requests.iter().filter(|request| request.method == method && request.route == route).collect()
    }

    pub(super) fn name_of(&self, user: Id) -> String {
        self.users.get(&user).map_or_else(|| format!("user {user}"), |user| user.name.clone())
    }
}

impl Channel {
    /// One without overwrites, topic and category.
    pub fn new(id: Id, guild: Option<Id>, name: &str, kind: ChannelKind) -> Self {
        Self { id, guild, name: name.to_owned(), kind, overwrites: Vec::new(), topic: None, category: None }
    }

    /// The channel of a thread.
    pub fn parent(&self) -> Option<Id> {
        match self.kind {
            ChannelKind::Thread { parent, .. } => Some(parent),
            _ => None,
        }
    }

    pub fn is_archived(&self) -> bool {
        matches!(self.kind, ChannelKind::Thread { archived: true, .. })
    }

    pub fn is_thread(&self) -> bool {
        matches!(self.kind, ChannelKind::Thread { .. })
    }
}

impl Message {
    /// Everything a person reads in it: content, then each embed's title, description, fields and footer. Counts as
    /// looked at.
    pub fn text(&self) -> String {
        self.look_at();
        self.lines()
    }

    fn lines(&self) -> String {
        let mut lines = vec![self.content.clone()];
        for embed in &self.embeds {
            for part in [&embed["author"]["name"], &embed["title"], &embed["description"]] {
                lines.extend(part.as_str().map(str::to_owned));
            }
            for field in embed["fields"].as_array().into_iter().flatten() {
                let text = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
                lines.push(format!("{}: {}", text("name"), text("value")));
            }
            lines.extend(embed["footer"]["text"].as_str().map(str::to_owned));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// Whether a person finds this text in it; does not count as looked at.
    pub(super) fn says(&self, text: &str) -> bool {
        !self.is_loading() && self.lines().contains(text)
    }

    /// The content alone. Counts as looked at.
    pub fn content(&self) -> &str {
        self.look_at();
        &self.content
    }

    /// The embeds as the bot wrote them. Counts as looked at.
    pub fn embeds(&self) -> &[Value] {
        self.look_at();
        &self.embeds
    }

    /// The components as the bot wrote them. Counts as looked at.
    pub fn components(&self) -> &[Value] {
        self.look_at();
        &self.components
    }

    /// The files. Counts as looked at.
    pub fn attachments(&self) -> &[Attachment] {
        self.look_at();
        &self.attachments
    }

    /// The buttons, row by row.
    pub fn buttons(&self) -> Vec<Button> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let buttons = self.controls().filter(|control| control["type"] == 2);
        let button = |control: &Value| Button {
            label: text(&control["label"]).unwrap_or_default(),
            custom_id: text(&control["custom_id"]),
            url: text(&control["url"]),
            style: control["style"].as_u64().unwrap_or_default(),
            disabled: control["disabled"] == true,
        };
        buttons.map(button).collect()
    }

    /// Whether the person who may see it is only one.
    pub fn is_ephemeral(&self) -> bool {
        self.only_for.is_some()
    }

    /// Whether it still says only that the bot is thinking.
    pub fn is_loading(&self) -> bool {
        self.flags & LOADING != 0
    }

    /// Buttons and menus, row by row.
    pub(super) fn controls(&self) -> impl Iterator<Item = &Value> {
        self.components.iter().flat_map(|row| row["components"].as_array().into_iter().flatten())
    }

    pub(super) fn look_at(&self) {
        if !self.is_loading() {
            self.looked_at.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn was_looked_at(&self) -> bool {
        self.looked_at.load(Ordering::Relaxed)
    }
}

impl Interaction {
    /// How long the bot took for its first answer.
    pub fn acknowledged_after(&self) -> Option<Duration> {
        self.acknowledged.map(|at| at.duration_since(self.sent))
    }
}
