//! Listeners: TCP v4 and v6, unix sockets, TLS, HTTP/2, proxies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use almanac_harness::{Address, Client, Daemon, Options, ics};
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A certificate for `localhost` in a folder, and a client configuration that trusts it.
pub(crate) fn certificate(folder: &Path) -> (Options, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let options = Options::new()
        .set("http.tls.cert_file", cert.to_str().unwrap())
        .set("http.tls.key_file", key.to_str().unwrap());
    (options, client_config(&cert))
}

#[test]
fn tls_serves_and_plain_http_on_the_same_port_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (options, config) = certificate(folder.path());
    let daemon = Daemon::start_with(options.without_canary());
    let erika = daemon.person("erika");
    let client = daemon.client(&erika).with_tls(config.clone());
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    assert_eq!(client.get(&erika.object("a.ics")).text(), ics::simple("a"));
    let redirect = daemon.anonymous().with_tls(config).get("/.well-known/caldav").expect(301);
    let own = format!("https://{}/dav/", daemon.listeners()[0].authority());
    assert_eq!(redirect.header("location"), Some(own.as_str()));

    let mut wire = daemon.client(&erika).connect().unwrap();
    wire.send(daemon.client(&erika).request("GET", &erika.object("a.ics")).to_bytes()).unwrap();
    let said = wire.read_to_close();
    assert!(!String::from_utf8_lossy(&said).contains("BEGIN:VCALENDAR"));
}

/// A client that trusts the certificate in this file.
fn client_config(certificate: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

#[test]
fn a_tls_handshake_that_stops_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = certificate(folder.path());
    let daemon = Daemon::start_with(
        options
            .without_canary()
            .set("limits.handshake_timeout", "300ms")
            .set("limits.first_byte_timeout", "300ms"),
    );
    let client = daemon.anonymous();
    let silent = client.connect().unwrap();
    let mut begun = client.connect().unwrap();
    begun.send([0x16, 3, 1, 2, 0]).unwrap();
    let _ = silent.read_to_close();
    let _ = begun.read_to_close();
}

#[test]
fn a_unix_socket_serves_like_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("http.sock");
    let daemon = Daemon::start_with(Options::new().set("http.listen", &format!("unix:{}", socket.display())));
    let erika = daemon.person("erika");
    assert_eq!(daemon.listeners(), [Address::Unix(socket.clone())]);
    let client = Client::new(Address::Unix(socket)).sign_in(&erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    assert_eq!(client.members(&erika.calendar()), ["a.ics"]);
}

#[test]
fn several_listeners_serve_the_same_store() {
    let daemon = Daemon::start_with(Options::new().set("http.listen", r#"["127.0.0.1:0", "[::1]:0"]"#));
    let erika = daemon.person("erika");
    let clients: Vec<_> = daemon.listeners().iter().map(|a| Client::new(a.clone()).sign_in(&erika)).collect();
    assert_eq!(clients.len(), 2, "{:?}", daemon.listeners());
    let etag = clients[0].put(&erika.object("a.ics"), ics::simple("a")).expect(201).etag();
    assert_eq!(clients[1].get(&erika.object("a.ics")).expect(200).etag(), etag);
}

#[test]
fn a_network_address_without_tls_is_refused_unless_a_proxy_is_promised() {
    let mut daemon = Daemon::stopped(Options::new().without_canary().set("http.listen", "0.0.0.0:0"));
    let refused = daemon.try_boot().unwrap_err();
    let why = refused.failed(3);
    assert!(why.contains("behind_proxy") || why.contains("tls"), "{why}");
    let mut daemon = Daemon::stopped(
        Options::new().without_canary().set("http.listen", "0.0.0.0:0").set("http.behind_proxy", "true"),
    );
    daemon.boot();
}

#[test]
fn a_management_listener_on_the_network_is_refused_unless_a_proxy_is_promised() {
    let open = Options::new().without_canary().set("management.listen", "0.0.0.0:0");
    let why = Daemon::stopped(open.clone()).try_boot().unwrap_err().failed(3);
    assert!(why.contains("management.listen"), "{why}");
    Daemon::stopped(open.set("http.behind_proxy", "true")).boot();
}

#[test]
fn a_port_that_is_taken_is_a_clear_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut daemon = Daemon::stopped(Options::new().without_canary().set("http.listen", &address));
    let why = daemon.try_boot().unwrap_err().failed(1);
    assert!(why.contains(&address), "{why}");
}

#[test]
fn http_2_with_prior_knowledge_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["-sS", "-o", "-", "-w", "\n%{http_version} %{response_code}"])
            .args(arguments)
            .output();
        let output = output.expect("curl is installed by tests/conformance/install");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let credentials = format!("erika:{}", erika.secret);
    let url = |daemon: &Daemon, scheme: &str| {
        format!("{scheme}://localhost:{}{}", daemon.listeners()[0].tcp().port(), erika.object("a.ics"))
    };
    let got = curl(&["-4", "--http2-prior-knowledge", "-u", &credentials, &url(&daemon, "http")]);
    assert!(got.ends_with("\n2 200") && got.contains("UID:a"), "{got}");
    let put = ics::simple("b");
    let target = url(&daemon, "http").replace("a.ics", "b.ics");
    let got = curl(&[
        "-4",
        "--http2-prior-knowledge",
        "-u",
        &credentials,
        "-X",
        "PUT",
        "-H",
        "Content-Type: text/calendar",
        "--data-binary",
        &put,
        &target,
    ]);
    assert!(got.ends_with("\n2 201"), "{got}");

    let (options, _) = certificate(folder.path());
    let daemon = Daemon::start_with(options.without_canary());
    let again = daemon.person("erika");
    let credentials = format!("erika:{}", again.secret);
    let cert = folder.path().join("cert.pem");
    let url = url(&daemon, "https").replace("a.ics", "");
    let got = curl(&["-4", "--http2", "--cacert", cert.to_str().unwrap(), "-u", &credentials, &url]);
    assert!(got.ends_with("\n2 200"), "{got}");
}

#[test]
fn forwarded_headers_are_believed_only_from_trusted_proxies() {
    let location = |options: Options| {
        let daemon = Daemon::start_with(options.without_canary());
        let request = daemon.anonymous().request("GET", "/.well-known/caldav");
        let request =
            request.header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "cal.example.org");
        let answer = request.send().expect(301);
        let own = format!("http://{}/dav/", daemon.listeners()[0].authority());
        (answer.header("location").unwrap().to_owned(), own)
    };
    let (ignored, own) = location(Options::new());
    assert_eq!(ignored, own);
    let (believed, _) = location(Options::new().set("http.trusted_proxies", "127.0.0.0/8"));
    assert_eq!(believed, "https://cal.example.org/dav/");
}

#[test]
fn the_demo_on_the_network_has_a_certificate_of_its_own_and_keeps_it() {
    let options = Options::default().set("management.listen", "127.0.0.1:0").without_canary();
    let mut daemon = Daemon::stopped(options.argument("--demo").argument("--lan=0"));
    daemon.boot();
    let state = daemon.state().to_owned();
    let address = daemon.listeners()[0].tcp();
    assert!(address.ip().is_unspecified(), "{address}");
    assert_eq!(fs::metadata(state.join("lan-key.pem")).unwrap().permissions().mode() & 0o777, 0o600);

    let local = Address::Tcp(([127, 0, 0, 1], address.port()).into());
    let client = Client::new(local).with_tls(client_config(&state.join("lan-cert.pem")));
    let _ = client.get("/dav/").expect(401);

    let certificate = CertificateDer::from_pem_file(state.join("lan-cert.pem")).unwrap();
    let digest = digest::digest(&digest::SHA256, &certificate);
    let fingerprint = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    assert!(daemon.await_log(|line| line.trim() == fingerprint).is_some(), "{fingerprint}: {}", daemon.log());
    daemon.restart();
    assert!(daemon.await_log(|line| line.trim() == fingerprint).is_some(), "the certificate is kept");
}

#[test]
fn the_demo_on_the_network_listens_where_it_was_told_to() {
    let options = Options::new().without_canary().argument("--demo").argument("--lan");
    let mut daemon = Daemon::stopped(options.set("http.listen", "127.0.0.2:0"));
    daemon.boot();
    assert_eq!(daemon.listeners()[0].tcp().ip().to_string(), "127.0.0.2");
    let client = daemon.anonymous().with_tls(client_config(&daemon.state().join("lan-cert.pem")));
    let _ = client.get("/dav/").expect(401);
}
