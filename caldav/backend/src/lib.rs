//! The contract between the CalDAV protocol and what stores calendars: trait [`Backend`] and its words.
//!
//! It knows neither HTTP nor XML nor disks. `caldav/methods` calls it, `daemon/app` implements it.
//! Start with [`Backend`], then [`types`].
//!
//! RFC 4791 (CalDAV), RFC 6578 (sync), RFC 3744 (principals and privileges) give the nouns.
#![warn(missing_docs)]

pub mod error;
pub mod guard;
pub mod path;
pub mod types;

pub use error::{BackendError, Refusal};
pub use guard::{Condition, Overwrite, WriteGuard};
pub use path::{CollectionName, CollectionPath, Login, NameError, ObjectName, ObjectPath};
pub use types::{
    Access, Caller, ChangedMember, Changes, Collection, CollectionKind, DeadProperty, ETag, Entry,
    MemberState, NewCollection, Page, Principal, PrincipalRole, PropertyChange, PutOutcome, Quota, Select,
    Share, StoredObject, SyncToken, Transparency,
};

use almanac_base::Secret;
use almanac_ical::CalendarObject;
use almanac_ical::series::{Busy, Window};
use async_trait::async_trait;

/// What the protocol needs of the place where calendars live.
///
/// Every call names its caller and sees only what the caller may see: what is foreign to the caller's
/// tenant, or not shared with the caller, is absent (`Ok(None)`, `Refusal::NotFound`), never "forbidden".
/// Every write is durable before its future resolves with `Ok`, and after an `Err` nothing has changed.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Checks a login and an app password (RFC 7617). `Ok(None)` does not say which of the two was wrong.
    async fn authenticate(&self, login: &str, password: &Secret) -> Result<Option<Caller>, BackendError>;

    /// The principal of `login`, if the caller may know of it (RFC 3744 section 2).
    async fn principal(&self, caller: &Caller, login: &Login) -> Result<Option<Principal>, BackendError>;

    /// All principals that the caller may know of, ordered by login.
    async fn principals(&self, caller: &Caller) -> Result<Vec<Principal>, BackendError>;

    /// The collections in the calendar home of `login`, its own and those shared with it, ordered by name.
    /// `None` if there is no such home or the caller may see nothing in it.
    async fn home(&self, caller: &Caller, login: &Login) -> Result<Option<Vec<Collection>>, BackendError>;

    /// The room that the home of `login` takes and has. `None` as for [`Backend::home`].
    async fn quota(&self, caller: &Caller, login: &Login) -> Result<Option<Quota>, BackendError>;

    /// One collection of a home.
    async fn collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
    ) -> Result<Option<Collection>, BackendError>;

    /// Creates a collection (RFC 4791 section 5.3.1, RFC 4918 section 9.3, RFC 5689).
    ///
    /// # Errors
    /// `Refusal::AlreadyExists` if the name is taken.
    async fn create_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        new: NewCollection,
    ) -> Result<(), BackendError>;

    /// Applies all property changes in order, or none (RFC 4918 section 9.2). On a shared collection the
    /// display name and the dead properties are the sharee's own. `guard` is of the collection's `tag`.
    async fn change_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError>;

    /// Deletes a collection and all its members; its name is free at once. For a sharee: ends the share.
    /// `guard` is of the collection's `tag`, which every change of a member changes.
    async fn delete_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError>;

    /// Gives a collection of the caller's own home another name. Sync tokens and members stay valid.
    /// The outcome says whether a collection at `to` was replaced.
    async fn rename_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError>;

    /// Copies a collection, with its members if `depth_infinity`, to a new name.
    async fn copy_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        members: types::CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError>;

    /// One calendar object resource. ETag and octets are of the same record.
    async fn object(&self, caller: &Caller, at: &ObjectPath) -> Result<Option<StoredObject>, BackendError>;

    /// Several objects of one collection in one consistent view, in the order asked for.
    async fn objects(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Option<StoredObject>>, BackendError>;

    /// Creates or replaces a calendar object resource (RFC 4791 section 5.3.2).
    ///
    /// `guard` becomes a precondition of the commit that writes; a read before it decides nothing.
    ///
    /// # Errors
    /// `BackendError::Refused` names the violated precondition; nothing was written.
    async fn put_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        body: &CalendarObject,
        guard: &WriteGuard,
    ) -> Result<PutOutcome, BackendError>;

    /// Deletes a calendar object resource.
    async fn delete_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError>;

    /// The dead properties of several objects of one collection, in the order asked for; none for an object
    /// that does not exist (RFC 4918 section 4).
    async fn object_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Vec<DeadProperty>>, BackendError>;

    /// Applies all changes of dead properties of an object in order, or none. The ETag, which is of the
    /// octets, stays. They go where the object goes, by COPY and MOVE, and away with it.
    ///
    /// # Errors
    /// `Refusal::ProtectedProperty` for a change of anything but a dead property.
    async fn change_object_properties(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError>;

    /// Moves an object in one commit: no view sees it twice or not at all (RFC 4918 section 9.9).
    async fn move_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError>;

    /// Copies an object (RFC 4918 section 9.8).
    async fn copy_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError>;

    /// The members of a collection that `select` wants, without their bodies.
    ///
    /// The order is the backend's, and the same for every page and every call. Pages follow each other by
    /// `after`, the name of the last entry seen; each page is consistent in itself. Costs what it returns, not what the collection holds.
    async fn list(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        select: &Select,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Page, BackendError>;

    /// What changed since `since` (`None`: all present members) (RFC 6578). At most `limit` members,
    /// oldest change first; the token of the answer continues after the last of them.
    ///
    /// # Errors
    /// `Refusal::InvalidSyncToken` for a token that is unknown, foreign, forged or too old.
    async fn changes(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        since: Option<&SyncToken>,
        limit: usize,
    ) -> Result<Changes, BackendError>;

    /// The busy time of one collection in `window`, merged and ordered (RFC 4791 section 7.10).
    async fn busy(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        window: &Window,
    ) -> Result<Vec<Busy>, BackendError>;
}
