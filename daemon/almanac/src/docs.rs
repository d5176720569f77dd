//! `almanac docs DIR`: the manual pages and the completions of shells, as the command line is defined. For packages.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// Writes `man/*.1` and `completions/*` below `folder`, which is made if it is missing.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write(folder: &Path) -> Result<(), Failure> {
    let written = manual(&folder.join("man")).and_then(|()| completions(&folder.join("completions")));
    written.map_err(|error| {
        Failure::failed(
            format!("cannot write below {}: {error}", folder.display()),
            "name a folder that you may write",
        )
    })
}

fn manual(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}

fn completions(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut Cli::command(), "almanac", folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page_and_every_shell_a_file() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let names = |of: &str| {
            let entries = fs::read_dir(folder.path().join(of)).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let pages = names("man");
        for page in ["almanac.1", "almanac-serve.1", "almanac-app-password-add.1", "almanac-config-check.1"] {
            assert!(pages.contains(&page.to_owned()), "{pages:?}");
        }
        assert!(!pages.contains(&"almanac-docs.1".to_owned()));
        let page = fs::read_to_string(folder.path().join("man/almanac-serve.1")).unwrap();
        assert!(page.contains("Examples:") && page.contains("ALMANAC_STATE"), "{page}");
        assert_eq!(names("completions"), ["_almanac", "almanac.bash", "almanac.fish"]);
    }
}
