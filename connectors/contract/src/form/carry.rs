//! What a write changes, carried over to what the server has. Pure.
//!
//! The store may know and say less than the server does: a link hides fields, or leaves them to the vendor. So nothing is
//! written but what differs between what was known and what is wanted.

use super::{Field, Form, Instance, Part};

/// `now` with the differences that lead from `known` to `wanted`, instance by instance and field by field. An instance that
/// is changed for the first time begins with what `now` says of its series.
#[must_use]
pub fn carry_over(now: &Form, known: &Form, wanted: &Form) -> Form {
    let mut parts = now.parts.clone();
    parts.retain(|at, _| !known.parts.contains_key(at) || wanted.parts.contains_key(at));
    for (at, part) in &wanted.parts {
        let both = (known.parts.get(at), now.parts.get(at));
        let (from, onto) = match both {
            (None, None) if *at != Instance::Master => (inherited(known), inherited(now)),
            (from, onto) => (from.cloned().unwrap_or_default(), onto.cloned().unwrap_or_default()),
        };
        parts.insert(at.clone(), changed(onto, &from, part));
    }
    Form { kind: wanted.kind, uid: now.uid.clone(), parts }
}

fn changed(mut onto: Part, from: &Part, to: &Part) -> Part {
    onto.retain(|field, _| !from.contains_key(field) || to.contains_key(field));
    let differing = to.iter().filter(|(field, value)| from.get(*field) != Some(*value));
    onto.extend(differing.map(|(field, value)| (field.clone(), value.clone())));
    onto
}

/// What an instance that nobody changed has of its series.
fn inherited(form: &Form) -> Part {
    let of_series = |field: &Field| match field {
        Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_) => true,
        Field::Other(name, _) => ["RRULE", "RDATE", "EXDATE", "EXRULE"].contains(&name.as_str()),
        _ => false,
    };
    let fields = form.master().into_iter().flatten().filter(|(field, _)| !of_series(field));
    fields.map(|(field, value)| (field.clone(), value.clone())).collect()
}
