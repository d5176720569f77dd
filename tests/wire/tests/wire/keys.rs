//! New keys on the command line: while requests go on, and over kill -9.

use std::collections::BTreeSet;

use almanac_harness::{Client, Person, ics};

use crate::erika;

#[test]
fn keys_are_rotated_while_requests_go_on_and_nothing_changes_for_clients() {
    let (mut daemon, erika, client) = erika();
    for n in 0..50 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let rotated = daemon.cli(&["key", "rotate", "--json"]).json();
    let rows = rotated.as_array().unwrap();
    assert_eq!(rows.len(), 2, "the instance and the one tenant");
    assert!(rows.iter().all(|row| row["epoch"] == 2 && row["removed"] == 1));
    assert!(rows[1]["resealed"].as_u64().unwrap() >= 200);
    assert_eq!(client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus(), listing);
    assert!(client.sync(&erika.calendar(), &token).multistatus().entries.is_empty(), "nothing has changed");

    daemon.restart();
    let client = daemon.client(&erika);
    assert_eq!(client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus(), listing);
    let _ = client.put(&erika.object("new.ics"), ics::simple("new")).expect(201);
    daemon.stop();
    let name = rows[1]["tenant"].as_str().unwrap();
    let alone = daemon.cli(&["key", "rotate", "--tenant", name]).ok();
    assert!(alone.lines().count() == 2 && alone.contains(name), "{alone}");
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
    let _ = daemon.cli(&["key", "rotate", "--tenant", "nobody"]).failed(1);
}

#[test]
fn a_rotation_under_kill_9_loses_nothing() {
    let (mut daemon, erika, client) = erika();
    for n in 0..100 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    for round in 0..6 {
        std::thread::scope(|scope| {
            let rotating = scope.spawn(|| daemon.cli(&["key", "rotate"]));
            // Where in the rotation it comes differs by itself; the rounds spread it.
            std::thread::sleep(std::time::Duration::from_millis(round * 7));
            daemon.signal(almanac_harness::Signal::KILL);
            let _ = rotating.join().unwrap();
        });
        daemon.kill9();
        daemon.boot();
        let client = daemon.client(&erika);
        assert_eq!(client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus(), listing);
        assert!(client.get(&erika.object("7.ics")).expect(200).text().contains("UID:7"));
    }
    let _ = daemon.cli(&["key", "rotate"]).ok();
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}

#[test]
fn index_keys_are_exchanged_while_the_server_is_stopped_and_app_passwords_stay() {
    let (mut daemon, erika, client) = erika();
    for n in 0..50 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let listing = members(&client, &erika);
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let refused = daemon.cli(&["key", "rekey-index"]).failed(4);
    assert!(refused.contains("stop the server first"), "{refused}");
    daemon.stop();
    let rows = daemon.cli(&["key", "rekey-index", "--json"]).json();
    assert!(rows[0]["objects"].as_u64().unwrap() >= 50, "{rows}");
    let _ = daemon.cli(&["key", "rekey-index", "--tenant", "nobody"]).failed(1);
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
    daemon.boot();
    let client = daemon.client(&erika);
    assert_eq!(members(&client, &erika), listing);
    assert!(client.get(&erika.object("7.ics")).expect(200).text().contains("UID:7"));
    client.sync(&erika.calendar(), &token).expect_refused(403, "D:valid-sync-token");
    assert_eq!(client.sync(&erika.calendar(), "").multistatus().members().len(), 50);
    client.put(&erika.object("again.ics"), ics::simple("7")).expect_refused(403, "C:no-uid-conflict");
}

#[test]
fn an_exchange_of_index_keys_under_kill_9_leaves_the_old_ones_or_the_new_ones() {
    let (mut daemon, erika, client) = erika();
    for n in 0..100 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let listing = members(&client, &erika);
    for round in 0..6 {
        daemon.stop();
        let mut exchanging = daemon.begin_cli(&["key", "rekey-index"]);
        // Where in the exchange it comes differs by itself; the rounds spread it.
        std::thread::sleep(std::time::Duration::from_millis(round * 15));
        exchanging.kill().unwrap();
        exchanging.wait().unwrap();
        daemon.boot();
        assert_eq!(members(&daemon.client(&erika), &erika), listing);
        assert_eq!(daemon.cli(&["tenant", "list", "--json"]).json().as_array().unwrap().len(), 1);
    }
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}

/// The members of a calendar with their ETags. Their order follows from the keys.
fn members(client: &Client, erika: &Person) -> BTreeSet<(String, String)> {
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    let members = listing.entries.iter().filter(|entry| entry.href != erika.calendar());
    members.map(|entry| (entry.href.clone(), entry.text("D:getetag").to_owned())).collect()
}
