//! Persons and rights: one person with many names, and what each may do.
//!
//! Lives here: [`People`] (what `people.yaml` says), [`Identity`] (who came through a door), [`Right`], [`Role`] and
//! [`Verdict`]; [`load`] reads the file. Never lives here: which command needs which right (`bot/rights`), who may approve the
//! change of a target (`targets.yaml`, `domain/run`), sentences (`view`).

pub mod load;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::event::{Actor, Person};
use crate::base::text::one_line;

/// The door of the machine that holds the journal. Whoever sits there is an operator.
pub const TERMINAL: &str = "terminal";
/// The door of the pages. Nobody has an account there: whoever signs in is somebody of another door.
pub const WEB: &str = "web";
/// The longest name of a person, in characters.
pub const LONGEST_NAME: usize = 60;
/// The longest account that is written down, in characters.
const LONGEST_ACCOUNT: usize = 100;

/// How much somebody may do; each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Works on incidents and runs.
    Responder,
    /// Decides how an incident is led.
    Commander,
    /// Looks after the journal.
    Admin,
}

impl Role {
    /// Every role with the word that `people.yaml` uses, lowest first.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("viewer", Self::Viewer),
        ("responder", Self::Responder),
        ("commander", Self::Commander),
        ("admin", Self::Admin),
    ];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Commander => "commander",
            Self::Admin => "admin",
        }
    }
}

/// What somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Look at anything; rehearse.
    Look,
    /// Declare incidents, take them on, write findings down.
    Respond,
    /// Start runs, steer them, answer what they ask.
    Run,
    /// Agree to a change; the target's own rule comes on top.
    Approve,
    /// Agree to a change that cannot be taken back.
    ApproveIrreversible,
    /// Lead an incident: severity, status, roles, resolve, close, handoff; freeze targets.
    Command,
    /// Let a run act against a guard: an override, an approval that is passed over.
    PassGuard,
    /// Pass over the approval of a change that cannot be taken back.
    PassGuardIrreversible,
    /// Copy the journal.
    Keep,
    /// Erase from the journal, put another in its place.
    Erase,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 10] = [
        Self::Look,
        Self::Respond,
        Self::Run,
        Self::Approve,
        Self::ApproveIrreversible,
        Self::Command,
        Self::PassGuard,
        Self::PassGuardIrreversible,
        Self::Keep,
        Self::Erase,
    ];

    /// The lowest role that has it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Look => Role::Viewer,
            Self::Respond | Self::Run | Self::Approve | Self::ApproveIrreversible => Role::Responder,
            Self::Command | Self::PassGuard | Self::PassGuardIrreversible => Role::Commander,
            Self::Keep | Self::Erase => Role::Admin,
        }
    }

    /// Whether only a role that is the person's own counts, never one of a Discord role: what is done with it cannot be undone,
    /// and Discord roles are given by whoever runs the server.
    #[must_use]
    pub fn by_person_only(self) -> bool {
        matches!(self, Self::ApproveIrreversible | Self::PassGuardIrreversible | Self::Erase)
    }

    /// Whether a responder without it may go on with a reason: nobody is kept from a fix that they know is right.
    #[must_use]
    pub fn yields_to_reason(self) -> bool {
        matches!(self, Self::Command | Self::PassGuard)
    }
}

/// Whether somebody may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// With a reason, which goes on record.
    WithReason(Shortfall),
    /// No.
    Refused(Shortfall),
}

impl Verdict {
    /// How much it allows: nothing, something with a reason, everything.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Refused(_) => 0,
            Self::WithReason(_) => 1,
            Self::Allowed => 2,
        }
    }
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The role is too low.
    Role {
        /// What they are.
        has: Role,
        /// What it takes.
        needs: Role,
    },
    /// The role would do, but is not the person's own, and this cannot be undone.
    NotOwn {
        /// What it takes, given to them by name.
        needs: Role,
    },
}

/// Who came through a door, and what they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// As events name them: the person's one name, or `door:account` for somebody whom `people.yaml` does not name.
    pub actor: Actor,
    /// The role that is given to them by name.
    own: Option<Role>,
    /// The highest role that their Discord roles or their door lend them.
    lent: Option<Role>,
    /// Whether they are who they are by `people.yaml`, or there is none and they sit at the terminal.
    pub known: bool,
    /// How they came in, to look them up again.
    seen: Seen,
}

/// An [`Account`] that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    door: String,
    id: String,
    shown: String,
    roles: Vec<String>,
    /// The door through which they act, where it is not the one that knows them.
    through: Option<String>,
}

impl Identity {
    /// The bot itself, which asks nobody.
    #[must_use]
    pub fn bot() -> Self {
        Self { actor: Actor::Bot, own: Some(Role::Admin), lent: None, known: true, seen: Seen::default() }
    }

    /// The account that they came in with.
    #[must_use]
    pub fn account(&self) -> Account<'_> {
        let Seen { door, id, shown, roles, .. } = &self.seen;
        Account { door, id, shown, roles }
    }

    /// The same person at another door, which knows them by the account they have at the first: what they do is recorded as done there.
    /// Rights stay those of the account.
    #[must_use]
    pub fn through(mut self, door: &str) -> Self {
        if let Actor::Person { name, door: recorded, login } = &mut self.actor {
            let account = format!("{}:{}", self.seen.door, self.seen.id);
            *login = Some(account).filter(|account| account != name.name());
            door.clone_into(recorded);
        }
        self.seen.through = Some(door.to_owned());
        self
    }

    /// What they are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.own.max(self.lent).unwrap_or(Role::Viewer)
    }

    /// Whether they may do something, and if not, why.
    #[must_use]
    pub fn may(&self, right: Right) -> Verdict {
        let needs = right.role();
        let counts = if right.by_person_only() { self.own.unwrap_or(Role::Viewer) } else { self.role() };
        if counts >= needs {
            return Verdict::Allowed;
        }
        let has = self.role();
        if has >= needs {
            return Verdict::Refused(Shortfall::NotOwn { needs });
        }
        let shortfall = Shortfall::Role { has, needs };
        if right.yields_to_reason() && has >= Role::Responder {
            Verdict::WithReason(shortfall)
        } else {
            Verdict::Refused(shortfall)
        }
    }
}

/// A door's account of somebody: what the door itself vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Which door: `terminal`, `discord`, `web`.
    pub door: &'a str,
    /// What the door knows them by and nobody can choose: a login, a user's number.
    pub id: &'a str,
    /// What they call themselves. It names nobody.
    pub shown: &'a str,
    /// The ids of the roles that the door gives them.
    pub roles: &'a [String],
}

/// One person: every account they have, and their role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Accounts by door.
    pub accounts: BTreeSet<(String, String)>,
    /// Their role.
    pub role: Option<Role>,
}

/// What `people.yaml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Whether there is such a file.
    written: bool,
    /// Whether it can be used.
    usable: bool,
    /// By their one name.
    named: BTreeMap<String, Entry>,
    /// Roles by the id of a Discord role.
    discord_roles: BTreeMap<String, Role>,
}

/// Who may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entitled {
    /// Persons, by name.
    pub persons: Vec<Person>,
    /// Ids of Discord roles; empty where only a person's own role counts.
    pub discord_roles: Vec<String>,
    /// Whether whoever sits at the terminal may, because no `people.yaml` names anybody.
    pub terminal: bool,
}

impl People {
    /// Where there is no `people.yaml`: whoever sits at the terminal may do everything, everybody else may look.
    #[must_use]
    pub fn unwritten() -> Self {
        Self { usable: true, ..Self::default() }
    }

    /// A file that cannot be used: it is known that rights were given, and nobody knows to whom.
    #[must_use]
    pub fn unreadable() -> Self {
        Self { written: true, ..Self::default() }
    }

    pub(crate) fn written(named: BTreeMap<String, Entry>, discord_roles: BTreeMap<String, Role>) -> Self {
        Self { written: true, usable: true, named, discord_roles }
    }

    /// Whether it is known which accounts are one person. Where it is not, nobody can count persons.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Whether there is a file that names persons.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// The one name of every person, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// How many persons have an account there, and how many of its roles lend a role. (Only Discord has roles.)
    #[must_use]
    pub fn known_in(&self, door: &str) -> (usize, usize) {
        let has = |entry: &&Entry| entry.accounts.iter().any(|(of, _)| of == door);
        let roles = if door == "discord" { self.discord_roles.len() } else { 0 };
        (self.named.values().filter(has).count(), roles)
    }

    /// Who somebody is who came through a door. Only the account decides; what they call themselves names nobody.
    #[must_use]
    pub fn identify(&self, account: Account<'_>) -> Identity {
        let Account { door, id, shown, roles } = account;
        let id = one_line(id, LONGEST_ACCOUNT);
        let (seen_at, roles_there) = (door.to_owned(), roles.to_vec());
        let seen = Seen { door: seen_at, id: id.clone(), shown: shown.into(), roles: roles_there, through: None };
        let held = |role: &String| self.discord_roles.get(role).copied();
        let by_roles = if door == "discord" { roles.iter().filter_map(held).max() } else { None };
        if let Some((name, entry)) = self.owner(door, &id) {
            let login = Some(id).filter(|id| id != name);
            let actor = Actor::Person { name: Person::new(name), door: door.to_owned(), login };
            return Identity { actor, own: entry.role, lent: by_roles, known: true, seen };
        }
        if !self.written && door == TERMINAL {
            let name = one_line(shown, LONGEST_ACCOUNT);
            let login = Some(id).filter(|id| !id.is_empty() && *id != name);
            let actor = Actor::Person { name: Person::new(&name), door: door.to_owned(), login };
            return Identity { actor, own: Some(Role::Admin), lent: None, known: true, seen };
        }
        // The account, not the shown name: that can be changed at any time, and a person would count twice.
        let name = Person::new(&format!("{door}:{}", if id.is_empty() { "?" } else { &id }));
        let login = Some(one_line(shown, LONGEST_ACCOUNT)).filter(|shown| !shown.is_empty() && *shown != id);
        let actor = Actor::Person { name, door: door.to_owned(), login };
        let by_door = (door == TERMINAL).then_some(Role::Responder);
        Identity { actor, own: None, lent: by_roles.max(by_door), known: false, seen }
    }

    /// The same account as it stands now: a role may have been given or taken since they came in.
    #[must_use]
    pub fn again(&self, who: &Identity) -> Identity {
        if who.actor == Actor::Bot {
            return who.clone();
        }
        let now = self.identify(who.account());
        match &who.seen.through {
            Some(door) => now.through(door),
            None => now,
        }
    }

    fn owner(&self, door: &str, id: &str) -> Option<(&String, &Entry)> {
        let account = (door.to_owned(), id.to_owned());
        self.named.iter().find(|(_, entry)| entry.accounts.contains(&account))
    }

    /// The account of a person at a door, where they have one there; of several the first.
    #[must_use]
    pub fn account_of(&self, person: &Person, door: &str) -> Option<&str> {
        let entry = self.named.get(person.name())?;
        entry.accounts.iter().find(|(known, _)| known == door).map(|(_, id)| id.as_str())
    }

    /// The person whom somebody means by a name that they typed: the one name, or any account. Another text stays as it is.
    #[must_use]
    pub fn meant(&self, typed: &str) -> Person {
        let typed = typed.trim();
        if self.named.contains_key(typed) {
            return Person::new(typed);
        }
        let owns = |entry: &Entry| entry.accounts.iter().any(|(_, id)| id == typed);
        let mut owners = self.named.iter().filter(|(_, entry)| owns(entry));
        match (owners.next(), owners.next()) {
            (Some((name, _)), None) => Person::new(name),
            _ => Person::new(typed),
        }
    }

    /// Whether a person of the file has a right by their own role; `None` where the file does not say: they are not named, or have
    /// no role of their own (then a door may lend them one).
    #[must_use]
    pub fn by_name(&self, person: &Person, right: Right) -> Option<bool> {
        let role = self.named.get(person.name())?.role?;
        Some(role >= right.role())
    }

    /// Who may do something without a reason.
    #[must_use]
    pub fn entitled(&self, right: Right) -> Entitled {
        let enough = |role: &Role| *role >= right.role();
        let persons = self.named.iter().filter(|(_, entry)| entry.role.as_ref().is_some_and(enough));
        let roles = self.discord_roles.iter().filter(|(_, role)| enough(role) && !right.by_person_only());
        Entitled {
            persons: persons.map(|(name, _)| Person::new(name)).collect(),
            discord_roles: roles.map(|(id, _)| id.clone()).collect(),
            terminal: !self.written,
        }
    }
}

#[cfg(test)]
mod tests;
