//! Digests in Discord: a message with its picture, short enough for a telephone, and all of it as a file where it is cut.
//!
//! A digest may have to be sent twice, because nobody knows what became of the first try: a nonce tells Discord that it is the same
//! message for some minutes, and on every later try the last messages of the channel are read for its last line. Lives here: the
//! message and sending it. Never lives here: what a digest says (`view::digest`), when it is due (`domain/digest`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serenity::all::{
    ChannelId, CreateAllowedMentions, CreateAttachment, CreateMessage, GetMessages, Http, Message, MessageId, Nonce,
};

use super::answer::{MESSAGE, Reply};
use super::settings::Settings;
use super::text::{cut, markdown, units};
use super::thread::trouble::Trouble;
use crate::base::event::Instant;
use crate::bot::charts::Pictured;
use crate::bot::digest::{Due, Posted, Poster, Schedule};
use crate::bot::offers::hash;
use crate::bot::{Bot, Fault};
use crate::domain::digest::model::Digest;
use crate::view::digest::{Section, about, page, quiet, sections, title};

/// The longest line of a message, in characters before escaping.
const LINE: usize = 220;
/// How many of the last messages of a channel are read for a digest that may have been sent before.
const LOOK_BACK: u8 = 100;

/// The answer to `digest …`.
pub(super) async fn answer(bot: &Bot, name: Option<&str>) -> Result<Reply, Fault> {
    let digest = bot.digest(name).await?;
    let (text, whole) = message(&digest, "");
    let picture = pictured(&digest);
    let alt = picture.as_ref().map(|picture| picture.words.clone()).unwrap_or_default();
    let mut files: Vec<(String, Vec<u8>)> =
        picture.map(|picture| ("digest.png".to_owned(), picture.png)).into_iter().collect();
    files.extend(whole.map(|page| ("digest.md".to_owned(), page.into_bytes())));
    Ok(Reply { text, files, alt, ..Reply::default() })
}

/// The picture; a digest without it is worth more than none.
fn pictured(digest: &Digest) -> Option<Pictured> {
    crate::bot::digest::picture(digest).unwrap_or_else(|fault| {
        tracing::warn!(%fault, "the picture of a digest cannot be drawn");
        None
    })
}

/// A digest as one message with this last line, and as a page where not all of it fits.
#[must_use]
pub fn message(digest: &Digest, last: &str) -> (String, Option<String>) {
    let limit = MESSAGE - units(last) - 40;
    let sections = sections(digest);
    // A line of every part, then another one of every part that still fits.
    let mut shown = vec![0; sections.len()];
    let mut grown = true;
    while grown {
        grown = false;
        for (at, section) in sections.iter().enumerate() {
            if shown[at] < section.lines.len() {
                shown[at] += 1;
                let fits = units(&composed(digest, &sections, &shown)) <= limit;
                if fits { grown = true } else { shown[at] -= 1 }
            }
        }
    }
    let whole = sections.iter().zip(&shown).all(|(section, shown)| section.lines.len() == *shown);
    let mut text = cut(&composed(digest, &sections, &shown), limit);
    if !whole {
        text.push_str("\n-# all of it is attached");
    }
    if !last.is_empty() {
        text.push_str(&format!("\n{last}"));
    }
    (text, (!whole).then(|| page(digest)))
}

/// The message with that many lines of each part.
fn composed(digest: &Digest, sections: &[Section], shown: &[usize]) -> String {
    let mut lines = vec![format!("🗞️ **{}**", markdown(&title(digest), 120))];
    lines.extend(about(digest).iter().map(|line| format!("-# {}", markdown(line, LINE))));
    lines.extend(quiet(digest).map(|quiet| markdown(&quiet, 600)));
    for (section, shown) in sections.iter().zip(shown) {
        lines.push(format!("{} **{}**", section.mark, markdown(&section.title, 120)));
        for line in section.lines.iter().take(*shown) {
            let lead = if line.lead.is_empty() { String::new() } else { format!("**{}** ", markdown(&line.lead, 60)) };
            lines.push(format!("• {lead}{}", markdown(&line.text, LINE)));
        }
        let more = section.lines.len() - *shown;
        if more > 0 {
            let word = if *shown == 0 { "" } else { " more" };
            lines.push(format!("-# and {more}{word}"));
        }
    }
    lines.join("\n")
}

/// Sends digests into Discord.
pub struct Digests<'a> {
    http: Arc<Http>,
    settings: &'a Settings,
    channels: &'a BTreeMap<String, ChannelId>,
    /// What was written down earlier may have been sent by a process before this one.
    since: Instant,
    /// What this process tried.
    tried: Mutex<BTreeSet<String>>,
}

impl<'a> Digests<'a> {
    /// A way into the server that `settings` name; `channels` by the digest's name, where it is another than that of incidents.
    #[must_use]
    pub fn new(bot: &'a Bot, settings: &'a Settings, channels: &'a BTreeMap<String, ChannelId>) -> Self {
        let since = bot.clock().now();
        Self { http: Arc::new((settings.http)()), settings, channels, since, tried: Mutex::default() }
    }

    async fn send(&self, schedule: &Schedule, due: &Due, digest: &Digest) -> Result<(ChannelId, MessageId), Trouble> {
        let place = self.channels.get(&schedule.name).copied().unwrap_or(self.settings.channel);
        let mark = mark(schedule, due);
        let first = self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(mark.clone());
        let may_be_there = !first || due.until < self.since;
        if may_be_there && let Some(before) = self.find(place, &mark).await? {
            return Ok((place, before));
        }
        let (text, whole) = message(digest, &mark);
        let picture = pictured(digest)
            .map(|picture| CreateAttachment::bytes(picture.png, "digest.png").description(picture.words));
        let whole = whole.map(|page| CreateAttachment::bytes(page.into_bytes(), "digest.md"));
        let message = CreateMessage::new()
            .content(text)
            .allowed_mentions(CreateAllowedMentions::new())
            .add_files(picture.into_iter().chain(whole))
            .nonce(Nonce::String(hash(&mark)))
            .enforce_nonce(true);
        Ok((place, place.send_message(&self.http, message).await?.id))
    }

    /// The message with that last line, which no person can have written by chance, among the last ones there.
    async fn find(&self, place: ChannelId, mark: &str) -> Result<Option<MessageId>, Trouble> {
        let last = place.messages(&self.http, GetMessages::new().limit(LOOK_BACK)).await?;
        let ours = |message: &&Message| message.author.bot && message.content.ends_with(mark);
        Ok(last.iter().find(ours).map(|message| message.id))
    }
}

impl Poster for Digests<'_> {
    fn post<'p>(&'p self, schedule: &'p Schedule, due: &'p Due, digest: &'p Digest) -> BoxFuture<'p, Posted> {
        async move {
            match self.send(schedule, due, digest).await {
                Ok((place, id)) => Posted::Sent { receipt: Some(format!("{place}/{id}")) },
                Err(trouble) => failed(trouble),
            }
        }
        .boxed()
    }
}

fn failed(trouble: Trouble) -> Posted {
    let (why, again) = match trouble {
        Trouble::NoMessage => ("the message is gone".to_owned(), true),
        Trouble::NoChannel => ("there is no such channel".to_owned(), true),
        Trouble::Archived => ("the thread was put away".to_owned(), true),
        // Whoever runs the server may give the bot what it lacks.
        Trouble::Refused(said) | Trouble::Passing(said) => (said, true),
        Trouble::Malformed(said) => (said, false),
        Trouble::Ours(fault) => (fault.to_string(), true),
    };
    Posted::Failed { why, again }
}

/// By what the message of this digest is known again.
fn mark(schedule: &Schedule, due: &Due) -> String {
    format!("-# digest {} of <t:{}:f>", schedule.name, due.due.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::digest::tests::{bad, everything, quiet_one};

    const LAST: &str = "-# digest morning of <t:1774249200:f>";

    #[test]
    fn a_quiet_night_and_a_bad_one_fit_a_message() {
        let (calm, whole) = message(&quiet_one(), LAST);
        assert_eq!(whole, None);
        let (worse, whole) = message(&bad(), LAST);
        assert_eq!(whole, None, "nothing is left out");
        insta::assert_snapshot!(format!("{calm}\n\n{worse}"));
    }

    #[test]
    fn what_is_left_out_of_a_message_is_counted_and_attached() {
        let (text, whole) = message(&everything(), LAST);
        assert!(units(&text) <= MESSAGE, "{}", units(&text));
        assert!(text.ends_with(LAST), "by that it is found again");
        let whole = whole.expect("a page");
        assert!((1..=200).all(|number| whole.contains(&format!("service-{number:03}"))));
        insta::assert_snapshot!(text);
    }
}
