//! Where the calendars of an account are (RFC 6764, 4791 section 6.2.1, 5397), and whether its server sends invitations.

use almanac_contract::{ConnectorError, ErrorKind};
use almanac_davxml::ask_properties;
use almanac_davxml::names::{CALDAV, DAV};
use almanac_egress::Target;

use crate::calls::{Ask, Calls, Got};
use crate::config::Scheduling;
use crate::failure::{About, Foreign};
use crate::limits::{HOMES_MAX, REDIRECTS_MAX};
use crate::wire;

const OPERATION: &str = "find the account's calendars";

/// An account as discovery found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The collections that hold its calendars, one at least. Ids of calendars are paths on the host of the first.
    pub(crate) homes: Vec<Target>,
    /// The addresses that it is invited with, in lower case and without `mailto:`.
    pub(crate) addresses: Vec<String>,
    /// Whether its server sends invitations by itself.
    pub(crate) scheduling: Scheduling,
}

impl Account {
    /// The first home.
    pub(crate) fn home(&self) -> Result<&Target, ConnectorError> {
        self.homes.first().ok_or_else(|| ConnectorError::new(ErrorKind::Malformed, OPERATION))
    }
}

/// What one step of discovery found.
#[derive(Default)]
struct Found {
    principal: Option<Target>,
    homes: Vec<Target>,
    addresses: Vec<String>,
    /// What answered, if it is a collection: where nothing else is known, calendars may be in it.
    collection: Option<Target>,
}

/// Finds the account, beginning at `url`.
pub(crate) async fn discover(calls: &Calls, url: &Target) -> Result<Account, ConnectorError> {
    let mut found = begin(calls, url).await?;
    if found.homes.is_empty()
        && let Some(principal) = found.principal.take()
    {
        let more = look(calls, principal).await?;
        found = Found { collection: found.collection.or(more.collection), ..more };
    }
    if found.homes.is_empty() {
        found.homes.extend(found.collection);
    }
    let mut account =
        Account { homes: found.homes, addresses: found.addresses, scheduling: Scheduling::Server };
    account.homes.truncate(HOMES_MAX);
    account.scheduling = scheduling(calls, account.home()?.clone()).await?;
    Ok(account)
}

/// The first of the usual places that knows who is asking.
async fn begin(calls: &Calls, url: &Target) -> Result<Found, ConnectorError> {
    let well_known = url.join("/.well-known/caldav").map_err(foreign)?;
    // An address with a path was given on purpose.
    let places = if url.url().path() == "/" { [well_known, url.clone()] } else { [url.clone(), well_known] };
    let mut last = None;
    let mut collection = None;
    for place in places {
        match look(calls, place).await {
            Ok(found) if found.principal.is_some() || !found.homes.is_empty() => return Ok(found),
            Ok(found) => collection = collection.or(found.collection),
            // Only that nothing is there leads on.
            Err(error) if matches!(error.kind, ErrorKind::Malformed | ErrorKind::Forbidden) => {
                last = last.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    if collection.is_some() {
        return Ok(Found { collection, ..Found::default() });
    }
    Err(last.unwrap_or_else(|| ConnectorError::new(ErrorKind::Malformed, OPERATION)))
}

/// What a place says about the account; redirects are followed as far as the password may go.
async fn look(calls: &Calls, place: Target) -> Result<Found, ConnectorError> {
    let mut place = place;
    for _ in 0..=REDIRECTS_MAX {
        let ask = Ask::new("PROPFIND", place.clone(), "/{principal}", About::Account, OPERATION);
        let got = calls.ask(ask.xml(0, ask_properties(wire::OF_ACCOUNT))).await?;
        match (got.status.as_u16(), got.header("location")) {
            (207, _) => return read(&got),
            (301 | 302 | 303 | 307 | 308, Some(location)) => place = place.join(location).map_err(foreign)?,
            _ => return Err(calls.failed(&got, About::Account, OPERATION)),
        }
    }
    Err(ConnectorError::new(ErrorKind::Malformed, OPERATION))
}

fn read(got: &Got) -> Result<Found, ConnectorError> {
    let malformed = |error| ConnectorError::new(ErrorKind::Malformed, OPERATION).because(error);
    let reply = wire::read(&got.body).map_err(malformed)?;
    let Some(response) = reply.responses.first() else { return Ok(Found::default()) };
    let targets = |ns: &str, local: &str| -> Result<Vec<Target>, ConnectorError> {
        let hrefs = wire::hrefs(response, ns, local).into_iter().filter(|href| !href.is_empty());
        hrefs.map(|href| got.target.join(&href).map_err(foreign)).collect()
    };
    let addresses = wire::hrefs(response, CALDAV, "calendar-user-address-set").into_iter();
    let principal = match response.prop(DAV, "current-user-principal") {
        Some(principal) => principal.child(DAV, "href").map(|href| got.target.join(&href.text_trimmed())),
        None => None,
    };
    Ok(Found {
        principal: principal.transpose().map_err(foreign)?,
        homes: targets(CALDAV, "calendar-home-set")?,
        addresses: addresses.filter_map(|address| mailbox(&address)).collect(),
        collection: (wire::kind(response) != wire::Type::Plain).then(|| got.target.clone()),
    })
}

/// A calendar user address that is one of mail.
pub(crate) fn mailbox(address: &str) -> Option<String> {
    let address = address.trim().to_lowercase();
    address.strip_prefix("mailto:").map(str::to_owned)
}

/// The refusal itself is about a URL; that there was one is enough.
fn foreign(_: almanac_egress::Refusal) -> ConnectorError {
    ConnectorError::new(ErrorKind::Malformed, OPERATION).because(Foreign)
}

/// Whether a server says that it sends invitations by itself (RFC 6638 section 2).
async fn scheduling(calls: &Calls, home: Target) -> Result<Scheduling, ConnectorError> {
    let got = calls.ask(Ask::new("OPTIONS", home, "/{home}", About::Account, OPERATION)).await?;
    if !got.status.is_success() {
        return match calls.failed(&got, About::Account, OPERATION) {
            error if matches!(error.kind, ErrorKind::Malformed | ErrorKind::Forbidden) => {
                Ok(Scheduling::Server)
            }
            error => Err(error),
        };
    }
    let fields = got.headers.get_all("dav").iter().filter_map(|value| value.to_str().ok());
    let features: Vec<&str> = fields.flat_map(|field| field.split(',')).map(str::trim).collect();
    let has = |wanted: &str| features.iter().any(|feature| feature.eq_ignore_ascii_case(wanted));
    // A server that says nothing of calendars may do anything.
    let keeps_only = has("calendar-access") && !has("calendar-auto-schedule");
    Ok(if keeps_only { Scheduling::None } else { Scheduling::Server })
}
