//! What people said in the thread becomes part of the record: from a message's menu, or by mentioning the bot.
//!
//! Lives here: quoting, with author, original time and a link back; that nothing is taken twice. Never lives here: what a note or
//! an action item is (`bot`).

use serenity::all::{CommandType, CreateCommand, Message};

use super::answer::{Reply, answer};
use super::thread::House;
use crate::base::event::{IncidentId, Instant};
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::grammar::{Action, ActionAbout, Command, Evidence, Note};
use crate::domain::incident::event::Event;
use crate::domain::people::Identity;
use crate::domain::timeline::Fact;

/// The names of the menus on a message.
const TIMELINE: &str = "Add to timeline";
const EVIDENCE: &str = "Add as evidence";
const ACTION: &str = "Make an action item";
/// The longest quote that is kept, in characters.
const QUOTE: usize = 1_500;

/// The menus as Discord takes them.
#[must_use]
pub fn definitions() -> Vec<CreateCommand> {
    [TIMELINE, EVIDENCE, ACTION]
        .into_iter()
        .map(|name| CreateCommand::new(name).kind(CommandType::Message).dm_permission(false))
        .collect()
}

/// Takes a message into the record, as the menu of that name says.
pub(super) async fn take(
    house: &House<'_>,
    who: &Identity,
    incident: &IncidentId,
    menu: &str,
    message: &Message,
) -> Result<Reply, Fault> {
    let bot = house.bot;
    let link = link(house, message);
    if let Some(number) = taken(house, incident, &link).await? {
        return Err(Fault::Usage(format!("that message is in the record already: #{number}")));
    }
    let author = one_line(message.author.global_name.as_deref().unwrap_or(&message.author.name), 60);
    let text = quoted(message);
    if text.is_empty() {
        return Err(Fault::Usage("that message has neither text nor attachments".to_owned()));
    }
    let at = Some(at(message).to_rfc3339());
    let incident = Some(incident.clone());
    let said = match menu {
        TIMELINE => Command::Note(Note { text: vec![format!("{author} said: \"{text}\" ({link})")], incident, at }),
        EVIDENCE => Command::Evidence(Evidence {
            checked: vec![format!("what {author} wrote")],
            found: format!("\"{text}\""),
            implies: None,
            hypothesis: None,
            link: Some(link),
            corrects: None,
            incident,
            at,
        }),
        ACTION => {
            let about = ActionAbout { link: Some(link), ..ActionAbout::default() };
            Command::Action(Action::Add { text: vec![text], about, incident })
        }
        other => {
            return Err(Fault::Usage(format!("this version does not know the menu '{}'", one_line(other, 60))));
        }
    };
    answer(bot, &house.fleet, who, said).await
}

/// `@Rundown restarted the backend`: a note, at the time it was written.
pub(super) async fn mention(
    house: &House<'_>,
    who: &Identity,
    incident: &IncidentId,
    message: &Message,
) -> Result<Reply, Fault> {
    let (plain, nick) = (format!("<@{}>", house.me), format!("<@!{}>", house.me));
    let text = one_line(&message.content.replace(&plain, " ").replace(&nick, " "), QUOTE);
    if text.is_empty() {
        return Err(Fault::Usage("there is nothing to write down: say what happened behind the mention".to_owned()));
    }
    let note = Note { text: vec![text], incident: Some(incident.clone()), at: Some(at(message).to_rfc3339()) };
    answer(house.bot, &house.fleet, who, Command::Note(note)).await
}

fn at(message: &Message) -> Instant {
    chrono::DateTime::from_timestamp_millis(message.timestamp.timestamp_millis()).unwrap_or_default()
}

fn link(house: &House<'_>, message: &Message) -> String {
    format!("https://discord.com/channels/{}/{}/{}", house.settings.guild, message.channel_id, message.id)
}

/// A message's words and what hangs on it.
fn quoted(message: &Message) -> String {
    let files: Vec<String> = message.attachments.iter().map(|file| one_line(&file.filename, 80)).collect();
    let text = one_line(&message.content, QUOTE);
    match (text.is_empty(), files.is_empty()) {
        (_, true) => text,
        (true, false) => format!("[{}]", files.join(", ")),
        (false, false) => format!("{text} [{}]", files.join(", ")),
    }
}

/// The event that already carries a message, if one does.
async fn taken(house: &House<'_>, incident: &IncidentId, link: &str) -> Result<Option<u64>, Fault> {
    let facts = house.bot.facts(incident).await?;
    let carries = |fact: &Fact| match fact {
        Fact::Incident(_, Event::Noted(note)) => note.text.contains(link),
        Fact::Incident(_, Event::EvidenceFound(found)) => found.url.as_deref() == Some(link),
        Fact::Incident(_, Event::ActionStated(stated)) => stated.url.as_deref() == Some(link),
        _ => false,
    };
    Ok(facts.iter().find(|recorded| carries(&recorded.event)).map(|recorded| recorded.pos))
}
