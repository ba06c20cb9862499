//! Who looks at the pages, and whether they may: what stands in front of every page.
//!
//! Lives here: the order of checks ([`guard`]), [`Viewer`], headers that every answer has. Without a session nothing is shown but how to
//! sign in; whatever changes something has proved, before its handler is called, that a page of ours sent it in that session. Never lives
//! here: what a person may do (`bot/rights`: the same table as every door), when a link can be used (`domain/session`).

mod cookie;
mod entry;
mod key;
mod posted;
mod site;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::pages::shell::message;
use crate::base::clock::{Clock as _, RealClock};
use crate::base::event::Instant;
use crate::bot::sessions::SignedIn;
use crate::bot::{Bot, Fault};
use crate::domain::people::{Identity, Right, Verdict, WEB};
use crate::domain::session::SESSION_LIFE;

pub use cookie::Said;
pub use entry::router;
pub(super) use entry::{sign_in, sign_out};
pub use key::Key;
use key::Purpose;
pub use posted::Posted;
pub(super) use site::is_loopback;
pub use site::{Here, Site};

/// Only what comes from here is loaded, run, or sent anywhere; nobody puts these pages into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of every answer. No other site is told an address of ours, which may be a link to sign in; `no-referrer` would keep browsers from
/// telling us where a form comes from (Fetch, "append a request `Origin` header").
const ALWAYS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (OPENER_POLICY, "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
];

/// The name of the one session of a rehearsal.
const REHEARSAL: &str = "rehearsal";

/// What stands in front of the pages.
pub struct Gate {
    bot: Arc<Bot>,
    key: Key,
    site: Site,
    /// Who everybody is, where nobody signs in.
    everybody: Option<Identity>,
    /// How long a body may take is told by the wall, also where time runs faster.
    wall: RealClock,
}

impl Gate {
    /// In front of what is served under these names.
    #[must_use]
    pub fn new(bot: Arc<Bot>, key: Key, site: Site) -> Arc<Self> {
        Arc::new(Self { bot, key, site, everybody: None, wall: RealClock::default() })
    }

    /// In front of a rehearsal: whoever comes is this person, because nothing there is real. All other checks stay.
    #[must_use]
    pub fn of_rehearsal(bot: Arc<Bot>, key: Key, site: Site, who: Identity) -> Arc<Self> {
        Arc::new(Self { bot, key, site, everybody: Some(who.through(WEB)), wall: RealClock::default() })
    }

    pub(super) fn bot(&self) -> &Bot {
        &self.bot
    }
}

/// Somebody who is signed in and may look: what a page's handler takes.
#[derive(Clone)]
pub struct Viewer {
    /// The name of their session, which is no secret: [`Bot::signed_in`] says whether it still stands.
    pub session: String,
    /// Who, and what they may now.
    pub who: Identity,
    /// Until when they are signed in.
    pub until: Instant,
    /// What every form of theirs carries back as the field `csrf`.
    pub csrf: String,
    /// What came of what they did last, where this is the page that shows it.
    pub said: Option<Said>,
}

impl Viewer {
    /// Whether they are signed in still: a stream that stays open asks now and then.
    pub async fn stands(&self, bot: &Bot) -> bool {
        self.session == REHEARSAL || bot.signed_in(&self.session).await.is_ok_and(|signed_in| signed_in.is_some())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| unknown(&parts.headers))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| refuse(StatusCode::MISDIRECTED_REQUEST, NOT_HERE))
    }
}

const NOT_HERE: &str = "Pages are not served under this name. [web] in rundown.toml says under which they are.";

/// Puts the checks in front of a router, whatever it answers: also where it has nothing.
pub fn guarded(router: Router, gate: Arc<Gate>) -> Router {
    router.layer(from_fn_with_state(gate, guard))
}

async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let mut response = match gate.admit(request).await {
        Ok(request) => {
            let shows = request.extensions().get::<Viewer>().is_some_and(|viewer| viewer.said.is_some());
            let here = request.extensions().get::<Here>().filter(|_| shows).cloned();
            let mut response = next.run(request).await;
            if let Some(cookie) = here.and_then(|here| HeaderValue::from_str(&cookie::nothing_said(&here)).ok()) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(refused) => *refused,
    };
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // What is open to everybody says itself how long it may be kept.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where nobody needs to be signed in: signing in, and how that looks.
fn is_public(path: &str) -> bool {
    path == "/login" || path.starts_with("/login/") || path.starts_with("/assets/")
}

impl Gate {
    /// The request with who asks; what a form carries is read already.
    async fn admit(&self, mut request: Request) -> Result<Request, Box<Response>> {
        let refused = |status, why| Box::new(refuse(status, why));
        let Some(here) = self.site.here(request.uri(), request.headers()) else {
            return Err(refused(StatusCode::MISDIRECTED_REQUEST, NOT_HERE));
        };
        let (public, posts) = (is_public(request.uri().path()), *request.method() == Method::POST);
        if !posts && !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Box::new(not_so()));
        }
        let viewer = match request.uri().path().starts_with("/assets/") {
            true => None,
            false => self.viewer(&here, request.headers(), posts).await.map_err(|fault| Box::new(broken(&fault)))?,
        };
        if posts && !here.is_asking(request.headers()) {
            let why = "This was not sent by a page of this server.";
            return Err(warned(&request, viewer.as_ref(), StatusCode::FORBIDDEN, why));
        }
        if viewer.is_none() && !public {
            return Err(Box::new(unknown(request.headers())));
        }
        if let Some(viewer) = &viewer
            && viewer.who.may(Right::Look) != Verdict::Allowed
        {
            return Err(refused(StatusCode::FORBIDDEN, "You may not look at these pages."));
        }
        if posts {
            let body = std::mem::replace(request.body_mut(), Body::empty());
            let read = posted::read(request.headers(), body, &self.wall).await;
            let form = read.map_err(|(status, why)| warned(&request, viewer.as_ref(), status, why))?;
            // A link is proof enough where nobody is signed in yet.
            if !request.uri().path().starts_with("/login/") {
                let shown = form.field("csrf").unwrap_or_default();
                let fits = viewer.as_ref().is_some_and(|viewer| self.is_form_of(&viewer.session, shown));
                if !fits {
                    let why = "This form is not from your session. Load the page again, and send it once more.";
                    return Err(warned(&request, viewer.as_ref(), StatusCode::FORBIDDEN, why));
                }
            }
            request.extensions_mut().insert(form);
        }
        if let Some(viewer) = viewer {
            request.extensions_mut().insert(viewer);
        }
        request.extensions_mut().insert(here);
        Ok(request)
    }

    async fn viewer(&self, here: &Here, headers: &HeaderMap, posts: bool) -> Result<Option<Viewer>, Fault> {
        let now = self.bot.clock().now();
        let signed_in = match &self.everybody {
            Some(who) => Some(SignedIn { name: REHEARSAL.to_owned(), who: who.clone(), until: now + SESSION_LIFE }),
            None => match cookie::session_of(&self.key, here, headers, now) {
                Some(name) => self.bot.signed_in(&name).await?,
                None => None,
            },
        };
        let Some(SignedIn { name, who, until }) = signed_in else { return Ok(None) };
        // Shown once, by a page: a stream or a picture that loads meanwhile shows nothing.
        let shows = !posts && accepts(headers, "text/html");
        let said = shows.then(|| cookie::said_of(&self.key, here, &name, headers, self.wall.now())).flatten();
        let csrf = self.key.sign(Purpose::Form, &name);
        Ok(Some(Viewer { session: name, who, until, csrf, said }))
    }

    fn is_form_of(&self, session: &str, shown: &str) -> bool {
        self.key.fits(Purpose::Form, session, shown)
    }

    /// `Set-Cookie` of what was said, for the next page.
    pub(super) fn saying(&self, here: &Here, viewer: &Viewer, said: &Said) -> Option<HeaderValue> {
        let cookie = cookie::said(&self.key, here, &viewer.session, said, self.wall.now());
        HeaderValue::from_str(&cookie).ok()
    }
}

/// A refusal that an operator may want to know of: where somebody is signed in, another page tried in their name. Strangers must not fill
/// the log. Of the address only its pattern is logged: it may be a link.
fn warned(request: &Request, viewer: Option<&Viewer>, status: StatusCode, why: &'static str) -> Box<Response> {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let status_code = status.as_u16();
    match viewer {
        Some(viewer) => {
            tracing::warn!(path, status = status_code, who = viewer.who.actor.label(), why, "a form was refused");
        }
        None => tracing::debug!(path, status = status_code, why, "a form was refused"),
    }
    Box::new(refuse(status, why))
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(kind)))
}

/// A page that says no.
fn refuse(status: StatusCode, why: &str) -> Response {
    (status, message("That is not possible", &[why])).into_response()
}

fn not_so() -> Response {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "Pages are looked at, and forms are sent.");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

/// Nobody knows who asks: how to sign in. A program that wanted no page gets no page.
fn unknown(headers: &HeaderMap) -> Response {
    let mut response = match accepts(headers, "text/event-stream") {
        true => (StatusCode::UNAUTHORIZED, "sign in first").into_response(),
        false => (StatusCode::UNAUTHORIZED, entry::how(None)).into_response(),
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Session realm=\"Rundown\""));
    response
}

fn broken(fault: &Fault) -> Response {
    tracing::error!(%fault, "a session cannot be looked up");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "It cannot be looked up now who you are. Try again.")
}
