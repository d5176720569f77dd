//! What is left on an event: named properties in a namespace of our own, seen by nobody in Outlook.

use almanac_contract::{Mark, Moment, Part, PushKey};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::map;
use crate::wire::Event;

/// The link and the UID, with a space between them.
pub(crate) const MARK: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacMark";

/// The `transactionId` of the event that the mark was left on. Outlook copies our properties when a person duplicates an
/// event, and a copy is another event.
pub(crate) const OWNER: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacOwner";

/// What an event is looked up by: a digest of the mark, since a URL must not hold a UID.
pub(crate) const LOOKUP: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacLookup";

/// The IANA names of the zones that its start and end were written in: what Exchange gives back are Windows names, which
/// stand for several.
pub(crate) const ZONES: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacZones";

/// The RRULE that its pattern was made of.
pub(crate) const RULE: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacRule";

/// What is still to be done on a series (`pending.rs`).
pub(crate) const PENDING: &str = "String {6f1c2a84-93d5-4b0e-8a57-41d0be3a7c19} Name AlmanacPending";

/// What the `transactionId` of our creations begins with, and that of nobody else.
const OURS: &str = "a1ac0de5-";

/// What is left on an event that is created. One that is changed keeps the mark that it has, or none: it may be a person's.
pub(crate) fn of_creation(mark: &Mark, transaction: &str, part: &Part) -> Vec<Value> {
    let mut all = vec![
        json!({ "id": MARK, "value": format!("{} {}", mark.link, mark.uid) }),
        json!({ "id": OWNER, "value": transaction }),
        json!({ "id": LOOKUP, "value": lookup(mark) }),
    ];
    all.extend(notes(part));
    all
}

/// What is noted with every write: that which Graph would not give back as it was written.
pub(crate) fn notes(part: &Part) -> Vec<Value> {
    let mut all = Vec::new();
    let name = |at: &Moment| if let Moment::Zoned(_, zone) = at { zone.clone() } else { "UTC".to_owned() };
    if let Some((start, end)) = map::span(part) {
        all.push(json!({ "id": ZONES, "value": format!("{} {}", name(start), name(end)) }));
    }
    if let Some(rule) = map::rule_of(part) {
        all.push(json!({ "id": RULE, "value": rule }));
    }
    all
}

/// The mark on an event that was read with its properties. A copy of it on another event is none.
pub(crate) fn mark(event: &Event) -> Option<Mark> {
    let owner = event.extended(OWNER)?;
    if Some(owner) != event.transaction_id.as_deref() {
        return None;
    }
    let (link, uid) = event.extended(MARK)?.split_once(' ')?;
    Some(Mark { link: link.to_owned(), uid: uid.to_owned() })
}

/// `$expand` for all our properties.
pub(crate) fn expand() -> String {
    let all = [MARK, OWNER, ZONES, RULE, PENDING].map(|id| format!("id eq '{id}'")).join(" or ");
    format!("singleValueExtendedProperties($filter={all})")
}

/// `$filter` for the event with this mark.
pub(crate) fn filter(mark: &Mark) -> String {
    format!("singleValueExtendedProperties/any(p: p/id eq '{LOOKUP}' and p/value eq '{}')", lookup(mark))
}

/// The `transactionId` of a creation: the same for every attempt.
pub(crate) fn transaction(key: &PushKey) -> String {
    let hex = hex(key.0.as_bytes());
    let piece = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    format!("{OURS}{}-8{}-8{}-{}", piece(0, 4), piece(4, 7), piece(7, 10), piece(10, 22))
}

/// Whether the event was created by a transaction of ours, so that it has a mark.
pub(crate) fn is_ours(event: &Event) -> bool {
    event.transaction_id.as_deref().is_some_and(|id| id.to_ascii_lowercase().starts_with(OURS))
}

fn lookup(mark: &Mark) -> String {
    hex(format!("{} {}", mark.link, mark.uid).as_bytes()).get(..32).unwrap_or_default().to_owned()
}

fn hex(octets: &[u8]) -> String {
    digest(&SHA256, octets).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_a_uuid_of_its_key() {
        let (one, other) = (transaction(&PushKey("ab".into())), transaction(&PushKey("ac".into())));
        assert_ne!(one, other);
        assert_eq!(one, transaction(&PushKey("ab".into())));
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(one.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
    }

    #[test]
    fn a_lookup_shows_nothing_of_the_uid() {
        let mark = Mark { link: "lnk".into(), uid: "patient-canary".into() };
        assert!(!filter(&mark).contains("canary") && !filter(&mark).contains("lnk "));
    }
}
