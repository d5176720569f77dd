//! Ranges: order, bounds, pages, deletion.

use almanac_store::engine::{Engine, Mutation};
use almanac_store::limits::SCAN_BYTES_MAX;
use almanac_store::{Key, Order, Scan, Space, Values, prefix_range};
use bytes::Bytes;

use crate::engines::{commit, key, on_every_engine, put, tenant, version};

const NAMES: [&[u8]; 6] = [b"", b"a", b"a\0", b"a\xff", b"b", b"\xff\xff"];

async fn fill(engine: &dyn Engine) {
    let mut mutations: Vec<_> = NAMES.iter().map(|name| put(Space::Objects, name, 1, b"v")).collect();
    // Neighbours that no scan of the space may show.
    mutations.push(put(Space::Summaries, b"", 1, b"next space"));
    engine.commit(commit(vec![], mutations.clone(), vec![])).await.unwrap();
    let mut other = commit(vec![], mutations, vec![]);
    other.tenant = tenant(2);
    engine.commit(other).await.unwrap();
}

fn scan(range: std::ops::Range<Key>, limit: u32, order: Order) -> Scan {
    Scan { space: Space::Objects, range, limit, order, values: Values::Include }
}

/// All keys of a range, page by page.
async fn pages(engine: &dyn Engine, mut range: std::ops::Range<Key>, limit: u32, order: Order) -> Vec<Key> {
    let mut keys = Vec::new();
    loop {
        let page = engine.scan(tenant(1), &scan(range.clone(), limit, order)).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        keys.extend(page.rows.into_iter().map(|(key, _)| key));
        match (page.next, order) {
            (Some(next), Order::Ascending) => range.start = next,
            (Some(next), Order::Descending) => range.end = next,
            (None, _) => return keys,
        }
    }
}

#[test]
fn pages_of_any_size_join_to_the_whole_range_in_both_directions() {
    on_every_engine(|engine| async move {
        fill(&*engine).await;
        let bounds = [b"".as_slice(), b"a", b"a\0", b"aa", b"b", b"\xff\xff", b"\xff\xff\0"];
        for from in bounds {
            for to in bounds {
                let mut wanted: Vec<Key> = NAMES
                    .iter()
                    .filter(|name| **name >= from && (to.is_empty() || **name < to))
                    .map(|name| key(name))
                    .collect();
                for order in [Order::Ascending, Order::Descending] {
                    for limit in 1..=7 {
                        let found = pages(&*engine, key(from)..key(to), limit, order).await;
                        assert_eq!(found, wanted, "{from:?}..{to:?} by {limit} {order:?}");
                    }
                    wanted.reverse();
                }
            }
        }
    });
}

#[test]
fn a_page_that_holds_the_last_row_says_so() {
    on_every_engine(|engine| async move {
        fill(&*engine).await;
        let whole = scan(prefix_range(b""), 6, Order::Ascending);
        assert_eq!(engine.scan(tenant(1), &whole).await.unwrap().next, None);
        let five = scan(prefix_range(b""), 5, Order::Ascending);
        assert_eq!(engine.scan(tenant(1), &five).await.unwrap().next, Some(key(b"\xff\xff")));
    });
}

#[test]
fn a_page_is_bounded_in_bytes_and_still_goes_on() {
    on_every_engine(|engine| async move {
        let large = |name: u8| Mutation::Put {
            space: Space::Objects,
            key: key(&[name]),
            version: version(1),
            value: Bytes::from(vec![name; SCAN_BYTES_MAX / 2 + 1]),
        };
        for name in 0..3 {
            engine.commit(commit(vec![], vec![large(name)], vec![])).await.unwrap();
        }
        let first = engine.scan(tenant(1), &scan(prefix_range(b""), 10, Order::Ascending)).await.unwrap();
        assert_eq!((first.rows.len(), first.next), (2, Some(key(&[2]))));
        let mut names = scan(prefix_range(b""), 10, Order::Descending);
        names.values = Values::Omit;
        let all = engine.scan(tenant(1), &names).await.unwrap();
        assert!(all.rows.iter().all(|(_, (found, value))| *found == version(1) && value.is_empty()));
        assert_eq!((all.rows.len(), all.next), (3, None));
    });
}

#[test]
fn a_range_is_deleted_from_its_beginning_as_far_as_allowed() {
    on_every_engine(|engine| async move {
        fill(&*engine).await;
        let delete = |from: &[u8], to: &[u8], max| {
            let range = Mutation::DeleteRange { space: Space::Objects, from: key(from), to: key(to), max };
            commit(vec![], vec![range], vec![])
        };
        for (from, to, max, gone, left) in [
            (b"b".as_slice(), b"a".as_slice(), 9, 0, 6), // ends before it begins
            (b"a", b"b", 0, 0, 6),
            (b"a", b"b", 2, 2, 4), // leaves a\xff
            (b"a", b"b", 2, 1, 3),
            (b"b", b"", 9, 2, 1),
        ] {
            assert_eq!(engine.commit(delete(from, to, max)).await.unwrap().range_deleted, gone);
            assert_eq!(pages(&*engine, prefix_range(b""), 9, Order::Ascending).await.len(), left);
        }
        let other = engine.scan(tenant(2), &scan(prefix_range(b""), 9, Order::Ascending)).await.unwrap();
        assert_eq!(other.rows.len(), NAMES.len());
    });
}
