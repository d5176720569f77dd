//! What lies outside the window that a vendor lists: it is met before anything is made there, as in a first listing.

use almanac_app::sync::{LinkMode, LinkPolicy, LinkPrivacy};
use almanac_outlook::sim::{CALENDAR, Graph};
use serde_json::{Value, json};

use crate::basics::{title, titles};
use crate::outlook::AtOutlook;
use crate::vendor::Vendor as _;
use crate::world::{Terms, World, object};

/// An event of an hour in March 2020.
fn old(day: u64, more: &str) -> String {
    format!("DTSTART:202003{day:02}T090000Z DTEND:202003{day:02}T100000Z {more}")
}

fn there(day: u64, subject: &str, text: &str) -> Value {
    let at =
        |hour: u64| json!({ "dateTime": format!("2020-03-{day:02}T{hour:02}:00:00"), "timeZone": "UTC" });
    let body = json!({ "contentType": "text", "content": text });
    json!({ "subject": subject, "start": at(9), "end": at(10), "body": body })
}

async fn start() -> (World, AtOutlook) {
    let world = World::at("2026-03-02T08:00:00Z").await;
    let outlook = AtOutlook::of(Graph::new("2026-03-02T08:00:00Z".parse().unwrap()), &world.clock).await;
    (world, outlook)
}

async fn subjects(outlook: &AtOutlook) -> Vec<String> {
    let mut all: Vec<_> = outlook.objects().await.iter().map(|object| title(&object.form)).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_a_removed_link_wrote_is_met_again_and_what_contradicts_it_is_history() {
    let (world, outlook) = start().await;
    let terms = Terms { policy: LinkPolicy::Record, ..Terms::default() };
    world.put("a.ics", &object("a", &old(1, "SUMMARY:before LOCATION:here"))).await;
    let link = world.link_with("first", CALENDAR, terms).await;
    world.settle(&[(&link, outlook.connector())]).await;
    world.app.remove_link(link.id).await.unwrap();
    world.put("a.ics", &object("a", &old(1, "SUMMARY:renamed LOCATION:here"))).await;
    let link = world.link_with("again", CALENDAR, terms).await;
    let report = world.run(&link, outlook.connector()).await.unwrap();
    assert_eq!((report.matched, report.there.created), (1, 0));
    world.settle(&[(&link, outlook.connector())]).await;
    assert_eq!(
        (titles(&world.forms().await), subjects(&outlook).await),
        (vec!["renamed".to_owned()], vec!["renamed".to_owned()])
    );
    assert_eq!(world.lost(&link).await.iter().map(title).collect::<Vec<_>>(), ["before"]);
}

#[tokio::test]
async fn equal_events_are_taken_for_one_each_and_nothing_of_either_is_lost() {
    let (world, outlook) = start().await;
    outlook.sim.with(|graph| graph.create(CALENDAR, &there(1, "same", "theirs"))).unwrap();
    world.put("a.ics", &object("a", &old(1, "SUMMARY:same LOCATION:ours"))).await;
    world.put("b.ics", &object("b", &old(1, "SUMMARY:same"))).await;
    let link = world.link_with("v", CALENDAR, Terms::default()).await;
    world.settle(&[(&link, outlook.connector())]).await;
    assert_eq!(subjects(&outlook).await, ["same", "same"], "one was met, the other made");
    let texts: Vec<String> = world
        .objects()
        .await
        .iter()
        .map(|(_, object)| String::from_utf8(object.bytes().to_vec()).unwrap())
        .collect();
    assert!(texts.iter().any(|text| text.contains("DESCRIPTION:theirs")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("LOCATION:ours")), "{texts:?}");
    assert!(world.run_whole(&link, outlook.connector()).await.unwrap().is_idle());
}

#[tokio::test]
async fn a_masked_link_meets_nobodys_busy_hour_and_no_link_meets_what_another_calendar_wrote() {
    let (world, outlook) = start().await;
    outlook.sim.with(|graph| graph.create(CALENDAR, &there(1, "Busy", "theirs"))).unwrap();
    world.put("a.ics", &object("a", &old(1, "SUMMARY:Erna"))).await;
    let terms = Terms { mode: LinkMode::Push, privacy: LinkPrivacy::Busy, policy: LinkPolicy::Store };
    let link = world.link_with("v", CALENDAR, terms).await;
    world.settle(&[(&link, outlook.connector())]).await;
    assert_eq!(subjects(&outlook).await, ["Busy", "Busy"]);

    let (world, outlook) = start().await;
    world.put("a.ics", &object("a", &old(1, "SUMMARY:shared"))).await;
    let one = world.link_with("one", CALENDAR, Terms::default()).await;
    world.settle(&[(&one, outlook.connector())]).await;
    let second = world.second().await;
    let other = world.link_both(&second, "other", CALENDAR, Terms::default()).await;
    world.put_at(second, "a.ics", &object("a", &old(1, "SUMMARY:shared"))).await;
    world.settle(&[(&one, outlook.connector()), (&other, outlook.connector())]).await;
    assert_eq!(subjects(&outlook).await, ["shared", "shared"]);
    let pairs =
        [world.app.pairs(&one, None).await.unwrap().0, world.app.pairs(&other, None).await.unwrap().0];
    assert_ne!(pairs[0][0].pair.remote, pairs[1][0].pair.remote);
}

#[tokio::test]
async fn what_is_cancelled_here_later_is_shown_free_at_outlook_and_busy_again_if_it_takes_place() {
    let (world, outlook) = start().await;
    let link = world.link_with("v", CALENDAR, Terms::default()).await;
    let shown = || {
        let ids = outlook.sim.with(|graph| graph.ids(CALENDAR));
        outlook.sim.with(|graph| graph.event(&ids[0]).unwrap()["showAs"].clone())
    };
    for (status, expected) in [("", "busy"), ("STATUS:CANCELLED", "free"), ("STATUS:CONFIRMED", "busy")] {
        let now = "DTSTART:20260310T090000Z DTEND:20260310T100000Z SUMMARY:a";
        world.put("a.ics", &object("a", &format!("{now} {status}"))).await;
        world.settle(&[(&link, outlook.connector())]).await;
        assert_eq!(shown(), expected, "{status}");
    }
}
