//! How Discord writes each thing as JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::state::{Channel, ChannelKind, Guild, Id, Message, Role, State};

/// A moment as Discord writes it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, false)
}

impl State {
    pub fn user_json(&self, id: Id) -> Value {
        let user = &self.users[&id];
        let global_name = if user.is_bot { Value::Null } else { json!(user.name) };
        json!({
            "id": id.to_string(), "username": user.name.to_lowercase(), "discriminator": "0",
            "global_name": global_name, "avatar": null, "bot": user.is_bot, "public_flags": 0, "flags": 0,
            "primary_guild": null,
        })
    }

    pub fn member_json(&self, guild: Id, person: Id) -> Value {
        let roles: Vec<_> = self.guilds[&guild].members[&person].iter().map(Id::to_string).collect();
        json!({
            "user": self.user_json(person), "nick": null, "avatar": null, "banner": null, "roles": roles,
            "joined_at": "2024-03-01T09:00:00.000000+00:00", "premium_since": null, "deaf": false, "mute": false,
            "flags": 0, "pending": false, "communication_disabled_until": null,
        })
    }

    pub fn channel_json(&self, channel: &Channel) -> Value {
        match &channel.kind {
            ChannelKind::Direct { with } => json!({
                "id": channel.id.to_string(), "type": 1, "last_message_id": null, "flags": 0,
                "recipients": [self.user_json(*with)],
            }),
            ChannelKind::Category => json!({
                "id": channel.id.to_string(), "type": 4, "guild_id": channel.guild.map(|id| id.to_string()),
                "name": channel.name, "position": 0, "permission_overwrites": overwrites(channel), "nsfw": false,
                "parent_id": null, "flags": 0,
            }),
            ChannelKind::Text => json!({
                "id": channel.id.to_string(), "type": 0, "guild_id": channel.guild.map(|id| id.to_string()),
                "name": channel.name, "position": 0, "permission_overwrites": overwrites(channel), "nsfw": false,
                "topic": channel.topic, "parent_id": channel.category.map(|id| id.to_string()), "last_message_id": self.last_message(channel.id), "flags": 0,
                "rate_limit_per_user": 0,
            }),
            ChannelKind::Thread { parent, owner, archived, locked, archive_after, members } => json!({
                "id": channel.id.to_string(), "type": 11, "guild_id": channel.guild.map(|id| id.to_string()),
                "name": channel.name, "parent_id": parent.to_string(), "owner_id": owner.to_string(),
                "last_message_id": self.last_message(channel.id), "message_count": self.messages_in(channel.id).len(),
                "member_count": members.len(), "rate_limit_per_user": 0, "flags": 0,
                "total_message_sent": self.messages_in(channel.id).len(),
                "thread_metadata": {
                    "archived": archived, "locked": locked, "auto_archive_duration": archive_after,
                    "archive_timestamp": time(Utc::now()), "create_timestamp": time(Utc::now()),
                },
            }),
        }
    }

    /// The channel as interactions carry it.
    pub fn partial_channel_json(&self, channel: &Channel, person: Id) -> Value {
        let mut value = self.channel_json(channel);
        value["permissions"] = json!(self.permissions(channel.id, person).to_string());
        value
    }

    fn last_message(&self, channel: Id) -> Option<String> {
        self.messages_in(channel).last().map(|message| message.id.to_string())
    }

    pub fn message_json(&self, message: &Message) -> Value {
        let mut value = json!({
            "id": message.id.to_string(), "channel_id": message.channel.to_string(),
            "author": self.user_json(message.author), "content": message.content,
            "timestamp": time(message.at), "edited_timestamp": message.edited.map(time), "tts": false,
            "mention_everyone": false, "mentions": self.mentions(message), "mention_roles": [],
            "attachments": attachments(message), "embeds": embeds(message), "components": components(message),
            "pinned": false, "flags": message.flags, "type": self.message_type(message),
        });
        if let Some(reference) = message.reference {
            let guild = self.channels.get(&message.channel).and_then(|channel| channel.guild);
            value["message_reference"] = json!({
                "type": 0, "message_id": reference.to_string(), "channel_id": message.channel.to_string(),
                "guild_id": guild.map(|id| id.to_string()),
            });
            let referenced = self.messages.get(&reference);
            value["referenced_message"] = referenced.map_or(Value::Null, |message| self.message_json(message));
        }
        if message.interaction.is_some() {
            value["webhook_id"] = json!(self.application.to_string());
        }
        if message.author == self.bot {
            value["application_id"] = json!(self.application.to_string());
        }
        if let Some(thread) = self.channels.get(&message.id) {
            value["thread"] = self.channel_json(thread);
        }
        value
    }

    fn message_type(&self, message: &Message) -> u64 {
        let interaction = message.interaction.and_then(|id| self.interactions.get(&id));
        let is_original = interaction.is_some_and(|one| one.original == Some(message.id));
        match (interaction, message.reference) {
            (Some(one), _) if is_original && one.payload["data"]["type"] == 3 => 23,
            (Some(one), _) if is_original && one.payload["data"]["type"] == 1 => 20,
            (None, Some(_)) => 19,
            _ => 0,
        }
    }

    fn mentions(&self, message: &Message) -> Vec<Value> {
        self.users
            .keys()
            .filter(|id| message.content.contains(&format!("<@{id}>")))
            .map(|id| self.user_json(*id))
            .collect()
    }

    /// A message as the bot reads it: without its content where the bot is neither its author nor mentioned and the
    /// conversation is not direct, because the privileged intent for that is never asked for.
    pub fn message_for_bot(&self, message: &Message) -> Value {
        let mut value = self.message_json(message);
        let in_guild = self.channels[&message.channel].guild.is_some();
        let mentioned = message.content.contains(&format!("<@{}>", self.bot));
        if in_guild && message.author != self.bot && !mentioned {
            value["content"] = json!("");
            for key in ["embeds", "attachments", "components"] {
                value[key] = json!([]);
            }
        }
        value
    }

    /// A message as an event carries it.
    pub fn message_event(&self, message: &Message) -> Value {
        let mut value = self.message_for_bot(message);
        let guild = self.channels[&message.channel].guild;
        if let Some(guild) = guild {
            value["guild_id"] = json!(guild.to_string());
            if self.guilds[&guild].members.contains_key(&message.author) {
                let mut member = self.member_json(guild, message.author);
                member.as_object_mut().expect("an object").remove("user");
                value["member"] = member;
            }
        }
        value
    }

    pub fn guild_json(&self, guild: &Guild) -> Value {
        json!({
            "id": guild.id.to_string(), "name": guild.name, "icon": null, "splash": null, "discovery_splash": null,
            "owner_id": guild.owner.to_string(), "afk_channel_id": null, "afk_timeout": 300, "verification_level": 0,
            "default_message_notifications": 1, "explicit_content_filter": 0,
            "roles": guild.roles.values().map(role_json).collect::<Vec<_>>(),
            "emojis": [], "features": [], "mfa_level": 0, "application_id": null, "system_channel_id": null,
            "system_channel_flags": 0, "rules_channel_id": null, "vanity_url_code": null, "description": null,
            "banner": null, "premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
            "public_updates_channel_id": null, "nsfw_level": 0, "stickers": [],
            "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "home_header": null,
            "region": "deprecated", "widget_enabled": false, "widget_channel_id": null, "max_presences": null,
            "max_members": 500_000, "max_stage_video_channel_users": 50, "max_video_channel_users": 25, "nsfw": false,
            "incidents_data": null,
        })
    }

    /// A guild as `GUILD_CREATE` carries it: with the channels and threads that the bot sees and, without the
    /// privileged intent, no member but the bot.
    pub fn guild_event(&self, guild: &Guild) -> Value {
        let of_guild = |channel: &&Channel| channel.guild == Some(guild.id) && self.can_see(channel.id, self.bot);
        let (threads, channels): (Vec<_>, Vec<_>) =
            self.channels.values().filter(of_guild).partition(|channel| channel.is_thread());
        let write = |list: Vec<&Channel>| list.into_iter().map(|one| self.channel_json(one)).collect::<Vec<_>>();
        let threads = threads.into_iter().filter(|thread| !thread.is_archived()).collect();
        let more = json!({
            "joined_at": "2024-03-01T09:00:00.000000+00:00", "large": false, "unavailable": false,
            "member_count": guild.members.len(), "voice_states": [], "presences": [], "stage_instances": [],
            "guild_scheduled_events": [], "soundboard_sounds": [], "channels": write(channels),
            "threads": write(threads), "members": [self.member_json(guild.id, self.bot)],
        });
        let mut value = self.guild_json(guild);
        let object = value.as_object_mut().expect("an object");
        object.extend(more.as_object().expect("an object").clone());
        value
    }

    /// The application: its owner is the one of the first guild.
    pub fn application_json(&self) -> Value {
        let owner = self.guilds.values().next().map(|guild| self.user_json(guild.owner));
        json!({
            "id": self.application.to_string(), "name": "Rundown", "icon": null, "description": "", "bot_public": false,
            "bot_require_code_grant": false, "verify_key": super::endpoint::public_key(), "flags": 0, "flags_new": "0",
            "team": null, "owner": owner, "type": null, "integration_types_config": { "0": {} },
            "approximate_guild_count": self.guilds.len(), "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0, "explicit_content_filter": 0, "eligible_oauth2_scopes": [],
            "redirect_uris": [], "interactions_endpoint_url": null, "role_connections_verification_url": null,
            "bot": self.user_json(self.bot),
        })
    }
}

pub fn role_json(role: &Role) -> Value {
    json!({
        "id": role.id.to_string(), "name": role.name, "color": 0,
        "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
        "hoist": false, "icon": null, "unicode_emoji": null, "position": 0,
        "permissions": role.permissions.to_string(), "managed": false, "mentionable": false, "flags": 0,
    })
}

fn embeds(message: &Message) -> Vec<Value> {
    let mut embeds = message.embeds.clone();
    embeds.iter_mut().for_each(|embed| embed["type"] = json!("rich"));
    embeds
}

/// Discord numbers every component of a message.
fn components(message: &Message) -> Vec<Value> {
    let mut components = message.components.clone();
    let mut number = 0;
    for row in &mut components {
        number += 1;
        row["id"] = json!(number);
        for control in row["components"].as_array_mut().into_iter().flatten() {
            number += 1;
            control["id"] = json!(number);
        }
    }
    components
}

fn overwrites(channel: &Channel) -> Vec<Value> {
    let one = |overwrite: &super::state::Overwrite| {
        json!({
            "id": overwrite.id.to_string(), "type": u8::from(overwrite.is_member),
            "allow": overwrite.allow.to_string(), "deny": overwrite.deny.to_string(),
        })
    };
    channel.overwrites.iter().map(one).collect()
}

fn attachments(message: &Message) -> Vec<Value> {
    let one = |file: &super::state::Attachment| {
        let url = format!("https://cdn.discordapp.com/attachments/{}/{}/{}", message.channel, file.id, file.name);
        let mut value = json!({
            "id": file.id.to_string(), "filename": file.name, "size": file.bytes.len(), "url": url, "proxy_url": url,
            "content_type": file.content_type,
        });
        if let Some(description) = &file.description {
            value["description"] = json!(description);
        }
        value
    };
    message.attachments.iter().map(one).collect()
}

/// A guild in the bot's own list.
pub fn guild_entry(state: &State, guild: &Guild) -> Value {
    json!({
        "id": guild.id.to_string(), "name": guild.name, "icon": null, "banner": null, "owner": false, "features": [],
        "permissions": state.base_permissions(guild.id, state.bot).to_string(),
    })
}
