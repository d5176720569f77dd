//! A calendar object resource: the client's octets and their tree (RFC 4791 section 4.1).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::zone::{How, Zones};
use crate::{Component, Invalid, Limits, rules, tree};

/// The kinds of component that a calendar object resource can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentKind {
    /// VEVENT
    Event,
    /// VTODO
    Todo,
    /// VJOURNAL
    Journal,
    /// VFREEBUSY
    FreeBusy,
}

impl ComponentKind {
    /// All kinds.
    pub const ALL: [ComponentKind; 4] =
        [ComponentKind::Event, ComponentKind::Todo, ComponentKind::Journal, ComponentKind::FreeBusy];

    /// The name of the component, `VEVENT` for example.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ComponentKind::Event => "VEVENT",
            ComponentKind::Todo => "VTODO",
            ComponentKind::Journal => "VJOURNAL",
            ComponentKind::FreeBusy => "VFREEBUSY",
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ComponentKind {
    type Err = Invalid;

    /// Letters compare without case.
    fn from_str(name: &str) -> Result<ComponentKind, Invalid> {
        let found = ComponentKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name));
        found.ok_or(Invalid::Component("no kind of that name"))
    }
}

/// A calendar object resource: the octets as the client sent them, plus what they say.
#[derive(Clone)]
pub struct CalendarObject {
    octets: Box<[u8]>,
    calendar: Component,
    kind: ComponentKind,
    uid: Box<str>,
}

impl CalendarObject {
    /// Reads and checks what a client wants to store: every rule of RFC 4791 sections 4.1 and 5.3.2.1.
    ///
    /// Lenient where clients are: no DTSTAMP, bare LF, no DTEND, a byte order mark, a TZID without its VTIMEZONE and a
    /// VTODO that recurs by its DUE are accepted.
    ///
    /// # Errors
    /// The precondition that is broken; see [`Invalid`].
    pub fn parse(octets: &[u8], limits: &Limits) -> Result<CalendarObject, Invalid> {
        let calendar = tree::read(octets, limits)?;
        let (kind, uid) = rules::check(&calendar, limits)?;
        Ok(CalendarObject { octets: octets.into(), calendar, kind, uid: uid.into() })
    }

    /// Reads what was accepted before. The rules of a PUT are not checked again, so that a stricter version still reads
    /// what a laxer one stored.
    ///
    /// # Errors
    /// `Data` or `Object` if the octets cannot have been accepted, so the store is damaged.
    pub fn parse_stored(octets: &[u8]) -> Result<CalendarObject, Invalid> {
        let calendar = tree::read(octets, &Limits::STORED)?;
        let (kind, uid) = rules::identify(&calendar)?;
        Ok(CalendarObject { octets: octets.into(), calendar, kind, uid: uid.into() })
    }

    /// The octets as they were given.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.octets
    }

    /// The octets as text for another format, XML for example: without byte order mark, and folded anew where a fold
    /// had split a character. Nearly always the octets themselves.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.octets) {
            Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(_) => Cow::Owned(self.calendar.to_text()),
        }
    }

    /// The kind of all its components.
    #[must_use]
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The UID of all its components, unescaped.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether it uses a TZID that nothing explains, so that its times are taken for UTC.
    #[must_use]
    pub fn assumes_utc(&self) -> bool {
        let zones = Zones::read(&self.calendar);
        rules::zones_used(self.components()).into_iter().any(|id| zones.resolve(id).how == How::Assumed)
    }

    /// The whole tree; its root is VCALENDAR.
    #[must_use]
    pub fn calendar(&self) -> &Component {
        &self.calendar
    }

    /// The components of its kind: the master, if there is one, and the overrides.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.calendar.components_named(self.kind.as_str())
    }
}

/// Shows the length only: everything inside is patient data.
impl fmt::Debug for CalendarObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CalendarObject({} bytes)", self.octets.len())
    }
}
