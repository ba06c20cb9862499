//! Watching: looking at everything that `monitors.yaml` names for as long as the process lives, and what an alert leads to.
//!
//! Lives here: [`Bot::watch`], reading the file again when it changed, [`Desk`] (an incident with what was seen, its runbook). Never lives here: when
//! something is an alert (`domain::monitor`).

use chrono::TimeDelta;
use futures::future::{BoxFuture, Either, select};

use crate::base::event::{Actor, IncidentId, Person};
use crate::bot::fleet::Fleet;
use crate::bot::library::{At, Watched};
use crate::bot::running::Start;
use crate::bot::{Bot, Fault};
use crate::domain::incident::decide::Command;
use crate::domain::incident::investigation;
use crate::domain::incident::state::State;
use crate::domain::monitor::alert::Declare;
use crate::domain::monitor::{Alert, Status};
use crate::domain::page::event::Cause;
use crate::engine::monitoring::{Alerts, Heard, Monitoring};
use crate::samples::Samples;

/// How often it is looked whether `monitors.yaml` changed.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(5);

impl Bot {
    /// Waits until there is a `monitors.yaml` that names something, or has faults to tell of.
    pub async fn until_monitored(&self) {
        while self.library.monitors().is_ok_and(|watched| watched.monitors.all.is_empty()) {
            let stamp = self.library.monitors_stamp();
            while self.library.monitors_stamp() == stamp {
                self.clock.sleep_until(self.clock.now() + LOOK_AGAIN).await;
            }
        }
    }

    /// Looks at everything that `monitors.yaml` names until the future is dropped. A file that changed is read again; while it has
    /// faults what it said before goes on to hold.
    ///
    /// # Errors
    /// The journal cannot be read at the start.
    pub async fn watch(&self, fleet: &Fleet, samples: &dyn Samples, heard: &mut Heard) -> Result<(), Fault> {
        let desk = Desk { bot: self, fleet: fleet.clone() };
        let mut stamp = self.library.monitors_stamp();
        let mut watched = self.library.monitors().unwrap_or_else(|fault| {
            tracing::error!("nothing is monitored: {fault}");
            Watched::default()
        });
        loop {
            let executors = self.executors()?;
            let monitoring = Monitoring {
                engine: self.engine()?,
                executors: &executors,
                inventory: &watched.inventory,
                monitors: &watched.monitors,
                alerts: &desk,
                samples,
            };
            let next = match select(Box::pin(monitoring.run(heard)), Box::pin(self.monitors_now(&mut stamp))).await {
                Either::Left((ended, _)) => return Ok(ended?),
                Either::Right((next, _)) => next,
            };
            watched = next;
        }
    }

    /// What `monitors.yaml` says once it has changed and can be read.
    async fn monitors_now(&self, stamp: &mut String) -> Watched {
        loop {
            self.clock.sleep_until(self.clock.now() + LOOK_AGAIN).await;
            let now = self.library.monitors_stamp();
            if now == *stamp {
                continue;
            }
            *stamp = now;
            match self.library.monitors() {
                Ok(watched) => return watched,
                Err(fault) => tracing::error!("monitors go on as before: {fault}"),
            }
        }
    }
}

/// What happens here about an alert: an incident, with what was seen, and the runbook for it.
pub struct Desk<'a> {
    bot: &'a Bot,
    fleet: Fleet,
}

impl Alerts for Desk<'_> {
    fn take<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<Option<IncidentId>, String>> {
        Box::pin(async move {
            match alert.status {
                Status::Firing => self.fires(alert).await.map_err(|fault| fault.to_string()),
                Status::Resolved => {
                    let cause = Cause::Alert { fingerprint: alert.fingerprint.clone() };
                    self.bot.end_page(&cause).await.map_err(|fault| fault.to_string())?;
                    self.recovers(alert).await.map_err(|fault| fault.to_string())?;
                    Ok(alert.incident.clone())
                }
            }
        })
    }
}

impl Desk<'_> {
    async fn fires(&self, alert: &Alert) -> Result<Option<IncidentId>, Fault> {
        let Some(declare) = &alert.wants.declare else {
            self.page(alert, None).await?;
            return Ok(None);
        };
        let actor = actor(alert);
        if let Some((incident, state)) = self.open_of(alert).await? {
            // A crash between the declaration and its record must not say the same twice.
            let known = state.investigation.evidence.iter().any(|(_, found)| found.found == found_of(alert));
            if !known {
                self.tell(&actor, &incident, alert).await?;
            }
            self.page(alert, Some(&incident)).await?;
            return Ok(Some(incident));
        }
        let incident = self.declare(&actor, alert, declare).await?;
        self.tell(&actor, &incident, alert).await?;
        self.page(alert, Some(&incident)).await?;
        if let Some(runbook) = &alert.wants.start {
            self.start(&actor, &incident, runbook).await;
        }
        Ok(Some(incident))
    }

    /// It is well again. An incident that nobody has taken on is over with it; what people work on, people end.
    async fn recovers(&self, alert: &Alert) -> Result<(), Fault> {
        let Some(incident) = &alert.incident else { return Ok(()) };
        let state = self.bot.incident_state(incident).await?;
        if !state.status.is_open() || state.is_worked_on() || state.declared_by != Person::monitor(&alert.monitor) {
            return Ok(());
        }
        let why = format!("{} is well again, and nobody had begun to work on it", alert.title);
        let command = Command::Resolve { why: Some(why) };
        self.bot.engine()?.incident_command(incident, &actor(alert), None, command).await?;
        Ok(())
    }

    /// Calls somebody where that is wanted, and the incident's severity does not do so by itself.
    async fn page(&self, alert: &Alert, incident: Option<&IncidentId>) -> Result<(), Fault> {
        if !alert.wants.page {
            return Ok(());
        }
        let cause = Cause::Alert { fingerprint: alert.fingerprint.clone() };
        let subject = format!("{} is failing: {}", alert.title, alert.seen);
        self.bot.page_for(cause, subject, alert.wants.severity, incident).await
    }

    /// The open incident that the same monitor declared.
    async fn open_of(&self, alert: &Alert) -> Result<Option<(IncidentId, State)>, Fault> {
        let by = Person::monitor(&alert.monitor);
        let all = self.bot.all_incidents().await?;
        Ok(all.into_iter().rev().find(|(_, state)| state.status.is_open() && state.declared_by == by))
    }

    async fn declare(&self, actor: &Actor, alert: &Alert, declare: &Declare) -> Result<IncidentId, Fault> {
        let watched = self.bot.library.monitors().unwrap_or_default();
        let named = |text: String| Some(text).filter(|text| !text.is_empty());
        let command = Command::Declare {
            title: declare.title.clone(),
            severity: declare.severity,
            environment: named(watched.inventory.environment),
            zone: named(watched.inventory.zone),
            started: Some(alert.since),
            detected: None,
        };
        let (incident, _) = self.bot.engine()?.declare(actor, command).await?;
        Ok(incident)
    }

    /// Writes down what was seen, and which runbook is for it.
    async fn tell(&self, actor: &Actor, incident: &IncidentId, alert: &Alert) -> Result<(), Fault> {
        let find = investigation::Command::Find {
            hypothesis: None,
            checked: alert.title.clone(),
            found: found_of(alert),
            implication: alert.wants.propose.as_ref().map(|runbook| format!("the runbook {runbook} is for this")),
            url: None,
            corrects: None,
        };
        let engine = self.bot.engine()?;
        engine.incident_command(incident, actor, None, Command::Investigate(find)).await?;
        Ok(())
    }

    /// Begins the runbook that the operator wants to begin by itself. Where it cannot, the incident says so: somebody is needed now.
    async fn start(&self, actor: &Actor, incident: &IncidentId, runbook: &str) {
        let begun = async {
            let environment = self.bot.library.monitors()?.monitors.environment;
            let planned = self.bot.plan(runbook, &At { environment, ..At::default() })?;
            let start = Start { incident: Some(incident.clone()), ..Start::default() };
            self.bot.start(actor, &planned, start).await
        };
        match begun.await {
            Ok(run) => self.fleet.drive(&run),
            Err(fault) => {
                tracing::error!(%incident, runbook, %fault, "the runbook did not begin");
                let text = format!("The runbook {runbook} was to begin by itself and could not: {fault}");
                let note = Command::Note { text: crate::base::text::plain(&text, 2_000) };
                if let Ok(engine) = self.bot.engine()
                    && let Err(error) = engine.incident_command(incident, actor, None, note).await
                {
                    tracing::error!(%incident, %error, "and that could not be written down");
                }
            }
        }
    }
}

fn actor(alert: &Alert) -> Actor {
    Actor::Person { name: Person::monitor(&alert.monitor), door: "monitor".to_owned(), login: None }
}

/// What was seen, as evidence; the time makes it this alarm's.
fn found_of(alert: &Alert) -> String {
    let flapping = if alert.flapping { "goes to and fro; " } else { "" };
    format!("{flapping}{}, failing since {}", alert.seen, alert.since.format("%F %T UTC"))
}
