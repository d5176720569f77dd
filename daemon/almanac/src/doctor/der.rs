//! As much of DER as tells how long a certificate is valid (RFC 5280 section 4.1). The names are read by webpki.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when until when a certificate is valid; `None` if this is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, signed, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut fields, _) = element(signed).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if let Some((VERSION, _, rest)) = element(fields) {
        fields = rest;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (_, times, _) = element(fields).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (tag, from, rest) = element(times)?;
    let from = time(tag, from)?;
    let (tag, until, _) = element(rest)?;
    Some((from, time(tag, until)?))
}

/// The tag and the content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    let (length, rest) = match length {
        ..=0x7f => (usize::from(*length), rest),
        // Certificates are longer than this never.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDhhmmssZ` up to 2049, `YYYYMMDDhhmmssZ` from then on (RFC 5280 section 4.1.2.5).
fn time(tag: u8, digits: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
    let century = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
        (UTC_TIME, 50..) => "19",
        (UTC_TIME, _) => "20",
        (GENERALIZED_TIME, _) => "",
        _ => return None,
    };
    let text = format!("{century}{text}");
    let civil = DateTime::strptime("%Y%m%d%H%M%S", &text).ok().filter(|_| text.len() == 14)?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_validity_of_a_certificate_is_read_before_and_after_2050() {
        for (from, until) in [(2026, 2027), (1999, 2049), (2049, 2050), (2051, 2060)] {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from, 2, 3);
            params.not_after = rcgen::date_time_ymd(until, 12, 31);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let expected = (
                format!("{from}-02-03T00:00:00Z").parse().unwrap(),
                format!("{until}-12-31T00:00:00Z").parse().unwrap(),
            );
            assert_eq!(validity(certificate.der()), Some(expected));
            // Cut anywhere, it is no certificate, and no reason to fall over.
            for length in 0..certificate.der().len() {
                assert_eq!(validity(&certificate.der()[..length]), None);
            }
        }
    }

    #[test]
    fn a_time_that_is_none_is_not_taken() {
        for (tag, text) in
            [(UTC_TIME, "261301000000Z"), (UTC_TIME, "26010100000Z"), (2, "260101000000Z"), (UTC_TIME, "")]
        {
            assert_eq!(time(tag, text.as_bytes()), None, "{text}");
        }
    }
}
