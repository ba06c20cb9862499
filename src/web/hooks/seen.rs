//! Signatures that came already: each counts once.
//!
//! Lives here: the memory of them, bounded in time and number. It is this process's own: what a restart forgets would have to be sent
//! again within the window, and an alert that is known to fire changes nothing then.

use std::collections::BTreeMap;

use super::proof::Once;
use crate::base::event::Instant;

/// Signatures that are remembered at a time: 25 a second for ten minutes. Where there are more, the source is asked to wait: one that is
/// forgotten could come again.
const MOST: usize = 16_384;

/// What is remembered: until when each signature would count.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<[u8; 32], Instant>);

/// What a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It comes for the first time, and is remembered from now on.
    New,
    /// It came before.
    Again,
    /// It cannot be remembered.
    Full,
}

impl Seen {
    /// Remembers a signature.
    pub fn remember(&mut self, once: Once, now: Instant) -> Known {
        if self.0.contains_key(&once.signature) {
            return Known::Again;
        }
        if self.0.len() >= MOST {
            self.0.retain(|_, until| *until >= now);
            if self.0.len() >= MOST {
                return Known::Full;
            }
        }
        self.0.insert(once.signature, once.until);
        Known::New
    }

    /// Lets it count again: what it signed was not written down.
    pub fn forget(&mut self, once: Once) {
        self.0.remove(&once.signature);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_signature_counts_once_unless_nothing_came_of_it_and_the_memory_is_bounded() {
        let now: Instant = "2026-03-01T12:00:00Z".parse().unwrap();
        let once = |number: u32, until| {
            let mut signature = [0; 32];
            signature[..4].copy_from_slice(&number.to_be_bytes());
            Once { signature, until }
        };
        let mut seen = Seen::default();
        let until = now + TimeDelta::minutes(5);
        assert_eq!(seen.remember(once(0, until), now), Known::New);
        assert_eq!(seen.remember(once(0, until), now), Known::Again);
        seen.forget(once(0, until));
        assert_eq!(seen.remember(once(0, until), now), Known::New);
        for number in 1..u32::try_from(MOST).unwrap() {
            assert_eq!(seen.remember(once(number, until), now), Known::New);
        }
        let last = once(u32::MAX, until);
        assert_eq!(seen.remember(last, now), Known::Full);
        assert_eq!(seen.remember(last, until + TimeDelta::seconds(1)), Known::New);
        assert_eq!(seen.0.len(), 1, "what cannot count again is forgotten");
    }
}
