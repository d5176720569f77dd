//! Sign-in by `Authorization: Basic` (RFC 7617) with an app password.

use almanac_backend::{Backend, Caller};
use almanac_base::Secret;
use http::{HeaderMap, header};

use crate::error::Failure;
use crate::limits::CREDENTIALS_BYTES_MAX;

/// A login and a password as sent. Both live in wiped memory.
struct Credentials {
    login: Secret,
    password: Secret,
}

/// Who sends the request.
///
/// # Errors
/// `Failure::Unauthorized`, whatever is wrong with the credentials. Wrong ones, unlike absent ones, are told
/// to the log in one line, for tools that ban addresses.
pub(crate) async fn sign_in(
    backend: &dyn Backend,
    headers: &HeaderMap,
    peer: Option<std::net::IpAddr>,
) -> Result<Caller, Failure> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(Failure::Unauthorized);
    }
    if let Some(credentials) = read(headers)
        && let Some(caller) = backend.authenticate(credentials.login.expose(), &credentials.password).await?
    {
        return Ok(caller);
    }
    let peer = peer.map_or_else(|| "local".to_owned(), |peer| peer.to_string());
    tracing::warn!(peer, "sign-in failed");
    Err(Failure::Unauthorized)
}

fn read(headers: &HeaderMap) -> Option<Credentials> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.to_str().ok()?.trim();
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > CREDENTIALS_BYTES_MAX {
        return None;
    }
    // Wrapped before it is split, so that the joined text is wiped as well.
    let pair = Secret::new(String::from_utf8(decode_base64(encoded.trim())?).ok()?);
    let (login, password) = pair.expose().split_once(':')?;
    if pair.expose().chars().any(char::is_control) {
        return None;
    }
    Some(Credentials { login: Secret::new(login.to_owned()), password: Secret::new(password.to_owned()) })
}

/// RFC 4648 section 4. Padding may be missing, as some clients leave it out; nothing else is forgiven.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if digits.len() % 4 == 1 || text.len() - digits.len() > 2 {
        return None;
    }
    let mut octets = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            bits = bits << 6 | base64_value(digit)?;
        }
        let missing = 4 - group.len();
        let [_, three @ ..] = (bits << (6 * missing)).to_be_bytes();
        octets.extend(three.iter().take(3 - missing));
    }
    Some(octets)
}

fn base64_value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length_is_read_and_other_text_is_not() {
        let good = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE=", "fooba"),
        ];
        for (text, octets) in good {
            assert_eq!(decode_base64(text).as_deref(), Some(octets.as_bytes()), "{text}");
        }
        for bad in ["Z", "Zm9vY", "Zm9v===", "Zm-v", "Zm 9v", "Zm9=v", "Zm9v\u{e9}"] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_split_at_the_first_colon_and_may_be_utf8() {
        let rows = [
            ("Basic YTpi", Some(("a", "b"))),
            ("basic  YTpi", Some(("a", "b"))),
            ("BASIC YTpiOmM=", Some(("a", "b:c"))),
            ("Basic w6Q6w7Y=", Some(("ä", "ö"))),
            ("Basic YTo=", Some(("a", ""))),
            ("Basic YWI=", None),
            ("Basic YQpiOmM=", None),
            ("Basic /zpi", None),
            ("Bearer YTpi", None),
            ("Basic", None),
            ("YTpi", None),
        ];
        for (value, expected) in rows {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            let read = read(&headers);
            let found = read.as_ref().map(|it| (it.login.expose(), it.password.expose()));
            assert_eq!(found, expected, "{value}");
        }
    }
}
