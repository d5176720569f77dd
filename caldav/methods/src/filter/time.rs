//! The time-range test on components, alarms and properties (RFC 4791 section 9.9).

use almanac_ical::recur::{Budget, Truncated};
use almanac_ical::series::{Series, Window};
use almanac_ical::value::{self, DateOrTime, Form};
use almanac_ical::zone::{Zone, Zones};
use almanac_ical::{Component, ComponentKind, Property};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::limits::ISOLATED_MAX;

/// The times of one calendar object, worked out when they are first asked for.
pub(super) struct Times<'a> {
    calendar: &'a Component,
    zone: &'a Zone,
    budget: &'a mut Budget,
    series: Option<Series>,
    /// How many components may still be looked at on their own.
    isolated: usize,
}

impl<'a> Times<'a> {
    pub(super) fn new(calendar: &'a Component, zone: &'a Zone, budget: &'a mut Budget) -> Self {
        Self { calendar, zone, budget, series: None, isolated: ISOLATED_MAX }
    }

    /// Whether `component` has an instance in the window, or its `parent` an alarm if it is one. Components
    /// that have no times of their own never overlap.
    pub(super) fn component_overlaps(
        &mut self,
        component: &Component,
        parent: &Component,
        window: &Window,
    ) -> Result<bool, Truncated> {
        let alarm = component.is("VALARM");
        let timed = if alarm { parent } else { component };
        let Ok(kind) = timed.name().parse::<ComponentKind>() else { return Ok(false) };
        if self.series.is_none() {
            self.series = Series::read(self.calendar).ok();
        }
        let Some(series) = &self.series else { return Ok(false) };
        if alarm {
            return series.alarm_overlaps(kind, window, self.zone, self.budget);
        }
        if !series.overlaps(kind, window, self.zone, self.budget)? {
            return Ok(false);
        }
        match self.isolate(component) {
            Some(own) => own.overlaps(kind, window, self.zone, self.budget),
            None => Ok(true),
        }
    }

    /// The instances that `component` itself describes: an override its one, a master those without override.
    /// `None` where that makes no difference or cannot be told apart: a lone component, overrides that change
    /// what follows them. It costs a copy, so only the first few of very many are looked at so closely.
    fn isolate(&mut self, component: &Component) -> Option<Series> {
        let siblings = || self.calendar.components_named(component.name());
        let ids = || siblings().flat_map(|sibling| sibling.properties_named("RECURRENCE-ID"));
        if siblings().nth(1).is_none() || ids().any(|id| id.param("RANGE").is_some()) {
            return None;
        }
        let mut own = component.clone();
        if component.property("RECURRENCE-ID").is_none() {
            ids().for_each(|id| own.push_property(exclusion(id)));
        }
        self.isolated = self.isolated.checked_sub(1)?;
        let mut alone = Component::new("VCALENDAR");
        self.calendar.components_named("VTIMEZONE").for_each(|zone| alone.push_component(zone.clone()));
        alone.push_component(own);
        Series::read(&alone).ok()
    }

    /// Whether a value of the property is in the window; a date is all of its day.
    pub(super) fn property_overlaps(&self, property: &Property, window: &Window) -> bool {
        property.value().split(',').any(|text| {
            let start = text.split('/').next().unwrap_or(text).trim();
            self.value_overlaps(property, start, window).unwrap_or(false)
        })
    }

    /// `None` if the value is no date or time.
    fn value_overlaps(&self, property: &Property, text: &str, window: &Window) -> Option<bool> {
        let (first, last) = match value::parse_date_or_time(text)? {
            DateOrTime::Date(date) => (self.midnight(date), self.midnight(date.tomorrow().ok()?)),
            DateOrTime::Time(time, form) => {
                let instant = self.instant(property, time, form);
                (instant, instant)
            }
        };
        Some(first < window.end && (last > window.start || (first == last && first >= window.start)))
    }

    fn midnight(&self, date: Date) -> Timestamp {
        self.zone.instant(date.to_datetime(Time::midnight()))
    }

    fn instant(&self, property: &Property, time: DateTime, form: Form) -> Timestamp {
        match (form, property.param("TZID")) {
            (Form::Utc, _) => Zone::utc().instant(time),
            (Form::Local, Some(tzid)) => Zones::read(self.calendar).resolve(tzid).zone.instant(time),
            (Form::Local, None) => self.zone.instant(time),
        }
    }
}

/// The EXDATE that leaves out the instance which `id` overrides.
fn exclusion(id: &Property) -> Property {
    let mut exclusion = Property::new("EXDATE", id.value());
    for name in ["TZID", "VALUE"] {
        if let Some(value) = id.param(name) {
            exclusion = exclusion.with_param(name, value);
        }
    }
    exclusion
}
