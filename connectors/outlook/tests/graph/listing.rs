//! Listings: windows, pages, expiry, and what they never say.

use almanac_contract::{Attempt, Changed, Connector as _, Coverage, DeltaToken, ErrorKind, RemoteId};
use almanac_outlook::sim::CALENDAR;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{calendar, create, fetch, list, push, series, single, there, world};

fn event(day: &str, subject: &str) -> serde_json::Value {
    let at = |hour| json!({ "dateTime": format!("{day}T{hour}:00:00"), "timeZone": "Eastern Standard Time" });
    json!({ "subject": subject, "start": at(10), "end": at(11) })
}

/// Pitfall 4, 20: events of others come whole with the first listing; ours only by version, since a listing does not
/// show what we left on them.
#[tokio::test]
async fn a_first_listing_takes_no_further_requests_for_what_others_made() {
    let world = world().await;
    let device = world.device();
    let foreign = world.sim.with(|graph| graph.create(CALENDAR, &event("2026-03-05", "Theirs"))).unwrap();
    let ours = create(&device, &single("a@almanac.example", "A")).await;
    let (lines, token) = list(&device, None).await.unwrap();
    let of = |id: &str| lines.iter().find(|line| line.id().0 == id).unwrap();
    assert!(matches!(of(&foreign), Changed::Now(object) if object.mark.is_none()));
    assert_eq!(of(&ours.id.0), &Changed::Touched(ours.id.clone(), Some(ours.version.clone())));
    assert_eq!(
        *of(&foreign),
        fetch(&device, &RemoteId(foreign.clone())).await,
        "the same as when it is fetched"
    );
    world.asked();
    let (lines, _) = list(&device, Some(&token)).await.unwrap();
    assert!(lines.is_empty());
    assert_eq!(world.asked().len(), 1);
}

/// Pitfall 34: a long series in a listing is one line for each page at most.
#[tokio::test]
async fn a_listing_comes_in_pages_some_of_them_empty() {
    let world = world().await;
    let device = world.device();
    world.sim.with(|graph| graph.page_events = 3);
    let made = create(&device, &series()).await;
    for n in 0..7 {
        create(&device, &single(&format!("{n}@almanac.example"), "A")).await;
    }
    let (mut pages, mut empty, mut page) = (0, 0, None);
    let mut lines = Vec::new();
    loop {
        let found = device.changes(&calendar(), None, page.as_ref()).await.unwrap();
        assert_eq!(found.coverage, Coverage::Window);
        (pages, empty) = (pages + 1, empty + usize::from(found.changes.is_empty()));
        lines.extend(found.changes);
        match found.next {
            almanac_contract::Next::Page(next) => page = Some(next),
            almanac_contract::Next::Done(_) => break,
        }
    }
    assert!(pages > 4 && empty == 1);
    assert_eq!(lines.iter().filter(|line| line.id() != &made.id).count(), 7);
}

/// Pitfall 79, 80: a link that Graph does not know any more means a new listing, and nothing else.
#[tokio::test]
async fn an_expired_link_asks_for_a_new_listing() {
    let world = world().await;
    let device = world.device();
    let (_, token) = list(&device, None).await.unwrap();
    world.sim.with(|graph| graph.expire_links());
    assert_eq!(list(&device, Some(&token)).await.unwrap_err().kind, ErrorKind::DeltaExpired);
}

#[tokio::test]
async fn the_window_moves_on_with_the_time() {
    let world = world().await;
    let device = world.device();
    let (_, token) = list(&device, None).await.unwrap();
    let month = SignedDuration::from_hours(30 * 24);
    world.clock.advance(month * 2);
    world.sim.with(|graph| graph.now = graph.now.saturating_add(month * 2).unwrap());
    assert!(list(&device, Some(&token)).await.is_ok());
    world.clock.advance(month * 2);
    world.sim.with(|graph| graph.now = graph.now.saturating_add(month * 2).unwrap());
    assert_eq!(list(&device, Some(&token)).await.unwrap_err().kind, ErrorKind::DeltaExpired);
    world.asked();
    list(&device, None).await.unwrap();
    let seen = world.asked();
    assert!(seen.iter().any(|asked| asked.ends_with("/calendarView/delta")));
}

/// Pitfall 17, 18: what leaves the window is not gone.
#[tokio::test]
async fn an_event_that_leaves_the_window_is_not_gone() {
    let world = world().await;
    let device = world.device();
    let id = world.sim.with(|graph| graph.create(CALENDAR, &event("2026-03-05", "Theirs"))).unwrap();
    let (_, token) = list(&device, None).await.unwrap();
    assert!(world.sim.with(|graph| graph.change(&id, &event("2031-03-05", "Theirs"))));
    let (lines, _) = list(&device, Some(&token)).await.unwrap();
    let id = RemoteId(id);
    assert_eq!(lines, [Changed::Touched(id.clone(), None)]);
    there(&device, &id).await;
    assert!(world.sim.with(|graph| graph.delete(&id.0)));
    assert_eq!(fetch(&device, &id).await, Changed::Gone(id));
}

/// Pitfall 75, 81: a calendar that is not there says nothing about its events.
#[tokio::test]
async fn a_calendar_that_is_gone_takes_no_event_with_it() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &single("a@almanac.example", "A")).await;
    let (_, token) = list(&device, None).await.unwrap();
    world.sim.with(|graph| graph.remove_calendar(CALENDAR));
    assert_eq!(list(&device, Some(&token)).await.unwrap_err().kind, ErrorKind::CalendarGone);
    assert_eq!(list(&device, None).await.unwrap_err().kind, ErrorKind::CalendarGone);
    let fetched = device.fetch(&calendar(), std::slice::from_ref(&made.id)).await;
    assert_eq!(fetched.unwrap_err().kind, ErrorKind::CalendarGone);
    let event = single("b@almanac.example", "B");
    assert_eq!(push(&device, &event, None, Attempt::First).await.unwrap_err().kind, ErrorKind::CalendarGone);
}

/// The access token goes nowhere but to the API that it is for.
#[tokio::test]
async fn a_link_to_another_place_is_not_followed() {
    let world = world().await;
    let device = world.device();
    let (_, token) = list(&device, None).await.unwrap();
    let elsewhere = DeltaToken(token.0.replace("127.0.0.1", "localhost"));
    world.asked();
    assert_eq!(list(&device, Some(&elsewhere)).await.unwrap_err().kind, ErrorKind::Malformed);
    assert!(world.asked().is_empty());
}

/// Pitfall 87: an answer that lacks an object is an error; and twenty objects are one request.
#[tokio::test]
async fn many_objects_are_fetched_with_few_requests() {
    let world = world().await;
    let device = world.device();
    let mut ids = Vec::new();
    for n in 0..45 {
        ids.push(create(&device, &single(&format!("{n}@almanac.example"), "A")).await.id);
    }
    world.asked();
    assert_eq!(device.fetch(&calendar(), &ids).await.unwrap().len(), 45);
    assert_eq!(world.asked(), vec!["POST /v1.0/$batch"; 3]);
    world.sim.plan(|request| {
        let short = r#"{"responses":[{"id":"0","status":404,"body":{}}]}"#;
        request.path.ends_with("$batch").then(|| {
            almanac_simulator::Fault::Answer(almanac_simulator::Reply::new(http::StatusCode::OK, short))
        })
    });
    assert_eq!(device.fetch(&calendar(), &ids).await.unwrap_err().kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn calendars_are_listed_over_pages_with_what_may_be_done() {
    let world = world().await;
    let device = world.device();
    world.sim.with(|graph| {
        graph.page_events = 2;
        for n in 0..4 {
            graph.add_calendar(&format!("c{n}"), &format!("Calendar {n}"), n % 2 == 0);
        }
    });
    let calendars = device.calendars().await.unwrap();
    assert_eq!(calendars.len(), 5);
    let write = calendars.iter().filter(|c| c.access == almanac_contract::CalendarAccess::Write).count();
    assert_eq!((write, calendars.iter().filter(|c| c.primary).count()), (3, 1));
}
