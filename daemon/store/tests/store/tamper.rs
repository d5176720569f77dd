//! Somebody changes the file: nothing wrong is ever read.

use almanac_store::{OpenError, Space, Store, StoreError};

use crate::common::{
    announce, block_on, collection, forge, open, options, put, row_key, rows, tenant, value,
};

/// A closed store with two tenants, each with the objects `a` and `b` and one change.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in [1, 2] {
        let tenant = block_on(store.create_tenant(tenant(number))).unwrap();
        block_on(tenant.commit(put(&tenant, b"a", b"value a"))).unwrap();
        block_on(tenant.commit(put(&tenant, b"b", b"value b").log(announce(&tenant, 1, b"change")))).unwrap();
    }
    drop(store);
    folder
}

fn object(number: u8, key: &[u8]) -> Vec<u8> {
    row_key(tenant(number), Space::Objects, key)
}

#[test]
fn a_bit_flipped_anywhere_in_a_value_is_refused() {
    let folder = prepared();
    let before = rows(folder.path()).remove(&object(1, b"a")).unwrap();
    for place in 0..before.len() {
        let mut wrong = before.clone();
        wrong[place] ^= 1;
        forge(folder.path(), &[(object(1, b"a"), wrong)]);
        let store = open(folder.path());
        let tenant = store.tenant(tenant(1)).unwrap();
        let result = block_on(tenant.get(Space::Objects, b"a"));
        assert!(matches!(result, Err(StoreError::Corrupt(_))), "byte {place} of {}", before.len());
        assert_eq!(value(&tenant, b"b").unwrap(), b"value b", "others are read");
    }
}

#[test]
fn a_value_cut_at_any_length_is_refused() {
    let folder = prepared();
    let before = rows(folder.path()).remove(&object(1, b"a")).unwrap();
    for length in 0..before.len() {
        forge(folder.path(), &[(object(1, b"a"), before[..length].to_vec())]);
        let store = open(folder.path());
        let result = block_on(store.tenant(tenant(1)).unwrap().get(Space::Objects, b"a"));
        assert!(matches!(result, Err(StoreError::Corrupt(_))), "{length} of {}", before.len());
    }
}

#[test]
fn a_value_moved_to_another_key_space_or_tenant_is_refused() {
    let folder = prepared();
    let mut all = rows(folder.path());
    let a = all.remove(&object(1, b"a")).unwrap();
    for (name, number, space, key) in [
        ("key", 1, Space::Objects, b"b".as_slice()),
        ("longer key", 1, Space::Objects, b"aa"),
        ("space", 1, Space::Index, b"a"),
        ("tenant", 2, Space::Objects, b"a"),
    ] {
        forge(folder.path(), &[(row_key(tenant(number), space, key), a.clone())]);
        let store = open(folder.path());
        let result = block_on(store.tenant(tenant(number)).unwrap().get(space, key));
        assert!(matches!(result, Err(StoreError::Corrupt(_))), "{name}");
    }
}

#[test]
fn an_old_value_under_its_new_version_is_refused() {
    let folder = prepared();
    let old = rows(folder.path()).remove(&object(1, b"a")).unwrap();
    let store = open(folder.path());
    let tenant = store.tenant(tenant(1)).unwrap();
    block_on(tenant.commit(put(&tenant, b"a", b"newer value"))).unwrap();
    drop((tenant, store));
    let new = rows(folder.path()).remove(&object(1, b"a")).unwrap();
    forge(folder.path(), &[(object(1, b"a"), [&new[..16], &old[16..]].concat())]);
    let store = open(folder.path());
    let result = block_on(store.tenant(crate::common::tenant(1)).unwrap().get(Space::Objects, b"a"));
    assert!(matches!(result, Err(StoreError::Corrupt(_))));
}

#[test]
fn a_change_moved_to_another_collection_is_refused() {
    let folder = prepared();
    let key = |of: u8| [collection(of).as_bytes().as_slice(), &1_u64.to_be_bytes()].concat();
    let head = |of: u8| row_key(tenant(1), Space::Changes, collection(of).as_bytes());
    let all = rows(folder.path());
    let change = &all[&row_key(tenant(1), Space::Changes, &key(1))];
    let moved =
        [(row_key(tenant(1), Space::Changes, &key(2)), change.clone()), (head(2), all[&head(1)].clone())];
    forge(folder.path(), &moved);
    let store = open(folder.path());
    let tenant = store.tenant(tenant(1)).unwrap();
    assert_eq!(block_on(tenant.changes(collection(1), 0, 9)).unwrap().rows.len(), 1);
    assert!(matches!(block_on(tenant.changes(collection(2), 0, 9)), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_wrapped_key_that_was_changed_or_swapped_keeps_the_store_closed() {
    let of = |number: u8, space: Space| {
        move |key: &Vec<u8>| key.starts_with(&row_key(tenant(number), space, b"")) && key.len() == 33
    };
    let registered = |number: u8| row_key(tenant(0), Space::Tenants, tenant(number).as_bytes());
    let folder = prepared();
    let all = rows(folder.path());
    let epoch = |number: u8| all.keys().find(|key| of(number, Space::Keys)(key)).unwrap().clone();
    let flipped = |key: &Vec<u8>| {
        let mut value = all[key].clone();
        *value.last_mut().unwrap() ^= 1;
        (key.clone(), value)
    };
    for (name, forged) in [
        ("epoch changed", flipped(&epoch(1))),
        ("epoch of another tenant", (epoch(1), all[&epoch(2)].clone())),
        ("index key changed", flipped(&registered(1))),
        ("index key of another tenant", (registered(1), all[&registered(2)].clone())),
    ] {
        let good = (forged.0.clone(), all[&forged.0].clone());
        forge(folder.path(), &[forged]);
        assert!(matches!(Store::open(options(folder.path())), Err(OpenError::Damaged { .. })), "{name}");
        forge(folder.path(), &[good]);
    }
    drop(open(folder.path()));
}
