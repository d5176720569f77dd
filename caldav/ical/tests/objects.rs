//! What a PUT accepts and refuses, and with which precondition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::object::ComponentKind;
use almanac_ical::{CalendarObject, Invalid, Limits, parse_timezone};

fn calendar(inside: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Invented//EN\n{inside}\nEND:VCALENDAR\n")
        .replace('\n', "\r\n")
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:u1\nDTSTAMP:20261101T000000Z\n{lines}\nEND:VEVENT"))
}

fn parse(text: &str) -> Result<CalendarObject, Invalid> {
    CalendarObject::parse(text.as_bytes(), &Limits::default())
}

#[derive(Debug, PartialEq)]
enum Precondition {
    Data,
    Object,
    Component,
    MaxInstances,
    TooLarge,
}

fn precondition(invalid: Invalid) -> Precondition {
    match invalid {
        Invalid::Data(_) => Precondition::Data,
        Invalid::Object(_) => Precondition::Object,
        Invalid::Component(_) => Precondition::Component,
        Invalid::MaxInstances => Precondition::MaxInstances,
        Invalid::TooLarge => Precondition::TooLarge,
    }
}

fn assert_refused(cases: &[(&str, String, Precondition)]) {
    for (name, text, expected) in cases {
        match parse(text) {
            Ok(_) => panic!("accepted: {name}"),
            Err(invalid) => assert_eq!(precondition(invalid), *expected, "{name}: {invalid}"),
        }
    }
}

fn assert_accepted(cases: &[(&str, String)]) {
    for (name, text) in cases {
        let object = parse(text).unwrap_or_else(|invalid| panic!("refused: {name}: {invalid}"));
        assert_eq!(object.bytes(), text.as_bytes(), "{name}");
        let stored = CalendarObject::parse_stored(object.bytes()).unwrap();
        assert_eq!((stored.kind(), stored.uid()), (object.kind(), object.uid()), "{name}");
    }
}

#[test]
fn text_that_is_no_icalendar_is_not_valid_calendar_data() {
    let whole = event("DTSTART:20261121T090000Z");
    let data = |name, text: String| (name, text, Precondition::Data);
    assert_refused(&[
        data("nothing", String::new()),
        data("blank lines", "\r\n\r\n".into()),
        data("prose", "Hello, world".into()),
        data("a vCard", "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n".into()),
        data("an event without calendar", "BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n".into()),
        data("truncated in a line", whole[..whole.len() - 40].into()),
        data("truncated before END:VCALENDAR", whole.replace("END:VCALENDAR\r\n", "")),
        data("text after the end", format!("{whole}SUMMARY:late\r\n")),
        data("END of another component", whole.replace("END:VEVENT", "END:VTODO")),
        data("END without BEGIN", format!("END:VCALENDAR\r\n{whole}")),
        data("a calendar in a calendar", calendar(&whole)),
        data("a fold that continues nothing", format!(" {whole}")),
        data("NUL", event("DTSTART:20261121T090000Z\nSUMMARY:a\0b")),
        data("backspace", event("DTSTART:20261121T090000Z\nSUMMARY:a\u{8}b")),
        data("DEL", event("DTSTART:20261121T090000Z\nSUMMARY:a\u{7f}b")),
        data("a bare CR", event("DTSTART:20261121T090000Z\nSUMMARY:a\rb")),
        data("a character that XML cannot carry", event("DTSTART:20261121T090000Z\nSUMMARY:a\u{ffff}")),
        data("no colon", event("DTSTART:20261121T090000Z\nSUMMARY")),
        data("no name", event("DTSTART:20261121T090000Z\n:value")),
        data("a space in the name", event("DTSTART:20261121T090000Z\nSUM MARY:x")),
        data("a parameter without name", event("DTSTART;=DATE:20261121")),
        data("an open quote", event("DTSTART;TZID=\"Europe/Paris:20261121T090000")),
        data("BEGIN with parameters", event("DTSTART:20261121T090000Z\nBEGIN;X=1:VALARM")),
        data("BEGIN of nothing", event("DTSTART:20261121T090000Z\nBEGIN:\nEND:")),
        data("VERSION 1.0", whole.replace("VERSION:2.0", "VERSION:1.0")),
        data("another calendar scale", whole.replace("VERSION:2.0", "VERSION:2.0\r\nCALSCALE:HEBREW")),
    ]);
}

#[test]
fn octets_that_are_no_utf_8_are_not_valid_calendar_data() {
    for bad in [&b"\xff"[..], b"\xc3", b"\xc3\r\n\r\n \xa9", b"\xed\xa0\x80", b"\xc0\xaf"] {
        let mut octets = event("DTSTART:20261121T090000Z\nSUMMARY:@").into_bytes();
        let at = octets.iter().position(|&octet| octet == b'@').unwrap();
        octets.splice(at..=at, bad.iter().copied());
        let refused = CalendarObject::parse(&octets, &Limits::default()).unwrap_err();
        assert_eq!(precondition(refused), Precondition::Data, "{bad:x?}");
    }
}

#[test]
fn icalendar_that_is_not_one_object_is_not_a_valid_calendar_object_resource() {
    let one = "BEGIN:VEVENT\nUID:u1\nDTSTART:20261121T090000Z\nEND:VEVENT";
    let todo = "BEGIN:VTODO\nUID:u1\nEND:VTODO";
    let object = |name, inside: String| (name, calendar(&inside), Precondition::Object);
    assert_refused(&[
        object("no component", "X-WR-CALNAME:empty".into()),
        object("a time zone only", "BEGIN:VTIMEZONE\nTZID:A\nEND:VTIMEZONE".into()),
        object("METHOD", format!("METHOD:REQUEST\n{one}")),
        object("two UIDs", format!("{one}\n{}", one.replace("u1", "u2"))),
        object("UIDs that differ in case", format!("{one}\n{}", one.replace("u1", "U1"))),
        object("mixed components", format!("{one}\n{todo}")),
        object("two masters", format!("{one}\n{one}")),
        object("no UID", one.replace("UID:u1\n", "")),
        object("an empty UID", one.replace("u1", "  ")),
        object(
            "an override without UID",
            format!("{one}\nBEGIN:VEVENT\nRECURRENCE-ID:20261121T090000Z\nEND:VEVENT"),
        ),
        ("two calendars", format!("{0}{0}", calendar(one)), Precondition::Object),
    ]);
}

#[test]
fn an_object_without_a_known_kind_is_not_a_supported_component() {
    assert_refused(&[
        (
            "VAVAILABILITY",
            calendar("BEGIN:VAVAILABILITY\nUID:u1\nEND:VAVAILABILITY"),
            Precondition::Component,
        ),
        ("X-", calendar("BEGIN:X-CARD\nUID:u1\nEND:X-CARD"), Precondition::Component),
    ]);
}

#[test]
fn values_that_cannot_be_are_not_valid_calendar_data() {
    let bad = |lines: &str| event(lines);
    let started = |line: &str| event(&format!("DTSTART:20261121T090000Z\n{line}"));
    let cases = [
        ("no DTSTART", bad("SUMMARY:x")),
        ("31 February", bad("DTSTART;VALUE=DATE:20260231")),
        ("29 February of 2026", bad("DTSTART:20260229T090000Z")),
        ("month 13", bad("DTSTART:20261301T090000Z")),
        ("day 0", bad("DTSTART:20261100T090000Z")),
        ("hour 25", bad("DTSTART:20261121T250000Z")),
        ("minute 60", bad("DTSTART:20261121T096000Z")),
        ("a word", bad("DTSTART:tomorrow")),
        ("an empty value", bad("DTSTART:")),
        ("ISO punctuation", bad("DTSTART:2026-11-21T09:00:00Z")),
        ("digits of another script", bad("DTSTART;VALUE=DATE:٢٠٢٦١١٢١")),
        ("a sign", bad("DTSTART;VALUE=DATE:+2026112")),
        ("two DTSTARTs", started("DTSTART:20261122T090000Z")),
        ("two RECURRENCE-IDs", started("RECURRENCE-ID:20261121T090000Z\nRECURRENCE-ID:20261122T090000Z")),
        ("DTEND", started("DTEND:20261131T090000Z")),
        ("DURATION", started("DURATION:1 hour")),
        ("DURATION without parts", started("DURATION:PT")),
        ("RECURRENCE-ID", started("RECURRENCE-ID:20260231T090000Z")),
        ("EXDATE in a list", started("EXDATE:20261122T090000Z,20260231T090000Z")),
        ("RDATE", started("RDATE;VALUE=DATE:20260631")),
        ("RDATE period", started("RDATE;VALUE=PERIOD:20261121T090000Z/20261150T090000Z")),
        ("INTERVAL=0", started("RRULE:FREQ=DAILY;INTERVAL=0")),
        ("COUNT=0", started("RRULE:FREQ=DAILY;COUNT=0")),
        ("an unknown FREQ", started("RRULE:FREQ=FORTNIGHTLY")),
        ("no FREQ", started("RRULE:COUNT=3")),
        ("an empty rule", started("RRULE:")),
        ("an impossible UNTIL", started("RRULE:FREQ=DAILY;UNTIL=20260231T000000Z")),
        ("a bad EXRULE", started("EXRULE:FREQ=DAILY;INTERVAL=0")),
        ("a bad TRIGGER", started("BEGIN:VALARM\nTRIGGER:soon\nEND:VALARM")),
        ("a bad REPEAT", started("BEGIN:VALARM\nTRIGGER:-PT5M\nREPEAT:-1\nEND:VALARM")),
        ("an event in an event", started("BEGIN:VEVENT\nUID:u2\nEND:VEVENT")),
        ("an alarm beside the event", calendar("BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM")),
        ("a VTIMEZONE without TZID", calendar(&format!("BEGIN:VTIMEZONE\nEND:VTIMEZONE\n{EVENT}"))),
        ("a VTIMEZONE with a bad rule", calendar(&format!("{}\n{EVENT}", zone("FREQ=YEARLY;INTERVAL=0")))),
        ("a VTIMEZONE that changes hourly", calendar(&format!("{}\n{EVENT}", zone("FREQ=HOURLY")))),
        (
            "a journal that recurs without DTSTART",
            calendar("BEGIN:VJOURNAL\nUID:j\nRRULE:FREQ=DAILY\nEND:VJOURNAL"),
        ),
        (
            "a task that recurs without DTSTART and DUE",
            calendar("BEGIN:VTODO\nUID:t\nRRULE:FREQ=DAILY\nEND:VTODO"),
        ),
        ("a bad FREEBUSY", calendar("BEGIN:VFREEBUSY\nUID:f\nFREEBUSY:20261121T090000Z\nEND:VFREEBUSY")),
    ];
    assert_refused(&cases.map(|(name, text)| (name, text, Precondition::Data)));
}

const EVENT: &str = "BEGIN:VEVENT\nUID:u1\nDTSTART;TZID=Home:20261121T090000\nEND:VEVENT";

fn zone(rule: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\nTZID:Home\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0200\n\
         TZOFFSETTO:+0100\nRRULE:{rule}\nEND:STANDARD\nEND:VTIMEZONE"
    )
}

#[test]
fn a_rule_that_can_hold_too_many_instances_in_a_day_is_refused_with_max_instances() {
    let ruled = |rule: &str| event(&format!("DTSTART:20261121T090000Z\n{rule}"));
    let cases = [
        ("SECONDLY", ruled("RRULE:FREQ=SECONDLY")),
        ("SECONDLY with COUNT", ruled("RRULE:FREQ=SECONDLY;COUNT=100000")),
        ("DAILY at every second", {
            let sixty = (0..60).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(",");
            ruled(&format!("RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE={sixty};BYSECOND={sixty}"))
        }),
        ("two rules that are too many together", ruled("RRULE:FREQ=MINUTELY\nRRULE:FREQ=DAILY")),
    ];
    assert_refused(&cases.map(|(name, text)| (name, text, Precondition::MaxInstances)));
    assert_accepted(&[
        ("MINUTELY", ruled("RRULE:FREQ=MINUTELY")),
        ("SECONDLY each minute", ruled("RRULE:FREQ=SECONDLY;INTERVAL=60")),
    ]);
}

#[test]
fn more_dates_or_rules_than_the_limit_are_refused() {
    let dates = |name: &str, count: usize, per_line: usize| {
        let dates = vec!["20261121T090000Z"; count];
        let lines = dates.chunks(per_line).map(|chunk| format!("{name}:{}", chunk.join(",")));
        event(&format!("DTSTART:20261121T090000Z\n{}", lines.collect::<Vec<_>>().join("\n")))
    };
    let rules =
        |count: usize| event(&format!("DTSTART:20261121T090000Z\n{}", "RRULE:FREQ=YEARLY\n".repeat(count)));
    assert_accepted(&[
        ("5,000 EXDATEs", dates("EXDATE", 5_000, 100)),
        ("5,000 RDATEs in one line", dates("RDATE", 5_000, 5_000)),
        ("10 rules", rules(10)),
    ]);
    let zones =
        |count: usize| calendar(&format!("{}{EVENT}", format!("{}\n", zone("FREQ=YEARLY")).repeat(count)));
    assert_accepted(&[("100 time zones", zones(100))]);
    let half = dates("EXDATE", 2_501, 1).replace("EXDATE", "RDATE");
    let both = dates("EXDATE", 2_500, 1).replace(
        "END:VEVENT",
        &format!("{}END:VEVENT", &half[half.find("RDATE").unwrap()..half.find("END:VEVENT").unwrap()]),
    );
    let cases = [
        ("5,001 EXDATEs in lines", dates("EXDATE", 5_001, 1)),
        ("5,001 RDATEs in one line", dates("RDATE", 5_001, 5_001)),
        ("5,001 of both", both),
        ("11 rules", rules(11)),
        ("101 time zones", zones(101)),
    ];
    assert_refused(&cases.map(|(name, text)| (name, text, Precondition::Data)));
}

#[test]
fn what_real_clients_send_is_accepted() {
    let plain = event("DTSTART:20261121T090000Z");
    assert_accepted(&[
        ("no DTSTAMP", plain.replace("DTSTAMP:20261101T000000Z\r\n", "")),
        ("bare LF", plain.replace("\r\n", "\n")),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("no line end at the end", plain.trim_end().to_owned()),
        ("blank lines", plain.replace("BEGIN:VEVENT", "\r\nBEGIN:VEVENT\r\n") + "\r\n\r\n"),
        ("lower case", plain.to_lowercase()),
        ("spaces after BEGIN and END", plain.replace("VEVENT", "VEVENT ")),
        ("no VERSION", plain.replace("VERSION:2.0\r\n", "")),
        ("tab folds", event("DTSTART:20261121T090000Z\nSUMMARY:one\n\ttwo")),
        ("an override without master", event("DTSTART:20261121T090000Z\nRECURRENCE-ID:20261121T090000Z")),
        ("a DATE without VALUE", event("DTSTART:20261121")),
        ("a TZID without VTIMEZONE", event("DTSTART;TZID=Europe/Berlin:20261121T090000")),
        ("both DTEND and DURATION", event("DTSTART:20261121T090000Z\nDTEND:20261121T100000Z\nDURATION:PT1H")),
        ("an end before the start", event("DTSTART:20261121T090000Z\nDTEND:20261121T080000Z")),
        ("the year 1 of old Google exports", event("DTSTART:20261121T090000Z\nCREATED:00001231T000000Z")),
        ("a leap second", event("DTSTART:20261121T235960Z")),
        ("an empty EXDATE", event("DTSTART:20261121T090000Z\nEXDATE:")),
        ("RDATE periods", event("DTSTART:20261121T090000Z\nRDATE;VALUE=PERIOD:20261122T090000Z/PT1H,20261123T090000Z/20261123T100000Z")),
        ("a vCalendar 1.0 parameter", event("DTSTART:20261121T090000Z\nSUMMARY;QUOTED-PRINTABLE:a=20b")),
        ("a quote inside a parameter", event("DTSTART:20261121T090000Z\nATTENDEE;CN=Ann \"Bo\" Doe:mailto:a@example.org")),
        ("underscores and dots in X-names", event("DTSTART:20261121T090000Z\nX-A_B.C:1")),
        ("components of RFC 7953 and 9073 beside and inside", calendar(&format!(
            "BEGIN:X-NOTE\nX-A:1\nEND:X-NOTE\n{}",
            EVENT.replace("END:VEVENT", "BEGIN:PARTICIPANT\nUID:p\nBEGIN:VLOCATION\nUID:l\nEND:VLOCATION\nEND:PARTICIPANT\nEND:VEVENT")
        ))),
        ("a task without dates", calendar("BEGIN:VTODO\nUID:t\nSUMMARY:x\nEND:VTODO")),
        ("a task that recurs by DUE", calendar("BEGIN:VTODO\nUID:t\nDUE:20261121T090000Z\nRRULE:FREQ=DAILY\nEND:VTODO")),
        ("a journal without dates", calendar("BEGIN:VJOURNAL\nUID:j\nDESCRIPTION:a\nDESCRIPTION:b\nEND:VJOURNAL")),
        ("VFREEBUSY", calendar("BEGIN:VFREEBUSY\nUID:f\nDTSTART:20261121T000000Z\nDTEND:20261122T000000Z\nFREEBUSY;FBTYPE=BUSY:20261121T090000Z/PT1H,20261121T120000Z/20261121T130000Z\nEND:VFREEBUSY")),
    ]);
}

#[test]
fn kind_and_uid_are_those_of_the_components() {
    for kind in ComponentKind::ALL {
        let object = parse(&calendar(&format!(
            "BEGIN:{kind}\nDTSTART:20261121T090000Z\nUID:a\\,b\\;\n  c@example.org\nEND:{kind}"
        )))
        .unwrap();
        assert_eq!(object.kind(), kind);
        assert_eq!(object.uid(), "a,b; c@example.org");
        assert_eq!(object.components().count(), 1);
        assert_eq!(kind.as_str().to_lowercase().parse(), Ok(kind));
    }
    assert!("VALARM".parse::<ComponentKind>().is_err());
}

#[test]
fn text_for_other_formats_has_no_mark_and_no_split_character() {
    let marked = parse(&format!("\u{feff}{}", event("DTSTART:20261121T090000Z"))).unwrap();
    assert_eq!(marked.text(), event("DTSTART:20261121T090000Z"));
    assert!(marked.calendar().to_text().starts_with("BEGIN:VCALENDAR\r\n"));

    let mut octets = event("DTSTART:20261121T090000Z\nSUMMARY:Café").into_bytes();
    let at = octets.iter().position(|&octet| octet == 0xc3).unwrap() + 1;
    octets.splice(at..at, *b"\r\n ");
    let split = CalendarObject::parse(&octets, &Limits::default()).unwrap();
    assert_eq!(split.bytes(), octets);
    assert_eq!(split.text(), event("DTSTART:20261121T090000Z\nSUMMARY:Café"));
    assert_eq!(split.components().next().unwrap().property("summary").unwrap().text(), "Café");
}

#[test]
fn no_debug_form_and_no_error_shows_a_value() {
    let mark = "canary7";
    let text =
        event("DTSTART:20261121T090000Z\nSUMMARY;X-P=canary7:canary7\nX-canary7:1").replace("u1", mark);
    let object = parse(&text).unwrap();
    let component = object.components().next().unwrap();
    let shown = format!("{object:?} {:?} {component:?} {:?}", object.calendar(), component.properties());
    let params: Vec<_> = component.properties().iter().map(|property| property.params()).collect();
    assert!(!format!("{shown} {params:?}").contains(mark));
    assert!(shown.contains(&format!("CalendarObject({} bytes)", text.len())));
    let refused = parse(&text.replace("DTSTART:2026", "DTSTART:canary7")).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains(mark));
}

#[test]
fn a_calendar_timezone_is_exactly_one_vtimezone() {
    let limits = Limits::default();
    let one = calendar(&zone("FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"));
    assert_eq!(parse_timezone(one.as_bytes(), &limits).unwrap().components().len(), 1);
    let two = calendar(&format!("{0}\n{0}", zone("FREQ=YEARLY")));
    for bad in [calendar("X-A:1"), two, calendar(EVENT), "Europe/Berlin".into()] {
        assert!(matches!(parse_timezone(bad.as_bytes(), &limits), Err(Invalid::Data(_))));
    }
}
