//! What is said in the channel itself: what concerns no incident.
//!
//! Lives here: which facts those are, and sending them. Never lives here: incidents (`thread`), pages (`paging`).

use chrono::TimeDelta;
use serenity::all::{CreateAllowedMentions, CreateMessage, Nonce};

use super::text::markdown;
use super::thread::House;
use super::thread::trouble::may_pass;
use crate::bot::fleet::Appended;
use crate::bot::offers::hash;
use crate::domain::monitor::event::Event as OfMonitor;
use crate::domain::timeline::Fact;
use crate::view::sentence::sentence;

/// How long is waited before something is said again that did not get through.
const AGAIN: [i64; 5] = [2, 5, 15, 60, 300];

/// What is to be said in the channel about a fact; nothing about most.
#[must_use]
pub fn announced(house: &House<'_>, appended: &Appended) -> Option<String> {
    // What belongs to an incident is told in its thread.
    let (None, Fact::Monitor(name, event)) = (&appended.incident, &appended.fact.event) else { return None };
    let mark = mark(event)?;
    let said = sentence(&appended.fact.event).filter(|_| house.bot.is_posted(name))?;
    Some(format!("{mark} {}", markdown(&said, 600)))
}

/// What stands in front of a change of a monitor; nothing where it is not worth a message.
#[must_use]
pub fn mark(event: &OfMonitor) -> Option<&'static str> {
    match event {
        OfMonitor::Failed(failed) if failed.silenced.is_none() => Some("🔴"),
        OfMonitor::Unsilenced(_) => Some("🔴"),
        OfMonitor::Degraded(_) | OfMonitor::Flapping(_) => Some("🟡"),
        OfMonitor::Recovered(_) | OfMonitor::Steady(_) => Some("🟢"),
        _ => None,
    }
}

/// Says it. What cannot be said within some minutes is not news any more.
pub async fn announce(house: &House<'_>, pos: u64, text: String) {
    let clock = house.bot.clock();
    for pause in AGAIN.iter().map(Some).chain([None]) {
        let message = CreateMessage::new()
            .content(&text)
            .allowed_mentions(CreateAllowedMentions::new())
            .nonce(Nonce::String(hash(&format!("announced {pos}"))))
            .enforce_nonce(true);
        match (house.settings.channel.send_message(&house.http, message).await, pause) {
            (Ok(_), _) => return,
            (Err(error), Some(pause)) if may_pass(&error) => {
                tracing::debug!(%error, "something is said again");
                clock.sleep_until(clock.now() + TimeDelta::seconds(*pause)).await;
            }
            (Err(error), _) => {
                tracing::warn!(%error, text, "this could not be said in the channel");
                return;
            }
        }
    }
}
