//! Nothing is lost: what was read is written as it was sent, and an edit changes the lines it must.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::edit::{Change, Edit, edit};
use almanac_ical::tree::read;
use almanac_ical::value::{escape_text, unescape_text};
use almanac_ical::{CalendarObject, Component, Invalid, Limits, Property};
use proptest::prelude::*;

/// A content line with any value, and with parameters of any value.
fn property() -> impl Strategy<Value = Property> {
    let name = "[A-Za-z][A-Za-z0-9-]{0,11}".prop_filter("a delimiter", |name| {
        !["BEGIN", "END"].iter().any(|other| other.eq_ignore_ascii_case(name))
    });
    let params = prop::collection::vec(("X-[A-Z]{1,6}", any::<String>()), 0..3);
    (name, params, prop_oneof![any::<String>(), "[ -~]{0,200}"]).prop_map(|(name, params, value)| {
        let property = Property::new(&format!("X{name}"), &value);
        params.iter().fold(property, |property, (name, value)| property.with_param(name, value))
    })
}

fn component() -> impl Strategy<Value = Component> {
    let leaf = ("[A-Z]{1,8}", prop::collection::vec(property(), 0..5)).prop_map(|(name, properties)| {
        properties.into_iter().fold(Component::new(&format!("X-{name}")), Component::with_property)
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        ("[A-Z]{1,8}", prop::collection::vec(prop_oneof![property().prop_map(Ok), inner.prop_map(Err)], 0..6))
            .prop_map(|(name, members)| filled(Component::new(&format!("X-{name}")), members))
    })
}

fn filled(component: Component, members: Vec<Result<Property, Component>>) -> Component {
    members.into_iter().fold(component, |component, member| match member {
        Ok(property) => component.with_property(property),
        Err(inner) => component.with_component(inner),
    })
}

fn calendar() -> impl Strategy<Value = Component> {
    prop::collection::vec(prop_oneof![property().prop_map(Ok), component().prop_map(Err)], 0..5)
        .prop_map(|members| filled(Component::new("VCALENDAR"), members))
}

/// A line as some client might send it: its octets, folded anywhere, with any line end.
fn sent_line() -> impl Strategy<Value = Vec<u8>> {
    let folds = prop::collection::btree_set(1..300_usize, 0..4);
    let style = (any::<bool>(), any::<bool>(), 0..3_usize);
    (property(), folds, style).prop_map(|(property, folds, (crlf, tab, blanks))| {
        let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        let text = property.to_text().replace("\r\n ", "");
        let mut out = Vec::new();
        for (at, octet) in text.trim_end_matches("\r\n").bytes().enumerate() {
            if folds.contains(&at) {
                out.extend_from_slice(end);
                out.push(if tab { b'\t' } else { b' ' });
            }
            out.push(octet);
        }
        (0..=blanks).for_each(|_| out.extend_from_slice(end));
        out
    })
}

const HEAD: &[u8] =
    b"\xef\xbb\xbf\nBegin:VCALENDAR\nversion:2.0\nBEGIN:vevent\r\nUID:u1\nDTSTART:20261121T090000Z\n";
const TAIL: &[u8] =
    b"BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\nX-LATE:after the alarm\nEND:VEVENT \nEND:vcalendar";
/// Properties of the event in [`HEAD`].
const BEFORE: usize = 2;

fn octets(lines: &[Vec<u8>]) -> Vec<u8> {
    [HEAD, &lines.concat(), TAIL].concat()
}

fn object(lines: &[Vec<u8>]) -> CalendarObject {
    CalendarObject::parse(&octets(lines), &Limits::default()).unwrap()
}

fn edited(object: &CalendarObject, change: Change) -> Vec<u8> {
    let edits = [Edit { path: vec![0], change }];
    edit(object, &edits, &Limits::default()).unwrap().bytes().to_vec()
}

/// A property of ours as one line that ends as the first line of [`HEAD`] does.
fn line_of(property: &Property) -> Vec<u8> {
    property.to_text().replace("\r\n", "\n").into_bytes()
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(calendar in calendar()) {
        let text = calendar.to_text();
        let again = read(text.as_bytes(), &Limits::default()).unwrap();
        prop_assert!(again == calendar);
        prop_assert_eq!(again.to_text(), text);
    }

    #[test]
    fn written_lines_are_at_most_75_octets(calendar in calendar()) {
        prop_assert!(calendar.to_text().split("\r\n").all(|line| line.len() <= 75));
    }

    #[test]
    fn parameters_read_back_as_they_were_given(value in any::<String>()) {
        let property = Property::new("X-A", "v").with_param("X-P", &value).with_param("X-Q", "second");
        let calendar = Component::new("VCALENDAR").with_property(property);
        let again = read(calendar.to_text().as_bytes(), &Limits::default()).unwrap();
        let expected: String = value.chars().filter(|&c| c == '\n' || is_writable(c)).collect();
        prop_assert_eq!(again.properties()[0].param("x-p"), Some(&*expected));
        prop_assert_eq!(again.properties()[0].param("X-Q"), Some("second"));
    }

    #[test]
    fn escaped_text_never_changes_the_shape_of_an_object(text in any::<String>()) {
        let source = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTART:20261121T090000Z\r\nSUMMARY:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            escape_text(&text)
        );
        let object = CalendarObject::parse(source.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(object.calendar().components().len(), 1);
        let event = &object.calendar().components()[0];
        prop_assert_eq!((event.components().len(), event.properties().len()), (0, 3));
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let expected: String = lines.chars().filter(|&c| c == '\n' || is_writable(c)).collect();
        prop_assert_eq!(event.property("SUMMARY").unwrap().text(), expected);
    }

    #[test]
    fn a_value_cannot_begin_another_line(value in any::<String>()) {
        let hostile = format!("{value}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n {value}");
        let calendar = Component::new("VCALENDAR").with_property(Property::new("X-A", &hostile).with_param("X-P", &hostile));
        let again = read(calendar.to_text().as_bytes(), &Limits::default()).unwrap();
        prop_assert!(again == calendar);
    }

    #[test]
    fn reading_never_fails_in_another_way_than_by_an_error(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&octets, &Limits::default());
        let _ = read(&[b"BEGIN:VCALENDAR\r\n", &octets[..], b"\r\nEND:VCALENDAR\r\n"].concat(), &Limits::default());
    }

    #[test]
    fn values_of_any_text_are_read_or_refused(text in prop_oneof![any::<String>(), "[-+P0-9TZWDHMS/]{0,20}"]) {
        use almanac_ical::value::*;
        let _ = unescape_text(&text);
        if let Some(date) = parse_date(&text) {
            prop_assert_eq!(write_date(date), text.clone());
        }
        if let Some((time, form)) = parse_date_time(&text) {
            prop_assert_eq!(parse_date_time(&write_date_time(time, form)), Some((time, form)));
        }
        if let Some(duration) = parse_duration(&text) {
            prop_assert_eq!(parse_duration(&write_duration(duration)), Some(duration));
        }
        let _ = (parse_period(&text), parse_utc_offset(&text), parse_date_or_time(&text));
    }

    #[test]
    fn an_object_that_nobody_edits_keeps_every_octet(lines in prop::collection::vec(sent_line(), 0..6)) {
        let object = object(&lines);
        prop_assert_eq!(object.bytes(), octets(&lines));
        let same = edit(&object, &[], &Limits::default()).unwrap();
        prop_assert_eq!(same.bytes(), octets(&lines));
        let text = object.calendar().to_text();
        prop_assert!(read(text.as_bytes(), &Limits::default()).unwrap() == *object.calendar());
    }

    #[test]
    fn an_edit_changes_the_lines_of_its_property_only(
        lines in prop::collection::vec(sent_line(), 1..6),
        new in property(),
        at in any::<prop::sample::Index>(),
    ) {
        let object = object(&lines);
        let at = at.index(lines.len());
        let equal = object.calendar().components()[0].properties()[BEFORE + at] == new;

        let mut expected = lines.clone();
        expected[at] = if equal { lines[at].clone() } else { line_of(&new) };
        prop_assert_eq!(edited(&object, Change::ReplaceAt(BEFORE + at, new)), octets(&expected));

        expected.remove(at);
        prop_assert_eq!(edited(&object, Change::RemoveAt(BEFORE + at)), octets(&expected));

        let unnamed = object.calendar().components()[0].properties()[BEFORE + at].name().to_owned();
        let kept = lines.iter().enumerate().filter(|(at, _)| {
            !object.calendar().components()[0].properties()[BEFORE + at].is(&unnamed)
        });
        let kept: Vec<_> = kept.map(|(_, line)| line.clone()).collect();
        prop_assert_eq!(edited(&object, Change::Remove(unnamed)), octets(&kept));
    }
}

fn is_writable(character: char) -> bool {
    character == '\t' || !(character < ' ' || matches!(character, '\x7f' | '\u{fffe}' | '\u{ffff}'))
}

#[test]
fn set_replaces_the_first_removes_the_others_and_adds_what_was_missing() {
    let lines = [b"summary:one\r\n".to_vec(), b"X-A:1\n".to_vec(), b"SUMMARY:t\r\n wo\r\n".to_vec()];
    let object = object(&lines);
    let set = |value| Change::Set(Property::new("SUMMARY", value));
    let expected = [b"SUMMARY:new\n".to_vec(), lines[1].clone()];
    assert_eq!(edited(&object, set("new")), octets(&expected));
    assert_eq!(
        edited(&object, Change::Set(Property::new("X-A", "1"))),
        octets(&lines),
        "an equal line stays"
    );
    let late: &[u8] = b"X-LATE:after the alarm\n";
    let text = [HEAD, &lines.concat(), TAIL].concat();
    let at = text.windows(late.len()).position(|window| window == late).unwrap() + late.len();
    let mut expected = text.clone();
    expected.splice(at..at, *b"STATUS:CANCELLED\n");
    assert_eq!(edited(&object, Change::Set(Property::new("STATUS", "CANCELLED"))), expected);
}

#[test]
fn a_new_property_stands_before_the_subcomponents_at_the_end() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTART:20261121T090000Z\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
    let new = edited(&object, Change::Add(Property::text_of("LOCATION", "Room 1, left")));
    let expected = text.replace("BEGIN:VALARM", "LOCATION:Room 1\\, left\r\nBEGIN:VALARM");
    assert_eq!(String::from_utf8(new).unwrap(), expected);
}

#[test]
fn edits_reach_the_calendar_and_nested_components_and_go_in_order() {
    let object = object(&[]);
    let edits = [
        Edit { path: vec![], change: Change::Remove("VERSION".into()) },
        Edit { path: vec![0, 0], change: Change::Set(Property::new("TRIGGER", "-PT9M")) },
        Edit { path: vec![0], change: Change::RemoveAt(2) },
    ];
    let new = edit(&object, &edits, &Limits::default()).unwrap();
    let expected = String::from_utf8(octets(&[])).unwrap();
    let expected = expected
        .replace("version:2.0\n", "")
        .replace("TRIGGER:-PT5M\r\n", "TRIGGER:-PT9M\n")
        .replace("X-LATE:after the alarm\n", "");
    assert_eq!(new.bytes(), expected.as_bytes());
}

#[test]
fn an_edit_that_would_break_the_object_is_refused() {
    let object = object(&[]);
    let limits = Limits::default();
    let one =
        |path: &[usize], change| edit(&object, &[Edit { path: path.into(), change }], &limits).map(drop);
    let set = |name, value| Change::Set(Property::new(name, value));
    assert!(matches!(one(&[1], set("A", "b")), Err(Invalid::Object(_))));
    assert!(matches!(one(&[0], Change::RemoveAt(9)), Err(Invalid::Object(_))));
    assert!(matches!(one(&[0], Change::Remove("UID".into())), Err(Invalid::Object(_))));
    assert!(matches!(one(&[0], set("DTSTART", "20260231")), Err(Invalid::Data(_))));
    assert!(matches!(one(&[0], set("BEGIN", "VALARM")), Err(Invalid::Data(_))));
    assert!(matches!(one(&[0], set("X-A:b\r\nX-B", "c")), Err(Invalid::Data(_))));
    assert!(matches!(one(&[0], set("X-A:b", "c")), Err(Invalid::Data(_))));
}

#[test]
fn escapes_are_read_leniently() {
    let cases = [
        (r"a\nb\Nc", "a\nb\nc"),
        (r"a\\nb", r"a\nb"),
        (r"a\,b\;c\\", r"a,b;c\"),
        (r"C:\dir\x", r"C:\dir\x"),
        (r"\", r"\"),
        ("", ""),
    ];
    for (value, text) in cases {
        assert_eq!(unescape_text(value), text, "{value}");
    }
}

#[test]
fn parameters_are_read_as_rfc_5545_and_6868_say() {
    let line = "ATTENDEE;CN=\"Doe, Ann; x: y\";X-E=a^nb^'c^^d^e;MEMBER=\"mailto:a@example.org\",\"mailto:b@example.org\";X-E=second;X-BARE;X-EMPTY=:mailto:c@example.org";
    let calendar =
        read(format!("BEGIN:VCALENDAR\n{line}\nEND:VCALENDAR").as_bytes(), &Limits::default()).unwrap();
    let property = &calendar.properties()[0];
    assert_eq!(property.value(), "mailto:c@example.org");
    assert_eq!(property.param("cn"), Some("Doe, Ann; x: y"));
    assert_eq!(property.param("X-E"), Some("a\nb\"c^d^e"));
    assert_eq!(property.param("X-BARE"), None);
    assert_eq!(property.param("X-EMPTY"), Some(""));
    let members: Vec<_> = property.params()[2].values().collect();
    assert_eq!(members, ["mailto:a@example.org", "mailto:b@example.org"]);
    assert_eq!(property.params().len(), 6);
    let less = property.without_param("X-E").with_value("mailto:d@example.org");
    assert_eq!(
        less.to_text().replace("\r\n ", ""),
        "ATTENDEE;CN=\"Doe, Ann; x: y\";MEMBER=\"mailto:a@example.org\",\"mailto:b@example.org\";X-BARE;X-EMPTY=:mailto:d@example.org\r\n"
    );
}
