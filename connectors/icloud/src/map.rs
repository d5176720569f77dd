//! Objects of a CalDAV server and forms. Pure.
//!
//! A CalDAV server keeps everything but, where it sends invitations by itself, guests: those are never written to it.

use std::collections::BTreeSet;

use almanac_contract::form::{carry_over, create, read, write};
use almanac_contract::{
    Changed, Field, Form, Instance, Mark, Part, Reason, RemoteId, RemoteObject, RemoteVersion, Role, Value,
};
use almanac_ical::{CalendarObject, Invalid, Limits, Property};
use jiff::Timestamp;

use crate::config::Scheduling;
use crate::discover::mailbox;

/// The property that names the link and the UID of the store's object: [`Mark`].
const MARK: &str = "X-ALMANAC-LINK";

/// Apple's second way to say where: a place on the map, which is wrong once LOCATION says another.
const APPLE_PLACE: &str = "X-APPLE-STRUCTURED-LOCATION";

/// Whose account it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    /// The addresses that it is invited with.
    pub(crate) addresses: &'a [String],
    /// Whether its server sends invitations by itself.
    pub(crate) scheduling: Scheduling,
}

/// What the server keeps of a form.
pub(crate) fn project(form: &Form, scheduling: Scheduling) -> Form {
    let keeps = |field: &Field| match field {
        field if is_mark(field) => false,
        Field::Organizer | Field::Attendee(_) => scheduling == Scheduling::None,
        _ => true,
    };
    let mut form = form.clone();
    form.parts.values_mut().for_each(|part| part.retain(|field, _| keeps(field)));
    form
}

fn is_mark(field: &Field) -> bool {
    matches!(field, Field::Other(name, _) if name == MARK)
}

/// An object as the server has it.
pub(crate) fn object(id: RemoteId, version: RemoteVersion, octets: &[u8], who: Who<'_>) -> Changed {
    match CalendarObject::parse(octets, &Limits::default()) {
        Ok(object) => Changed::Now(Box::new(remote(id, version, &object, who))),
        Err(invalid) => Changed::Unreadable(id, Reason(reason(invalid))),
    }
}

/// An object that is one.
pub(crate) fn remote(
    id: RemoteId,
    version: RemoteVersion,
    object: &CalendarObject,
    who: Who<'_>,
) -> RemoteObject {
    let mut form = read(object);
    for part in form.parts.values_mut() {
        part.retain(|field, _| !is_mark(field));
    }
    let mark = object.components().find_map(|component| component.property(MARK)).and_then(mark_of);
    // Programs copy an event with all that they do not know; the copy has another UID and is nobody's mirror.
    let mark = mark.filter(|mark| mark.uid == form.uid);
    let role = role(&form, who);
    let mails = mails(&form, role, who);
    RemoteObject { id, version, role, mark, mails, form }
}

fn mark_of(property: &Property) -> Option<Mark> {
    let text = property.text();
    let (link, uid) = text.split_once(' ')?;
    (!link.is_empty() && !uid.is_empty()).then(|| Mark { link: link.to_owned(), uid: uid.to_owned() })
}

/// The address of a person in a form.
fn address(person: &Value) -> Option<String> {
    match person {
        Value::Lines(lines) => lines.first().and_then(|line| mailbox(line)),
        _ => None,
    }
}

fn role(form: &Form, who: Who<'_>) -> Role {
    // Where nobody sends invitations, every object is its owner's to change.
    if who.scheduling == Scheduling::None || who.addresses.is_empty() {
        return Role::Owner;
    }
    let organizers = form.parts.values().filter_map(|part| part.get(&Field::Organizer));
    let mut others = organizers.filter_map(address).filter(|organizer| !who.addresses.contains(organizer));
    if others.next().is_some() { Role::Attendee } else { Role::Owner }
}

/// How many guests the server mails if the account changes its own meeting.
fn mails(form: &Form, role: Role, who: Who<'_>) -> u32 {
    if who.scheduling == Scheduling::None || role == Role::Attendee {
        return 0;
    }
    let mut guests: BTreeSet<&str> = BTreeSet::new();
    for part in form.parts.values().filter(|part| part.contains_key(&Field::Organizer)) {
        for (field, person) in part {
            let Field::Attendee(guest) = field else { continue };
            let silent = matches!(person, Value::Lines(lines) if lines.iter().any(|line| {
                line == "SCHEDULE-AGENT=CLIENT" || line == "SCHEDULE-AGENT=NONE"
            }));
            if !silent && !who.addresses.contains(guest) {
                guests.insert(guest);
            }
        }
    }
    u32::try_from(guests.len()).unwrap_or(u32::MAX)
}

/// A new object for the server.
pub(crate) fn creation(
    form: &Form,
    mark: &Mark,
    scheduling: Scheduling,
    now: Timestamp,
) -> Result<CalendarObject, Reason> {
    let form = marked(project(form, scheduling), mark);
    create(&form, now, &Limits::default()).map_err(|invalid| Reason(reason(invalid)))
}

/// What the server has, with the changes that lead from `known` to `form`. Whatever else it has stays as it is.
pub(crate) fn change(
    current: &CalendarObject,
    known: &Form,
    form: &Form,
    scheduling: Scheduling,
    now: Timestamp,
) -> Result<CalendarObject, Reason> {
    let before = read(current);
    // The store knows a vendor's object by a UID of its own where the vendor's was taken: that of the object stays.
    let mut wanted = carry_over(&before, &project(known, scheduling), &project(form, scheduling));
    for (instance, part) in &mut wanted.parts {
        let old = before.parts.get(instance);
        forget_old_place(part, old);
        if old.is_none() {
            part.retain(|field, _| !is_mark(field));
        }
    }
    write(current, &wanted, now, &Limits::default()).map_err(|invalid| Reason(reason(invalid)))
}

/// Takes away Apple's place where LOCATION says another one now.
fn forget_old_place(part: &mut Part, old: Option<&Part>) {
    let Some(old) = old.filter(|old| old.get(&Field::Location) != part.get(&Field::Location)) else { return };
    part.retain(|field, value| {
        !matches!(field, Field::Other(name, _) if name == APPLE_PLACE) || old.get(field) != Some(value)
    });
}

/// The form with the mark on the component that stands for all.
fn marked(mut form: Form, mark: &Mark) -> Form {
    if mark.uid != form.uid {
        return form;
    }
    let line = Property::text_of(MARK, &format!("{} {}", mark.link, mark.uid)).to_text();
    let line = line.replace("\r\n ", "").trim_end().to_owned();
    let first = match form.parts.get_mut(&Instance::Master) {
        Some(master) => Some(master),
        None => form.parts.values_mut().next(),
    };
    if let Some(part) = first {
        part.insert(Field::Other(MARK.to_owned(), 0), Value::Lines(vec![line]));
    }
    form
}

/// Whether a form or an object names people.
pub(crate) fn has_people(form: &Form) -> bool {
    let mut fields = form.parts.values().flat_map(Part::keys);
    fields.any(|field| matches!(field, Field::Organizer | Field::Attendee(_)))
}

/// Why text is no object, in words for the operator.
fn reason(invalid: Invalid) -> &'static str {
    match invalid {
        Invalid::Data(reason) | Invalid::Object(reason) | Invalid::Component(reason) => reason,
        Invalid::MaxInstances => "its rule has more instances in a day than can be kept",
        Invalid::TooLarge => "it is larger than can be kept",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: &[String] = &[];

    fn who(scheduling: Scheduling) -> Who<'static> {
        Who { addresses: ADDRESSES, scheduling }
    }

    fn parse(lines: &str) -> CalendarObject {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Apple//EN\r\nX-WR-CALNAME:Home\r\nBEGIN:VEVENT\r\nUID:u@example\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260105T090000\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn seen(object: &CalendarObject, who: Who<'_>) -> RemoteObject {
        remote(RemoteId("/a".into()), RemoteVersion("1".into()), object, who)
    }

    fn mark(uid: &str) -> Mark {
        Mark { link: "lnk_1".to_owned(), uid: uid.to_owned() }
    }

    fn with(mut form: Form, field: Field, text: &str) -> Form {
        form.parts.get_mut(&Instance::Master).unwrap().insert(field, Value::Text(text.to_owned()));
        form
    }

    const GUESTS: &str = "ORGANIZER;CN=Ada:mailto:ada@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:Ada@example.org\r\n\
        ATTENDEE;CN=Ben:mailto:ben@example.org\r\nATTENDEE;SCHEDULE-AGENT=CLIENT:mailto:cy@example.org\r\n";

    #[test]
    fn a_mark_is_read_back_and_is_no_part_of_the_form() {
        let form = read(&parse("SUMMARY:A\r\n"));
        let made = creation(&form, &mark("u@example"), Scheduling::None, Timestamp::UNIX_EPOCH).unwrap();
        assert!(made.text().contains("X-ALMANAC-LINK:lnk_1 u@example"));
        let seen = seen(&made, who(Scheduling::None));
        assert_eq!((seen.mark, seen.form == form), (Some(mark("u@example")), true));
    }

    #[test]
    fn a_copy_that_another_program_made_of_our_object_is_not_ours() {
        let copy = parse("X-ALMANAC-LINK:lnk_1 another@example\r\n");
        assert_eq!(seen(&copy, who(Scheduling::None)).mark, None);
    }

    #[test]
    fn pitfall_13_every_zone_that_is_used_is_defined() {
        let form = read(&parse("DTEND;TZID=America/New_York:20260105T090000\r\n"));
        let made = creation(&form, &mark("u@example"), Scheduling::None, Timestamp::UNIX_EPOCH).unwrap();
        for zone in ["Europe/Berlin", "America/New_York"] {
            assert!(made.text().contains(&format!("BEGIN:VTIMEZONE\r\nTZID:{zone}")), "{zone}");
        }
        let moved = parse("SUMMARY:A\r\n");
        let form = with(read(&moved), Field::Summary, "B");
        let changed = change(&moved, &read(&moved), &form, Scheduling::None, Timestamp::UNIX_EPOCH).unwrap();
        assert!(
            changed.text().contains("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin"),
            "also where it was missing before"
        );
    }

    #[test]
    fn guests_are_never_written_where_the_server_would_mail_them() {
        let form = read(&parse(GUESTS));
        for (scheduling, people) in [(Scheduling::Server, false), (Scheduling::None, true)] {
            let made = creation(&form, &mark("u@example"), scheduling, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(made.text().contains("ATTENDEE"), people, "{scheduling:?}");
            assert_eq!(has_people(&project(&form, scheduling)), people, "{scheduling:?}");
        }
    }

    #[test]
    fn a_change_leaves_guests_and_what_nobody_understands_as_they_are() {
        let foreign = format!(
            "{GUESTS}SUMMARY:A\r\nX-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\nATTACH:https://example.org/x\r\n"
        );
        let current = parse(&foreign);
        let form = with(project(&read(&current), Scheduling::Server), Field::Summary, "B");
        let changed =
            change(&current, &read(&current), &form, Scheduling::Server, Timestamp::UNIX_EPOCH).unwrap();
        let text = changed.text();
        for line in foreign
            .lines()
            .filter(|line| !line.starts_with("SUMMARY"))
            .chain(["SUMMARY:B", "X-WR-CALNAME:Home"])
        {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn an_instance_that_is_changed_for_the_first_time_has_the_guests_of_its_series() {
        let current = parse(&format!("{GUESTS}RRULE:FREQ=DAILY;COUNT=3\r\n"));
        let mut form = project(&read(&current), Scheduling::Server);
        let mut part = form.master().unwrap().clone();
        part.remove(&Field::Rule);
        part.insert(Field::Summary, Value::Text("Moved".into()));
        let at = almanac_contract::Moment::Zoned(
            jiff::civil::date(2026, 1, 6).at(9, 0, 0, 0),
            "Europe/Berlin".into(),
        );
        form.parts.insert(Instance::At(at.clone()), part);
        let changed =
            change(&current, &read(&current), &form, Scheduling::Server, Timestamp::UNIX_EPOCH).unwrap();
        let read = read(&changed);
        let moved = read.parts.get(&Instance::At(at)).unwrap();
        assert_eq!(moved.keys().filter(|field| matches!(field, Field::Attendee(_))).count(), 3);
    }

    #[test]
    fn pitfall_107_a_place_on_the_map_goes_when_the_location_is_another() {
        let current =
            parse("LOCATION:Old\r\nX-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=Old:geo:52.5,13.4\r\n");
        let form = read(&current);
        for (form, stays) in
            [(with(form.clone(), Field::Summary, "B"), true), (with(form, Field::Location, "New"), false)]
        {
            let changed =
                change(&current, &read(&current), &form, Scheduling::None, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(changed.text().contains("geo:52.5,13.4"), stays);
        }
    }

    #[test]
    fn who_owns_an_object_and_whom_a_change_mails_depends_on_the_organizer() {
        let (ada, ben) = (["ada@example.org".to_owned()], ["ben@example.org".to_owned()]);
        let object = parse(GUESTS);
        for (addresses, scheduling, expected) in [
            (&ada, Scheduling::Server, (Role::Owner, 1)), // Ben: Ada is herself, and Cy is told by somebody else
            (&ben, Scheduling::Server, (Role::Attendee, 0)),
            (&ada, Scheduling::None, (Role::Owner, 0)),
            (&ben, Scheduling::None, (Role::Owner, 0)),
        ] {
            let seen = seen(&object, Who { addresses, scheduling });
            assert_eq!((seen.role, seen.mails), expected, "{scheduling:?}");
        }
    }

    #[test]
    fn pitfall_106_what_is_no_object_is_unreadable_with_a_reason() {
        for octets in [&b"no calendar"[..], b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"\xff\xfe\x00"] {
            let line =
                object(RemoteId("/a".into()), RemoteVersion("1".into()), octets, who(Scheduling::None));
            assert!(matches!(line, Changed::Unreadable(_, Reason(reason)) if !reason.is_empty()));
        }
    }
}
