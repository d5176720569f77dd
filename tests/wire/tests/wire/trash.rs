//! Deleting and restoring: what clients see of it, and what the operator does.

use almanac_harness::{Client, Daemon, Options, ics};
use serde_json::Value;

use crate::erika;

fn entries(daemon: &Daemon, arguments: &[&str]) -> Vec<Value> {
    let listed = daemon.cli(&[&["trash", "list", "--json"], arguments].concat()).json();
    listed["entries"].as_array().unwrap().clone()
}

fn id(entry: &Value) -> &str {
    entry["id"].as_str().unwrap()
}

#[test]
fn a_deleted_object_is_restored_octet_for_octet_and_every_client_sees_it() {
    let (mut daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let sent = ics::event_with("a", "Sitzung", "20261201T090000Z", "X-ODD;P=\"a;b\":kept\r\n");
    let etag = client.put(&path, &sent).expect(201).etag();
    let set = "<D:set><D:prop><x:note xmlns:x=\"urn:x\">kept</x:note></D:prop></D:set>";
    assert_eq!(client.proppatch(&path, set).status, 207);
    let _ = client.delete(&path).expect(204);
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();

    let listed = entries(&daemon, &[]);
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((&one["kind"], &one["calendar"]), (&"object".into(), &"erika/calendar".into()));
    assert_eq!(one["bytes"], sent.len());
    assert!(one.get("name").is_none() && one.get("label").is_none(), "{one}");
    let named = entries(&daemon, &["erika/calendar", "--names"]);
    assert_eq!((&named[0]["name"], &named[0]["label"]), (&"a.ics".into(), &"Sitzung".into()));

    let said = daemon.cli(&["trash", "restore", id(one)]).ok();
    assert_eq!(said, "restored: object erika/calendar\n");
    let found = client.get(&path).expect(200);
    assert_eq!(found.text(), sent);
    assert_ne!(found.etag(), etag, "a new version: nobody takes it for the old one");
    let note = client.propfind(&path, "0", &["x:note xmlns:x=\"urn:x\""]);
    assert!(note.text().contains("kept"), "{note}");
    let delta = client.sync(&erika.calendar(), &token).multistatus();
    assert_eq!(delta.only().text("D:getetag"), found.etag());
    assert!(entries(&daemon, &[]).is_empty());
    let _ = daemon.cli(&["trash", "restore", id(one)]).failed(1);
    daemon.restart();
    assert_eq!(daemon.client(&erika).get(&path).expect(200).text(), sent);
}

#[test]
fn a_deleted_calendar_is_restored_with_its_share_and_old_tokens_go_on() {
    let (mut daemon, erika, client) = erika();
    let ben = daemon.person("ben");
    for uid in ["a", "b", "c"] {
        let _ = client.put(&erika.object(&format!("{uid}.ics")), ics::simple(uid)).expect(201);
    }
    let share = ["calendar", "share", "erika/calendar", "--with", "ben", "--access", "read"];
    let _ = daemon.cli(&share).ok();
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let members = |client: &Client| {
        let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
        listing.entries.into_iter().filter(|entry| entry.href != erika.calendar()).collect::<Vec<_>>()
    };
    let listing = members(&client);
    let _ = client.delete(&erika.calendar()).expect(204);
    assert_eq!(daemon.client(&ben).get(&erika.object("a.ics")).status, 404);

    daemon.stop();
    let listed = entries(&daemon, &["erika"]);
    assert_eq!(listed[0]["kind"], "calendar");
    let said = daemon.cli(&["trash", "restore", id(&listed[0])]).ok();
    assert_eq!(said, "restored: calendar erika/calendar\n");
    daemon.boot();
    let client = daemon.client(&erika);
    assert_eq!(members(&client), listing);
    assert!(client.sync(&erika.calendar(), &token).multistatus().entries.is_empty());
    assert_eq!(daemon.client(&ben).get(&erika.object("a.ics")).status, 200);

    let _ = daemon.cli(&["calendar", "remove", "erika/calendar"]).ok();
    let _ = client.request("MKCALENDAR", &erika.calendar()).send().expect(201);
    let again = entries(&daemon, &[]);
    let said = daemon.cli(&["trash", "restore", id(&again[0])]).ok();
    assert_eq!(said, "restored: calendar erika/calendar-2, under another name, since its own is taken\n");
    assert_eq!(client.members(&erika.collection("calendar-2")).len(), 3);
}

#[test]
fn a_purge_asks_and_what_it_removed_does_not_come_back() {
    let (daemon, erika, client) = erika();
    for uid in ["a", "b"] {
        let _ = client.put(&erika.object(uid), ics::simple(uid)).expect(201);
        let _ = client.delete(&erika.object(uid)).expect(204);
    }
    let listed = entries(&daemon, &[]);
    assert_eq!(listed.len(), 2);
    let refused = daemon.cli(&["trash", "purge", id(&listed[0])]).failed(2);
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(entries(&daemon, &[]).len(), 2);
    let _ = daemon.cli(&["trash", "purge", id(&listed[0]), "--yes"]).ok();
    assert_eq!(entries(&daemon, &[]), listed[1..]);
    assert_eq!(daemon.cli(&["trash", "purge", "--all", "--yes"]).ok(), "removed for good: 1\n");
    assert!(entries(&daemon, &[]).is_empty());
    let _ = daemon.cli(&["trash", "restore", id(&listed[1])]).failed(1);
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}

#[test]
fn with_no_term_a_deletion_is_final() {
    let daemon = Daemon::start_with(Options::new().set("store.trash_days", "0"));
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("a"), ics::simple("a")).expect(201);
    let _ = client.delete(&erika.object("a")).expect(204);
    let _ = client.delete(&erika.calendar()).expect(204);
    assert!(entries(&daemon, &[]).is_empty());
}

#[test]
fn the_trash_goes_into_a_backup_and_into_another_engine() {
    let (mut daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let _ = client.delete(&erika.object("a.ics")).expect(204);
    let listed = entries(&daemon, &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.backup");
    let _ = daemon.cli(&["backup", file.to_str().unwrap()]).ok();
    daemon.stop();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::copy(daemon.state().join("root.key"), state.join("root.key")).unwrap();
    let other = Daemon::stopped(Options::new().state(&state).set("store.engine", "sled"));
    let _ = other.cli(&["restore", file.to_str().unwrap()]).ok();
    assert_eq!(entries(&other, &[]), listed);
    let _ = other.cli(&["trash", "restore", id(&listed[0])]).ok();
    assert_eq!(other.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}
