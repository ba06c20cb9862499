//! What a person's click or command looks like on its way to the bot: built from the commands that the bot registered
//! and the messages that it wrote, so that what is not there cannot be used.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::permissions::{USE_APPLICATION_COMMANDS, names};
use super::state::{Id, Interaction, InteractionKind, State};

const SLASH: u64 = 1;
const ON_MESSAGE: u64 = 3;

/// Something that a person does.
pub struct Use {
    pub kind: InteractionKind,
    pub person: Id,
    pub channel: Id,
    pub message: Option<Id>,
    pub data: Value,
    pub what: String,
}

impl State {
    /// Writes an interaction down; returns it as the bot is to get it.
    pub(super) fn begin(&mut self, one: Use) -> (Id, Value) {
        let id = self.next_id();
        let channel = &self.channels[&one.channel];
        let guild = channel.guild;
        let token = format!("aW50ZXJhY3Rpb246{id}");
        let mut payload = json!({
            "id": id.to_string(), "application_id": self.application.to_string(), "type": one.kind as u8,
            "data": one.data, "channel": self.partial_channel_json(channel, one.person),
            "channel_id": one.channel.to_string(), "token": token, "version": 1,
            "app_permissions": self.permissions(one.channel, self.bot).to_string(), "locale": "en-US",
            "entitlements": [], "attachment_size_limit": 10_485_760,
        });
        if let Some(guild) = guild {
            let mut member = self.member_json(guild, one.person);
            member["permissions"] = json!(self.permissions(one.channel, one.person).to_string());
            payload["member"] = member;
            payload["guild_id"] = json!(guild.to_string());
            payload["guild"] = json!({ "id": guild.to_string(), "locale": "en-US", "features": [] });
            payload["guild_locale"] = json!("en-US");
            payload["authorizing_integration_owners"] = json!({ "0": guild.to_string() });
            payload["context"] = json!(0);
        } else {
            payload["user"] = self.user_json(one.person);
            payload["authorizing_integration_owners"] = json!({ "0": "0" });
            payload["context"] = json!(1);
        }
        if let Some(message) = one.message {
            payload["message"] = self.message_json(&self.messages[&message]);
        }
        let interaction = Interaction {
            id,
            token,
            kind: one.kind,
            person: one.person,
            channel: one.channel,
            guild,
            message: one.message,
            what: format!("{} {}", self.name_of(one.person), one.what),
            sent: Instant::now(),
            acknowledged: None,
            answer: None,
            original: None,
            followups: Vec::new(),
            is_expired: false,
            is_used: false,
            payload: payload.clone(),
        };
        self.interactions.insert(id, interaction);
        (id, payload)
    }

    /// A slash command; `focused` is the option that the person is typing, whose value is sent as it is.
    pub(super) fn slash(
        &self,
        person: Id,
        channel: Id,
        words: &str,
        options: &[(&str, &str)],
        focused: Option<&str>,
    ) -> Use {
        let mut names = words.split_whitespace();
        let command = self.command(person, channel, SLASH, names.next().unwrap_or_default());
        let mut resolved = json!({});
        let mut path = Vec::new();
        let mut at = command;
        for name in names {
            let inner = entries(&at["options"]).find(|one| one["name"] == name && one["type"].as_u64() < Some(3));
            at = inner.unwrap_or_else(|| panic!("/{words}: there is no subcommand {name}"));
            path.push(at);
        }
        let mut list = Value::Array(self.values(words, at, options, focused, &mut resolved));
        for one in path.iter().rev() {
            list = json!([{ "type": one["type"], "name": one["name"], "options": list }]);
        }
        let mut data = json!({ "id": command["id"], "name": command["name"], "type": SLASH, "options": list });
        if resolved.as_object().is_some_and(|resolved| !resolved.is_empty()) {
            data["resolved"] = resolved;
        }
        if !command["guild_id"].is_null() {
            data["guild_id"] = command["guild_id"].clone();
        }
        let kind = if focused.is_some() { InteractionKind::Autocomplete } else { InteractionKind::Command };
        let what = if focused.is_some() { format!("types /{words}") } else { format!("uses /{words}") };
        Use { kind, person, channel, message: None, data, what }
    }

    fn values(
        &self,
        words: &str,
        command: &Value,
        options: &[(&str, &str)],
        focused: Option<&str>,
        resolved: &mut Value,
    ) -> Vec<Value> {
        let defined: Vec<_> = entries(&command["options"]).collect();
        let is_parent = defined.iter().any(|one| one["type"].as_u64() < Some(3));
        assert!(!is_parent, "/{words} has subcommands and cannot be used by itself");
        let given = |name: &Value| options.iter().any(|(one, _)| name == one);
        let missing = defined.iter().find(|one| one["required"] == true && !given(&one["name"]));
        if focused.is_none()
            && let Some(missing) = missing
        {
            panic!("/{words} needs the option {}", missing["name"]);
        }
        let value = |(name, text): &(&str, &str)| {
            let option = defined.iter().find(|one| one["name"] == **name);
            let option = option.unwrap_or_else(|| panic!("/{words} has no option {name}"));
            if focused == Some(*name) {
                assert!(option["autocomplete"] == true, "/{words}: the option {name} suggests nothing");
                return json!({ "type": option["type"], "name": name, "value": text, "focused": true });
            }
            let place = format!("/{words} {name}:{text}");
            json!({ "type": option["type"], "name": name, "value": self.value(&place, option, text, resolved) })
        };
        options.iter().map(value).collect()
    }

    /// A text as a person writes it, as a value of the option's type.
    fn value(&self, place: &str, option: &Value, text: &str, resolved: &mut Value) -> Value {
        let choices: Vec<_> = entries(&option["choices"]).collect();
        if !choices.is_empty() {
            let is_meant =
                |one: &&&Value| one["name"] == text || one["value"] == text || format!("{}", one["value"]).eq(text);
            let choice = choices.iter().find(is_meant);
            return choice.unwrap_or_else(|| panic!("{place} is none of the choices"))["value"].clone();
        }
        match option["type"].as_u64() {
            Some(3) => {
                let length = text.chars().count() as u64;
                let least = option["min_length"].as_u64().unwrap_or(0);
                let most = option["max_length"].as_u64().unwrap_or(6000);
                assert!((least..=most).contains(&length), "{place}: {least} to {most} characters are allowed");
                json!(text)
            }
            Some(4) => {
                let number: i64 = text.parse().unwrap_or_else(|_| panic!("{place} is no whole number"));
                within(place, option, number as f64);
                json!(number)
            }
            Some(10) => {
                let number: f64 = text.parse().unwrap_or_else(|_| panic!("{place} is no number"));
                within(place, option, number);
                json!(number)
            }
            Some(5) => json!(text.parse::<bool>().unwrap_or_else(|_| panic!("{place} is neither true nor false"))),
            Some(6 | 9) => {
                let user = self.users.values().find(|user| user.name == text);
                let id = user.unwrap_or_else(|| panic!("{place}: nobody has this name")).id;
                resolved["users"][id.to_string()] = self.user_json(id);
                json!(id.to_string())
            }
            Some(7) => {
                let channel = self.channel_named(text);
                resolved["channels"][channel.id.to_string()] = self.partial_channel_json(channel, self.bot);
                json!(channel.id.to_string())
            }
            Some(8) => {
                let mut roles = self.guilds.values().flat_map(|guild| guild.roles.values());
                let role = roles.find(|role| role.name == text).unwrap_or_else(|| panic!("{place}: no such role"));
                resolved["roles"][role.id.to_string()] = super::json::role_json(role);
                json!(role.id.to_string())
            }
            other => panic!("{place}: the look-alike gives no values of type {other:?}"),
        }
    }

    /// A command of a message's menu.
    pub(super) fn on_message(&self, person: Id, message: Id, name: &str) -> Use {
        let shown = self.visible(person, message);
        let command = self.command(person, shown.channel, ON_MESSAGE, name);
        let mut messages = Map::new();
        messages.insert(message.to_string(), self.message_json(shown));
        let data = json!({
            "id": command["id"], "name": command["name"], "type": ON_MESSAGE, "target_id": message.to_string(),
            "resolved": { "messages": messages },
        });
        let what = format!("uses {name:?} on a message");
        Use { kind: InteractionKind::Command, person, channel: shown.channel, message: None, data, what }
    }

    /// The command as it is registered where the person is and the person may use it.
    fn command(&self, person: Id, channel: Id, kind: u64, name: &str) -> &Value {
        let who = self.name_of(person);
        let guild = self.channels.get(&channel).unwrap_or_else(|| panic!("channel {channel} is gone")).guild;
        let of_guild = guild.and_then(|guild| self.commands.of_guild.get(&guild)).into_iter().flatten();
        let mut all = of_guild.chain(&self.commands.global);
        let command = all.find(|one| one["name"] == name && one["type"] == kind);
        let command = command.unwrap_or_else(|| panic!("{who} finds no command {name:?}: it is not registered"));
        let context = u64::from(guild.is_none());
        let contexts: Vec<_> = entries(&command["contexts"]).collect();
        let fits = contexts.is_empty() || contexts.iter().any(|one| **one == context);
        let direct = guild.is_some() || !contexts.is_empty() || command["dm_permission"] != false;
        assert!(fits && direct, "{who} finds no command {name:?} here: its contexts are {contexts:?}");
        let has = self.permissions(channel, person);
        assert!(has & USE_APPLICATION_COMMANDS != 0, "{who} may use no commands here");
        let needed = command["default_member_permissions"].as_str().and_then(|text| text.parse::<u64>().ok());
        let missing = needed.unwrap_or(0) & !has;
        assert!(missing == 0 || guild.is_none(), "{who} may not use {name:?} without {}", names(missing));
        command
    }

    /// A message, where the person sees it.
    pub(super) fn visible(&self, person: Id, message: Id) -> &super::state::Message {
        let who = self.name_of(person);
        let shown =
            self.messages.get(&message).unwrap_or_else(|| panic!("{who} sees no message {message}: it is gone"));
        let sees = self.can_see(shown.channel, person) && shown.only_for.is_none_or(|only| only == person);
        assert!(sees, "{who} cannot see message {message}");
        shown.look_at();
        shown
    }

    /// A press of the button with this label.
    pub(super) fn press(&self, person: Id, message: Id, label: &str) -> Use {
        let shown = self.visible(person, message);
        let mut buttons = shown.controls().filter(|one| one["type"] == 2);
        let button = buttons.find(|one| one["label"] == label).unwrap_or_else(|| {
            let labels: Vec<_> = shown.buttons().into_iter().map(|one| one.label).collect();
            panic!("{} finds no button {label:?}, only {labels:?}", self.name_of(person))
        });
        assert!(button["disabled"] != true, "the button {label:?} is disabled");
        assert!(button["style"] != 5, "the button {label:?} is a link");
        let data = json!({ "custom_id": button["custom_id"], "component_type": 2, "id": 2 });
        let (kind, channel) = (InteractionKind::Component, shown.channel);
        Use { kind, person, channel, message: Some(message), data, what: format!("presses {label:?}") }
    }

    /// A choice of these labels in the menu that has them.
    pub(super) fn select(&self, person: Id, message: Id, labels: &[&str]) -> Use {
        let shown = self.visible(person, message);
        let value = |menu: &Value, label: &str| {
            entries(&menu["options"]).find(|one| one["label"] == label).map(|one| one["value"].clone())
        };
        let values = |menu: &Value| labels.iter().map(|label| value(menu, label)).collect::<Option<Vec<_>>>();
        let mut menus = shown.controls().filter(|one| one["type"] == 3);
        let found = menus.find_map(|menu| Some((menu, values(menu)?)));
        let (menu, values) = found.unwrap_or_else(|| panic!("no menu of the message has the options {labels:?}"));
        assert!(menu["disabled"] != true, "the menu is disabled");
        let count = labels.len() as u64;
        let (least, most) = (menu["min_values"].as_u64().unwrap_or(1), menu["max_values"].as_u64().unwrap_or(1));
        assert!((least..=most).contains(&count), "{least} to {most} options can be chosen, not {count}");
        let data = json!({ "custom_id": menu["custom_id"], "component_type": 3, "values": values });
        let (kind, channel) = (InteractionKind::Component, shown.channel);
        Use { kind, person, channel, message: Some(message), data, what: format!("selects {labels:?}") }
    }

    /// What a person writes into the modal that interaction `opener` was answered with: values by label.
    pub(super) fn submit(&self, opener: Id, values: &[(&str, &str)]) -> Use {
        let interaction = &self.interactions[&opener];
        let modal = &interaction.answer.as_ref().expect("an answer").data;
        let title = modal["title"].as_str().unwrap_or_default();
        let inputs = entries(&modal["components"]).flat_map(|row| entries(&row["components"]));
        let inputs: Vec<_> = inputs.collect();
        for (label, _) in values {
            let labels: Vec<_> = inputs.iter().map(|input| &input["label"]).collect();
            assert!(labels.contains(&&json!(label)), "the modal {title:?} has no input {label:?}, only {labels:?}");
        }
        let write = |input: &&Value| {
            let given = values.iter().find(|(label, _)| input["label"] == *label).map(|(_, value)| *value);
            let value = given.or(input["value"].as_str()).unwrap_or_default();
            let length = value.chars().count() as u64;
            let least = if input["required"] == false { 0 } else { input["min_length"].as_u64().unwrap_or(1).max(1) };
            let most = input["max_length"].as_u64().unwrap_or(4000);
            let place = format!("the modal {title:?}, input {}", input["label"]);
            assert!((least..=most).contains(&length), "{place}: {length} characters, {least} to {most} are allowed");
            let lines = value.lines().count();
            assert!(input["style"] != 1 || lines < 2, "{place}: a single line holds {lines} lines");
            json!({ "type": 1, "components": [{ "type": 4, "custom_id": input["custom_id"], "value": value }] })
        };
        let rows: Vec<_> = inputs.iter().map(write).collect();
        let data = json!({ "custom_id": modal["custom_id"], "components": rows });
        Use {
            kind: InteractionKind::ModalSubmit,
            person: interaction.person,
            channel: interaction.channel,
            message: interaction.message,
            data,
            what: format!("submits {title:?}"),
        }
    }
}

fn within(place: &str, option: &Value, number: f64) {
    let least = option["min_value"].as_f64().unwrap_or(f64::MIN);
    let most = option["max_value"].as_f64().unwrap_or(f64::MAX);
    assert!((least..=most).contains(&number), "{place}: {least} to {most} are allowed");
}

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
