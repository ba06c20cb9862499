//! What one person does and sees: commands, buttons, menus, modals, messages.

use std::sync::Arc;
use std::time::Duration;

use super::changes::Draft;
use super::interactions::Use;
use super::permissions::{SEND_MESSAGES, SEND_MESSAGES_IN_THREADS};
use super::state::{Answer, Id, State};
use super::{Shared, role};

const MODAL: u64 = 9;

/// Somebody in the guild.
#[derive(Clone)]
pub struct Person {
    pub(super) shared: Arc<Shared>,
    pub id: Id,
    pub(super) guild: Id,
}

/// Something that a person did, and what came of it.
pub struct Used {
    shared: Arc<Shared>,
    pub id: Id,
}

impl Person {
    /// Gives the person a role, which is made where there is none of this name.
    pub fn with_role(self, name: &str) -> Self {
        self.shared.change(|state| {
            let role = role(state, self.guild, name);
            let members = &mut state.guilds.get_mut(&self.guild).expect("the guild").members;
            members.get_mut(&self.id).expect("a member").push(role);
        });
        self
    }

    /// Takes a role away.
    pub fn loses_role(&self, name: &str) {
        self.shared.change(|state| {
            let role = role(state, self.guild, name);
            let members = &mut state.guilds.get_mut(&self.guild).expect("the guild").members;
            members.get_mut(&self.id).expect("a member").retain(|one| *one != role);
        });
    }

    /// Leaves the guild.
    pub fn leaves(&self) {
        self.shared.change(|state| state.guilds.get_mut(&self.guild).expect("the guild").members.remove(&self.id));
    }

    /// Takes no direct messages from the bot any more.
    pub fn refuses_direct_messages(&self) {
        self.shared.change(|state| state.users.get_mut(&self.id).expect("a person").refuses_direct = true);
    }

    /// The person's name as a mention in a text.
    pub fn mention(&self) -> String {
        format!("<@{}>", self.id)
    }

    /// The conversation with the bot.
    pub fn direct(&self) -> Id {
        self.shared.change(|state| state.open_direct_channel(self.id))
    }

    /// Uses a slash command: `"incident declare"` with its options by name, written as a person would.
    ///
    /// # Panics
    ///
    /// When the command is not registered, or does not take these options.
    pub fn slash(&self, channel: Id, words: &str, options: &[(&str, &str)]) -> Used {
        self.begin(|state| state.slash(self.id, channel, words, options, None))
    }

    /// Types the last of the options of a command, and goes on without waiting for what is suggested.
    pub fn types(&self, channel: Id, words: &str, options: &[(&str, &str)]) -> Used {
        let (focused, _) = options.last().expect("an option that is being typed");
        self.begin(|state| state.slash(self.id, channel, words, options, Some(focused)))
    }

    /// Types the last of the options of a command and returns what is suggested: names with their values.
    pub async fn autocomplete(&self, channel: Id, words: &str, options: &[(&str, &str)]) -> Vec<(String, String)> {
        let answer = self.types(channel, words, options).answer().await;
        let choices = answer.data["choices"].as_array().cloned().unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        choices.iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect()
    }

    /// Presses the button with this label.
    ///
    /// # Panics
    ///
    /// When the person does not see the message, or the button is not there or disabled.
    pub fn press(&self, message: Id, label: &str) -> Used {
        self.begin(|state| state.press(self.id, message, label))
    }

    /// Chooses these labels in the menu that has them.
    pub fn select(&self, message: Id, labels: &[&str]) -> Used {
        self.begin(|state| state.select(self.id, message, labels))
    }

    /// Uses a command of a message's menu.
    pub fn context_menu(&self, message: Id, command: &str) -> Used {
        self.begin(|state| state.on_message(self.id, message, command))
    }

    /// Fills in the modal that opens, or is open, and sends it: values by label; what is not named keeps what the bot
    /// filled in.
    pub async fn submit_modal(&self, values: &[(&str, &str)]) -> Used {
        let open = |state: &State| {
            let mut own = state.interactions.values().rev().filter(|one| one.person == self.id && !one.is_used);
            own.find(|one| one.answer.as_ref().is_some_and(|answer| answer.kind == MODAL)).map(|one| one.id)
        };
        let opener = self.shared.find("a modal opens", open).await;
        let used = self.begin(|state| state.submit(opener, values));
        self.shared.change(|state| state.interactions.get_mut(&opener).expect("an interaction").is_used = true);
        used
    }

    /// Writes a message. `@Rundown` mentions the bot, `@name` a person.
    pub fn says(&self, channel: Id, text: &str) -> Id {
        self.writes(channel, text, None)
    }

    /// Writes a message that replies to another one.
    pub fn replies(&self, message: Id, text: &str) -> Id {
        let channel = self.shared.read(|state| state.visible(self.id, message).channel);
        self.writes(channel, text, Some(message))
    }

    fn writes(&self, channel: Id, text: &str, reference: Option<Id>) -> Id {
        self.shared.change(|state| {
            let is_thread = state.channels.get(&channel).expect("a channel").is_thread();
            let needed = if is_thread { SEND_MESSAGES_IN_THREADS } else { SEND_MESSAGES };
            assert!(state.permissions(channel, self.id) & needed != 0, "{} may not write here", state.name_of(self.id));
            let mut content = text.to_owned();
            let mut users: Vec<_> = state.users.values().collect();
            // Longer names first: one may begin with another.
            users.sort_by_key(|user| std::cmp::Reverse(user.name.len()));
            for user in users {
                content = content.replace(&format!("@{}", user.name), &format!("<@{}>", user.id));
            }
            state.post(channel, self.id, Draft { content, reference, ..Draft::default() })
        })
    }

    /// Deletes an own message.
    pub fn deletes(&self, message: Id) {
        self.shared.change(|state| {
            assert_eq!(state.messages[&message].author, self.id, "a person deletes what is their own");
            state.remove_message(message);
        });
    }

    /// Waits for the answer to what the person did last, and reads it.
    pub async fn sees_reply(&self) -> String {
        let last =
            |state: &State| state.interactions.values().rev().find(|one| one.person == self.id).map(|one| one.id);
        let id = self.shared.read(last).expect("the person did something");
        Used { shared: Arc::clone(&self.shared), id }.reply().await
    }

    /// Waits until a message of the bot that the person can see in a channel contains this text; returns the newest.
    pub async fn sees(&self, channel: Id, text: &str) -> Id {
        let what = format!("{} sees {text:?}", self.shared.read(|state| state.name_of(self.id)));
        let look = |state: &State| {
            let sees = state.can_see(channel, self.id);
            let mut messages = state.messages.values().rev().filter(|one| one.channel == channel && sees);
            let found = messages.find(|one| {
                one.author == state.bot && one.only_for.is_none_or(|only| only == self.id) && one.says(text)
            });
            found.map(|one| {
                one.look_at();
                one.id
            })
        };
        self.shared.find(&what, look).await
    }

    /// Everything the bot wrote that the person can see in a channel, oldest first; all of it counts as looked at.
    pub fn reads(&self, channel: Id) -> Vec<String> {
        self.shared.read(|state| {
            assert!(state.can_see(channel, self.id), "{} cannot see this channel", state.name_of(self.id));
            let messages = state.messages.values().filter(|one| one.channel == channel && one.author == state.bot);
            let visible = messages.filter(|one| one.only_for.is_none_or(|only| only == self.id));
            visible.map(super::state::Message::text).collect()
        })
    }

    fn begin(&self, what: impl FnOnce(&State) -> Use) -> Used {
        let endpoint = self.shared.endpoint.lock().expect("endpoint").clone();
        let id = self.shared.change(|state| {
            let (id, payload) = state.begin(what(state));
            if endpoint.is_none() {
                let channel = state.interactions[&id].channel;
                state.dispatch("INTERACTION_CREATE", channel, &payload);
            }
            id
        });
        if let Some(url) = endpoint {
            self.shared.runtime.spawn(Arc::clone(&self.shared).deliver_over_http(url, id));
        }
        Used { shared: Arc::clone(&self.shared), id }
    }
}

impl Used {
    /// Waits for the first answer, whatever it is.
    pub async fn answer(&self) -> Answer {
        let what = format!("an answer: {}", self.what());
        self.shared.find(&what, |state| state.interactions[&self.id].answer.clone()).await
    }

    /// Waits for the first answer; returns how long the bot took.
    pub async fn acknowledged(&self) -> Duration {
        self.answer().await;
        self.shared.read(|state| state.interactions[&self.id].acknowledged_after()).expect("an acknowledgement")
    }

    /// Waits until the answer says something, after any "thinking…", and reads it.
    pub async fn reply(&self) -> String {
        let id = self.message().await;
        self.shared.read(|state| state.messages[&id].text())
    }

    /// Waits until the answer says something; the message that does.
    pub async fn message(&self) -> Id {
        let look = |state: &State| {
            let id = state.interactions[&self.id].original?;
            state.messages.get(&id).filter(|message| !message.is_loading()).map(|_| id)
        };
        self.shared.find(&format!("a reply: {}", self.what()), look).await
    }

    /// Waits for the modal that opens; returns its title.
    pub async fn modal(&self) -> String {
        let answer = self.answer().await;
        assert_eq!(answer.kind, MODAL, "{}: no modal opens", self.what());
        answer.data["title"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for this many followups and reads them.
    pub async fn followups(&self, count: usize) -> Vec<String> {
        let look = |state: &State| {
            let ids = &state.interactions[&self.id].followups;
            let texts: Vec<_> = ids.iter().filter_map(|id| Some(state.messages.get(id)?.text())).collect();
            (texts.len() >= count).then_some(texts)
        };
        self.shared.find(&format!("{count} followups: {}", self.what()), look).await
    }

    fn what(&self) -> String {
        self.shared.read(|state| state.interactions[&self.id].what.clone())
    }
}
