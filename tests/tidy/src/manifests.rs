//! What stands in the root, what each crate's manifest says, and which C libraries come in.

use crate::Tree;

/// What a stranger looks for first.
const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "DECISIONS.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
];

/// All that a newcomer has to have; the first line of the README says so.
const PREREQUISITES: [&str; 3] = ["`git`", "`make`", "rustup"];

/// The toolchain, whole and as the manifest of the workspace shortens it.
const TOOLCHAIN: (&str, &str) = ("channel = \"1.95.0\"", "rust-version = \"1.95\"");

/// Bindings that need nothing installed: declarations of what the kernel or the browser has, or with their C inside.
const BINDINGS: [&str; 8] = [
    "core-foundation-sys",
    "inotify-sys",
    "js-sys",
    "kqueue-sys",
    "libmimalloc-sys",
    "linux-raw-sys",
    "windows-sys",
    "zstd-sys",
];

/// Bindings that need a library of the system, behind a feature that is off: the manifest, and its line that says so.
const OPTIONAL: [(&str, &str, &str); 1] =
    [("libsystemd-sys", "daemon/almanac/Cargo.toml", "\nsystemd = { workspace = true, optional = true }\n")];

/// Lines of every crate's manifest: the lints and the licence are those of the workspace.
const INHERITED: [&str; 2] = ["[lints]\nworkspace = true\n", "\nlicense.workspace = true\n"];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in DOCUMENTS.iter().filter(|name| tree.file(name).is_none()) {
        complaints.push(format!("{name}: the file is missing"));
    }
    let first = text(tree, "README.md").lines().next().unwrap_or_default();
    for word in PREREQUISITES.iter().filter(|word| !first.contains(**word)) {
        complaints.push(format!("README.md:1: does not name {word}"));
    }
    for (path, line) in [("rust-toolchain.toml", TOOLCHAIN.0), ("Cargo.toml", TOOLCHAIN.1)] {
        if !text(tree, path).contains(line) {
            complaints.push(format!("{path}: does not say {line}"));
        }
    }
    for (_, folder) in &tree.packages {
        let path = format!("{folder}/Cargo.toml");
        for line in INHERITED.iter().filter(|line| !text(tree, &path).contains(**line)) {
            complaints.push(format!("{path}: does not say {}", line.trim().replace('\n', " ")));
        }
    }
    let packages = text(tree, "Cargo.lock").lines().filter_map(|line| line.strip_prefix("name = "));
    let bindings = packages.map(|name| name.trim_matches('"')).filter(|name| name.ends_with("-sys"));
    let is_optional = |name: &str| {
        OPTIONAL.iter().any(|(optional, manifest, line)| {
            *optional == name
                && text(tree, manifest).contains(line)
                && !text(tree, manifest).contains("\ndefault =")
        })
    };
    for name in bindings.filter(|name| !BINDINGS.contains(name) && !is_optional(name)) {
        complaints.push(format!(
            "Cargo.lock: {name} may need a library of the system (tests/tidy/src/manifests.rs)"
        ));
    }
    complaints
}

fn text<'a>(tree: &'a Tree, path: &str) -> &'a str {
    tree.file(path).map_or("", |file| &file.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn tree() -> Tree {
        let mut files: Vec<File> =
            DOCUMENTS.map(|path| File { path: path.into(), text: String::new() }).to_vec();
        files[0].text = "You need `git`, `make` and rustup.\n".into();
        for (path, text) in [
            ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n"),
            ("Cargo.toml", "[workspace.package]\nrust-version = \"1.95\"\n"),
            ("daemon/a/Cargo.toml", "[package]\nlicense.workspace = true\n\n[lints]\nworkspace = true\n"),
            ("Cargo.lock", "name = \"linux-raw-sys\"\nname = \"ring\"\n"),
        ] {
            files.push(File { path: path.into(), text: text.into() });
        }
        Tree { files, packages: vec![("almanac-a".into(), "daemon/a".into())], ..Tree::default() }
    }

    #[test]
    fn a_tree_that_says_everything_is_clean_and_each_missing_word_is_found() {
        assert_eq!(check(&tree()), Vec::<String>::new());
        for (path, word) in [
            ("README.md", "rustup"),
            ("rust-toolchain.toml", "1.95.0"),
            ("Cargo.toml", "1.95"),
            ("daemon/a/Cargo.toml", "[lints]"),
            ("daemon/a/Cargo.toml", "license.workspace"),
        ] {
            let mut tree = tree();
            let file = tree.files.iter_mut().find(|file| file.path == path).unwrap();
            file.text = file.text.replace(word, "");
            assert_eq!(check(&tree).len(), 1, "{path} without {word}: {:?}", check(&tree));
        }
    }

    #[test]
    fn a_document_that_is_gone_and_a_library_of_the_system_are_found() {
        let mut tree = tree();
        tree.files.retain(|file| file.path != "LICENSE-MIT");
        tree.files.last_mut().unwrap().text.push_str("name = \"openssl-sys\"\n");
        assert_eq!(check(&tree).len(), 2, "{:?}", check(&tree));
    }

    #[test]
    fn a_library_of_the_system_may_stand_behind_a_feature_that_is_off() {
        let mut tree = tree();
        tree.files.last_mut().unwrap().text.push_str("name = \"libsystemd-sys\"\n");
        assert_eq!(check(&tree).len(), 1);
        let manifest = |text: &str| File { path: "daemon/almanac/Cargo.toml".into(), text: text.into() };
        tree.files.push(manifest("[dependencies]\nsystemd = { workspace = true, optional = true }\n"));
        assert_eq!(check(&tree), Vec::<String>::new());
        tree.files.last_mut().unwrap().text.push_str("[features]\ndefault = [\"systemd\"]\n");
        assert_eq!(check(&tree).len(), 1);
    }
}
