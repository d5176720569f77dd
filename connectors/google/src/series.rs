//! An object as Google has it: an event, or a series with all its changed and cancelled instances.

use std::collections::BTreeSet;

use almanac_contract::{
    CalendarId, Changed, ConnectorError, ErrorKind, Form, Reason, RemoteId, RemoteObject,
};
use http::Method;

use crate::answers::About;
use crate::calls::{Call, Calls};
use crate::limits::{PAGE_EVENTS, PAGES_MAX};
use crate::map;
use crate::version::Version;
use crate::wire::{Event, Page};

/// The master, and the instances that differ from what it says.
#[derive(Default)]
pub(crate) struct Whole {
    pub(crate) master: Option<Event>,
    pub(crate) members: Vec<Event>,
}

impl Whole {
    pub(crate) fn single(event: Event) -> Self {
        Self { master: Some(event), members: Vec::new() }
    }

    fn members(&self) -> Vec<&Event> {
        self.members.iter().collect()
    }

    pub(crate) fn version(&self) -> Version {
        Version::of(self.master.as_ref(), &self.members())
    }

    pub(crate) fn form(&self) -> Result<Form, Reason> {
        map::form(self.master.as_ref(), &self.members())
    }

    /// As the engine sees it.
    pub(crate) fn object(&self, id: RemoteId) -> Result<RemoteObject, Reason> {
        let form = self.form()?;
        let first = self.master.as_ref().or(self.members.first());
        let first = first.ok_or(Reason("nothing of it is there"))?;
        Ok(RemoteObject {
            id,
            version: self.version().write(),
            form,
            role: map::role(first),
            mark: map::mark(first),
            mails: 0, // every write says that nobody is to be told
        })
    }

    pub(crate) fn changed(&self, id: RemoteId) -> Changed {
        match self.object(id.clone()) {
            Ok(object) => Changed::Now(Box::new(object)),
            Err(reason) => Changed::Unreadable(id, reason),
        }
    }
}

impl Calls {
    /// The event with this id; `None` if it is not there, or cancelled.
    pub(crate) async fn event(
        &self,
        calendar: &CalendarId,
        id: &str,
        operation: &'static str,
    ) -> Result<Option<Event>, ConnectorError> {
        let route = "/calendars/{calendar}/events/{event}";
        let call = Call::new(
            operation,
            About::Event,
            Method::GET,
            route,
            vec!["calendars", &calendar.0, "events", id],
        );
        match self.read::<Event>(&call).await {
            Ok(event) => Ok(Some(event).filter(|event| !event.is_cancelled())),
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All of an object; `None` if it is not there.
    ///
    /// One request, where the UID can be told from the id: Google makes one of the other. Else two more.
    pub(crate) async fn whole(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        operation: &'static str,
    ) -> Result<Option<Whole>, ConnectorError> {
        // This also tells a calendar that is gone from an event that is.
        let found = self.family(calendar, &usual_uid(&id.0), &id.0, operation).await?;
        let mut orphans = match &found.master {
            Some(master) if master.is_cancelled() => return Ok(None),
            Some(_) => return Ok(Some(found)),
            None => found.members,
        };
        let Some(master) = self.event(calendar, &id.0, operation).await? else {
            // Somebody who is invited to single instances has these and no series.
            orphans.retain(|member| !member.is_cancelled());
            let found = Whole { master: None, members: orphans };
            return Ok((!found.members.is_empty()).then_some(found));
        };
        if !master.is_series() {
            return Ok(Some(Whole::single(master)));
        }
        let Some(uid) = master.ical_uid.clone() else {
            return Err(ConnectorError::new(ErrorKind::Malformed, operation));
        };
        let found = self.family(calendar, &uid, &id.0, operation).await?;
        match &found.master {
            Some(master) if !master.is_cancelled() => Ok(Some(found)),
            // It was there a moment ago: cancelled since, or an answer that lacks it.
            Some(_) => Ok(None),
            None => Err(ConnectorError::new(ErrorKind::Malformed, operation)),
        }
    }

    /// What has this UID and belongs to the event `id`. A series that was split shares its UID with nothing of its other
    /// half, an imported one perhaps with other events.
    async fn family(
        &self,
        calendar: &CalendarId,
        uid: &str,
        id: &str,
        operation: &'static str,
    ) -> Result<Whole, ConnectorError> {
        let mut whole = Whole::default();
        let mut page: Option<String> = None;
        let mut seen = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            let mut call = events(operation, calendar);
            call.about = About::Calendar;
            call = call.with("iCalUID", uid).with("showDeleted", "true");
            if let Some(page) = &page {
                call = call.with("pageToken", page.as_str());
            }
            let listed: Page = self.read(&call).await?;
            for item in listed.items {
                let malformed = |_| ConnectorError::new(ErrorKind::Malformed, operation);
                let event: Event = serde_json::from_value(item).map_err(malformed)?;
                if !seen.insert(event.id.clone()) {
                    continue;
                }
                if event.id == id {
                    whole.master = Some(event);
                } else if event.series() == Some(id) {
                    whole.members.push(event);
                }
            }
            page = listed.next_page_token;
            if page.is_none() {
                whole.members.sort_by(|a, b| a.id.cmp(&b.id));
                return Ok(whole);
            }
        }
        Err(ConnectorError::new(ErrorKind::Malformed, operation))
    }
}

/// A request for a page of events: masters, and the instances that differ from them.
pub(crate) fn events<'a>(operation: &'static str, calendar: &'a CalendarId) -> Call<'a> {
    let path = vec!["calendars", &calendar.0, "events"];
    Call::new(operation, About::Calendar, Method::GET, "/calendars/{calendar}/events", path)
        .with("singleEvents", "false")
        .with("maxResults", PAGE_EVENTS.to_string())
}

/// The UID that an event with this id has as a rule. What was made at Google has the id in its UID; what was imported has
/// the UID in its id, as base32hex behind an underscore (seen, not documented: whoever has another is asked for it).
fn usual_uid(id: &str) -> String {
    let imported = id.strip_prefix('_').and_then(base32hex).and_then(|uid| String::from_utf8(uid).ok());
    imported.filter(|uid| !uid.is_empty()).unwrap_or_else(|| format!("{id}@google.com"))
}

/// Reads base32hex without padding (RFC 4648 section 7).
fn base32hex(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.chars() {
        held = (held << 5 | letter.to_digit(32)?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uid_is_told_from_the_id_where_it_can_be() {
        assert_eq!(usual_uid("abc123"), "abc123@google.com");
        assert_eq!(usual_uid("_cpnmuoj1e8"), "foobar"); // RFC 4648 section 10
        for other in ["_", "_xyz", "_cpnmuoj1e8_R20260101T090000", "_vvvv"] {
            assert_eq!(usual_uid(other), format!("{other}@google.com"));
        }
    }
}
