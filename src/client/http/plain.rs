//! One exchange over plain TCP, on hyper.
//!
//! Lives here: connecting where the guard allows it, and moving request and answer from the task that waits for them: no pool, no task of its own
//! for the connection, which is what a request that opens a connection each time pays for elsewhere. Never lives here: TLS (`send`), redirects.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use chrono::TimeDelta;
use futures::future::{Either, select};
use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::net::TcpStream;

use super::send::{AGENT, CONNECT_WITHIN, authority, reason, shown, span, unanswered};
use crate::base::clock::Clock;
use crate::client::SendError;
use crate::client::egress::public_only;

type Wire = Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// What is sent.
pub(super) struct Outgoing<'a> {
    pub url: &'a Url,
    pub method: Method,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<String>,
    /// Whether the operator names where it goes: then it may lead to any address.
    pub named: bool,
}

/// The rest of an answer: its body, and the connection that it comes over.
pub(super) struct Rest {
    wire: Pin<Box<Wire>>,
    over: bool,
    body: Incoming,
}

/// Sends it and reads the head of the answer.
pub(super) async fn send(
    outgoing: Outgoing<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<(StatusCode, HeaderMap, Rest), SendError> {
    let url = outgoing.url;
    let stream = connect(url, outgoing.named, clock).await?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, wire) = handshake.map_err(|error| unanswered(&error, url))?;
    let mut wire = Box::pin(wire);
    let mut over = false;
    let request = request(outgoing)?;
    let mut asking = std::pin::pin!(sender.send_request(request));
    let answer = poll_fn(|context| {
        drive(&mut wire, &mut over, context);
        asking.as_mut().poll(context)
    });
    let (head, body) = answer.await.map_err(|error| unanswered(&error, url))?.into_parts();
    Ok((head.status, head.headers, Rest { wire, over, body }))
}

impl Rest {
    /// The next bytes of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let Self { wire, over, body } = self;
            let frame = poll_fn(|context| {
                drive(wire, over, context);
                Pin::new(&mut *body).poll_frame(context)
            });
            match frame.await {
                None => return Ok(None),
                // Trailers say nothing that anybody asks for.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(reason(&error)),
            }
        }
    }
}

/// Moves bytes. How the connection ends shows in what is waited for.
fn drive(wire: &mut Pin<Box<Wire>>, over: &mut bool, context: &mut Context<'_>) {
    if !*over && wire.as_mut().poll(context).is_ready() {
        *over = true;
    }
}

fn request(outgoing: Outgoing<'_>) -> Result<Request<Full<Bytes>>, SendError> {
    let Outgoing { url, method, headers, body, .. } = outgoing;
    let query = url.query().map_or(String::new(), |query| format!("?{query}"));
    let path = format!("{}{query}", url.path());
    let wrong = |error: &dyn std::error::Error| SendError::Denied(format!("{}: {error}", shown(url)));
    let mut request = Request::builder().method(method).uri(path).body(Full::from(body.unwrap_or_default()));
    if let Ok(request) = &mut request {
        let known = request.headers_mut();
        let host = url.port().map_or_else(|| url.host_str().unwrap_or_default().to_owned(), |_| authority(url));
        known.insert(HOST, HeaderValue::from_str(&host).map_err(|error| wrong(&error))?);
        known.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        known.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // It is the only one on this connection.
        known.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.into_iter().for_each(|(name, value)| drop(known.insert(name, value)));
    }
    request.map_err(|error| wrong(&error))
}

/// A connection to the first of its addresses that takes one, within [`CONNECT_WITHIN`] over all.
async fn connect(url: &Url, named: bool, clock: &Arc<dyn Clock>) -> Result<TcpStream, SendError> {
    let late = || SendError::NotSent(format!("no connection to {} within {}", authority(url), span(CONNECT_WITHIN)));
    let within = TimeDelta::from_std(CONNECT_WITHIN).unwrap_or(TimeDelta::seconds(5));
    let until = clock.now() + within;
    let addresses = match select(Box::pin(addresses(url, named)), clock.sleep_until(until)).await {
        Either::Left((found, _)) => found?,
        Either::Right(_) => return Err(late()),
    };
    let mut last = None;
    for (index, address) in addresses.iter().enumerate() {
        let now = clock.now();
        // One that is silent must not keep the others from being tried.
        let share = (until - now) / i32::try_from(addresses.len() - index).unwrap_or(i32::MAX);
        match select(Box::pin(TcpStream::connect(address)), clock.sleep_until(now + share)).await {
            Either::Left((Ok(stream), _)) => return Ok(stream),
            Either::Left((Err(error), _)) => last = Some(error),
            Either::Right(_) => last = None,
        }
    }
    Err(match last {
        Some(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            SendError::NotSent(format!("connection refused by {}", authority(url)))
        }
        Some(error) => SendError::NotSent(format!("no connection to {}: {error}", authority(url))),
        None => late(),
    })
}

async fn addresses(url: &Url, named: bool) -> Result<Vec<SocketAddr>, SendError> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(SendError::Denied(format!("{} has no host", shown(url))));
    };
    // A literal address was checked by whoever calls.
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| SendError::NotSent(format!("no connection to {}: {error}", authority(url))))?;
    match named {
        true => Ok(found.collect()),
        false => public_only(host, found).map_err(|denied| SendError::Denied(denied.to_string())),
    }
}
