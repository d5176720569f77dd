//! The filter of calendar-query: what clients send, what is valid, what is supported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_base::Redacted;
use almanac_davxml::{
    Collation, CompFilter, CompRule, Limits, ParamFilter, ParamRule, PropFilter, PropRule, Report, Test,
    TextMatch, TimeRange, XmlError, parse, parse_report,
};

const MARCH: TimeRange = TimeRange { start: Some(1_772_323_200), end: Some(1_775_001_600) };

fn filter(content: &str) -> Result<CompFilter, XmlError> {
    let body = format!(
        "<C:calendar-query xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'><D:prop><D:getetag/></D:prop>\
         <C:filter>{content}</C:filter></C:calendar-query>"
    );
    let limits = Limits::request();
    let tree = parse(body.as_bytes(), &limits).unwrap_or_else(|error| panic!("{content}: {error}"));
    match parse_report(tree.as_ref(), &limits)? {
        Report::CalendarQuery(query) => Ok(query.filter.comp),
        other => panic!("{other:?}"),
    }
}

/// The filter with `content` in VEVENT.
fn vevent(content: &str) -> Result<CompFilter, XmlError> {
    let comp = filter(&format!(
        "<C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'>{content}</C:comp-filter></C:comp-filter>"
    ))?;
    match comp.rule {
        CompRule::Defined { comps, .. } => Ok(comps.into_iter().next().unwrap()),
        CompRule::NotDefined => panic!("{content}"),
    }
}

fn prop(content: &str) -> Result<PropFilter, XmlError> {
    match vevent(&format!("<C:prop-filter {content}</C:prop-filter>"))?.rule {
        CompRule::Defined { props, .. } => Ok(props.into_iter().next().unwrap()),
        CompRule::NotDefined => panic!("{content}"),
    }
}

fn defined(time_range: Option<TimeRange>, props: Vec<PropFilter>, comps: Vec<CompFilter>) -> CompRule {
    CompRule::Defined { test: Test::AllOf, time_range, props, comps }
}

fn text(text: &str, collation: Collation, negate: bool) -> TextMatch {
    TextMatch { text: Redacted::new(text.to_owned()), collation, negate }
}

#[test]
fn filters_of_clients_are_read() {
    let comp = |name: &str, rule| CompFilter { name: name.to_owned(), rule };
    for (client, content, inner) in [
        (
            "vdirsyncer",
            "<C:comp-filter name=\"VCALENDAR\">\n  <C:comp-filter name=\"VTODO\">\n  </C:comp-filter>\n\
             </C:comp-filter>",
            comp("VTODO", defined(None, vec![], vec![])),
        ),
        (
            "DAVx5",
            "<C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:time-range \
             start=\"20260301T000000Z\" /></C:comp-filter></C:comp-filter>",
            comp("VEVENT", defined(Some(TimeRange { end: None, ..MARCH }), vec![], vec![])),
        ),
        (
            "GNOME Evolution",
            "<C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"UID\">\
             <C:text-match collation=\"i;octet\">a@b</C:text-match></C:prop-filter></C:comp-filter>\
             </C:comp-filter>",
            comp(
                "VEVENT",
                defined(
                    None,
                    vec![PropFilter {
                        name: "UID".to_owned(),
                        rule: PropRule::Defined {
                            test: Test::AllOf,
                            time_range: None,
                            text_match: Some(text("a@b", Collation::Octet, false)),
                            params: vec![],
                        },
                    }],
                    vec![],
                ),
            ),
        ),
        (
            "python-caldav",
            "<C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VTODO\"><C:prop-filter name=\"COMPLETED\">\
             <C:is-not-defined/></C:prop-filter></C:comp-filter></C:comp-filter>",
            comp(
                "VTODO",
                defined(
                    None,
                    vec![PropFilter { name: "COMPLETED".to_owned(), rule: PropRule::NotDefined }],
                    vec![],
                ),
            ),
        ),
        (
            "Thunderbird",
            "<C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'><C:comp-filter name='VALARM'>\
             <C:time-range start='20260301T000000Z' end='20260401T000000Z'/></C:comp-filter></C:comp-filter>\
             </C:comp-filter>",
            comp("VEVENT", defined(None, vec![], vec![comp("VALARM", defined(Some(MARCH), vec![], vec![]))])),
        ),
        (
            "lower case",
            "<C:comp-filter name='vcalendar'><C:comp-filter name='vjournal'><C:is-not-defined/>\
             </C:comp-filter></C:comp-filter>",
            comp("VJOURNAL", CompRule::NotDefined),
        ),
    ] {
        assert_eq!(filter(content), Ok(comp("VCALENDAR", defined(None, vec![], vec![inner]))), "{client}");
    }
}

#[test]
fn the_whole_grammar_of_a_property_is_read() {
    let full = prop(
        "name='attendee' test='anyof'><C:text-match collation='i;unicode-casemap' negate-condition='yes'> Ä \
         </C:text-match><C:param-filter name='PARTSTAT'><C:text-match negate-condition='no' \
         collation='default'>NEEDS</C:text-match></C:param-filter><C:param-filter name='CN'/>\
         <C:param-filter name='ROLE'><C:is-not-defined/></C:param-filter>",
    )
    .unwrap();
    let param = |name: &str, rule| ParamFilter { name: name.to_owned(), rule };
    assert_eq!(
        full.rule,
        PropRule::Defined {
            test: Test::AnyOf,
            time_range: None,
            text_match: Some(text(" Ä ", Collation::UnicodeCasemap, true)),
            params: vec![
                param("PARTSTAT", ParamRule::Matches(text("NEEDS", Collation::AsciiCasemap, false))),
                param("CN", ParamRule::Defined),
                param("ROLE", ParamRule::NotDefined),
            ],
        }
    );
    assert_eq!(full.name, "ATTENDEE");
    let timed = prop("name='DTSTART'><C:time-range end='20260401T000000Z'/>").unwrap();
    assert!(matches!(
        timed.rule,
        PropRule::Defined { time_range: Some(TimeRange { start: None, end: Some(_) }), .. }
    ));
    let any = vevent("<x xmlns='urn:example'/>").unwrap();
    assert_eq!(any.rule, defined(None, vec![], vec![]), "foreign elements are ignored");
}

#[test]
fn a_filter_that_is_not_valid_is_refused_as_such() {
    for content in [
        "",
        "<C:comp-filter name='VEVENT'/>",
        "<C:comp-filter/>",
        "<C:comp-filter name=''/>",
        "<C:comp-filter name='VCALENDAR'/><C:comp-filter name='VCALENDAR'/>",
        "<C:prop-filter name='SUMMARY'/>",
        "<C:comp-filter name='VCALENDAR'><C:time-range start='20260301T000000Z'/></C:comp-filter>",
        "<C:comp-filter name='VCALENDAR'><C:comp-filter name='VCALENDAR'/></C:comp-filter>",
        "<C:comp-filter name='VCALENDAR'><C:comp-filter name='VALARM'/></C:comp-filter>",
        "<C:comp-filter name='VCALENDAR'><C:comp-filter name='STANDARD'/></C:comp-filter>",
        "<C:comp-filter name='VCALENDAR' test='oneof'/>",
        "<C:comp-filter name='VCALENDAR'><C:text-match>x</C:text-match></C:comp-filter>",
        "<C:comp-filter name='VCALENDAR'><C:is-not-defined/><C:comp-filter name='VEVENT'/></C:comp-filter>",
    ] {
        assert!(
            matches!(filter(content), Err(XmlError::InvalidFilter(_))),
            "{content}: {:?}",
            filter(content)
        );
    }
    for content in [
        "<C:comp-filter name='VTODO'/>",
        "<C:time-range/>",
        "<C:time-range start='20260401T000000Z' end='20260301T000000Z'/>",
        "<C:time-range start='20260301T000000Z' end='20260301T000000Z'/>",
        "<C:time-range start='20260301T000000'/>",
        "<C:time-range start='20260301T000000Z' end='later'/>",
        "<C:time-range start='20260301T000000Z'/><C:time-range start='20260301T000000Z'/>",
        "<C:is-not-defined/><C:time-range start='20260301T000000Z'/>",
        "<C:is-not-defined/><C:is-not-defined/>",
        "<C:param-filter name='CN'/>",
    ] {
        assert!(matches!(vevent(content), Err(XmlError::InvalidFilter(_))), "{content}");
    }
    for content in [
        ">",
        "name='A:B'>",
        "name='SUMMARY'><C:time-range start='20260301T000000Z'/>",
        "name='DTSTART'><C:time-range start='20260301T000000Z'/><C:text-match>2</C:text-match>",
        "name='SUMMARY'><C:text-match>a</C:text-match><C:text-match>b</C:text-match>",
        "name='SUMMARY'><C:text-match negate-condition='perhaps'>a</C:text-match>",
        "name='SUMMARY'><C:is-not-defined/><C:text-match>a</C:text-match>",
        "name='SUMMARY'><C:comp-filter name='VALARM'/>",
        "name='SUMMARY'><C:param-filter/>",
        "name='SUMMARY'><C:param-filter name='X'><C:time-range start='20260301T000000Z'/></C:param-filter>",
    ] {
        assert!(matches!(prop(content), Err(XmlError::InvalidFilter(_))), "{content}");
    }
}

#[test]
fn an_unknown_condition_or_collation_is_unsupported() {
    assert!(matches!(
        vevent("<C:is-defined/>"),
        Err(XmlError::UnsupportedFilter(name)) if name.local() == "is-defined"
    ));
    for collation in ["i;basic", "i;*", "", "I;OCTET"] {
        let content = format!("name='SUMMARY'><C:text-match collation='{collation}'>a</C:text-match>");
        assert_eq!(prop(&content), Err(XmlError::UnsupportedCollation), "{collation}");
    }
}

#[test]
fn filters_are_bounded_in_depth_and_number() {
    let nested = |depth: usize| {
        let inner = "<C:comp-filter name='X-A'>".repeat(depth - 1);
        let ends = "</C:comp-filter>".repeat(depth);
        filter(&format!("<C:comp-filter name='VCALENDAR'>{inner}{ends}"))
    };
    assert!(nested(4).is_ok());
    assert!(matches!(nested(5), Err(XmlError::InvalidFilter(_))));
    // VCALENDAR and VEVENT count as well.
    assert!(vevent(&"<C:prop-filter name='UID'/>".repeat(254)).is_ok());
    assert_eq!(vevent(&"<C:prop-filter name='UID'/>".repeat(255)), Err(XmlError::Limit("filters")));
}
