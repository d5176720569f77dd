//! An object of a feed to the contract's words. Pure.

use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher};

use almanac_contract::form::read;
use almanac_contract::{
    Field, Form, Moment, Part, Reason, RemoteId, RemoteObject, RemoteVersion, Role, Value,
};
use almanac_ical::split::split;
use almanac_ical::{Invalid, Limits};
use ring::digest::{Context, SHA256, digest};

use crate::wire::{Feed, Group};

/// A hash, as much of it as tells objects apart.
pub(crate) type Mark = [u8; 16];

/// By what objects are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// By their UIDs.
    Uid,
    /// By when and what they are: the UIDs are new each time.
    Content,
}

/// What of an object is needed to tell it apart.
pub(crate) struct Fact {
    /// Its kind and UID.
    pub(crate) uid: Option<Mark>,
    /// When and what it is: start, summary and rule; of one that cannot be read, its text.
    pub(crate) content: Mark,
    /// All that it says, or why it cannot be read.
    pub(crate) said: Result<Mark, Reason>,
}

/// An object as it is listed.
pub(crate) struct Entry {
    pub(crate) id: RemoteId,
    /// Its UID, if not the feed's.
    pub(crate) uid: Option<String>,
}

/// The form of an object.
pub(crate) fn form(feed: &Feed, group: &Group) -> Result<Form, Reason> {
    if group.broken {
        return Err(Reason("it is cut off"));
    }
    let limits = Limits::default();
    if group.bytes() > limits.object_bytes_max {
        return Err(reason(Invalid::TooLarge)); // before it is taken apart
    }
    let split = split(&feed.object(group), &limits, &mut |_| "none@almanac".to_owned()).map_err(reason)?;
    match (split.objects.first(), split.refused.first()) {
        (_, Some(refused)) => Err(reason(*refused)),
        (Some(object), None) => Ok(read(object)),
        (None, None) => Err(Reason("it holds nothing")),
    }
}

fn reason(invalid: Invalid) -> Reason {
    match invalid {
        Invalid::Data(why) | Invalid::Object(why) | Invalid::Component(why) => Reason(why),
        Invalid::MaxInstances => Reason("it recurs too often in a day"),
        Invalid::TooLarge => Reason("it is too large"),
    }
}

/// What of an object is needed to tell it apart.
pub(crate) fn fact(feed: &Feed, group: &Group) -> Fact {
    let uid = group.uid.as_ref().map(|uid| mark(&format!("{}\n{uid}", group.kind)));
    match form(feed, group) {
        Ok(form) => Fact { uid, content: content(&form), said: Ok(version(&form)) },
        Err(reason) => {
            let mut text = Context::new(&SHA256);
            feed.octets(group).for_each(|octets| text.update(octets));
            Fact { uid, content: first(text.finish().as_ref()), said: Err(reason) }
        }
    }
}

/// The names of objects under a rule, in their order.
///
/// By UID, one without a UID is named by its content. Objects of equal content are counted in the order of all they say,
/// so that their order in the feed does not matter.
pub(crate) fn entries(facts: &[Fact], rule: Rule) -> Vec<Entry> {
    let mut order: Vec<usize> = (0..facts.len()).collect();
    order.sort_by_key(|at| facts.get(*at).map(|fact| (fact.content, fact.said.as_ref().ok().copied())));
    let mut names: Vec<(usize, Entry)> = Vec::with_capacity(facts.len());
    let mut last: Option<(Mark, u32)> = None;
    for at in order {
        let Some(fact) = facts.get(at) else { continue };
        let entry = match (rule, fact.uid) {
            (Rule::Uid, Some(uid)) => Entry { id: RemoteId(format!("u{}", hex(&uid))), uid: None },
            (rule, _) => {
                let nth = last.filter(|(content, _)| *content == fact.content).map_or(0, |(_, nth)| nth + 1);
                last = Some((fact.content, nth));
                let name = format!("{}-{nth}", hex(&fact.content));
                // Objects without a UID are counted among themselves or among all: other names.
                let id = RemoteId(format!("{}{name}", if rule == Rule::Uid { 'n' } else { 'c' }));
                Entry { id, uid: Some(format!("{name}@feed.almanac")) }
            }
        };
        names.push((at, entry));
    }
    names.sort_by_key(|(at, _)| *at);
    names.into_iter().map(|(_, entry)| entry).collect()
}

/// Under which rule a name was given.
pub(crate) fn rule_of(id: &RemoteId) -> Rule {
    if id.0.starts_with('c') { Rule::Content } else { Rule::Uid }
}

/// Whether it cannot be told which object this is: it may be any that is absent.
pub(crate) fn is_anybody(fact: &Fact, rule: Rule) -> bool {
    fact.said.is_err() && (rule == Rule::Content || fact.uid.is_none())
}

/// An object as the contract has it.
pub(crate) fn object(mut form: Form, entry: &Entry) -> RemoteObject {
    let version = RemoteVersion(hex(&version(&form)));
    let invited = form.parts.values().any(|part| part.contains_key(&Field::Organizer));
    if let Some(uid) = &entry.uid {
        form.uid.clone_from(uid);
    }
    RemoteObject {
        id: entry.id.clone(),
        version,
        form,
        role: if invited { Role::Attendee } else { Role::Owner },
        mark: None,
        mails: 0,
    }
}

/// When and what an object is. It makes names, so it is written out and not left to any type's own hash.
fn content(form: &Form) -> Mark {
    let mut text = format!("{}\n", form.kind);
    let empty = Part::new();
    let part = form.master().or_else(|| form.parts.values().next()).unwrap_or(&empty);
    let other = |name: &str| Field::Other(name.to_owned(), 0);
    for field in [Field::Time, other("DTSTART"), other("DUE"), Field::Summary, Field::Rule] {
        match part.get(&field) {
            Some(Value::Span(start, _)) => moment(start, &mut text),
            Some(Value::Text(value)) => text.push_str(value),
            Some(Value::Lines(lines)) => lines.iter().for_each(|line| text.push_str(line)),
            Some(Value::Present) | None => {}
        }
        text.push('\u{1f}');
    }
    mark(&text)
}

fn moment(at: &Moment, text: &mut String) {
    let (kind, zone) = match at {
        Moment::Date(_) => ("date", ""),
        Moment::Floating(_) => ("floating", ""),
        Moment::Utc(_) => ("utc", ""),
        Moment::Zoned(_, zone) => ("zoned", zone.as_str()),
    };
    let _ = write!(text, "{kind} {} {zone}", at.wall()); // a String takes everything
}

/// All that an object says, but for its UID.
fn version(form: &Form) -> Mark {
    let mut hasher = Sha(Context::new(&SHA256));
    form.kind.as_str().hash(&mut hasher);
    form.parts.hash(&mut hasher);
    first(hasher.0.finish().as_ref())
}

/// Puts what types tell of themselves into a hash that does not collide.
struct Sha(Context);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finish();
        u64::from_be_bytes(digest.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

fn mark(text: &str) -> Mark {
    shorten(text.as_bytes())
}

pub(crate) fn shorten(octets: &[u8]) -> Mark {
    first(digest(&SHA256, octets).as_ref())
}

fn first(digest: &[u8]) -> Mark {
    digest.first_chunk().copied().unwrap_or_default()
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}"); // a String takes everything
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(events: &[&str]) -> (Feed, Vec<Fact>) {
        let inner: String =
            events.iter().map(|event| format!("BEGIN:VEVENT\r\n{event}END:VEVENT\r\n")).collect();
        let feed = crate::wire::read(format!("BEGIN:VCALENDAR\r\n{inner}END:VCALENDAR\r\n").into()).unwrap();
        let facts = feed.groups.iter().map(|group| fact(&feed, group)).collect();
        (feed, facts)
    }

    fn ids(events: &[&str], rule: Rule) -> Vec<String> {
        entries(&facts(events).1, rule).into_iter().map(|entry| entry.id.0).collect()
    }

    const A: &str = "DTSTART:20260105T090000Z\r\nSUMMARY:a\r\n";
    const B: &str = "DTSTART:20260106T090000Z\r\nSUMMARY:a\r\n";

    #[test]
    fn by_uid_the_content_does_not_matter_and_by_content_the_uid() {
        let [one, two, other] = [format!("UID:1\r\n{A}"), format!("UID:2\r\n{A}"), format!("UID:1\r\n{B}")];
        assert_eq!(ids(&[&one], Rule::Uid), ids(&[&other], Rule::Uid));
        assert_ne!(ids(&[&one], Rule::Uid), ids(&[&two], Rule::Uid));
        assert_eq!(ids(&[&one], Rule::Content), ids(&[&two], Rule::Content));
        assert_ne!(ids(&[&one], Rule::Content), ids(&[&other], Rule::Content));
        let longer = format!("{one}DTEND:20260105T100000Z\r\nLOCATION:b\r\n");
        assert_eq!(
            ids(&[&one], Rule::Content),
            ids(&[&longer], Rule::Content),
            "length and place are no identity"
        );
    }

    #[test]
    fn objects_of_one_content_keep_their_names_when_the_feed_is_in_another_order() {
        let [one, two] = [format!("UID:1\r\n{A}LOCATION:x\r\n"), format!("UID:2\r\n{A}LOCATION:y\r\n")];
        let (there, back) = (ids(&[&one, &two], Rule::Content), ids(&[&two, &one], Rule::Content));
        assert_eq!(there.iter().rev().collect::<Vec<_>>(), back.iter().collect::<Vec<_>>());
        assert_ne!(there[0], there[1]);
    }

    #[test]
    fn one_without_a_uid_has_a_name_and_a_uid_of_its_content() {
        let (feed, facts) = facts(&[A, &format!("UID:1\r\n{A}"), A]);
        let entries = entries(&facts, Rule::Uid);
        let object = |at: usize| object(form(&feed, &feed.groups[at]).unwrap(), &entries[at]);
        assert!(entries[0].id.0.starts_with('n') && entries[0].id != entries[2].id);
        assert!(object(0).form.uid.ends_with("-0@feed.almanac"));
        assert_eq!((object(1).form.uid.as_str(), object(0).version == object(1).version), ("1", true));
    }

    #[test]
    fn a_version_is_of_what_is_said_and_not_of_when_it_was_written() {
        let version = |text: &str| facts(&[text]).1[0].said.clone().unwrap();
        let one = version(&format!("UID:1\r\nDTSTAMP:20260101T000000Z\r\n{A}"));
        assert!(one == version(&format!("UID:1\r\nDTSTAMP:20260202T000000Z\r\nSEQUENCE:4\r\n{A}")));
        assert!(one != version(&format!("UID:1\r\n{A}LOCATION:x\r\n")));
    }

    #[test]
    fn octets_that_are_no_text_and_objects_without_measure_are_theirs_alone() {
        let event = |uid: &str, octets: &[u8]| {
            [b"BEGIN:VEVENT\r\nUID:", uid.as_bytes(), b"\r\n", A.as_bytes(), octets, b"END:VEVENT\r\n"]
                .concat()
        };
        let large = [&b"DESCRIPTION:"[..], &vec![b'x'; 2 << 20], b"\r\n"].concat();
        let events =
            [event("1", b"LOCATION:K\xf6ln\r\n"), event("2", &large), event("3", b"X-BELL:\x07\r\n")];
        let text = [&b"BEGIN:VCALENDAR\r\n"[..], &events.concat(), b"END:VCALENDAR\r\n"].concat();
        let feed = crate::wire::read(text.into()).unwrap();
        let said: Vec<_> = feed.groups.iter().map(|group| form(&feed, group).map(|_| ())).collect();
        let expected = [Err(Reason("not UTF-8")), Err(Reason("it is too large")), Ok(())];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_cannot_be_read_says_why_and_nothing_else_suffers() {
        let (_, facts) = facts(&["UID:1\r\nDTSTART:never\r\n", &format!("UID:2\r\n{A}")]);
        assert_eq!(facts[0].said, Err(Reason("a date or time that cannot be")));
        assert!(facts[1].said.is_ok());
        assert!(!is_anybody(&facts[0], Rule::Uid) && is_anybody(&facts[0], Rule::Content));
    }
}
