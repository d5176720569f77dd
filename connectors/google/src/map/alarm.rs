//! Reminders: some minutes before the start, as a pop-up or a mail to the person whose calendar it is.

use almanac_contract::{Field, Part, Value};
use almanac_ical::value::{Nominal, parse_duration, write_duration};
use almanac_ical::{Component, Limits, Property};
use jiff::SignedDuration;
use serde_json::json;

use crate::limits::{REMINDER_MINUTES_MAX, REMINDERS_MAX};
use crate::wire::Reminders;

const DAY: i64 = 24 * 60;

/// A reminder, in the order in which they are kept if there are too many: the nearest to the start first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reminder {
    minutes: i64,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Display,
    Email,
}

impl Reminder {
    /// What an alarm comes to; `None` for what Google has nothing like: absolute times, times after the start or before
    /// the end, sounds, `ACTION:NONE`.
    fn of(lines: &[String]) -> Option<Self> {
        let limits = Limits::default();
        let properties: Vec<Property> =
            lines.iter().filter_map(|line| Property::parse(line, &limits).ok()).collect();
        let find = |name| properties.iter().find(|property| property.is(name));
        let action = match find("ACTION")?.value().trim().to_ascii_uppercase().as_str() {
            "DISPLAY" => Action::Display,
            "EMAIL" => Action::Email,
            _ => return None,
        };
        let trigger = find("TRIGGER")?;
        if trigger.param("RELATED").is_some_and(|end| end.eq_ignore_ascii_case("END")) {
            return None;
        }
        let before = parse_duration(trigger.value().trim())?;
        let seconds = i64::from(before.days) * DAY * 60 + before.exact.as_secs();
        let minutes = -(seconds / 60);
        let fits = seconds % 60 == 0 && (0..=REMINDER_MINUTES_MAX).contains(&minutes);
        fits.then_some(Self { minutes, action })
    }

    /// How a trigger is written by most, so that equal alarms have equal names.
    fn trigger(self) -> String {
        let (days, rest) = if self.minutes % DAY == 0 { (self.minutes / DAY, 0) } else { (0, self.minutes) };
        write_duration(Nominal {
            days: i32::try_from(-days).unwrap_or(0),
            exact: SignedDuration::from_mins(-rest),
        })
    }

    fn action(self) -> &'static str {
        match self.action {
            Action::Display => "DISPLAY",
            Action::Email => "EMAIL",
        }
    }

    fn component(self) -> Component {
        let alarm = Component::new("VALARM")
            .with_property(Property::new("ACTION", self.action()))
            .with_property(Property::new("DESCRIPTION", "Reminder"));
        let alarm = match self.action {
            Action::Display => alarm,
            Action::Email => alarm.with_property(Property::new("SUMMARY", "Reminder")),
        };
        alarm.with_property(Property::new("TRIGGER", &self.trigger()))
    }
}

/// The reminders that Google can keep of a part's alarms.
fn kept(part: &Part) -> Vec<Reminder> {
    let alarms = part.iter().filter_map(|(field, value)| match (field, value) {
        (Field::Alarm(..), Value::Lines(lines)) => Reminder::of(lines),
        _ => None,
    });
    let mut reminders: Vec<Reminder> = alarms.collect();
    reminders.sort_unstable();
    reminders.dedup();
    reminders.truncate(REMINDERS_MAX);
    reminders
}

/// The alarms of a part as they come back from Google.
pub(super) fn project(part: &Part) -> Vec<(Field, Value)> {
    let projected = kept(part).into_iter().map(|reminder| {
        let component = reminder.component();
        let mut lines: Vec<String> = component
            .properties()
            .iter()
            .map(|property| format!("{}:{}", property.name(), property.value()))
            .collect();
        lines.sort_unstable();
        let key = format!("{} {}", reminder.action(), reminder.trigger());
        (Field::Alarm(key, 0), Value::Lines(lines))
    });
    projected.collect()
}

/// What Google is told. Never the calendar's own reminders: what has no alarm is to have none.
pub(super) fn body(part: &Part) -> serde_json::Value {
    let overrides: Vec<serde_json::Value> = kept(part)
        .into_iter()
        .map(|reminder| {
            let method = match reminder.action {
                Action::Display => "popup",
                Action::Email => "email",
            };
            json!({ "method": method, "minutes": reminder.minutes })
        })
        .collect();
    json!({ "useDefault": false, "overrides": overrides })
}

/// The alarms of an event. The calendar's own reminders are the person's, not the event's: they are none.
pub(super) fn components(reminders: &Reminders) -> Vec<Component> {
    if reminders.use_default {
        return Vec::new();
    }
    let mut known: Vec<Reminder> = reminders
        .overrides
        .iter()
        .filter(|reminder| (0..=REMINDER_MINUTES_MAX).contains(&reminder.minutes))
        .filter_map(|reminder| {
            let action = match reminder.method.as_str() {
                "popup" => Action::Display,
                "email" => Action::Email,
                _ => return None,
            };
            Some(Reminder { minutes: reminder.minutes, action })
        })
        .collect();
    known.sort_unstable();
    known.dedup();
    known.into_iter().map(Reminder::component).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reminders(alarms: &[&[&str]]) -> serde_json::Value {
        let mut part = Part::new();
        for (n, lines) in alarms.iter().enumerate() {
            let lines = lines.iter().map(|&line| line.to_owned()).collect();
            part.insert(Field::Alarm("x".into(), u16::try_from(n).unwrap()), Value::Lines(lines));
        }
        body(&part)
    }

    #[test]
    fn pitfall_102_alarms_that_google_has_nothing_like_are_left_here() {
        for lines in [
            ["ACTION:NONE", "TRIGGER:-PT5M"],
            ["ACTION:AUDIO", "TRIGGER:-PT5M"],
            ["ACTION:DISPLAY", "TRIGGER:PT5M"],
            ["ACTION:DISPLAY", "TRIGGER:-PT30S"],
            ["ACTION:DISPLAY", "TRIGGER:-P29D"],
            ["ACTION:DISPLAY", "TRIGGER;RELATED=END:-PT5M"],
            ["ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:19760401T005545Z"],
            ["ACTION:DISPLAY", "TRIGGER:soon"],
        ] {
            assert_eq!(reminders(&[&lines]), json!({ "useDefault": false, "overrides": [] }), "{lines:?}");
        }
    }

    #[test]
    fn the_nearest_five_reminders_are_kept_each_once() {
        let alarms: &[&[&str]] = &[
            &["ACTION:DISPLAY", "TRIGGER:-P28D"],
            &["ACTION:DISPLAY", "TRIGGER:-PT60M"],
            &["ACTION:display", "TRIGGER;RELATED=START:-PT1H"],
            &["ACTION:EMAIL", "TRIGGER:-PT1H"],
            &["ACTION:DISPLAY", "TRIGGER:PT0S"],
            &["ACTION:DISPLAY", "TRIGGER:-P1W"],
            &["ACTION:DISPLAY", "TRIGGER:-P1DT1M"],
        ];
        let expected = json!([
            { "method": "popup", "minutes": 0 },
            { "method": "popup", "minutes": 60 },
            { "method": "email", "minutes": 60 },
            { "method": "popup", "minutes": 1_441 },
            { "method": "popup", "minutes": 10_080 },
        ]);
        assert_eq!(reminders(alarms)["overrides"], expected);
    }
}
