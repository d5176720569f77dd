//! Any form: what Outlook keeps of it reads back as it was written.
#![expect(clippy::unwrap_used, reason = "tests")]

use almanac_contract::{Field, Form, Instance, Mark, Moment, Part, Value as Said};
use almanac_ical::ComponentKind;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use serde_json::Value;

use crate::sim::{CALENDAR, Graph};
use crate::wire::Event;
use crate::{map, marks};

fn moment(zone: u8, wall: DateTime) -> Moment {
    match zone {
        0 => Moment::Date(wall.date()),
        1 => Moment::Utc(wall),
        2 => Moment::Zoned(wall, "Europe/Vienna".to_owned()),
        3 => Moment::Zoned(wall, "America/New_York".to_owned()),
        4 => Moment::Zoned(wall, "Asia/Kathmandu".to_owned()),
        _ => Moment::Floating(wall),
    }
}

fn text() -> impl Strategy<Value = Said> {
    "[a-zA-Z0-9,;:<>&\\\\\"ü€😀 \r\n\t]{0,300}".prop_map(Said::Text)
}

fn field() -> impl Strategy<Value = (Field, Said)> {
    let alarm = |action: &'static str, trigger: String| {
        let lines =
            vec![format!("ACTION:{action}"), "DESCRIPTION:x".to_owned(), format!("TRIGGER:{trigger}")];
        (Field::Alarm(format!("{action} {trigger}"), 0), Said::Lines(lines))
    };
    prop_oneof![
        text().prop_map(|text| (Field::Summary, text)),
        text().prop_map(|text| (Field::Description, text)),
        text().prop_map(|text| (Field::Location, text)),
        prop_oneof!["TENTATIVE", "CANCELLED"].prop_map(|status| (Field::Status, Said::Text(status))),
        Just((Field::Transparency, Said::Text("TRANSPARENT".into()))),
        prop_oneof!["PRIVATE", "CONFIDENTIAL", "X-[A-Z]{3}"]
            .prop_map(|class| (Field::Class, Said::Text(class))),
        (1..10_u8).prop_map(|n| (Field::Priority, Said::Text(n.to_string()))),
        "[a-zA-Z ,ü]{0,20}".prop_map(|name| (Field::Category(name), Said::Present)),
        (0..5000_u32).prop_map(move |n| alarm("DISPLAY", format!("-PT{n}M"))),
        (1..5_u32).prop_map(move |n| alarm("DISPLAY", format!("-P{n}D"))),
        (1..5_u32).prop_map(move |n| alarm("AUDIO", format!("-PT{n}H"))),
        Just((Field::Other("X-A".into(), 0), Said::Lines(vec!["X-A:b".into()]))),
    ]
}

/// Rules of all kinds, most of them with a first instance that they name.
fn rule() -> impl Strategy<Value = String> {
    let day = prop_oneof!["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let days = prop::collection::btree_set(day.clone(), 1..4)
        .prop_map(|days| days.into_iter().collect::<Vec<_>>().join(","));
    let kind = prop_oneof![
        Just("FREQ=DAILY".to_owned()),
        Just("FREQ=WEEKLY".to_owned()),
        days.clone().prop_map(|days| format!("FREQ=WEEKLY;BYDAY={days}")),
        days.prop_map(|days| format!("FREQ=MONTHLY;BYDAY={days};BYSETPOS=1")),
        Just("FREQ=MONTHLY".to_owned()),
        Just("FREQ=MONTHLY;BYMONTHDAY=-1".to_owned()),
        (1..6_i8, day).prop_map(|(n, day)| format!("FREQ=MONTHLY;BYDAY={n}{day}")),
        (1..32_i8).prop_map(|n| format!("FREQ=MONTHLY;BYMONTHDAY={n}")),
        Just("FREQ=YEARLY".to_owned()),
        (1..13_i8).prop_map(|n| format!("FREQ=YEARLY;BYMONTH={n}")),
    ];
    let end = prop_oneof![
        Just(String::new()),
        (1..40_u8).prop_map(|n| format!(";COUNT={n}")),
        (1..28_u8, 0..24_u8).prop_map(|(day, hour)| format!(";UNTIL=202609{day:02}T{hour:02}0000Z")),
    ];
    let interval = prop_oneof![Just(String::new()), (2..4_u8).prop_map(|n| format!(";INTERVAL={n}"))];
    let week = prop_oneof![Just(""), Just(";WKST=SU")];
    (kind, end, interval, week).prop_map(|(kind, end, interval, week)| format!("{kind}{end}{interval}{week}"))
}

fn form() -> impl Strategy<Value = Form> {
    let fields = prop::collection::vec(field(), 0..8);
    let when = (0..6_u8, prop_oneof![0..400_i64, 86..89_i64], 0..24_i8, 0..30_i64);
    (fields, when, prop::option::of(rule())).prop_map(|(fields, (zone, day, hour, length), rule)| {
        let mut part: Part = fields.into_iter().collect();
        let start = date(2026, 1, 1).checked_add(day.days()).unwrap().at(hour, 0, 0, 0);
        let end = start.checked_add(if zone == 0 { length.days() } else { length.hours() }).unwrap();
        part.insert(Field::Time, Said::Span(moment(zone, start), moment(zone, end)));
        if let Some(rule) = rule {
            part.insert(Field::Rule, Said::Lines(vec![rule]));
        }
        let parts = [(Instance::Master, part)].into();
        Form { kind: ComponentKind::Event, uid: "a@almanac.example".to_owned(), parts }
    })
}

/// What nobody should send, and what everybody does.
fn odd() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "",
            "\r\nBEGIN:VEVENT",
            "2026-03-05",
            "9999-12-31",
            "-009999-01-01",
            "0001-01-01",
            "2026-03-05T09:00:00.0000000",
            "9999-12-31T23:59:59.9999999",
            "2026-03-05T09:00:00Z",
            "9999-12-31T23:59:59Z",
            "OID.i.2026-03-05",
            "OID..",
            "Europe/Berlin",
            "Nowhere",
            "UTC",
            "tzone://Microsoft/Custom",
            "daily",
            "weekly",
            "absoluteMonthly",
            "relativeYearly",
            "noEnd",
            "endDate",
            "numbered",
            "monday",
            "FREQ=DAILY",
            "FREQ=SECONDLY;INTERVAL=0",
            "free",
            "private",
            "text",
            "\u{0}",
            "UTC UTC",
        ][..],
    );
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".*"]
}

proptest! {
    #[test]
    fn what_is_projected_twice_is_as_projected_once(form in form()) {
        let once = map::project(&form);
        prop_assert!(map::project(&once) == once);
        prop_assert_eq!(map::refuses(&once), map::refuses(&form));
    }

    #[test]
    fn what_outlook_takes_reads_back_as_it_was_written(form in form()) {
        let form = map::project(&form);
        if map::refuses(&form).is_some() {
            return Ok(()); // about every other one
        }
        let master = form.master().unwrap();
        let mut body = map::body(master, None);
        let mark = Mark { link: "link".into(), uid: form.uid.clone() };
        body.insert("singleValueExtendedProperties".into(), marks::of_creation(&mark, "a1ac0de5-t", master).into());
        body.insert("transactionId".into(), "a1ac0de5-t".into());
        let mut graph = Graph::new(Timestamp::UNIX_EPOCH);
        let id = graph.create(CALENDAR, &Value::Object(body));
        prop_assert!(id.is_some(), "Exchange refused it");
        let event: Event = serde_json::from_value(graph.event(&id.unwrap()).unwrap()).unwrap();
        let read = map::object(&event).unwrap();
        prop_assert!(read.form == form);
        prop_assert_eq!(read.mark, Some(mark));
    }

    /// Two who count for themselves: our expansion of the RRULE, and the simulator's of the pattern.
    #[test]
    fn a_rule_and_its_pattern_name_the_same_days(form in form(), rule in rule()) {
        let mut form = map::project(&form);
        let part = form.parts.get_mut(&Instance::Master).unwrap();
        part.insert(Field::Rule, Said::Lines(vec![rule.clone()]));
        if map::refuses(&form).is_some() {
            return Ok(());
        }
        let master = form.master().unwrap();
        let mut graph = Graph::new(Timestamp::UNIX_EPOCH);
        let id = graph.create(CALENDAR, &Value::Object(map::body(master, None))).unwrap();
        let start = map::span(master).unwrap().0;
        let end = start.wall().checked_add(360.days()).unwrap();
        let ours = map::Hits::of(&rule, start).days(start.wall(), end);
        let theirs = graph.days(&id, end.date());
        prop_assert_eq!(ours, theirs, "{}", rule);
    }

    #[test]
    fn foreign_json_never_panics(subject in odd(), start in odd(), zone in odd(), n in any::<i64>()) {
        let at = serde_json::json!({ "dateTime": start, "timeZone": zone });
        let event = serde_json::json!({
            "id": "i", "changeKey": zone, "iCalUId": subject, "subject": subject, "start": at, "end": at,
            "isReminderOn": true, "reminderMinutesBeforeStart": n, "originalStartTimeZone": zone,
            "isAllDay": n % 2 == 0, "showAs": subject, "sensitivity": zone, "categories": [subject, start],
            "body": { "contentType": "text", "content": subject }, "transactionId": zone,
            "attendees": [{ "emailAddress": { "name": subject, "address": start }, "type": zone }],
            "recurrence": {
                "pattern": { "type": zone, "interval": 0, "daysOfWeek": [zone], "dayOfMonth": n % 40, "month": n % 20 },
                "range": { "type": subject, "startDate": start, "endDate": zone, "numberOfOccurrences": 1 },
            },
            "cancelledOccurrences": [start, zone],
            "exceptionOccurrences": [{ "id": zone, "changeKey": start, "originalStart": start, "start": at, "end": at }],
            "singleValueExtendedProperties": [{ "id": marks::ZONES, "value": subject }, { "id": marks::RULE, "value": zone }],
        });
        let read = serde_json::from_value::<Event>(event).ok().and_then(|event| map::object(&event).ok());
        if let Some(object) = read {
            let projected = map::project(&object.form);
            prop_assert!(map::project(&projected) == projected);
            if let (None, Some(master)) = (map::refuses(&projected), projected.master()) {
                map::body(master, None);
            }
        }
    }
}
