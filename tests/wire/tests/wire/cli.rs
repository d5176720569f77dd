//! The command line, before and while the daemon runs: exit codes, JSON, import and export.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use almanac_harness::{Daemon, Options, TENANT, ics};

use crate::erika;

#[test]
fn ten_people_can_be_made_before_and_after_the_start() {
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    let mut people: Vec<_> = (0..5).map(|n| daemon.person(&format!("early-{n}"))).collect();
    daemon.boot();
    people.extend((0..5).map(|n| daemon.person(&format!("late-{n}"))));
    for person in &people {
        let client = daemon.client(person);
        let _ = client.put(&person.object("a.ics"), ics::simple("a")).expect(201);
    }
    let users = daemon.cli(&["user", "list", "--json"]).json();
    assert_eq!(users.as_array().unwrap().len(), 10);
    daemon.stop();
    assert_eq!(daemon.cli(&["user", "list", "--json"]).json(), users, "the same answer when stopped");
    daemon.boot();
}

#[test]
fn lists_have_json_with_what_was_entered() {
    let (daemon, _erika, _client) = erika();
    let users = daemon.cli(&["user", "list", "--json"]).json();
    let erika = users.as_array().unwrap().iter().find(|u| u["login"] == "erika").unwrap();
    assert_eq!(erika["email"], "erika@example.invalid");
    assert_eq!(erika["display_name"], "Name of erika");
    assert_eq!(erika["role"], "practitioner");
    assert_eq!(erika["state"], "enabled");
    assert!(erika["id"].as_str().unwrap().starts_with("usr_"));
    let tenants = daemon.cli(&["tenant", "list", "--json"]).json();
    assert_eq!(tenants[0]["name"], TENANT);
    assert!(tenants[0]["id"].as_str().unwrap().starts_with("ten_"));
    let calendars = daemon.cli(&["calendar", "list", "erika", "--json"]).json();
    let mut names: Vec<_> =
        calendars.as_array().unwrap().iter().map(|c| c["calendar"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["erika/calendar", "erika/tasks"]);
    for list in [
        vec!["user", "list"],
        vec!["tenant", "list"],
        vec!["calendar", "list"],
        vec!["app-password", "list", "erika"],
    ] {
        assert!(daemon.cli(&list).ok().lines().count() >= 1, "{list:?}");
    }
}

#[test]
fn mistakes_end_with_their_code_and_a_remedy() {
    let (daemon, _erika, _client) = erika();
    let _ = daemon.cli(&["no-such-command"]).failed(2);
    let _ = daemon.cli(&["user", "add", "x"]).failed(2);
    let _ = daemon
        .cli(&[
            "user",
            "add",
            "x",
            "--tenant",
            TENANT,
            "--email",
            "x@example.invalid",
            "--display-name",
            "X",
            "--role",
            "king",
        ])
        .failed(2);
    let add = |login: &str, tenant: &str| {
        daemon.cli(&[
            "user",
            "add",
            login,
            "--tenant",
            tenant,
            "--email",
            "x@example.invalid",
            "--display-name",
            "X",
            "--role",
            "patient",
        ])
    };
    let _ = daemon.cli(&["tenant", "add", "praxis-sued"]).ok();
    for (login, tenant) in
        [("erika", TENANT), ("Erika", TENANT), ("erika", "praxis-sued"), ("ERIKA", "praxis-sued")]
    {
        let why = add(login, tenant).failed(1);
        assert!(why.contains("already"), "a login is unique in the whole instance: {why}");
    }
    let _ = add("x", "no-such-tenant").failed(1);
    for bad in ["", "a/b", "..", "a b", "a:b"] {
        let _ = add(bad, TENANT).failed(2);
    }
    for command in [
        &["user", "disable", "nobody"][..],
        &["user", "remove", "nobody"],
        &["app-password", "add", "nobody", "--label", "x"],
        &["app-password", "revoke", "erika", "crd_00000000000000000000000000000000"],
        &["calendar", "share", "erika/none", "--with", "erika", "--access", "read"],
        &["export", "erika/none"],
        &["import", "/no/such/file.ics", "erika/calendar"],
        &["tenant", "add", TENANT],
    ] {
        let why = daemon.cli(command).failed(1);
        assert!(why.lines().count() >= 2, "what failed and what to do: {why}");
    }
    let _ = daemon.cli(&["--help"]).ok();
}

#[test]
fn configuration_mistakes_name_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("almanac.toml");
    let daemon = Daemon::stopped(Options::default().without_canary()); // no variable overrides the file

    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        daemon.cli(&["config", "check", "--config", path.to_str().unwrap()])
    };
    assert_eq!(check("version = 1\n").ok().trim(), "ok");
    for (text, key, line) in [
        ("version = 1\n[http]\nlisten = \"127.0.0.1:0\"\nlisen = 1\n", "lisen", 4),
        ("version = 1\n\n[limits]\nbody_timeout = 10\n", "body_timeout", 4),
        ("version = 1\n[limits]\nbody_timeout = \"soon\"\n", "body_timeout", 3),
        ("version = 2\n", "version", 1),
        ("version = 1\n[store]\nengine = \"paper\"\n", "engine", 3),
        ("version = 1\n[nonsense]\n", "nonsense", 2),
        ("version = 1\n[http]\nlisten = \"0.0.0.0:1\"\n", "http.listen", 3),
        ("version = 1\n[limits]\nobject_bytes_max = \"1GiB\"\n", "limits.object_bytes_max", 3),
        ("[http.tls]\nkey_file = \"k.pem\"\ncert_file = \"c.pem\"\n", "http.tls.cert_file", 3),
    ] {
        let why = check(text).failed(3);
        assert!(why.contains(key) && why.contains(&format!("line {line}")), "{text}: {why}");
    }
    let missing = daemon.cli(&["config", "check", "--config", "/no/such/file.toml"]);
    let _ = missing.failed(3);
    let mut broken = Daemon::stopped(Options::new().without_canary().set("limits.body_timeout", "soon"));
    let why = broken.try_boot().unwrap_err().failed(3);
    assert!(why.contains("ALMANAC_LIMITS__BODY_TIMEOUT") || why.contains("body_timeout"), "{why}");
}

#[test]
fn the_sample_configuration_is_valid() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../etc/almanac.toml");
    assert_eq!(daemon.cli(&["--config", sample, "config", "check"]).ok().trim(), "ok");
}

#[test]
fn status_tells_about_a_running_and_a_stopped_daemon() {
    let (mut daemon, _erika, _client) = erika();
    let status = daemon.cli(&["status", "--json"]).json();
    assert_eq!(status["state"], "running");
    assert_eq!(status["pid"], daemon.pid());
    assert_eq!(status["addresses"]["http"][0], format!("http://{}", daemon.listeners()[0].authority()));
    assert_eq!(status["store"]["engine"], "redb");
    assert!(status["store"]["incarnation"].as_str().unwrap().starts_with("sto_"));
    assert!(status["store"]["bytes"].as_u64().unwrap() > 0 && status["store"]["head"].as_u64().is_some());
    assert_eq!((status["store"]["tenants"].as_u64(), status["store"]["users"].as_u64()), (Some(1), Some(2)));
    assert!(status["uptime_seconds"].as_u64().is_some() && status["version"].as_str().is_some());
    daemon.stop();
    let stopped = daemon.cli(&["status", "--json"]).json();
    assert_eq!(stopped["state"], "stopped");
    assert_eq!(stopped["version"], status["version"]);
    assert!(stopped["store"]["bytes"].as_u64().unwrap() > 0);
    for key in ["path", "engine", "incarnation", "head", "tenants", "users", "collections"] {
        assert!(!stopped["store"][key].is_null());
        assert_eq!(stopped["store"][key], status["store"][key], "{key}");
    }
    let _ = daemon.cli(&["status"]).ok();
    let store = daemon.state().join("store.redb");
    let whole = fs::read(&store).unwrap();
    fs::write(&store, "no store").unwrap();
    let damaged = daemon.cli(&["status", "--json"]).json();
    assert_eq!((&damaged["state"], &damaged["store"]["bytes"]), (&"stopped".into(), &8.into()));
    fs::write(&store, whole).unwrap();
    daemon.boot();
}

#[test]
fn import_and_export_are_inverse() {
    let (daemon, erika, client) = erika();
    let components = format!(
        "{}BEGIN:VEVENT\nUID:one\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:20261201T090000\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Grüße\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:one\nDTSTAMP:20261101T080000Z\nRECURRENCE-ID;TZID=Europe/Berlin:20261208T090000\nDTSTART;TZID=Europe/Berlin:20261208T100000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:two\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nEND:VEVENT\n",
        ics::berlin("Europe/Berlin")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.ics");
    fs::write(&file, ics::calendar(&components)).unwrap();
    let _ = daemon.cli(&["import", file.to_str().unwrap(), "erika/calendar"]).ok();
    assert_eq!(client.members(&erika.calendar()).len(), 2, "one object per UID");
    let _ = daemon.cli(&["import", file.to_str().unwrap(), "erika/calendar"]).ok();
    assert_eq!(client.members(&erika.calendar()).len(), 2, "a second import changes nothing");

    let out = folder.path().join("out.ics");
    let _ = daemon.cli(&["export", "erika/calendar", "-o", out.to_str().unwrap()]).ok();
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let exported = fs::read_to_string(&out).unwrap();
    assert_eq!(exported, daemon.cli(&["export", "erika/calendar"]).ok());
    let unfolded = ics::unfold(&exported);
    let mut uids = ics::values(&unfolded, "UID");
    uids.sort_unstable();
    assert_eq!(uids, ["one", "one", "two"]);
    assert!(unfolded.contains("SUMMARY:Grüße") && unfolded.contains("TZID:Europe/Berlin"));
    let _ = daemon.cli(&["calendar", "add", "erika/copy"]).ok();
    let _ = daemon.cli_with_input(&["import", "-", "erika/copy"], exported.as_bytes()).ok();
    assert_eq!(client.members(&erika.collection("copy")).len(), 2);
}

#[test]
fn an_import_tells_what_it_refused_without_showing_it() {
    let (daemon, erika, client) = erika();
    let components = "BEGIN:VEVENT\nUID:good\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nEND:VEVENT\n\
                      BEGIN:VEVENT\nUID:bad\nDTSTAMP:20261101T080000Z\nDTSTART:20269901T090000Z\nSUMMARY:Very private\nEND:VEVENT\n";
    let cli = daemon.cli_with_input(&["import", "-", "erika/calendar"], ics::calendar(components).as_bytes());
    assert_eq!(cli.code, Some(1), "{cli:?}");
    assert!(!cli.stderr.contains("Very private") && !cli.stdout.contains("Very private"), "{cli:?}");
    assert_eq!(cli.stdout, "created 1, replaced 0, unchanged 0, refused 1\n");
    assert!(cli.stderr.contains("1 objects of the file were refused"), "{cli:?}");
    assert_eq!(client.members(&erika.calendar()).len(), 1);
    let nothing = daemon.cli_with_input(&["import", "-", "erika/calendar"], b"not a calendar");
    let _ = nothing.failed(1);
}

#[test]
fn an_import_shows_how_far_it_is_whether_the_daemon_runs_or_not() {
    let (mut daemon, erika, _client) = erika();
    let event = |n: usize| {
        format!("BEGIN:VEVENT\nUID:{n}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nEND:VEVENT\n")
    };
    let file = ics::calendar(&(0..40).map(event).collect::<String>());
    let import = |daemon: &Daemon| {
        let cli =
            daemon.cli_with_input(&["import", "-", &format!("{}/calendar", erika.login)], file.as_bytes());
        assert_eq!(cli.code, Some(0), "{cli:?}");
        cli
    };
    let running = import(&daemon);
    assert!(running.stdout.starts_with("created 40,"), "{running:?}");
    daemon.stop();
    let stopped = import(&daemon);
    assert!(stopped.stdout.contains("unchanged 40,"), "{stopped:?}");
    for cli in [running, stopped] {
        assert!(cli.stderr.lines().any(|line| line == "import: 40 of 40 objects"), "{cli:?}");
        assert!(cli.stderr.lines().count() <= 10, "a line for each tenth at most: {cli:?}");
    }
    daemon.boot();
}

#[test]
fn a_large_file_is_imported_with_its_scattered_series_whole_or_not_at_all() {
    let (daemon, erika, client) = erika();
    let event = |uid: &str, more: &str| {
        format!(
            "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\n{more}END:VEVENT\n"
        )
    };
    let long = format!("DESCRIPTION:{}\n", "a word and another\n ".repeat(5_000));
    let mut components = event("series", "RRULE:FREQ=DAILY;COUNT=3\n");
    (0..40).for_each(|n| components.push_str(&event(&n.to_string(), &long)));
    components.push_str(&event("series", "RECURRENCE-ID:20261202T090000Z\nSUMMARY:moved\n"));
    let broken = ics::calendar(&format!("{components}{}", event("last", "SUMMARY\n")));
    assert!(broken.len() > 3 << 20, "more than a few parts");
    let failed = daemon.cli_with_input(&["import", "-", "erika/calendar"], broken.as_bytes()).failed(1);
    assert!(failed.contains("the file is not a calendar"), "{failed}");
    assert_eq!(client.members(&erika.calendar()), Vec::<String>::new(), "nothing of a broken file");

    let cli =
        daemon.cli_with_input(&["import", "-", "erika/calendar"], ics::calendar(&components).as_bytes());
    assert_eq!(cli.stdout, "created 41, replaced 0, unchanged 0, refused 0\n", "{}", cli.stderr);
    let series = client.get(&format!("{}series.ics", erika.calendar()));
    let series = series.text();
    assert!(series.contains("RRULE") && series.contains("SUMMARY:moved"), "{series}");
}

#[test]
fn a_list_of_people_can_be_of_one_tenant_and_names_every_role() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let roles = ["admin", "front-desk", "practitioner", "patient"];
    for tenant in ["praxis-nord", "praxis-sued"] {
        let _ = daemon.cli(&["tenant", "add", tenant]).ok();
    }
    for (role, tenant) in roles.into_iter().zip(["praxis-nord", "praxis-nord", "praxis-sued", "praxis-nord"])
    {
        let person = ["--email", "x@example.invalid", "--display-name", "X", "--role", role];
        let _ = daemon.cli(&[&["user", "add", role, "--tenant", tenant], &person[..]].concat()).ok();
    }
    let list = |arguments: &[&str]| -> Vec<(String, String)> {
        let rows = daemon.cli(&[&["user", "list", "--json"], arguments].concat()).json();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        let mut people: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| (text(row, "login"), text(row, "role"))).collect();
        people.sort();
        people
    };
    let pair = |role: &str| (role.to_owned(), role.to_owned());
    assert_eq!(list(&[]), ["admin", "front-desk", "patient", "practitioner"].map(pair));
    assert_eq!(list(&["--tenant", "praxis-nord"]), ["admin", "front-desk", "patient"].map(pair));
    assert_eq!(list(&["--tenant", "praxis-sued"]), [pair("practitioner")]);
    let _ = daemon.cli(&["user", "list", "--tenant", "praxis-west"]).failed(1);
}

#[test]
fn the_list_of_app_passwords_tells_which_are_used() {
    let (daemon, erika, client) = erika();
    let _ = daemon.cli(&["app-password", "add", "erika", "--label", "spare"]).ok();
    let _ = client.get(&erika.calendar()).expect(200);
    let list = daemon.cli(&["app-password", "list", "erika", "--json"]).json();
    let row = |label: &str| list.as_array().unwrap().iter().find(|row| row["label"] == label).unwrap();
    assert!(row("tests")["last_used"].as_str().unwrap().contains('T'), "{list}");
    assert!(row("spare")["last_used"].is_null(), "{list}");
    assert!(row("spare")["created"].as_str().unwrap().contains('T'), "{list}");
}

#[test]
fn a_calendar_can_be_added_listed_and_removed_by_the_operator() {
    let (daemon, erika, client) = erika();
    let _ = daemon
        .cli(&["calendar", "add", "erika/surgery", "--display-name", "OP-Saal", "--components", "VEVENT"])
        .ok();
    let found = client
        .propfind(&erika.collection("surgery"), "0", &["D:displayname", "C:supported-calendar-component-set"])
        .multistatus();
    assert_eq!(found.only().text("D:displayname"), "OP-Saal");
    assert_eq!(found.only().prop("C:supported-calendar-component-set").unwrap().children.len(), 1);
    let _ = daemon.cli(&["calendar", "add", "erika/surgery"]).failed(1);

    let _ = client.put(&format!("{}a.ics", erika.collection("surgery")), ics::simple("a")).expect(201);
    let hugo = daemon.person("hugo");
    let row = || {
        let list = daemon.cli(&["calendar", "list", "erika", "--json"]).json();
        list.as_array().unwrap().iter().find(|row| row["calendar"] == "erika/surgery").cloned()
    };
    let listed = row().unwrap();
    assert_eq!(listed["display_name"], "OP-Saal");
    assert_eq!(listed["components"], serde_json::json!(["VEVENT"]));
    assert_eq!((&listed["objects"], &listed["shares"]), (&1.into(), &serde_json::json!([])));
    let share = |access| {
        daemon.cli(&["calendar", "share", "erika/surgery", "--with", &hugo.login, "--access", access]).ok()
    };
    let _ = share("free-busy");
    assert_eq!(row().unwrap()["shares"], serde_json::json!([{"login": "hugo", "access": "free-busy"}]));
    let _ = share("none");
    assert_eq!(row().unwrap()["shares"], serde_json::json!([]));

    let _ = daemon.cli(&["calendar", "remove", "erika/surgery"]).ok();
    assert_eq!(client.propfind(&erika.collection("surgery"), "0", &["D:displayname"]).status, 404);
    assert_eq!(row(), None);
    let _ = daemon.cli(&["calendar", "remove", "erika/surgery"]).failed(1);
}

#[test]
fn the_state_folder_is_closed_to_others() {
    let (mut daemon, _erika, _client) = erika();
    let assert_closed = |daemon: &Daemon| {
        assert_eq!(fs::metadata(daemon.state()).unwrap().permissions().mode() & 0o777, 0o700);
        for entry in fs::read_dir(daemon.state()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} {mode:o}", entry.path().display());
        }
    };
    assert_closed(&daemon);
    daemon.stop();
    assert_closed(&daemon);
    daemon.boot();
}

#[test]
fn the_demo_lives_in_var_demo_of_the_folder_it_is_started_in() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new().without_canary().argument("--demo").started_in(folder.path(), "var/demo");
    let mut daemon = Daemon::stopped(options);
    daemon.boot();
    assert!(folder.path().join("var/demo/LOGINS.txt").exists());
    let url = format!("http://{}/", daemon.listeners()[0].authority());
    assert!(daemon.await_log(|line| line.contains(&format!("runs at {url}"))).is_some(), "{}", daemon.log());
    daemon.stop();

    let chosen = folder.path().join("chosen");
    let options = Options::new().without_canary().argument("--demo").started_in(folder.path(), "chosen");
    Daemon::stopped(options.set("store.path", chosen.to_str().unwrap())).boot();
    assert!(chosen.join("LOGINS.txt").exists(), "a folder that was chosen is kept to");
}

#[test]
fn a_demo_without_its_file_of_logins_is_completed_and_gets_new_passwords() {
    let mut daemon = Daemon::stopped(Options::new().without_canary().argument("--demo"));
    daemon.boot();
    let file = daemon.state().join("LOGINS.txt");
    let first = demo_logins(&fs::read_to_string(&file).unwrap());
    daemon.stop();
    // As a crash in the midst of the first start leaves it.
    fs::remove_file(&file).unwrap();
    let _ = daemon.cli(&["user", "remove", "tomas"]).ok();
    daemon.boot();
    let second = demo_logins(&fs::read_to_string(&file).unwrap());
    assert_eq!((first.len(), second.len()), (2, 2));
    for ((login, old), (_, new)) in first.iter().zip(&second) {
        let path = format!("/dav/calendars/{login}/calendar/");
        let _ = daemon.anonymous().sign_in_with(login, old).get(&path).expect(401);
        assert!(daemon.anonymous().sign_in_with(login, new).members(&path).len() >= 3, "{login}");
    }
}

#[test]
fn the_demo_has_series_in_two_time_zones() {
    let mut daemon = Daemon::stopped(Options::new().without_canary().argument("--demo"));
    daemon.boot();
    let (login, secret) =
        demo_logins(&fs::read_to_string(daemon.state().join("LOGINS.txt")).unwrap()).remove(0);
    let client = daemon.anonymous().sign_in_with(&login, &secret);
    let path = format!("/dav/calendars/{login}/calendar/");
    let fetched = client.members(&path).into_iter().map(|name| client.get(&format!("{path}{name}")));
    let served: String = fetched.map(|answer| answer.expect(200).text().to_owned()).collect();
    for text in [daemon.cli(&["export", &format!("{login}/calendar")]).ok(), served] {
        let text = ics::unfold(&text);
        let events: Vec<&str> = text.split("BEGIN:VEVENT").skip(1).collect();
        for zone in ["Europe/Berlin", "America/New_York"] {
            let start = format!("DTSTART;TZID={zone}:");
            let series = |event: &&str| event.contains(&start) && event.contains("RRULE:");
            assert!(events.iter().any(series), "{zone}: {text}");
        }
    }
}

/// The logins and app passwords in the text of `LOGINS.txt`.
fn demo_logins(text: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let people = words.windows(4).filter(|words| words[0] == "login" && words[2] == "password");
    people.map(|words| (words[1].to_owned(), words[3].to_owned())).collect()
}

#[test]
fn the_demo_prints_the_same_logins_at_every_start_and_they_work() {
    let mut daemon = Daemon::stopped(Options::new().without_canary().argument("--demo"));
    daemon.boot();
    let logins = fs::read_to_string(daemon.state().join("LOGINS.txt")).unwrap();
    assert_eq!(fs::metadata(daemon.state().join("LOGINS.txt")).unwrap().permissions().mode() & 0o777, 0o600);
    let people = demo_logins(&logins);
    assert_eq!(people.len(), 2, "{logins}");
    for (login, secret) in &people {
        let client = daemon.anonymous().sign_in_with(login, secret);
        let members = client.members(&format!("/dav/calendars/{login}/calendar/"));
        assert!(members.len() >= 3, "a week of events: {members:?}");
    }
    for word in ["Thunderbird", "Apple", "DAVx5", "vdirsyncer"] {
        assert!(daemon.await_log(|line| line.contains(word)).is_some(), "how to subscribe from {word}");
    }
    daemon.restart();
    for (_, secret) in &people {
        assert!(daemon.await_log(|line| line.contains(secret)).is_some(), "printed again");
    }
    assert_eq!(fs::read_to_string(daemon.state().join("LOGINS.txt")).unwrap(), logins);
}
