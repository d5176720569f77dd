//! Tenants: sealed off from each other, and gone when they are dropped.

use almanac_store::{Order, Scan, Space, StoreError, Values, prefix_range};

use crate::common::{announce, block_on, forge, in_memory, open, put, row_key, rows, tenant, value};
use crate::layer::watched;

#[test]
fn tenants_do_not_see_each_other() {
    let (store, one) = in_memory();
    let two = block_on(store.create_tenant(tenant(2))).unwrap();
    block_on(one.commit(put(&one, b"k", b"one").log(announce(&one, 1, b"")))).unwrap();
    assert_eq!(value(&two, b"k"), None);
    assert_eq!(value(&store.system(), b"k"), None);
    block_on(two.commit(put(&two, b"k", b"two"))).unwrap();
    assert_eq!((value(&one, b"k").unwrap(), value(&two, b"k").unwrap()), (b"one".into(), b"two".into()));
    assert_eq!(store.tenants(), [tenant(1), tenant(2)]);
    assert!(store.tenant(tenant(3)).is_none());
}

#[test]
fn a_tenant_is_made_once() {
    let (store, _) = in_memory();
    for id in [tenant(1), tenant(0)] {
        assert!(matches!(block_on(store.create_tenant(id)), Err(StoreError::TenantExists)));
    }
}

#[test]
fn of_a_dropped_tenant_no_row_is_left_and_no_handle_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in [1, 2] {
        let tenant = block_on(store.create_tenant(tenant(number))).unwrap();
        block_on(tenant.commit(put(&tenant, b"k", b"v").log(announce(&tenant, 1, b"")))).unwrap();
    }
    let one = store.tenant(tenant(1)).unwrap();
    block_on(store.drop_tenant(tenant(1))).unwrap();
    block_on(store.drop_tenant(tenant(1))).unwrap();
    assert_eq!(store.tenants(), [tenant(2)]);
    assert!(matches!(block_on(one.get(Space::Objects, b"k")), Err(StoreError::Closed)));
    assert!(matches!(block_on(one.commit(put(&one, b"k", b"v"))), Err(StoreError::Closed)));
    drop((one, store));
    let (own, name) =
        (tenant(1).as_bytes().to_vec(), row_key(tenant(0), Space::Tenants, tenant(1).as_bytes()));
    assert!(rows(folder.path()).keys().all(|key| !key.starts_with(&own) && *key != name));
    let store = open(folder.path());
    assert_eq!(store.tenants(), [tenant(2)]);
    assert_eq!(value(&store.tenant(tenant(2)).unwrap(), b"k").unwrap(), b"v");
}

#[test]
fn a_drop_that_was_interrupted_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    block_on(one.commit(put(&one, b"k", b"v").log(announce(&one, 1, b"")))).unwrap();
    drop((one, store));
    // The first durable step of a drop: the tenant's keys are gone, its rows are not.
    forge(folder.path(), &[(row_key(tenant(0), Space::Tenants, tenant(1).as_bytes()), vec![0; 16])]);
    let store = open(folder.path());
    assert!(store.tenants().is_empty());
    drop(store);
    let prefix = tenant(1).as_bytes().to_vec();
    assert!(rows(folder.path()).keys().all(|key| !key.starts_with(&prefix)));
    drop(open(folder.path()));
}

#[test]
fn a_drop_waits_for_the_commits_that_were_begun_and_leaves_nothing_of_them() {
    let (store, layer) = watched();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    layer.hold(Some(tenant(1)));
    let (committed, dropped) = block_on(async {
        let commit = one.commit(put(&one, b"k", b"v").log(announce(&one, 1, b"")));
        // Each is polled in turn: the commit is on its way when the drop begins.
        let release = async { layer.hold(None) };
        let (committed, dropped, ()) = tokio::join!(commit, store.drop_tenant(tenant(1)), release);
        (committed, dropped)
    });
    dropped.unwrap();
    assert_eq!(committed.unwrap().tenant_seq, 1, "what was begun is finished");
    for space in [Space::Objects, Space::Changes, Space::Keys] {
        let all =
            Scan { space, range: prefix_range(b""), limit: 9, order: Order::Ascending, values: Values::Omit };
        assert!(block_on(layer.engine().scan(tenant(1), &all)).unwrap().rows.is_empty(), "{space:?}");
    }
    assert!(layer.engine().heads().tenants.is_empty());
}

#[test]
fn a_commit_whose_caller_left_does_not_keep_a_tenant_from_being_dropped() {
    let (store, layer) = watched();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    layer.hold(Some(tenant(1)));
    block_on(async {
        let commit = one.commit(put(&one, b"k", b"v"));
        tokio::select! {
            biased;
            _ = commit => panic!("the commit is held"),
            () = std::future::ready(()) => {}
        }
        store.drop_tenant(tenant(1)).await.unwrap();
    });
    assert!(store.tenants().is_empty());
}
