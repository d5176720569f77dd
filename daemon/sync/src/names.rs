//! Names for objects that come from a vendor, UIDs for those whose own is taken, and keys for creations.

use almanac_base::{AccountId, LinkId};
use almanac_contract::PushKey;
use ring::digest::{SHA256, digest};

/// Names every store accepts, of text that may hold anything.
fn hex(parts: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    digest(&SHA256, &bytes).as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The name under which an object with this UID is stored: the UID where it can be a name, else digits made of it.
pub(crate) fn name_for(uid: &str) -> String {
    let plain = !uid.is_empty()
        && uid.len() <= 120
        && !uid.starts_with('.')
        && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
    if plain { format!("{uid}.ics") } else { format!("{}.ics", hex(&[uid.as_bytes()])) }
}

/// The name of a row for an object at the vendor of which nothing is known but its id.
pub(crate) fn name_for_unread(remote: &str) -> String {
    format!("unread-{}.ics", hex(&[remote.as_bytes()]))
}

/// Another UID for an object whose own another object has. A vendor may have several objects of one UID; a collection may
/// not (RFC 4791 section 5.3.2.1).
pub(crate) fn other_uid(uid: &str, remote: &str) -> String {
    format!("{uid}-{}", hex(&[remote.as_bytes()]))
}

/// The key of a creation at the vendor.
pub(crate) fn push_key(account: AccountId, link: LinkId, uid: &str, generation: u32) -> PushKey {
    let generation = generation.to_be_bytes();
    PushKey(hex(&[account.as_bytes(), link.as_bytes(), uid.as_bytes(), &generation]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_whatever_the_uid() {
        assert_eq!(name_for("a-1@example.com"), "a-1@example.com.ics");
        for uid in ["", "../x", "a/b", "a b", ".hidden", "\u{e4}", &"x".repeat(300)] {
            let name = name_for(uid);
            assert!(
                name.len() == 36 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'),
                "{name}"
            );
        }
        assert_ne!(name_for("a/b"), name_for("a b"));
    }

    #[test]
    fn each_making_has_a_key_of_its_own() {
        let (account, link) = (AccountId::from_bytes([1; 16]), LinkId::from_bytes([2; 16]));
        let first = push_key(account, link, "u", 0);
        assert_eq!(first, push_key(account, link, "u", 0));
        assert_ne!(first, push_key(account, link, "u", 1));
        assert_ne!(first, push_key(account, LinkId::from_bytes([3; 16]), "u", 0));
    }
}
