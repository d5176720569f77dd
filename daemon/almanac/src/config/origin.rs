//! Where a value comes from, so that whoever finds it wrong later can still name its line or its variable.

use toml::de::{DeTable, DeValue};

use crate::failure::Failure;

/// A value that a file or a variable may have and that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The keys that contradict each other, or the only one; the first one is blamed if nobody set any.
    pub(crate) keys: &'static [&'static str],
    /// What is wrong with the value.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

/// The file and the variables that a configuration was read from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The path of the file.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// Dotted keys and the variables that set them.
    pub(crate) variables: Vec<(String, String)>,
}

impl Mistake {
    pub(crate) fn new(
        keys: &'static [&'static str],
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { keys, what: what.into(), remedy: remedy.into() }
    }
}

impl Origin {
    /// The mistake as the operator reads it: with the variable, or the file and the line, that it comes from.
    pub(crate) fn blame(&self, mistake: &Mistake) -> Failure {
        let place = mistake.keys.iter().find_map(|key| self.place(key));
        let place = place.or_else(|| mistake.keys.first().map(|key| (*key).to_owned())).unwrap_or_default();
        Failure::configuration(format!("{place}: {}", mistake.what), &mistake.remedy)
    }

    /// `None`: the key has its default.
    fn place(&self, key: &str) -> Option<String> {
        if let Some((_, variable)) = self.variables.iter().find(|(set, _)| set == key) {
            return Some(format!("environment variable {variable} (key {key})"));
        }
        let table = DeTable::parse(&self.text).ok()?;
        let names: Vec<&str> = key.split('.').collect();
        let line = line_at(&self.text, start_of(table.get_ref(), &names)?);
        Some(format!("{} line {line}, key {key}", self.file))
    }
}

/// The byte where the key begins.
fn start_of(table: &DeTable<'_>, names: &[&str]) -> Option<usize> {
    let (first, rest) = names.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    match value.get_ref() {
        _ if rest.is_empty() => Some(key.span().start),
        DeValue::Table(inner) => start_of(inner, rest),
        _ => None,
    }
}

/// The number of the line that holds byte `at`.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_traced_to_the_variable_or_the_line_or_else_names_the_key() {
        let origin = Origin {
            file: "c.toml".to_owned(),
            text: "[limits]\nobject_bytes_max = \"9GiB\"\n[http.tls]\n# the chain\ncert_file = \"c\"\n"
                .to_owned(),
            variables: vec![("http.listen".to_owned(), "ALMANAC_HTTP__LISTEN".to_owned())],
        };
        for (keys, place) in [
            (&["http.listen"][..], "environment variable ALMANAC_HTTP__LISTEN (key http.listen): wrong"),
            (&["http.tls.cert_file"], "c.toml line 5, key http.tls.cert_file: wrong"),
            (
                &["limits.body_bytes_max", "limits.object_bytes_max"],
                "c.toml line 2, key limits.object_bytes_max: wrong",
            ),
            (&["store.path"], "store.path: wrong"),
        ] {
            assert_eq!(origin.blame(&Mistake::new(keys, "wrong", "mend it")).what, place);
        }
    }
}
