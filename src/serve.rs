//! `rundown serve`: the process that drives every run and answers in chat.
//!
//! Lives here: wiring the fleet, Discord, the look-out, pages, the hooks for alerts, the heartbeat and the signals together; leaving. Never
//! lives here: what any of them does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, pin_mut, select_biased};
use secrecy::{ExposeSecret as _, SecretString};

use crate::base::schedule::Span;
use crate::bot::fleet::{Appended, Fleet, Harbour};
use crate::bot::metrics::Meter;
use crate::bot::monitors::Beats;
use crate::bot::paging::Carrier;
use crate::bot::paging::pagerduty::Pager;
use crate::bot::readiness::Readiness;
use crate::bot::{Bot, Fault};
use crate::chat::discord::digest::Digests;
use crate::chat::discord::paging::Discord;
use crate::chat::discord::thread::Threads;
use crate::chat::discord::{door, settings::Settings};
use crate::chat::terminal::signals::signals;
use crate::client::beat::Beat;
use crate::client::pagerduty::PagerDuty;
use crate::config::web::Served;
use crate::engine::monitoring::Heard;
use crate::samples::{Samples, Store};
use crate::web::hooks::{Job, Settings as Hooks, Token};
use crate::web::live::Live;
use crate::web::operations::{self, Readers};
use crate::web::session::{Gate, Key, Site};
use crate::web::{Web, hooks};

/// How long what is under way may take to come to an answer once the process is told to leave. Whoever runs processes often
/// gives three seconds between asking and killing.
const LEAVE_WITHIN: chrono::TimeDelta = chrono::TimeDelta::seconds(2);

/// How long is waited before something that stands still is tried again.
const AGAIN: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// What serves.
pub struct Serving {
    /// Discord, where it is set up.
    pub discord: Option<Settings>,
    /// `PagerDuty`, where it is set up.
    pub pagerduty: Option<PagerDuty>,
    /// The hooks for alerts, where they are set up.
    pub hooks: Option<Arc<Hooks>>,
    /// Where pages are served, and whether that was said: otherwise it is no fault that somebody else listens there.
    pub pages: (Served, bool),
    /// What whoever reads the metrics shows, where that was said.
    pub metrics: Option<SecretString>,
    /// Into which channels digests go that do not go into that of incidents, by their names.
    pub digests: BTreeMap<String, serenity::all::ChannelId>,
    /// The heartbeat: where, and how often.
    pub heartbeat: Option<(SecretString, Span)>,
}

impl Serving {
    /// Whether there are digests, and somewhere to send them.
    #[must_use]
    pub fn sends_digests(&self, bot: &Bot) -> bool {
        self.discord.is_some() && !bot.digests().is_empty()
    }
}

/// What is answered over HTTP.
pub struct Doors {
    /// What is listened at.
    pub webs: Vec<Web>,
    /// What comes in through hooks.
    pub jobs: Option<mpsc::Receiver<Job>>,
    /// What is looked at on the pages.
    pub live: Arc<Live>,
}

/// Begins to listen for pages and hooks; where both are at one address, they share it.
///
/// # Errors
/// An address that was named cannot be listened at.
pub fn doors(bot: &Arc<Bot>, serving: &Serving, meter: &Arc<Meter>, say: &dyn Fn(&str)) -> Result<Doors, Fault> {
    let (served, said) = &serving.pages;
    if serving.discord.is_some() {
        // Until whoever keeps it says something else: nobody may take it for a server without Discord.
        bot.chat().is_down();
    }
    let live = Arc::new(Live::new(bot.clone()));
    let site = Site::new(served.listen, served.url.as_deref());
    let key = match bot.signing_key() {
        Ok(key) => Key::new(&key),
        // Runs go on without it; whoever is signed in signs in again after a restart.
        Err(fault) => {
            say(&format!("sessions on the pages end with this process: {fault}"));
            Key::fresh().map_err(Fault::Failed)?
        }
    };
    let gate = Gate::new(bot.clone(), key, site);
    // Whoever looks after the process has neither a session nor the name that people use.
    let mut front = crate::web::front(live.clone(), gate).merge(operate(bot, serving, meter)?);
    let (mut webs, mut jobs) = (Vec::new(), None);
    if let Some(settings) = &serving.hooks {
        let (router, todo) = hooks::open(settings.clone(), bot.clock().clone());
        jobs = Some(todo);
        let beats = settings.heartbeat.iter().map(|_| "heartbeat");
        let sources: Vec<&str> = settings.sources.keys().map(|source| source.word()).chain(beats).collect();
        let mut address = settings.listen;
        if settings.listen == served.listen && settings.listen.port() != 0 {
            front = front.merge(router);
        } else {
            let web = Web::open(settings.listen, router.fallback(hooks::nothing));
            let web =
                web.map_err(|error| Fault::Failed(format!("alerts cannot be heard at {}: {error}", settings.listen)))?;
            address = web.address;
            webs.push(web);
        }
        say(&format!("alerts are heard at http://{address}/hooks/ ({})", sources.join(", ")));
    }
    match Web::open(served.listen, front) {
        Ok(web) => {
            let reached = served.url.clone().unwrap_or_else(|| format!("http://{}", web.address));
            say(&format!("pages are at {reached}"));
            webs.push(web);
        }
        Err(error) if !said => {
            say(&format!(
                "no pages: {} cannot be listened at ({error}); [web] in rundown.toml names another",
                served.listen
            ));
        }
        Err(error) => return Err(Fault::Failed(format!("pages cannot be served at {}: {error}", served.listen))),
    }
    Ok(Doors { webs, jobs, live })
}

/// What is answered to whoever looks after the process.
fn operate(bot: &Arc<Bot>, serving: &Serving, meter: &Arc<Meter>) -> Result<axum::Router, Fault> {
    let readers = match &serving.metrics {
        Some(secret) => Readers::Bearer(Box::new(Token::new(secret).map_err(Fault::Failed)?)),
        None if serving.pages.0.url.is_some() => Readers::Nobody,
        None => Readers::Local,
    };
    let readiness = Readiness::new(&**bot.clock());
    Ok(operations::router(bot.clone(), meter.clone(), readiness, readers))
}

/// Answers over HTTP until the future is dropped.
///
/// It is made for a thread of its own: pages are there also while the rest of the process thinks, and never hold a run up.
pub async fn show(webs: Vec<Web>, live: &Live) {
    let answering = futures::future::join_all(webs.into_iter().map(|web| web.serve(live.bot().clock().clone())));
    futures::future::join(answering, live.follow()).await;
}

/// Serves until a signal comes, or the journal cannot be read any more.
///
/// # Errors
/// The journal, the secrets that `targets.yaml` names, no signals can be caught.
pub async fn serve(
    bot: &Bot,
    serving: &Serving,
    (fleet, harbour): (Fleet, Harbour),
    (beats, jobs): (&Beats, Option<mpsc::Receiver<Job>>),
    to_meter: mpsc::UnboundedSender<Appended>,
    say: &dyn Fn(&str),
) -> Result<(), Fault> {
    let mut signals = signals().map_err(|error| Fault::Failed(format!("signals cannot be caught: {error}")))?.fuse();
    let (to_door, news) = mpsc::unbounded();
    let (to_pager, calls) = mpsc::unbounded();
    let (to_lookout, of_incidents) = mpsc::unbounded();
    let driving = bot.drive_all(harbour, vec![to_door, to_pager, to_lookout, to_meter]).fuse();
    let threads = Threads::new(BTreeMap::new());
    let paging = page(bot, serving, &threads, calls).fuse();
    let looking_out = look_out(bot, of_incidents).fuse();
    let ready = |name: &str, endpoint: Option<SocketAddr>| match endpoint {
        None => say(&format!("ready: in Discord as {name}")),
        Some(address) => {
            say(&format!("ready: in Discord as {name}, interactions at http://{address}"));
            say(
                "over HTTP nothing tells of mentions, of messages passing by, or of deleted threads: docs/operations.md",
            );
        }
    };
    let talking = async {
        match &serving.discord {
            Some(settings) => door::serve(bot, &fleet, settings, threads.clone(), news, &ready).await,
            None => {
                say("ready: driving runs; Discord is not set up (rundown.toml has no [discord])");
                if !bot.digests().is_empty() {
                    say("digests are not sent: they go into Discord");
                }
                // Nobody listens: what is heard is let go.
                news.for_each(|_| futures::future::ready(())).await;
                Ok(())
            }
        }
    }
    .fuse();
    let beating = async {
        match &serving.heartbeat {
            Some((url, every)) => beat(bot, url, every.std()).await,
            None => futures::future::pending().await,
        }
    }
    .fuse();
    let hearing = async {
        match jobs {
            Some(jobs) => crate::web::work(bot, beats, jobs).await,
            None => futures::future::pending().await,
        }
    }
    .fuse();
    pin_mut!(driving, talking, paging, beating, looking_out, hearing);
    let mut leave = futures::future::pending().boxed().fuse();
    loop {
        select_biased! {
            _ = signals.select_next_some() => {
                say("leaving: what is under way gets two seconds; everything else is on disk");
                fleet.drain();
                leave = bot.clock().sleep_until(bot.clock().now() + LEAVE_WITHIN).fuse();
            }
            driven = driving => return driven,
            () = leave => return Ok(()),
            talked = talking => talked?,
            () = paging => {}
            () = looking_out => {}
            () = hearing => {}
            () = beating => {}
        }
    }
}

/// Keeps pages, by the ways that are set up. What goes wrong with them must not end what else this process does.
async fn page(bot: &Bot, serving: &Serving, threads: &Threads, mut calls: mpsc::UnboundedReceiver<Appended>) {
    let discord = serving.discord.as_ref().map(|settings| Discord::new(bot, settings, threads.subscribe()));
    let pager = serving.pagerduty.clone().map(|pagerduty| Pager::new(pagerduty, bot.clock().clone()));
    let discord = discord.as_ref().map(|discord| discord as &dyn Carrier);
    let carriers: Vec<&dyn Carrier> =
        discord.into_iter().chain(pager.as_ref().map(|pager| pager as &dyn Carrier)).collect();
    if carriers.is_empty() {
        if bot.library().oncall().is_ok_and(|oncall| oncall.is_some()) {
            tracing::warn!("nobody is paged: neither Discord nor PagerDuty is set up in rundown.toml");
        }
        return calls.for_each(|_| futures::future::ready(())).await;
    }
    loop {
        if let Err(fault) = bot.keep_pages(&carriers, &mut calls).await {
            tracing::error!(%fault, "pages stand still; trying again");
        }
        bot.clock().sleep_until(bot.clock().now() + AGAIN).await;
    }
}

/// Keeps digests, until the future is dropped. What goes wrong with them is told and ends nothing else.
///
/// It is made for a thread of its own: collecting a digest takes longer than a person who pressed a button should wait.
pub async fn tell(bot: &Bot, serving: &Serving) {
    let Some(settings) = &serving.discord else { return };
    let digests = Digests::new(bot, settings, &serving.digests);
    loop {
        if let Err(fault) = bot.keep_digests(&digests).await {
            tracing::error!(%fault, "digests stand still; trying again");
        }
        bot.clock().sleep_until(bot.clock().now() + AGAIN).await;
    }
}

/// Looks at everything that `monitors.yaml` names, until the future is dropped. What goes wrong with it is told and ends no run.
///
/// It is made for a thread of its own: probes then begin on time whatever else the process is thinking about.
pub async fn watch(bot: &Bot, fleet: &Fleet, mut heard: Heard) {
    bot.until_monitored().await;
    let samples: Box<dyn Samples> = match Store::open(&bot.samples_file()) {
        Ok(store) => Box::new(store),
        Err(error) => {
            tracing::error!("{error}; monitors go on without figures");
            Box::new(crate::samples::Nowhere)
        }
    };
    loop {
        if let Err(fault) = bot.watch(fleet, &*samples, &mut heard).await {
            tracing::error!(%fault, "monitors stand still; trying again");
        }
        bot.clock().sleep_until(bot.clock().now() + AGAIN).await;
    }
}

/// Sees what others deploy. That is worth knowing, and never worth an incident: without it everything else goes on.
async fn look_out(bot: &Bot, of_incidents: mpsc::UnboundedReceiver<Appended>) {
    if let Err(fault) = bot.watch_deployments(of_incidents).await {
        tracing::warn!(%fault, "what was deployed is not looked at");
    }
}

/// Calls an address again and again, so that something else notices when it stops.
async fn beat(bot: &Bot, url: &SecretString, every: Duration) {
    let clock = bot.clock();
    let beat = match Beat::new(url.expose_secret()) {
        Ok(beat) => beat,
        Err(error) => {
            tracing::error!(error, "there is no heartbeat");
            return futures::future::pending().await;
        }
    };
    let every = chrono::TimeDelta::from_std(every).unwrap_or(chrono::TimeDelta::minutes(1));
    loop {
        if let Err(error) = beat.once().await {
            tracing::warn!(error, "the heartbeat was not heard");
        }
        clock.sleep_until(clock.now() + every).await;
    }
}
