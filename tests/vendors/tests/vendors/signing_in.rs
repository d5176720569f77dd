//! Tokens: renewed, torn, taken back, and given anew.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use almanac_simulator::Fault;

use crate::played::{ACCOUNT, Played, add, google, outlook, tokens};
use crate::practice::{calendars, link, options, practice, status_of, sync, sync_at_last};

const PATIENCE: Duration = Duration::from_secs(30);

/// How late an answer is that nobody lives to see.
const TORN: Duration = Duration::from_secs(5);

/// How often the token endpoint was asked since the last look.
fn renewals(vendor: &dyn Played) -> usize {
    vendor.seen().iter().filter(|seen| vendor.is_token(&seen.request)).count()
}

fn survives_a_torn_renewal(vendor: &dyn Played) {
    let (mut daemon, _) = practice(options().set("sync.poll", "1h"));
    let _ = add(&daemon, vendor).ok();
    link(&daemon, &format!("{ACCOUNT}/{}", vendor.calendar()), "erika/calendar", "two-way");
    sync_at_last(&daemon);
    let (told, came) = sync_channel(1);
    vendor.plan(Box::new(move |request| {
        let token = request.path.ends_with("/token");
        if token {
            let _ = told.try_send(());
        }
        token.then_some(Fault::Late(TORN))
    }));
    // The next use needs a renewal: the token that is kept was spent long ago.
    let last = vendor.grant();
    let signed_in =
        daemon.cli_with_input(&["account", "sign-in", ACCOUNT, "--tokens-stdin"], tokens(&last).as_bytes());
    let _ = signed_in.ok();
    let mut running = daemon.begin_cli(&["sync", "now"]);
    came.recv_timeout(PATIENCE).unwrap();
    daemon.kill9();
    vendor.calm();
    running.wait().unwrap(); // without the daemon the command goes on by itself
    daemon.boot();
    sync_at_last(&daemon);
    assert_eq!(status_of(&daemon, ACCOUNT)["state"], "ok");
}

#[test]
fn an_account_at_google_works_after_a_renewal_of_its_token_was_torn_by_a_kill() {
    survives_a_torn_renewal(&google());
}

#[test]
fn an_account_at_outlook_works_after_a_renewal_of_its_token_was_torn_by_a_kill() {
    survives_a_torn_renewal(&outlook());
}

fn needs_a_person_and_is_healed_by_one(vendor: &dyn Played) {
    let (mut daemon, _) = practice(options().set("sync.poll", "50ms"));
    let _ = add(&daemon, vendor).ok();
    link(&daemon, &format!("{ACCOUNT}/{}", vendor.calendar()), "erika/calendar", "two-way");
    sync_at_last(&daemon);

    vendor.revoke();
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("sign"), "{said}");
    let status = status_of(&daemon, ACCOUNT);
    assert_eq!(status["state"], "needs-sign-in", "{status}");
    let remedy = status["remedy"].as_str().unwrap();
    assert!(remedy.contains("`almanac account sign-in played") && !remedy.contains("password"), "{remedy}");
    assert!(said.contains(remedy), "`sync now` names the same command: {said}");
    let people = daemon.cli(&["status"]).ok();
    assert!(people.contains(&format!("\n  remedy: {remedy}\n")) && people.contains("\nplayed: "), "{people}");
    assert!(people.lines().any(|line| line.starts_with("played   needs-sign-in  20")), "{people}");
    let doctor = daemon.cli(&["doctor", "--json"]).stdout;
    let findings: serde_json::Value = serde_json::from_str(&doctor).unwrap();
    let found = findings.as_array().unwrap().iter().find(|row| row["name"] == "accounts").unwrap();
    assert_eq!((&found["level"], &found["remedy"]), (&"warning".into(), &format!("played: {remedy}").into()));
    let refused = daemon.cli(&["account", "calendars", ACCOUNT]).failed(1);
    assert!(refused.contains(remedy), "{refused}");
    renewals(vendor);
    for _ in 0..3 {
        let _ = daemon.cli(&["sync", "now"]).failed(1);
    }
    assert_eq!(renewals(vendor), 0, "a dead token is not tried again");
    let line = daemon.await_log(|line| line.contains("needs to be signed in again"));
    assert!(line.unwrap().contains("ERROR"));

    daemon.restart();
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    assert!(renewals(vendor) <= 1, "after a start it is asked once");

    let new = tokens(&vendor.grant());
    let _ = daemon.cli_with_input(&["account", "sign-in", ACCOUNT, "--tokens-stdin"], new.as_bytes()).ok();
    sync(&daemon);
    assert_eq!(status_of(&daemon, ACCOUNT)["state"], "ok");
    assert_eq!(calendars(&daemon, ACCOUNT).len(), 1);
}

#[test]
fn an_account_at_google_that_was_shut_out_needs_a_person_and_is_healed_by_new_tokens() {
    needs_a_person_and_is_healed_by_one(&google());
}

#[test]
fn an_account_at_outlook_that_was_shut_out_needs_a_person_and_is_healed_by_new_tokens() {
    needs_a_person_and_is_healed_by_one(&outlook());
}

#[test]
fn the_end_of_a_sign_in_at_google_is_told_two_days_before() {
    let vendor = google();
    let (daemon, _) = practice(options().set("sync.poll", "1h"));
    let _ = add(&daemon, &vendor).ok();
    link(&daemon, &format!("{ACCOUNT}/{}", vendor.calendar()), "erika/calendar", "two-way");
    const DAY: i64 = 24 * 60 * 60;
    for (life, state) in [(3 * DAY, "ok"), (DAY, "degraded")] {
        vendor.with(|sim| sim.tokens.refresh_life = Some(life));
        let new = tokens(&vendor.grant());
        let signed_in = ["account", "sign-in", ACCOUNT, "--tokens-stdin"];
        let _ = daemon.cli_with_input(&signed_in, new.as_bytes()).ok();
        sync(&daemon);
        let status = status_of(&daemon, ACCOUNT);
        assert_eq!(status["state"], state, "{status}");
        assert!(status["sign_in_ends"].is_string(), "{status}");
        let (error, advice) = (&status["error"], &status["remedy"]);
        assert_eq!(
            error.as_str().is_some_and(|error| error.contains("ends at")),
            state == "degraded",
            "{error}"
        );
        let advised = advice.as_str().is_some_and(|text| text.contains("almanac account sign-in played"));
        assert_eq!(advised, state == "degraded", "{advice}");
    }
}
