//! OPTIONS: RFC 4918 section 10.1, RFC 4791 section 5.1, RFC 3744 section 7.2, RFC 5689 section 3.

use crate::erika;

#[test]
fn the_dav_header_names_what_is_complete_and_nothing_else() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), almanac_harness::ics::simple("a")).expect(201);
    for path in ["/", "/dav/", &erika.principal(), &erika.home(), &erika.calendar(), &erika.object("a.ics")] {
        let answer = client.request("OPTIONS", path).send();
        assert_eq!(answer.status, 200, "{path}: {answer}");
        let dav = answer.header_values("dav");
        assert_eq!(dav, ["1, 3, access-control, calendar-access, extended-mkcol"], "{path}");
    }
}

#[test]
fn allow_lists_the_methods_that_work_there() {
    let (_daemon, erika, client) = erika();
    let allow = |path: &str| {
        let answer = client.request("OPTIONS", path).send();
        let allow = answer.header("allow").unwrap_or_else(|| panic!("{answer}")).to_owned();
        allow.split(',').map(|m| m.trim().to_owned()).collect::<Vec<_>>()
    };
    let calendar = allow(&erika.calendar());
    for method in ["OPTIONS", "GET", "HEAD", "DELETE", "PROPFIND", "PROPPATCH", "REPORT", "COPY", "MOVE"] {
        assert!(calendar.iter().any(|m| m == method), "{method}: {calendar:?}");
    }
    assert!(allow(&erika.object("new.ics")).iter().any(|m| m == "PUT"));
    assert!(!calendar.iter().any(|m| m == "LOCK"));
}

#[test]
fn lock_and_unknown_methods_are_405_with_allow() {
    let (_daemon, erika, client) = erika();
    for method in ["LOCK", "UNLOCK", "PATCH", "BREW", "MKREDIRECTREF"] {
        let answer = client.request(method, &erika.calendar()).send();
        assert_eq!(answer.status, 405, "{method}: {answer}");
        let allow = answer.header("allow").unwrap_or_else(|| panic!("{answer}"));
        assert!(allow.split(", ").all(|allowed| allowed != method), "{answer}");
    }
}
