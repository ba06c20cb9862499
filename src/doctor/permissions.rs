//! What a bot may do in a channel: its roles, then the channel's overwrites, as Discord computes them
//! (discord.com/developers/docs/topics/permissions).
//!
//! Lives here: the arithmetic, which permissions are needed, where a missing one is to be given. Never lives here: asking
//! Discord.

use super::finding::Finding;

/// A permission that the bot needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its bit.
    pub bit: u64,
    /// As Discord's documentation names it.
    pub name: &'static str,
    /// As Discord's client names it.
    pub label: &'static str,
    /// What it is for, or what does not work without it.
    pub without: &'static str,
    /// Whether the bot does its work without it.
    pub optional: bool,
}

const fn needed(shift: u32, name: &'static str, label: &'static str, without: &'static str) -> Needed {
    Needed { bit: 1 << shift, name, label, without, optional: false }
}

/// Everything that the bot needs in its channel.
pub const NEEDED: [Needed; 9] = [
    needed(10, "VIEW_CHANNEL", "View Channel", "the bot does not see the channel"),
    needed(11, "SEND_MESSAGES", "Send Messages", "it cannot write there"),
    needed(38, "SEND_MESSAGES_IN_THREADS", "Send Messages in Threads", "it cannot write in an incident's thread"),
    needed(35, "CREATE_PUBLIC_THREADS", "Create Public Threads", "no incident gets a thread"),
    needed(14, "EMBED_LINKS", "Embed Links", "cards are shown empty"),
    needed(15, "ATTACH_FILES", "Attach Files", "no postmortem and no chart can be handed over"),
    needed(16, "READ_MESSAGE_HISTORY", "Read Message History", "it does not find its card again"),
    needed(6, "ADD_REACTIONS", "Add Reactions", "nobody sees that a note was taken down"),
    Needed { optional: true, ..needed(34, "MANAGE_THREADS", "Manage Threads", "it cannot open a locked thread again") },
];

/// What it needs where incidents have channels of their own: there, too.
pub const FOR_CHANNELS: [Needed; 7] = [
    needed(4, "MANAGE_CHANNELS", "Manage Channels", "no incident gets a channel; it has a thread instead"),
    NEEDED[0],
    NEEDED[1],
    NEEDED[4],
    NEEDED[5],
    NEEDED[6],
    NEEDED[7],
];

const ADMINISTRATOR: u64 = 1 << 3;
const ALL: u64 = u64::MAX;

/// Every needed bit.
#[must_use]
pub fn wanted() -> u64 {
    NEEDED.iter().fold(0, |sum, needed| sum | needed.bit)
}

/// The link that invites the bot with exactly what it needs; more where it is to make incidents channels of their own.
#[must_use]
pub fn invite(application: &str, own_channels: bool) -> String {
    let more = if own_channels { FOR_CHANNELS[0].bit } else { 0 };
    format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={}",
        wanted() | more
    )
}

/// A role of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id; that of the server itself is `@everyone`.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it gives.
    pub permissions: u64,
    /// The bot whose own role it is.
    pub of_bot: bool,
}

/// What a channel allows and denies one role or member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overwrite {
    /// Of the role or member.
    pub id: u64,
    /// Whether it is about a member.
    pub member: bool,
    /// What is allowed.
    pub allow: u64,
    /// What is denied.
    pub deny: u64,
}

/// How the bot stands towards a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The server's id.
    pub server: u64,
    /// The bot's user id.
    pub bot: u64,
    /// Every role of the server.
    pub roles: Vec<Role>,
    /// The roles that the bot has, without `@everyone`.
    pub own: Vec<u64>,
    /// The channel's overwrites.
    pub overwrites: Vec<Overwrite>,
    /// Where that is, as people read it: `#ops`.
    pub channel: String,
}

/// Why a permission is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nobody gave it.
    NotGiven,
    /// The channel denies it to everyone.
    Everyone,
    /// The channel denies it to these roles.
    Roles(Vec<String>),
    /// The channel denies it to the bot by name.
    Bot,
}

impl Standing {
    fn holds(&self, role: u64) -> bool {
        role == self.server || self.own.contains(&role)
    }

    fn base(&self) -> u64 {
        let sum = self.roles.iter().filter(|role| self.holds(role.id)).fold(0, |sum, role| sum | role.permissions);
        if sum & ADMINISTRATOR == 0 { sum } else { ALL }
    }

    fn everyone(&self) -> impl Iterator<Item = &Overwrite> {
        self.overwrites.iter().filter(|one| !one.member && one.id == self.server)
    }

    fn of_roles(&self) -> impl Iterator<Item = &Overwrite> {
        self.overwrites.iter().filter(|one| !one.member && one.id != self.server && self.own.contains(&one.id))
    }

    fn of_bot(&self) -> impl Iterator<Item = &Overwrite> {
        self.overwrites.iter().filter(|one| one.member && one.id == self.bot)
    }

    /// What the bot is given in the channel. (Who does not see a channel may do nothing there, whatever else is given: see
    /// [`Self::effective`].)
    #[must_use]
    pub fn given(&self) -> u64 {
        let base = self.base();
        if base == ALL {
            return ALL;
        }
        let everyone = level(base, self.everyone());
        level(level(everyone, self.of_roles()), self.of_bot())
    }

    /// What the bot may do in the channel.
    #[must_use]
    pub fn effective(&self) -> u64 {
        let given = self.given();
        if given & NEEDED[0].bit == 0 { 0 } else { given }
    }

    /// Why a permission is missing; `None` where it is given. The most specific word counts: the bot's own, that of its
    /// roles, that for everyone.
    #[must_use]
    pub fn lack(&self, bit: u64) -> Option<Lack> {
        if self.given() & bit != 0 {
            return None;
        }
        if self.of_bot().any(|one| one.deny & bit != 0) {
            return Some(Lack::Bot);
        }
        let denying: Vec<String> =
            self.of_roles().filter(|one| one.deny & bit != 0).map(|one| self.name(one.id)).collect();
        if !denying.is_empty() {
            return Some(Lack::Roles(denying));
        }
        if self.everyone().any(|one| one.deny & bit != 0) {
            return Some(Lack::Everyone);
        }
        Some(Lack::NotGiven)
    }

    fn name(&self, role: u64) -> String {
        let found = self.roles.iter().find(|one| one.id == role);
        found.map_or_else(|| role.to_string(), |role| role.name.clone())
    }

    /// The role that a missing permission is best given to.
    fn best_role(&self) -> String {
        let own = || self.roles.iter().filter(|role| self.own.contains(&role.id));
        let role = own().find(|role| role.of_bot).or_else(|| own().next());
        role.map_or_else(|| "@everyone".to_owned(), |role| role.name.clone())
    }

    /// Says what is missing, and where each is to be given.
    #[must_use]
    pub fn finding(&self) -> Finding {
        self.judged("permissions", &NEEDED)
    }

    /// The same about making channels of incidents, in their category or, without one, in the whole server.
    #[must_use]
    pub fn of_channels(&self) -> Finding {
        self.judged("incident channels", &FOR_CHANNELS)
    }

    fn judged(&self, check: &'static str, wanted: &[Needed]) -> Finding {
        let channel = &self.channel;
        let missing: Vec<(Needed, Lack)> =
            wanted.iter().filter_map(|needed| Some((*needed, self.lack(needed.bit)?))).collect();
        let (optional, hard): (Vec<_>, Vec<_>) = missing.iter().partition(|(needed, _)| needed.optional);
        let names =
            |list: &[&(Needed, Lack)]| list.iter().map(|(needed, _)| needed.name).collect::<Vec<_>>().join(", ");
        let finding = match (hard.len(), optional.len()) {
            (0, 0) => return Finding::good(check, format!("the bot has everything it needs in {channel}")),
            (0, _) => Finding::warn(check, format!("in {channel} the bot lacks {}", names(&optional))),
            _ => {
                let all: Vec<_> = missing.iter().collect();
                Finding::wrong(check, format!("in {channel} the bot lacks {}", names(&all)))
            }
        };
        let mut finding = finding;
        let mut told: Vec<&Lack> = Vec::new();
        for (_, lack) in &missing {
            if !told.contains(&lack) {
                told.push(lack);
                let alike = missing.iter().filter(|(_, other)| other == lack);
                let named = alike.map(|(needed, _)| format!("{} ({})", needed.label, needed.without));
                finding = finding.mend(self.remedy(lack, &named.collect::<Vec<_>>().join(", ")));
            }
        }
        finding
    }

    /// Where what is missing for this reason is to be given.
    fn remedy(&self, lack: &Lack, missing: &str) -> String {
        let (role, channel) = (self.best_role(), &self.channel);
        match lack {
            Lack::NotGiven => {
                format!("Give the role {role} under Server Settings > Roles > {role} > Permissions: {missing}.")
            }
            Lack::Everyone => format!(
                "{channel} denies @everyone; allow the role {role} there under Edit Channel > Permissions: {missing}."
            ),
            Lack::Roles(roles) => format!(
                "{channel} denies the role {}; take that away under Edit Channel > Permissions: {missing}.",
                roles.join(" and the role ")
            ),
            Lack::Bot => {
                format!("{channel} denies the bot itself; take that away under Edit Channel > Permissions: {missing}.")
            }
        }
    }
}

/// One level of overwrites: on the same level, what is allowed outweighs what is denied.
fn level<'a>(permissions: u64, overwrites: impl Iterator<Item = &'a Overwrite>) -> u64 {
    let (allow, deny) = overwrites.fold((0, 0), |(allow, deny), one| (allow | one.allow, deny | one.deny));
    permissions & !deny | allow
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: u64 = 1 << 10;
    const SEND: u64 = 1 << 11;
    const THREADS: u64 = 1 << 35;

    /// A server whose bot has one role of its own, given what is said.
    fn server(everyone: u64, own: u64) -> Standing {
        let role = |id, name: &str, permissions, of_bot| Role { id, name: name.into(), permissions, of_bot };
        Standing {
            server: 1,
            bot: 9,
            roles: vec![
                role(1, "@everyone", everyone, false),
                role(2, "Rundown", own, true),
                role(3, "Quiet", 0, false),
            ],
            own: vec![2],
            overwrites: Vec::new(),
            channel: "#ops".into(),
        }
    }

    fn role(id: u64, allow: u64, deny: u64) -> Overwrite {
        Overwrite { id, member: false, allow, deny }
    }

    #[test]
    fn roles_add_up_and_a_channel_has_the_last_word() {
        let mut standing = server(VIEW, SEND);
        assert_eq!(standing.effective(), VIEW | SEND);
        standing.overwrites = vec![role(1, 0, SEND)];
        assert_eq!(standing.effective(), VIEW, "denied to everyone");
        standing.overwrites.push(role(2, SEND, 0));
        assert_eq!(standing.effective(), VIEW | SEND, "what a role is allowed outweighs what everyone is denied");
        standing.overwrites.push(Overwrite { id: 9, member: true, allow: 0, deny: SEND });
        assert_eq!(standing.effective(), VIEW, "the word about the bot itself is the last");
        standing.overwrites.push(role(3, 0, VIEW));
        assert_eq!(standing.effective(), VIEW, "a role that the bot does not have says nothing");
    }

    #[test]
    fn among_roles_an_allowance_outweighs_a_denial() {
        let mut standing = server(VIEW | SEND, 0);
        standing.own.push(3);
        standing.overwrites = vec![role(2, SEND, 0), role(3, 0, SEND)];
        assert_eq!((standing.effective(), standing.lack(SEND)), (VIEW | SEND, None));
    }

    #[test]
    fn who_does_not_see_a_channel_may_do_nothing_there() {
        let mut standing = server(VIEW | SEND, 0);
        standing.overwrites = vec![role(1, 0, VIEW)];
        assert_eq!(standing.effective(), 0);
        assert_eq!(standing.lack(SEND), None, "giving back the view is enough");
    }

    #[test]
    fn an_administrator_may_do_everything_whatever_a_channel_says() {
        let mut standing = server(0, ADMINISTRATOR);
        standing.overwrites = vec![role(1, 0, ALL)];
        assert!(NEEDED.iter().all(|needed| standing.effective() & needed.bit != 0));
        assert_eq!(standing.finding(), Finding::good("permissions", "the bot has everything it needs in #ops"));
    }

    #[test]
    fn each_missing_permission_is_named_with_the_place_where_it_is_given() {
        let mut standing = server(wanted() & !(1 << 14), 0);
        standing.own.push(3);
        standing.overwrites =
            vec![role(1, 0, SEND), role(3, 0, THREADS), Overwrite { id: 9, member: true, allow: 0, deny: 1 << 15 }];
        let thread = Standing { overwrites: vec![role(1, 0, 1 << 34)], ..server(wanted(), 0) };
        let page = super::super::finding::page(&[standing.finding(), thread.finding()], Default::default(), 100);
        insta::assert_snapshot!(page);
    }

    #[test]
    fn the_invite_asks_for_what_is_needed_and_nothing_else() {
        let link = invite("4711", false);
        let asked: u64 = link.rsplit_once('=').unwrap().1.parse().unwrap();
        assert_eq!(asked.count_ones() as usize, NEEDED.len());
        assert_eq!(asked & ADMINISTRATOR, 0);
        assert!(link.contains("client_id=4711&scope=bot+applications.commands&"));
    }
}
