//! Everything that is fetched comes from the public registries, by the clients' own defaults.

use crate::Tree;

/// Names that would tie the tree to one machine's mirror, or go around the lock file.
const FORBIDDEN: [&str; 5] =
    ["--index-url", "--extra-index-url", "--find-links", "static.crates.io", "files.pythonhosted.org"];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|f| !f.path.starts_with("tests/tidy/")) {
        for word in FORBIDDEN.iter().filter(|word| file.text.contains(**word)) {
            complaints.push(format!("{}: must not say {word}", file.path));
        }
        if file.path.ends_with("requirements.txt") {
            let loose =
                file.text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.contains("=="));
            complaints.extend(loose.map(|l| format!("{}: {l} has no exact version", file.path)));
        }
    }
    let lock = tree.file("Cargo.lock").map(|f| f.text.as_str()).unwrap_or_default();
    for line in lock.lines().filter_map(|l| l.strip_prefix("source = ")) {
        if line.trim_matches('"') != REGISTRY {
            complaints.push(format!("Cargo.lock: {line} is not the public registry"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    #[test]
    fn a_mirror_a_loose_version_and_a_foreign_source_are_found() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let tree = Tree {
            files: vec![
                file("a/requirements.txt", "# pinned\nkhal==1.0\nvdirsyncer>=0.21\n"),
                file("Makefile", "pip install --index-url x"),
                file("Cargo.lock", "source = \"git+https://example.invalid/x\"\n"),
            ],
            ..Tree::default()
        };
        assert_eq!(check(&tree).len(), 3, "{:?}", check(&tree));
    }
}
