//! Parts of objects, many objects in one text, and one text to many objects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::merge::Merger;
use almanac_ical::select::{CompSelection, Members, PropSelection, PropValue, select};
use almanac_ical::skeleton::{parse_skeleton, skeleton};
use almanac_ical::split::{Split, split};
use almanac_ical::{CalendarObject, Invalid, Limits};

fn crlf(text: &str) -> String {
    text.lines().map(|line| format!("{line}\r\n")).collect()
}

fn object(text: &str) -> CalendarObject {
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn calendar(inside: &str) -> String {
    crlf(&format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Invented//EN\n{inside}\nEND:VCALENDAR"))
}

fn zone(tzid: &str, offset: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\nTZID:{tzid}\nX-NOTE:kept\nBEGIN:STANDARD\nDTSTART:19700101T000000\n\
         TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nTZNAME:X\nEND:STANDARD\nEND:VTIMEZONE"
    )
}

fn event(uid: &str, tzid: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T000000Z\nDTSTART;TZID={tzid}:20261121T090000\n\
         DTEND;TZID={tzid}:20261121T100000\nSUMMARY:about {uid}\nEND:VEVENT"
    )
}

fn names(list: &[&str]) -> Vec<PropSelection> {
    list.iter().map(|name| PropSelection { name: (*name).to_owned(), value: PropValue::With }).collect()
}

fn whole(name: &str) -> CompSelection {
    CompSelection { name: name.to_owned(), ..CompSelection::default() }
}

// ---------------------------------------------------------------- select

/// The request of RFC 4791 section 7.8.1.
#[test]
fn selection_gives_the_named_parts_in_the_order_of_the_object() {
    let text = calendar(&format!(
        "{}\n{}",
        zone("Home", "+0100"),
        event("u1", "Home").replace("END:VEVENT", "BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT")
    ));
    let selection = CompSelection {
        props: names(&["version"]),
        comps: vec![
            CompSelection { props: names(&["SUMMARY", "uid", "DTSTART"]), ..whole("vevent") },
            whole("VTIMEZONE"),
        ],
        ..whole("VCALENDAR")
    };
    let expected = format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\n{}\nBEGIN:VEVENT\nUID:u1\nDTSTART;TZID=Home:20261121T090000\n\
         SUMMARY:about u1\nEND:VEVENT\nEND:VCALENDAR",
        zone("Home", "+0100")
    );
    assert_eq!(select(object(&text).calendar(), &selection).to_text(), crlf(&expected));
}

#[test]
fn a_selection_without_children_is_the_whole_component() {
    let text = calendar(&event("u1", "Europe/Paris"));
    assert_eq!(select(object(&text).calendar(), &whole("vcalendar")).to_text(), text);
    let other = select(object(&text).calendar(), &whole("VEVENT"));
    assert_eq!(other.to_text(), "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
}

#[test]
fn allprop_and_allcomp_are_independent() {
    let text = calendar(&event("u1", "Europe/Paris"));
    let props = CompSelection { all_props: Members::All, ..whole("VCALENDAR") };
    assert_eq!(
        select(object(&text).calendar(), &props).to_text(),
        crlf("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Invented//EN\nEND:VCALENDAR")
    );
    let comps = CompSelection { all_comps: Members::All, ..whole("VCALENDAR") };
    assert_eq!(
        select(object(&text).calendar(), &comps).to_text(),
        crlf(&format!("BEGIN:VCALENDAR\n{}\nEND:VCALENDAR", event("u1", "Europe/Paris")))
    );
}

#[test]
fn novalue_keeps_name_and_parameters() {
    let text = calendar(
        &event("u1", "\"A: b\"")
            .replace("SUMMARY:", "ATTACH;FMTTYPE=text/plain;VALUE=BINARY;ENCODING=BASE64:"),
    );
    let attach = PropSelection { name: "attach".into(), value: PropValue::Without };
    let selection = CompSelection {
        comps: vec![CompSelection { props: vec![attach], ..whole("VEVENT") }],
        ..whole("VCALENDAR")
    };
    assert_eq!(
        select(object(&text).calendar(), &selection).to_text(),
        crlf(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nATTACH;FMTTYPE=text/plain;VALUE=BINARY;ENCODING=BASE64:\nEND:VEVENT\nEND:VCALENDAR"
        )
    );
}

// ---------------------------------------------------------------- merge

fn merge(texts: &[String], name: Option<&str>) -> String {
    let mut out = String::new();
    let mut merger = Merger::new();
    merger.open(name, &mut out);
    for text in texts {
        merger.push(object(text).calendar(), &mut out);
    }
    merger.close(&mut out);
    out
}

#[test]
fn a_merged_calendar_has_one_header_and_each_zone_once() {
    let one =
        calendar(&format!("X-DROPPED:1\n{}\n{}", zone("Europe/Paris", "+0100"), event("u1", "Europe/Paris")));
    let two = one.replace("u1", "u2").replace("TZNAME:X", "TZNAME:Y");
    let merged = merge(&[one, two, calendar("BEGIN:VTODO\nUID:u3\nEND:VTODO")], Some("Ann, at work"));
    let expected = format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Almanac//Almanac//EN\nCALSCALE:GREGORIAN\nX-WR-CALNAME:Ann\\, at work\n\
         {}\n{}\n{}\nBEGIN:VTODO\nUID:u3\nEND:VTODO\nEND:VCALENDAR",
        zone("Europe/Paris", "+0100"),
        event("u1", "Europe/Paris"),
        event("u2", "Europe/Paris"),
    );
    assert_eq!(merged, crlf(&expected));
}

#[test]
fn two_zones_of_one_tzid_stay_two() {
    let tzid = "Customized Time Zone";
    let one = |uid: &str, offset: &str| calendar(&format!("{}\n{}", zone(tzid, offset), event(uid, tzid)));
    let merged =
        merge(&[one("u1", "+0100"), one("u2", "-0500"), one("u3", "+0100"), one("u4", "-0500")], None);
    let expected = format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Almanac//Almanac//EN\nCALSCALE:GREGORIAN\n{}\n{}\n{}\n{}\n{}\n{}\nEND:VCALENDAR",
        zone(tzid, "+0100"),
        event("u1", tzid),
        zone("Customized Time Zone (2)", "-0500"),
        event("u2", "Customized Time Zone (2)"),
        event("u3", tzid),
        event("u4", "Customized Time Zone (2)"),
    );
    assert_eq!(merged, crlf(&expected));
}

#[test]
fn a_new_name_for_a_zone_is_never_one_in_use() {
    let one = |uid: &str, tzid: &str, offset: &str| {
        calendar(&format!("{}\n{}", zone(tzid, offset), event(uid, tzid)))
    };
    let merged = merge(
        &[
            one("u1", "Z", "+0100"),
            one("u2", "Z", "-0500"),
            one("u3", "Z (2)", "+0300"),
            one("u4", "Z (2)", "-0500"),
        ],
        None,
    );
    let starts: Vec<_> =
        merged.lines().filter(|line| line.starts_with("DTSTART;") || line.starts_with("TZID")).collect();
    let start = |tzid: &str| format!("DTSTART;TZID={tzid}:20261121T090000");
    assert_eq!(
        starts,
        [
            "TZID:Z",
            &start("Z"),
            "TZID:Z (2)",
            &start("Z (2)"),
            "TZID:Z (2) (2)",
            &start("Z (2) (2)"),
            "TZID:Z (2) (3)",
            &start("Z (2) (3)"),
        ]
    );
}

#[test]
fn of_two_definitions_in_one_object_the_first_is_written() {
    let text = calendar(&format!("{}\n{}\n{}", zone("Z", "+0100"), zone("Z", "-0500"), event("u1", "Z")));
    let merged = merge(&[text], None);
    assert!(merged.contains(&crlf(&zone("Z", "+0100"))) && !merged.contains("-0500"));
    assert!(merged.contains(&crlf(&event("u1", "Z"))));
}

#[test]
fn an_empty_collection_is_an_empty_calendar() {
    assert_eq!(
        merge(&[], None),
        crlf(
            "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Almanac//Almanac//EN\nCALSCALE:GREGORIAN\nEND:VCALENDAR"
        )
    );
}

#[test]
fn what_was_merged_splits_into_the_same_components() {
    let texts: Vec<String> = (0..50)
        .map(|n| calendar(&format!("{}\n{}", zone("Home", "+0100"), event(&format!("u{n}"), "Home"))))
        .collect();
    let again = import(&merge(&texts, Some("All")));
    assert_eq!((again.name.as_deref(), again.objects.len(), again.refused.len()), (Some("All"), 50, 0));
    for (object_again, text) in again.objects.iter().zip(&texts) {
        assert!(object_again.calendar().components() == object(text).calendar().components());
    }
}

// ---------------------------------------------------------------- split

fn import(text: &str) -> Split {
    let mut made = 0;
    let mut new_uid = |_: &str| {
        made += 1;
        format!("made-{made}")
    };
    split(text.as_bytes(), &Limits::default(), &mut new_uid).unwrap()
}

#[test]
fn an_export_becomes_one_object_for_each_uid() {
    let series = event("u1", "Home").replace("END:VEVENT", "RRULE:FREQ=DAILY\nEND:VEVENT");
    let moved =
        event("u1", "Away").replace("END:VEVENT", "RECURRENCE-ID;TZID=Home:20261122T090000\nEND:VEVENT");
    let file = calendar(&format!(
        "METHOD:PUBLISH\nX-WR-CALNAME:Ann\\, home\n{}\n{}\n{}\n{series}\nBEGIN:VTODO\nUID:u1\nEND:VTODO\n{}\n{moved}",
        zone("Home", "+0100"),
        zone("Away", "+0200"),
        zone("Nowhere", "+0300"),
        event("u2", "Away"),
    ));
    let parts = import(&file);
    assert_eq!(parts.name.as_deref(), Some("Ann, home"));
    assert_eq!(parts.refused, []);
    let texts: Vec<_> = parts.objects.iter().map(|object| object.text().into_owned()).collect();
    assert_eq!(
        texts,
        [
            calendar(&format!("{}\n{}\n{series}\n{moved}", zone("Home", "+0100"), zone("Away", "+0200"))),
            calendar("BEGIN:VTODO\nUID:u1\nEND:VTODO"),
            calendar(&format!("{}\n{}", zone("Away", "+0200"), event("u2", "Away"))),
        ]
    );
}

#[test]
fn components_without_uid_get_one_each() {
    let one = event("u1", "Europe/Paris").replace("UID:u1\n", "");
    let parts =
        import(&calendar(&format!("{one}\n{one}\n{}", one.replace("BEGIN:VEVENT", "BEGIN:VEVENT\nUID:"))));
    let uids: Vec<_> = parts.objects.iter().map(CalendarObject::uid).collect();
    assert_eq!(uids, ["made-1", "made-2", "made-3"]);
}

#[test]
fn several_calendars_in_one_file_are_read_as_one() {
    let one = calendar(&format!("{}\n{}", zone("Home", "+0100"), event("u1", "Home")));
    let two = calendar(&format!("{}\n{}", zone("Home", "+0100"), event("u2", "Home")));
    let parts = import(&format!("{one}{two}"));
    let texts: Vec<_> = parts.objects.iter().map(|object| object.text().into_owned()).collect();
    assert_eq!(texts, [one, two]);
}

#[test]
fn a_bad_component_refuses_its_own_object_only() {
    let bad = event("u2", "Europe/Paris").replace("20261121T090000", "20260231T090000");
    let other = "BEGIN:VAVAILABILITY\nUID:a\nEND:VAVAILABILITY";
    let parts = import(&calendar(&format!("{bad}\n{other}\n{}", event("u1", "Europe/Paris"))));
    let uids: Vec<_> = parts.objects.iter().map(CalendarObject::uid).collect();
    assert_eq!(uids, ["u1"]);
    assert!(matches!(parts.refused[..], [Invalid::Component(_), Invalid::Data(_)]));
}

#[test]
fn of_two_versions_the_higher_sequence_is_taken_else_the_later() {
    let version = |summary: &str, sequence: &str| {
        event("u1", "Europe/Paris").replace("about u1", &format!("{summary}\nSEQUENCE:{sequence}"))
    };
    for (first, second, winner) in [("1", "0", "a"), ("0", "1", "b"), ("1", "1", "b"), ("x", "0", "b")] {
        let parts = import(&calendar(&format!("{}\n{}", version("a", first), version("b", second))));
        let summaries: Vec<_> = parts.objects[0]
            .components()
            .map(|component| component.property("SUMMARY").unwrap().text())
            .collect();
        assert_eq!(summaries, [winner], "{first} {second}");
    }
}

#[test]
fn control_characters_of_an_export_are_dropped() {
    let parts = import(&calendar(&event("u1", "Europe/Paris").replace("about", "a\u{b}b\0o\u{8}u\u{7f}t")));
    assert_eq!(parts.objects[0].components().next().unwrap().property("SUMMARY").unwrap().text(), "about u1");
}

#[test]
fn a_file_of_many_objects_is_not_held_to_the_limits_of_one() {
    let events: Vec<_> = (0..6_000).map(|n| event(&format!("u{n}"), "Europe/Paris")).collect();
    let file = calendar(&events.join("\n"));
    assert!(file.len() > Limits::default().object_bytes_max / 2);
    let limits = Limits { object_bytes_max: 1_000, ..Limits::default() };
    let parts = split(file.as_bytes(), &limits, &mut str::to_owned).unwrap();
    assert_eq!((parts.objects.len(), parts.refused.len()), (6_000, 0));
}

#[test]
fn a_file_that_is_no_calendar_is_refused_as_a_whole() {
    for file in ["", "Hello", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"] {
        assert!(matches!(
            split(file.as_bytes(), &Limits::default(), &mut str::to_owned),
            Err(Invalid::Data(_))
        ));
    }
}

// ---------------------------------------------------------------- skeleton

#[test]
fn a_skeleton_keeps_times_and_busy_state_and_nothing_else() {
    let text = calendar(&format!(
        "X-WR-CALNAME:canary\n{}\n{}\n{}\nBEGIN:X-CARD\nX-A:canary\nEND:X-CARD\nBEGIN:VEVENT\nUID:canary\n\
         DTSTART;X-A=canary;TZID=Home:20261121T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE;TZID=Away:20261122T090000\n\
         RDATE;VALUE=PERIOD:20261123T090000Z/PT2H\nSTATUS:TENTATIVE\nTRANSP:OPAQUE\nSUMMARY:canary\nATTENDEE:mailto:canary\n\
         X-MICROSOFT-CDO-BUSYSTATUS:OOF\nX-MICROSOFT-CDO-ALLDAYEVENT:FALSE\nX-MICROSOFT-CDO-IMPORTANCE:1\n\
         BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:canary\nTRIGGER;RELATED=END:-PT5M\nREPEAT:2\nDURATION:PT1M\nEND:VALARM\n\
         BEGIN:PARTICIPANT\nUID:canary\nEND:PARTICIPANT\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:canary\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261124T080000Z\nDTSTART;TZID=Europe/Paris:20261124T100000\nEND:VEVENT",
        zone("Home", "+0100"),
        zone("Europe/Paris", "+0100"),
        zone("Unused", "+0100"),
    ));
    let expected = "BEGIN:VCALENDAR
        BEGIN:VTIMEZONE
        TZID:Home
        BEGIN:STANDARD
        DTSTART:19700101T000000
        TZOFFSETFROM:+0100
        TZOFFSETTO:+0100
        END:STANDARD
        END:VTIMEZONE
        BEGIN:VEVENT
        DTSTART;TZID=Home:20261121T090000
        DURATION:PT1H
        RRULE:FREQ=DAILY
        EXDATE;TZID=Away:20261122T090000
        RDATE;VALUE=PERIOD:20261123T090000Z/PT2H
        STATUS:TENTATIVE
        TRANSP:OPAQUE
        X-MICROSOFT-CDO-BUSYSTATUS:OOF
        X-MICROSOFT-CDO-ALLDAYEVENT:FALSE
        BEGIN:VALARM
        TRIGGER;RELATED=END:-PT5M
        REPEAT:2
        DURATION:PT1M
        END:VALARM
        END:VEVENT
        BEGIN:VEVENT
        RECURRENCE-ID;RANGE=THISANDFUTURE:20261124T080000Z
        DTSTART;TZID=Europe/Paris:20261124T100000
        END:VEVENT
        END:VCALENDAR"
        .lines()
        .map(|line| format!("{}\r\n", line.trim_start()))
        .collect::<String>();
    let bones = skeleton(&object(&text));
    assert_eq!(bones, expected);
    assert!(!bones.contains("canary"));
    assert_eq!(parse_skeleton(&bones).unwrap().to_text(), bones);
}

#[test]
fn skeletons_keep_every_kind() {
    for (kind, lines) in [
        ("VTODO", "DUE:20261121T090000Z\nCOMPLETED:20261122T090000Z\nCREATED:20261120T090000Z"),
        ("VJOURNAL", "DTSTART;VALUE=DATE:20261121"),
        (
            "VFREEBUSY",
            "DTSTART:20261121T000000Z\nDTEND:20261122T000000Z\nFREEBUSY;FBTYPE=BUSY-TENTATIVE:20261121T090000Z/PT1H",
        ),
    ] {
        let bones = skeleton(&object(&calendar(&format!("BEGIN:{kind}\nUID:u\n{lines}\nEND:{kind}"))));
        assert_eq!(
            bones,
            crlf(&format!("BEGIN:VCALENDAR\nBEGIN:{kind}\n{lines}\nEND:{kind}\nEND:VCALENDAR"))
        );
    }
}
