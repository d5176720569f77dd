//! File and environment to [`Config`]. Every error names the key, and the line or the variable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::Config;
use super::origin::{Origin, line_at};
use crate::failure::{Exit, Failure};

/// Read when no `--config` is given and it exists.
pub(crate) const DEFAULT_FILE: &str = "/etc/almanac/almanac.toml";

/// Variables that override keys: `ALMANAC_HTTP__LISTEN` is `listen` in `[http]`.
const PREFIX: &str = "ALMANAC_";
const SEPARATOR: &str = "__";

/// Reads the configuration and checks it; also tells where its values come from.
///
/// `file`: as named by the operator, who wants an error if it is missing. `None`: `fallback` if that exists,
/// else the defaults. `variables`: the environment.
pub(crate) fn load(
    file: Option<&Path>,
    fallback: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(Config, Origin), Failure> {
    let source = file.or_else(|| fallback.filter(|path| path.exists()));
    let (text, origin) = match source {
        Some(path) => (read(path)?, path.display().to_string()),
        None => (String::new(), String::new()),
    };
    parse(&text, &origin)?;
    let mut table: Table = toml::from_str(&text).map_err(|error| explain(&error, &text, &origin))?;
    let mut overrides: Vec<(String, String)> = variables.filter(|(name, _)| is_override(name)).collect();
    overrides.sort_unstable();
    for (name, value) in &overrides {
        table = apply(&table, name, value)?;
    }
    let mut config: Config =
        Value::Table(table).try_into().map_err(|error| bad(&format!("{origin}: {}", first_line(&error))))?;
    config.resolve(source.and_then(Path::parent));
    let variables = overrides.into_iter().map(|(name, _)| (keys(&name).join("."), name)).collect();
    let origin = Origin { file: origin, text, variables };
    config.check().map_err(|mistake| origin.blame(&mistake))?;
    Ok((config, origin))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => {
                "give the path of an existing file, or leave --config away for the defaults"
            }
            io::ErrorKind::PermissionDenied => "make the file readable for this user",
            _ => "give the path of a text file",
        };
        Failure::configuration(format!("cannot read {}: {error}", path.display()), remedy)
    })
}

/// Parses the text alone, so that an error can be traced to its line.
fn parse(text: &str, origin: &str) -> Result<Config, Failure> {
    toml::from_str(text).map_err(|error| explain(&error, text, origin))
}

fn is_override(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(SEPARATOR))
}

/// The names of the key that a variable overrides, outermost first.
fn keys(variable: &str) -> Vec<String> {
    variable.trim_start_matches(PREFIX).split(SEPARATOR).map(str::to_ascii_lowercase).collect()
}

/// Sets one key from the environment. The value is read as TOML if that fits the key, else as text.
fn apply(table: &Table, name: &str, text: &str) -> Result<Table, Failure> {
    let keys = keys(name);
    let as_toml =
        format!("value = {text}").parse::<Table>().ok().and_then(|mut parsed| parsed.remove("value"));
    let mut last = None;
    for value in as_toml.into_iter().chain([Value::String(text.to_owned())]) {
        let mut candidate = table.clone();
        if set(&mut candidate, &keys, value).is_none() {
            continue;
        }
        match Value::Table(candidate.clone()).try_into::<Config>() {
            Ok(_) => return Ok(candidate),
            // Its sibling may come with another variable; if not, the check of the whole says so.
            Err(error) if error.message().starts_with("missing field") => return Ok(candidate),
            Err(error) => last = Some(first_line(&error)),
        }
    }
    let reason = last.unwrap_or_else(|| "no such key".to_owned());
    Err(bad(&format!("environment variable {name} (key {}): {reason}", keys.join("."))))
}

fn set(table: &mut Table, keys: &[String], value: Value) -> Option<()> {
    let (key, rest) = keys.split_first()?;
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return Some(());
    }
    let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
    set(inner.as_table_mut()?, rest, value)
}

fn explain(error: &toml::de::Error, text: &str, origin: &str) -> Failure {
    let reason = error.message().lines().next().unwrap_or("cannot be read").to_owned();
    let Some(span) = error.span() else {
        return bad(&format!("{origin}: {reason}"));
    };
    let line = line_at(text, span.start);
    match DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), span.start)) {
        Some(key) => bad(&format!("{origin} line {line}, key {key}: {reason}")),
        None => bad(&format!("{origin} line {line}: {reason}")),
    }
}

/// The dotted key whose name or value is at byte `at`; the innermost one.
fn key_at(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, at),
            _ => None,
        };
        let name = key.get_ref();
        match inner {
            Some(inner) => Some(format!("{name}.{inner}")),
            None if covers(key, at) || covers(value, at) => Some(name.to_string()),
            None => None,
        }
    })
}

fn covers<T>(spanned: &Spanned<T>, at: usize) -> bool {
    spanned.span().contains(&at)
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or("cannot be read").to_owned()
}

fn bad(what: &str) -> Failure {
    Failure::new(
        Exit::Configuration,
        what.trim_start_matches([':', ' ']),
        "correct it; etc/almanac.toml lists every key with its default, unit and effect",
    )
}

impl Config {
    /// Relative paths in a file count from the folder of that file.
    fn resolve(&mut self, folder: Option<&Path>) {
        let Some(folder) = folder else { return };
        let mut paths: Vec<&mut PathBuf> = vec![&mut self.store.path];
        paths.extend(&mut self.store.key_file);
        paths.extend(&mut self.store.passphrase_file);
        if let Some(tls) = &mut self.http.tls {
            paths.extend([&mut tls.cert_file, &mut tls.key_file]);
        }
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::values::{Period, Size};
    use crate::config::{Level, LogFormat};

    const SAMPLE: &str = include_str!("../../../../etc/almanac.toml");

    fn from_text(text: &str, variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        fs::write(&file, text).unwrap();
        let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load(Some(&file), None, variables.into_iter()).map(|(config, _)| config)
    }

    #[test]
    fn an_error_names_its_key_and_its_line() {
        let rows = [
            (
                "version = 1\n\n[http]\nlisten = \"127.0.0.1:1\"\nlisen = 1\n",
                "line 5, key http.lisen: unknown field `lisen`",
            ),
            ("version = 2\n", "line 1, key version: this program reads version 1"),
            ("[limits]\nidle_timeout = \"10 s\"\n", "line 2, key limits.idle_timeout: a length of time is"),
            (
                "[limits]\nidle_timeout = 10\n",
                "line 2, key limits.idle_timeout: invalid type: integer `10`, expected a length",
            ),
            (
                "[http]\nlisten = [\n  \"127.0.0.1:1\",\n  \"nowhere\",\n]\n",
                "line 4, key http.listen: an address is",
            ),
            ("[http.tls]\ncert_file = \"a\"\n", "key http.tls: missing field `key_file`"),
            ("[store]\nengine = \"sqlite\"\n", "line 2, key store.engine: unknown variant `sqlite`"),
            ("[stor]\n", "line 1, key stor: unknown field `stor`"),
            ("[http]\nlisten = \"127.0.0.1:1\n", "line 2"),
            (
                "[http]\nlisten = \"0.0.0.0:1\"\n",
                "line 2, key http.listen: \"0.0.0.0:1\" would carry passwords",
            ),
            ("[management]\nlisten = \"[::]:1\"\n", "line 2, key management.listen: \"[::]:1\" would tell"),
            ("[limits]\nconnections_max = 0\n", "line 2, key limits.connections_max: 0 lets nobody connect"),
            ("[limits]\n\nobject_bytes_max = \"1GiB\"\n", "line 3, key limits.object_bytes_max: "),
        ];
        for (text, expected) in rows {
            let failure = from_text(text, &[]).unwrap_err();
            assert_eq!(failure.exit, Exit::Configuration);
            assert!(failure.what.contains(expected), "{text:?}: {failure}");
        }
    }

    #[test]
    fn variables_override_the_file_and_are_read_as_the_key_wants_them() {
        let variables = [
            ("ALMANAC_HTTP__LISTEN", "127.0.0.1:9"),
            ("ALMANAC_HTTP__BEHIND_PROXY", "true"),
            ("ALMANAC_HTTP__TLS__CERT_FILE", "/c.pem"),
            ("ALMANAC_HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"unix\"]"),
            ("ALMANAC_LIMITS__CONNECTIONS_MAX", "7"),
            ("ALMANAC_LIMITS__IDLE_TIMEOUT", "300ms"),
            ("ALMANAC_LOG__FORMAT", "json"),
            ("ALMANAC_LOG__LEVEL", "\"debug\""),
            ("ALMANAC_STATE", "not a key"),
            ("HOME", "/root"),
        ];
        let text = "[http]\nlisten = \"127.0.0.1:1\"\n[http.tls]\ncert_file = \"/a\"\nkey_file = \"/k\"\n";
        let config = from_text(text, &variables).unwrap();
        assert_eq!(config.http.listen, ["127.0.0.1:9".parse().unwrap()]);
        assert!(config.http.behind_proxy);
        assert_eq!(config.http.trusted_proxies.len(), 2);
        assert_eq!(config.http.tls.unwrap().cert_file, Path::new("/c.pem"));
        assert_eq!(config.limits.connections_max, 7);
        assert_eq!(config.limits.idle_timeout, Period(std::time::Duration::from_millis(300)));
        assert_eq!((config.log.level, config.log.format), (Level::Debug, LogFormat::Json));
    }

    #[test]
    fn keys_that_need_each_other_can_come_by_two_variables_but_not_alone() {
        let both = [("ALMANAC_HTTP__TLS__CERT_FILE", "/c.pem"), ("ALMANAC_HTTP__TLS__KEY_FILE", "/k.pem")];
        assert_eq!(from_text("", &both).unwrap().http.tls.unwrap().key_file, Path::new("/k.pem"));
        let failure = from_text("", &both[..1]).unwrap_err();
        assert!(failure.what.contains("key_file"), "{failure}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value, expected) in [
            ("ALMANAC_HTTP__LISEN", "x", "ALMANAC_HTTP__LISEN (key http.lisen): unknown field `lisen`"),
            (
                "ALMANAC_LIMITS__IDLE_TIMEOUT",
                "soon",
                "ALMANAC_LIMITS__IDLE_TIMEOUT (key limits.idle_timeout): a length",
            ),
            ("ALMANAC_VERSION__X", "1", "ALMANAC_VERSION__X"),
            (
                "ALMANAC_HTTP__LISTEN",
                "0.0.0.0:1",
                "ALMANAC_HTTP__LISTEN (key http.listen): \"0.0.0.0:1\" would carry",
            ),
        ] {
            let failure = from_text("version = 1\n", &[(name, value)]).unwrap_err();
            assert!(failure.what.contains(expected), "{failure}");
        }
    }

    #[test]
    fn without_a_file_the_defaults_hold_and_a_named_file_must_exist() {
        let none = std::iter::empty;
        assert_eq!(load(None, None, none()).unwrap().0, Config::default());
        assert_eq!(load(None, Some(Path::new("/nonexistent/a.toml")), none()).unwrap().0, Config::default());
        let failure = load(Some(Path::new("/nonexistent/a.toml")), None, none()).unwrap_err();
        assert!(failure.what.contains("/nonexistent/a.toml"), "{failure}");
    }

    #[test]
    fn relative_paths_count_from_the_folder_of_the_file() {
        let config = from_text("[store]\npath = \"state\"\nkey_file = \"/k\"\n", &[]).unwrap();
        assert!(config.store.path.is_absolute() && config.store.path.ends_with("state"));
        assert_eq!(config.store.key_file.unwrap(), Path::new("/k"));
    }

    #[test]
    fn the_sample_shows_the_defaults() {
        assert_eq!(from_text(SAMPLE, &[]).unwrap(), Config::default());
    }

    #[test]
    fn the_sample_lists_every_key_and_its_optional_keys_work_when_uncommented() {
        let uncommented: String = SAMPLE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        // All of them are understood; that two of them exclude each other is another test's matter.
        let config = parse(&uncommented, "").unwrap();
        assert!(
            config.http.tls.is_some() && config.http.public_url.is_some() && config.store.key_file.is_some()
        );
        let without = uncommented.replace("\npassphrase_file = ", "\n# ");
        from_text(&without, &[]).unwrap();
        from_text(
            &without
                .replace("key = \"file\"", "key = \"credential\"")
                .replace("\nkey_file = \"/etc/almanac/root", "\n# "),
            &[],
        )
        .unwrap();
        let listed: Table = toml::from_str(&uncommented).unwrap();
        for section in ["", "http", "http.tls", "management", "store", "log", "limits", "egress", "sync"] {
            let table = section
                .split('.')
                .filter(|key| !key.is_empty())
                .fold(&listed, |table, key| table[key].as_table().unwrap());
            let found: BTreeSet<&str> = table.keys().map(String::as_str).collect();
            let known = known_keys(section);
            assert_eq!(found, known.iter().map(String::as_str).collect(), "[{section}]");
        }
    }

    /// The keys of a section, as the error about an unknown one lists them.
    fn known_keys(section: &str) -> BTreeSet<String> {
        let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let error = toml::from_str::<Config>(&format!("{header}no_such_key = 1\n")).unwrap_err();
        let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        quoted(error.message()).into_iter().filter(|key| key != "no_such_key").collect()
    }

    #[test]
    fn a_size_without_a_unit_is_refused_from_the_environment_too() {
        assert!(from_text("", &[("ALMANAC_STORE__CACHE", "1000")]).is_err());
        let config = from_text("", &[("ALMANAC_STORE__CACHE", "1MiB")]).unwrap();
        assert_eq!(config.store.cache, Size(1 << 20));
    }
}
