//! The change log through the store: complete, or said to be gone.

use almanac_store::{Space, StoreError, TenantStore, Trim, Write, prefix_range};

use crate::common::{announce, block_on, collection, in_memory, tenant};
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
