//! What properties are read from: a resource, and who looks at it.

use almanac_backend::{
    Access, Caller, Collection, CollectionKind, CollectionPath, DeadProperty, Entry, Login, Principal, Quota,
};

use crate::Settings;
use crate::target;

/// A resource as one caller sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) settings: &'a Settings,
    pub(crate) resource: Resource<'a>,
    /// The dead properties of an object, if the answer can hold any; a collection has its own.
    pub(crate) dead: &'a [DeadProperty],
    /// The room of the home, if the answer tells it.
    pub(crate) quota: Option<Quota>,
}

/// A resource that exists, with what is known of it.
#[derive(Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// `/` and `/dav/`.
    Root,
    /// `/dav/principals/`.
    Principals,
    Principal(&'a Principal),
    /// `/dav/calendars/`.
    Homes,
    Home(&'a Login),
    Collection(&'a CollectionPath, &'a Collection),
    /// A calendar object resource in its collection.
    Object(&'a Collection, &'a Entry),
}

/// A set of kinds of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct On(u8);

impl On {
    pub(crate) const ROOT: Self = Self(1);
    pub(crate) const PRINCIPALS: Self = Self(1 << 1);
    pub(crate) const PRINCIPAL: Self = Self(1 << 2);
    pub(crate) const HOMES: Self = Self(1 << 3);
    pub(crate) const HOME: Self = Self(1 << 4);
    pub(crate) const CALENDAR: Self = Self(1 << 5);
    /// A collection in a home that is no calendar.
    pub(crate) const PLAIN: Self = Self(1 << 6);
    pub(crate) const OBJECT: Self = Self(1 << 7);
    pub(crate) const COLLECTION: Self = Self::CALENDAR.or(Self::PLAIN);
    pub(crate) const ALL: Self = Self(u8::MAX);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets have a kind in common.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<'a> Resource<'a> {
    /// The set of this resource's kind alone.
    pub(crate) fn kind(&self) -> On {
        match self {
            Self::Root => On::ROOT,
            Self::Principals => On::PRINCIPALS,
            Self::Principal(_) => On::PRINCIPAL,
            Self::Homes => On::HOMES,
            Self::Home(_) => On::HOME,
            Self::Collection(_, collection) => match collection.kind {
                CollectionKind::Calendar => On::CALENDAR,
                CollectionKind::Plain => On::PLAIN,
            },
            Self::Object(..) => On::OBJECT,
        }
    }

    /// Whose it is (RFC 3744 section 5.1).
    pub(crate) fn owner(&self) -> Option<&'a Login> {
        match self {
            Self::Root | Self::Principals | Self::Homes => None,
            Self::Principal(principal) => Some(&principal.login),
            Self::Home(login) => Some(login),
            Self::Collection(_, collection) | Self::Object(collection, _) => Some(&collection.owner),
        }
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(caller: &'a Caller, settings: &'a Settings, resource: Resource<'a>) -> Self {
        Self { caller, settings, resource, dead: &[], quota: None }
    }

    pub(crate) fn with_dead(self, dead: &'a [DeadProperty]) -> Self {
        Self { dead, ..self }
    }

    pub(crate) fn with_quota(self, quota: Option<Quota>) -> Self {
        Self { quota, ..self }
    }

    /// The properties that are kept as sent.
    pub(crate) fn dead_properties(&self) -> &'a [DeadProperty] {
        match self.resource {
            Resource::Collection(_, collection) => &collection.dead,
            _ => self.dead,
        }
    }

    /// What the caller may do with the resource.
    pub(crate) fn access(&self) -> Access {
        match self.resource {
            Resource::Home(login) if *login == self.caller.login => Access::Owner,
            Resource::Collection(_, collection) | Resource::Object(collection, _) => collection.access,
            _ => Access::Read,
        }
    }

    /// The collection, if the resource is one that has members to read.
    pub(crate) fn readable_collection(&self) -> Option<&'a Collection> {
        match self.resource {
            Resource::Collection(_, collection) if collection.access >= Access::Read => Some(collection),
            _ => None,
        }
    }

    /// The principal of the caller.
    pub(crate) fn caller_href(&self) -> String {
        target::principal_href(&self.caller.login)
    }
}
