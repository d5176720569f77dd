//! Three-way merge of one calendar object, field by field.
//!
//! The base is the form that both sides had when they were last equal. A field that one side changed gets that side's
//! value; only a field that both changed to different values is a conflict, which the side of record wins. What loses
//! is told, so that it can be kept as history: nothing is dropped in silence, and no clock is asked who was later.
//!
//! **The shape of a series is one thing.** Instances are named by when the rule would place them. So if one side moved
//! the series or changed its rule, the names that the other side used for its exceptions mean nothing any more: the
//! whole shape (time, rule, extra and cancelled instances, changed instances) is taken from the side that reshaped it.

use std::collections::BTreeSet;

use almanac_contract::{Field, Form, Instance, Moment, Part, Value};

/// A side of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The store.
    Local,
    /// The vendor.
    Remote,
}

/// A change that did not come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub instance: Instance,
    /// The field; `None`: the component as a whole.
    pub field: Option<Field>,
    /// Whose change it was.
    pub loser: Side,
    /// What that side wanted; `None`: that it is not there.
    pub wanted: Option<Value>,
}

impl Conflict {
    /// What people call what it is about.
    pub(crate) fn what(&self) -> &'static str {
        let Some(field) = &self.field else {
            return if self.instance == Instance::Master { "everything" } else { "an instance" };
        };
        match field {
            Field::Time => "time",
            Field::Rule | Field::Extra(_) => "repetition",
            Field::Except(_) => "a cancelled instance",
            Field::Summary => "title",
            Field::Description => "description",
            Field::Location => "place",
            Field::Status => "status",
            Field::Transparency => "busy or free",
            Field::Class => "visibility",
            Field::Priority => "priority",
            Field::Url => "link",
            Field::Color => "colour",
            Field::Category(_) => "category",
            Field::Organizer => "organizer",
            Field::Attendee(_) => "guest",
            Field::Alarm(..) => "alarm",
            Field::Zone(_) => "time zone",
            Field::Other(..) => "other property",
        }
    }
}

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// What both sides are to have.
    pub form: Form,
    /// What was lost on the way.
    pub conflicts: Vec<Conflict>,
}

/// Merges two forms of one object that were both `base` once; `record` wins where they contradict each other.
///
/// Swapping the sides, with the winner, gives the same form. Without a contradiction the winner does not matter.
#[must_use]
pub fn merge(base: &Form, local: &Form, remote: &Form, record: Side) -> Merged {
    let mut merging = Merging { base, local, remote, record, conflicts: Vec::new() };
    let form = Form { kind: base.kind, uid: base.uid.clone(), parts: merging.parts() };
    Merged { form, conflicts: merging.conflicts }
}

struct Merging<'a> {
    base: &'a Form,
    local: &'a Form,
    remote: &'a Form,
    record: Side,
    conflicts: Vec<Conflict>,
}

impl Merging<'_> {
    fn side(&self, side: Side) -> &Form {
        match side {
            Side::Local => self.local,
            Side::Remote => self.remote,
        }
    }

    fn parts(&mut self) -> std::collections::BTreeMap<Instance, Part> {
        let shape = self.shaped_by();
        let all = [self.base, self.local, self.remote];
        let instances: BTreeSet<Instance> = all.iter().flat_map(|form| form.parts.keys().cloned()).collect();
        let mut parts = std::collections::BTreeMap::new();
        for instance in instances {
            let part = match shape {
                Some(side) if instance != Instance::Master => self.taken_from(side, &instance),
                _ => self.part(&instance, shape),
            };
            if let Some(part) = part {
                parts.insert(instance, part);
            }
        }
        if shape.is_none() {
            self.separate(&mut parts);
        }
        parts
    }

    /// The side whose shape of the series is taken as a whole; `None` if no side moved the series.
    fn shaped_by(&self) -> Option<Side> {
        let reshaped = |side: Side| {
            [Field::Time, Field::Rule].iter().any(|field| {
                let value = |form: &Form| form.master().and_then(|part| part.get(field)).cloned();
                value(self.side(side)) != value(self.base)
            })
        };
        let is_series = |form: &Form| {
            form.parts.len() > 1 || form.master().is_some_and(|part| part.contains_key(&Field::Rule))
        };
        if ![self.base, self.local, self.remote].into_iter().any(is_series) {
            return None; // a single event has no shape: its fields merge one by one
        }
        match (reshaped(Side::Local), reshaped(Side::Remote)) {
            (false, false) => None,
            (true, false) => Some(Side::Local),
            (false, true) => Some(Side::Remote),
            (true, true) => Some(self.record),
        }
    }

    /// A changed instance as `side` has it.
    fn taken_from(&mut self, side: Side, instance: &Instance) -> Option<Part> {
        let (base, taken) = (self.base.parts.get(instance), self.side(side).parts.get(instance).cloned());
        let loser = other(side);
        let lost = self.side(loser).parts.get(instance);
        if lost != base && lost != taken.as_ref() {
            self.conflicts.extend(lost_part(instance, loser, base, lost, taken.as_ref()));
        }
        taken
    }

    fn part(&mut self, instance: &Instance, shape: Option<Side>) -> Option<Part> {
        let base = self.base.parts.get(instance);
        let (local, remote) = (self.local.parts.get(instance), self.remote.parts.get(instance));
        match (local, remote) {
            _ if local == remote => local.cloned(),
            _ if local == base => remote.cloned(),
            _ if remote == base => local.cloned(),
            (Some(local), Some(remote)) => {
                let nothing = Part::new();
                Some(self.fields(instance, base.unwrap_or(&nothing), local, remote, shape))
            }
            // One side removed the component, the other changed it.
            _ => self.taken_from(self.record, instance),
        }
    }

    fn fields(
        &mut self,
        instance: &Instance,
        base: &Part,
        local: &Part,
        remote: &Part,
        shape: Option<Side>,
    ) -> Part {
        let fields: BTreeSet<&Field> = base.keys().chain(local.keys()).chain(remote.keys()).collect();
        let mut merged = Part::new();
        for field in fields {
            let (was, local, remote) = (base.get(field), local.get(field), remote.get(field));
            let winner = match shape {
                Some(side) if *instance == Instance::Master && is_shape(field) => side,
                _ if local == was => Side::Remote,
                _ if remote == was => Side::Local,
                _ => self.record,
            };
            let (value, lost) = match winner {
                Side::Local => (local, remote),
                Side::Remote => (remote, local),
            };
            if lost != was && lost != value {
                self.conflicts.push(Conflict {
                    instance: instance.clone(),
                    field: Some(field.clone()),
                    loser: other(winner),
                    wanted: lost.cloned(),
                });
            }
            if let Some(value) = value {
                merged.insert(field.clone(), value.clone());
            }
        }
        merged
    }

    /// An instance that one side cancelled and the other changed cannot be both.
    fn separate(&mut self, parts: &mut std::collections::BTreeMap<Instance, Part>) {
        let cancelled: Vec<Moment> = match parts.get(&Instance::Master) {
            Some(master) => master.keys().filter_map(cancelled).collect(),
            None => return,
        };
        for at in cancelled {
            let (instance, field) = (Instance::At(at.clone()), Field::Except(at));
            let has = |side: Side, what: &Self| {
                let form = what.side(side);
                (
                    form.master().is_some_and(|part| part.contains_key(&field)),
                    form.parts.contains_key(&instance),
                )
            };
            if !parts.contains_key(&instance)
                || has(Side::Local, self) == (true, true)
                || has(Side::Remote, self) == (true, true)
            {
                continue; // it is one or the other, or a side really has both
            }
            let canceller = if has(Side::Local, self).0 { Side::Local } else { Side::Remote };
            if canceller == self.record {
                let lost = parts.remove(&instance);
                let base = self.base.parts.get(&instance);
                self.conflicts.extend(lost_part(&instance, other(canceller), base, lost.as_ref(), None));
            } else if let Some(master) = parts.get_mut(&Instance::Master) {
                master.remove(&field);
                self.conflicts.push(Conflict {
                    instance: Instance::Master,
                    field: Some(field),
                    loser: canceller,
                    wanted: Some(Value::Present),
                });
            }
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Local => Side::Remote,
        Side::Remote => Side::Local,
    }
}

/// Whether a field of the master says where the instances of a series are.
fn is_shape(field: &Field) -> bool {
    matches!(field, Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_))
}

fn cancelled(field: &Field) -> Option<Moment> {
    if let Field::Except(at) = field { Some(at.clone()) } else { None }
}

/// What a side wanted of a component of which nothing came through.
fn lost_part(
    instance: &Instance,
    loser: Side,
    base: Option<&Part>,
    wanted: Option<&Part>,
    taken: Option<&Part>,
) -> Vec<Conflict> {
    let conflict = |field, wanted| Conflict { instance: instance.clone(), field, loser, wanted };
    let Some(wanted) = wanted else { return vec![conflict(None, None)] };
    let nothing = Part::new();
    let base = base.unwrap_or(&nothing);
    let fields: BTreeSet<&Field> = base.keys().chain(wanted.keys()).collect();
    let lost = fields.into_iter().filter(|field| {
        let value = wanted.get(*field);
        value != base.get(*field) && value != taken.and_then(|part| part.get(*field))
    });
    let mut conflicts: Vec<Conflict> =
        lost.map(|field| conflict(Some(field.clone()), wanted.get(field).cloned())).collect();
    if taken.is_none() && conflicts.is_empty() {
        conflicts.push(conflict(None, Some(Value::Present)));
    }
    conflicts
}
