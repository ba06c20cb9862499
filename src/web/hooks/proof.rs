//! Whether a request comes from whom it says: a bearer token, a secret last part of the path, a signature with its time.
//!
//! Pure: the time is an argument. Nothing of a request is believed before; secrets and signatures are compared in constant time (`ring`).
//! Never lives here: what the request says (`shape`).

use chrono::{DateTime, TimeDelta};
use ring::hmac::{HMAC_SHA256, Key, Tag, sign, verify};
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretString};

use crate::base::event::Instant;

/// How far the time that was signed may be from ours, either way.
pub const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// What a source proves itself with.
pub enum Proof {
    /// `Authorization: Bearer …`.
    Bearer(Token),
    /// The last part of the path, for a source that can neither sign nor set headers.
    Path(Token),
    /// A signature over a time and the body.
    Signed(Signed),
}

/// A secret that is shown as it is. Only a keyed hash of it is kept, under a key of this process.
pub struct Token {
    key: Key,
    tag: Tag,
}

impl Token {
    /// Keeps a secret.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(secret: &SecretString) -> Result<Self, String> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        let tag = sign(&key, secret.expose_secret().as_bytes());
        Ok(Self { key, tag })
    }

    pub(super) fn is(&self, shown: &[u8]) -> bool {
        verify(&self.key, shown, self.tag.as_ref()).is_ok()
    }

    /// Whether the value of an `Authorization` header is `Bearer` with this secret.
    #[must_use]
    pub fn is_borne(&self, header: &[u8]) -> bool {
        let Some((scheme, value)) = header.split_at_checked(7) else { return false };
        let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
        // Both are looked at, whatever the first one says.
        self.is(value.trim_ascii()) & is_bearer
    }
}

/// A signature: HMAC-SHA256 over `time` + `between` + the body, in hexadecimal digits behind a `prefix`.
pub struct Signed {
    key: Key,
    /// The header with the signature.
    signature: String,
    /// The header with the time, in whole seconds since 1970.
    timestamp: String,
    between: &'static str,
    prefix: &'static str,
}

impl Signed {
    /// As Grafana signs: hexadecimal digits over `time:body` (Grafana's documentation, "Configure webhook notifications: HMAC signature").
    #[must_use]
    pub fn grafana(secret: &SecretString, signature: String, timestamp: String) -> Self {
        let key = Key::new(HMAC_SHA256, secret.expose_secret().as_bytes());
        Self { key, signature, timestamp, between: ":", prefix: "" }
    }

    /// As everybody else is asked to: `X-Rundown-Signature: sha256=…` over `time.body`, the time in `X-Rundown-Timestamp`.
    #[must_use]
    pub fn generic(secret: &SecretString) -> Self {
        let key = Key::new(HMAC_SHA256, secret.expose_secret().as_bytes());
        let header = |name: &str| format!("x-rundown-{name}");
        Self { key, signature: header("signature"), timestamp: header("timestamp"), between: ".", prefix: "sha256=" }
    }
}

/// A request as it came.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// A header by its name.
    pub header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// What stands behind the source in the path.
    pub key: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing is there that could prove anything.
    Missing,
    /// It proves nothing.
    Forged,
    /// It is signed, and too long ago, or in a time that has not come.
    Stale,
}

/// A signature that counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// Its bytes, however they were written.
    pub signature: [u8; 32],
    /// Until when it would count again.
    pub until: Instant,
}

impl Proof {
    /// Checks a request; where it is signed, with what.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, shown: Shown<'_>, now: Instant) -> Result<Option<Once>, Refused> {
        match self {
            Self::Bearer(token) => {
                let header = (shown.header)("authorization").ok_or(Refused::Missing)?;
                if token.is_borne(header) { Ok(None) } else { Err(Refused::Forged) }
            }
            Self::Path(token) => {
                let key = shown.key.ok_or(Refused::Missing)?;
                if token.is(key.as_bytes()) { Ok(None) } else { Err(Refused::Forged) }
            }
            Self::Signed(signed) => signed.check(shown, now).map(Some),
        }
    }
}

impl Signed {
    fn check(&self, shown: Shown<'_>, now: Instant) -> Result<Once, Refused> {
        let header = |name: &str| (shown.header)(name);
        let (Some(written), Some(time)) = (header(&self.signature), header(&self.timestamp)) else {
            return Err(Refused::Missing);
        };
        let digits = written.strip_prefix(self.prefix.as_bytes()).ok_or(Refused::Forged)?;
        let mut signature = [0; 32];
        hex::decode_to_slice(digits, &mut signature).map_err(|_| Refused::Forged)?;
        let message = [time, self.between.as_bytes(), shown.body].concat();
        verify(&self.key, &message, &signature).map_err(|_| Refused::Forged)?;
        // Only what was signed is read at all.
        let seconds = std::str::from_utf8(time).ok().and_then(|text| text.parse().ok()).ok_or(Refused::Stale)?;
        let at = DateTime::from_timestamp(seconds, 0).ok_or(Refused::Stale)?;
        if (now - at).abs() > WINDOW {
            return Err(Refused::Stale);
        }
        Ok(Once { signature, until: at + WINDOW })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn check(proof: &Proof, headers: &[(&str, &str)], key: Option<&str>, body: &str) -> Result<bool, Refused> {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes());
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        proof.check(Shown { header: &header, key, body: body.as_bytes() }, now).map(|once| once.is_some())
    }

    fn signature(message: &str) -> String {
        hex::encode(sign(&Key::new(HMAC_SHA256, b"s3cret"), message.as_bytes()))
    }

    #[test]
    fn a_token_is_the_whole_secret_and_nothing_else() {
        let bearer = Proof::Bearer(Token::new(&"s3cret".to_owned().into()).unwrap());
        let with = |value: &str| check(&bearer, &[("authorization", value)], None, "");
        assert_eq!(with("Bearer s3cret"), Ok(false));
        assert_eq!(with("bearer s3cret"), Ok(false), "the scheme's case does not matter (RFC 9110)");
        for odd in
            ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Bearer s3cret\0", "Basic s3cret", "s3cret"]
        {
            assert_eq!(with(odd), Err(Refused::Forged), "{odd}");
        }
        assert_eq!(check(&bearer, &[], Some("s3cret"), ""), Err(Refused::Missing));
        let path = Proof::Path(Token::new(&"s3cret".to_owned().into()).unwrap());
        assert_eq!(check(&path, &[], Some("s3cret"), ""), Ok(false));
        assert_eq!(check(&path, &[], Some("s3cret/"), ""), Err(Refused::Forged));
        assert_eq!(check(&path, &[], None, ""), Err(Refused::Missing));
    }

    #[test]
    fn a_signature_is_over_the_time_and_the_body_and_counts_for_five_minutes() {
        let proof = Proof::Signed(Signed::generic(&"s3cret".to_owned().into()));
        let with = |time: &str, signature: &str, body: &str| {
            let headers = [("x-rundown-timestamp", time), ("x-rundown-signature", signature)];
            check(&proof, &headers, None, body)
        };
        let now = NOW.to_string();
        let genuine = format!("sha256={}", signature(&format!("{now}.{{}}")));
        assert_eq!(with(&now, &genuine, "{}"), Ok(true));
        assert_eq!(with(&now, &genuine, "{ }"), Err(Refused::Forged), "another body");
        assert_eq!(with(&(NOW + 1).to_string(), &genuine, "{}"), Err(Refused::Forged), "another time");
        for odd in ["", "sha256=", &genuine[7..], &genuine[..70], &format!("sha1={}", &genuine[7..])] {
            assert_eq!(with(&now, odd, "{}"), Err(Refused::Forged), "{odd}");
        }
        for (time, passes) in [(NOW - 300, true), (NOW + 300, true), (NOW - 301, false), (NOW + 301, false)] {
            let signed = format!("sha256={}", signature(&format!("{time}.{{}}")));
            assert_eq!(with(&time.to_string(), &signed, "{}").is_ok(), passes, "{time}");
        }
        for odd in ["", "soon", "1e9", "99999999999999999999"] {
            let signed = format!("sha256={}", signature(&format!("{odd}.{{}}")));
            assert_eq!(with(odd, &signed, "{}"), Err(Refused::Stale), "{odd}");
        }
    }

    #[test]
    fn grafana_signs_with_a_colon_and_headers_of_its_own() {
        let headers = ("x-grafana-alerting-signature", "x-grafana-alerting-timestamp");
        let signed = Signed::grafana(&"s3cret".to_owned().into(), headers.0.into(), headers.1.into());
        let (now, proof) = (NOW.to_string(), Proof::Signed(signed));
        let genuine = signature(&format!("{now}:{{}}"));
        assert_eq!(check(&proof, &[(headers.0, &genuine), (headers.1, &now)], None, "{}"), Ok(true));
        let untimed = signature("{}");
        assert_eq!(
            check(&proof, &[(headers.0, &untimed)], None, "{}"),
            Err(Refused::Missing),
            "it would count for ever"
        );
    }
}
