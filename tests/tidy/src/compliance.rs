//! Each row of the tables of compliance and of pitfalls names tests that exist.

use std::collections::HashSet;

use crate::Tree;

const TABLES: [&str; 2] = ["caldav/COMPLIANCE.md", "connectors/PITFALLS.md"];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let tables = TABLES.iter().filter_map(|name| Some((*name, tree.file(name)?.text.as_str())));
    tables.flat_map(|(name, text)| check_table(tree, name, text)).collect()
}

fn check_table(tree: &Tree, name_of_table: &str, text: &str) -> Vec<String> {
    let functions: HashSet<&str> = tree.rust().flat_map(|(file, _)| test_names(&file.text)).collect();
    let mut complaints = Vec::new();
    let mut width = 0;
    for (n, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if !line.trim_start().starts_with('|') {
            width = 0;
            continue;
        }
        if width == 0 {
            width = cells.len();
        }
        if cells.len() != width {
            complaints.push(format!(
                "{name_of_table}:{}: {} cells, the table has {width}",
                n + 1,
                cells.len()
            ));
        }
        for name in cells.last().into_iter().flat_map(|cell| quoted(cell)) {
            let function = name.rsplit("::").next().unwrap_or(name);
            if function.contains('_') && !functions.contains(function) {
                complaints.push(format!("{name_of_table}:{}: there is no test {function}", n + 1));
            }
        }
    }
    complaints
}

/// The words between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of the functions that follow a test attribute.
fn test_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let attribute = line.starts_with("#[");
        if attribute {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test {
                names.extend(rest.split(['(', '<']).next());
            }
            is_test = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    #[test]
    fn a_row_that_names_no_test_is_found() {
        let code = "#[test]\nfn it_is_there() {}\nfn only_a_helper() {}\n";
        let table = "| s | state | test |\n|---|---|---|\n| 1 | yes | `wire::it_is_there` |\n| 2 | yes | `only_a_helper`, `it_is_gone` |\n| 3 | no |\n";
        let tree = Tree {
            files: vec![
                File { path: "a.rs".into(), text: code.into() },
                File { path: TABLES[1].into(), text: table.into() },
            ],
            ..Tree::default()
        };
        assert_eq!(check(&tree).len(), 3, "{:?}", check(&tree));
    }
}
