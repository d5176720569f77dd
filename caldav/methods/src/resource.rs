//! Finding the resource that a target names, for a caller.

use almanac_backend::{
    Access, Backend, BackendError, Caller, Collection, CollectionPath, DeadProperty, Entry, Login,
    ObjectName, ObjectPath, Principal, Quota, StoredObject,
};
use almanac_davxml::Name;

use crate::error::{Failure, Missing, Violation};
use crate::props::{Resource, Selection};
use crate::request::Request;
use crate::service::Context;
use crate::target::Target;

/// A resource that the caller can see, with what its properties are read from.
pub(crate) enum Loaded {
    Root,
    Principals,
    Principal(Principal),
    Homes,
    Home(Login, Vec<Collection>),
    Collection(CollectionPath, Collection),
    Object(ObjectPath, Collection, Box<(Entry, StoredObject)>),
}

impl Loaded {
    pub(crate) fn resource(&self) -> Resource<'_> {
        match self {
            Self::Root => Resource::Root,
            Self::Principals => Resource::Principals,
            Self::Principal(principal) => Resource::Principal(principal),
            Self::Homes => Resource::Homes,
            Self::Home(login, _) => Resource::Home(login),
            Self::Collection(at, collection) => Resource::Collection(at, collection),
            Self::Object(_, collection, object) => Resource::Object(collection, &object.0),
        }
    }
}

/// The resource at `target`.
///
/// # Errors
/// `NotFound` if it is absent or not the caller's to know of; `need-privileges` for a member of a collection
/// of which the caller may see the busy times only.
pub(crate) async fn load(cx: &Context, caller: &Caller, target: &Target) -> Result<Loaded, Failure> {
    let backend = cx.backend.as_ref();
    let found = match target {
        Target::Root | Target::Dav => Loaded::Root,
        Target::Principals => Loaded::Principals,
        Target::Homes => Loaded::Homes,
        Target::Principal(login) => {
            Loaded::Principal(backend.principal(caller, login).await?.ok_or(Failure::NotFound)?)
        }
        Target::Home(login) => {
            Loaded::Home(login.clone(), backend.home(caller, login).await?.ok_or(Failure::NotFound)?)
        }
        Target::Collection(at) => Loaded::Collection(at.clone(), collection(backend, caller, at).await?),
        Target::Object(at) => {
            let collection = readable(backend, caller, &at.collection).await?;
            let object = backend.object(caller, at).await?.ok_or(Failure::NotFound)?;
            Loaded::Object(at.clone(), collection, Box::new((entry_of(&object), object)))
        }
        Target::BelowObject | Target::Nowhere => return Err(Failure::NotFound),
    };
    Ok(found)
}

/// The collection at `at`, whatever the caller may do with it.
async fn collection(
    backend: &dyn Backend,
    caller: &Caller,
    at: &CollectionPath,
) -> Result<Collection, Failure> {
    backend.collection(caller, at).await?.ok_or(Failure::NotFound)
}

/// The collection at `at`, for reading its members.
pub(crate) async fn readable(
    backend: &dyn Backend,
    caller: &Caller,
    at: &CollectionPath,
) -> Result<Collection, Failure> {
    let collection = collection(backend, caller, at).await?;
    require_read(at, &collection)?;
    Ok(collection)
}

/// Refuses to show members to a caller who may see the busy times only (RFC 4791 section 6.1.1).
pub(crate) fn require_read(at: &CollectionPath, collection: &Collection) -> Result<(), Failure> {
    if collection.access >= Access::Read {
        return Ok(());
    }
    let missing = Missing { collection: at.clone(), privilege: Name::dav("read") };
    Err(Violation::NeedPrivileges(Some(missing)).into())
}

/// The room of the home that the target is in, if the answer tells it (RFC 4331).
pub(crate) async fn quota(
    cx: &Context,
    request: &Request,
    selection: &Selection,
) -> Result<Option<Quota>, Failure> {
    let home = match &request.target {
        Target::Home(login) => login,
        Target::Collection(at) => &at.home,
        _ => return Ok(None),
    };
    if !selection.wants_quota() {
        return Ok(None);
    }
    Ok(cx.backend.quota(&request.caller, home).await?)
}

/// The dead properties of the resource, if it is an object and the answer can hold any.
pub(crate) async fn dead(
    cx: &Context,
    caller: &Caller,
    found: &Loaded,
    selection: &Selection,
) -> Result<Vec<DeadProperty>, Failure> {
    let Loaded::Object(at, _, object) = found else { return Ok(Vec::new()) };
    let entries = std::slice::from_ref(&object.0);
    Ok(dead_of(cx, caller, &at.collection, entries, selection).await?.next().unwrap_or_default())
}

/// The dead properties of members, in their order; nothing if the answer cannot hold any.
pub(crate) async fn dead_of(
    cx: &Context,
    caller: &Caller,
    at: &CollectionPath,
    entries: &[Entry],
    selection: &Selection,
) -> Result<std::vec::IntoIter<Vec<DeadProperty>>, BackendError> {
    if !selection.wants_dead() {
        return Ok(Vec::new().into_iter());
    }
    let names: Vec<ObjectName> = entries.iter().map(|entry| entry.name.clone()).collect();
    Ok(cx.backend.object_properties(caller, at, &names).await?.into_iter())
}

/// The entry that a listing would show of this object.
pub(crate) fn entry_of(object: &StoredObject) -> Entry {
    Entry {
        name: object.name.clone(),
        etag: object.etag.clone(),
        kind: object.kind,
        bytes: u64::try_from(object.body.len()).unwrap_or(u64::MAX),
        created: object.created,
        modified: object.modified,
    }
}
