//! Nothing that was written in plain text lies in any file of the store.

use std::fs;

use almanac_store::{IndexField, LogWrite, Space, Write};

use crate::common::{block_on, collection, open, tenant};

const MARKS: [&str; 5] = ["CanaryLogin", "CanaryUid", "CanaryHref", "CanarySummary", "canary@example.org"];

#[test]
fn no_mark_is_in_any_file_while_open_after_deletion_or_after_closing() {
    let folder = tempfile::tempdir().unwrap();
    let search = |moment: &str| {
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for mark in MARKS {
                let found = bytes.windows(mark.len()).any(|part| part.eq_ignore_ascii_case(mark.as_bytes()));
                assert!(!found, "{mark} in {} {moment}", path.display());
            }
        }
    };
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    let hash = |field, text: &str| one.keyed_hash(field, &[text.as_bytes()]);
    let object = hash(IndexField::Href, MARKS[2]);
    for round in 0..20_u8 {
        let version = one.new_version();
        let value = MARKS.concat().repeat(usize::from(round) + 1).into_bytes();
        let write = Write::new()
            .put(Space::Objects, object.as_slice(), version, value.clone())
            .put(Space::Index, hash(IndexField::Uid, MARKS[1]).as_slice(), version, value.clone())
            .put(Space::Credentials, hash(IndexField::Login, MARKS[0]).as_slice(), version, value.clone())
            .log(LogWrite { collection: collection(1), object, version, value });
        block_on(one.commit(write)).unwrap();
    }
    search("while open");
    block_on(one.commit(Write::new().delete(Space::Objects, object.as_slice()))).unwrap();
    search("after deletion");
    drop((one, store));
    search("after closing");
}
