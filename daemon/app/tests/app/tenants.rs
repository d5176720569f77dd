//! A tenant that is exported, imported and removed: one state, all or nothing, nothing left behind.

use std::sync::Arc;

use almanac_app::sync::{
    Channel, Dispatch, LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, Loser, Lost, NewAccount,
    NewLink, Place, Step, StepChange,
};
use almanac_app::{Ages, App, AppError, FeedPrivacy, Naming, TenantReport, TrashScope};
use almanac_backend::{
    Access, Backend, Caller, DeadProperty, ObjectName, Overwrite, PropertyChange, Refusal, Select,
};
use almanac_base::{Clock, Secret};
use almanac_store::backup::dump::Piece;
use almanac_store::engine::EngineError;
use almanac_store::records::Document;
use almanac_store::records::export::{OwnExport, kind};
use almanac_store::{EngineKind, Order, Space, prefix_range};
use tokio::test;

use crate::support::{PLENTY, World, at, event, login, object_at, open_app};
use crate::{anything, listing, put, refusal};

async fn pieces(world: &World, tenant: &str) -> (Vec<Vec<u8>>, TenantReport) {
    let mut dump = world.app.export_tenant(tenant).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = dump.piece().await.unwrap() {
        pieces.push(piece.to_vec());
    }
    (pieces, dump.report().clone())
}

async fn import(app: &Arc<App>, pieces: &[Vec<u8>]) -> Result<TenantReport, AppError> {
    let mut import = app.import_tenant(None);
    for piece in pieces {
        if let Err(error) = import.take(piece).await {
            import.abandon().await.unwrap();
            return Err(error);
        }
    }
    let finished = import.finish().await;
    import.abandon().await.unwrap();
    finished
}

/// A world of its own, without the tenant that is to come.
async fn elsewhere() -> World {
    let world = World::new().await;
    world.app.remove_tenant("Lindenhof").await.unwrap();
    world
}

fn names(app: &App) -> Vec<String> {
    let mut names: Vec<_> = app.tenants().into_iter().map(|tenant| tenant.name).collect();
    names.sort();
    names
}

#[test]
async fn an_export_is_of_one_state_while_people_go_on_working() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    let text = "X-LONG:".to_owned() + &"a".repeat(60) + "\r\n";
    let long = text.repeat(200);
    for n in 0..300 {
        let body = event(&n.to_string(), "2026-11-03T09:00:00Z", &long);
        let path = object_at("nora", "calendar", &format!("{n}.ics"));
        world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
    }
    let (app, nora) = (Arc::clone(&world.app), world.nora.clone());
    let mut dump = app.export_tenant("Lindenhof").await.unwrap();
    // After the state is fixed: members change, move and go, and so does a calendar.
    for n in 0..100 {
        let path = object_at("nora", "calendar", &format!("{n}.ics"));
        app.delete_object(&nora, &path, &anything()).await.unwrap();
        let (from, to) = (
            object_at("nora", "calendar", &format!("{}.ics", 100 + n)),
            object_at("nora", "calendar", &format!("m{n}.ics")),
        );
        app.move_object(&nora, &from, &to, &anything(), Overwrite::Refuse).await.unwrap();
    }
    app.delete_collection(&nora, &at("nora", "tasks"), &anything()).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = dump.piece().await.unwrap() {
        assert!(piece.len() < 2 << 20, "pieces are bounded");
        pieces.push(piece.to_vec());
    }
    assert!(pieces.len() > 3, "{}", pieces.len());
    let report = dump.report();
    assert_eq!((report.people, report.calendars, report.objects, report.trash), (2, 4, 300, 0));

    let other = elsewhere().await;
    import(&other.app, &pieces).await.unwrap();
    let (_, secret) = other.app.add_app_password("nora", "new").await.unwrap();
    let nora = other.app.authenticate("nora", &secret).await.unwrap().unwrap();
    let found: Vec<_> = listing(&other, &nora, &Select::default()).await.into_keys().collect();
    assert_eq!(found.len(), 300);
    assert!(found.iter().all(|name| !name.starts_with('m')));
    assert!(other.app.collection(&nora, &at("nora", "tasks")).await.unwrap().is_some());
}

#[test]
async fn an_object_that_goes_or_moves_during_an_export_goes_along_with_its_properties() {
    for engine in [EngineKind::Memory, EngineKind::Redb, EngineKind::Sled] {
        let world = World::with(engine, PLENTY).await;
        let (app, nora) = (&world.app, &world.nora);
        let note = DeadProperty {
            namespace: "urn:x".to_owned(),
            local: "note".to_owned(),
            xml: "<note xmlns=\"urn:x\">kept</note>".to_owned(),
        };
        let [deleted, moved, kept] =
            ["deleted.ics", "moved.ics", "kept.ics"].map(|name| object_at("nora", "calendar", name));
        for path in [&deleted, &moved, &kept] {
            put(&world, nora, path.name.as_str(), path.name.as_str(), "2026-11-03T09:00:00Z").await;
            let set = [PropertyChange::SetDead(note.clone())];
            app.change_object_properties(nora, path, &set, &anything()).await.unwrap();
        }
        put(&world, nora, "without.ics", "without", "2026-11-03T09:00:00Z").await;

        let mut dump = app.export_tenant("Lindenhof").await.unwrap();
        app.delete_object(nora, &deleted, &anything()).await.unwrap();
        let to = object_at("nora", "calendar", "other.ics");
        app.move_object(nora, &moved, &to, &anything(), Overwrite::Refuse).await.unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = dump.piece().await.unwrap() {
            pieces.push(piece.to_vec());
        }

        let other = elsewhere().await;
        import(&other.app, &pieces).await.unwrap();
        let (_, secret) = other.app.add_app_password("nora", "new").await.unwrap();
        let nora = other.app.authenticate("nora", &secret).await.unwrap().unwrap();
        let names: Vec<_> = ["deleted.ics", "moved.ics", "kept.ics", "without.ics"]
            .map(|name| ObjectName::new(name).unwrap())
            .into();
        let found = other.app.object_properties(&nora, &at("nora", "calendar"), &names).await.unwrap();
        let one = || vec![note.clone()];
        assert_eq!(found, [one(), one(), one(), vec![]], "{engine:?}");
    }
}

#[test]
async fn members_of_a_calendar_that_is_gone_for_good_do_not_go_along() {
    let world = World::without_trash().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    world.app.delete_collection(&world.nora, &at("nora", "calendar"), &anything()).await.unwrap();
    let (_, report) = pieces(&world, "Lindenhof").await;
    assert_eq!((report.calendars, report.objects), (3, 0));
}

#[test]
async fn accounts_secrets_and_links_do_not_go_to_another_instance() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let canary = "canary7f3";
    let new = NewAccount {
        name: canary.to_owned(),
        kind: "test".to_owned(),
        settings: vec![("url".to_owned(), canary.to_owned())],
        secret: Some(Secret::new(canary.to_owned())),
    };
    let account = world.app.add_account("Lindenhof", new).await.unwrap();
    let new = NewLink {
        account: account.id,
        remote: canary.to_owned(),
        remote_name: canary.to_owned(),
        at: at("nora", "calendar"),
        mode: LinkMode::TwoWay,
        privacy: LinkPrivacy::Full,
        policy: LinkPolicy::Vendor,
        state: LinkState::Active,
    };
    let link = world.app.add_link(new).await.unwrap();
    let view = world.app.view_step(&link, "a.ics").await.unwrap();
    let dispatch = Dispatch { attempts: 1, not_before: world.clock.now(), since: world.clock.now() };
    let lost = Lost { loser: Loser::Store, fields: vec![canary.to_owned()], object: None };
    let step = Step { dispatch: StepChange::Put(dispatch), lost: vec![lost], ..Step::default() };
    world.app.settle_step(&link, &view, step).await.unwrap();

    let (pieces, _) = pieces(&world, "Lindenhof").await;
    let holds = |piece: &[u8]| piece.windows(canary.len()).any(|part| part == canary.as_bytes());
    assert!(!pieces.iter().any(|piece| holds(piece)));
    let other = elsewhere().await;
    import(&other.app, &pieces).await.unwrap();
    assert!(other.app.accounts().await.unwrap().is_empty() && other.app.links().await.unwrap().is_empty());
}

#[test]
async fn under_other_index_keys_accounts_keep_their_secrets_and_links_what_they_know() {
    let world = World::new().await;
    let app = &world.app;
    let secret = || Secret::new("s".to_owned());
    let new = NewAccount {
        name: "work".to_owned(),
        kind: "test".to_owned(),
        settings: Vec::new(),
        secret: Some(secret()),
    };
    let account = app.add_account("Lindenhof", new).await.unwrap();
    let mut links = Vec::new();
    for calendar in ["calendar", "tasks"] {
        let new = NewLink {
            account: account.id,
            remote: calendar.to_owned(),
            remote_name: calendar.to_owned(),
            at: at("nora", calendar),
            mode: LinkMode::Pull,
            privacy: LinkPrivacy::Busy,
            policy: LinkPolicy::Ask,
            state: LinkState::Active,
        };
        links.push(app.add_link(new).await.unwrap());
    }
    let now = world.clock.now();
    let place = Place { seq: Some(9), token: Some("t".to_owned()), listed: Some(now), ..Place::default() };
    app.keep_link_place(links[0].id, &place).await.unwrap();
    let channel = Channel {
        channel: "c".to_owned(),
        resource: "r".to_owned(),
        secret: secret(),
        until: now,
        signalled: Some(now),
        address: None,
    };
    app.keep_link_channel(links[0].id, Some(&channel)).await.unwrap();
    // A calendar that is gone for good, of which housekeeping has not heard yet.
    app.delete_collection(&world.nora, &at("nora", "tasks"), &anything()).await.unwrap();
    app.purge_trash(&TrashScope::All).await.unwrap();

    app.rekey_index(Some("Lindenhof"), &|_| {}).await.unwrap();
    let after = app.account(account.id).await.unwrap();
    assert_ne!(after.tenant, account.tenant);
    assert_eq!(app.account_secret(account.id).await.unwrap().unwrap().expose(), "s");
    let link = app.link(links[0].id).await.unwrap();
    assert_eq!(link, LinkInfo { tenant: after.tenant, version: link.version, ..links[0].clone() });
    // The change log does not go along.
    assert_eq!(app.link_place(link.id).await.unwrap(), Place { seq: None, ..place });
    let kept = app.link_channel(link.id).await.unwrap().unwrap();
    assert_eq!((kept.channel, kept.secret.expose(), kept.signalled), ("c".to_owned(), "s", Some(now)));
    assert!(matches!(app.link(links[1].id).await, Err(AppError::NotFound("link"))));
}

#[test]
async fn an_import_is_seen_by_nobody_before_it_is_finished_and_by_everybody_afterwards() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (pieces, report) = pieces(&world, "Lindenhof").await;
    let other = elsewhere().await;
    let mut import = other.app.import_tenant(None);
    for piece in &pieces {
        import.take(piece).await.unwrap();
    }
    assert_eq!(names(&other.app), ["Elsewhere"]);
    assert!(other.app.users(None).unwrap().iter().all(|user| user.login != "nora"));
    other.app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(import.finish().await.unwrap(), report);
    assert_eq!(names(&other.app), ["Elsewhere", "Lindenhof"]);
    import.abandon().await.unwrap();
    assert_eq!(names(&other.app).len(), 2, "there is nothing to abandon any more");
}

#[test]
async fn what_a_crash_left_of_an_import_or_a_removal_goes_at_the_next_start() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (pieces, _) = pieces(&world, "Lindenhof").await;
    let other = elsewhere().await;
    let before = other.store.tenants();
    let mut import = other.app.import_tenant(None);
    for piece in &pieces {
        import.take(piece).await.unwrap();
    }
    drop(import);
    assert_eq!(other.store.tenants().len(), before.len() + 1);
    let again = open_app(&other.store, &other.clock, PLENTY).await;
    assert_eq!(other.store.tenants(), before);
    self::import(&again, &pieces).await.unwrap();
    assert_eq!(names(&again), ["Elsewhere", "Lindenhof"]);
}

#[test]
async fn an_import_that_appeared_although_its_last_commit_seemed_to_fail_is_not_undone() {
    let source = World::new().await;
    let (pieces, _) = pieces(&source, "Lindenhof").await;
    let (other, engine) = World::watched(PLENTY).await;
    other.app.remove_tenant("Lindenhof").await.unwrap();
    let mut import = other.app.import_tenant(None);
    for piece in &pieces {
        import.take(piece).await.unwrap();
    }
    // The first commit at the end writes what waits, the second one publishes.
    engine.lie_after(1, || EngineError::NoSpace);
    import.finish().await.unwrap_err();
    import.abandon().await.unwrap();
    let system = other.store.system();
    let logins =
        system.scan(Space::Index, prefix_range(&[]), 100, Order::Ascending).await.unwrap().rows.len();
    assert_eq!(logins, 3);
    assert_eq!(names(&other.app), ["Elsewhere", "Lindenhof"]);
}

#[test]
async fn records_that_no_export_has_are_refused() {
    let world = World::new().await;
    let (pieces, _) = pieces(&world, "Lindenhof").await;
    let other = elsewhere().await;
    for wrong in [&b"nonsense"[..], &[0, 0, 0, 1, 0, 0, 0, 1, 99, 0]] {
        assert!(import(&other.app, &[wrong.to_vec()]).await.is_err());
        let with_tenant = [pieces.clone(), vec![wrong.to_vec()]].concat();
        assert!(import(&other.app, &with_tenant).await.is_err());
    }
    // What goes along only within an instance is in no file.
    let mut own = Piece::default();
    let account = OwnExport { space: Space::Accounts as u8, key: vec![1; 16], value: Vec::new() };
    own.push(kind::OWN, &account.to_bytes());
    let with_account = [pieces.clone(), vec![own.into_bytes()]].concat();
    assert!(matches!(import(&other.app, &with_account).await, Err(AppError::Invalid(_))));
    let twice = [pieces.clone(), pieces.clone()].concat();
    assert!(matches!(import(&other.app, &twice).await, Err(AppError::Invalid(_))));
    assert!(matches!(import(&other.app, &[]).await, Err(AppError::Invalid(_))));
    assert_eq!(names(&other.app), ["Elsewhere"]);
    assert_eq!(other.store.tenants().len(), 1);
}

#[test]
async fn a_removed_tenant_leaves_nothing_and_its_people_and_passwords_are_gone_at_once() {
    let world = World::new().await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let (_, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
    let (_, feed) = world.app.add_feed(&at("nora", "calendar"), FeedPrivacy::Full).await.unwrap();
    assert!(world.app.open_feed(feed.expose()).await.unwrap().is_some());
    world.app.remove_tenant("Lindenhof").await.unwrap();
    assert!(world.app.open_feed(feed.expose()).await.unwrap().is_none());
    assert!(world.app.authenticate("nora", &secret).await.unwrap().is_none());
    let path = object_at("nora", "calendar", "a.ics");
    assert!(world.app.object(&world.nora, &path).await.unwrap().is_none());
    assert!(matches!(world.app.remove_tenant("Lindenhof").await, Err(AppError::NotFound("tenant"))));
    let system = world.store.system();
    for (space, left) in [
        (Space::Meta, 1),
        (Space::Index, 1),
        (Space::Credentials, 1),
        (Space::Feeds, 0),
        (Space::Principals, 0),
    ] {
        let rows = system.scan(space, prefix_range(&[]), 100, Order::Ascending).await.unwrap().rows;
        assert_eq!(rows.len(), left, "{space:?}");
    }
    assert_eq!(world.store.tenants().len(), 1);
    world.app.add_tenant("Lindenhof", None).await.unwrap();
    crate::support::person(&world.app, "nora", "Lindenhof").await;
}

/// What is at each name: the keyed hash, which the index keys give.
fn hash_of(world: &World, tenant: &str) -> [u8; 32] {
    let id = world.app.tenants().into_iter().find(|info| info.name == tenant).unwrap().id;
    let store = world.store.tenant(id).unwrap();
    store.member(almanac_base::CollectionId::from_bytes([7; 16]), "a.ics").name
}

#[test]
async fn a_tenant_with_other_index_keys_is_the_same_for_its_people() {
    for engine in [EngineKind::Memory, EngineKind::Redb, EngineKind::Sled] {
        let world = World::with(engine, PLENTY).await;
        let (app, nora, calendar) = (&world.app, &world.nora, at("nora", "calendar"));
        for n in 0..20 {
            put(&world, nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
        }
        app.share_calendar(&calendar, &login("tomas"), Some(Access::ReadWrite)).await.unwrap();
        app.delete_object(nora, &object_at("nora", "calendar", "0.ics"), &anything()).await.unwrap();
        app.delete_collection(nora, &at("nora", "tasks"), &anything()).await.unwrap();
        let (_, secret) = app.add_app_password("nora", "phone").await.unwrap();
        let before = listing(&world, nora, &Select::default()).await;
        let token = app.changes(nora, &calendar, None, 100).await.unwrap().token;
        let hash = hash_of(&world, "Lindenhof");
        let foreign = hash_of(&world, "Elsewhere");

        let done = app.rekey_index(Some("Lindenhof"), &|_| {}).await.unwrap();
        assert_eq!((done.len(), done[0].objects, done[0].trash), (1, 19, 2));
        assert_ne!(hash_of(&world, "Lindenhof"), hash);
        assert_eq!(hash_of(&world, "Elsewhere"), foreign);
        let nora = &app.authenticate("nora", &secret).await.unwrap().unwrap();
        assert_eq!(listing(&world, nora, &Select::default()).await, before);
        let old_token = app.changes(nora, &calendar, Some(&token), 100).await;
        assert_eq!(refusal(old_token), Refusal::InvalidSyncToken);
        assert_eq!(app.changes(nora, &calendar, None, 100).await.unwrap().members.len(), 19);
        for entry in app.trash(&TrashScope::All, Naming::Ids).await.unwrap().entries {
            app.restore_from_trash(entry.id, None).await.unwrap();
        }
        assert_eq!(listing(&world, nora, &Select::default()).await.len(), 20);
        let tomas = Caller { tenant: nora.tenant, ..world.tomas.clone() };
        let shared = object_at("tomas", "nora-calendar", "new.ics");
        app.put_object(&tomas, &shared, &event("new", "2026-11-03T09:00:00Z", ""), &anything())
            .await
            .unwrap();
        assert_eq!(listing(&world, nora, &Select::default()).await.len(), 21);
        assert_eq!(world.store.tenants().len(), 2, "the old one is gone");
        let system = world.store.system();
        let names = system.scan(Space::Meta, prefix_range(&[]), 100, Order::Ascending).await.unwrap();
        assert_eq!(names.rows.len(), 2);
    }
}

#[test]
async fn an_exchange_of_index_keys_that_seemed_to_fail_at_any_commit_leaves_one_of_both() {
    // The commits: the new tenant's name, its keys, its members, the exchange, three that remove the old one.
    for others in 0..7 {
        let (world, engine) = World::watched(PLENTY).await;
        put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
        let (_, secret) = world.app.add_app_password("nora", "phone").await.unwrap();
        engine.lie_after(others, || EngineError::NoSpace);
        world.app.rekey_index(Some("Lindenhof"), &|_| {}).await.unwrap_err();
        let app = open_app(&world.store, &world.clock, PLENTY).await;
        assert_eq!(names(&app).len(), 2, "{others}");
        assert_eq!(world.store.tenants().len(), 2, "{others}");
        let nora = app.authenticate("nora", &secret).await.unwrap().unwrap();
        let path = object_at("nora", "calendar", "a.ics");
        assert!(app.object(&nora, &path).await.unwrap().is_some(), "{others}");
        app.rekey_index(None, &|_| {}).await.unwrap();
        assert!(app.users(Some("Elsewhere")).unwrap().len() == 1);
    }
}
