//! A first start that is stopped anywhere is made good by the next.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_store::{
    CreateMode, FileKey, KeyError, KeyProvider, KeyWish, OpenError, OpenOptions, RootKey, Store, Tuning,
};

use crate::common::{block_on, open, options, put, tenant, value};
use crate::moments::{Moments, Writes};

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
    let medium = moments.medium(Writes::Skip);
    let tuning = Tuning { medium, ..Tuning::default() };
    drop(Store::open_tuned(options(folder.path()), &tuning).unwrap());
    let kept = moments.all();
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
