//! The list of incidents.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use super::Failed;
use super::shell::{Place, page};
use crate::bot::Bot;

/// `GET /`.
///
/// # Errors
/// The journal.
pub async fn list(State(bot): State<Arc<Bot>>) -> Result<Markup, Failed> {
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
    Ok(page("Incidents", Place::Incidents, &body))
}
