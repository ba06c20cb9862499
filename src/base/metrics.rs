//! What is measured: every metric with its name, kind, labels and help. `docs/operations.md` lists the same table, and a test compares
//! the two, the alert rules and the dashboard with it.
//!
//! Lives here: the table, and how a value is put to a metric (through the `metrics` facade: where nobody keeps them, that does
//! nothing). Never lives here: when something is measured, keeping and showing what was (`bot/metrics`).
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Labels take few values: kinds, outcomes, sources, ids of runbooks.
//! Never a title, a person, an incident or a run.

use std::time::Duration;

use metrics::{Histogram, Label, counter, gauge, histogram};

/// How a metric's values go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, and begins at 0 with the process.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How many values fell under each of these limits, ascending.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
    /// A histogram's limits.
    pub buckets: &'static [f64],
}

/// A histogram of spans of time.
#[derive(Clone)]
pub struct Spans(Histogram);

impl Spans {
    /// Puts one in, in seconds.
    pub fn took(&self, span: Duration) {
        self.0.record(span.as_secs_f64());
    }
}

/// The value of a label, by the label's name.
pub type Labelled = (&'static str, std::borrow::Cow<'static, str>);

impl Metric {
    /// Adds to a counter.
    pub fn add(&self, labels: &[Labelled], by: u64) {
        counter!(self.name, self.labels(labels)).increment(by);
    }

    /// Says how much a counter without labels that somebody else keeps has come to.
    pub fn stands_at(&self, total: u64) {
        counter!(self.name).absolute(total);
    }

    /// Says what a gauge is now.
    pub fn set(&self, labels: &[Labelled], value: f64) {
        gauge!(self.name, self.labels(labels)).set(value);
    }

    /// Moves a gauge, up or down.
    pub fn change(&self, labels: &[Labelled], by: f64) {
        gauge!(self.name, self.labels(labels)).increment(by);
    }

    /// Puts one value into a histogram.
    pub fn record(&self, labels: &[Labelled], value: f64) {
        histogram!(self.name, self.labels(labels)).record(value);
    }

    /// A histogram without labels, looked up once for what is measured often. Whoever keeps metrics must be there already.
    #[must_use]
    pub fn spans(&self) -> Spans {
        Spans(histogram!(self.name))
    }

    fn labels(&self, labels: &[Labelled]) -> Vec<Label> {
        debug_assert!(labels.iter().map(|(name, _)| name).eq(self.labels), "{}: {labels:?}", self.name);
        labels.iter().map(|(name, value)| Label::new(*name, value.clone())).collect()
    }
}

/// From a tenth of a millisecond to ten seconds: a commit on a fast disk, and one that waits for somebody's lock.
const OF_COMMITS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a tenth of a second to a day: a request, and a watch over night.
const OF_STEPS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];
/// From five milliseconds to a minute.
const OF_PROBES: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

macro_rules! table {
    ($($name:ident = $kind:ident $text:literal [$($label:literal)*] $help:literal $(, $buckets:ident)?;)*) => {
        $(
            #[doc = $help]
            pub const $name: Metric = Metric {
                name: $text,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
                buckets: table!(@ $($buckets)?),
            };
        )*

        /// Every metric, in the order in which they are documented.
        pub const ALL: &[Metric] = &[$($name),*];
    };
    (@) => { &[] };
    (@ $buckets:ident) => { $buckets };
}

table! {
    READY = Gauge "rundown_ready" ["check"] "1 where a check of /readyz passes, 0 where it does not: journal, chat, clock";
    BUILD_INFO = Gauge "rundown_build_info" ["version"] "Always 1; the label says which version runs";
    RUNS_OPEN = Gauge "rundown_runs_open" ["runbook"] "Runs that are not over, by runbook";
    RUNS_FINISHED = Counter "rundown_runs_finished_total" ["runbook" "outcome"]
        "Runs that came to their end, by runbook and outcome: succeeded, failed, stopped, cancelled";
    RUNS_IN_DOUBT = Gauge "rundown_runs_in_doubt" []
        "Runs with a change of which nobody knows whether it happened";
    STEPS_FINISHED = Counter "rundown_steps_finished_total" ["kind" "outcome"]
        "Steps that came to their end, by kind and outcome: succeeded, failed, skipped";
    STEP_DURATION = Histogram "rundown_step_duration_seconds" ["kind"]
        "How long steps took from ready to finished, waiting for people included", OF_STEPS;
    APPROVALS_WAITING = Gauge "rundown_approvals_waiting" [] "Approvals that somebody has to give or refuse";
    APPROVALS_OLDEST = Gauge "rundown_approvals_oldest_age_seconds" []
        "How long the oldest of these approvals has been waiting, 0 where none is";
    QUESTIONS_WAITING = Gauge "rundown_questions_waiting" []
        "Questions, decisions and work by hand that wait for somebody";
    PAGES_OPEN = Gauge "rundown_pages_open" [] "Pages that nobody has answered yet";
    PAGES_FINISHED = Counter "rundown_pages_finished_total" ["outcome"]
        "Pages that call nobody any more, by outcome: answered, ended, given_up";
    JOURNAL_APPEND = Histogram "rundown_journal_append_seconds" []
        "How long this process's writes to the journal took until they were on disk", OF_COMMITS;
    JOURNAL_FAILURES = Counter "rundown_journal_append_failures_total" ["reason"]
        "Writes to the journal that failed: refused (nothing was written), uncertain (the disk did not confirm)";
    JOURNAL_EVENTS = Gauge "rundown_journal_events" [] "Events in the journal";
    JOURNAL_SIZE = Gauge "rundown_journal_size_bytes" [] "The journal's file and its log on disk";
    JOURNAL_FREE = Gauge "rundown_journal_free_bytes" [] "Room left on the journal's disk";
    CHAT_CONNECTED = Gauge "rundown_chat_connected" []
        "1 while the connection to Discord's gateway stands; absent where there is none to keep";
    CHAT_BACKLOG = Gauge "rundown_chat_backlog" ["direction"]
        "What waits at Discord's door: in (said there, not carried out yet), out (recorded, not told there yet)";
    MONITOR_LATENESS = Histogram "rundown_monitor_lateness_seconds" []
        "How much later than planned probes of monitors began", OF_PROBES;
    MONITOR_SKIPPED = Counter "rundown_monitor_probes_skipped_total" []
        "Probes left out because the one before was still under way";
    ALERTS_RECEIVED = Counter "rundown_alerts_received_total" ["source"] "Alerts that other systems reported, by source";
    ALERTS_REFUSED = Counter "rundown_alert_requests_refused_total" ["source" "reason"]
        "Requests to a hook that were refused: unproven, malformed, repeated, too_many, not_written";
    EVENT_STREAMS = Gauge "rundown_event_streams_open" [] "Pages in browsers that are kept up to date";
    START_TIME = Gauge "process_start_time_seconds" [] "When the process began, in seconds since 1970";
    CPU = Counter "process_cpu_seconds_total" [] "Processor time that the process has used, in whole seconds (Linux)";
    MEMORY = Gauge "process_resident_memory_bytes" [] "Memory that the process holds (Linux)";
    FILES = Gauge "process_open_fds" [] "Files and sockets that the process has open (Linux)";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_say_their_unit_and_each_is_there_once() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert!(metric.name.starts_with("rundown_") || metric.name.starts_with("process_"), "{}", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{}", metric.name);
            assert!(metric.buckets.is_sorted(), "{}", metric.name);
            if metric.kind == Kind::Histogram {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            }
        }
    }
}
