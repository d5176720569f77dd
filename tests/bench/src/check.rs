//! Whether an answer is right: which resources it names, each once, and what is in them. A fast wrong answer is an error.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::data::{Data, Month, Span, joined};
use crate::http::Answer;
use crate::multistatus::{Member, Multistatus};
use crate::servers::Quirk;
use crate::subject::Subject;

/// The objects that an answer must hold, with the oldest revision of each. Made before the request is sent.
pub(crate) struct Expected<'a> {
    subject: &'a Subject,
    objects: HashMap<usize, usize>,
    removed: Removed,
}

/// What is thought of members in an answer that are told to be gone.
#[derive(PartialEq)]
enum Removed {
    Wrong,
    Tolerated,
}

impl<'a> Expected<'a> {
    pub(crate) fn of(subject: &'a Subject, objects: impl IntoIterator<Item = usize>) -> Self {
        let objects = objects.into_iter().map(|n| (n, subject.model.oldest(n))).collect();
        Self { subject, objects, removed: Removed::Wrong }
    }

    /// In an initial sync, removed members are let pass where a server is known for them: they cost it time already.
    pub(crate) fn of_initial_sync(subject: &'a Subject) -> Self {
        let tolerated = subject.server.quirks().contains(&Quirk::InitialSyncTellsRemovedMembers);
        let removed = if tolerated { Removed::Tolerated } else { Removed::Wrong };
        Self { removed, ..Self::of(subject, 0..subject.data.events) }
    }

    /// The answer has these objects and no other, with ETags.
    pub(crate) fn etags(self, answer: &Answer) -> Result<Multistatus, String> {
        self.each(answer, |_, _, _| Ok(()))
    }

    /// The answer has these objects and no other, with ETags and their content.
    pub(crate) fn content(self, answer: &Answer) -> Result<Multistatus, String> {
        let subject = self.subject;
        self.each(answer, |n, oldest, member| {
            object(subject, n, oldest, member.data.as_deref().ok_or("an object without its data")?)
        })
    }

    fn each(
        mut self,
        answer: &Answer,
        check: impl Fn(usize, usize, &Member) -> Result<(), String>,
    ) -> Result<Multistatus, String> {
        let answer = Multistatus::parse(&answer.text())?;
        for member in answer.members.iter().filter(|member| !member.name.is_empty()) {
            let n = Data::number(&member.name).ok_or("a resource that nobody made")?;
            if member.status == Some(404) && self.removed == Removed::Tolerated {
                continue;
            }
            let oldest = self.objects.remove(&n);
            let oldest =
                oldest.ok_or_else(|| format!("object {n} is twice in the answer, or not asked for"))?;
            good(n, member)?;
            check(n, oldest, member)?;
        }
        match self.objects.keys().min() {
            None => Ok(answer),
            Some(n) => Err(format!("{} objects are missing, the first is {n}", self.objects.len())),
        }
    }
}

/// The answer has all of `changed`, each once and with an ETag, and else only what others may have changed.
pub(crate) fn changes(
    subject: &Subject,
    changed: &HashSet<usize>,
    answer: &Answer,
) -> Result<Multistatus, String> {
    let answer = Multistatus::parse(&answer.text())?;
    let mut seen = HashSet::new();
    for member in answer.members.iter().filter(|member| !member.name.is_empty()) {
        let n = Data::number(&member.name).ok_or("a resource that nobody made")?;
        good(n, member)?;
        if subject.model.newest(n) == 0 {
            return Err(format!("object {n} did not change"));
        }
        if !seen.insert(n) {
            return Err(format!("object {n} is twice in the answer"));
        }
    }
    match changed.difference(&seen).next() {
        None => Ok(answer),
        Some(n) => Err(format!("the change of object {n} is missing")),
    }
}

fn good(n: usize, member: &Member) -> Result<(), String> {
    if member.status.is_some_and(|status| status != 200) {
        return Err(format!("object {n} has status {:?}", member.status));
    }
    match &member.etag {
        Some(etag) if etag.len() > 2 => Ok(()),
        _ => Err(format!("object {n} has no ETag")),
    }
}

/// `text` is the object `n`, of a revision that is not older than `oldest`.
pub(crate) fn object(subject: &Subject, n: usize, oldest: usize, text: &str) -> Result<(), String> {
    if oldest == 0 && subject.data.is_first(n, text) {
        return Ok(());
    }
    let revision = text.lines().find_map(|line| line.strip_prefix("SEQUENCE:"));
    let revision: usize = revision.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if revision < oldest || revision > subject.model.newest(n) {
        return Err(format!("object {n} has revision {revision}, but {oldest} was acknowledged"));
    }
    let expected = Data::event(n, revision);
    let rewrites = subject.server.quirks().contains(&Quirk::RewritesObjects);
    if text == expected || rewrites && has_lines(&unfolded(text), &unfolded(&expected)) {
        Ok(())
    } else {
        Err(format!("object {n} has another content"))
    }
}

/// Without folds and without the quotes that a parameter may or may not have.
fn unfolded(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n ", "").replace('"', "")
}

fn has_lines(text: &str, expected: &str) -> bool {
    let lines: HashSet<&str> = text.lines().collect();
    // A server may name itself as the product.
    expected.lines().filter(|line| !line.starts_with("PRODID")).all(|line| lines.contains(line))
}

/// The answer tells the busy time of `month`, in whatever pieces.
pub(crate) fn free_busy(month: &Month, answer: &Answer) -> Result<(), String> {
    let text = unfolded(&answer.text());
    let mut spans = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("FREEBUSY") && !line.contains("FBTYPE=FREE")) {
        let (_, periods) = line.split_once(':').ok_or("a line without a value")?;
        for text in periods.split(',') {
            spans.push(period(text).ok_or("a period that cannot be read")?);
        }
    }
    let busy = joined(spans, (month.start, month.end));
    if busy == month.busy {
        return Ok(());
    }
    Err(format!("{} busy periods instead of {}, or others", busy.len(), month.busy.len()))
}

fn period(text: &str) -> Option<Span> {
    let (from, to) = text.trim().split_once('/')?;
    let from: Timestamp = from.parse().ok()?;
    let to = match to.strip_prefix('P') {
        Some(_) => from + to.parse::<SignedDuration>().ok()?,
        None => to.parse().ok()?,
    };
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_another_order_and_folding_has_its_lines_and_a_shorter_one_has_not() {
        let sent = "BEGIN:VEVENT\r\nUID:a\r\nORGANIZER;CN=Front desk:mailto:a@example.invalid\r\nSUMMARY:long\r\n er\r\n";
        let other =
            "BEGIN:VEVENT\nSUMMARY:longer\nORGANIZER;CN=\"Front desk\":mailto:\n a@example.invalid\nUID:a\n";
        assert!(has_lines(&unfolded(other), &unfolded(sent)));
        assert!(!has_lines(&unfolded(&other.replace("longer", "long")), &unfolded(sent)));
    }

    #[test]
    fn a_period_is_read_with_an_end_and_with_a_length() {
        let both = ("20260101T100000Z/20260101T105000Z", "20260101T100000Z/PT50M");
        assert!(period(both.0).is_some());
        assert_eq!(period(both.0), period(both.1));
        assert_eq!(period("20260101T100000Z"), None);
    }
}
