//! Forms into objects and back, for any form.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use almanac_contract::form::{create, read, write};
use almanac_contract::{Field, Form, Instance, Moment, Part, Value};
use almanac_ical::{CalendarObject, ComponentKind, Limits};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

fn at(day: i8, hour: i8) -> DateTime {
    date(2026, 3, day).at(hour, 0, 0, 0)
}

/// Days and hours in one zone, so that parts fit each other.
fn moment(zone: u8, day: i8, hour: i8) -> Moment {
    match zone {
        0 => Moment::Date(at(day, 0).date()),
        1 => Moment::Floating(at(day, hour)),
        2 => Moment::Utc(at(day, hour)),
        _ => Moment::Zoned(at(day, hour), "Europe/Berlin".to_owned()),
    }
}

fn text() -> impl Strategy<Value = String> {
    // With all that iCalendar escapes and folds; never empty, and in the normal form.
    "[a-zA-Z0-9,;:\\\\\"ü€😀\n]{1,90}[a-zA-Z0-9]"
}

fn field() -> impl Strategy<Value = (Field, Value)> {
    let lines = |line: String| Value::Lines(vec![line]);
    prop_oneof![
        text().prop_map(|text| (Field::Summary, Value::Text(text))),
        text().prop_map(|text| (Field::Description, Value::Text(text))),
        text().prop_map(|text| (Field::Location, Value::Text(text))),
        Just((Field::Status, Value::Text("TENTATIVE".into()))),
        Just((Field::Transparency, Value::Text("TRANSPARENT".into()))),
        Just((Field::Class, Value::Text("PRIVATE".into()))),
        (1..9_u8).prop_map(|n| (Field::Priority, Value::Text(n.to_string()))),
        "[a-z]{1,8}".prop_map(|path| (Field::Url, Value::Text(format!("https://example.org/{path};a,b")))),
        text().prop_map(|text| (Field::Category(text.replace('\n', " ").trim().to_owned()), Value::Present)),
        ("[a-z]{1,3}", 0..3_usize).prop_map(move |(name, answer)| {
            let mut lines = vec![format!("mailto:{name}@example.org"), "CN=A; B".to_owned()];
            lines.extend(["PARTSTAT=ACCEPTED", "PARTSTAT=DECLINED"].get(answer).map(|&p| p.to_owned()));
            (Field::Attendee(format!("{name}@example.org")), Value::Lines(lines))
        }),
        (1..60_u8, text()).prop_map(|(minutes, text)| {
            let text = text.replace(['\n', '\\', ',', ';'], " ");
            let mut lines = vec![
                "ACTION:DISPLAY".to_owned(),
                format!("TRIGGER:-PT{minutes}M"),
                format!("DESCRIPTION:{text}"),
            ];
            lines.sort();
            (Field::Alarm(format!("DISPLAY -PT{minutes}M"), 0), Value::Lines(lines))
        }),
        ("[A-Z]{1,4}", text()).prop_map(move |(name, text)| {
            let name = format!("X-{name}");
            let value = text.replace('\n', " ");
            (Field::Other(name.clone(), 0), lines(format!("{name};X-P=\"a:b\":{value}")))
        }),
    ]
}

fn part(zone: u8, series: bool) -> impl Strategy<Value = Part> {
    let exceptions = prop::collection::vec(2..28_i8, 0..3);
    (prop::collection::vec(field(), 0..8), 1..27_i8, 0..20_i8, 1..4_i8, exceptions).prop_map(
        move |(fields, day, hour, length, exceptions)| {
            let mut part: Part = fields.into_iter().collect();
            let start = moment(zone, day, hour);
            let end = if zone == 0 { moment(zone, day + 1, 0) } else { moment(zone, day, hour + length) };
            part.insert(Field::Time, Value::Span(start, end));
            if series {
                part.insert(Field::Rule, Value::Lines(vec!["FREQ=DAILY;COUNT=40".to_owned()]));
                for day in exceptions {
                    part.insert(Field::Except(moment(zone, day, hour)), Value::Present);
                }
            }
            part
        },
    )
}

fn form() -> impl Strategy<Value = Form> {
    (0..4_u8, any::<bool>()).prop_flat_map(|(zone, series)| {
        let others = prop::collection::btree_map(2..28_i8, part(zone, false), 0..3);
        (part(zone, series), others, Just(zone), Just(series)).prop_map(|(master, others, zone, series)| {
            let hour = match &master[&Field::Time] {
                Value::Span(start, _) => start.wall().hour(),
                _ => 0,
            };
            let mut parts = BTreeMap::from([(Instance::Master, master)]);
            if series {
                let named = |(day, part)| (Instance::At(moment(zone, day, hour)), part);
                parts.extend(others.into_iter().map(named));
            }
            Form { kind: ComponentKind::Event, uid: "uid".to_owned(), parts }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_made_of_a_form_has_that_form(form in form()) {
        let object = create(&form, now(), &Limits::default()).unwrap();
        prop_assert!(read(&object) == form, "{}", object.text());
    }

    #[test]
    fn an_object_written_to_another_form_has_that_form(from in form(), to in form()) {
        let object = create(&from, now(), &Limits::default()).unwrap();
        let written = write(&object, &to, now(), &Limits::default()).unwrap();
        prop_assert!(read(&written) == to, "{}\n{}", object.text(), written.text());
    }

    #[test]
    fn what_does_not_differ_keeps_its_lines(from in form(), summary in text()) {
        let object = create(&from, now(), &Limits::default()).unwrap();
        let mut to = from.clone();
        to.parts.get_mut(&Instance::Master).unwrap().insert(Field::Summary, Value::Text(summary));
        let later = Timestamp::from_second(now().as_second() + 60).unwrap();
        let written = write(&object, &to, later, &Limits::default()).unwrap();
        let without = |object: &CalendarObject| -> Vec<String> {
            let component = object.components().next().unwrap();
            let own = ["SUMMARY", "DTSTAMP", "LAST-MODIFIED"];
            let kept = component.properties().iter().filter(|p| !own.iter().any(|name| p.is(name)));
            kept.map(|p| p.to_text()).collect()
        };
        prop_assert_eq!(without(&object), without(&written));
    }
}

fn object(lines: &str) -> CalendarObject {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\nBEGIN:VEVENT\r\nUID:uid\r\nDTSTAMP:20260101T000000Z\r\n\
         {lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_new_time_counts_as_a_new_sequence_and_a_new_title_does_not() {
    let first = object("DTSTART:20260105T090000Z\r\nSEQUENCE:4\r\nSUMMARY:a\r\n");
    let change = |field, value| {
        let mut form = read(&first);
        form.parts.get_mut(&Instance::Master).unwrap().insert(field, value);
        write(&first, &form, now(), &Limits::default()).unwrap().text().into_owned()
    };
    assert!(change(Field::Summary, Value::Text("b".into())).contains("SEQUENCE:4\r\n"));
    let span = Value::Span(Moment::Utc(at(1, 9)), Moment::Utc(at(1, 10)));
    assert!(change(Field::Time, span).contains("SEQUENCE:5\r\n"));
}

#[test]
fn a_zone_that_only_the_object_knows_travels_with_the_form() {
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Home\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0230\r\n\
                TZOFFSETTO:+0230\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let text = object("DTSTART;TZID=Home:20260105T090000\r\n")
        .text()
        .replace("BEGIN:VEVENT", &format!("{zone}BEGIN:VEVENT"));
    let form = read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap());
    let again = create(&form, now(), &Limits::default()).unwrap();
    assert!(again.text().contains("TZOFFSETTO:+0230"));
    assert!(read(&again) == form);
}

#[test]
fn a_component_of_an_instance_that_is_not_wanted_goes_and_the_others_stay() {
    let text = object("DTSTART:20260105T090000Z\r\nRRULE:FREQ=DAILY;COUNT=5\r\n").text().replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:uid\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260106T090000Z\r\n\
         DTSTART:20260106T110000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
    );
    let series = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
    let mut form = read(&series);
    assert_eq!(form.parts.len(), 2);
    form.parts.retain(|instance, _| *instance == Instance::Master);
    let written = write(&series, &form, now(), &Limits::default()).unwrap();
    assert_eq!(written.components().count(), 1);
    assert!(read(&written) == form);
}
