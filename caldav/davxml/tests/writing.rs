//! What we write, byte for byte, and that other parsers read it as it was meant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod foreign;

use std::borrow::Cow;

use almanac_davxml::{
    Fragment, Limits, Multistatus, Name, PropStat, PropValue, Value, document, error_body,
    mkcalendar_response, mkcol_response, parse, parse_error, parse_multistatus,
    principal_search_property_set,
};

const ROOT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" \
    xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:CS=\"http://calendarserver.org/ns/\" \
    xmlns:A=\"http://apple.com/ns/ical/\">";
static GETETAG: Name = Name::dav("getetag");
static CALENDAR_DATA: Name = Name::caldav("calendar-data");

fn text_of(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

#[test]
fn each_kind_of_value_has_its_form() {
    let custom = Name::new("urn:example:\"rooms\"&more", "room").unwrap();
    let plain = Name::new("", "plain").unwrap();
    let mut types = Fragment::new();
    types.empty(&Name::dav("collection"));
    types.empty(&Name::caldav("calendar"));
    let hrefs = || vec![Cow::Borrowed("/a%20b/"), Cow::Borrowed("mailto:a&b@example.org")];
    for (name, value, written) in [
        (&GETETAG, Value::Empty, "<D:getetag/>"),
        (&GETETAG, Value::Text("\"a&b\"".into()), "<D:getetag>\"a&amp;b\"</D:getetag>"),
        (&Name::dav("owner"), Value::Href("/p/".into()), "<D:owner><D:href>/p/</D:href></D:owner>"),
        (
            &Name::caldav("calendar-user-address-set"),
            Value::Hrefs(hrefs()),
            "<C:calendar-user-address-set><D:href>/a%20b/</D:href><D:href>mailto:a&amp;b@example.org</D:href>\
             </C:calendar-user-address-set>",
        ),
        (
            &Name::dav("group-membership"),
            Value::Hrefs(Vec::new()),
            "<D:group-membership></D:group-membership>",
        ),
        (
            &Name::dav("resourcetype"),
            Value::Xml(types),
            "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>",
        ),
        (
            &CALENDAR_DATA,
            Value::Data(b"BEGIN:VEVENT\r\nSUMMARY:<\x00\xFF>\r\n".as_slice().into()),
            "<C:calendar-data>BEGIN:VEVENT&#13;\nSUMMARY:&lt;\u{FFFD}\u{FFFD}&gt;&#13;\n</C:calendar-data>",
        ),
        (&custom, Value::Element("<n0:room xmlns:n0=\"u\"/>".into()), "<n0:room xmlns:n0=\"u\"/>"),
        (
            &custom,
            Value::Text("3".into()),
            "<x:room xmlns:x=\"urn:example:&quot;rooms&quot;&amp;more\">3</x:room>",
        ),
        (&custom, Value::Empty, "<x:room xmlns:x=\"urn:example:&quot;rooms&quot;&amp;more\"/>"),
        (&plain, Value::Empty, "<plain/>"),
        (&Name::cs("getctag"), Value::Text("1".into()), "<CS:getctag>1</CS:getctag>"),
        (&Name::apple("calendar-order"), Value::Text("1".into()), "<A:calendar-order>1</A:calendar-order>"),
    ] {
        let mut body = Multistatus::new();
        body.response_props("/x/", &[PropStat::new(200, vec![PropValue::new(name, value)])]);
        let expected = format!(
            "{ROOT}<D:response><D:href>/x/</D:href><D:propstat><D:prop>{written}</D:prop>\
             <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n</D:multistatus>\n"
        );
        assert_eq!(text_of(body.finish(None)), expected);
    }
}

#[test]
fn responses_carry_status_error_description_and_token() {
    let mut body = Multistatus::new();
    body.response_props("/a", &[]);
    let refused = PropStat {
        error: Some(Cow::Owned(Name::dav("cannot-modify-protected-property"))),
        description: Some("it is computed"),
        ..PropStat::new(403, vec![PropValue::new(&GETETAG, Value::Empty)])
    };
    body.response_props("/b", &[refused, PropStat::new(424, Vec::new())]);
    body.response_status("/c?d&e", 404, None, None);
    let cut = Name::dav("number-of-matches-within-limits");
    body.response_status("/", 507, Some(&cut), Some("cut"));
    let expected = format!(
        "{ROOT}<D:response><D:href>/a</D:href><D:propstat><D:prop></D:prop><D:status>HTTP/1.1 200 OK\
         </D:status></D:propstat></D:response>\n\
         <D:response><D:href>/b</D:href><D:propstat><D:prop><D:getetag/></D:prop><D:status>HTTP/1.1 403 Forbidden\
         </D:status><D:error><D:cannot-modify-protected-property/></D:error><D:responsedescription>it is computed\
         </D:responsedescription></D:propstat><D:propstat><D:prop></D:prop><D:status>HTTP/1.1 424 Failed \
         Dependency</D:status></D:propstat></D:response>\n\
         <D:response><D:href>/c?d&amp;e</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>\n\
         <D:response><D:href>/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status><D:error>\
         <D:number-of-matches-within-limits/></D:error><D:responsedescription>cut</D:responsedescription>\
         </D:response>\n\
         <D:sync-token>urn:a&amp;b</D:sync-token></D:multistatus>\n"
    );
    assert_eq!(text_of(body.finish(Some("urn:a&b"))), expected);
}

#[test]
fn a_body_taken_in_pieces_is_the_body_taken_at_once() {
    let write = |body: &mut Multistatus, n: usize| {
        let etag = PropValue::new(&GETETAG, Value::Text(format!("\"{n}\"").into()));
        body.response_props(&format!("/{n}.ics"), &[PropStat::new(200, vec![etag])]);
    };
    let (mut whole, mut pieces, mut sent) = (Multistatus::new(), Multistatus::new(), Vec::new());
    for n in 0..1_000 {
        write(&mut whole, n);
        write(&mut pieces, n);
        if pieces.len() > 4096 {
            sent.push(pieces.take());
            assert!(pieces.is_empty());
        }
    }
    assert!(sent.len() > 10 && sent.iter().all(|piece| piece.len() < 5_000));
    sent.push(pieces.finish(Some("t")));
    let sent = sent.concat();
    assert_eq!(sent, whole.finish(Some("t")));
    let reply = parse_multistatus(&sent, &Limits::reply()).unwrap();
    assert_eq!(reply.responses.len(), 1_000);
    assert_eq!(reply.responses[999].prop("DAV:", "getetag").unwrap().text(), "\"999\"");
    assert_eq!(reply.sync_token.as_deref(), Some("t"));
}

#[test]
fn calendar_data_with_crlf_reaches_another_parser_unchanged() {
    let object =
        "BEGIN:VCALENDAR\r\nSUMMARY:a<b>&c ]]> \"q\" 'r'\r\n\tfolded\r\n  Größe 日本 📅\nlone \r cr\r\r\n";
    let mut body = Multistatus::new();
    let data = PropValue::new(&CALENDAR_DATA, Value::Data(object.as_bytes().into()));
    body.response_props("/a%20b.ics", &[PropStat::new(200, vec![data])]);
    let body = body.finish(None);
    let texts = foreign::texts(&body, &CALENDAR_DATA);
    assert_eq!(texts, [object]);
    let reply = parse_multistatus(&body, &Limits::reply()).unwrap();
    let data = reply.responses[0].prop(CALENDAR_DATA.ns(), CALENDAR_DATA.local()).unwrap();
    assert_eq!(data.text(), object);
}

#[test]
fn an_error_body_holds_exactly_one_condition() {
    for (condition, content, expected) in [
        (Name::dav("valid-sync-token"), None, "<D:valid-sync-token/>"),
        (
            Name::caldav("no-uid-conflict"),
            Some("/a&b.ics"),
            "<C:no-uid-conflict><D:href>/a&amp;b.ics</D:href></C:no-uid-conflict>",
        ),
    ] {
        let content = content.map(|href| {
            let mut xml = Fragment::new();
            xml.href(href);
            xml
        });
        let body = error_body(&condition, content.as_ref());
        assert_eq!(parse_error(&body, &Limits::reply()), Ok(vec![condition]));
        let head = ROOT.replace("D:multistatus", "D:error");
        assert_eq!(text_of(body), format!("{head}{expected}</D:error>\n"));
    }
}

#[test]
fn the_other_bodies_have_the_roots_of_their_rfc() {
    let propstats =
        [PropStat::new(403, vec![PropValue::new(&GETETAG, Value::Empty)]), PropStat::new(424, Vec::new())];
    for (body, root, ns) in [
        (mkcol_response(&propstats), "mkcol-response", "DAV:"),
        (mkcalendar_response(&propstats), "mkcalendar-response", "urn:ietf:params:xml:ns:caldav"),
    ] {
        let tree = parse(&body, &Limits::reply()).unwrap().unwrap();
        assert!(tree.is(ns, root));
        assert_eq!(tree.children_named("DAV:", "propstat").count(), 2);
    }
    let body = principal_search_property_set(&[(&Name::dav("displayname"), "Full name")]);
    let tree = parse(&body, &Limits::reply()).unwrap().unwrap();
    let property = tree.child("DAV:", "principal-search-property").unwrap();
    assert!(property.child("DAV:", "prop").unwrap().child("DAV:", "displayname").is_some());
    let description = property.child("DAV:", "description").unwrap();
    assert_eq!((description.text().as_str(), description.lang()), ("Full name", Some("en")));
}

#[test]
fn a_fragment_nests_elements_attributes_and_responses() {
    let mut xml = Fragment::new();
    xml.element(&Name::dav("supported-report"), |xml| {
        xml.element(&Name::dav("report"), |xml| xml.empty(&Name::caldav("calendar-query")));
    });
    xml.empty_with(&Name::caldav("comp"), &[("name", "V\"<\n")]);
    let foreign = Name::new("urn:example", "a").unwrap();
    xml.element(&foreign, |xml| xml.empty(&Name::new("urn:other", "b").unwrap()));
    xml.response_props("/p/", &[PropStat::new(404, vec![PropValue::new(&GETETAG, Value::Empty)])]);
    let body = document(&Name::dav("x"), |root| root.fragment(&xml));
    let tree = parse(&body, &Limits::request()).unwrap().unwrap();
    let names: Vec<String> = tree.elements().map(|child| child.name.to_string()).collect();
    let expected =
        ["{DAV:}supported-report", "{urn:ietf:params:xml:ns:caldav}comp", "{urn:example}a", "{DAV:}response"];
    assert_eq!(names, expected);
    let comp = tree.child("urn:ietf:params:xml:ns:caldav", "comp").unwrap();
    assert_eq!(comp.attribute("name"), Some("V\"<\n"));
    assert!(tree.child("urn:example", "a").unwrap().child("urn:other", "b").is_some());
    assert_eq!(format!("{xml:?}"), format!("Fragment({} bytes)", xml.len()));
}

#[test]
fn a_document_may_have_a_root_of_any_namespace() {
    for (ns, local) in [("urn:a&b", "root"), ("", "root"), ("DAV:", "propfind")] {
        let name = Name::new(ns, local).unwrap();
        let body = document(&name, |xml| xml.empty(&GETETAG));
        let tree = parse(&body, &Limits::request()).unwrap().unwrap();
        assert_eq!(tree.name, name);
        assert!(tree.child("DAV:", "getetag").is_some());
    }
}
