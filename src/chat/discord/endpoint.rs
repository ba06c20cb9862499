//! Interactions as signed HTTP requests, instead of the gateway.
//!
//! Lives here: listening, the limits on connections, requests and their answers. It runs beside the bot, so that the first answer
//! waits for nothing the bot does. Never lives here: what is done about an interaction (`door`), TLS (whatever stands in front).
//!
//! A connection carries one request: then one deadline bounds all of it, and what follows from an interaction begins when its
//! answer is on its way, never before.

mod request;
mod seen;
pub mod signed;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, select};
use futures::{FutureExt as _, pin_mut, select_biased};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serenity::all::{CommandInteraction, CreateAutocompleteResponse, CreateInteractionResponse};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};

use self::request::{Judged, json, judge};
use self::seen::Seen;
use self::signed::{PublicKey, Refused};
use super::gateway::{Asker, Incoming};
use crate::base::clock::Clock;

/// The largest request body, in bytes. A modal's text and a message with all its embeds stay far below.
const BODY: usize = 256 * 1024;
/// The longest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
/// Connections at a time. Where another one comes, the one that is open for the longest gives way to it.
const CONNECTIONS: usize = 256;
/// How long a request may take to come in.
const READ: TimeDelta = TimeDelta::seconds(5);
/// How long suggestions may take; Discord waits for 3 seconds.
const SUGGEST: TimeDelta = TimeDelta::milliseconds(2_500);
/// How long a request that came in may take to be answered and its answer to be taken.
const ANSWER: TimeDelta = TimeDelta::seconds(4);
/// How long is waited where the system gives no more connections.
const PAUSE: TimeDelta = TimeDelta::milliseconds(100);

type Answer = Response<Full<Bytes>>;

/// What the endpoint is told before it opens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whose signature counts.
    pub key: PublicKey,
}

/// An endpoint that listens.
pub struct Endpoint {
    /// Where: the port is the real one, also where any was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
    key: PublicKey,
}

impl Endpoint {
    /// Begins to listen; nothing is answered before [`Endpoint::answer`].
    ///
    /// # Errors
    /// Nobody can listen there, in a sentence.
    pub async fn open(settings: &Settings) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("interactions cannot be heard at {}: {error}", settings.listen);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { address, listener, key: settings.key.clone() })
    }

    /// Answers until the future is dropped, and hands on what comes in.
    pub async fn answer(self, clock: Arc<dyn Clock>, out: mpsc::UnboundedSender<Incoming>) {
        let desk = Arc::new(Desk { key: self.key, seen: Mutex::default(), clock, out });
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
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if open.len() >= CONNECTIONS {
                            open.pop_front();
                        }
                        let (stays, gives_way) = oneshot::channel();
                        open.push_back((visits.spawn(visit(desk.clone(), stream, gives_way)).id(), stays));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        desk.clock.sleep_until(desk.clock.now() + PAUSE).await;
                    }
                },
            }
        }
    }
}

/// What all connections share.
struct Desk {
    key: PublicKey,
    seen: Mutex<Seen>,
    clock: Arc<dyn Clock>,
    out: mpsc::UnboundedSender<Incoming>,
}

/// How far a connection's request has come.
#[derive(Default)]
struct Progress {
    is_read: AtomicBool,
    /// What follows once it is answered.
    follows: Mutex<Option<Incoming>>,
}

/// One connection, which is one request.
async fn visit(desk: Arc<Desk>, stream: TcpStream, gives_way: oneshot::Receiver<()>) {
    let progress = Arc::new(Progress::default());
    let opened = desk.clock.now();
    let limit = async {
        desk.clock.sleep_until(opened + READ).await;
        if progress.is_read.load(Ordering::Relaxed) {
            desk.clock.sleep_until(opened + READ + ANSWER).await;
        }
    };
    let service = service_fn(|request| {
        let (desk, progress) = (desk.clone(), progress.clone());
        async move { Ok::<_, Infallible>(desk.serve(request, &progress).await) }
    });
    let connection =
        http1::Builder::new().keep_alive(false).max_buf_size(HEAD).serve_connection(TokioIo::new(stream), service);
    {
        let (connection, limit, gives_way) = (connection.fuse(), limit.fuse(), gives_way.fuse());
        pin_mut!(connection, limit, gives_way);
        select_biased! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            },
            () = limit => tracing::debug!("a connection took too long"),
            _ = gives_way => tracing::debug!("a connection gave way to another one"),
        }
    }
    // Also where the answer could not be delivered: the person wants it all the same, and the thread will show it.
    if let Some(incoming) = progress.follows.lock().unwrap_or_else(PoisonError::into_inner).take() {
        desk.tell(incoming);
    }
}

impl Desk {
    fn tell(&self, incoming: Incoming) {
        incoming.counts();
        // Nobody listens only when the process is leaving.
        drop(self.out.unbounded_send(incoming));
    }

    async fn serve(&self, request: Request<hyper::body::Incoming>, progress: &Progress) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/" | "/interactions") => {}
            (_, "/" | "/interactions") => {
                let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "interactions are posted here");
                refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                return refused;
            }
            (&Method::GET | &Method::HEAD, "/health") => return text(StatusCode::OK, "ok"),
            _ => return text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
        let (head, body) = request.into_parts();
        let too_large = || text(StatusCode::PAYLOAD_TOO_LARGE, "no interaction is as large as this");
        if body.size_hint().lower() > BODY as u64 {
            return too_large();
        }
        let body = match Limited::new(body, BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return too_large(),
            Err(_) => return text(StatusCode::BAD_REQUEST, "the request broke off"),
        };
        progress.is_read.store(true, Ordering::Relaxed);
        let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
        let request = request::Request {
            signature: header("x-signature-ed25519"),
            timestamp: header("x-signature-timestamp"),
            body: &body,
        };
        match judge(&self.key, &self.seen, request, self.clock.now()) {
            Judged::Refused(Refused::Unsigned) => text(StatusCode::UNAUTHORIZED, "this is not signed by Discord"),
            Judged::Refused(Refused::Stale) => {
                // Either somebody sends what was overheard, or one of the two clocks is wrong: then nothing works any more.
                tracing::warn!("an interaction was refused: its time is more than five minutes from this machine's");
                text(StatusCode::UNAUTHORIZED, "this was signed at another time")
            }
            Judged::Unknown(why) => {
                tracing::warn!(why, "Discord sent an interaction that is not known here");
                text(StatusCode::BAD_REQUEST, "this is no interaction that is known here")
            }
            Judged::Answered(answer, follows) => {
                *progress.follows.lock().unwrap_or_else(PoisonError::into_inner) = follows;
                as_json(answer)
            }
            Judged::Typing(typing) => as_json(json(&self.suggest(typing).await)),
        }
    }

    /// Asks the door what fits. A list that comes too late is worth nothing: then it is an empty one.
    async fn suggest(&self, typing: Box<CommandInteraction>) -> CreateInteractionResponse {
        let (asker, found) = oneshot::channel();
        let late = self.clock.sleep_until(self.clock.now() + SUGGEST);
        self.tell(Incoming::Typing(typing, Asker::Request(asker)));
        match select(found, late).await {
            Either::Left((Ok(found), _)) => found,
            _ => CreateInteractionResponse::Autocomplete(CreateAutocompleteResponse::new()),
        }
    }
}

fn text(status: StatusCode, words: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn as_json(body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
