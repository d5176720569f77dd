//! The instances of a series, each made as the form says.
//!
//! It goes by what is there, not by what was there: a push that was broken off is carried on by the next.

use std::collections::{BTreeMap, BTreeSet};

use almanac_contract::{
    CalendarId, ConnectorError, ErrorKind, Field, Form, Instance, Moment, Part, Reason, Wrote,
};
use http::Method;
use serde_json::{Map, Value};

use crate::answers::About;
use crate::calls::{Call, Calls};
use crate::map::{self, Differing};
use crate::push::WRITE;
use crate::series::Whole;
use crate::wire::{Event, Page};

/// How one instance is to be.
enum Target {
    /// It says this; perhaps what its series says.
    So(Part),
    Cancelled,
}

/// That all changed instances of a form are there or can come to be.
///
/// # Errors
/// `Refused`: Google cannot have one of them. Asked for before anything is written.
pub(crate) fn possible(whole: &Whole, form: &Form) -> Result<(), ConnectorError> {
    let Some(master) = form.master() else { return Ok(()) };
    let there = there(whole, master);
    let impossible = form.parts.keys().any(|instance| match instance {
        Instance::Master => false,
        Instance::At(at) => !there.contains_key(at) && !map::makes(master, at),
    });
    if impossible { Err(unmade()) } else { Ok(()) }
}

fn unmade() -> ConnectorError {
    let reason = Reason("a changed instance is at a time that its rule does not have");
    ConnectorError::new(ErrorKind::Refused(reason), WRITE)
}

/// Whether an instance is to be there again that the master itself leaves out.
pub(crate) fn revives(whole: &Whole, master: &Part) -> bool {
    whole.master.iter().flat_map(left_out).any(|at| !master.contains_key(&Field::Except(at)))
}

/// What a master leaves out by its own words.
fn left_out(series: &Event) -> BTreeSet<Moment> {
    let form = map::form(Some(series), &[]).ok();
    let fields = form.iter().filter_map(Form::master).flat_map(Part::keys);
    let moments = fields.filter_map(|field| match field {
        Field::Except(at) => Some(at.clone()),
        _ => None,
    });
    moments.collect()
}

/// The instances that have an event of their own, by when they would be.
fn there<'a>(whole: &'a Whole, master: &Part) -> BTreeMap<Moment, &'a Event> {
    let members = whole.members.iter();
    members.filter_map(|member| Some((map::original(member, master)?, member))).collect()
}

impl Calls {
    /// Makes each instance as the form says. Whether any had to be written.
    pub(crate) async fn instances(
        &self,
        calendar: &CalendarId,
        whole: &Whole,
        form: &Form,
        wrote: &mut Wrote,
    ) -> Result<bool, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, WRITE);
        let (Some(series), Some(master)) = (&whole.master, form.master()) else { return Err(malformed()) };
        let left_out = left_out(series);
        let there = there(whole, master);
        let (mut any, mut unknown) = (false, false);
        for (at, target) in targets(form, master, &there) {
            let member = there.get(&at).copied();
            let Some(body) = step(member, &target, left_out.contains(&at)) else { continue };
            let written = match member {
                Some(member) => self.patch(calendar, &member.id, body, Some(&member.etag)).await,
                None => match self.name_of(calendar, series, &at).await? {
                    Some(id) => self.patch(calendar, &id, body, None).await,
                    None => Err(ConnectorError::new(ErrorKind::Gone, WRITE)),
                },
            };
            match (written, &target) {
                (Ok(_), _) => (any, *wrote) = (true, Wrote::Something),
                // The rule does not make it: nothing is there to be cancelled.
                (Err(error), Target::Cancelled) if error.kind == ErrorKind::Gone => unknown = true,
                (Err(error), Target::So(_)) if error.kind == ErrorKind::Gone && member.is_none() => {
                    return Err(unmade());
                }
                (Err(error), _) => return Err(error),
            }
        }
        if unknown {
            // So that what is cancelled stays told all the same: by the master's own words.
            let body = Map::from_iter([("recurrence".to_owned(), map::recurrence(master).into())]);
            self.patch(calendar, &series.id, body, Some(&series.etag)).await?;
            any = true;
        }
        Ok(any)
    }

    /// The id of an instance that nobody has changed yet. It is made of the series' id, but not where the series is the
    /// second half of one that was split: there Google is asked.
    async fn name_of(
        &self,
        calendar: &CalendarId,
        series: &Event,
        at: &Moment,
    ) -> Result<Option<String>, ConnectorError> {
        if !series.id.contains("_R") {
            return Ok(map::instance_id(&series.id, at));
        }
        let Some(start) = map::instant_text(at) else { return Ok(None) };
        let route = "/calendars/{calendar}/events/{event}/instances";
        let path = vec!["calendars", &calendar.0, "events", &series.id, "instances"];
        let call = Call::new(WRITE, About::Event, Method::GET, route, path)
            .with("originalStart", start)
            .with("showDeleted", "true");
        let found: Page = self.read(&call).await?;
        let first = found.items.first().and_then(|item| item.get("id")).and_then(Value::as_str);
        Ok(first.map(str::to_owned))
    }
}

/// How each instance is to be that is told by the form or has an event of its own.
fn targets(form: &Form, master: &Part, there: &BTreeMap<Moment, &Event>) -> BTreeMap<Moment, Target> {
    let mut targets = BTreeMap::new();
    for at in there.keys() {
        let plain = if map::makes(master, at) { map::derived(master, at) } else { None };
        targets.insert(at.clone(), plain.map_or(Target::Cancelled, Target::So));
    }
    for field in master.keys() {
        if let Field::Except(at) = field {
            targets.insert(at.clone(), Target::Cancelled);
        }
    }
    for (instance, part) in &form.parts {
        if let Instance::At(at) = instance {
            targets.insert(at.clone(), Target::So(part.clone()));
        }
    }
    targets
}

/// What has to be written to make an instance so; `None`: nothing.
fn step(member: Option<&Event>, target: &Target, is_left_out: bool) -> Option<Map<String, Value>> {
    let body = match (target, member) {
        (Target::Cancelled, None) if is_left_out => return None,
        (Target::Cancelled, Some(member)) if member.is_cancelled() => return None,
        (Target::Cancelled, _) => Map::from_iter([("status".to_owned(), "cancelled".into())]),
        (Target::So(part), Some(member)) if !member.is_cancelled() => match said(member) {
            Some(said) => map::differences(Differing::From(&said), part),
            None => map::differences(Differing::All, part),
        },
        (Target::So(part), _) => map::differences(Differing::All, part),
    };
    (!body.is_empty()).then_some(body)
}

/// What a changed instance says now.
fn said(member: &Event) -> Option<Part> {
    let form = map::form(None, &[member]).ok()?;
    map::project(&form).parts.into_values().next()
}
