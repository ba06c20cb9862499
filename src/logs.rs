//! Logs as JSON: one object a line, with everything that is known where the line was written (`incident`, `run`, `step`, `monitor`)
//! beside the message, so that `jq .run` works.
//!
//! Lives here: the form of a line. Never lives here: what is logged, and where that goes (`main`).

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// One object a line. It takes spans whose fields are kept as JSON
/// ([`JsonFields`](tracing_subscriber::fmt::format::JsonFields)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Objects;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: &'a str,
    level: &'a str,
    message: Option<Value>,
    #[serde(flatten)]
    fields: Map<String, Value>,
    target: &'a str,
}

impl<S, N> FormatEvent<S, N> for Objects
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Map::new();
        // From the outermost span inwards, and the event last: what is nearer knows better.
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let kept = extensions.get::<FormattedFields<N>>().map(|fields| fields.fields.as_str());
            fields.extend(
                kept.and_then(|kept| serde_json::from_str::<Map<String, Value>>(kept).ok()).unwrap_or_default(),
            );
        }
        event.record(&mut Fields(&mut fields));
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let (level, message) = (event.metadata().level().as_str(), fields.remove("message"));
        let line = Line { timestamp: &timestamp, level, message, fields, target: event.metadata().target() };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// Takes an event's fields.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_known_of_the_spans_around_stands_beside_the_message() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Objects)
            .fmt_fields(JsonFields::new())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error_span!("run", incident = %"inc-1", run = %"run-7", step = "outer").in_scope(|| {
                tracing::error_span!("step", step = "restart \"redis\"", attempt = 2).in_scope(|| {
                    tracing::warn!(took_ms = 31, ok = false, "it {}", "\nfailed");
                });
            });
            tracing::error!(run = %"run-8", "elsewhere");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "a line break in a message is no line: {text}");
        let inner = &lines[0];
        assert_eq!(
            (&inner["incident"], &inner["run"], &inner["attempt"]),
            (&"inc-1".into(), &"run-7".into(), &2.into())
        );
        assert_eq!((&inner["step"], &inner["message"]), (&"restart \"redis\"".into(), &"it \nfailed".into()));
        assert_eq!((&inner["took_ms"], &inner["ok"], &inner["level"]), (&31.into(), &false.into(), &"WARN".into()));
        assert_eq!((&lines[1]["run"], lines[1].get("incident")), (&"run-8".into(), None));
    }
}
