//! The listeners: plain HTTP, HTTP over TLS, and the gateway's websockets. Takes requests apart, writes answers, and
//! breaks connections where that was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use regex::bytes::Regex;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::rest::{Asked, Outcome, Upload};
use super::{Shared, gateway};

const BODY_LIMIT: usize = 64 * 1024 * 1024;
const PREFIX: &str = "/api/v10";
const ERROR_PAGE: &str = "<html><head><title>503</title></head><body><center>cloudflare</center></body></html>";

/// A listener that is not yet part of a runtime, on a port of its own.
pub fn listen() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port for the look-alike");
    listener.set_nonblocking(true).expect("a listener that does not block");
    listener
}

/// What a listener serves.
pub enum Door {
    Rest,
    Tls(TlsAcceptor),
    Gateway,
}

/// Accepts connections until the runtime ends. While Discord is gone, each is reset at once.
pub async fn accept(listener: std::net::TcpListener, door: Arc<Door>, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener of this runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(socket) = socket2::SockRef::from(&stream).try_clone() else { continue };
        if shared.is_gone() {
            // Without lingering, closing sends a reset.
            let _ = socket.set_linger(Some(Duration::ZERO));
            continue;
        }
        let (door, shared) = (Arc::clone(&door), Arc::clone(&shared));
        tokio::spawn(async move {
            match &*door {
                Door::Rest => talk(stream, socket, shared).await,
                Door::Tls(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, socket, shared).await;
                    }
                }
                Door::Gateway => gateway::serve(stream, shared).await,
            }
        });
    }
}

async fn talk<S>(stream: S, socket: socket2::Socket, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = Arc::new(socket);
    let (of_service, world) = (Arc::clone(&socket), Arc::clone(&shared));
    let service = hyper::service::service_fn(move |request| {
        let (shared, socket) = (Arc::clone(&world), Arc::clone(&of_service));
        async move { serve(request, &shared, &socket).await }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A connection that breaks is the client's affair, or a fault that was asked for.
        _ = connection => {}
        () = shared.until_gone() => {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }
}

async fn serve(
    request: Request<Incoming>,
    shared: &Shared,
    socket: &socket2::Socket,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(page(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let Some(path) = head.uri.path().strip_prefix(PREFIX) else {
        shared.change(|state| state.findings.push(format!("{} is not below {PREFIX}", head.uri.path())));
        return Ok(page(StatusCode::NOT_FOUND));
    };
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let Some((body, files)) = contents(header(CONTENT_TYPE), &body.to_bytes()) else {
        shared.change(|state| state.findings.push(format!("{} {path}: the body cannot be read", head.method)));
        return Ok(page(StatusCode::BAD_REQUEST));
    };
    let asked = Asked {
        method: head.method.to_string(),
        path: path.to_owned(),
        query: query(head.uri.query().unwrap_or_default()),
        authorization: header(AUTHORIZATION).to_owned(),
        body,
        files,
    };
    let gateway = shared.gateway_url();
    // A request may be on its way in already when Discord goes.
    let outcome =
        if shared.is_gone() { Outcome::Reset } else { shared.change(|state| state.ask(&asked, &gateway, arrived)) };
    match outcome {
        Outcome::Reply(status, body, headers) => Ok(reply(status, &body, headers)),
        Outcome::Page(status) => Ok(page(StatusCode::from_u16(status).expect("an HTTP status"))),
        Outcome::Reset => {
            socket.set_linger(Some(Duration::ZERO))?;
            Err(std::io::Error::other("a reset was asked for"))
        }
    }
}

/// Names and values of a query; an empty part, as serenity sends one, is nothing.
fn query(text: &str) -> BTreeMap<String, String> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// The JSON and the files of a body; `None` where it is neither JSON nor multipart.
fn contents(content_type: &str, body: &[u8]) -> Option<(Value, Vec<Upload>)> {
    let Some(boundary) = content_type.strip_prefix("multipart/form-data; boundary=") else {
        let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).ok()? };
        return Some((value, Vec::new()));
    };
    let (mut value, mut files) = (Value::Null, Vec::new());
    for (head, content) in parts(body, boundary.trim_matches('"'))? {
        let head = std::str::from_utf8(head).ok()?;
        let of = |key: &str| {
            let from = head.find(&format!("{key}=\""))? + key.len() + 2;
            let length = head[from..].find('"')?;
            Some(head[from..from + length].to_owned())
        };
        let name = of(" name")?;
        if name == "payload_json" {
            value = serde_json::from_slice(content).ok()?;
            continue;
        }
        let number = name.strip_prefix("files[")?.strip_suffix(']')?.parse().ok()?;
        let mut types = head.lines().filter_map(|line| line.split_once(": "));
        let content_type = types.find(|(key, _)| key.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map_or("application/octet-stream", |(_, value)| value);
        files.push(Upload {
            number,
            name: of("filename")?,
            content_type: content_type.to_owned(),
            bytes: content.to_vec(),
        });
    }
    Some((value, files))
}

/// The parts of a multipart body: the head of each and its content.
fn parts<'b>(body: &'b [u8], boundary: &str) -> Option<Vec<(&'b [u8], &'b [u8])>> {
    // A pattern, because it searches a file of many megabytes fast.
    let line = Regex::new(&format!(r"(?-u)(?:\r\n)?--{}(?:--)?\r\n", regex::escape(boundary))).ok()?;
    let lines: Vec<_> = line.find_iter(body).map(|found| found.range()).collect();
    let pairs = lines.windows(2).map(|pair| &body[pair[0].end..pair[1].start]);
    pairs
        .map(|part| {
            let end = part.windows(4).position(|four| four == b"\r\n\r\n")?;
            Some((&part[..end], &part[end + 4..]))
        })
        .collect()
}

fn reply(status: u16, body: &Value, headers: Vec<(&'static str, String)>) -> Response<Full<Bytes>> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = StatusCode::from_u16(status).expect("an HTTP status");
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        reply.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header"));
    }
    reply
}

fn page(status: StatusCode) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(Bytes::from_static(ERROR_PAGE.as_bytes())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    reply
}
