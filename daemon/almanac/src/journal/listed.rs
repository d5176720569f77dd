//! Between the events of the program and a layer that writes whatever it gets: only listed fields pass.

use std::fmt;

use tracing::field::{Field, FieldSet, Value, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::FIELDS;

/// Fields that a span or an event of `tracing` can have.
const FIELDS_MAX: usize = 32;

/// Gives the inner layer every span and event, with the fields of [`FIELDS`] alone.
pub(crate) struct Listed<L>(pub(super) L);

/// The listed fields that one visit came by, and what they hold.
#[derive(Default)]
struct Kept(Vec<(Field, Box<dyn Value>)>);

impl Kept {
    fn put(&mut self, field: &Field, value: impl Value + 'static) {
        if field.name() == "message" || FIELDS.contains(&field.name()) {
            self.0.push((field.clone(), Box::new(value)));
        }
    }

    /// Calls `pass` with the kept fields, as `tracing` hands them over.
    fn pass(&self, fields: &FieldSet, pass: impl FnOnce(&tracing::field::ValueSet<'_>)) {
        // A field is needed for every place of the array; one without a value is as good as none.
        let Some(any) = fields.iter().next() else { return pass(&fields.value_set(&[])) };
        let mut values: [(&Field, Option<&dyn Value>); FIELDS_MAX] = [(&any, None); FIELDS_MAX];
        for (place, (field, value)) in values.iter_mut().zip(&self.0) {
            *place = (field, Some(value.as_ref()));
        }
        pass(&fields.value_set(&values));
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

impl<S, L> Layer<S> for Listed<L>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    L: Layer<S>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut kept = Kept::default();
        attributes.record(&mut kept);
        let metadata = attributes.metadata();
        kept.pass(metadata.fields(), |values| {
            let listed = match attributes.parent() {
                Some(parent) => Attributes::child_of(parent.clone(), metadata, values),
                None if attributes.is_root() => Attributes::new_root(metadata, values),
                None => Attributes::new(metadata, values),
            };
            self.0.on_new_span(&listed, id, context);
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut kept = Kept::default();
        values.record(&mut kept);
        let Some(metadata) = context.metadata(id) else { return };
        kept.pass(metadata.fields(), |values| self.0.on_record(id, &Record::new(values), context));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut kept = Kept::default();
        event.record(&mut kept);
        let metadata = event.metadata();
        kept.pass(metadata.fields(), |values| {
            let listed = match event.parent() {
                Some(parent) => Event::new_child_of(parent.clone(), metadata, values),
                None if event.is_root() => Event::new_child_of(None, metadata, values),
                None => Event::new(metadata, values),
            };
            self.0.on_event(&listed, context);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Writes down all it is given.
    #[derive(Clone, Default)]
    struct Everything(Arc<Mutex<Vec<String>>>);

    impl Visit for Everything {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.lock().unwrap().push(format!("{}={value:?}", field.name()));
        }
    }

    impl<S: Subscriber> Layer<S> for Everything {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }

        fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
            values.record(&mut self.clone());
        }

        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    #[test]
    fn only_listed_fields_of_spans_records_and_events_pass() {
        let seen = Everything::default();
        let subscriber = tracing_subscriber::registry().with(Listed(seen.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(
                "s",
                request.id = "r",
                summary = "CANARY",
                outcome = tracing::field::Empty
            );
            let _inside = span.enter();
            span.record("outcome", "kept");
            tracing::info!(status = 201, attendee = "CANARY", "said {}", 1);
            tracing::info!("alone");
        });
        let seen = seen.0.lock().unwrap();
        assert_eq!(
            *seen,
            ["request.id=\"r\"", "outcome=\"kept\"", "message=\"said 1\"", "status=201", "message=\"alone\""]
        );
    }
}
