//! Damage is found wherever it is, and named; a store that is written to is sound.

use std::path::Path;

use almanac_store::verify::Report;
use almanac_store::{Space, Store};

use crate::common::{announce, block_on, forge, open, put, row_key, rows, tenant};

fn filled(folder: &Path) -> Store {
    let store = open(folder);
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 0..20_u8 {
        let log = announce(&tenant, 1 + number % 2, &[number]);
        block_on(tenant.commit(put(&tenant, &[number], &[number; 300]).log(log))).unwrap();
    }
    store
}

fn report(store: &Store) -> Report {
    store.verify(&mut |_, _| {}).unwrap()
}

#[test]
fn a_store_is_sound_also_while_tenants_come_and_go_and_writers_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let found = report(&store);
    assert!(found.is_sound() && found.damages.is_empty());
    assert_eq!(found.rows, rows_of(&store));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 10..30_u8 {
                let tenant = block_on(store.create_tenant(tenant(number))).unwrap();
                let write = put(&tenant, b"k", b"v").log(announce(&tenant, 1, b"c"));
                block_on(tenant.commit(write)).unwrap();
                block_on(store.drop_tenant(tenant.id())).unwrap();
            }
        });
        while !writer.is_finished() {
            assert_eq!(report(&store).damages, []);
        }
    });
}

/// The rows that a backup takes are those that are looked at.
fn rows_of(store: &Store) -> u64 {
    store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap().rows
}

#[test]
fn what_was_changed_moved_or_taken_away_is_named_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).close();
    let whole = rows(folder.path());
    let object = |number: u8| row_key(tenant(1), Space::Objects, &[number]);

    let mut flipped = whole[&object(3)].clone();
    flipped[80] ^= 1;
    forge(folder.path(), &[(object(3), flipped), (object(5), whole[&object(6)].clone())]);
    let found = report(&open(folder.path()));
    assert_eq!((found.damaged, found.is_sound()), (2, false));
    let keys: Vec<_> = found.damages.iter().map(|damage| damage.key.as_str()).collect();
    assert_eq!(keys, ["03", "05"]);
    assert!(found.damages.iter().all(|damage| damage.tenant == tenant(1)));
    assert!(found.damages.iter().all(|damage| damage.space == Some(Space::Objects)));

    forge(folder.path(), &[(object(3), whole[&object(3)].clone()), (object(5), whole[&object(5)].clone())]);
    assert!(report(&open(folder.path())).is_sound());
}

#[test]
fn a_change_that_is_missing_is_noticed_in_the_middle_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).close();
    let whole = rows(folder.path());
    let changes: Vec<_> = whole
        .keys()
        .filter(|key| key.len() == 17 + 24 && key[16] == Space::Changes as u8 && key[17] == 1)
        .cloned()
        .collect();
    assert_eq!(changes.len(), 10);
    for (missing, what) in
        [(4, "a change is missing in front of this one"), (9, "the change log ends before its head")]
    {
        remove(folder.path(), &changes[missing]);
        let found = report(&open(folder.path()));
        assert_eq!(found.damages.iter().map(|damage| damage.what).collect::<Vec<_>>(), [what]);
        forge(folder.path(), &[(changes[missing].clone(), whole[&changes[missing]].clone())]);
    }
}

fn remove(folder: &Path, row: &[u8]) {
    let rows: redb::TableDefinition<'static, &[u8], &[u8]> = redb::TableDefinition::new("rows");
    let db = redb::Database::open(folder.join("store.redb")).unwrap();
    let transact = db.begin_write().unwrap();
    transact.open_table(rows).unwrap().remove(row).unwrap();
    transact.commit().unwrap();
}
