//! How many requests a source may send: a bucket of tokens for each source and each address it sends from.
//!
//! Pure. It is asked before a signature is looked at, so it counts by address, too: a stranger who floods a source's path empties their
//! own bucket, not the one of the source. Behind a proxy all come from one address, and the proxy has to tell strangers off.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::TimeDelta;

use crate::base::event::Instant;

/// Requests that may come at once.
const BURST: i64 = 60;
/// After how long there may be one more, in milliseconds.
const EVERY: i64 = 100;
/// Buckets that are remembered at a time.
const BUCKETS: usize = 1_024;

/// When each bucket will be full again.
#[derive(Debug, Default)]
pub struct Rate(BTreeMap<(&'static str, IpAddr), Instant>);

impl Rate {
    /// Takes one token.
    ///
    /// # Errors
    /// There is none: in how many seconds there is one again.
    pub fn take(&mut self, source: &'static str, from: IpAddr, now: Instant) -> Result<(), i64> {
        if self.0.len() >= BUCKETS && !self.0.contains_key(&(source, from)) {
            self.0.retain(|_, full| *full > now);
            // All of them are in use: the one that is nearest to full loses least.
            if self.0.len() >= BUCKETS
                && let Some(key) = self.0.iter().min_by_key(|(_, full)| **full).map(|(key, _)| *key)
            {
                self.0.remove(&key);
            }
        }
        let full = self.0.entry((source, from)).or_insert(now);
        let after = (*full).max(now) + TimeDelta::milliseconds(EVERY);
        let over = (after - now).num_milliseconds() - BURST * EVERY;
        if over > 0 {
            return Err((over + 999) / 1_000);
        }
        *full = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_burst_passes_then_ten_a_second_and_nobody_empties_anothers_bucket() {
        let now: Instant = "2026-03-01T12:00:00Z".parse().unwrap();
        let (source, stranger) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::BROADCAST));
        let mut rate = Rate::default();
        let mut take = |from, at| rate.take("generic", from, at);
        assert!((0..60).all(|_| take(stranger, now).is_ok()));
        assert_eq!(take(stranger, now), Err(1));
        assert_eq!(take(source, now), Ok(()));
        let later = now + TimeDelta::seconds(1);
        assert_eq!((0..20).filter(|_| take(stranger, later).is_ok()).count(), 10);
    }

    #[test]
    fn the_memory_is_bounded() {
        let now: Instant = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut rate = Rate::default();
        for address in 0..5_000u32 {
            rate.take("generic", IpAddr::V4(Ipv4Addr::from(address)), now).unwrap();
        }
        assert_eq!(rate.0.len(), BUCKETS);
    }
}
