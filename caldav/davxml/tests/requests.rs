//! Bodies as clients send them, and the grammar at its edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_davxml::{
    Element, Limits, Name, PropPatchOp, Propfind, XmlError, parse, parse_mkcalendar, parse_mkcol,
    parse_propfind, parse_proppatch,
};

fn tree(body: &str) -> Option<Element> {
    parse(body.as_bytes(), &Limits::request()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn propfind(body: &str) -> Result<Propfind, XmlError> {
    parse_propfind(tree(body).as_ref())
}

fn proppatch(body: &str) -> Result<Vec<PropPatchOp>, XmlError> {
    parse_proppatch(tree(body).as_ref())
}

fn names(select: &Propfind) -> Vec<String> {
    let Propfind::Prop(names) = select else { panic!("{select:?}") };
    names.iter().map(Name::to_string).collect()
}

#[test]
fn propfind_names_the_properties_that_each_client_asks_for() {
    for (client, body, expected) in [
        (
            "Apple Calendar",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A:propfind xmlns:A=\"DAV:\">\n  <A:prop>\n    \
             <A:current-user-principal/>\n    <A:principal-URL/>\n    <A:resourcetype/>\n  </A:prop>\n\
             </A:propfind>\n",
            &["{DAV:}current-user-principal", "{DAV:}principal-URL", "{DAV:}resourcetype"][..],
        ),
        (
            "Apple Calendar, home",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:propfind xmlns:A=\"DAV:\"><A:prop><A:add-member/>\
             <C:allowed-sharing-modes xmlns:C=\"http://calendarserver.org/ns/\"/>\
             <D:autoprovisioned xmlns:D=\"http://apple.com/ns/ical/\"/>\
             <B:calendar-timezone xmlns:B=\"urn:ietf:params:xml:ns:caldav\"/>\
             <D:calendar-color xmlns:D=\"http://apple.com/ns/ical/\"/></A:prop></A:propfind>",
            &[
                "{DAV:}add-member",
                "{http://calendarserver.org/ns/}allowed-sharing-modes",
                "{http://apple.com/ns/ical/}autoprovisioned",
                "{urn:ietf:params:xml:ns:caldav}calendar-timezone",
                "{http://apple.com/ns/ical/}calendar-color",
            ],
        ),
        (
            "DAVx5",
            "<?xml version='1.0' encoding='UTF-8' ?><propfind xmlns=\"DAV:\" \
             xmlns:CAL=\"urn:ietf:params:xml:ns:caldav\" xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\"><prop>\
             <resourcetype /><CAL:calendar-home-set /><CARD:addressbook-home-set /></prop></propfind>",
            &[
                "{DAV:}resourcetype",
                "{urn:ietf:params:xml:ns:caldav}calendar-home-set",
                "{urn:ietf:params:xml:ns:carddav}addressbook-home-set",
            ],
        ),
        (
            "Thunderbird",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<D:propfind xmlns:D='DAV:' \
             xmlns:CS='http://calendarserver.org/ns/' xmlns:C='urn:ietf:params:xml:ns:caldav'><D:prop>\
             <D:resourcetype/><D:owner/><D:current-user-privilege-set/><CS:getctag/></D:prop></D:propfind>",
            &[
                "{DAV:}resourcetype",
                "{DAV:}owner",
                "{DAV:}current-user-privilege-set",
                "{http://calendarserver.org/ns/}getctag",
            ],
        ),
        (
            "vdirsyncer",
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n    <propfind xmlns=\"DAV:\" \
             xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop><C:calendar-home-set/></prop></propfind>\n    ",
            &["{urn:ietf:params:xml:ns:caldav}calendar-home-set"],
        ),
        (
            "python-caldav",
            "<?xml version='1.0' encoding='utf-8'?>\n<D:propfind xmlns:D=\"DAV:\"><D:prop><D:displayname/>\
             <D:displayname/></D:prop></D:propfind>",
            &["{DAV:}displayname"],
        ),
        (
            "cadaver",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<propfind xmlns=\"DAV:\"><prop>\n\
             <getcontentlength xmlns=\"DAV:\"/>\n<executable xmlns=\"http://apache.org/dav/props/\"/>\n\
             </prop></propfind>\n",
            &["{DAV:}getcontentlength", "{http://apache.org/dav/props/}executable"],
        ),
        (
            "GNOME Evolution",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<propfind xmlns=\"DAV:\"><prop>\
             <getctag xmlns=\"http://calendarserver.org/ns/\"/></prop></propfind>",
            &["{http://calendarserver.org/ns/}getctag"],
        ),
        ("empty prop", "<propfind xmlns=\"DAV:\"><prop/></propfind>", &[]),
        ("no namespace", "<D:propfind xmlns:D='DAV:'><D:prop><x/></D:prop></D:propfind>", &["{}x"]),
    ] {
        assert_eq!(names(&propfind(body).unwrap()), expected, "{client}");
    }
}

#[test]
fn propfind_without_body_and_allprop_ask_for_all() {
    let all = Propfind::AllProp { include: Vec::new() };
    assert_eq!(parse_propfind(None), Ok(all.clone()));
    assert_eq!(propfind("<propfind xmlns='DAV:'><allprop/></propfind>"), Ok(all.clone()));
    // RFC 4918 section 17: unknown elements are as if they were not there.
    assert_eq!(propfind("<propfind xmlns='DAV:'><allprop/><x xmlns='u'/><y/></propfind>"), Ok(all));
    assert_eq!(
        propfind("<propfind xmlns='DAV:'><allprop/><include><sync-token/></include></propfind>"),
        Ok(Propfind::AllProp { include: vec![Name::dav("sync-token")] })
    );
    assert_eq!(propfind("<propfind xmlns='DAV:'><propname/></propfind>"), Ok(Propfind::PropName));
}

#[test]
fn propfind_that_says_nothing_or_two_things_is_invalid() {
    for body in [
        "<propfind xmlns='DAV:'/>",
        "<propfind xmlns='DAV:'><e:expired-props xmlns:e='u'/></propfind>",
        "<propfind xmlns='DAV:'><prop xmlns='u'/></propfind>",
        "<propfind xmlns='DAV:'><allprop/><propname/></propfind>",
        "<propfind xmlns='DAV:'><prop/><prop/></propfind>",
    ] {
        assert!(matches!(propfind(body), Err(XmlError::Invalid(_))), "{body}");
    }
    for body in ["<propfind/>", "<propfind xmlns='dav:'><allprop/></propfind>", "<prop xmlns='DAV:'/>"] {
        assert_eq!(propfind(body), Err(XmlError::UnexpectedRoot), "{body}");
    }
}

#[test]
fn a_list_of_more_than_a_thousand_properties_is_refused() {
    let body = |count: usize| {
        let list: String = (0..count).map(|n| format!("<p{n}/>")).collect();
        format!("<propfind xmlns='DAV:'><prop>{list}</prop></propfind>")
    };
    assert_eq!(names(&propfind(&body(1_000)).unwrap()).len(), 1_000);
    assert_eq!(propfind(&body(1_001)), Err(XmlError::Limit("properties")));
    let repeated = format!("<propfind xmlns='DAV:'><prop>{}</prop></propfind>", "<p/>".repeat(5_000));
    assert_eq!(names(&propfind(&repeated).unwrap()).len(), 1);
}

#[test]
fn proppatch_keeps_order_content_and_language() {
    let steps = proppatch(
        "<D:propertyupdate xmlns:D='DAV:' xmlns:Z='u' xml:lang='en'><D:set><D:prop xml:lang='de'>\
         <Z:a>1<Z:b c='2'/> </Z:a><Z:c xml:lang='fr'/></D:prop></D:set><D:remove><D:prop><Z:a/><Z:d>old</Z:d>\
         </D:prop></D:remove><D:set><D:prop><Z:a/></D:prop></D:set></D:propertyupdate>",
    )
    .unwrap();
    let [first, second, third, fourth, fifth] = &steps[..] else { panic!("{steps:?}") };
    let PropPatchOp::Set(first) = first else { panic!("{steps:?}") };
    assert_eq!(
        first.to_xml(),
        "<n0:a xmlns:n0=\"u\" xml:lang=\"de\">1<n0:b c=\"2\"/> </n0:a>",
        "the language of the nearest element, the content as sent"
    );
    assert!(matches!(second, PropPatchOp::Set(c) if c.lang() == Some("fr") && c.attributes.len() == 1));
    assert!(matches!(third, PropPatchOp::Remove(name) if name.is("u", "a")));
    assert!(matches!(fourth, PropPatchOp::Remove(name) if name.is("u", "d")));
    assert!(matches!(fifth, PropPatchOp::Set(a) if a.lang() == Some("en")));
}

#[test]
fn proppatch_of_clients_is_read() {
    for (client, body, name, text) in [
        (
            "Apple Calendar",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:propertyupdate xmlns:A=\"DAV:\"><A:set><A:prop>\
             <D:calendar-color xmlns:D=\"http://apple.com/ns/ical/\" symbolic-color=\"custom\">#FF2968FF\
             </D:calendar-color></A:prop></A:set></A:propertyupdate>",
            Name::apple("calendar-color"),
            "#FF2968FF",
        ),
        (
            "vdirsyncer",
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<propertyupdate xmlns=\"DAV:\">\n <set>\n  <prop>\n\
             <ns0:calendar-color xmlns:ns0=\"http://apple.com/ns/ical/\">#12ABCD</ns0:calendar-color>\n  \
             </prop>\n </set>\n</propertyupdate>",
            Name::apple("calendar-color"),
            "#12ABCD",
        ),
        (
            "cadaver",
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop>\
             <room xmlns=\"http://webdav.org/cadaver/custom-properties/\">2 &amp; 3</room></D:prop></D:set>\n\
             </D:propertyupdate>\n",
            Name::new("http://webdav.org/cadaver/custom-properties/", "room").unwrap(),
            "2 & 3",
        ),
    ] {
        let steps = proppatch(body).unwrap();
        assert!(
            matches!(&steps[..], [PropPatchOp::Set(set)] if set.name == name && set.text() == text),
            "{client}: {steps:?}"
        );
    }
}

#[test]
fn proppatch_without_a_step_is_refused() {
    assert_eq!(parse_proppatch(None), Err(XmlError::UnexpectedRoot));
    assert_eq!(proppatch("<propfind xmlns='DAV:'/>"), Err(XmlError::UnexpectedRoot));
    for body in ["<propertyupdate xmlns='DAV:'/>", "<propertyupdate xmlns='DAV:'><x/></propertyupdate>"] {
        assert!(matches!(proppatch(body), Err(XmlError::Invalid(_))), "{body}");
    }
}

#[test]
fn mkcalendar_of_clients_is_read() {
    assert_eq!(parse_mkcalendar(None), Ok(Default::default()));
    let apple = tree(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><B:mkcalendar xmlns:B=\"urn:ietf:params:xml:ns:caldav\">\
         <A:set xmlns:A=\"DAV:\"><A:prop><B:supported-calendar-component-set><B:comp name=\"VEVENT\"/>\
         </B:supported-calendar-component-set><D:calendar-order xmlns:D=\"http://apple.com/ns/ical/\">9\
         </D:calendar-order><A:displayname>Praxis</A:displayname></A:prop></A:set></B:mkcalendar>",
    );
    let wish = parse_mkcalendar(apple.as_ref()).unwrap();
    let names: Vec<_> = wish.set.iter().map(|set| set.name.local()).collect();
    assert_eq!(names, ["supported-calendar-component-set", "calendar-order", "displayname"]);
    assert_eq!(wish.set[2].text(), "Praxis");
    assert!(wish.resourcetype.is_empty());
    let thunderbird = tree("<C:mkcalendar xmlns:C='urn:ietf:params:xml:ns:caldav'/>");
    assert_eq!(parse_mkcalendar(thunderbird.as_ref()), Ok(Default::default()));
    let other = tree("<mkcalendar xmlns='DAV:'/>");
    assert_eq!(parse_mkcalendar(other.as_ref()), Err(XmlError::UnexpectedRoot));
}

#[test]
fn mkcol_tells_the_resource_type_from_the_properties() {
    assert_eq!(parse_mkcol(None), Ok(Default::default()));
    let davx5 = tree(
        "<?xml version='1.0' encoding='UTF-8' ?><mkcol xmlns=\"DAV:\" \
         xmlns:CAL=\"urn:ietf:params:xml:ns:caldav\"><set><prop><resourcetype><collection /><CAL:calendar />\
         </resourcetype><displayname>Arbeit</displayname><n0:calendar-color \
         xmlns:n0=\"http://apple.com/ns/ical/\">#ff0000ff</n0:calendar-color><CAL:calendar-timezone>\
         <![CDATA[BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n]]></CAL:calendar-timezone></prop></set></mkcol>",
    );
    let wish = parse_mkcol(davx5.as_ref()).unwrap();
    assert_eq!(wish.resourcetype, [Name::dav("collection"), Name::caldav("calendar")]);
    assert_eq!(wish.set.len(), 3);
    assert_eq!(wish.set[2].text(), "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
    let foreign = tree("<mkcol xmlns='u'/>");
    assert_eq!(parse_mkcol(foreign.as_ref()), Err(XmlError::UnexpectedRoot));
}
