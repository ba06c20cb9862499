//! Facts of digests in sentences.

use super::{NAME, QUOTE};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::domain::digest::decide::MOST_COUNTED;
use crate::domain::digest::event::{Event, Skipped, Why};

pub(super) fn sentence(name: &str, event: &Event, at: impl Fn(Instant) -> String) -> Option<String> {
    let name = one_line(name, NAME);
    Some(match event {
        Event::Scheduled(scheduled) => {
            let (cron, zone) = (one_line(&scheduled.cron, NAME), one_line(&scheduled.zone, NAME));
            format!("the digest {name} is due at {cron} ({zone}) from now on")
        }
        // What became of it says the same.
        Event::Due(_) => return None,
        Event::Sent(sent) => format!("the digest {name} of {} was sent", at(sent.due)),
        Event::Skipped(one) if one.count <= 1 => {
            format!("the digest {name} of {} was not sent: {}", at(one.first), why(&one.why))
        }
        Event::Skipped(skipped) => {
            let (first, last) = (at(skipped.first), at(skipped.last));
            format!("{} digests {name} from {first} to {last} were not sent: {}", count(skipped), why(&skipped.why))
        }
    })
}

/// How many, in words.
pub(in crate::view) fn count(skipped: &Skipped) -> String {
    match skipped.count {
        MOST_COUNTED.. => format!("{MOST_COUNTED} or more"),
        few => few.to_string(),
    }
}

/// Why, as the rest of a sentence.
pub(in crate::view) fn why(why: &Why) -> String {
    match why {
        Why::TooOld => "nobody was there to send it in time".to_owned(),
        Why::Superseded => "nobody was there to send it, and a newer one was due".to_owned(),
        Why::Undelivered { said } => format!("it did not get through: {}", one_line(said, QUOTE)),
    }
}
