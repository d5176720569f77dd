//! Feeds: a calendar for whoever has its secret URL.

use almanac_harness::{Daemon, Options, Response, ics};

use crate::erika;

/// The path of a new feed.
fn create(daemon: &Daemon, arguments: &[&str]) -> String {
    let url = daemon.cli(&[&["feed", "create"], arguments].concat()).ok();
    let at = url.find("/feeds/").unwrap();
    url[at..].trim_end().to_owned()
}

fn get(daemon: &Daemon, path: &str) -> Response {
    daemon.anonymous().get(path)
}

fn only_id(daemon: &Daemon) -> String {
    let listed = daemon.cli(&["feed", "list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    listed[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn whoever_has_the_url_reads_the_calendar_and_nobody_writes_it() {
    let (daemon, erika, client) = erika();
    let event = ics::event_with("a", "Sitzung", "20261201T090000Z", "LOCATION:Raum 3\r\nX-ODD:kept\r\n");
    let _ = client.put(&erika.object("a.ics"), &event).expect(201);
    let path = create(&daemon, &["erika/calendar"]);
    let found = get(&daemon, &path).expect(200);
    for line in ["BEGIN:VCALENDAR", "SUMMARY:Sitzung", "LOCATION:Raum 3", "X-ODD:kept", "END:VCALENDAR"] {
        assert!(found.text().contains(line), "{line}: {found}");
    }
    assert_eq!(found.header("content-type"), Some("text/calendar; charset=utf-8"));
    assert_eq!(found.header("cache-control"), Some("private, no-cache"));

    let head = daemon.anonymous().request("HEAD", &path).send().expect(200);
    assert_eq!((head.etag(), head.text()), (found.etag(), ""));
    for method in ["PUT", "DELETE", "POST", "PROPFIND", "OPTIONS", "REPORT", "MKCALENDAR"] {
        let refused = daemon.anonymous().request(method, &path).send().expect(405);
        assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{method}");
    }
}

#[test]
fn a_reader_who_has_it_is_sent_nothing_until_something_changes() {
    let (mut daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let path = create(&daemon, &["erika/calendar"]);
    let etag = get(&daemon, &path).expect(200).etag();
    let again = |daemon: &Daemon, tag: &str| {
        daemon.anonymous().request("GET", &path).header("If-None-Match", tag).send()
    };
    let unchanged = again(&daemon, &etag).expect(304);
    assert_eq!((unchanged.etag(), unchanged.text()), (etag.clone(), ""));
    let _ = again(&daemon, &format!("\"x\", W/{etag}")).expect(304);
    daemon.restart();
    let _ = again(&daemon, &etag).expect(304);
    let _ = daemon.client(&erika).put(&erika.object("b.ics"), ics::simple("b")).expect(201);
    assert!(again(&daemon, &etag).expect(200).text().contains("UID:b"));
}

#[test]
fn a_busy_feed_holds_times_and_nothing_else() {
    let (daemon, erika, client) = erika();
    let secret = "SUMMARY:geheim\r\nLOCATION:geheim\r\nDESCRIPTION:geheim\r\nCOMMENT:geheim\r\nCATEGORIES:geheim\r\n\
        ATTENDEE;CN=geheim:mailto:geheim@example.org\r\nORGANIZER:mailto:geheim@example.org\r\nX-GEHEIM:geheim\r\n\
        URL:https://geheim.example/\r\n";
    let alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:geheim\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
    let event = |uid: &str, times: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//geheim//geheim//EN\r\n\
             BEGIN:VEVENT\r\nUID:{uid}-geheim\r\nDTSTAMP:20260101T000000Z\r\n{times}{secret}{alarm}END:VEVENT\r\n\
             END:VCALENDAR\r\n"
        )
    };
    let series = "DTSTART;TZID=Europe/Berlin;X-NOTE=geheim:20261201T090000\r\nDURATION:PT1H\r\n\
        RRULE:FREQ=DAILY;COUNT=5\r\nEXDATE;TZID=Europe/Berlin:20261202T090000\r\n";
    let _ = client.put(&erika.object("a.ics"), event("a", series)).expect(201);
    let free = "DTSTART:20261203T090000Z\r\nTRANSP:TRANSPARENT\r\n";
    let _ = client.put(&erika.object("b.ics"), event("b", free)).expect(201);
    let cancelled = "DTSTART:20261204T090000Z\r\nSTATUS:CANCELLED\r\n";
    let _ = client.put(&erika.object("c.ics"), event("c", cancelled)).expect(201);
    let journal = ics::simple("d").replace("VEVENT", "VJOURNAL").replace("SUMMARY:", "SUMMARY:geheim ");
    let _ = client.put(&erika.object("d.ics"), journal).expect(201);
    let patch = "<D:set><D:prop><D:displayname>geheim</D:displayname></D:prop></D:set>";
    assert_eq!(client.proppatch(&erika.calendar(), patch).status, 207);

    let path = create(&daemon, &["erika/calendar", "--privacy", "busy"]);
    let found = get(&daemon, &path).expect(200);
    let text = found.text();
    assert!(!text.to_lowercase().contains("geheim"), "{found}");
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 1, "{found}");
    for line in [
        "DTSTART;TZID=Europe/Berlin:20261201T090000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=5",
        "EXDATE;TZID=Europe/Berlin:20261202T090000",
        "SUMMARY:Busy",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Berlin",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {found}");
    }
    assert!(!text.contains("VALARM"), "{found}");
}

#[test]
fn what_is_unknown_revoked_deleted_or_of_a_disabled_person_is_absent_in_the_same_words() {
    let (mut daemon, erika, client) = erika();
    let path = create(&daemon, &["erika/calendar"]);
    let absent = get(&daemon, "/feeds/aaaaaaaaaaaaaaaaaaaaaaaaaa.ics").expect(404);
    let is_absent = |daemon: &Daemon, path: &str| {
        let found = get(daemon, path).expect(404);
        assert_eq!((found.text(), found.header("etag")), (absent.text(), None), "{path}");
    };
    let bare = path.trim_end_matches(".ics").to_owned();
    for other in
        ["/feeds/", "/feeds/.ics", "/feeds/%00.ics", &bare, &format!("{path}/"), &format!("{bare}a.ics")]
    {
        is_absent(&daemon, other);
    }
    let _ = daemon.cli(&["user", "disable", "erika"]).ok();
    is_absent(&daemon, &path);
    let _ = daemon.cli(&["user", "enable", "erika"]).ok();
    let _ = get(&daemon, &path).expect(200);

    // A calendar in the trash shows nothing, and comes back with its feed.
    let _ = client.delete(&erika.calendar()).expect(204);
    is_absent(&daemon, &path);
    let listed = daemon.cli(&["feed", "list", "erika", "--json"]).json();
    assert!(listed[0]["calendar"].is_null(), "{listed}");
    let trash = daemon.cli(&["trash", "list", "--json"]).json();
    let _ = daemon.cli(&["trash", "restore", trash["entries"][0]["id"].as_str().unwrap()]).ok();
    let _ = get(&daemon, &path).expect(200);

    let id = only_id(&daemon);
    assert_eq!(daemon.cli(&["feed", "revoke", &id]).ok(), "");
    is_absent(&daemon, &path);
    daemon.restart();
    is_absent(&daemon, &path);
    let said = daemon.cli(&["feed", "revoke", &id]).failed(1);
    assert!(said.contains("almanac feed list"), "{said}");
}

#[test]
fn feeds_survive_new_index_keys_and_go_with_their_owner() {
    let (mut daemon, _, _) = erika();
    let path = create(&daemon, &["erika/calendar"]);
    daemon.stop();
    let _ = daemon.cli(&["key", "rekey-index"]).ok();
    daemon.boot();
    let _ = get(&daemon, &path).expect(200);
    let _ = daemon.cli(&["key", "rotate"]).ok();
    let _ = get(&daemon, &path).expect(200);
    let _ = daemon.cli(&["user", "remove", "erika"]).ok();
    let _ = get(&daemon, &path).expect(404);
    assert_eq!(daemon.cli(&["feed", "list", "--json"]).json().as_array().unwrap().len(), 0);
    daemon.restart();
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
}

#[test]
fn a_feed_of_many_objects_is_whole() {
    let (daemon, erika, client) = erika();
    for n in 0..450 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&format!("uid-{n}"))).expect(201);
    }
    let path = create(&daemon, &["erika/calendar"]);
    let found = get(&daemon, &path).expect(200);
    assert_eq!(found.text().matches("BEGIN:VEVENT").count(), 450);
    assert!(found.text().ends_with("END:VCALENDAR\r\n"));
}

#[test]
fn the_secret_is_said_once_and_is_in_no_log_list_or_file() {
    let mut daemon = Daemon::start_with(Options::new().set("log.level", "debug"));
    let _ = daemon.person("erika");
    let path = create(&daemon, &["erika/calendar"]);
    let secret = path.trim_start_matches("/feeds/").trim_end_matches(".ics").to_owned();
    assert_eq!(secret.len(), 26);
    let _ = get(&daemon, &path).expect(200);
    let _ = get(&daemon, &format!("{path}?{secret}")).expect(200);
    let _ = daemon.anonymous().request("PUT", &path).body("x").send().expect(405);
    let id = only_id(&daemon);
    let listed = daemon.cli(&["feed", "list"]).ok();
    assert!(
        listed.contains("erika/calendar") && listed.contains(&id) && !listed.contains(&secret),
        "{listed}"
    );
    let _ = daemon.cli(&["feed", "revoke", &id]).ok();
    let _ = get(&daemon, &path).expect(404);
    daemon.stop();
    let log = daemon.log();
    assert!(log.contains("/feeds/{feed}"), "{log}");
    assert!(!log.contains(&secret));
    for file in std::fs::read_dir(daemon.state()).unwrap().map(|file| file.unwrap().path()) {
        if let Ok(octets) = std::fs::read(&file) {
            assert!(!octets.windows(26).any(|part| part == secret.as_bytes()), "{}", file.display());
        }
    }
}

#[test]
fn a_url_is_said_only_if_somebody_says_how_the_server_is_reached() {
    let (mut daemon, _, _) = erika();
    let own = daemon.cli(&["feed", "create", "erika/calendar"]).ok();
    assert!(own.starts_with("http://127.0.0.1:"), "{own}");
    let named = daemon.cli(&["feed", "create", "erika/calendar", "--host", "cal.example.org"]).ok();
    assert!(named.starts_with("https://cal.example.org/feeds/"), "{named}");
    daemon.stop();
    let said = daemon.cli(&["feed", "create", "erika/calendar"]).failed(1);
    assert!(said.contains("--host"), "{said}");
    assert_eq!(daemon.cli(&["feed", "list", "--json"]).json().as_array().unwrap().len(), 2);
    let said = daemon.cli(&["feed", "create", "erika/none", "--host", "a.example"]).failed(1);
    assert!(said.contains("calendar list"), "{said}");
}
