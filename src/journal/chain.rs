//! The hash chain: how an event commits to its body, to everything before it, and how a person notes where it stands.
//!
//! Lives here: commitments, links, blob ids, [`Anchor`]. Never lives here: reading rows, judging them (`verify`).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::{ChainHead, Row};

/// Hex digits of a hash that an anchor must carry at least: 64 bits are beyond finding a second match by trial.
pub const ANCHOR_DIGITS: usize = 16;

const HASH_DIGITS: usize = 64;

/// Says what is hashed and how, so that a hash of this format never equals one of another.
const DOMAIN: &[u8] = b"rundown journal 1";

/// `sha256(salt ‖ bytes)`. The salt has a fixed length, so the two parts cannot run into each other.
#[must_use]
pub fn commitment(salt: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(bytes).finalize().into()
}

/// The id of a blob with this salt and content: the hex of their [`commitment`].
#[must_use]
pub fn blob_id(salt: &[u8; 32], bytes: &[u8]) -> String {
    hex::encode(commitment(salt, bytes))
}

/// `sha256(domain ‖ prev ‖ pos ‖ stream ‖ seq ‖ incident ‖ kind ‖ version ‖ at ‖ head ‖ blobs ‖ commitment)`, each part
/// behind its length. `row.hash` and `row.body` take no part.
///
/// Numbers are eight bytes, big-endian; `at` is milliseconds since 1970; an absent incident is an empty part; blob
/// ids are joined by commas.
#[must_use]
pub fn link(prev: &[u8; 32], row: &Row) -> [u8; 32] {
    let incident = row.incident.as_ref().map_or("", |id| id.as_str());
    let blobs = row.blobs.join(",");
    let parts: [&[u8]; 12] = [
        DOMAIN,
        prev,
        &row.pos.to_be_bytes(),
        row.stream.as_str().as_bytes(),
        &row.seq.to_be_bytes(),
        incident.as_bytes(),
        row.kind.as_bytes(),
        &u64::from(row.version).to_be_bytes(),
        &row.at.timestamp_millis().to_be_bytes(),
        &row.head,
        blobs.as_bytes(),
        &row.commitment,
    ];
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A note of where a chain stood, kept outside the journal: `12:` and the hash of event 12 in hex, or its first
/// 16 digits or more. Whoever cuts the journal's end off, or rewrites all of it, cannot satisfy it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pos: u64,
    /// Lower-case hex, 16 to 64 digits.
    digits: String,
}

impl Anchor {
    /// The position it speaks of; 0 for the anchor of an empty journal.
    #[must_use]
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// Whether `hash` is, as far as the anchor tells, the hash it was taken from.
    #[must_use]
    pub fn fits(&self, hash: &[u8; 32]) -> bool {
        hex::encode(hash).starts_with(&self.digits)
    }

    /// The short form for cards and cramped places: the first 16 digits.
    #[must_use]
    pub fn short(&self) -> Self {
        Self { pos: self.pos, digits: self.digits.chars().take(ANCHOR_DIGITS).collect() }
    }
}

impl From<ChainHead> for Anchor {
    fn from(head: ChainHead) -> Self {
        Self { pos: head.pos, digits: hex::encode(head.hash) }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.pos, self.digits)
    }
}

impl FromStr for Anchor {
    type Err = BadAnchor;

    fn from_str(text: &str) -> Result<Self, BadAnchor> {
        let (pos, digits) = text.trim().split_once(':').ok_or(BadAnchor::Shape)?;
        if pos.is_empty() || !pos.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadAnchor::Position);
        }
        let pos = pos.parse().map_err(|_| BadAnchor::Position)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadAnchor::Digits);
        }
        if !(ANCHOR_DIGITS..=HASH_DIGITS).contains(&digits.len()) {
            return Err(BadAnchor::Length(digits.len()));
        }
        Ok(Self { pos, digits: digits.to_ascii_lowercase() })
    }
}

/// A text that was given as an anchor and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnchor {
    /// No colon.
    #[error("an anchor is a position, a colon and a hash, like 12:9f86d081884c7d65")]
    Shape,
    /// What stands before the colon is no position.
    #[error("an anchor starts with an event's position, a whole number, like 12:9f86d081884c7d65")]
    Position,
    /// What stands behind the colon is not hex.
    #[error("the hash of an anchor is written in the digits 0-9 and a-f")]
    Digits,
    /// Too few digits to prove anything, or more than a hash has.
    #[error("the hash of an anchor has 16 to 64 digits, this one has {0}")]
    Length(usize),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_anchor_is_refused_with_a_reason() {
        let reason = |text: &str| text.parse::<Anchor>().unwrap_err();
        assert_eq!(reason("9f86d081884c7d65"), BadAnchor::Shape);
        assert_eq!(reason(":9f86d081884c7d65"), BadAnchor::Position);
        assert_eq!(reason("+1:9f86d081884c7d65"), BadAnchor::Position);
        assert_eq!(reason("99999999999999999999:9f86d081884c7d65"), BadAnchor::Position);
        assert_eq!(reason("1:9f86d081884c7d6"), BadAnchor::Length(15));
        assert_eq!(reason("1:9f86d081884c7d6g"), BadAnchor::Digits);
        assert_eq!(reason(&format!("1:{}", "a".repeat(65))), BadAnchor::Length(65));
    }

    proptest! {
        #[test]
        fn a_printed_anchor_reads_back_whole_short_and_in_capitals(pos: u64, hash: [u8; 32], other: [u8; 32]) {
            let anchor = Anchor::from(ChainHead { pos, hash });
            prop_assert_eq!(&anchor.to_string().parse::<Anchor>().unwrap(), &anchor);
            let short: Anchor = anchor.short().to_string().to_uppercase().parse().unwrap();
            prop_assert_eq!(short.pos(), pos);
            prop_assert!(short.fits(&hash) && anchor.fits(&hash));
            prop_assert_eq!(anchor.fits(&other), hash == other);
        }

        #[test]
        fn no_text_makes_the_reader_of_anchors_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<Anchor>();
        }
    }
}
