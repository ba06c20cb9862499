//! Metrics of a server: keeping what was counted, following the journal, writing the page that Prometheus reads.
//!
//! Lives here: [`Meter`], the only place that knows in what they are kept. Never lives here: their names (`base::metrics`), what follows from
//! an event (`figures`), who may read them (`web/operations`).

mod figures;
mod process;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select_biased};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::fleet::Appended;
use super::readiness::{Link, Report};
use super::{Bot, Fault};
use crate::base::metrics::{self as table, Kind};
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;
use figures::{Change, Figures};

/// How often what fell into histograms is put together where nobody reads the page, so that it does not heap up.
const UPKEEP: TimeDelta = TimeDelta::seconds(60);

/// Keeps what is measured in this process.
pub struct Meter {
    handle: PrometheusHandle,
    figures: Mutex<Figures>,
}

impl Meter {
    /// From now on everything that is measured in this process is kept. Once a process.
    ///
    /// # Errors
    /// Somebody keeps it already.
    pub fn install() -> Result<Self, String> {
        let recorder = builder()?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        table::ALL.iter().for_each(describe);
        for reason in ["refused", "uncertain"] {
            table::JOURNAL_FAILURES.add(&[("reason", reason.into())], 0);
        }
        Ok(Self { handle, figures: Mutex::default() })
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn builder() -> Result<PrometheusBuilder, String> {
    table::ALL.iter().filter(|metric| metric.kind == Kind::Histogram).try_fold(
        PrometheusBuilder::new(),
        |builder, metric| {
            let matcher = Matcher::Full(metric.name.to_owned());
            builder.set_buckets_for_metric(matcher, metric.buckets).map_err(|error| error.to_string())
        },
    )
}

/// Tells what a metric says; one without labels is there from the start, at 0.
fn describe(metric: &table::Metric) {
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
        Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
        Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
    }
    match metric.kind {
        _ if !metric.labels.is_empty() => {}
        Kind::Counter => metric.add(&[], 0),
        // Whether there is something to measure is known when it is measured.
        Kind::Gauge => {}
        Kind::Histogram => drop(metric.spans()),
    }
}

fn apply(changes: &[Change]) {
    for Change { metric, labels, value } in changes {
        match metric.kind {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers above 0")]
            Kind::Counter => metric.add(labels, *value as u64),
            Kind::Gauge => metric.set(labels, *value),
            Kind::Histogram => metric.record(labels, *value),
        }
    }
}

impl Bot {
    /// Counts what is appended, by whatever process, until the future is dropped; `news` has everything since the process began.
    pub async fn measure(&self, meter: &Meter, mut news: mpsc::UnboundedReceiver<Appended>) {
        if let Err(fault) = self.find_open(meter).await {
            tracing::error!(%fault, "what was open when this process began is missing from its metrics");
        }
        loop {
            let mut upkeep = self.clock().sleep_until(self.clock().now() + UPKEEP).fuse();
            select_biased! {
                appended = news.next() => match appended {
                    Some(appended) => self.count(meter, &appended).await,
                    None => return futures::future::pending().await,
                },
                () = upkeep => meter.handle.run_upkeep(),
            }
        }
    }

    /// What is open when the process begins.
    async fn find_open(&self, meter: &Meter) -> Result<(), Fault> {
        let engine = self.engine()?;
        for run in engine.runs(true).await? {
            match engine.run_state(&run.id).await {
                Ok(state) => meter.figures().found(&state),
                Err(error) => tracing::warn!(run = %run.id, %error, "a run is missing from metrics"),
            }
        }
        for page in engine.pages(true).await?.iter().filter(|page| page.waits()) {
            meter.figures().called(&page.id);
        }
        Ok(())
    }

    async fn count(&self, meter: &Meter, appended: &Appended) {
        let (fact, at) = (&appended.fact.event, appended.fact.at);
        // Of which kind its steps are stands in its plan, which its events do not repeat.
        if let (Fact::Run(run, Event::Opened(_)), Ok(engine)) = (fact, self.engine()) {
            match engine.run_plan(run).await {
                Ok(plan) => meter.figures().opened(run, &plan),
                Err(error) => tracing::warn!(%run, %error, "a run is missing from metrics"),
            }
        }
        let changes = meter.figures().take(fact, at);
        apply(&changes);
    }

    /// The page that Prometheus reads, in its text format. `report` says how everything is now.
    #[must_use]
    pub fn metrics(&self, meter: &Meter, report: &Report, began: crate::base::event::Instant) -> String {
        let now = self.clock().now();
        apply(&meter.figures().now(now));
        for check in &report.checks {
            table::READY.set(&[("check", check.check.into())], f64::from(u8::from(check.ok)));
        }
        table::BUILD_INFO.set(&[("version", env!("CARGO_PKG_VERSION").into())], 1.0);
        if let Some(up) = match report.chat {
            Link::Up => Some(1.0),
            Link::Down => Some(0.0),
            Link::None | Link::OverHttp => None,
        } {
            table::CHAT_CONNECTED.set(&[], up);
        }
        let condition = report.journal.unwrap_or_default();
        let bytes = [(&table::JOURNAL_SIZE, condition.size), (&table::JOURNAL_FREE, condition.free)];
        for (gauge, value) in bytes.into_iter().chain([(&table::JOURNAL_EVENTS, report.events)]) {
            #[allow(clippy::cast_precision_loss, reason = "a petabyte less or more")]
            value.into_iter().for_each(|value| gauge.set(&[], value as f64));
        }
        table::START_TIME.set(&[], (began - chrono::DateTime::UNIX_EPOCH).as_seconds_f64());
        process::tell();
        meter.handle.render()
    }
}
