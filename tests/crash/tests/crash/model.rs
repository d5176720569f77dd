//! What one writer knows to be stored, and what may be stored because no answer came.

use std::collections::BTreeMap;

use almanac_harness::{Client, Person, ics};

use crate::random::Random;

/// Objects that each writer writes, over and over.
const OBJECTS: u64 = 12;

/// An object as it was acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) etag: String,
    body: String,
}

/// A write that was sent and not answered: it may have happened.
enum Pending {
    Put(String),
    Delete,
}

/// One of the concurrent writers; no two write the same object.
pub(crate) struct Writer {
    prefix: String,
    id: u64,
    random: Random,
    count: u64,
    stored: BTreeMap<String, Object>,
    pending: Option<(String, Pending)>,
}

impl Writer {
    pub(crate) fn new(id: u64, person: &Person, seed: u64) -> Self {
        Self {
            prefix: person.object(""),
            id,
            random: Random::new(seed),
            count: 0,
            stored: BTreeMap::new(),
            pending: None,
        }
    }

    /// Writes or deletes one object; false if no answer came, and so the daemon is gone.
    pub(crate) fn write(&mut self, client: &Client) -> bool {
        self.count += 1;
        let name = format!("{}-{}", self.id, self.random.below(OBJECTS));
        let path = format!("{}{name}.ics", self.prefix);
        let delete = self.stored.contains_key(&path) && self.random.below(3) == 0;
        let (request, pending) = if delete {
            (client.request("DELETE", &path), Pending::Delete)
        } else {
            // Bodies from one to a few hundred lines: small ones share a page of the store, large ones span several.
            let note = format!("COMMENT:{}\n", "x".repeat(60)).repeat(1 << self.random.below(9));
            let body = ics::event_with(&name, &format!("Write {}", self.count), "20261201T090000Z", &note);
            (client.put_request(&path, &body), Pending::Put(body))
        };
        self.pending = Some((path.clone(), pending));
        let Ok(answer) = request.try_send() else { return false };
        let Some((_, pending)) = self.pending.take() else { return false };
        match pending {
            Pending::Put(body) => {
                let expected = if self.stored.contains_key(&path) { 204 } else { 201 };
                let etag = answer.expect(expected).etag();
                self.stored.insert(path, Object { etag, body });
            }
            Pending::Delete => {
                let _ = answer.expect(204);
                self.stored.remove(&path);
            }
        }
        true
    }

    /// Reads all objects after a crash, asserts that each is one that may be there, and takes them as known.
    pub(crate) fn settle(&mut self, client: &Client) -> Vec<(String, Object)> {
        for n in 0..OBJECTS {
            let path = format!("{}{}-{n}.ics", self.prefix, self.id);
            let answer = client.get(&path);
            let found = match answer.status {
                200 => Some(Object { etag: answer.etag(), body: answer.text().to_owned() }),
                404 => None,
                _ => panic!("{path}: {answer}"),
            };
            let pending = self.pending.as_ref().filter(|(p, _)| *p == path).map(|(_, pending)| pending);
            let known = self.stored.get(&path);
            let as_pending = match (pending, &found) {
                (Some(Pending::Put(body)), Some(object)) => object.body == *body,
                (Some(Pending::Delete), None) => true,
                _ => false,
            };
            assert!(as_pending || found.as_ref() == known, "{path}: found {found:?}, acknowledged {known:?}");
            match found {
                Some(object) => self.stored.insert(path, object),
                None => self.stored.remove(&path),
            };
        }
        self.pending = None;
        self.stored.clone().into_iter().collect()
    }
}
