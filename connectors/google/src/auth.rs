//! The application as Google knows it.

use almanac_base::Secret;
use almanac_egress::oauth::{Application, Tokens};

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

/// All of Google Calendar, which holds every scope that is asked for.
const EVERYTHING: &str = "https://www.googleapis.com/auth/calendar";

/// A person granted less than was asked for: each permission has a box of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sign-in does not grant {}; sign in again and leave every box ticked", .missing.join(" and "))]
pub struct NotGranted {
    /// The scopes that are missing.
    pub missing: Vec<&'static str>,
}

/// Whether new tokens let an account be kept equal. To be asked right after signing in, before they are kept: what is missing
/// shows later only as events that cannot be read or written. A server that does not say what it granted has granted all.
///
/// # Errors
/// What is missing.
pub fn check(tokens: &Tokens) -> Result<(), NotGranted> {
    let Some(granted) = &tokens.scopes else { return Ok(()) };
    let has = |scope: &&str| granted.iter().any(|granted| granted == scope || granted == EVERYTHING);
    let missing: Vec<&'static str> = SCOPES.into_iter().filter(|scope| !has(scope)).collect();
    if missing.is_empty() { Ok(()) } else { Err(NotGranted { missing }) }
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

    fn tokens(scopes: Option<&[&str]>) -> Tokens {
        Tokens {
            access: Secret::new("access".to_owned()),
            refresh: None,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            scopes: scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect()),
            sign_in_ends: None,
        }
    }

    #[test]
    fn a_scope_that_was_not_ticked_is_named() {
        for enough in [None, Some(&SCOPES[..]), Some(&[EVERYTHING]), Some(&["openid", SCOPES[1], SCOPES[0]])]
        {
            assert_eq!(check(&tokens(enough)), Ok(()));
        }
        for (granted, missing) in [(&SCOPES[..1], SCOPES[1]), (&SCOPES[1..], SCOPES[0])] {
            let error = check(&tokens(Some(granted))).unwrap_err();
            assert_eq!(error.missing, [missing]);
            assert!(error.to_string().contains(missing));
        }
        assert_eq!(check(&tokens(Some(&[]))).unwrap_err().missing, SCOPES);
    }
}
