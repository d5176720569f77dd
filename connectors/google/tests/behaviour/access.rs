//! Who may do what: tokens and calendars.

use almanac_contract::{CalendarAccess, CalendarId, Connector as _, ErrorKind};

use jiff::SignedDuration;

use crate::support::{World, client, device_of, event, kind, now};

#[tokio::test]
async fn an_access_token_that_ends_early_is_renewed_once() {
    let world = World::new().await;
    world.changes(None).await.unwrap();
    world.elsewhere(|google, _| google.tokens.end_access());
    world.changes(None).await.unwrap();
    assert_eq!(world.elsewhere(|google, _| google.tokens.given), 2);
    world.made("0a", &event("20260302T090000", "")).await;
    assert_eq!(world.elsewhere(|google, _| google.tokens.given), 2, "and then used on");
}

#[tokio::test]
async fn pitfall_92_an_account_that_was_revoked_needs_a_person_and_is_left_alone() {
    let world = World::new().await;
    world.elsewhere(|google, _| google.tokens.revoked = true);
    assert_eq!(kind(world.changes(None).await), ErrorKind::NeedsSignIn);
    world.sim.take_seen();
    assert_eq!(kind(world.changes(None).await), ErrorKind::NeedsSignIn);
    assert_eq!(world.sim.take_seen().len(), 0);
}

#[tokio::test]
async fn an_address_that_the_administrator_has_not_opened_is_not_tried_again() {
    let world = World::new().await;
    // On the way to a token, and with one in hand.
    for life in [-1, 1] {
        let expires_at = now() + SignedDuration::from_hours(life);
        let closed = device_of(&world.sim, client(&[]), expires_at);
        assert_eq!(kind(closed.calendars().await), ErrorKind::Forbidden);
    }
    assert_eq!(world.sim.take_seen().len(), 0);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_the_one_that_is_used_next() {
    let world = World::new().await;
    world.elsewhere(|google, _| google.tokens.rotates = true);
    for _ in 0..3 {
        world.changes(None).await.unwrap();
        world.elsewhere(|google, _| google.tokens.end_access());
    }
    assert_eq!(world.elsewhere(|google, _| google.tokens.given), 3);
}

#[tokio::test]
async fn pitfall_81_hidden_calendars_are_listed_and_each_with_what_may_be_done() {
    let world = World::new().await;
    let roles = ["owner", "writer", "writerWithoutPrivateAccess", "reader", "freeBusyReader"];
    world.elsewhere(|google, _| {
        google.page_max = 2;
        for role in roles {
            google.add_calendar(role, &format!("The {role}"), role);
        }
        google.calendar_mut("writer").unwrap().hidden = true;
    });
    let mut calendars = world.google.calendars().await.unwrap();
    calendars.sort_by_key(|calendar| roles.iter().position(|role| *role == calendar.id.0));
    let told: Vec<_> = calendars.iter().map(|c| (c.id.0.as_str(), c.access, c.primary)).collect();
    use CalendarAccess::{FreeBusy, Read, Write};
    assert_eq!(
        told,
        [
            (world.calendar.0.as_str(), Write, true),
            ("owner", Write, false),
            ("writer", Write, false),
            ("writerWithoutPrivateAccess", Read, false),
            ("reader", Read, false),
            ("freeBusyReader", FreeBusy, false),
        ]
    );
    assert_eq!(calendars[1].name, "The owner");
}

#[tokio::test]
async fn pitfall_3_a_calendar_that_is_only_read_is_not_written_to() {
    let mut world = World::new().await;
    world.elsewhere(|google, _| google.add_calendar("#rooms@group", "Rooms", "reader"));
    world.calendar = CalendarId("#rooms@group".to_owned());
    world.changes(None).await.unwrap();
    assert_eq!(kind(world.create("0a", &event("20260302T090000", "")).await), ErrorKind::Forbidden);
}
