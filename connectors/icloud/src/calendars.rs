//! The calendars of an account.

use almanac_contract::{ConnectorError, ErrorKind, RemoteCalendar};
use almanac_davxml::ask_properties;
use almanac_davxml::names::{CALDAV, DAV};

use crate::calls::{Ask, Calls};
use crate::discover::Account;
use crate::failure::About;
use crate::href::{Place, same};
use crate::limits::{CALENDARS_MAX, LISTING_BYTES_MAX};
use crate::wire::{self, Type};

const OPERATION: &str = "list calendars";

/// Calendars, and whether all of them tell changes since a token.
pub(crate) struct Found {
    pub(crate) calendars: Vec<RemoteCalendar>,
    pub(crate) deltas: bool,
}

/// Those in which there can be events.
pub(crate) async fn list(calls: &Calls, account: &Account) -> Result<Found, ConnectorError> {
    let malformed = || ConnectorError::new(ErrorKind::Malformed, OPERATION);
    let mut found = Found { calendars: Vec::new(), deltas: true };
    let mut default = None;
    for home in &account.homes {
        let ask = Ask::new("PROPFIND", home.clone(), "/{home}/*", About::Account, OPERATION);
        let got = calls.ask_many(ask.xml(1, ask_properties(wire::OF_HOME)).taking(LISTING_BYTES_MAX)).await?;
        let reply = wire::read(&got.body).map_err(|error| malformed().because(error))?;
        for response in &reply.responses {
            default =
                default.or_else(|| wire::hrefs(response, CALDAV, "schedule-default-calendar-URL").pop());
            let calendar = wire::kind(response) == Type::Calendar && wire::takes_events(response);
            let Some(href) = response.hrefs.first().filter(|_| calendar) else { continue };
            let target = got.target.join(href.expose()).map_err(|refusal| malformed().because(refusal))?;
            let id = Place::new(target).calendar_id(account.home()?);
            if found.calendars.iter().any(|calendar| calendar.id == id) {
                continue;
            }
            if found.calendars.len() >= CALENDARS_MAX {
                return Err(malformed());
            }
            found.deltas &= wire::tells_changes(response).unwrap_or(true);
            let name = wire::text(response, DAV, "displayname").unwrap_or_else(|| last_segment(&id.0));
            let access = wire::access(response);
            found.calendars.push(RemoteCalendar { id, name, access, primary: false });
        }
    }
    let home = account.home()?;
    if let Some(default) = default.and_then(|href| home.join(&href).ok()) {
        let default = Place::new(default).calendar_id(home);
        for calendar in &mut found.calendars {
            calendar.primary = same(&default.0, &calendar.id.0);
        }
    }
    Ok(found)
}

/// What a calendar without a name is called.
fn last_segment(id: &str) -> String {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}
