//! Cookies: written, and read back where they are as they were written.
//!
//! Lives here: their shape. Pure. A cookie carries the name of a session, until when, and a signature over both: what is forged or out of
//! date is refused before anything is looked up. Never lives here: whether the session still stands (`bot/sessions`).

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};

use super::key::{Key, Purpose};
use super::site::Here;
use crate::base::event::Instant;
use crate::base::text::one_line;

const SESSION: &str = "rundown";
const SAID: &str = "rundown-said";
/// How long what was said is kept for the page that shows it.
const KEPT: TimeDelta = TimeDelta::seconds(60);
/// The longest such text, in characters.
const LONGEST: usize = 400;

/// What was said after something was done, for the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it was done.
    pub done: bool,
    /// What, in a sentence.
    pub text: String,
}

/// `Set-Cookie` of a session.
pub fn session(key: &Key, here: &Here, name: &str, until: Instant, now: Instant) -> String {
    let said = format!("{name}.{}", until.timestamp());
    let value = format!("{said}.{}", key.sign(Purpose::Session, &said));
    set(here, SESSION, &value, (until - now).num_seconds())
}

/// The name of the session that a request carries, where it is signed and in time.
pub fn session_of(key: &Key, here: &Here, headers: &HeaderMap, now: Instant) -> Option<String> {
    values(here, SESSION, headers).find_map(|value| {
        let (said, signature) = value.rsplit_once('.')?;
        let (name, until) = said.split_once('.')?;
        let until = DateTime::from_timestamp(until.parse().ok()?, 0)?;
        (key.fits(Purpose::Session, said, signature) && now < until).then(|| name.to_owned())
    })
}

/// `Set-Cookie` of what was said, for the session whose page shows it.
pub fn said(key: &Key, here: &Here, session: &str, said: &Said, now: Instant) -> String {
    let until = (now + KEPT).timestamp();
    let text = URL_SAFE_NO_PAD.encode(one_line(&said.text, LONGEST));
    let value = format!("{}.{until}.{text}", u8::from(said.done));
    let signature = key.sign(Purpose::Said, &format!("{session} {value}"));
    set(here, SAID, &format!("{value}.{signature}"), KEPT.num_seconds())
}

/// What was said; nobody else can put words there.
pub fn said_of(key: &Key, here: &Here, session: &str, headers: &HeaderMap, now: Instant) -> Option<Said> {
    values(here, SAID, headers).find_map(|shown| {
        let (value, signature) = shown.rsplit_once('.')?;
        if !key.fits(Purpose::Said, &format!("{session} {value}"), signature) {
            return None;
        }
        let mut parts = value.split('.');
        let (done, until, text) = (parts.next()?, parts.next()?, parts.next()?);
        let until = DateTime::from_timestamp(until.parse().ok()?, 0)?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        (now < until).then(|| Said { done: done == "1", text })
    })
}

/// `Set-Cookie` that takes the session away.
pub fn no_session(here: &Here) -> String {
    set(here, SESSION, "", 0)
}

/// `Set-Cookie` that takes away what was said: it was shown.
pub fn nothing_said(here: &Here) -> String {
    set(here, SAID, "", 0)
}

/// The prefix makes a browser refuse it from anybody else, other hosts under the same domain too (RFC 6265bis, 4.1.3.2).
fn named(here: &Here, name: &str) -> String {
    if here.secure() { format!("__Host-{name}") } else { name.to_owned() }
}

fn set(here: &Here, name: &str, value: &str, seconds: i64) -> String {
    let secure = if here.secure() { "; Secure" } else { "" };
    format!("{}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={}{secure}", named(here, name), seconds.max(0))
}

fn values<'a>(here: &Here, name: &str, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let name = named(here, name);
    let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    all.flat_map(|header| header.split(';')).filter_map(move |pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::header::HOST;
    use axum::http::{HeaderValue, Uri};
    use secrecy::SecretSlice;

    use super::*;
    use crate::web::session::site::Site;

    const NAME: &str = "0123456789abcdef0123456789abcdef";

    fn key(byte: u8) -> Key {
        Key::new(&SecretSlice::from(vec![byte; 32]))
    }

    fn noon() -> Instant {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn here(url: &'static str) -> Here {
        let site = Site::new("0.0.0.0:80".parse().unwrap(), Some(url));
        let host = HeaderValue::from_static(url.split_once("://").unwrap().1);
        site.here(&Uri::from_static("/"), &HeaderMap::from_iter([(HOST, host)])).unwrap()
    }

    /// As a browser sends it back.
    fn back(set: &str) -> HeaderMap {
        let pair = set.split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("other=1; {pair}")).unwrap())])
    }

    #[test]
    fn a_cookie_is_for_the_server_alone_and_travels_encrypted_where_pages_do() {
        let until = noon() + TimeDelta::hours(12);
        let set = session(&key(1), &here("https://rundown.example.com"), NAME, until, noon());
        assert!(set.starts_with("__Host-rundown="), "{set}");
        assert!(set.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=43200; Secure"), "{set}");
        let plain = session(&key(1), &here("http://rundown.example.com"), NAME, until, noon());
        assert!(plain.starts_with("rundown=") && plain.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=43200"));
    }

    #[test]
    fn a_session_comes_back_unless_it_is_forged_stretched_or_over() {
        let (here, until) = (here("https://rundown.example.com"), noon() + TimeDelta::hours(12));
        let set = session(&key(1), &here, NAME, until, noon());
        let named = |key: &Key, headers: &HeaderMap, now| session_of(key, &here, headers, now);
        assert_eq!(named(&key(1), &back(&set), noon()).as_deref(), Some(NAME));
        assert_eq!(named(&key(2), &back(&set), noon()), None, "another key");
        assert_eq!(named(&key(1), &back(&set), until), None, "over");
        let stretched = set.replace(&until.timestamp().to_string(), &(until.timestamp() + 9).to_string());
        assert_eq!(named(&key(1), &back(&stretched), noon()), None);
        let another = set.replace(NAME, &NAME.replace('0', "1"));
        assert_eq!(named(&key(1), &back(&another), noon()), None);
        for foreign in ["", ".", "..", "a.b.c", "__Host-rundown=.9."] {
            let headers = back(&format!("__Host-rundown={foreign}"));
            assert_eq!(named(&key(1), &headers, noon()), None, "{foreign}");
        }
    }

    #[test]
    fn what_was_said_is_for_that_session_and_nobody_else_puts_words_there() {
        let here = here("https://rundown.example.com");
        let told = Said { done: true, text: "Ana approved it: \"ok\"; <b>\r\nSet-Cookie: x=y".to_owned() };
        let set = said(&key(1), &here, NAME, &told, noon());
        assert!(!set.contains(['\r', '\n', '<', '"']), "{set}");
        let shown = said_of(&key(1), &here, NAME, &back(&set), noon()).unwrap();
        assert!(shown.done && shown.text.starts_with("Ana approved it") && !shown.text.contains('\n'));
        assert_eq!(said_of(&key(1), &here, "another", &back(&set), noon()), None);
        assert_eq!(said_of(&key(1), &here, NAME, &back(&set), noon() + KEPT), None);
        assert_eq!(said_of(&key(2), &here, NAME, &back(&set), noon()), None);
    }
}
