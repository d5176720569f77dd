//! Logs: one line an event on stderr, as text or JSON, or one record in the journal. A field that is not in [`FIELDS`]
//! is not written.
//!
//! The list is the last line of defence against patient data in logs: an argument that slips into a span by a
//! forgotten `skip_all` has a name that nobody listed. Lines of foreign crates are written at ERROR only.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use almanac_base::Clock;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Level, Log, LogFormat};
use crate::journal::{self, Output};

/// Every field that a line may carry. None of them may ever hold patient data.
pub(crate) const FIELDS: [&str; 31] = [
    "account.id",
    "at",
    "bytes",
    "code",
    "collection.id",
    "connector",
    "count",
    "elapsed_ms",
    "error",
    "folder",
    "http",
    "listener",
    "management",
    "method",
    "object.id",
    "operation",
    "outcome",
    "peer",
    "principal.id",
    "reason",
    "refused",
    "request.id",
    "retry_ms",
    "route",
    "state",
    "status",
    "sync.run",
    "task",
    "tenant.id",
    "version",
    "written",
];

/// Where the level of the process is changed.
static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Sends all events of this process to stderr or to the journal. Only the first call of a process has an effect.
pub(crate) fn start(log: &Log, clock: Arc<dyn Clock>) {
    let (level, handle) = reload::Layer::new(targets(log.level));
    let journal = (journal::output(log.target) == Output::Journal).then(journal::layer);
    let (journal, missing) =
        journal.transpose().map_or_else(|error| (None, Some(error)), |layer| (layer, None));
    let writer: Box<dyn Layer<Registry> + Send + Sync> = match journal {
        Some(layer) => Box::new(layer),
        None => Box::new(Lines { format: log.format, clock, out: Mutex::new(Box::new(std::io::stderr())) }),
    };
    if tracing_subscriber::registry().with(writer.with_filter(level)).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
    if let Some(error) = missing {
        tracing::warn!(%error, "the journal cannot be reached, lines go to stderr");
    }
}

/// Writes lines of this level and above from now on.
pub(crate) fn set_level(level: Level) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.reload(targets(level));
    }
}

/// Reports a panic by its place alone: its text may quote what the code was working on.
pub(crate) fn keep_panics_silent() {
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(%at, "a fault in the program");
        } else {
            let _ = writeln!(std::io::stderr(), "almanac: a fault in the program at {at}");
        }
    }));
}

fn targets(level: Level) -> Targets {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    Targets::new().with_default(LevelFilter::ERROR).with_target("almanac", level)
}

/// Writes events as lines.
struct Lines {
    format: LogFormat,
    clock: Arc<dyn Clock>,
    out: Mutex<Box<dyn Write + Send>>,
}

/// The listed fields of a span or an event, in the order in which they were given.
#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else if FIELDS.contains(&field.name()) {
            self.values.retain(|(name, _)| *name != field.name());
            self.values.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                for (name, value) in &outer.values {
                    if fields.values.iter().all(|(known, _)| known != name) {
                        fields.values.push((name, value.clone()));
                    }
                }
            }
        }
        let line = self.line(event.metadata(), &fields);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not stop the work.
        let _ = out.write_all(line.as_bytes());
    }
}

impl Lines {
    fn line(&self, metadata: &Metadata<'_>, fields: &Fields) -> String {
        let time = format!("{:.3}", self.clock.now());
        match self.format {
            LogFormat::Text => text_line(&time, metadata, fields),
            LogFormat::Json => json_line(&time, metadata, fields),
        }
    }
}

fn text_line(time: &str, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!("{time} {:5} ", metadata.level());
    line.extend(fields.message.chars().map(|c| if c.is_control() { ' ' } else { c }));
    for (name, value) in &fields.values {
        let _ = match value {
            Value::String(text) if text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=') => {
                write!(line, " {name}={text}")
            }
            // JSON's quoting escapes line ends and other controls: no value can begin a line of its own.
            other => write!(line, " {name}={other}"),
        };
    }
    line.push('\n');
    line
}

fn json_line(time: &str, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let level = metadata.level().as_str();
    let head =
        [("time", time), ("level", level), ("target", metadata.target()), ("message", &fields.message)];
    let mut line = String::from("{");
    for (name, value) in head {
        let _ = write!(line, "\"{name}\":{},", Value::from(value));
    }
    for (name, value) in &fields.values {
        let _ = write!(line, "\"{name}\":{value},");
    }
    line.pop();
    line.push_str("}\n");
    line
}

#[cfg(test)]
mod tests {
    use almanac_base::ManualClock;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(format: LogFormat, work: impl FnOnce()) -> String {
        let captured = Captured::default();
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00.5Z".parse().unwrap()));
        let lines = Lines { format, clock, out: Mutex::new(Box::new(captured.clone())) };
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(targets(Level::Info)));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn one_request() {
        let span = tracing::info_span!(
            "request",
            request.id = "req_1",
            summary = "CANARY",
            outcome = tracing::field::Empty
        );
        let _inside = span.enter();
        span.record("outcome", "kept");
        tracing::info!(status = 201, peer = "a\nb", attendee = "CANARY", "request");
        tracing::debug!("too fine");
        tracing::warn!(target: "h2::proto", "CANARY");
    }

    #[test]
    fn a_text_line_has_the_listed_fields_of_event_and_span_and_no_other() {
        let expected = "2026-03-01T10:00:00.500Z  INFO request status=201 peer=\"a\\nb\" request.id=req_1 outcome=kept\n";
        assert_eq!(lines_of(LogFormat::Text, one_request), expected.replace("  INFO ", " INFO  "));
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line = lines_of(LogFormat::Json, one_request);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["status"], 201);
        assert_eq!(value["request.id"], "req_1");
        assert_eq!(value["message"], "request");
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains("CANARY"));
    }

    #[test]
    fn the_list_of_fields_is_sorted_and_has_no_doubles() {
        assert!(FIELDS.is_sorted_by(|a, b| a < b));
    }
}
