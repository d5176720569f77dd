//! Taking back what a link wrote, where a vendor lists a window of time and mails guests.

use almanac_app::sync::LinkState;
use almanac_outlook::sim::{CALENDAR, Graph};
use almanac_sync::{Purged, purge};
use jiff::SignedDuration;
use serde_json::json;

use crate::outlook::AtOutlook;
use crate::vendor::Vendor as _;
use crate::world::{Terms, World, event};

#[tokio::test]
async fn a_purge_reaches_what_has_left_the_window_and_leaves_what_would_mail_people() {
    let world = World::at("2026-03-02T08:00:00Z").await;
    let outlook = AtOutlook::of(Graph::new("2026-03-02T08:00:00Z".parse().unwrap()), &world.clock).await;
    let link = world.link_with("v", CALENDAR, Terms::default()).await;
    let theirs = json!({
        "subject": "Theirs",
        "start": { "dateTime": "2026-03-03T09:00:00", "timeZone": "UTC" },
        "end": { "dateTime": "2026-03-03T10:00:00", "timeZone": "UTC" },
    });
    outlook.sim.with(|graph| graph.create(CALENDAR, &theirs)).unwrap();
    for (name, day) in [("a", 4), ("b", 5)] {
        world.put(&format!("{name}.ics"), &event(name, day, &format!("SUMMARY:{name}"))).await;
    }
    world.run(&link, outlook.connector()).await.unwrap();
    let ids = || outlook.sim.with(|graph| graph.ids(CALENDAR));
    let titled = |title: &str| {
        let is = |id: &String| outlook.sim.with(|graph| graph.event(id).unwrap()["subject"] == *title);
        ids().into_iter().find(is).unwrap()
    };
    assert_eq!(ids().len(), 3);
    // Somebody invites a guest to what we wrote.
    let guest = json!({ "emailAddress": { "address": "guest@almanac.example" }, "type": "required" });
    let invited = titled("b");
    outlook.sim.with(|graph| graph.change(&invited, &json!({ "attendees": [guest] })));
    let mailed = outlook.mails().all();

    world.clock.advance(SignedDuration::from_hours(24 * 120));
    outlook.set_time("2026-06-30T08:00:00Z".parse().unwrap());
    world.app.set_link_state(link.id, &LinkState::Paused).await.unwrap();
    let purged = purge(&world.app, outlook.connector(), &link).await.unwrap();
    assert_eq!(purged, Purged { deleted: 1, mailing: 1 });
    assert_eq!((ids(), outlook.mails().all()), (vec![titled("Theirs"), titled("b")], mailed));
}
