//! Whether a request is Discord's: signed with its key, and lately.
//!
//! Lives here: the application's public key, the check of signature and age. Pure: the time is an argument. Never lives here: what
//! the request says (`request`), requests that come twice (`seen`).

use chrono::{DateTime, TimeDelta};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::base::event::Instant;

/// How far the time that was signed may be from ours, either way: what was signed earlier may have been overheard, and two clocks
/// are never quite the same.
pub const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// The key that Discord signs an application's interactions with.
#[derive(Clone, Debug)]
pub struct PublicKey(VerifyingKey);

/// Why a request is not taken for Discord's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no signature, or not the right one.
    Unsigned,
    /// Signed by Discord, and too long ago, or in a time that has not come.
    Stale,
}

impl PublicKey {
    /// Reads the key as Discord's developer portal shows it.
    ///
    /// # Errors
    /// It is none, in words that go on after the setting's name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut bytes = [0; ed25519_dalek::PUBLIC_KEY_LENGTH];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| "is no public key: it has 64 hexadecimal digits, as the developer portal shows it")?;
        match VerifyingKey::from_bytes(&bytes) {
            // Under a weak key (all zeros, for instance) anybody can sign.
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err("is no public key: copy it again from the developer portal, under General Information"),
        }
    }

    /// When a request was signed, if Discord signed it and lately. The signature is over the timestamp's text and the body as
    /// they came (Discord's documentation, "Interactions Overview: Validating Security Request Headers").
    ///
    /// # Errors
    /// Why it is refused.
    pub fn signed_at(
        &self,
        signature: Option<&[u8]>,
        timestamp: Option<&[u8]>,
        body: &[u8],
        now: Instant,
    ) -> Result<Instant, Refused> {
        let (Some(signature), Some(timestamp)) = (signature, timestamp) else { return Err(Refused::Unsigned) };
        let mut bytes = [0; ed25519_dalek::SIGNATURE_LENGTH];
        hex::decode_to_slice(signature, &mut bytes).map_err(|_| Refused::Unsigned)?;
        let message = [timestamp, body].concat();
        self.0.verify_strict(&message, &Signature::from_bytes(&bytes)).map_err(|_| Refused::Unsigned)?;
        // Only what Discord signed is read at all.
        let seconds = std::str::from_utf8(timestamp).ok().and_then(|text| text.parse().ok()).ok_or(Refused::Stale)?;
        let at = DateTime::from_timestamp(seconds, 0).ok_or(Refused::Stale)?;
        if (now - at).abs() > WINDOW { Err(Refused::Stale) } else { Ok(at) }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn sign(key: &SigningKey, timestamp: &str, body: &str) -> String {
        hex::encode(key.sign(format!("{timestamp}{body}").as_bytes()).to_bytes())
    }

    fn judged(signature: &str, timestamp: &str, body: &str, now: i64) -> Result<Instant, Refused> {
        let ours = PublicKey::parse(&hex::encode(key().verifying_key())).unwrap();
        let now = DateTime::from_timestamp(now, 0).unwrap();
        ours.signed_at(Some(signature.as_bytes()), Some(timestamp.as_bytes()), body.as_bytes(), now)
    }

    #[test]
    fn only_what_discord_signed_passes() {
        let genuine = sign(&key(), "1000", "{}");
        assert_eq!(judged(&genuine, "1000", "{}", 1000), Ok(DateTime::from_timestamp(1000, 0).unwrap()));
        assert_eq!(judged(&genuine, "1000", "{ }", 1000), Err(Refused::Unsigned), "another body");
        assert_eq!(judged(&genuine, "1001", "{}", 1000), Err(Refused::Unsigned), "another time");
        assert_eq!(judged(&genuine, "100", "0{}", 1000).unwrap_err(), Refused::Stale, "the same bytes cut elsewhere");
        let other = SigningKey::from_bytes(&[8; 32]);
        assert_eq!(judged(&sign(&other, "1000", "{}"), "1000", "{}", 1000), Err(Refused::Unsigned), "another key");
        for odd in ["", "00", &genuine[1..], &format!("{genuine}00"), &"é".repeat(64), &"+1".repeat(64)] {
            assert_eq!(judged(odd, "1000", "{}", 1000), Err(Refused::Unsigned), "{odd}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_fresh_and_no_more() {
        let genuine = sign(&key(), "1000", "{}");
        assert!(judged(&genuine, "1000", "{}", 1300).is_ok() && judged(&genuine, "1000", "{}", 700).is_ok());
        assert_eq!(judged(&genuine, "1000", "{}", 1301), Err(Refused::Stale));
        assert_eq!(judged(&genuine, "1000", "{}", 699), Err(Refused::Stale));
        for odd in ["", "soon", "10:00", "99999999999999999999", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(judged(&sign(&key(), odd, "{}"), odd, "{}", 1000), Err(Refused::Stale), "{odd}");
        }
    }

    #[test]
    fn a_key_that_is_none_or_that_anybody_can_sign_for_is_refused() {
        let zeros = "0".repeat(64);
        // The neutral element: a valid point, of order 1.
        let one = format!("01{}", "0".repeat(62));
        for odd in ["", "abc", "not a key at all", &zeros, &one, &"zz".repeat(32), &"02".repeat(32)] {
            assert!(PublicKey::parse(odd).is_err(), "{odd}");
        }
    }
}
