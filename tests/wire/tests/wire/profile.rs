//! Profiles for Apple's devices: read by a reader of property lists that is not ours, and tried.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use almanac_harness::{Daemon, Options, cannot_run};
use serde_json::Value;

/// The property list as Python reads it; `None` without Python.
fn parse(plist: &str) -> Option<Value> {
    let mut python = Command::new("python3");
    python.args([
        "-c",
        "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))",
    ]);
    let Ok(mut python) = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        cannot_run("python3 is not installed");
        return None;
    };
    python.stdin.take().unwrap().write_all(plist.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "no property list:\n{plist}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn account(profile: &Value) -> &Value {
    assert_eq!(profile["PayloadType"], "Configuration");
    let content = profile["PayloadContent"].as_array().unwrap();
    assert_eq!(content.len(), 1);
    assert_eq!(content[0]["PayloadType"], "com.apple.caldav.account");
    &content[0]
}

#[test]
fn the_url_of_a_profile_answers_and_a_password_is_in_it_only_if_asked_for() {
    let mut daemon = Daemon::start();
    let nora = daemon.person("nora+1");
    let url = format!("http://{}", daemon.listeners()[0].authority());
    let plain = daemon.cli(&["profile", "Nora+1", "--host", &url]).ok();
    let Some(profile) = parse(&plain) else { return };
    let found = account(&profile);
    let port: u64 = url.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(
        (found["CalDAVHostName"].as_str(), found["CalDAVPort"].as_u64()),
        (Some("127.0.0.1"), Some(port))
    );
    assert_eq!(found["CalDAVUseSSL"], false);
    assert_eq!(found["CalDAVUsername"], "nora+1");
    assert!(found["CalDAVPassword"].is_null());
    let principal = found["CalDAVPrincipalURL"].as_str().unwrap().strip_prefix(&url).unwrap();
    let answer = daemon.client(&nora).propfind(principal, "0", &["D:displayname"]).expect(207);
    assert!(answer.text().contains("Name of nora+1"), "{answer}");

    // With a password it is another file, but the same profile: it takes the place of the first.
    let file = daemon.state().with_file_name("nora.mobileconfig");
    let path = file.to_str().unwrap();
    let made = daemon.cli(&["profile", "nora+1", "--host", &url, "--with-app-password", "-o", path]);
    assert!(made.stderr.contains("whoever has the file has the calendars"), "{made:?}");
    let _ = made.ok();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let with = parse(&fs::read_to_string(&file).unwrap()).unwrap();
    for key in ["PayloadUUID", "PayloadIdentifier"] {
        assert_eq!(with[key], profile[key]);
        assert_eq!(account(&with)[key], found[key]);
    }
    let list = || daemon.cli(&["app-password", "list", "nora+1", "--json"]).json();
    let before = list();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let again = daemon.cli(&["profile", "nora+1", "--host", &url, "--with-app-password", "-o", path]);
    assert!(again.failed(1).contains("name a new file"), "others may have it open");
    assert_eq!(list(), before, "and no password was made for it");
    let unknown = daemon.state().with_file_name("nobody.mobileconfig");
    let _ = daemon.cli(&["profile", "nobody", "--host", &url, "-o", unknown.to_str().unwrap()]).failed(1);
    assert!(!unknown.exists());
    let secret = account(&with)["CalDAVPassword"].as_str().unwrap();
    let client = daemon.anonymous().sign_in_with("nora+1", secret);
    let _ = client.propfind(principal, "0", &["D:displayname"]).expect(207);
    let labels = daemon.cli(&["app-password", "list", "nora+1", "--json"]).json();
    assert!(labels.as_array().unwrap().iter().any(|row| row["label"] == "profile"), "{labels}");
    daemon.stop();
    assert_eq!(daemon.cli(&["profile", "nora+1", "--host", &url]).ok(), plain, "stopped, it is the same");
}

#[test]
fn the_public_url_is_the_server_and_who_is_unknown_gets_no_profile() {
    let daemon =
        Daemon::stopped(Options::new().without_canary().set("http.public_url", "https://cal.example.org"));
    let _nora = daemon.person("nora");
    let Some(profile) = parse(&daemon.cli(&["profile", "nora"]).ok()) else { return };
    let found = account(&profile);
    assert_eq!((&found["CalDAVHostName"], &found["CalDAVPort"]), (&"cal.example.org".into(), &443.into()));
    assert_eq!(&found["CalDAVUseSSL"], &true);
    let _ = daemon.cli(&["profile", "nobody"]).failed(1);
    let nameless = Daemon::stopped(Options::new().without_canary());
    let _nora = nameless.person("nora");
    let why = nameless.cli(&["profile", "nora"]).failed(1);
    assert!(why.contains("--host"), "{why}");
}
