//! A first start that is stopped anywhere is made good by the next.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use almanac_store::engine::redb::{Medium, file_medium};
use almanac_store::{
    CreateMode, FileKey, KeyError, KeyProvider, KeyWish, OpenError, OpenOptions, RootKey, Store, Tuning,
};
use redb::StorageBackend;

use crate::common::{block_on, open, options, put, tenant, value};

/// The state folder as it was at some moments: what a stop at that moment would have left.
#[derive(Clone, Default)]
struct Moments(Arc<Mutex<Vec<tempfile::TempDir>>>);

impl Moments {
    fn keep(&self, folder: &Path) {
        let kept = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), kept.path().join(entry.file_name())).unwrap();
        }
        self.0.lock().unwrap().push(kept);
    }
}

/// A file that keeps a moment before and after everything that makes it durable or changes its length.
#[derive(Debug)]
struct Kept {
    file: Box<dyn StorageBackend>,
    folder: PathBuf,
    moments: Moments,
}

impl std::fmt::Debug for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moments")
    }
}

impl StorageBackend for Kept {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.moments.keep(&self.folder);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.moments.keep(&self.folder);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()?;
        self.moments.keep(&self.folder);
        Ok(())
    }
}

/// A key provider that does something when the key of a new store was asked for: in the middle of the creation.
struct During<F>(FileKey, F);

impl<F: Fn() + Send + Sync> KeyProvider for During<F> {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        let key = self.0.load(wish);
        if wish == KeyWish::MayCreate {
            (self.1)();
        }
        key
    }
}

/// The next start after a stop succeeds, and so do those after it.
fn is_made_good(folder: &Path, moment: &str) {
    let store = Store::open(options(folder)).unwrap_or_else(|error| panic!("{moment}: {error}"));
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    let life = store.incarnation();
    drop((one, store));
    let store = open(folder);
    assert_eq!(store.incarnation(), life, "{moment}");
    assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"k").unwrap(), b"v", "{moment}");
    drop(store);
    let names: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted = ["head", "lock", "root.key", "store.redb"].map(String::from);
    assert_eq!(names, BTreeSet::from(wanted), "{moment}: nothing is left behind");
}

#[test]
fn a_stop_at_any_moment_at_which_the_rows_are_written_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let moments = Moments::default();
    let medium: Arc<Medium> = {
        let moments = moments.clone();
        Arc::new(move |path: &Path| {
            let folder = path.parent().unwrap().to_owned();
            moments.keep(&folder);
            let file = file_medium(path)?;
            moments.keep(&folder);
            Ok(Box::new(Kept { file, folder, moments: moments.clone() }) as _)
        })
    };
    let tuning = Tuning { medium, ..Tuning::default() };
    drop(Store::open_tuned(options(folder.path()), &tuning).unwrap());
    let kept = moments.0.lock().unwrap();
    assert!(kept.len() > 8, "only {} moments", kept.len());
    let named = kept.iter().filter(|moment| moment.path().join("store.redb").exists()).count();
    assert!(named > 0 && named < kept.len(), "before and after the rows have their name");
    for (number, moment) in kept.iter().enumerate() {
        is_made_good(moment.path(), &format!("moment {number} of {}", kept.len()));
    }
}

/// Puts a folder in the way of one step of a creation, so that it ends there; then takes it away again.
fn stopped_at(obstacle: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let way = folder.path().join(obstacle);
    let mut options: OpenOptions = options(folder.path());
    let key = FileKey { path: folder.path().join("root.key") };
    options.key = Arc::new(During(key, {
        let way = way.clone();
        move || fs::create_dir_all(way.join("full")).unwrap()
    }));
    let error = Store::open(options).err().unwrap();
    assert!(matches!(error, OpenError::Io { .. }), "{obstacle}: {error}");
    fs::remove_dir_all(way).unwrap();
    folder
}

#[test]
fn a_stop_before_the_rows_were_written_is_made_good() {
    let folder = stopped_at("store.new");
    is_made_good(folder.path(), "the key is there");
}

#[test]
fn a_stop_before_the_rows_have_their_name_is_made_good() {
    let folder = stopped_at("store.redb");
    assert!(folder.path().join("store.new").exists());
    is_made_good(folder.path(), "the rows are there, without their name");
}

#[test]
fn a_stop_before_the_mark_is_written_is_made_good() {
    let folder = stopped_at("head.new");
    assert!(folder.path().join("store.redb").exists());
    is_made_good(folder.path(), "the rows have their name, there is no mark");
}

#[test]
fn a_stop_before_the_mark_has_its_name_is_made_good() {
    let folder = stopped_at("head");
    assert!(folder.path().join("store.redb").exists() && folder.path().join("head.new").exists());
    is_made_good(folder.path(), "the rows have their name, the mark has none");
}

#[test]
fn where_another_process_is_making_the_store_it_is_in_use_and_not_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut only_existing = options(folder.path());
    only_existing.create = CreateMode::Never;
    assert!(matches!(Store::open(only_existing.clone()), Err(OpenError::Missing(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    // Held from the first moment of a making to its end.
    let maker = open(folder.path());
    fs::remove_file(folder.path().join("store.redb")).unwrap();
    assert!(matches!(Store::open(only_existing.clone()), Err(OpenError::InUse(_))));
    drop(maker);
    assert!(matches!(Store::open(only_existing), Err(OpenError::Missing(_))), "a lock alone is no store");
}
