//! Reads see one state.

use std::sync::atomic::{AtomicBool, Ordering};

use almanac_store::engine::{Mutation, RawResult};
use almanac_store::{Order, ReadOp, Scan, Space, Values, prefix_range};
use bytes::Bytes;

use crate::engines::{announce, block_on, collection, commit, key, put, row, subjects, tenant, version};

#[test]
fn all_answers_of_a_read_come_from_one_state() {
    for subject in subjects() {
        let engine = &subject.engine;
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=200_u8 {
                    let value = Bytes::from(vec![number]);
                    let pair = [Space::Objects, Space::Summaries].map(|space| Mutation::Put {
                        space,
                        key: key(b"k"),
                        version: version(number),
                        value: value.clone(),
                    });
                    let write = commit(vec![], pair.into(), vec![announce(collection(1), number)]);
                    block_on(engine.commit(write)).unwrap();
                }
                done.store(true, Ordering::Release);
            });
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let scan = Scan {
                    space: Space::Summaries,
                    range: prefix_range(b""),
                    limit: 9,
                    order: Order::Ascending,
                    values: Values::Include,
                };
                let ops = [
                    ReadOp::GetMany(vec![(Space::Objects, key(b"k"))]),
                    ReadOp::Scan(scan),
                    ReadOp::CollectionHead(collection(1)),
                ];
                let (head, answers) = block_on(engine.read(tenant(1), &ops)).unwrap();
                let [RawResult::Rows(objects), RawResult::Page(page), RawResult::Head(of_collection)] =
                    &answers[..]
                else {
                    panic!("{answers:?}");
                };
                let object = objects[0].as_ref().map_or(0, |(_, value)| u64::from(value[0]));
                let summary = page.rows.first().map_or(0, |(_, (_, value))| u64::from(value[0]));
                assert_eq!((object, summary, *of_collection), (head, head, head), "{}", subject.name);
                assert!(head >= last, "{}", subject.name);
                last = head;
            }
        });
    }
}

#[test]
fn a_commit_is_seen_by_every_read_that_begins_after_it() {
    for subject in subjects() {
        let write = commit(vec![], vec![put(Space::Objects, b"k", 3, b"v")], vec![]);
        block_on(subject.engine.commit(write)).unwrap();
        let keys =
            [(Space::Objects, key(b"k")), (Space::Objects, key(b"other")), (Space::Objects, key(b"k"))];
        let found = block_on(subject.engine.get_many(tenant(1), &keys)).unwrap();
        assert_eq!(found, [Some(row(3, b"v")), None, Some(row(3, b"v"))], "{}", subject.name);
    }
}
