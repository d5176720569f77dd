//! A file holds one idea, so it stays short.

use crate::Tree;

/// Lines of a Rust file without its unit tests.
const LINES_MAX: usize = 600;

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(file, _)| !file.path.contains("/tests/")) // a crate's integration tests
        .map(|(file, _)| (&file.path, file.product_lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines, at most {LINES_MAX} (without tests)"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    #[test]
    fn unit_tests_do_not_count_and_the_line_too_many_does() {
        let long = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(600), "y\n".repeat(600));
        let tree = |text: &str| Tree {
            files: vec![File { path: "a.rs".into(), text: text.into() }],
            ..Tree::default()
        };
        assert!(check(&tree(&long)).is_empty());
        assert_eq!(check(&tree(&format!("x\n{long}"))).len(), 1);
        let early = format!("#[cfg(test)]\nmod tests;\n{}", "x\n".repeat(599));
        assert_eq!(check(&tree(&early)).len(), 1, "tests in another file end nothing");
        let table = File { path: "daemon/a/tests/a.rs".into(), text: "x\n".repeat(601) };
        assert!(check(&Tree { files: vec![table], ..Tree::default() }).is_empty());
    }
}
