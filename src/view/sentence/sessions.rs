//! Who signed in to the pages. The link itself is nowhere: its stream has its name alone.

use super::{NAME, name};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::domain::session::event::{Ended, Event, Why};

pub(super) fn sentence(event: &Event, at: impl Fn(Instant) -> String) -> String {
    match event {
        Event::Offered(offered) => {
            let (person, door) = (name(&offered.person), one_line(&offered.account.door, NAME));
            format!("{person} asked for a link to sign in ({door}), good until {}", at(offered.until))
        }
        Event::Begun(begun) => format!("signed in to the pages by that link until {}", at(begun.until)),
        Event::Ended(Ended { why: Why::SignedOut }) => "signed out of the pages".to_owned(),
        Event::Ended(Ended { why: Why::AllEnded }) => "signed out of the pages everywhere".to_owned(),
    }
}
