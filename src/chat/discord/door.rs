//! The door itself: what comes in from Discord goes to the bot, what is recorded goes to the threads.
//!
//! Lives here: opening, the loop. Never lives here: acknowledging (`gateway`), what an interaction leads to (`interaction`), the
//! threads (`thread`), what a command does (`bot`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, select_biased};
use serenity::all::{ChannelId, Http};

use super::announce::{announce, announced};
use super::endpoint::Endpoint;
use super::gateway::{self, Incoming};
use super::interaction::Context;
use super::settings::Settings;
use super::thread::{House, Nudge, Threads, keep, linked};
use super::verbs::{Verb, verbs};
use crate::base::clock::Clock;
use crate::base::event::IncidentId;
use crate::base::metrics;
use crate::bot::fleet::{Appended, Fleet};
use crate::bot::{Bot, Fault};

/// An incident that ended no longer ago is looked at when the bot starts.
const LATELY: TimeDelta = TimeDelta::days(3);
/// How long is waited before Discord is asked again for what the door needs to open.
const AGAIN: TimeDelta = TimeDelta::seconds(5);

/// A door that is open.
struct Door<'a> {
    house: &'a House<'a>,
    verbs: Vec<Verb>,
    nudges: BTreeMap<IncidentId, mpsc::UnboundedSender<Nudge>>,
    keepers: FuturesUnordered<LocalBoxFuture<'a, IncidentId>>,
}

/// Opens the door and keeps it open until the future is dropped. `threads` learns where which incident is talked about; `news` is everything that is appended to the journal;
/// `ready` is called with the bot's name when Discord knows the commands and interactions can come in: over the gateway, again
/// after every new connection, or at this address.
///
/// # Errors
/// The journal cannot be read; nobody can listen where interactions are to come in.
pub async fn serve(
    bot: &Bot,
    fleet: &Fleet,
    settings: &Settings,
    threads: Threads,
    mut news: mpsc::UnboundedReceiver<Appended>,
    ready: &dyn Fn(&str, Option<SocketAddr>),
) -> Result<(), Fault> {
    let http = Arc::new((settings.http)());
    let clock = bot.clock().clone();
    let verbs = verbs();
    let (out, mut incoming) = mpsc::unbounded();
    // Listening comes first: it needs nothing of Discord's, and what cannot be listened at is said at once.
    let (address, _requests) = listen(settings, &clock, &out).await?;
    match address {
        Some(_) => bot.chat().is_over_http(),
        None => bot.chat().is_down(),
    }
    for direction in ["in", "out"] {
        // There from the start, so that nobody takes silence for health.
        metrics::CHAT_BACKLOG.change(&[("direction", direction.into())], 0.0);
    }
    let me = {
        let introduced = introduce_until(&http, settings, &verbs, clock.as_ref()).fuse();
        futures::pin_mut!(introduced);
        loop {
            select_biased! {
                me = introduced => break me,
                // Nobody can be told yet. What is open is read from the journal once Discord is there.
                _ = news.select_next_some() => {}
            }
        }
    };
    let house = House { bot, fleet: fleet.clone(), http: http.clone(), settings, me: me.id, threads };
    let _connection = address.is_none().then(|| {
        let chat = bot.chat().clone();
        AbortOnDrop::spawn(gateway::stay(settings.http.clone(), settings.guild, clock, out, chat))
    });
    let mut door = Door { house: &house, verbs, nudges: BTreeMap::new(), keepers: FuturesUnordered::new() };
    door.find_open().await?;
    if address.is_some() {
        ready(&me.name, address);
    }
    let mut tasks: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
    loop {
        select_biased! {
            incoming = incoming.select_next_some() => match incoming {
                Incoming::Connected { anew } => {
                    ready(&me.name, None);
                    door.nudge_all(&if anew { Nudge::Look } else { Nudge::Again });
                }
                Incoming::Permitted => door.nudge_all(&Nudge::Again),
                Incoming::Passed(channel, message) => door.nudge_in(channel, Nudge::Passed(message)),
                Incoming::Deleted(channel, messages) => door.nudge_in(channel, Nudge::Deleted(messages)),
                Incoming::Gone(channel) => door.nudge_in(channel, Nudge::Gone),
                other => {
                    let context = Context { house: &house, verbs: door.verbs.clone(), incident: door.incident_of(&other) };
                    tasks.push(context.take(other).map(|()| gateway::carried_out()).boxed_local());
                }
            },
            appended = news.select_next_some() => {
                if let Some(text) = announced(&house, &appended) {
                    tasks.push(announce(&house, appended.fact.pos, text).boxed_local());
                }
                door.heard(appended);
            }
            () = tasks.select_next_some() => {}
            incident = door.keepers.select_next_some() => door.left(&incident),
        }
    }
}

/// Opens the endpoint, where interactions are to come in as HTTP requests; its address, and what keeps it open.
async fn listen(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    out: &mpsc::UnboundedSender<Incoming>,
) -> Result<(Option<SocketAddr>, Option<AbortOnDrop>), Fault> {
    let Some(asked) = &settings.endpoint else { return Ok((None, None)) };
    let endpoint = Endpoint::open(asked).await.map_err(Fault::Failed)?;
    let address = endpoint.address;
    Ok((Some(address), Some(AbortOnDrop::spawn(endpoint.answer(clock.clone(), out.clone())))))
}

/// What comes in does so beside the bot, and ends with the door.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl AbortOnDrop {
    #[allow(clippy::disallowed_methods, reason = "it belongs to the door, and ends with it")]
    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Introduces the bot as soon as Discord is there. What is in the way is told when it changes.
async fn introduce_until(
    http: &Http,
    settings: &Settings,
    verbs: &[Verb],
    clock: &dyn Clock,
) -> serenity::all::CurrentUser {
    let mut told = String::new();
    loop {
        match introduce(http, settings, verbs).await {
            Ok(me) => return me,
            Err(error) => {
                let why = error.to_string();
                if why != told {
                    tracing::warn!(why, "Discord is not there yet; runs go on without it");
                    told = why;
                }
                clock.sleep_until(clock.now() + AGAIN).await;
            }
        }
    }
}

/// Learns who the bot is, and tells Discord the commands where it does not know them yet.
async fn introduce(http: &Http, settings: &Settings, verbs: &[Verb]) -> serenity::Result<serenity::all::CurrentUser> {
    let application = http.get_current_application_info().await?;
    http.set_application_id(application.id);
    if let Some(told) = settings.at_odds(application.interactions_endpoint_url.as_deref()) {
        tracing::warn!("{told}");
    }
    let me = http.get_current_user().await?;
    let wanted = super::register::wanted(verbs);
    let known = settings.guild.get_commands(http).await?;
    if super::register::differ(&wanted, &known) {
        settings.guild.set_commands(http, wanted).await?;
    }
    Ok(me)
}

impl<'a> Door<'a> {
    /// Threads of incidents that are open, or ended lately, are kept from the start: what ended while nobody could be told is told.
    async fn find_open(&mut self) -> Result<(), Fault> {
        let lately = self.house.bot.clock().now() - LATELY;
        for (incident, state) in self.house.bot.incident_list().await? {
            if let Some(thread) = linked(&state, self.house.settings) {
                self.house.threads.send_modify(|threads| {
                    threads.insert(incident.clone(), thread);
                });
            }
            if state.status.is_open() || state.last_at > lately {
                self.keep(incident, None);
            }
        }
        Ok(())
    }

    fn keep(&mut self, incident: IncidentId, since: Option<u64>) -> mpsc::UnboundedSender<Nudge> {
        if let Some(nudges) = self.nudges.get(&incident).filter(|nudges| !nudges.is_closed()) {
            return nudges.clone();
        }
        let (sender, nudges) = mpsc::unbounded();
        self.nudges.insert(incident.clone(), sender.clone());
        let house = self.house;
        self.keepers.push(
            async move { keep(house, incident.clone(), since, nudges).map(|()| incident.clone()).await }.boxed_local(),
        );
        sender
    }

    /// A thread is not kept any more; whoever began to keep it anew meanwhile goes on.
    fn left(&mut self, incident: &IncidentId) {
        if self.nudges.get(incident).is_some_and(mpsc::UnboundedSender::is_closed) {
            self.nudges.remove(incident);
        }
    }

    fn nudge_in(&self, channel: ChannelId, nudge: Nudge) {
        let incident = self.house.incident_in(channel);
        if let Some(nudges) = incident.and_then(|incident| self.nudges.get(&incident)) {
            drop(nudges.unbounded_send(nudge));
        }
    }

    fn nudge_all(&self, nudge: &Nudge) {
        self.nudges.values().for_each(|nudges| drop(nudges.unbounded_send(nudge.clone())));
    }

    fn heard(&mut self, appended: Appended) {
        let Some(incident) = appended.incident else { return };
        let nudges = self.keep(incident, Some(appended.fact.pos));
        drop(nudges.unbounded_send(Nudge::Recorded(Box::new(appended.fact))));
    }

    /// The incident that is talked about where something came in.
    fn incident_of(&self, incoming: &Incoming) -> Option<IncidentId> {
        let channel = match incoming {
            Incoming::Command(command) | Incoming::Typing(command, _) => command.channel_id,
            Incoming::Press(press, _) => press.channel_id,
            Incoming::Wrote(modal, _) => modal.channel_id,
            Incoming::Message(message) => message.channel_id,
            Incoming::Passed(channel, _) | Incoming::Deleted(channel, _) | Incoming::Gone(channel) => *channel,
            Incoming::Permitted | Incoming::Connected { .. } => return None,
        };
        self.house.incident_in(channel)
    }
}
