//! REPORT bodies as clients send them, and the grammar at its edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_davxml::{
    CalendarQuery, CompChoice, ExpandProp, Limits, MatchKind, Name, Period, PrincipalMatchTarget, PropChoice,
    Propfind, Recurrence, Report, SyncLevel, Test, TimeRange, XmlError, parse, parse_report,
};

const SPACES: &str = "xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'";
/// 2026-03-01 and 2026-04-01, at midnight UTC.
const MARCH: (i64, i64) = (1_772_323_200, 1_775_001_600);

fn report(body: &str) -> Result<Report, XmlError> {
    let limits = Limits::request();
    let tree = parse(body.as_bytes(), &limits).unwrap_or_else(|error| panic!("{body}: {error}"));
    parse_report(tree.as_ref(), &limits)
}

fn query(content: &str) -> CalendarQuery {
    let filter = "<C:filter><C:comp-filter name='VCALENDAR'/></C:filter>";
    match report(&format!("<C:calendar-query {SPACES}>{content}{filter}</C:calendar-query>")) {
        Ok(Report::CalendarQuery(query)) => query,
        other => panic!("{content}: {other:?}"),
    }
}

#[test]
fn multiget_of_clients_lists_hrefs_in_order() {
    for (client, body) in [
        (
            "Thunderbird",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<C:calendar-multiget xmlns:D=\"DAV:\" \
             xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:prop><D:getetag/><C:calendar-data/></D:prop>\
             <D:href>/dav/a%20b.ics</D:href><D:href>/dav/c.ics</D:href></C:calendar-multiget>",
        ),
        (
            "DAVx5",
            "<?xml version='1.0' encoding='UTF-8' ?><CAL:calendar-multiget xmlns=\"DAV:\" \
             xmlns:CAL=\"urn:ietf:params:xml:ns:caldav\"><prop><getetag /><CAL:calendar-data /></prop>\
             <href>/dav/a%20b.ics</href><href>/dav/c.ics</href></CAL:calendar-multiget>",
        ),
        (
            "vdirsyncer",
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n    <C:calendar-multiget xmlns=\"DAV:\"\n        \
             xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\n        <prop>\n            <getetag/>\n            \
             <C:calendar-data/>\n        </prop>\n        <href>/dav/a%20b.ics</href>\n<href>\n/dav/c.ics\n\
             </href>\n    </C:calendar-multiget>",
        ),
    ] {
        let Ok(Report::CalendarMultiget(multiget)) = report(body) else { panic!("{client}") };
        let hrefs: Vec<&str> = multiget.hrefs.iter().map(|href| href.expose().as_str()).collect();
        assert_eq!(hrefs, ["/dav/a%20b.ics", "/dav/c.ics"], "{client}");
        let select = Propfind::Prop(vec![Name::dav("getetag"), Name::caldav("calendar-data")]);
        assert_eq!(multiget.props.select, select, "{client}");
        assert_eq!(multiget.props.calendar_data, Some(Default::default()), "{client}");
    }
    let none = format!("<C:calendar-multiget {SPACES}><D:prop/></C:calendar-multiget>");
    assert_eq!(report(&none), Err(XmlError::Invalid("no href")));
}

#[test]
fn calendar_data_says_which_part_is_wanted() {
    let query = query(
        "<D:prop><C:calendar-data content-type='text/calendar' version='2.0'><C:comp name='VCALENDAR'>\
         <C:prop name='version'/><C:comp name='VEVENT'><C:prop name='SUMMARY' novalue='yes'/><C:allcomp/>\
         </C:comp><C:comp name='VTIMEZONE'><C:allprop/></C:comp></C:comp>\
         <C:limit-recurrence-set start='20260301T000000Z' end='20260401T000000Z'/>\
         <C:limit-freebusy-set start='20260301T000000Z' end='20260401T000000Z'/></C:calendar-data></D:prop>",
    );
    let march = Period { start: MARCH.0, end: MARCH.1 };
    let data = query.props.calendar_data.unwrap();
    assert_eq!(data.content_type.as_deref(), Some("text/calendar"));
    assert_eq!(data.version.as_deref(), Some("2.0"));
    assert_eq!(data.recurrence, Recurrence::Limit(march));
    assert_eq!(data.limit_freebusy_set, Some(march));
    let calendar = data.comp.unwrap();
    let PropChoice::Named(props) = &calendar.props else { panic!("{calendar:?}") };
    assert_eq!((props[0].name.as_str(), props[0].novalue), ("VERSION", false));
    let CompChoice::Named(comps) = &calendar.comps else { panic!("{calendar:?}") };
    let PropChoice::Named(props) = &comps[0].props else { panic!("{calendar:?}") };
    assert_eq!((props[0].name.as_str(), props[0].novalue), ("SUMMARY", true));
    assert_eq!(comps[0].comps, CompChoice::All);
    assert_eq!((&comps[1].props, &comps[1].comps), (&PropChoice::All, &CompChoice::Named(Vec::new())));
}

#[test]
fn calendar_data_that_contradicts_itself_is_invalid() {
    let march = "start='20260301T000000Z' end='20260401T000000Z'";
    for content in [
        format!("<C:expand {march}/><C:limit-recurrence-set {march}/>"),
        format!("<C:expand {march}/><C:expand {march}/>"),
        "<C:expand start='20260301T000000Z'/>".to_owned(),
        "<C:expand/>".to_owned(),
        "<C:limit-freebusy-set start='20260401T000000Z' end='20260301T000000Z'/>".to_owned(),
        "<C:comp/>".to_owned(),
        "<C:comp name='a b'/>".to_owned(),
        "<C:comp name='VCALENDAR'/><C:comp name='VCALENDAR'/>".to_owned(),
        "<C:comp name='VCALENDAR'><C:prop name='X' novalue='maybe'/></C:comp>".to_owned(),
    ] {
        let body = format!(
            "<C:calendar-multiget {SPACES}><D:prop><C:calendar-data>{content}</C:calendar-data></D:prop>\
             <D:href>/a</D:href></C:calendar-multiget>"
        );
        assert!(matches!(report(&body), Err(XmlError::Invalid(_))), "{content}");
    }
}

#[test]
fn calendar_query_carries_its_options() {
    let plain = query("");
    assert_eq!(plain.props.select, Propfind::Prop(Vec::new()));
    assert_eq!((plain.timezone, plain.timezone_id, plain.limit), (None, None, None));
    let full = query(
        "<D:allprop/><C:timezone>BEGIN:VCALENDAR\r\n</C:timezone><C:timezone-id>\n Europe/Berlin </C:timezone-id>\
         <D:limit><D:nresults> 7 </D:nresults></D:limit>",
    );
    assert_eq!(full.props.select, Propfind::AllProp { include: Vec::new() });
    assert_eq!(full.timezone.unwrap().expose(), "BEGIN:VCALENDAR\n");
    assert_eq!(full.timezone_id.as_deref(), Some("Europe/Berlin"));
    assert_eq!(full.limit, Some(7));
    assert_eq!(query("<D:propname/>").props.select, Propfind::PropName);
    let without = format!("<C:calendar-query {SPACES}><D:prop/></C:calendar-query>");
    assert_eq!(report(&without), Err(XmlError::Invalid("no filter")));
}

#[test]
fn sync_collection_of_clients_is_read() {
    for (client, body, token, level, limit) in [
        (
            "Apple Calendar",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:sync-collection xmlns:A=\"DAV:\"><A:sync-token>\
             urn:example:17</A:sync-token><A:sync-level>1</A:sync-level><A:prop><A:getetag/></A:prop>\
             </A:sync-collection>",
            Some("urn:example:17"),
            Some(SyncLevel::One),
            None,
        ),
        (
            "DAVx5",
            "<?xml version='1.0' encoding='UTF-8' ?><sync-collection xmlns=\"DAV:\"><sync-token />\
             <sync-level>1</sync-level><limit><nresults>500</nresults></limit><prop><getetag /></prop>\
             </sync-collection>",
            None,
            Some(SyncLevel::One),
            Some(500),
        ),
        (
            "an old draft",
            "<sync-collection xmlns='DAV:'><sync-token/><prop><getetag/></prop></sync-collection>",
            None,
            None,
            None,
        ),
        (
            "a whole tree",
            "<sync-collection xmlns='DAV:'><sync-token/><sync-level>infinite</sync-level><limit><nresults>\
             99999999999</nresults></limit><prop><getetag/></prop></sync-collection>",
            None,
            Some(SyncLevel::Infinite),
            Some(u32::MAX),
        ),
    ] {
        let Ok(Report::SyncCollection(sync)) = report(body) else { panic!("{client}") };
        assert_eq!((sync.token.as_deref(), sync.level, sync.limit), (token, level, limit), "{client}");
        assert_eq!(sync.props.select, Propfind::Prop(vec![Name::dav("getetag")]), "{client}");
    }
}

#[test]
fn sync_collection_outside_of_its_grammar_is_invalid() {
    for content in [
        "",
        "<D:sync-token/><D:sync-token/>",
        "<D:sync-token/><D:sync-level>2</D:sync-level>",
        "<D:sync-token/><D:sync-level/>",
        "<D:sync-token/><D:limit/>",
        "<D:sync-token/><D:limit><D:nresults/></D:limit>",
        "<D:sync-token/><D:limit><D:nresults>0</D:nresults></D:limit>",
        "<D:sync-token/><D:limit><D:nresults>-1</D:nresults></D:limit>",
        "<D:sync-token/><D:limit><D:nresults>+1</D:nresults></D:limit>",
        "<D:sync-token/><D:prop/><D:allprop/>",
    ] {
        let body = format!("<D:sync-collection {SPACES}>{content}</D:sync-collection>");
        assert!(matches!(report(&body), Err(XmlError::Invalid(_))), "{content}: {:?}", report(&body));
    }
}

#[test]
fn free_busy_query_has_one_time_range() {
    let body = |range: &str| format!("<C:free-busy-query {SPACES}>{range}</C:free-busy-query>");
    let range = "<C:time-range start='20260301T000000Z' end='20260401T000000Z'/>";
    assert_eq!(
        report(&body(range)),
        Ok(Report::FreeBusyQuery(TimeRange { start: Some(MARCH.0), end: Some(MARCH.1) }))
    );
    for range in ["", "<C:time-range/>", &range.repeat(2), "<C:time-range start='20260301'/>"] {
        assert!(matches!(report(&body(range)), Err(XmlError::Invalid(_))), "{range}");
    }
}

#[test]
fn expand_property_of_apple_calendar_nests() {
    let leaf = |name| ExpandProp { name, children: Vec::new() };
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:expand-property xmlns:A=\"DAV:\">\
        <A:property name=\"calendar-proxy-write-for\" namespace=\"http://calendarserver.org/ns/\">\
        <A:property name=\"displayname\" namespace=\"DAV:\"/><A:property name=\"principal-URL\"/>\
        <A:property name=\"displayname\"/></A:property></A:expand-property>";
    let children = vec![leaf(Name::dav("displayname")), leaf(Name::dav("principal-URL"))];
    let expected = ExpandProp { name: Name::cs("calendar-proxy-write-for"), children };
    assert_eq!(report(body), Ok(Report::ExpandProperty(vec![expected])));
    for property in ["<D:property/>", "<D:property name='a:b'/>", "<D:property name=''/>"] {
        let body = format!("<D:expand-property {SPACES}>{property}</D:expand-property>");
        assert!(matches!(report(&body), Err(XmlError::Invalid(_))), "{property}");
    }
}

#[test]
fn expand_property_beyond_four_levels_is_refused() {
    let body = |levels: usize| {
        let open = "<D:property name='owner'>".repeat(levels);
        let close = "</D:property>".repeat(levels);
        format!("<D:expand-property {SPACES}>{open}{close}</D:expand-property>")
    };
    assert!(report(&body(4)).is_ok());
    assert!(matches!(report(&body(5)), Err(XmlError::Limit(_))));
}

#[test]
fn principal_property_search_is_read() {
    let Ok(Report::PrincipalPropertySearch(search)) = report(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:principal-property-search xmlns:A=\"DAV:\" \
         test=\"anyof\"><A:property-search><A:prop><C:email-address-set \
         xmlns:C=\"http://calendarserver.org/ns/\"/></A:prop><A:match match-type=\"starts-with\">erika</A:match>\
         </A:property-search><A:property-search><A:prop><A:displayname/></A:prop><A:match>erika b</A:match>\
         </A:property-search><A:prop><A:principal-URL/></A:prop><A:apply-to-principal-collection-set/>\
         </A:principal-property-search>",
    ) else {
        panic!("not a search")
    };
    assert_eq!((search.test, search.apply_to_principal_collection_set), (Test::AnyOf, true));
    assert_eq!(search.props.select, Propfind::Prop(vec![Name::dav("principal-URL")]));
    let [first, second] = &search.searches[..] else { panic!("{search:?}") };
    assert_eq!(first.props, [Name::cs("email-address-set")]);
    assert_eq!((first.text.expose().as_str(), first.kind), ("erika", MatchKind::StartsWith));
    assert_eq!((second.text.expose().as_str(), second.kind), ("erika b", MatchKind::Contains));
}

#[test]
fn principal_property_search_without_condition_is_invalid() {
    for content in [
        "",
        "<D:property-search/>",
        "<D:property-search><D:prop><D:displayname/></D:prop></D:property-search>",
        "<D:property-search><D:prop/><D:match>x</D:match></D:property-search>",
        "<D:property-search><D:prop><D:a/></D:prop><D:match match-type='like'>x</D:match></D:property-search>",
    ] {
        let body = format!("<D:principal-property-search {SPACES}>{content}</D:principal-property-search>");
        assert!(matches!(report(&body), Err(XmlError::Invalid(_))), "{content}");
    }
}

#[test]
fn the_other_principal_reports_are_read() {
    let of = |name: &str, content: &str| report(&format!("<D:{name} {SPACES}>{content}</D:{name}>"));
    assert_eq!(of("principal-search-property-set", ""), Ok(Report::PrincipalSearchPropertySet));
    let Ok(Report::PrincipalMatch(own)) = of("principal-match", "<D:self/>") else { panic!() };
    assert_eq!(own.target, PrincipalMatchTarget::CurrentUser);
    let owner = "<D:principal-property><D:owner/></D:principal-property><D:prop><D:displayname/></D:prop>";
    let Ok(Report::PrincipalMatch(owned)) = of("principal-match", owner) else { panic!() };
    assert_eq!(owned.target, PrincipalMatchTarget::Property(Name::dav("owner")));
    assert_eq!(owned.props.select, Propfind::Prop(vec![Name::dav("displayname")]));
    for content in
        ["", "<D:principal-property/>", "<D:self/><D:principal-property><D:a/></D:principal-property>"]
    {
        assert!(matches!(of("principal-match", content), Err(XmlError::Invalid(_))), "{content}");
    }
    let Ok(Report::AclPrincipalPropSet(props)) = of("acl-principal-prop-set", "<D:prop><D:a/></D:prop>")
    else {
        panic!()
    };
    assert_eq!(props.select, Propfind::Prop(vec![Name::dav("a")]));
}

#[test]
fn an_unknown_report_is_told_by_its_name_and_a_missing_one_is_refused() {
    assert_eq!(report("<version-tree xmlns='DAV:'/>"), Ok(Report::Other(Name::dav("version-tree"))));
    assert_eq!(
        report("<calendar-query xmlns='DAV:'/>"),
        Ok(Report::Other(Name::dav("calendar-query"))),
        "a name of another namespace is another report"
    );
    assert_eq!(parse_report(None, &Limits::request()), Err(XmlError::UnexpectedRoot));
}

#[test]
fn debug_of_a_report_shows_no_patient_data() {
    let body = format!(
        "<C:calendar-query {SPACES}><C:timezone>Canary</C:timezone><C:filter>\
         <C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'><C:prop-filter name='SUMMARY'>\
         <C:text-match>Canary</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter>\
         </C:calendar-query>"
    );
    let multiget =
        format!("<C:calendar-multiget {SPACES}><D:href>/Canary.ics</D:href></C:calendar-multiget>");
    for body in [body, multiget] {
        let shown = format!("{:?}", report(&body).unwrap());
        assert!(!shown.contains("Canary"), "{shown}");
    }
}
