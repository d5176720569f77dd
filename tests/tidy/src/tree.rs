//! The tree as text, with what `cargo metadata` says about it.

use std::io;
use std::path::Path;
use std::process::Command;

/// A text file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// Its path from the root, with slashes.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// A dependency between two crates of the workspace, by package name.
pub(crate) type Edge = (String, String);

/// What the rules look at.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The names of what lies directly in the root: folders end with a slash.
    pub top: Vec<String>,
    /// All text files, without those that were built.
    pub files: Vec<File>,
    /// The package names of the workspace with the folder of each, from the root.
    pub packages: Vec<(String, String)>,
    /// Who depends on whom among them, be it for tests only.
    pub edges: Vec<Edge>,
}

/// Folders that are not part of the tree: built, fetched or kept by a tool.
const IGNORED: [&str; 5] = ["target", "var", ".git", "node_modules", "__pycache__"];

impl Tree {
    /// Reads the tree at `root`.
    ///
    /// # Errors
    /// If a folder cannot be read, or `cargo metadata` fails.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        for entry in std::fs::read_dir(root)? {
            let entry = entry?;
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            tree.top.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
        }
        tree.read_folder(root, "")?;
        tree.read_metadata(root)?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !IGNORED.contains(&name.as_str()) {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                // What is not UTF-8 is a fixture of bytes, not text.
                if let Ok(text) = std::fs::read_to_string(entry.path()) {
                    self.files.push(File { path, text });
                }
            }
        }
        Ok(())
    }

    fn read_metadata(&mut self, root: &Path) -> io::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
        let text = |value: &serde_json::Value, key: &str| {
            value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let list = |value: &serde_json::Value, key: &str| {
            value.get(key).and_then(serde_json::Value::as_array).cloned().unwrap_or_default()
        };
        let base = format!("{}/", text(&value, "workspace_root"));
        for package in list(&value, "packages") {
            let name = text(&package, "name");
            let manifest = text(&package, "manifest_path");
            let folder = manifest.trim_start_matches(&base).trim_end_matches("/Cargo.toml").to_owned();
            // A dependency on one of ours has a path.
            let dependencies = list(&package, "dependencies");
            for dependency in dependencies.iter().filter(|d| d.get("path").is_some()) {
                self.edges.push((name.clone(), text(dependency, "name")));
            }
            self.packages.push((name, folder));
        }
        Ok(())
    }

    /// The Rust files, with whether each is a test: in a `tests` folder, at the top or in a crate.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, Place)> {
        self.files.iter().filter(|f| f.path.ends_with(".rs")).map(|f| (f, Place::of(&f.path)))
    }

    /// The file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }
}

/// Whether a file is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Part of the product.
    Product,
    /// Part of its proof.
    Test,
}

impl Place {
    fn of(path: &str) -> Self {
        if path.split('/').any(|part| part == "tests" || part == "benches" || part == "examples") {
            Self::Test
        } else {
            Self::Product
        }
    }
}

impl File {
    /// The lines before the unit tests, with their numbers from 1. Unit tests in a file of their own (`mod tests;`) end
    /// nothing.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut lines = self.text.lines().enumerate().peekable();
        std::iter::from_fn(move || {
            let (n, line) = lines.next()?;
            let opens = lines.peek().is_some_and(|(_, next)| next.ends_with('{'));
            (!(opens && line.starts_with("#[cfg(test)]"))).then_some((n + 1, line))
        })
    }
}
