//! What is not put into a file that people pass around.
//!
//! Lives here: what looks like a token, an address of a person, a long number. Never lives here: secrets, which never get
//! as far as the journal.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// Replaces what should not travel. The same text gets the same stand-in, so that comparisons keep their outcome.
#[derive(Default)]
pub(super) struct Mask {
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
}

static MAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").ok());
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_+/=-]{24,}").ok());
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[0-9]{9,}").ok());

impl Mask {
    /// A text with stand-ins.
    pub fn text(&mut self, text: &str) -> String {
        let text =
            self.replace(&MAIL, text, "e-mail address", |_| true, |number, _| format!("masked-{number}@mail.invalid"));
        // Words and paths have no digits; tokens have both.
        let mixed = |found: &str| {
            let (letters, digits) = (
                found.bytes().any(|byte| byte.is_ascii_alphabetic()),
                found.bytes().filter(u8::is_ascii_digit).count(),
            );
            letters && digits >= 3
        };
        let text = self.replace(&TOKEN, &text, "token", mixed, |number, _| format!("masked-token-{number}"));
        // As long as before, so that patterns still find their lines.
        self.replace(
            &DIGITS,
            &text,
            "long number",
            |_| true,
            |number, found| format!("{number:0>width$}", width = found.len()),
        )
    }

    fn replace(
        &mut self,
        pattern: &LazyLock<Option<Regex>>,
        text: &str,
        what: &'static str,
        is_it: impl Fn(&str) -> bool,
        stand_in: impl Fn(u32, &str) -> String,
    ) -> String {
        let Some(pattern) = pattern.as_ref() else { return text.to_owned() };
        let replaced = pattern.replace_all(text, |found: &Captures<'_>| {
            let found = &found[0];
            if !is_it(found) {
                return found.to_owned();
            }
            if let Some(known) = self.known.get(found) {
                return known.clone();
            }
            let count = self.counts.entry(what).or_default();
            *count += 1;
            let stand_in = stand_in(*count, found);
            self.known.insert(found.to_owned(), stand_in.clone());
            stand_in
        });
        replaced.into_owned()
    }

    /// A JSON value with stand-ins in its texts and for its long whole numbers.
    pub fn json(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.json(item)).collect()),
            Value::Object(map) => Value::Object(map.iter().map(|(key, item)| (key.clone(), self.json(item))).collect()),
            Value::Number(number) if !number.is_f64() => {
                let (text, masked) = (number.to_string(), self.text(&number.to_string()));
                // A number does not begin with zeros.
                let shown = format!("1{}", masked.get(1..).unwrap_or_default());
                if masked == text { value.clone() } else { shown.parse::<u64>().map_or(Value::Null, Value::from) }
            }
            other => other.clone(),
        }
    }

    /// What was replaced: `2 tokens`.
    pub fn told(&self) -> Vec<String> {
        let plural = |count: u32, what: &str| match (count, what) {
            (1, _) => format!("1 {what}"),
            (_, "e-mail address") => format!("{count} e-mail addresses"),
            _ => format!("{count} {what}s"),
        };
        self.counts.iter().map(|(what, count)| plural(*count, what)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_and_tokens_are_replaced_and_ordinary_words_are_not() {
        let mut mask = Mask::default();
        let body = json!({
            "detail": "ana@example.org paid with 4111111111111111, then ana@example.org left",
            "session": "eyJhbGciOiJIUzI1NiJ9_x0Q3kk2",
            "phone": 56_912_345_678_u64,
            "worker_id": 93,
            "note": "max number of clients reached at 2026-03-09T11:02:00Z",
        });
        assert_eq!(
            mask.json(&body),
            json!({
                "detail": "masked-1@mail.invalid paid with 0000000000000001, then masked-1@mail.invalid left",
                "session": "masked-token-1",
                "phone": 10_000_000_002_u64,
                "worker_id": 93,
                "note": "max number of clients reached at 2026-03-09T11:02:00Z",
            })
        );
        assert_eq!(mask.told(), ["1 e-mail address", "2 long numbers", "1 token"]);
    }
}
