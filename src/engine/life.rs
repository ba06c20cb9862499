//! What a log tells of a run's life: it began, a step started, waits, finished, the run is over.
//!
//! Lives here: one line an event, with ids, kinds and lengths. Never lives here: outputs, titles, answers, names of persons: those
//! are in the journal, where they can be erased.

use crate::base::event::Recorded;
use crate::domain::run::event::Event;
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;

/// Logs what was recorded of a run that is driven here; `incident` and `run` come from the span around it.
pub(super) fn tell(state: &State, news: &[Recorded<Fact>]) {
    for recorded in news {
        if let Fact::Run(_, event) = &recorded.event {
            one(state, event);
        }
    }
}

fn one(state: &State, event: &Event) {
    let kind =
        |step: &str| state.plan.position(step).map_or("other", |position| state.plan.steps[position].does.kind());
    match event {
        Event::Adopted(_) => tracing::info!(runbook = state.opened.runbook, "run driven"),
        Event::Paused(_) => tracing::info!("run held up"),
        Event::Resumed(_) => tracing::info!("run goes on"),
        Event::Cancelled(_) => tracing::info!("run cancelled"),
        Event::Overdue(_) => tracing::warn!("run takes longer than its runbook allows"),
        Event::Finished(over) => {
            let took_ms = (state.last_at - state.opened_at).num_milliseconds();
            tracing::info!(runbook = state.opened.runbook, outcome = over.outcome.word(), took_ms, "run over");
        }
        Event::StepStarted(started) => {
            let (step, kind) = (&started.step, kind(&started.step));
            tracing::info!(step, kind, visit = started.visit, "step started");
        }
        Event::StepSkipped(skipped) => {
            tracing::info!(step = skipped.step, kind = kind(&skipped.step), outcome = "skipped", "step skipped");
        }
        Event::StepFinished(finished) => {
            let (step, kind) = (&finished.step, kind(&finished.step));
            let outcome = if finished.ok { "succeeded" } else { "failed" };
            let (took_ms, attempts) = (finished.took_ms, finished.attempts);
            tracing::info!(step, kind, outcome, took_ms, attempts, "step finished");
        }
        Event::StepBlocked(blocked) => tracing::info!(step = blocked.step, waits_for = "target", "step waits"),
        Event::ApprovalAsked(asked) => tracing::info!(step = asked.step, waits_for = "approval", "step waits"),
        Event::Asked(asked) => tracing::info!(step = asked.step, waits_for = "person", "step waits"),
        Event::WaitStarted(wait) => {
            tracing::info!(step = wait.step, waits_for = "time", until = %wait.until, "step waits");
        }
        Event::WatchStarted(watch) => {
            tracing::info!(step = watch.step, waits_for = "watch", until = %watch.until, "step waits");
        }
        Event::ApprovalExpired(expired) => tracing::warn!(step = expired.step, "nobody approved in time"),
        Event::QuestionOverdue(overdue) => tracing::warn!(step = overdue.step, "nobody answered in time"),
        Event::AttemptDoubted(doubted) => {
            tracing::warn!(step = doubted.step, attempt = doubted.attempt, "nobody knows whether the change happened");
        }
        _ => {}
    }
}
