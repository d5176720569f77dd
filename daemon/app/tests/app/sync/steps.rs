//! One step for one object: all of it or nothing, and seen by everybody.

use almanac_app::sync::{LinkInfo, Pair, PairState, Settled, Step, StepChange};
use almanac_app::{AppError, Naming, TrashScope};
use almanac_backend::{Backend, MemberState, Select};
use almanac_store::Space;
use tokio::test;

use super::{absent, account, link, lost, new_link, pair, settle, view, waiting, whole};
use crate::support::{PLENTY, World, at, event, object_at};
use crate::{anything, listing, put};

const START: &str = "2026-11-03T09:00:00Z";

#[test]
async fn what_a_step_changes_is_one_commit() {
    let (world, engine) = World::watched(PLENTY).await;
    let link = link(&world, "v").await;
    engine.commits();
    let body = event("a", START, "");
    assert_eq!(settle(&world, &link, "a.ics", whole(&world, &body, "r")).await, Settled::Done);
    let commits = engine.commits();
    assert_eq!(commits.len(), 1, "{commits:?}");
    for space in [Space::Objects, Space::Index, Space::Pairs, Space::Remotes, Space::Dispatch, Space::History]
    {
        assert!(commits[0].contains(&space), "{space:?} {commits:?}");
    }
    let now = view(&world, &link, "a.ics").await;
    let (version, object) = now.object.as_ref().unwrap();
    assert_eq!(object.bytes(), body.bytes());
    assert_eq!(now.pair.as_ref().unwrap().local, Some(*version), "the version that was written");
    assert!(now.dispatch.is_some());
    assert_eq!(world.app.name_of_remote(&link, "r").await.unwrap().as_deref(), Some("a.ics"));
    assert_eq!(world.app.name_of_uid(&link, "a").await.unwrap().as_deref(), Some("a.ics"));

    // Another id leads to it, and the one before does not any more; in the end none does.
    let moved = Step { pair: StepChange::Put(pair("a", Some("s"))), ..Step::default() };
    settle(&world, &link, "a.ics", moved).await;
    assert_eq!(world.app.name_of_remote(&link, "r").await.unwrap(), None);
    assert_eq!(world.app.name_of_remote(&link, "s").await.unwrap().as_deref(), Some("a.ics"));
    let gone = Step { pair: StepChange::Remove, dispatch: StepChange::Remove, ..Step::default() };
    settle(&world, &link, "a.ics", gone).await;
    assert_eq!(world.app.name_of_remote(&link, "s").await.unwrap(), None);
    let now = view(&world, &link, "a.ics").await;
    assert!(now.pair.is_none() && now.dispatch.is_none() && now.object.is_some());
}

/// What somebody else does while a step is decided.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    PairWritten,
    PairRemoved,
    DispatchWritten,
    DispatchRemoved,
    ObjectWritten,
    ObjectDeleted,
    LinkRemoved,
    CalendarDeleted,
}

async fn disturb(world: &World, link: &LinkInfo, meanwhile: Meanwhile) {
    let step = match meanwhile {
        Meanwhile::PairWritten => Step {
            pair: StepChange::Put(Pair { state: PairState::HeldHere, ..pair("a", Some("r")) }),
            ..Step::default()
        },
        Meanwhile::PairRemoved => Step { pair: StepChange::Remove, ..Step::default() },
        Meanwhile::DispatchWritten => Step { dispatch: StepChange::Put(waiting(world)), ..Step::default() },
        Meanwhile::DispatchRemoved => Step { dispatch: StepChange::Remove, ..Step::default() },
        Meanwhile::ObjectWritten => {
            put(world, &world.nora, "a.ics", "a", "2026-11-05T09:00:00Z").await;
            return;
        }
        Meanwhile::ObjectDeleted => {
            let path = object_at("nora", "calendar", "a.ics");
            world.app.delete_object(&world.nora, &path, &anything()).await.unwrap();
            return;
        }
        Meanwhile::LinkRemoved => return world.app.remove_link(link.id).await.unwrap(),
        Meanwhile::CalendarDeleted => {
            return world
                .app
                .delete_collection(&world.nora, &at("nora", "calendar"), &anything())
                .await
                .unwrap();
        }
    };
    assert_eq!(settle(world, link, "a.ics", step).await, Settled::Done);
}

#[test]
async fn a_step_that_stands_on_what_is_not_so_any_more_writes_nothing() {
    let all = [
        Meanwhile::PairWritten,
        Meanwhile::PairRemoved,
        Meanwhile::DispatchWritten,
        Meanwhile::DispatchRemoved,
        Meanwhile::ObjectWritten,
        Meanwhile::ObjectDeleted,
        Meanwhile::LinkRemoved,
        Meanwhile::CalendarDeleted,
    ];
    for meanwhile in all {
        for object in [StepChange::Put(event("a", "2026-11-09T09:00:00Z", "")), StepChange::Remove] {
            let (world, engine) = World::watched(PLENTY).await;
            let link = link(&world, "v").await;
            settle(&world, &link, "a.ics", whole(&world, &event("a", START, ""), "r")).await;
            let stale = view(&world, &link, "a.ics").await;
            disturb(&world, &link, meanwhile).await;
            engine.commits();
            let step = Step {
                object,
                pair: StepChange::Put(pair("a", Some("other"))),
                dispatch: StepChange::Put(waiting(&world)),
                lost: vec![lost(None)],
            };
            let settled = world.app.settle_step(&link, &stale, step).await.unwrap();
            assert_eq!(settled, Settled::Outdated, "{meanwhile:?}");
            assert_eq!(engine.commits().len(), 0, "{meanwhile:?}");
            assert_eq!(world.app.name_of_remote(&link, "other").await.unwrap(), None, "{meanwhile:?}");
        }
    }
}

#[test]
async fn a_step_for_what_is_not_there_any_more_is_not_begun() {
    let world = World::new().await;
    let one = link(&world, "v").await;
    world.app.remove_link(one.id).await.unwrap();
    absent(&world.app.view_step(&one, "a.ics").await.map(drop), "link");
    let other = link(&world, "w").await;
    world.app.delete_collection(&world.nora, &at("nora", "calendar"), &anything()).await.unwrap();
    absent(&world.app.view_step(&other, "a.ics").await.map(drop), "calendar");
}

#[test]
async fn an_object_that_a_step_writes_is_in_listings_and_changes_under_a_new_etag() {
    let world = World::new().await;
    let (app, nora, calendar) = (&world.app, &world.nora, at("nora", "calendar"));
    let link = link(&world, "v").await;
    let before = put(&world, nora, "a.ics", "a", START).await;
    listing(&world, nora, &Select::default()).await; // what is in memory has to follow
    let token = app.changes(nora, &calendar, None, 100).await.unwrap().token;
    for (name, uid) in [("a.ics", "a"), ("b.ics", "b")] {
        let step =
            Step { object: StepChange::Put(event(uid, "2026-11-04T09:00:00Z", "")), ..Step::default() };
        assert_eq!(settle(&world, &link, name, step).await, Settled::Done);
    }
    let listed = listing(&world, nora, &Select::default()).await;
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["a.ics", "b.ics"]);
    assert_ne!(listed["a.ics"], before);
    let changes = app.changes(nora, &calendar, Some(&token), 100).await.unwrap();
    assert_eq!(changes.members.len(), 2);
    for member in &changes.members {
        let MemberState::Present(entry) = &member.state else { panic!("{:?} is gone", member.name) };
        assert_eq!(entry.etag, listed[member.name.as_str()]);
        let path = object_at("nora", "calendar", member.name.as_str());
        assert_eq!(app.object(nora, &path).await.unwrap().unwrap().etag, entry.etag);
    }
}

#[test]
async fn an_object_that_a_step_deletes_is_in_the_trash_and_can_be_restored() {
    let world = World::new().await;
    let (app, nora) = (&world.app, &world.nora);
    let link = link(&world, "v").await;
    let path = object_at("nora", "calendar", "a.ics");
    let body = event("a", START, "X-ODD:kept\r\n");
    app.put_object(nora, &path, &body, &anything()).await.unwrap();
    let token = app.changes(nora, &path.collection, None, 100).await.unwrap().token;
    let step = Step { object: StepChange::Remove, ..Step::default() };
    assert_eq!(settle(&world, &link, "a.ics", step).await, Settled::Done);
    assert!(app.object(nora, &path).await.unwrap().is_none());
    assert!(listing(&world, nora, &Select::default()).await.is_empty());
    let changes = app.changes(nora, &path.collection, Some(&token), 100).await.unwrap();
    assert!(matches!(&changes.members[..], [one] if matches!(one.state, MemberState::Removed)));
    let trash = app.trash(&TrashScope::All, Naming::Ids).await.unwrap().entries;
    assert_eq!(trash.len(), 1);
    app.restore_from_trash(trash[0].id, None).await.unwrap();
    assert_eq!(app.object(nora, &path).await.unwrap().unwrap().body, body.bytes());

    // What is not there is deleted already.
    let nothing = Step { object: StepChange::Remove, ..Step::default() };
    assert_eq!(settle(&world, &link, "none.ics", nothing).await, Settled::Done);
}

#[test]
async fn a_uid_that_another_object_has_is_not_written_a_second_time() {
    let world = World::new().await;
    let link = link(&world, "v").await;
    put(&world, &world.nora, "a.ics", "a", START).await;
    let settled = settle(&world, &link, "b.ics", whole(&world, &event("a", START, ""), "r")).await;
    assert!(matches!(settled, Settled::Refused(_)), "{settled:?}");
    let now = view(&world, &link, "b.ics").await;
    assert!(now.object.is_none() && now.pair.is_none() && now.dispatch.is_none());

    // Two at the same time: one of them.
    let (one, two) = (view(&world, &link, "1.ics").await, view(&world, &link, "2.ics").await);
    let step = || Step { object: StepChange::Put(event("new", START, "")), ..Step::default() };
    let (one, two) =
        tokio::join!(world.app.settle_step(&link, &one, step()), world.app.settle_step(&link, &two, step()));
    let mut came = [one.unwrap(), two.unwrap()].map(|settled| settled == Settled::Done);
    came.sort_unstable();
    assert_eq!(came, [false, true]);
    assert_eq!(listing(&world, &world.nora, &Select::default()).await.len(), 2);

    // Nor does an object become another one.
    let other = Step { object: StepChange::Put(event("other", START, "")), ..Step::default() };
    assert!(matches!(settle(&world, &link, "a.ics", other).await, Settled::Refused(_)));
}

#[test]
async fn what_the_calendar_does_not_take_is_refused_and_nothing_of_the_step_is_written() {
    let world = World::new().await;
    let account = account(&world.app, "Lindenhof", "v").await;
    let link = world.app.add_link(new_link(&account, "main", "nora", "tasks")).await.unwrap();
    let settled = settle(&world, &link, "a.ics", whole(&world, &event("a", START, ""), "r")).await;
    assert!(matches!(settled, Settled::Refused(_)), "{settled:?}");
    let now = view(&world, &link, "a.ics").await;
    assert!(now.object.is_none() && now.pair.is_none() && now.dispatch.is_none());
    assert!(world.app.link_history(&link).await.unwrap().is_empty());
}

#[test]
async fn what_was_lost_is_given_back_unless_it_was_a_deletion() {
    let world = World::new().await;
    let link = link(&world, "v").await;
    let (here, theirs) = (event("a", START, ""), event("a", "2026-11-05T09:00:00Z", "X-ODD:kept\r\n"));
    let path = object_at("nora", "calendar", "a.ics");
    world.app.put_object(&world.nora, &path, &here, &anything()).await.unwrap();
    let step = Step { lost: vec![lost(None), lost(Some(&theirs))], ..Step::default() };
    settle(&world, &link, "a.ics", step).await;
    let history = world.app.link_history(&link).await.unwrap();
    let (gone, kept): (Vec<_>, Vec<_>) = history.iter().partition(|entry| entry.deleted);
    assert_eq!((gone.len(), kept.len()), (1, 1));

    let refused = world.app.restore_lost(&link, gone[0].id).await;
    assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
    let body = || async { world.app.object(&world.nora, &path).await.unwrap().unwrap().body };
    assert_eq!(body().await, here.bytes());
    world.app.restore_lost(&link, kept[0].id).await.unwrap();
    assert_eq!(body().await, theirs.bytes());
    // Also where the object is not there any more; its entry stays.
    world.app.delete_object(&world.nora, &path, &anything()).await.unwrap();
    world.app.restore_lost(&link, kept[0].id).await.unwrap();
    assert_eq!(body().await, theirs.bytes());
    // What the restored version took the place of can be restored, too.
    assert_eq!(world.app.link_history(&link).await.unwrap().len(), 3);
}

#[test]
async fn how_many_objects_wait_is_read_again_only_after_that_has_changed() {
    let (world, engine) = World::watched(PLENTY).await;
    let link = link(&world, "v").await;
    let put = |uid: &'static str, state: PairState| {
        let pair = Pair { state, ..pair(uid, None) };
        let step = Step { pair: StepChange::Put(pair), ..Step::default() };
        let (world, link) = (&world, &link);
        async move { settle(world, link, &format!("{uid}.ics"), step).await }
    };
    let parked = || PairState::Parked("no room".to_owned());
    for (uid, state, expected) in [
        ("a", PairState::Linked, (0, 0)),
        ("b", PairState::HeldHere, (1, 0)),
        ("c", parked(), (1, 1)),
        ("a", PairState::HeldMail, (2, 1)),
        ("b", PairState::DeletionApproved, (1, 1)),
        ("c", parked(), (1, 1)),
    ] {
        put(uid, state).await;
        let waiting = world.app.waiting(&link).await.unwrap();
        assert_eq!((waiting.held, waiting.parked), expected);
    }
    settle(&world, &link, "c.ics", Step { pair: StepChange::Remove, ..Step::default() }).await;
    assert_eq!(world.app.waiting(&link).await.unwrap().parked, 0);

    engine.rows_read();
    put("d", PairState::Linked).await;
    engine.rows_read();
    world.app.waiting(&link).await.unwrap();
    assert_eq!(engine.rows_read().get(&Space::Pairs), None, "nobody more waits than before");
}
