//! Damage is found wherever it is, and named; a store that is written to is sound.

use std::path::Path;

use almanac_store::records::{ObjectRecord, SummaryRecord};
use almanac_store::verify::Report;
use almanac_store::{Space, Store, TenantStore, Write};

use crate::common::{announce, block_on, collection, forge, open, put, row_key, rows, tenant};

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
fn every_kind_of_record_is_opened_that_a_program_may_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    let spaces = [
        Space::Index,
        Space::Collections,
        Space::Homes,
        Space::Principals,
        Space::Credentials,
        Space::Shares,
        Space::Meta,
        Space::Trash,
        Space::Accounts,
        Space::Links,
        Space::Pairs,
        Space::Remotes,
        Space::Dispatch,
        Space::History,
    ];
    let write = spaces.into_iter().fold(Write::new(), |write, space| {
        write.put(space, [0xee; 16].as_slice(), one.new_version(), vec![7; 40])
    });
    block_on(one.commit(write)).unwrap();
    assert!(report(&store).is_sound());
    drop(one);
    store.close();
    let whole = rows(folder.path());
    let flipped = spaces.map(|space| {
        let row = row_key(tenant(1), space, &[0xee; 16]);
        let mut stored = whole[&row].clone();
        *stored.last_mut().unwrap() ^= 1;
        (row, stored)
    });
    forge(folder.path(), &flipped);
    let found: Vec<_> = report(&open(folder.path())).damages.into_iter().map(|damage| damage.space).collect();
    assert_eq!(found, spaces.map(Some));
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

const COLLECTIONS: u8 = 3;
const MEMBERS: u8 = 8;

/// A store with calendar objects: body, summary and claim each.
fn with_objects(folder: &Path) -> Store {
    let store = open(folder);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for of in 1..=COLLECTIONS {
        for number in 0..MEMBERS {
            block_on(one.commit(object(&one, of, number))).unwrap();
        }
    }
    store
}

fn object(one: &TenantStore, of: u8, number: u8) -> Write {
    let name = format!("{number}.ics");
    let object = ObjectRecord {
        name: name.clone(),
        kind: 0,
        created: 0,
        modified: 0,
        body: vec![number; 100],
        uid: one.uid_hash(collection(of), &name),
    };
    let summary = SummaryRecord {
        name: name.clone(),
        kind: 0,
        bytes: 100,
        created: 0,
        modified: 0,
        first: 0,
        last: 0,
        flags: 0,
        busy: 0,
        skeleton: String::new(),
        tzdb: String::new(),
    };
    Write::new().put_object(one.member(collection(of), &name), one.new_version(), &object, &summary)
}

/// The rows of a space that belong to objects of a collection.
fn members(folder: &Path, space: Space, of: u8) -> Vec<Vec<u8>> {
    let prefix = row_key(tenant(1), space, collection(of).as_bytes());
    rows(folder).into_keys().filter(|key| key.starts_with(&prefix) && key.len() == 17 + 48).collect()
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_row_of_an_object_that_vanished_is_named_whichever_of_the_three_it_is() {
    let folder = tempfile::tempdir().unwrap();
    with_objects(folder.path()).close();
    let whole = rows(folder.path());
    assert!(report(&open(folder.path())).is_sound());
    for (space, shown, what) in [
        (Space::Objects, Space::Objects, "an object is gone: its summary is still there"),
        (Space::Summaries, Space::Summaries, "the summary of an object is gone"),
        (Space::Index, Space::Objects, "the claim on the UID of this object is gone"),
    ] {
        for at in [0, usize::from(MEMBERS) - 1] {
            let gone = members(folder.path(), space, 2)[at].clone();
            remove(folder.path(), &gone);
            let found = report(&open(folder.path()));
            assert_eq!(found.damages.len(), 1, "{space:?}: {:?}", found.damages);
            let damage = &found.damages[0];
            assert_eq!((damage.tenant, damage.space, damage.what), (tenant(1), Some(shown), what));
            let version = &whole[&gone][..16];
            let theirs = members(folder.path(), shown, 2).into_iter().chain([gone.clone()]);
            let named =
                theirs.filter(|key| &whole[key][..16] == version).any(|key| hex(&key[17..]) == damage.key);
            assert!(named, "{space:?}: {}", damage.key);
            forge(folder.path(), &[(gone.clone(), whole[&gone].clone())]);
        }
    }
    // Object and summary together leave the claim behind; an object with its summary and claim is just not there.
    let gone: Vec<_> =
        [Space::Objects, Space::Summaries].map(|space| members(folder.path(), space, 3)[0].clone()).into();
    gone.iter().for_each(|row| remove(folder.path(), row));
    let found = report(&open(folder.path()));
    assert_eq!(found.damages.iter().map(|damage| damage.space).collect::<Vec<_>>(), [Some(Space::Index)]);
    assert_eq!(found.damages[0].what, "an object is gone: the claim on its UID is still there");
}

#[test]
fn an_older_state_of_one_row_is_noticed_beside_the_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_objects(folder.path());
    store.close();
    let before = rows(folder.path());
    let store = open(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    block_on(one.commit(object(&one, 1, 4))).unwrap();
    drop((one, store));
    let after = rows(folder.path());
    let changed =
        members(folder.path(), Space::Summaries, 1).into_iter().find(|key| before[key] != after[key]);
    let changed = changed.unwrap();
    forge(folder.path(), &[(changed.clone(), before[&changed].clone())]);
    let found = report(&open(folder.path()));
    assert_eq!(found.damages.len(), 1);
    assert_eq!(found.damages[0].what, "a summary is of another version than its object");
}

#[test]
fn what_is_being_removed_or_copied_lacks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_objects(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    let note = Write::new().put(Space::Meta, collection(2).as_bytes().as_slice(), one.new_version(), vec![0]);
    block_on(one.commit(note)).unwrap();
    drop((one, store));
    members(folder.path(), Space::Objects, 2).iter().take(5).for_each(|row| remove(folder.path(), row));
    assert_eq!(report(&open(folder.path())).damages, []);
}

#[test]
fn many_damaged_collections_are_named_the_first_by_their_rows_and_the_others_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for of in 1..=20 {
        (0..2).for_each(|number| _ = block_on(one.commit(object(&one, of, number))).unwrap());
    }
    drop((one, store));
    for of in 1..=20 {
        remove(folder.path(), &members(folder.path(), Space::Objects, of)[0]);
    }
    let found = report(&open(folder.path()));
    let whole = found.damages.iter().filter(|damage| damage.space == Some(Space::Collections)).count();
    assert_eq!((found.damaged, whole), (20, 4));
}
