//! What a status means. Pure.

use almanac_contract::{ConnectorError, ErrorKind, Reason};
use almanac_davxml::Name;
use almanac_davxml::names::{CALDAV, DAV};
use almanac_egress::throttle::asked_wait;
use almanac_egress::{EgressError, Kind, Sent};
use jiff::Timestamp;

use crate::calls::Got;
use crate::wire;

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The account: discovery.
    Account,
    /// A calendar as a whole.
    Calendar,
    /// An object that is read.
    Object,
    /// An object that is written.
    Write,
}

/// A server led to another origin that is not of its family, or to something that is no URL of ours.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server leads to a host or port that the password was not given for; name that address when the account is added"
)]
pub struct Foreign;

/// A status that was not expected.
#[derive(Debug, thiserror::Error)]
#[error("the server answered with status {0}")]
pub(crate) struct Status(u16);

/// No answer.
pub(crate) fn unanswered(error: EgressError, about: About, operation: &'static str) -> ConnectorError {
    let kind = match (error.kind, about) {
        (Kind::Refused(_), _) => ErrorKind::Forbidden,
        (_, About::Write) if error.sent() == Sent::Maybe => ErrorKind::Unclear,
        (Kind::TooLarge, _) => ErrorKind::Malformed,
        _ => ErrorKind::Unavailable,
    };
    ConnectorError::new(kind, operation).because(error)
}

/// An answer that is no success.
pub(crate) fn failed(got: &Got, about: About, operation: &'static str, now: Timestamp) -> ConnectorError {
    let status = got.status.as_u16();
    let wait = asked_wait(&got.headers, now);
    let kind = match status {
        401 => ErrorKind::NeedsSignIn,
        // iCloud throttles an account with 503, and now and then with 403.
        403 | 503 if wait.is_some() => ErrorKind::Throttled,
        429 => ErrorKind::Throttled,
        423 | 425 | 503 | 507 => ErrorKind::Unavailable,
        403 | 409 | 413 | 415 if about == About::Write => match refusal(got) {
            Some(reason) => ErrorKind::Refused(reason),
            None if status == 409 => ErrorKind::Conflict,
            None => ErrorKind::Forbidden,
        },
        402 | 403 | 407 | 451 => ErrorKind::Forbidden,
        412 => ErrorKind::Conflict,
        404 | 410 => match about {
            About::Account => ErrorKind::Malformed,
            About::Calendar => ErrorKind::CalendarGone,
            About::Object | About::Write => ErrorKind::Gone,
        },
        // What a proxy says may come after the server has done it.
        500 | 502 | 504 if about == About::Write => ErrorKind::Unclear,
        501 | 505 => ErrorKind::Malformed, // it is no CalDAV server
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    };
    let error = ConnectorError::new(kind, operation).because(Status(status));
    match wait {
        Some(wait) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.after(wait)
        }
        _ => error,
    }
}

/// Why the server never takes an object.
fn refusal(got: &Got) -> Option<Reason> {
    let conditions = wire::conditions(&got.body);
    let broken = |local: &'static str| conditions.contains(&Name::caldav(local));
    let reason = if broken("supported-calendar-component") {
        "the server takes no objects of this kind in this calendar"
    } else if broken("max-resource-size") || got.status.as_u16() == 413 {
        "the object is larger than the server takes"
    } else if broken("max-attendees-per-instance") {
        "the object has more guests than the server takes"
    } else if broken("max-instances") || broken("min-date-time") || broken("max-date-time") {
        "the object reaches further in time than the server takes"
    } else if broken("no-uid-conflict") {
        "another object of the calendar has the same UID"
    } else if conditions
        .iter()
        .any(|condition| condition.ns() == CALDAV && condition.local().starts_with("valid-"))
        || broken("supported-calendar-data")
        || got.status.as_u16() == 415
    {
        "the server does not take the object as a valid one"
    } else {
        return None;
    };
    Some(Reason(reason))
}

/// Whether a server says with this that it does not know a token any more.
pub(crate) fn token_expired(got: &Got) -> bool {
    let said = wire::conditions(&got.body).contains(&Name::dav("valid-sync-token"));
    match got.status.as_u16() {
        409 | 410 | 412 | 420 => true, // iCloud was seen to answer 420
        400 | 403 | 404 | 507 => said,
        _ => false,
    }
}

/// Whether a server says with this that it does not know a report.
pub(crate) fn unknown_report(got: &Got) -> bool {
    let conditions = wire::conditions(&got.body);
    let said = conditions.iter().any(|c| c.is(DAV, "supported-report"));
    matches!(got.status.as_u16(), 400 | 403 | 404 | 405 | 415 | 501) && (said || got.status.as_u16() != 404)
}

#[cfg(test)]
mod tests {
    use almanac_contract::Retry;
    use jiff::SignedDuration;

    use super::*;

    fn got(status: u16, condition: &str, wait: Option<&str>) -> Got {
        let body = format!(
            "<D:error xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'><{condition}/></D:error>"
        );
        Got::example(status, &body, wait)
    }

    #[test]
    fn a_status_means_what_the_engine_can_act_on() {
        use About::{Account, Calendar, Object, Write};
        use ErrorKind as E;
        let refused = |reason| E::Refused(Reason(reason));
        #[rustfmt::skip]
        let table = [
            (401, "C:x", None, Calendar, E::NeedsSignIn),
            (403, "C:x", None, Calendar, E::Forbidden),
            (403, "C:x", Some("60"), Calendar, E::Throttled),
            (403, "D:need-privileges", None, Write, E::Forbidden),
            (403, "C:supported-calendar-component", None, Write,
             refused("the server takes no objects of this kind in this calendar")),
            (403, "C:valid-calendar-data", None, Write, refused("the server does not take the object as a valid one")),
            (409, "C:no-uid-conflict", None, Write, refused("another object of the calendar has the same UID")),
            (413, "C:x", None, Write, refused("the object is larger than the server takes")),
            (404, "C:x", None, Calendar, E::CalendarGone),
            (404, "C:x", None, Account, E::Malformed),
            (404, "C:x", None, Object, E::Gone),
            (409, "C:x", None, Write, E::Conflict),
            (412, "C:x", None, Write, E::Conflict),
            (429, "C:x", None, Calendar, E::Throttled),
            (503, "C:x", Some("30"), Write, E::Throttled),
            (503, "C:x", None, Write, E::Unavailable),
            (500, "C:x", None, Write, E::Unclear),
            (504, "C:x", None, Write, E::Unclear),
            (500, "C:x", None, Calendar, E::Unavailable),
            (501, "C:x", None, Account, E::Malformed),
            (507, "C:x", None, Write, E::Unavailable),
            (200, "C:x", None, Write, E::Malformed),
        ];
        for (status, condition, wait, about, expected) in table {
            let error = failed(&got(status, condition, wait), about, "try", Timestamp::UNIX_EPOCH);
            assert_eq!(error.kind, expected, "{status} {condition} {about:?}");
            if let Some(wait) = wait {
                let wait = SignedDuration::from_secs(wait.parse().unwrap());
                assert_eq!(error.retry, Retry::After(wait), "{status}");
            }
        }
    }

    #[test]
    fn a_token_expires_by_many_names() {
        for (status, condition, expected) in [
            (403, "D:valid-sync-token", true),
            (409, "D:x", true),
            (412, "D:valid-sync-token", true),
            (420, "D:x", true),
            (403, "D:need-privileges", false),
            (401, "D:valid-sync-token", false),
            (503, "D:valid-sync-token", false),
        ] {
            assert_eq!(token_expired(&got(status, condition, None)), expected, "{status} {condition}");
        }
    }
}
