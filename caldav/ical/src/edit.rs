//! Edits that change the lines they must and no other octet.

use crate::object::CalendarObject;
use crate::{Component, Invalid, Limits, Property};

/// One change of one component.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which component: positions in `components()` from VCALENDAR down. Empty is VCALENDAR itself.
    pub path: Vec<usize>,
    /// What to change there.
    pub change: Change,
}

/// What to change in a component.
#[derive(Clone, Debug)]
pub enum Change {
    /// Make this the only property of its name: in the place of the first one, or added.
    Set(Property),
    /// Add one more.
    Add(Property),
    /// Remove all of that name.
    Remove(String),
    /// Put this in the place of the property at that position of `properties()`.
    ReplaceAt(usize, Property),
    /// Remove the property at that position of `properties()`.
    RemoveAt(usize),
}

/// The object after all `edits` in order. Every line that no edit names keeps its octets: folds, line end, letter case,
/// blank lines, byte order mark. New lines end as the first line of the object does.
///
/// # Errors
/// As [`CalendarObject::parse`] for the result; `Object` for a place that is not there, `Data` for a property that
/// cannot be written. The given object is never changed.
pub fn edit(object: &CalendarObject, edits: &[Edit], limits: &Limits) -> Result<CalendarObject, Invalid> {
    let mut calendar = object.calendar().clone();
    let line_end = calendar.line_end();
    for Edit { path, change } in edits {
        let mut component = &mut calendar;
        for &position in path {
            component = component.components_mut().get_mut(position).ok_or(NO_PLACE)?;
        }
        let mut change = change.clone();
        if let Change::Set(property) | Change::Add(property) | Change::ReplaceAt(_, property) = &mut change {
            property.set_line_end(line_end);
        }
        apply(component, change)?;
    }
    let edited = CalendarObject::parse(&calendar.to_octets(), limits)?;
    // A property of the name `BEGIN`, say, would read back as something else.
    if *edited.calendar() != calendar {
        return Err(Invalid::Data("a property that cannot be written"));
    }
    Ok(edited)
}

const NO_PLACE: Invalid = Invalid::Object("no component or property at the place of an edit");

fn apply(component: &mut Component, change: Change) -> Result<(), Invalid> {
    match change {
        Change::Set(property) => component.set_property(property),
        Change::Add(property) => component.push_property(property),
        Change::Remove(name) => component.remove_properties(&name),
        Change::ReplaceAt(position, property) => replace_at(component, position, Some(property))?,
        Change::RemoveAt(position) => replace_at(component, position, None)?,
    }
    Ok(())
}

fn replace_at(component: &mut Component, position: usize, new: Option<Property>) -> Result<(), Invalid> {
    if position >= component.properties().len() {
        return Err(NO_PLACE);
    }
    let (mut at, mut new) = (0, new);
    component.rebuild_properties(|old| {
        at += 1;
        if at - 1 == position { new.take().map(|new| if new == old { old } else { new }) } else { Some(old) }
    });
    Ok(())
}
