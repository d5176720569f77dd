//! calendar-query (RFC 4791 section 7.8) on the calendar of appendix B, and beyond.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod appendix_b;
mod multistatus;
mod support;

use almanac_methods::{Limits, Settings};
use http::StatusCode;
use multistatus::{Multistatus, XMLNS, prop, query, report};
use support::{Server, event, object};

const WORK: &str = "/dav/calendars/erika/work/";
const ETAG: &str = "<D:prop><D:getetag/></D:prop>";
const DATA: &str = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";

/// A server with the calendar of appendix B.
async fn bernard() -> Server {
    let server = Server::new();
    assert_eq!(server.send("MKCALENDAR", WORK, &[], "").await.status, StatusCode::CREATED);
    for (name, ics) in appendix_b::objects() {
        server.put(&format!("{WORK}{name}"), &ics).await;
    }
    server
}

async fn ask(server: &Server, prop: &str, filters: &str) -> Multistatus {
    Multistatus::of(&server.send("REPORT", WORK, &[("depth", "1")], &query(prop, filters)).await)
}

async fn matches(server: &Server, filters: &str) -> Vec<String> {
    let with_bodies = ask(server, DATA, filters).await;
    let found = ask(server, ETAG, filters).await;
    assert_eq!(found.members(), with_bodies.members(), "what is returned decides nothing");
    found.members().into_iter().map(|name| name.trim_end_matches(".ics").to_owned()).collect()
}

#[tokio::test]
async fn section_7_8_1_partial_retrieval_of_events_by_time_range() {
    let server = bernard().await;
    let prop = "<D:prop><D:getetag/><C:calendar-data><C:comp name='VCALENDAR'><C:prop name='VERSION'/>\
        <C:comp name='VEVENT'><C:prop name='SUMMARY'/><C:prop name='UID'/><C:prop name='DTSTART'/>\
        <C:prop name='DTEND'/><C:prop name='DURATION'/><C:prop name='RRULE'/><C:prop name='RDATE'/>\
        <C:prop name='EXRULE'/><C:prop name='EXDATE'/><C:prop name='RECURRENCE-ID'/></C:comp>\
        <C:comp name='VTIMEZONE'/></C:comp></C:calendar-data></D:prop>";
    let filter = "<C:comp-filter name='VEVENT'>\
        <C:time-range start='20060104T000000Z' end='20060105T000000Z'/></C:comp-filter>";
    let found = ask(&server, prop, filter).await;
    assert_eq!(found.members(), ["abcd2.ics", "abcd3.ics"]);
    let data = found.responses[1].text("calendar-data");
    assert!(data.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\n"), "{data}");
    for kept in ["TZNAME:EDT", "DTSTART;TZID=US/Eastern:20060104T100000", "DURATION:PT1H", "SUMMARY:Event #3"]
    {
        assert!(data.contains(&format!("\r\n{kept}\r\n")), "{kept}");
    }
    for left_out in ["PRODID", "ATTENDEE", "DTSTAMP", "ORGANIZER", "X-ABC-GUID"] {
        assert!(!data.contains(left_out), "{left_out}");
    }
}

#[tokio::test]
async fn section_7_8_2_partial_retrieval_of_recurring_events() {
    let server = bernard().await;
    let prop = "<D:prop><C:calendar-data>\
        <C:limit-recurrence-set start='20060103T000000Z' end='20060105T000000Z'/></C:calendar-data></D:prop>";
    let filter = "<C:comp-filter name='VEVENT'>\
        <C:time-range start='20060103T000000Z' end='20060105T000000Z'/></C:comp-filter>";
    let found = ask(&server, prop, filter).await;
    assert_eq!(found.members(), ["abcd2.ics", "abcd3.ics"]);
    let data = found.responses[0].text("calendar-data");
    assert!(data.contains("RRULE:FREQ=DAILY;COUNT=5") && data.contains("SUMMARY:Event #2 bis\r\n"), "{data}");
    assert!(!data.contains("bis bis"), "the override on the sixth is outside");
}

#[tokio::test]
async fn section_7_8_3_expanded_retrieval_of_recurring_events() {
    let server = bernard().await;
    let prop = "<D:prop><C:calendar-data>\
        <C:expand start='20060103T000000Z' end='20060105T000000Z'/></C:calendar-data></D:prop>";
    let filter = "<C:comp-filter name='VEVENT'>\
        <C:time-range start='20060103T000000Z' end='20060105T000000Z'/></C:comp-filter>";
    let found = ask(&server, prop, filter).await;
    assert_eq!(found.members(), ["abcd2.ics", "abcd3.ics"]);
    let data = found.responses[0].text("calendar-data");
    for line in [
        "DTSTART:20060103T170000Z",
        "RECURRENCE-ID:20060103T170000Z",
        "DTSTART:20060104T190000Z",
        "RECURRENCE-ID:20060104T170000Z",
    ] {
        assert!(data.contains(&format!("\r\n{line}\r\n")), "{line} in {data}");
    }
    assert_eq!(data.matches("BEGIN:VEVENT").count(), 2);
    assert!(!data.contains("RRULE") && !data.contains("VTIMEZONE"));
    let single = found.responses[1].text("calendar-data");
    assert!(
        single.contains("\r\nDTSTART:20060104T150000Z\r\n") && !single.contains("RECURRENCE-ID"),
        "{single}"
    );
}

#[tokio::test]
async fn section_7_8_4_partial_retrieval_of_stored_free_busy_components() {
    let server = bernard().await;
    let prop = "<D:prop><C:calendar-data>\
        <C:limit-freebusy-set start='20060102T000000Z' end='20060103T000000Z'/></C:calendar-data></D:prop>";
    let filter = "<C:comp-filter name='VFREEBUSY'>\
        <C:time-range start='20060102T000000Z' end='20060103T000000Z'/></C:comp-filter>";
    let found = ask(&server, prop, filter).await;
    assert_eq!(found.members(), ["abcd8.ics"]);
    let data = found.responses[0].text("calendar-data");
    assert_eq!(data.matches("FREEBUSY;").count() + data.matches("\nFREEBUSY:").count(), 1, "{data}");
    assert!(data.contains("FREEBUSY;FBTYPE=BUSY-TENTATIVE:20060102T100000Z/20060102T120000Z"));
}

#[tokio::test]
async fn sections_7_8_5_to_7_8_10_select_by_alarm_uid_participant_kind_state_and_extension() {
    let server = bernard().await;
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "7.8.5 tasks by alarm",
            "<C:comp-filter name='VTODO'><C:comp-filter name='VALARM'>\
             <C:time-range start='20060106T100000Z' end='20060107T100000Z'/></C:comp-filter></C:comp-filter>",
            &["abcd5"],
        ),
        (
            "7.8.6 event by UID",
            "<C:comp-filter name='VEVENT'><C:prop-filter name='UID'><C:text-match collation='i;octet'\
             >DC6C50A017428C5216A2F1CD@example.com</C:text-match></C:prop-filter></C:comp-filter>",
            &["abcd3"],
        ),
        (
            "7.8.7 events by participant and state",
            "<C:comp-filter name='VEVENT'><C:prop-filter name='ATTENDEE'>\
             <C:text-match collation='i;ascii-casemap'>mailto:lisa@example.com</C:text-match>\
             <C:param-filter name='PARTSTAT'><C:text-match collation='i;ascii-casemap'>NEEDS-ACTION</C:text-match>\
             </C:param-filter></C:prop-filter></C:comp-filter>",
            &["abcd3"],
        ),
        ("7.8.8 events only", "<C:comp-filter name='VEVENT'/>", &["abcd1", "abcd2", "abcd3"]),
        (
            "7.8.9 pending tasks",
            "<C:comp-filter name='VTODO'><C:prop-filter name='COMPLETED'><C:is-not-defined/></C:prop-filter>\
             <C:prop-filter name='STATUS'><C:text-match negate-condition='yes'>CANCELLED</C:text-match>\
             </C:prop-filter></C:comp-filter>",
            &["abcd4", "abcd5"],
        ),
        (
            "7.8.10 by a property of no standard",
            "<C:comp-filter name='VEVENT'><C:prop-filter name='X-ABC-GUID'>\
             <C:text-match>ABC</C:text-match></C:prop-filter></C:comp-filter>",
            &[],
        ),
    ];
    for (name, filter, expected) in rows {
        assert_eq!(matches(&server, filter).await, *expected, "{name}");
    }
}

/// The grammar of section 9.7, each row a filter inside the one on VCALENDAR.
#[tokio::test]
async fn the_filter_grammar_means_what_section_9_7_says() {
    let server = bernard().await;
    let all = ["abcd1", "abcd2", "abcd3", "abcd4", "abcd5", "abcd6", "abcd7", "abcd8"];
    let vevent = |inner: &str| format!("<C:comp-filter name='VEVENT'>{inner}</C:comp-filter>");
    let vtodo = |inner: &str| format!("<C:comp-filter name='VTODO'>{inner}</C:comp-filter>");
    let rows: Vec<(&str, String, &[&str])> = vec![
        ("no condition", String::new(), &all),
        ("component not defined", "<C:comp-filter name='VEVENT'><C:is-not-defined/></C:comp-filter>".into(), &all[3..]),
        ("unknown component", "<C:comp-filter name='X-ROOM'/>".into(), &[]),
        ("a zone is a component", "<C:comp-filter name='VTIMEZONE'/>".into(), &all[..5]),
        ("two kinds at once", format!("{}{}", vevent(""), vtodo("")), &[]),
        ("kind and zone", format!("{}<C:comp-filter name='VTIMEZONE'/>", vtodo("")), &["abcd4", "abcd5"]),
        ("property of the calendar", "<C:prop-filter name='PRODID'><C:text-match>example corp</C:text-match></C:prop-filter>".into(), &all),
        ("property of the calendar, not", "<C:prop-filter name='METHOD'/>".into(), &[]),
        ("property defined", vevent("<C:prop-filter name='RRULE'/>"), &["abcd2"]),
        ("names compare without case", "<C:comp-filter name='vevent'><C:prop-filter name='rrule'/></C:comp-filter>".into(), &["abcd2"]),
        ("property not defined", vevent("<C:prop-filter name='SEQUENCE'><C:is-not-defined/></C:prop-filter>"), &["abcd1", "abcd2"]),
        ("text without case", vevent("<C:prop-filter name='DESCRIPTION'><C:text-match>go steelers</C:text-match></C:prop-filter>"), &["abcd1"]),
        ("text by octets", vevent("<C:prop-filter name='DESCRIPTION'><C:text-match collation='i;octet'>go steelers</C:text-match></C:prop-filter>"), &[]),
        ("negated text needs the property", vevent("<C:prop-filter name='DESCRIPTION'><C:text-match negate-condition='yes'>nothing</C:text-match></C:prop-filter>"), &["abcd1"]),
        ("one property of several is enough", vevent("<C:prop-filter name='SUMMARY'><C:text-match>bis bis</C:text-match></C:prop-filter>"), &["abcd2"]),
        ("parameter defined", vevent("<C:prop-filter name='ATTENDEE'><C:param-filter name='ROLE'/></C:prop-filter>"), &["abcd3"]),
        ("parameter not defined", vevent("<C:prop-filter name='DTSTART'><C:param-filter name='TZID'><C:is-not-defined/></C:param-filter></C:prop-filter>"), &[]),
        ("text and parameter of the same property", vevent("<C:prop-filter name='ATTENDEE'><C:text-match>lisa</C:text-match><C:param-filter name='PARTSTAT'><C:text-match>ACCEPTED</C:text-match></C:param-filter></C:prop-filter>"), &[]),
        ("no alarm", vtodo("<C:comp-filter name='VALARM'><C:is-not-defined/></C:comp-filter>"), &["abcd6", "abcd7"]),
        ("property of an alarm", vtodo("<C:comp-filter name='VALARM'><C:prop-filter name='ACTION'><C:text-match>audio</C:text-match></C:prop-filter></C:comp-filter>"), &["abcd4", "abcd5"]),
        ("time of a property", vtodo("<C:prop-filter name='COMPLETED'><C:time-range start='20051223T000000Z' end='20051224T000000Z'/></C:prop-filter>"), &["abcd6"]),
        ("time of a property, open end", vtodo("<C:prop-filter name='LAST-MODIFIED'><C:time-range start='20060206T000000Z'/></C:prop-filter>"), &[]),
        ("time of a zoned property", vevent("<C:prop-filter name='DTSTART'><C:time-range start='20060104T150000Z' end='20060104T150001Z'/></C:prop-filter>"), &["abcd3"]),
        ("time and text", vevent("<C:time-range start='20060104T000000Z' end='20060105T000000Z'/><C:prop-filter name='SUMMARY'><C:text-match>#3</C:text-match></C:prop-filter>"), &["abcd3"]),
        ("time with open start", vevent("<C:time-range end='20060102T160000Z'/>"), &["abcd1"]),
        ("time with open end", vevent("<C:time-range start='20060106T190000Z'/>"), &["abcd2"]),
        (
            "time and text of the same component: the override is on another day",
            vevent(
                "<C:time-range start='20060104T000000Z' end='20060105T000000Z'/>\
                 <C:prop-filter name='SUMMARY'><C:text-match>bis bis</C:text-match></C:prop-filter>",
            ),
            &[],
        ),
        (
            "time and text of the same component: on that day the override stands for the master",
            vevent(
                "<C:time-range start='20060104T000000Z' end='20060105T000000Z'/>\
                 <C:prop-filter name='RRULE'/>",
            ),
            &[],
        ),
        (
            "time and text of the same component: a day of the master",
            vevent(
                "<C:time-range start='20060105T000000Z' end='20060106T000000Z'/>\
                 <C:prop-filter name='RRULE'/>",
            ),
            &["abcd2"],
        ),
        ("any of", "<C:comp-filter name='VEVENT' test='anyof'><C:prop-filter name='RRULE'/><C:prop-filter name='DESCRIPTION'/></C:comp-filter>".into(), &["abcd1", "abcd2"]),
    ];
    for (name, filter, expected) in rows {
        assert_eq!(matches(&server, &filter).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_index_answers_what_it_can_without_a_body() {
    let server = bernard().await;
    let range = "<C:time-range start='20060104T000000Z' end='20060105T000000Z'/>";
    for (filter, bodies) in [
        (String::new(), 0),
        ("<C:comp-filter name='VEVENT'/>".to_owned(), 0),
        (format!("<C:comp-filter name='VEVENT'>{range}</C:comp-filter>"), 0),
        (
            format!(
                "<C:comp-filter name='VTODO'><C:comp-filter name='VALARM'>{range}</C:comp-filter></C:comp-filter>"
            ),
            0,
        ),
        // Two of three events are in the window: only these are read.
        (format!("<C:comp-filter name='VEVENT'>{range}<C:prop-filter name='UID'/></C:comp-filter>"), 2),
        ("<C:comp-filter name='VTODO'><C:prop-filter name='UID'/></C:comp-filter>".to_owned(), 4),
    ] {
        let before = server.memory.bodies_read();
        ask(&server, ETAG, &filter).await;
        assert_eq!(server.memory.bodies_read() - before, bodies, "{filter}");
    }
}

#[tokio::test]
async fn floating_times_are_read_in_the_zone_of_the_query_else_of_the_calendar() {
    let server = Server::new();
    assert_eq!(server.send("MKCALENDAR", WORK, &[], "").await.status, StatusCode::CREATED);
    let floating = object("VEVENT", "f", &["DTSTART:20260302T090000", "DTEND:20260302T100000", "X-A:1"]);
    server.put(&format!("{WORK}f.ics"), &floating).await;
    let ask = async |extra: &str, prop: &str, hour: u8| {
        let filter = format!(
            "<C:filter><C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'>\
             <C:time-range start='20260302T{hour:02}0000Z' end='20260302T{hour:02}3000Z'/>{prop}\
             </C:comp-filter></C:comp-filter></C:filter>"
        );
        let body = report("C:calendar-query", &format!("{ETAG}{filter}{extra}"));
        Multistatus::of(&server.send("REPORT", WORK, &[("depth", "1")], &body).await).responses.len()
    };
    let berlin = "<C:timezone-id>Europe/Berlin</C:timezone-id>";
    let definition = "<C:timezone>BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTIMEZONE\nTZID:Here\n\
        BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0500\nTZOFFSETTO:+0500\nEND:STANDARD\n\
        END:VTIMEZONE\nEND:VCALENDAR\n</C:timezone>";
    // With and without a condition that needs the body: index and filter agree.
    for prop in ["", "<C:prop-filter name='X-A'/>"] {
        assert_eq!([ask("", prop, 9).await, ask("", prop, 8).await], [1, 0]);
        assert_eq!([ask(berlin, prop, 9).await, ask(berlin, prop, 8).await], [0, 1]);
        assert_eq!([ask(definition, prop, 9).await, ask(definition, prop, 4).await], [0, 1]);
    }
    let patch = format!(
        "<D:propertyupdate {XMLNS}><D:set><D:prop><C:calendar-timezone-id>Asia/Tokyo\
        </C:calendar-timezone-id></D:prop></D:set></D:propertyupdate>"
    );
    server.send("PROPPATCH", WORK, &[], &patch).await;
    for prop in ["", "<C:prop-filter name='X-A'/>"] {
        assert_eq!([ask("", prop, 0).await, ask(berlin, prop, 8).await], [1, 1]);
    }
}

#[tokio::test]
async fn without_a_zone_nothing_that_the_index_selects_in_the_zone_of_the_tenant_is_lost() {
    let server = Server::new();
    server.memory.live_in("Europe/Berlin");
    assert_eq!(server.send("MKCALENDAR", WORK, &[], "").await.status, StatusCode::CREATED);
    let all_day = object("VEVENT", "d", &["DTSTART;VALUE=DATE:20260302", "X-A:1"]);
    server.put(&format!("{WORK}d.ics"), &all_day).await;
    let window = "start='20260301T230000Z' end='20260302T000000Z'";
    let expand = format!("<D:prop><C:calendar-data><C:expand {window}/></C:calendar-data></D:prop>");
    for filter in [
        "",
        "<C:prop-filter name='X-A'/>",
        "<C:prop-filter name='DTSTART'><C:time-range start='20260301T230000Z'/></C:prop-filter>",
    ] {
        let filter = format!("<C:comp-filter name='VEVENT'><C:time-range {window}/>{filter}</C:comp-filter>");
        let found = ask(&server, &expand, &filter).await;
        assert_eq!(found.members(), ["d.ics"], "{filter}");
        assert!(found.responses[0].text("calendar-data").contains("DTSTART;VALUE=DATE:20260302"));
    }
}

#[tokio::test]
async fn a_limit_of_the_client_cuts_the_answer_and_says_so() {
    let server = bernard().await;
    for prop in [ETAG, DATA] {
        let ask = async |limit: usize| {
            let filter = "<C:filter><C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'/></C:comp-filter></C:filter>";
            let limit = format!("<D:limit><D:nresults>{limit}</D:nresults></D:limit>");
            let body = report("C:calendar-query", &format!("{prop}{filter}{limit}"));
            Multistatus::of(&server.send("REPORT", WORK, &[("depth", "1")], &body).await)
        };
        let cut = ask(2).await;
        assert_eq!(cut.members(), ["abcd1.ics", "abcd2.ics", ""]);
        assert_eq!(cut.at(WORK).status, Some(507));
        assert_eq!(cut.at(WORK).error.as_ref().unwrap().local(), "number-of-matches-within-limits");
        assert_eq!(
            ask(3).await.members(),
            ["abcd1.ics", "abcd2.ics", "abcd3.ics"],
            "exactly as many are no cut"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_limit_is_whole_however_long() {
    let server = Server::new();
    let calendar = "/dav/calendars/erika/calendar/";
    for number in 0..600 {
        server.put(&format!("{calendar}{number:03}.ics"), &event(&format!("uid-{number}"), 2)).await;
    }
    for prop in [ETAG, DATA] {
        let body = query(prop, "<C:comp-filter name='VEVENT'/>");
        let found = Multistatus::of(&server.send("REPORT", calendar, &[("depth", "1")], &body).await);
        assert_eq!(found.responses.len(), 600);
        assert!(found.responses.iter().all(|response| !response.text("getetag").is_empty()));
    }
}

#[tokio::test]
async fn bodies_are_read_in_batches_that_are_bounded_by_number_and_by_size() {
    for (objects, line_bytes, batches) in [(40, 10, 1), (60, 10, 2), (10, 300_000, 4), (2, 600_000, 2)] {
        let server = Server::with(Settings {
            ical: almanac_ical::Limits { line_bytes_max: 1 << 20, ..almanac_ical::Limits::default() },
            ..Settings::default()
        });
        let line = format!("X-LONG:{}", "x".repeat(line_bytes));
        for number in 0..objects {
            let ics = object("VEVENT", &format!("uid-{number}"), &["DTSTART:20260302T090000Z", &line]);
            server.put(&format!("/dav/calendars/erika/calendar/{number}.ics"), &ics).await;
        }
        let before = server.memory.calls();
        let body = query(DATA, "<C:comp-filter name='VEVENT'/>");
        let answer = server.send("REPORT", "/dav/calendars/erika/calendar/", &[("depth", "1")], &body).await;
        assert_eq!(Multistatus::of(&answer).responses.len(), objects);
        // Besides the bodies: the calendar, one page of the listing.
        assert_eq!(server.memory.calls() - before, 2 + batches, "{objects} of {line_bytes}");
    }
}

#[tokio::test]
async fn an_expansion_beyond_the_budget_is_cut_and_says_so() {
    let limits = Limits { instances_max: 100, ..Limits::default() };
    let server = Server::with(Settings { limits, ..Settings::default() });
    let calendar = "/dav/calendars/erika/calendar/";
    let endless = object("VEVENT", "e", &["DTSTART:20260101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY"]);
    server.put(&format!("{calendar}e.ics"), &endless).await;
    let ask = async |end: &str| {
        let prop = format!(
            "<D:prop><C:calendar-data><C:expand start='20260101T000000Z' end='{end}'/>\
            </C:calendar-data></D:prop>"
        );
        let body = query(&prop, "<C:comp-filter name='VEVENT'/>");
        Multistatus::of(&server.send("REPORT", calendar, &[("depth", "1")], &body).await)
    };
    let month = ask("20260201T000000Z").await;
    assert_eq!(month.responses[0].text("calendar-data").matches("BEGIN:VEVENT").count(), 31);
    let forever = ask("99990101T000000Z").await;
    assert_eq!(forever.hrefs(), [calendar]);
    assert_eq!(forever.at(calendar).status, Some(507));
}

#[tokio::test]
async fn a_series_that_costs_too_much_counts_as_a_match_and_the_others_are_told() {
    let server = Server::new();
    assert_eq!(server.send("MKCALENDAR", WORK, &[], "").await.status, StatusCode::CREATED);
    let never = ["DTSTART:20260101T090000Z", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "X-A:1"];
    let mut expected = Vec::new();
    // More of them than the whole answer has periods for.
    for n in 0..7 {
        server.put(&format!("{WORK}never{n}.ics"), &object("VEVENT", &format!("never{n}"), &never)).await;
        expected.push(format!("{WORK}never{n}.ics"));
    }
    for n in 0..3 {
        let weekly = ["DTSTART:20260101T090000Z", "RRULE:FREQ=WEEKLY", "X-A:1"];
        server.put(&format!("{WORK}plain{n}.ics"), &object("VEVENT", &format!("plain{n}"), &weekly)).await;
        expected.push(format!("{WORK}plain{n}.ics"));
    }
    server
        .put(&format!("{WORK}past.ics"), &object("VEVENT", "past", &["DTSTART:20200101T090000Z", "X-A:1"]))
        .await;
    let filter = "<C:comp-filter name='VEVENT'><C:time-range start='20260601T000000Z'/>\
        <C:prop-filter name='X-A'/></C:comp-filter>";
    assert_eq!(ask(&server, ETAG, filter).await.hrefs(), expected);
    let expand = "<D:prop><C:calendar-data><C:expand start='20260101T000000Z' end='20270101T000000Z'/>\
        </C:calendar-data></D:prop>";
    let found = ask(&server, expand, filter).await;
    assert_eq!(
        found.at(&format!("{WORK}plain2.ics")).text("calendar-data").matches("BEGIN:VEVENT").count(),
        53
    );
}

#[tokio::test]
async fn the_depth_decides_what_is_searched() {
    let server = bernard().await;
    let body = query(ETAG, "<C:comp-filter name='VEVENT'/>");
    for (headers, expected) in
        [(&[("depth", "1")][..], 3), (&[("depth", "infinity")], 3), (&[], 3), (&[("depth", "0")], 0)]
    {
        let found = Multistatus::of(&server.send("REPORT", WORK, headers, &body).await);
        assert_eq!(found.responses.len(), expected, "{headers:?}");
    }
    for (name, expected) in [("abcd1.ics", 1), ("abcd4.ics", 0)] {
        let found = Multistatus::of(&server.send("REPORT", &format!("{WORK}{name}"), &[], &body).await);
        assert_eq!(found.responses.len(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_answered_names_its_condition() {
    let server = bernard().await;
    let wrap = |content: &str| report("C:calendar-query", content);
    let all = "<C:filter><C:comp-filter name='VCALENDAR'/></C:filter>";
    let text = |attributes: &str| {
        query(
            ETAG,
            &format!(
                "<C:comp-filter name='VEVENT'><C:prop-filter name='UID'>\
            <C:text-match {attributes}>x</C:text-match></C:prop-filter></C:comp-filter>"
            ),
        )
    };
    for (body, status, condition) in [
        (wrap(ETAG), StatusCode::BAD_REQUEST, ""),
        (
            wrap(&format!("{ETAG}<C:filter><C:comp-filter name='VEVENT'/></C:filter>")),
            StatusCode::FORBIDDEN,
            "C:valid-filter",
        ),
        (
            query(ETAG, "<C:comp-filter name='VEVENT'><C:time-range start='soon'/></C:comp-filter>"),
            StatusCode::FORBIDDEN,
            "C:valid-filter",
        ),
        (text("collation='i;other'"), StatusCode::FORBIDDEN, "C:supported-collation"),
        (
            wrap(&format!("<D:prop><C:calendar-data content-type='application/json'/></D:prop>{all}")),
            StatusCode::FORBIDDEN,
            "C:supported-calendar-data",
        ),
        (
            wrap(&format!("<D:prop><C:calendar-data version='1.0'/></D:prop>{all}")),
            StatusCode::FORBIDDEN,
            "C:supported-calendar-data",
        ),
        (
            wrap(&format!("{ETAG}{all}<C:timezone>BEGIN:VEVENT</C:timezone>")),
            StatusCode::FORBIDDEN,
            "C:valid-calendar-data",
        ),
        (
            wrap(&format!("{ETAG}{all}<C:timezone-id>Mars/Olympus</C:timezone-id>")),
            StatusCode::FORBIDDEN,
            "C:valid-timezone",
        ),
    ] {
        let answer = server.send("REPORT", WORK, &[("depth", "1")], &body).await;
        assert_eq!((answer.status, answer.condition().as_str()), (status, condition), "{body}");
    }
    let answer = server.send("REPORT", "/dav/calendars/erika/", &[("depth", "1")], &query(ETAG, "")).await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "D:supported-report"));
    let answer =
        server.send("REPORT", "/dav/calendars/otto/calendar/", &[("depth", "1")], &query(ETAG, "")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_data_is_what_was_stored_and_fits_its_etag() {
    let server = Server::new();
    let path = "/dav/calendars/erika/calendar/a.ics";
    // Bare line feeds, a folded line, characters that XML escapes.
    let ics = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:a\nDTSTART:20260302T090000Z\n\
        SUMMARY:<b>&amp; ]]> ü\n  folded\nEND:VEVENT\nEND:VCALENDAR\n";
    let etag = server.put(path, ics).await;
    let crlf = event("b", 3);
    server.put("/dav/calendars/erika/calendar/b.ics", &crlf).await;
    let body = query(&prop(&["D:getetag", "C:calendar-data"]), "");
    let found = Multistatus::of(
        &server.send("REPORT", "/dav/calendars/erika/calendar/", &[("depth", "1")], &body).await,
    );
    assert_eq!(found.at(path).text("calendar-data"), ics);
    assert_eq!(found.at(path).text("getetag"), etag);
    assert_eq!(found.responses[1].text("calendar-data"), crlf, "carriage returns survive XML");
}
