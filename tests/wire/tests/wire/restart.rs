//! A stop and a start: nothing is lost, tokens and ETags stay, signals are obeyed.

use almanac_harness::{Daemon, Options, Person, Signal, Wire, ics};

use crate::erika;

#[test]
fn a_restart_keeps_everything() {
    let (mut daemon, erika, client) = erika();
    let hugo = daemon.person("hugo");
    let _ = daemon.cli(&["calendar", "share", "erika/calendar", "--with", "hugo", "--access", "read"]).ok();
    for n in 0..20 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let _ = client.delete(&erika.object("3.ics")).expect(204);
    let set = "<D:set><D:prop><D:displayname>Praxis</D:displayname><x:n xmlns:x=\"urn:example:x\">1</x:n></D:prop></D:set>";
    assert_eq!(client.proppatch(&erika.calendar(), set).status, 207);
    let listing = client
        .propfind(&erika.calendar(), "1", &["D:getetag", "D:displayname", "D:sync-token", "CS:getctag"])
        .multistatus();
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let shared = daemon.client(&hugo).propfind(&hugo.home(), "1", &["D:displayname"]).multistatus();

    daemon.restart();
    let client = daemon.client(&erika);
    assert_eq!(
        client
            .propfind(&erika.calendar(), "1", &["D:getetag", "D:displayname", "D:sync-token", "CS:getctag"])
            .multistatus(),
        listing
    );
    assert!(client.sync(&erika.calendar(), &token).multistatus().entries.is_empty());
    assert_eq!(daemon.client(&hugo).propfind(&hugo.home(), "1", &["D:displayname"]).multistatus(), shared);
    let _ = client.put(&erika.object("new.ics"), ics::simple("new")).expect(201);
    assert_eq!(client.sync(&erika.calendar(), &token).multistatus().members(), ["new.ics"]);
    assert_eq!(
        client
            .events_between(&erika.calendar(), "20261201T000000Z", "20261202T000000Z")
            .multistatus()
            .members()
            .len(),
        20
    );
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let (mut daemon, erika, client) = erika();
    let etag = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201).etag();
    daemon.kill9();
    daemon.boot();
    assert_eq!(daemon.client(&erika).get(&erika.object("a.ics")).expect(200).etag(), etag);
}

#[test]
fn sigterm_lets_a_request_finish_and_refuses_new_connections() {
    let (mut daemon, erika, client) = erika();
    let body = ics::simple("a");
    let bytes = client.put_request(&erika.object("a.ics"), &body).to_bytes();
    let mut wire = client.connect().unwrap();
    wire.send(&bytes[..bytes.len() - 10]).unwrap();
    // The daemon answers another request after it has begun to read this one.
    let _ = client.get(&erika.calendar()).expect(200);
    daemon.signal(Signal::TERM);
    let mut refused = false;
    for _ in 0..1000 {
        if client.request("GET", "/").try_send().is_err() {
            refused = true;
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(refused, "it stops listening");
    wire.send(&bytes[bytes.len() - 10..]).unwrap();
    let _ = wire.read_response("PUT").unwrap().expect(201);
    assert_eq!(daemon.await_end().code(), Some(0));
    daemon.boot();
    let _ = daemon.client(&erika).get(&erika.object("a.ics")).expect(200);
}

/// A daemon in the midst of a PUT that never ends by itself, and the connection that holds it.
fn stuck(drain_timeout: &str) -> (Daemon, Person, Wire) {
    let options = Options::new().set("limits.body_timeout", "1h").set("limits.drain_timeout", drain_timeout);
    let daemon = Daemon::start_with(options);
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let bytes = client.put_request(&erika.object("a.ics"), ics::simple("a")).to_bytes();
    let mut wire = client.connect().unwrap();
    wire.send(&bytes[..bytes.len() - 10]).unwrap();
    // The daemon answers another request after it has begun to read this one.
    let _ = client.get(&erika.calendar()).expect(200);
    (daemon, erika, wire)
}

fn assert_absent(mut daemon: Daemon, erika: &Person) {
    daemon.boot();
    let _ = daemon.client(erika).get(&erika.object("a.ics")).expect(404);
}

#[test]
fn a_request_that_outlasts_the_drain_is_cut_and_the_stop_is_orderly() {
    let (mut daemon, erika, _wire) = stuck("300ms");
    daemon.signal(Signal::TERM);
    assert!(daemon.await_log(|line| line.contains("were cut")).is_some(), "{}", daemon.log());
    assert_eq!(daemon.await_end().code(), Some(0));
    assert_absent(daemon, &erika);
}

#[test]
fn a_second_signal_ends_the_drain_at_once() {
    let (mut daemon, erika, _wire) = stuck("1h");
    daemon.signal(Signal::INT);
    assert!(daemon.await_log(|line| line.contains("stopping")).is_some(), "{}", daemon.log());
    daemon.signal(Signal::INT);
    assert_eq!(daemon.await_end().code(), Some(1));
    assert_absent(daemon, &erika);
}

#[test]
fn a_fresh_folder_starts_empty_and_ready() {
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    daemon.boot();
    assert_eq!(daemon.management("/health/ready").status, 200);
    assert_eq!(daemon.cli(&["tenant", "list", "--json"]).json(), serde_json::json!([]));
    daemon.restart();
}

#[test]
fn the_memory_engine_serves_and_forgets() {
    let mut daemon = Daemon::stopped(Options::new().without_canary().set("store.engine", "memory"));
    daemon.boot();
    let erika = daemon.person("erika");
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.restart();
    assert_eq!(daemon.cli(&["user", "list", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn after_a_crash_commands_and_sockets_work_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("http.sock").display());
    let mut daemon = Daemon::start_with(Options::new().set("http.listen", &socket));
    let erika = daemon.person("erika");
    daemon.kill9();
    assert_eq!(daemon.cli(&["status", "--json"]).json()["state"], "stopped");
    assert!(daemon.cli(&["user", "list"]).ok().contains("erika"));
    daemon.boot();
    let _ = daemon.client(&erika).get(&erika.calendar()).expect(200);
}

#[test]
fn a_state_folder_with_a_long_path_works() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a-rather-long-name/".repeat(8)).join("state");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    let mut daemon = Daemon::stopped(Options::new().without_canary().state(&state));
    let erika = daemon.person("erika");
    daemon.boot();
    let _ = daemon.client(&erika).get(&erika.calendar()).expect(200);
    let hugo = daemon.person("hugo");
    let _ = daemon.client(&hugo).get(&hugo.calendar()).expect(200);
}
