//! Small things that scenarios write as one word or line.
//!
//! Lives here: `GET /path` and what a state must be. Never lives here: what follows from either.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// States by name with what they must be: `fault: server`, or one of several: `fault: server | pool`. `service.NAME` is
/// there without being declared and is `running` or `restarting`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Needs(pub BTreeMap<String, String>);

impl Needs {
    /// Whether every state is what it must be.
    #[must_use]
    pub fn hold<'a>(&self, state: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|(name, words)| state(name).is_some_and(|is| words.split('|').any(|word| word.trim() == is)))
    }
}

/// A method and a path, with a query only where it matters: `GET /api/health`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestLine {
    /// Upper case.
    pub method: String,
    /// From the slash on.
    pub path: String,
}

impl RequestLine {
    /// Reads `GET /api/health`.
    ///
    /// # Errors
    /// A sentence that says what it should look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a request; write it like GET /api/health");
        let (method, path) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let path = path.trim();
        if !known || !path.starts_with('/') || path.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned() })
    }

    /// Whether a request to this path (with its query, where it has one) is meant.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str, query: Option<&str>) -> bool {
        self.method == method
            && match self.path.split_once('?') {
                Some((own, own_query)) => own == path && query == Some(own_query),
                None => self.path == path,
            }
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl<'de> Deserialize<'de> for RequestLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
