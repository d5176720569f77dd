//! Marked patient data that no log line, metric or file of the store may show.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;

use crate::base64;
use crate::client::Client;
use crate::ics;
use crate::person::Person;

/// One set of marks, different in each daemon.
#[derive(Debug, Clone)]
pub struct Canary {
    id: String,
    /// Who owns the marked event, once there is one; the credentials are marks as well.
    person: Option<Person>,
}

impl Canary {
    /// Fresh marks.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "two are never equal")]
    pub fn new() -> Self {
        Self { id: format!("{:016x}", RandomState::new().build_hasher().finish()), person: None }
    }

    /// The login of the person who owns the marked event; a mark itself.
    #[must_use]
    pub fn login(&self) -> String {
        format!("canary-login-{}", self.id)
    }

    /// The name of the marked object.
    #[must_use]
    pub fn href(&self) -> String {
        format!("canary-href-{}.ics", self.id)
    }

    /// The UID of the marked object.
    #[must_use]
    pub fn uid(&self) -> String {
        format!("canary-uid-{}", self.id)
    }

    /// The summary of the marked event.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("canary-summary-{}", self.id)
    }

    /// The address of the marked attendee.
    #[must_use]
    pub fn attendee(&self) -> String {
        format!("canary-attendee-{}@example.invalid", self.id)
    }

    /// Everything that must not be seen.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        let mut marks = vec![self.login(), self.href(), self.uid(), self.summary(), self.attendee()];
        if let Some(Person { login, secret }) = &self.person {
            marks.extend([secret.clone(), base64::encode(format!("{login}:{secret}").as_bytes())]);
        }
        marks
    }

    /// Who owns the marked event.
    ///
    /// # Panics
    /// If it was not planted.
    #[must_use]
    pub fn person(&self) -> &Person {
        self.person.as_ref().expect("a canary that was planted")
    }

    /// The marked event, weekly from 1 December 2026.
    #[must_use]
    pub fn event(&self) -> String {
        let extra = format!(
            "RRULE:FREQ=WEEKLY;COUNT=4\nDESCRIPTION:{}\nORGANIZER:mailto:{}\nATTENDEE;CN={}:mailto:{}\n",
            self.summary(),
            self.attendee(),
            self.summary(),
            self.attendee()
        );
        ics::event_with(&self.uid(), &self.summary(), "20261201T090000Z", &extra)
    }

    /// Writes the event as `person`, reads it in the usual ways, and has it refused in some.
    ///
    /// # Panics
    /// If an answer is not the one that the RFCs want, or an error body shows a mark.
    pub fn plant(&mut self, client: &Client, person: &Person) {
        self.person = Some(person.clone());
        let path = person.object(&self.href());
        let _ = client.put(&path, self.event()).expect(201);
        let _ = client.get(&path).expect(200);
        let listed = client.events_between(&person.calendar(), "20261208T000000Z", "20261209T000000Z");
        assert_eq!(listed.multistatus().members(), [self.href()]);

        let other = person.object(&format!("other-{}", self.href()));
        let refused = [
            client.put(&other, self.event()), // the UID is taken; the answer names the href, as RFC 4791 5.3.2.1 wants
            client.put(&other, self.event().replace("DTSTART:2", "DTSTART:x")),
            client.put_request(&path, self.event()).header("If-Match", "\"stale\"").send(),
            client.get(&other),
            client.sign_in_with(&person.login, &self.summary()).get(&path),
        ];
        assert_eq!(refused.each_ref().map(|r| r.status), [403, 403, 412, 404, 401]);
        self.assert_unseen(
            "an error body",
            &refused[1..].iter().map(ToString::to_string).collect::<String>(),
        );
    }

    /// Asserts that no mark is in `text`.
    ///
    /// # Panics
    /// If one is.
    pub fn assert_unseen(&self, place: &str, text: &str) {
        for mark in self.marks() {
            if let Some(at) = text.find(&mark) {
                let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
                let line = text[line_start..].lines().next().unwrap_or_default();
                panic!("patient data in {place}: {line}");
            }
        }
    }

    /// Asserts that no mark is in the name or the content of any file below `folder`.
    ///
    /// # Panics
    /// If one is.
    pub fn assert_unseen_below(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            self.assert_unseen("the name of a file", &path.to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.assert_unseen_below(&path);
            } else if kind.is_file() {
                let bytes = fs::read(&path).unwrap();
                for mark in self.marks() {
                    assert!(!contains(&bytes, mark.as_bytes()), "patient data in {}", path.display());
                }
            }
        }
    }
}

/// Whether `needle` is in `hay`; skips by first byte, since stores are megabytes and builds are not optimised.
fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = hay.get(from..).and_then(|h| h.iter().position(|b| b == first)) {
        from += at + 1;
        if hay.get(from..).is_some_and(|tail| tail.starts_with(rest)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_in_a_file_is_found_and_its_absence_too() {
        let canary = Canary::new();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("clean"), "cccanary canary-uid-0").unwrap();
        canary.assert_unseen_below(folder.path());
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/dirty"), format!("ccc{}x", canary.uid())).unwrap();
        let seen = std::panic::catch_unwind(|| canary.assert_unseen_below(folder.path()));
        assert!(seen.is_err());
    }
}
