//! Feeds: one of this very server, taken in by another calendar of it, and one that wants a password.

use almanac_feed::sim::{FeedHost, PATH};
use almanac_harness::ics;
use serde_json::json;

use crate::played::Running;
use crate::practice::{add_account, calendars, link, options, practice, status_of, sync_at_last, titles};

#[test]
fn a_feed_of_one_calendar_is_taken_in_by_another_and_nothing_goes_back() {
    let (daemon, erika) = practice(options());
    let nora = daemon.person("nora");
    let (client, reader) = (daemon.client(&erika), daemon.client(&nora));
    let series = ics::event_with(
        "series@practice.example",
        "Series",
        "20261202T090000Z",
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE:20261209T090000Z",
    );
    let _ = client.put(&erika.object("series.ics"), series).expect(201);
    let _ = client.put(&erika.object("one.ics"), ics::simple("one@practice.example")).expect(201);
    let url = daemon.cli(&["feed", "create", "erika/calendar"]).ok();
    let _ = add_account(&daemon, "feed", "subscribed", &["--url-stdin"], &url).ok();
    let remote = calendars(&daemon, "subscribed");
    assert_eq!(remote.len(), 1);
    let remote = format!("subscribed/{}", remote[0]);
    let two_way = daemon.cli(&["link", "add", &remote, "nora/calendar", "--mode", "two-way"]).failed(1);
    assert!(two_way.contains("--mode pull"), "{two_way}");
    link(&daemon, &remote, "nora/calendar", "pull");
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &nora), ["Dental check", "Series"]);
    let own =
        reader.put(&nora.object("own.ics"), ics::event("own@practice.example", "Own", "20261205T090000Z"));
    let _ = own.expect(201);
    let _ = client.delete(&erika.object("one.ics")).expect(204);
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &nora), ["Own", "Series"], "what nora has herself stays");
    assert_eq!(titles(&daemon, &erika), ["Series"], "nothing goes back");

    let feeds = daemon.cli(&["feed", "list", "--json"]).json();
    let _ = daemon.cli(&["feed", "revoke", feeds[0]["id"].as_str().unwrap()]).ok();
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    let links = daemon.cli(&["link", "list", "--json"]).json();
    assert_eq!(links[0]["state"], "detached");
    assert_eq!(titles(&daemon, &nora), ["Own", "Series"], "a feed that is closed deletes nothing");
    let secret = url.trim().rsplit('/').next().unwrap();
    assert!(!daemon.log().contains(secret), "the feed's secret is in the log");
}

/// `erika` with this password.
const AUTHORIZATION: [(&str, &str); 2] =
    [("canary-one", "Basic ZXJpa2E6Y2FuYXJ5LW9uZQ=="), ("canary-two", "Basic ZXJpa2E6Y2FuYXJ5LXR3bw==")];

#[test]
fn a_feed_that_wants_a_password_is_set_up_and_signed_in_again_from_the_command_line() {
    let [(first, first_said), (second, second_said)] = AUTHORIZATION;
    let mut host = FeedHost::default();
    first_said.clone_into(&mut host.authorization);
    host.event("uid-1", 5, "Rota");
    let host = Running::start(host);
    let url = format!("{}{PATH}", host.url());
    let (daemon, erika) = practice(options().set("sync.poll", "1h"));
    let named = ["--username", "erika", "--url-stdin"];

    // Each of these would have sent the password somewhere, or nowhere.
    let both = format!("{url}\n{first}\n");
    let missing = add_account(&daemon, "feed", "rota", &named, &url).failed(2);
    assert!(missing.contains("password in the second"), "{missing}");
    let nobody = add_account(&daemon, "feed", "rota", &["--url-stdin"], &both).failed(2);
    assert!(nobody.contains("more than one line") && nobody.contains("--username"), "{nobody}");
    let apart = ["--username", "erika", "--url-stdin", "--password-stdin"];
    for words in [&apart[..], &["--username", "erika", "--password-stdin"]] {
        let said = add_account(&daemon, "feed", "rota", words, &both).failed(2);
        assert!(said.contains("--url-stdin, with the URL in the first line"), "{said}");
    }
    assert_eq!(host.take_seen().len(), 0, "nothing was sent");
    let wrong = add_account(&daemon, "feed", "rota", &named, &format!("{url}\n{second}")).failed(1);
    assert!(wrong.contains("password") && !wrong.contains("canary"), "{wrong}");
    assert!(host.take_seen().iter().all(|seen| !seen.request.path.contains("canary")));

    let _ = add_account(&daemon, "feed", "rota", &named, &both).ok();
    link(&daemon, "rota/feed", "erika/calendar", "pull");
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika), ["Rota"]);

    host.with(|host| second_said.clone_into(&mut host.authorization));
    let _ = daemon.cli(&["sync", "now"]).failed(1);
    assert_eq!(status_of(&daemon, "rota")["state"], json!("needs-sign-in"));
    let again = ["account", "sign-in", "rota", "--password-stdin"];
    let said = daemon.cli_with_input(&again, both.as_bytes()).failed(2);
    assert!(said.contains("more than one line"), "{said}");
    let _ = daemon.cli_with_input(&again, format!("{second}\n").as_bytes()).ok();
    sync_at_last(&daemon);
    assert_eq!(status_of(&daemon, "rota")["state"], json!("ok"));
    let log = daemon.log();
    assert!(!log.contains("canary-one") && !log.contains("canary-two") && !log.contains(PATH), "{log}");
}

#[test]
fn forty_deletions_of_a_feed_that_are_approved_cost_no_download_each() {
    let mut host = FeedHost::default();
    for n in 0..60 {
        host.event(&format!("uid-{n}"), 1 + n % 28, &format!("event {n}"));
    }
    let host = Running::start(host);
    let (daemon, erika) = practice(options().set("sync.poll", "1h"));
    let url = format!("{}{PATH}", host.url());
    let _ = add_account(&daemon, "feed", "rota", &["--url-stdin"], &url).ok();
    link(&daemon, "rota/feed", "erika/calendar", "pull");
    sync_at_last(&daemon);
    host.with(|host| (0..40).for_each(|n| host.remove(&format!("uid-{n}"))));
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("40 objects are held"), "{said}");
    let _ = host.take_seen();
    let _ = daemon.cli(&["sync", "held", "approve", "--all"]).ok();
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika).len(), 20);
    // One for the runs that the word and the command cause, each; and one whole reading at most.
    let asked = host.take_seen().len();
    assert!(asked <= 6, "{asked} requests");
}
