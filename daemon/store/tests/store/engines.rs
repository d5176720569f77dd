//! What holds for the stores of both engines: large values, refusals, the way from one to the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_store::backup::restore;
use almanac_store::convert::{Converted, convert};
use almanac_store::engine::redb::{RedbEngine, file_medium};
use almanac_store::engine::sled::{SledEngine, SledTuning};
use almanac_store::engine::{Engine, StoredRow};
use almanac_store::{CreateMode, EngineKind, FixedKey, OpenError, OpenOptions, Store, look};

use crate::common::{self, announce, block_on, collection, put, tenant, value};

const BOTH: [EngineKind; 2] = [EngineKind::Redb, EngineKind::Sled];

fn options(folder: &Path, engine: EngineKind) -> OpenOptions {
    OpenOptions { engine, ..common::options(folder) }
}

fn open(folder: &Path, engine: EngineKind) -> Store {
    Store::open(options(folder, engine)).unwrap()
}

fn other(engine: EngineKind) -> EngineKind {
    if engine == EngineKind::Redb { EngineKind::Sled } else { EngineKind::Redb }
}

/// A closed store with small and large objects and a change log.
fn prepared(engine: EngineKind) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), engine);
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 0..30_u8 {
        let write = put(&tenant, &[number], &[number; 900]).log(announce(&tenant, 1, &[number]));
        block_on(tenant.commit(write)).unwrap();
    }
    for (name, length) in [(b"10 KB", 10_000), (b"1 MiB", 1 << 20)] {
        block_on(tenant.commit(put(&tenant, name, &vec![7; length]))).unwrap();
    }
    store.close();
    folder
}

#[test]
fn a_look_at_a_store_that_would_be_opened_leaves_no_trace() {
    for engine in BOTH {
        let folder = prepared(engine);
        // Opening it would begin a new life.
        fs::remove_file(folder.path().join("head")).unwrap();
        let store = folder.path().join(format!("store.{}", engine.name()));
        let below = if engine == EngineKind::Sled { store.as_path() } else { folder.path() };
        let traces =
            || (names(folder.path()), fs::metadata(&store).unwrap().modified().unwrap(), names(below));
        let before = traces();
        look(&options(folder.path(), engine)).unwrap();
        let absent = folder.path().join("absent");
        assert!(matches!(look(&options(&absent, engine)), Err(OpenError::Missing(_))));
        assert_eq!(traces(), before, "{engine:?}");
        let _held = open(folder.path(), engine);
        assert!(matches!(look(&options(folder.path(), engine)), Err(OpenError::InUse(_))), "{engine:?}");
    }
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// All rows of a closed store.
fn rows(folder: &Path, kind: EngineKind) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let path = folder.join(format!("store.{}", kind.name()));
    let engine: Box<dyn Engine> = match kind {
        EngineKind::Redb => Box::new(RedbEngine::open(&path, 1 << 20, Arc::new(file_medium)).unwrap()),
        _ => Box::new(SledEngine::open(&path, 1 << 20, SledTuning::default()).unwrap()),
    };
    let mut rows = Vec::<StoredRow>::new();
    engine
        .export(&mut |row, stored, _| {
            rows.push((row.to_vec(), stored.to_vec()));
            Ok(())
        })
        .unwrap();
    assert!(rows.is_sorted(), "in order");
    rows.into_iter().collect()
}

/// The rows that a store made of another one has in common with it: all but its incarnation and its count of groups.
fn shared(mut rows: BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    rows.retain(|key, _| key.len() > 1 && !key.ends_with(b"store"));
    rows
}

fn assert_is_whole(store: &Store) {
    assert!(store.verify(&mut |_, _| {}).unwrap().is_sound());
    let tenant = store.tenant(tenant(1)).unwrap();
    assert_eq!(value(&tenant, b"10 KB").unwrap(), vec![7; 10_000]);
    assert_eq!(value(&tenant, b"1 MiB").unwrap(), vec![7; 1 << 20]);
    assert_eq!(block_on(tenant.changes(collection(1), 0, 100)).unwrap().rows.len(), 30);
    block_on(tenant.commit(put(&tenant, b"new", b"v"))).unwrap();
}

/// Every file below a folder, with its bytes and when it was last written.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = files(&entry.path());
            found.extend(below.into_iter().map(|(below, file)| (format!("{name}/{below}"), file)));
        } else {
            let written = entry.metadata().unwrap().modified().unwrap();
            found.insert(name, (fs::read(entry.path()).unwrap(), written));
        }
    }
    found
}

/// Opens, expects a refusal, and checks that no file changed in any way.
fn refusal(options: OpenOptions) -> OpenError {
    let folder = options.state.clone();
    let before = files(&folder);
    let Err(error) = Store::open(options) else { panic!("the store was opened") };
    assert!(before == files(&folder), "a refused store was touched: {error}");
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.ends_with('.') && text.len() > 30, "{text}");
    error
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn large_values_survive_many_restarts_and_their_life_goes_on() {
    for engine in BOTH {
        let folder = prepared(engine);
        let life = open(folder.path(), engine).incarnation();
        for _ in 0..5 {
            let store = open(folder.path(), engine);
            assert_eq!(store.incarnation(), life);
            assert_is_whole(&store);
        }
    }
}

#[test]
fn a_sled_store_in_use_or_missing_or_under_a_wrong_key_is_refused_untouched() {
    let folder = prepared(EngineKind::Sled);
    let here = || options(folder.path(), EngineKind::Sled);
    let mut wrong = here();
    wrong.key = Arc::new(FixedKey::new([9; 32]));
    assert!(matches!(refusal(wrong), OpenError::WrongKey(_)));
    let store = open(folder.path(), EngineKind::Sled);
    assert!(matches!(Store::open(here()), Err(OpenError::InUse(_))));
    store.close();

    let empty = tempfile::tempdir().unwrap();
    let never = OpenOptions { create: CreateMode::Never, ..options(empty.path(), EngineKind::Sled) };
    assert!(matches!(refusal(never), OpenError::Missing(_)));
    fs::remove_dir_all(folder.path().join("store.sled")).unwrap();
    assert!(matches!(refusal(here()), OpenError::Damaged { .. }), "the mark remembers it");
}

#[test]
fn what_is_not_a_sled_store_or_a_newer_one_is_refused_untouched() {
    let folder = prepared(EngineKind::Sled);
    let here = || options(folder.path(), EngineKind::Sled);
    let identity = folder.path().join("store.sled/almanac");
    let said = fs::read(&identity).unwrap();

    let mut newer = said.clone();
    newer[8..12].copy_from_slice(&7_u32.to_be_bytes());
    fs::write(&identity, newer).unwrap();
    assert!(matches!(refusal(here()), OpenError::NewerVersion { found: 7, known: 3 }));

    let mut another = said.clone();
    another[20] ^= 1;
    fs::write(&identity, another).unwrap();
    assert!(matches!(refusal(here()), OpenError::RolledBack(_)), "another incarnation than the mark's");

    for bytes in [b"Dear diary".as_slice(), b"", &said[..20]] {
        fs::write(&identity, bytes).unwrap();
        assert!(matches!(refusal(here()), OpenError::Foreign(_)));
    }
    fs::remove_file(&identity).unwrap();
    assert!(matches!(refusal(here()), OpenError::Foreign(_)), "the sled folder of another program");

    fs::write(&identity, said).unwrap();
    assert_is_whole(&open(folder.path(), EngineKind::Sled));
    fs::remove_file(folder.path().join("store.sled/db")).unwrap();
    assert!(matches!(refusal(here()), OpenError::Foreign(_)));
    fs::remove_dir_all(folder.path().join("store.sled")).unwrap();
    fs::write(folder.path().join("store.sled"), b"a file").unwrap();
    assert!(matches!(refusal(here()), OpenError::Foreign(_)));
}

#[test]
fn an_older_copy_of_a_sled_store_is_refused() {
    let folder = prepared(EngineKind::Sled);
    let (rows, kept) = (folder.path().join("store.sled"), tempfile::tempdir().unwrap());
    copy_folder(&rows, kept.path());
    let store = open(folder.path(), EngineKind::Sled);
    assert_is_whole(&store);
    drop(store);
    fs::remove_dir_all(&rows).unwrap();
    copy_folder(kept.path(), &rows);
    let refused = Store::open(options(folder.path(), EngineKind::Sled));
    assert!(matches!(refused, Err(OpenError::RolledBack(_))));
}

#[test]
fn a_torn_snapshot_of_sled_does_not_keep_a_store_from_opening() {
    let folder = prepared(EngineKind::Sled);
    let torn = folder.path().join("store.sled/snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&torn, b"half").unwrap();
    assert_is_whole(&open(folder.path(), EngineKind::Sled));
    assert!(!torn.exists());
}

#[test]
fn without_its_mark_a_sled_store_begins_a_new_life_that_lasts() {
    let folder = prepared(EngineKind::Sled);
    let first = open(folder.path(), EngineKind::Sled).incarnation();
    fs::remove_file(folder.path().join("head")).unwrap();
    let second = open(folder.path(), EngineKind::Sled).incarnation();
    assert_ne!(first, second);
    assert_eq!(open(folder.path(), EngineKind::Sled).incarnation(), second);
}

#[test]
fn the_store_of_the_other_engine_is_refused_by_name() {
    for found in BOTH {
        let folder = prepared(found);
        let error = refusal(options(folder.path(), other(found)));
        assert!(matches!(error, OpenError::OtherEngine { .. }), "{error}");
        let remedy = format!("set engine = \"{}\"", found.name());
        assert!(error.to_string().contains(&remedy), "{error}");
    }
}

#[test]
fn a_conversion_takes_every_row_over_octet_for_octet_both_ways() {
    for from in BOTH {
        let (folder, to) = (prepared(from), other(from));
        let life = open(folder.path(), from).incarnation();
        let before = rows(folder.path(), from);
        let mut steps = Vec::new();
        let step = &mut |rows, bytes| steps.push((rows, bytes));
        let converted = convert(&options(folder.path(), to), step).unwrap();
        assert_eq!(converted.rows, before.len() as u64);
        assert!(steps.len() > 1 && steps.is_sorted());
        assert_eq!(*steps.last().unwrap(), (converted.rows, converted.bytes));
        assert!(shared(before) == shared(rows(folder.path(), to)), "octet for octet");

        let store = open(folder.path(), to);
        assert_ne!(store.incarnation(), life);
        assert_is_whole(&store);
        drop(store);
        let old = folder.path().join(format!("store.{}.old", from.name()));
        assert!(old.exists(), "the old store is kept");
        assert_eq!(convert(&options(folder.path(), to), &mut |_, _| {}).unwrap(), Converted::default());

        convert(&options(folder.path(), from), &mut |_, _| {}).unwrap();
        convert(&options(folder.path(), to), &mut |_, _| {}).unwrap();
        assert!(old.exists(), "in the place of an older one");
        assert_is_whole(&open(folder.path(), to));
    }
}

#[test]
fn a_conversion_that_was_stopped_is_begun_again_or_finished() {
    for from in BOTH {
        let (folder, to) = (prepared(from), other(from));
        let place = |name: &str| folder.path().join(name);
        let [old, new] = [from, to].map(|kind| format!("store.{}", kind.name()));
        // Stopped while it copied.
        match to {
            EngineKind::Redb => fs::write(place("store.redb.new"), b"half of a file").unwrap(),
            _ => {
                fs::create_dir(place("store.sled.new")).unwrap();
                fs::write(place("store.sled.new/db"), b"half of a file").unwrap();
            }
        }
        assert_is_whole(&open(folder.path(), from));
        convert(&options(folder.path(), to), &mut |_, _| {}).unwrap();

        // Stopped between the two names.
        fs::rename(place(&new), place(&format!("{new}.new"))).unwrap();
        fs::remove_file(place("head")).unwrap();
        for kind in BOTH {
            assert!(matches!(refusal(options(folder.path(), kind)), OpenError::HalfConverted(_)));
        }
        let mut wrong = options(folder.path(), to);
        wrong.key = Arc::new(FixedKey::new([9; 32]));
        assert!(matches!(convert(&wrong, &mut |_, _| {}), Err(OpenError::WrongKey(_))));
        convert(&options(folder.path(), to), &mut |_, _| {}).unwrap();
        assert_is_whole(&open(folder.path(), to));
        assert!(!place(&old).exists());
    }
}

#[test]
fn a_conversion_is_refused_where_opening_is_and_where_there_are_two_stores() {
    let folder = prepared(EngineKind::Redb);
    let sled = || options(folder.path(), EngineKind::Sled);
    let try_it = |options: &OpenOptions| {
        let before = files(&options.state);
        let error = convert(options, &mut |_, _| {}).unwrap_err();
        assert!(before == files(&options.state), "touched: {error}");
        error
    };
    let wrong = OpenOptions { key: Arc::new(FixedKey::new([9; 32])), ..sled() };
    assert!(matches!(try_it(&wrong), OpenError::WrongKey(_)));
    let store = open(folder.path(), EngineKind::Redb);
    assert!(matches!(try_it(&sled()), OpenError::InUse(_)));
    store.close();
    fs::create_dir(folder.path().join("store.sled")).unwrap();
    assert!(matches!(try_it(&sled()), OpenError::Occupied(_)));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(try_it(&options(empty.path(), EngineKind::Sled)), OpenError::Missing(_)));
}

#[test]
fn a_backup_of_one_engine_is_restored_into_any() {
    for from in BOTH {
        let folder = prepared(from);
        let store = open(folder.path(), from);
        let mut backup = Vec::new();
        let made = store.backup(&mut backup, &mut |_, _| {}).unwrap();
        store.close();
        for to in BOTH {
            let restored = tempfile::tempdir().unwrap();
            fs::copy(folder.path().join("root.key"), restored.path().join("root.key")).unwrap();
            let options = options(restored.path(), to);
            assert_eq!(restore(&mut backup.as_slice(), &options, None, &mut |_, _| {}).unwrap(), made);
            assert!(shared(rows(folder.path(), from)) == shared(rows(restored.path(), to)));
            assert_is_whole(&open(restored.path(), to));
            let again = restore(&mut backup.as_slice(), &options, None, &mut |_, _| {});
            assert!(again.is_err(), "nothing is overwritten");
            let other = OpenOptions { engine: other(to), ..options };
            let beside = restore(&mut backup.as_slice(), &other, None, &mut |_, _| {});
            assert!(beside.is_err(), "nor is a second store made");
        }
    }
}

#[test]
fn a_dropped_tenant_leaves_nothing_of_its_large_values_in_a_sled_store() {
    let folder = prepared(EngineKind::Sled);
    let store = open(folder.path(), EngineKind::Sled);
    block_on(store.drop_tenant(tenant(1))).unwrap();
    store.close();
    let raw = sled::open(folder.path().join("store.sled")).unwrap();
    assert_eq!(raw.scan_prefix([1; 16]).count(), 0);
}

#[test]
fn no_row_of_a_sled_store_is_too_large_for_a_page() {
    let folder = prepared(EngineKind::Sled);
    let raw = sled::open(folder.path().join("store.sled")).unwrap();
    let sizes = raw.iter().map(|row| row.map(|(place, value)| place.len() + value.len()).unwrap());
    assert!(sizes.max().unwrap() <= 4 << 10);
    assert!(fs::read_dir(folder.path().join("store.sled/blobs")).unwrap().next().is_none());
}

#[test]
fn a_sled_backup_under_writes_is_of_one_state() {
    let folder = prepared(EngineKind::Sled);
    let store = open(folder.path(), EngineKind::Sled);
    let writer = store.tenant(tenant(1)).unwrap();
    let (mut file, mut written) = (Vec::new(), 0_u32);
    // Between two pages of the copy, rows before and behind it change.
    let made = store.backup(&mut file, &mut |_, _| {
        for name in [b"\0".as_slice(), b"1 MiB", b"10 KB", b"zzz"] {
            written += 1;
            let log = announce(&writer, 1, &written.to_be_bytes());
            block_on(writer.commit(put(&writer, name, &written.to_be_bytes()).log(log))).unwrap();
        }
    });
    assert!(written > 0);
    let restored = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("root.key"), restored.path().join("root.key")).unwrap();
    let options = options(restored.path(), EngineKind::Sled);
    assert_eq!(restore(&mut file.as_slice(), &options, None, &mut |_, _| {}).unwrap(), made.unwrap());
    let copied = Store::open(options).unwrap();
    assert_is_whole(&copied);
    let old = copied.tenant(tenant(1)).unwrap();
    assert_eq!(value(&old, b"\0"), Some(vec![0; 900]), "as it was before");
    assert_eq!(value(&old, b"zzz"), None);
    assert_eq!(value(&writer, b"zzz").unwrap(), written.to_be_bytes());
}
