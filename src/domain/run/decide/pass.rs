//! Steps without an executor: watching, waiting, asking, deciding, computing, telling.

use serde_json::{Map, Value, json};

use super::{Decider, Decision, Ending};
use crate::base::event::Instant;
use crate::base::expr::{Condition, Scope, Template};
use crate::base::schedule::{Cron, Span, zone};
use crate::domain::action::resolve;
use crate::domain::run::event::{
    Answered, Asked, Notified, Offered, Question, QuestionOverdue, WaitStarted, WatchStarted, WatchedLog,
};
use crate::domain::run::input::WatchReport;
use crate::domain::run::scope;
use crate::domain::run::state::Stage;
use crate::domain::runbook::model::{Deadline, Decide, Destination, Does, OnTimeout, Since, Wait, Watch};

impl Decider {
    /// A step became ready.
    pub(super) fn launch(&mut self, position: usize) -> Decision {
        match self.step(position).does.clone() {
            Does::Act(_) => self.launch_act(position),
            Does::Watch(watch) => self.launch_watch(position, &watch, &self.scope(position)),
            Does::Wait(wait) => self.launch_wait(position, &wait, &self.scope(position)),
            Does::Ask(ask) => match rendered(&ask.question, &self.scope(position)) {
                Ok(text) => {
                    let until = ask.deadline.map(|span| self.now + span.delta());
                    self.ask(position, Question::Value { text, kind: ask.kind }, until)
                }
                Err(why) => self.finish(position, Ending::failed(why)),
            },
            Does::Decide(decide) => self.launch_decide(position, &decide, &self.scope(position)),
            Does::Set(values) => self.launch_set(position, values.iter(), &self.scope(position)),
            Does::Notify(notify) => match rendered(&notify.text, &self.scope(position)) {
                Ok(text) => {
                    self.emit(Notified { step: self.id(position), text })?;
                    self.finish(position, Ending::ok("told"))
                }
                Err(why) => self.finish(position, Ending::failed(why)),
            },
            Does::Manual => self.ask(position, Question::Work, None),
            Does::Runbook(_) | Does::Each(_) => self.finish(position, Ending::failed("the plan was not expanded")),
        }
    }

    fn scope(&self, position: usize) -> Scope {
        scope::of_step(&self.state, position)
    }

    pub(super) fn ask(&mut self, position: usize, question: Question, until: Option<Instant>) -> Decision {
        let (step, title) = (self.id(position), self.step(position).title.clone());
        self.emit(Asked { step, title, question, until })
    }

    fn launch_watch(&mut self, position: usize, watch: &Watch, scope: &Scope) -> Decision {
        let inventory = &self.state.plan.inventory;
        let prepared = span(&watch.lasts, scope).and_then(|lasts| {
            let sample = resolve::resolve(&watch.sample, scope, inventory).map_err(|error| error.to_string())?;
            let logs = watch
                .forbid_logs
                .iter()
                .map(|forbid| {
                    let action = resolve::resolve(&forbid.logs, scope, inventory).map_err(|error| error.to_string())?;
                    Ok(WatchedLog { action, text: forbid.text.clone(), every_ms: forbid.every.millis() })
                })
                .collect::<Result<Vec<_>, String>>()?;
            Ok((lasts, sample, logs))
        });
        match prepared {
            Ok((lasts, sample, logs)) => {
                let (step, title) = (self.id(position), self.step(position).title.clone());
                let until = self.now + lasts.delta();
                self.emit(WatchStarted { step, title, until, every_ms: watch.every.millis(), sample, logs })
            }
            Err(why) => self.finish(position, Ending::failed(why)),
        }
    }

    fn launch_wait(&mut self, position: usize, wait: &Wait, scope: &Scope) -> Decision {
        let until = match wait {
            Wait::For(text) => span(text, scope).map(|span| self.now + span.delta()),
            Wait::Until { cron, zone: name } => {
                let name = name.as_deref().unwrap_or(&self.state.plan.inventory.zone);
                Cron::parse(cron)
                    .and_then(|cron| zone(name).map(|zone| cron.next_after(self.now, zone)))
                    .map_err(|fault| fault.to_string())
                    .and_then(|next| next.ok_or_else(|| format!("'{cron}' never comes")))
            }
        };
        match until {
            Ok(until) => self.emit(WaitStarted { step: self.id(position), until }),
            Err(why) => self.finish(position, Ending::failed(why)),
        }
    }

    fn launch_decide(&mut self, position: usize, decide: &Decide, scope: &Scope) -> Decision {
        let mut recommended = false;
        let cases = decide
            .cases
            .iter()
            .map(|case| {
                let fits = case.when.as_ref().is_none_or(|when| when.test(scope).unwrap_or(false))
                    && self.may_go_back(&case.to);
                let first = fits && !recommended;
                recommended |= first;
                let label = case.label.clone().unwrap_or_else(|| case.id.replace('_', " "));
                Offered { id: case.id.clone(), label, fits, recommended: first }
            })
            .collect();
        let until = decide.deadline.as_ref().map(|deadline| self.deadline(deadline));
        self.ask(position, Question::Branch { cases }, until)
    }

    /// Whether the bound of a `redo` still lets the run go back.
    pub(super) fn may_go_back(&self, to: &Destination) -> bool {
        let Destination::Redo { step, max } = to else { return true };
        let gone = self.state.plan.position(step).and_then(|to| self.state.redone.get(&to)).copied().unwrap_or(0);
        gone < *max
    }

    fn deadline(&self, deadline: &Deadline) -> Instant {
        let from = match deadline.from {
            Since::Asked => self.now,
            Since::RunStarted => self.state.opened_at,
            Since::IncidentStarted => self.state.opened.incident_started,
        };
        from + deadline.after.delta()
    }

    pub(super) fn question_overdue(&mut self, position: usize) -> Decision {
        let on_timeout = match &self.step(position).does {
            Does::Decide(decide) => decide.on_timeout.clone(),
            _ => OnTimeout::Page,
        };
        let step = self.id(position);
        self.emit(QuestionOverdue { step: step.clone() })?;
        match on_timeout {
            OnTimeout::Page => Ok(()),
            OnTimeout::Fail => self.finish(position, Ending::failed("nobody decided in time")),
            OnTimeout::Take(case) => {
                self.emit(Answered {
                    step,
                    answer: json!(case),
                    by: None,
                    why: Some("nobody decided in time".into()),
                })?;
                self.take_case(position, &case, None, "nobody decided in time")
            }
        }
    }

    /// Ends a decision with the case that was taken and goes where it leads.
    pub(super) fn take_case(
        &mut self,
        position: usize,
        id: &str,
        by: Option<&crate::base::event::Person>,
        why: &str,
    ) -> Decision {
        let Does::Decide(decide) = self.step(position).does.clone() else { return Ok(()) };
        let Some(case) = decide.cases.iter().find(|case| case.id == id) else { return Ok(()) };
        let label = case.label.clone().unwrap_or_else(|| case.id.replace('_', " "));
        let taken_by = by.map_or("rundown", |by| by.name());
        let facts = Map::from_iter([("answer".to_owned(), json!(id)), ("by".to_owned(), json!(taken_by))]);
        self.finish(position, Ending { ok: true, summary: label.clone(), facts, ..Ending::default() })?;
        let why = if why.is_empty() { label } else { format!("{label}: {why}") };
        self.follow(position, &case.to, by, why)
    }

    fn launch_set<'a>(
        &mut self,
        position: usize,
        values: impl Iterator<Item = (&'a String, &'a Condition)>,
        scope: &Scope,
    ) -> Decision {
        let mut facts = Map::new();
        for (name, condition) in values {
            match condition.evaluate(scope) {
                Ok(value) => drop(facts.insert(name.clone(), value)),
                Err(error) => return self.finish(position, Ending::failed(format!("'{name}': {error}"))),
            }
        }
        let summary = facts
            .iter()
            .map(|(name, value)| format!("{name} = {}", crate::base::text::one_line(&plain(value), 80)))
            .collect::<Vec<_>>()
            .join(", ");
        self.finish(position, Ending { ok: true, summary, facts, ..Ending::default() })
    }

    pub(super) fn watch_report(&mut self, report: WatchReport) -> Decision {
        let step = match &report {
            WatchReport::Tallied(tally) => &tally.step,
            WatchReport::Breached(breach) => &breach.step,
            WatchReport::Recovered(recovered) => &recovered.step,
            WatchReport::Gap(gap) => &gap.step,
            WatchReport::LogFound(found) => &found.step,
            WatchReport::Ended { step } => step,
        };
        // A report of a watch that was skipped or cancelled meanwhile changes nothing.
        let Some(position) =
            self.active(step).filter(|position| matches!(self.stage(*position), Stage::Watching { .. }))
        else {
            return Ok(());
        };
        let failing = match report {
            WatchReport::Ended { .. } => return self.end_watch(position),
            WatchReport::Tallied(tally) => return self.emit(tally),
            WatchReport::Recovered(recovered) => return self.emit(recovered),
            WatchReport::Gap(gap) => return self.emit(gap),
            WatchReport::Breached(breach) => {
                let failing = breach.level == crate::domain::runbook::model::Level::Fail;
                self.emit(breach)?;
                failing
            }
            WatchReport::LogFound(found) => {
                self.emit(found)?;
                true
            }
        };
        let Does::Watch(watch) = &self.step(position).does else { return Ok(()) };
        if failing && watch.stop_on_breach { self.end_watch(position) } else { Ok(()) }
    }

    fn end_watch(&mut self, position: usize) -> Decision {
        let Does::Watch(watch) = self.step(position).does.clone() else { return Ok(()) };
        let seen = self.at(position).seen.clone();
        #[allow(clippy::cast_precision_loss, reason = "counts of samples")]
        let coverage = if seen.due == 0 { 0.0 } else { seen.taken as f64 / seen.due as f64 * 100.0 };
        let (verdict, why) = if let Some(breach) = &seen.breach {
            ("breached", breach.clone())
        } else if coverage + 1e-9 < watch.min_coverage {
            ("inconclusive", format!("{coverage:.0} % of the samples came in, {:.0} % are needed", watch.min_coverage))
        } else {
            ("stable", format!("{} samples, {coverage:.0} % coverage", seen.taken))
        };
        let series: Map<String, Value> = seen
            .series
            .iter()
            .map(|(name, extent)| {
                (
                    name.clone(),
                    json!({"last": extent.last, "min": extent.min, "max": extent.max, "count": extent.count}),
                )
            })
            .collect();
        let facts = json!({
            "verdict": verdict, "samples": seen.taken, "coverage": (coverage * 10.0).round() / 10.0,
            "breaches": seen.failed, "warnings": seen.warned, "log_matches": seen.logs, "series": series,
        });
        let facts = facts.as_object().cloned().unwrap_or_default();
        let summary = format!("{verdict}: {why}");
        self.finish(position, Ending { ok: verdict == "stable", summary, facts, ..Ending::default() })?;
        self.drop_unstarted_beside(position)
    }

    /// Steps that belong beside a watch which ended before they began.
    pub(super) fn drop_unstarted_beside(&mut self, watch: usize) -> Decision {
        let id = self.id(watch);
        for position in 0..self.state.steps.len() {
            let beside = self.step(position).during.as_deref() == Some(&id);
            if beside && matches!(self.stage(position), Stage::Pending) && self.state.covers(position) {
                self.skip(position, "the watch ended first", None, false)?;
            }
        }
        Ok(())
    }
}

fn rendered(template: &str, scope: &Scope) -> Result<String, String> {
    let template = Template::parse(template).map_err(|fault| fault.to_string())?;
    template.render(scope).map_err(|error| error.to_string())
}

fn span(template: &str, scope: &Scope) -> Result<Span, String> {
    let text = rendered(template, scope)?;
    Span::parse_positive(&text).map_err(|fault| fault.to_string())
}

/// A value as people read it: text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
