//! The change log through the store: complete, or said to be gone.

use std::fs;

use almanac_store::{
    CollectionPlace, RecordVersion, Space, Store, StoreError, TenantStore, Trim, Write, prefix_range,
};

use crate::common::{announce, block_on, collection, in_memory, open, tenant};
use crate::layer::watched;

/// Seven changes of collection 1 and one of collection 2 in the middle, which has number 4.
fn written(tenant: &TenantStore) {
    for number in 1..=8_u8 {
        let of = if number == 4 { 2 } else { 1 };
        block_on(tenant.commit(Write::new().log(announce(tenant, of, &[number])))).unwrap();
    }
}

fn numbers(tenant: &TenantStore, of: u8, after: u64, limit: u32) -> Result<(Vec<u64>, bool), StoreError> {
    let page = block_on(tenant.changes(collection(of), after, limit))?;
    assert!(page.rows.iter().all(|change| change.value[..] == [change.seq as u8]));
    Ok((page.rows.iter().map(|change| change.seq).collect(), page.more))
}

fn trim(
    tenant: &TenantStore,
    keep_changes: u64,
    expired: &(dyn Fn(&[u8]) -> bool + Sync),
    rows_max: u32,
) -> u32 {
    block_on(tenant.trim_history(collection(1), &Trim { expired, keep_changes, rows_max })).unwrap()
}

#[test]
fn changes_after_any_place_are_complete_and_in_order() {
    let (_store, tenant) = in_memory();
    written(&tenant);
    assert_eq!(numbers(&tenant, 1, 0, 99).unwrap(), (vec![1, 2, 3, 5, 6, 7, 8], false));
    assert_eq!(numbers(&tenant, 1, 3, 2).unwrap(), (vec![5, 6], true));
    assert_eq!(numbers(&tenant, 1, 4, 99).unwrap().0, [5, 6, 7, 8], "a place of another collection");
    assert_eq!(numbers(&tenant, 1, 8, 99).unwrap(), (vec![], false));
    assert_eq!(numbers(&tenant, 2, 0, 99).unwrap().0, [4]);
    assert_eq!(numbers(&tenant, 3, 0, 99).unwrap().0, [0; 0], "no changes at all");
    assert_eq!(block_on(tenant.collection_head(collection(2))).unwrap(), 4);
}

#[test]
fn a_place_in_the_future_is_refused() {
    let (_store, tenant) = in_memory();
    written(&tenant);
    assert!(matches!(numbers(&tenant, 2, 5, 99), Err(StoreError::HistoryGone)));
    assert!(matches!(numbers(&tenant, 3, 1, 99), Err(StoreError::HistoryGone)));
}

#[test]
fn only_what_is_expired_and_beyond_the_kept_number_is_trimmed() {
    let (_store, tenant) = in_memory();
    written(&tenant);
    assert_eq!(trim(&tenant, 3, &|_| false, 99), 0, "nothing is old");
    assert_eq!(trim(&tenant, 7, &|_| true, 99), 0, "few enough");
    assert_eq!(trim(&tenant, 0, &|value| value[0] <= 2, 99), 2, "two are old");
    assert_eq!(trim(&tenant, 3, &|_| true, 1), 1, "bounded");
    assert_eq!(trim(&tenant, 3, &|_| true, 99), 1, "three stay");
    assert_eq!(trim(&tenant, 3, &|_| true, 99), 0);
    assert_eq!(numbers(&tenant, 2, 0, 99).unwrap().0, [4], "other collections keep theirs");
}

#[test]
fn history_from_before_the_trimmed_part_is_gone_and_from_its_end_it_is_complete() {
    let (_store, tenant) = in_memory();
    written(&tenant);
    trim(&tenant, 0, &|value| value[0] <= 5, 99);
    for after in [0, 1, 3, 4] {
        assert!(matches!(numbers(&tenant, 1, after, 99), Err(StoreError::HistoryGone)), "{after}");
    }
    assert_eq!(numbers(&tenant, 1, 5, 99).unwrap().0, [6, 7, 8]);
    assert_eq!(block_on(tenant.changes(collection(1), 6, 1)).unwrap().oldest_known, 5);
    assert_eq!(trim(&tenant, 0, &|_| true, 99), 3);
    assert!(matches!(numbers(&tenant, 1, 7, 99), Err(StoreError::HistoryGone)));
    assert_eq!(numbers(&tenant, 1, 8, 99).unwrap(), (vec![], false));
    block_on(tenant.commit(Write::new().log(announce(&tenant, 1, &[9])))).unwrap();
    assert_eq!(numbers(&tenant, 1, 8, 99).unwrap().0, [9]);
}

#[test]
fn a_deleted_collection_takes_its_history_with_it() {
    let (_store, tenant) = in_memory();
    written(&tenant);
    let range = prefix_range(collection(1).as_bytes());
    let done = block_on(tenant.commit(Write::new().delete_range(Space::Changes, range, 99))).unwrap();
    assert_eq!(done.range_deleted, 8, "seven changes and the head");
    assert_eq!(block_on(tenant.collection_head(collection(1))).unwrap(), 0);
    assert_eq!(numbers(&tenant, 2, 0, 99).unwrap().0, [4]);
    let next = block_on(tenant.commit(Write::new().log(announce(&tenant, 1, &[9])))).unwrap();
    assert_eq!((next.tenant_seq, next.changes[0].prev_seq), (9, 0), "the tenant's numbers go on");
}

#[test]
fn looking_for_old_history_reads_no_more_than_it_must() {
    let (store, layer) = watched();
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    written(&tenant);
    layer.rows_read();
    for (name, keep, old, rows_max, gone, rows) in [
        ("few enough: the head", 7, true, 99, 0, 1),
        ("nothing old: the head and the oldest change", 0, false, 99, 0, 2),
        ("some to go: these two and the page", 3, true, 2, 2, 2 + 2),
        ("the kept are not passed", 3, true, 99, 2, 2 + 5),
        ("nothing left to go", 3, true, 99, 0, 2),
    ] {
        assert_eq!(trim(&tenant, keep, &|_| old, rows_max), gone, "{name}");
        assert_eq!(layer.rows_read(), rows, "{name}");
    }
}

fn place(tenant: &TenantStore, of: u8) -> CollectionPlace {
    block_on(tenant.collection_place(collection(of))).unwrap()
}

fn version(tenant: &TenantStore, of: u8, seq: u64) -> Option<RecordVersion> {
    block_on(tenant.change_version(collection(of), seq)).unwrap()
}

/// The version of the change announced by this call.
fn next(tenant: &TenantStore, of: u8, value: u8) -> RecordVersion {
    let entry = announce(tenant, of, &[value]);
    let version = entry.version;
    let done = block_on(tenant.commit(Write::new().log(entry))).unwrap();
    assert_eq!(done.changes[0].version, version, "a commit says it too");
    version
}

#[test]
fn the_place_of_a_collection_is_its_last_change_with_that_changes_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    assert_eq!(place(&one, 1), CollectionPlace { seq: 0, version: None });
    let versions = [next(&one, 1, 1), next(&one, 2, 2), next(&one, 1, 3)];
    let check = |store: &Store| {
        let one = store.tenant(tenant(1)).unwrap();
        assert_eq!(place(&one, 1), CollectionPlace { seq: 3, version: Some(versions[2]) });
        assert_eq!(place(&one, 2), CollectionPlace { seq: 2, version: Some(versions[1]) });
        let page = block_on(one.changes(collection(1), 0, 1)).unwrap();
        assert_eq!((page.head, page.head_version), (3, Some(versions[2])), "a page says it too");
        assert_eq!(page.rows[0].version, versions[0]);
        let page = block_on(one.changes(collection(3), 0, 1)).unwrap();
        assert_eq!((page.head, page.head_version), (0, None));
    };
    check(&store);
    drop((one, store));
    check(&open(folder.path()));
}

#[test]
fn the_version_of_a_change_is_found_at_exactly_its_place() {
    let (_store, tenant) = in_memory();
    let versions = [1, 1, 2, 1].map(|of| next(&tenant, of, 0));
    let found = |of| [0, 1, 2, 3, 4, 5, u64::MAX].map(|seq| version(&tenant, of, seq));
    let [first, second, other, last] = versions.map(Some);
    assert_eq!(found(1), [None, first, second, None, last, None, None]);
    assert_eq!(found(2), [None, None, None, other, None, None, None]);
    assert_eq!(found(3), [None; 7]);
}

#[test]
fn of_a_trimmed_history_the_place_and_the_version_of_the_last_change_stay_known() {
    let (_store, tenant) = in_memory();
    let versions = [1, 2, 3].map(|value| next(&tenant, 1, value));
    assert_eq!(trim(&tenant, 1, &|_| true, 99), 2);
    assert_eq!([1, 2, 3].map(|seq| version(&tenant, 1, seq)), [None, None, Some(versions[2])]);
    assert_eq!(trim(&tenant, 0, &|_| true, 99), 1);
    assert_eq!([1, 2, 3].map(|seq| version(&tenant, 1, seq)), [None, None, Some(versions[2])]);
    assert_eq!(place(&tenant, 1), CollectionPlace { seq: 3, version: Some(versions[2]) });
    let after = next(&tenant, 1, 4);
    assert_eq!(place(&tenant, 1), CollectionPlace { seq: 4, version: Some(after) });
    assert_eq!([3, 4].map(|seq| version(&tenant, 1, seq)), [None, Some(after)]);
    let range = prefix_range(collection(1).as_bytes());
    block_on(tenant.commit(Write::new().delete_range(Space::Changes, range, 99))).unwrap();
    assert_eq!(place(&tenant, 1), CollectionPlace { seq: 0, version: None }, "deleted with its collection");
}

#[test]
fn a_change_of_a_past_that_was_lost_has_another_version_than_the_one_in_its_place() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = |from: &tempfile::TempDir, to: &tempfile::TempDir| {
        for name in ["store.redb", "head"] {
            fs::copy(from.path().join(name), to.path().join(name)).unwrap();
        }
    };
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    let shared = next(&one, 1, 1);
    drop((one, store));
    copy(&folder, &kept);

    let store = open(folder.path());
    let life = store.incarnation();
    let lost = next(&store.tenant(tenant(1)).unwrap(), 1, 2);
    drop(store);
    copy(&kept, &folder); // the whole old state: its mark fits, so nothing else tells
    let store = open(folder.path());
    assert_eq!(store.incarnation(), life);
    let one = store.tenant(tenant(1)).unwrap();
    assert_eq!(version(&one, 1, 2), None);
    let now = next(&one, 1, 3);
    assert_ne!(now, lost);
    assert_eq!([1, 2].map(|seq| version(&one, 1, seq)), [Some(shared), Some(now)]);
}
