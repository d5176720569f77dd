//! Sharing by the operator: RFC 3744 privileges as they show to the sharee.

use almanac_harness::{Client, Daemon, Person, Response, ics};

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

/// Asserts a refusal that names the privilege and the collection on which it is missing.
fn assert_needs(answer: &Response, privilege: &str, path: &str) {
    answer.expect_refused(403, "D:need-privileges");
    let needed = answer.error_element();
    let resource = needed.child("D:resource").unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(resource.hrefs(), [path], "{answer}");
    assert_eq!(resource.child("D:privilege").unwrap().names(), [privilege], "{answer}");
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
        ("D:write-content", client.put(&object, ics::event("a", "Changed", "20261201T090000Z"))),
        ("D:bind", client.put(&format!("{path}b.ics"), ics::simple("b"))),
        ("D:unbind", client.delete(&object)),
        ("D:unbind", client.request("MOVE", &object).header("Destination", hugo.object("a.ics")).send()),
    ];
    for (privilege, answer) in &refused {
        assert_needs(answer, privilege, &path);
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
        answer.expect_refused(403, "D:need-privileges");
        assert!(!answer.text().contains("Secret") && !answer.text().contains("a.ics"), "{answer}");
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
    let (_daemon, (erika, own), (_, client)) = both();
    for path in [erika.calendar(), erika.object("a.ics"), erika.home()] {
        let _ = client.get(&path).expect(404);
        let _ = client.propfind(&path, "0", &["D:displayname"]).expect(404);
    }
    for path in [erika.calendar(), erika.object("a.ics")] {
        let _ = client.delete(&path).expect(404);
    }
    let _ = client.put(&erika.object("b.ics"), ics::simple("b")).expect(409);
    assert_eq!(own.members(&erika.calendar()), ["a.ics"]);
}

#[test]
fn a_sharee_cannot_delete_the_owners_calendar() {
    let (daemon, (erika, own), (hugo, client)) = both();
    for access in ["read", "read-write", "free-busy"] {
        share(&daemon, access);
        let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
        let _ = client.delete(&path).expect(204);
        assert_eq!(shared(&client, &hugo), None, "the share ends, and the calendar stays");
        share(&daemon, access);
        let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
        let moved = client.request("MOVE", &path).header("Destination", hugo.collection("mine")).send();
        let _ = moved.expect(201);
        assert_eq!(shared(&client, &hugo), Some(hugo.collection("mine")));
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
    let _ = direct.expect(200); // the owner's path is one more name of it
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

#[test]
fn the_owners_properties_are_refused_by_name_to_every_sharee() {
    let (daemon, (erika, own), (hugo, client)) = both();
    for access in ["free-busy", "read", "read-write"] {
        share(&daemon, access);
        let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
        let name = format!("<D:set><D:prop><D:displayname>{access}</D:displayname></D:prop></D:set>");
        let answer = client.proppatch(&path, &name).multistatus();
        assert_eq!(
            answer.only().prop_status("D:displayname"),
            200,
            "a sharee names their own view: {access}"
        );
        let mixed = "<D:set><D:prop><D:displayname>x</D:displayname>\
                     <C:calendar-description>x</C:calendar-description></D:prop></D:set>";
        let answer = client.proppatch(&path, mixed).multistatus();
        assert_eq!(answer.only().prop_status("C:calendar-description"), 403, "{access}");
        assert_eq!(answer.only().prop_status("D:displayname"), 424, "{access}");
        let seen = client.propfind(&path, "0", &["D:displayname"]).multistatus();
        assert_eq!(seen.only().text("D:displayname"), access);
    }
    let owners = own.propfind(&erika.calendar(), "0", &["C:calendar-description"]).multistatus();
    assert_eq!(owners.only().prop_status("C:calendar-description"), 404);
}

#[test]
fn what_is_refused_at_the_target_names_the_privilege_there() {
    let (daemon, (_, _), (hugo, client)) = both();
    share(&daemon, "read");
    let path = shared(&client, &hugo).expect("the calendar in Hugo's home");
    let _ = client.put(&hugo.object("a.ics"), ics::simple("a")).expect(201);
    let own = hugo.object("a.ics");
    for (method, from, to, privilege) in [
        ("COPY", &own, format!("{path}a.ics"), "D:write-content"),
        ("MOVE", &own, format!("{path}a.ics"), "D:bind"),
        ("COPY", &own, format!("{path}b.ics"), "D:bind"),
        ("MOVE", &own, format!("{path}b.ics"), "D:bind"),
        ("COPY", &hugo.calendar(), path.clone(), "D:bind"),
        ("MOVE", &hugo.calendar(), path.clone(), "D:bind"),
    ] {
        assert_needs(&client.request(method, from).header("Destination", to).send(), privilege, &path);
    }
    assert_eq!(client.members(&path), ["a.ics"]);
    assert_eq!(client.members(&hugo.calendar()), ["a.ics"]);
}
