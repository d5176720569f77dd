//! The configuration and the certificate read anew while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_harness::{Client, Daemon, Options, Person, Signal, Wire, ics};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use crate::systemd::Manager;

/// A daemon with a configuration file of its own, and the service manager that hears of its reloads.
struct Running {
    daemon: Daemon,
    manager: Manager,
    file: PathBuf,
    folder: TempDir,
}

impl Running {
    fn start(text: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::start_with(text, prepare, |options| options)
    }

    fn start_with(text: &str, prepare: impl FnOnce(&Path), change: impl FnOnce(Options) -> Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (manager, options) = Manager::listen(folder.path());
        let settings = folder.path().join("settings");
        fs::create_dir(&settings).unwrap();
        prepare(&settings);
        let file = settings.join("almanac.toml");
        fs::write(&file, text).unwrap();
        let options = options.argument("--config").argument(file.to_str().unwrap());
        let daemon = Daemon::start_with(change(options).without_canary());
        assert_eq!(manager.hear()[0], "READY=1");
        Self { daemon, manager, file, folder }
    }

    fn client(&self, person: &Person) -> Client {
        self.daemon.client(person)
    }

    /// The status after the reload that is under way.
    #[track_caller]
    fn reloaded(&self) -> String {
        let begun = self.manager.hear();
        assert_eq!(begun[0], "RELOADING=1");
        let now = begun[1].strip_prefix("MONOTONIC_USEC=").unwrap();
        assert!(now.parse::<u64>().unwrap() > 0);
        let ended = self.manager.hear();
        assert_eq!(ended[0], "READY=1");
        ended[1].clone()
    }

    /// Writes the file and asks for a reload; its status.
    #[track_caller]
    fn reload(&self, text: &str) -> String {
        // Where nobody watches, so that there is one reload only.
        let draft = self.folder.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &self.file).unwrap();
        self.daemon.signal(Signal::HUP);
        self.reloaded()
    }
}

fn large(uid: &str) -> String {
    ics::simple(uid).replace("SUMMARY:", &format!("DESCRIPTION:{}\r\nSUMMARY:", "x".repeat(4000)))
}

const SMALL: &str = "[limits]\nobject_bytes_max = \"2KiB\"\n";

#[test]
fn a_limit_changes_for_new_connections_and_an_old_one_keeps_what_it_began_with() {
    let running = Running::start(SMALL, |_| {});
    let erika = running.daemon.person("erika");
    let client = running.client(&erika);
    let put = |name: &str| client.request("PUT", &erika.object(name)).body(large(name));
    let send = |wire: &mut Wire, name: &str| {
        wire.send(put(name).to_bytes()).unwrap();
        wire.read_response("PUT").unwrap().status
    };
    let mut old = client.connect().unwrap();
    assert_eq!(send(&mut old, "a.ics"), 403);
    assert!(running.reload("[limits]\nobject_bytes_max = \"20KiB\"\n").starts_with("STATUS=serving http"));
    assert_eq!(send(&mut client.connect().unwrap(), "a.ics"), 201);
    assert_eq!(send(&mut old, "b.ics"), 403);
}

#[test]
fn a_file_that_changes_is_read_without_being_asked() {
    let running = Running::start(SMALL, |_| {});
    let erika = running.daemon.person("erika");
    let put = || running.client(&erika).put(&erika.object("a.ics"), large("a"));
    let _ = put().expect(403);
    fs::write(&running.file, "").unwrap();
    let _ = running.reloaded();
    let _ = put().expect(201);
    // As an editor does it.
    let draft = running.file.with_extension("new");
    fs::write(&draft, SMALL).unwrap();
    fs::rename(&draft, &running.file).unwrap();
    let _ = running.reloaded();
    let _ = running.client(&erika).put(&erika.object("b.ics"), large("b")).expect(403);
}

#[test]
fn an_invalid_file_changes_nothing_and_its_key_and_line_are_told() {
    let running = Running::start(SMALL, |_| {});
    let erika = running.daemon.person("erika");
    let put = |name: &str| running.client(&erika).put(&erika.object(name), large(name));
    let status = running.reload("[limits]\nobject_bytes_max = \"20KiB\"\nidle_timeout = 10\n");
    assert!(status.ends_with("the new configuration is refused, see the log"), "{status}");
    let line = running.daemon.await_log(|line| line.contains("the old one stays")).unwrap();
    assert!(line.contains("line 3, key limits.idle_timeout"), "{line}");
    let _ = put("a.ics").expect(403);
    let status = running.reload("[limits]\nobject_bytes_max = \"20KiB\"\n");
    assert!(!status.contains("refused"), "{status}");
    let _ = put("a.ics").expect(201);
}

#[test]
fn a_key_that_needs_a_restart_is_named_and_the_others_hold() {
    let running = Running::start(SMALL, |_| {});
    let erika = running.daemon.person("erika");
    let text =
        "[log]\nformat = \"json\"\n[store]\ncache = \"1MiB\"\n[limits]\nobject_bytes_max = \"20KiB\"\n";
    let _ = running.reload(text);
    let line = running.daemon.await_log(|line| line.contains("at the next start only")).unwrap();
    assert!(line.ends_with(": store.cache, log.format"), "{line}");
    let _ = running.client(&erika).put(&erika.object("a.ics"), large("a")).expect(201);
}

#[test]
fn the_level_of_the_log_changes_while_the_server_runs() {
    let running = Running::start("[log]\nlevel = \"warn\"\n", |_| {});
    let erika = running.daemon.person("erika");
    let requests = || running.daemon.log().matches("method=GET").count();
    let get = || running.client(&erika).get(&erika.object("none.ics")).expect(404);
    let _ = get();
    let _ = running.reload("[log]\nlevel = \"info\"\n");
    let _ = get();
    assert!(running.daemon.await_log(|line| line.contains("method=GET")).is_some());
    assert_eq!(requests(), 1, "{}", running.daemon.log());
    let _ = running.reload("[log]\nlevel = \"error\"\n");
    let _ = get();
    let _ = running.reload("[log]\nlevel = \"info\"\n");
    assert_eq!(requests(), 1, "{}", running.daemon.log());
}

/// Writes a certificate for `localhost` and its key; a client's configuration that trusts it alone.
pub(crate) fn certificate(folder: &Path) -> ClientConfig {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_a_broken_one_is_not() {
    let mut first = None;
    let text = "[http.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n";
    let running = Running::start(text, |folder| first = Some(certificate(folder)));
    let trusting = |config: &ClientConfig| {
        running.daemon.anonymous().with_tls(config.clone()).request("GET", "/dav/").try_send()
    };
    let first = first.unwrap();
    let settings = running.file.parent().unwrap();
    assert!(trusting(&first).is_ok());

    let second = certificate(settings);
    let _ = running.reloaded();
    assert!(trusting(&second).is_ok());
    assert!(trusting(&first).is_err());

    fs::write(settings.join("key.pem"), "no key").unwrap();
    assert!(running.reloaded().contains("refused"));
    let line = running.daemon.await_log(|line| line.contains("the old one stays")).unwrap();
    assert!(line.contains("http.tls.key_file"), "{line}");
    assert!(trusting(&second).is_ok());

    // What was refused stays refused when somebody asks again.
    running.daemon.signal(Signal::HUP);
    assert!(running.reloaded().contains("refused"));
    let third = certificate(settings);
    assert!(!running.reloaded().contains("refused"));
    assert!(trusting(&third).is_ok());
}

#[test]
fn a_hangup_does_not_end_a_daemon_without_a_file() {
    let daemon = Daemon::start();
    daemon.signal(Signal::HUP);
    assert!(daemon.await_log(|line| line.contains("the configuration is reloaded")).is_some());
}

#[test]
fn a_socket_that_was_handed_over_is_bound_by_the_rules_at_a_reload_too() {
    let socket = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let behind = "[http]\nbehind_proxy = true\n";
    let running = Running::start_with(behind, |_| {}, |options| options.hand_over(socket, "http"));
    let status = running.reload("[http]\nbehind_proxy = false\n");
    assert!(status.contains("the new configuration is refused"), "{status}");
    let line = running.daemon.await_log(|line| line.contains("configuration is refused"));
    assert!(line.is_some_and(|line| line.contains("in clear over a network")), "{}", running.daemon.log());
    assert!(!running.reload(behind).contains("refused"));
}
