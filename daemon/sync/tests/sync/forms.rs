//! Forms for tests: written out, and any.

use std::collections::BTreeMap;

use almanac_contract::{Field, Form, Instance, Moment, Part, Value, form};
use almanac_ical::{CalendarObject, ComponentKind, Limits};
use jiff::civil::date;
use proptest::prelude::*;

pub(crate) fn at(day: i8) -> Moment {
    Moment::Utc(date(2026, 3, day).at(9, 0, 0, 0))
}

/// An object of lines; `|` begins the component of another instance.
pub(crate) fn object(lines: &str) -> Form {
    let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n");
    for component in lines.split('|') {
        text.push_str("BEGIN:VEVENT\r\nUID:uid\r\nDTSTAMP:20260101T000000Z\r\n");
        component.split_whitespace().for_each(|line| text.push_str(&format!("{line}\r\n")));
        text.push_str("END:VEVENT\r\n");
    }
    text.push_str("END:VCALENDAR\r\n");
    form::read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
}

fn part(master: bool) -> impl Strategy<Value = Part> {
    let value = |n: u8| Value::Text(n.to_string());
    let summary = prop::option::of(0..3_u8);
    let guests = prop::collection::btree_map(0..3_u8, 0..2_u8, 0..3);
    let cancelled = prop::collection::btree_set(2..5_i8, 0..3);
    (summary, guests, cancelled, 0..2_i8, any::<bool>()).prop_map(
        move |(summary, guests, cancelled, time, series)| {
            let mut part = Part::new();
            part.insert(Field::Time, Value::Span(at(1 + time * 10), at(2 + time * 10)));
            part.extend(summary.map(|n| (Field::Summary, value(n))));
            part.extend(guests.into_iter().map(|(who, n)| (Field::Attendee(who.to_string()), value(n))));
            if master {
                part.extend(cancelled.into_iter().map(|day| (Field::Except(at(day)), Value::Present)));
                part.extend(series.then(|| (Field::Rule, Value::Lines(vec!["FREQ=DAILY".to_owned()]))));
            }
            part
        },
    )
}

pub(crate) fn any_form() -> impl Strategy<Value = Form> {
    (part(true), prop::collection::btree_map(2..5_i8, part(false), 0..3)).prop_map(|(mut master, others)| {
        let mut parts = BTreeMap::new();
        for (day, part) in others {
            master.remove(&Field::Except(at(day))); // an instance is not changed and cancelled
            parts.insert(Instance::At(at(day)), part);
        }
        parts.insert(Instance::Master, master);
        Form { kind: ComponentKind::Event, uid: "uid".to_owned(), parts }
    })
}
