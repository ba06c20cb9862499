//! What this process answers over HTTP by itself: the hooks through which other systems report alerts, and call in for heartbeats.
//!
//! Lives here: listening ([`listen`]), the router, handing on to the bot what came in. Never lives here: Discord's interactions
//! (`chat/discord/endpoint`), what follows from an alert (`domain/alert`), TLS (whatever stands in front).

pub mod hooks;
mod listen;

use std::net::SocketAddr;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, pin_mut, select_biased};
use tokio::net::TcpListener;

use crate::bot::Bot;
use crate::bot::monitors::Beats;
use hooks::{Desk, Job, Settings};

/// Requests whose alerts wait for the journal at a time. Where there are more, the source is asked to send them again.
const WAITING: usize = 64;

/// A server that listens.
pub struct Web {
    /// Where: the port is the real one, also where any was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Web {
    /// Begins to listen; nothing is answered before [`Web::serve`].
    ///
    /// # Errors
    /// Nobody can listen there, in a sentence.
    pub async fn open(settings: &Settings) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("alerts cannot be heard at {}: {error}", settings.listen);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { address, listener })
    }

    /// Answers until the future is dropped.
    pub async fn serve(self, bot: &Bot, beats: &Beats, settings: Arc<Settings>) {
        let (jobs, todo) = mpsc::channel(WAITING);
        let router = hooks::router(Arc::new(Desk::new(settings, bot.clock().clone(), jobs)));
        let listening = listen::accept(self.listener, router, bot.clock().clone()).fuse();
        let working = work(bot, beats, todo).fuse();
        pin_mut!(listening, working);
        select_biased! {
            () = listening => {}
            () = working => {}
        }
    }
}

/// Takes in what was reported, one request after the other: two at a time would only get into each other's way.
async fn work(bot: &Bot, beats: &Beats, mut todo: mpsc::Receiver<Job>) {
    while let Some(job) = todo.next().await {
        // Whoever asked may have gone; what is written stays.
        match job {
            Job::Alerts { alerts, answer } => {
                let took = bot.take_alerts(alerts).await;
                if let Err(fault) = &took {
                    tracing::error!(%fault, "alerts could not be written down; their source is asked to send them again");
                }
                drop(answer.send(took));
            }
            Job::Beat { monitor, answer } => {
                let heard = bot.beat(&monitor);
                if heard.is_ok() {
                    // What is written is found when the next beat is due; this tells at once that it is well again.
                    beats.heard(&monitor, bot.clock().now());
                }
                drop(answer.send(heard));
            }
        }
    }
}
