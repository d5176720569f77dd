//! What changed here, by the two ways of finding out.

use std::collections::BTreeSet;

use almanac_app::sync::{LinkInfo, Settled, Step, StepChange};
use almanac_backend::Backend;
use tokio::test;

use super::{link, pair, settle, view};
use crate::support::{World, event, object_at};
use crate::{anything, put};

const START: &str = "2026-11-03T09:00:00Z";
/// More than a page of pairs, and another number more than a page of objects.
const PAIRED: usize = 620;
const DELETED: usize = 60;
const ALONE: usize = 150;

/// All differences, page by page; how many pages that are.
async fn differences(world: &World, link: &LinkInfo) -> (BTreeSet<String>, usize) {
    let (mut found, mut after, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = world.app.local_differences(link, after.as_ref()).await.unwrap();
        pages += 1;
        assert!(page.names.is_sorted());
        for name in page.names {
            assert!(found.insert(name), "a name is told twice");
        }
        match page.next {
            Some(next) => {
                assert!(after.is_none_or(|after| after < next), "it goes forward");
                after = Some(next);
            }
            None => return (found, pages),
        }
    }
}

/// All names in the change log behind a place in it.
async fn changes(world: &World, link: &LinkInfo, mut after: u64) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    loop {
        let page = world.app.local_changes(link, after).await.unwrap().unwrap();
        found.extend(page.names);
        after = page.seq;
        if !page.more {
            assert_eq!(after, world.app.local_head(link).await.unwrap());
            return found;
        }
    }
}

async fn write(world: &World, link: &LinkInfo, name: &str, start: &str) {
    let object = StepChange::Put(event(name, start, ""));
    let pair = StepChange::Put(pair(name, Some(name)));
    let step = Step { object, pair, ..Step::default() };
    assert_eq!(settle(world, link, name, step).await, Settled::Done);
}

#[test]
async fn comparing_all_objects_finds_what_the_change_log_tells() {
    let world = World::new().await;
    let link = link(&world, "v").await;
    let name = |n: usize| format!("{n}.ics");
    for n in 0..PAIRED {
        write(&world, &link, &name(n), START).await;
    }
    let (found, pages) = differences(&world, &link).await;
    assert_eq!((found.len(), pages), (0, 2), "as the link last saw them");

    let head = world.app.local_head(&link).await.unwrap();
    for n in 0..DELETED {
        let path = object_at("nora", "calendar", &name(n));
        world.app.delete_object(&world.nora, &path, &anything()).await.unwrap();
    }
    for n in DELETED..2 * DELETED {
        put(&world, &world.nora, &name(n), &name(n), "2026-11-04T09:00:00Z").await;
    }
    for n in PAIRED..PAIRED + ALONE {
        put(&world, &world.nora, &name(n), &name(n), START).await;
    }
    let expected: BTreeSet<_> = (0..2 * DELETED).chain(PAIRED..PAIRED + ALONE).map(name).collect();
    assert_eq!(changes(&world, &link, head).await, expected);
    let (found, pages) = differences(&world, &link).await;
    assert_eq!(found, expected);
    assert!(pages >= 2, "{pages}");

    // Once the link has seen them, they are no differences any more, also those that are gone.
    for name in &expected {
        let view = view(&world, &link, name).await;
        let pair = match &view.object {
            Some((version, _)) => {
                StepChange::Put(almanac_app::sync::Pair { local: Some(*version), ..pair(name, None) })
            }
            None => StepChange::Put(pair(name, None)),
        };
        let step = Step { pair, ..Step::default() };
        assert_eq!(world.app.settle_step(&link, &view, step).await.unwrap(), Settled::Done);
    }
    assert_eq!(differences(&world, &link).await.0.len(), 0);
}

#[test]
async fn a_link_sees_its_own_calendar_and_its_own_pairs_only() {
    let world = World::new().await;
    let [one, two] = [link(&world, "1").await, link(&world, "2").await];
    write(&world, &one, "a.ics", START).await;
    put(&world, &world.tomas, "foreign.ics", "foreign", START).await;
    assert_eq!(differences(&world, &one).await.0.len(), 0);
    assert_eq!(differences(&world, &two).await.0.into_iter().collect::<Vec<_>>(), ["a.ics"]);
    write(&world, &two, "a.ics", "2026-11-04T09:00:00Z").await;
    assert_eq!(differences(&world, &two).await.0.len(), 0);
    assert_eq!(differences(&world, &one).await.0.into_iter().collect::<Vec<_>>(), ["a.ics"]);
}
