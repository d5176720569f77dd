//! The values that pass between protocol and storage.

use std::collections::BTreeSet;
use std::fmt;

use almanac_base::{TenantId, UserId};
use almanac_ical::ComponentKind;
use almanac_ical::series::Window;
use almanac_ical::zone::Zone;
use bytes::Bytes;
use jiff::Timestamp;

use crate::path::{CollectionName, Login, ObjectName};

/// Who asks: an authenticated person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Their tenant.
    pub tenant: TenantId,
    /// Their id.
    pub user: UserId,
    /// Their login.
    pub login: Login,
}

/// A strong entity tag (RFC 9110 section 8.8.3): 32 hexadecimal digits that never repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(Box<str>);

impl ETag {
    /// The ETag of the record version `version`.
    #[must_use]
    pub fn from_version(version: [u8; 16]) -> Self {
        // A listing makes one for each member: the formatting of the library takes longer than all the rest.
        let nibbles = version.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0'); // a nibble is a digit
        let mut text = String::with_capacity(32);
        text.extend(nibbles.map(digit));
        Self(text.into())
    }

    /// An opaque tag as a client sent it, without its quotes. It may be one that we never made.
    #[must_use]
    pub fn from_opaque(text: &str) -> Self {
        Self(text.into())
    }

    /// The text between the quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sync token (RFC 6578 section 3.2): a URI that only the backend can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncToken(Box<str>);

impl SyncToken {
    /// A token as sent; the backend judges it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person as others may see them (RFC 3744 section 2).
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// Their id.
    pub user: UserId,
    /// Their login.
    pub login: Login,
    /// `DAV:displayname`.
    pub display_name: String,
    /// Their mail address, for `CALDAV:calendar-user-address-set`.
    pub email: String,
    /// What they are in the clinic.
    pub role: PrincipalRole,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({})", self.user)
    }
}

/// What a person is in the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalRole {
    /// Runs the tenant.
    Admin,
    /// Keeps the books of appointments.
    FrontDesk,
    /// Treats patients.
    Practitioner,
    /// Is treated.
    Patient,
}

/// What the caller may do with a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// See when it is busy (`CALDAV:read-free-busy`).
    FreeBusy,
    /// Read.
    Read,
    /// Read and write members.
    ReadWrite,
    /// Everything, including deletion and sharing.
    Owner,
}

/// What a collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionKind {
    /// A calendar collection (RFC 4791 section 4.2).
    Calendar,
    /// A collection without a meaning for calendars (plain MKCOL).
    Plain,
}

/// Whether a calendar counts for its owner's busy time (`CALDAV:schedule-calendar-transp`, RFC 6638 section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transparency {
    /// It counts.
    #[default]
    Opaque,
    /// It does not.
    Transparent,
}

/// A property that is stored as sent (RFC 4918 section 4).
#[derive(Clone, PartialEq, Eq)]
pub struct DeadProperty {
    /// The namespace name.
    pub namespace: String,
    /// The local name.
    pub local: String,
    /// The whole property element, self-contained XML.
    pub xml: String,
}

impl fmt::Debug for DeadProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadProperty({} bytes)", self.xml.len())
    }
}

/// Another principal's access to a collection (RFC 3744 section 5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// With whom.
    pub login: Login,
    /// What they may do.
    pub access: Access,
}

/// A collection as the caller sees it.
#[derive(Clone)]
pub struct Collection {
    /// Its name in the home it was asked for in.
    pub name: CollectionName,
    /// Whose it is; differs from the home's login if it is shared.
    pub owner: Login,
    /// What it is.
    pub kind: CollectionKind,
    /// What the caller may do with it.
    pub access: Access,
    /// `DAV:displayname`.
    pub display_name: Option<String>,
    /// `CALDAV:calendar-description`.
    pub description: Option<String>,
    /// `CALDAV:calendar-timezone`: the text of a VCALENDAR with one VTIMEZONE.
    pub timezone: Option<String>,
    /// `CALDAV:calendar-timezone-id` (RFC 7809).
    pub timezone_id: Option<String>,
    /// Where its floating and all-day times are: its own zone, else the tenant's.
    pub zone: Zone,
    /// `CALDAV:supported-calendar-component-set`.
    pub components: BTreeSet<ComponentKind>,
    /// `CALDAV:schedule-calendar-transp`.
    pub transparency: Transparency,
    /// Properties kept as sent, colour and order among them.
    pub dead: Vec<DeadProperty>,
    /// Whom it is shared with; filled for the owner only.
    pub shares: Vec<Share>,
    /// `DAV:creationdate`.
    pub created: Timestamp,
    /// The state of the members: `DAV:sync-token`, and the CTag derives from it.
    pub sync_token: SyncToken,
    /// An opaque text that changes whenever a member or a property changes: `CS:getctag`, `DAV:getetag`.
    pub tag: String,
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collection({:?}, {:?})", self.kind, self.access)
    }
}

/// A collection to be made.
#[derive(Debug, Clone)]
pub struct NewCollection {
    /// What it shall be.
    pub kind: CollectionKind,
    /// The kinds it takes; empty: the default of the server (all that there are).
    pub components: BTreeSet<ComponentKind>,
    /// Properties to set at once.
    pub properties: Vec<PropertyChange>,
}

/// One step of a PROPPATCH. `None` removes.
#[derive(Clone, PartialEq, Eq)]
pub enum PropertyChange {
    /// `DAV:displayname`.
    DisplayName(Option<String>),
    /// `CALDAV:calendar-description`.
    Description(Option<String>),
    /// `CALDAV:calendar-timezone`.
    Timezone(Option<String>),
    /// `CALDAV:calendar-timezone-id`.
    TimezoneId(Option<String>),
    /// `CALDAV:schedule-calendar-transp`.
    Transparency(Transparency),
    /// Stores a dead property.
    SetDead(DeadProperty),
    /// Forgets a dead property (namespace, local name).
    RemoveDead(String, String),
}

impl fmt::Debug for PropertyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PropertyChange")
    }
}

/// Whether a copy of a collection takes its members along (`Depth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMembers {
    /// `Depth: infinity`.
    All,
    /// `Depth: 0`.
    None,
}

/// The room that a calendar home takes and has (RFC 4331).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// `DAV:quota-used-bytes`: the sizes of all objects in it.
    pub used_bytes: u64,
    /// `DAV:quota-available-bytes`: how much more may be stored.
    pub available_bytes: u64,
}

/// A calendar object resource as stored. ETag and octets belong together.
#[derive(Clone)]
pub struct StoredObject {
    /// Its name in the collection.
    pub name: ObjectName,
    /// Its ETag.
    pub etag: ETag,
    /// The client's octets.
    pub body: Bytes,
    /// What it holds.
    pub kind: ComponentKind,
    /// `DAV:creationdate`.
    pub created: Timestamp,
    /// `DAV:getlastmodified`.
    pub modified: Timestamp,
}

impl fmt::Debug for StoredObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredObject({} bytes)", self.body.len())
    }
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// There was nothing before: 201. The ETag of what is there now, if it is exactly what was sent.
    Created(Option<ETag>),
    /// Something was replaced: 204.
    Replaced(Option<ETag>),
}

/// Which members a listing wants.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// Only objects of this kind.
    pub kind: Option<ComponentKind>,
    /// Only objects with a component of `kind` that overlaps the window by RFC 4791 section 9.9. Needs `kind`.
    pub window: Option<Window>,
    /// Like `window`, for the alarms of the components (RFC 4791 section 9.9, VALARM). Needs `kind`.
    pub alarm_window: Option<Window>,
    /// The zone of floating and all-day times; else the collection's `zone`.
    pub zone: Option<Zone>,
}

/// A member of a collection without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: ObjectName,
    /// Its ETag.
    pub etag: ETag,
    /// What it holds.
    pub kind: ComponentKind,
    /// The size of its body.
    pub bytes: u64,
    /// `DAV:creationdate`.
    pub created: Timestamp,
    /// `DAV:getlastmodified`.
    pub modified: Timestamp,
}

/// A piece of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the backend's order.
    pub entries: Vec<Entry>,
    /// Whether there may be entries after the last one.
    pub more: bool,
}

/// What a sync reports (RFC 6578 section 3.2).
#[derive(Debug, Clone)]
pub struct Changes {
    /// Each member once, in its present state.
    pub members: Vec<ChangedMember>,
    /// Where the next sync goes on.
    pub token: SyncToken,
    /// Whether `limit` cut the answer (RFC 6578 section 3.6).
    pub more: bool,
}

/// A member named by a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedMember {
    /// Its name.
    pub name: ObjectName,
    /// How it is now.
    pub state: MemberState,
}

/// How a changed member is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberState {
    /// There, like this.
    Present(Entry),
    /// Gone.
    Removed,
}
