//! What Google's refusals mean.

use almanac_contract::{ConnectorError, ErrorKind, Reason, Retry};
use almanac_egress::oauth::OauthError;
use almanac_egress::{EgressError, Kind, Sent};
use http::StatusCode;
use jiff::SignedDuration;

use crate::wire::Refusal;

/// What a request is about, and so what it means that it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Account,
    Calendar,
    Event,
    Channel,
}

/// Whether a request can change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// An answer that is no success.
pub(crate) struct Refused<'a> {
    pub(crate) status: StatusCode,
    pub(crate) body: &'a [u8],
    pub(crate) retry_after: Option<SignedDuration>,
}

/// The error of an answer that is no success.
pub(crate) fn error(
    refused: &Refused<'_>,
    about: About,
    effect: Effect,
    operation: &'static str,
) -> ConnectorError {
    let reason = reason(refused.body);
    let error = ConnectorError::new(kind(refused.status, &reason, about, effect), operation);
    match refused.retry_after {
        Some(wait) if error.retry == Retry::Backoff => error.after(wait),
        _ => error,
    }
}

/// The machine's word for what is wrong. The sentence beside it quotes the request and is not even read.
fn reason(body: &[u8]) -> String {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    refusal.error.errors.into_iter().next().map(|cause| cause.reason).unwrap_or_default()
}

fn kind(status: StatusCode, reason: &str, about: About, effect: Effect) -> ErrorKind {
    match (status.as_u16(), reason) {
        (429, _)
        | (403, "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" | "dailyLimitExceeded") => {
            ErrorKind::Throttled
        }
        (401, "push.webhookUrlUnauthorized") => ErrorKind::Refused(Reason(
            "Google calls no address whose domain is not verified for the application",
        )),
        (401, _) => ErrorKind::NeedsSignIn,
        (403, "forbiddenForNonOrganizer") => ErrorKind::Refused(Reason("only its organizer can change that")),
        // The person granted less than was asked for, or the project may not use the API: the calendar is there.
        (403, "insufficientPermissions" | "accessNotConfigured" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
            ErrorKind::Forbidden
        }
        (403, _) if about == About::Calendar && effect == Effect::Reads => ErrorKind::CalendarGone,
        (403, _) => ErrorKind::Forbidden,
        (404, _) if about == About::Calendar => ErrorKind::CalendarGone,
        (410, _) if about == About::Calendar => ErrorKind::DeltaExpired,
        (404 | 410, _) => ErrorKind::Gone,
        (409 | 412, _) => ErrorKind::Conflict,
        (400, "timeRangeEmpty") => {
            ErrorKind::Refused(Reason("Google takes no event that ends before it begins"))
        }
        (400 | 413, _) if effect == Effect::Writes => {
            ErrorKind::Refused(Reason("Google does not accept it as it is"))
        }
        (503, _) => ErrorKind::Unavailable,
        // Something broke on the way; it may have been after the deed.
        (500.., _) if effect == Effect::Writes => ErrorKind::Unclear,
        (500.., _) => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    }
}

/// The error of a request that got no answer.
pub(crate) fn no_answer(error: EgressError, effect: Effect, operation: &'static str) -> ConnectorError {
    let kind = match (error.kind, effect, error.sent()) {
        // An administrator has to open the address; trying again does not help.
        (Kind::Refused(_), ..) => ErrorKind::Forbidden,
        (_, Effect::Writes, Sent::Maybe) => ErrorKind::Unclear,
        _ => ErrorKind::Unavailable,
    };
    ConnectorError::new(kind, operation).because(error)
}

/// The error of an account that gets no access token. Nothing was asked of the calendar.
pub(crate) fn no_token(error: OauthError, operation: &'static str) -> ConnectorError {
    let (kind, wait) = match &error {
        OauthError::NeedsSignIn => (ErrorKind::NeedsSignIn, None),
        // The application's id, secret, key or address: an administrator repairs it, and the tokens live on.
        OauthError::Refused(_) | OauthError::Address(_) | OauthError::Sign => (ErrorKind::Forbidden, None),
        OauthError::Egress(error) if matches!(error.kind, Kind::Refused(_)) => (ErrorKind::Forbidden, None),
        OauthError::Temporary { retry_after } => (ErrorKind::Unavailable, *retry_after),
        OauthError::Egress(_) | OauthError::Keep(_) => (ErrorKind::Unavailable, None),
        OauthError::Answer => (ErrorKind::Malformed, None),
    };
    let failed = ConnectorError::new(kind, operation).because(error);
    match wait {
        Some(wait) => failed.after(wait),
        None => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_reason() {
        use About::{Calendar, Event};
        use Effect::{Reads, Writes};
        let refused = |text| ErrorKind::Refused(Reason(text));
        for (status, reason, about, effect, expected) in [
            (403, "rateLimitExceeded", Calendar, Reads, ErrorKind::Throttled),
            (403, "userRateLimitExceeded", Event, Writes, ErrorKind::Throttled),
            (403, "quotaExceeded", Event, Writes, ErrorKind::Throttled),
            (429, "rateLimitExceeded", Event, Writes, ErrorKind::Throttled),
            (403, "forbidden", Event, Writes, ErrorKind::Forbidden),
            (403, "forbiddenForNonOrganizer", Event, Writes, refused("only its organizer can change that")),
            (403, "requiredAccessLevel", Calendar, Writes, ErrorKind::Forbidden),
            (403, "forbidden", Calendar, Reads, ErrorKind::CalendarGone),
            (403, "insufficientPermissions", Calendar, Reads, ErrorKind::Forbidden),
            (404, "notFound", Calendar, Reads, ErrorKind::CalendarGone),
            (404, "notFound", Event, Writes, ErrorKind::Gone),
            (410, "fullSyncRequired", Calendar, Reads, ErrorKind::DeltaExpired),
            (410, "deleted", Event, Writes, ErrorKind::Gone),
            (412, "conditionNotMet", Event, Writes, ErrorKind::Conflict),
            (
                400,
                "timeRangeEmpty",
                Event,
                Writes,
                refused("Google takes no event that ends before it begins"),
            ),
            (400, "invalid", Event, Writes, refused("Google does not accept it as it is")),
            (400, "invalid", Event, Reads, ErrorKind::Malformed),
            (500, "backendError", Event, Writes, ErrorKind::Unclear),
            (500, "backendError", Event, Reads, ErrorKind::Unavailable),
            (503, "backendError", Event, Writes, ErrorKind::Unavailable),
            (401, "authError", Event, Reads, ErrorKind::NeedsSignIn),
        ] {
            let body = format!(r#"{{"error":{{"errors":[{{"reason":"{reason}","message":"Jane Doe"}}]}}}}"#);
            let status = StatusCode::from_u16(status).unwrap();
            let refused = Refused { status, body: body.as_bytes(), retry_after: None };
            let error = error(&refused, about, effect, "try");
            assert_eq!(error.kind, expected, "{status} {reason} {about:?} {effect:?}");
            assert!(!error.to_string().contains("Jane"));
        }
    }
}
