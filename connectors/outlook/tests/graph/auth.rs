//! Access: tokens that rotate, tokens that die, applications that act for themselves.

use almanac_base::Secret;
use almanac_contract::{Connector as _, ErrorKind};
use almanac_egress::oauth::parse_redirect;
use almanac_outlook::{Mailbox, auth};

use jiff::SignedDuration;

use crate::support::{create, day, person, single, world, world_of, world_with};

/// Pitfall 93: the rotated refresh token is kept.
#[tokio::test]
async fn a_rotated_refresh_token_is_kept() {
    let world = world().await;
    world.device().calendars().await.unwrap();
    let kept = world.keeper.0.lock().unwrap().clone().unwrap();
    let good = world.sim.with(|graph| graph.refresh_token().to_owned());
    assert_eq!(kept.refresh.unwrap().expose(), good);
    assert_ne!(good, "refresh-0");
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_time_is_renewed_once() {
    let world = world().await;
    let device = world.device();
    device.calendars().await.unwrap();
    world.sim.with(|graph| graph.revoke_access());
    device.calendars().await.unwrap();
    world.sim.take_seen();
    device.calendars().await.unwrap();
    assert_eq!(world.sim.take_seen().len(), 1, "no renewal for nothing");
}

/// Pitfall 92: a dead refresh token is said, and nothing is asked any more.
#[tokio::test]
async fn a_dead_refresh_token_needs_a_person() {
    let world = world().await;
    let device = world.device();
    world.sim.with(|graph| graph.revoke_refresh());
    for _ in 0..3 {
        assert_eq!(device.calendars().await.unwrap_err().kind, ErrorKind::NeedsSignIn);
    }
    assert_eq!(world.sim.take_seen().len(), 1, "it was asked once");
}

#[tokio::test]
async fn an_address_that_the_administrator_has_not_opened_is_not_tried_again() {
    // On the way to a token, and with one in hand.
    for life in [-1, 1] {
        let closed = world_with(person, &[], day() + SignedDuration::from_hours(life)).await;
        assert_eq!(closed.device().calendars().await.unwrap_err().kind, ErrorKind::Forbidden);
        assert_eq!(closed.sim.take_seen().len(), 0);
    }
}

#[tokio::test]
async fn a_person_signs_in_with_the_code_that_the_browser_brings_back() {
    let world = world().await;
    let authority = format!("{}/common", world.sim.url());
    let application = auth::application(&authority, "app".into(), None).unwrap();
    let begun = application.begin("http://localhost:7777/").unwrap();
    for part in [
        "/common/oauth2/v2.0/authorize",
        "offline_access",
        "Calendars.ReadWrite",
        "code_challenge_method=S256",
    ] {
        assert!(begun.url.contains(part), "{part}");
    }
    let back = format!("http://localhost:7777/?code=good-code&state={}", begun.state.expose());
    let code = parse_redirect(&back, &begun.state).unwrap();
    let tokens = application.finish(&world.client, &begun, &code, crate::support::day()).await.unwrap();
    assert!(tokens.refresh.is_some());
}

#[tokio::test]
async fn an_application_acts_for_a_mailbox_that_is_named() {
    let secret = || Secret::new("app-secret".into());
    let world =
        world_of(|authority| auth::own(auth::application(authority, "app".into(), Some(secret())).unwrap()))
            .await;
    let device = world.device_of(Mailbox::User("ada@almanac.example".into()));
    create(&device, &single("a@almanac.example", "A")).await;
    for asked in world.asked() {
        assert!(asked.contains("/users/ada%40almanac.example/"), "{asked}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_not_taken_for_a_dead_account() {
    let secret = || Secret::new("wrong".into());
    let world =
        world_of(|authority| auth::own(auth::application(authority, "app".into(), Some(secret())).unwrap()))
            .await;
    let error = world.device().calendars().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
}
