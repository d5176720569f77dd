//! Stores of every version there was still open: a folder of each is kept in `tests/fixtures`.

use std::fs;
use std::path::{Path, PathBuf};

use almanac_base::{CollectionId, StoreId};
use almanac_store::{IndexField, LogWrite, MacPurpose, RecordVersion, Space, Store, Write};

use crate::common::{block_on, chmod, collection, open, options, tenant, value};

const FILES: [&str; 3] = ["store.redb", "head", "root.key"];

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
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

#[test]
fn a_store_of_version_1_opens_with_all_it_held() {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(fixture(1).join(name), folder.path().join(name)).unwrap();
        chmod(&folder.path().join(name), 0o600); // a repository does not keep modes
    }
    let store = open(folder.path());
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
    let stored = fs::read_to_string(fixture(1).join("derived")).unwrap();
    let hash = one.keyed_hash(IndexField::Uid, &[b"uid"]);
    let mac = one.mac(MacPurpose::SyncToken, b"token");
    assert_eq!(stored.trim(), format!("{:032x} {:032x}", first(&hash), u128::from_be_bytes(mac)));
}

fn first(hash: &[u8; 32]) -> u128 {
    u128::from_be_bytes(hash[..16].try_into().unwrap())
}

/// Run with `--run-ignored only` when the store gets a new version, and commit the folder it names.
#[test]
#[ignore = "writes a fixture of the current version"]
fn write_the_fixture_of_the_current_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    fill(&store);
    let one = store.tenant(tenant(1)).unwrap();
    let hash = one.keyed_hash(IndexField::Uid, &[b"uid"]);
    let mac = one.mac(MacPurpose::SyncToken, b"token");
    drop((one, store));
    let to = fixture(1);
    fs::create_dir_all(&to).unwrap();
    for name in FILES {
        fs::copy(folder.path().join(name), to.join(name)).unwrap();
    }
    fs::write(to.join("derived"), format!("{:032x} {:032x}\n", first(&hash), u128::from_be_bytes(mac)))
        .unwrap();
}
