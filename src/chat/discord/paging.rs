//! Pages in Discord: a message that mentions who is called, and one to each of them alone, with buttons.
//!
//! A call may have to be sent twice, because nobody knows what became of the first try: a nonce tells Discord that it is the same
//! message for some minutes, and after a restart the last messages of the place are read for its buttons. Lives here: both messages,
//! their later edits. Never lives here: who is called when (`domain/page`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use serenity::all::{
    ChannelId, CreateActionRow, CreateAllowedMentions, CreateMessage, EditMessage, GetMessages, Http, Message,
    MessageId, Nonce, UserId,
};
use tokio::sync::watch;

use super::answer::Reply;
use super::card::{Row, components, relative};
use super::settings::Settings;
use super::text::markdown;
use super::thread::trouble::Trouble;
use crate::base::event::{IncidentId, Instant, Person};
use crate::bot::Bot;
use crate::bot::offers::{hash, of_page};
use crate::bot::paging::{Carrier, Paged};
use crate::domain::page::decide::Outcome;
use crate::domain::page::event::{Called, Cause, Place, Route, Task};
use crate::domain::page::state::{Phase, Sent, State};
use crate::domain::page::work::Errand;
use crate::view::pages;

/// The threads of incidents, as the door knows them.
pub type Threads = watch::Receiver<BTreeMap<IncidentId, ChannelId>>;

/// How long a call waits for the thread of its incident.
const MAKING: TimeDelta = TimeDelta::seconds(5);
/// How many of the last messages of a place are read for a call that may have been sent before.
const LOOK_BACK: u8 = 50;

/// Carries pages into Discord.
pub struct Discord<'a> {
    bot: &'a Bot,
    http: Arc<Http>,
    settings: &'a Settings,
    threads: Threads,
    /// What was written down earlier may have been sent by a process before this one.
    since: Instant,
    /// What this process sent, by the nonce: not sent again while it lives.
    sent: Mutex<BTreeMap<String, (ChannelId, MessageId)>>,
}

/// One message of a call.
struct Sending<'s> {
    place: ChannelId,
    text: &'s str,
    mentions: Vec<UserId>,
    row: CreateActionRow,
    nonce: String,
    /// What stands in it and in no other, by which it is found again.
    mark: String,
}

impl<'a> Discord<'a> {
    /// A way into the server that `settings` name.
    #[must_use]
    pub fn new(bot: &'a Bot, settings: &'a Settings, threads: Threads) -> Self {
        let since = bot.clock().now();
        Self { bot, http: Arc::new((settings.http)()), settings, threads, since, sent: Mutex::default() }
    }

    /// Where a page is posted: its incident's thread, which may be in the making, or the channel.
    async fn place(&self, page: &State) -> ChannelId {
        let Some(incident) = &page.opened.incident else { return self.settings.channel };
        let (mut threads, clock) = (self.threads.clone(), self.bot.clock());
        let there = threads.wait_for(|threads| threads.contains_key(incident));
        match futures::future::select(std::pin::pin!(there), clock.sleep_until(clock.now() + MAKING)).await {
            Either::Left((Ok(threads), _)) => threads.get(incident).copied().unwrap_or(self.settings.channel),
            _ => self.settings.channel,
        }
    }

    async fn call(&self, page: &State, call: &Called) -> Outcome {
        let accounts: Vec<(Person, Option<UserId>)> = {
            let account = |person: &Person| {
                let id = self.bot.account_of(person, super::DOOR)?;
                id.parse().ok().filter(|id| *id > 0).map(UserId::new)
            };
            call.persons.iter().map(|person| (person.clone(), account(person))).collect()
        };
        match self.post(page, call, &accounts).await {
            Ok((receipts, remarks)) => Outcome::Delivered {
                receipt: Some(receipts.iter().map(|(place, id)| format!("{place}/{id}")).collect::<Vec<_>>().join(" ")),
                remark: Some(remarks.join("; ")).filter(|remark| !remark.is_empty()),
            },
            Err(trouble) => failed(&trouble),
        }
    }

    async fn post(
        &self,
        page: &State,
        call: &Called,
        accounts: &[(Person, Option<UserId>)],
    ) -> Result<(Vec<(ChannelId, MessageId)>, Vec<String>), Trouble> {
        let (mut receipts, mut remarks) = (Vec::new(), Vec::new());
        let row = components(&Row::Buttons(of_page(page)));
        let mark = mark(page, call);
        let nonce = |to: &str| hash(&format!("{} {} {} {to}", page.id, page.opened_at, call.number));
        let names: Vec<String> = accounts
            .iter()
            .map(|(person, id)| id.map_or_else(|| markdown(person.name(), 40), |id| format!("<@{id}>")))
            .collect();
        let thread = self.place(page).await;
        let all = Sending {
            place: thread,
            text: &format!("📟 {}\n{}", names.join(" "), told(page, call)),
            mentions: accounts.iter().filter_map(|(_, id)| *id).collect(),
            row: row.clone(),
            nonce: nonce("all"),
            mark: mark.clone(),
        };
        // Where nothing can be said there, each of them is told alone all the same.
        let kept_out = match self.send_once(page, all).await {
            Ok(receipt) => {
                receipts.push(receipt);
                None
            }
            Err(trouble @ (Trouble::Passing(_) | Trouble::Ours(_))) => return Err(trouble),
            Err(trouble) => {
                remarks.push(format!("no message in the channel: {}", why(&trouble)));
                Some(trouble)
            }
        };
        let alone = format!("📟 {}\n-# <#{thread}>", told(page, call));
        for (person, account) in accounts {
            let Some(user) = account else {
                remarks.push(format!("people.yaml has no Discord account for {person}"));
                continue;
            };
            let sent = async {
                let place = user.create_dm_channel(&self.http).await?.id;
                let (row, nonce, mark) = (row.clone(), nonce(person.name()), mark.clone());
                self.send_once(page, Sending { place, text: &alone, mentions: Vec::new(), row, nonce, mark }).await
            };
            match sent.await {
                Ok(receipt) => receipts.push(receipt),
                // They may not want messages from people of this server: the mention reached them all the same.
                Err(Trouble::Refused(said) | Trouble::Malformed(said)) => {
                    remarks.push(format!("no direct message to {person}: {said}"));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        match kept_out {
            Some(trouble) if receipts.is_empty() => Err(trouble),
            _ => Ok((receipts, remarks)),
        }
    }

    /// Sends a message that may have been sent before, by this process or by the one before it.
    async fn send_once(&self, page: &State, sending: Sending<'_>) -> Result<(ChannelId, MessageId), Trouble> {
        if let Some(sent) = self.known(&sending.nonce) {
            return Ok(sent);
        }
        let place = sending.place;
        let before = match page.called_at < self.since {
            true => self.find(place, &sending.mark).await?,
            false => None,
        };
        let message = match before {
            Some(message) => message,
            None => {
                let message = CreateMessage::new()
                    .content(sending.text)
                    .allowed_mentions(CreateAllowedMentions::new().users(sending.mentions))
                    .components(vec![sending.row])
                    .nonce(Nonce::String(sending.nonce.clone()))
                    .enforce_nonce(true);
                place.send_message(&self.http, message).await?.id
            }
        };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(sending.nonce, (place, message));
        Ok((place, message))
    }

    fn known(&self, nonce: &str) -> Option<(ChannelId, MessageId)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(nonce).copied()
    }

    /// The message with that mark, which no person can have written by chance, among the last ones there.
    async fn find(&self, place: ChannelId, mark: &str) -> Result<Option<MessageId>, Trouble> {
        let last = place.messages(&self.http, GetMessages::new().limit(LOOK_BACK)).await?;
        let ours = |message: &&Message| message.author.bot && message.content.contains(mark);
        Ok(last.iter().find(ours).map(|message| message.id))
    }

    /// Takes the buttons away, and says who has it.
    async fn close(&self, page: &State) -> Outcome {
        let text = closed(page);
        for (place, id) in receipts(page) {
            let edit =
                EditMessage::new().content(&text).components(Vec::new()).allowed_mentions(CreateAllowedMentions::new());
            match place.edit_message(&self.http, id, edit).await.map_err(Trouble::from) {
                Ok(_)
                | Err(
                    Trouble::NoMessage
                    | Trouble::NoChannel
                    | Trouble::Archived
                    | Trouble::Refused(_)
                    | Trouble::Malformed(_),
                ) => {}
                Err(trouble) => return failed(&trouble),
            }
        }
        Outcome::Delivered { receipt: None, remark: None }
    }
}

impl Carrier for Discord<'_> {
    fn route(&self) -> Route {
        Route::Discord
    }

    fn carry<'c>(&'c self, page: &'c State, errand: &'c Errand) -> BoxFuture<'c, Outcome> {
        async move {
            match (errand.task, &errand.call) {
                (Task::Call(_), Some(call)) => self.call(page, call).await,
                _ => self.close(page).await,
            }
        }
        .boxed()
    }
}

fn failed(trouble: &Trouble) -> Outcome {
    // A thread is made anew, a permission given back; what Discord does not take as it stands it never takes.
    let again = !matches!(trouble, Trouble::NoMessage | Trouble::Malformed(_));
    Outcome::Failed { why: why(trouble), again }
}

fn why(trouble: &Trouble) -> String {
    match trouble {
        Trouble::NoMessage => "the message is gone".to_owned(),
        Trouble::NoChannel => "the thread is gone".to_owned(),
        Trouble::Archived => "the thread was put away".to_owned(),
        Trouble::Refused(said) | Trouble::Malformed(said) | Trouble::Passing(said) => said.clone(),
        Trouble::Ours(fault) => fault.to_string(),
    }
}

/// By what a message of this call is known again.
fn mark(page: &State, call: &Called) -> String {
    format!("-# {} · call {} ·", page.id, call.number)
}

/// Where calls of this page stand.
fn receipts(page: &State) -> BTreeSet<(ChannelId, MessageId)> {
    let calls = page.sent.iter().filter(|((task, route), _)| *route == Route::Discord && matches!(task, Task::Call(_)));
    let texts = calls.filter_map(|(_, sent)| match sent {
        Sent::Delivered { receipt } => receipt.as_deref(),
        Sent::Failed { .. } => None,
    });
    let pair = |text: &str| {
        let (place, id) = text.split_once('/')?;
        let number = |text: &str| text.parse().ok().filter(|id| *id > 0);
        Some((ChannelId::new(number(place)?), MessageId::new(number(id)?)))
    };
    texts.flat_map(|text| text.split(' ').filter_map(pair)).collect()
}

/// What a call says to whoever is called.
fn told(page: &State, call: &Called) -> String {
    let opened = &page.opened;
    let severity = opened.severity.map_or_else(String::new, |severity| format!("**{severity}** "));
    let subject = markdown(&opened.subject, 200);
    let what = match &opened.cause {
        Cause::Drill { by } => {
            format!("**This is a drill**, by {}. Press a button, so that it is seen to work.", markdown(by.name(), 40))
        }
        Cause::Person { by } => format!("{severity}**{subject}**\n{} needs somebody.", markdown(by.name(), 40)),
        Cause::Unanswered { .. } => format!("{severity}**{subject}**\nA run waits for an answer."),
        Cause::Incident | Cause::Alert { .. } => format!("{severity}**{subject}**"),
    };
    let incident = opened.incident.as_ref().map_or_else(String::new, |incident| format!(" · {incident}"));
    let place = match call.place {
        Place::Rung { .. } if call.number == 1 => "",
        Place::Rung { .. } => " · nobody has answered yet",
        Place::Finally { .. } => " · nobody has answered; you are the last resort",
    };
    format!("{what}\n{} the next one is called {}{place}{incident}", mark(page, call), relative(call.until))
}

/// What the same message says when it is settled.
fn closed(page: &State) -> String {
    let subject = markdown(&page.opened.subject, 200);
    let how = match &page.phase {
        Phase::Acknowledged { by, .. } => format!("✅ {} has it", markdown(by.name(), 40)),
        Phase::Ended { answered: Some(by) } => format!("✅ {} had it; it is over", markdown(by.name(), 40)),
        _ => "it is over: nobody is needed any more".to_owned(),
    };
    let drill = if page.is_drill() { " (a drill)" } else { "" };
    format!("📟 **{subject}**{drill}\n{how}\n-# {}", page.id)
}

/// The answer to a command about pages.
#[must_use]
pub fn answered(paged: &Paged, now: Instant) -> Reply {
    let (Paged::List { zone, .. } | Paged::Told { zone, .. }) = paged;
    let line = |page: &State| {
        let standing = markdown(&pages::standing(page, now, *zone), 300);
        format!("**{}**\n-# {standing}", markdown(&pages::headline(page), 200))
    };
    let lines = match paged {
        Paged::List { pages, .. } => pages.iter().map(line).collect(),
        Paged::Told { page, .. } => vec![line(page)],
    };
    Reply { text: if lines.is_empty() { "nobody is called".to_owned() } else { lines.join("\n") }, ..Reply::default() }
}
