//! Stores of every version there was still open, and backups of them are still restored: a folder of each is kept in
//! `tests/fixtures`.

use std::fs;
use std::path::{Path, PathBuf};

use almanac_base::{CollectionId, StoreId, TenantId};
use almanac_store::backup::{restore, verify};
use almanac_store::{
    IndexField, KeyWish, LogWrite, MacPurpose, RecordVersion, Space, Store, TenantStore, Write,
};

use crate::common::{block_on, chmod, collection, open, options, row_key, rows, tenant, value};

/// The version that this program writes.
const CURRENT: u32 = 3;
const FILES: [&str; 3] = ["store.redb", "head", "root.key"];
/// The spaces that version 3 added.
const OF_VERSION_3: [Space; 6] =
    [Space::Accounts, Space::Links, Space::Pairs, Space::Remotes, Space::Dispatch, Space::History];
/// The first byte of a sealed value that was packed before.
const PACKED: u8 = 2;

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

/// A state folder with these files of a fixture.
fn copied(version: u32, names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        fs::copy(fixture(version).join(name), folder.path().join(name)).unwrap();
        chmod(&folder.path().join(name), 0o600); // a repository does not keep modes
    }
    folder
}

/// What every fixture holds.
fn fill(store: &Store) {
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 1..=3_u8 {
        let version = RecordVersion::from_bytes([number; 16]);
        let write =
            Write::new().put(Space::Objects, [number].as_slice(), version, vec![number; 100]).log(LogWrite {
                collection: collection(number % 2),
                object: [number; 32],
                version,
                value: vec![number],
            });
        block_on(one.commit(write)).unwrap();
    }
}

fn holds_what_every_fixture_holds(version: u32, store: &Store) {
    assert_ne!(store.incarnation(), StoreId::from_bytes([0; 16]));
    let one = store.tenant(tenant(1)).unwrap();
    for number in 1..=3 {
        assert_eq!(value(&one, &[number]).unwrap(), vec![number; 100]);
    }
    let changes = |of: CollectionId| {
        let page = block_on(one.changes(of, 0, 9)).unwrap();
        page.rows
            .iter()
            .map(|change| (change.seq, change.prev_seq, change.value.to_vec()))
            .collect::<Vec<_>>()
    };
    assert_eq!(changes(collection(1)), [(1, 0, vec![1]), (3, 1, vec![3])]);
    assert_eq!(changes(collection(0)), [(2, 0, vec![2])]);
    for (of, last) in [(1, 3_u8), (0, 2)] {
        let place = block_on(one.collection_place(collection(of))).unwrap();
        assert_eq!((place.seq, place.version), (last.into(), Some(RecordVersion::from_bytes([last; 16]))));
    }
    assert_eq!(fs::read_to_string(fixture(version).join("derived")).unwrap(), derived(&one));
    assert!(store.verify(&mut |_, _| {}).unwrap().is_sound());
}

/// What is derived from the keys of a tenant, for a file.
fn derived(one: &TenantStore) -> String {
    let hash = one.keyed_hash(IndexField::Uid, &[b"uid"]);
    let mac = one.mac(MacPurpose::SyncToken, b"token");
    let first = u128::from_be_bytes(hash[..16].try_into().unwrap());
    format!("{first:032x} {:032x}\n", u128::from_be_bytes(mac))
}

/// The version that a closed store says it has.
fn stored_version(folder: &Path) -> u32 {
    let format = &rows(folder)[&row_key(TenantId::from_bytes([0; 16]), Space::Format, b"store")];
    // The version of the record, then the value: "ALMANAC\0" and the number.
    u32::from_be_bytes(format[16 + 8..16 + 8 + 4].try_into().unwrap())
}

#[test]
fn a_store_of_every_version_opens_with_all_it_held_and_is_of_the_present_version_then() {
    for version in 1..=CURRENT {
        let folder = copied(version, &FILES);
        assert_eq!(stored_version(folder.path()), version);
        holds_what_every_fixture_holds(version, &open(folder.path()));
        assert_eq!(stored_version(folder.path()), CURRENT);
        holds_what_every_fixture_holds(version, &open(folder.path()));
    }
}

#[test]
fn a_backup_of_every_version_is_restored_with_all_it_held() {
    for version in 1..=CURRENT {
        let folder = copied(version, &["root.key"]);
        let file = fs::read(fixture(version).join("backup")).unwrap();
        let key = options(folder.path()).key;
        assert_eq!(verify(&mut file.as_slice(), &*key, &mut |_, _| {}).unwrap().version, version);
        restore(&mut file.as_slice(), &options(folder.path()), None, &mut |_, _| {}).unwrap();
        holds_what_every_fixture_holds(version, &open(folder.path()));

        // And under another root key than the one it was made under.
        let other = tempfile::tempdir().unwrap();
        let made_under = key.load(KeyWish::Existing).unwrap();
        restore(&mut file.as_slice(), &options(other.path()), Some(&made_under), &mut |_, _| {}).unwrap();
        holds_what_every_fixture_holds(version, &open(other.path()));
    }
}

/// A value as calendars have them, which is packed.
fn packed() -> Vec<u8> {
    let event = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Test//EN\r\nBEGIN:VEVENT\r\n\
        UID:3f1c6b1e-9d0a-4c55-8a8e-0d5c1b6f7a21\r\nDTSTAMP:20260105T091500Z\r\nDTSTART:20260106T090000Z\r\n\
        DTEND:20260106T100000Z\r\nSUMMARY:Review\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    event.to_vec()
}

#[test]
fn what_a_store_since_version_2_has_packed_is_unpacked() {
    for version in 2..=CURRENT {
        let folder = copied(version, &FILES);
        // The version of the record, then the sealed value.
        assert_eq!(rows(folder.path())[&row_key(tenant(1), Space::Objects, b"packed")][16], PACKED);
        let store = open(folder.path());
        assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"packed").unwrap(), packed());
    }
}

#[test]
fn a_store_since_version_3_has_what_synchronisation_stands_on() {
    for version in 3..=CURRENT {
        let folder = copied(version, &FILES);
        let store = open(folder.path());
        let one = store.tenant(tenant(1)).unwrap();
        for space in OF_VERSION_3 {
            let record = block_on(one.get(space, &[5; 16])).unwrap().unwrap();
            assert_eq!(*record.value, [space as u8; 50], "{version} {space:?}");
        }
    }
}

/// Run with `--run-ignored only` when the store gets a new version, and commit the folder it names.
#[test]
#[ignore = "writes a fixture of the current version"]
fn write_the_fixture_of_the_current_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    fill(&store);
    let one = store.tenant(tenant(1)).unwrap();
    let write =
        Write::new().put(Space::Objects, b"packed".as_slice(), RecordVersion::from_bytes([4; 16]), packed());
    let write = OF_VERSION_3.into_iter().fold(write, |write, space| {
        let version = RecordVersion::from_bytes([space as u8; 16]);
        write.put(space, [5; 16].as_slice(), version, vec![space as u8; 50])
    });
    block_on(one.commit(write)).unwrap();
    store.rotate_root(None).unwrap();
    let mut backup = Vec::new();
    store.backup(&mut backup, &mut |_, _| {}).unwrap();
    let text = derived(&one);
    drop((one, store));
    let to = fixture(CURRENT);
    fs::create_dir_all(&to).unwrap();
    for name in FILES {
        fs::copy(folder.path().join(name), to.join(name)).unwrap();
    }
    fs::write(to.join("backup"), backup).unwrap();
    fs::write(to.join("derived"), text).unwrap();
}
