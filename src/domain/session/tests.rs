use chrono::TimeDelta;

use super::decide::{NoLink, begin, end, offer, open, standing};
use super::event::{Event, Holder, Why};
use super::state::State;
use super::{LINK_LIFE, SESSION_LIFE};
use crate::base::event::{Instant, Person};

fn noon() -> Instant {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn ana() -> Holder {
    Holder { door: "discord".into(), id: "42".into(), shown: "ana".into(), roles: vec!["7".into()] }
}

fn after(events: &[Event]) -> State {
    let mut state = State::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

fn offered() -> Event {
    offer(ana(), Person::new("Ana"), noon()).into()
}

#[test]
fn a_link_signs_in_once_and_within_ten_minutes() {
    let fresh = after(&[offered()]);
    assert_eq!(open(&State::default(), noon()), Err(NoLink::Unknown));
    assert_eq!(open(&fresh, noon()).unwrap().account, ana());
    let last = noon() + LINK_LIFE - TimeDelta::milliseconds(1);
    assert_eq!(begin(&fresh, noon() + LINK_LIFE), Err(NoLink::TooLate));
    let begun = begin(&fresh, last).unwrap();
    let used = after(&[offered(), begun.into()]);
    assert_eq!(begin(&used, last), Err(NoLink::Used));
    assert!(standing(&fresh, noon()).is_none(), "a link alone is nobody signed in");
}

#[test]
fn somebody_is_signed_in_for_a_shift_or_until_they_sign_out() {
    let begun = begin(&after(&[offered()]), noon()).unwrap();
    let signed_in = after(&[offered(), begun.clone().into()]);
    let last = noon() + SESSION_LIFE - TimeDelta::milliseconds(1);
    assert_eq!(standing(&signed_in, last).unwrap().offered.person, Person::new("Ana"));
    assert!(standing(&signed_in, noon() + SESSION_LIFE).is_none());
    let ended = end(&signed_in, Why::SignedOut, last).unwrap();
    let over = after(&[offered(), begun.into(), ended.into()]);
    assert!(standing(&over, noon()).is_none());
    assert_eq!(end(&over, Why::AllEnded, noon()), None, "it is over already");
    assert_eq!(end(&signed_in, Why::SignedOut, noon() + SESSION_LIFE), None, "and here by itself");
}

#[test]
fn a_link_that_was_ended_before_it_was_used_is_gone() {
    let ended = end(&after(&[offered()]), Why::AllEnded, noon()).unwrap();
    assert_eq!(begin(&after(&[offered(), ended.into()]), noon()), Err(NoLink::Used));
}

#[test]
fn erasing_never_makes_a_link_usable_again_or_brings_a_session_back() {
    let mut used = after(&[offered()]);
    used.skip("session.begun");
    assert_eq!(begin(&used, noon()), Err(NoLink::Used));
    assert!(standing(&used, noon()).is_none());
    let begun = begin(&after(&[offered()]), noon()).unwrap();
    let mut over = after(&[offered(), begun.clone().into()]);
    over.skip("session.ended");
    assert!(standing(&over, noon()).is_none());
    let mut nobody = State::default();
    nobody.skip("session.offered");
    nobody.apply(&begun.into());
    assert!(standing(&nobody, noon()).is_none(), "it is not known any more whose it is");
}
