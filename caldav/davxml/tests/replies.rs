//! Multistatus bodies as other servers write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_davxml::{Limits, Name, XmlError, parse_error, parse_multistatus};

#[test]
fn a_multistatus_with_a_default_namespace_and_several_hrefs_is_read() {
    let body = "<?xml version='1.0' encoding='UTF-8'?><multistatus xmlns='DAV:' xml:lang='en'>\n<response>\
        <href>\n/123/calendars/work/</href><propstat><prop><displayname>Work</displayname>\
        <calendar-color xmlns='http://apple.com/ns/ical/'>#FF0000</calendar-color></prop>\
        <status>HTTP/1.1 200 OK</status></propstat><propstat><prop><owner/></prop>\
        <status>HTTP/1.1 404 Not Found</status></propstat></response>\
        <response><href>/a</href><href>/b</href><status>HTTP/1.1 423 Locked</status>\
        <error><lock-token-submitted/></error></response><sync-token> t-1 </sync-token></multistatus>";
    let reply = parse_multistatus(body.as_bytes(), &Limits::reply()).unwrap();
    let [first, second] = &reply.responses[..] else { panic!("{reply:?}") };
    assert_eq!(first.hrefs[0].expose(), "/123/calendars/work/");
    assert_eq!(first.status, None);
    let name = first.prop("DAV:", "displayname").unwrap();
    assert_eq!((name.text().as_str(), name.lang()), ("Work", Some("en")));
    assert!(first.prop("http://apple.com/ns/ical/", "calendar-color").is_some());
    assert!(first.prop("DAV:", "owner").is_none(), "absent there");
    assert_eq!(first.propstats[1].status, 404);
    assert_eq!((second.hrefs.len(), second.status), (2, Some(423)));
    assert_eq!(second.error, Some(Name::dav("lock-token-submitted")));
    assert_eq!(reply.sync_token.as_deref(), Some("t-1"));
    assert!(!format!("{reply:?}").contains("calendars/work"));
}

#[test]
fn a_multistatus_outside_of_its_grammar_is_refused() {
    let read = |content: &str| {
        parse_multistatus(
            format!("<multistatus xmlns='DAV:'>{content}</multistatus>").as_bytes(),
            &Limits::reply(),
        )
    };
    assert!(read("").unwrap().responses.is_empty());
    for content in [
        "<response><status>HTTP/1.1 200 OK</status></response>",
        "<response><href>/a</href><status>200</status></response>",
        "<response><href>/a</href><propstat><prop/></propstat></response>",
        "<response><href>/a</href><propstat><prop/><status/></propstat></response>",
    ] {
        assert!(matches!(read(content), Err(XmlError::Invalid(_))), "{content}");
    }
    for body in ["", "<error xmlns='DAV:'/>", "<html/>"] {
        assert_eq!(
            parse_multistatus(body.as_bytes(), &Limits::reply()),
            Err(XmlError::UnexpectedRoot),
            "{body}"
        );
    }
    let limits = Limits { elements_max: 3, ..Limits::reply() };
    let body = "<multistatus xmlns='DAV:'><response><href/></response><response/></multistatus>";
    assert_eq!(parse_multistatus(body.as_bytes(), &limits), Err(XmlError::Limit("elements")));
}

#[test]
fn an_error_body_tells_its_conditions() {
    let body = b"<error xmlns='DAV:'><valid-sync-token/>text<x xmlns='u'/></error>";
    let conditions = parse_error(body, &Limits::reply()).unwrap();
    assert_eq!(conditions, [Name::dav("valid-sync-token"), Name::new("u", "x").unwrap()]);
    assert_eq!(parse_error(b"<html/>", &Limits::reply()), Err(XmlError::UnexpectedRoot));
}
