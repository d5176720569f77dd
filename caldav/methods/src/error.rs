//! The status map: every refusal, its status and its `DAV:error` element. No other file picks a status
//! for something that went wrong.
//!
//! A violated precondition is 403, or 409 where the client can repair it (RFC 4791 section 1.3); 412 is for
//! precondition headers only. What an answer says is fixed text: nothing of the request comes back.

use std::error::Error;

use almanac_backend::{BackendError, CollectionPath, ObjectPath, Refusal};
use almanac_davxml::{Fragment, Name, XmlError, error_body};
use almanac_ical::Invalid;
use http::{HeaderValue, Response, StatusCode, header};

use crate::response;
use crate::target::{collection_href, object_href};
use crate::{Body, BoxError};

/// What a method answers.
pub(crate) type Reply = Result<Response<Body>, Failure>;

/// Why a request was not fulfilled; nothing has changed.
pub(crate) enum Failure {
    /// Framing or syntax, in one fixed sentence.
    BadRequest(&'static str),
    /// No valid credentials.
    Unauthorized,
    /// Refused without a condition of its own.
    Forbidden(&'static str),
    /// No such resource, or none that the caller may know of.
    NotFound,
    /// The resource does not take the method; the methods it takes.
    MethodNotAllowed(&'static str),
    /// MKCOL on a name that is taken (RFC 4918 section 9.3.1); the methods it takes.
    Exists(&'static str),
    /// The client did not finish its body in time.
    BodyTimedOut,
    /// The collection that would hold the resource is missing.
    ParentMissing,
    /// A precondition header does not hold.
    PreconditionFailed,
    /// The same, and the current representation for a client that prefers it (RFC 8144 section 3.2).
    PreconditionFailedWith(Box<Response<Body>>),
    /// The body is beyond the limit.
    BodyTooLarge,
    /// The body is compressed.
    ContentCoding,
    /// The body is of a type that the method does not take; which it takes, in one fixed sentence.
    MediaType(&'static str),
    /// The `Destination` is on another server.
    ForeignDestination,
    /// A condition with a `DAV:error` element of its own.
    Violated(Violation),
    /// MKCOL or MKCALENDAR could not set its properties: the whole body that says which.
    PropertiesRefused(Vec<u8>),
    /// The store takes no writes now.
    Unavailable,
    /// A fault of ours or of the machine.
    Internal(BoxError),
}

/// A condition that clients know by the name of its element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// RFC 4791 section 5.3.2.1: not iCalendar.
    ValidCalendarData,
    /// Not one calendar object resource.
    ValidCalendarObjectResource,
    /// A kind of component that the collection does not take.
    SupportedCalendarComponent,
    /// Not `text/calendar` in UTF-8, version 2.0.
    SupportedCalendarData,
    /// More octets than an object may have.
    MaxResourceSize,
    /// More instances than a recurrence may have.
    MaxInstances,
    /// Another member has this UID.
    NoUidConflict(Box<ObjectPath>),
    /// RFC 4791 section 5.3.1.1: no calendar collection can be there.
    CalendarCollectionLocationOk,
    /// The name is taken.
    ResourceMustBeNull,
    /// RFC 5689 section 3.4: not a combination of resource types that we make.
    ValidResourceType,
    /// RFC 7809 sections 3.1.5 and 3.1.6: no time zone of that name.
    ValidTimezone,
    /// RFC 6578 section 3.2: the token is not one of this collection.
    ValidSyncToken,
    /// RFC 4918 section 9.1: no PROPFIND of everything below a collection.
    PropfindFiniteDepth,
    /// RFC 4918 section 16: a live property that clients do not set.
    CannotModifyProtectedProperty,
    /// RFC 4918 section 20.6: a document type declaration.
    NoExternalEntities,
    /// RFC 3744 section 7.1.1: where, and which privilege is missing.
    NeedPrivileges(Option<Missing>),
    /// RFC 3253 section 3.6: a report that this resource does not have.
    SupportedReport,
    /// RFC 4791 section 7.8: the filter is against its grammar.
    ValidFilter,
    /// The filter asks for what we cannot test.
    SupportedFilter,
    /// RFC 4791 section 7.5.1.
    SupportedCollation,
    /// RFC 3744 section 9: this many answers would be too many; also a cut expansion.
    NumberOfMatchesWithinLimits,
    /// RFC 4331 section 6: the quota is used up.
    QuotaNotExceeded,
    /// RFC 4331 section 6: the disk is full.
    SufficientDiskSpace,
}

/// A privilege that the caller lacks. Access is granted by collection, so the href names the collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// On what.
    pub(crate) collection: CollectionPath,
    /// Which.
    pub(crate) privilege: Name,
}

impl Violation {
    /// The element inside `DAV:error`.
    pub(crate) fn name(&self) -> Name {
        match self {
            Self::ValidCalendarData => Name::caldav("valid-calendar-data"),
            Self::ValidCalendarObjectResource => Name::caldav("valid-calendar-object-resource"),
            Self::SupportedCalendarComponent => Name::caldav("supported-calendar-component"),
            Self::SupportedCalendarData => Name::caldav("supported-calendar-data"),
            Self::MaxResourceSize => Name::caldav("max-resource-size"),
            Self::MaxInstances => Name::caldav("max-instances"),
            Self::NoUidConflict(_) => Name::caldav("no-uid-conflict"),
            Self::CalendarCollectionLocationOk => Name::caldav("calendar-collection-location-ok"),
            Self::ResourceMustBeNull => Name::dav("resource-must-be-null"),
            Self::ValidResourceType => Name::dav("valid-resourcetype"),
            Self::ValidTimezone => Name::caldav("valid-timezone"),
            Self::ValidSyncToken => Name::dav("valid-sync-token"),
            Self::PropfindFiniteDepth => Name::dav("propfind-finite-depth"),
            Self::CannotModifyProtectedProperty => Name::dav("cannot-modify-protected-property"),
            Self::NoExternalEntities => Name::dav("no-external-entities"),
            Self::NeedPrivileges(_) => Name::dav("need-privileges"),
            Self::SupportedReport => Name::dav("supported-report"),
            Self::ValidFilter => Name::caldav("valid-filter"),
            Self::SupportedFilter => Name::caldav("supported-filter"),
            Self::SupportedCollation => Name::caldav("supported-collation"),
            Self::NumberOfMatchesWithinLimits => Name::dav("number-of-matches-within-limits"),
            Self::QuotaNotExceeded => Name::dav("quota-not-exceeded"),
            Self::SufficientDiskSpace => Name::dav("sufficient-disk-space"),
        }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NumberOfMatchesWithinLimits | Self::QuotaNotExceeded | Self::SufficientDiskSpace => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// What the element holds, beyond its name.
    fn content(&self) -> Option<Fragment> {
        let mut xml = Fragment::new();
        match self {
            Self::NoUidConflict(at) => xml.href(&object_href(at)),
            Self::NeedPrivileges(Some(missing)) => xml.element(&Name::dav("resource"), |resource| {
                resource.href(&collection_href(&missing.collection));
                resource.element(&Name::dav("privilege"), |privilege| privilege.empty(&missing.privilege));
            }),
            _ => return None,
        }
        Some(xml)
    }
}

impl Failure {
    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::PropertiesRefused(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) | Self::Exists(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::ParentMissing => StatusCode::CONFLICT,
            Self::PreconditionFailed | Self::PreconditionFailedWith(_) => StatusCode::PRECONDITION_FAILED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentCoding | Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ForeignDestination => StatusCode::BAD_GATEWAY,
            Self::Violated(violation) => violation.status(),
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The condition it violates, for a `DAV:propstat` or a `DAV:response` of its own.
    pub(crate) fn condition(&self) -> Option<Name> {
        match self {
            Self::Violated(violation) => Some(violation.name()),
            _ => None,
        }
    }

    /// The whole answer.
    pub(crate) fn into_response(self, realm: &str) -> Response<Body> {
        let status = self.status();
        let mut response = match &self {
            Self::Violated(violation) => {
                response::xml(status, error_body(&violation.name(), violation.content().as_ref()))
            }
            Self::Exists(_) => response::xml(status, error_body(&Violation::ResourceMustBeNull.name(), None)),
            _ => response::text(status, self.sentence()),
        };
        match self {
            Self::PropertiesRefused(body) => response = response::xml(status, body),
            Self::PreconditionFailedWith(current) => {
                response = *current;
                *response.status_mut() = status;
            }
            Self::Unauthorized => {
                let challenge =
                    HeaderValue::try_from(format!("Basic realm=\"{}\"", realm.replace(['"', '\\'], "")));
                let challenge = challenge.unwrap_or(HeaderValue::from_static("Basic realm=\"Almanac\""));
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::MethodNotAllowed(allow) | Self::Exists(allow) => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::ContentCoding => {
                response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Self::Unavailable => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            _ => {}
        }
        response
    }

    /// Whether it is a privilege that is missing, not yet named.
    pub(crate) fn is_missing_privilege(&self) -> bool {
        matches!(self, Self::Violated(Violation::NeedPrivileges(None)))
    }

    /// The same failure, told with what the method needed and where (RFC 3744 section 7.1.1).
    pub(crate) fn needing(self, collection: &CollectionPath, privilege: &'static str) -> Self {
        match self {
            Self::Violated(Violation::NeedPrivileges(None)) => {
                let missing = Missing { collection: collection.clone(), privilege: Name::dav(privilege) };
                Violation::NeedPrivileges(Some(missing)).into()
            }
            other => other,
        }
    }

    /// What a person reads who looks at the answer.
    fn sentence(&self) -> &'static str {
        match self {
            Self::BadRequest(why) | Self::Forbidden(why) | Self::MediaType(why) => why,
            Self::Unauthorized => "sign in with a login and an app password",
            Self::NotFound => "no such resource",
            Self::MethodNotAllowed(_) => "the resource does not take this method",
            Self::BodyTimedOut => "the body did not arrive in time",
            Self::ParentMissing => "the parent collection does not exist",
            Self::PreconditionFailed => "a precondition of the request does not hold",
            Self::BodyTooLarge => "the body is too large",
            Self::ContentCoding => "compressed bodies are not taken",
            Self::ForeignDestination => "the destination is on another server",
            Self::Unavailable => "no changes are taken at the moment",
            Self::Internal(_) => "something went wrong here",
            Self::Violated(_)
            | Self::Exists(_)
            | Self::PropertiesRefused(_)
            | Self::PreconditionFailedWith(_) => "",
        }
    }
}

/// An error and its sources, for the log. None of them shows patient data.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Refused(refusal) => refusal.into(),
            BackendError::NoSpace => Violation::SufficientDiskSpace.into(),
            BackendError::Unavailable => Self::Unavailable,
            BackendError::Internal(source) => Self::Internal(source),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::ParentMissing => Self::ParentMissing,
            Refusal::PreconditionFailed => Self::PreconditionFailed,
            Refusal::AlreadyExists => Violation::ResourceMustBeNull.into(),
            Refusal::NeedPrivilege => Violation::NeedPrivileges(None).into(),
            Refusal::UidConflict(at) => Violation::NoUidConflict(Box::new(at)).into(),
            Refusal::UnsupportedComponent => Violation::SupportedCalendarComponent.into(),
            Refusal::LocationNotOk => Violation::CalendarCollectionLocationOk.into(),
            Refusal::InvalidSyncToken => Violation::ValidSyncToken.into(),
            Refusal::ProtectedProperty => Violation::CannotModifyProtectedProperty.into(),
            Refusal::QuotaExceeded => Violation::QuotaNotExceeded.into(),
            Refusal::MaxInstances => Violation::MaxInstances.into(),
        }
    }
}

impl From<XmlError> for Failure {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::TooLarge => Self::BodyTooLarge,
            XmlError::Malformed(why) | XmlError::Limit(why) | XmlError::Invalid(why) => Self::BadRequest(why),
            XmlError::UnexpectedRoot => Self::BadRequest("the root element is not one of this method"),
            XmlError::Doctype => Violation::NoExternalEntities.into(),
            XmlError::InvalidFilter(_) => Violation::ValidFilter.into(),
            XmlError::UnsupportedFilter(_) => Violation::SupportedFilter.into(),
            XmlError::UnsupportedCollation => Violation::SupportedCollation.into(),
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Data(_) => Violation::ValidCalendarData.into(),
            Invalid::Object(_) => Violation::ValidCalendarObjectResource.into(),
            Invalid::Component(_) => Violation::SupportedCalendarComponent.into(),
            Invalid::MaxInstances => Violation::MaxInstances.into(),
            Invalid::TooLarge => Violation::MaxResourceSize.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status and condition of what `failure` becomes.
    fn told(failure: impl Into<Failure>) -> (u16, String) {
        let failure = failure.into();
        (failure.status().as_u16(), failure.condition().map_or(String::new(), |name| name.to_string()))
    }

    fn expected(status: u16, condition: &str) -> (u16, String) {
        let condition = condition.replace("D:", "{DAV:}").replace("C:", "{urn:ietf:params:xml:ns:caldav}");
        (status, condition)
    }

    #[test]
    fn every_refusal_of_the_backend_has_its_status_and_its_condition() {
        let rows = [
            (Refusal::NotFound, 404, ""),
            (Refusal::ParentMissing, 409, ""),
            (Refusal::PreconditionFailed, 412, ""),
            (Refusal::AlreadyExists, 403, "D:resource-must-be-null"),
            (Refusal::NeedPrivilege, 403, "D:need-privileges"),
            (Refusal::UnsupportedComponent, 403, "C:supported-calendar-component"),
            (Refusal::LocationNotOk, 403, "C:calendar-collection-location-ok"),
            (Refusal::InvalidSyncToken, 403, "D:valid-sync-token"),
            (Refusal::ProtectedProperty, 403, "D:cannot-modify-protected-property"),
            (Refusal::QuotaExceeded, 507, "D:quota-not-exceeded"),
            (Refusal::MaxInstances, 403, "C:max-instances"),
        ];
        for (refusal, status, condition) in rows {
            assert_eq!(told(BackendError::Refused(refusal)), expected(status, condition));
        }
        assert_eq!(told(BackendError::NoSpace), expected(507, "D:sufficient-disk-space"));
        assert_eq!(told(BackendError::Unavailable), expected(503, ""));
        assert_eq!(told(BackendError::Internal("x".into())), expected(500, ""));
    }

    #[test]
    fn every_refusal_of_a_body_has_its_status_and_its_condition() {
        let rows = [
            (XmlError::TooLarge, 413, ""),
            (XmlError::Malformed("x"), 400, ""),
            (XmlError::Limit("x"), 400, ""),
            (XmlError::Invalid("x"), 400, ""),
            (XmlError::UnexpectedRoot, 400, ""),
            (XmlError::Doctype, 403, "D:no-external-entities"),
            (XmlError::InvalidFilter("x"), 403, "C:valid-filter"),
            (XmlError::UnsupportedFilter(Name::caldav("x")), 403, "C:supported-filter"),
            (XmlError::UnsupportedCollation, 403, "C:supported-collation"),
        ];
        for (error, status, condition) in rows {
            assert_eq!(told(error), expected(status, condition));
        }
        let rows = [
            (Invalid::Data("x"), "C:valid-calendar-data"),
            (Invalid::Object("x"), "C:valid-calendar-object-resource"),
            (Invalid::Component("x"), "C:supported-calendar-component"),
            (Invalid::MaxInstances, "C:max-instances"),
            (Invalid::TooLarge, "C:max-resource-size"),
        ];
        for (invalid, condition) in rows {
            assert_eq!(told(invalid), expected(403, condition));
        }
    }

    #[test]
    fn the_other_failures_have_their_status() {
        let rows = [
            (Failure::BadRequest("x"), 400),
            (Failure::Unauthorized, 401),
            (Failure::Forbidden("x"), 403),
            (Failure::PropertiesRefused(Vec::new()), 403),
            (Failure::MethodNotAllowed("GET"), 405),
            (Failure::Exists("GET"), 405),
            (Failure::BodyTimedOut, 408),
            (Failure::BodyTooLarge, 413),
            (Failure::ContentCoding, 415),
            (Failure::MediaType("x"), 415),
            (Failure::ForeignDestination, 502),
            (Violation::NumberOfMatchesWithinLimits.into(), 507),
        ];
        for (failure, status) in rows {
            assert_eq!(failure.status().as_u16(), status);
            assert_eq!(failure.into_response("x").status().as_u16(), status);
        }
    }
}
