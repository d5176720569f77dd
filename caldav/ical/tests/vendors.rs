//! Objects as the clients of `make test` and the big vendors write them (invented people and places): accepted, kept to
//! the octet, and read right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::edit::edit;
use almanac_ical::series::{Budget, Series, Window};
use almanac_ical::skeleton::{parse_skeleton, skeleton};
use almanac_ical::zone::Zone;
use almanac_ical::{CalendarObject, Component, ComponentKind, Limits};

const FILES: [(&str, &str, ComponentKind, usize); 9] = [
    ("apple calendar", include_str!("vendors/apple.ics"), ComponentKind::Event, 2),
    ("apple reminders", include_str!("vendors/reminders.ics"), ComponentKind::Todo, 1),
    ("thunderbird", include_str!("vendors/thunderbird.ics"), ComponentKind::Event, 2),
    ("davx5", include_str!("vendors/davx5.ics"), ComponentKind::Event, 1),
    ("tasks.org", include_str!("vendors/tasks_org.ics"), ComponentKind::Todo, 1),
    ("outlook", include_str!("vendors/outlook.ics"), ComponentKind::Event, 1),
    ("google", include_str!("vendors/google.ics"), ComponentKind::Event, 2),
    ("python-caldav", include_str!("vendors/python_caldav.ics"), ComponentKind::Event, 1),
    ("khal", include_str!("vendors/khal.ics"), ComponentKind::Event, 1),
];

fn each(check: impl Fn(&str, &str, CalendarObject)) {
    for (name, text, kind, count) in FILES {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let object = CalendarObject::parse(text.as_bytes(), &Limits::default());
            let object = object.unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
            assert_eq!((object.kind(), object.components().count()), (kind, count), "{name}");
            check(name, &text, object);
        }
    }
}

fn file(wanted: &str) -> CalendarObject {
    let (_, text, ..) = FILES.iter().find(|(name, ..)| *name == wanted).unwrap();
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn first(object: &CalendarObject) -> &Component {
    object.components().next().unwrap()
}

#[test]
fn what_clients_write_is_kept_to_the_octet() {
    each(|name, text, object| {
        assert_eq!(object.bytes(), text.as_bytes(), "{name}");
        assert_eq!(object.text(), text, "{name}");
        assert_eq!(object.calendar().to_text(), text, "{name}");
        assert_eq!(edit(&object, &[], &Limits::default()).unwrap().bytes(), text.as_bytes(), "{name}");
    });
}

#[test]
fn skeletons_of_what_clients_write_are_short_and_read_back() {
    each(|name, text, object| {
        let bones = skeleton(&object);
        assert!(bones.len() < text.len() * 3 / 4, "{name}: {} of {}", bones.len(), text.len());
        let again = parse_skeleton(&bones).unwrap();
        assert_eq!(again.components_named(object.kind().as_str()).count(), object.components().count());
    });
}

#[test]
fn values_of_clients_are_read() {
    let apple = file("apple calendar");
    let location = first(&apple).property("X-APPLE-STRUCTURED-LOCATION").unwrap();
    assert_eq!(location.param("X-ADDRESS"), Some("1 Invented Street\nSpringfield"));
    assert_eq!(location.param("X-TITLE"), Some("Practice \"North\", 2nd floor"));
    assert_eq!(location.value(), "geo:51.500000,-0.120000");
    assert_eq!(
        first(&apple).property("SUMMARY").unwrap().text(),
        "Check-up – Zoë 🦷 and a very long title that Apple folds"
    );

    let outlook = file("outlook");
    assert_eq!(
        first(&outlook).property("DTSTART").unwrap().param("TZID"),
        Some("(UTC+01:00) Amsterdam, Berlin, Bern")
    );
    assert_eq!(first(&outlook).property("SUMMARY").unwrap().param("LANGUAGE"), Some("en-gb"));
    let zone = outlook.calendar().components_named("VTIMEZONE").next().unwrap();
    assert_eq!(zone.property("TZID").unwrap().text(), "(UTC+01:00) Amsterdam, Berlin, Bern");

    let google = file("google");
    let attendee = first(&google).property("ATTENDEE").unwrap();
    assert_eq!(attendee.param("CN"), Some("ann.doe@example.org"));
    assert_eq!(attendee.value(), "mailto:ann.doe@example.org");
    assert_eq!(
        google.components().nth(1).unwrap().property("RECURRENCE-ID").unwrap().param("TZID"),
        Some("Europe/Berlin")
    );
}

#[test]
fn skeletons_keep_the_zones_that_the_database_does_not_know_by_name() {
    let zones = |name| parse_skeleton(&skeleton(&file(name))).unwrap().components_named("VTIMEZONE").count();
    assert_eq!(zones("outlook"), 1);
    assert_eq!(zones("google"), 0);
    assert_eq!(zones("apple calendar"), 0);
}

#[test]
fn a_skeleton_tells_the_same_times_as_its_object() {
    let window = Window {
        start: "2026-01-01T00:00:00Z".parse().unwrap(),
        end: "2029-01-01T00:00:00Z".parse().unwrap(),
    };
    let zone = Zone::iana("Asia/Kolkata").unwrap();
    each(|name, _, object| {
        let bones = parse_skeleton(&skeleton(&object)).unwrap();
        let [whole, reduced] = [object.calendar(), &bones].map(|calendar| Series::read(calendar).unwrap());
        assert_eq!(whole.bounds(), reduced.bounds(), "{name}");
        assert_eq!(whole.alarm_bounds(), reduced.alarm_bounds(), "{name}");
        let [whole_busy, reduced_busy] = [&whole, &reduced].map(|series| {
            let mut busy = Vec::new();
            series.busy(&window, &zone, &mut Budget::default(), &mut busy).unwrap();
            busy
        });
        assert_eq!(whole_busy, reduced_busy, "{name}");
        let [whole, reduced] = [whole, reduced].map(|series| {
            let instances = series.instances(&window, &zone, &mut Budget::default()).unwrap();
            instances.into_iter().map(|instance| (instance.start, instance.end)).collect::<Vec<_>>()
        });
        assert_eq!(whole, reduced, "{name}");
        assert_eq!(whole.is_empty(), name == "python-caldav", "{name}");
    });
}
