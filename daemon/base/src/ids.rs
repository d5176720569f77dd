//! Ids: newtypes over UUIDv7 whose text form has a prefix (`col_0192...`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::{NoContext, Timestamp as UuidTime, Uuid};

use crate::clock::Clock;

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {0}_ and 32 hexadecimal digits")]
pub struct IdError(&'static str);

/// Declares an id type: 16 bytes, ordered by creation, with a text form `prefix_<32 hex digits>`.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes, big-endian: their order is the order of creation.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{:032x}"), u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|digits| u128::from_str_radix(digits, 16).ok())
                    .map(|n| Self(n.to_be_bytes()))
                    .ok_or(IdError($prefix))
            }
        }
    };
}

id!(
    /// A tenant: one clinic, sealed off from every other.
    TenantId, "ten"
);
id!(
    /// A person with a login; the id of their principal (RFC 3744 section 2).
    UserId, "usr"
);
id!(
    /// A calendar collection (RFC 4791 section 4.2), whatever its name or owner.
    CollectionId, "col"
);
id!(
    /// An app password.
    CredentialId, "crd"
);
id!(
    /// A calendar that whoever has its secret URL can read.
    FeedId, "fed"
);
id!(
    /// Something deleted that can still be restored. Its time is that of the deletion.
    TrashId, "tra"
);
id!(
    /// An account at a vendor.
    AccountId, "acc"
);
id!(
    /// A link: a collection and a vendor's calendar that are kept equal.
    LinkId, "lnk"
);
id!(
    /// Something that a sync lost and that can be restored. Its time is that of the loss.
    HistoryId, "his"
);
id!(
    /// One request, in logs and error answers.
    RequestId, "req"
);
id!(
    /// One life of a store: a restore or a conversion begins a new one.
    StoreId, "sto"
);

/// Makes ids. Their time part comes from the clock it was given, so tests are repeatable in order.
#[derive(Clone)]
pub struct IdGen(Arc<dyn Clock>);

impl IdGen {
    /// A generator on `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }

    /// 16 fresh bytes (UUIDv7): wrap them with `from_bytes` of the id type.
    #[must_use]
    pub fn fresh(&self) -> [u8; 16] {
        let now = self.0.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        *Uuid::new_v7(UuidTime::from_unix(NoContext, seconds, nanos)).as_bytes()
    }

    /// What every id of this millisecond and later is not below, and every earlier one is: where a range by time
    /// begins or ends.
    #[must_use]
    pub fn bound(at: Timestamp) -> [u8; 16] {
        let millis = u128::try_from(at.as_millisecond()).unwrap_or(0);
        (millis << 80).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::clock::{ManualClock, SystemClock};

    #[test]
    fn ids_are_ordered_by_their_millisecond() {
        let start: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let id = IdGen::new(Arc::clone(&clock) as _).fresh();
        assert!(IdGen::bound(start) <= id);
        clock.advance(SignedDuration::from_millis(1));
        assert!(id < IdGen::bound(clock.now()));
    }

    #[test]
    fn an_id_survives_its_text_form_and_other_texts_are_refused() {
        let id = CollectionId::from_bytes(IdGen::new(Arc::new(SystemClock)).fresh());
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in
            ["", "col_", "usr_00000000000000000000000000000000", "col_+0000000000000000000000000000000"]
        {
            assert!(bad.parse::<CollectionId>().is_err(), "{bad}");
        }
    }
}
