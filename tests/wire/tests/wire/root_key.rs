//! Where the root key comes from: a file, a credential of the service manager, a passphrase.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use almanac_harness::{Daemon, Options, binary, cannot_run, ics};

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

#[test]
fn the_root_key_is_changed_while_the_server_runs_and_while_it_does_not_and_older_backups_are_restored_with_the_older_one()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    serves(&mut daemon);
    let erika = daemon.person("erika2");
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let file = folder.path().join("before.backup");
    let file = file.to_str().unwrap();
    let _ = daemon.cli(&["backup", file]).ok();
    let key = || fs::read_to_string(daemon.state().join("root.key")).unwrap();
    let first = key();

    let done = daemon.cli(&["key", "rotate", "--root", "--json"]).json();
    // The system tenant and the one that people are in: the index key and one key each.
    assert_eq!((done["rewrapped"].as_u64(), done["install"].as_bool()), (Some(4), Some(false)));
    let kept = done["kept"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(&kept).unwrap(), first);
    assert_ne!(key(), first);
    let _ = client.put(&erika.object("b.ics"), ics::simple("b")).expect(201);
    daemon.restart();
    let client = daemon.client(&erika);
    let _ = client.get(&erika.object("b.ics")).expect(200);
    assert!(daemon.cli(&["backup", "verify", file]).failed(5).contains("--key-file"));
    let _ = daemon.cli(&["backup", "verify", file, "--key-file", &kept]).ok();
    daemon.stop();
    let said = daemon.cli(&["key", "rotate", "--root"]).ok();
    assert!(said.contains("complete: 4 keys") && said.contains("root.key.old-"), "{said}");
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);

    let mut other = Daemon::stopped(Options::new().state(&folder.path().join("other")).without_canary());
    let _ = other.cli(&["restore", "--key-file", &kept, file]).ok();
    other.boot();
    let client = other.client(&erika);
    let _ = client.get(&erika.object("a.ics")).expect(200);
    assert_eq!(client.get(&erika.object("b.ics")).status, 404);
}

#[test]
fn a_credential_is_changed_by_the_operator_who_is_told_when_the_old_one_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let credential = folder.path().join("almanac.root-key");
    fs::write(&credential, KEY).unwrap();
    let options = Options::new().set("store.key", "credential").without_canary();
    let options = options.variable("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap());
    let mut daemon = Daemon::stopped(options);
    serves(&mut daemon);
    let rotate = ["key", "rotate", "--root"];
    assert!(daemon.cli(&rotate).failed(2).contains("--next-key-file"));
    let next = private(&folder.path().join("next"), &KEY.replace('0', "f"));
    let rotate = [rotate.as_slice(), &["--next-key-file", &next]].concat();
    let said = daemon.cli(&rotate).ok();
    assert!(said.contains("systemd-creds encrypt --name=almanac.root-key"), "{said}");
    daemon.restart(); // too early: the store still has what it needs
    let again = daemon.cli(&[rotate.as_slice(), &["--json"]].concat()).json();
    assert_eq!((again["rewrapped"].as_u64(), again["install"].as_bool()), (Some(0), Some(true)));
    fs::copy(&next, &credential).unwrap();
    daemon.restart();
    assert!(daemon.cli(&["user", "list"]).ok().contains("erika"));
    let again = daemon.cli(&[rotate.as_slice(), &["--json"]].concat()).json();
    assert_eq!(again["install"].as_bool(), Some(false));
    daemon.stop();
    fs::write(&credential, KEY).unwrap();
    let refused = daemon.try_boot().unwrap_err().failed(5);
    assert!(refused.contains("was changed, and this is the one before"), "{refused}");
}

/// A command on a terminal of its own, and what it has shown so far.
struct Terminal(Child, String);

impl Terminal {
    /// Gives the store in `state` a passphrase for the key in `key`; afterwards the terminal says how it is set. `None`
    /// where no terminal can be made.
    fn asking(state: &Path, key: &str) -> Option<Self> {
        let (almanac, state) = (binary().display().to_string(), state.display());
        let change = format!("{almanac} key passphrase change --state {state} --key-file {key}; stty -a");
        let mut command = Command::new("script");
        command.args(["-qec", &change, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().ok().map(|child| Self(child, String::new()))
    }

    fn type_after(&mut self, prompt: &str, keys: &[u8]) {
        let mut byte = [0];
        while !self.1.ends_with(prompt) {
            self.0.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
            self.1.push(char::from(byte[0]));
        }
        self.0.stdin.as_mut().unwrap().write_all(keys).unwrap();
    }

    /// All that was shown to the end.
    fn end(mut self) -> String {
        self.0.stdout.take().unwrap().read_to_string(&mut self.1).unwrap();
        self.0.wait().unwrap();
        self.1
    }
}

/// Whether `stty -a` says that the terminal is set so.
fn is_set(word: &str, shown: &str) -> bool {
    shown.split_whitespace().any(|set| set == word)
}

#[test]
fn a_passphrase_that_is_typed_is_not_shown_and_the_terminal_shows_again_what_is_typed_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let key = private(&folder.path().join("root.key"), KEY);
    for keys in ["\u{3}", "staple\u{3}"] {
        let Some(mut terminal) = Terminal::asking(&state, &key) else {
            return cannot_run("script (of util-linux) is not installed");
        };
        terminal.type_after("new passphrase: ", keys.as_bytes());
        let shown = terminal.end();
        assert!(shown.contains("nothing has changed"), "{shown}");
        assert!(
            is_set("echo", &shown) && is_set("isig", &shown) && shown.contains("eol = <undef>"),
            "{shown}"
        );
        assert!(!shown.contains("staple") && !state.join("root.wrapped").exists());
    }
    let mut terminal = Terminal::asking(&state, &key).unwrap();
    terminal.type_after("new passphrase: ", b"staple staple staple\n");
    terminal.type_after("again: ", b"staple staple staple\n");
    let shown = terminal.end();
    assert!(shown.contains("wrapped; ") && is_set("echo", &shown) && !shown.contains("staple"), "{shown}");
    let passphrase = private(&folder.path().join("passphrase"), "staple staple staple\n");
    let options = Options::new().set("store.key", "passphrase").set("store.passphrase_file", &passphrase);
    Daemon::stopped(options.state(&state).without_canary()).boot();
}
