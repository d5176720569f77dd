//! The host that people know, which leads to another one: caldav.icloud.com to p42-caldav.icloud.com.

use almanac_simulator::{Exchange, Reply, Vendor};
use http::StatusCode;

use super::answer::{empty, unauthorized};
use super::xml::{found, multistatus};
use super::{HOME, Habits, PRINCIPAL};

/// Knows who somebody is, and on which host his calendars are.
#[derive(Debug, Clone)]
pub struct Front {
    /// Where a [`super::Server`] is, such as `http://127.0.0.1:8008`. May be changed at any time: accounts move.
    pub leads_to: String,
}

impl Vendor for Front {
    fn answer(&mut self, request: &Exchange) -> Reply {
        if let Some(reply) = unauthorized(request) {
            return reply;
        }
        if request.method.as_str() != "PROPFIND" {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let properties = match request.path.as_str() {
            "/" | "/.well-known/caldav" => {
                format!("<D:current-user-principal><D:href>{PRINCIPAL}</D:href></D:current-user-principal>")
            }
            PRINCIPAL => {
                format!("<C:calendar-home-set><D:href>{}{HOME}</D:href></C:calendar-home-set>", self.leads_to)
            }
            _ => return empty(StatusCode::NOT_FOUND),
        };
        multistatus(&found(&request.path, &properties, &Habits::default()), &Habits::default())
    }
}
