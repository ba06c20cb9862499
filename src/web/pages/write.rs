//! How pages write what many of them show: times, states, persons, forms for what can be pressed.
//!
//! Lives here: small pieces of HTML, each for one thing. Everything from outside is escaped by the template engine: no page passes text
//! on as HTML, only what another part of the same page was made of.

use chrono::SecondsFormat;
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::bot::offers::{First, Offer, Weight};
use crate::view::time;

/// For whom something is written, and when.
#[derive(Clone, Copy, Debug)]
pub struct Pen<'a> {
    /// The zone of its times.
    pub zone: Tz,
    /// The present.
    pub now: Instant,
    /// What a form of this reader carries to show that it came from their page. Empty in what several readers share: their own pages
    /// fill it in.
    pub csrf: &'a str,
    /// The page that a form leads back to.
    pub back: &'a str,
}

impl Pen<'_> {
    /// `08:14:05`; with the day where it is not today's.
    #[must_use]
    pub fn at(&self, at: Instant) -> Markup {
        let today = time::day(at, self.zone) == time::day(self.now, self.zone);
        let shown = if today { time::clock(at, self.zone) } else { time::moment(at, self.zone) };
        html! { time datetime=(iso(at)) title=(time::zone_label(at, self.zone)) { (shown) } }
    }

    /// `08:29:00, in 14 min`, which goes on counting where scripts run.
    #[must_use]
    pub fn due(&self, at: Instant) -> Markup {
        html! { time datetime=(iso(at)) data-due=(at.timestamp_millis()) { (time::due(at, self.now, self.zone)) } }
    }

    /// How long ago something began: `3 min 5 s`, which goes on counting where scripts run.
    #[must_use]
    pub fn since(&self, at: Instant) -> Markup {
        let length = time::length(time::rounded((self.now - at).max(chrono::TimeDelta::zero())));
        html! { time datetime=(iso(at)) data-since=(at.timestamp_millis()) { (length) } }
    }

    /// What can be pressed: a button, or where more is wanted (a reason, a value, a second look) what opens to ask for it. Works without
    /// a script.
    #[must_use]
    pub fn offer(&self, offer: &Offer, confirmed: &str) -> Markup {
        let id = offer.id().to_string();
        let weight = match offer.weight {
            Weight::Main => Some("main"),
            Weight::Plain => None,
            Weight::Grave => Some("grave"),
        };
        let label = one_line(&offer.label, 80);
        let field = format!("text-{id}");
        let form = |inside: Markup| {
            html! {
                form method="post" action="/act" {
                    input type="hidden" name="csrf" value=(self.csrf);
                    input type="hidden" name="offer" value=(id);
                    input type="hidden" name="back" value=(self.back);
                    (inside)
                }
            }
        };
        let asks = |what: &str, needed: bool| {
            html! {
                details id={ "offer-" (id) } {
                    summary class="button" { (label) "…" }
                    (form(html! {
                        label for=(field) { (what) }
                        textarea id=(field) name="text" required[needed] maxlength="2000" {}
                        button class=[weight] { (label) }
                    }))
                }
            }
        };
        match offer.first {
            First::Do => form(html! { button class=[weight] { (label) } }),
            First::Confirm => html! {
                details id={ "offer-" (id) } {
                    summary class=[weight.map(|weight| format!("button {weight}"))] { (label) "…" }
                    (form(html! {
                        input type="hidden" name="confirmed" value="1";
                        p { (confirmed) }
                        button class=[weight] { (label) ", yes" }
                    }))
                }
            },
            First::Reason => asks("Why? It goes on record.", true),
            First::Remark => asks("Why? (may be left empty)", false),
            First::Value => asks("Your answer", true),
            First::Note => asks("What is there to say?", true),
        }
    }
}

/// As machines read it: `2026-02-02T11:00:00.000Z`.
#[must_use]
pub fn iso(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// How something stands. Each has a sign and a word: no colour carries meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// Waits for a person.
    Wait,
    /// Goes on.
    Live,
    /// At rest.
    Idle,
}

impl Tone {
    /// The class of its colour.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Wait => "wait",
            Self::Live => "live",
            Self::Idle => "idle",
        }
    }

    /// Its sign.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warn => "!",
            Self::Bad => "✗",
            Self::Wait => "?",
            Self::Live => "▸",
            Self::Idle => "·",
        }
    }
}

/// `✓ resolved`.
#[must_use]
pub fn badge(tone: Tone, words: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { span aria-hidden="true" { (tone.sign()) " " } (words) } }
}
