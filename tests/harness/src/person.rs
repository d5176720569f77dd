//! Someone with a login and an app password.

/// A person of the daemon; made by [`crate::Daemon::person`].
#[derive(Debug, Clone)]
pub struct Person {
    /// The login.
    pub login: String,
    /// An app password.
    pub secret: String,
}

impl Person {
    /// The path of the calendar home.
    #[must_use]
    pub fn home(&self) -> String {
        format!("/dav/calendars/{}/", self.login)
    }

    /// The path of the calendar collection `name` in the home.
    #[must_use]
    pub fn collection(&self, name: &str) -> String {
        format!("/dav/calendars/{}/{name}/", self.login)
    }

    /// The path of the collection that every person has for events.
    #[must_use]
    pub fn calendar(&self) -> String {
        self.collection("calendar")
    }

    /// The path of the object `name` in that collection.
    #[must_use]
    pub fn object(&self, name: &str) -> String {
        format!("/dav/calendars/{}/calendar/{name}", self.login)
    }

    /// The path of the principal.
    #[must_use]
    pub fn principal(&self) -> String {
        format!("/dav/principals/{}/", self.login)
    }
}
