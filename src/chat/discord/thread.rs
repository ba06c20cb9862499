//! The thread of one incident, or the channel that stands for one: its card, kept up to date, and what is said in it.
//!
//! Lives here: when the card is edited, when it is posted anew, what is done about trouble. What a thread already shows is read
//! from Discord itself (`seen`): the footer of the card names the event it stands at. Never lives here: sending (`sent`), what
//! stands on a card (`card`), what is worth a message (`told`).

mod made;
mod seen;
mod sent;
pub(super) mod trouble;
mod untold;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select_biased};
use serenity::all::{ChannelId, Http, MessageId, UserId};
use tokio::sync::watch;

use super::card::{Card, Scene, card};
use super::settings::Settings;
use super::text::markdown;
use super::told::{self, Asked, Note};
use crate::base::event::{IncidentId, Instant, Recorded, RunId};
use crate::bot::fleet::Fleet;
use crate::bot::incidents::zone_of;
use crate::bot::{Bot, Fault};
use crate::domain::incident;
use crate::domain::run::event::Event;
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;
use trouble::Trouble;
use untold::Untold;

/// The card is edited at most this often.
const EDITS_APART: TimeDelta = TimeDelta::seconds(2);
/// After this many messages below it the card is posted anew, where it is seen.
const BURIED: usize = 12;
/// How long is waited after Discord did not do what it should, first and at most.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How long an answer waits for the thread it wants to point to.
const MAKING: TimeDelta = TimeDelta::seconds(3);
/// Open runs whose questions are asked in the thread. How many the card has room for is its own affair.
const RUNS: usize = 20;
/// What stands at the link from an incident to its thread, or to its channel.
const LINK: &str = "the incident's thread in Discord";
const LINK_TO_CHANNEL: &str = "the incident's channel in Discord";

/// Something that concerns one incident's thread.
#[derive(Clone, Debug)]
pub enum Nudge {
    /// Something was recorded about the incident, or about what its runs act on.
    Recorded(Box<Recorded<Fact>>),
    /// Messages went by in its thread.
    Passed(MessageId),
    /// Messages in it were deleted.
    Deleted(Vec<MessageId>),
    /// The thread is gone.
    Gone,
    /// What Discord refused may be allowed now, or Discord is there again.
    Again,
    /// Nobody knows what went by in the thread meanwhile: look.
    Look,
}

/// Where which incident is talked about.
pub type Threads = watch::Sender<BTreeMap<IncidentId, ChannelId>>;

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
    pub threads: Threads,
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
    /// Whether the journal ties the thread to the incident.
    tied: bool,
    /// Why there is a thread where there was to be a channel.
    instead: Option<String>,
    /// Whether the thread must be read before anything is said in it.
    blind: bool,
    /// Whether what was recorded since `told` is to be told from the journal, as one message.
    behind: bool,
    /// Everything worth a message up to this event was said.
    told: u64,
    /// How much got through since the last trouble.
    sent: usize,
    card: Option<(MessageId, Card)>,
    /// By which Discord knows a card that may have been posted already.
    posting: Option<String>,
    /// When the card was edited last.
    edited: Option<Instant>,
    /// Messages below the card.
    below: BTreeSet<MessageId>,
    /// What is asked and was announced, and what was approved and is followed to its end: the message with its text.
    asked: BTreeMap<Asked, (MessageId, String)>,
    /// Messages that are still to be said, in order, each with the event it tells of.
    notes: VecDeque<(u64, Note)>,
    /// Values of watches, for sparklines.
    measured: BTreeMap<RunId, told::Measured>,
    /// What others deployed on the targets.
    deployed: Vec<told::Deployed>,
    /// Runs as they were loaded last, where they are not driven here.
    runs: BTreeMap<RunId, State>,
    wording: crate::view::sentence::Wording,
    /// The incident's last event that is known here.
    last: u64,
    /// Whether runbooks that fit were offered.
    proposed: bool,
    /// The kind of trouble that there is, for as long as there is any.
    trouble: Option<&'static str>,
    untold: Untold,
}

/// Keeps the thread of one incident until nobody nudges it any more. What is recorded from event `since` on comes as nudges;
/// without it, nobody could tell the thread for a while.
pub async fn keep(
    house: &House<'_>,
    incident: IncidentId,
    since: Option<u64>,
    mut nudges: mpsc::UnboundedReceiver<Nudge>,
) {
    let clock = house.bot.clock().clone();
    let mut room = match Room::enter(house, incident.clone(), since).await {
        Ok(room) => room,
        Err(fault) => {
            tracing::error!(%incident, %fault, "the incident cannot be read: its thread is not kept");
            return;
        }
    };
    let mut pause = FIRST_PAUSE;
    // When to look without being nudged.
    let mut due = Some(clock.now());
    loop {
        if !room.listen(&mut nudges, due).await {
            return;
        }
        match room.show().await {
            Ok(later) => {
                if room.trouble.take().is_some() {
                    tracing::info!(%incident, "the thread is up to date again");
                }
                room.untold.are(0);
                (due, pause) = (later, FIRST_PAUSE);
            }
            Err(trouble) => {
                if std::mem::take(&mut room.sent) > 0 {
                    pause = FIRST_PAUSE;
                }
                due = Some(clock.now() + room.recover(trouble, pause).await);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

impl<'a> Room<'a> {
    async fn enter(house: &'a House<'a>, incident: IncidentId, since: Option<u64>) -> Result<Self, Fault> {
        let state = house.bot.incident_state(&incident).await?;
        let thread = linked(&state, house.settings);
        let mut room = Self {
            house,
            thread,
            tied: thread.is_some(),
            instead: None,
            blind: thread.is_some(),
            behind: thread.is_some() && since.is_none(),
            told: 0,
            sent: 0,
            incident,
            card: None,
            posting: None,
            edited: None,
            below: BTreeSet::new(),
            asked: BTreeMap::new(),
            notes: VecDeque::new(),
            measured: BTreeMap::new(),
            deployed: Vec::new(),
            runs: BTreeMap::new(),
            wording: crate::view::sentence::Wording::new(zone_of(&state)),
            last: 0,
            proposed: false,
            trouble: None,
            untold: Untold::default(),
        };
        if let Some(thread) = room.thread {
            room.known(thread);
        }
        let facts = room.read(since.unwrap_or(u64::MAX)).await?;
        // A thread that has no card yet shows nothing of what came after it was made. Where there is none at all, its first card
        // says everything.
        let made = |(recorded, _): &&(Recorded<Fact>, Option<String>)| match &recorded.event {
            Fact::Incident(_, incident::event::Event::Linked(link)) => {
                thread.is_some() && of_thread(link, house.settings) == thread
            }
            _ => false,
        };
        let made = facts.iter().rev().find(made).filter(|_| since.is_none());
        room.told = made.map_or(room.last, |(recorded, _)| recorded.pos);
        Ok(room)
    }

    fn known(&self, thread: ChannelId) {
        self.house.threads.send_modify(|threads| {
            threads.insert(self.incident.clone(), thread);
        });
    }

    /// Reads the incident's record anew, up to before an event: every fact with its sentence.
    async fn read(&mut self, before: u64) -> Result<Vec<(Recorded<Fact>, Option<String>)>, Fault> {
        let state = self.house.bot.incident_state(&self.incident).await?;
        self.wording = crate::view::sentence::Wording::new(zone_of(&state));
        self.measured.clear();
        self.deployed.clear();
        let mut facts = Vec::new();
        let all = self.house.bot.facts(&self.incident).await?;
        for recorded in all.into_iter().take_while(|recorded| recorded.pos < before) {
            let said = self.wording.tell(&recorded.event);
            self.measure(&recorded);
            self.last = recorded.pos;
            facts.push((recorded, said));
        }
        Ok(facts)
    }

    /// Looks what the thread shows: its card, what is asked in it, how deep the card lies.
    async fn look(&mut self, thread: ChannelId) -> Result<(), Trouble> {
        let seen = seen::see(&self.house.http, thread, self.house.me).await?;
        self.blind = false;
        // Where the history may not be read nothing is seen, which says nothing about the card.
        if seen.empty
            && let Some((message, _)) = self.card
            && seen::is_there(&self.house.http, thread, message).await?
        {
            return Ok(());
        }
        self.card = seen.card.map(|(message, at)| {
            self.told = self.told.max(at);
            self.proposed = true;
            let same = self.card.take().filter(|(known, _)| *known == message);
            // What a card showed that somebody else posted is not known in full: the first look edits it.
            same.unwrap_or_else(|| (message, Card::unknown()))
        });
        self.below = seen.below;
        self.asked.extend(seen.asked);
        Ok(())
    }

    /// What was recorded and not told becomes one message.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        let facts = self.read(u64::MAX).await?;
        let missed: Vec<_> = facts
            .into_iter()
            .filter(|(recorded, _)| recorded.pos > self.told)
            .filter_map(|(recorded, said)| Some((recorded, said?)))
            .collect();
        self.untold.are(u32::try_from(missed.len()).unwrap_or(u32::MAX));
        self.notes = if missed.is_empty() { VecDeque::new() } else { told::catch_up(&missed).into() };
        self.behind = false;
        Ok(())
    }

    fn heard(&mut self, nudge: Nudge) {
        match nudge {
            // It may have been there already when the record was read.
            Nudge::Recorded(recorded) if recorded.pos > self.last => {
                self.last = recorded.pos;
                self.measure(&recorded);
                let said = self.wording.tell(&recorded.event);
                self.untold.are(self.untold.many() + u32::from(said.is_some()));
                let note = told::note(&recorded, said);
                self.notes.extend(note.filter(|_| !self.behind).map(|note| (recorded.pos, note)));
                // While Discord is away nothing is heaped up: the journal has it.
                if self.trouble.is_some() && self.notes.len() > 1 {
                    self.fall_behind();
                }
            }
            Nudge::Passed(message) => {
                if self.below.len() <= BURIED && self.card.as_ref().is_none_or(|(card, _)| message > *card) {
                    self.below.insert(message);
                }
            }
            Nudge::Deleted(messages) => {
                self.below.retain(|message| !messages.contains(message));
                self.card.take_if(|(card, _)| messages.contains(card));
            }
            Nudge::Gone => self.forget(),
            Nudge::Look => self.blind = self.thread.is_some(),
            Nudge::Recorded(_) | Nudge::Again => {}
        }
    }

    fn fall_behind(&mut self) {
        self.behind = true;
        self.notes.clear();
    }

    /// The thread is gone, and what stood in it: what is asked now is asked anew.
    fn forget(&mut self) {
        (self.thread, self.tied, self.blind) = (None, false, false);
        (self.card, self.posting) = (None, None);
        self.below.clear();
        self.asked.clear();
        self.proposed = false;
        self.house.threads.send_modify(|threads| {
            threads.remove(&self.incident);
        });
    }

    fn measure(&mut self, recorded: &Recorded<Fact>) {
        if let Fact::Run(run, Event::WatchTallied(tallied)) = &recorded.event {
            self.measured.entry(run.clone()).or_default().add(tallied);
        }
        self.deployed.extend(told::deployed(recorded));
    }

    /// Waits until there is something to do, and takes in all that came. While Discord does not do what it should, only what may
    /// have helped it hurries anything. Whether anybody still nudges.
    async fn listen(&mut self, nudges: &mut mpsc::UnboundedReceiver<Nudge>, due: Option<Instant>) -> bool {
        let mut due = match due {
            Some(due) => self.house.bot.clock().sleep_until(due).left_future(),
            None => futures::future::pending().right_future(),
        }
        .fuse();
        loop {
            select_biased! {
                () = due => break,
                nudge = nudges.next() => match nudge {
                    Some(nudge) => {
                        let helps = matches!(nudge, Nudge::Again | Nudge::Look | Nudge::Gone);
                        self.heard(nudge);
                        if helps || self.trouble.is_none() {
                            break;
                        }
                    }
                    None => return false,
                },
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
        let state = self.house.bot.incident_state(&self.incident).await?;
        let thread = match self.thread {
            Some(thread) => thread,
            None if state.status.is_open() => self.open(&state).await?,
            // Nobody needs a new thread for what is over.
            None => {
                self.notes.clear();
                return Ok(None);
            }
        };
        if !self.tied {
            self.tie(thread).await?;
        }
        if self.blind {
            self.look(thread).await?;
        }
        if self.behind {
            self.catch_up().await?;
        }
        if let Some(why) = self.instead.take() {
            let text =
                format!("-# no channel could be made for this incident, so it has a thread: {}", markdown(&why, 200));
            self.notes.push_front((self.told, Note::Text(text)));
        }
        let runs = self.load_runs(&state).await?;
        // What one message is refused for must not keep the others, and above all the card, from getting through.
        let mut refused = self.say_notes(thread, &state).await.or_else(later)?;
        refused = refused.or(self.ask(thread, &runs).await.or_else(later)?);
        refused = refused.or(self.propose(thread, &state).await.or_else(later)?);
        let now = self.house.bot.clock().now();
        let free = self.edited.map(|edited| edited + EDITS_APART).filter(|free| *free > now);
        if free.is_none() {
            let card = self.drawn(&state, &runs).await?;
            let at = self.last;
            self.put(thread, card).await?;
            if self.notes.is_empty() {
                self.told = self.told.max(at);
            }
        }
        refused.map_or(Ok(free), Err)
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
        let changed = told::changed(runs, &self.deployed);
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

    /// What to do after trouble: how long to wait before the next try.
    async fn recover(&mut self, trouble: Trouble, pause: TimeDelta) -> TimeDelta {
        let kind = trouble.kind();
        let (why, wait) = self.mend(trouble, pause).await;
        // Trouble that stays is told once.
        let wait = if self.trouble.is_some() { wait.max(pause) } else { wait };
        if self.trouble.replace(kind) != Some(kind) {
            let incident = &self.incident;
            tracing::warn!(%incident, why, "the thread is not up to date");
        }
        if self.notes.len() > 1 {
            self.fall_behind();
        }
        wait
    }

    /// Does what can be done: in a sentence, and how long to wait.
    async fn mend(&mut self, trouble: Trouble, pause: TimeDelta) -> (String, TimeDelta) {
        match trouble {
            Trouble::NoChannel if self.thread.is_some() => {
                self.forget();
                (format!("the {} is gone; another one is made", self.house.settings.place.word()), TimeDelta::zero())
            }
            Trouble::NoChannel => {
                let channel = self.house.settings.channel;
                (format!("there is no channel {channel}; rundown.toml names it"), LONGEST_PAUSE)
            }
            Trouble::NoMessage => ("a message is gone".to_owned(), pause),
            Trouble::Archived => match self.take_out().await {
                Ok(()) => ("the thread was put away; it is taken out again".to_owned(), TimeDelta::zero()),
                Err(error) => (format!("the thread was put away and cannot be taken out: {error}"), LONGEST_PAUSE),
            },
            Trouble::Refused(said) | Trouble::Malformed(said) => (format!("Discord refuses: {said}"), LONGEST_PAUSE),
            Trouble::Passing(said) => (said, pause),
            Trouble::Ours(fault) => (fault.to_string(), pause),
        }
    }
}

/// Keeps what only one message was refused for, to be told when the rest is done.
fn later(trouble: Trouble) -> Result<Option<Trouble>, Trouble> {
    match trouble {
        Trouble::Refused(_) | Trouble::Malformed(_) => Ok(Some(trouble)),
        other => Err(other),
    }
}

/// The address under which a thread of this server is linked.
fn prefix(settings: &Settings) -> String {
    format!("https://discord.com/channels/{}/", settings.guild)
}

/// The thread that a link of ours leads to.
fn of_thread(link: &incident::event::Linked, settings: &Settings) -> Option<ChannelId> {
    // People link channels and messages as well; those are not where the incident is talked about.
    let ours = matches!(link.label.as_deref(), Some(LINK | LINK_TO_CHANNEL));
    let id: u64 = link.url.strip_prefix(&prefix(settings)).filter(|_| ours)?.parse().ok()?;
    (id > 0).then(|| ChannelId::new(id))
}

/// The thread that belongs to an incident, as its journal says; the newest one where there were several.
#[must_use]
pub fn linked(state: &incident::State, settings: &Settings) -> Option<ChannelId> {
    state.links.iter().rev().find_map(|link| of_thread(link, settings))
}
