//! New keys on the command line: while requests go on, and over kill -9.

use almanac_harness::ics;

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
