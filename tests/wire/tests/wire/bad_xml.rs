//! Hostile and malformed XML: SECURITY.md section 5, rows 1 to 3.

use almanac_harness::{Client, NAMESPACES, Person, Response, ics};

use crate::erika;

fn propfind(client: &Client, erika: &Person, body: impl AsRef<[u8]>) -> Response {
    let request = client.request("PROPFIND", &erika.calendar()).header("Depth", "0");
    request.header("Content-Type", "application/xml").body(body).send()
}

#[test]
fn what_is_not_well_formed_is_400() {
    let (_daemon, erika, client) = erika();
    let open = format!("<D:propfind {NAMESPACES}>");
    let bad = [
        ("truncated", format!("{open}<D:prop><D:getetag/>")),
        ("unclosed root", open.clone()),
        ("two roots", format!("{open}<D:prop/></D:propfind>{open}<D:prop/></D:propfind>")),
        ("text after the root", format!("{open}<D:prop/></D:propfind>x")),
        ("mismatched end", format!("{open}<D:prop></D:porp></D:propfind>")),
        ("unknown prefix", "<D:propfind xmlns:D=\"DAV:\"><D:prop><X:a/></D:prop></D:propfind>".into()),
        ("unknown prefix of the root", "<D:propfind><D:prop/></D:propfind>".into()),
        ("duplicate attribute", format!("{open}<D:prop a=\"1\" a=\"2\"/></D:propfind>")),
        (
            "duplicate attribute by namespace",
            format!("{open}<D:prop xmlns:E=\"DAV:\" D:a=\"1\" E:a=\"2\"/></D:propfind>"),
        ),
        ("attribute without quotes", format!("{open}<D:prop a=1/></D:propfind>")),
        ("attribute without a value", format!("{open}<D:prop a/></D:propfind>")),
        ("unknown entity", format!("{open}<D:prop>&nbsp;</D:prop></D:propfind>")),
        ("bare ampersand", format!("{open}<D:prop>a & b</D:prop></D:propfind>")),
        ("forbidden character", format!("{open}<D:prop>\u{1}</D:prop></D:propfind>")),
        ("forbidden character by reference", format!("{open}<D:prop>&#1;</D:prop></D:propfind>")),
        ("reference beyond Unicode", format!("{open}<D:prop>&#x110000;</D:prop></D:propfind>")),
        ("only a declaration", "<?xml version=\"1.0\"?>".into()),
        ("only text", "hello".into()),
        ("only a comment", "<!-- -->".into()),
        ("unclosed comment", format!("{open}<!-- </D:propfind>")),
        (
            "a redefined xmlns prefix",
            "<D:propfind xmlns:D=\"DAV:\" xmlns:xmlns=\"urn:x\"><D:prop/></D:propfind>".into(),
        ),
        (
            "an empty prefix binding",
            "<D:propfind xmlns:D=\"DAV:\" xmlns:E=\"\"><D:prop/></D:propfind>".into(),
        ),
    ];
    for (what, body) in bad {
        let answer = propfind(&client, &erika, body);
        assert_eq!(answer.status, 400, "{what}: {answer}");
    }
    let answer =
        propfind(&client, &erika, b"<D:propfind xmlns:D=\"DAV:\"><D:prop>\xff\xfe</D:prop></D:propfind>");
    assert_eq!(answer.status, 400, "not UTF-8: {answer}");
}

#[test]
fn well_formed_but_wrong_is_400_or_names_the_condition() {
    let (_daemon, erika, client) = erika();
    for body in [
        "<D:propertyupdate xmlns:D=\"DAV:\"/>",
        "<propfind><prop/></propfind>",
        "<D:propfind xmlns:D=\"DAV:\"/>",
        "<D:propfind xmlns:D=\"DAV:\"><D:prop/><D:allprop/></D:propfind>",
        "<E:propfind xmlns:E=\"evil\"><E:prop/></E:propfind>",
    ] {
        let answer = propfind(&client, &erika, body);
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
    for (method, body) in [
        ("PROPPATCH", "<D:propfind xmlns:D=\"DAV:\"/>"),
        ("PROPPATCH", ""),
        ("REPORT", ""),
        ("MKCALENDAR", "<D:x xmlns:D=\"DAV:\"/>"),
    ] {
        let path = if method == "MKCALENDAR" { erika.collection("x") } else { erika.calendar() };
        let answer = client.request(method, &path).xml(body).send();
        assert_eq!(answer.status, 400, "{method} {body}: {answer}");
    }
}

#[test]
fn a_doctype_is_refused_at_once_in_every_form() {
    let (_daemon, erika, client) = erika();
    let entities: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let bodies = [
        format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{entities}]><D:propfind xmlns:D=\"DAV:\"><D:prop>&l9;</D:prop></D:propfind>"),
        "<?xml version=\"1.0\"?><!DOCTYPE x SYSTEM \"file:///etc/passwd\"><D:propfind xmlns:D=\"DAV:\"><D:prop/></D:propfind>".into(),
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><D:propfind xmlns:D=\"DAV:\"><D:prop/></D:propfind>".into(),
        "<!DOCTYPE D:propfind><D:propfind xmlns:D=\"DAV:\"><D:prop/></D:propfind>".into(),
        "\u{feff}<!DOCTYPE x><D:propfind xmlns:D=\"DAV:\"><D:prop/></D:propfind>".into(),
    ];
    for body in &bodies {
        propfind(&client, &erika, body).expect_refused(403, "D:no-external-entities");
    }
    for method in ["PROPPATCH", "REPORT", "MKCOL"] {
        let path = if method == "MKCOL" { erika.collection("x") } else { erika.calendar() };
        let answer = client.request(method, &path).xml(&bodies[3]).send();
        answer.expect_refused(403, "D:no-external-entities");
    }
    let wide: Vec<u8> = bodies[3].encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = propfind(&client, &erika, [&[0xff, 0xfe], wide.as_slice()].concat());
    wide.expect_refused(403, "D:no-external-entities");
    let include = "<D:propfind xmlns:D=\"DAV:\"><D:prop><xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/></D:prop></D:propfind>";
    let answer = propfind(&client, &erika, include);
    assert!(answer.status == 207 && !answer.text().contains("root:"), "{answer}");
}

#[test]
fn limits_hold_at_the_limit_and_refuse_one_beyond() {
    let (_daemon, erika, client) = erika();
    let depth = |levels: usize| {
        let inner = levels - 2; // below propfind and prop
        format!(
            "<D:propfind xmlns:D=\"DAV:\"><D:prop>{}{}</D:prop></D:propfind>",
            "<D:a>".repeat(inner),
            "</D:a>".repeat(inner)
        )
    };
    let attributes = |count: usize| {
        let all: String = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
        format!("<D:propfind xmlns:D=\"DAV:\"><D:prop><D:a{all}/></D:prop></D:propfind>")
    };
    let namespaces = |count: usize| {
        let all: String = (1..count).map(|n| format!(" xmlns:n{n}=\"urn:n{n}\"")).collect();
        format!("<D:propfind xmlns:D=\"DAV:\"{all}><D:prop><D:a/></D:prop></D:propfind>")
    };
    let elements = |count: usize| {
        format!("<D:propfind xmlns:D=\"DAV:\"><D:prop>{}</D:prop></D:propfind>", "<D:a/>".repeat(count - 2))
    };
    let name = |length: usize| {
        format!("<D:propfind xmlns:D=\"DAV:\"><D:prop><D:{}/></D:prop></D:propfind>", "a".repeat(length))
    };
    type Make<'a> = &'a dyn Fn(usize) -> String;
    let cases: [(&str, Make<'_>, usize, usize); 5] = [
        ("depth", &depth, 32, 33),
        ("attributes", &attributes, 64, 65),
        ("namespaces", &namespaces, 32, 33),
        ("elements", &elements, 20_000, 20_001),
        ("name", &name, 250, 300),
    ];
    for (what, make, good, bad) in cases {
        assert_eq!(propfind(&client, &erika, make(good)).status, 207, "{what} {good}");
        for count in [bad, bad * 5] {
            assert_eq!(propfind(&client, &erika, make(count)).status, 400, "{what} {count}");
        }
    }
}

#[test]
fn an_xml_body_beyond_1_mib_is_413() {
    let (_daemon, erika, client) = erika();
    let (start, end) = ("<D:propfind xmlns:D=\"DAV:\"><D:prop><D:a/></D:prop><!--", "--></D:propfind>");
    let body = |octets: usize| format!("{start}{}{end}", "x".repeat(octets - start.len() - end.len()));
    assert_eq!(propfind(&client, &erika, body(1_048_576)).status, 207);
    assert_eq!(propfind(&client, &erika, body(1_048_577)).status, 413);
    assert_eq!(propfind(&client, &erika, body(5_000_000)).status, 413);
}

#[test]
fn filters_are_bounded_too() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let nested =
        |n: usize| format!("{}{}", "<C:comp-filter name=\"VEVENT\">".repeat(n), "</C:comp-filter>".repeat(n));
    let ask = |filter: &str| {
        client.report(
            &erika.calendar(),
            "C:calendar-query",
            &format!(
                "<D:prop/><C:filter><C:comp-filter name=\"VCALENDAR\">{filter}</C:comp-filter></C:filter>"
            ),
        )
    };
    ask(&nested(20)).expect_refused(403, "C:valid-filter");
    let many = "<C:prop-filter name=\"SUMMARY\"><C:text-match>x</C:text-match></C:prop-filter>".repeat(5000);
    let answer = ask(&format!("<C:comp-filter name=\"VEVENT\">{many}</C:comp-filter>"));
    let _ = answer.expect(400);
}

#[test]
fn the_content_type_of_xml_is_checked_leniently() {
    let (_daemon, erika, client) = erika();
    let body = format!("<D:propfind {NAMESPACES}><D:prop><D:getetag/></D:prop></D:propfind>");
    for kind in
        ["application/xml", "text/xml", "text/xml; charset=\"utf-8\"", "application/xml;charset=UTF-8"]
    {
        let answer = client
            .request("PROPFIND", &erika.calendar())
            .header("Depth", "0")
            .header("Content-Type", kind)
            .body(&body)
            .send();
        assert_eq!(answer.status, 207, "{kind}");
    }
    let absent = client.request("PROPFIND", &erika.calendar()).header("Depth", "0").body(&body).send();
    assert_eq!(absent.status, 207);
    let encoded = client
        .request("PROPFIND", &erika.calendar())
        .header("Depth", "0")
        .header("Content-Encoding", "gzip")
        .xml(&body)
        .send();
    let _ = encoded.expect(415);
}

#[test]
fn a_body_that_says_it_is_no_xml_is_415() {
    let (_daemon, erika, client) = erika();
    let bodies = [
        ("PROPFIND", format!("<D:propfind {NAMESPACES}><D:prop><D:getetag/></D:prop></D:propfind>")),
        (
            "PROPPATCH",
            format!(
                "<D:propertyupdate {NAMESPACES}><D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set></D:propertyupdate>"
            ),
        ),
        (
            "REPORT",
            format!(
                "<C:calendar-query {NAMESPACES}><D:prop/><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
            ),
        ),
    ];
    for (method, body) in &bodies {
        for (kind, status) in [("text/plain", 415), ("application/json", 415), ("application/xml", 207)] {
            let request = client.request(method, &erika.calendar()).header("Depth", "0");
            let answer = request.header("Content-Type", kind).body(body).send();
            assert_eq!(answer.status, status, "{method} {kind}: {answer}");
        }
    }
}
