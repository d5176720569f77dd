//! The exceptions of a series, brought to what a form says. Graph takes them one by one, once the series is there.
//!
//! A change of the pattern or of the times of a series drops all its exceptions at Graph, so they are looked at after it, and
//! a note on the series says what has to be put back (`pending.rs`).

use std::collections::BTreeMap;

use almanac_contract::{
    CalendarId, ConnectorError, ErrorKind, Form, Instance, Moment, Reason, RemoteId, RemoteObject, Wrote,
};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::calls::{Call, Graph, query};
use crate::error::About;
use crate::fetch::instance_start;
use crate::map::rule::Repeats;
use crate::map::{self, Hits, time};
use crate::pending::{self, Pending};
use crate::wire::{Event, Page, Recurrence};

const OPERATION: &str = "change the instances of a series";
const NO_INSTANCE: Reason = Reason("Outlook does not have an instance that is to be changed");

/// What is to be done about one instance.
enum Step {
    Cancel,
    /// The body of a PATCH.
    Change(Map<String, Value>),
}

/// An instance of the series, as Graph names it.
struct Member {
    id: RemoteId,
    tag: Option<String>,
}

/// Whether a note was left on the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    Yes,
    No,
}

impl Graph {
    /// Makes the exceptions of a series those of `form`, takes the note away, and reads what came of it.
    pub(crate) async fn settle(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        form: &Form,
        noted: Noted,
        wrote: &mut Wrote,
    ) -> Result<RemoteObject, ConnectorError> {
        let (mut event, mut now) = self.present(calendar, id).await?;
        let reset = needs_reset(&now.form, form);
        if reset {
            self.reset(calendar, &event, form, wrote).await?;
            (event, now) = self.present(calendar, id).await?;
        }
        let current = map::project(&now.form);
        let steps = steps(&current, form);
        let noted = noted == Noted::Yes || reset;
        if steps.is_empty() && !noted {
            return Ok(now);
        }
        self.take(calendar, &event, &current, &steps, wrote).await?;
        if noted {
            self.patch(calendar, id, None, Pending::done()).await?;
        }
        Ok(self.present(calendar, id).await?.1)
    }

    /// Does what a note on a series leaves to be done.
    ///
    /// What Outlook refuses is left: the series is as it is then, and no note keeps it from being read, written or deleted.
    ///
    /// # Errors
    /// The note stays. `Refused`: not even the pattern comes back that another one stands in for.
    pub(crate) async fn finish(
        &self,
        calendar: &CalendarId,
        event: Event,
        pending: &Pending,
    ) -> Result<(), ConnectorError> {
        let id = RemoteId(event.id.clone());
        let mut event = event;
        if let Some(pattern) = pending.pattern.as_ref().filter(|pattern| stands_in(&event, pattern)) {
            self.patch(calendar, &id, event.tag().as_deref(), json!({ "recurrence": pattern })).await?;
            event = self.present(calendar, &id).await?.0;
        }
        if let Ok(now) = map::object(&event) {
            let now = map::project(&now.form);
            let (steps, members) = (left(pending, &now), known_members(&event, &now));
            for one in in_order(&steps, &now) {
                match self.take_one(calendar, &id, &members, one, &now).await {
                    Err(error) if !matches!(error.kind, ErrorKind::Refused(_)) => return Err(error),
                    _ => {}
                }
            }
        }
        self.patch(calendar, &id, None, Pending::done()).await.map(drop)
    }

    async fn take(
        &self,
        calendar: &CalendarId,
        event: &Event,
        now: &Form,
        steps: &BTreeMap<Moment, Step>,
        wrote: &mut Wrote,
    ) -> Result<(), ConnectorError> {
        let id = RemoteId(event.id.clone());
        let members = known_members(event, now);
        for one in in_order(steps, now) {
            self.take_one(calendar, &id, &members, one, now).await?;
            *wrote = Wrote::Something;
        }
        Ok(())
    }

    async fn take_one(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        members: &BTreeMap<Moment, Member>,
        (at, step): (&Moment, &Step),
        now: &Form,
    ) -> Result<(), ConnectorError> {
        let looked_up = match members.get(at) {
            Some(_) => None,
            None => Some(self.look_up(calendar, id, at, now).await?),
        };
        let member = members.get(at).or(looked_up.as_ref());
        let member = member.ok_or_else(|| ConnectorError::new(ErrorKind::Refused(NO_INSTANCE), OPERATION))?;
        let tag = member.tag.as_deref();
        match step {
            Step::Cancel => self.remove(calendar, &member.id, tag).await,
            Step::Change(body) => {
                self.patch(calendar, &member.id, tag, Value::Object(body.clone())).await.map(drop)
            }
        }
    }

    /// Brings cancelled instances back, which Graph does only with all others: by another pattern, and then this one.
    async fn reset(
        &self,
        calendar: &CalendarId,
        event: &Event,
        form: &Form,
        wrote: &mut Wrote,
    ) -> Result<(), ConnectorError> {
        let id = RemoteId(event.id.clone());
        let master = form.master().and_then(|part| Some((map::span(part)?.0, map::rule_of(part)?)));
        let malformed = || ConnectorError::new(ErrorKind::Malformed, OPERATION);
        let (start, rule) = master.ok_or_else(malformed)?;
        let repeats = Repeats::of_rule(rule, start)
            .map_err(|reason| ConnectorError::new(ErrorKind::Refused(reason), OPERATION))?;
        let pattern = repeats.to_recurrence(start);
        let note =
            Pending { pattern: Some(pattern.clone()), ..Pending::of(form, &event.id) }.property(OPERATION)?;
        let once = repeats.once().to_recurrence(start);
        let body = json!({ "recurrence": once, "singleValueExtendedProperties": [note] });
        let between = self.patch(calendar, &id, event.tag().as_deref(), body).await?;
        *wrote = Wrote::Something;
        let body = json!({ "recurrence": pattern });
        self.patch(calendar, &id, between.tag().as_deref(), body).await.map(drop)
    }

    /// An instance that nobody changed: one that begins at its moment. Its entity tag is that of the series, which every
    /// change of another instance changes, so it is looked at just before it is written to.
    async fn look_up(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        at: &Moment,
        form: &Form,
    ) -> Result<Member, ConnectorError> {
        let missing = || ConnectorError::new(ErrorKind::Refused(NO_INSTANCE), OPERATION);
        let (start, _) = form.master().and_then(map::span).ok_or_else(missing)?;
        let path = self.instances_path(calendar, id, at);
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

    fn instances_path(&self, calendar: &CalendarId, id: &RemoteId, at: &Moment) -> String {
        let (from, to) = time::around(at);
        let (from, to) = (time::text(from), time::text(to));
        let select = "id,changeKey,type,start,end,isAllDay,originalStart,seriesMasterId";
        let query = query(&[("startDateTime", &from), ("endDateTime", &to), ("$select", select)]);
        format!("{}/instances?{query}", self.event_path(calendar, id))
    }
}

/// Whether a series has the pattern that took the place of another for a moment.
fn stands_in(event: &Event, pattern: &Value) -> bool {
    let wanted = serde_json::from_value::<Recurrence>(pattern.clone()).ok();
    let wanted = wanted.and_then(|wanted| Repeats::of_recurrence(&wanted).ok());
    let now = event.recurrence.as_ref().and_then(|now| Repeats::of_recurrence(now).ok());
    wanted.is_some_and(|wanted| now == Some(wanted.once()))
}

/// Whether an instance is cancelled that is to be there.
fn needs_reset(now: &Form, form: &Form) -> bool {
    let wanted: Vec<&Moment> = form.master().into_iter().flat_map(map::cancelled).collect();
    now.master().into_iter().flat_map(map::cancelled).any(|at| !wanted.contains(&at))
}

/// What leads from the exceptions of one form to those of another.
fn steps(now: &Form, form: &Form) -> BTreeMap<Moment, Step> {
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
            steps.insert(at.clone(), Step::Change(map::body(to, Some(&from))));
        }
    }
    // What is changed there and not to be: it says what its series says again.
    let stays = |at: &Moment| map::cancelled(new).any(|cancelled| cancelled == at);
    for (instance, from) in now.parts.iter().filter(|(instance, _)| !form.parts.contains_key(instance)) {
        let Instance::At(at) = instance else { continue };
        if let Some(to) = map::implied(new, at).filter(|_| !stays(at)) {
            steps.insert(at.clone(), Step::Change(map::body(&to, Some(from))));
        }
    }
    steps
}

/// The order in which Outlook takes them, as no instance may meet another even on its way: what is cancelled makes room, then
/// the first is moved back first, and the last forward.
fn in_order<'a>(steps: &'a BTreeMap<Moment, Step>, now: &Form) -> Vec<(&'a Moment, &'a Step)> {
    let forward = |at: &Moment, step: &Step| {
        let Step::Change(body) = step else { return false };
        let to =
            body.get("start").and_then(|start| start["dateTime"].as_str()?.get(..10)?.parse::<Date>().ok());
        let part = now.parts.get(&Instance::At(at.clone()));
        let from = part.and_then(map::span).map_or(at, |(start, _)| start);
        to.is_some_and(|to| to > time::day_of(from))
    };
    let (mut last, mut order): (Vec<_>, Vec<_>) = steps.iter().partition(|(at, step)| forward(at, step));
    order.sort_by_key(|(_, step)| matches!(step, Step::Change(_)));
    last.reverse();
    order.append(&mut last);
    order
}

/// What a note leaves to be done on a series as it is now. What somebody cancelled or moved since is theirs.
fn left(pending: &Pending, now: &Form) -> BTreeMap<Moment, Step> {
    let mut steps = BTreeMap::new();
    let Some(master) = now.master() else { return steps };
    let (Some((start, _)), Some(rule)) = (map::span(master), map::rule_of(master)) else { return steps };
    let hits = Hits::of(rule, start);
    let cancelled: Vec<&Moment> = map::cancelled(master).collect();
    let at = |day: &str| pending::day(day).map(|day| time::on_day(start, day));
    let open = |at: &Moment| hits.holds(at) && !cancelled.contains(&at);
    let cancel = pending.cancel.iter().map(|day| (at(day), Step::Cancel));
    let change = pending.change.iter().map(|(day, body)| (at(day), Step::Change(body.clone())));
    for (at, step) in cancel.chain(change) {
        if let Some(at) = at.filter(open) {
            steps.insert(at, step);
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

#[cfg(all(test, feature = "sim"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use almanac_contract::{Field, Part, Value as Said};
    use almanac_ical::ComponentKind;
    use jiff::Timestamp;
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::sim::{CALENDAR, Graph as Sim};

    const DAYS: i8 = 8;

    fn at(day: i8, hour: i8) -> Moment {
        let day = date(2026, 3, 10).checked_add(i64::from(day).days()).unwrap();
        Moment::Zoned(day.at(hour, 0, 0, 0), "Europe/Vienna".to_owned())
    }

    /// Every second day, with some cancelled and some moved by a few days.
    fn any_series() -> impl Strategy<Value = Form> {
        let of_day =
            prop_oneof![3 => Just(None), 2 => Just(Some(None)), 2 => (-3..4_i8).prop_map(|n| Some(Some(n)))];
        prop::collection::vec(of_day, DAYS as usize).prop_map(|days| {
            let mut master = Part::new();
            master.insert(Field::Time, Said::Span(at(0, 9), at(0, 10)));
            master.insert(Field::Rule, Said::Lines(vec![format!("FREQ=DAILY;COUNT={DAYS};INTERVAL=2")]));
            let mut parts = BTreeMap::new();
            for (day, what) in (0..DAYS).map(|n| n * 2).zip(days) {
                match what {
                    None => {}
                    Some(None) => drop(master.insert(Field::Except(at(day, 9)), Said::Present)),
                    Some(Some(by)) => {
                        let span = Said::Span(at(day + by, 11), at(day + by, 12));
                        parts.insert(Instance::At(at(day, 9)), Part::from([(Field::Time, span)]));
                    }
                }
            }
            parts.insert(Instance::Master, master);
            map::project(&Form { kind: ComponentKind::Event, uid: "a@almanac.example".to_owned(), parts })
        })
    }

    /// Whether Outlook takes all that leads from one form to another, in our order.
    fn takes(sim: &mut Sim, id: &str, now: &Form, form: &Form) -> bool {
        let steps = steps(now, form);
        in_order(&steps, now).into_iter().all(|(at, step)| match step {
            Step::Cancel => sim.cancel_instance(id, time::day_of(at)),
            Step::Change(body) => sim.change_instance(id, time::day_of(at), &Value::Object(body.clone())),
        })
    }

    proptest! {
        /// Two who judge for themselves: what we refuse, and what the simulator does when it is sent all the same.
        #[test]
        fn what_we_refuse_for_its_neighbours_outlook_does_not_take_and_all_else_it_does(
            one in any_series(), other in any_series(),
        ) {
            let mut master = one.master().unwrap().clone();
            master.retain(|field, _| !matches!(field, Field::Except(_)));
            let bare = Form { parts: [(Instance::Master, master)].into(), ..one.clone() };
            let mut sim = Sim::new(Timestamp::UNIX_EPOCH);
            let id = sim.create(CALENDAR, &Value::Object(map::body(bare.master().unwrap(), None))).unwrap();
            prop_assert_eq!(takes(&mut sim, &id, &bare, &one), map::refuses(&one).is_none());
            // What is cancelled stays so: it comes back in another way.
            let mut other = other;
            for at in map::cancelled(one.master().unwrap()) {
                other.parts.remove(&Instance::At(at.clone()));
                let master = other.parts.get_mut(&Instance::Master).unwrap();
                master.insert(Field::Except(at.clone()), Said::Present);
            }
            if map::refuses(&one).is_none() && map::refuses(&other).is_none() {
                prop_assert!(takes(&mut sim, &id, &one, &other));
            }
        }
    }
}
