//! The application as Microsoft Entra knows it.

use almanac_base::Secret;
use almanac_egress::oauth::{Application, Credentials};
use almanac_egress::{Refusal, Target};

/// Where people of every organisation, and private persons, sign in.
pub const AUTHORITY_URL: &str = "https://login.microsoftonline.com/common";

/// What a person is asked for; `offline_access` is the refresh token.
pub const SCOPES: [&str; 2] = ["https://graph.microsoft.com/Calendars.ReadWrite", "offline_access"];

/// What an application that acts for itself asks for: what its administrator has granted.
const OWN_SCOPE: &str = "https://graph.microsoft.com/.default";

/// The application for signing people in. `authority` ends with the tenant, or with `common`.
///
/// # Errors
/// If the authority is no URL that requests may go to.
pub fn application(
    authority: &str,
    client_id: String,
    client_secret: Option<Secret>,
) -> Result<Application, Refusal> {
    let at = |end: &str| Target::parse(&format!("{}/oauth2/v2.0/{end}", authority.trim_end_matches('/')));
    Ok(Application {
        authorize: at("authorize")?,
        token: at("token")?,
        client_id,
        client_secret,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        // The person may have several accounts in the browser.
        extra: vec![("prompt".to_owned(), "select_account".to_owned())],
    })
}

/// What an application gets tokens with that an administrator has let into mailboxes (client credentials). Its authority names
/// the tenant: `common` is none.
#[must_use]
pub fn own(application: Application) -> Credentials {
    Credentials::Application(Application { scopes: vec![OWN_SCOPE.to_owned()], ..application })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_names_both_endpoints() {
        for authority in ["https://login.example/t", "https://login.example/t/"] {
            let application = application(authority, "id".into(), None).unwrap();
            assert_eq!(application.authorize.url().as_str(), "https://login.example/t/oauth2/v2.0/authorize");
            assert_eq!(application.token.url().as_str(), "https://login.example/t/oauth2/v2.0/token");
        }
        assert!(application("nowhere", "id".into(), None).is_err());
    }
}
