//! `Retry-After` in all the forms that vendors send.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::limits::RETRY_AFTER_MAX;

/// How long an answer with these header fields asks to wait, as [`retry_after`] reads it.
#[must_use]
pub fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// How long `Retry-After: value` asks to wait: seconds or an HTTP date (RFC 9110 section 10.2.3), seconds with a fraction,
/// or an ISO timestamp (Zoom). Between nothing and a day; `None` if it is none of them.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => instant(value)?.duration_since(now),
    };
    Some(wait.clamp(SignedDuration::ZERO, RETRY_AFTER_MAX))
}

fn seconds(value: &str) -> Option<SignedDuration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let rest = i64::from(fraction.bytes().any(|b| b != b'0')); // a part of a second is a second
    Some(SignedDuration::from_secs(whole.parse().unwrap_or(i64::MAX).saturating_add(rest)))
}

/// The three forms of an HTTP date (RFC 9110 section 5.6.7), then ISO.
fn instant(value: &str) -> Option<Timestamp> {
    const HTTP: [&str; 3] =
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let date = HTTP.iter().find_map(|form| DateTime::strptime(form, value).ok());
    match date {
        Some(date) => Offset::UTC.to_timestamp(date).ok(),
        None => value.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_within_bounds() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        #[rustfmt::skip]
        let table: &[(&str, Option<i64>)] = &[
            ("0", Some(0)), ("30", Some(30)), (" 120 ", Some(120)), ("1.5", Some(2)), ("2.0", Some(2)),
            ("99999999999999999999999", Some(86_400)), ("86401", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(86_400)),
            ("1994-11-06T08:50:00Z", Some(60)),
            ("1994-11-06T09:50:00+01:00", Some(60)),
            ("1994-11-06T08:50:00.000Z", Some(60)),
            ("", None), ("-1", None), ("+1", None), (".5", None), ("1.", None), ("soon", None), ("1 minute", None), ("0x10", None),
        ];
        for (value, expected) in table {
            assert_eq!(retry_after(value, now), expected.map(SignedDuration::from_secs), "{value}");
        }
    }
}
