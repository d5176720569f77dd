//! What goes with what: links with their calendar, accounts, tenants; what they knew with them.

use almanac_app::sync::{LinkInfo, Settled};
use almanac_app::{Ages, Naming, TrashScope};
use almanac_backend::{Backend, CollectionPath};
use almanac_base::TenantId;
use almanac_store::{Space, Write, prefix_range};
use jiff::SignedDuration;
use tokio::test;

use super::{SPACES, absent, link, rows, settle, whole};
use crate::anything;
use crate::support::layer::Watched;
use crate::support::{PLENTY, World, at, event};

/// What one link with one account and two objects has in each space.
const ONE: [usize; 6] = [1, 2, 2, 2, 2, 2];

/// A link that knows two objects, has a place, and lost something of each.
async fn used(world: &World, name: &str) -> LinkInfo {
    let link = link(world, name).await;
    for uid in ["a", "b"] {
        let object = event(uid, "2026-11-03T09:00:00Z", "");
        let step = whole(world, &object, uid);
        assert_eq!(settle(world, &link, &format!("{uid}.ics"), step).await, Settled::Done);
    }
    let place = world.app.link_place(link.id).await.unwrap();
    world.app.keep_link_place(link.id, &place).await.unwrap();
    link
}

fn counts(engine: &Watched, tenant: TenantId) -> [usize; 6] {
    let rows = rows(engine, tenant);
    SPACES.map(|space| rows.get(&space).copied().unwrap_or_default())
}

async fn delete_calendar(world: &World) -> CollectionPath {
    let calendar = at("nora", "calendar");
    world.app.delete_collection(&world.nora, &calendar, &anything()).await.unwrap();
    calendar
}

#[test]
async fn a_removed_link_leaves_nothing_and_another_one_keeps_all() {
    let (world, engine) = World::watched(PLENTY).await;
    let tenant = world.nora.tenant;
    let one = used(&world, "1").await;
    assert_eq!(counts(&engine, tenant), ONE);
    used(&world, "2").await;
    assert_eq!(counts(&engine, tenant), ONE.map(|count| 2 * count));
    world.app.remove_link(one.id).await.unwrap();
    assert_eq!(counts(&engine, tenant), [2, 2, 2, 2, 2, 2], "its account stays");
    world.app.remove_account(one.account).await.unwrap();
    assert_eq!(counts(&engine, tenant), ONE);
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().unlinked, 0);
    assert_eq!(counts(&engine, tenant), ONE);
}

#[test]
async fn what_a_removal_left_that_was_cut_off_goes_at_housekeeping() {
    let (world, engine) = World::watched(PLENTY).await;
    let tenant = world.store.tenant(world.nora.tenant).unwrap();
    let cut_off = used(&world, "1").await;
    let without_account = used(&world, "2").await;
    let kept = used(&world, "3").await;
    for (space, id) in
        [(Space::Links, cut_off.id.as_bytes()), (Space::Accounts, without_account.account.as_bytes())]
    {
        tenant.commit(Write::new().delete_range(space, prefix_range(id), 10)).await.unwrap();
    }
    let unlinked = world.app.housekeeping(Ages::Doubted).await.unwrap().unlinked;
    assert_eq!(unlinked, 2 * 8 + 2, "what both knew, and the own rows of the second");
    assert_eq!(counts(&engine, tenant.id()), [2, 2, 2, 2, 2, 2]);
    assert_eq!(world.app.links().await.unwrap(), [world.app.link(kept.id).await.unwrap()]);
    assert_eq!(world.app.housekeeping(Ages::Doubted).await.unwrap().unlinked, 0);
}

#[test]
async fn a_link_waits_for_its_calendar_in_the_trash_and_goes_on_when_it_is_restored() {
    let (world, engine) = World::watched(PLENTY).await;
    let app = &world.app;
    let link = used(&world, "v").await;
    let calendar = delete_calendar(&world).await;
    app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(counts(&engine, world.nora.tenant), ONE);
    assert_eq!(app.link(link.id).await.unwrap().at, None);
    let entry = &app.trash(&TrashScope::All, Naming::Ids).await.unwrap().entries[0];
    app.restore_from_trash(entry.id, None).await.unwrap();
    assert_eq!(app.link(link.id).await.unwrap().at, Some(calendar));
    assert!(app.view_step(&link, "a.ics").await.unwrap().pair.is_some());

    delete_calendar(&world).await;
    world.clock.advance(SignedDuration::from_hours(24 * 31));
    app.housekeeping(Ages::Trusted).await.unwrap();
    absent(&app.link(link.id).await, "link");
    assert_eq!(counts(&engine, world.nora.tenant), [1, 0, 0, 0, 0, 0], "the account is for other links");
}

#[test]
async fn links_of_a_calendar_that_is_gone_for_good_go_however_it_went() {
    for way in ["without trash", "purged", "person removed"] {
        let (world, engine) = World::watched(PLENTY).await;
        let link = used(&world, "v").await;
        match way {
            "without trash" => {
                let app = world.without_terms().await;
                app.delete_collection(&world.nora, &at("nora", "calendar"), &anything()).await.unwrap();
                app.housekeeping(Ages::Doubted).await.unwrap();
            }
            "purged" => {
                delete_calendar(&world).await;
                world.app.purge_trash(&TrashScope::All).await.unwrap();
                world.app.housekeeping(Ages::Doubted).await.unwrap();
            }
            _ => {
                world.app.remove_user("nora").await.unwrap();
                world.app.housekeeping(Ages::Doubted).await.unwrap();
            }
        }
        absent(&world.app.link(link.id).await, "link");
        assert_eq!(counts(&engine, world.nora.tenant), [1, 0, 0, 0, 0, 0], "{way}");
    }
}

#[test]
async fn what_was_lost_is_kept_as_long_as_what_was_deleted() {
    let world = World::new().await;
    let link = used(&world, "v").await;
    let kept = || async { world.app.link_history(&link).await.unwrap().len() };
    world.clock.advance(SignedDuration::from_hours(24 * 29));
    used_again(&world, &link).await;
    world.app.housekeeping(Ages::Trusted).await.unwrap();
    assert_eq!(kept().await, 3);
    world.clock.advance(SignedDuration::from_hours(24 * 2));
    world.app.housekeeping(Ages::Doubted).await.unwrap();
    assert_eq!(kept().await, 3, "the clock may be ahead");
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().unlinked, 2);
    assert_eq!(kept().await, 1);
}

async fn used_again(world: &World, link: &LinkInfo) {
    let object = event("a", "2026-11-04T09:00:00Z", "");
    assert_eq!(settle(world, link, "a.ics", whole(world, &object, "a")).await, Settled::Done);
}

#[test]
async fn a_removed_tenant_leaves_no_account_secret_or_link() {
    let (world, engine) = World::watched(PLENTY).await;
    used(&world, "v").await;
    world.app.remove_tenant("Lindenhof").await.unwrap();
    assert_eq!(counts(&engine, world.nora.tenant), [0; 6]);
    assert!(world.app.accounts().await.unwrap().is_empty() && world.app.links().await.unwrap().is_empty());
}
