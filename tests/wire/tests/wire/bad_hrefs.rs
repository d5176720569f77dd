//! Paths that try to escape: SECURITY.md section 5, row 15.

use almanac_harness::ics;

use crate::erika;

/// Spellings of a path that no resource has.
const EVIL: [&str; 26] = [
    "../../../etc/passwd",
    "..%2f..%2fetc",
    "%2e%2e/x.ics",
    "%2e%2e%2fx.ics",
    "a%2fb.ics",
    "a%2Fb.ics",
    "a%5cb.ics",
    "a\\b.ics",
    "a%00b.ics",
    "a%0d%0ab.ics",
    "a%7fb.ics",
    "%c0%ae%c0%ae/x.ics",
    "%ff.ics",
    "%zz.ics",
    "%2.ics",
    "%.ics",
    "./x.ics",
    ".",
    "..",
    "%2e",
    "b//x.ics",
    "a%0ab.ics",
    "%252e%252e",
    "a%252fb.ics",
    "a%2500b.ics",
    "a%25252fb.ics",
];

#[test]
fn no_method_takes_a_path_that_escapes() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    for evil in EVIL {
        let path = erika.object(evil);
        for method in ["GET", "PUT", "DELETE", "PROPFIND", "MKCALENDAR", "MKCOL", "REPORT", "PROPPATCH"] {
            let mut request = client.request(method, &path).header("Depth", "0");
            if method == "PUT" {
                request = request.header("Content-Type", "text/calendar").body(ics::simple("evil"));
            }
            let answer = request.send();
            assert_eq!(answer.status, 400, "{method} {path}: {answer}");
        }
        for method in ["MOVE", "COPY"] {
            let answer = client.request(method, &erika.object("a.ics")).header("Destination", &path).send();
            assert_eq!(answer.status, 400, "{method} to {path}: {answer}");
        }
    }
    assert_eq!(client.members(&erika.calendar()), ["a.ics"]);
    let home = client.propfind(&erika.home(), "1", &["D:resourcetype"]).multistatus();
    assert_eq!(home.entries.len(), 3, "{:?}", home.hrefs());
}

#[test]
fn a_path_is_decoded_once() {
    let (_daemon, erika, client) = erika();
    let twice = erika.object("a%2562.ics"); // decodes to a%62.ics, not to ab.ics
    let _ = client.put(&twice, ics::simple("a")).expect(201);
    let _ = client.get(&erika.object("ab.ics")).expect(404);
    let _ = client.get(&twice).expect(200);
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    assert!(listing.hrefs().contains(&twice.as_str()), "{:?}", listing.hrefs());
}

#[test]
fn paths_outside_the_tree_are_404_and_the_reserved_ones_too() {
    let (_daemon, _erika, client) = erika();
    for path in [
        "/x",
        "/dav",
        "/dav/x/",
        "/dav/calendars/",
        "/dav/calendars/erika",
        "/api/",
        "/hooks/x",
        "/dav/calendars/erika/calendar/a/b.ics",
        "/favicon.ico",
    ] {
        let answer = client.request("PROPFIND", path).header("Depth", "0").send();
        let known = matches!(path, "/dav" | "/dav/calendars/" | "/dav/calendars/erika");
        assert_eq!(answer.status, if known { 207 } else { 404 }, "{path}: {answer}");
    }
}

#[test]
fn queries_fragments_and_other_forms_of_the_target() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let absolute = format!("http://{}{}", client.address().authority(), erika.object("a.ics"));
    let _ = client.get(&absolute).expect(200); // RFC 9112 section 3.2.2
    let foreign = client.get("http://other.example/dav/calendars/erika/calendar/a.ics");
    let _ = foreign.expect(400);
    let _ = client.get(&format!("{}?x=1", erika.object("a.ics"))).expect(200);
    let _ = client.request("OPTIONS", "*").send().expect(200);
    let _ = client.get(&format!("/{}", "a".repeat(20_000))).expect(404);
}

#[test]
fn names_up_to_255_bytes_are_taken() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object(&"a".repeat(255)), ics::simple("a")).expect(201);
    let answer = client.put(&erika.object(&"b".repeat(256)), ics::simple("b"));
    let _ = answer.expect(400);
}
