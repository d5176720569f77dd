//! Records, opened and sealed on the way.

use std::collections::HashSet;

use almanac_store::limits::SCAN_BYTES_MAX;
use almanac_store::{
    IndexField, MacPurpose, Order, Precondition, ReadOp, ReadResult, RecordVersion, Scan, Space, StoreError,
    Values, Write, prefix_range,
};

use crate::common::{announce, block_on, collection, in_memory, open, put, tenant, value};

#[test]
fn what_was_committed_is_there_after_the_store_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let version = {
        let store = open(folder.path());
        let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
        let version = tenant.new_version();
        let write = Write::new()
            .put(Space::Objects, b"key".as_slice(), version, b"value".to_vec())
            .log(announce(&tenant, 1, b"change"));
        assert_eq!(block_on(tenant.commit(write)).unwrap().tenant_seq, 1);
        version
    };
    let store = open(folder.path());
    let tenant = store.tenant(tenant(1)).unwrap();
    let record = block_on(tenant.get(Space::Objects, b"key")).unwrap().unwrap();
    assert_eq!((record.version, &record.value[..]), (version, b"value".as_slice()));
    let changes = block_on(tenant.changes(collection(1), 0, 10)).unwrap();
    assert_eq!((changes.rows.len(), &changes.rows[0].value[..]), (1, b"change".as_slice()));
}

#[test]
fn scans_and_views_open_what_they_return() {
    let (_store, tenant) = in_memory();
    for key in [b"a", b"b", b"c"] {
        block_on(tenant.commit(put(&tenant, key, key).log(announce(&tenant, 1, b"")))).unwrap();
    }
    let page = block_on(tenant.scan(Space::Objects, prefix_range(b""), 2, Order::Descending)).unwrap();
    let values: Vec<_> = page.rows.iter().map(|(key, record)| (&key[..], &record.value[..])).collect();
    assert_eq!(values, [(b"c".as_slice(), b"c".as_slice()), (b"b", b"b")]);
    assert_eq!(page.next, Some(b"b".as_slice().into()));

    let scan = Scan {
        space: Space::Objects,
        range: prefix_range(b"b"),
        limit: 9,
        order: Order::Ascending,
        values: Values::Omit,
    };
    let keys = ReadOp::GetMany(vec![
        (Space::Objects, b"c".as_slice().into()),
        (Space::Objects, b"x".as_slice().into()),
    ]);
    let ops = vec![keys, ReadOp::Scan(scan), ReadOp::CollectionHead(collection(1))];
    let view = block_on(tenant.read(ops)).unwrap();
    let [ReadResult::Records(records), ReadResult::Page(page), ReadResult::Head(3)] = &view.results[..]
    else {
        panic!("other answers than asked for");
    };
    assert_eq!(view.head, 3);
    assert_eq!(records[0].as_ref().map(|record| &record.value[..]), Some(b"c".as_slice()));
    assert!(records[1].is_none());
    assert_eq!(page.rows.len(), 1);
    assert!(page.rows[0].1.value.is_empty());
}

#[test]
fn a_page_is_bounded_by_what_its_values_are_when_they_are_opened() {
    let (_store, tenant) = in_memory();
    let text = b"SUMMARY:the same again\r\n".repeat((200 << 10) / 24);
    let rows = 3 * SCAN_BYTES_MAX / text.len();
    for key in 0..rows {
        let key = u32::try_from(key).unwrap().to_be_bytes();
        block_on(tenant.commit(put(&tenant, &key, &text))).unwrap();
    }
    for order in [Order::Ascending, Order::Descending] {
        let (mut range, mut pages, mut keys) = (prefix_range(b""), 0, Vec::new());
        loop {
            let page = block_on(tenant.scan(Space::Objects, range.clone(), 10_000, order)).unwrap();
            let bytes: usize = page.rows.iter().map(|(_, record)| record.value.len()).sum();
            assert!(bytes < SCAN_BYTES_MAX + text.len(), "{bytes}");
            keys.extend(page.rows.into_iter().map(|(key, _)| key));
            pages += 1;
            match (page.next, order) {
                (None, _) => break,
                (Some(next), Order::Ascending) => range.start = next,
                (Some(next), Order::Descending) => range.end = next,
            }
        }
        if order == Order::Descending {
            keys.reverse();
        }
        assert!(keys.len() == rows && keys.is_sorted() && pages >= 3, "{order:?} {} {pages}", keys.len());
    }
}

#[test]
fn a_conflict_names_the_callers_own_precondition() {
    let (_store, tenant) = in_memory();
    let key = || b"k".as_slice().into();
    let write = put(&tenant, b"k", b"v")
        .require(Precondition::Absent(Space::Objects, key()))
        .require(Precondition::Exists(Space::Objects, key()));
    assert!(matches!(block_on(tenant.commit(write)), Err(StoreError::Conflict { precondition: 1 })));
    assert_eq!(value(&tenant, b"k"), None);
}

#[test]
fn the_stores_own_spaces_are_out_of_reach() {
    let (_store, tenant) = in_memory();
    let version = tenant.new_version();
    for space in [Space::Changes, Space::Keys, Space::Tenants, Space::Format] {
        let key: Box<[u8]> = b"k".as_slice().into();
        let put = Write::new().put(space, key.clone(), version, vec![]);
        assert!(matches!(block_on(tenant.commit(put)), Err(StoreError::Bug(_))), "{space:?}");
        let delete = Write::new().delete(space, key.clone());
        assert!(matches!(block_on(tenant.commit(delete)), Err(StoreError::Bug(_))), "{space:?}");
        assert!(matches!(block_on(tenant.get(space, &key)), Err(StoreError::Bug(_))), "{space:?}");
        let scan = tenant.scan(space, prefix_range(b""), 1, Order::Ascending);
        assert!(matches!(block_on(scan), Err(StoreError::Bug(_))), "{space:?}");
    }
}

#[test]
fn nothing_is_sealed_without_a_version() {
    let (_store, tenant) = in_memory();
    let write = Write::new().put(Space::Objects, b"k".as_slice(), RecordVersion::NONE, vec![]);
    assert!(matches!(block_on(tenant.commit(write)), Err(StoreError::NoRandom)));
}

#[test]
fn versions_do_not_repeat() {
    let (_store, tenant) = in_memory();
    let versions: HashSet<_> = (0..1000).map(|_| tenant.new_version()).collect();
    assert_eq!(versions.len(), 1000);
}

#[test]
fn a_keyed_hash_depends_on_tenant_field_and_the_boundaries_of_its_parts() {
    let (store, one) = in_memory();
    let two = block_on(store.create_tenant(tenant(2))).unwrap();
    let hash = |parts: &[&[u8]]| one.keyed_hash(IndexField::Uid, parts);
    assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"ab", b"c"]));
    let others = [
        hash(&[b"a", b"bc"]),
        hash(&[b"abc"]),
        hash(&[b"ab", b"c", b""]),
        one.keyed_hash(IndexField::Href, &[b"ab", b"c"]),
        two.keyed_hash(IndexField::Uid, &[b"ab", b"c"]),
        store.system().keyed_hash(IndexField::Uid, &[b"ab", b"c"]),
    ];
    let different: HashSet<_> = others.iter().chain([&hash(&[b"ab", b"c"])]).copied().collect();
    assert_eq!(different.len(), others.len() + 1);
}

#[test]
fn keyed_hashes_and_codes_stay_the_same_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let run = |create: bool| {
        let store = open(folder.path());
        let tenant = if create {
            block_on(store.create_tenant(tenant(1))).unwrap()
        } else {
            store.tenant(tenant(1)).unwrap()
        };
        (tenant.keyed_hash(IndexField::Login, &[b"anna"]), tenant.mac(MacPurpose::SyncToken, b"token"))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_code_fits_its_message_its_tenant_and_its_length_only() {
    let (store, one) = in_memory();
    let two = block_on(store.create_tenant(tenant(2))).unwrap();
    let mac = one.mac(MacPurpose::SyncToken, b"message");
    assert!(one.verify_mac(MacPurpose::SyncToken, b"message", &mac));
    assert!(!one.verify_mac(MacPurpose::SyncToken, b"other", &mac));
    assert!(!two.verify_mac(MacPurpose::SyncToken, b"message", &mac));
    assert!(!one.verify_mac(MacPurpose::SyncToken, b"message", &mac[..15]));
    assert!(!one.verify_mac(MacPurpose::SyncToken, b"message", &[]));
    for bit in 0..128 {
        let mut wrong = mac;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!one.verify_mac(MacPurpose::SyncToken, b"message", &wrong), "bit {bit}");
    }
}
