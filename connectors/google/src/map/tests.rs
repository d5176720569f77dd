//! What is written reads back as it was projected, for any form.

use std::collections::BTreeMap;

use almanac_contract::{Field, Form, Instance, Mark, Moment, Part, Value};
use almanac_ical::ComponentKind;
use jiff::ToSpan as _;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use serde_json::json;

use super::{Differing, creation, differences, form, instance_id, mark, project, refuses};
use crate::wire::Event;

fn wall(day: i8, hour: i8) -> DateTime {
    date(2026, 3, day).at(hour, 0, 0, 0)
}

/// A time of one of three kinds.
fn moment(kind: u8, day: i8, hour: i8) -> Moment {
    match kind {
        0 => Moment::Date(wall(day, 0).date()),
        1 => Moment::Utc(wall(day, hour)),
        _ => Moment::Zoned(wall(day, hour), "Europe/Berlin".to_owned()),
    }
}

fn later(at: &Moment, hours: i64) -> Moment {
    match at {
        Moment::Date(date) => Moment::Date(date.checked_add(hours.days()).unwrap()),
        Moment::Utc(wall) => Moment::Utc(wall.checked_add(hours.hours()).unwrap()),
        Moment::Zoned(wall, zone) => Moment::Zoned(wall.checked_add(hours.hours()).unwrap(), zone.clone()),
        Moment::Floating(wall) => Moment::Floating(*wall),
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9,;:\\\\\"<>&ü€😀\n]{0,40}[a-zA-Z0-9]"
}

fn alarm() -> impl Strategy<Value = (Field, Value)> {
    let action = prop::sample::select(&["DISPLAY", "EMAIL", "AUDIO", "NONE"][..]);
    let trigger =
        prop::sample::select(&["-PT5M", "-PT60M", "-P1D", "PT0S", "PT5M", "-P1DT1M", "-P40D", "X"][..]);
    (action, trigger).prop_map(|(action, trigger)| {
        let lines = vec![format!("ACTION:{action}"), "DESCRIPTION:Now".into(), format!("TRIGGER:{trigger}")];
        (Field::Alarm(format!("{action} {trigger}"), 0), Value::Lines(lines))
    })
}

fn field() -> impl Strategy<Value = (Field, Value)> {
    let says = |field: Field| move |text: &str| (field.clone(), Value::Text(text.to_owned()));
    prop_oneof![
        text().prop_map(|text| (Field::Summary, Value::Text(text))),
        text().prop_map(|text| (Field::Description, Value::Text(text))),
        text().prop_map(|text| (Field::Location, Value::Text(text))),
        prop::sample::select(&["TENTATIVE", "CANCELLED"][..]).prop_map(says(Field::Status)),
        Just("TRANSPARENT").prop_map(says(Field::Transparency)),
        prop::sample::select(&["PRIVATE", "CONFIDENTIAL", "X-OURS"][..]).prop_map(says(Field::Class)),
        Just("1").prop_map(says(Field::Priority)),
        "[a-z]{1,8}".prop_map(|name| (Field::Category(name), Value::Present)),
        "[a-z]{1,8}".prop_map(|name| {
            let address = format!("{name}@example.org");
            (Field::Attendee(address.clone()), Value::Lines(vec![format!("mailto:{address}")]))
        }),
        alarm(),
    ]
}

prop_compose! {
    fn part(kind: u8)(fields in prop::collection::vec(field(), 0..8), day in 1..20_i8, hour in 4..20_i8, length in 1..30_i64) -> Part {
        let mut part: Part = fields.into_iter().collect();
        let start = moment(kind, day, hour);
        let end = later(&start, length);
        part.insert(Field::Time, Value::Span(start, end));
        part
    }
}

/// A single event, or a daily series with instances that are changed, cancelled or both.
fn forms() -> impl Strategy<Value = Form> {
    (0..3_u8).prop_flat_map(|kind| {
        let changed = prop::collection::btree_map(0..9_i64, part(kind), 0..4);
        let cancelled = prop::collection::vec(0..9_i64, 0..4);
        (part(kind), any::<bool>(), changed, cancelled).prop_map(
            move |(mut master, recurs, changed, cancelled)| {
                let Some(Value::Span(start, _)) = master.get(&Field::Time).cloned() else { unreachable!() };
                let days = |days: i64| later(&start, if kind == 0 { days } else { days * 24 });
                let mut parts = BTreeMap::new();
                if recurs {
                    master.insert(Field::Rule, Value::Lines(vec!["FREQ=DAILY;COUNT=9".into()]));
                    for n in cancelled {
                        master.insert(Field::Except(days(n)), Value::Present);
                    }
                    parts.extend(changed.into_iter().map(|(n, part)| (Instance::At(days(n)), part)));
                }
                parts.insert(Instance::Master, master);
                Form { kind: ComponentKind::Event, uid: "a@example.org".into(), parts }
            },
        )
    })
}

/// What Google would have after the writes that make a new event so.
fn written(form: &Form) -> (Event, Vec<Event>) {
    let left = Mark { link: "l".into(), uid: form.uid.clone() };
    let master = creation("alm00", form.master().unwrap(), &left);
    let series = master["recurrence"].is_array();
    let members = form.parts.iter().filter_map(|(instance, part)| {
        let Instance::At(at) = instance else { return None };
        assert!(series);
        let mut body = differences(Differing::All, part);
        body.insert("id".into(), instance_id("alm00", at).unwrap().into());
        body.insert("recurringEventId".into(), "alm00".into());
        body.insert("originalStartTime".into(), super::time::when(at).unwrap());
        // As a person has it who invited us: what we leave out stays.
        body.insert("attendees".into(), json!([{ "email": "guest@example.org" }]));
        Some(serde_json::from_value(body.into()).unwrap())
    });
    let members = members.collect();
    (serde_json::from_value(master).unwrap(), members)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_it_was_projected(form in forms()) {
        let projected = project(&form);
        prop_assert!(project(&projected) == projected, "projected twice");
        if refuses(&form).is_none() {
            let (master, members) = written(&projected);
            let read = super::form(Some(&master), &members.iter().collect::<Vec<_>>()).unwrap();
            prop_assert!(project(&read) == projected);
            prop_assert_eq!(mark(&master).unwrap().uid, form.uid);
        }
    }
}

/// What nobody should send.
fn hostile() -> impl Strategy<Value = serde_json::Value> {
    let texts = prop::sample::select(
        &[
            "",
            "\r\nBEGIN:VEVENT",
            "RRULE:FREQ=DAILY",
            "RRULE:FREQ=SECONDLY;INTERVAL=0",
            "RDATE:",
            "EXDATE;TZID=X:1",
            "2026-03-05",
            "9999-12-31",
            "-009999-01-01",
            "2026-03-05T09:00:00+01:00",
            "9999-12-31T23:59:59Z",
            "Europe/Berlin",
            "Nowhere",
            "cancelled",
            "tentative",
            "private",
            "x@example.org\nATTENDEE:y",
            "\u{0}",
        ][..],
    );
    let text = texts.prop_map(|text| json!(text));
    let when = prop::collection::btree_map(
        prop::sample::select(&["date", "dateTime", "timeZone"][..]),
        text.clone(),
        0..3,
    );
    let name = prop::sample::select(
        &[
            "start",
            "end",
            "originalStartTime",
            "id",
            "iCalUID",
            "summary",
            "description",
            "status",
            "visibility",
            "recurringEventId",
            "eventType",
        ][..],
    );
    let member = prop_oneof![text.clone(), when.prop_map(|when| json!(when)), Just(json!(null))];
    let lines = prop::collection::vec(text.clone(), 0..3);
    (prop::collection::btree_map(name, member, 0..8), lines, text).prop_map(|(members, lines, text)| {
        let mut event = json!({
            "start": { "dateTime": "2026-03-05T09:00:00+01:00", "timeZone": "Europe/Berlin" },
            "end": { "dateTime": "2026-03-05T10:00:00+01:00", "timeZone": "Europe/Berlin" },
            "iCalUID": "a@example.org",
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        event["recurrence"] = json!(lines);
        event["attendees"] = json!([{ "email": text.clone(), "displayName": text.clone() }]);
        event["organizer"] = json!({ "email": text.clone() });
        event["reminders"] = json!({ "overrides": [{ "method": "popup", "minutes": i64::MIN }] });
        event["attachments"] = json!([{ "fileUrl": text }]);
        event
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_is_read_or_told_and_written_back_or_refused(
        master in hostile(), members in prop::collection::vec(hostile(), 0..3),
    ) {
        let event = |value: serde_json::Value| serde_json::from_value::<Event>(value).ok();
        let (master, members): (_, Vec<Event>) = (event(master), members.into_iter().filter_map(event).collect());
        if let Ok(read) = form(master.as_ref(), &members.iter().collect::<Vec<_>>()) {
            let projected = project(&read);
            prop_assert!(project(&projected) == projected);
            if refuses(&projected).is_none() {
                written(&projected);
            }
        }
    }
}

#[test]
fn a_series_is_as_private_as_its_most_private_instance() {
    let class = |text: &str| (Field::Class, Value::Text(text.into()));
    let mut form = single(&[(Field::Rule, Value::Lines(vec!["FREQ=DAILY".into()]))]);
    let later = single(&[class("X-OURS"), (Field::Summary, Value::Text("Private".into()))]);
    form.parts.insert(Instance::At(moment(2, 6, 9)), later.master().unwrap().clone());
    for part in project(&form).parts.values() {
        assert!(part.get(&Field::Class) == Some(&Value::Text("PRIVATE".into())));
    }
}

#[test]
fn an_instance_goes_with_its_series_only_where_the_rule_makes_it() {
    let rule = (Field::Rule, Value::Lines(vec!["FREQ=DAILY;COUNT=3".into()]));
    let mut form = single(&[rule]);
    for day in [6, 20] {
        let part = super::derived(form.master().unwrap(), &moment(2, day, 9)).unwrap();
        form.parts.insert(Instance::At(moment(2, day, 9)), part);
    }
    let kept: Vec<Instance> = project(&form).parts.into_keys().collect();
    assert!(kept == [Instance::Master, Instance::At(moment(2, 20, 9))], "the other would be lost");
}

#[test]
fn an_instance_that_says_it_is_cancelled_is_a_cancelled_instance() {
    let mut form = single(&[(Field::Rule, Value::Lines(vec!["FREQ=DAILY".into()]))]);
    let off = single(&[(Field::Status, Value::Text("CANCELLED".into()))]);
    let at = moment(2, 6, 9);
    form.parts.insert(Instance::At(at.clone()), off.master().unwrap().clone());
    let projected = project(&form);
    assert_eq!(projected.parts.len(), 1);
    assert!(projected.master().unwrap().contains_key(&Field::Except(at)));
}

fn single(fields: &[(Field, Value)]) -> Form {
    let start = moment(2, 5, 9);
    let mut part: Part = fields.iter().cloned().collect();
    part.entry(Field::Time).or_insert(Value::Span(start.clone(), later(&start, 1)));
    let parts = BTreeMap::from([(Instance::Master, part)]);
    Form { kind: ComponentKind::Event, uid: "a@example.org".into(), parts }
}

#[test]
fn what_google_has_no_words_for_is_refused_with_a_reason() {
    let span = |start: Moment, end: Moment| single(&[(Field::Time, Value::Span(start, end))]);
    let at = |kind| moment(kind, 5, 9);
    let zoned = |wall: DateTime, zone: &str| Moment::Zoned(wall, zone.to_owned());
    let rule = (Field::Rule, Value::Lines(vec!["FREQ=DAILY".into()]));
    let mut alone = single(&[]);
    let part = alone.parts.remove(&Instance::Master).unwrap();
    alone.parts.insert(Instance::At(at(2)), part.clone());
    let mut odd = single(&[]);
    odd.parts.insert(Instance::At(at(2)), part);
    for (name, form, words) in [
        ("pitfall 57: no length", span(at(1), at(1)), "without a length"),
        ("end before start", span(at(1), moment(1, 4, 9)), "without a length"),
        (
            "pitfalls 53, 54: floating",
            span(Moment::Floating(wall(5, 9)), Moment::Floating(wall(5, 10))),
            "floating",
        ),
        ("pitfall 51: a zone of its own", span(zoned(wall(5, 9), "Customized Time Zone"), at(1)), "zone"),
        ("a day and a time", span(at(0), at(2)), "day"),
        (
            "left out",
            span(zoned(date(2026, 3, 29).at(2, 30, 0, 0), "Europe/Berlin"), moment(1, 30, 1)),
            "clocks",
        ),
        ("cancelled", single(&[(Field::Status, Value::Text("CANCELLED".into()))]), "cancelled"),
        ("instances alone", alone, "single instances"),
        ("instances without a rule", odd, "does not recur"),
        ("an extra day", single(&[rule.clone(), (Field::Extra(at(0)), Value::Present)]), "another kind"),
        ("a task", Form { kind: ComponentKind::Todo, ..single(&[]) }, "tasks"),
        ("a long name", Form { uid: "u".repeat(1_025), ..single(&[]) }, "UID"),
    ] {
        let reason = refuses(&form).unwrap_or_else(|| panic!("{name} is taken"));
        assert!(reason.0.contains(words), "{name}: {}", reason.0);
    }
    for (name, form) in [
        ("a single one", single(&[])),
        ("pitfall 58: two zones", span(at(2), zoned(wall(5, 18), "Asia/Tokyo"))),
        ("a series", single(&[rule, (Field::Except(at(2)), Value::Present)])),
    ] {
        assert_eq!(refuses(&form), None, "{name}");
    }
}

#[test]
fn only_what_differs_is_written() {
    let before =
        single(&[(Field::Summary, Value::Text("One".into())), (Field::Location, Value::Text("Here".into()))]);
    let after = single(&[(Field::Summary, Value::Text("Two".into()))]);
    let (before, after) = (before.master().unwrap(), after.master().unwrap());
    let body = differences(Differing::From(before), after);
    assert_eq!(serde_json::Value::from(body), json!({ "summary": "Two", "location": "" }));
    assert!(differences(Differing::From(after), after).is_empty());
}

fn event(value: serde_json::Value) -> Event {
    let mut event = json!({
        "id": "abc", "etag": "\"1\"", "status": "confirmed", "iCalUID": "abc@google.com",
        "start": { "dateTime": "2026-03-05T09:00:00+01:00", "timeZone": "Europe/Berlin" },
        "end": { "dateTime": "2026-03-05T10:00:00+01:00", "timeZone": "Europe/Berlin" },
    });
    let (Some(event_members), serde_json::Value::Object(more)) = (event.as_object_mut(), value) else {
        unreachable!()
    };
    event_members.extend(more);
    serde_json::from_value(event).unwrap()
}

#[test]
fn an_event_is_read_with_all_that_google_tells() {
    let event = event(json!({
        "description": "<b>Bring</b> a towel", "visibility": "private", "transparency": "transparent",
        "organizer": { "email": "o@example.org", "displayName": "O \"R\" G" },
        "attendees": [{ "email": "A@example.org", "responseStatus": "accepted", "optional": true }, { "email": "no" }],
        "reminders": { "useDefault": true },
        "conferenceData": { "entryPoints": [{ "entryPointType": "video", "uri": "https://meet.example/x" }] },
    }));
    let read = form(Some(&event), &[]).unwrap();
    assert_eq!(read.uid, "abc@google.com");
    let part = read.master().unwrap();
    let lines = |lines: &[&str]| Value::Lines(lines.iter().map(|&line| line.to_owned()).collect());
    let expected: Part = [
        (Field::Time, Value::Span(moment(2, 5, 9), moment(2, 5, 10))),
        (Field::Description, Value::Text("<b>Bring</b> a towel".into())),
        (Field::Class, Value::Text("PRIVATE".into())),
        (Field::Transparency, Value::Text("TRANSPARENT".into())),
        (Field::Organizer, lines(&["mailto:o@example.org", "CN=O R G"])),
        (
            Field::Attendee("a@example.org".into()),
            lines(&["mailto:A@example.org", "PARTSTAT=ACCEPTED", "ROLE=OPT-PARTICIPANT"]),
        ),
        (Field::Other("CONFERENCE".into(), 0), lines(&["CONFERENCE;VALUE=URI:https://meet.example/x"])),
    ]
    .into();
    assert!(*part == expected, "{:?}", part.keys());
    assert_eq!(super::role(&event), almanac_contract::Role::Attendee);
}

#[test]
fn what_cannot_be_read_is_told_and_not_guessed() {
    for (name, value) in [
        ("no start", json!({ "start": null })),
        ("a rule that is none", json!({ "recurrence": ["RRULE:FREQ=SOMETIMES"] })),
        ("a line that is none", json!({ "recurrence": ["FREQ=DAILY"] })),
        ("another line", json!({ "recurrence": ["SUMMARY:x"] })),
        (
            "a series in no zone",
            json!({ "recurrence": ["RRULE:FREQ=DAILY"], "start": { "dateTime": "2026-03-05T09:00:00+01:00" } }),
        ),
    ] {
        assert!(form(Some(&event(value)), &[]).is_err(), "{name}");
    }
    let member = event(json!({ "recurringEventId": "abc", "id": "abc_1" }));
    assert!(form(None, &[&member]).is_err(), "an instance of no time");
}

#[test]
fn what_the_rule_does_not_make_any_more_is_not_cancelled() {
    let master = event(json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"] }));
    let cancelled = |day: &str| {
        let original =
            json!({ "dateTime": format!("2026-03-{day}T09:00:00+01:00"), "timeZone": "Europe/Berlin" });
        event(json!({ "status": "cancelled", "recurringEventId": "abc", "originalStartTime": original }))
    };
    let members = [cancelled("06"), cancelled("09")];
    let read = form(Some(&master), &members.iter().collect::<Vec<_>>()).unwrap();
    let part = read.master().unwrap();
    let excepted: Vec<&Field> = part.keys().filter(|field| matches!(field, Field::Except(_))).collect();
    assert!(excepted == [&Field::Except(moment(2, 6, 9))]);
}

#[test]
fn somebody_who_is_invited_to_one_instance_has_that_alone() {
    let original = json!({ "dateTime": "2026-03-05T09:00:00+01:00", "timeZone": "Europe/Berlin" });
    let member = event(json!({ "recurringEventId": "abc", "originalStartTime": original }));
    let read = form(None, &[&member]).unwrap();
    assert_eq!(read.parts.len(), 1);
    assert!(read.parts.contains_key(&Instance::At(moment(2, 5, 9))));
}
