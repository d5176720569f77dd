//! The application as Google knows it.

use almanac_base::Secret;
use almanac_egress::oauth::Application;

use crate::config::Endpoints;

/// The least that two-way sync needs: to read and write events, and to see which calendars there are.
pub const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
];

/// An application to sign in with. Google gives a refresh token only if it is asked for access while nobody is there
/// (`access_type=offline`), and surely only if the person is asked for consent anew.
#[must_use]
pub fn application(endpoints: &Endpoints, client_id: String, client_secret: Option<Secret>) -> Application {
    let extra = [("access_type", "offline"), ("prompt", "consent")];
    Application {
        authorize: endpoints.authorize.clone(),
        token: endpoints.token.clone(),
        client_id,
        client_secret,
        scopes: SCOPES.map(str::to_owned).into(),
        extra: extra.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

/// The scopes that were asked for and not granted: a person can untick them. A server that does not say what it granted
/// has granted all.
#[must_use]
pub fn missing_scopes(granted: Option<&[String]>) -> Vec<&'static str> {
    let granted = |scope: &&str| granted.is_none_or(|granted| granted.iter().any(|other| other == scope));
    SCOPES.into_iter().filter(|scope| !granted(scope)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GoogleConfig;

    #[test]
    fn signing_in_asks_for_a_refresh_token_and_the_least_scopes() {
        let endpoints = GoogleConfig::default().endpoints().unwrap();
        let application = application(&endpoints, "id".into(), None);
        let url = application.begin("http://127.0.0.1:1/").unwrap().url;
        assert!(url.starts_with("https://accounts.google.com/o/oauth2/v2/auth?"), "{url}");
        for part in ["access_type=offline", "prompt=consent", "calendar.events+", "calendarlist.readonly"] {
            assert!(url.contains(part), "{part} in {url}");
        }
    }

    #[test]
    fn a_scope_that_was_not_ticked_is_named() {
        assert!(missing_scopes(None).is_empty());
        let granted = [SCOPES[0].to_owned()];
        assert_eq!(missing_scopes(Some(&granted)), [SCOPES[1]]);
    }
}
