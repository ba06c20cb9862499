//! Pages for people in a browser: rendered here, whole, and readable without any script.
//!
//! Lives here: the addresses, what happens where there is nothing. One file a page; `shell` has what all have in common. Never lives
//! here: what is on record and what follows from it (`bot`), how somebody is admitted (`session`).

pub mod actions;
pub mod incident;
pub mod incidents;
pub mod monitor;
pub mod monitors;
pub mod oncall;
pub mod paper;
pub mod parts;
pub mod postmortem;
pub mod prose;
pub mod runbook;
pub mod runbooks;
pub mod runs;
pub mod shell;
#[cfg(test)]
mod tests;
pub mod write;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::bot::{Bot, Fault};
use crate::web::live::Live;
use shell::message;

/// The addresses.
pub fn router(live: Arc<Live>) -> Router {
    lists()
        .with_state(live.bot().clone())
        .merge(incident::router(live.clone()))
        .merge(postmortem::router(live))
        .fallback(nothing)
}

/// The lists, and what they lead to beside an incident.
fn lists() -> Router<Arc<Bot>> {
    Router::new()
        .route("/", get(incidents::list))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::one))
        .route("/runbooks", get(runbooks::list))
        .route("/runbooks/{id}", get(runbook::one))
        .route("/monitors", get(monitors::list))
        .route("/monitors/{name}", get(monitor::one))
        .route("/monitors/{name}/{chart}", get(monitor::chart))
        .route("/oncall", get(oncall::list))
        .route("/actions", get(actions::list))
}

/// There is no such page.
pub async fn nothing() -> Response {
    let lines = ["There is nothing at this address. It may have been typed wrongly, or belong to another server."];
    (StatusCode::NOT_FOUND, message("Not found", &lines)).into_response()
}

/// Something that was asked for could not be had.
pub struct Failed(Fault);

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, title) = match &self.0 {
            Fault::Usage(_) => (StatusCode::NOT_FOUND, "Not found"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "That did not work"),
        };
        let why = self.0.to_string();
        (status, message(title, &[&why])).into_response()
    }
}
