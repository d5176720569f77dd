//! A tenant on its way to another instance, and away from this one.

use std::fs;
use std::path::{Path, PathBuf};

use almanac_harness::{Cli, Client, Daemon, Options, Person, ics};

const TENANT: &str = "riverside";

struct Practice {
    daemon: Daemon,
    erika: Person,
    ben: Person,
    folder: tempfile::TempDir,
}

impl Practice {
    /// A tenant with two people, a share, dead properties and something of either kind in the trash.
    fn new() -> Self {
        let daemon = Daemon::start();
        let (erika, ben) = (daemon.person_in(TENANT, "erika"), daemon.person_in(TENANT, "ben"));
        let client = daemon.client(&erika);
        for n in 0..150 {
            let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
        }
        let odd = ics::event_with("odd", "Sitzung", "20261201T090000Z", "X-ODD;P=\"a;b\":kept\r\n");
        let _ = client.put(&erika.object("odd name.ics".replace(' ', "%20").as_str()), &odd).expect(201);
        let note = "<D:set><D:prop><x:note xmlns:x=\"urn:x\">kept</x:note></D:prop></D:set>";
        assert_eq!(client.proppatch(&erika.object("7.ics"), note).status, 207);
        let name = "<D:set><D:prop><D:displayname>Praxis</D:displayname><x:c xmlns:x=\"urn:x\">red</x:c></D:prop></D:set>";
        assert_eq!(client.proppatch(&erika.calendar(), name).status, 207);
        let share = ["calendar", "share", "erika/calendar", "--with", "ben", "--access", "read-write"];
        let _ = daemon.cli(&share).ok();
        let _ = client.delete(&erika.object("149.ics")).expect(204);
        let _ = client.request("MKCALENDAR", &erika.collection("old")).send().expect(201);
        let kept = format!("{}kept.ics", erika.collection("old"));
        let _ = client.put(&kept, ics::simple("kept")).expect(201);
        let _ = client.delete(&erika.collection("old")).expect(204);
        Self { daemon, erika, ben, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("riverside.export")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("riverside.key")
    }

    fn export(&self) -> String {
        let (file, key) = (self.file(), self.key());
        let arguments = ["tenant", "export", TENANT, path(&file), "--key-file", path(&key)];
        self.daemon.cli(&arguments).ok()
    }

    fn import_into(&self, daemon: &Daemon, more: &[&str]) -> Cli {
        let (file, key) = (self.file(), self.key());
        daemon.cli(&[&["tenant", "import", path(&file), "--key-file", path(&key)], more].concat())
    }

    /// What a client of Erika sees: every member with its ETag and octets, and the dead properties.
    fn seen(&self, client: &Client) -> Vec<String> {
        let mut seen = Vec::new();
        let listing = client.propfind(&self.erika.calendar(), "1", &["D:getetag"]).multistatus();
        for entry in listing.entries.iter().filter(|entry| entry.href != self.erika.calendar()) {
            let found = client.get(&entry.href).expect(200);
            assert_eq!(found.etag(), entry.text("D:getetag"));
            seen.push(format!("{} {} {}", entry.href, found.etag(), found.text()));
        }
        let of_object = client.propfind(&self.erika.object("7.ics"), "0", &["x:note xmlns:x=\"urn:x\""]);
        assert!(of_object.text().contains("kept"), "{of_object}");
        let of_calendar =
            client.propfind(&self.erika.calendar(), "0", &["D:displayname", "x:c xmlns:x=\"urn:x\""]);
        assert!(of_calendar.text().contains("Praxis") && of_calendar.text().contains("red"), "{of_calendar}");
        seen.sort();
        seen
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn tenants(daemon: &Daemon) -> Vec<String> {
    let rows = daemon.cli(&["tenant", "list", "--json"]).json();
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn with_new_password(daemon: &Daemon, person: &Person) -> Person {
    let secret = daemon.cli(&["app-password", "add", &person.login, "--label", "new"]).ok();
    Person { login: person.login.clone(), secret: secret.trim().to_owned() }
}

#[test]
fn a_tenant_goes_to_an_instance_with_another_root_key_octet_for_octet() {
    let practice = Practice::new();
    let client = practice.daemon.client(&practice.erika);
    let before = practice.seen(&client);
    let token = client.sync(&practice.erika.calendar(), "").multistatus().sync_token.unwrap();
    let trash = practice.daemon.cli(&["trash", "list", "erika", "--names", "--json"]).json();
    let said = practice.export();
    assert_eq!(said, "complete: tenant riverside, 2 people, 4 calendars, 151 objects, 2 in the trash\n");
    let sealed = fs::read(practice.file()).unwrap();
    for plain in ["erika", "SUMMARY", "Praxis"] {
        assert!(!sealed.windows(plain.len()).any(|part| part == plain.as_bytes()), "{plain} lies open");
    }
    for file in [practice.file(), practice.key()] {
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap()) & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }

    for running in [true, false] {
        let mut other = Daemon::start();
        if !running {
            other.stop();
        }
        assert_eq!(practice.import_into(&other, &["--check"]).ok(), "whole\n");
        assert_eq!(practice.import_into(&other, &[]).ok(), said);
        assert_eq!(tenants(&other).len(), 2);
        if !running {
            other.boot();
        }
        let erika = with_new_password(&other, &practice.erika);
        let client = other.client(&erika);
        assert_eq!(practice.seen(&client), before);
        client.sync(&erika.calendar(), &token).expect_refused(403, "D:valid-sync-token");
        assert_eq!(client.sync(&erika.calendar(), "").multistatus().members().len(), 150);
        let same_uid = client.put(&erika.object("again.ics"), ics::simple("7"));
        same_uid.expect_refused(403, "C:no-uid-conflict");
        let ben = with_new_password(&other, &practice.ben);
        let shared = ben.collection("erika-calendar");
        let _ = other.client(&ben).put(&format!("{shared}new.ics"), ics::simple("new")).expect(201);

        let arrived = other.cli(&["trash", "list", "erika", "--names", "--json"]).json();
        assert_eq!(arrived, trash);
        for entry in arrived["entries"].as_array().unwrap() {
            let _ = other.cli(&["trash", "restore", entry["id"].as_str().unwrap()]).ok();
        }
        assert_eq!(client.get(&erika.object("149.ics")).status, 200);
        assert_eq!(client.get(&format!("{}kept.ics", erika.collection("old"))).status, 200);
        assert_eq!(other.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
        other.restart();
        assert_eq!(other.client(&erika).members(&erika.calendar()).len(), 152);
    }
}

#[test]
fn a_stopped_instance_exports_too_into_an_empty_folder_and_under_a_key_that_is_there() {
    let mut practice = Practice::new();
    let (file, key) = (practice.file(), practice.key());
    fs::write(&key, "5f".repeat(32)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&key, mode).unwrap();
    practice.daemon.stop();
    let unknown = ["tenant", "export", "nobody", path(&file), "--key-file", path(&key)];
    let _ = practice.daemon.cli(&unknown).failed(1);
    assert!(!file.exists(), "the command can be given again");
    let said = practice.export();
    let again = ["tenant", "export", TENANT, path(&file), "--key-file", path(&key)];
    assert!(practice.daemon.cli(&again).failed(1).contains("cannot make"), "nothing is overwritten");
    let empty = Daemon::stopped(Options::new());
    let named = practice.import_into(&empty, &["--name", "Elsewhere"]).ok();
    assert_eq!(named, said.replace("riverside", "Elsewhere"));
    assert_eq!(tenants(&empty), ["Elsewhere"]);
}

#[test]
fn what_is_there_already_is_named_and_nothing_changes() {
    let practice = Practice::new();
    let _ = practice.export();
    let refused = practice.import_into(&practice.daemon, &[]).failed(1);
    assert!(refused.contains("there is already such a tenant"), "{refused}");
    let refused = practice.import_into(&practice.daemon, &["--name", "Second"]).failed(1);
    assert!(refused.contains("ben, erika"), "{refused}");
    assert_eq!(tenants(&practice.daemon).len(), 2);
    assert_eq!(practice.daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);

    // The way back after a removal is the same as to another instance.
    let before = practice.seen(&practice.daemon.client(&practice.erika));
    let refused = practice.daemon.cli(&["tenant", "remove", TENANT]).failed(2);
    assert!(refused.contains("--yes"), "{refused}");
    let _ = practice.daemon.cli(&["tenant", "remove", TENANT, "--yes"]).ok();
    assert_eq!(practice.daemon.client(&practice.erika).get(&practice.erika.object("7.ics")).status, 401);
    assert_eq!(tenants(&practice.daemon).len(), 1);
    let _ = practice.import_into(&practice.daemon, &[]).ok();
    let erika = with_new_password(&practice.daemon, &practice.erika);
    assert_eq!(practice.seen(&practice.daemon.client(&erika)), before);
}

#[test]
fn a_file_that_is_not_whole_or_another_key_imports_nothing() {
    let practice = Practice::new();
    let _ = practice.export();
    let other = Daemon::start();
    let whole = fs::read(practice.file()).unwrap();
    let middle = whole.len() / 2;
    let mut changed = whole.clone();
    changed[middle] ^= 1;
    let damages: [(&[u8], &str); 4] = [
        (&changed, "damaged"),
        (&whole[..middle], "cut off"),
        (&whole[..whole.len() - 40], "cut off"),
        (b"BEGIN:VCALENDAR", "not the export"),
    ];
    for (content, reason) in damages {
        fs::write(practice.file(), content).unwrap();
        for more in [&["--check"][..], &[]] {
            let refused = practice.import_into(&other, more).failed(6);
            assert!(refused.contains(reason), "{refused}");
        }
        assert_eq!(tenants(&other).len(), 1);
    }
    fs::write(practice.file(), &whole).unwrap();
    let right = fs::read(practice.key()).unwrap();
    fs::write(practice.key(), "00".repeat(32)).unwrap();
    let refused = practice.import_into(&other, &[]).failed(5);
    assert!(refused.contains("does not fit"), "{refused}");
    fs::remove_file(practice.key()).unwrap();
    let _ = practice.import_into(&other, &[]).failed(5);
    fs::write(practice.key(), right).unwrap();
    fs::set_permissions(practice.key(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let _ = practice.import_into(&other, &[]).ok();
    assert_eq!(other.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_an_import_leaves_nothing_behind() {
    let practice = Practice::new();
    let _ = practice.export();
    let other = Daemon::start();
    let rows = || other.cli(&["store", "verify", "--json"]).json()["rows"].as_u64().unwrap();
    let before = rows();
    for round in 0..4 {
        let (file, key) = (practice.file(), practice.key());
        let mut import = other.begin_cli(&["tenant", "import", path(&file), "--key-file", path(&key)]);
        std::thread::sleep(std::time::Duration::from_millis(round * 10));
        import.kill().unwrap();
        import.wait().unwrap();
        // The daemon undoes it when it sees the end of the connection; one that was complete is removed here.
        let _ = other.cli(&["tenant", "remove", TENANT, "--yes"]);
        let gone = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let _ = other.cli(&["tenant", "remove", TENANT, "--yes"]);
            rows() == before
        });
        assert!(gone, "{} rows are left, there were {before}", rows());
    }
}
