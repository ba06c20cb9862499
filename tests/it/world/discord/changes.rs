//! What changes the world, together with the events that tell of it.

use chrono::Utc;
use serde_json::{Value, json};

use super::state::{Attachment, Channel, ChannelKind, EPHEMERAL, Id, LOADING, Message, Overwrite, State};

/// A message that is to be written.
#[derive(Default)]
pub struct Draft {
    pub content: String,
    pub embeds: Vec<Value>,
    pub components: Vec<Value>,
    pub attachments: Vec<Attachment>,
    pub flags: u64,
    pub reference: Option<Id>,
    pub interaction: Option<Id>,
    pub allowed_mentions: Value,
    pub nonce: Option<String>,
}

impl State {
    /// Writes a message. Ephemeral ones are for the person of the interaction only, and no event tells of them.
    pub(super) fn post(&mut self, channel: Id, author: Id, draft: Draft) -> Id {
        let id = self.next_id();
        let person = draft.interaction.map(|id| self.interactions[&id].person);
        let only_for = if draft.flags & EPHEMERAL == 0 { None } else { person };
        let message = Message {
            id,
            channel,
            author,
            content: draft.content,
            embeds: draft.embeds,
            components: draft.components,
            attachments: draft.attachments,
            flags: draft.flags,
            reference: draft.reference,
            interaction: draft.interaction,
            only_for,
            at: Utc::now(),
            edited: None,
            edits: 0,
            allowed_mentions: draft.allowed_mentions,
            nonce: draft.nonce,
            reactions: Vec::new(),
            looked_at: false.into(),
        };
        let event = only_for.is_none().then(|| self.message_event(&message));
        self.messages.insert(id, message);
        if let Some(event) = event {
            self.dispatch("MESSAGE_CREATE", channel, &event);
        }
        id
    }

    /// Changes a message: what `body` does not name stays.
    pub(super) fn edit(&mut self, id: Id, body: &Value, files: Vec<Attachment>) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        let list = |key: &str| body.get(key).map(|value| value.as_array().cloned().unwrap_or_default());
        if let Some(content) = body.get("content") {
            message.content = content.as_str().unwrap_or_default().to_owned();
        }
        if let Some(embeds) = list("embeds") {
            message.embeds = embeds;
        }
        if let Some(components) = list("components") {
            message.components = components;
        }
        if let Some(kept) = list("attachments") {
            let kept: Vec<_> = kept.iter().filter_map(|one| snowflake(&one["id"])).collect();
            message.attachments.retain(|file| kept.contains(&file.id));
        }
        message.attachments.extend(files);
        if message.flags & LOADING == 0 {
            message.edited = Some(Utc::now());
            message.edits += 1;
        }
        message.flags &= !LOADING;
        let (channel, is_public) = (message.channel, message.only_for.is_none());
        if is_public {
            let event = self.message_event(&self.messages[&id]);
            self.dispatch("MESSAGE_UPDATE", channel, &event);
        }
    }

    /// The bot reacts to a message; the same reaction twice is one.
    pub(super) fn react(&mut self, id: Id, emoji: String) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if !message.reactions.contains(&emoji) {
            message.reactions.push(emoji);
        }
    }

    pub(super) fn remove_message(&mut self, id: Id) {
        let Some(message) = self.messages.remove(&id) else { return };
        if message.only_for.is_none() {
            let guild = self.channels.get(&message.channel).and_then(|channel| channel.guild);
            let mut event = json!({ "id": id.to_string(), "channel_id": message.channel.to_string() });
            if let Some(guild) = guild {
                event["guild_id"] = json!(guild.to_string());
            }
            self.dispatch("MESSAGE_DELETE", message.channel, &event);
        }
    }

    /// Opens a public thread; one from a message has the message's id.
    pub(super) fn open_thread(
        &mut self,
        parent: Id,
        from: Option<Id>,
        name: &str,
        owner: Id,
        archive_after: u64,
    ) -> Id {
        let id = from.unwrap_or_else(|| self.next_id());
        let guild = self.channels[&parent].guild;
        let kind =
            ChannelKind::Thread { parent, owner, archived: false, locked: false, archive_after, members: vec![owner] };
        self.channels.insert(id, Channel::new(id, guild, name, kind));
        let mut event = self.channel_json(&self.channels[&id]);
        event["newly_created"] = json!(true);
        self.dispatch("THREAD_CREATE", id, &event);
        id
    }

    /// Makes a channel of a guild. In a category it has that category's overwrites.
    pub(super) fn make_channel(&mut self, guild: Id, name: &str, kind: ChannelKind, category: Option<Id>) -> Id {
        let id = self.next_id();
        let mut made = Channel::new(id, Some(guild), name, kind);
        made.overwrites = category.map(|id| self.channels[&id].overwrites.clone()).unwrap_or_default();
        made.category = category;
        self.channels.insert(id, made);
        let event = self.channel_json(&self.channels[&id]);
        self.dispatch("CHANNEL_CREATE", id, &event);
        id
    }

    pub(super) fn update_thread(&mut self, id: Id, archive: Option<bool>, lock: Option<bool>) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if let ChannelKind::Thread { archived, locked, .. } = &mut channel.kind {
            *archived = archive.unwrap_or(*archived);
            *locked = lock.unwrap_or(*locked);
        }
        self.channel_changed(id);
    }

    pub(super) fn channel_changed(&mut self, id: Id) {
        let channel = &self.channels[&id];
        let kind = if channel.is_thread() { "THREAD_UPDATE" } else { "CHANNEL_UPDATE" };
        let event = self.channel_json(channel);
        self.dispatch(kind, id, &event);
    }

    /// Removes a channel or thread with everything in it.
    pub(super) fn remove_channel(&mut self, id: Id) {
        let Some(channel) = self.channels.get(&id) else { return };
        let (kind, event) = match &channel.kind {
            ChannelKind::Thread { parent, .. } => {
                let ids = json!({
                    "id": id.to_string(), "guild_id": channel.guild.map(|id| id.to_string()),
                    "parent_id": parent.to_string(), "type": 11,
                });
                ("THREAD_DELETE", ids)
            }
            _ => ("CHANNEL_DELETE", self.channel_json(channel)),
        };
        self.dispatch(kind, id, &event);
        let threads: Vec<_> = self.threads(id).into_iter().map(|thread| thread.id).collect();
        for gone in threads.into_iter().chain([id]) {
            self.channels.remove(&gone);
            self.messages.retain(|_, message| message.channel != gone);
        }
    }

    /// Sets what a channel allows and denies somebody.
    pub(super) fn overwrite(&mut self, channel: Id, who: Id, is_member: bool, allow: u64, deny: u64) {
        let one = self.channels.get_mut(&channel).expect("a channel");
        let before = one.overwrites.iter().position(|overwrite| overwrite.id == who);
        let former = before.map(|at| one.overwrites.remove(at));
        let (former_allow, former_deny) = former.map_or((0, 0), |one| (one.allow, one.deny));
        one.overwrites.push(Overwrite {
            id: who,
            is_member,
            allow: former_allow & !deny | allow,
            deny: former_deny & !allow | deny,
        });
        self.channel_changed(channel);
    }
}

/// An id, written as Discord writes it (a text) or as serenity writes an attachment's (a number).
pub fn snowflake(value: &Value) -> Option<Id> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
