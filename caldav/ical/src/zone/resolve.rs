//! From the TZID of a property to a zone.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::observance::Observances;
use super::{Rules, Zone, names};
use crate::tree::Component;

/// What a TZID was resolved by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It is a name of the IANA database.
    Exact,
    /// It holds such a name, or its VTIMEZONE's X-LIC-LOCATION is one.
    Alias,
    /// It is a Windows name or the text that Windows shows for one.
    Windows,
    /// Its VTIMEZONE was evaluated.
    Vtimezone,
    /// It names an offset and nothing more.
    Offset,
    /// Nothing explains it; UTC was taken. The owner of the object should be told.
    Assumed,
}

/// A zone and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The rules.
    pub zone: Zone,
    /// Where they come from.
    pub how: How,
}

/// The time zones of one calendar.
#[derive(Debug)]
pub struct Zones<'a> {
    defined: Vec<Defined<'a>>,
    /// An object uses few names, but may use them in thousands of values.
    known: RefCell<Vec<(String, Resolved)>>,
}

#[derive(Debug)]
struct Defined<'a> {
    tzid: String,
    component: &'a Component,
    evaluated: OnceCell<Option<Arc<Observances>>>,
}

const KNOWN_MAX: usize = 32;

impl<'a> Zones<'a> {
    /// Takes note of the VTIMEZONEs of a VCALENDAR; the first counts where a TZID is defined twice.
    #[must_use]
    pub fn read(calendar: &'a Component) -> Zones<'a> {
        let defined = calendar.components_named("VTIMEZONE").filter_map(|component| {
            let tzid = component.property("TZID")?.text().trim().to_owned();
            Some(Defined { tzid, component, evaluated: OnceCell::new() })
        });
        Zones { defined: defined.collect(), known: RefCell::new(Vec::new()) }
    }

    /// The zone that a TZID stands for in this calendar. Names that the IANA database knows win over the VTIMEZONE
    /// sent with them, so that a change of law reaches old objects.
    #[must_use]
    pub fn resolve(&self, tzid: &str) -> Resolved {
        let tzid = tzid.trim();
        if let Some((_, resolved)) = self.known.borrow().iter().find(|(name, _)| name == tzid) {
            return resolved.clone();
        }
        let resolved = self.look_up(tzid);
        let mut known = self.known.borrow_mut();
        if known.len() < KNOWN_MAX {
            known.push((tzid.to_owned(), resolved.clone()));
        }
        resolved
    }

    fn look_up(&self, tzid: &str) -> Resolved {
        let found = |zone, how| Resolved { zone, how };
        if let Some(zone) = Zone::iana(tzid) {
            return found(zone, How::Exact);
        }
        if let Some(zone) = names::embedded(tzid) {
            return found(zone, How::Alias);
        }
        let defined = self.defined.iter().find(|defined| defined.tzid == tzid);
        let location = defined.and_then(|defined| defined.component.property("X-LIC-LOCATION"));
        if let Some(zone) = location.and_then(|name| names::location(name.text().trim())) {
            return found(zone, How::Alias);
        }
        if let Some(zone) = names::windows(tzid) {
            return found(zone, How::Windows);
        }
        if let Some(observances) = defined.and_then(Defined::observances) {
            return found(Zone(Rules::Custom(observances)), How::Vtimezone);
        }
        match names::offset(tzid) {
            Some(zone) => found(zone, How::Offset),
            None => found(Zone::utc(), How::Assumed),
        }
    }
}

impl Defined<'_> {
    fn observances(&self) -> Option<Arc<Observances>> {
        let evaluate = || Observances::read(&self.tzid, self.component).map(Arc::new);
        self.evaluated.get_or_init(evaluate).clone()
    }
}
