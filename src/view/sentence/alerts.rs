//! Alerts in sentences: what fires, what is resolved at its source, what that means for the incident.

use super::{because, quote};
use crate::base::text::one_line;
use crate::domain::alert::event::{Event, Led, Then};
use crate::domain::alert::named;

/// The longest description and address in a sentence, in characters; the record has all of it.
const DESCRIPTION: usize = 160;
const LINK: usize = 160;

pub(super) fn sentence(event: &Event) -> String {
    match event {
        Event::Fired(fired) => {
            let severity = fired.severity.map_or_else(String::new, |severity| format!(", {severity}"));
            let (also, more) = match fired.led {
                Led::Joined { more: 0 } => ("also ", String::new()),
                Led::Joined { more } => ("also ", format!(", and {more} more")),
                Led::Declared | Led::With => ("", String::new()),
            };
            let told = format!("{also}from {}: {}{severity}{more}", quote(&named(&fired.source)), quote(&fired.title));
            let described = fired.details.get("description").map(|text| one_line(text, DESCRIPTION));
            let described =
                described.filter(|text| *text != fired.title).map_or_else(String::new, |text| format!("; {text}"));
            // Half an address leads nowhere.
            let link = fired.link.as_ref().filter(|link| link.chars().count() <= LINK);
            let link = link.map_or_else(String::new, |link| format!(" · {}", one_line(link, LINK)));
            format!("{told}{described}{link}")
        }
        Event::Resolved(resolved) => {
            let over = format!("{} says it is over{}", quote(&named(&resolved.source)), because(Some(&resolved.title)));
            match resolved.then {
                Then::OthersFire => format!("{over}; other alerts that led here still fire"),
                Then::PersonDecides => {
                    format!("{over}. Every alert that led here is resolved: resolve the incident when you are sure")
                }
                Then::IncidentResolved => format!("{over}; it was the last alert that led here"),
                Then::WasOver => over,
            }
        }
    }
}
