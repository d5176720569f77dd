//! The root key is changed while the store is used: everything stays readable, whatever cuts it off, and the key before
//! opens nothing any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use almanac_base::{StoreId, TenantId};
use almanac_store::backup::{BackupError, restore, verify};
use almanac_store::convert::convert;
use almanac_store::engine::sled::SledTuning;
use almanac_store::{
    EngineKind, FileKey, Kept, KeyError, KeyProvider, KeyWish, OpenError, OpenOptions, Passphrase,
    PassphraseKey, RootError, RootKey, Space, Store, Tuning,
};
use proptest::prelude::*;

use crate::common::{self, block_on, chmod, put, row_key, rows, tenant, value};
use crate::layer::watched;
use crate::moments::{Moments, Writes};

const TENANTS: u8 = 3;
/// Small, so that keys begin again and again.
const SEALS_PER_KEY: u64 = 5;

fn options(folder: &Path, engine: EngineKind) -> OpenOptions {
    OpenOptions { engine, ..common::options(folder) }
}

pub(crate) fn try_open(options: OpenOptions) -> Result<Store, OpenError> {
    Store::open_tuned(options, &Tuning { seals_per_key_max: SEALS_PER_KEY, ..Tuning::default() })
}

fn open(folder: &Path, engine: EngineKind) -> Store {
    try_open(options(folder, engine)).unwrap()
}

/// Tenants with some keys each.
pub(crate) fn fill(store: &Store) {
    for number in 1..=TENANTS {
        let one = block_on(store.create_tenant(tenant(number))).unwrap();
        for key in 0..12 {
            block_on(one.commit(put(&one, &[key], &[number, key]))).unwrap();
        }
    }
}

pub(crate) fn check(store: &Store) {
    for number in 1..=TENANTS {
        let one = store.tenant(tenant(number)).unwrap();
        assert!((0..12).all(|key| value(&one, &[key]) == Some(vec![number, key])), "tenant {number}");
    }
    assert!(store.verify(&mut |_, _| {}).unwrap().is_sound());
}

/// The root keys that wrapped keys name, in a closed redb store.
fn wrapped_by(folder: &Path) -> BTreeSet<Vec<u8>> {
    let named = |(row, stored): (Vec<u8>, Vec<u8>)| {
        let (space, key) = (row.get(16).copied(), row.len().saturating_sub(17));
        let wrapped = space == Some(Space::Tenants as u8) || (space == Some(Space::Keys as u8) && key == 16);
        wrapped.then(|| stored[17..33].to_vec())
    };
    rows(folder).into_iter().filter_map(named).collect()
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("root.key")
}

pub(crate) fn pending(folder: &Path) -> bool {
    folder.join("root.pending").exists()
}

pub(crate) fn root(key: u8) -> RootKey {
    RootKey::from_bytes(&mut [key; 32])
}

#[test]
fn a_new_root_key_wraps_everything_anew_and_the_one_before_opens_nothing() {
    for engine in [EngineKind::Redb, EngineKind::Sled] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), engine);
        fill(&store);
        let (before, life) = (fs::read(key_file(folder.path())).unwrap(), store.incarnation());
        let done = store.rotate_root(None).unwrap();
        // The system tenant has no epoch; the others have three each.
        assert_eq!(done.rewrapped, 1 + u64::from(TENANTS) * (1 + 3));
        let Kept::In(kept) = done.kept else { panic!("{:?}", done.kept) };
        assert_eq!(fs::read(&kept).unwrap(), before);
        check(&store);
        drop(store);
        check(&open(folder.path(), engine));
        assert_eq!(open(folder.path(), engine).incarnation(), life, "clients need not notice");
        assert!(!folder.path().join("root.pending").exists());

        let mut old = options(folder.path(), engine);
        old.key = Arc::new(FileKey { path: kept });
        let error = try_open(old.clone()).err().unwrap();
        assert!(matches!(error, OpenError::KeyBefore(_)), "{error}");
        open(folder.path(), engine).rotate_root(None).unwrap();
        assert!(matches!(try_open(old), Err(OpenError::WrongKey(_))), "two keys ago");
        check(&open(folder.path(), engine));
    }
}

#[test]
fn every_wrapped_key_names_the_new_root_key_and_the_old_one_does_not_open_a_forged_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), EngineKind::Redb);
    fill(&store);
    drop(store);
    let before = wrapped_by(folder.path());
    let format = row_key(TenantId::from_bytes([0; 16]), Space::Format, b"store");
    let old_format = rows(folder.path())[&format].clone();
    let store = open(folder.path(), EngineKind::Redb);
    let Kept::In(kept) = store.rotate_root(None).unwrap().kept else { panic!() };
    drop(store);
    let after = wrapped_by(folder.path());
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    // Whoever has the old key says in the store that it still rules: no tenant opens.
    common::forge(folder.path(), &[(format, old_format)]);
    fs::remove_file(folder.path().join("head")).unwrap();
    let mut options = options(folder.path(), EngineKind::Redb);
    options.key = Arc::new(FileKey { path: kept });
    assert!(matches!(try_open(options), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_store_of_the_first_version_gets_another_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    for name in ["store.redb", "head", "root.key"] {
        fs::copy(fixture.join(name), folder.path().join(name)).unwrap();
        chmod(&folder.path().join(name), 0o600);
    }
    let store = open(folder.path(), EngineKind::Redb);
    assert!(store.rotate_root(None).unwrap().rewrapped > 0);
    drop(store);
    let names = wrapped_by(folder.path());
    assert!(names.len() == 1 && !names.contains(b"root wrap key v1".as_slice()));
    let one = open(folder.path(), EngineKind::Redb).tenant(tenant(1)).unwrap();
    drop(one);
}

#[test]
fn nothing_is_missed_while_tenants_come_and_go_and_keys_begin() {
    for engine in [EngineKind::Redb, EngineKind::Sled] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), engine);
        fill(&store);
        let stop = AtomicBool::new(false);
        let until_stopped = |mut work: Box<dyn FnMut(u8) + Send>| {
            for number in (0..=u8::MAX).cycle() {
                work(number);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            let (store, until_stopped) = (&store, &until_stopped);
            for lane in 1..=TENANTS {
                scope.spawn(move || {
                    let one = store.tenant(tenant(lane)).unwrap();
                    until_stopped(Box::new(move |number| {
                        block_on(one.commit(put(&one, &[100, number], &[number]))).unwrap();
                        assert_eq!(value(&one, &[100, number]), Some(vec![number]));
                    }));
                });
            }
            scope.spawn(move || {
                until_stopped(Box::new(move |number| {
                    let fresh = block_on(store.create_tenant(tenant(100 + number % 100))).unwrap();
                    block_on(fresh.commit(put(&fresh, b"k", b"v"))).unwrap();
                    if number % 2 == 0 || number >= 100 {
                        block_on(store.drop_tenant(fresh.id())).unwrap();
                    }
                    if number % 100 == 99 {
                        (0..100).for_each(|n| block_on(store.drop_tenant(tenant(100 + n))).unwrap());
                    }
                }));
            });
            scope.spawn(move || {
                let one = store.tenant(tenant(1)).unwrap();
                until_stopped(Box::new(move |_| {
                    block_on(one.rotate_key(&|_| {})).unwrap();
                }));
            });
            scope.spawn(move || {
                until_stopped(Box::new(move |_| {
                    store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap();
                }));
            });
            for _ in 0..6 {
                store.rotate_root(None).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        store.rotate_root(None).unwrap();
        check(&store);
        let tenants = store.tenants();
        drop(store);
        // Only the last key is there: what opens is wrapped by it.
        let store = open(folder.path(), engine);
        assert_eq!(store.tenants(), tenants);
        check(&store);
    }
}

/// A provider of a key file that keeps a moment before and after it changes anything.
struct Watched(FileKey, Moments, PathBuf);

impl KeyProvider for Watched {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        self.1.keep(&self.2);
        self.0.load(wish)
    }

    fn keep(&self) -> Result<Kept, KeyError> {
        let kept = self.0.keep();
        self.1.keep(&self.2);
        kept
    }

    fn replace(&self, new: &RootKey) -> Result<(), KeyError> {
        self.1.keep(&self.2);
        let replaced = self.0.replace(new);
        self.1.keep(&self.2);
        replaced
    }
}

/// A provider of a key file that links what the store has written down to another name before the key is replaced.
struct Linking(FileKey, PathBuf);

impl KeyProvider for Linking {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        self.0.load(wish)
    }

    fn keep(&self) -> Result<Kept, KeyError> {
        self.0.keep()
    }

    fn replace(&self, new: &RootKey) -> Result<(), KeyError> {
        fs::hard_link(self.1.join("root.pending"), self.1.join("link")).unwrap();
        assert!(fs::read(self.1.join("link")).unwrap().starts_with(b"ALMNEXT"));
        self.0.replace(new)
    }
}

#[test]
fn the_new_key_sealed_by_the_one_before_is_overwritten_and_not_merely_removed() {
    let folder = tempfile::tempdir().unwrap();
    let key = Linking(FileKey { path: key_file(folder.path()) }, folder.path().into());
    let store =
        try_open(OpenOptions { key: Arc::new(key), ..options(folder.path(), EngineKind::Redb) }).unwrap();
    store.rotate_root(None).unwrap();
    assert!(!pending(folder.path()));
    assert_eq!(fs::read(folder.path().join("link")).unwrap(), [0; 128]);
}

/// What a change of the root key leaves on the disk at each of its moments.
fn moments_of_a_change(engine: EngineKind) -> (Vec<tempfile::TempDir>, StoreId) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), engine);
    fill(&store);
    let life = store.incarnation();
    drop(store);
    let moments = Moments::default();
    let sled = SledTuning { sync: moments.sync(folder.path()), ..SledTuning::default() };
    let tuning = Tuning { medium: moments.medium(Writes::Keep), sled, ..Tuning::default() };
    let mut watched = options(folder.path(), engine);
    let key = FileKey { path: key_file(folder.path()) };
    watched.key = Arc::new(Watched(key, moments.clone(), folder.path().into()));
    let store = Store::open_tuned(watched, &tuning).unwrap();
    moments.all().clear();
    store.rotate_root(None).unwrap();
    let kept = std::mem::take(&mut *moments.all());
    (kept, life)
}

/// Opens each of the moments as the next start does; it finishes what was begun.
fn are_made_good(engine: EngineKind, kept: &[tempfile::TempDir], life: StoreId) {
    let (mut begun, mut keys) = (0, BTreeSet::new());
    for (number, moment) in kept.iter().enumerate() {
        let folder = moment.path();
        begun += usize::from(folder.join("root.pending").exists());
        let store = try_open(options(folder, engine))
            .unwrap_or_else(|error| panic!("moment {number} of {}: {error}", kept.len()));
        assert_eq!(store.incarnation(), life, "moment {number}: the mark and the store agree");
        check(&store);
        drop(store);
        assert!(!folder.join("root.pending").exists(), "moment {number}: finished");
        keys.insert(fs::read(key_file(folder)).unwrap());
        drop(open(folder, engine)); // with one key only
    }
    assert!(begun > 5 && begun < kept.len(), "{begun} of {} moments", kept.len());
    assert_eq!(keys.len(), 2, "the old key before the change was written down, then the new one");
}

#[test]
fn a_stop_at_every_write_and_sync_and_step_is_made_good_by_the_next_start() {
    let (kept, life) = moments_of_a_change(EngineKind::Redb);
    assert!(kept.len() > 25, "{} moments", kept.len());
    are_made_good(EngineKind::Redb, &kept, life);
    assert!(kept.iter().all(|moment| wrapped_by(moment.path()).len() == 1));
}

#[test]
fn a_stop_at_every_sync_and_step_is_made_good_by_the_next_start_with_sled() {
    let (kept, life) = moments_of_a_change(EngineKind::Sled);
    are_made_good(EngineKind::Sled, &kept, life);
}

/// A provider of a key file whose steps fail as long as there is something with their name in a folder.
struct Hindered(FileKey, PathBuf);

impl Hindered {
    fn step(&self, name: &str) -> Result<(), KeyError> {
        let path = self.1.join(name);
        if path.exists() {
            Err(KeyError::Io { path, source: std::io::ErrorKind::StorageFull.into() })
        } else {
            Ok(())
        }
    }
}

impl KeyProvider for Hindered {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        self.0.load(wish)
    }

    fn keep(&self) -> Result<Kept, KeyError> {
        self.step("keep")?;
        self.0.keep()
    }

    fn replace(&self, new: &RootKey) -> Result<(), KeyError> {
        self.step("replace")?;
        self.0.replace(new)
    }
}

#[test]
fn a_step_that_fails_leaves_a_store_that_serves_and_the_next_call_finishes_it() {
    for engine in [EngineKind::Redb, EngineKind::Sled] {
        for obstacle in ["keep", "root.pending.new", "store.sled/almanac.new", "head.new", "replace"] {
            if obstacle.contains('/') && engine == EngineKind::Redb {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let key = Hindered(FileKey { path: key_file(folder.path()) }, folder.path().into());
            let hindered = OpenOptions { key: Arc::new(key), ..options(folder.path(), engine) };
            let store = try_open(hindered).unwrap();
            fill(&store);
            let way = folder.path().join(obstacle);
            let full = if obstacle == "head.new" { way.clone() } else { way.join("full") };
            fs::create_dir_all(&full).unwrap();
            let error = store.rotate_root(None).unwrap_err();
            check(&store);
            // Before the change is written down nothing has happened; afterwards no backup is half of it.
            let begun = !matches!(obstacle, "keep" | "root.pending.new");
            let backup = store.backup(&mut std::io::sink(), &mut |_, _| {});
            assert_eq!(matches!(backup, Err(BackupError::KeyUnfinished)), begun, "{obstacle}: {error}");
            let fresh = block_on(store.create_tenant(tenant(77))).unwrap();
            block_on(fresh.commit(put(&fresh, b"k", b"v"))).unwrap();
            fs::remove_dir_all(&way).unwrap();
            if obstacle == "head.new" {
                drop(store); // a start finishes it as well
                let store = open(folder.path(), engine);
                check(&store);
                store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap();
                continue;
            }
            drop(fresh);
            store.rotate_root(None).unwrap();
            store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap();
            drop(store);
            let store = open(folder.path(), engine);
            check(&store);
            assert!(store.tenant(tenant(77)).is_some(), "{obstacle}");
        }
    }
}

#[test]
fn a_root_key_behind_a_passphrase_is_changed_under_the_same_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = folder.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery").unwrap();
    chmod(&passphrase, 0o600);
    let key = |name: &str| PassphraseKey {
        wrapped: folder.path().join(name),
        passphrase: Passphrase::File(passphrase.clone()),
    };
    let mut options = options(folder.path(), EngineKind::Redb);
    options.key = Arc::new(key("root.wrapped"));
    let store = try_open(options.clone()).unwrap();
    fill(&store);
    let Kept::In(kept) = store.rotate_root(None).unwrap().kept else { panic!() };
    drop(store);
    check(&try_open(options.clone()).unwrap());
    options.key = Arc::new(key(kept.file_name().unwrap().to_str().unwrap()));
    assert!(matches!(try_open(options), Err(OpenError::KeyBefore(_))));
}

#[test]
fn a_backup_under_the_key_before_is_restored_with_it_under_the_present_one() {
    for engine in [EngineKind::Redb, EngineKind::Sled] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(from.path(), engine);
        fill(&store);
        let mut file = Vec::new();
        store.backup(&mut file, &mut |_, _| {}).unwrap();
        let Kept::In(kept) = store.rotate_root(None).unwrap().kept else { panic!() };
        let mut later = Vec::new();
        store.backup(&mut later, &mut |_, _| {}).unwrap();
        drop(store);
        fs::copy(key_file(from.path()), key_file(to.path())).unwrap();
        let wanted = options(to.path(), engine);
        let restored =
            |file: &[u8], key: Option<&RootKey>| restore(&mut &*file, &wanted, key, &mut |_, _| {});
        assert!(matches!(restored(&file, None), Err(BackupError::WrongKey)));
        let old = FileKey { path: kept }.load(KeyWish::Existing).unwrap();
        assert!(matches!(restored(&later, Some(&old)), Err(BackupError::WrongKey)));
        verify(&mut file.as_slice(), &old, &mut |_, _| {}).unwrap();
        restored(&file, Some(&old)).unwrap();
        check(&open(to.path(), engine)); // only the present key is here

        // Into a folder without any key, the store gets a new one.
        let elsewhere = tempfile::tempdir().unwrap();
        restore(&mut file.as_slice(), &options(elsewhere.path(), engine), Some(&old), &mut |_, _| {})
            .unwrap();
        check(&open(elsewhere.path(), engine));
        assert_ne!(fs::read(key_file(elsewhere.path())).unwrap(), fs::read(key_file(to.path())).unwrap());
    }
}

#[test]
fn a_store_in_memory_gets_another_root_key_too() {
    let (store, one) = common::in_memory();
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    assert_eq!(store.rotate_root(Some(root(2))).unwrap().rewrapped, 3);
    assert_eq!(value(&one, b"k"), Some(b"v".to_vec()));
}

/// What happens to a store.
#[derive(Debug, Clone)]
enum Step {
    Write(u8, u8),
    Make(u8),
    Drop(u8),
    RotateTenant(u8),
    RotateRoot,
    /// The mark cannot be written: the change stops in the middle.
    RotateRootCutOff,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tenants = 1..4_u8;
    let step = prop_oneof![
        4 => (tenants.clone(), any::<u8>()).prop_map(|(tenant, value)| Step::Write(tenant, value)),
        2 => tenants.clone().prop_map(Step::Make),
        1 => tenants.clone().prop_map(Step::Drop),
        1 => tenants.prop_map(Step::RotateTenant),
        2 => Just(Step::RotateRoot),
        2 => Just(Step::RotateRootCutOff),
        2 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_everything_stays_readable(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), EngineKind::Redb);
        let mut expected = BTreeMap::<u8, Vec<u8>>::new();
        let obstacle = folder.path().join("head.new");
        for step in steps {
            match step {
                Step::Write(number, value) => if let Some(values) = expected.get_mut(&number) {
                    let one = store.tenant(tenant(number)).unwrap();
                    block_on(one.commit(put(&one, &[values.len() as u8], &[value]))).unwrap();
                    values.push(value);
                },
                Step::Make(number) => if block_on(store.create_tenant(tenant(number))).is_ok() {
                    expected.insert(number, Vec::new());
                },
                Step::Drop(number) => {
                    block_on(store.drop_tenant(tenant(number))).unwrap();
                    expected.remove(&number);
                }
                Step::RotateTenant(number) => if let Some(one) = store.tenant(tenant(number)) {
                    block_on(one.rotate_key(&|_| {})).unwrap();
                },
                Step::RotateRoot => _ = store.rotate_root(None).unwrap(),
                Step::RotateRootCutOff => {
                    fs::create_dir(&obstacle).unwrap();
                    prop_assert!(store.rotate_root(None).is_err());
                    fs::remove_dir(&obstacle).unwrap();
                }
                Step::Restart => {
                    drop(store);
                    store = open(folder.path(), EngineKind::Redb);
                    prop_assert!(!folder.path().join("root.pending").exists());
                }
            }
            for (number, values) in &expected {
                let one = store.tenant(tenant(*number)).unwrap();
                let found: Vec<_> = (0..values.len()).map(|key| value(&one, &[key as u8]).unwrap()[0]).collect();
                prop_assert_eq!(&found, values);
            }
        }
        store.rotate_root(None).unwrap();
        drop(store);
        let store = open(folder.path(), EngineKind::Redb);
        let tenants: Vec<_> = expected.keys().map(|number| tenant(*number)).collect();
        prop_assert_eq!(store.tenants(), tenants);
        drop(store);
        prop_assert_eq!(wrapped_by(folder.path()).len(), 1);
    }
}

#[test]
fn a_store_whose_change_was_cut_off_moves_to_the_other_engine_and_the_change_is_finished_there() {
    for (engine, other) in [(EngineKind::Redb, EngineKind::Sled), (EngineKind::Sled, EngineKind::Redb)] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), engine);
        fill(&store);
        fs::create_dir(folder.path().join("head.new")).unwrap();
        store.rotate_root(None).unwrap_err();
        drop(store);
        fs::remove_dir(folder.path().join("head.new")).unwrap();
        convert(&options(folder.path(), other), &mut |_, _| {}).unwrap();
        assert!(folder.path().join("root.pending").exists());
        check(&open(folder.path(), other));
        assert!(!folder.path().join("root.pending").exists());
        check(&open(folder.path(), other));
    }
}

#[test]
fn a_key_that_is_on_its_way_while_the_root_key_changes_is_wrapped_by_the_new_one() {
    let (store, layer) = watched();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    // The first write of a tenant brings the row of its first key along.
    layer.hold(Some(tenant(1)));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| block_on(one.commit(put(&one, b"k", b"v"))));
        while layer.waiting() == 0 {
            std::thread::yield_now();
        }
        let rotating = scope.spawn(|| store.rotate_root(None));
        // A change that does not wait for the write has the time to be over before it.
        (0..10_000).take_while(|_| !rotating.is_finished()).for_each(|_| std::thread::yield_now());
        layer.hold(None);
        writing.join().unwrap().unwrap();
        rotating.join().unwrap().unwrap();
    });
    // One more: the key that wrapped before the last one is not known any more.
    store.rotate_root(None).unwrap();
    assert_eq!(value(&one, b"k"), Some(b"v".to_vec()));
}

#[test]
fn a_key_file_that_cannot_be_replaced_is_said_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    // No name beside this one is short enough: nothing can be written there.
    let path = folder.path().join("k".repeat(250));
    fs::write(&path, "0123456789abcdef".repeat(4)).unwrap();
    chmod(&path, 0o600);
    let key = Arc::new(FileKey { path });
    let options = OpenOptions { key, ..options(folder.path(), EngineKind::Redb) };
    let store = try_open(options.clone()).unwrap();
    fill(&store);
    let error = store.rotate_root(None).unwrap_err();
    assert!(matches!(error, RootError::Key(KeyError::Io { .. })), "{error}");
    assert!(!pending(folder.path()));
    store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap();
    drop(store);
    check(&try_open(options).unwrap());
}
