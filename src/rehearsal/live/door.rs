//! Where a live world can be reached: ports of the loopback address that open and close as the world says.
//!
//! Lives here: listening, refusing while a service is down, connections and the work behind them. Never lives here: what is
//! spoken on a connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, pending};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::base::clock::{Clock, ScaledClock};
use crate::rehearsal::world::ScriptedWorld;

/// Connections that one door holds at a time; further ones wait. The bot asks one question at a time.
const MOST_CONNECTIONS: usize = 256;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Work that goes on whether or not whoever asked for it still listens, until the world ends.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    /// Begins something.
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Begins something and waits for what comes of it. It goes on when nobody waits any more; `None`: the world ended.
    pub async fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        self.begin(async move {
            // Whoever asked may have left.
            drop(done.send(work.await));
        });
        result.await.ok()
    }

    /// Ends everything.
    pub fn end(&self) {
        self.tasks().abort_all();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port of the loopback address that is ours for as long as this lives, whether or not anybody listens there.
pub(super) struct Door {
    /// Where it is.
    pub address: SocketAddr,
    /// Bound and never listening: a connection is refused, and nobody else gets the port while its service is down.
    _held: TcpSocket,
}

/// What happens on one connection.
pub(super) type Visit = Arc<dyn Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync>;

impl Door {
    /// Takes a free port.
    ///
    /// # Errors
    /// The system has none.
    pub fn new() -> io::Result<Self> {
        let held = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { address: held.local_addr()?, _held: held })
    }

    /// Listens while the service that is behind the door runs, and refuses connections while it does not. With `hangs_up` a
    /// service that goes down ends its connections, too.
    pub async fn keep(
        self,
        world: ScriptedWorld,
        clock: ScaledClock,
        service: Option<String>,
        hangs_up: bool,
        visit: Visit,
    ) {
        let mut changes = world.watch();
        let mut listener: Option<TcpListener> = None;
        let mut visits = JoinSet::new();
        loop {
            let (down, next) = world.is_down(service.as_ref());
            if down {
                listener = None;
                if hangs_up {
                    visits.abort_all();
                }
            } else if listener.is_none() {
                match bound(self.address).and_then(|socket| socket.listen(BACKLOG)) {
                    Ok(open) => listener = Some(open),
                    Err(error) => {
                        world.complain(format!("{} could not be opened again: {error}", self.address));
                        return;
                    }
                }
            }
            let accepts = listener.as_ref().filter(|_| visits.len() < MOST_CONNECTIONS);
            tokio::select! {
                biased;
                change = changes.next() => {
                    if change.is_none() {
                        return;
                    }
                }
                () = until(&clock, next) => {}
                Some(_) = visits.join_next() => {}
                // A connection that was gone before it was accepted is the client's affair.
                Ok((stream, _)) = accept(accepts) => drop(visits.spawn(visit(stream))),
            }
        }
    }
}

async fn until(clock: &ScaledClock, moment: Option<crate::base::event::Instant>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => pending().await,
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// Bound, not listening. The one that holds the port and the one that listens there share it.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
