//! A vendor's calendars, and the words for what is in them.

use std::fmt;

/// A vendor's name for a calendar: an id, or the href of a collection. It stays the same when a person renames the
/// calendar.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarId(pub String);

/// A vendor's name for an object: a whole series has one. It never changes while the object is there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteId(pub String);

/// The state of an object at the vendor, as a connector tells two apart: an entity tag, or those of all parts of a
/// series. Only its connector reads it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteVersion(pub String);

/// Where a listing of changes ended. Only its connector reads it; it holds whatever the listing depends on, such as
/// the window it was made for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeltaToken(pub String);

/// Where a page of a listing ended. It need not survive the program.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageToken(pub String);

/// What the account may do with a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarAccess {
    /// Read, create, change and delete.
    Write,
    /// Read everything.
    Read,
    /// See when somebody is busy.
    FreeBusy,
}

/// A calendar of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCalendar {
    /// Its name for the vendor.
    pub id: CalendarId,
    /// Its name for people.
    pub name: String,
    /// What may be done with it.
    pub access: CalendarAccess,
    /// Whether it is the account's own first calendar.
    pub primary: bool,
}

/// Vendors make such texts of addresses and names: only the length is shown.
fn opaque(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    write!(f, "{name}({} octets)", text.len())
}

impl fmt::Debug for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        opaque(f, "CalendarId", &self.0)
    }
}

impl fmt::Debug for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        opaque(f, "RemoteId", &self.0)
    }
}

impl fmt::Debug for RemoteVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        opaque(f, "RemoteVersion", &self.0)
    }
}

impl fmt::Debug for DeltaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        opaque(f, "DeltaToken", &self.0)
    }
}

impl fmt::Debug for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        opaque(f, "PageToken", &self.0)
    }
}
