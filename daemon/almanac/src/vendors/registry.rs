//! Which connectors there are, and what each is made of. A new vendor is a kind here and a dependency in the manifest.

use std::sync::Arc;

use almanac_app::sync::AccountInfo;
use almanac_base::Secret;
use almanac_contract::{Connector, Pace as Allowed};
use almanac_egress::Target;
use almanac_egress::oauth::{Account, Application, Credentials, ServiceAccount};
use almanac_egress::throttle::Pace;
use serde::{Deserialize, Serialize};

use super::secrets::{Keeper, Secrets};
use super::{Vendors, lock};
use crate::commands::vendors::remedy::{Stage, Trouble, Whose};
use crate::failure::{Failure, chain};

/// A kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Google,
    Outlook,
    Icloud,
    Caldav,
    Feed,
}

/// How fast a server of one's own may be asked; what serves the whole world is asked as slowly as it wants.
const PACE_OWN_SERVER: Allowed = Allowed { burst: 600, per_minute: 3_000, at_once: 4 };

/// The settings that accounts have, with the kinds that take them.
pub(crate) const SETTINGS: &[(&str, &[Kind])] = &[
    ("api_url", &[Kind::Google, Kind::Outlook]),
    ("auth_url", &[Kind::Google, Kind::Outlook]),
    ("token_url", &[Kind::Google, Kind::Outlook]),
    ("authority", &[Kind::Outlook]),
    ("client_id", &[Kind::Google, Kind::Outlook]),
    ("subject", &[Kind::Google, Kind::Outlook]),
    ("url", &[Kind::Icloud, Kind::Caldav]),
    ("username", &[Kind::Icloud, Kind::Caldav, Kind::Feed]),
    ("preset", &[Kind::Caldav]),
    ("scheduling", &[Kind::Icloud, Kind::Caldav]),
];

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Google, Self::Outlook, Self::Icloud, Self::Caldav, Self::Feed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Outlook => "outlook",
            Self::Icloud => "icloud",
            Self::Caldav => "caldav",
            Self::Feed => "feed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The settings of a new account, if its kind takes them.
///
/// # Errors
/// One is of another kind.
pub(crate) fn checked_settings(
    kind: Kind,
    settings: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Failure> {
    for (name, _) in &settings {
        let taken = SETTINGS.iter().any(|(other, kinds)| other == name && kinds.contains(&kind));
        if !taken {
            return Err(Failure::usage(
                format!("an account of the kind {} has no {}", kind.as_str(), name.replace('_', "-")),
                "see `almanac account add --help`",
            ));
        }
    }
    Ok(settings)
}

/// What to do about settings that cannot be used, as long as they are not kept.
const CORRECT: &str = "correct what was given; see `almanac account add --help`";

/// The connector of an account that is kept. Makes no request.
pub(super) fn connect(
    vendors: &Vendors,
    account: &AccountInfo,
    secret: Option<&Secret>,
) -> Result<Arc<dyn Connector>, Failure> {
    let kind = Kind::parse(&account.kind).ok_or_else(|| {
        Failure::failed(
            format!("this program knows no accounts of the kind {}", account.kind),
            "remove the account, or use a newer version",
        )
    })?;
    let secrets = secret.map(Secrets::parse).transpose()?.unwrap_or_default();
    let making = Making { vendors, account, secrets, stage: Stage::Runs };
    making.connect(kind).map_err(|failure| match failure.remedy.as_str() {
        CORRECT => Failure {
            remedy: "remove the account, and add it again with other settings".to_owned(),
            ..failure
        },
        _ => failure,
    })
}

struct Making<'a> {
    vendors: &'a Vendors,
    account: &'a AccountInfo,
    secrets: Secrets,
    stage: Stage,
}

impl Making<'_> {
    fn connect(&self, kind: Kind) -> Result<Arc<dyn Connector>, Failure> {
        match kind {
            Kind::Google => self.google(),
            Kind::Outlook => self.outlook(),
            Kind::Icloud | Kind::Caldav => self.caldav(kind),
            Kind::Feed => self.feed(),
        }
    }

    fn pace(&self, allowed: Allowed) -> Arc<Pace> {
        let clock = Arc::clone(&self.vendors.clock);
        let made = || Arc::new(Pace::new(clock, allowed.burst, allowed.per_minute, allowed.at_once));
        if self.stage == Stage::Adding {
            return made(); // one that is not kept has no id of its own
        }
        Arc::clone(lock(&self.vendors.paces).entry(self.account.id).or_insert_with(made))
    }

    fn oauth(&self, credentials: Credentials) -> Result<Arc<Account>, Failure> {
        let app = Arc::clone(&self.vendors.app);
        let keeper = Keeper::new(app, self.account.id, self.secrets.refresh_token.clone());
        Ok(Arc::new(Account::new(
            self.vendors.client()?,
            Arc::clone(&self.vendors.clock),
            credentials,
            Arc::new(keeper),
            self.secrets.tokens(),
        )))
    }

    fn google(&self) -> Result<Arc<dyn Connector>, Failure> {
        let endpoints = google_endpoints(self.account)?;
        let credentials = match &self.secrets.service_account {
            Some(file) => {
                let file = Secret::new(file.to_string());
                let scopes = almanac_google::auth::SCOPES.map(str::to_owned).to_vec();
                let subject = self.account.setting("subject").map(str::to_owned);
                let account = ServiceAccount::from_json(&file, scopes, subject);
                Credentials::Service(account.map_err(|error| unusable(&error))?)
            }
            None => {
                let secret = self.secrets.client_secret.clone().map(Secret::new);
                let id = self.account.setting("client_id").unwrap_or_default().to_owned();
                Credentials::Person(almanac_google::auth::application(&endpoints, id, secret))
            }
        };
        Ok(Arc::new(almanac_google::Google::new(almanac_google::Setup {
            client: self.vendors.client()?,
            pace: self.pace(almanac_google::PACE),
            clock: Arc::clone(&self.vendors.clock),
            account: self.oauth(credentials)?,
            api: endpoints.api,
        })))
    }

    fn outlook(&self) -> Result<Arc<dyn Connector>, Failure> {
        let setting = |name| self.account.setting(name);
        let secret = self.secrets.client_secret.clone().map(Secret::new);
        let application = outlook_application(self.account, secret.clone())?;
        let (credentials, mailbox) = match (setting("subject"), secret) {
            (Some(user), Some(_)) => {
                let mailbox = almanac_outlook::Mailbox::User(user.to_owned());
                (almanac_outlook::auth::own(application), mailbox)
            }
            _ => (Credentials::Person(application), almanac_outlook::Mailbox::SignedIn),
        };
        let api = setting("api_url").unwrap_or(almanac_outlook::API_URL);
        Ok(Arc::new(almanac_outlook::Outlook::new(almanac_outlook::Setup {
            client: self.vendors.client()?,
            pace: self.pace(almanac_outlook::PACE),
            clock: Arc::clone(&self.vendors.clock),
            account: self.oauth(credentials)?,
            api: Target::parse(api).map_err(|error| unusable(&error))?,
            mailbox,
        })))
    }

    fn caldav(&self, kind: Kind) -> Result<Arc<dyn Connector>, Failure> {
        let scheduling = match self.account.setting("scheduling") {
            Some("none") => almanac_icloud::Scheduling::None,
            _ => almanac_icloud::Scheduling::Server,
        };
        Ok(Arc::new(self.caldav_with(kind, scheduling)?))
    }

    fn caldav_with(
        &self,
        kind: Kind,
        scheduling: almanac_icloud::Scheduling,
    ) -> Result<almanac_icloud::CalDav, Failure> {
        let url = caldav_url(kind, self.account.setting("preset"), self.account.setting("url"))?;
        let hosted =
            kind == Kind::Icloud || self.account.setting("preset").is_some_and(|name| name != "nextcloud");
        let pace = if hosted { almanac_icloud::PACE } else { PACE_OWN_SERVER };
        let password = self.secrets.password.clone().ok_or_else(|| {
            let whose = Whose::new(self.account, &self.secrets, self.stage);
            Failure::failed("the account has no password", whose.sign_in())
        })?;
        Ok(almanac_icloud::CalDav::new(almanac_icloud::Setup {
            client: self.vendors.client()?,
            pace: self.pace(pace),
            clock: Arc::clone(&self.vendors.clock),
            url,
            username: self.account.setting("username").unwrap_or_default().to_owned(),
            password: Secret::new(password),
            scheduling,
        }))
    }

    fn feed(&self) -> Result<Arc<dyn Connector>, Failure> {
        let url = self.secrets.url.clone().unwrap_or_default();
        let credentials = self
            .account
            .setting("username")
            .map(|name| (name.to_owned(), Secret::new(self.secrets.password.clone().unwrap_or_default())));
        Ok(Arc::new(almanac_feed::Feed::new(almanac_feed::Setup {
            client: self.vendors.client()?,
            pace: self.pace(almanac_feed::PACE),
            clock: Arc::clone(&self.vendors.clock),
            url: almanac_feed::target(&url).map_err(|error| unusable(&error))?,
            credentials,
            identity: almanac_feed::Identity::default(),
        })))
    }
}

/// Where discovery of a CalDAV account begins.
pub(super) fn caldav_url(kind: Kind, preset: Option<&str>, url: Option<&str>) -> Result<Target, Failure> {
    let name = if kind == Kind::Icloud { Some("icloud") } else { preset };
    let begin = match name {
        None => url.map(str::to_owned),
        Some(name) => {
            let preset = almanac_icloud::preset(name).ok_or_else(|| {
                let known: Vec<_> = almanac_icloud::PRESETS.iter().map(|preset| preset.name).collect();
                Failure::usage(
                    format!("no server is known by the name {name}"),
                    format!("choose of {}, or give --url", known.join(", ")),
                )
            })?;
            preset.begin(url)
        }
    };
    let begin = begin
        .ok_or_else(|| Failure::usage("nobody says where the server is", "give --url https://SERVER/"))?;
    Target::parse(&begin).map_err(|error| unusable(&error))
}

/// Looks whether the settings of a new account can be used, and signs in to a `CalDAV` server to find out whether it mails
/// people by itself.
///
/// # Errors
/// They cannot, or that server refuses.
pub(crate) async fn probe(
    vendors: &Vendors,
    account: &AccountInfo,
    kind: Kind,
    secrets: Secrets,
) -> Result<almanac_icloud::Scheduling, Failure> {
    let whose = Whose::new(account, &secrets, Stage::Adding);
    let making = Making { vendors, account, secrets, stage: Stage::Adding };
    match kind {
        Kind::Icloud | Kind::Caldav => {
            let connector = making.caldav_with(kind, almanac_icloud::Scheduling::Server)?;
            let probe = connector.probe().await.map_err(|error| refused_by_vendor(&error, &whose))?;
            Ok(probe.scheduling)
        }
        Kind::Google | Kind::Outlook | Kind::Feed => {
            making.connect(kind)?;
            Ok(almanac_icloud::Scheduling::Server)
        }
    }
}

/// The endpoints of a Google account.
fn google_endpoints(account: &AccountInfo) -> Result<almanac_google::Endpoints, Failure> {
    let mut config = almanac_google::GoogleConfig::default();
    for (setting, field) in [
        ("api_url", &mut config.api_url),
        ("auth_url", &mut config.auth_url),
        ("token_url", &mut config.token_url),
    ] {
        if let Some(url) = account.setting(setting) {
            url.clone_into(field);
        }
    }
    // An address is a folder: its last part must not be taken away when a path is joined.
    if !config.api_url.ends_with('/') {
        config.api_url.push('/');
    }
    config.endpoints().map_err(|error| unusable(&error))
}

fn outlook_application(account: &AccountInfo, secret: Option<Secret>) -> Result<Application, Failure> {
    let authority = account.setting("authority").unwrap_or(almanac_outlook::auth::AUTHORITY_URL);
    let id = account.setting("client_id").unwrap_or_default().to_owned();
    let application = almanac_outlook::auth::application(authority, id, secret);
    let mut application = application.map_err(|error| unusable(&error))?;
    for (setting, endpoint) in
        [("auth_url", &mut application.authorize), ("token_url", &mut application.token)]
    {
        if let Some(url) = account.setting(setting) {
            *endpoint = Target::parse(url).map_err(|error| unusable(&error))?;
        }
    }
    Ok(application)
}

/// The application that a person signs in to; for accounts that have one.
pub(crate) fn application(
    kind: Kind,
    account: &AccountInfo,
    secret: Option<Secret>,
) -> Result<Application, Failure> {
    match kind {
        Kind::Google => {
            let id = account.setting("client_id").unwrap_or_default().to_owned();
            Ok(almanac_google::auth::application(&google_endpoints(account)?, id, secret))
        }
        Kind::Outlook => outlook_application(account, secret),
        Kind::Icloud | Kind::Caldav | Kind::Feed => Err(Failure::usage(
            "nobody signs in to this kind of account with a browser",
            "give --password-stdin, with the password on stdin",
        )),
    }
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::failed(format!("the account cannot be used: {}", chain(error)), CORRECT)
}

/// What a vendor refused, as the operator reads it.
pub(crate) fn refused_by_vendor(error: &almanac_contract::ConnectorError, whose: &Whose) -> Failure {
    Failure::failed(chain(error), Trouble::of(error).remedy(whose))
}
