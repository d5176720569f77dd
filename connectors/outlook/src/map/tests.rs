use almanac_contract::form::read;
use almanac_ical::{CalendarObject, Limits};

use super::*;

fn form(lines: &str) -> Form {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n{}END:VCALENDAR\r\n",
        lines.replace('\n', "\r\n")
    );
    read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
}

fn event(lines: &str) -> Form {
    form(&format!("BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\n{lines}END:VEVENT\n"))
}

const AT: &str = "DTSTART;TZID=Europe/Vienna:20260105T090000\nDTEND;TZID=Europe/Vienna:20260105T100000\n";

fn graph(text: &str) -> Event {
    serde_json::from_str(text).unwrap()
}

/// As Exchange gives it in Vienna in winter.
fn answer(more: &str) -> Event {
    graph(&format!(
        r#"{{"id":"i","@odata.etag":"W/\"1\"","iCalUId":"u","type":"singleInstance",
        "start":{{"dateTime":"2026-01-05T08:00:00.0000000","timeZone":"UTC"}},
        "end":{{"dateTime":"2026-01-05T09:00:00.0000000","timeZone":"UTC"}}{more}}}"#
    ))
}

fn time(object: &RemoteObject) -> (Moment, Moment) {
    let (start, end) = span(object.form.master().unwrap()).unwrap();
    (start.clone(), end.clone())
}

#[test]
fn the_projection_keeps_what_outlook_keeps_and_no_more() {
    let full = event(&format!(
        "{AT}SUMMARY:A\nSTATUS:TENTATIVE\nCLASS:X-SECRET\nPRIORITY:3\nURL:https://example.org\nX-A:b\nCATEGORIES:c\n\
         ORGANIZER:mailto:a@example.org\nATTENDEE:mailto:b@example.org\n\
         BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-PT15M\nEND:VALARM\n\
         BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:y\nTRIGGER:-P1D\nEND:VALARM\n\
         BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-P2D\nEND:VALARM\n"
    ));
    let kept = project(&full);
    let names: Vec<String> = kept
        .master()
        .unwrap()
        .keys()
        .map(|field| match field {
            Field::Alarm(key, _) => key.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["Time", "Summary", "Class", "Priority", "Category(..)", "DISPLAY -P1D"]);
    assert_eq!(kept.master().unwrap()[&Field::Class], Said::Text("PRIVATE".into()));
    assert_eq!(project(&kept), kept);
}

#[test]
fn an_alarm_in_other_words_than_ours_stays_in_the_store() {
    for (trigger, kept) in [
        ("TRIGGER:-PT15M", true),
        ("TRIGGER;RELATED=START:-PT1H30M", true),
        ("TRIGGER:PT0S", true),
        ("TRIGGER:-PT900S", false),
        ("TRIGGER:PT5M", false),
        ("TRIGGER;RELATED=END:-PT15M", false),
        ("TRIGGER;VALUE=DATE-TIME:20260105T070000Z", false),
    ] {
        let alarm = format!("BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\n{trigger}\nEND:VALARM\n");
        let projected = project(&event(&format!("{AT}{alarm}")));
        let has = projected.master().unwrap().keys().any(|field| matches!(field, Field::Alarm(..)));
        assert_eq!(has, kept, "{trigger}");
    }
}

#[test]
fn what_outlook_cannot_have_is_refused_with_a_reason() {
    let series = format!("{AT}RRULE:FREQ=DAILY;COUNT=5\n");
    #[rustfmt::skip]
    let table = [
        ("floating", "DTSTART:20260105T090000\nDTEND:20260105T100000\n".to_owned()),
        ("an unknown zone", "DTSTART;TZID=Nowhere:20260105T090000\nDTEND;TZID=Nowhere:20260105T100000\n".to_owned()),
        ("no day long", "DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260105\n".to_owned()),
        ("backwards", "DTSTART:20260105T090000Z\nDTEND:20260105T080000Z\n".to_owned()),
        ("further dates", format!("{series}RDATE;TZID=Europe/Vienna:20260120T090000\n")),
        ("further periods", format!("{series}RDATE;VALUE=PERIOD:20260120T090000Z/PT1H\n")),
        ("two rules", format!("{series}RRULE:FREQ=WEEKLY\n")),
        ("a rule too rich", format!("{AT}RRULE:FREQ=MONTHLY;BYMONTHDAY=5,6\n")),
        ("within a minute", "DTSTART:20260105T090030Z\nDTEND:20260105T100000Z\nRRULE:FREQ=DAILY\n".to_owned()),
        ("two zones", "DTSTART:20260105T090000Z\nDTEND;TZID=Europe/Vienna:20260105T140000\nRRULE:FREQ=DAILY\n".to_owned()),
    ];
    for (what, lines) in table {
        assert!(refuses(&event(&lines)).is_some(), "{what}");
    }
    assert_eq!(refuses(&event(&series)), None);
    let todo = form("BEGIN:VTODO\nUID:a\nDTSTAMP:20260101T000000Z\nEND:VTODO\n");
    assert!(refuses(&todo).is_some());
    let stray = format!(
        "BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\n{series}END:VEVENT\nBEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\n\
         RECURRENCE-ID;TZID=Europe/Vienna:20260120T090000\n{AT}END:VEVENT\n"
    );
    assert!(refuses(&form(&stray)).is_some(), "an instance that the rule does not have");
}

/// Pitfall 50, 51: a Windows name is its zone, and what is no name is never taken for UTC in a series.
#[test]
fn a_windows_zone_is_read_as_its_iana_zone() {
    let at = |name: &str| format!(r#","originalStartTimeZone":"{name}","originalEndTimeZone":"{name}""#);
    for (name, wall, zone) in [
        ("W. Europe Standard Time", "2026-01-05T09:00:00", Some("Europe/Berlin")),
        ("(UTC-05:00) Eastern Time (US & Canada)", "2026-01-05T03:00:00", Some("America/New_York")),
        ("Europe/Vienna", "2026-01-05T09:00:00", Some("Europe/Vienna")),
        ("UTC", "2026-01-05T08:00:00", None),
        ("tzone://Microsoft/Utc", "2026-01-05T08:00:00", None),
        ("tzone://Microsoft/Custom", "2026-01-05T08:00:00", None),
    ] {
        let (start, _) = time(&object(&answer(&at(name))).unwrap());
        assert_eq!(start.wall().to_string(), wall, "{name}");
        let found = if let Moment::Zoned(_, zone) = &start { Some(zone.as_str()) } else { None };
        assert_eq!(found, zone, "{name}");
    }
    let rule = r#","recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd","startDate":"2026-01-05"}}"#;
    let custom = object(&answer(&format!("{}{rule}", at("Customized Time Zone"))));
    assert_eq!(custom.unwrap_err(), time::ZONE_UNKNOWN);
}

/// Pitfall 47, 48: the zone is kept beside the time, also where Windows has one name for many zones.
#[test]
fn the_zone_that_we_wrote_comes_back_unless_somebody_chose_another() {
    let ours = |windows: &str, ours: &str| {
        answer(&format!(
            r#","originalStartTimeZone":"{windows}","originalEndTimeZone":"{windows}",
            "singleValueExtendedProperties":[{{"id":"{}","value":"{ours} {ours}"}}]"#,
            marks::ZONES
        ))
    };
    for (windows, wrote, expected) in [
        ("W. Europe Standard Time", "Europe/Vienna", "Europe/Vienna"),
        ("W. Europe Standard Time", "Europe/London", "Europe/Berlin"),
    ] {
        let Moment::Zoned(_, zone) = time(&object(&ours(windows, wrote)).unwrap()).0 else { panic!() };
        assert_eq!(zone, expected);
    }
}

/// Pitfall 44, 46: a whole day is a date, whichever midnight it is told by.
#[test]
fn a_whole_day_stays_its_day_in_every_zone() {
    for (start, end) in [
        ("2026-01-05T00:00:00.0000000", "2026-01-06T00:00:00.0000000"),
        ("2026-01-04T23:00:00.0000000", "2026-01-05T23:00:00.0000000"),
        ("2026-01-04T13:30:00.0000000", "2026-01-05T13:30:00.0000000"),
        ("2026-01-05T10:00:00.0000000", "2026-01-06T10:00:00.0000000"),
    ] {
        let event = graph(&format!(
            r#"{{"id":"i","changeKey":"1","iCalUId":"u","isAllDay":true,
            "start":{{"dateTime":"{start}","timeZone":"UTC"}},"end":{{"dateTime":"{end}","timeZone":"UTC"}}}}"#
        ));
        let (from, to) = time(&object(&event).unwrap());
        assert_eq!(from, Moment::Date(jiff::civil::date(2026, 1, 5)), "{start}");
        assert_eq!(to, Moment::Date(jiff::civil::date(2026, 1, 6)), "{start}");
    }
    let day = event("DTSTART;VALUE=DATE:20260105\n");
    let body = body(day.master().unwrap(), None);
    assert_eq!(body["start"], json!({ "dateTime": "2026-01-05T00:00:00", "timeZone": "UTC" }));
    assert_eq!(body["end"]["dateTime"], "2026-01-06T00:00:00");
    assert_eq!(body["isAllDay"], true);
}

/// Pitfall 14, 15: a text is read as plain text, whatever its line ends.
#[test]
fn a_text_with_other_line_ends_is_the_same_text() {
    let with = |content: &str, kind: &str| {
        object(&answer(&format!(r#","body":{{"contentType":"{kind}","content":"{content}"}}"#)))
    };
    let one = with("a \\r\\n\\r\\nb\\r\\n\\r\\n", "text").unwrap();
    assert_eq!(one.form.master().unwrap()[&Field::Description], Said::Text("a\n\nb".into()));
    assert!(with("<p>a</p>", "html").is_err(), "HTML is never taken for a text");
}

#[test]
fn only_what_differs_is_sent() {
    let old = project(&event(&format!("{AT}SUMMARY:A\nDESCRIPTION:long\nCATEGORIES:x\n")));
    let new = project(&event(&format!("{AT}SUMMARY:B\nDESCRIPTION:long\nCATEGORIES:x\n")));
    let sent = body(new.master().unwrap(), old.master());
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["subject"]);
    let free =
        project(&event(&format!("{AT}SUMMARY:A\nDESCRIPTION:long\nCATEGORIES:x\nTRANSP:TRANSPARENT\n")));
    assert_eq!(body(free.master().unwrap(), old.master()).keys().collect::<Vec<_>>(), ["showAs"]);
}

/// Pitfall 59 to 61: a mirror has no guests.
#[test]
fn nobody_is_ever_sent_to_outlook() {
    let meeting = event(&format!("{AT}ORGANIZER:mailto:a@example.org\nATTENDEE:mailto:b@example.org\n"));
    let sent = body(meeting.master().unwrap(), None);
    assert!(!sent.contains_key("attendees") && !sent.contains_key("organizer"));
}

/// Pitfall 27, 28, 36, 38: changed and cancelled instances are read with their series, by when they would have been.
#[test]
fn a_series_is_read_with_its_exceptions() {
    let series = answer(
        r#","originalStartTimeZone":"W. Europe Standard Time","subject":"s",
        "recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","numberOfOccurrences":5,"startDate":"2026-01-05"}},
        "cancelledOccurrences":["OID.i.2026-01-07"],
        "exceptionOccurrences":[
          {"id":"x","changeKey":"2","type":"exception","seriesMasterId":"i","originalStart":"2026-01-06T08:00:00Z",
           "subject":"later",
           "start":{"dateTime":"2026-01-06T15:00:00.0000000","timeZone":"UTC"},
           "end":{"dateTime":"2026-01-06T16:00:00.0000000","timeZone":"UTC"}},
          {"id":"y","changeKey":"3","type":"exception","seriesMasterId":"i","originalStart":"2026-01-08T08:00:00Z","subject":"s",
           "start":{"dateTime":"2026-01-08T08:00:00.0000000","timeZone":"UTC"},
           "end":{"dateTime":"2026-01-08T09:00:00.0000000","timeZone":"UTC"}}]"#,
    );
    let wanted = form(
        "BEGIN:VEVENT\nUID:u\nDTSTAMP:20260101T000000Z\nSUMMARY:s\n\
         DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T100000\n\
         RRULE:FREQ=DAILY;COUNT=5\nEXDATE;TZID=Europe/Berlin:20260107T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:u\nDTSTAMP:20260101T000000Z\nSUMMARY:later\nRECURRENCE-ID;TZID=Europe/Berlin:20260106T090000\n\
         DTSTART;TZID=Europe/Berlin:20260106T160000\nDTEND;TZID=Europe/Berlin:20260106T170000\nEND:VEVENT\n",
    );
    assert!(
        object(&series).unwrap().form == wanted,
        "the instance that says the same as its series is none of it"
    );
}

#[test]
fn guests_are_read_and_counted_where_the_account_invites_them() {
    let guests = r#","isOrganizer":true,"organizer":{"emailAddress":{"name":"Ada","address":"ada@almanac.example"}},
        "attendees":[{"type":"optional","status":{"response":"accepted"},"emailAddress":{"name":"Ben","address":"Ben@almanac.example"}}]"#;
    let own = object(&answer(guests)).unwrap();
    assert_eq!((own.mails, own.role), (1, Role::Owner));
    let part = own.form.master().unwrap();
    assert_eq!(
        part[&Field::Attendee("ben@almanac.example".into())],
        Said::Lines(vec![
            "mailto:Ben@almanac.example".into(),
            "CN=Ben".into(),
            "PARTSTAT=ACCEPTED".into(),
            "ROLE=OPT-PARTICIPANT".into()
        ])
    );
    let copy = object(&answer(&guests.replace("true", "false"))).unwrap();
    assert_eq!((copy.mails, copy.role), (0, Role::Attendee));
}

/// An instance whose hour the clocks skip keeps its name, and a single event its instant.
#[test]
fn an_hour_that_the_clocks_skip_names_its_instance_all_the_same() {
    let gap = event("DTSTART;TZID=Europe/Vienna:20260329T023000\nDTEND;TZID=Europe/Vienna:20260329T040000\n");
    let kept = project(&gap);
    assert_eq!(span(kept.master().unwrap()).unwrap().0.wall().to_string(), "2026-03-29T03:30:00");
    assert!(refuses(&event(
        "DTSTART;TZID=Europe/Vienna:20260329T023000\nDTEND;TZID=Europe/Vienna:20260329T040000\nRRULE:FREQ=DAILY\n"
    ))
    .is_some());
    let series = Moment::Zoned(jiff::civil::date(2026, 3, 27).at(2, 30, 0, 0), "Europe/Vienna".into());
    let skipped = graph(r#"{"originalStart":"2026-03-29T01:30:00Z"}"#);
    let at = time::original(&skipped, &series).unwrap();
    assert_eq!(at.wall().to_string(), "2026-03-29T02:30:00");
}

#[test]
fn what_is_cancelled_and_still_there_is_shown_free() {
    let off = event(&format!("{AT}STATUS:CANCELLED\n"));
    let projected = project(&off);
    assert_eq!(refuses(&off), None);
    assert!(projected == project(&event(&format!("{AT}TRANSP:TRANSPARENT\n"))));
    assert_eq!(body(projected.master().unwrap(), None)["showAs"], "free");
}

/// The organizer's cancellation comes in, and is nothing that would have to be written back.
#[test]
fn what_its_organizer_cancelled_says_so_and_is_free_as_it_was_projected() {
    let read = object(&answer(r#","isCancelled":true,"isOrganizer":false,"showAs":"busy""#)).unwrap().form;
    let master = read.master().unwrap();
    assert_eq!(master.get(&Field::Status), Some(&Said::Text("CANCELLED".into())));
    let projected = project(&read);
    let mut kept = read.clone();
    kept.parts.values_mut().for_each(|part| drop(part.remove(&Field::Status)));
    assert!(projected.master().unwrap().get(&Field::Transparency) == master.get(&Field::Transparency));
    assert!(project(&kept) == projected);
}

#[test]
fn an_instance_that_says_that_it_is_cancelled_is_never_written_as_if_it_took_place() {
    let series = form(&format!(
        "BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\n{AT}RRULE:FREQ=DAILY;COUNT=5\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Vienna:20260106T090000\n\
         DTSTART;TZID=Europe/Vienna:20260106T090000\nDTEND;TZID=Europe/Vienna:20260106T100000\nSTATUS:CANCELLED\n\
         END:VEVENT\n"
    ));
    let projected = project(&series);
    assert_eq!(refuses(&projected), None);
    let at = Moment::Zoned(jiff::civil::date(2026, 1, 6).at(9, 0, 0, 0), "Europe/Vienna".into());
    assert_eq!(exceptions(&projected), [at.clone()].into());
    assert!(projected.parts.len() == 1 && projected.master().unwrap().contains_key(&Field::Except(at)));
}

/// A daily series from the 5th to the 12th; each pair moves the instance of a day to another day.
fn moved(off: &[u8], moves: &[(u8, u8)]) -> Form {
    let mut lines = format!("BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\n{AT}RRULE:FREQ=DAILY;COUNT=8\n");
    for day in off {
        lines.push_str(&format!("EXDATE;TZID=Europe/Vienna:202601{day:02}T090000\n"));
    }
    lines.push_str("END:VEVENT\n");
    for (from, to) in moves {
        lines.push_str(&format!(
            "BEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Vienna:202601{from:02}T090000\n\
             DTSTART;TZID=Europe/Vienna:202601{to:02}T110000\nDTEND;TZID=Europe/Vienna:202601{to:02}T120000\nEND:VEVENT\n"
        ));
    }
    form(&lines)
}

#[test]
fn an_instance_that_would_pass_or_meet_its_neighbour_is_refused_before_anything_is_sent() {
    type Case = (&'static str, &'static [u8], &'static [(u8, u8)], bool);
    #[rustfmt::skip]
    let table: &[Case] = &[
        ("on its own day", &[], &[(6, 6)], false),
        ("meets the next", &[], &[(6, 7)], true),
        ("meets the one before", &[], &[(6, 5)], true),
        ("passes two", &[], &[(6, 8)], true),
        ("the next is cancelled", &[7], &[(6, 7)], false),
        ("passes what is cancelled and meets one", &[7], &[(6, 8)], true),
        ("the next made room", &[8], &[(6, 7), (7, 8)], false),
        ("the next comes to meet it", &[7], &[(6, 7), (8, 7)], true),
        ("two change places", &[], &[(6, 7), (7, 6)], true),
        ("the first before the series", &[], &[(5, 2)], false),
        ("the last after the series", &[], &[(12, 20)], false),
        ("the last but one after the last", &[], &[(11, 20)], true),
    ];
    for (what, off, moves, crosses) in table {
        assert_eq!(refuses(&moved(off, moves)).is_some(), *crosses, "{what}");
    }
}
