//! Who may do what where: roles, then a channel's overwrites, as Discord computes them.

use super::state::{ChannelKind, Id, Overwrite, State};

pub const ADMINISTRATOR: u64 = 1 << 3;
pub const MANAGE_CHANNELS: u64 = 1 << 4;
pub const ADD_REACTIONS: u64 = 1 << 6;
pub const VIEW_CHANNEL: u64 = 1 << 10;
pub const SEND_MESSAGES: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const EMBED_LINKS: u64 = 1 << 14;
pub const ATTACH_FILES: u64 = 1 << 15;
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub const MENTION_EVERYONE: u64 = 1 << 17;
pub const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
pub const MANAGE_THREADS: u64 = 1 << 34;
pub const CREATE_PUBLIC_THREADS: u64 = 1 << 35;
pub const SEND_MESSAGES_IN_THREADS: u64 = 1 << 38;

const ALL: u64 = (1 << 50) - 1;

/// What everybody in a new guild may do.
pub const EVERYONE: u64 = VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | ADD_REACTIONS
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | SEND_MESSAGES_IN_THREADS;

/// What the bot's role may do in a new guild.
pub const BOT: u64 = EVERYONE;

const NAMES: [(u64, &str); 14] = [
    (ADMINISTRATOR, "ADMINISTRATOR"),
    (MANAGE_CHANNELS, "MANAGE_CHANNELS"),
    (ADD_REACTIONS, "ADD_REACTIONS"),
    (VIEW_CHANNEL, "VIEW_CHANNEL"),
    (SEND_MESSAGES, "SEND_MESSAGES"),
    (MANAGE_MESSAGES, "MANAGE_MESSAGES"),
    (EMBED_LINKS, "EMBED_LINKS"),
    (ATTACH_FILES, "ATTACH_FILES"),
    (READ_MESSAGE_HISTORY, "READ_MESSAGE_HISTORY"),
    (MENTION_EVERYONE, "MENTION_EVERYONE"),
    (USE_APPLICATION_COMMANDS, "USE_APPLICATION_COMMANDS"),
    (MANAGE_THREADS, "MANAGE_THREADS"),
    (CREATE_PUBLIC_THREADS, "CREATE_PUBLIC_THREADS"),
    (SEND_MESSAGES_IN_THREADS, "SEND_MESSAGES_IN_THREADS"),
];

/// The names of permissions, for sentences.
pub fn names(permissions: u64) -> String {
    let named: Vec<_> = NAMES.iter().filter(|(bit, _)| permissions & bit != 0).map(|(_, name)| *name).collect();
    named.join(", ")
}

impl State {
    /// What a person may do in a guild, before any channel has its say; 0 for somebody who is no member.
    pub fn base_permissions(&self, guild: Id, person: Id) -> u64 {
        let Some(guild) = self.guilds.get(&guild) else { return 0 };
        let Some(roles) = guild.members.get(&person) else { return 0 };
        if guild.owner == person {
            return ALL;
        }
        let of = |role: &Id| guild.roles.get(role).map_or(0, |role| role.permissions);
        let sum = roles.iter().fold(of(&guild.id), |sum, role| sum | of(role));
        if sum & ADMINISTRATOR == 0 { sum } else { ALL }
    }

    /// What a person may do in a channel. A thread has its channel's permissions. Who may not see it may do nothing.
    pub fn permissions(&self, channel: Id, person: Id) -> u64 {
        let Some(channel) = self.channels.get(&channel) else { return 0 };
        if let ChannelKind::Thread { parent, .. } = channel.kind {
            return self.permissions(parent, person);
        }
        if let ChannelKind::Direct { with } = channel.kind {
            return if person == with || person == self.bot { EVERYONE } else { 0 };
        }
        let Some(guild) = channel.guild else { return 0 };
        let base = self.base_permissions(guild, person);
        if base == ALL || base == 0 {
            return base;
        }
        let roles = &self.guilds[&guild].members[&person];
        let everyone: Vec<_> = channel.overwrites.iter().filter(|one| one.id == guild).collect();
        let of_roles: Vec<_> =
            channel.overwrites.iter().filter(|one| !one.is_member && roles.contains(&one.id)).collect();
        let own: Vec<_> = channel.overwrites.iter().filter(|one| one.is_member && one.id == person).collect();
        let sum = [everyone, of_roles, own].iter().fold(base, |sum, level| apply(sum, level));
        if sum & VIEW_CHANNEL == 0 { 0 } else { sum }
    }

    /// Whether a person sees a channel.
    pub fn can_see(&self, channel: Id, person: Id) -> bool {
        self.permissions(channel, person) & VIEW_CHANNEL != 0
    }
}

/// One level of overwrites: on the same level, what is allowed outweighs what is denied.
fn apply(permissions: u64, level: &[&Overwrite]) -> u64 {
    let deny = level.iter().fold(0, |sum, one| sum | one.deny);
    let allow = level.iter().fold(0, |sum, one| sum | one.allow);
    permissions & !deny | allow
}
