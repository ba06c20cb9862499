//! Interactions that came already: one that is sent again gets the same first answer and is not carried out again.
//!
//! Lives here: the memory of their ids, bounded in time and number. Never lives here: answers themselves (`gateway`).

use std::collections::{BTreeMap, BTreeSet};

use serenity::all::InteractionId;

use super::signed::WINDOW;
use crate::base::event::Instant;

/// Interactions that are remembered at a time: thirteen a second for five minutes.
const MOST: usize = 4_096;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Seen {
    /// Until when each signature passes, and the answer that was given.
    known: BTreeMap<InteractionId, (Instant, Vec<u8>)>,
    /// The same, the first to be forgotten first.
    order: BTreeSet<(Instant, InteractionId)>,
}

impl Seen {
    /// The first answer to an interaction that was signed at `signed`, and whether it came for the first time.
    pub fn answer(
        &mut self,
        id: InteractionId,
        signed: Instant,
        now: Instant,
        answer: impl FnOnce() -> Vec<u8>,
    ) -> (Vec<u8>, bool) {
        while self.order.first().is_some_and(|(until, _)| *until < now) {
            self.forget_first();
        }
        let until = signed + WINDOW;
        if let Some((known, answer)) = self.known.get_mut(&id) {
            if until > *known {
                self.order.remove(&(*known, id));
                self.order.insert((until, id));
                *known = until;
            }
            return (answer.clone(), false);
        }
        if self.known.len() >= MOST {
            // Only Discord can fill this: a person's command is worth more than the memory of the oldest one.
            self.forget_first();
        }
        let answer = answer();
        self.known.insert(id, (until, answer.clone()));
        self.order.insert((until, id));
        (answer, true)
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.order.pop_first() {
            self.known.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn the_same_id_gets_the_same_answer_for_as_long_as_its_signature_passes() {
        let mut seen = Seen::default();
        let id = InteractionId::new(5);
        assert_eq!(seen.answer(id, at(1000), at(1000), || b"first".to_vec()), (b"first".to_vec(), true));
        let last = at(1000) + WINDOW;
        assert_eq!(seen.answer(id, at(1000), last, || b"second".to_vec()), (b"first".to_vec(), false));
        let (_, new) = seen.answer(id, at(1000), last + TimeDelta::milliseconds(1), Vec::new);
        assert!(new, "by then the signature does not pass any more");
    }

    #[test]
    fn a_clock_of_discords_that_is_ahead_is_remembered_for_longer() {
        let mut seen = Seen::default();
        let id = InteractionId::new(5);
        seen.answer(id, at(1300), at(1000), Vec::new);
        assert!(!seen.answer(id, at(1300), at(1600), Vec::new).1);
        // Sent again with a later time of its own, it is remembered for that much longer.
        assert!(!seen.answer(id, at(1500), at(1600), Vec::new).1);
        assert!(!seen.answer(id, at(1500), at(1800), Vec::new).1);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut seen = Seen::default();
        let count = u64::try_from(MOST).unwrap() + 10;
        for id in 1..=count {
            let signed = at(1000) + TimeDelta::milliseconds(i64::try_from(id).unwrap());
            seen.answer(InteractionId::new(id), signed, at(1000), Vec::new);
        }
        assert_eq!((seen.known.len(), seen.order.len()), (MOST, MOST));
        assert!(!seen.answer(InteractionId::new(count), at(1001), at(1001), Vec::new).1, "the newest is known");
        seen.answer(InteractionId::new(count + 1), at(2000), at(2000), Vec::new);
        assert_eq!((seen.known.len(), seen.order.len()), (1, 1), "what cannot come again is forgotten");
    }
}
