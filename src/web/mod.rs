//! What this process answers over HTTP by itself: pages for people, and the hooks through which other systems report alerts and call in
//! for heartbeats.
//!
//! Lives here: listening ([`listen`]), handing on to the bot what came in through hooks. Never lives here: Discord's interactions
//! (`chat/discord/endpoint`), what follows from an alert (`domain/alert`), TLS (whatever stands in front).

pub mod acts;
pub mod assets;
pub mod hooks;
mod listen;
pub mod live;
pub mod operations;
pub mod pages;
pub mod session;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use futures::StreamExt as _;
use futures::channel::mpsc;

use crate::base::clock::Clock;
use crate::bot::Bot;
use crate::bot::monitors::Beats;
use hooks::Job;
use live::Live;
use session::Gate;

/// The pages of what is looked at, and what people do there, behind their gate.
pub fn front(live: Arc<Live>, gate: Arc<Gate>) -> Router {
    let front = assets::router().merge(pages::router(live));
    session::guarded(front.merge(session::router(gate.clone())).merge(acts::router(gate.clone())), gate)
}

/// An address that is listened at, with what is answered there.
pub struct Web {
    /// Where: the port is the real one, also where any was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
    router: Router,
}

impl Web {
    /// Begins to listen; nothing is answered before [`Web::serve`].
    ///
    /// # Errors
    /// Nobody can listen there.
    pub fn open(listen: SocketAddr, router: Router) -> std::io::Result<Self> {
        Self::on(TcpListener::bind(listen)?, router)
    }

    /// The same where somebody listens already: the router may then know its own address.
    ///
    /// # Errors
    /// The listener is none.
    pub fn on(listener: TcpListener, router: Router) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { address: listener.local_addr()?, listener, router })
    }

    /// Answers until the future is dropped. Inside a tokio runtime.
    pub async fn serve(self, clock: Arc<dyn Clock>) {
        match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listen::accept(listener, self.router, clock).await,
            Err(error) => tracing::error!(%error, address = %self.address, "nothing is answered there"),
        }
    }
}

/// Takes in what was reported through hooks, one request after the other: two at a time would only get into each other's way.
pub async fn work(bot: &Bot, beats: &Beats, mut todo: mpsc::Receiver<Job>) {
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
