//! The use cases through the contract `Backend`, on real stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

mod costs;
mod history;
mod outcomes;
mod support;
mod sync;
mod tenants;
mod trash;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use almanac_app::{Ages, AppError, UserState};
use almanac_backend::types::CopyMembers;
use almanac_backend::{
    Access, Backend, BackendError, Caller, CollectionKind, Condition, DeadProperty, ETag, MemberState,
    NewCollection, ObjectName, Overwrite, PropertyChange, PutOutcome, Refusal, Select, SyncToken, WriteGuard,
};
use almanac_ical::ComponentKind;
use almanac_ical::series::Window;
use almanac_store::EngineKind;
use support::{PLENTY, World, at, event, login, object_at};
use tokio::test;

fn anything() -> WriteGuard {
    WriteGuard::default()
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, BackendError>) -> Refusal {
    match outcome {
        Err(BackendError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn put(world: &World, caller: &Caller, name: &str, uid: &str, start: &str) -> ETag {
    let path = object_at(caller.login.as_str(), "calendar", name);
    match world.app.put_object(caller, &path, &event(uid, start, ""), &anything()).await.unwrap() {
        PutOutcome::Created(etag) | PutOutcome::Replaced(etag) => etag.unwrap(),
    }
}

async fn listing(world: &World, caller: &Caller, select: &Select) -> BTreeMap<String, ETag> {
    let collection = at(caller.login.as_str(), "calendar");
    let mut found = BTreeMap::new();
    let mut after: Option<ObjectName> = None;
    loop {
        let page = world.app.list(caller, &collection, select, after.as_ref(), 3).await.unwrap();
        for entry in &page.entries {
            assert!(
                found.insert(entry.name.as_str().to_owned(), entry.etag.clone()).is_none(),
                "listed twice"
            );
        }
        after = page.entries.last().map(|entry| entry.name.clone());
        if !page.more {
            return found;
        }
    }
}

#[test]
async fn an_object_is_read_back_octet_for_octet_with_its_etag() {
    let world = World::new().await;
    let body = event("a", "2026-11-03T09:00:00Z", "X-ODD;P=\"a;b\":\\n kept\r\n");
    let path = object_at("nora", "calendar", "a.ics");
    let outcome = world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
    let found = world.app.object(&world.nora, &path).await.unwrap().unwrap();
    assert_eq!(found.body, body.bytes());
    assert_eq!(outcome, PutOutcome::Created(Some(found.etag)));
}

#[test]
async fn etags_never_repeat_not_even_after_delete_and_create() {
    let world = World::new().await;
    let path = object_at("nora", "calendar", "a.ics");
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        assert!(seen.insert(
            put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await.as_str().to_owned()
        ));
        assert!(seen.insert(
            put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await.as_str().to_owned()
        ));
        world.app.delete_object(&world.nora, &path, &anything()).await.unwrap();
    }
}

#[test]
async fn a_guard_that_does_not_hold_refuses_and_writes_nothing() {
    let world = World::new().await;
    let path = object_at("nora", "calendar", "a.ics");
    let body = event("a", "2026-11-03T09:00:00Z", "");
    let absent = WriteGuard::one(Condition::Absent);
    let stale = WriteGuard::one(Condition::MatchesAny(vec![ETag::from_opaque("no")]));
    assert_eq!(
        refusal(world.app.put_object(&world.nora, &path, &body, &stale).await),
        Refusal::PreconditionFailed
    );
    world.app.put_object(&world.nora, &path, &body, &absent).await.unwrap();
    let etag = world.app.object(&world.nora, &path).await.unwrap().unwrap().etag;
    assert_eq!(
        refusal(world.app.put_object(&world.nora, &path, &body, &absent).await),
        Refusal::PreconditionFailed
    );
    assert_eq!(
        refusal(world.app.delete_object(&world.nora, &path, &stale).await),
        Refusal::PreconditionFailed
    );
    assert_eq!(world.app.object(&world.nora, &path).await.unwrap().unwrap().etag, etag);
}

#[test]
async fn of_many_writers_with_one_if_match_exactly_one_wins() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let etag = put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let guard = WriteGuard::one(Condition::MatchesAny(vec![etag]));
    let path = object_at("nora", "calendar", "a.ics");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let (app, caller, path, guard) = (world.app.clone(), world.nora.clone(), path.clone(), guard.clone());
        let body = event("a", "2026-11-03T09:00:00Z", &format!("SEQUENCE:{n}\r\n"));
        tasks.spawn(async move { app.put_object(&caller, &path, &body, &guard).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(outcome), Refusal::PreconditionFailed);
    }
}

#[test]
async fn many_unguarded_writers_of_one_object_all_succeed() {
    let world = World::new().await;
    let path = object_at("nora", "calendar", "a.ics");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let (app, caller, path) = (world.app.clone(), world.nora.clone(), path.clone());
        let body = event("a", "2026-11-03T09:00:00Z", &format!("SEQUENCE:{n}\r\n"));
        tasks.spawn(async move { app.put_object(&caller, &path, &body, &anything()).await });
    }
    let outcomes = tasks.join_all().await;
    let created = outcomes.iter().filter(|o| matches!(o, Ok(PutOutcome::Created(_)))).count();
    let replaced = outcomes.iter().filter(|o| matches!(o, Ok(PutOutcome::Replaced(_)))).count();
    assert_eq!((created, replaced), (1, 31));
}

#[test]
async fn a_uid_is_unique_in_its_collection_and_the_holder_is_named() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "one", "2026-11-03T09:00:00Z").await;
    let same = event("one", "2026-11-04T09:00:00Z", "");
    let other = event("two", "2026-11-04T09:00:00Z", "");
    let (a, b) = (object_at("nora", "calendar", "a.ics"), object_at("nora", "calendar", "b.ics"));
    let conflict = Refusal::UidConflict(a.clone());
    assert_eq!(refusal(world.app.put_object(&world.nora, &b, &same, &anything()).await), conflict);
    assert_eq!(refusal(world.app.put_object(&world.nora, &a, &other, &anything()).await), conflict);
    // Another collection of the same home may have it.
    let new =
        NewCollection { kind: CollectionKind::Calendar, components: BTreeSet::new(), properties: Vec::new() };
    world.app.create_collection(&world.nora, &at("nora", "second"), new).await.unwrap();
    let elsewhere = object_at("nora", "second", "a.ics");
    world.app.put_object(&world.nora, &elsewhere, &same, &anything()).await.unwrap();
    // And it is free again when its object is gone.
    world.app.delete_object(&world.nora, &a, &anything()).await.unwrap();
    world.app.put_object(&world.nora, &b, &same, &anything()).await.unwrap();
}

#[test]
async fn a_kind_that_the_collection_does_not_take_is_refused() {
    let world = World::new().await;
    let body = event("a", "2026-11-03T09:00:00Z", "");
    let outcome =
        world.app.put_object(&world.nora, &object_at("nora", "tasks", "a.ics"), &body, &anything()).await;
    assert_eq!(refusal(outcome), Refusal::UnsupportedComponent);
}

#[test]
async fn a_move_is_one_step_for_source_and_target() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    put(&world, &world.nora, "b.ics", "b", "2026-11-03T10:00:00Z").await;
    let path = |name: &str| object_at("nora", "calendar", name);
    let app = &world.app;
    let refused =
        app.move_object(&world.nora, &path("a.ics"), &path("b.ics"), &anything(), Overwrite::Refuse).await;
    assert_eq!(refusal(refused), Refusal::PreconditionFailed);
    let moved =
        app.move_object(&world.nora, &path("a.ics"), &path("c.ics"), &anything(), Overwrite::Refuse).await;
    assert!(matches!(moved, Ok(PutOutcome::Created(_))));
    // RFC 4791 section 5.3.2.1: what is overwritten keeps its UID.
    let over =
        app.move_object(&world.nora, &path("c.ics"), &path("b.ics"), &anything(), Overwrite::Replace).await;
    assert_eq!(refusal(over), Refusal::UidConflict(path("b.ics")));
    let copy =
        app.copy_object(&world.nora, &path("b.ics"), &path("e.ics"), &anything(), Overwrite::Replace).await;
    assert_eq!(refusal(copy), Refusal::UidConflict(path("b.ics")));
    let names: Vec<_> = listing(&world, &world.nora, &Select::default()).await.into_keys().collect();
    assert_eq!(names, ["b.ics", "c.ics"]);
}

#[test]
async fn a_move_to_another_calendar_replaces_the_object_of_the_same_uid_and_keeps_its_creation_date() {
    let world = World::new().await;
    let (app, nora) = (&world.app, &world.nora);
    app.create_collection(nora, &at("nora", "second"), calendar()).await.unwrap();
    put(&world, nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (from, to) = (object_at("nora", "calendar", "a.ics"), object_at("nora", "second", "a.ics"));
    app.copy_object(nora, &from, &to, &anything(), Overwrite::Refuse).await.unwrap();
    let created = app.object(nora, &from).await.unwrap().unwrap().created;
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    let moved = app.move_object(nora, &from, &to, &anything(), Overwrite::Replace).await.unwrap();
    assert!(matches!(moved, PutOutcome::Replaced(_)));
    assert_eq!(app.object(nora, &to).await.unwrap().unwrap().created, created);
    assert!(app.object(nora, &from).await.unwrap().is_none());
}

#[test]
async fn what_is_missing_is_missing_whatever_the_guard_wants_of_it() {
    let world = World::new().await;
    let guard = WriteGuard::one(Condition::Exists);
    let (gone, to) = (object_at("nora", "calendar", "x.ics"), object_at("nora", "calendar", "y.ics"));
    assert_eq!(refusal(world.app.delete_object(&world.nora, &gone, &guard).await), Refusal::NotFound);
    let moved = world.app.move_object(&world.nora, &gone, &to, &guard, Overwrite::Replace).await;
    assert_eq!(refusal(moved), Refusal::NotFound);
}

/// A calendar without any wish.
fn calendar() -> NewCollection {
    NewCollection { kind: CollectionKind::Calendar, components: BTreeSet::new(), properties: Vec::new() }
}

#[test]
async fn many_creators_of_one_object_with_an_absence_guard_leave_one_winner_and_no_uid_conflict() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let path = object_at("nora", "calendar", "a.ics");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let (app, caller, path) = (world.app.clone(), world.nora.clone(), path.clone());
        let body = event("a", "2026-11-03T09:00:00Z", &format!("SEQUENCE:{n}\r\n"));
        let guard = WriteGuard::one(Condition::Absent);
        tasks.spawn(async move { app.put_object(&caller, &path, &body, &guard).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(outcome), Refusal::PreconditionFailed);
    }
}

#[test]
async fn a_sync_reports_each_changed_member_once_as_it_is_now() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    put(&world, &world.nora, "b.ics", "b", "2026-11-03T09:00:00Z").await;
    let collection = at("nora", "calendar");
    let first = world.app.changes(&world.nora, &collection, None, 100).await.unwrap();
    assert_eq!(first.members.len(), 2);
    let quiet = world.app.changes(&world.nora, &collection, Some(&first.token), 100).await.unwrap();
    assert!(quiet.members.is_empty() && quiet.token == first.token);
    let last = {
        put(&world, &world.nora, "a.ics", "a", "2026-11-04T09:00:00Z").await;
        put(&world, &world.nora, "a.ics", "a", "2026-11-05T09:00:00Z").await
    };
    world.app.delete_object(&world.nora, &object_at("nora", "calendar", "b.ics"), &anything()).await.unwrap();
    let second = world.app.changes(&world.nora, &collection, Some(&first.token), 100).await.unwrap();
    let states: Vec<_> = second.members.iter().map(|m| (m.name.as_str(), &m.state)).collect();
    assert!(
        matches!(&states[..], [("a.ics", MemberState::Present(entry)), ("b.ics", MemberState::Removed)] if entry.etag == last)
    );
}

#[test]
async fn a_cut_sync_continues_until_everything_is_told() {
    let world = World::new().await;
    let names: BTreeSet<String> = (0..10).map(|n| format!("{n}.ics")).collect();
    for (n, name) in names.iter().enumerate() {
        put(&world, &world.nora, name, &n.to_string(), "2026-11-03T09:00:00Z").await;
    }
    let collection = at("nora", "calendar");
    let mut told = BTreeSet::new();
    let mut token: Option<SyncToken> = None;
    let mut calls = 0;
    loop {
        let piece = world.app.changes(&world.nora, &collection, token.as_ref(), 3).await.unwrap();
        assert!(piece.members.len() <= 3);
        told.extend(piece.members.iter().map(|member| member.name.as_str().to_owned()));
        token = Some(piece.token);
        calls += 1;
        if calls == 2 {
            put(&world, &world.nora, "late.ics", "late", "2026-11-03T09:00:00Z").await;
        }
        if !piece.more && calls > 4 {
            break;
        }
    }
    assert!(told.is_superset(&names) && told.contains("late.ics"), "{told:?}");
}

#[test]
async fn foreign_forged_and_future_tokens_are_refused() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let collection = at("nora", "calendar");
    let token = world.app.changes(&world.nora, &collection, None, 100).await.unwrap().token;
    let tasks = world.app.changes(&world.nora, &at("nora", "tasks"), None, 100).await.unwrap().token;
    let other = World::new().await;
    let foreign = other.app.changes(&other.nora, &collection, None, 100).await.unwrap().token;
    let mut bad = vec![
        tasks,
        foreign,
        SyncToken::new(""),
        SyncToken::new("urn:almanac:sync:"),
        SyncToken::new("http://x/1"),
    ];
    for at in 0..token.as_str().len() {
        let mut text = token.as_str().to_owned().into_bytes();
        text[at] = if text[at] == b'0' { b'1' } else { b'0' };
        bad.push(SyncToken::new(&String::from_utf8(text).unwrap()));
    }
    for token in bad {
        let outcome = world.app.changes(&world.nora, &collection, Some(&token), 100).await;
        assert_eq!(refusal(outcome), Refusal::InvalidSyncToken, "{}", token.as_str());
    }
}

/// What is to be true of any index: it says what the store says, whether it was built, brought forward, dropped
/// or never fitted.
#[test]
async fn an_index_in_memory_and_streamed_summaries_give_the_same_answers() {
    let roomy = World::with(EngineKind::Memory, PLENTY).await;
    let cramped = World::with(EngineKind::Memory, 0).await;
    let windows =
        ["2026-11-01/2026-11-08", "2026-11-05/2026-11-06", "2030-01-01/2030-02-01", "2020-01-01/2020-02-01"];
    for world in [&roomy, &cramped] {
        for n in 0..40_u8 {
            let start = format!("2026-11-{:02}T{:02}:00:00Z", 1 + n % 20, n % 24);
            let extra = match n % 4 {
                0 => "RRULE:FREQ=WEEKLY\r\n",
                1 => "RRULE:FREQ=DAILY;COUNT=3\r\n",
                2 => "TRANSP:TRANSPARENT\r\n",
                _ => "",
            };
            let body = event(&format!("u{n}"), &start, extra);
            let path = object_at("nora", "calendar", &format!("{n}.ics"));
            world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
            if n % 7 == 3 {
                world.app.delete_object(&world.nora, &path, &anything()).await.unwrap();
            }
        }
    }
    for text in windows {
        let window = window(text);
        let select = Select { kind: Some(ComponentKind::Event), window: Some(window), ..Select::default() };
        let names = |listing: BTreeMap<String, ETag>| listing.into_keys().collect::<Vec<_>>();
        let (a, b) =
            (listing(&roomy, &roomy.nora, &select).await, listing(&cramped, &cramped.nora, &select).await);
        assert_eq!(names(a), names(b), "{text}");
        let collection = at("nora", "calendar");
        let a = roomy.app.busy(&roomy.nora, &collection, &window).await.unwrap();
        let b = cramped.app.busy(&cramped.nora, &collection, &window).await.unwrap();
        assert_eq!(a, b, "{text}");
    }
    let all = Select::default();
    assert_eq!(
        listing(&roomy, &roomy.nora, &all).await.len(),
        listing(&cramped, &cramped.nora, &all).await.len()
    );
}

fn window(text: &str) -> Window {
    let (start, end) = text.split_once('/').unwrap();
    let instant = |day: &str| format!("{day}T00:00:00Z").parse().unwrap();
    Window { start: instant(start), end: instant(end) }
}

#[test]
async fn a_shared_calendar_has_its_own_name_and_colour_with_the_sharee() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let calendar = at("nora", "calendar");
    assert!(world.app.collection(&world.tomas, &calendar).await.unwrap().is_none());
    world.app.share_calendar(&calendar, &login("tomas"), Some(Access::Read)).await.unwrap();
    let shared = at("tomas", "nora-calendar");
    let view = world.app.collection(&world.tomas, &shared).await.unwrap().unwrap();
    assert_eq!((view.access, view.owner), (Access::Read, login("nora")));
    let rename = [PropertyChange::DisplayName(Some("Dr. N".to_owned()))];
    world.app.change_properties(&world.tomas, &shared, &rename, &anything()).await.unwrap();
    let view = world.app.collection(&world.tomas, &shared).await.unwrap().unwrap();
    assert_eq!(view.display_name.as_deref(), Some("Dr. N"));
    let own = world.app.collection(&world.nora, &calendar).await.unwrap().unwrap();
    assert_eq!(own.display_name.as_deref(), Some("Calendar"));
    // Reading is allowed, writing is not until it is given.
    let path = object_at("tomas", "nora-calendar", "a.ics");
    assert!(world.app.object(&world.tomas, &path).await.unwrap().is_some());
    let body = event("a", "2026-11-04T09:00:00Z", "");
    assert_eq!(
        refusal(world.app.put_object(&world.tomas, &path, &body, &anything()).await),
        Refusal::NeedPrivilege
    );
    world.app.share_calendar(&calendar, &login("tomas"), Some(Access::ReadWrite)).await.unwrap();
    world.app.put_object(&world.tomas, &path, &body, &anything()).await.unwrap();
    let view = world.app.collection(&world.tomas, &shared).await.unwrap().unwrap();
    assert_eq!(view.display_name.as_deref(), Some("Dr. N"), "a change of access keeps the sharee's name");
    // Free-busy shows when, not what.
    world.app.share_calendar(&calendar, &login("tomas"), Some(Access::FreeBusy)).await.unwrap();
    assert_eq!(refusal(world.app.object(&world.tomas, &path).await), Refusal::NeedPrivilege);
    assert_eq!(
        world.app.busy(&world.tomas, &shared, &window("2026-11-01/2026-11-08")).await.unwrap().len(),
        1
    );
    // The sharee's DELETE ends the share and leaves the calendar.
    world.app.delete_collection(&world.tomas, &shared, &anything()).await.unwrap();
    assert!(world.app.collection(&world.tomas, &shared).await.unwrap().is_none());
    assert!(world.app.collection(&world.nora, &calendar).await.unwrap().is_some());
}

#[test]
async fn another_tenant_is_absent_in_every_way() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (app, stranger) = (&world.app, &world.stranger);
    let calendar = at("nora", "calendar");
    assert!(app.principal(stranger, &login("nora")).await.unwrap().is_none());
    assert!(app.home(stranger, &login("nora")).await.unwrap().is_none());
    assert!(app.collection(stranger, &calendar).await.unwrap().is_none());
    assert!(app.object(stranger, &object_at("nora", "calendar", "a.ics")).await.unwrap().is_none());
    assert_eq!(app.principals(stranger).await.unwrap().len(), 1);
    assert!(matches!(
        app.share_calendar(&calendar, &login("stranger"), Some(Access::Read)).await,
        Err(AppError::NotFound("login"))
    ));
}

#[test]
async fn a_deleted_calendars_name_is_free_at_once_and_its_members_are_purged_when_its_term_is_over() {
    let world = World::new().await;
    for n in 0..5 {
        put(&world, &world.nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
    }
    let calendar = at("nora", "calendar");
    world.app.delete_collection(&world.nora, &calendar, &anything()).await.unwrap();
    world.app.create_collection(&world.nora, &calendar, self::calendar()).await.unwrap();
    assert!(listing(&world, &world.nora, &Select::default()).await.is_empty());
    let again = world.app.create_collection(&world.nora, &calendar, self::calendar()).await;
    assert_eq!(refusal(again), Refusal::AlreadyExists);
    world.clock.advance(jiff::SignedDuration::from_hours(24 * 30 - 1));
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().purged, 0, "it can still be restored");
    world.clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(
        world.app.housekeeping(Ages::Trusted).await.unwrap().purged,
        21,
        "body, summary, UID and change of five objects, and the head"
    );
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().purged, 0);
}

#[test]
async fn a_collection_is_renamed_and_copied_with_its_members() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (app, nora) = (&world.app, &world.nora);
    let token = app.changes(nora, &at("nora", "calendar"), None, 100).await.unwrap().token;
    app.rename_collection(nora, &at("nora", "calendar"), &at("nora", "work"), Overwrite::Refuse)
        .await
        .unwrap();
    assert!(app.collection(nora, &at("nora", "calendar")).await.unwrap().is_none());
    assert!(app.changes(nora, &at("nora", "work"), Some(&token), 100).await.unwrap().members.is_empty());
    let copied = app
        .copy_collection(nora, &at("nora", "work"), &at("nora", "copy"), CopyMembers::All, Overwrite::Refuse)
        .await;
    assert_eq!(copied.unwrap(), PutOutcome::Created(None));
    for name in ["work", "copy"] {
        assert!(app.object(nora, &object_at("nora", name, "a.ics")).await.unwrap().is_some(), "{name}");
    }
    let taken =
        app.rename_collection(nora, &at("nora", "work"), &at("nora", "copy"), Overwrite::Refuse).await;
    assert_eq!(refusal(taken), Refusal::PreconditionFailed);
}

#[test]
async fn a_guard_on_a_collection_sees_changes_of_its_members() {
    let world = World::new().await;
    let calendar = at("nora", "calendar");
    let tag =
        async || ETag::from_opaque(&world.app.collection(&world.nora, &calendar).await.unwrap().unwrap().tag);
    let before = WriteGuard::one(Condition::MatchesAny(vec![tag().await]));
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let outcome = world.app.delete_collection(&world.nora, &calendar, &before).await;
    assert_eq!(refusal(outcome), Refusal::PreconditionFailed);
    let now = WriteGuard::one(Condition::MatchesAny(vec![tag().await]));
    let rename = [PropertyChange::DisplayName(Some("Mornings".to_owned()))];
    world.app.change_properties(&world.nora, &calendar, &rename, &now).await.unwrap();
    let outcome = world.app.change_properties(&world.nora, &calendar, &rename, &now).await;
    assert_eq!(refusal(outcome), Refusal::PreconditionFailed, "a change of a property changes the tag too");
}

#[test]
async fn dead_properties_of_an_object_go_where_it_goes_and_leave_its_etag_alone() {
    let world = World::new().await;
    let (app, nora) = (&world.app, &world.nora);
    let etag = put(&world, nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let property =
        DeadProperty { namespace: "urn:x".into(), local: "p".into(), xml: "<p xmlns=\"urn:x\"/>".into() };
    let (a, b) = (object_at("nora", "calendar", "a.ics"), object_at("nora", "calendar", "b.ics"));
    app.change_object_properties(nora, &a, &[PropertyChange::SetDead(property.clone())], &anything())
        .await
        .unwrap();
    assert_eq!(app.object(nora, &a).await.unwrap().unwrap().etag, etag);
    let protected = [PropertyChange::DisplayName(None)];
    let outcome = app.change_object_properties(nora, &a, &protected, &anything()).await;
    assert_eq!(refusal(outcome), Refusal::ProtectedProperty);
    app.move_object(nora, &a, &b, &anything(), Overwrite::Refuse).await.unwrap();
    let names = [a.name.clone(), b.name.clone()];
    let found = app.object_properties(nora, &a.collection, &names).await.unwrap();
    assert_eq!(found, [vec![], vec![property]]);
    app.delete_object(nora, &b, &anything()).await.unwrap();
    put(&world, nora, "b.ics", "a", "2026-11-03T09:00:00Z").await;
    assert_eq!(app.object_properties(nora, &b.collection, &names).await.unwrap(), [vec![], vec![]]);
}

#[test]
async fn a_home_tells_the_room_it_takes() {
    let world = World::new().await;
    assert_eq!(world.app.quota(&world.nora, &login("nora")).await.unwrap().unwrap().used_bytes, 0);
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let size = event("a", "2026-11-03T09:00:00Z", "").bytes().len() as u64;
    assert_eq!(world.app.quota(&world.nora, &login("nora")).await.unwrap().unwrap().used_bytes, size);
    assert_eq!(world.app.quota(&world.stranger, &login("nora")).await.unwrap(), None);
}

#[test]
async fn a_copy_or_move_of_a_calendar_replaces_another_in_one_step_or_changes_nothing() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let (app, nora) = (&world.app, &world.nora);
    app.create_collection(nora, &at("nora", "old"), calendar()).await.unwrap();
    let old = object_at("nora", "old", "old.ics");
    app.put_object(nora, &old, &event("old", "2026-11-03T09:00:00Z", ""), &anything()).await.unwrap();
    for n in 0..250 {
        put(&world, nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
    }
    let (from, to) = (at("nora", "calendar"), at("nora", "old"));
    let refused = app.copy_collection(nora, &from, &to, CopyMembers::All, Overwrite::Refuse).await;
    assert_eq!(refusal(refused), Refusal::PreconditionFailed);
    assert!(app.object(nora, &old).await.unwrap().is_some());
    let copied = app.copy_collection(nora, &from, &to, CopyMembers::All, Overwrite::Replace).await.unwrap();
    assert_eq!(copied, PutOutcome::Replaced(None));
    assert!(app.object(nora, &old).await.unwrap().is_none());
    let all = app.list(nora, &to, &Select::default(), None, 1_000).await.unwrap().entries;
    assert_eq!(all.len(), 250);
    assert_eq!(app.changes(nora, &to, None, 1_000).await.unwrap().members.len(), 250);
    let moved = app.rename_collection(nora, &from, &to, Overwrite::Replace).await.unwrap();
    assert_eq!(moved, PutOutcome::Replaced(None));
    let names: Vec<_> = app.home(nora, &login("nora")).await.unwrap().unwrap();
    assert_eq!(names.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["old", "tasks"]);
    let world = world.reopened(PLENTY).await;
    world.app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(
        world.app.list(&world.nora, &to, &Select::default(), None, 1_000).await.unwrap().entries.len(),
        250
    );
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().purged, 0);
}

#[test]
async fn a_calendar_of_objects_that_together_exceed_a_commit_is_copied_whole() {
    let world = World::new().await;
    let (app, nora) = (&world.app, &world.nora);
    let line = format!("DESCRIPTION:{}\r\n", "x".repeat(1_000_000));
    for n in 0..70 {
        let body = event(&n.to_string(), "2026-11-03T09:00:00Z", &line);
        app.put_object(nora, &object_at("nora", "calendar", &format!("{n}.ics")), &body, &anything())
            .await
            .unwrap();
    }
    let (from, to) = (at("nora", "calendar"), at("nora", "copy"));
    let copied = app.copy_collection(nora, &from, &to, CopyMembers::All, Overwrite::Refuse).await;
    assert_eq!(copied.unwrap(), PutOutcome::Created(None));
    assert_eq!(app.list(nora, &to, &Select::default(), None, 1_000).await.unwrap().entries.len(), 70);
}

#[test]
async fn a_share_that_ends_while_a_write_is_decided_ends_the_write_too() {
    let world = World::new().await;
    world
        .app
        .share_calendar(&at("nora", "calendar"), &login("tomas"), Some(Access::ReadWrite))
        .await
        .unwrap();
    let path = object_at("tomas", "nora-calendar", "a.ics");
    let mut refused = 0;
    for n in 0..50 {
        let (app, tomas, path) = (world.app.clone(), world.tomas.clone(), path.clone());
        let body = event("a", "2026-11-03T09:00:00Z", &format!("SEQUENCE:{n}\r\n"));
        let mut put = tokio::task::JoinSet::new();
        put.spawn(async move { app.put_object(&tomas, &path, &body, &anything()).await });
        world.app.share_calendar(&at("nora", "calendar"), &login("tomas"), Some(Access::Read)).await.unwrap();
        // Acknowledged: from here on nothing of Tomas is written.
        let before = world.app.object(&world.nora, &object_at("nora", "calendar", "a.ics")).await.unwrap();
        refused += u8::from(put.join_next().await.unwrap().unwrap().is_err());
        let after = world.app.object(&world.nora, &object_at("nora", "calendar", "a.ics")).await.unwrap();
        assert_eq!(before.map(|it| it.etag), after.map(|it| it.etag));
        world
            .app
            .share_calendar(&at("nora", "calendar"), &login("tomas"), Some(Access::ReadWrite))
            .await
            .unwrap();
    }
    println!("{refused} of 50 came too late");
}

#[test]
async fn a_patient_knows_themselves_and_whom_they_share_with_and_staff_know_everybody() {
    let world = World::new().await;
    let new = almanac_app::NewUser {
        login: "paula".to_owned(),
        tenant: "Lindenhof".to_owned(),
        email: "paula@example.org".to_owned(),
        display_name: "Paula".to_owned(),
        role: almanac_backend::PrincipalRole::Patient,
    };
    world.app.add_user(new).await.unwrap();
    let (_, secret) = world.app.add_app_password("paula", "phone").await.unwrap();
    let paula = world.app.authenticate("paula", &secret).await.unwrap().unwrap();
    let known = async || {
        let principals = world.app.principals(&paula).await.unwrap();
        principals.iter().map(|it| it.login.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(known().await, ["paula"]);
    assert!(world.app.principal(&paula, &login("nora")).await.unwrap().is_none());
    world.app.share_calendar(&at("nora", "calendar"), &login("paula"), Some(Access::FreeBusy)).await.unwrap();
    assert_eq!(known().await, ["nora", "paula"]);
    assert_eq!(world.app.principals(&world.nora).await.unwrap().len(), 3);
}

#[test]
async fn a_restart_keeps_people_calendars_objects_shares_and_tokens() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let etag = put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    world.app.share_calendar(&at("nora", "calendar"), &login("tomas"), Some(Access::Read)).await.unwrap();
    let token = world.app.changes(&world.nora, &at("nora", "calendar"), None, 100).await.unwrap().token;
    let world = world.reopened(PLENTY).await;
    assert_eq!(listing(&world, &world.nora, &Select::default()).await["a.ics"], etag);
    let view = world.app.collection(&world.tomas, &at("tomas", "nora-calendar")).await.unwrap().unwrap();
    assert_eq!(view.access, Access::Read);
    let quiet = world.app.changes(&world.nora, &at("nora", "calendar"), Some(&token), 100).await.unwrap();
    assert!(quiet.members.is_empty());
}

#[test]
async fn a_token_of_a_past_that_an_older_copy_of_the_folder_undid_is_refused() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let copy = tempfile::tempdir().unwrap();
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let files = |from: &std::path::Path, to: &std::path::Path| {
        for file in ["store.redb", "head"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    };
    let world = world.reopened_after(PLENTY, |state| files(state, copy.path())).await;
    let collection = at("nora", "calendar");
    let kept = world.app.changes(&world.nora, &collection, None, 100).await.unwrap().token;
    put(&world, &world.nora, "b.ics", "b", "2026-11-03T09:00:00Z").await;
    let undone = world.app.changes(&world.nora, &collection, None, 100).await.unwrap().token;
    let world = world.reopened_after(PLENTY, |state| files(copy.path(), state)).await;
    put(&world, &world.nora, "c.ics", "c", "2026-11-03T09:00:00Z").await;
    put(&world, &world.nora, "d.ics", "d", "2026-11-03T09:00:00Z").await;
    let outcome = world.app.changes(&world.nora, &collection, Some(&undone), 100).await;
    assert_eq!(refusal(outcome), Refusal::InvalidSyncToken);
    assert_eq!(world.app.changes(&world.nora, &collection, Some(&kept), 100).await.unwrap().members.len(), 2);
}

#[test]
async fn indexes_that_do_not_fit_together_take_turns_and_answer_right() {
    let world = World::with(EngineKind::Memory, 20_000).await;
    let (app, nora) = (&world.app, &world.nora);
    app.create_collection(nora, &at("nora", "second"), calendar()).await.unwrap();
    for name in ["calendar", "second"] {
        for n in 0..25 {
            let body = event(&n.to_string(), "2026-11-03T09:00:00Z", "");
            app.put_object(nora, &object_at("nora", name, &format!("{n}.ics")), &body, &anything())
                .await
                .unwrap();
        }
    }
    for round in 0..4 {
        for name in ["calendar", "second"] {
            let page = app.list(nora, &at("nora", name), &Select::default(), None, 100).await.unwrap();
            assert_eq!(page.entries.len(), 25, "{name}, round {round}");
        }
    }
}

#[test]
async fn a_transparent_calendar_is_never_busy() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let collection = at("nora", "calendar");
    let week = window("2026-11-01/2026-11-08");
    assert_eq!(world.app.busy(&world.nora, &collection, &week).await.unwrap().len(), 1);
    let change = [PropertyChange::Transparency(almanac_backend::Transparency::Transparent)];
    world.app.change_properties(&world.nora, &collection, &change, &anything()).await.unwrap();
    assert!(world.app.busy(&world.nora, &collection, &week).await.unwrap().is_empty());
}

#[test]
async fn the_last_use_of_an_app_password_is_written_at_most_hourly() {
    let world = World::new().await;
    let (_, secret) = world.app.add_app_password("tomas", "phone").await.unwrap();
    let mut written = Vec::new();
    for _ in 0..5 {
        world.app.authenticate("tomas", &secret).await.unwrap().unwrap();
        written.push(world.app.housekeeping(Ages::Trusted).await.unwrap().last_uses);
        world.clock.advance(jiff::SignedDuration::from_mins(25));
    }
    // The passwords of the three people at the first round; then this one, an hour later.
    assert_eq!(written, [4, 0, 0, 1, 0]);
    let used = world.app.app_passwords("tomas").unwrap().iter().filter_map(|info| info.last_used).max();
    assert_eq!(used.unwrap(), "2026-11-02T09:40:00Z".parse().unwrap());
}

#[test]
async fn history_is_kept_for_90_days_and_100_000_changes() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let token = world.app.changes(&world.nora, &at("nora", "calendar"), None, 100).await.unwrap().token;
    put(&world, &world.nora, "a.ics", "a", "2026-11-04T09:00:00Z").await;
    world.clock.advance(jiff::SignedDuration::from_hours(24 * 400));
    assert_eq!(
        world.app.housekeeping(Ages::Trusted).await.unwrap().trimmed,
        0,
        "old, but not more than 100,000"
    );
    let later = world.app.changes(&world.nora, &at("nora", "calendar"), Some(&token), 100).await.unwrap();
    assert_eq!(later.members.len(), 1);
}

#[test]
async fn bounds_of_a_home_and_of_properties_are_told_as_quota() {
    let world = World::new().await;
    let collection = at("nora", "calendar");
    let long = [PropertyChange::Description(Some("x".repeat(70_000)))];
    let outcome = world.app.change_properties(&world.nora, &collection, &long, &anything()).await;
    assert_eq!(refusal(outcome), Refusal::QuotaExceeded);
    for n in 0..998 {
        world.app.create_collection(&world.nora, &at("nora", &format!("c{n}")), calendar()).await.unwrap();
    }
    let outcome = world.app.create_collection(&world.nora, &at("nora", "more"), calendar()).await;
    assert_eq!(refusal(outcome), Refusal::QuotaExceeded);
    let more = at("nora", "more");
    let copy = world
        .app
        .copy_collection(&world.nora, &collection, &more, CopyMembers::None, Overwrite::Refuse)
        .await;
    assert_eq!(refusal(copy), Refusal::QuotaExceeded);
}

#[test]
async fn app_passwords_work_until_they_are_revoked_or_the_person_is_disabled() {
    let world = World::new().await;
    let (info, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
    let text = secret.expose();
    assert!(
        text.len() == 26 && text.chars().all(|c| matches!(c, 'a'..='z' | '2'..='7')),
        "26 characters a-z2-7"
    );
    let signs_in = async |login: &str| world.app.authenticate(login, &secret).await.unwrap().is_some();
    assert!(signs_in("nora").await && signs_in("Nora").await && !signs_in("tomas").await);
    world.app.set_user_state("nora", UserState::Disabled).await.unwrap();
    assert!(!signs_in("nora").await);
    world.app.set_user_state("nora", UserState::Enabled).await.unwrap();
    assert!(signs_in("nora").await);
    world.app.revoke_app_password("nora", info.id).await.unwrap();
    assert!(!signs_in("nora").await);
}

#[test]
async fn a_removed_person_is_gone_and_the_login_is_free() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    world.app.share_calendar(&at("nora", "calendar"), &login("tomas"), Some(Access::Read)).await.unwrap();
    world.app.remove_user("nora").await.unwrap();
    assert!(world.app.collection(&world.tomas, &at("tomas", "nora-calendar")).await.unwrap().is_none());
    assert!(world.app.principal(&world.tomas, &login("nora")).await.unwrap().is_none());
    let new = almanac_app::NewUser {
        login: "nora".to_owned(),
        tenant: "Elsewhere".to_owned(),
        email: "nora@example.org".to_owned(),
        display_name: "Another Nora".to_owned(),
        role: almanac_backend::PrincipalRole::Patient,
    };
    world.app.add_user(new).await.unwrap();
    assert_eq!(world.app.users(Some("Lindenhof")).unwrap().len(), 1);
}

#[test]
async fn an_import_can_be_repeated_and_its_export_holds_the_same_objects() {
    let world = World::new().await;
    let calendar = at("nora", "calendar");
    let mut file = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:PUBLISH\r\n");
    for n in 0..70 {
        file.push_str(&format!(
            "BEGIN:VEVENT\r\nUID:imported/{n}\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:20261103T090000Z\r\nEND:VEVENT\r\n"
        ));
    }
    file.push_str("BEGIN:VTODO\r\nUID:todo\r\nDTSTAMP:20261101T000000Z\r\nEND:VTODO\r\nEND:VCALENDAR\r\n");
    let report = world.app.import(&calendar, file.as_bytes(), &|_| ()).await.unwrap();
    assert_eq!((report.created, report.replaced, report.unchanged, report.refused.len()), (70, 0, 0, 1));
    let report = world.app.import(&calendar, file.as_bytes(), &|_| ()).await.unwrap();
    assert_eq!((report.created, report.replaced, report.unchanged), (0, 0, 70));
    let (mut export, mut text) = (world.app.export(&calendar).unwrap(), Vec::new());
    while let Some(piece) = export.piece().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 70);
    assert_eq!(text.matches("BEGIN:VCALENDAR").count(), 1);
}

#[test]
async fn components_without_a_uid_are_the_same_objects_when_the_file_is_imported_again() {
    let world = World::new().await;
    let calendar = at("nora", "calendar");
    let event = |day: u32| {
        format!(
            "BEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:202611{day:02}T090000Z\r\nEND:VEVENT\r\n"
        )
    };
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{}{}{}END:VCALENDAR\r\n",
        event(3),
        event(4),
        event(3)
    );
    let report = world.app.import(&calendar, file.as_bytes(), &|_| ()).await.unwrap();
    assert_eq!((report.created, report.refused.len()), (3, 0));
    let longer = file.replace("END:VCALENDAR", &format!("{}END:VCALENDAR", event(5)));
    let report = world.app.import(&calendar, longer.as_bytes(), &|_| ()).await.unwrap();
    assert_eq!((report.created, report.replaced, report.unchanged), (1, 0, 3));
}

#[test]
async fn the_demo_fills_an_empty_store_and_completes_one_that_is_half_made() {
    let clock = std::sync::Arc::new(almanac_base::ManualClock::new("2026-11-21T00:00:00Z".parse().unwrap()));
    let state = tempfile::tempdir().unwrap();
    let store = support::open_store(state.path().to_owned(), EngineKind::Memory, &clock);
    let app = support::open_app(&store, &clock, PLENTY).await;
    let objects = async || {
        let calendars = app.calendars(None).await.unwrap();
        calendars.iter().map(|calendar| calendar.objects).sum::<u64>()
    };
    let first = app.seed_demo().await.unwrap().unwrap();
    assert_eq!((first.people.len(), objects().await), (2, 11));

    app.remove_user("tomas").await.unwrap();
    assert_eq!(objects().await, 8);
    let second = app.seed_demo().await.unwrap().unwrap();
    assert_eq!((second.people.len(), objects().await), (2, 11));
    let calendars = app.calendars(Some("nora")).await.unwrap();
    let shares: usize = calendars.iter().map(|calendar| calendar.shares.len()).sum();
    assert_eq!(shares, 1);
    for login in ["nora", "tomas"] {
        assert_eq!(app.app_passwords(login).unwrap().len(), 1, "{login}: the one that nobody knows is gone");
    }
    assert_ne!(first.people[0].secret.expose(), second.people[0].secret.expose());
}

#[test]
async fn the_demo_does_not_touch_a_store_that_holds_something_else() {
    let world = World::new().await;
    assert!(world.app.seed_demo().await.unwrap().is_none());
    assert_eq!(world.app.users(None).unwrap().len(), 3);
}
