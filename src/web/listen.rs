//! Connections: accepting them, how many, how long a head may take.
//!
//! Lives here: the loop that accepts. Never lives here: what is answered (the router), how long a body may take (its handler).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::channel::oneshot;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};

use crate::base::clock::Clock;

/// Connections at a time. Where another one comes, the one that is open for the longest gives way to it.
const CONNECTIONS: usize = 4_096;
/// The longest head of a request, in bytes.
const HEAD: usize = 32 * 1024;
/// How long a head may take, and how long a connection may wait for the next one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long is waited where the system gives no more connections.
const PAUSE: TimeDelta = TimeDelta::milliseconds(100);

/// Where a request came from. Behind a proxy that is the proxy.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Answers connections until the future is dropped.
pub async fn accept(listener: TcpListener, router: Router, clock: Arc<dyn Clock>) {
    let mut visits = JoinSet::new();
    // In the order in which they came. Letting go of the sender asks one to leave.
    let mut open: VecDeque<(Id, oneshot::Sender<()>)> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            Some(left) = visits.join_next_with_id() => {
                let id = left.map_or_else(|error| error.id(), |(id, ())| id);
                open.retain(|(known, _)| *known != id);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if open.len() >= CONNECTIONS {
                        open.pop_front();
                    }
                    let (stays, gives_way) = oneshot::channel();
                    let router = router.clone().layer(Extension(Peer(peer)));
                    open.push_back((visits.spawn(visit(stream, router, gives_way)).id(), stays));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    clock.sleep_until(clock.now() + PAUSE).await;
                }
            },
        }
    }
}

async fn visit(stream: TcpStream, router: Router, gives_way: oneshot::Receiver<()>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    futures::select_biased! {
        ended = connection.fuse() => if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        },
        _ = gives_way.fuse() => tracing::debug!("a connection gave way to another one"),
    }
}
