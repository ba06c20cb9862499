//! The thread of one incident: its card, kept up to date, and what is said in it.
//!
//! Lives here: when the card is edited, when it is posted anew, how a thread that was lost is found or made again. What a thread
//! already shows is read from Discord itself: the footer of the card names the event it stands at. Never lives here: what stands
//! on a card (`card`), what is worth a message (`told`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select_biased};
use serenity::all::{
    AutoArchiveDuration, ChannelId, ChannelType, CreateActionRow, CreateAllowedMentions, CreateAttachment,
    CreateMessage, CreateThread, EditMessage, EditThread, GetMessages, Http, Message, MessageId, UserId,
};
use serenity::http::{HttpError, StatusCode};
use tokio::sync::watch;

use super::card::{Card, Row, Scene, card};
use super::settings::Settings;
use super::told::{self, Asked, Note};
use crate::base::event::{IncidentId, Instant, Recorded, RunId};
use crate::base::text::one_line;
use crate::bot::fleet::Fleet;
use crate::bot::grammar::Incident as Verb;
use crate::bot::incidents::zone_of;
use crate::bot::{Bot, Fault};
use crate::domain::incident;
use crate::domain::run::event::Event;
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;

/// The card is edited at most this often.
const EDITS_APART: TimeDelta = TimeDelta::seconds(2);
/// After this many messages below it the card is posted anew, where it is seen.
const BURIED: usize = 12;
/// How long is waited after Discord did not do what it should, first and at most.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How long an answer waits for the thread it wants to point to.
const MAKING: TimeDelta = TimeDelta::seconds(3);
/// Open runs whose questions are asked in the thread. How many the card has room for is its own affair.
const RUNS: usize = 20;
/// Discord's error codes (its documentation, "Opcodes and Status Codes").
const UNKNOWN_CHANNEL: isize = 10_003;
const UNKNOWN_MESSAGE: isize = 10_008;
const ARCHIVED: isize = 50_083;

/// Something that concerns one incident's thread.
#[derive(Clone, Debug)]
pub enum Nudge {
    /// Something was recorded about the incident, or about what its runs act on.
    Recorded(Box<Recorded<Fact>>),
    /// Messages went by in its thread.
    Passed(MessageId),
    /// The thread is gone.
    Gone,
    /// Discord is there again: look what it missed.
    Look,
}

/// What all threads share.
pub struct House<'a> {
    /// The bot.
    pub bot: &'a Bot,
    /// What it drives.
    pub fleet: Fleet,
    /// Discord.
    pub http: Arc<Http>,
    /// Where in Discord.
    pub settings: &'a Settings,
    /// The bot's own user.
    pub me: UserId,
    /// Where which incident is talked about.
    pub threads: watch::Sender<BTreeMap<IncidentId, ChannelId>>,
}

impl House<'_> {
    /// The incident that is talked about in a channel.
    #[must_use]
    pub fn incident_in(&self, channel: ChannelId) -> Option<IncidentId> {
        self.threads.borrow().iter().find(|(_, thread)| **thread == channel).map(|(incident, _)| incident.clone())
    }

    /// The thread of an incident; waits a moment for one that is being made.
    pub async fn thread_of(&self, incident: &IncidentId) -> Option<ChannelId> {
        let mut threads = self.threads.subscribe();
        let clock = self.bot.clock();
        let there = threads.wait_for(|threads| threads.contains_key(incident));
        match futures::future::select(std::pin::pin!(there), clock.sleep_until(clock.now() + MAKING)).await {
            futures::future::Either::Left((Ok(threads), _)) => threads.get(incident).copied(),
            _ => None,
        }
    }
}

/// One incident's thread, as far as it is known.
struct Room<'a> {
    house: &'a House<'a>,
    incident: IncidentId,
    thread: Option<ChannelId>,
    card: Option<(MessageId, Card)>,
    /// When the card was edited last.
    edited: Option<Instant>,
    /// Messages below the card.
    below: BTreeSet<MessageId>,
    /// What is asked and was announced: the message that did it.
    asked: BTreeMap<Asked, Option<MessageId>>,
    /// Messages that are still to be said, in order.
    notes: Vec<Note>,
    /// Values of watches, for sparklines.
    measured: BTreeMap<RunId, told::Measured>,
    /// Runs as they were loaded last, where they are not driven here.
    runs: BTreeMap<RunId, State>,
    wording: crate::view::sentence::Wording,
    /// The incident's last event that is known here.
    last: u64,
    /// Whether runbooks that fit were offered.
    proposed: bool,
}

/// What kept Discord from doing what it should.
enum Trouble {
    /// The message, thread or channel is not there any more: it is made anew.
    Lost,
    /// The thread was put away.
    Archived,
    /// It will not get better by asking again soon: permissions, for instance.
    Refused(String),
    /// Anything else.
    Passing(String),
    /// Not Discord's fault.
    Ours(Fault),
}

impl From<serenity::Error> for Trouble {
    fn from(error: serenity::Error) -> Self {
        let serenity::Error::Http(HttpError::UnsuccessfulRequest(response)) = &error else {
            return Self::Passing(error.to_string());
        };
        let said = format!("{} ({})", response.error.message, response.error.code);
        match response.error.code {
            UNKNOWN_CHANNEL | UNKNOWN_MESSAGE => Self::Lost,
            ARCHIVED => Self::Archived,
            _ if response.status_code == StatusCode::TOO_MANY_REQUESTS || response.status_code.is_server_error() => {
                Self::Passing(said)
            }
            _ => Self::Refused(said),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Ours(fault)
    }
}

/// Keeps the thread of one incident until nobody nudges it any more.
pub async fn keep(house: &House<'_>, incident: IncidentId, mut nudges: mpsc::UnboundedReceiver<Nudge>) {
    let clock = house.bot.clock().clone();
    let mut room = match Room::enter(house, incident.clone()).await {
        Ok(room) => room,
        Err(fault) => {
            tracing::error!(%incident, %fault, "the incident cannot be read: its thread is not kept");
            return;
        }
    };
    let mut pause = FIRST_PAUSE;
    // When to look without being nudged; while Discord does not do what it should, nudges do not hurry it either.
    let (mut due, mut patient) = (Some(clock.now()), false);
    loop {
        if !room.listen(&mut nudges, due, patient).await {
            return;
        }
        match room.show().await {
            Ok(later) => (due, patient, pause) = (later, false, FIRST_PAUSE),
            Err(trouble) => {
                let (why, wait) = room.recover(trouble, pause).await;
                tracing::warn!(%incident, why, "the thread is not up to date");
                pause = (pause * 2).min(LONGEST_PAUSE);
                (due, patient) = (Some(clock.now() + wait), true);
            }
        }
    }
}

impl<'a> Room<'a> {
    async fn enter(house: &'a House<'a>, incident: IncidentId) -> Result<Self, Fault> {
        let state = house.bot.incident_state(&incident).await?;
        let mut room = Self {
            house,
            thread: linked(&state, house.settings),
            incident,
            card: None,
            edited: None,
            below: BTreeSet::new(),
            asked: BTreeMap::new(),
            notes: Vec::new(),
            measured: BTreeMap::new(),
            runs: BTreeMap::new(),
            wording: crate::view::sentence::Wording::new(zone_of(&state)),
            last: 0,
            proposed: false,
        };
        if let Some(thread) = room.thread {
            room.known(thread);
        }
        room.catch_up().await?;
        Ok(room)
    }

    fn known(&self, thread: ChannelId) {
        self.house.threads.send_modify(|threads| {
            threads.insert(self.incident.clone(), thread);
        });
    }

    /// Reads what the thread shows already, and what was recorded since then becomes one message.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        let seen = match self.thread {
            Some(thread) => self.last_card(thread).await,
            None => None,
        };
        let timeline = self.house.bot.facts(&self.incident).await?;
        let mut missed = Vec::new();
        for recorded in &timeline {
            let said = self.wording.tell(&recorded.event);
            self.measure(recorded);
            self.last = recorded.pos;
            if let (Some(seen), Some(said)) = (seen, said)
                && recorded.pos > seen
            {
                missed.push((recorded.clone(), said));
            }
        }
        if !missed.is_empty() {
            self.notes.extend(told::catch_up(&missed));
        }
        Ok(())
    }

    /// The newest card in the thread, and the event it stood at.
    async fn last_card(&mut self, thread: ChannelId) -> Option<u64> {
        let found = thread.messages(&self.house.http, GetMessages::new().limit(50)).await.ok()?;
        let mut below = BTreeSet::new();
        for message in found {
            if message.author.id == self.house.me
                && let Some(at) = position(&message)
            {
                self.below = below;
                // What it showed is not known in full: the first look edits it.
                self.card = Some((message.id, Card::unknown()));
                self.proposed = true;
                return Some(at);
            }
            below.insert(message.id);
        }
        None
    }

    fn heard(&mut self, nudge: Nudge) {
        match nudge {
            Nudge::Recorded(recorded) => {
                if recorded.pos <= self.last {
                    // It was there already when the thread was entered.
                    return;
                }
                self.last = recorded.pos;
                self.measure(&recorded);
                let said = self.wording.tell(&recorded.event);
                self.notes.extend(told::note(&recorded, said));
            }
            Nudge::Passed(message) => {
                if self.card.as_ref().is_none_or(|(card, _)| message > *card) {
                    self.below.insert(message);
                }
            }
            Nudge::Gone => (self.thread, self.card) = (None, None),
            Nudge::Look => {}
        }
    }

    fn measure(&mut self, recorded: &Recorded<Fact>) {
        if let Fact::Run(run, Event::WatchTallied(tallied)) = &recorded.event {
            self.measured.entry(run.clone()).or_default().add(tallied);
        }
    }

    /// Waits until there is something to do, and takes in all that came. Whether anybody still nudges.
    async fn listen(
        &mut self,
        nudges: &mut mpsc::UnboundedReceiver<Nudge>,
        due: Option<Instant>,
        patient: bool,
    ) -> bool {
        let mut due = match due {
            Some(due) => self.house.bot.clock().sleep_until(due).left_future(),
            None => futures::future::pending().right_future(),
        }
        .fuse();
        loop {
            select_biased! {
                () = due => break,
                nudge = nudges.next() => match nudge {
                    Some(nudge) => self.heard(nudge),
                    None => return false,
                },
            }
            if !patient {
                break;
            }
        }
        // What came together is shown together.
        while let Ok(nudge) = nudges.try_recv() {
            self.heard(nudge);
        }
        true
    }

    /// Brings Discord up to date: the thread, what is to be said, the card. The moment at which the card may be edited, where it
    /// was edited too lately for that.
    async fn show(&mut self) -> Result<Option<Instant>, Trouble> {
        let bot = self.house.bot;
        let state = bot.incident_state(&self.incident).await?;
        let thread = match self.thread {
            Some(thread) => thread,
            None => self.open(&state).await?,
        };
        let runs = self.load_runs(&state).await?;
        self.say_notes(thread, &state).await?;
        self.ask(thread, &runs).await?;
        self.propose(thread, &state).await?;
        let now = self.house.bot.clock().now();
        let free = self.edited.map(|edited| edited + EDITS_APART).filter(|free| *free > now);
        if free.is_none() {
            let card = self.drawn(&state, &runs).await?;
            self.put(thread, card).await?;
        }
        Ok(free)
    }

    async fn load_runs(&mut self, state: &incident::State) -> Result<Vec<State>, Trouble> {
        let (mut runs, mut over) = (Vec::new(), false);
        for run in state.runs.iter().rev() {
            if runs.len() == RUNS {
                break;
            }
            let known = self.house.fleet.state(run).or_else(|| self.runs.get(run).filter(|run| run.is_over()).cloned());
            let loaded = match known {
                Some(known) => known,
                None => self.house.bot.state(run).await?,
            };
            if loaded.is_over() {
                self.runs.insert(run.clone(), loaded.clone());
                // Of what is over the card shows the last one only.
                if std::mem::replace(&mut over, true) {
                    continue;
                }
            }
            runs.push(loaded);
        }
        runs.reverse();
        Ok(runs)
    }

    async fn drawn(&self, state: &incident::State, runs: &[State]) -> Result<Card, Trouble> {
        let anchor = self.house.bot.anchor_at(self.last).await?.to_string();
        let measured: Vec<_> =
            runs.iter().filter_map(|run| Some((run.id.clone(), self.measured.get(&run.id)?.lines()))).collect();
        let changed = told::changed(runs);
        Ok(card(&Scene {
            id: &self.incident,
            incident: state,
            runs,
            measured: &measured,
            changed: &changed,
            anchor: &anchor,
            zone: zone_of(state),
        }))
    }

    /// Makes the thread, and ties it to the incident in the journal, from where every door and the next process know it.
    async fn open(&mut self, state: &incident::State) -> Result<ChannelId, Trouble> {
        let name = one_line(&format!("{} {}", self.incident, state.title), 100);
        let made =
            CreateThread::new(name).kind(ChannelType::PublicThread).auto_archive_duration(AutoArchiveDuration::OneWeek);
        let thread = self.house.settings.channel.create_thread(&self.house.http, made).await?.id;
        let verb = Verb::Link {
            url: format!("{}{thread}", prefix(self.house.settings)),
            label: Some("the incident's thread in Discord".to_owned()),
            incident: Some(self.incident.clone()),
        };
        self.thread = Some(thread);
        self.known(thread);
        (self.card, self.below) = (None, BTreeSet::new());
        self.house.bot.incident(&crate::base::event::Actor::Bot, verb).await?;
        Ok(thread)
    }

    async fn say_notes(&mut self, thread: ChannelId, state: &incident::State) -> Result<(), Trouble> {
        while let Some(note) = self.notes.first().cloned() {
            let (text, files) = note.message(self.house.bot, &self.incident, state).await?;
            self.post(thread, &text, files, Vec::new()).await?;
            self.notes.remove(0);
        }
        Ok(())
    }

    /// Announces what a person must answer, with its buttons; takes the buttons from what is settled.
    async fn ask(&mut self, thread: ChannelId, runs: &[State]) -> Result<(), Trouble> {
        let wanted = told::asked(runs);
        let settled: Vec<_> =
            self.asked.keys().filter(|key| !wanted.iter().any(|wanted| wanted.key == **key)).cloned().collect();
        for key in settled {
            if let Some(Some(message)) = self.asked.get(&key) {
                let edit = EditMessage::new().components(Vec::new());
                match thread.edit_message(&self.house.http, *message, edit).await.map_err(Trouble::from) {
                    Ok(_) | Err(Trouble::Lost) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
            self.asked.remove(&key);
        }
        let fresh: Vec<_> = wanted.into_iter().filter(|asking| !self.asked.contains_key(&asking.key)).collect();
        for asking in fresh {
            let row = super::card::components(&asking.row);
            let files = asking.file.map(|(name, text)| CreateAttachment::bytes(text.into_bytes(), name));
            let message = self.post(thread, &asking.text, files.into_iter().collect(), vec![row]).await?;
            self.asked.insert(asking.key, Some(message));
        }
        Ok(())
    }

    /// Offers the runbooks that are written for what the incident is called, once, while nothing runs.
    async fn propose(&mut self, thread: ChannelId, state: &incident::State) -> Result<(), Trouble> {
        if self.proposed || !state.runs.is_empty() || !state.status.is_open() {
            return Ok(());
        }
        let fitting = self.house.bot.fitting(&state.title)?;
        if !fitting.is_empty() {
            let row = Row::Buttons(super::offers::of_runbooks(&self.incident, &fitting));
            let text = "There is a runbook for this:";
            self.post(thread, text, Vec::new(), vec![super::card::components(&row)]).await?;
        }
        self.proposed = true;
        Ok(())
    }

    async fn post(
        &mut self,
        thread: ChannelId,
        text: &str,
        files: Vec<CreateAttachment>,
        rows: Vec<CreateActionRow>,
    ) -> Result<MessageId, Trouble> {
        let message = CreateMessage::new()
            .content(text)
            .allowed_mentions(CreateAllowedMentions::new())
            .components(rows)
            .add_files(files);
        let sent = thread.send_message(&self.house.http, message).await?;
        self.below.insert(sent.id);
        Ok(sent.id)
    }

    /// Edits the card, or posts it anew where it is buried or lost.
    async fn put(&mut self, thread: ChannelId, card: Card) -> Result<(), Trouble> {
        let buried = self.below.len() > BURIED;
        match &self.card {
            Some((_, shown)) if *shown == card && !buried => return Ok(()),
            Some((message, _)) if !buried => {
                let message = *message;
                let edit = EditMessage::new().embed(card.embed()).components(card.components());
                match thread.edit_message(&self.house.http, message, edit).await {
                    Ok(_) => {}
                    Err(error) => match Trouble::from(error) {
                        // The card itself was deleted, or the whole thread: posting tells which.
                        Trouble::Lost => {
                            self.card = None;
                            return Box::pin(self.put(thread, card)).await;
                        }
                        trouble => return Err(trouble),
                    },
                }
                self.card = Some((message, card));
            }
            old => {
                let old = old.as_ref().map(|(message, _)| *message);
                let message = CreateMessage::new()
                    .embed(card.embed())
                    .components(card.components())
                    .allowed_mentions(CreateAllowedMentions::new());
                let sent = thread.send_message(&self.house.http, message).await?;
                self.card = Some((sent.id, card));
                self.below.clear();
                if let Some(old) = old {
                    // Two cards would be one too many; where the old one cannot be removed it only grows old.
                    drop(thread.delete_message(&self.house.http, old).await);
                }
            }
        }
        self.edited = Some(self.house.bot.clock().now());
        Ok(())
    }

    /// What to do after trouble: in a sentence, and how long to wait.
    async fn recover(&mut self, trouble: Trouble, pause: TimeDelta) -> (String, TimeDelta) {
        match trouble {
            Trouble::Lost => {
                (self.thread, self.card) = (None, None);
                ("the thread is gone; another one is made".to_owned(), TimeDelta::zero())
            }
            Trouble::Archived => {
                let edit = EditThread::new().archived(false);
                let back = match self.thread {
                    Some(thread) => thread.edit_thread(&self.house.http, edit).await.map(drop),
                    None => Ok(()),
                };
                match back {
                    Ok(()) => ("the thread was put away; it is taken out again".to_owned(), TimeDelta::zero()),
                    Err(error) => (format!("the thread was put away and cannot be taken out: {error}"), pause),
                }
            }
            Trouble::Refused(said) => (format!("Discord refuses: {said}; see rundown doctor"), LONGEST_PAUSE),
            Trouble::Passing(said) => (said, pause),
            Trouble::Ours(fault) => (fault.to_string(), pause),
        }
    }
}

/// The address under which a thread of this server is linked.
fn prefix(settings: &Settings) -> String {
    format!("https://discord.com/channels/{}/", settings.guild)
}

/// The thread that belongs to an incident, as its journal says; the newest one where there were several.
#[must_use]
pub fn linked(state: &incident::State, settings: &Settings) -> Option<ChannelId> {
    let prefix = prefix(settings);
    state.links.iter().rev().find_map(|link| {
        let id: u64 = link.url.strip_prefix(&prefix)?.parse().ok()?;
        (id > 0).then(|| ChannelId::new(id))
    })
}

/// The event at which a card of ours stood, by its footer.
fn position(message: &Message) -> Option<u64> {
    let footer = message.embeds.first()?.footer.as_ref()?;
    footer.text.strip_prefix("journal ")?.split(':').next()?.parse().ok()
}
