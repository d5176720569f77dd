//! The sample configuration names each key once, and says of each what it does.

use std::collections::HashSet;

use crate::Tree;

const SAMPLE: &str = "etc/almanac.toml";

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let Some(file) = tree.file(SAMPLE) else { return vec![format!("{SAMPLE}: the file is missing")] };
    let mut complaints = Vec::new();
    let mut seen = HashSet::new();
    let mut section = String::new();
    let mut described = false;
    for (n, line) in file.text.lines().enumerate() {
        let line = line.trim();
        let bare = line.strip_prefix("#: ").unwrap_or(line);
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some(key) = key(line) {
            if !seen.insert(format!("{section}{key}")) {
                complaints.push(format!("{SAMPLE}:{}: {section}{key} is there twice", n + 1));
            }
            if !described && !line.contains(" # ") {
                complaints.push(format!("{SAMPLE}:{}: {section}{key} has no comment", n + 1));
            }
            described = line.starts_with("#: ") && described; // one comment may stand above both keys of a pair
        } else {
            described = line.starts_with('#');
        }
    }
    complaints
}

/// The key of an assignment, also of one that is commented out because it has no default.
fn key(line: &str) -> Option<&str> {
    let line = line.strip_prefix("#: ").unwrap_or(line);
    let (key, _) = line.split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn complaints(text: &str) -> usize {
        check(&Tree { files: vec![File { path: SAMPLE.into(), text: text.into() }], ..Tree::default() }).len()
    }

    #[test]
    fn a_key_twice_or_without_a_word_is_found() {
        assert_eq!(
            complaints("# What it is.\na = 1\n[s]\n# Here too.\na = 2\n# b stays off.\n#: b = 3\n"),
            0
        );
        assert_eq!(complaints("a = 1\n"), 1);
        assert_eq!(complaints("# One.\na = 1\n# Two.\n#: a = 1\n"), 1);
    }
}
