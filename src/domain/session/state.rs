//! A session after the events so far.
//!
//! Lives here: [`State`] and its fold. Never lives here: what follows.

use super::event::{Begun, Ended, Event, Offered};

/// A session, folded from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The link, where one was made and not erased.
    pub offered: Option<Offered>,
    /// Whether the link was used.
    pub used: bool,
    /// The signing in; `None` where it was erased, too.
    pub begun: Option<Begun>,
    /// Whether it was ended.
    pub over: bool,
}

impl State {
    /// What an event changes. Nothing is judged here.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Offered(offered) => self.offered = Some(offered.clone()),
            Event::Begun(begun) => {
                self.used = true;
                self.begun = Some(begun.clone());
            }
            Event::Ended(Ended { why: _ }) => self.over = true,
        }
    }

    /// An event whose body was erased: what it said is gone, that it happened is not. A link never becomes usable again by that.
    pub fn skip(&mut self, kind: &str) {
        match kind {
            "session.begun" => self.used = true,
            "session.ended" => self.over = true,
            _ => {}
        }
    }
}
