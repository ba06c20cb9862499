//! The list of incidents.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use super::Failed;
use super::shell::{Place, page_for};
use crate::bot::Bot;
use crate::web::session::Viewer;

/// `GET /`.
///
/// # Errors
/// The journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>) -> Result<Markup, Failed> {
    let incidents = bot.all_incidents().await?;
    let body = html! {
        h1 { "Incidents" }
        @if incidents.is_empty() {
            p class="empty" { "Nothing has been declared yet. " code { "rundown incident declare TITLE" } " declares one, and so does starting a runbook." }
        }
        ul class="cards" {
            @for (id, state) in incidents.iter().rev() {
                li { a href={ "/incidents/" (id) } { (id) " " (state.title) } " " (state.status_words()) }
            }
        }
    };
    Ok(page_for(&viewer, "Incidents", Place::Incidents, &body))
}
