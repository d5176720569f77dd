//! Sharing by the operator: RFC 3744 privileges as they show to the sharee.

use almanac_harness::{Client, Daemon, Person, ics};

fn share(daemon: &Daemon, access: &str) {
    let _ = daemon.cli(&["calendar", "share", "erika/calendar", "--with", "hugo", "--access", access]).ok();
}

fn both() -> (Daemon, (Person, Client), (Person, Client)) {
    let daemon = Daemon::start();
    let (erika, hugo) = (daemon.person("erika"), daemon.person("hugo"));
    let clients = (daemon.client(&erika), daemon.client(&hugo));
    let _ = clients.0.put(&erika.object("a.ics"), ics::event("a", "Secret", "20261201T090000Z")).expect(201);
    (daemon, (erika, clients.0), (hugo, clients.1))
}

/// The calendar in Hugo's home that is not his own.
fn shared(client: &Client, hugo: &Person) -> Option<String> {
    let own = [hugo.home(), hugo.calendar(), hugo.collection("tasks")];
    let listing = client.propfind(&hugo.home(), "1", &["D:resourcetype"]).multistatus();
    listing.entries.into_iter().map(|e| e.href).find(|href| !own.contains(href))
}

fn privileges(client: &Client, path: &str) -> Vec<String> {
    let answer = client.propfind(path, "0", &["D:current-user-privilege-set"]).multistatus();
    let set = answer.only().prop("D:current-user-privilege-set").unwrap();
    set.children.iter().flat_map(|p| p.names()).map(str::to_owned).collect()
}

#[test]
fn a_read_only_share_appears_in_the_home_and_takes_no_write() {
    let (daemon, (erika, own), (hugo, client)) = both();
    assert_eq!(shared(&client, &hugo), None);
    share(&daemon, "read");
    let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
    assert!(path.starts_with(&hugo.home()));
    assert_eq!(client.members(&path), ["a.ics"]);
    let object = format!("{path}a.ics");
    let got = client.get(&object).expect(200);
    assert!(got.text().contains("SUMMARY:Secret"));
    let refused = [
        client.put(&object, ics::event("a", "Changed", "20261201T090000Z")),
        client.put(&format!("{path}b.ics"), ics::simple("b")),
        client.delete(&object),
        client.request("MOVE", &object).header("Destination", hugo.object("a.ics")).send(),
    ];
    for answer in &refused {
        answer.expect_refused(403, "D:need-privileges");
    }
    assert_eq!(own.get(&erika.object("a.ics")).etag(), got.etag());
    let rights = privileges(&client, &path);
    assert!(
        rights.iter().any(|p| p == "D:read")
            && !rights.iter().any(|p| p == "D:write-content" || p == "D:bind"),
        "{rights:?}"
    );
    let copy = client.request("COPY", &object).header("Destination", hugo.object("a.ics")).send();
    let _ = copy.expect(201);
}

#[test]
fn a_read_write_share_is_one_calendar_with_two_names() {
    let (daemon, (erika, own), (hugo, client)) = both();
    share(&daemon, "read-write");
    let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
    let token = own.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let etag = client.put(&format!("{path}b.ics"), ics::simple("b")).expect(201).etag();
    assert_eq!(own.get(&erika.object("b.ics")).expect(200).etag(), etag);
    assert_eq!(own.sync(&erika.calendar(), &token).multistatus().members(), ["b.ics"]);
    let _ = own.delete(&erika.object("b.ics")).expect(204);
    let _ = client.get(&format!("{path}b.ics")).expect(404);
    client.put(&format!("{path}c.ics"), ics::simple("a")).expect_refused(403, "C:no-uid-conflict");
}

#[test]
fn name_and_colour_are_the_sharees_own() {
    let (daemon, (erika, own), (hugo, client)) = both();
    share(&daemon, "read");
    let path = shared(&client, &hugo).unwrap();
    let set = "<D:set><D:prop><D:displayname>Erikas Termine</D:displayname><A:calendar-color>#00FF00FF</A:calendar-color></D:prop></D:set>";
    assert_eq!(client.proppatch(&path, set).multistatus().only().props(200).len(), 2);
    let look = |c: &Client, path: &str| {
        let answer = c.propfind(path, "0", &["D:displayname", "A:calendar-color", "D:owner"]).multistatus();
        let entry = answer.only();
        (
            entry.prop("D:displayname").map(|p| p.text.clone()),
            entry.prop("A:calendar-color").map(|p| p.text.clone()),
            entry.prop("D:owner").unwrap().hrefs()[0].to_owned(),
        )
    };
    let seen = look(&client, &path);
    assert_eq!(seen, (Some("Erikas Termine".into()), Some("#00FF00FF".into()), erika.principal()));
    assert_ne!(look(&own, &erika.calendar()).1, seen.1);
}

#[test]
fn free_busy_only_shows_when_but_not_what() {
    let (daemon, _, (hugo, client)) = both();
    share(&daemon, "free-busy");
    let Some(path) = shared(&client, &hugo) else { panic!("the calendar in Hugo's home") };
    let busy = client
        .report(
            &path,
            "C:free-busy-query",
            "<C:time-range start=\"20261201T000000Z\" end=\"20261202T000000Z\"/>",
        )
        .expect(200);
    assert_eq!(crate::free_busy::periods(busy.text()).len(), 1);
    assert!(!busy.text().contains("Secret"));
    for answer in [
        client.get(&format!("{path}a.ics")),
        client.get(&path),
        client.propfind(&path, "1", &["D:getetag"]),
        client.sync(&path, ""),
        client.events_between(&path, "20261201T000000Z", "20261202T000000Z"),
        client.put(&format!("{path}b.ics"), ics::simple("b")),
        client.delete(&format!("{path}a.ics")),
    ] {
        let hidden =
            matches!(answer.status, 403 | 404) || (answer.status == 207 && !answer.text().contains("a.ics"));
        assert!(hidden && !answer.text().contains("Secret"), "{answer}");
    }
    let rights = privileges(&client, &path);
    assert!(
        rights.iter().any(|p| p == "C:read-free-busy") && !rights.iter().any(|p| p == "D:read"),
        "{rights:?}"
    );
}

#[test]
fn the_end_of_a_share_is_the_end_at_once() {
    let (daemon, _, (hugo, client)) = both();
    share(&daemon, "read-write");
    let path = shared(&client, &hugo).unwrap();
    let token = client.sync(&path, "").multistatus().sync_token.unwrap();
    share(&daemon, "none");
    assert_eq!(shared(&client, &hugo), None);
    let _ = client.get(&format!("{path}a.ics")).expect(404);
    let _ = client.sync(&path, &token).expect(404);
    let _ = client.put(&format!("{path}b.ics"), ics::simple("b")).expect(409);
}

#[test]
fn without_a_share_the_calendar_is_absent() {
    let (_daemon, (erika, _), (_, client)) = both();
    for path in [erika.calendar(), erika.object("a.ics"), erika.home()] {
        let _ = client.get(&path).expect(404);
        let _ = client.propfind(&path, "0", &["D:displayname"]).expect(404);
    }
    for path in [erika.calendar(), erika.object("a.ics")] {
        let _ = client.delete(&path).expect(404);
    }
    let put = client.put(&erika.object("b.ics"), ics::simple("b"));
    assert!(matches!(put.status, 403 | 404 | 409), "{put}");
}

#[test]
fn a_sharee_cannot_delete_the_owners_calendar() {
    let (daemon, (erika, own), (hugo, client)) = both();
    for access in ["read", "read-write", "free-busy"] {
        share(&daemon, access);
        let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
        let answer = client.delete(&path);
        assert!(matches!(answer.status, 204 | 403 | 405), "{answer}");
        let moved = client.request("MOVE", &path).header("Destination", hugo.collection("mine")).send();
        assert!(matches!(moved.status, 201 | 403 | 404 | 405), "{moved}");
        assert_eq!(own.members(&erika.calendar()), ["a.ics"], "{access}");
        share(&daemon, "none");
    }
}

#[test]
fn conflicts_and_hrefs_in_a_share_speak_of_the_sharees_own_paths() {
    let (daemon, (erika, _), (hugo, client)) = both();
    share(&daemon, "read-write");
    let path = shared(&client, &hugo).unwrap();
    let conflict = client.put(&format!("{path}b.ics"), ics::simple("a"));
    assert_eq!(conflict.error_element().hrefs(), [format!("{path}a.ics")]);
    for answer in [
        client.propfind(&path, "1", &["D:getetag"]).multistatus(),
        client.sync(&path, "").multistatus(),
        client.events_between(&path, "20261201T000000Z", "20261202T000000Z").multistatus(),
    ] {
        assert!(answer.entries.iter().all(|e| e.href.starts_with(&path)), "{:?}", answer.hrefs());
    }
    let direct = client.get(&erika.object("a.ics"));
    assert!(matches!(direct.status, 200 | 404), "{direct}");
}

#[test]
fn objects_move_between_an_own_and_a_shared_calendar() {
    let (daemon, (erika, own), (hugo, client)) = both();
    share(&daemon, "read-write");
    let path = shared(&client, &hugo).unwrap();
    let _ = client.put(&hugo.object("mine.ics"), ics::simple("mine")).expect(201);
    let there = client
        .request("MOVE", &hugo.object("mine.ics"))
        .header("Destination", format!("{path}mine.ics"))
        .send();
    let _ = there.expect(201);
    assert_eq!(own.get(&erika.object("mine.ics")).expect(200).text(), ics::simple("mine"));
    let back = client
        .request("MOVE", &format!("{path}mine.ics"))
        .header("Destination", hugo.object("mine.ics"))
        .send();
    let _ = back.expect(201);
    let _ = own.get(&erika.object("mine.ics")).expect(404);
}
