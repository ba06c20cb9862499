//! What a thread has read lately: the same source is not parsed twice.
//!
//! Lives here: [`Known`], bounded. Never lives here: faults: a source that is wrong is read again.

use std::collections::HashMap;

/// Bytes of sources that are kept at most; then everything is forgotten.
const ROOM: usize = 128 * 1024;

/// What was made of sources. What a source means never changes, so nothing in it grows old.
pub(super) struct Known<T> {
    by_source: HashMap<String, T>,
    bytes: usize,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { by_source: HashMap::new(), bytes: 0 }
    }
}

impl<T: Clone> Known<T> {
    pub(super) fn get(&self, source: &str) -> Option<T> {
        self.by_source.get(source).cloned()
    }

    pub(super) fn keep(&mut self, source: &str, made: &T) {
        if self.bytes + source.len() > ROOM {
            *self = Self::default();
        }
        self.bytes += source.len();
        self.by_source.insert(source.to_owned(), made.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_sources_is_forgotten_before_it_fills_the_memory() {
        let mut known = Known::default();
        for number in 0..10_000 {
            known.keep(&format!("{number:0100}"), &number);
            assert_eq!(known.get(&format!("{number:0100}")), Some(number));
            assert!(known.by_source.len() * 100 <= ROOM);
        }
        assert_eq!(known.get(&format!("{:0100}", 0)), None);
    }
}
