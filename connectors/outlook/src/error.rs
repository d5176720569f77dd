//! What Graph's statuses and codes mean. Its messages are never looked at: they quote the request.

use almanac_contract::{ConnectorError, ErrorKind, Reason};
use almanac_egress::oauth::OauthError;
use almanac_egress::{EgressError, Kind, Sent};
use http::StatusCode;
use jiff::SignedDuration;

/// What a request is about: who is missing if the answer is 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Account,
    Calendar,
    /// A listing of changes.
    Delta,
    Event,
    /// A batch of reads.
    Reading,
}

pub(crate) const CROSSING: Reason =
    Reason("Outlook does not let an instance of a series pass or meet its neighbour");
const TOO_LARGE: Reason = Reason("the event is too large for Outlook");
const NOT_TAKEN: Reason = Reason("Outlook does not take the event as it is");

/// The error that a bad status is.
pub(crate) fn of(
    status: StatusCode,
    code: &str,
    about: About,
    wait: Option<SignedDuration>,
    operation: &'static str,
) -> ConnectorError {
    let kind = kind(status, code, about);
    let error = ConnectorError::new(kind, operation);
    match wait {
        Some(wait) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.after(wait)
        }
        _ => error,
    }
}

fn kind(status: StatusCode, code: &str, about: About) -> ErrorKind {
    let is = |name: &str| code.eq_ignore_ascii_case(name);
    if ["syncStateNotFound", "syncStateInvalid", "resyncRequired", "ErrorInvalidSyncStateData"]
        .into_iter()
        .any(is)
    {
        return ErrorKind::DeltaExpired;
    }
    if is("ErrorIrresolvableConflict") {
        return ErrorKind::Conflict;
    }
    if is("ErrorOccurrenceCrossingBoundary") {
        return ErrorKind::Refused(CROSSING);
    }
    if is("ErrorCannotDeleteObject") {
        return ErrorKind::Forbidden;
    }
    match (status.as_u16(), about) {
        (401, _) => ErrorKind::NeedsSignIn,
        (403, _) => ErrorKind::Forbidden,
        (410, About::Delta) => ErrorKind::DeltaExpired,
        (404 | 410, About::Delta | About::Calendar) => ErrorKind::CalendarGone,
        (404 | 410, About::Event) => ErrorKind::Gone,
        (404 | 410, About::Account) => ErrorKind::Forbidden, // no mailbox, for one
        (409 | 412, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::Throttled,
        (408 | 425 | 500..=599, _) => ErrorKind::Unavailable,
        (413, _) => ErrorKind::Refused(TOO_LARGE),
        (400..=499, About::Calendar | About::Event) => ErrorKind::Refused(NOT_TAKEN),
        _ => ErrorKind::Malformed,
    }
}

/// The error of a request that got no answer.
pub(crate) fn no_answer(error: EgressError, writes: bool, operation: &'static str) -> ConnectorError {
    let kind = match (error.kind, error.sent()) {
        // An administrator has to open the address; trying again does not help.
        (Kind::Refused(_), _) => ErrorKind::Forbidden,
        (_, Sent::Maybe) if writes => ErrorKind::Unclear,
        _ => ErrorKind::Unavailable,
    };
    ConnectorError::new(kind, operation).because(error)
}

/// Why there is no access token.
pub(crate) fn token(error: OauthError, operation: &'static str) -> ConnectorError {
    let kind = match &error {
        OauthError::NeedsSignIn => ErrorKind::NeedsSignIn,
        OauthError::Refused(_) | OauthError::Address(_) | OauthError::Sign => ErrorKind::Forbidden,
        OauthError::Egress(error) if matches!(error.kind, Kind::Refused(_)) => ErrorKind::Forbidden,
        OauthError::Temporary { .. } | OauthError::Egress(_) | OauthError::Keep(_) => ErrorKind::Unavailable,
        OauthError::Answer => ErrorKind::Malformed,
    };
    let wait = if let OauthError::Temporary { retry_after } = &error { *retry_after } else { None };
    let made = ConnectorError::new(kind, operation).because(error);
    match wait {
        Some(wait) => made.after(wait),
        None => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_what_the_engine_has_to_do_about_it() {
        use About::{Account, Calendar, Delta, Event};
        #[rustfmt::skip]
        let table = [
            (401, "InvalidAuthenticationToken", Event, ErrorKind::NeedsSignIn),
            (403, "ErrorAccessDenied", Calendar, ErrorKind::Forbidden),
            (403, "errorcannotdeleteobject", Event, ErrorKind::Forbidden),
            (400, "ErrorCannotDeleteObject", Event, ErrorKind::Forbidden),
            (404, "ErrorItemNotFound", Event, ErrorKind::Gone),
            (404, "ErrorItemNotFound", Calendar, ErrorKind::CalendarGone),
            (404, "ErrorItemNotFound", Delta, ErrorKind::CalendarGone),
            (404, "MailboxNotEnabledForRESTAPI", Account, ErrorKind::Forbidden),
            (410, "syncStateNotFound", Delta, ErrorKind::DeltaExpired),
            (400, "SyncStateNotFound", Delta, ErrorKind::DeltaExpired),
            (410, "", Delta, ErrorKind::DeltaExpired),
            (412, "ErrorIrresolvableConflict", Event, ErrorKind::Conflict),
            (409, "ErrorIrresolvableConflict", Event, ErrorKind::Conflict),
            (400, "ErrorOccurrenceCrossingBoundary", Event, ErrorKind::Refused(CROSSING)),
            (400, "ErrorInvalidRequest", Event, ErrorKind::Refused(NOT_TAKEN)),
            (413, "", Calendar, ErrorKind::Refused(TOO_LARGE)),
            (429, "ApplicationThrottled", Event, ErrorKind::Throttled),
            (503, "", Event, ErrorKind::Unavailable),
            (302, "", Event, ErrorKind::Malformed),
        ];
        for (status, code, about, expected) in table {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(of(status, code, about, None, "try").kind, expected, "{status} {code} {about:?}");
        }
        let wait = SignedDuration::from_secs(7);
        let later = of(StatusCode::TOO_MANY_REQUESTS, "", Event, Some(wait), "try");
        assert_eq!(later.retry, almanac_contract::Retry::After(wait));
    }
}
