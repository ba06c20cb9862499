//! Signing in and out.
//!
//! Lives here: the page of a link, the page that says how to get one, what their buttons do. A link is used up by the button alone: chat
//! programs, mail scanners and browsers look at links by themselves. Never lives here: when a link can be used (`domain/session`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::{Gate, Here, Posted, Viewer, broken, cookie};
use crate::base::token::Token;
use crate::bot::sessions::SignedIn;
use crate::domain::session::decide::NoLink;
use crate::web::pages::shell::{Place, page, page_for};

/// Pages about signing in; what their forms do is among `acts`.
pub fn router(gate: Arc<Gate>) -> Router {
    Router::new().route("/login", get(asked)).route("/login/{token}", get(shown)).with_state(gate)
}

async fn asked(viewer: Option<axum::Extension<Viewer>>) -> Response {
    match viewer {
        Some(axum::Extension(viewer)) => signed_in(&viewer).into_response(),
        None => how(None).into_response(),
    }
}

/// Who is signed in here, and how that ends.
fn signed_in(viewer: &Viewer) -> Markup {
    let until = viewer.until.format("%Y-%m-%d %H:%M UTC").to_string();
    let account = viewer.who.account();
    let body = html! {
        h1 { "Signed in as " (viewer.who.actor.label()) }
        dl class="facts" {
            dt { "Role" } dd { (viewer.who.role().word()) }
            dt { "Account" } dd { (account.door) " " (account.id) }
            dt { "Until" } dd { time datetime=(viewer.until.to_rfc3339()) { (until) } }
        }
        form method="post" action="/logout" {
            input type="hidden" name="csrf" value=(viewer.csrf);
            div class="acts" {
                button type="submit" { "Sign out" }
                button type="submit" name="everywhere" value="1" { "Sign out everywhere" }
            }
        }
    };
    page_for(viewer, "Signed in", Place::Elsewhere, &body)
}

/// Somebody came with a link, or a program did: nothing happens yet.
async fn shown(
    State(gate): State<Arc<Gate>>,
    viewer: Option<axum::Extension<Viewer>>,
    Path(token): Path<String>,
) -> Response {
    let Some(token) = Token::read(&token) else { return no(NoLink::Unknown) };
    let who = match gate.bot.linked(&token).await {
        Ok(Ok(who)) => who,
        Ok(Err(refused)) => return no(refused),
        Err(fault) => return broken(&fault),
    };
    let (name, role, door) = (who.actor.label(), who.role().word(), who.account().door);
    let body = html! {
        h1 { "Sign in" }
        p { "This link was made for " strong { (name) } " (" (role) "), who asked for it " (asked_at(door)) "." }
        p { "You stay signed in here for twelve hours. The link works once." }
        @if let Some(axum::Extension(viewer)) = &viewer {
            p { "You are signed in as " (viewer.who.actor.label()) " now; that ends." }
        }
        // It is sent to where this page is: the link stands nowhere in it.
        form method="post" {
            button class="main" type="submit" { "Sign in as " (name) }
        }
    };
    page("Sign in", Place::Elsewhere, &body).into_response()
}

/// `POST /login/{token}`.
pub async fn sign_in(gate: &Gate, here: &Here, viewer: Option<&Viewer>, token: &str) -> Response {
    let Some(token) = Token::read(token) else { return no(NoLink::Unknown) };
    let SignedIn { name, who, until } = match gate.bot.sign_in(&token).await {
        Ok(Ok(signed_in)) => signed_in,
        Ok(Err(refused)) => return no(refused),
        Err(fault) => return broken(&fault),
    };
    if let Some(before) = viewer
        && let Err(fault) = gate.bot.sign_out(&before.who.actor, &before.session).await
    {
        tracing::warn!(%fault, "a session that was replaced could not be ended");
    }
    tracing::info!(who = who.actor.label(), "signed in");
    to("/", &[cookie::session(&gate.key, here, &name, until, gate.bot.clock().now())])
}

/// `POST /logout`; with the field `everywhere` all of somebody's sessions end.
pub async fn sign_out(gate: &Gate, here: &Here, viewer: &Viewer, form: &Posted) -> Response {
    let mut ended = gate.bot.sign_out(&viewer.who.actor, &viewer.session).await;
    if ended.is_ok() && form.text("everywhere").is_some() {
        ended = gate.bot.sign_out_everywhere(&viewer.who).await.map(drop);
    }
    match ended {
        Ok(()) => to("/login", &[cookie::no_session(here), cookie::nothing_said(here)]),
        Err(fault) => broken(&fault),
    }
}

/// A link that cannot be used.
fn no(refused: NoLink) -> Response {
    let status = match refused {
        NoLink::Unknown => StatusCode::NOT_FOUND,
        NoLink::Used | NoLink::TooLate => StatusCode::GONE,
    };
    (status, how(Some(refused))).into_response()
}

/// How to get a link.
pub fn how(refused: Option<NoLink>) -> Markup {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(refused) = refused {
            p class="notice warn" { (sentence(&refused.to_string())) }
        }
        p { "A link signs you in. It is yours alone, works once, and for ten minutes:" }
        ul {
            li { "at a terminal of the machine Rundown runs on: " code { "rundown login-link" } }
            li { "in Discord: " code { "/login" } ". Only you see the answer." }
        }
    };
    page("Sign in", Place::Elsewhere, &body)
}

fn asked_at(door: &str) -> String {
    match door {
        "terminal" => "at a terminal".to_owned(),
        "discord" => "in Discord".to_owned(),
        other => format!("through {other}"),
    }
}

/// As a sentence by itself.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// On to another page of ours.
pub fn to(path: &'static str, cookies: &[String]) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static(path))]).into_response();
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
