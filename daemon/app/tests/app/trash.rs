//! What was deleted: how long it stays, how it comes back, who takes it along.

use almanac_app::{Ages, AppError, Naming, NewUser, TrashEntry, TrashKind, TrashScope};
use almanac_backend::{
    Access, Backend, DeadProperty, MemberState, Overwrite, PrincipalRole, PropertyChange, Select,
};
use almanac_base::TrashId;
use almanac_store::engine::EngineError;
use almanac_store::{EngineKind, Order, Space, Write, prefix_range};
use jiff::SignedDuration;
use tokio::test;

use crate::support::{PLENTY, World, at, event, login, object_at};
use crate::{anything, calendar, listing, put};

async fn entries(world: &World) -> Vec<TrashEntry> {
    world.app.trash(&TrashScope::All, Naming::Names).await.unwrap().entries
}

async fn only(world: &World) -> TrashId {
    let found = entries(world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].id
}

/// The rows of each space that may hold something of a person's calendars, in all tenants.
async fn rows(world: &World) -> Vec<(Space, usize)> {
    let mut counts = Vec::new();
    for space in
        [Space::Objects, Space::Summaries, Space::Index, Space::Properties, Space::Meta, Space::Trash]
    {
        let mut count = 0;
        for tenant in world.store.tenants() {
            let store = world.store.tenant(tenant).unwrap();
            count += store.scan(space, prefix_range(&[]), 1_000, Order::Ascending).await.unwrap().rows.len();
        }
        counts.push((space, count));
    }
    counts
}

async fn delete(world: &World, name: &str) {
    world.app.delete_object(&world.nora, &object_at("nora", "calendar", name), &anything()).await.unwrap();
}

async fn delete_calendar(world: &World, name: &str) {
    world.app.delete_collection(&world.nora, &at("nora", name), &anything()).await.unwrap();
}

#[test]
async fn a_deleted_object_comes_back_with_its_octets_and_properties_as_a_new_version() {
    for engine in [EngineKind::Memory, EngineKind::Redb, EngineKind::Sled] {
        let world = World::with(engine, PLENTY).await;
        let (app, nora, path) = (&world.app, &world.nora, object_at("nora", "calendar", "a.ics"));
        let body = event("a", "2026-11-03T09:00:00Z", "X-ODD;P=\"a;b\":\\n kept\r\n");
        app.put_object(nora, &path, &body, &anything()).await.unwrap();
        let property = DeadProperty {
            namespace: "urn:x".to_owned(),
            local: "note".to_owned(),
            xml: "<note xmlns=\"urn:x\">kept</note>".to_owned(),
        };
        let set = [PropertyChange::SetDead(property.clone())];
        app.change_object_properties(nora, &path, &set, &anything()).await.unwrap();
        let before = app.object(nora, &path).await.unwrap().unwrap();
        delete(&world, "a.ics").await;
        let token = app.changes(nora, &path.collection, None, 100).await.unwrap().token;
        world.clock.advance(SignedDuration::from_hours(1));

        let id = only(&world).await;
        let restored = app.restore_from_trash(id, None).await.unwrap();
        assert_eq!((restored.kind, restored.renamed), (TrashKind::Object, false));
        assert_eq!(restored.at, path.collection);
        let after = app.object(nora, &path).await.unwrap().unwrap();
        assert_eq!((&after.body, after.created), (&before.body, before.created));
        assert_ne!(after.etag, before.etag);
        assert!(after.modified > before.modified);
        let names = std::slice::from_ref(&path.name);
        let properties = app.object_properties(nora, &path.collection, names).await.unwrap();
        assert_eq!(properties[0], [property]);
        let changes = app.changes(nora, &path.collection, Some(&token), 100).await.unwrap();
        assert!(matches!(
            &changes.members[..],
            [one] if one.name == path.name && matches!(&one.state, MemberState::Present(it) if it.etag == after.etag)
        ));
        assert!(entries(&world).await.is_empty());
        assert!(matches!(app.restore_from_trash(id, None).await, Err(AppError::NotFound(_))));
    }
}

#[test]
async fn a_put_that_replaces_and_a_move_put_nothing_into_the_trash() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-04T09:00:00Z").await;
    let (from, to) = (object_at("nora", "calendar", "a.ics"), object_at("nora", "calendar", "b.ics"));
    world.app.move_object(&world.nora, &from, &to, &anything(), Overwrite::Replace).await.unwrap();
    assert!(entries(&world).await.is_empty());
}

#[test]
async fn the_trash_row_is_written_by_the_commit_that_deletes() {
    let (world, engine) = World::watched(PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    put(&world, &world.nora, "b.ics", "b", "2026-11-03T09:00:00Z").await;
    engine.commits();
    delete(&world, "a.ics").await;
    delete_calendar(&world, "calendar").await;
    let commits = engine.commits();
    let of = |space: Space, spaces: &[Space]| spaces.contains(&space);
    assert_eq!(commits.len(), 2, "{commits:?}");
    assert!(of(Space::Objects, &commits[0]) && of(Space::Trash, &commits[0]), "{commits:?}");
    assert!(of(Space::Collections, &commits[1]) && of(Space::Trash, &commits[1]), "{commits:?}");
    assert!(!of(Space::Meta, &commits[1]), "no note that its members are to go");
}

#[test]
async fn a_deletion_reads_the_object_and_nothing_else() {
    let (world, engine) = World::watched(PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    engine.rows_read();
    delete(&world, "a.ics").await;
    let rows = engine.rows_read();
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(Space::Objects, 1)]);
}

#[test]
async fn an_object_whose_name_is_taken_gets_another_one_and_one_whose_uid_is_in_use_is_refused() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    put(&world, &world.nora, "a.ics", "other", "2026-11-03T09:00:00Z").await;
    let id = only(&world).await;
    let restored = world.app.restore_from_trash(id, None).await.unwrap();
    assert!(restored.renamed);
    let names: Vec<_> = listing(&world, &world.nora, &Select::default()).await.into_keys().collect();
    assert_eq!(names, ["a-2.ics", "a.ics"]);

    delete(&world, "a-2.ics").await;
    put(&world, &world.nora, "again.ics", "a", "2026-11-03T09:00:00Z").await;
    let id = only(&world).await;
    let refused = world.app.restore_from_trash(id, None).await;
    assert!(matches!(&refused, Err(AppError::Invalid(why)) if why.contains("same UID")), "{refused:?}");
    assert_eq!(only(&world).await, id, "it is still there");
    let restored = world.app.restore_from_trash(id, Some(&at("tomas", "calendar"))).await.unwrap();
    assert_eq!(restored.at, at("tomas", "calendar"));
    assert_eq!(listing(&world, &world.tomas, &Select::default()).await.len(), 1);
}

#[test]
async fn an_object_goes_neither_into_another_tenant_nor_into_a_calendar_that_does_not_take_it() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    let id = only(&world).await;
    for to in [at("stranger", "calendar"), at("nora", "tasks")] {
        let refused = world.app.restore_from_trash(id, Some(&to)).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
    }
    let missing = world.app.restore_from_trash(id, Some(&at("nora", "none"))).await;
    assert!(matches!(missing, Err(AppError::NotFound("calendar"))));
}

#[test]
async fn a_deleted_calendar_comes_back_with_members_history_and_shares() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let (app, nora, path) = (&world.app, &world.nora, at("nora", "calendar"));
    for n in 0..5 {
        put(&world, nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
    }
    app.share_calendar(&path, &login("tomas"), Some(Access::ReadWrite)).await.unwrap();
    let before = listing(&world, nora, &Select::default()).await;
    let token = app.changes(nora, &path, None, 100).await.unwrap().token;
    put(&world, nora, "late.ics", "late", "2026-11-03T09:00:00Z").await;
    delete_calendar(&world, "calendar").await;
    assert!(app.collection(&world.tomas, &at("tomas", "nora-calendar")).await.unwrap().is_none());
    world.clock.advance(SignedDuration::from_hours(24 * 29));
    app.housekeeping(Ages::Trusted).await.unwrap();

    let world = world.reopened(PLENTY).await;
    let (app, nora) = (&world.app, &world.nora);
    let found = entries(&world).await;
    assert_eq!(
        (found[0].kind, found[0].owner.as_str(), found[0].calendar.as_str()),
        (TrashKind::Calendar, "nora", "calendar")
    );
    assert!(found[0].bytes > 6 * 100, "the size of its members: {}", found[0].bytes);
    let restored = app.restore_from_trash(found[0].id, None).await.unwrap();
    assert_eq!((restored.at, restored.renamed), (path.clone(), false));
    let mut after = listing(&world, nora, &Select::default()).await;
    assert!(after.remove("late.ics").is_some());
    assert_eq!(after, before, "the same members under the same ETags");
    let changes = app.changes(nora, &path, Some(&token), 100).await.unwrap();
    assert_eq!(changes.members.len(), 1, "the token of before is good: one object came since");
    let shared = object_at("tomas", "nora-calendar", "new.ics");
    app.put_object(&world.tomas, &shared, &event("new", "2026-11-03T09:00:00Z", ""), &anything())
        .await
        .unwrap();
    assert_eq!(listing(&world, nora, &Select::default()).await.len(), 7);
    world.clock.advance(SignedDuration::from_hours(24 * 60));
    app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(listing(&world, nora, &Select::default()).await.len(), 7, "nothing of it is removed later");
}

#[test]
async fn a_calendar_whose_name_is_taken_gets_another_one_or_the_one_that_is_said() {
    let world = World::new().await;
    let (app, nora) = (&world.app, &world.nora);
    delete_calendar(&world, "calendar").await;
    app.create_collection(nora, &at("nora", "calendar"), calendar()).await.unwrap();
    let id = only(&world).await;
    for (to, exists) in [(at("nora", "tasks"), true), (at("tomas", "found"), false)] {
        let refused = app.restore_from_trash(id, Some(&to)).await;
        assert_eq!(matches!(refused, Err(AppError::Exists("calendar"))), exists, "{refused:?}");
        assert!(refused.is_err());
    }
    let restored = app.restore_from_trash(id, None).await.unwrap();
    assert_eq!((restored.at, restored.renamed), (at("nora", "calendar-2"), true));
    delete_calendar(&world, "calendar-2").await;
    let restored = app.restore_from_trash(only(&world).await, Some(&at("nora", "found"))).await.unwrap();
    assert_eq!(restored.at, at("nora", "found"));
    assert!(app.collection(nora, &at("nora", "found")).await.unwrap().is_some());
}

#[test]
async fn a_calendar_that_a_move_or_a_copy_replaces_can_be_restored() {
    let world = World::new().await;
    let (app, nora, path) = (&world.app, &world.nora, at("nora", "calendar"));
    put(&world, nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    app.create_collection(nora, &at("nora", "one"), calendar()).await.unwrap();
    app.create_collection(nora, &at("nora", "two"), calendar()).await.unwrap();
    app.rename_collection(nora, &at("nora", "one"), &path, Overwrite::Replace).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(1));
    let all = almanac_backend::types::CopyMembers::All;
    app.copy_collection(nora, &at("nora", "two"), &path, all, Overwrite::Replace).await.unwrap();
    let found = entries(&world).await;
    assert_eq!(found.len(), 2);
    let restored = app.restore_from_trash(found[1].id, Some(&at("nora", "back"))).await.unwrap();
    assert!(
        app.object(nora, &object_at("nora", restored.at.name.as_str(), "a.ics")).await.unwrap().is_some()
    );
}

#[test]
async fn an_object_of_a_deleted_calendar_waits_for_it_or_goes_elsewhere() {
    let world = World::new().await;
    for uid in ["a", "b"] {
        put(&world, &world.nora, &format!("{uid}.ics"), uid, "2026-11-03T09:00:00Z").await;
        world.clock.advance(SignedDuration::from_secs(1));
        delete(&world, &format!("{uid}.ics")).await;
    }
    world.clock.advance(SignedDuration::from_secs(1));
    delete_calendar(&world, "calendar").await;
    let found = entries(&world).await;
    let kinds: Vec<_> = found.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [TrashKind::Calendar, TrashKind::Object, TrashKind::Object], "newest first");
    let refused = world.app.restore_from_trash(found[1].id, None).await;
    assert!(matches!(&refused, Err(AppError::Invalid(why)) if why.contains("is deleted")), "{refused:?}");
    world.app.restore_from_trash(found[1].id, Some(&at("tomas", "calendar"))).await.unwrap();
    world.app.restore_from_trash(found[0].id, None).await.unwrap();
    world.app.restore_from_trash(found[2].id, None).await.unwrap();
    let names: Vec<_> = listing(&world, &world.nora, &Select::default()).await.into_keys().collect();
    assert_eq!(names, ["a.ics"]);
}

#[test]
async fn an_entry_goes_when_its_term_is_over_and_not_before() {
    let world = World::new().await;
    for n in 0..3 {
        put(&world, &world.nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
        delete(&world, &format!("{n}.ics")).await;
        world.clock.advance(SignedDuration::from_hours(24));
    }
    world.clock.advance(SignedDuration::from_hours(24 * 27));
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().expired, 0, "30 days are not over");
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().expired, 1);
    let kept = entries(&world).await;
    assert_eq!(kept.len(), 2);
    let until: Vec<_> = kept.iter().map(|entry| entry.until - entry.deleted).collect();
    assert!(until.iter().all(|span| span.total(jiff::Unit::Hour).unwrap() == 720.0), "{until:?}");
    world.clock.advance(SignedDuration::from_hours(24 * 2));
    let doubted = world.app.housekeeping(Ages::Doubted).await.unwrap();
    assert_eq!((doubted.expired, entries(&world).await.len()), (0, 2), "the clock may be ahead");
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().expired, 2);
}

#[test]
async fn without_a_term_nothing_is_kept() {
    let world = World::without_trash().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    put(&world, &world.nora, "b.ics", "b", "2026-11-03T09:00:00Z").await;
    delete_calendar(&world, "calendar").await;
    assert!(entries(&world).await.is_empty());
    assert!(world.app.housekeeping(Ages::Trusted).await.unwrap().purged > 0, "its members go at once");
}

#[test]
async fn a_purge_removes_what_is_meant_for_good_and_nothing_else() {
    let world = World::new().await;
    let app = &world.app;
    for name in ["a", "b"] {
        put(&world, &world.nora, &format!("{name}.ics"), name, "2026-11-03T09:00:00Z").await;
    }
    put(&world, &world.tomas, "t.ics", "t", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    app.delete_object(&world.tomas, &object_at("tomas", "calendar", "t.ics"), &anything()).await.unwrap();
    delete_calendar(&world, "calendar").await;
    let of_nora = TrashScope::Calendar(at("nora", "calendar"));
    let listed = app.trash(&of_nora, Naming::Ids).await.unwrap().entries;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|entry| entry.names.is_none()));
    assert_eq!(
        app.trash(&TrashScope::Owner("tomas".to_owned()), Naming::Ids).await.unwrap().entries.len(),
        1
    );
    assert_eq!(app.purge_trash(&of_nora).await.unwrap(), 2);
    let left = only(&world).await;
    app.purge_trash_entry(left).await.unwrap();
    assert!(matches!(app.purge_trash_entry(left).await, Err(AppError::NotFound(_))));
    assert!(rows(&world).await.iter().all(|(_, count)| *count == 0), "{:?}", rows(&world).await);
}

#[test]
async fn a_person_who_is_removed_takes_their_trash_along_and_is_no_sharee_of_what_comes_back() {
    let world = World::new().await;
    let app = &world.app;
    let shared = at("nora", "calendar");
    app.share_calendar(&shared, &login("tomas"), Some(Access::ReadWrite)).await.unwrap();
    put(&world, &world.tomas, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    put(&world, &world.tomas, "b.ics", "b", "2026-11-03T09:00:00Z").await;
    app.delete_object(&world.tomas, &object_at("tomas", "calendar", "a.ics"), &anything()).await.unwrap();
    app.delete_collection(&world.tomas, &at("tomas", "calendar"), &anything()).await.unwrap();
    delete_calendar(&world, "calendar").await;
    assert_eq!(entries(&world).await.len(), 3);
    app.remove_user("tomas").await.unwrap();
    let id = only(&world).await;
    app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(rows(&world).await.into_iter().find(|(space, _)| *space == Space::Objects).unwrap().1, 0);

    // Somebody else who has the login now is not the one it was shared with.
    let again = NewUser {
        login: "tomas".to_owned(),
        tenant: "Lindenhof".to_owned(),
        email: "t@example.org".to_owned(),
        display_name: "T".to_owned(),
        role: PrincipalRole::Practitioner,
    };
    app.add_user(again).await.unwrap();
    app.restore_from_trash(id, None).await.unwrap();
    let calendars = app.calendars(Some("nora")).await.unwrap();
    assert!(calendars.iter().all(|calendar| calendar.shares.is_empty()));
}

#[test]
async fn a_restoration_whose_outcome_was_unknown_is_seen_and_not_done_twice() {
    let (world, engine) = World::watched(PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete_calendar(&world, "calendar").await;
    let id = only(&world).await;
    engine.lie(|| EngineError::NoSpace);
    world.app.restore_from_trash(id, None).await.unwrap_err();
    assert_eq!(listing(&world, &world.nora, &Select::default()).await.len(), 1);
    assert!(matches!(world.app.restore_from_trash(id, None).await, Err(AppError::NotFound(_))));
}

#[test]
async fn of_many_restorations_of_one_entry_exactly_one_takes_place() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    let id = only(&world).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let app = world.app.clone();
        tasks.spawn(async move { app.restore_from_trash(id, None).await.is_ok() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(listing(&world, &world.nora, &Select::default()).await.len(), 1);
}

#[test]
async fn what_is_in_the_trash_is_sealed_anew_with_the_rest() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    delete(&world, "a.ics").await;
    world.app.rotate_keys(Some("Lindenhof"), &|_| {}).await.unwrap();
    let world = world.reopened(PLENTY).await;
    world.app.restore_from_trash(only(&world).await, None).await.unwrap();
    assert_eq!(listing(&world, &world.nora, &Select::default()).await.len(), 1);
}

#[test]
async fn what_a_removal_that_was_cut_off_left_in_the_trash_is_listed_and_exported_for_nobody() {
    let world = World::new().await;
    let app = &world.app;
    put(&world, &world.tomas, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    app.delete_object(&world.tomas, &object_at("tomas", "calendar", "a.ics"), &anything()).await.unwrap();
    delete_calendar(&world, "calendar").await;
    let store = world.store.tenant(world.nora.tenant).unwrap();
    let kept = store.scan(Space::Trash, prefix_range(&[]), 10, Order::Ascending).await.unwrap().rows;
    app.remove_user("tomas").await.unwrap();
    for (key, row) in kept {
        let write = Write::new().put(Space::Trash, key, store.new_version(), row.value.to_vec());
        store.commit(write).await.unwrap();
    }
    let left = only(&world).await;
    let mut dump = app.export_tenant("Lindenhof").await.unwrap();
    while dump.piece().await.unwrap().is_some() {}
    assert_eq!(dump.report().trash, 1);
    app.restore_from_trash(left, None).await.unwrap();
}
