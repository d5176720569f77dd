//! A form to what Google is asked to store.

use almanac_contract::{Field, Mark, Part, Value};
use serde_json::{Map, json};

use super::read::{MARK_EVENT, MARK_LINK, MARK_UID};
use super::time::{property, when};
use super::{EXRULE, alarm, text};

/// What of a part is written.
#[derive(Clone, Copy)]
pub(crate) enum Differing<'a> {
    /// What differs from what is there.
    From(&'a Part),
    /// All, whatever is there.
    All,
}

impl Differing<'_> {
    fn from<'a>(&self, new: &Part, fields: impl Fn(&Field) -> bool + 'a) -> bool {
        match self {
            Self::All => true,
            Self::From(old) => {
                let both = old.keys().chain(new.keys());
                both.filter(|field| fields(field)).any(|field| old.get(field) != new.get(field))
            }
        }
    }
}

/// The body that creates an event.
pub(crate) fn creation(id: &str, master: &Part, mark: &Mark) -> serde_json::Value {
    let mut body = differences(Differing::All, master);
    let recurrence = recurrence(master);
    if !recurrence.is_empty() {
        body.insert("recurrence".into(), recurrence.into());
    }
    body.insert("id".into(), id.into());
    let private = json!({ MARK_LINK: mark.link, MARK_UID: mark.uid, MARK_EVENT: id });
    body.insert("extendedProperties".into(), json!({ "private": private }));
    for time in ["start", "end"] {
        if let Some(time) = body.get_mut(time).and_then(serde_json::Value::as_object_mut) {
            time.retain(|_, value| !value.is_null());
        }
    }
    body.into()
}

/// The members of a body that make an event so, without how it recurs; empty if nothing differs.
pub(crate) fn differences(differing: Differing<'_>, new: &Part) -> Map<String, serde_json::Value> {
    let mut body = Map::new();
    let differs = |field: Field| differing.from(new, move |other| *other == field);
    if differs(Field::Time)
        && let Some(Value::Span(start, end)) = new.get(&Field::Time)
        && let (Some(start), Some(end)) = (when(start), when(end))
    {
        body.insert("start".into(), start);
        body.insert("end".into(), end);
    }
    let texts =
        [("summary", Field::Summary), ("description", Field::Description), ("location", Field::Location)];
    for (name, field) in texts {
        if differs(field.clone()) {
            body.insert(name.into(), text(new, &field).unwrap_or_default().into());
        }
    }
    let names = [
        ("status", Field::Status, &[("TENTATIVE", "tentative")] as &[_], "confirmed"),
        ("transparency", Field::Transparency, &[("TRANSPARENT", "transparent")], "opaque"),
        ("visibility", Field::Class, &[("PRIVATE", "private"), ("CONFIDENTIAL", "confidential")], "default"),
    ];
    for (name, field, values, meant) in names {
        if differs(field.clone()) {
            let here = text(new, &field);
            let known = values.iter().find(|(value, _)| here == Some(value));
            body.insert(name.into(), known.map_or(meant, |(_, theirs)| theirs).into());
        }
    }
    if differing.from(new, |field| matches!(field, Field::Alarm(..))) {
        body.insert("reminders".into(), alarm::body(new));
    }
    body
}

/// The lines that say how a series recurs, with its cancelled instances.
pub(crate) fn recurrence(master: &Part) -> Vec<String> {
    let mut lines = Vec::new();
    for (field, value) in master {
        match (field, value) {
            (Field::Rule, Value::Lines(rules)) => {
                lines.extend(rules.iter().map(|rule| format!("RRULE:{rule}")));
            }
            (Field::Other(name, _), Value::Lines(line)) if name == EXRULE => {
                lines.extend(line.iter().cloned());
            }
            (Field::Extra(at), _) => lines.push(line("RDATE", at)),
            (Field::Except(at), _) => lines.push(line("EXDATE", at)),
            _ => {}
        }
    }
    lines
}

fn line(name: &str, at: &almanac_contract::Moment) -> String {
    let text = property(name, at).to_text().replace("\r\n ", "");
    text.trim_end().to_owned()
}
