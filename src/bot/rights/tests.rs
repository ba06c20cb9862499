//! The table against the grammar: no command is forgotten, called something else, or shut without a way to give the reason.

use super::*;
use crate::bot::grammar::leaves;

#[test]
fn every_command_stands_in_the_table_under_its_own_name() {
    let leaves = leaves();
    assert!(leaves.len() > 70, "the walk saw {} commands", leaves.len());
    for (path, example) in leaves {
        let path = path.join(" ");
        let example = example.unwrap_or_else(|| panic!("`can-i {path}` cannot be answered"));
        assert_eq!(need(&example).0, path);
    }
}

#[test]
fn a_command_that_yields_to_a_reason_has_a_place_for_it() {
    for (path, _) in leaves() {
        let words = [path.clone(), vec!["--why".to_owned(), "x".to_owned()]].concat();
        let command = named(&path).unwrap();
        if !need(&command).1.yields_to_reason() {
            continue;
        }
        // `named` falls back to an example, which may have no reason: build it with one.
        let reasoned = named(&[path.clone(), examples_of(&path), words[path.len()..].to_vec()].concat()).unwrap();
        assert_eq!(reason(&reasoned), Some("x"), "{}", path.join(" "));
    }
}

/// What these commands take besides a reason.
fn examples_of(path: &[String]) -> Vec<String> {
    let words: &[&str] = match path.join(" ").as_str() {
        "incident severity" => &["P1"],
        "incident status" => &["monitoring"],
        "incident assign" => &["commander", "ana"],
        "incident close" => &["1"],
        "handoff" => &["1", "ana"],
        "freeze" => &["--for", "1h"],
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn rights_are_as_the_page_says() {
    let table: String = leaves()
        .into_iter()
        .filter_map(|(path, example)| Some((path, need(&example?).1)))
        .map(|(path, right)| format!("{:<22} {right:?}, {}\n", path.join(" "), right.role().word()))
        .collect();
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_not_said_in_full_is_understood() {
    let said = |text: &str| named(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert!(matches!(said("approve restart"), Ok(Command::Approve(Approve { step: Some(_), .. }))));
    assert_eq!(need(&said("approve --break-glass").unwrap()).1, Right::PassGuard);
    assert_eq!(need(&said("freeze").unwrap()).1, Right::Command);
    assert_eq!(need(&said("freeze --list").unwrap()).1, Right::Look);
    insta::assert_snapshot!(said("incident resolv").unwrap_err(), @"there is no command 'incident resolv'; did you mean 'resolve'?");
    insta::assert_snapshot!(said("incident").unwrap_err());
}
