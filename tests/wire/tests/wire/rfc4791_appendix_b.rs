//! The examples of RFC 4791 section 7.8 and 7.10, on the calendar data of its appendix B.

use almanac_harness::{Client, Daemon, Element, NAMESPACES, Person, ics};

use crate::erika;

const EASTERN: &str = "BEGIN:VTIMEZONE\nLAST-MODIFIED:20040110T032845Z\nTZID:US/Eastern\n\
BEGIN:DAYLIGHT\nDTSTART:20000404T020000\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4\nTZNAME:EDT\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nEND:DAYLIGHT\n\
BEGIN:STANDARD\nDTSTART:20001026T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nTZNAME:EST\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\n\
END:VTIMEZONE\n";

const EVENT_1: &str = "BEGIN:VEVENT\nDTSTAMP:20060206T001102Z\nDTSTART;TZID=US/Eastern:20060102T100000\nDURATION:PT1H\nSUMMARY:Event #1\n\
Description:Go Steelers!\nUID:74855313FA803DA593CD579A@example.com\nEND:VEVENT\n";

const EVENT_2: &str = "BEGIN:VEVENT\nDTSTAMP:20060206T001121Z\nDTSTART;TZID=US/Eastern:20060102T120000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=5\n\
SUMMARY:Event #2\nUID:00959BC664CA650E933C892C@example.com\nEND:VEVENT\n\
BEGIN:VEVENT\nDTSTAMP:20060206T001121Z\nDTSTART;TZID=US/Eastern:20060104T140000\nDURATION:PT1H\nRECURRENCE-ID;TZID=US/Eastern:20060104T120000\n\
SUMMARY:Event #2 bis\nUID:00959BC664CA650E933C892C@example.com\nEND:VEVENT\n\
BEGIN:VEVENT\nDTSTAMP:20060206T001121Z\nDTSTART;TZID=US/Eastern:20060106T140000\nDURATION:PT1H\nRECURRENCE-ID;TZID=US/Eastern:20060106T120000\n\
SUMMARY:Event #2 bis bis\nUID:00959BC664CA650E933C892C@example.com\nEND:VEVENT\n";

const EVENT_3: &str = "BEGIN:VEVENT\nATTENDEE;PARTSTAT=ACCEPTED;ROLE=CHAIR:mailto:cyrus@example.com\n\
ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:lisa@example.com\nDTSTAMP:20060206T001220Z\nDTSTART;TZID=US/Eastern:20060104T100000\nDURATION:PT1H\n\
LAST-MODIFIED:20060206T001330Z\nORGANIZER:mailto:cyrus@example.com\nSEQUENCE:1\nSTATUS:TENTATIVE\nSUMMARY:Event #3\n\
UID:DC6C50A017428C5216A2F1CD@example.com\nX-ABC-GUID:E1CX5Dr-0007ym-Hz@example.com\nEND:VEVENT\n";

const BUSY: &str = "BEGIN:VFREEBUSY\nORGANIZER;CN=\"Bernard Desruisseaux\":mailto:bernard@example.com\nUID:76ef34-54a3d2@example.com\n\
DTSTAMP:20050530T123421Z\nDTSTART:20060101T000000Z\nDTEND:20060108T000000Z\nFREEBUSY:20050531T230000Z/20050601T010000Z\n\
FREEBUSY;FBTYPE=BUSY-TENTATIVE:20060102T100000Z/20060102T120000Z\nFREEBUSY:20060103T100000Z/20060103T120000Z\n\
FREEBUSY:20060104T100000Z/20060104T120000Z\nFREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20060105T100000Z/20060105T120000Z\n\
FREEBUSY:20060106T100000Z/20060106T120000Z\nEND:VFREEBUSY\n";

/// The four tasks, abcd4 to abcd7.
fn tasks() -> [String; 4] {
    let alarm = "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER;RELATED=START:-PT10M\nEND:VALARM\n";
    let task = |uid: &str, summary: &str, lines: &str, tail: &str| {
        format!(
            "BEGIN:VTODO\nDTSTAMP:20060205T235335Z\n{lines}SUMMARY:{summary}\nUID:{uid}@example.com\n{tail}END:VTODO\n"
        )
    };
    [
        task("DDDEEB7915FA61233B861457", "Task #1", "DUE;VALUE=DATE:20060104\nSTATUS:NEEDS-ACTION\n", alarm),
        task(
            "E10BA47467C5C69BB74E8720",
            "Task #2",
            "DUE;VALUE=DATE:20060106\nSEQUENCE:1\nSTATUS:NEEDS-ACTION\n",
            alarm,
        ),
        task(
            "E10BA47467C5C69BB74E8722",
            "Task #3",
            "COMPLETED:20051223T122322Z\nDUE;VALUE=DATE:20051225\nSTATUS:COMPLETED\n",
            "",
        ),
        task("E10BA47467C5C69BB74E8725", "Task #4", "DUE;VALUE=DATE:20060101\nSTATUS:CANCELLED\n", ""),
    ]
}

/// A calendar named `work` that takes all components, with `abcd1.ics` to `abcd8.ics`.
fn work() -> (Daemon, Person, Client, String) {
    let (daemon, erika, client) = erika();
    let path = erika.collection("work");
    let components: String =
        ["VEVENT", "VTODO", "VFREEBUSY"].iter().map(|c| format!("<C:comp name=\"{c}\"/>")).collect();
    let body = format!(
        "<C:mkcalendar {NAMESPACES}><D:set><D:prop><C:supported-calendar-component-set>{components}</C:supported-calendar-component-set></D:prop></D:set></C:mkcalendar>"
    );
    let _ = client.request("MKCALENDAR", &path).xml(&body).send().expect(201);
    let [task_1, task_2, task_3, task_4] = tasks();
    let zoned = |event: &str| format!("{EASTERN}{event}");
    let bodies =
        [zoned(EVENT_1), zoned(EVENT_2), zoned(EVENT_3), task_1, task_2, task_3, task_4, BUSY.to_owned()];
    for (n, body) in bodies.iter().enumerate() {
        let _ = client.put(&format!("{path}abcd{}.ics", n + 1), ics::calendar(body)).expect(201);
    }
    (daemon, erika, client, path)
}

/// Sends the filter (inside of VCALENDAR) and gives the numbers of the objects that match.
fn matches(client: &Client, path: &str, filter: &str) -> Vec<u32> {
    let inside = format!(
        "<D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">{filter}</C:comp-filter></C:filter>"
    );
    let answer = client.report(path, "C:calendar-query", &inside).multistatus();
    let numbers = answer.members().into_iter().map(|m| m["abcd".len()..5].parse().unwrap()).collect();
    assert!(
        answer.entries.iter().all(|e| e.prop("C:calendar-data").is_some() && e.prop("D:getetag").is_some())
    );
    numbers
}

#[test]
fn section_7_8_1_events_by_time_range_with_partial_retrieval() {
    let (_daemon, _erika, client, path) = work();
    let inside = r#"<D:prop><D:getetag/><C:calendar-data><C:comp name="VCALENDAR"><C:prop name="VERSION"/>
        <C:comp name="VEVENT"><C:prop name="SUMMARY"/><C:prop name="UID"/><C:prop name="DTSTART"/><C:prop name="DTEND"/>
        <C:prop name="DURATION"/><C:prop name="RRULE"/><C:prop name="RDATE"/><C:prop name="EXRULE"/><C:prop name="EXDATE"/>
        <C:prop name="RECURRENCE-ID"/></C:comp><C:comp name="VTIMEZONE"/></C:comp></C:calendar-data></D:prop>
        <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
        <C:time-range start="20060104T000000Z" end="20060105T000000Z"/></C:comp-filter></C:comp-filter></C:filter>"#;
    let answer = client.report(&path, "C:calendar-query", inside).multistatus();
    assert_eq!(answer.members(), ["abcd2.ics", "abcd3.ics"]);
    let text = ics::unfold(answer.entry(&format!("{path}abcd2.ics")).text("C:calendar-data"));
    assert_eq!(ics::values(&text, "SUMMARY"), ["Event #2", "Event #2 bis", "Event #2 bis bis"]);
    assert!(
        text.contains("TZID:US/Eastern") && text.contains("RRULE") && !text.contains("DTSTAMP"),
        "{text}"
    );
}

#[test]
fn section_7_8_2_partial_retrieval_of_recurring_events() {
    let (_daemon, _erika, client, path) = work();
    let inside = r#"<D:prop><C:calendar-data><C:limit-recurrence-set start="20060103T000000Z" end="20060105T000000Z"/></C:calendar-data></D:prop>
        <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
        <C:time-range start="20060103T000000Z" end="20060105T000000Z"/></C:comp-filter></C:comp-filter></C:filter>"#;
    let answer = client.report(&path, "C:calendar-query", inside).multistatus();
    assert_eq!(answer.members(), ["abcd2.ics", "abcd3.ics"]);
    let text = ics::unfold(answer.entry(&format!("{path}abcd2.ics")).text("C:calendar-data"));
    assert_eq!(ics::values(&text, "SUMMARY"), ["Event #2", "Event #2 bis"], "{text}");
}

#[test]
fn section_7_8_3_expanded_retrieval_of_recurring_events() {
    let (_daemon, _erika, client, path) = work();
    let inside = r#"<D:prop><C:calendar-data><C:expand start="20060103T000000Z" end="20060105T000000Z"/></C:calendar-data></D:prop>
        <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
        <C:time-range start="20060103T000000Z" end="20060105T000000Z"/></C:comp-filter></C:comp-filter></C:filter>"#;
    let answer = client.report(&path, "C:calendar-query", inside).multistatus();
    assert_eq!(answer.members(), ["abcd2.ics", "abcd3.ics"]);
    let text = ics::unfold(answer.entry(&format!("{path}abcd2.ics")).text("C:calendar-data"));
    assert_eq!(ics::values(&text, "DTSTART"), ["20060103T170000Z", "20060104T190000Z"], "{text}");
    assert_eq!(ics::values(&text, "RECURRENCE-ID"), ["20060103T170000Z", "20060104T170000Z"], "{text}");
    let text = ics::unfold(answer.entry(&format!("{path}abcd3.ics")).text("C:calendar-data"));
    assert_eq!(ics::values(&text, "DTSTART"), ["20060104T150000Z"], "{text}");
}

#[test]
fn section_7_8_4_partial_retrieval_of_stored_free_busy() {
    let (_daemon, _erika, client, path) = work();
    let inside = r#"<D:prop><C:calendar-data><C:limit-freebusy-set start="20060102T000000Z" end="20060103T000000Z"/></C:calendar-data></D:prop>
        <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VFREEBUSY">
        <C:time-range start="20060102T000000Z" end="20060103T000000Z"/></C:comp-filter></C:comp-filter></C:filter>"#;
    let answer = client.report(&path, "C:calendar-query", inside).multistatus();
    assert_eq!(answer.members(), ["abcd8.ics"]);
    let text = ics::unfold(answer.only().text("C:calendar-data"));
    assert_eq!(ics::values(&text, "FREEBUSY"), ["20060102T100000Z/20060102T120000Z"], "{text}");
}

#[test]
fn sections_7_8_6_to_7_8_9_filters() {
    let (_daemon, _erika, client, path) = work();
    let event = |inside: &str| {
        matches(&client, &path, &format!("<C:comp-filter name=\"VEVENT\">{inside}</C:comp-filter>"))
    };
    assert_eq!(
        event(
            "<C:prop-filter name=\"UID\"><C:text-match collation=\"i;octet\">DC6C50A017428C5216A2F1CD@example.com</C:text-match></C:prop-filter>"
        ),
        [3]
    );
    assert_eq!(
        event(
            "<C:prop-filter name=\"ATTENDEE\"><C:text-match collation=\"i;ascii-casemap\">mailto:lisa@example.com</C:text-match>\
             <C:param-filter name=\"PARTSTAT\"><C:text-match collation=\"i;ascii-casemap\">NEEDS-ACTION</C:text-match></C:param-filter></C:prop-filter>"
        ),
        [3]
    );
    assert_eq!(event(""), [1, 2, 3]);
    assert_eq!(
        matches(
            &client,
            &path,
            "<C:comp-filter name=\"VTODO\"><C:prop-filter name=\"COMPLETED\"><C:is-not-defined/></C:prop-filter>\
             <C:prop-filter name=\"STATUS\"><C:text-match negate-condition=\"yes\">CANCELLED</C:text-match></C:prop-filter></C:comp-filter>"
        ),
        [4, 5]
    );
    assert_eq!(
        event("<C:prop-filter name=\"X-ABC-GUID\"><C:text-match>ABC</C:text-match></C:prop-filter>"),
        Vec::<u32>::new()
    );
    assert_eq!(
        event("<C:prop-filter name=\"X-ABC-GUID\"><C:text-match>E1CX5Dr</C:text-match></C:prop-filter>"),
        [3]
    );
}

#[test]
fn section_7_10_1_free_busy() {
    let (_daemon, _erika, client, path) = work();
    let answer = client
        .report(
            &path,
            "C:free-busy-query",
            "<C:time-range start=\"20060104T140000Z\" end=\"20060105T220000Z\"/>",
        )
        .expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("text/calendar"));
    assert_eq!(
        crate::free_busy::periods(answer.text()),
        [
            ("BUSY".into(), "20060104T190000Z".into(), "20060104T200000Z".into()),
            ("BUSY".into(), "20060105T170000Z".into(), "20060105T180000Z".into()),
            ("BUSY-TENTATIVE".into(), "20060104T150000Z".into(), "20060104T160000Z".into()),
            ("BUSY-UNAVAILABLE".into(), "20060105T100000Z".into(), "20060105T120000Z".into()),
        ]
    );
}

#[test]
fn the_supported_report_set_names_the_reports_of_rfc_4791() {
    let (_daemon, _erika, client, path) = work();
    let answer = client.propfind(&path, "0", &["D:supported-report-set"]).multistatus();
    let names: Vec<&Element> = answer.only().prop("D:supported-report-set").unwrap().descendants("D:report");
    for report in ["C:calendar-query", "C:calendar-multiget", "C:free-busy-query"] {
        assert!(names.iter().any(|r| r.child(report).is_some()), "{report}");
    }
}
