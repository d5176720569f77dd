//! Finding the calendar home: RFC 6764 section 5 and 6, RFC 5397, RFC 4791 section 6.2.

use almanac_harness::{Daemon, Options};

use crate::{METHODS, erika};

#[test]
fn well_known_redirects_every_method_without_authentication() {
    let daemon = Daemon::start();
    let client = daemon.anonymous();
    let origin = format!("http://{}", client.address().authority());
    for method in METHODS {
        for path in ["/.well-known/caldav", "/.well-known/caldav/"] {
            let answer = client.request(method, path).send().expect(301);
            assert_eq!(answer.header("location"), Some(&*format!("{origin}/dav/")), "{method} {path}");
            assert!(answer.header("www-authenticate").is_none());
        }
    }
}

#[test]
fn the_redirect_prefers_the_public_url() {
    let daemon = Daemon::start_with(Options::new().set("http.public_url", "https://cal.example.org"));
    let answer = daemon.anonymous().get("/.well-known/caldav").expect(301);
    assert_eq!(answer.header("location"), Some("https://cal.example.org/dav/"));
}

#[test]
fn a_forged_host_is_not_repeated_in_the_redirect() {
    let daemon = Daemon::start();
    let own = format!("http://{}/dav/", daemon.anonymous().address().authority());
    let forged = [
        ("Host", "evil.example", "/dav/"),
        ("X-Forwarded-Host", "evil.example", &own),
        ("X-Forwarded-Proto", "https", &own),
        ("Forwarded", "host=evil.example;proto=https", &own),
    ];
    for (name, value, location) in forged {
        let answer = daemon.anonymous().request("GET", "/.well-known/caldav").header(name, value).send();
        assert!(!answer.to_string().contains("evil.example"), "{answer}");
        assert_eq!(answer.expect(301).header("location"), Some(location), "{name}");
    }
}

#[test]
fn a_trusted_proxy_names_host_and_scheme_of_the_redirect() {
    let daemon = Daemon::start_with(Options::new().set("http.trusted_proxies", "127.0.0.1"));
    let request =
        daemon.anonymous().request("GET", "/.well-known/caldav").header("X-Forwarded-Proto", "https");
    let answer = request.header("X-Forwarded-Host", "cal.example.org").send().expect(301);
    assert_eq!(answer.header("location"), Some("https://cal.example.org/dav/"));
}

#[test]
fn a_client_walks_from_the_root_to_its_calendars() {
    let (_daemon, erika, client) = erika();
    for start in ["/", "/dav/"] {
        let found = client.propfind(start, "0", &["D:current-user-principal"]).multistatus();
        let principal = found.only().prop("D:current-user-principal").unwrap().hrefs()[0].to_owned();
        assert_eq!(principal, erika.principal(), "from {start}");

        let found =
            client.propfind(&principal, "0", &["C:calendar-home-set", "D:resourcetype"]).multistatus();
        let home = found.only().prop("C:calendar-home-set").unwrap().hrefs()[0].to_owned();
        assert_eq!(home, erika.home());
        assert!(found.only().prop("D:resourcetype").unwrap().child("D:principal").is_some());

        let listing = client.propfind(&home, "1", &["D:resourcetype"]).multistatus();
        let mut calendars: Vec<_> = listing
            .entries
            .iter()
            .filter(|e| e.prop("D:resourcetype").is_some_and(|t| t.child("C:calendar").is_some()))
            .map(|e| e.href.as_str())
            .collect();
        calendars.sort_unstable();
        assert_eq!(calendars, [erika.calendar(), erika.collection("tasks")]);
    }
}

#[test]
fn current_user_principal_is_the_same_on_every_resource() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), almanac_harness::ics::simple("a")).expect(201);
    for path in
        ["/dav/principals/", &erika.principal(), &erika.home(), &erika.calendar(), &erika.object("a.ics")]
    {
        let found = client.propfind(path, "0", &["D:current-user-principal"]).multistatus();
        assert_eq!(
            found.only().prop("D:current-user-principal").unwrap().hrefs(),
            [erika.principal()],
            "{path}"
        );
    }
}
