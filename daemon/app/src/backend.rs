//! The contract with the CalDAV methods, fulfilled by the use cases.

use almanac_backend::types::CopyMembers;
use almanac_backend::{
    Backend, BackendError, Caller, Changes, Collection, CollectionPath, DeadProperty, Login, NewCollection,
    ObjectName, ObjectPath, Overwrite, Page, Principal, PropertyChange, PutOutcome, Quota, Select,
    StoredObject, SyncToken, WriteGuard,
};
use almanac_base::Secret;
use almanac_ical::CalendarObject;
use almanac_ical::series::{Busy, Window};
use async_trait::async_trait;

use crate::App;
use crate::objects::Source;

#[async_trait]
impl Backend for App {
    async fn authenticate(&self, login: &str, password: &Secret) -> Result<Option<Caller>, BackendError> {
        Ok(self.sign_in(login, password))
    }

    async fn principal(&self, caller: &Caller, login: &Login) -> Result<Option<Principal>, BackendError> {
        Ok(self.directory().known(caller, login).map(|user| user.principal()))
    }

    async fn principals(&self, caller: &Caller) -> Result<Vec<Principal>, BackendError> {
        Ok(self.directory().known_people(caller).map(|user| user.principal()).collect())
    }

    async fn home(&self, caller: &Caller, login: &Login) -> Result<Option<Vec<Collection>>, BackendError> {
        Ok(self.read_home(caller, login).await?)
    }

    async fn quota(&self, caller: &Caller, login: &Login) -> Result<Option<Quota>, BackendError> {
        Ok(self.home_quota(caller, login).await?)
    }

    async fn collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
    ) -> Result<Option<Collection>, BackendError> {
        Ok(self.read_collection(caller, at).await?)
    }

    async fn create_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        new: NewCollection,
    ) -> Result<(), BackendError> {
        Ok(self.make_collection(caller, at, new).await?)
    }

    async fn change_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        Ok(self.change_collection(caller, at, changes, guard).await?)
    }

    async fn delete_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        Ok(self.drop_collection(caller, at, guard).await?)
    }

    async fn rename_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        Ok(self.move_collection(caller, from, to, overwrite).await?)
    }

    async fn copy_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        members: CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        Ok(self.duplicate_collection(caller, from, to, members, overwrite).await?)
    }

    async fn object(&self, caller: &Caller, at: &ObjectPath) -> Result<Option<StoredObject>, BackendError> {
        Ok(self.read_object(caller, at).await?)
    }

    async fn objects(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Option<StoredObject>>, BackendError> {
        Ok(self.read_objects(caller, at, names).await?)
    }

    async fn put_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        body: &CalendarObject,
        guard: &WriteGuard,
    ) -> Result<PutOutcome, BackendError> {
        Ok(self.write_object(caller, at, body, guard).await?)
    }

    async fn delete_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        Ok(self.remove_object(caller, at, guard).await?)
    }

    async fn object_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Vec<DeadProperty>>, BackendError> {
        Ok(self.read_properties(caller, at, names).await?)
    }

    async fn change_object_properties(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        Ok(self.change_properties_of(caller, at, changes, guard).await?)
    }

    async fn move_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        Ok(self.transfer_object(caller, from, to, guard, overwrite, Source::Remove).await?)
    }

    async fn copy_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        Ok(self.transfer_object(caller, from, to, guard, overwrite, Source::Keep).await?)
    }

    async fn list(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        select: &Select,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Page, BackendError> {
        Ok(self.list_members(caller, at, select, after, limit).await?)
    }

    async fn changes(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        since: Option<&SyncToken>,
        limit: usize,
    ) -> Result<Changes, BackendError> {
        Ok(self.list_changes(caller, at, since, limit).await?)
    }

    async fn busy(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        window: &Window,
    ) -> Result<Vec<Busy>, BackendError> {
        Ok(self.busy_time(caller, at, window).await?)
    }
}
