//! The folders of the root are exactly the known ones.

use crate::Tree;

const REQUIRED: [&str; 6] = ["caldav/", "connectors/", "daemon/", "etc/", "packaging/", "tests/"];
const ALLOWED: [&str; 4] = [".ci/", ".git/", "target/", "var/"];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let missing = REQUIRED.iter().filter(|name| !tree.top.iter().any(|t| t == *name));
    let stray = tree
        .top
        .iter()
        .filter(|t| t.ends_with('/') && !REQUIRED.contains(&t.as_str()) && !ALLOWED.contains(&t.as_str()));
    missing
        .map(|name| format!("{name}: the folder is missing"))
        .chain(stray.map(|name| format!("{name}: a folder that has no place in the root")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_and_a_missing_folder_are_named() {
        let mut tree = Tree { top: REQUIRED.map(str::to_owned).to_vec(), ..Tree::default() };
        tree.top.push("README.md".into());
        assert!(check(&tree).is_empty());
        tree.top[0] = "scripts/".into();
        assert_eq!(check(&tree).len(), 2);
    }
}
