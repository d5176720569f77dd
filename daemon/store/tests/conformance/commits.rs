//! Atomic commits with preconditions.

use almanac_store::engine::{Engine, EngineError, Mutation};
use almanac_store::{Precondition, Space};
use bytes::Bytes;

use crate::engines::{
    announce, block_on, collection, commit, key, on_every_engine, put, row, subjects, tenant, version,
};

#[test]
fn every_precondition_holds_and_fails_where_it_should() {
    on_every_engine(|engine| async move {
        let here = || (Space::Objects, key(b"here"));
        let gone = || (Space::Objects, key(b"gone"));
        let first =
            commit(vec![], vec![put(Space::Objects, b"here", 1, b"a")], vec![announce(collection(1), 1)]);
        engine.commit(first).await.unwrap();

        let cases = [
            ("absent", Precondition::Absent(gone().0, gone().1), true),
            ("absent, but there", Precondition::Absent(here().0, here().1), false),
            ("absent in another space", Precondition::Absent(Space::Index, here().1), true),
            ("exists", Precondition::Exists(here().0, here().1), true),
            ("exists, but gone", Precondition::Exists(gone().0, gone().1), false),
            ("version", Precondition::VersionIs(here().0, here().1, version(1)), true),
            ("another version", Precondition::VersionIs(here().0, here().1, version(2)), false),
            ("version of nothing", Precondition::VersionIs(gone().0, gone().1, version(1)), false),
            ("head", Precondition::HeadIs(collection(1), 1), true),
            ("another head", Precondition::HeadIs(collection(1), 0), false),
            ("head of nothing", Precondition::HeadIs(collection(2), 0), true),
        ];
        for (name, precondition, holds) in cases {
            let always = Precondition::HeadIs(collection(9), 0);
            let result = engine.commit(commit(vec![always, precondition], vec![], vec![])).await;
            match result {
                Ok(_) => assert!(holds, "{name}"),
                Err(EngineError::Conflict { precondition: 1 }) => assert!(!holds, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    });
}

#[test]
fn a_refused_commit_leaves_no_trace() {
    on_every_engine(|engine| async move {
        let refused = commit(
            vec![Precondition::Exists(Space::Objects, key(b"gone"))],
            vec![put(Space::Objects, b"a", 1, b"a"), put(Space::Index, b"b", 1, b"b")],
            vec![announce(collection(1), 1)],
        );
        assert!(matches!(engine.commit(refused).await, Err(EngineError::Conflict { precondition: 0 })));
        let keys = [(Space::Objects, key(b"a")), (Space::Index, key(b"b"))];
        assert_eq!(engine.get_many(tenant(1), &keys).await.unwrap(), [None, None]);
        assert_eq!(engine.read(tenant(1), &[]).await.unwrap().0, 0);
    });
}

#[test]
fn in_a_group_a_member_sees_the_earlier_ones_and_a_conflict_fails_only_its_own() {
    on_every_engine(|engine| async move {
        let take = |number| {
            let free = Precondition::Absent(Space::Index, key(b"uid"));
            commit(
                vec![free],
                vec![put(Space::Index, b"uid", number, b"v")],
                vec![announce(collection(1), number)],
            )
        };
        let follow = commit(
            vec![Precondition::VersionIs(Space::Index, key(b"uid"), version(1))],
            vec![put(Space::Objects, b"after", 4, b"d")],
            vec![announce(collection(1), 4)],
        );
        let results = engine.commit_many(vec![take(1), take(2), take(3), follow]).await;
        assert_eq!(results[0].as_ref().unwrap().tenant_seq, 1);
        assert!(matches!(results[1], Err(EngineError::Conflict { precondition: 0 })));
        assert!(matches!(results[2], Err(EngineError::Conflict { precondition: 0 })));
        assert_eq!(results[3].as_ref().unwrap().tenant_seq, 2, "refused members take no number");
        let found = engine.get_many(tenant(1), &[(Space::Index, key(b"uid"))]).await.unwrap();
        assert_eq!(found, [Some(row(1, b"v"))]);
    });
}

#[test]
fn of_many_concurrent_writers_with_one_expected_version_one_wins() {
    for subject in subjects() {
        let engine = &subject.engine;
        block_on(engine.commit(commit(vec![], vec![put(Space::Objects, b"k", 1, b"0")], vec![]))).unwrap();
        let wins: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (2..18)
                .map(|number| {
                    scope.spawn(move || {
                        let same = Precondition::VersionIs(Space::Objects, key(b"k"), version(1));
                        let write = commit(vec![same], vec![put(Space::Objects, b"k", number, b"1")], vec![]);
                        usize::from(block_on(engine.commit(write)).is_ok())
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        assert_eq!(wins, 1, "{}", subject.name);
    }
}

#[test]
fn mutations_apply_in_order() {
    on_every_engine(|engine| async move {
        let mutations = vec![
            put(Space::Objects, b"a", 1, b"first"),
            Mutation::Delete { space: Space::Objects, key: key(b"a") },
            put(Space::Objects, b"b", 1, b"gone"),
            Mutation::DeleteRange { space: Space::Objects, from: key(b""), to: key(b""), max: 10 },
            put(Space::Objects, b"a", 2, b"last"),
        ];
        let done = engine.commit(commit(vec![], mutations, vec![])).await.unwrap();
        assert_eq!(done.range_deleted, 1);
        let keys = [(Space::Objects, key(b"a")), (Space::Objects, key(b"b"))];
        assert_eq!(engine.get_many(tenant(1), &keys).await.unwrap(), [Some(row(2, b"last")), None]);
    });
}

#[test]
fn what_is_larger_than_the_caps_is_refused_whole() {
    on_every_engine(|engine| async move {
        let caps = engine.caps();
        let sized = |key_bytes: usize, value_bytes: usize| Mutation::Put {
            space: Space::Objects,
            key: vec![7; key_bytes].into(),
            version: version(1),
            value: Bytes::from(vec![0; value_bytes]),
        };
        for (name, mutations) in [
            ("key", vec![sized(caps.key_bytes_max + 1, 1)]),
            ("value", vec![sized(1, caps.value_bytes_max + 1)]),
            ("commit", vec![sized(1, caps.value_bytes_max), sized(2, caps.value_bytes_max), sized(3, 1)]),
        ] {
            let result = engine.commit(commit(vec![], mutations, vec![])).await;
            assert!(matches!(result, Err(EngineError::TooLarge)), "{name}");
        }
        let fits = sized(caps.key_bytes_max, 10 << 10);
        engine.commit(commit(vec![], vec![fits], vec![])).await.unwrap();
        let big = (Space::Objects, vec![7; caps.key_bytes_max].into());
        let found = engine.get_many(tenant(1), &[big]).await.unwrap();
        assert_eq!(found[0].as_ref().unwrap().1.len(), 10 << 10);
    });
}

#[test]
fn values_of_every_size_come_back_whole_and_alone() {
    on_every_engine(|engine| async move {
        let sizes = [0, 1, 3000, 4096, 10_000, 1 << 20];
        // Each size takes the place of each other one.
        for round in 0..sizes.len() as u8 {
            let size = |name: u8| sizes[usize::from(name + round) % sizes.len()];
            let writes = (0..sizes.len() as u8).map(|name| {
                let value = Bytes::from(vec![round; size(name)]);
                let wanted = Mutation::Put {
                    space: Space::Objects,
                    key: key(&[name]),
                    version: version(round),
                    value,
                };
                commit(vec![], vec![wanted], vec![])
            });
            assert!(engine.commit_many(writes.collect()).await.iter().all(Result::is_ok));
            for name in 0..sizes.len() as u8 {
                let found = engine.get_many(tenant(1), &[(Space::Objects, key(&[name]))]).await.unwrap();
                let (found_version, value) = found[0].as_ref().unwrap();
                assert_eq!((*found_version, value.len()), (version(round), size(name)));
                assert!(value.iter().all(|byte| *byte == round));
            }
        }
        let largest = Bytes::from(vec![9; engine.caps().value_bytes_max]);
        let (space, name) = (Space::Objects, key(&[0]));
        let put = Mutation::Put { space, key: name.clone(), version: version(9), value: largest.clone() };
        engine.commit(commit(vec![], vec![put], vec![])).await.unwrap();
        let found = engine.get_many(tenant(1), &[(space, name)]).await.unwrap();
        assert!(found == [Some((version(9), largest))]);
        let rest = Mutation::DeleteRange { space: Space::Objects, from: key(&[]), to: key(&[]), max: 100 };
        let gone = engine.commit(commit(vec![], vec![rest], vec![])).await.unwrap();
        assert_eq!(gone.range_deleted, sizes.len() as u64);
        let mut left = 0;
        engine
            .export(&mut |_, _, _| {
                left += 1;
                Ok(())
            })
            .unwrap();
        assert!(left <= 1, "but the count of groups: {left}");
    });
}

#[test]
fn what_one_engine_exports_another_imports_and_exports_again() {
    let engines = subjects();
    let all = |engine: &dyn Engine| {
        let mut rows = Vec::new();
        engine
            .export(&mut |row, stored, _| {
                rows.push((row.to_vec(), stored.to_vec()));
                Ok(())
            })
            .unwrap();
        rows
    };
    for from in &engines {
        for number in 1..20 {
            let large = Mutation::Put {
                space: Space::Objects,
                key: key(&[number]),
                version: version(number),
                value: Bytes::from(vec![number; usize::from(number) * 999]),
            };
            let write = commit(vec![], vec![large], vec![announce(collection(1), number)]);
            block_on(from.engine.commit(write)).unwrap();
        }
        let rows = all(&*from.engine);
        for to in subjects() {
            to.engine.import(&rows).unwrap();
            let mut found = all(&*to.engine);
            found.retain(|(row, _)| row.len() > 1 || rows.iter().any(|(known, _)| known == row));
            assert!(rows == found, "{} to {}", from.name, to.name);
            assert_eq!(to.engine.heads().tenants, from.engine.heads().tenants);
        }
    }
}

#[test]
fn a_dropped_tenant_leaves_no_row_and_its_neighbours_keep_theirs() {
    on_every_engine(|engine| async move {
        for number in [0, 1, 2, 255] {
            let mut write =
                commit(vec![], vec![put(Space::Objects, b"k", 1, b"v")], vec![announce(collection(1), 1)]);
            write.tenant = tenant(number);
            engine.commit(write).await.unwrap();
        }
        for number in [1, 255] {
            engine.drop_tenant(tenant(number)).await.unwrap();
        }
        for (number, there) in [(0, true), (1, false), (2, true), (255, false)] {
            let found = engine.get_many(tenant(number), &[(Space::Objects, key(b"k"))]).await.unwrap();
            assert_eq!(found[0].is_some(), there, "{number}");
            assert_eq!(engine.read(tenant(number), &[]).await.unwrap().0, u64::from(there), "{number}");
            assert_eq!(engine.heads().tenants.contains_key(&tenant(number)), there, "{number}");
        }
    });
}

#[test]
fn a_closed_engine_refuses_everything_and_can_be_closed_again() {
    on_every_engine(|engine| async move {
        engine.commit(commit(vec![], vec![put(Space::Objects, b"k", 1, b"v")], vec![])).await.unwrap();
        engine.close();
        engine.close();
        assert!(matches!(engine.commit(commit(vec![], vec![], vec![])).await, Err(EngineError::Closed)));
        assert!(matches!(engine.read(tenant(1), &[]).await, Err(EngineError::Closed)));
        assert!(matches!(engine.drop_tenant(tenant(1)).await, Err(EngineError::Closed)));
    });
}

#[test]
fn commits_that_come_together_become_durable_together() {
    on_every_engine(|engine| async move {
        let writes: Vec<_> = (1..=100)
            .map(|number| commit(vec![], vec![put(Space::Objects, &[number], 1, b"v")], vec![]))
            .collect();
        let before = engine.stats();
        assert!(engine.commit_many(writes).await.iter().all(Result::is_ok));
        let after = engine.stats();
        assert_eq!(after.commits - before.commits, 100);
        if after.name == "redb" {
            assert_eq!(after.groups - before.groups, 1);
            assert_eq!(after.syncs - before.syncs, 2, "quick repair writes in two phases");
        }
    });
}
