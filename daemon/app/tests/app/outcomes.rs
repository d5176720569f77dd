//! Commits whose outcome nobody knows: reported as failed, and visible all the same.

use std::io;
use std::time::Duration;

use almanac_app::{Ages, AppError, UserState};
use almanac_backend::{Backend, Select};
use almanac_store::StoreError;
use almanac_store::engine::EngineError;
use tokio::test;
use tokio::time::timeout;

use crate::support::{PLENTY, World, at, event, login, object_at};
use crate::{anything, listing, put};

const FAULTS: [fn() -> EngineError; 4] = [
    || EngineError::Io(io::ErrorKind::Other.into()),
    || EngineError::NoSpace,
    || EngineError::Poisoned,
    || EngineError::Corrupt("a page"),
];

#[test]
async fn a_change_of_the_directory_that_took_place_all_the_same_is_seen_at_once() {
    for fault in FAULTS {
        let (world, engine) = World::watched(PLENTY).await;
        let (info, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
        engine.lie(fault);
        world.app.revoke_app_password("nora", info.id).await.unwrap_err();
        assert!(world.app.authenticate("nora", &secret).await.unwrap().is_none(), "{:?}", fault());

        let (_, secret) = world.app.add_app_password("tomas", "phone").await.unwrap();
        engine.lie(fault);
        world.app.set_user_state("tomas", UserState::Disabled).await.unwrap_err();
        assert!(world.app.authenticate("tomas", &secret).await.unwrap().is_none(), "{:?}", fault());
    }
}

#[test]
async fn a_directory_that_could_not_be_read_again_is_read_by_housekeeping() {
    let (world, engine) = World::watched(PLENTY).await;
    let (info, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
    engine.lie(|| EngineError::NoSpace);
    engine.blind(true);
    let outcome = world.app.revoke_app_password("nora", info.id).await;
    assert!(matches!(outcome, Err(AppError::Store(StoreError::NoSpace))));
    world.app.probe().await.unwrap_err();
    world.app.housekeeping(Ages::Trusted).await.unwrap_err();
    engine.blind(false);
    world.app.probe().await.unwrap();
    world.app.housekeeping(Ages::Trusted).await.unwrap();
    assert!(world.app.authenticate("nora", &secret).await.unwrap().is_none());
    assert!(world.app.principal(&world.nora, &login("tomas")).await.unwrap().is_some());
}

#[test]
async fn a_disk_that_hangs_holds_one_thread_however_often_it_is_asked_and_none_that_serves() {
    // The runtime of this test has one thread: if that hung, nothing below would ever happen.
    let (world, engine) = World::watched(PLENTY).await;
    let mut reads = engine.reads.subscribe();
    let before = *reads.borrow_and_update();
    engine.hang(true);
    tokio::select! {
        _ = world.app.probe() => panic!("a disk that hangs does not answer"),
        reached = reads.wait_for(|count| *count > before) => drop(reached.unwrap()),
    }
    for _ in 0..3 {
        timeout(Duration::ZERO, world.app.probe()).await.unwrap_err();
    }
    engine.hang(false);
    world.app.probe().await.unwrap();
    assert_eq!(*reads.borrow(), before + 2, "who waited in vain asked nothing");
}

#[test]
async fn housekeeping_removes_what_is_deleted_even_if_last_uses_cannot_be_written() {
    let (world, engine) = World::watched(PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    world.app.delete_collection(&world.nora, &at("nora", "calendar"), &anything()).await.unwrap();
    let (_, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
    world.app.authenticate("nora", &secret).await.unwrap().unwrap();
    world.clock.advance(jiff::SignedDuration::from_hours(24 * 31));
    engine.lie(|| EngineError::NoSpace);
    world.app.housekeeping(Ages::Trusted).await.unwrap_err();
    assert_eq!(
        world.app.housekeeping(Ages::Trusted).await.unwrap().purged,
        0,
        "removed in spite of the error"
    );
}

#[test]
async fn an_object_that_was_written_all_the_same_is_listed_and_synchronised() {
    for fault in FAULTS {
        let (world, engine) = World::watched(PLENTY).await;
        put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
        let collection = at("nora", "calendar");
        let token = world.app.changes(&world.nora, &collection, None, 100).await.unwrap().token;
        engine.lie(fault);
        let body = event("b", "2026-11-03T09:00:00Z", "");
        let path = object_at("nora", "calendar", "b.ics");
        world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap_err();
        assert_eq!(listing(&world, &world.nora, &Select::default()).await.len(), 2, "{:?}", fault());
        let changes = world.app.changes(&world.nora, &collection, Some(&token), 100).await.unwrap();
        assert_eq!(changes.members.len(), 1, "{:?}", fault());
    }
}
