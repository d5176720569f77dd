//! What one client was told of its writes, and so what may be stored.

use std::collections::BTreeMap;
use std::io;

use almanac_harness::{Client, Multistatus};

/// The text of an object, or that there is none.
type State = Option<String>;

/// Every object that was written, by path.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, Entry>);

#[derive(Debug, Default)]
struct Entry {
    acknowledged: State,
    /// What was sent since then and not acknowledged: each of them may be stored.
    doubtful: Vec<State>,
}

impl Ledger {
    /// The write was answered as done.
    pub(crate) fn acknowledge(&mut self, path: &str, state: State) {
        self.0.insert(path.to_owned(), Entry { acknowledged: state, doubtful: Vec::new() });
    }

    /// The write was refused, or not answered.
    pub(crate) fn doubt(&mut self, path: &str, state: State) {
        self.0.entry(path.to_owned()).or_default().doubtful.push(state);
    }

    /// Asserts that every object is whole and one that may be there, and that the listing, the whole synchronisation
    /// and the changes since `known` show the same. `calendar` holds no other objects.
    pub(crate) fn check(&self, client: &Client, calendar: &str, known: Option<&Known>, what: &str) {
        let mut there = BTreeMap::new();
        for (path, entry) in &self.0 {
            let answer = client.get(path);
            let found = match answer.status {
                200 => Some(answer.text().to_owned()),
                404 => None,
                _ => panic!("{what}: {path}: {answer}"),
            };
            let may_be = found == entry.acknowledged || entry.doubtful.contains(&found);
            assert!(may_be, "{what}: {path}: found {found:?} instead of {entry:?}");
            if found.is_some() {
                there.insert(path.clone(), answer.etag());
            }
        }
        let listing = client.propfind(calendar, "1", &["D:getetag"]).multistatus();
        assert_eq!(etags(listing), there, "{what}: the listing");
        let mut fresh = Known::default();
        fresh.learn(client, calendar).unwrap();
        assert_eq!(fresh.etags, there, "{what}: the whole synchronisation");
        if let Some(known) = known {
            let mut known = known.clone();
            known.learn(client, calendar).unwrap();
            assert_eq!(known.etags, there, "{what}: the changes since the token");
        }
    }
}

/// What a client that synchronises knows: a token, and the ETags as of that token.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    token: String,
    pub(crate) etags: BTreeMap<String, String>,
}

impl Known {
    /// Asks for the changes since the last time.
    ///
    /// # Errors
    /// No answer came.
    pub(crate) fn learn(&mut self, client: &Client, calendar: &str) -> io::Result<()> {
        let delta = client.sync_request(calendar, &self.token).try_send()?.multistatus();
        for entry in &delta.entries {
            match entry.status {
                Some(404) => self.etags.remove(&entry.href),
                _ => self.etags.insert(entry.href.clone(), entry.text("D:getetag").to_owned()),
            };
        }
        self.token = delta.sync_token.unwrap();
        Ok(())
    }
}

/// The ETags of the members in an answer.
pub(crate) fn etags(answer: Multistatus) -> BTreeMap<String, String> {
    let members = answer.entries.into_iter().filter(|entry| !entry.href.ends_with('/'));
    members.map(|entry| (entry.href.clone(), entry.text("D:getetag").to_owned())).collect()
}
