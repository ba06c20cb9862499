//! The grammar holds together, and people's phrases mean what they should.

use clap::{Command as Clap, FromArgMatches, Subcommand};

use super::*;

fn tree() -> Clap {
    Command::augment_subcommands(Clap::new("rundown").no_binary_name(true))
}

fn read(phrase: &[&str]) -> Result<Command, String> {
    let matches = tree().try_get_matches_from(phrase).map_err(|error| error.to_string())?;
    Command::from_arg_matches(&matches).map_err(|error| error.to_string())
}

#[test]
fn the_tree_is_sound() {
    tree().debug_assert();
}

#[test]
fn an_incident_needs_only_a_title() {
    let Command::Incident(Incident::Declare { title, severity, .. }) =
        read(&["incident", "declare", "Redis", "is", "full"]).unwrap()
    else {
        panic!()
    };
    assert_eq!(title.join(" "), "Redis is full");
    assert_eq!(severity, None);
    let Command::Incident(Incident::Severity { severity, .. }) = read(&["incident", "severity", "p1"]).unwrap() else {
        panic!()
    };
    assert_eq!(severity, crate::base::event::Severity::P1);
}

#[test]
fn a_run_is_started_or_resumed_but_not_both() {
    let Command::Run(run) = read(&["run", "redis", "--input", "watch_for=2h=x", "--phase", "Prove it"]).unwrap() else {
        panic!()
    };
    assert_eq!(run.at.input, [Pair { name: "watch_for".into(), value: "2h=x".into() }]);
    let Command::Run(run) = read(&["run", "--resume", "3"]).unwrap() else { panic!() };
    assert_eq!(run.resume, Some(Some(crate::base::event::RunId::number(3))));
    let Command::Run(run) = read(&["run", "--resume"]).unwrap() else { panic!() };
    assert_eq!(run.resume, Some(None));
    assert!(read(&["run"]).is_err());
    assert!(read(&["run", "redis", "--resume"]).is_err());
}

#[test]
fn what_goes_on_record_as_an_exception_takes_a_reason() {
    assert!(read(&["approve", "restart", "--break-glass"]).is_err());
    assert!(read(&["override", "restart"]).is_err());
    assert!(read(&["purge", "12"]).is_err());
    assert!(read(&["approve", "restart", "--break-glass", "--why", "nobody else is awake"]).is_ok());
}

#[test]
fn a_single_action_takes_pairs_only() {
    let Command::Do(action) = read(&["do", "railway.restart", "target=redis"]).unwrap() else { panic!() };
    assert_eq!(action.params[0].value, "redis");
    assert!(read(&["do", "railway.restart", "redis"]).unwrap_err().contains("NAME=VALUE"));
}
