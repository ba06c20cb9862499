//! The real HTTP client: TLS on reqwest, plain TCP on hyper alone (`plain`).
//!
//! Lives here: sending within a deadline, redirects hop by hop, the limits on what is read, and the distinction between
//! "never left" and "may have arrived". Never lives here: the egress rule itself.
//!
//! No proxy is taken from the environment: a proxy resolves names by itself, so the guard would only ever see the proxy's
//! address. No connection is kept idle: a server that closes an idle connection just as a change is written on it would put
//! that change in doubt for nothing. No content encoding is offered, so nothing small unpacks into something huge.

use std::error::Error as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use hyper::body::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url, redirect};
use secrecy::ExposeSecret;

use super::{BODY_CAP, Http, HttpRequest, HttpResponse, MAX_REDIRECTS, plain};
use crate::base::clock::Clock;
use crate::client::SendError;
use crate::client::egress::{Denied, PublicOnly, check_literal};

pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Who asks.
pub(super) const AGENT: &str = concat!("rundown/", env!("CARGO_PKG_VERSION"));

/// Sends requests for real. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    /// Reaches public addresses only.
    guarded: Lazily,
    /// Reaches whatever a name resolves to; used only for what the operator names.
    open: Lazily,
    clock: Arc<dyn Clock>,
}

/// A client that is made for the first request: the TLS library with its list of authorities is large, and a run that waits for a
/// person needs neither.
type Lazily = Arc<LazyLock<Result<Client, String>>>;

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_WITHIN)
        .user_agent(AGENT)
}

fn built(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| format!("no HTTP client: {}", innermost(&error)))
}

impl HttpClient {
    /// Makes the client. It opens nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let lazily = |make: fn() -> Result<Client, String>| Arc::new(LazyLock::new(make));
        let guarded = lazily(|| built(builder().dns_resolver(Arc::new(PublicOnly))));
        Self { guarded, open: lazily(|| built(builder())), clock }
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, SendError> {
        let start = self.clock.monotonic();
        let mut hop = Hop::first(request)?;
        for followed in 0..=MAX_REDIRECTS {
            let came = match self.send_hop(request, &hop).await {
                Ok(came) => came,
                // The first request of a change has arrived somewhere; that its redirect leads nowhere does not undo that.
                Err(error) if followed > 0 && !reads(&request.method) => {
                    return Err(SendError::Unanswered(format!("redirected to {}: {error}", shown(&hop.url))));
                }
                Err(error) => return Err(error),
            };
            match hop.next(request, &came) {
                Next::Follow(next) if followed < MAX_REDIRECTS => hop = next,
                Next::Follow(_) => {
                    let message = format!("{} redirects more than {MAX_REDIRECTS} times", shown(&hop.url));
                    return Err(SendError::Unanswered(message));
                }
                Next::Stay(note) => {
                    let mut answer = read(came, &hop.url).await?;
                    answer.cut = join(note, answer.cut);
                    answer.latency = self.clock.monotonic().saturating_sub(start);
                    return Ok(answer);
                }
            }
        }
        // The loop always returns in its last round; this keeps the compiler content without a panic.
        Err(SendError::Unanswered(format!("{} redirects without end", shown(&hop.url))))
    }

    async fn send_hop(&self, request: &HttpRequest, hop: &Hop) -> Result<Came, SendError> {
        let named = request.named.names(&hop.url);
        if !named {
            check_literal(&hop.url).map_err(|denied| SendError::Denied(denied.to_string()))?;
        }
        let (headers, body) = if hop.same_origin { hop.carries(request)? } else { (Vec::new(), None) };
        if hop.url.scheme() == "http" {
            let method = hop.method.clone();
            let outgoing = plain::Outgoing { url: &hop.url, method, headers, body, named };
            let (status, headers, rest) = plain::send(outgoing, &self.clock).await?;
            return Ok(Came { status, headers, rest: Rest::Plain(rest) });
        }
        let client = if named { &self.open } else { &self.guarded };
        let client = client.as_ref().as_ref().map_err(|why| SendError::Denied(why.clone()))?;
        let mut builder = client.request(hop.method.clone(), hop.url.clone());
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| classify(&error, &hop.url))?;
        let headers = std::mem::take(response.headers_mut());
        Ok(Came { status: response.status(), headers, rest: Rest::Secured(response) })
    }
}

/// The head of an answer, and what its body is read from.
struct Came {
    status: StatusCode,
    headers: HeaderMap,
    rest: Rest,
}

enum Rest {
    Secured(Response),
    Plain(plain::Rest),
}

impl Rest {
    /// The next bytes of the body, `None` at its end; the error in words.
    async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Secured(response) => response.chunk().await.map_err(|error| innermost(&error)),
            Self::Plain(rest) => rest.chunk().await,
        }
    }
}

impl Http for HttpClient {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            let late = self.clock.sleep_until(request.until);
            let allowed = (request.until - self.clock.now()).to_std().unwrap_or_default();
            match select(Box::pin(self.exchange(&request)), late).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => {
                    let place = Url::parse(&request.url).map_or_else(|_| "the server".to_owned(), |url| shown(&url));
                    Err(SendError::Unanswered(format!("no complete answer from {place} within {}", span(allowed))))
                }
            }
        })
    }
}

struct Hop {
    url: Url,
    method: Method,
    same_origin: bool,
    with_body: bool,
}

/// Headers and body.
type Carried = (Vec<(HeaderName, HeaderValue)>, Option<String>);

enum Next {
    Follow(Hop),
    Stay(Option<String>),
}

impl Hop {
    fn first(request: &HttpRequest) -> Result<Self, SendError> {
        let url = Url::parse(&request.url).map_err(|error| SendError::Denied(format!("not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SendError::Denied(format!("'{}:' is not supported; use http or https", url.scheme())));
        }
        Ok(Self { url, method: request.method.clone(), same_origin: true, with_body: true })
    }

    /// The headers and the body that go with it.
    fn carries(&self, request: &HttpRequest) -> Result<Carried, SendError> {
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let invalid = || SendError::Denied(format!("the header '{}' is not valid", printable(name)));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        let body = request.body.as_ref().filter(|_| self.with_body).map(|body| body.expose_secret().to_owned());
        Ok((headers, body))
    }

    fn next(&self, request: &HttpRequest, came: &Came) -> Next {
        if !request.follow_redirects {
            return Next::Stay(None);
        }
        let keeps = match came.status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Next::Stay(None),
        };
        let location = came.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(url) = location.and_then(|text| self.url.join(text).ok()) else {
            return Next::Stay(Some("a redirect without a usable address was not followed".to_owned()));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Next::Stay(Some("a redirect to something else than http was not followed".to_owned()));
        }
        let method = if keeps || self.method == Method::HEAD { self.method.clone() } else { Method::GET };
        let same_origin = self.same_origin && url.origin() == self.url.origin();
        // A change is only repeated where it was meant to go; what it carries may be secret.
        if !reads(&method) && !same_origin {
            return Next::Stay(Some(format!("the redirect of a change to {} was not followed", shown(&url))));
        }
        Next::Follow(Self { url, with_body: self.with_body && method == self.method, method, same_origin })
    }
}

async fn read(mut came: Came, url: &Url) -> Result<HttpResponse, SendError> {
    let status = came.status.as_u16();
    let headers = came.headers.iter();
    let headers =
        headers.map(|(key, value)| (key.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()));
    let headers: Vec<(String, String)> = headers.collect();
    let mut body = Vec::new();
    let mut cut = None;
    loop {
        let chunk = came.rest.chunk().await.map_err(|reason| {
            SendError::Unanswered(format!(
                "{} broke off after {} bytes of its answer: {reason}",
                shown(url),
                body.len()
            ))
        })?;
        let Some(chunk) = chunk else { break };
        let room = BODY_CAP - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            cut = Some(format!("only the first {} MiB of the body were read", BODY_CAP / 1024 / 1024));
            break;
        }
    }
    let (body, replaced) = text(body, cut.is_some());
    Ok(HttpResponse { status, headers, body, cut: join(cut, replaced), latency: Duration::ZERO })
}

/// The body as text. Where `cut`, half a character at its end is dropped in silence.
fn text(mut bytes: Vec<u8>, cut: bool) -> (String, Option<String>) {
    if cut
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let mut text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            // Every bad byte grows to three.
            text.truncate(text.floor_char_boundary(BODY_CAP));
            (text, Some("the body is not UTF-8; what is not was replaced by U+FFFD".to_owned()))
        }
    }
}

fn classify(error: &reqwest::Error, url: &Url) -> SendError {
    let place = shown(url);
    if let Some(denied) = cause::<Denied>(error) {
        return SendError::Denied(denied.to_string());
    }
    if error.is_builder() {
        return SendError::Denied(format!("{place}: {}", innermost(error)));
    }
    let io = cause::<std::io::Error>(error).map(std::io::Error::kind);
    if error.is_connect() {
        return SendError::NotSent(match io {
            Some(std::io::ErrorKind::ConnectionRefused) => format!("connection refused by {}", authority(url)),
            _ if error.is_timeout() => format!("no connection to {} within {}", authority(url), span(CONNECT_WITHIN)),
            _ => format!("no connection to {}: {}", authority(url), innermost(error)),
        });
    }
    unanswered(error, url)
}

/// It was sent, and nothing definite came back.
pub(super) fn unanswered(error: &(dyn std::error::Error + 'static), url: &Url) -> SendError {
    let io = cause::<std::io::Error>(error).map(std::io::Error::kind);
    SendError::Unanswered(match io {
        Some(std::io::ErrorKind::ConnectionReset) => {
            format!("{} reset the connection before it answered", authority(url))
        }
        _ => format!("no answer from {}: {}", shown(url), reason(error)),
    })
}

fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// The text of the innermost cause: the outer ones repeat the URL with its query.
fn innermost(error: &reqwest::Error) -> String {
    match error.source() {
        Some(source) => reason(source),
        None => "the request could not be made".to_owned(),
    }
}

/// The text of the innermost of an error's causes, or its own.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Without credentials, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn printable(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(60).collect()
}

pub(super) fn span(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

fn join(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_not_text_is_replaced_and_said_so() {
        assert_eq!(text("año".into(), false), ("año".into(), None));
        let (shown, note) = text(vec![b'a', 0xff, b'b'], false);
        assert_eq!(shown, "a\u{fffd}b");
        assert!(note.is_some());
        assert_eq!(
            text("añ".as_bytes()[..2].to_vec(), true),
            ("a".into(), None),
            "half a character at a cut is no fault"
        );
        assert!(text(vec![0xff; BODY_CAP], true).0.len() <= BODY_CAP);
    }
}
