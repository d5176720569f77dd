//! Which properties an answer shows, and how: as propstats of status 200, 403 and 404.

use std::borrow::Cow;

use almanac_davxml::{Name, PropStat, PropValue, Propfind, Value};

use super::resource::View;
use super::table::{Allprop, Found, ROWS, Row, row_of};

/// `CALDAV:calendar-data`, which reports return like a property (RFC 4791 section 9.6).
pub(crate) static CALENDAR_DATA: Name = Name::caldav("calendar-data");

/// The properties wanted of each resource of an answer; looked up once, used for all of them.
pub(crate) struct Selection {
    mode: Mode,
    absent: Absent,
}

enum Mode {
    /// These.
    Named(Vec<Wanted>),
    /// The usual ones, and these.
    All(Vec<Wanted>),
    /// The names of all.
    Names,
}

struct Wanted {
    name: Name,
    kind: WantedKind,
}

enum WantedKind {
    Live(&'static Row),
    CalendarData,
    /// Dead, or nothing we know of.
    Other,
}

/// Whether to say which of the wanted properties are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// In a propstat of status 404.
    Report,
    /// Not at all (`Prefer: return=minimal`, RFC 8144 section 2.1).
    LeaveOut,
}

impl Selection {
    pub(crate) fn new(wish: &Propfind, absent: Absent) -> Self {
        let mode = match wish {
            Propfind::Prop(names) => Mode::Named(names.iter().map(Wanted::new).collect()),
            Propfind::AllProp { include } => Mode::All(include.iter().map(Wanted::new).collect()),
            Propfind::PropName => Mode::Names,
        };
        Self { mode, absent }
    }

    /// Whether `CALDAV:calendar-data` is among the wanted.
    pub(crate) fn wants_calendar_data(&self) -> bool {
        match &self.mode {
            Mode::Named(wanted) | Mode::All(wanted) => {
                wanted.iter().any(|wanted| matches!(wanted.kind, WantedKind::CalendarData))
            }
            Mode::Names => false,
        }
    }

    /// Whether a dead property can be among the wanted: then those of objects must be read.
    pub(crate) fn wants_dead(&self) -> bool {
        match &self.mode {
            Mode::Named(wanted) => wanted.iter().any(|wanted| matches!(wanted.kind, WantedKind::Other)),
            Mode::All(_) | Mode::Names => true,
        }
    }

    /// Whether the room of the home is among the wanted (RFC 4331).
    pub(crate) fn wants_quota(&self) -> bool {
        let named = |wanted: &Wanted| matches!(wanted.kind, WantedKind::Live(row) if row.name.local().starts_with("quota-"));
        match &self.mode {
            Mode::Named(wanted) | Mode::All(wanted) => wanted.iter().any(named),
            Mode::Names => true,
        }
    }

    /// What an answer says of the resource: what it has (200), what the caller may not see (403), and what
    /// it lacks (404). `data` is its calendar data as the request wants it.
    pub(crate) fn propstats<'a>(&'a self, view: &View<'a>, data: Option<Cow<'a, [u8]>>) -> Vec<PropStat<'a>> {
        let mut answer = Answer::default();
        let (usual, wanted) = match &self.mode {
            Mode::Named(wanted) => (None, wanted.as_slice()),
            Mode::All(include) => (Some(Show::Values), include.as_slice()),
            Mode::Names => (Some(Show::Names), [].as_slice()),
        };
        if let Some(show) = usual {
            answer.usual(view, show);
        }
        let mut data = data.map(Value::Data);
        for wanted in wanted {
            match wanted.kind {
                WantedKind::Live(row) if usual.is_some() && row.allprop == Allprop::Usual => {}
                WantedKind::Live(row) => answer.live(row, view),
                WantedKind::CalendarData => answer.found(&wanted.name, data.take().into()),
                WantedKind::Other => match dead(view, &wanted.name) {
                    Found::Is(_) if usual.is_some() => {}
                    found => answer.found(&wanted.name, found),
                },
            }
        }
        answer.into_propstats(self.absent)
    }
}

impl Wanted {
    fn new(name: &Name) -> Self {
        let kind = match row_of(name) {
            Some(row) => WantedKind::Live(row),
            None if *name == CALENDAR_DATA => WantedKind::CalendarData,
            None => WantedKind::Other,
        };
        Self { name: name.clone(), kind }
    }
}

/// The dead property of this name.
fn dead<'a>(view: &View<'a>, name: &Name) -> Found<'a> {
    let property = view.dead_properties().iter().find(|dead| name.is(&dead.namespace, &dead.local));
    property.map(|dead| Value::Element(Cow::Borrowed(dead.xml.as_str()))).into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Values,
    Names,
}

/// Properties sorted by what became of them.
#[derive(Default)]
struct Answer<'a> {
    there: Vec<PropValue<'a>>,
    denied: Vec<PropValue<'a>>,
    absent: Vec<PropValue<'a>>,
}

impl<'a> Answer<'a> {
    /// The properties of allprop, or the names of all; the dead ones are among both.
    fn usual(&mut self, view: &View<'a>, show: Show) {
        let kind = view.resource.kind();
        for row in ROWS {
            let asked = show == Show::Names || row.allprop == Allprop::Usual;
            if !asked || !row.on.meets(kind) {
                continue;
            }
            match ((row.value)(view), show) {
                (Found::Is(value), Show::Values) => self.there.push(PropValue::new(&row.name, value)),
                (Found::Is(_), Show::Names) => self.there.push(PropValue::new(&row.name, Value::Empty)),
                (Found::Absent | Found::Denied, _) => {}
            }
        }
        for dead in view.dead_properties() {
            let Some(name) = Name::new(&dead.namespace, &dead.local) else { continue };
            let value = match show {
                Show::Values => Value::Element(Cow::Borrowed(dead.xml.as_str())),
                Show::Names => Value::Empty,
            };
            self.there.push(PropValue { name: Cow::Owned(name), value });
        }
    }

    fn live(&mut self, row: &'static Row, view: &View<'a>) {
        let found = if row.on.meets(view.resource.kind()) { (row.value)(view) } else { Found::Absent };
        self.found(&row.name, found);
    }

    fn found(&mut self, name: &'a Name, found: Found<'a>) {
        match found {
            Found::Is(value) => self.there.push(PropValue::new(name, value)),
            Found::Denied => self.denied.push(PropValue::new(name, Value::Empty)),
            Found::Absent => self.absent.push(PropValue::new(name, Value::Empty)),
        }
    }

    fn into_propstats(self, absent: Absent) -> Vec<PropStat<'a>> {
        let mut propstats = Vec::with_capacity(2);
        if !self.there.is_empty() {
            propstats.push(PropStat::new(200, self.there));
        }
        if !self.denied.is_empty() {
            propstats.push(PropStat::new(403, self.denied));
        }
        if !self.absent.is_empty() && absent == Absent::Report {
            propstats.push(PropStat::new(404, self.absent));
        }
        propstats
    }
}
