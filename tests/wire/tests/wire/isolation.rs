//! Another tenant's resources are indistinguishable from absent ones (SECURITY.md, C-03).

use almanac_harness::{Client, Daemon, NAMESPACES, Response, ics};

/// What a stranger can compare: all but the date, the id of the request, and the name that was asked for.
fn comparable(response: &Response, names: &[&str]) -> String {
    let volatile = ["date", "x-request-id", "request-id"];
    let mut text = format!("{}\n", response.status);
    for (name, value) in response.headers.iter().filter(|(n, _)| !volatile.contains(&n.as_str())) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(&String::from_utf8_lossy(&response.body));
    for name in names {
        text = text.replace(name, "NAME");
    }
    text
}

#[test]
fn a_foreign_resource_answers_every_method_like_an_absent_one() {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let spy = daemon.person_in("praxis-sued", "spyyy"); // of the same length, so that lengths can be compared too
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let client = daemon.client(&spy);
    let propfind =
        format!("<D:propfind {NAMESPACES}><D:prop><D:displayname/><D:getetag/></D:prop></D:propfind>");
    let sync = format!(
        "<D:sync-collection {NAMESPACES}><D:sync-token/><D:sync-level>1</D:sync-level><D:prop/></D:sync-collection>"
    );
    let query = format!(
        "<C:calendar-query {NAMESPACES}><D:prop/><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
    );
    let patch = format!(
        "<D:propertyupdate {NAMESPACES}><D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set></D:propertyupdate>"
    );
    let paths = [
        "/dav/principals/NAME/",
        "/dav/calendars/NAME/",
        "/dav/calendars/NAME/calendar/",
        "/dav/calendars/NAME/calendar/a.ics",
        "/dav/calendars/NAME/new/",
    ];
    let ask = |login: &str| -> Vec<String> {
        let mut answers = Vec::new();
        for path in paths {
            let path = path.replace("NAME", login);
            let mut send = |method: &str, headers: &[(&str, &str)], body: &str| {
                let mut request = client.request(method, &path);
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                if !body.is_empty() {
                    request = request.body(body);
                }
                answers.push(
                    format!("{method} {path}: {}", comparable(&request.send(), &[login]))
                        .replace(login, "NAME"),
                );
            };
            let xml = ("Content-Type", "application/xml");
            for method in ["GET", "HEAD", "DELETE", "OPTIONS", "MKCALENDAR", "MKCOL", "POST"] {
                send(method, &[], "");
            }
            send("PUT", &[("Content-Type", "text/calendar")], &ics::simple("spy"));
            send("PUT", &[("Content-Type", "text/calendar"), ("If-Match", "*")], &ics::simple("spy"));
            send("PROPFIND", &[("Depth", "0"), xml], &propfind);
            send("PROPFIND", &[("Depth", "1"), xml], &propfind);
            send("PROPPATCH", &[xml], &patch);
            send("REPORT", &[xml], &sync);
            send("REPORT", &[("Depth", "1"), xml], &query);
            send("COPY", &[("Destination", &spy.object("c.ics"))], "");
            send("MOVE", &[("Destination", &spy.object("c.ics"))], "");
        }
        answers
    };
    let (foreign, absent) = (ask("erika"), ask("nobdy"));
    for (foreign, absent) in foreign.iter().zip(&absent) {
        assert_eq!(foreign, absent);
    }
    assert!(daemon.client(&erika).get(&erika.object("a.ics")).status == 200);
}

#[test]
fn nothing_can_be_moved_or_copied_to_a_foreign_home() {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let spy = daemon.person_in("praxis-sued", "spyyy");
    let client = daemon.client(&spy);
    let _ = client.put(&spy.object("s.ics"), ics::simple("s")).expect(201);
    let send = |client: &Client, method: &str, login: &str| {
        let to = format!("/dav/calendars/{login}/calendar/s.ics");
        comparable(&client.request(method, &spy.object("s.ics")).header("Destination", to).send(), &[login])
    };
    for method in ["COPY", "MOVE"] {
        let foreign = send(&client, method, "erika");
        assert_eq!(foreign, send(&client, method, "nobdy"));
        assert!(foreign.starts_with('4'), "{foreign}");
    }
    assert!(daemon.client(&erika).members(&erika.calendar()).is_empty());
}

#[test]
fn a_foreign_person_cannot_be_shared_with_or_searched() {
    let daemon = Daemon::start();
    let _ = daemon.person("erika");
    let spy = daemon.person_in("praxis-sued", "spyyy");
    let refused = daemon.cli(&["calendar", "share", "erika/calendar", "--with", "spyyy", "--access", "read"]);
    let _ = refused.failed(1);
    let listing = daemon.client(&spy).propfind("/dav/principals/", "1", &["D:displayname"]).expect(207);
    assert!(!listing.text().contains("erika"), "{listing}");
}

#[test]
fn a_patient_cannot_tell_whose_logins_exist_by_what_can_be_made_where() {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let added = ["user", "add", "hansi", "--tenant", "praxis-nord", "--email", "hansi@example.invalid"];
    let _ = daemon.cli(&[&added[..], &["--display-name", "Hansi", "--role", "patient"]].concat()).ok();
    let password = daemon.cli(&["app-password", "add", "hansi", "--label", "test"]).ok();
    let client = daemon.anonymous().sign_in_with("hansi", password.trim());
    let own = |name: &str| format!("/dav/calendars/hansi/{name}");
    let _ = client.put(&own("calendar/a.ics"), ics::simple("a")).expect(201);
    let ask = |login: &str| -> Vec<String> {
        let there = |name: &str| format!("/dav/calendars/{login}/{name}");
        let to = |method: &str, from: &str, target: &str| {
            client.request(method, &own(from)).header("Destination", there(target)).send()
        };
        let answers = [
            client.request("MKCALENDAR", &there("x/")).send(),
            client.request("MKCOL", &there("x/")).send(),
            client.request("MKCALENDAR", &there("calendar/")).send(),
            client.request("MKCALENDAR", &there("x/y/")).send(),
            client.request("MKCOL", &there("")).send(),
            client.request("MKCOL", &format!("/dav/principals/{login}/")).send(),
            to("COPY", "calendar/", "x/"),
            to("COPY", "calendar/", "calendar/"),
            to("MOVE", "calendar/", "x/"),
            to("MOVE", "calendar/", "calendar/"),
            to("COPY", "calendar/a.ics", "calendar/a.ics"),
            to("MOVE", "calendar/a.ics", "calendar/a.ics"),
            client.put(&there("calendar/a.ics"), ics::simple("a")),
        ];
        answers.iter().map(|answer| comparable(answer, &[login])).collect()
    };
    let (existing, absent) = (ask("erika"), ask("nobdy"));
    for (existing, absent) in existing.iter().zip(&absent) {
        assert_eq!(existing, absent);
        assert!(existing.starts_with('4'), "{existing}");
    }
    assert_eq!(client.members(&own("calendar/")), ["a.ics"]);
    assert!(daemon.client(&erika).members(&erika.calendar()).is_empty());
}
