//! What people are told about rights: why not, and who could.
//!
//! Lives here: the wording. Never lives here: who may what (`domain/people`).

use crate::base::event::Person;
use crate::base::text::one_line;
use crate::domain::people::{Entitled, Identity, Right, Shortfall, Verdict};

/// What is said to an approval that takes several persons where `people.yaml` has faults.
pub const UNCOUNTABLE: &str = "people.yaml cannot be used, so nobody knows which accounts are one person, and this takes \
     several; mend it (rundown check), or break the glass with a reason: rundown approve --break-glass --why TEXT";
/// More names than this are counted.
const NAMES: usize = 6;

/// Why somebody may not, and who may. `command` is what they said: `incident declare`.
#[must_use]
pub fn refusal(command: &str, who: &Identity, shortfall: Shortfall, right: Right, entitled: &Entitled) -> String {
    let why = short(command, who, shortfall, right);
    format!("{why}. {}", able(entitled))
}

/// That a reason is missing, which would do.
#[must_use]
pub fn reason_wanted(command: &str, who: &Identity, shortfall: Shortfall, right: Right, entitled: &Entitled) -> String {
    let why = short(command, who, shortfall, right);
    format!("{why}. Say why with --why TEXT and it is done all the same, on record. {}", able(entitled))
}

/// What goes on record, and to everybody who looks, where somebody went on with a reason.
#[must_use]
pub fn beyond(command: &str, who: &Identity, right: Right, why: &str) -> String {
    let (name, has, needs) = (who.actor.label(), a(who.role().word()), a(right.role().word()));
    format!("{name}, {has}, says `{command}`, which takes {needs}: {why}")
}

/// The answer of `can-i`.
#[must_use]
pub fn answer(command: &str, who: &Identity, verdict: &Verdict, right: Right, entitled: &Entitled) -> String {
    let name = who.actor.label();
    match verdict {
        Verdict::Allowed if entitled.terminal => {
            format!("yes: there is no people.yaml, and {name} sits at the terminal; `{command}` is open to them")
        }
        Verdict::Allowed => {
            format!("yes: {name} is {}, and `{command}` takes {}", a(who.role().word()), a(right.role().word()))
        }
        Verdict::WithReason(shortfall) => {
            format!("with a reason: {}", reason_wanted(command, who, *shortfall, right, entitled))
        }
        Verdict::Refused(shortfall) => format!("no: {}", refusal(command, who, *shortfall, right, entitled)),
    }
}

/// The answer of `can-i` where the role would do and the target's own rule is in the way.
#[must_use]
pub fn barred(command: &str, who: &Identity) -> String {
    format!("no: {}'s role is enough for `{command}`, the target's own rule is not met", who.actor.label())
}

/// Why an agreement does not count any more.
#[must_use]
pub fn lost(person: &Person, right: Right) -> String {
    format!("{person} agreed as {} and is none any more", a(right.role().word()))
}

/// What is said to whoever is not in `people.yaml` and sits at the terminal.
#[must_use]
pub fn unnamed(who: &Identity) -> String {
    let name = who.actor.label();
    format!("people.yaml does not name this account: you count as {}, and the record says {name}", a(who.role().word()))
}

/// What is said where `people.yaml` has faults.
#[must_use]
pub fn unusable(who: &Identity) -> String {
    let (name, role) = (who.actor.label(), a(who.role().word()));
    format!(
        "people.yaml cannot be used, so it names nobody (rundown check says why): you count as {role}, and the record says {name}"
    )
}

/// What is said to somebody who calls themselves what their account is not.
#[must_use]
pub fn by_account(who: &Identity, claimed: &str) -> String {
    let claimed = one_line(claimed, 60);
    format!("with people.yaml the account says who you are: {}, not '{claimed}'", who.actor.label())
}

fn short(command: &str, who: &Identity, shortfall: Shortfall, right: Right) -> String {
    let name = who.actor.label();
    let for_good = if right.by_person_only() { ", given by name because it cannot be undone" } else { "" };
    match shortfall {
        Shortfall::Role { has, needs } => {
            format!("{name} is {}; `{command}` takes {}{for_good}", a(has.word()), a(needs.word()))
        }
        Shortfall::NotOwn { needs } => format!(
            "`{command}` cannot be undone and takes {} by name; what {name} has from a Discord role or the terminal \
             is not enough",
            a(needs.word())
        ),
    }
}

/// Who may.
fn able(entitled: &Entitled) -> String {
    if entitled.terminal {
        return "Whoever sits at the terminal may".to_owned();
    }
    let roles = match entitled.discord_roles.as_slice() {
        [] => String::new(),
        [one] => format!("whoever has the Discord role {one}"),
        several => format!("whoever has one of the Discord roles {}", several.join(", ")),
    };
    match (entitled.persons.as_slice(), roles) {
        ([], roles) if roles.is_empty() => "people.yaml names nobody who may".to_owned(),
        ([], roles) => format!("{}{} may", roles[..1].to_uppercase(), &roles[1..]),
        (persons, roles) if roles.is_empty() => format!("{} may", names(persons)),
        (persons, roles) => format!("{} may, and {roles}", names(persons)),
    }
}

/// `Ana`, `Ana and Ben`, `Ana, Ben and 3 more`.
#[must_use]
pub fn names(persons: &[Person]) -> String {
    let shown: Vec<&str> = persons.iter().take(NAMES).map(Person::name).collect();
    match (shown.as_slice(), persons.len().saturating_sub(NAMES)) {
        ([], _) => "nobody".to_owned(),
        ([only], 0) => (*only).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn a(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {word}")
}
