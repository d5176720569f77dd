//! What we ask other servers, as our own server reads it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_davxml::{
    Collation, CompRule, Limits, Name, PropRule, Propfind, Report, SyncLevel, ask_changes, ask_objects,
    ask_properties, ask_uid, parse, parse_propfind, parse_report,
};

fn names() -> Vec<Name> {
    vec![Name::dav("getetag"), Name::caldav("calendar-data"), Name::cs("getctag")]
}

fn report(body: &[u8]) -> Report {
    let limits = Limits::request();
    parse_report(parse(body, &limits).unwrap().as_ref(), &limits).unwrap()
}

#[test]
fn properties_are_asked_for_by_name() {
    let tree = parse(&ask_properties(&names()), &Limits::request()).unwrap();
    assert_eq!(parse_propfind(tree.as_ref()).unwrap(), Propfind::Prop(names()));
}

#[test]
fn changes_are_asked_for_since_a_token_or_from_the_beginning() {
    for token in [None, Some("https://example.org/t?a=1&b=<2>")] {
        let Report::SyncCollection(sync) = report(&ask_changes(token, &names())) else { panic!() };
        assert_eq!((sync.token.as_deref(), sync.level, sync.limit), (token, Some(SyncLevel::One), None));
        assert_eq!(sync.props.select, Propfind::Prop(names()));
    }
}

#[test]
fn objects_are_asked_for_by_href_as_it_is() {
    let hrefs = ["/c/a%20b.ics", "/c/a&b.ics", "https://p01.example.org/c/%C3%BC.ics"];
    let Report::CalendarMultiget(multiget) = report(&ask_objects(hrefs, &names())) else { panic!() };
    let asked: Vec<&str> = multiget.hrefs.iter().map(|href| href.expose().as_str()).collect();
    assert_eq!(asked, hrefs);
    assert!(multiget.props.calendar_data.is_some());
}

#[test]
fn an_object_is_asked_for_by_its_uid_letter_by_letter() {
    let Report::CalendarQuery(query) = report(&ask_uid("VEVENT", "a<b>&\"c\"", &names())) else { panic!() };
    let CompRule::Defined { comps, .. } = &query.filter.comp.rule else { panic!() };
    assert_eq!(comps[0].name, "VEVENT");
    let CompRule::Defined { props, .. } = &comps[0].rule else { panic!() };
    let PropRule::Defined { text_match: Some(text), .. } = &props[0].rule else { panic!() };
    assert_eq!((text.text.expose().as_str(), text.collation), ("a<b>&\"c\"", Collation::Octet));
}
