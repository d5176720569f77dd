//! What a vendor tells of its calendar: objects, and pages of changes.

use std::fmt;

use crate::calendar::{DeltaToken, PageToken, RemoteId, RemoteVersion};
use crate::form::Form;

/// Whose object it is, at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The account's own: nobody is invited, or the account is the organizer.
    Owner,
    /// A copy of what somebody else organizes. Only its organizer may change it.
    Attendee,
}

/// The mark that Almanac leaves on what it writes at a vendor: which store, which object of it.
///
/// It names a link and a UID, and is what an object is recognised by when an answer was lost, and what keeps a mirror from
/// being taken for an object of its own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The id of the link, as text.
    pub link: String,
    /// The UID of the object in the store.
    pub uid: String,
}

/// The UID is patient data.
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({})", self.link)
    }
}

/// An object as the vendor has it: a single event, or a series with all its changed and cancelled instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// Its name for the vendor.
    pub id: RemoteId,
    /// Its state.
    pub version: RemoteVersion,
    /// What it says. Its UID is the mark's where there is one, else the vendor's.
    pub form: Form,
    /// Whose it is.
    pub role: Role,
    /// What Almanac left on it.
    pub mark: Option<Mark>,
    /// How many people the vendor mails when the object is changed or deleted, whatever the connector asks for. 0 where
    /// the vendor lets us say that nobody is.
    pub mails: u32,
}

/// Why an object at the vendor cannot be read, or one of the store not be written there. In words for the operator;
/// nothing of the object's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub &'static str);

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The object is so now.
    Now(Box<RemoteObject>),
    /// The object is there and may have changed; `fetch` tells how it is. A known version spares that.
    Touched(RemoteId, Option<RemoteVersion>),
    /// The object is not there any more, by the vendor's own word.
    Gone(RemoteId),
    /// The object is there, and cannot be read.
    Unreadable(RemoteId, Reason),
}

impl Changed {
    /// The object that it is about.
    #[must_use]
    pub fn id(&self) -> &RemoteId {
        match self {
            Self::Now(object) => &object.id,
            Self::Touched(id, _) | Self::Gone(id) | Self::Unreadable(id, _) => id,
        }
    }
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another page. An empty page says nothing about the end.
    Page(PageToken),
    /// Nothing; changes from here on are asked for with this.
    Done(DeltaToken),
}

/// What a listing covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All that changed since the token.
    Changes,
    /// All there is: what is absent from all its pages together is not there.
    Everything,
    /// All there is within a window of time. What is absent may lie outside; only `fetch` tells.
    Window,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The lines; an object may come more than once, the last line counts.
    pub changes: Vec<Changed>,
    /// What the listing covers, the same for all its pages.
    pub coverage: Coverage,
    /// What follows.
    pub next: Next,
}
