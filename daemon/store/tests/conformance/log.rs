//! The change log: numbers without gaps, chains, heads, hints.

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_store::engine::Engine;
use almanac_store::engine::RawResult;
use almanac_store::{ChangePlace, Order, ReadOp, Scan, Space, Values, prefix_range};

use crate::engines::{announce, block_on, collection, commit, on_every_engine, subjects, tenant, version};

#[test]
fn a_commit_says_where_its_changes_stand() {
    on_every_engine(|engine| async move {
        let log = vec![announce(collection(1), 1), announce(collection(2), 2), announce(collection(1), 3)];
        let done = engine.commit(commit(vec![], vec![], log)).await.unwrap();
        let place = |of, seq, prev_seq, number| ChangePlace {
            collection: collection(of),
            seq,
            prev_seq,
            version: version(number),
        };
        assert_eq!(done.tenant_seq, 3);
        assert_eq!(done.changes, [place(1, 1, 0, 1), place(2, 2, 0, 2), place(1, 3, 1, 3)]);
        let silent = engine.commit(commit(vec![], vec![], vec![])).await.unwrap();
        assert_eq!((silent.tenant_seq, silent.changes.len()), (3, 0));
        let heads = [ReadOp::CollectionHead(collection(1)), ReadOp::CollectionHead(collection(2))];
        let (head, found) = engine.read(tenant(1), &heads).await.unwrap();
        assert_eq!((head, found), (3, vec![RawResult::Head(3), RawResult::Head(2)]));
    });
}

#[test]
fn tenants_count_for_themselves() {
    on_every_engine(|engine| async move {
        for number in [1, 2, 1] {
            let mut write = commit(vec![], vec![], vec![announce(collection(1), 1)]);
            write.tenant = tenant(number);
            engine.commit(write).await.unwrap();
        }
        assert_eq!(engine.heads().tenants, BTreeMap::from([(tenant(1), 2), (tenant(2), 1)]));
        assert_eq!(engine.heads().groups, 3);
    });
}

/// The numbers in a collection's rows, as far as the key tells.
async fn numbers(engine: &dyn Engine, of: u8) -> Vec<u64> {
    let mut range = prefix_range(collection(of).as_bytes());
    let mut numbers = Vec::new();
    loop {
        let scan = Scan {
            space: Space::Changes,
            range: range.clone(),
            limit: 7,
            order: Order::Ascending,
            values: Values::Omit,
        };
        let page = engine.scan(tenant(1), &scan).await.unwrap();
        numbers.extend(
            page.rows
                .iter()
                .filter_map(|(key, _)| key.get(16..24))
                .map(|seq| u64::from_be_bytes(seq.try_into().unwrap())),
        );
        match page.next {
            Some(next) => range.start = next,
            None => return numbers,
        }
    }
}

#[test]
fn concurrent_writers_leave_no_gap_in_tenant_or_collection() {
    const WRITERS: u8 = 8;
    const EACH: u8 = 25;
    for subject in subjects() {
        let engine = &subject.engine;
        let mut places: Vec<ChangePlace> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let engine = Arc::clone(engine);
                    scope.spawn(move || {
                        let write =
                            |number| commit(vec![], vec![], vec![announce(collection(writer % 3), number)]);
                        let one = |number| block_on(engine.commit(write(number))).unwrap().changes;
                        (0..EACH).flat_map(one).collect::<Vec<_>>()
                    })
                })
                .collect();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        places.sort_by_key(|place| place.seq);
        let total = u64::from(WRITERS) * u64::from(EACH);
        assert!(places.iter().map(|place| place.seq).eq(1..=total), "{}", subject.name);
        let mut last = BTreeMap::new();
        for place in &places {
            let before = last.insert(place.collection, place.seq).unwrap_or(0);
            assert_eq!(place.prev_seq, before, "{}", subject.name);
        }
        for of in 0..3 {
            let mine =
                places.iter().filter(|place| place.collection == collection(of)).map(|place| place.seq);
            assert!(block_on(numbers(&**engine, of)).into_iter().eq(mine), "{}", subject.name);
            let head = ReadOp::CollectionHead(collection(of));
            let found = block_on(engine.read(tenant(1), &[head])).unwrap();
            assert_eq!(found, (total, vec![RawResult::Head(last[&collection(of)])]), "{}", subject.name);
        }
    }
}

#[test]
fn a_hint_tells_the_tenant_and_its_last_change() {
    on_every_engine(|engine| async move {
        let mut hints = engine.watch();
        engine.commit(commit(vec![], vec![], vec![announce(collection(1), 1)])).await.unwrap();
        engine.commit(commit(vec![], vec![], vec![announce(collection(1), 2)])).await.unwrap();
        assert_eq!(hints.recv().await.unwrap(), (tenant(1), 1));
        assert_eq!(hints.recv().await.unwrap(), (tenant(1), 2));
    });
}
