//! An event, or a series with its instances, to a form: by way of iCalendar, so that it is as normal as any other.

use almanac_contract::{Field, Form, Instance, Mark, Moment, Part, Reason, Role, Value, form as forms};
use almanac_ical::{CalendarObject, Component, Limits, Property};

use super::alarm;
use super::slots::{drop_unchanged, makes};
use super::time::{instant, moment, property, told_as};
use crate::wire::{Event, Person};

/// Names of the private extended properties that hold our mark, and the id of the event that it was left on: Google copies
/// them when a person duplicates an event or splits a series.
pub(crate) const MARK_LINK: &str = "almanacLink";
pub(crate) const MARK_UID: &str = "almanacUid";
pub(crate) const MARK_EVENT: &str = "almanacEvent";

/// The form of an event; `members` are its changed and cancelled instances.
///
/// # Errors
/// What of it cannot be read. Nothing of it is guessed.
pub(crate) fn form(master: Option<&Event>, members: &[&Event]) -> Result<Form, Reason> {
    let first = master.or(members.first().copied()).ok_or(Reason("nothing of it is there"))?;
    let uid = match mark(first) {
        Some(mark) => mark.uid,
        None => first.ical_uid.clone().unwrap_or_else(|| first.id.clone()),
    };
    let mut calendar = Component::new("VCALENDAR");
    let mut cancelled = Vec::new();
    for member in members {
        let at = member.original_start_time.as_ref().and_then(moment);
        let at = at.ok_or(Reason("an instance does not say which one it is"))?;
        if member.is_cancelled() {
            cancelled.push(at);
        } else {
            calendar.push_component(component(member, &uid)?.with_property(property("RECURRENCE-ID", &at)));
        }
    }
    if let Some(master) = master {
        let mut component = component(master, &uid)?;
        let limits = Limits::default();
        for line in &master.recurrence {
            let line = Property::parse(line, &limits).ok().filter(is_recurrence);
            component.push_property(line.ok_or(Reason("its recurrence cannot be read"))?);
        }
        calendar.push_component(component);
    }
    let object = CalendarObject::parse(calendar.to_text().as_bytes(), &Limits::default());
    let mut form = forms::read(&object.map_err(|_| Reason("it is no valid calendar object"))?);
    if let Some(part) = form.parts.get_mut(&Instance::Master) {
        // What the rules do not make (any more) cannot be cancelled.
        for at in cancelled
            .iter()
            .filter_map(|at| aligned(at, part))
            .filter(|at| makes(part, at))
            .collect::<Vec<_>>()
        {
            part.insert(Field::Except(at), Value::Present);
        }
    }
    drop_unchanged(&mut form);
    Ok(form)
}

fn is_recurrence(property: &Property) -> bool {
    ["RRULE", "EXRULE", "RDATE", "EXDATE"].iter().any(|name| property.is(name))
}

/// When an instance would be if nobody had moved it, as its series tells times: its identity.
pub(crate) fn original(member: &Event, master: &Part) -> Option<Moment> {
    aligned(&member.original_start_time.as_ref().and_then(moment)?, master)
}

fn aligned(at: &Moment, master: &Part) -> Option<Moment> {
    let Some(Value::Span(start, _)) = master.get(&Field::Time) else { return None };
    told_as(instant(at)?, start)
}

/// What we left on an event, or on the series of an instance. A copy of it on another event is none.
pub(crate) fn mark(event: &Event) -> Option<Mark> {
    let private = &event.extended_properties.as_ref()?.private;
    let left_on = private.get(MARK_EVENT)?.as_str();
    let original = left_on == event.id || Some(left_on) == event.series();
    original.then_some(Mark { link: private.get(MARK_LINK)?.clone(), uid: private.get(MARK_UID)?.clone() })
}

/// Whose it is. An event without an organizer is the calendar's own.
pub(crate) fn role(event: &Event) -> Role {
    match &event.organizer {
        Some(organizer) if !organizer.myself => Role::Attendee,
        _ => Role::Owner,
    }
}

fn component(event: &Event, uid: &str) -> Result<Component, Reason> {
    let time = |when: &Option<_>| when.as_ref().and_then(moment);
    let start = time(&event.start).ok_or(Reason("its start cannot be read"))?;
    let end = time(&event.end).ok_or(Reason("its end cannot be read"))?;
    let zoneless = event.start.as_ref().is_some_and(|when| when.time_zone.is_none());
    if event.is_series() && zoneless && !matches!(start, Moment::Date(_)) {
        // As UTC it would be an hour off for half of the year.
        return Err(Reason("it recurs in an unknown time zone"));
    }
    let mut component = Component::new("VEVENT")
        .with_property(Property::text_of("UID", uid))
        .with_property(property("DTSTART", &start))
        .with_property(property("DTEND", &end));
    for (name, text) in
        [("SUMMARY", &event.summary), ("DESCRIPTION", &event.description), ("LOCATION", &event.location)]
    {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            component.push_property(Property::text_of(name, text));
        }
    }
    let names = [
        ("STATUS", event.status.as_deref() == Some("tentative"), "TENTATIVE"),
        ("TRANSP", event.transparency.as_deref() == Some("transparent"), "TRANSPARENT"),
        ("CLASS", event.visibility.as_deref() == Some("private"), "PRIVATE"),
        ("CLASS", event.visibility.as_deref() == Some("confidential"), "CONFIDENTIAL"),
    ];
    for (name, _, value) in names.iter().filter(|(_, is, _)| *is) {
        component.push_property(Property::new(name, value));
    }
    people(event, &mut component);
    let calls = event.conference_data.iter().flat_map(|conference| &conference.entry_points);
    for call in calls.filter(|call| call.entry_point_type == "video" && is_uri(&call.uri)) {
        component.push_property(Property::new("CONFERENCE", &call.uri).with_param("VALUE", "URI"));
    }
    for file in event.attachments.iter().filter(|file| is_uri(&file.file_url)) {
        component.push_property(Property::new("ATTACH", &file.file_url));
    }
    for alarm in event.reminders.iter().flat_map(alarm::components) {
        component.push_component(alarm);
    }
    Ok(component)
}

/// Guests, and who invited them. An event without guests is nobody's invitation.
fn people(event: &Event, component: &mut Component) {
    let guests = event.attendees.iter().filter(|guest| guest.email.as_deref().is_some_and(is_address));
    let guests: Vec<&Person> = guests.collect();
    if guests.is_empty() {
        return;
    }
    if let Some(organizer) = &event.organizer
        && let Some(property) = person("ORGANIZER", organizer)
    {
        component.push_property(property);
    }
    for guest in guests {
        let Some(mut property) = person("ATTENDEE", guest) else { continue };
        let answer = match guest.response_status.as_deref() {
            Some("accepted") => Some("ACCEPTED"),
            Some("declined") => Some("DECLINED"),
            Some("tentative") => Some("TENTATIVE"),
            _ => None,
        };
        let params = [
            ("PARTSTAT", answer),
            ("ROLE", guest.optional.then_some("OPT-PARTICIPANT")),
            ("CUTYPE", guest.resource.then_some("RESOURCE")),
        ];
        for (name, value) in params {
            if let Some(value) = value {
                property = property.with_param(name, value);
            }
        }
        component.push_property(property);
    }
}

fn person(name: &str, person: &Person) -> Option<Property> {
    let email = person.email.as_deref().filter(|email| is_address(email))?;
    let property = Property::new(name, &format!("mailto:{email}"));
    let shown: Option<String> = person
        .display_name
        .as_ref()
        .map(|name| name.chars().filter(|c| !c.is_control() && *c != '"').collect())
        .filter(|name: &String| !name.is_empty());
    Some(match shown {
        Some(shown) => property.with_param("CN", &shown),
        None => property,
    })
}

/// Written into a line as it is: nothing in it may end the line.
fn is_uri(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn is_address(text: &str) -> bool {
    is_uri(text) && text.contains('@')
}
