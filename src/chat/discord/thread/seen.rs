//! What a thread shows already, read from Discord itself.
//!
//! Lives here: finding the card and the questions that were asked, in a thread that somebody else may have written to. Pure but
//! for the reading. Never lives here: what is done about what is missing (`thread`).

use std::collections::{BTreeMap, BTreeSet};

use serenity::all::{
    ActionRow, ActionRowComponent, ButtonKind, ChannelId, GetMessages, Http, Message, MessageId, UserId,
};

use super::trouble::Trouble;
use crate::bot::offers::{About, OfferId};
use crate::chat::discord::told::Asked;

/// Messages read at a time (Discord's limit), and how often, until the card is found.
const PAGE: u8 = 100;
const PAGES: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub struct Seen {
    /// The newest card of ours, with the event it stood at.
    pub card: Option<(MessageId, u64)>,
    /// Messages below it.
    pub below: BTreeSet<MessageId>,
    /// Questions that stand there with their buttons, and their texts.
    pub asked: BTreeMap<Asked, (MessageId, String)>,
    /// Whether there is anything at all.
    pub empty: bool,
}

/// Reads a thread, from its end back to the card.
///
/// # Errors
/// Discord cannot be asked.
pub async fn see(http: &Http, thread: ChannelId, me: UserId) -> Result<Seen, Trouble> {
    let mut seen = Seen { empty: true, ..Seen::default() };
    let mut before = None;
    for _ in 0..PAGES {
        let page = GetMessages::new().limit(PAGE);
        let page = before.map_or(page, |before| page.before(before));
        let messages = thread.messages(http, page).await?;
        seen.empty &= messages.is_empty();
        before = messages.last().map(|message| message.id);
        for message in &messages {
            seen.take(message, me);
        }
        if seen.card.is_some() || messages.len() < usize::from(PAGE) {
            break;
        }
    }
    Ok(seen)
}

/// Whether a message of ours is still there; it is, as long as nobody says that it is not.
///
/// # Errors
/// Discord cannot be asked.
pub async fn is_there(http: &Http, thread: ChannelId, message: MessageId) -> Result<bool, Trouble> {
    match thread.message(http, message).await.map_err(Trouble::from) {
        Ok(_) | Err(Trouble::Refused(_)) => Ok(true),
        Err(Trouble::NoMessage) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

impl Seen {
    /// Messages come newest first.
    fn take(&mut self, message: &Message, me: UserId) {
        let ours = message.author.id == me;
        if ours
            && self.card.is_none()
            && let Some(at) = position(message)
        {
            self.card = Some((message.id, at));
            return;
        }
        if self.card.is_none() {
            self.below.insert(message.id);
        }
        if ours
            && position(message).is_none()
            && let Some(asked) = asked(message)
        {
            self.asked.entry(asked).or_insert_with(|| (message.id, message.content.clone()));
        }
    }
}

/// The event at which a card of ours stood, by its footer.
fn position(message: &Message) -> Option<u64> {
    let footer = message.embeds.first()?.footer.as_ref()?;
    footer.text.strip_prefix("journal ")?.split(':').next()?.parse().ok()
}

/// The question that a message asks, by its first button or case.
fn asked(message: &Message) -> Option<Asked> {
    let first = message.components.first().and_then(|row: &ActionRow| row.components.first())?;
    let id = match first {
        ActionRowComponent::Button(button) => match &button.data {
            ButtonKind::NonLink { custom_id, .. } => custom_id,
            _ => return None,
        },
        ActionRowComponent::SelectMenu(menu) => menu.custom_id.as_deref()?.strip_prefix("menu.")?,
        _ => return None,
    };
    let id = OfferId::parse(id)?;
    matches!(id.about, About::Run(_)).then(|| Asked::by(&id))
}
