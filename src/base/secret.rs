//! Secrets: values that are typed, never printed, and scrubbed from whatever comes back from outside.
//!
//! Lives here: references in rendered text (`⟦secret:NAME⟧`), [`Secrets`] (the values and where each may go), the
//! [`Scrubber`]. Never lives here: where values come from (configuration), and what sends them (clients).
//! Scrubbing catches accidents; it does not contain a runbook that means harm.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

const OPEN: &str = "⟦secret:";
const CLOSE: &str = "⟧";
/// Shorter values would blank out ordinary words.
const SHORTEST_SCRUBBED: usize = 4;

/// What stands in rendered text where a secret's value will be put by whoever sends it.
#[must_use]
pub fn reference(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

/// Whether a text holds a secret reference.
#[must_use]
pub fn holds_reference(text: &str) -> bool {
    text.contains(OPEN)
}

/// Why a secret was not handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No secret of that name is known.
    #[error("there is no secret '{0}'; name it under `secrets:` in targets.yaml")]
    Unknown(String),
    /// It is named, but its variable or file has nothing.
    #[error("the secret '{name}' has no value; set {from}")]
    Unset {
        /// Its name.
        name: String,
        /// Where it would come from: `the variable REDIS_URL`.
        from: String,
    },
    /// It may not go there.
    #[error("the secret '{name}' may not go to {to}; grant it under `secrets.{name}` in targets.yaml if it should")]
    NotGranted {
        /// Its name.
        name: String,
        /// The host or program.
        to: String,
    },
}

/// Where a reference is resolved to: decides whether the secret may go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// A request to this host.
    Host {
        /// Its name or address.
        host: &'a str,
        /// Its port.
        port: u16,
    },
    /// The environment of this program.
    Program(&'a str),
}

impl fmt::Display for Recipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Program(name) => write!(f, "the program {name}"),
        }
    }
}

struct Held {
    value: Option<SecretString>,
    from: String,
    hosts: Vec<String>,
    programs: Vec<String>,
}

/// The values, and where each may go. Printing it shows names only.
#[derive(Clone, Default)]
pub struct Secrets {
    held: BTreeMap<String, Arc<Held>>,
    scrubber: Scrubber,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.held.keys()).finish()
    }
}

impl Secrets {
    /// Makes the set from `(name, value, where it comes from, hosts, programs)`.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = SecretEntry>) -> Self {
        let mut held = BTreeMap::new();
        for entry in entries {
            let SecretEntry { name, value, from, hosts, programs } = entry;
            held.insert(name, Arc::new(Held { value, from, hosts, programs }));
        }
        let scrubber = Scrubber::new(
            held.iter()
                .filter_map(|(name, held)| held.value.as_ref().map(|value| (name.as_str(), value.expose_secret()))),
        );
        Self { held, scrubber }
    }

    /// The value for one of the typed clients (a Railway token, a Redis URL), which know where they send it.
    ///
    /// # Errors
    /// Unknown names and names without a value.
    pub fn value(&self, name: &str) -> Result<&SecretString, SecretError> {
        let held = self.held.get(name).ok_or_else(|| SecretError::Unknown(name.to_owned()))?;
        held.value.as_ref().ok_or_else(|| SecretError::Unset { name: name.to_owned(), from: held.from.clone() })
    }

    /// Where the value of a secret comes from, for messages that must name it without showing it: `the variable REDIS_URL`.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&str> {
        self.held.get(name).map(|held| held.from.as_str())
    }

    /// Puts values where `text` holds references, if each may go to `to`.
    ///
    /// # Errors
    /// The first reference that is unknown, has no value or may not go there; a reference that does not end.
    pub fn resolve(&self, text: &str, to: Recipient<'_>) -> Result<SecretString, SecretError> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(OPEN) {
            resolved.push_str(&rest[..start]);
            let behind = &rest[start + OPEN.len()..];
            let end = behind.find(CLOSE).ok_or_else(|| SecretError::Unknown(behind.chars().take(40).collect()))?;
            let name = &behind[..end];
            let value = self.value(name)?;
            if !self.granted(name, to) {
                return Err(SecretError::NotGranted { name: name.to_owned(), to: to.to_string() });
            }
            resolved.push_str(value.expose_secret());
            rest = &behind[end + CLOSE.len()..];
        }
        resolved.push_str(rest);
        Ok(SecretString::from(resolved))
    }

    fn granted(&self, name: &str, to: Recipient<'_>) -> bool {
        self.held.get(name).is_some_and(|held| match to {
            Recipient::Host { host, port } => {
                let with_port = format!("{host}:{port}");
                held.hosts
                    .iter()
                    .any(|granted| granted.eq_ignore_ascii_case(host) || granted.eq_ignore_ascii_case(&with_port))
            }
            Recipient::Program(program) => held.programs.iter().any(|granted| granted == program),
        })
    }

    /// What takes the values out of replies.
    #[must_use]
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }
}

/// One secret as configuration hands it over.
pub struct SecretEntry {
    /// Its name.
    pub name: String,
    /// Its value, where there is one.
    pub value: Option<SecretString>,
    /// Where the value comes from, for people: `the variable REDIS_URL`.
    pub from: String,
    /// Hosts it may go to: `host` or `host:port`.
    pub hosts: Vec<String>,
    /// Programs it may be given to.
    pub programs: Vec<String>,
}

/// Replaces secret values, raw, URL-encoded and in base64, by `⟦NAME⟧`.
#[derive(Clone, Default)]
pub struct Scrubber(Option<Arc<Patterns>>);

struct Patterns {
    automaton: AhoCorasick,
    replacements: Vec<String>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    fn new<'a>(values: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut forms: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in values {
            for part in [Some(value), url_password(value)].into_iter().flatten() {
                if part.len() >= SHORTEST_SCRUBBED {
                    for form in forms_of(part) {
                        forms.entry(form).or_insert_with(|| format!("⟦{name}⟧"));
                    }
                }
            }
        }
        let (patterns, replacements): (Vec<_>, Vec<_>) = forms.into_iter().unzip();
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns).ok();
        Self(
            automaton
                .filter(|_| !replacements.is_empty())
                .map(|automaton| Arc::new(Patterns { automaton, replacements })),
        )
    }

    /// The text without secret values.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        match &self.0 {
            Some(patterns) => patterns.automaton.replace_all(text, &patterns.replacements),
            None => text.to_owned(),
        }
    }

    /// Scrubs every string of a JSON value, keys included.
    #[must_use]
    pub fn scrub_json(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        if self.0.is_none() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.scrub(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.scrub_json(item)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, item)| (self.scrub(&key), self.scrub_json(item))).collect())
            }
            other => other,
        }
    }
}

/// `redis://user:PASSWORD@host` also leaks through its password alone.
fn url_password(value: &str) -> Option<&str> {
    let (_, behind) = value.split_once("://")?;
    let (credentials, _) = behind.split_once('@')?;
    credentials.split_once(':').map(|(_, password)| password)
}

fn forms_of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned(), percent_encoded(value, true), percent_encoded(value, false)];
    // Within a longer base64 text a value can start at any of three offsets; the characters that mix with the
    // neighbours are left out.
    for offset in 0..3usize {
        let mut bytes = vec![0u8; offset];
        bytes.extend_from_slice(value.as_bytes());
        let whole = bytes.len() / 3 * 3;
        let skip = (offset * 8).div_ceil(6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes[..whole]);
            if encoded.len() >= skip + 6 {
                forms.push(encoded[skip..].to_owned());
            }
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

fn percent_encoded(value: &str, upper: bool) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else if upper {
            let _ = write!(encoded, "%{byte:02X}");
        } else {
            let _ = write!(encoded, "%{byte:02x}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new([
            SecretEntry {
                name: "railway".into(),
                value: Some("tok/en+42&x".to_owned().into()),
                from: "the variable RAILWAY_TOKEN".into(),
                hosts: vec!["api.example".into()],
                programs: vec![],
            },
            SecretEntry {
                name: "redis_url".into(),
                value: Some("redis://default:hunter2-long@10.0.0.5:6379/0".to_owned().into()),
                from: "the variable REDIS_URL".into(),
                hosts: vec![],
                programs: vec!["python3".into()],
            },
        ])
    }

    #[test]
    fn a_value_is_scrubbed_raw_encoded_and_inside_longer_base64() {
        let scrubber = secrets().scrubber().clone();
        for prefix in ["", "a", "ab", "abc"] {
            let header = base64::engine::general_purpose::STANDARD.encode(format!("{prefix}tok/en+42&x:tail"));
            let scrubbed = scrubber.scrub(&format!("basic {header} raw tok/en+42&x url tok%2Fen%2B42%26x"));
            assert!(!scrubbed.contains("tok"), "{scrubbed}");
            assert!(scrubbed.matches("⟦railway⟧").count() == 3, "{scrubbed}");
        }
        assert_eq!(scrubber.scrub("AUTH hunter2-long failed"), "AUTH ⟦redis_url⟧ failed");
    }

    #[test]
    fn a_reference_resolves_only_where_the_operator_lets_it_go() {
        let secrets = secrets();
        let text = format!("Bearer {}", reference("railway"));
        let to = Recipient::Host { host: "api.example", port: 443 };
        assert_eq!(secrets.resolve(&text, to).unwrap().expose_secret(), "Bearer tok/en+42&x");
        let elsewhere = Recipient::Host { host: "evil.example", port: 443 };
        assert!(matches!(secrets.resolve(&text, elsewhere), Err(SecretError::NotGranted { .. })));
        assert!(matches!(secrets.resolve(&reference("nope"), to), Err(SecretError::Unknown(_))));
        assert_eq!(format!("{secrets:?}"), r#"{"railway", "redis_url"}"#);
    }
}
