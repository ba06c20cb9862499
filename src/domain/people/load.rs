//! Reading `people.yaml`: persons with their accounts and roles, and roles that Discord roles lend.
//!
//! Lives here: [`load`]; every fault of the file at once, with its place. Never lives here: reading files, what a role may do.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Entry, LONGEST_NAME, People, Role, TERMINAL};
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Fault, Faults, Node};

/// Longest `people.yaml`, in bytes.
const MAX_SOURCE: usize = 1024 * 1024;
/// Persons and Discord roles that one file may name.
const MOST: usize = 2_000;
/// Accounts of one person at one door.
const MOST_ACCOUNTS: usize = 20;
/// A person's keys that list accounts, with the door that knows them.
const DOORS: [(&str, &str); 4] = [("terminal", TERMINAL), ("discord", "discord"), ("web", "web"), ("mail", "mail")];

/// Reads `people.yaml`.
///
/// # Errors
/// Every fault of the text, in its order.
pub fn load(source: &str) -> Result<People, Vec<Fault>> {
    let mut faults = Faults::new(source);
    if source.len() > MAX_SOURCE {
        faults.add("too-large", 0..0, format!("the file is larger than {} KiB", MAX_SOURCE / 1024));
        return Err(faults.finish());
    }
    let people = yaml::parse(&Placed::whole(source, 0), &mut faults)
        .and_then(|node| Loader { faults: &mut faults, taken: BTreeMap::new() }.file(&node));
    match people {
        Some(people) if faults.is_empty() => Ok(people),
        _ => Err(faults.finish()),
    }
}

struct Loader<'l, 's> {
    faults: &'l mut Faults<'s>,
    /// Whose each account is.
    taken: BTreeMap<(String, String), String>,
}

impl Loader<'_, '_> {
    fn file(&mut self, node: &Node) -> Option<People> {
        let fields = Fields::of(node, "people.yaml", self.faults)?;
        fields.only(&["people", "discord_roles"], self.faults);
        let place = fields.require("people", self.faults)?;
        let named = Fields::of(place, "'people'", self.faults)?;
        self.count(named.entries().len(), &place.at);
        let mut people: BTreeMap<String, Entry> = BTreeMap::new();
        for (key, value) in named.entries().iter().take(MOST) {
            let Some(name) = self.name(key, &people) else { continue };
            let entry = self.person(&name, key, value).unwrap_or_default();
            people.insert(name, entry);
        }
        if people.is_empty() && named.entries().is_empty() {
            let hint = "write for example `Ana: { terminal: ana, role: admin }`";
            self.faults.add_hint("missing-key", place.at.clone(), "nobody is named", hint);
        }
        self.name_like_account(&named, &people);
        let roles = fields.get("discord_roles").map(|node| self.discord_roles(node)).unwrap_or_default();
        Some(People::written(people, roles))
    }

    fn count(&mut self, count: usize, at: &Range<usize>) {
        if count > MOST {
            self.faults.add("too-many", at.clone(), format!("at most {MOST} entries can stand here"));
        }
    }

    /// The one name of a person, as it stands in every record.
    fn name(&mut self, key: &Node, people: &BTreeMap<String, Entry>) -> Option<String> {
        let name = key.key()?;
        // A colon marks somebody whom this file does not name: `discord:8035…`.
        let good = !name.is_empty()
            && name.trim() == name
            && one_line(&name, LONGEST_NAME) == name
            && !name.contains(':')
            && !name.eq_ignore_ascii_case("rundown");
        if !good {
            let message = format!("'{}' cannot be the name of a person", one_line(&name, 40));
            let hint = "up to 60 visible characters without a colon; 'rundown' is the bot itself";
            self.faults.add_hint("bad-name", key.at.clone(), message, hint);
            return None;
        }
        if let Some(other) = people.keys().find(|other| other.to_lowercase() == name.to_lowercase()) {
            let message = format!("'{name}' and '{other}' can hardly be told apart");
            self.faults.add_hint("same-name", key.at.clone(), message, "write each person once, with all accounts");
            return None;
        }
        Some(name)
    }

    fn person(&mut self, name: &str, key: &Node, node: &Node) -> Option<Entry> {
        let fields = Fields::of(node, format!("'{}'", one_line(name, 40)), self.faults)?.placed(key.at.clone());
        let known: Vec<&str> = DOORS.iter().map(|(key, _)| *key).chain(["role"]).collect();
        fields.only(&known, self.faults);
        let mut entry = Entry::default();
        for (key, door) in DOORS {
            let Some(list) = fields.get(key).map(read::list) else { continue };
            if list.len() > MOST_ACCOUNTS {
                let message = format!("a person has at most {MOST_ACCOUNTS} accounts under '{key}'");
                self.faults.add("too-many", list[MOST_ACCOUNTS].at.clone(), message);
            }
            for item in list.iter().take(MOST_ACCOUNTS) {
                if let Some(account) = self.account(name, key, door, item) {
                    entry.accounts.insert(account);
                }
            }
        }
        let role = fields.require("role", self.faults)?;
        entry.role = read::word(role, "role", &Role::WORDS, self.faults);
        Some(entry)
    }

    fn account(&mut self, name: &str, key: &str, door: &str, item: &Node) -> Option<(String, String)> {
        let id = read::string(item, &format!("'{key}'"), self.faults)?;
        let (good, hint) = match door {
            "discord" => (is_snowflake(&id), "a user's number of 15 to 20 digits; Discord copies it as 'Copy User ID'"),
            "mail" => (id.contains('@') && is_plain(&id), "write an address, like ana@example.org"),
            _ => (is_plain(&id), "up to 100 visible characters without spaces"),
        };
        if !good {
            let message = format!("'{}' is no account for '{key}'", one_line(&id, 40));
            self.faults.add_hint("bad-account", item.at.clone(), message, hint);
            return None;
        }
        let account = (door.to_owned(), id);
        if let Some(other) = self.taken.get(&account) {
            let message = if other == name {
                format!("'{}' stands here twice", account.1)
            } else {
                format!("'{}' belongs to {} already", account.1, one_line(other, 40))
            };
            self.faults.add_hint("same-account", item.at.clone(), message, "an account belongs to one person");
            return None;
        }
        self.taken.insert(account.clone(), name.to_owned());
        Some(account)
    }

    /// A name that is another person's account would be read as either.
    fn name_like_account(&mut self, named: &Fields<'_>, people: &BTreeMap<String, Entry>) {
        for (key, _) in named.entries() {
            let Some(name) = key.key().filter(|name| people.contains_key(name)) else { continue };
            let other = self.taken.iter().find(|((_, id), owner)| *id == name && **owner != name);
            if let Some((_, owner)) = other {
                let message = format!("'{name}' is also an account of {}", one_line(owner, 40));
                self.faults.add_hint("same-name", key.at.clone(), message, "give one of them another name");
            }
        }
    }

    fn discord_roles(&mut self, node: &Node) -> BTreeMap<String, Role> {
        let mut roles = BTreeMap::new();
        let Some(fields) = Fields::of(node, "'discord_roles'", self.faults) else { return roles };
        self.count(fields.entries().len(), &node.at);
        for (key, value) in fields.entries().iter().take(MOST) {
            let id = read::string(key, "a Discord role", self.faults).unwrap_or_default();
            if !is_snowflake(&id) {
                let message = format!("'{}' is not the id of a Discord role", one_line(&id, 40));
                let hint = "a role's number of 15 to 20 digits; Discord copies it as 'Copy Role ID'";
                self.faults.add_hint("bad-account", key.at.clone(), message, hint);
                continue;
            }
            if let Some(role) = read::word(value, "a Discord role", &Role::WORDS, self.faults) {
                roles.insert(id, role);
            }
        }
        roles
    }
}

/// Discord's ids: numbers of 64 bits, the first of them made in 2015.
fn is_snowflake(id: &str) -> bool {
    (15..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && one_line(id, 100) == id && !id.contains(char::is_whitespace)
}
