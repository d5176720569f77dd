//! Where things are: decoded, checked names. Percent-encoding is the business of `methods`.

use std::fmt;

/// The segment is not a name that can exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name that can exist here")]
pub struct NameError;

/// Longest decoded segment, in bytes. Clients use UIDs as names; Exchange's are about 140 long.
pub const NAME_BYTES_MAX: usize = 255;

fn check(text: &str) -> Result<Box<str>, NameError> {
    let bad = text.is_empty()
        || text.len() > NAME_BYTES_MAX
        || text == "."
        || text == ".."
        || text.chars().any(|c| c.is_control() || c == '/' || c == '\\');
    if bad { Err(NameError) } else { Ok(text.into()) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks a decoded path segment: 1 to 255 bytes, no control character, no slash, not a dot segment.
            ///
            /// # Errors
            /// [`NameError`] if no resource can have this name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text).map(Self)
            }

            /// The decoded text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

name!(
    /// A login: the name of a principal and of its calendar home.
    Login
);
name!(
    /// The last segment of a calendar collection's path.
    CollectionName
);
name!(
    /// The last segment of a calendar object resource's path.
    ObjectName
);

/// A collection in a calendar home: `/dav/calendars/LOGIN/NAME/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CollectionPath {
    /// Whose home it is.
    pub home: Login,
    /// The name within the home.
    pub name: CollectionName,
}

/// A calendar object resource: `/dav/calendars/LOGIN/NAME/OBJECT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectPath {
    /// The collection that holds it.
    pub collection: CollectionPath,
    /// The name within the collection.
    pub name: ObjectName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_escape_their_folder_are_refused() {
        for bad in ["", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", &"x".repeat(256)] {
            assert!(ObjectName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "...", "a b.ics", "ä;=+@.ics", &"x".repeat(255)] {
            assert!(ObjectName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn debug_shows_no_name() {
        assert_eq!(format!("{:?}", Login::new("erika").unwrap()), "Login(redacted)");
    }
}
