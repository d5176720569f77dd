//! The exceptions of a series, brought to what a form says. Graph takes them one by one, once the series is there.
//!
//! A change of the pattern or of the times of a series drops all its exceptions at Graph, so they are looked at after it.
//! If a request in between fails, the next attempt begins with what is there then and comes to the same end.

use std::collections::BTreeMap;

use almanac_contract::{
    ConnectorError, ErrorKind, Form, Instance, Moment, Part, Push, Reason, RemoteId, RemoteObject,
};
use serde_json::{Value, json};

use crate::calls::{Call, Graph, query};
use crate::error::About;
use crate::fetch::instance_start;
use crate::map::rule::Repeats;
use crate::map::{self, time};
use crate::wire::{Event, Page};

const OPERATION: &str = "change the instances of a series";
const NO_INSTANCE: Reason = Reason("Outlook does not have an instance that is to be changed");

/// What is to be done about one instance.
enum Step<'a> {
    Cancel,
    Change { to: &'a Part, from: Part },
}

/// An instance of the series, as Graph names it.
struct Member {
    id: RemoteId,
    tag: Option<String>,
}

impl Graph {
    /// Makes the exceptions of a series those of `form`, and reads what came of it.
    pub(crate) async fn settle(
        &self,
        push: &Push<'_>,
        id: &RemoteId,
        form: &Form,
    ) -> Result<RemoteObject, ConnectorError> {
        let (mut event, mut now) = self.present(push, id).await?;
        if needs_reset(&now.form, form) {
            self.reset(push, &event, form).await?;
            (event, now) = self.present(push, id).await?;
        }
        let current = map::project(&now.form);
        let steps = steps(&current, form);
        if steps.is_empty() {
            return Ok(now);
        }
        let members = known_members(&event, &current);
        for (at, step) in &steps {
            let looked_up = match members.get(at) {
                Some(_) => None,
                None => Some(self.look_up(push, id, at, &current).await?),
            };
            let member = members.get(at).or(looked_up.as_ref());
            let member =
                member.ok_or_else(|| ConnectorError::new(ErrorKind::Refused(NO_INSTANCE), OPERATION))?;
            match step {
                Step::Cancel => self.remove(push.calendar, &member.id, member.tag.as_deref()).await?,
                Step::Change { to, from } => {
                    let body = map::body(to, Some(from));
                    self.patch(push, &member.id, member.tag.as_deref(), Value::Object(body)).await?;
                }
            }
        }
        Ok(self.present(push, id).await?.1)
    }

    /// Brings cancelled instances back, which Graph does only with all others: by another pattern, and then this one.
    async fn reset(&self, push: &Push<'_>, event: &Event, form: &Form) -> Result<(), ConnectorError> {
        let id = RemoteId(event.id.clone());
        let master = form.master().and_then(|part| Some((map::span(part)?.0, map::rule_of(part)?)));
        let malformed = || ConnectorError::new(ErrorKind::Malformed, OPERATION);
        let (start, rule) = master.ok_or_else(malformed)?;
        let repeats = Repeats::of_rule(rule, start)
            .map_err(|reason| ConnectorError::new(ErrorKind::Refused(reason), OPERATION))?;
        let once = repeats.once();
        let tag = event.tag();
        let body = json!({ "recurrence": once.to_recurrence(start) });
        let between = self.patch(push, &id, tag.as_deref(), body).await?;
        let tag = between.tag();
        let body = json!({ "recurrence": repeats.to_recurrence(start) });
        self.patch(push, &id, tag.as_deref(), body).await.map(drop)
    }

    /// An instance that nobody changed: one that begins at its moment. Its entity tag is that of the series, which every
    /// change of another instance changes, so it is looked at just before it is written to.
    async fn look_up(
        &self,
        push: &Push<'_>,
        id: &RemoteId,
        at: &Moment,
        form: &Form,
    ) -> Result<Member, ConnectorError> {
        let missing = || ConnectorError::new(ErrorKind::Refused(NO_INSTANCE), OPERATION);
        let (start, _) = form.master().and_then(map::span).ok_or_else(missing)?;
        let path = self.instances_path(push, id, at);
        let page: Page<Event> =
            self.json(Call::get(path, "/events/{event}/instances", OPERATION, About::Event)).await?;
        let is_it = |instance: &Event| {
            let moment = time::original(instance, start).or_else(|| instance_start(instance, start));
            moment.as_ref() == Some(at)
        };
        let instance = page.value.into_iter().find(is_it).ok_or_else(missing)?;
        if instance.r#type.as_deref() == Some("exception") {
            return Err(ConnectorError::new(ErrorKind::Conflict, OPERATION)); // since it was read
        }
        let tag = instance.tag();
        Ok(Member { id: RemoteId(instance.id), tag })
    }

    fn instances_path(&self, push: &Push<'_>, id: &RemoteId, at: &Moment) -> String {
        let (from, to) = time::around(at);
        let text = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (from, to) = (text(from), text(to));
        let select = "id,changeKey,type,start,end,isAllDay,originalStart,seriesMasterId";
        let query = query(&[("startDateTime", &from), ("endDateTime", &to), ("$select", select)]);
        format!("{}/instances?{query}", self.event_path(push.calendar, id))
    }
}

/// Whether an instance is cancelled that is to be there.
fn needs_reset(now: &Form, form: &Form) -> bool {
    let wanted: Vec<&Moment> = form.master().into_iter().flat_map(map::cancelled).collect();
    now.master().into_iter().flat_map(map::cancelled).any(|at| !wanted.contains(&at))
}

/// What leads from the exceptions of one form to those of another.
fn steps<'a>(now: &Form, form: &'a Form) -> BTreeMap<Moment, Step<'a>> {
    let mut steps = BTreeMap::new();
    let (Some(old), Some(new)) = (now.master(), form.master()) else { return steps };
    let cancelled: Vec<&Moment> = map::cancelled(old).collect();
    for at in map::cancelled(new).filter(|at| !cancelled.contains(at)) {
        steps.insert(at.clone(), Step::Cancel);
    }
    for (instance, to) in &form.parts {
        let Instance::At(at) = instance else { continue };
        let from = now.parts.get(instance).cloned().or_else(|| map::implied(old, at));
        if let Some(from) = from.filter(|from| from != to) {
            steps.insert(at.clone(), Step::Change { to, from });
        }
    }
    steps
}

/// The instances that are changed at present.
fn known_members(event: &Event, form: &Form) -> BTreeMap<Moment, Member> {
    let Some((start, _)) = form.master().and_then(map::span) else { return BTreeMap::new() };
    let changed = event.exception_occurrences.iter().flatten();
    changed
        .filter_map(|exception| {
            let member = Member { id: RemoteId(exception.id.clone()), tag: exception.tag() };
            Some((time::original(exception, start)?, member))
        })
        .collect()
}
