//! The trait that each vendor implements.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::calendar::{CalendarId, DeltaToken, PageToken, RemoteCalendar, RemoteId};
use crate::capabilities::Capabilities;
use crate::change::{ChangePage, Changed, Mark, Reason, RemoteObject};
use crate::error::ConnectorError;
use crate::form::Form;
use crate::hook::{Channel, HookRequest, Received, Watch};
use crate::push::{Deletion, Push, PushKey, Pushed};

/// One account at a vendor.
///
/// It keeps no state that matters between calls, decides nothing and never tries again by itself but for an access token
/// that the vendor refused. No call lets a vendor mail anybody where the vendor can be told not to.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// What the vendor keeps of a form. What it cannot keep never counts as a change.
    ///
    /// Projecting twice changes nothing more, and what is written under the projection reads back as written. Times,
    /// rules and instances are never left away: a form that the vendor cannot express is one that [`Connector::refuses`].
    fn project(&self, form: &Form) -> Form;

    /// Why the vendor cannot have a form, in words for people; `None`: it can.
    fn refuses(&self, form: &Form) -> Option<Reason>;

    /// The calendars of the account.
    ///
    /// # Errors
    /// None were listed. A calendar that is missing from a complete list is gone, or not for this account any more.
    async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError>;

    /// A page of what changed since `since`, or of all there is; `page` continues a listing.
    ///
    /// # Errors
    /// `DeltaExpired`: list again without `since`. `CalendarGone` says nothing about the objects in it.
    async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError>;

    /// How these objects are now: exactly one line for each, in any order, none of them [`Changed::Touched`].
    ///
    /// # Errors
    /// Nothing is known of any of them. An answer that lacks one is an error, never a deletion.
    async fn fetch(&self, calendar: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError>;

    /// The object that a creation with this key or mark made, if there is one.
    ///
    /// # Errors
    /// It is not known whether there is one.
    async fn find(
        &self,
        calendar: &CalendarId,
        key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError>;

    /// What may be the same as an object that is to be created, where no listing shows it: it bears a mark of this UID, by
    /// whichever link, or it has no mark and this UID, or these times and this title. Nothing where listings are of everything.
    ///
    /// # Errors
    /// It is not known whether there is such an object.
    async fn unlisted(
        &self,
        _calendar: &CalendarId,
        _form: &Form,
        _mark: &Mark,
    ) -> Result<Vec<RemoteObject>, ConnectorError> {
        Ok(Vec::new())
    }

    /// Writes an object. Safe to repeat with the same key: a second creation finds the first.
    ///
    /// # Errors
    /// `Gone` of a creation: the key is spent and nothing was written; create it with another one.
    /// `Conflict`, `Gone`, `Refused`, `Forbidden`: nothing was written; for a series, which takes several requests, perhaps a
    /// part. `Unclear`: perhaps all of it, or a part. Any other: nothing. Whatever the error: read, decide and write again,
    /// and both sides come to be equal.
    async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError>;

    /// Deletes an object. One that is not there any more is a success.
    ///
    /// # Errors
    /// `Conflict`: it was changed, nothing was deleted.
    async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError>;

    /// Asks the vendor to call when the calendar changes.
    ///
    /// # Errors
    /// No channel is open, or one that nobody knows and that closes by itself.
    async fn watch(&self, calendar: &CalendarId, channel: &Channel) -> Result<Watch, ConnectorError>;

    /// Lets a channel live on; what it is then. `None`: the vendor knows no such thing, or the channel is not there any more, and
    /// another one is to be opened.
    ///
    /// # Errors
    /// It lives as long as it did.
    async fn renew(&self, _watch: &Watch, _until: Timestamp) -> Result<Option<Watch>, ConnectorError> {
        Ok(None)
    }

    /// Closes a channel. One that is closed already is a success.
    ///
    /// # Errors
    /// It may still be open, and closes by itself.
    async fn unwatch(&self, watch: &Watch) -> Result<(), ConnectorError>;

    /// Reads a call of the vendor. Pure: nothing is checked, nothing is done.
    fn receive(&self, hook: &HookRequest<'_>) -> Received;
}
