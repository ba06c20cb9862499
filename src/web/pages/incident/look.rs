//! How somebody looks at an incident: in which zone, and which lines of the timeline. It stands in the address, so that it can be kept
//! and passed on, and works without a script.

use chrono_tz::Tz;
use serde::Deserialize;

use crate::base::schedule::zone;
use crate::base::text::one_line;
use crate::web::live::{Line, Sort};

/// Characters of a filter.
const LONGEST: usize = 100;

/// The part of the address behind the question mark.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Asked {
    /// A zone's IANA name; the incident's own where left out.
    pub zone: String,
    /// What lines are about: a word of [`Sort::WORDS`].
    pub kind: String,
    /// Who: part of a name.
    pub who: String,
    /// Part of the text.
    pub q: String,
    /// Lines before this event.
    pub before: Option<u64>,
    /// For an event stream: the last event that the page shows.
    pub after: Option<u64>,
}

/// How somebody looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The zone of the times.
    pub zone: Tz,
    /// Whether that is another one than the incident's.
    pub own_zone: bool,
    /// What lines are about.
    pub sort: Option<Sort>,
    /// Part of a name, in small letters.
    pub who: String,
    /// Part of the text, in small letters.
    pub text: String,
    /// Lines before this event.
    pub before: Option<u64>,
}

impl Look {
    /// Reads it; what makes no sense is left out. `own` is the incident's zone.
    #[must_use]
    pub fn read(asked: &Asked, own: Tz) -> Self {
        let chosen = zone(asked.zone.trim()).ok();
        let sort = Sort::WORDS.into_iter().find(|(word, ..)| *word == asked.kind).map(|(.., sort)| sort);
        let small = |text: &str| one_line(text, LONGEST).to_lowercase();
        Self {
            zone: chosen.unwrap_or(own),
            own_zone: chosen.is_some_and(|chosen| chosen != own),
            sort,
            who: small(&asked.who),
            text: small(&asked.q),
            before: asked.before,
        }
    }

    /// Whether a line is to be shown.
    #[must_use]
    pub fn shows(&self, line: &Line) -> bool {
        self.sort.is_none_or(|sort| sort == line.sort)
            && (self.who.is_empty() || line.who.to_lowercase().contains(&self.who))
            && (self.text.is_empty() || line.text.to_lowercase().contains(&self.text))
    }

    /// Whether lines are left out.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.sort.is_some() || !self.who.is_empty() || !self.text.is_empty()
    }

    /// The same as it stands in an address; what is behind `?`. Empty where nothing was chosen.
    #[must_use]
    pub fn query(&self) -> String {
        let word = self.sort.and_then(|sort| Sort::WORDS.into_iter().find(|(.., of)| *of == sort));
        let zone = if self.own_zone { self.zone.name() } else { "" };
        let parts =
            [("zone", zone), ("kind", word.map_or("", |(word, ..)| word)), ("who", &self.who), ("q", &self.text)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect();
        parts.join("&")
    }
}

/// A value as it stands in an address.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_somebody_looks_comes_back_from_its_address() {
        let asked = Asked {
            zone: "Asia/Kolkata".into(),
            kind: "step".into(),
            who: "Ana & Ben".into(),
            q: "<b>503</b> #1".into(),
            ..Asked::default()
        };
        let look = Look::read(&asked, Tz::UTC);
        assert_eq!(look.query(), "zone=Asia%2FKolkata&kind=step&who=ana%20%26%20ben&q=%3Cb%3E503%3C%2Fb%3E%20%231");
        let senseless = Asked { zone: "Mars/Olympus".into(), kind: "x".into(), ..Asked::default() };
        let look = Look::read(&senseless, Tz::America__Santiago);
        assert_eq!((look.zone, look.filters(), look.query()), (Tz::America__Santiago, false, String::new()));
    }
}
