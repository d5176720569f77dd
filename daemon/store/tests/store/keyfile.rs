//! The root key's file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use almanac_store::{FileKey, KeyError, KeyProvider, KeyWish};

use crate::common::{chmod, open};

fn key_in(folder: &tempfile::TempDir) -> FileKey {
    FileKey { path: folder.path().join("root.key") }
}

#[test]
fn a_new_key_is_private_and_another_each_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&one, &two] {
        key_in(folder).load(KeyWish::MayCreate).unwrap();
        let mode = fs::metadata(key_in(folder).path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }
    let texts = [&one, &two].map(|folder| fs::read_to_string(key_in(folder).path).unwrap());
    assert_ne!(texts[0], texts[1]);
    assert!(texts[0].len() == 65 && texts[0].trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn a_key_that_is_there_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    key_in(&folder).load(KeyWish::MayCreate).unwrap();
    let text = fs::read(key_in(&folder).path).unwrap();
    key_in(&folder).load(KeyWish::MayCreate).unwrap();
    assert_eq!(fs::read(key_in(&folder).path).unwrap(), text);
}

#[test]
fn an_existing_store_gets_no_new_key() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(key_in(&folder).load(KeyWish::Existing), Err(KeyError::Missing(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_others_can_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    key_in(&folder).load(KeyWish::MayCreate).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610] {
        chmod(&key_in(&folder).path, mode);
        let result = key_in(&folder).load(KeyWish::Existing);
        assert!(matches!(result, Err(KeyError::Exposed { mode: found, .. }) if found == mode), "{mode:o}");
    }
    for mode in [0o600, 0o400] {
        chmod(&key_in(&folder).path, mode);
        key_in(&folder).load(KeyWish::Existing).unwrap();
    }
}

#[test]
fn what_is_not_a_key_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let good = "0123456789abcdefABCDEF0123456789".repeat(2);
    for (text, valid) in [
        (good.clone(), true),
        (format!("  {good}\r\n"), true),
        (String::new(), false),
        (good[1..].to_owned(), false),
        (format!("{good}0"), false),
        (format!("+{}", &good[1..]), false),
        (format!("g{}", &good[1..]), false),
    ] {
        fs::write(key_in(&folder).path, &text).unwrap();
        chmod(&key_in(&folder).path, 0o600);
        match key_in(&folder).load(KeyWish::Existing) {
            Ok(key) => {
                assert!(valid, "{text}");
                assert_eq!(format!("{key:?}"), "RootKey(..)");
            }
            Err(KeyError::Malformed(_)) => assert!(!valid, "{text}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_key_is_made_and_changed_beside_files_with_similar_names_which_stay() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["root.new", "root.key.new", "root"].map(|name| folder.path().join(name));
    others.iter().for_each(|path| fs::write(path, "of somebody else").unwrap());
    key_in(&folder).load(KeyWish::MayCreate).unwrap();
    let store = open(folder.path());
    store.rotate_root(None).unwrap();
    drop(store);
    drop(open(folder.path()));
    for path in others {
        assert_eq!(fs::read_to_string(&path).unwrap(), "of somebody else", "{}", path.display());
    }
    let names =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("new-")).count(), 0, "nothing else is left behind");
}
