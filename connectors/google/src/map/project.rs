//! What Google keeps of a form.

use almanac_contract::{Field, Form, Instance, Part, Value};

use super::slots::{drop_unchanged, is_shape};
use super::{EXRULE, alarm, text};

/// What Google keeps of a form. People are none of it, always: a vendor that knows no guests mails none.
pub(crate) fn project(form: &Form) -> Form {
    let mut projected = form.clone();
    let class = strictest(form);
    for (instance, part) in &mut projected.parts {
        *part = kept(part, instance);
        if let Some(class) = class {
            part.insert(Field::Class, Value::Text(class.to_owned()));
        }
    }
    cancel(&mut projected, form);
    drop_unchanged(&mut projected);
    projected
}

fn kept(part: &Part, instance: &Instance) -> Part {
    let mut kept: Part = part
        .iter()
        .filter(|(field, value)| keeps(field, value) && (*instance == Instance::Master || !is_shape(field)))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    kept.extend(alarm::project(part));
    if !recurs(part) {
        kept.retain(|field, _| !is_shape(field));
    }
    kept
}

/// Whether a component has more than one instance.
pub(super) fn recurs(part: &Part) -> bool {
    part.keys().any(|field| matches!(field, Field::Rule | Field::Extra(_)))
}

fn keeps(field: &Field, value: &Value) -> bool {
    let is = |text: &str| matches!(value, Value::Text(value) if value == text);
    match field {
        Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_) => true,
        Field::Summary | Field::Description | Field::Location => true,
        Field::Status => is("TENTATIVE") || is("CANCELLED"),
        Field::Transparency => is("TRANSPARENT"),
        Field::Other(name, _) => name == EXRULE,
        // Alarms and the class are kept in another form.
        Field::Alarm(..) | Field::Class => false,
        Field::Priority | Field::Url | Field::Color | Field::Category(_) | Field::Zone(_) => false,
        Field::Organizer | Field::Attendee(_) => false,
    }
}

/// The class of all components: Google makes a whole series as private as its most private instance. What is of a class
/// that nobody knows is private (RFC 5545 section 3.8.1.3).
fn strictest(form: &Form) -> Option<&'static str> {
    let classes = form.parts.values().filter_map(|part| text(part, &Field::Class));
    let known = classes.filter(|class| *class != "PUBLIC").map(|class| match class {
        "CONFIDENTIAL" => "CONFIDENTIAL",
        _ => "PRIVATE",
    });
    known.min() // CONFIDENTIAL comes first
}

/// Instances that are there to say that they do not happen are cancelled ones; one that is there to say something else
/// is not.
fn cancel(projected: &mut Form, form: &Form) {
    let off = |part: &Part| text(part, &Field::Status) == Some("CANCELLED");
    let Some(mut master) = projected.parts.remove(&Instance::Master) else { return };
    for (instance, part) in &form.parts {
        let Instance::At(at) = instance else { continue };
        if off(part) {
            projected.parts.remove(instance);
            master.insert(Field::Except(at.clone()), Value::Present);
        } else {
            master.remove(&Field::Except(at.clone()));
        }
    }
    projected.parts.insert(Instance::Master, master);
}
