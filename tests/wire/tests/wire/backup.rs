//! Backup, restore and verification on the command line: of a running server, of a stopped one, into another folder.

use std::fs;
use std::path::Path;

use almanac_harness::{Daemon, Options, ics};

use crate::erika;

/// A daemon that does not run yet, with the root key of `of` and nothing else.
fn empty_with_key_of(of: &Daemon, folder: &Path) -> Daemon {
    let state = folder.join("state");
    fs::create_dir(&state).unwrap();
    fs::copy(of.state().join("root.key"), state.join("root.key")).unwrap();
    Daemon::stopped(Options::new().state(&state))
}

#[test]
fn a_backup_of_a_running_server_is_restored_elsewhere_octet_for_octet() {
    let (daemon, erika, client) = erika();
    for n in 0..20 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    let set = "<D:set><D:prop><D:displayname>Praxis</D:displayname></D:prop></D:set>";
    assert_eq!(client.proppatch(&erika.calendar(), set).status, 207);
    let listed = |client: &almanac_harness::Client| {
        let listing = client.propfind(&erika.calendar(), "1", &["D:getetag", "D:displayname"]);
        (listing.multistatus(), client.get(&erika.object("7.ics")).expect(200).body)
    };
    let (before, token) =
        (listed(&client), client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("today.backup");
    let file = file.to_str().unwrap();
    let said = daemon.cli(&["backup", file]).ok();
    assert!(said.starts_with("complete: "), "{said}");
    let _ = client.put(&erika.object("later.ics"), ics::simple("later")).expect(201);
    assert_eq!(daemon.cli(&["backup", "verify", file]).ok(), said);

    let mut other = empty_with_key_of(&daemon, folder.path());
    assert_eq!(other.cli(&["restore", file]).ok(), said);
    other.boot();
    let client = other.client(&erika);
    assert!(listed(&client) == before, "the same octets, ETags and properties");
    assert_eq!(client.get(&erika.object("later.ics")).status, 404, "what came after the backup is not in it");

    // The old tokens may name changes that this store never had: every client begins anew, and finds what it has.
    client.sync(&erika.calendar(), &token).expect_refused(403, "D:valid-sync-token");
    assert_eq!(client.sync(&erika.calendar(), "").multistatus().members().len(), 20);
    let incarnation = |daemon: &Daemon| {
        daemon.cli(&["status", "--json"]).json()["store"]["incarnation"].as_str().unwrap().to_owned()
    };
    assert_ne!(incarnation(&other), incarnation(&daemon));
}

#[test]
fn a_stopped_server_is_backed_up_too_and_a_file_that_exists_is_not_overwritten() {
    let (mut daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.stop();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    let _ = daemon.cli(&["backup", file.to_str().unwrap()]).ok();
    let bytes = fs::read(&file).unwrap();
    assert!(daemon.cli(&["backup", file.to_str().unwrap()]).failed(1).contains("name a new file"));
    assert!(fs::read(&file).unwrap() == bytes);
}

#[test]
fn a_backup_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    let nothing = Daemon::stopped(Options::new().without_canary());
    let cli = nothing.cli(&["backup", file.to_str().unwrap()]);
    assert_ne!(cli.code, Some(0), "there is no store: {cli:?}");
    assert!(!file.exists());
}

#[test]
fn what_is_no_whole_backup_of_this_key_is_refused_with_its_exit_code() {
    let (mut daemon, _, _) = erika();
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let _ = daemon.cli(&["backup", &name("whole")]).ok();
    let whole = fs::read(name("whole")).unwrap();
    fs::write(name("cut"), &whole[..whole.len() - 10]).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(name("changed"), changed).unwrap();
    fs::write(name("foreign"), b"BEGIN:VCALENDAR").unwrap();
    for (file, wanted) in [("cut", "cut off"), ("changed", "damaged"), ("foreign", "not a backup")] {
        let said = daemon.cli(&["backup", "verify", &name(file)]).failed(6);
        assert!(said.contains(wanted) && said.contains("remedy: "), "{file}: {said}");
    }
    let (stranger, _, _) = erika();
    assert!(
        stranger.cli(&["backup", "verify", &name("whole")]).failed(5).contains("does not fit this backup")
    );
    let _ = daemon.cli(&["backup", "verify", &name("nowhere")]).failed(1);
    let _ = daemon.cli(&["restore", &name("whole")]).failed(4);
    daemon.stop();
    assert!(daemon.cli(&["restore", &name("whole")]).failed(1).contains("a store in"));
}

#[test]
fn every_record_is_looked_at_live_and_damage_is_named() {
    let (mut daemon, erika, client) = erika();
    for n in 0..30 {
        let body = ics::simple(&n.to_string());
        let _ = client.put(&erika.object(&format!("{n}.ics")), body).expect(201);
    }
    let found = daemon.cli(&["store", "verify", "--json"]).json();
    assert_eq!(found["damaged"], 0);
    assert!(found["rows"].as_u64().unwrap() > 120);
    assert!(daemon.cli(&["store", "verify"]).ok().contains(" 0 damaged"));
    daemon.stop();

    // A bit that flips in a record: the seal finds it. Which page it is in differs from run to run.
    let file = daemon.state().join("store.redb");
    let whole = fs::read(&file).unwrap();
    let mut named = 0;
    for at in (whole.len() / 4..whole.len()).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        if damaged[at..].iter().take(16).all(|byte| *byte == 0) {
            continue; // a page that holds nothing
        }
        damaged[at] ^= 4;
        fs::write(&file, damaged).unwrap();
        let said = daemon.cli(&["store", "verify"]);
        if said.code == Some(6) && said.stdout.contains("damaged") {
            assert!(said.stdout.contains("ten_"), "{}", said.stdout);
            named += 1;
        }
        if named == 3 {
            break;
        }
    }
    assert!(named > 0, "no flipped bit was found");
    fs::write(&file, whole).unwrap();
    let _ = daemon.cli(&["store", "verify"]).ok();
}

#[test]
fn a_store_moves_to_another_engine_and_back_with_every_octet() {
    let (mut daemon, erika, client) = erika();
    for n in 0..20 {
        let body = ics::simple(&n.to_string());
        let _ = client.put(&erika.object(&format!("{n}.ics")), body).expect(201);
    }
    let listed = |daemon: &Daemon| {
        let client = daemon.client(&erika);
        let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
        (listing, client.get(&erika.object("7.ics")).expect(200).body)
    };
    let before = listed(&daemon);
    let _ = daemon.cli(&["store", "convert", "--to", "sled"]).failed(4);
    daemon.stop();
    assert!(daemon.cli(&["store", "convert", "--to", "sled"]).ok().contains("engine = \"sled\""));
    let refused = daemon.cli(&["user", "list"]).failed(3);
    assert!(refused.contains("sled"), "{refused}");

    let other = Options::new().state(daemon.state()).set("store.engine", "sled");
    let mut moved = Daemon::stopped(other);
    moved.boot();
    assert!(listed(&moved) == before);
    assert_eq!(moved.cli(&["status", "--json"]).json()["store"]["engine"], "sled");
    let _ = moved.client(&erika).put(&erika.object("new.ics"), ics::simple("new")).expect(201);
    assert_eq!(moved.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
    moved.stop();
    let _ = moved.cli(&["store", "convert", "--to", "redb"]).ok();
    daemon.boot();
    assert_eq!(daemon.client(&erika).members(&erika.calendar()).len(), 21);
}

#[test]
fn a_stopped_store_is_checked_and_made_smaller_with_either_engine_and_a_running_one_is_not() {
    for engine in ["redb", "sled"] {
        let mut daemon = Daemon::start_with(Options::new().set("store.engine", engine).without_canary());
        let erika = daemon.person("erika");
        let client = daemon.client(&erika);
        for n in 0..20 {
            let body = ics::simple(&n.to_string());
            let _ = client.put(&erika.object(&format!("{n}.ics")), body).expect(201);
        }
        for verb in ["check", "compact"] {
            let refused = daemon.cli(&["store", verb]).failed(4);
            assert!(refused.contains("stop that process first"), "{refused}");
        }
        let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
        daemon.stop();
        let checked = daemon.cli(&["store", "check", "--json"]).json();
        assert_eq!((&checked["engine"], &checked["repaired"]), (&engine.into(), &false.into()));
        assert!(checked["damaged"] == 0 && checked["rows"].as_u64().unwrap() > 60, "{checked}");
        assert!(daemon.cli(&["store", "check"]).ok().contains("is sound\n"));
        let done = daemon.cli(&["store", "compact", "--json"]).json();
        // There was little to gain: sled's files have half a mebibyte at least.
        assert!(done["after"].as_u64().unwrap() <= done["before"].as_u64().unwrap() + 4096, "{done}");
        assert!(daemon.cli(&["store", "compact"]).ok().contains(" bytes before, "));
        daemon.boot();
        let delta = daemon.client(&erika).sync(&erika.calendar(), &token).multistatus();
        assert!(delta.entries.iter().all(|entry| entry.href.ends_with('/')), "clients notice nothing");
        assert_eq!(daemon.client(&erika).members(&erika.calendar()).len(), 20);
    }
}
