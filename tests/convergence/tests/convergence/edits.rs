//! What people do to objects, at random and yet the same for the same seed.

use std::collections::BTreeSet;

use almanac_contract::{Field, Form, Instance, Moment, Value, form};
use jiff::SignedDuration;

use crate::world::{event, object};

/// A small generator of numbers (SplitMix64): the same history for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn below(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length as u64)).unwrap()
    }

    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }

    /// Other dice, for something that rolls as often as it wants.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.roll(u64::MAX))
    }
}

/// A word that no other edit writes.
pub(crate) fn word(count: &mut u64) -> String {
    *count += 1;
    format!("w{count}x")
}

fn is_word(text: &str) -> bool {
    let digits = text.strip_prefix('w').and_then(|rest| rest.strip_suffix('x'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// All words in a form.
pub(crate) fn words(form: &Form, into: &mut BTreeSet<String>) {
    for value in form.parts.values().flat_map(|part| part.values()) {
        if let Value::Text(text) = value {
            let text = text.to_lowercase();
            into.extend(is_word(&text).then_some(text));
        }
    }
}

/// An object that is new.
pub(crate) fn fresh(dice: &mut Dice, count: &mut u64) -> Form {
    let (uid, title) = (word(count), word(count));
    let day = u32::try_from(dice.roll(20) + 1).unwrap();
    let made = match dice.roll(4) {
        0 => object(
            &uid,
            &format!(
                "DTSTART;TZID=Europe/Berlin:202603{day:02}T090000 DTEND;TZID=Europe/Berlin:202603{day:02}T100000 \
                 RRULE:FREQ=WEEKLY;COUNT=8 SUMMARY:{title}"
            ),
        ),
        1 => object(&uid, &format!("DTSTART;VALUE=DATE:202603{day:02} SUMMARY:{title}")),
        _ => event(&uid, day, &format!("SUMMARY:{title}")),
    };
    form::read(&made)
}

/// A change of an object as a person makes it.
pub(crate) fn changed(form: &Form, dice: &mut Dice, count: &mut u64) -> Form {
    let mut form = form.clone();
    let master = form.master().cloned().unwrap_or_default();
    let Some(Value::Span(start, end)) = master.get(&Field::Time).cloned() else { return form };
    let is_series = master.contains_key(&Field::Rule);
    match dice.roll(if is_series { 10 } else { 8 }) {
        0 | 1 => text(&mut form, Field::Summary, word(count)),
        2 => text(&mut form, Field::Location, word(count)),
        3 => text(&mut form, Field::Description, word(count)),
        4 => {
            // Moved by days; a rule that names its days, by weeks.
            let days = i64::try_from(dice.roll(5) + 1).unwrap() * if names_days(&form) { 7 } else { 1 };
            retime(&mut form, |at| shift(at, days));
        }
        5 => alarm(&mut form, dice),
        6 => retime(&mut form, other_zone),
        7 if is_series => {}
        7 => {
            let (start, end) = other_kind(&start, &end);
            if let Some(part) = form.parts.get_mut(&Instance::Master) {
                part.insert(Field::Time, Value::Span(start, end));
            }
        }
        n => instance(&mut form, &start, n == 8, dice, count),
    }
    form
}

fn text(form: &mut Form, name: Field, value: String) {
    if let Some(part) = form.parts.get_mut(&Instance::Master) {
        part.insert(name, Value::Text(value));
    }
}

fn names_days(form: &Form) -> bool {
    let rule = form.master().and_then(|part| part.get(&Field::Rule));
    matches!(rule, Some(Value::Lines(lines)) if lines.iter().any(|line| line.contains("BYDAY")))
}

/// A reminder, or another one.
fn alarm(form: &mut Form, dice: &mut Dice) {
    let minutes = [5, 15, 30].get(dice.below(3)).copied().unwrap_or(5);
    let lines = format!("BEGIN:VALARM ACTION:DISPLAY DESCRIPTION:reminder TRIGGER:-PT{minutes}M END:VALARM");
    let like = form::read(&event("any", 1, &lines));
    if let (Some(part), Some(source)) = (form.parts.get_mut(&Instance::Master), like.master()) {
        part.retain(|field, _| !matches!(field, Field::Alarm(..)));
        let alarms = source.iter().filter(|(field, _)| matches!(field, Field::Alarm(..)));
        part.extend(alarms.map(|(field, value)| (field.clone(), value.clone())));
    }
}

/// Other times; the changed and cancelled instances of a series fall with the old ones.
fn retime(form: &mut Form, change: impl Fn(&mut Moment)) {
    if let Some(part) = form.parts.get_mut(&Instance::Master)
        && let Some(Value::Span(start, end)) = part.get_mut(&Field::Time)
    {
        change(start);
        change(end);
        part.retain(|field, _| !matches!(field, Field::Except(_)));
    }
    form.parts.retain(|at, _| *at == Instance::Master);
}

fn other_zone(at: &mut Moment) {
    let other = |zone: &str| if zone == "Europe/Berlin" { "America/New_York" } else { "Europe/Berlin" };
    match at {
        Moment::Utc(wall) => *at = Moment::Zoned(*wall, "Europe/Berlin".to_owned()),
        Moment::Zoned(_, zone) => *zone = other(zone).to_owned(),
        Moment::Date(_) | Moment::Floating(_) => {}
    }
}

/// A day for a time, or the other way round.
fn other_kind(start: &Moment, end: &Moment) -> (Moment, Moment) {
    match (start, end) {
        (Moment::Date(day), _) => {
            let at = |hour| Moment::Utc(day.at(hour, 0, 0, 0));
            (at(9), at(10))
        }
        (start, _) => {
            let day = start.wall().date();
            (Moment::Date(day), Moment::Date(day.tomorrow().unwrap()))
        }
    }
}

/// An instance of a series is cancelled, or moved by two hours.
fn instance(form: &mut Form, start: &Moment, cancel: bool, dice: &mut Dice, count: &mut u64) {
    let master = form.master().cloned().unwrap_or_default();
    let daily = matches!(master.get(&Field::Rule), Some(Value::Lines(lines)) if lines.iter().any(|l| l.contains("DAILY")));
    let mut at = start.clone();
    shift(&mut at, if daily { 2 } else { 7 } * i64::try_from(dice.roll(6) + 1).unwrap());
    let instance = Instance::At(at.clone());
    if cancel {
        form.parts.remove(&instance);
        if let Some(part) = form.parts.get_mut(&Instance::Master) {
            part.insert(Field::Except(at), Value::Present);
        }
    } else if !master.contains_key(&Field::Except(at.clone())) {
        let mut part = form.parts.get(&instance).cloned().unwrap_or_else(|| {
            let mut part = master.clone();
            part.retain(|field, _| !matches!(field, Field::Rule | Field::Except(_) | Field::Extra(_)));
            part
        });
        let (mut start, mut end) = (at.clone(), at);
        later(&mut start, 2);
        later(&mut end, 3);
        part.insert(Field::Time, Value::Span(start, end));
        part.insert(Field::Summary, Value::Text(word(count)));
        form.parts.insert(instance, part);
    }
}

fn shift(moment: &mut Moment, days: i64) {
    let span = jiff::Span::new().days(days);
    match moment {
        Moment::Date(date) => *date = date.checked_add(span).unwrap(),
        Moment::Floating(wall) | Moment::Utc(wall) | Moment::Zoned(wall, _) => {
            *wall = wall.checked_add(span).unwrap();
        }
    }
}

fn later(moment: &mut Moment, hours: i64) {
    if let Moment::Floating(wall) | Moment::Utc(wall) | Moment::Zoned(wall, _) = moment {
        *wall = wall.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }
}
