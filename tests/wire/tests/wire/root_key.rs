//! Where the root key comes from: a file, a credential of the service manager, a passphrase.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use almanac_harness::{Daemon, Options, ics};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn private(path: &Path, text: &str) -> String {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn serves(daemon: &mut Daemon) {
    let erika = daemon.person("erika");
    daemon.boot();
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.restart();
    let _ = daemon.client(&erika).get(&erika.object("a.ics")).expect(200);
}

#[test]
fn a_credential_of_the_service_manager_is_the_root_key_and_without_it_the_remedy_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let state = folder.path().join("state");
    let options = || Options::new().state(&state).set("store.key", "credential").without_canary();
    let within = || options().variable("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());

    let refused = Daemon::stopped(within()).cli(&["tenant", "add", "t"]).failed(5);
    assert!(refused.contains("systemd-creds encrypt --name=almanac.root-key"), "{refused}");
    fs::write(credentials.join("almanac.root-key"), KEY).unwrap();
    let mut daemon = Daemon::stopped(within());
    serves(&mut daemon);
    assert!(!state.join("root.key").exists());

    // While the daemon runs, it is asked; afterwards nobody outside the unit has the key.
    let outside = Daemon::stopped(options());
    assert!(outside.cli(&["user", "list"]).ok().contains("erika"));
    daemon.stop();
    let refused = outside.cli(&["user", "list"]).failed(5);
    assert!(refused.contains("systemd-run --pipe --wait") && refused.contains("remedy: "), "{refused}");
}

#[test]
fn a_passphrase_opens_the_root_key_and_another_takes_its_place_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = private(&folder.path().join("passphrase"), "correct horse battery\n");
    let options = Options::new().set("store.key", "passphrase").set("store.passphrase_file", &passphrase);
    let mut daemon = Daemon::stopped(options.without_canary());
    serves(&mut daemon);
    assert!(daemon.state().join("root.wrapped").exists() && !daemon.state().join("root.key").exists());

    let new = private(&folder.path().join("new"), "staple staple staple\n");
    let change = ["key", "passphrase", "change", "--new-passphrase-file", &new];
    assert!(daemon.cli(&change).ok().contains(&passphrase));
    assert!(daemon.cli(&["key", "passphrase", "change"]).failed(2).contains("--new-passphrase-file"));
    daemon.stop();
    let refused = daemon.try_boot().unwrap_err().failed(5);
    assert!(refused.contains("the passphrase does not open"), "{refused}");
    private(Path::new(&passphrase), "staple staple staple\n");
    daemon.boot();
    assert!(daemon.cli(&["user", "list"]).ok().contains("erika"));
}

#[test]
fn a_store_with_a_key_file_is_moved_under_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = private(&folder.path().join("passphrase"), "correct horse battery\n");
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    serves(&mut daemon);
    daemon.stop();
    let key = daemon.state().join("root.key");
    let change = ["key", "passphrase", "change", "--new-passphrase-file", &passphrase];
    let refused = daemon.cli(&change).failed(3);
    assert!(refused.contains("--key-file"), "{refused}");
    let change = [change.as_slice(), &["--key-file", key.to_str().unwrap()]].concat();
    assert!(daemon.cli(&change).ok().contains("key = \"passphrase\""));
    fs::remove_file(&key).unwrap();

    let options = Options::new().set("store.key", "passphrase").set("store.passphrase_file", &passphrase);
    let mut moved = Daemon::stopped(options.state(daemon.state()).without_canary());
    moved.boot();
    assert!(moved.cli(&["user", "list"]).ok().contains("erika"));
}
