//! What an instance of a series is as long as nobody has changed it.

use almanac_contract::{Field, Form, Instance, Moment, Part, Value};
use almanac_ical::recur::Budget;
use almanac_ical::series::{Series, Window};
use almanac_ical::zone::Zone;
use almanac_ical::{Component, Property};
use jiff::SignedDuration;

use super::EXRULE;
use super::time::{instant, property, told_as};

/// Whether a field belongs to the series and not to its instances.
pub(super) fn is_shape(field: &Field) -> bool {
    match field {
        Field::Rule | Field::Extra(_) | Field::Except(_) => true,
        Field::Other(name, _) => matches!(name.as_str(), EXRULE | "RDATE" | "EXDATE"),
        _ => false,
    }
}

/// The instance that a series has at `at`, with all its fields; `None` if the series has no time of the same kind.
pub(crate) fn derived(master: &Part, at: &Moment) -> Option<Part> {
    let Some(Value::Span(start, end)) = master.get(&Field::Time) else { return None };
    let length = instant(end)?.duration_since(instant(start)?);
    let end = told_as(instant(at)?.saturating_add(length).ok()?, end)?;
    if matches!(at, Moment::Date(_)) != matches!(end, Moment::Date(_)) {
        return None;
    }
    let mut part: Part = master
        .iter()
        .filter(|(field, _)| !is_shape(field))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    part.insert(Field::Time, Value::Span(at.clone(), end));
    Some(part)
}

/// Whether the rules of a series make an instance at `at`, cancelled or not.
pub(crate) fn makes(master: &Part, at: &Moment) -> bool {
    let (Some(Value::Span(start, _)), Some(from)) = (master.get(&Field::Time), instant(at)) else {
        return false;
    };
    let mut event = Component::new("VEVENT").with_property(property("DTSTART", start));
    if let Some(Value::Lines(rules)) = master.get(&Field::Rule) {
        for rule in rules {
            event.push_property(Property::new("RRULE", rule));
        }
    }
    for extra in master.keys() {
        if let Field::Extra(extra) = extra {
            event.push_property(property("RDATE", extra));
        }
    }
    let calendar = Component::new("VCALENDAR").with_component(event);
    let until = from.saturating_add(SignedDuration::from_secs(1)).unwrap_or(from);
    let found = Series::read(&calendar).ok().and_then(|series| {
        let window = Window { start: from, end: until };
        series.instances(&window, &Zone::utc(), &mut Budget::SERIES.clone()).ok()
    });
    found.is_some_and(|instances| instances.iter().any(|instance| instance.start == from))
}

/// Takes out the changed instances that say what their series says: Google keeps one for each that was ever changed,
/// also after the change was taken back.
pub(super) fn drop_unchanged(form: &mut Form) {
    let Some(master) = form.master().cloned() else { return };
    form.parts.retain(|instance, part| match instance {
        Instance::Master => true,
        Instance::At(at) => derived(&master, at).as_ref() != Some(part) || !makes(&master, at),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoned(wall: &str) -> Moment {
        Moment::Zoned(wall.parse().unwrap(), "Europe/Berlin".into())
    }

    fn weekly() -> Part {
        let span = Value::Span(zoned("2026-03-22T00:30:00"), zoned("2026-03-22T04:30:00"));
        let rule = Value::Lines(vec!["FREQ=WEEKLY".into()]);
        Part::from([
            (Field::Time, span),
            (Field::Rule, rule),
            (Field::Summary, Value::Text("Group".into())),
            (Field::Extra(zoned("2026-03-24T00:30:00")), Value::Present),
            (Field::Except(zoned("2026-04-05T00:30:00")), Value::Present),
        ])
    }

    #[test]
    fn an_instance_has_the_length_of_its_series_also_when_the_clocks_change() {
        let at = zoned("2026-03-29T00:30:00");
        let part = derived(&weekly(), &at).unwrap();
        assert!(part.get(&Field::Time) == Some(&Value::Span(at, zoned("2026-03-29T05:30:00"))));
        assert_eq!(part.len(), 2, "and nothing of the rule");
        assert!(derived(&weekly(), &Moment::Date("2026-03-29".parse().unwrap())).is_none());
    }

    #[test]
    fn the_rules_say_where_instances_are() {
        for (at, made) in [
            ("2026-03-22T00:30:00", true),
            ("2026-03-29T00:30:00", true),
            ("2026-03-24T00:30:00", true),
            ("2026-04-05T00:30:00", true),
            ("2026-03-23T00:30:00", false),
            ("2026-03-15T00:30:00", false),
        ] {
            assert_eq!(makes(&weekly(), &zoned(at)), made, "{at}");
        }
    }
}
