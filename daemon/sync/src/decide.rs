//! What to do about one object: pure, from what both sides have and what they had when they were last equal.
//!
//! A vendor cannot store everything, so forms are compared under a **projection**: what the vendor would keep of them.
//! What it cannot keep never counts as a change, and stays in the store untouched.
//!
//! A vendor may also give back something else than it was given. What it gave back when both sides were last equal is
//! `seen`: only what differs from that is a change there. And it may tell what it does not take from us, such as who is
//! invited: such **extras** go one way, into the store.

use std::collections::BTreeSet;

use almanac_contract::{Field, Form, Instance, Part};

use crate::merge::{Conflict, Side, merge};

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Both ways.
    TwoWay,
    /// The store follows the vendor; what is changed here is put back.
    Pull,
    /// The vendor follows the store; what is changed there is put back.
    Push,
}

/// Who decides where both sides changed one field, or one deleted what the other changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// This side, always. What the other wanted is kept as history.
    Wins(Side),
    /// A person: the object is held until somebody says who wins.
    Ask,
}

/// How a vendor's calendar sees objects of the store.
pub trait View {
    /// What the vendor keeps of a form. Projecting twice changes nothing more.
    fn project(&self, form: &Form) -> Form;

    /// Whether the vendor is not told what the field really says (privacy): what it has there never comes back.
    fn hides(&self, field: &Field) -> bool;

    /// What of a vendor's form is ours to write: its fields as they are, without those that it does not take from us.
    /// Fields that are hidden are among them, so that what should not be there is noticed.
    fn ours(&self, form: &Form) -> Form {
        restricted(form, &self.project(form))
    }
}

/// A form with only the fields that `kept` has too.
pub(crate) fn restricted(form: &Form, kept: &Form) -> Form {
    let mut restricted = form.clone();
    for (instance, part) in &mut restricted.parts {
        let kept = kept.parts.get(instance);
        part.retain(|field, _| kept.is_some_and(|kept| kept.contains_key(field)));
    }
    restricted
}

/// What becomes of what a vendor tells and does not take from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extras {
    /// It goes into the store: the object came from the vendor.
    Follow,
    /// It is ignored: the object is ours, and the vendor's additions are about its copy.
    Ignore,
}

/// What is known of one object.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The form in the store when both sides were last equal; `None` if they never were.
    pub base: Option<&'a Form>,
    /// What the vendor had then, if that is not the projection of `base`.
    pub seen: Option<&'a Form>,
    /// The form in the store; `None` if it is not there.
    pub local: Option<&'a Form>,
    /// The form at the vendor; `None` if it is not there.
    pub remote: Option<&'a Form>,
    /// What becomes of the vendor's extras.
    pub extras: Extras,
}

/// What is to be done on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Leave,
    /// Make it, with this form.
    Create(Form),
    /// Give it this form.
    Update(Form),
    /// Delete it.
    Delete,
}

/// What is to be done about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// In the store.
    pub local: Action,
    /// At the vendor, under its projection.
    pub remote: Action,
    /// The base once the store's part is done and the vendor's is not: what both sides have in common then.
    pub shared: Option<Form>,
    /// The base once both are done; `None`: the object is on one side only, and not to be on the other.
    pub base: Option<Form>,
    /// What was lost on the way.
    pub conflicts: Vec<Conflict>,
}

/// What came of looking at one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This is to be done; perhaps nothing.
    Do(Box<Decision>),
    /// Both sides contradict each other in this, and a person is to say who wins.
    Ask(Vec<Conflict>),
}

/// Decides about one object. Once the decision is carried out, deciding again with the new base finds nothing to do.
#[must_use]
pub fn decide(known: Known<'_>, mode: Mode, policy: Policy, view: &dyn View) -> Outcome {
    let record = match (mode, policy) {
        (Mode::Pull, _) => Side::Remote,
        (Mode::Push, _) => Side::Local,
        (Mode::TwoWay, Policy::Wins(side)) => side,
        (Mode::TwoWay, Policy::Ask) => Side::Local, // to see whether there is anything to ask
    };
    let decision = match (known.local, known.remote) {
        (None, None) => nothing(None),
        (Some(local), None) => without_remote(known.base, local, mode, record, view),
        (None, Some(remote)) => without_local(&known, remote, mode, record, view),
        (Some(local), Some(remote)) => both(&known, local, remote, mode, record, view),
    };
    if mode == Mode::TwoWay && policy == Policy::Ask && !decision.conflicts.is_empty() {
        return Outcome::Ask(decision.conflicts);
    }
    Outcome::Do(Box::new(decision))
}

fn nothing(base: Option<Form>) -> Decision {
    Decision {
        local: Action::Leave,
        remote: Action::Leave,
        shared: base.clone(),
        base,
        conflicts: Vec::new(),
    }
}

/// The vendor does not have it: it is new here, or was deleted there.
fn without_remote(base: Option<&Form>, local: &Form, mode: Mode, record: Side, view: &dyn View) -> Decision {
    let create = || Decision {
        remote: Action::Create(view.project(local)),
        shared: None,
        ..nothing(Some(local.clone()))
    };
    let delete = |conflicts| Decision { local: Action::Delete, conflicts, ..nothing(None) };
    let Some(base) = base else {
        return match mode {
            // What was made here in a calendar that follows the vendor stays: nobody asked to delete it.
            Mode::Pull => nothing(None),
            Mode::TwoWay | Mode::Push => create(),
        };
    };
    if mode == Mode::Push {
        return create();
    }
    let changed = view.project(local) != view.project(base);
    match (changed, record) {
        (false, _) => delete(Vec::new()),
        // Deleted there, changed here.
        (true, Side::Remote) => delete(vec![whole(Side::Local)]),
        (true, Side::Local) => Decision { conflicts: vec![whole(Side::Remote)], ..create() },
    }
}

/// The store does not have it: it is new there, or was deleted here.
fn without_local(known: &Known<'_>, remote: &Form, mode: Mode, record: Side, view: &dyn View) -> Decision {
    let create = || Decision { local: Action::Create(remote.clone()), ..nothing(Some(remote.clone())) };
    let Some(base) = known.base else {
        return match mode {
            // What others made in a calendar that follows the store is not ours to delete.
            Mode::Push => nothing(None),
            Mode::TwoWay | Mode::Pull => create(),
        };
    };
    if mode == Mode::Pull {
        return create();
    }
    let was = view.project(base);
    let there = masked(&told(known, remote, view), &was, view);
    let changed = there != was;
    let delete = |conflicts| Decision {
        remote: Action::Delete,
        shared: Some(shared(base, &was, &there, view)),
        conflicts,
        ..nothing(None)
    };
    match (changed, record) {
        (false, _) => delete(Vec::new()),
        // Deleted here, changed there.
        (true, Side::Local) => delete(vec![whole(Side::Remote)]),
        (true, Side::Remote) => Decision { conflicts: vec![whole(Side::Local)], ..create() },
    }
}

fn both(
    known: &Known<'_>,
    local: &Form,
    remote: &Form,
    mode: Mode,
    record: Side,
    view: &dyn View,
) -> Decision {
    let here = view.project(local);
    let told = told(known, remote, view);
    let there = masked(&told, &here, view);
    let was = match known.base {
        Some(base) => view.project(base),
        // Met for the first time: what is equal is the base, and the rest is decided by who wins.
        None => common(&here, &there),
    };
    let merged = match mode {
        Mode::TwoWay => merge(&was, &here, &there, record),
        Mode::Pull => only(&was, &here, &there, Side::Local),
        Mode::Push => only(&was, &there, &here, Side::Remote),
    };
    let mut target = overlay(local, &here, &merged.form);
    let mut conflicts = merged.conflicts;
    if known.extras == Extras::Follow && mode != Mode::Push {
        follow(&mut target, known, remote, view, &mut conflicts);
    }
    let local_action = if target == *local { Action::Leave } else { Action::Update(target.clone()) };
    let wanted = view.project(&target);
    let (remote_action, shared) = if mode == Mode::Pull || wanted == told {
        (Action::Leave, target.clone())
    } else {
        let there = masked(&told, &wanted, view);
        let shared = shared(&target, &wanted, &there, view);
        (Action::Update(wanted), shared)
    };
    Decision {
        local: local_action,
        remote: remote_action,
        shared: Some(shared),
        base: Some(target),
        conflicts,
    }
}

/// What the vendor wants of what it takes from us: what it has, and where that is what it made of the base, the base.
fn told(known: &Known<'_>, remote: &Form, view: &dyn View) -> Form {
    let taken = view.ours(remote);
    let (Some(base), Some(seen)) = (known.base, known.seen) else { return taken };
    let mut told = overlay(&view.project(base), &view.ours(seen), &taken);
    // What is hidden is compared as it is: it may have to be hidden again.
    for (instance, part) in &mut told.parts {
        let raw = taken.parts.get(instance);
        part.retain(|field, _| !view.hides(field));
        let hidden = raw.into_iter().flatten().filter(|(field, _)| view.hides(field));
        part.extend(hidden.map(|(field, value)| (field.clone(), value.clone())));
    }
    told
}

/// Brings the changes of a vendor's extras into `target`. What was changed here beside them is lost, and told.
fn follow(
    target: &mut Form,
    known: &Known<'_>,
    remote: &Form,
    view: &dyn View,
    conflicts: &mut Vec<Conflict>,
) {
    let taken = view.ours(remote);
    let before = known.seen.map(|seen| (seen, view.ours(seen)));
    let none = Part::new();
    for (instance, part) in &mut target.parts {
        let side = |form: &Form, taken: &Form| -> Part {
            let taken = taken.parts.get(instance).unwrap_or(&none);
            let all = form.parts.get(instance).into_iter().flatten();
            let extras = all.filter(|(field, _)| !taken.contains_key(*field));
            extras.map(|(field, value)| (field.clone(), value.clone())).collect()
        };
        let now = side(remote, &taken);
        let then = before.as_ref().map(|(seen, taken)| side(seen, taken)).unwrap_or_default();
        let was = known.base.and_then(|base| base.parts.get(instance));
        let changed: BTreeSet<Field> = then
            .keys()
            .chain(now.keys())
            .filter(|field| then.get(*field) != now.get(*field))
            .cloned()
            .collect();
        for field in changed {
            let (mine, theirs) = (part.get(&field).cloned(), now.get(&field));
            let unchanged = was.and_then(|was| was.get(&field)) == mine.as_ref();
            if known.base.is_some() && !unchanged && mine.as_ref() != theirs {
                conflicts.push(Conflict {
                    instance: instance.clone(),
                    field: Some(field.clone()),
                    loser: Side::Local,
                    wanted: mine,
                });
            }
            match theirs {
                Some(value) => _ = part.insert(field, value.clone()),
                None => _ = part.remove(&field),
            }
        }
    }
}

/// A vendor's form as it would be here: with what the store has and the vendor never had.
pub(crate) fn as_here(local: Option<&Form>, remote: &Form, view: &dyn View) -> Form {
    let Some(local) = local else { return remote.clone() };
    let here = view.project(local);
    overlay(local, &here, &masked(&view.ours(remote), &here, view))
}

/// One side follows the other: everything as there; what the follower changed is told.
fn only(was: &Form, follower: &Form, leader: &Form, follows: Side) -> crate::merge::Merged {
    // Merging with a leader that rewrote everything gives the leader's form, and tells every change of the follower.
    let (local, remote, record) = match follows {
        Side::Local => (follower, leader, Side::Remote),
        Side::Remote => (leader, follower, Side::Local),
    };
    let mut merged = merge(was, local, remote, record);
    let told = |at: &Instance, field: &Field, lost: &[Conflict]| {
        lost.iter().any(|c| c.instance == *at && (c.field.is_none() || c.field.as_ref() == Some(field)))
    };
    for (instance, part) in &follower.parts {
        let (then, now) = (was.parts.get(instance), leader.parts.get(instance));
        for (field, value) in part {
            let unchanged = then.and_then(|part| part.get(field)) == Some(value);
            let followed = now.and_then(|part| part.get(field)) == Some(value);
            if !unchanged && !followed && !told(instance, field, &merged.conflicts) {
                merged.conflicts.push(Conflict {
                    instance: instance.clone(),
                    field: Some(field.clone()),
                    loser: follows,
                    wanted: Some(value.clone()),
                });
            }
        }
    }
    merged.form = leader.clone();
    merged
}

/// `remote` with what is hidden from the vendor as the store would show it: whatever the vendor has there is no wish.
fn masked(remote: &Form, shown: &Form, view: &dyn View) -> Form {
    let mut masked = remote.clone();
    for (instance, part) in &mut masked.parts {
        part.retain(|field, _| !view.hides(field));
        let shown = shown.parts.get(instance).or_else(|| shown.parts.get(&Instance::Master));
        for (field, value) in shown.into_iter().flatten().filter(|(field, _)| view.hides(field)) {
            part.insert(field.clone(), value.clone());
        }
    }
    masked
}

/// `form` with the changes that lead from `before` to `after`, and everything else as it is.
fn overlay(form: &Form, before: &Form, after: &Form) -> Form {
    let mut result = form.clone();
    result
        .parts
        .retain(|instance, _| !before.parts.contains_key(instance) || after.parts.contains_key(instance));
    for (instance, part) in &after.parts {
        let old = before.parts.get(instance);
        let Some(target) = result.parts.get_mut(instance) else {
            // What is new comes as a whole, as changes alone are no component.
            if old != Some(part) {
                result.parts.insert(instance.clone(), part.clone());
            }
            continue;
        };
        if let Some(old) = old {
            for field in old.keys().filter(|field| !part.contains_key(*field)) {
                target.remove(field);
            }
        }
        for (field, value) in part {
            if old.and_then(|old| old.get(field)) != Some(value) {
                target.insert(field.clone(), value.clone());
            }
        }
    }
    result
}

/// What both sides have in common while the vendor has `there`: `form`, which it would show as `shown`, brought to that.
fn shared(form: &Form, shown: &Form, there: &Form, view: &dyn View) -> Form {
    let shared = overlay(form, shown, there);
    // Where a vendor shows one field as another, bringing the other to what is there is not enough.
    if view.project(&shared) == *there { shared } else { there.clone() }
}

/// The base after a write without a clear answer: `base` with what of `sent` is at the vendor now. `shown` is the
/// projection of `sent`.
pub(crate) fn landed(base: &Form, sent: &Form, shown: &Form, remote: &Form) -> Form {
    let mut result = base.clone();
    for (instance, part) in &sent.parts {
        let Some(there) = remote.parts.get(instance) else { continue };
        let shown = shown.parts.get(instance).unwrap_or(part);
        // What differs in a part that is new may never have been there: it is no base, so that nothing of it goes in silence.
        let target = result.parts.entry(instance.clone()).or_default();
        let fields: Vec<Field> = target.keys().chain(part.keys()).cloned().collect();
        for field in fields.into_iter().filter(|field| shown.get(field) == there.get(field)) {
            match part.get(&field) {
                Some(value) => _ = target.insert(field, value.clone()),
                None => _ = target.remove(&field),
            }
        }
    }
    result.parts.retain(|instance, part| {
        let is_there = sent.parts.contains_key(instance) || remote.parts.contains_key(instance);
        // A new component of which everything but its time has landed is none.
        is_there && (base.parts.contains_key(instance) || part.contains_key(&Field::Time))
    });
    result
}

/// The base after a creation without a clear answer: what was sent, but for what is not so in what the vendor `made` of it.
/// That is sent once more, and what the vendor makes of it then is its doing.
pub(crate) fn without_lost(mut sent: Form, shown: &Form, made: &Form) -> Form {
    for (instance, part) in &mut sent.parts {
        let of =
            |form: &Form, field: &Field| form.parts.get(instance).and_then(|part| part.get(field).cloned());
        part.retain(|field, _| of(shown, field) == of(made, field));
    }
    sent
}

/// What two forms have in common.
fn common(one: &Form, other: &Form) -> Form {
    let mut both = one.clone();
    both.parts.retain(|instance, part| match other.parts.get(instance) {
        Some(theirs) => {
            part.retain(|field, value| theirs.get(field) == Some(value));
            true
        }
        None => false,
    });
    both
}

/// Whether two forms differ in nothing but what each guest has for themselves.
pub(crate) fn differ_in_private(one: &Form, other: &Form) -> bool {
    let common = |form: &Form| {
        let mut form = form.clone();
        for part in form.parts.values_mut() {
            part.retain(|field, _| {
                !matches!(
                    field,
                    Field::Alarm(..) | Field::Transparency | Field::Class | Field::Category(_) | Field::Color
                )
            });
        }
        form.parts
    };
    common(one) == common(other)
}

/// That a side's wish about the object as a whole did not come through.
fn whole(loser: Side) -> Conflict {
    Conflict { instance: Instance::Master, field: None, loser, wanted: None }
}

/// Whether so many deletions in one calendar need a person's word: with those that were `recent`, more than 5 and more
/// than a tenth of what was linked; or all of what is linked where that is more than one.
#[must_use]
pub fn needs_approval(deletions: usize, linked: usize, recent: usize) -> bool {
    let many = deletions.saturating_add(recent) > 5.max(linked.saturating_add(recent) / 10);
    let all = deletions >= linked && deletions > 1;
    many || all
}

#[cfg(test)]
mod tests {
    use almanac_contract::{Form, form};
    use almanac_ical::{CalendarObject, Limits};

    use super::{landed, needs_approval};

    /// A series, perhaps with an instance at another hour.
    fn series(title: &str, hour: Option<u8>) -> Form {
        let component = |lines: &str| {
            format!(
                "BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{title}\r\n{lines}\r\nEND:VEVENT\r\n"
            )
        };
        let moved = hour.map(|hour| {
            component(&format!("RECURRENCE-ID:20260303T090000Z\r\nDTSTART:20260303T{hour:02}0000Z"))
        });
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n{}{}END:VCALENDAR\r\n",
            component("DTSTART:20260301T090000Z\r\nRRULE:FREQ=DAILY"),
            moved.unwrap_or_default(),
        );
        form::read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn an_instance_whose_time_has_not_landed_is_no_part_of_the_base() {
        let (base, sent) = (series("a", None), series("b", Some(12)));
        for (there, expected) in [
            (series("b", Some(12)), series("b", Some(12))),
            (series("b", Some(15)), series("b", None)),
            (series("b", None), series("b", None)),
            (series("a", None), series("a", None)),
        ] {
            assert!(landed(&base, &sent, &sent, &there) == expected);
        }
    }

    #[test]
    fn many_deletions_need_approval() {
        for (deletions, linked, recent, needed) in [
            (0, 0, 0, false),
            (1, 1, 0, false),
            (1, 1, 3, false),
            (2, 2, 0, true),
            (5, 40, 0, false),
            (6, 40, 0, true),
            (1, 35, 5, true),
            (6, 60, 0, false),
            (7, 60, 0, true),
            (50, 500, 0, false),
            (51, 500, 0, true),
        ] {
            assert_eq!(
                needs_approval(deletions, linked, recent),
                needed,
                "{deletions} of {linked} after {recent}"
            );
        }
    }
}
