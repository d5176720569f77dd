//! What an operator can read: one line per request, with the route and ids, never the URI.

use almanac_harness::{Daemon, Options, ics};

/// The INFO lines of the requests to `route`, after `method` was asked for once.
fn lines(daemon: &Daemon, wanted: &str) -> Vec<String> {
    let log = daemon.log();
    log.lines().filter(|l| l.contains(wanted) && l.contains("{object}")).map(str::to_owned).collect()
}

#[test]
fn a_request_is_one_line_at_the_usual_level() {
    let mut daemon = Daemon::start_with(Options::new().set("log.format", "json"));
    let erika = daemon.person("erika");
    let before = lines(&daemon, "\"PUT\"").len();
    let client = daemon.client(&erika);
    for n in 0..3 {
        let _ = client
            .put(&erika.object(&format!("private-name-{n}.ics")), ics::simple(&n.to_string()))
            .expect(201);
    }
    daemon.stop();
    let lines = &lines(&daemon, "\"PUT\"")[before..];
    assert_eq!(lines.len(), 3, "{}", lines.join("\n"));
    for line in lines {
        let fields: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(fields.to_string().contains("/dav/calendars/{principal}/{collection}/{object}"), "{line}");
        assert!(line.contains("201") && line.contains("req_"), "{line}");
    }
    assert!(!daemon.log().contains("private-name") && !daemon.log().contains("erika"));
    daemon.boot();
}
