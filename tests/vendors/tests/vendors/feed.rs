//! A feed of this very server, taken in by another calendar of it.

use almanac_harness::ics;

use crate::practice::{add_account, calendars, link, options, practice, sync_at_last, titles};

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
