//! What the operator sees and says: plans, what is held and parked, what was lost, and what never appears.

use almanac_feed::sim::{FeedHost, PATH, Shown};
use almanac_harness::{Daemon, Person, TENANT, ics};
use almanac_outlook::sim::{CALENDAR, Graph};
use serde_json::{Value, json};

use crate::played::{ACCOUNT, Played, Running, add, google, linked, outlook, tokens};
use crate::practice::{add_account, named, options, practice, status_of, sync, sync_at_last, titles, writes};

fn event(uid: &str, title: &str) -> String {
    ics::event(uid, title, "20261202T090000Z")
}

/// Puts events here, each named after its title.
fn put(daemon: &Daemon, erika: &Person, titles: &[&str]) {
    for title in titles {
        let text = event(&format!("{title}@practice.example"), title);
        let _ = daemon.client(erika).put(&erika.object(&format!("{title}.ics")), text).expect(201);
    }
}

fn rows(daemon: &Daemon, words: &[&str]) -> Vec<Value> {
    let listed = daemon.cli(&[&["sync"], words, &["--json"]].concat()).json();
    listed.as_array().unwrap().clone()
}

fn one_link(daemon: &Daemon) -> Value {
    let links = daemon.cli(&["link", "list", "--json"]).json();
    assert_eq!(links.as_array().unwrap().len(), 1);
    links[0].clone()
}

#[test]
fn a_plan_before_the_first_run_says_what_it_would_do_and_changes_nothing() {
    let vendor = google();
    let (daemon, erika) = practice(options());
    put(&daemon, &erika, &["One", "Two"]);
    for n in 0..3 {
        vendor.make(&format!("There {n}"), 9 + n);
    }
    let _ = add(&daemon, &vendor).ok();
    let remote = format!("{ACCOUNT}/{}", vendor.calendar());
    let at_rest = ["link", "add", &remote, "erika/calendar", "--mode", "two-way", "--paused"];
    let id = daemon.cli(&at_rest).ok().trim().to_owned();
    for _ in 0..2 {
        let plan = daemon.cli(&["sync", "plan", "--json"]).json();
        assert_eq!(plan["plan"], true);
        let row = &plan["links"][0];
        let counts = |created| json!({ "created": created, "updated": 0, "deleted": 0 });
        assert_eq!(
            (&row["here"], &row["there"], &row["mails"]),
            (&counts(3), &counts(2), &json!(0)),
            "{row}"
        );
    }
    let text = daemon.cli(&["sync", "plan"]).ok();
    assert!(text.contains('3') && text.contains('2'), "{text}");
    assert_eq!((titles(&daemon, &erika).len(), vendor.titles().len()), (2, 3));

    let _ = daemon.cli(&["link", "resume", &id]).ok();
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika).len(), 5);
    assert_eq!(titles(&daemon, &erika), vendor.titles());
    let _ = daemon.cli(&["link", "pause", &id]).ok();
    put(&daemon, &erika, &["Three"]);
    assert_eq!(sync(&daemon).len(), 0, "it rests");
    assert_eq!(daemon.cli(&["sync", "now"]).ok(), "1 link is paused: see `almanac link list`\n");
    assert_eq!(one_link(&daemon)["mode"], "two-way");
    let plan = daemon.cli(&["sync", "plan", "--json"]).json();
    assert_eq!(plan["links"][0]["there"]["created"], 1, "a link at rest has a plan, too");
    assert_eq!(vendor.titles().len(), 5);
}

/// A link with so many events of the vendor's.
fn with_events(vendor: &dyn Played, count: usize) -> (Daemon, Person) {
    for n in 0..count {
        vendor.make(&format!("There {n:02}"), 6 + n % 12);
    }
    let (daemon, erika) = linked(vendor);
    assert_eq!(titles(&daemon, &erika).len(), count);
    (daemon, erika)
}

#[test]
fn many_deletions_are_held_until_somebody_says_yes_or_no() {
    let vendor = outlook();
    let (daemon, erika) = with_events(&vendor, 30);
    for (id, _) in vendor.events().iter().take(20) {
        vendor.remove(id);
    }
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("20 objects are held"), "{said}");
    assert_eq!(titles(&daemon, &erika).len(), 30, "nothing is deleted");
    let status = status_of(&daemon, ACCOUNT);
    assert_eq!((&status["state"], &status["held"]), (&json!("held"), &json!(20)));
    assert_eq!(status["remedy"], "`almanac sync held`");

    let held = rows(&daemon, &["held"]);
    assert_eq!(held.len(), 20);
    assert!(held.iter().all(|row| row["name"].is_null() && row["why"].as_str().unwrap().contains("deleted")));
    assert!(rows(&daemon, &["held", "--names"]).iter().all(|row| row["name"].is_string()));

    let reference = |row: &Value| row["ref"].as_str().unwrap().to_owned();
    let approved: Vec<String> = held.iter().take(8).map(reference).collect();
    let words: Vec<&str> = approved.iter().map(String::as_str).collect();
    let _ = daemon.cli(&[&["sync", "held", "approve"], &words[..]].concat()).ok();
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    assert_eq!(titles(&daemon, &erika).len(), 22, "what was approved is gone");
    assert_eq!(rows(&daemon, &["held"]).len(), 12);
    let trash = daemon.cli(&["trash", "list", "--json"]).json();
    assert_eq!(trash["entries"].as_array().unwrap().len(), 8, "and in the trash");

    let said = daemon.cli(&["sync", "held", "reject", "--all"]).ok();
    assert_eq!(said, "noted: 12; a run follows\n");
    sync_at_last(&daemon);
    assert_eq!((titles(&daemon, &erika), vendor.titles().len()), (vendor.titles(), 22), "the rest is back");
    assert_eq!(status_of(&daemon, ACCOUNT)["state"], "ok");
    assert_eq!((writes(&sync(&daemon)), vendor.mails()), (0, 0));
}

#[test]
fn a_calendar_that_the_vendor_does_not_have_any_more_is_detached_and_nothing_is_deleted() {
    for vendor in [&google() as &dyn Played, &outlook()] {
        let (daemon, erika) = with_events(vendor, 3);
        vendor.remove_calendar();
        for _ in 0..2 {
            let said = daemon.cli(&["sync", "now"]).failed(1);
            assert!(said.contains("1 of 1 links") && said.contains("detached"), "{said}");
        }
        let row = one_link(&daemon);
        assert_eq!(row["state"], "detached", "{row}");
        assert!(row["reason"].as_str().unwrap().contains("not there any more"), "{row}");
        assert_eq!(titles(&daemon, &erika).len(), 3);
        let status = status_of(&daemon, ACCOUNT);
        let id = row["id"].as_str().unwrap();
        let remedy = format!(
            "when the calendar is there again: `almanac link resume {id}`; else `almanac link remove {id}`"
        );
        assert_eq!((&status["state"], &status["remedy"]), (&json!("detached"), &json!(remedy)));
        assert!(status["error"].as_str().unwrap().contains("detached"), "{status}");
        assert!(daemon.cli(&["sync", "now"]).failed(1).contains(&remedy));
    }
}

#[test]
fn what_a_vendor_cannot_hold_is_parked_with_its_reason_and_holds_up_nothing() {
    let vendor = outlook();
    let (daemon, erika) = linked(&vendor);
    let hourly = ics::event_with(
        "canary-uid-parked@practice.example",
        "Canary parked",
        "20261202T090000Z",
        "RRULE:FREQ=HOURLY;COUNT=3",
    );
    let _ = daemon.client(&erika).put(&erika.object("hourly.ics"), &hourly).expect(201);
    put(&daemon, &erika, &["Fine"]);
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("1 are parked"), "{said}");
    assert_eq!(vendor.titles(), ["Fine"]);
    let parked = rows(&daemon, &["parked"]);
    assert_eq!(parked[0]["why"], "Outlook has no series with several instances a day");
    let status = status_of(&daemon, ACCOUNT);
    assert_eq!((&status["state"], &status["remedy"]), (&json!("degraded"), &json!("`almanac sync parked`")));
    let _ =
        daemon.client(&erika).put(&erika.object("hourly.ics"), hourly.replace("HOURLY", "DAILY")).expect(204);
    sync_at_last(&daemon);
    assert_eq!((rows(&daemon, &["parked"]).len(), vendor.titles().len()), (0, 2));
}

#[test]
fn what_lost_a_contradiction_is_in_the_history_and_can_be_had_again() {
    let vendor = google();
    let (daemon, erika) = linked(&vendor);
    put(&daemon, &erika, &["Mine"]);
    sync_at_last(&daemon);
    let pause = one_link(&daemon)["id"].as_str().unwrap().to_owned();
    let _ = daemon.cli(&["link", "pause", &pause]).ok();
    let id = vendor.events()[0].0.clone();
    vendor.retitle(&id, "Canary theirs");
    let path = erika.object("Mine.ics");
    let _ = daemon.client(&erika).put(&path, event("Mine@practice.example", "Mine later")).expect(204);
    let _ = daemon.cli(&["link", "resume", &pause]).ok();
    sync_at_last(&daemon);
    assert_eq!(
        (titles(&daemon, &erika), vendor.titles()),
        (vec!["Mine later".into()], vec!["Mine later".into()])
    );
    let lost = rows(&daemon, &["history"]);
    assert_eq!((lost.len(), &lost[0]["loser"], &lost[0]["fields"]), (1, &json!("vendor"), &json!(["title"])));
    let said = daemon.cli(&["sync", "history", "restore", lost[0]["id"].as_str().unwrap()]).ok();
    assert!(said.starts_with("restored: the vendor's version that lost at 20"), "{said}");
    assert!(said.ends_with("Z (title); a run follows\n") && !said.contains('.'), "{said}");
    sync_at_last(&daemon);
    let both = (titles(&daemon, &erika), vendor.titles());
    assert_eq!(both, (vec!["Canary theirs".into()], vec!["Canary theirs".into()]));
}

fn purges_only_its_own(vendor: &dyn Played) {
    let (daemon, erika) = with_events(vendor, 2);
    put(&daemon, &erika, &["Mine", "Other"]);
    sync_at_last(&daemon);
    // What the vendor's owner made stays theirs, also when it was changed here.
    let name = named(&daemon, &erika, "There 00");
    let client = daemon.client(&erika);
    let text = client.get(&erika.object(&name)).expect(200).text().replace("There 00", "There changed");
    let _ = client.put(&erika.object(&name), text).expect(204);
    sync_at_last(&daemon);
    assert_eq!(vendor.titles(), ["Mine", "Other", "There 01", "There changed"]);
    let id = one_link(&daemon)["id"].as_str().unwrap().to_owned();
    let _ = daemon.cli(&["sync", "purge", &id]).ok();
    assert_eq!(vendor.titles(), ["There 01", "There changed"]);
    assert_eq!(titles(&daemon, &erika).len(), 4, "nothing is lost here");
    assert_eq!(daemon.cli(&["link", "list", "--json"]).json(), json!([]));
}

#[test]
fn a_purge_takes_back_from_google_what_the_link_wrote_and_nothing_else() {
    purges_only_its_own(&google());
}

#[test]
fn a_purge_takes_back_from_outlook_what_the_link_wrote_and_nothing_else() {
    purges_only_its_own(&outlook());
}

#[test]
fn an_account_rests_and_works_again_without_a_restart() {
    let vendor = google();
    let (daemon, erika) = linked(&vendor);
    let _ = daemon.cli(&["account", "disable", ACCOUNT]).ok();
    put(&daemon, &erika, &["Mine"]);
    assert_eq!(sync(&daemon).len(), 0);
    vendor.seen();
    assert_eq!(status_of(&daemon, ACCOUNT)["state"], "disabled");
    assert_eq!((vendor.titles().len(), vendor.seen().len()), (0, 0));
    let _ = daemon.cli(&["account", "enable", ACCOUNT]).ok();
    sync_at_last(&daemon);
    assert_eq!(vendor.titles(), ["Mine"]);
}

#[test]
fn the_status_of_an_account_tells_everything_that_an_operator_asks() {
    let vendor = google();
    let (daemon, _) = linked(&vendor);
    let status = status_of(&daemon, ACCOUNT);
    for (field, value) in [
        ("kind", json!("google")),
        ("state", json!("ok")),
        ("error", json!(null)),
        ("remedy", json!(null)),
        ("links", json!(1)),
        ("queue", json!(0)),
        ("oldest_pending", json!(null)),
        ("held", json!(0)),
        ("parked", json!(0)),
        ("throttled_until", json!(null)),
        ("channel_expires", json!(null)),
    ] {
        assert_eq!(status[field], value, "{field}");
    }
    for field in ["last_success", "token_expires"] {
        assert!(status[field].as_str().unwrap().starts_with("20"), "{field} of {status}");
    }
    assert!(status["lag_seconds"].is_u64());

    let metrics = daemon.management("/metrics").expect(200);
    let label = format!("account=\"{}\"", status["id"].as_str().unwrap());
    for line in [
        format!("almanac_account_state{{{label},state=\"ok\"}} 1"),
        format!("almanac_account_state{{{label},state=\"held\"}} 0"),
        format!("almanac_account_queue{{{label}}} 0"),
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}\n{metrics}");
    }
    assert!(metrics.text().contains(&format!("almanac_account_token_expiry_timestamp_seconds{{{label}}} ")));
    assert!(!metrics.text().contains(ACCOUNT), "an account's name is for the operator alone");
}

#[test]
fn an_address_that_was_not_opened_is_refused_with_what_to_do() {
    let vendor = google();
    let (daemon, _) = practice(options().set("egress.allow", "[]"));
    let said = add(&daemon, &vendor).failed(1);
    assert!(said.contains("[egress]"), "{said}");
    let words = ["--url", "http://169.254.169.254/", "--username", "ada", "--password-stdin"];
    let said = add_account(&daemon, "caldav", "closed", &words, "canary-secret").failed(1);
    assert!(said.contains("[egress]") && !said.contains("canary"), "{said}");
    let said =
        add_account(&daemon, "feed", "closed", &["--url-stdin"], "https://127.0.0.1/canary-secret").failed(1);
    assert!(said.contains("[egress]") && !said.contains("canary"), "{said}");
    assert_eq!(daemon.cli(&["account", "list", "--json"]).json(), json!([]));
    assert!(vendor.seen().is_empty(), "nothing was sent");
}

#[test]
fn no_secret_token_or_event_is_in_the_log_and_every_request_is() {
    let vendor = google();
    let (daemon, erika) = linked(&vendor);
    put(&daemon, &erika, &["canary-title-here"]);
    vendor.make("canary-title-there", 9);
    sync_at_last(&daemon);
    vendor.plan(Box::new(|request| {
        let body = "canary-answer of the vendor";
        let refused = almanac_simulator::Reply::new(http::StatusCode::INTERNAL_SERVER_ERROR, body);
        (request.method == "GET").then_some(almanac_simulator::Fault::Answer(refused))
    }));
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    vendor.calm();
    sync_at_last(&daemon);
    let log = daemon.log();
    let status = daemon.cli(&["status", "--json"]).ok();
    for secret in
        ["canary-title", "canary-spent", "canary-answer", "refresh-0", "access-1", "practice.example"]
    {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!status.contains(secret), "{secret} is in the status");
    }
    let asked = |words: &[&str]| log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    let request = "request to the outside";
    assert!(asked(&[request, "method=POST", "route=/calendars/{calendar}/events", "status=200"]), "{log}");
    assert!(asked(&[request, "method=GET", "status=500"]));
}

/// A calendar at Outlook with one meeting that has a guest, who is mailed about every change.
fn meeting() -> (Running<Graph>, Daemon, Person) {
    let vendor = outlook();
    let at = |hour: usize| json!({ "dateTime": format!("2026-12-01T{hour:02}:00:00"), "timeZone": "UTC" });
    let guest =
        json!([{ "emailAddress": { "address": "ben@practice.example", "name": "Ben" }, "type": "required" }]);
    let meeting = json!({ "subject": "Meeting", "start": at(9), "end": at(10), "attendees": guest });
    vendor.with(|graph| graph.create(CALENDAR, &meeting)).unwrap();
    let (daemon, erika) = linked(&vendor);
    (vendor, daemon, erika)
}

/// Runs, and finds that the change of the meeting waits for a word.
fn is_held(daemon: &Daemon, vendor: &dyn Played, mailed: u64, why: &str) {
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    let rows = rows(daemon, &["held"]);
    assert_eq!((rows.len(), &rows[0]["why"]), (1, &json!(why)));
    assert_eq!((vendor.titles(), vendor.mails()), (vec!["Meeting".to_owned()], mailed), "not before");
}

#[test]
fn a_change_that_the_vendor_would_mail_about_is_announced_and_made_only_if_somebody_says_so() {
    let (vendor, daemon, erika) = meeting();
    let mailed = vendor.mails();
    let client = daemon.client(&erika);
    let path = erika.object(&named(&daemon, &erika, "Meeting"));
    let rename = |title: &str| {
        let text =
            client.get(&path).expect(200).text().replace("SUMMARY:Meeting", &format!("SUMMARY:{title}"));
        let _ = client.put(&path, text).expect(204);
    };
    let id = one_link(&daemon)["id"].as_str().unwrap().to_owned();
    let _ = daemon.cli(&["link", "pause", &id]).ok();
    rename("Meeting moved");
    let plan = daemon.cli(&["sync", "plan", "--json"]).json();
    assert_eq!(plan["links"][0]["mails"], 1, "{plan}");
    let _ = daemon.cli(&["link", "resume", &id]).ok();
    is_held(&daemon, &vendor, mailed, "the vendor would mail 1 people: may it?");
    let _ = daemon.cli(&["sync", "held", "reject", "--all"]).ok();
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika), ["Meeting"], "it is as the vendor has it");
    rename("Meeting later");
    is_held(&daemon, &vendor, mailed, "the vendor would mail 1 people: may it?");
    let _ = daemon.cli(&["sync", "held", "approve", "--all"]).ok();
    sync_at_last(&daemon);
    assert_eq!((vendor.titles(), vendor.mails()), (vec!["Meeting later".to_owned()], mailed + 1));
}

#[test]
fn a_deletion_that_the_vendor_would_mail_about_is_made_only_if_somebody_says_so() {
    for (answer, left, mails) in [("reject", 1, 0), ("approve", 0, 1)] {
        let (vendor, daemon, erika) = meeting();
        let mailed = vendor.mails();
        let path = erika.object(&named(&daemon, &erika, "Meeting"));
        let _ = daemon.client(&erika).delete(&path).expect(204);
        is_held(
            &daemon,
            &vendor,
            mailed,
            "deleted here, and the vendor would mail 1 people about it: may it?",
        );
        let _ = daemon.cli(&["sync", "held", answer, "--all"]).ok();
        sync_at_last(&daemon);
        assert_eq!((titles(&daemon, &erika).len(), vendor.titles().len()), (left, left), "{answer}");
        assert_eq!((vendor.mails(), &status_of(&daemon, ACCOUNT)["state"]), (mailed + mails, &json!("ok")));
    }
}

#[test]
fn a_password_is_not_sent_for_a_tenant_that_is_not_there() {
    let server = Running::start(FeedHost::default());
    let (daemon, _) = practice(options());
    let url = format!("{}/dav/", server.url());
    let words = ["account", "add", "caldav", "new", "--url", &url, "--username", "ada", "--password-stdin"];
    let add = |tenant: &str| daemon.cli_with_input(&[&words[..], &["--tenant", tenant]].concat(), b"canary");
    let said = add("Nope").failed(1);
    assert!(said.contains("tenant"), "{said}");
    assert_eq!(server.take_seen().len(), 0);
    let _ = add(TENANT).failed(1);
    assert!(!server.take_seen().is_empty(), "it is that server that is asked");
}

#[test]
fn what_went_wrong_is_told_with_what_to_do_about_just_that() {
    let other = Running::start(FeedHost::default());
    let mut state = FeedHost::default();
    state.event("uid-1", 5, "Rota");
    let server = Running::start(state);
    let (daemon, _) = practice(options().set("sync.poll", "1h"));
    let url = format!("{}{PATH}", server.url());
    let show = |shown: Shown| server.with(|host| host.shown = shown);
    let caldav = ["--url", &url, "--username", "ada", "--password-stdin"];

    show(Shown::Elsewhere(other.url()));
    let said = add_account(&daemon, "caldav", "new", &caldav, "canary").failed(1);
    assert!(
        said.contains("was not given for") && said.contains("remedy: if the password may go to"),
        "{said}"
    );
    assert!(said.contains("give --url https://HOST/") && other.take_seen().is_empty(), "{said}");
    show(Shown::Status(503));
    for said in [
        add_account(&daemon, "caldav", "new", &caldav, "canary").failed(1),
        add_account(&daemon, "feed", "new", &["--url-stdin"], &url).failed(1),
    ] {
        assert!(said.contains("remedy: ") && !said.contains("egress") && !said.contains("address"), "{said}");
    }
    let words = ["--url", "cal.example.org", "--username", "ada", "--password-stdin"];
    for said in [
        add_account(&daemon, "caldav", "new", &words, "canary").failed(1),
        add_account(&daemon, "feed", "new", &["--url-stdin"], "cal.example.org").failed(1),
        add_account(
            &daemon,
            "google",
            "new",
            &["--api-url", "x", "--client-id", "a", "--tokens-stdin"],
            "{}",
        )
        .failed(1),
    ] {
        assert!(
            said.contains("cannot be used") && !said.contains("remove") && said.contains("correct"),
            "{said}"
        );
    }
    assert_eq!(daemon.cli(&["account", "list", "--json"]).json(), json!([]));

    show(Shown::Calendar);
    let _ = add_account(&daemon, "feed", "rota", &["--url-stdin"], &url).ok();
    let _ = daemon.cli(&["link", "add", "rota/feed", "erika/calendar", "--mode", "pull"]).ok();
    sync_at_last(&daemon);
    let well = doctor_on_accounts(&daemon);
    assert_eq!((&well["level"], &well["seen"]), (&json!("ok"), &json!("1 account is well")));
    show(Shown::Status(429));
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("remedy: nothing is to be done: it goes on by itself"), "{said}");
    let people = daemon.cli(&["status"]).ok();
    let line = people.lines().find(|line| line.starts_with("rota ")).unwrap();
    let until = line.split_whitespace().nth(3).unwrap();
    assert!(line.contains("throttled until ") && until.len() == "2026-01-01T00:00:00Z".len(), "{people}");
    assert_eq!(doctor_on_accounts(&daemon)["level"], "ok", "nobody has to do anything");
    let sign_in = ["account", "sign-in", "rota", "--password-stdin"];
    let said = daemon.cli_with_input(&sign_in, b"canary").failed(1);
    assert!(said.contains("a feed without --username"), "{said}");
}

fn doctor_on_accounts(daemon: &Daemon) -> Value {
    let said = daemon.cli(&["doctor", "--json"]).stdout;
    let findings: Vec<Value> = serde_json::from_str(&said).unwrap();
    findings.into_iter().find(|row| row["name"] == "accounts").unwrap()
}

#[test]
fn a_link_that_tells_times_alone_is_listed_as_what_it_was_made() {
    let vendor = google();
    let (daemon, _) = practice(options().set("sync.poll", "1h"));
    let _ = add(&daemon, &vendor).ok();
    let remote = format!("{ACCOUNT}/{}", vendor.calendar());
    for (words, mode, privacy) in [
        (&["--mode", "busy-only"][..], "busy-only", "busy"),
        (&["--mode", "push", "--privacy", "busy"], "busy-only", "busy"),
        (&["--mode", "push", "--privacy", "initials"], "push", "initials"),
        (&["--mode", "push"], "push", "full"),
    ] {
        let id = daemon.cli(&[&["link", "add", &remote, "erika/calendar", "--paused"], words].concat()).ok();
        let row = one_link(&daemon);
        assert_eq!((&row["mode"], &row["privacy"]), (&json!(mode), &json!(privacy)));
        let people = daemon.cli(&["link", "list"]).ok();
        assert!(people.contains(&format!("  {mode} ")), "{people}");
        let _ = daemon.cli(&["link", "remove", id.trim()]).ok();
    }
}

#[test]
fn a_purge_that_the_vendor_refuses_says_how_to_go_on() {
    let vendor = google();
    let (daemon, erika) = linked(&vendor);
    put(&daemon, &erika, &["Mine"]);
    sync_at_last(&daemon);
    let id = one_link(&daemon)["id"].as_str().unwrap().to_owned();
    vendor.revoke();
    let said = daemon.cli(&["sync", "purge", &id]).failed(1);
    for part in ["`almanac account sign-in played`", &format!("`almanac sync purge {id}`")] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("password"), "{said}");
    let new = tokens(&vendor.grant());
    let _ = daemon.cli_with_input(&["account", "sign-in", ACCOUNT, "--tokens-stdin"], new.as_bytes()).ok();
    let _ = daemon.cli(&["sync", "purge", &id]).ok();
    assert_eq!((vendor.titles().len(), titles(&daemon, &erika).len()), (0, 1));
}
