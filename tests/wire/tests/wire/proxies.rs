//! The proxies of `packaging/README.md`, with the very lines that stand there.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use almanac_harness::{Address, Client, Daemon, Options, cannot_run, ics};

use crate::reload::certificate;

/// The proxy of a test, ended with it.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The lines between the fences of the first block that has `word` in it.
fn snippet(word: &str) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/README.md");
    let guide = fs::read_to_string(guide).unwrap();
    let block = guide.split("```").skip(1).step_by(2).find(|block| block.contains(word));
    block.unwrap().split_once('\n').unwrap().1.to_owned()
}

/// Replaces what has to be there.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}: {text}");
    text.replace(from, to)
}

/// Starts `proxy`, given the port it has to listen on, the daemon's address and a folder with a certificate; then does
/// what clients do.
fn serves_behind(proxy: impl FnOnce(u16, &str, &Path) -> Command) {
    let options = Options::new().set("http.trusted_proxies", r#"["127.0.0.1", "::1"]"#);
    let daemon = Daemon::start_with(options);
    let erika = daemon.person("erika");
    let folder = tempfile::tempdir().unwrap();
    let config = certificate(folder.path());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut command = proxy(address.port(), &daemon.listeners()[0].tcp().to_string(), folder.path());
    let Ok(process) = command.spawn() else {
        return cannot_run(&format!("{} is not installed", command.get_program().display()));
    };
    let mut proxy = Proxy(process);
    let client = Client::new(Address::Tcp(address)).with_tls(config).sign_in(&erika);
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.request("OPTIONS", "/dav/").try_send().is_err() {
        assert!(proxy.0.try_wait().unwrap().is_none(), "the proxy ended");
        assert!(Instant::now() < deadline, "the proxy does not answer");
        std::thread::yield_now();
    }
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    assert_eq!(client.get(&erika.object("a.ics")).expect(200).text(), ics::simple("a"));
    assert_eq!(client.members(&erika.calendar()), ["a.ics"]);
    let _ = client.sync(&erika.calendar(), "").expect(207);
    let _ = client.request("MKCALENDAR", &erika.collection("new")).send().expect(201);
    // The proxy says that it is TLS, and what the client writes of that kind is not believed.
    let spoofed = "for=203.0.113.7;proto=http;host=evil.example";
    let moved = client.request("GET", "/.well-known/caldav").header("Forwarded", spoofed);
    let moved = moved.header("X-Forwarded-Host", "evil.example").header("X-Forwarded-Proto", "http").send();
    let location = moved.header("location").unwrap();
    assert!(!location.contains("evil") && !location.starts_with("http:"), "{location}");
}

#[test]
fn nginx_as_the_guide_has_it() {
    serves_behind(|port, daemon, folder| {
        let server = snippet("proxy_pass");
        let server = replace(&server, "listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
        let server = replace(&server, "127.0.0.1:8008", daemon);
        let live = "/etc/letsencrypt/live/cal.example.org";
        let server = replace(&server, &format!("{live}/fullchain.pem"), "cert.pem");
        let server = replace(&server, &format!("{live}/privkey.pem"), "key.pem");
        let file = folder.join("nginx.conf");
        let text = format!(
            "daemon off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
             uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{server}}}\n"
        );
        fs::write(&file, text).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(&file).env("PATH", path());
        nginx
    });
}

#[test]
fn caddy_as_the_guide_has_it() {
    serves_behind(|port, daemon, folder| {
        let site = snippet("reverse_proxy");
        let tls = format!("tls {0}/cert.pem {0}/key.pem", folder.display());
        let hosts = format!("https://localhost:{port}, https://127.0.0.1:{port}");
        let site = replace(&site, "cal.example.org {", &format!("{hosts} {{\n    {tls}"));
        let site = replace(&site, "127.0.0.1:8008", daemon);
        let file = folder.join("Caddyfile");
        let global = "{\n    admin off\n    auto_https disable_redirects\n    default_bind 127.0.0.1\n}\n";
        fs::write(&file, format!("{global}{site}")).unwrap();
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        caddy.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        caddy
    });
}

/// Where Debian puts servers, whoever runs the test.
fn path() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}
