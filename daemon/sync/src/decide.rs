//! What to do about one object: pure, from what both sides have and what they had when they were last equal.
//!
//! A vendor cannot store everything, so forms are compared under a **projection**: what the vendor would keep of them.
//! What it cannot keep never counts as a change, and stays in the store untouched.

use almanac_contract::{Field, Form, Instance};

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
}

/// What is known of one object.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The form in the store when both sides were last equal; `None` if they never were.
    pub base: Option<&'a Form>,
    /// The form in the store; `None` if it is not there.
    pub local: Option<&'a Form>,
    /// The form at the vendor; `None` if it is not there.
    pub remote: Option<&'a Form>,
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
    /// The next base, once both are done; `None`: the object is gone from both sides and its link with it.
    pub base: Option<Form>,
    /// What was lost on the way.
    pub conflicts: Vec<Conflict>,
}

/// What came of looking at one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This is to be done; perhaps nothing.
    Do(Decision),
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
        (None, None) => {
            Decision { local: Action::Leave, remote: Action::Leave, base: None, conflicts: Vec::new() }
        }
        (Some(local), None) => without_remote(known.base, local, mode, record, view),
        (None, Some(remote)) => without_local(known.base, remote, mode, record, view),
        (Some(local), Some(remote)) => both(known.base, local, remote, mode, record, view),
    };
    if mode == Mode::TwoWay && policy == Policy::Ask && !decision.conflicts.is_empty() {
        return Outcome::Ask(decision.conflicts);
    }
    Outcome::Do(decision)
}

/// The vendor does not have it: it is new here, or was deleted there.
fn without_remote(base: Option<&Form>, local: &Form, mode: Mode, record: Side, view: &dyn View) -> Decision {
    let create = || Decision {
        local: Action::Leave,
        remote: Action::Create(view.project(local)),
        base: Some(local.clone()),
        conflicts: Vec::new(),
    };
    let delete = |conflicts| Decision { local: Action::Delete, remote: Action::Leave, base: None, conflicts };
    let Some(base) = base else {
        return match mode {
            // What was made here in a calendar that follows the vendor stays: nobody asked to delete it.
            Mode::Pull => {
                Decision { local: Action::Leave, remote: Action::Leave, base: None, conflicts: Vec::new() }
            }
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
fn without_local(base: Option<&Form>, remote: &Form, mode: Mode, record: Side, view: &dyn View) -> Decision {
    let create = || Decision {
        local: Action::Create(remote.clone()),
        remote: Action::Leave,
        base: Some(remote.clone()),
        conflicts: Vec::new(),
    };
    let delete = |conflicts| Decision { local: Action::Leave, remote: Action::Delete, base: None, conflicts };
    let Some(base) = base else {
        return match mode {
            // What others made in a calendar that follows the store is not ours to delete.
            Mode::Push => {
                Decision { local: Action::Leave, remote: Action::Leave, base: None, conflicts: Vec::new() }
            }
            Mode::TwoWay | Mode::Pull => create(),
        };
    };
    if mode == Mode::Pull {
        return create();
    }
    let changed = masked(remote, &view.project(base), view) != view.project(base);
    match (changed, record) {
        (false, _) => delete(Vec::new()),
        // Deleted here, changed there.
        (true, Side::Local) => delete(vec![whole(Side::Remote)]),
        (true, Side::Remote) => Decision { conflicts: vec![whole(Side::Local)], ..create() },
    }
}

fn both(
    base: Option<&Form>,
    local: &Form,
    remote: &Form,
    mode: Mode,
    record: Side,
    view: &dyn View,
) -> Decision {
    let here = view.project(local);
    let there = masked(remote, &here, view);
    let was = match base {
        Some(base) => view.project(base),
        // Met for the first time: what is equal is the base, and the rest is decided by who wins.
        None => common(&here, &there),
    };
    let merged = match mode {
        Mode::TwoWay => merge(&was, &here, &there, record),
        Mode::Pull => only(&was, &here, &there, Side::Local),
        Mode::Push => only(&was, &there, &here, Side::Remote),
    };
    let target = overlay(local, &here, &merged.form);
    let local_action = if target == *local { Action::Leave } else { Action::Update(target.clone()) };
    let wanted = view.project(&target);
    let remote_action =
        if mode == Mode::Pull || wanted == *remote { Action::Leave } else { Action::Update(wanted) };
    Decision { local: local_action, remote: remote_action, base: Some(target), conflicts: merged.conflicts }
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
        let target = result.parts.entry(instance.clone()).or_default();
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

/// That a side's wish about the object as a whole did not come through.
fn whole(loser: Side) -> Conflict {
    Conflict { instance: Instance::Master, field: None, loser, wanted: None }
}

/// Whether so many deletions in one calendar need a person's word: more than 5 and more than a tenth of what is
/// linked, or all of it where that is more than one.
#[must_use]
pub fn needs_approval(deletions: usize, linked: usize) -> bool {
    let many = deletions > 5.max(linked / 10);
    let all = deletions >= linked && deletions > 1;
    many || all
}

#[cfg(test)]
mod tests {
    use super::needs_approval;

    #[test]
    fn many_deletions_need_approval() {
        for (deletions, linked, needed) in [
            (0, 0, false),
            (1, 1, false),
            (2, 2, true),
            (5, 40, false),
            (6, 40, true),
            (6, 60, false),
            (7, 60, true),
            (50, 500, false),
            (51, 500, true),
        ] {
            assert_eq!(needs_approval(deletions, linked), needed, "{deletions} of {linked}");
        }
    }
}
