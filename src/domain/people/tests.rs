//! Who somebody is, whatever they call themselves, and what each role opens.

use proptest::prelude::*;

use super::load::load;
use super::*;
use crate::domain::source::fault;

const ANA: &str = "803511102246789120";
const LEADS: &str = "900000000000000001";
const ON_CALL: &str = "900000000000000002";
const PAGE: &str = r#"
people:
  Ana:
    terminal: [ana, amartinez]
    discord: 803511102246789120
    web: ana@example.org
    mail: [ana@example.org]
    role: commander
  Ben: { terminal: ben, role: viewer }
  Eva: { terminal: eva, role: admin }
discord_roles:
  "900000000000000001": admin
  900000000000000002: responder
"#;

fn people() -> People {
    load(PAGE).unwrap()
}

fn discord<'a>(id: &'a str, shown: &'a str, roles: &'a [String]) -> Account<'a> {
    Account { door: "discord", id, shown, roles }
}

fn terminal(login: &str) -> Account<'_> {
    Account { door: TERMINAL, id: login, shown: login, roles: &[] }
}

fn opens(who: &Identity) -> String {
    let word = |right| match who.may(right) {
        Verdict::Allowed => "yes",
        Verdict::WithReason(_) => "with a reason",
        Verdict::Refused(Shortfall::Role { .. }) => "no",
        Verdict::Refused(Shortfall::NotOwn { .. }) => "only by name",
    };
    Right::ALL.iter().map(|right| format!("{right:?}: {}\n", word(*right))).collect()
}

#[test]
fn a_person_is_one_person_through_every_door() {
    let people = people();
    let doors = [terminal("ana"), terminal("amartinez"), discord(ANA, "anita ♥", &[])];
    for account in doors {
        let who = people.identify(account);
        assert_eq!((who.actor.label(), who.role(), who.known), ("Ana", Role::Commander, true));
    }
    let Actor::Person { door, login, .. } = people.identify(terminal("amartinez")).actor else { panic!() };
    assert_eq!((door.as_str(), login.as_deref()), ("terminal", Some("amartinez")), "the account stays on record");
    assert_eq!(people.meant("amartinez"), Person::new("Ana"), "whoever is named by an account is the same person");
    assert_eq!(people.meant("Zoe"), Person::new("Zoe"));
}

#[test]
fn nobody_takes_a_name_by_calling_themselves_so() {
    let people = people();
    let number = "803511102246789121";
    for shown in ["Ana", "ana", "Ana ", "amartinez", ANA, "terminal:ana"] {
        let who = people.identify(discord(number, shown, &[]));
        assert_eq!((who.actor.label(), who.role(), who.known), (&*format!("discord:{number}"), Role::Viewer, false));
    }
    // A changed display name makes no second person, so nobody agrees twice.
    let on_call = [ON_CALL.to_owned()];
    let (once, twice) = (discord(number, "Zoe", &on_call), discord(number, "Max", &on_call));
    assert_eq!(people.identify(once).actor.person(), people.identify(twice).actor.person());
    // A login is an account of the terminal only, and a name is no account.
    assert_eq!(people.identify(discord("ana", "Ana", &[])).actor.label(), "discord:ana");
    assert_eq!(people.identify(terminal("Ana")).actor.label(), "terminal:Ana");
    let said = Account { shown: "Ana", ..terminal("ops") };
    assert_eq!(people.identify(said).actor.label(), "terminal:ops");
    // Ids of roles mean something at Discord only.
    let web = Account { door: "web", id: "x", shown: "x", roles: &[LEADS.to_owned()] };
    assert_eq!(people.identify(web).role(), Role::Viewer);
}

#[test]
fn each_role_opens_what_it_is_for() {
    let people = people();
    insta::assert_snapshot!("viewer", opens(&people.identify(terminal("ben"))));
    insta::assert_snapshot!("commander", opens(&people.identify(terminal("ana"))));
    insta::assert_snapshot!("admin", opens(&people.identify(terminal("eva"))));
    insta::assert_snapshot!("unnamed_at_the_terminal", opens(&people.identify(terminal("ops"))));
    let leads = [LEADS.to_owned()];
    insta::assert_snapshot!("admin_by_a_discord_role", opens(&people.identify(discord("8", "Zoe", &leads))));
}

#[test]
fn without_a_file_the_terminal_is_the_operators_and_others_look() {
    let people = People::unwritten();
    let who = people.identify(Account { shown: "Ana M.", ..terminal("root") });
    assert_eq!(who.actor.label(), "Ana M.");
    assert!(Right::ALL.iter().all(|right| who.may(*right) == Verdict::Allowed));
    assert_eq!(people.identify(discord(ANA, "Ana", &[LEADS.to_owned()])).role(), Role::Viewer);
}

#[test]
fn a_file_that_cannot_be_used_gives_nobody_more() {
    let who = People::unreadable().identify(terminal("eva"));
    assert_eq!((who.role(), who.known), (Role::Responder, false));
    assert_eq!(People::unreadable().identify(discord(ANA, "Ana", &[LEADS.to_owned()])).role(), Role::Viewer);
}

#[test]
fn it_is_known_who_could() {
    let could = people().entitled(Right::Command);
    assert_eq!(could.persons, [Person::new("Ana"), Person::new("Eva")]);
    assert_eq!(could.discord_roles, [LEADS]);
    assert!(people().entitled(Right::Erase).discord_roles.is_empty(), "what cannot be undone is nobody's by a role");
}

#[test]
fn every_fault_is_told_at_its_place() {
    let page = r#"people:
  Ana: { terminal: ana, discord: ana#1234, role: comander }
  ana: { role: viewer }
  "discord:8": { role: viewer }
  rundown: { role: admin }
  Ben: { terminal: [ben, ana, "two words"], mail: ben, roles: viewer }
  Eva: { terminal: [eva, eva, Ben], role: viewer }
  Max: viewer
discord_roles:
  "@leads": admin
  "900000000000000001": boss
teams: {}
"#;
    insta::assert_snapshot!(fault::render(&load(page).unwrap_err(), "people.yaml", page, false));
    let none = "people: {}\n";
    insta::assert_snapshot!("nobody", fault::render(&load(none).unwrap_err(), "people.yaml", none, false));
}

proptest! {
    #[test]
    fn more_roles_never_mean_fewer_rights(own in 0..5usize, held in proptest::collection::vec(0..4usize, 0..4), more in 0..4usize) {
        let roles: BTreeMap<String, Role> =
            Role::WORDS.iter().map(|(word, role)| ((*word).to_owned(), *role)).collect();
        let role = |index: usize| Role::WORDS.get(index).map(|(_, role)| *role);
        let person = |role: Option<Role>| {
            let accounts = BTreeSet::from([("discord".to_owned(), "8".to_owned())]);
            let named = role.map(|_| ("Zoe".to_owned(), Entry { accounts, role })).into_iter().collect();
            People::written(named, roles.clone())
        };
        let ids = |indices: &[usize]| -> Vec<String> {
            indices.iter().map(|index| Role::WORDS[*index].0.to_owned()).collect()
        };
        let before = person(role(own)).identify(discord("8", "Zoe", &ids(&held)));
        let lent = person(role(own)).identify(discord("8", "Zoe", &ids(&[held.clone(), vec![more]].concat())));
        let raised = person(role(own).max(role(more))).identify(discord("8", "Zoe", &ids(&held)));
        for right in Right::ALL {
            prop_assert!(lent.may(right).rank() >= before.may(right).rank(), "{right:?} by a Discord role");
            prop_assert!(raised.may(right).rank() >= before.may(right).rank(), "{right:?} by name");
        }
        prop_assert!(before.may(Right::Erase) == Verdict::Allowed || before.own != Some(Role::Admin));
        prop_assert!(before.may(Right::Erase) != Verdict::Allowed || before.own == Some(Role::Admin));
    }
}
