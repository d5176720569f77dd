//! The tree this test stands in is tidy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

#[test]
fn the_tree_keeps_its_own_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = almanac_tidy::Tree::read(&root).unwrap();
    assert!(tree.packages.len() > 5 && tree.files.len() > 50, "the tree was read");
    let complaints = almanac_tidy::check(&tree);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
