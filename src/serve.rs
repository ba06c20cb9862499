//! `rundown serve`: the process that drives every run and answers in chat.
//!
//! Lives here: wiring the fleet, Discord, the look-out, the heartbeat and the signals together; leaving. Never lives here: what any of them does.

use std::net::SocketAddr;
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, pin_mut, select_biased};
use secrecy::{ExposeSecret as _, SecretString};

use crate::base::schedule::Span;
use crate::bot::fleet::{Appended, Fleet};
use crate::bot::{Bot, Fault};
use crate::chat::discord::{door, settings::Settings};
use crate::chat::terminal::signals::signals;
use crate::client::beat::Beat;
use crate::domain::timeline::Fact;

/// How long what is under way may take to come to an answer once the process is told to leave. Whoever runs processes often
/// gives three seconds between asking and killing.
const LEAVE_WITHIN: chrono::TimeDelta = chrono::TimeDelta::seconds(2);

/// What serves.
pub struct Serving {
    /// Discord, where it is set up.
    pub discord: Option<Settings>,
    /// The heartbeat: where, and how often.
    pub heartbeat: Option<(SecretString, Span)>,
}

/// Serves until a signal comes, or the journal cannot be read any more.
///
/// # Errors
/// The journal, the secrets that `targets.yaml` names, no signals can be caught.
pub async fn serve(bot: &Bot, serving: &Serving, say: &dyn Fn(&str)) -> Result<(), Fault> {
    let mut signals = signals().map_err(|error| Fault::Failed(format!("signals cannot be caught: {error}")))?.fuse();
    let (fleet, harbour) = Fleet::new();
    let (ear, heard) = mpsc::unbounded();
    let (to_door, news) = mpsc::unbounded();
    let (to_lookout, of_incidents) = mpsc::unbounded();
    let driving = bot.drive_all(harbour, ear).fuse();
    let telling = tell(heard, to_door, to_lookout).fuse();
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
            Some(settings) => door::serve(bot, &fleet, settings, news, &ready).await,
            None => {
                say("ready: driving runs; Discord is not set up (rundown.toml has no [discord])");
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
    pin_mut!(driving, talking, beating, telling, looking_out);
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
            () = telling => {}
            () = looking_out => {}
            () = beating => {}
        }
    }
}

/// Hands on everything that is appended: to the door, and what happens to incidents to the look-out.
async fn tell(
    heard: mpsc::UnboundedReceiver<Appended>,
    to_door: mpsc::UnboundedSender<Appended>,
    to_lookout: mpsc::UnboundedSender<Appended>,
) {
    let hand_on = |appended: Appended| {
        // Whoever does not listen any more is leaving.
        if matches!(appended.fact.event, Fact::Incident(..)) {
            drop(to_lookout.unbounded_send(appended.clone()));
        }
        drop(to_door.unbounded_send(appended));
        futures::future::ready(())
    };
    heard.for_each(hand_on).await;
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
