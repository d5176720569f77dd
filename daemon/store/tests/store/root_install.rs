//! A new root key that the operator has to put into its place: until it is there, either key opens the store.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_store::backup::{restore, verify};
use almanac_store::{EngineKind, FixedKey, Kept, OpenError, OpenOptions, RootError};

use crate::common;
use crate::root_rotation::{check, fill, pending, root, try_open};

/// A key that the operator gives, as with a credential.
fn given(folder: &Path, key: u8) -> OpenOptions {
    OpenOptions {
        key: Arc::new(FixedKey::new([key; 32])),
        engine: EngineKind::Redb,
        ..common::options(folder)
    }
}

#[test]
fn a_key_that_the_operator_has_to_install_opens_the_store_beside_the_one_before_until_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = try_open(given(folder.path(), 1)).unwrap();
    fill(&store);
    assert!(matches!(store.rotate_root(None), Err(RootError::NoNextKey)));
    assert_eq!(store.rotate_root(Some(root(1))).unwrap().rewrapped, 0, "it is that one already");
    let done = store.rotate_root(Some(root(2))).unwrap();
    assert_eq!((done.rewrapped, done.kept), (13, Kept::ByOperator));
    for again in [Some(root(2)), None] {
        let done = store.rotate_root(again).unwrap();
        assert_eq!((done.rewrapped, done.kept), (0, Kept::ByOperator), "it is still to be installed");
    }
    let mut file = Vec::new();
    store.backup(&mut file, &mut |_, _| {}).unwrap();
    verify(&mut file.as_slice(), &root(2), &mut |_, _| {}).unwrap();
    drop(store);
    // The service manager starts it anew before the operator has installed anything.
    for _ in 0..2 {
        let store = try_open(given(folder.path(), 1)).unwrap();
        check(&store);
        assert!(pending(folder.path()));
        store.backup(&mut std::io::sink(), &mut |_, _| {}).unwrap();
    }
    check(&try_open(given(folder.path(), 2)).unwrap());
    assert!(!pending(folder.path()));
    let refused = try_open(given(folder.path(), 1)).err().unwrap();
    assert!(matches!(refused, OpenError::KeyBefore(_)) && refused.to_string().contains("almanac.root-key"));
    let store = try_open(given(folder.path(), 2)).unwrap();
    assert_eq!(store.rotate_root(Some(root(2))).unwrap().kept, Kept::Nowhere);
}

#[test]
fn a_new_key_that_was_lost_before_it_was_installed_gives_way_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = try_open(given(folder.path(), 1)).unwrap();
    fill(&store);
    fs::create_dir(folder.path().join("head.new")).unwrap();
    store.rotate_root(Some(root(2))).unwrap_err(); // cut off; the operator hears nothing of it
    drop(store);
    fs::remove_dir(folder.path().join("head.new")).unwrap();
    let store = try_open(given(folder.path(), 1)).unwrap();
    let done = store.rotate_root(Some(root(3))).unwrap();
    assert_eq!((done.rewrapped, done.kept), (13, Kept::ByOperator));
    let mut file = Vec::new();
    store.backup(&mut file, &mut |_, _| {}).unwrap();
    verify(&mut file.as_slice(), &root(3), &mut |_, _| {}).unwrap();
    drop(store);
    check(&try_open(given(folder.path(), 1)).unwrap());
    assert!(matches!(try_open(given(folder.path(), 2)), Err(OpenError::WrongKey(_))));
    check(&try_open(given(folder.path(), 3)).unwrap());
    assert!(matches!(try_open(given(folder.path(), 1)), Err(OpenError::KeyBefore(_))));
}

#[test]
fn a_key_that_gives_way_to_another_and_is_cut_off_there_leaves_a_store_that_the_given_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    let store = try_open(given(folder.path(), 1)).unwrap();
    fill(&store);
    store.rotate_root(Some(root(2))).unwrap();
    fs::create_dir(folder.path().join("head.new")).unwrap();
    store.rotate_root(Some(root(3))).unwrap_err();
    check(&store);
    drop(store);
    fs::remove_dir(folder.path().join("head.new")).unwrap();
    check(&try_open(given(folder.path(), 1)).unwrap());
    assert!(!pending(folder.path()), "it was taken back");
    assert!(matches!(try_open(given(folder.path(), 2)), Err(OpenError::KeyBefore(_))));
    let store = try_open(given(folder.path(), 1)).unwrap();
    assert_eq!(store.rotate_root(Some(root(3))).unwrap().kept, Kept::ByOperator);
}

#[test]
fn a_change_that_was_written_down_is_not_carried_out_on_another_store_and_not_lost() {
    for engine in [EngineKind::Redb, EngineKind::Sled] {
        let folder = tempfile::tempdir().unwrap();
        let here = || OpenOptions { engine, ..given(folder.path(), 1) };
        let store = try_open(here()).unwrap();
        fill(&store);
        let mut file = Vec::new();
        store.backup(&mut file, &mut |_, _| {}).unwrap();
        store.rotate_root(Some(root(2))).unwrap();
        drop(store);
        let (rows, head) = (format!("store.{}", engine.name()), folder.path().join("head"));
        fs::rename(folder.path().join(&rows), folder.path().join("away")).unwrap();
        fs::rename(&head, folder.path().join("head.away")).unwrap();
        let refused = try_open(here()).err().unwrap();
        assert!(refused.to_string().contains("root.pending"), "{refused}");
        let refused = restore(&mut file.as_slice(), &here(), None, &mut |_, _| {}).unwrap_err();
        assert!(refused.to_string().contains("root.pending"), "{refused}");

        fs::rename(folder.path().join("root.pending"), folder.path().join("pending.away")).unwrap();
        restore(&mut file.as_slice(), &here(), None, &mut |_, _| {}).unwrap();
        check(&try_open(here()).unwrap());
        let second = OpenOptions { engine, ..given(folder.path(), 2) };
        assert!(matches!(try_open(second), Err(OpenError::WrongKey(_))));
    }
}

#[test]
fn a_change_that_was_cut_off_is_finished_by_a_start_with_either_key() {
    for key in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let store = try_open(given(folder.path(), 1)).unwrap();
        fill(&store);
        fs::create_dir(folder.path().join("head.new")).unwrap();
        store.rotate_root(Some(root(2))).unwrap_err();
        assert!(matches!(store.rotate_root(Some(root(3))), Err(RootError::Unfinished)));
        drop(store);
        fs::remove_dir(folder.path().join("head.new")).unwrap();
        assert!(matches!(try_open(given(folder.path(), 9)), Err(OpenError::WrongKey(_))));
        check(&try_open(given(folder.path(), key)).unwrap());
        check(&try_open(given(folder.path(), 2)).unwrap());
        assert!(matches!(try_open(given(folder.path(), 1)), Err(OpenError::KeyBefore(_))));
    }
}
