//! calendar-multiget (RFC 4791 section 7.9): named members of a calendar.

use std::sync::Arc;

use almanac_backend::{CollectionPath, ObjectName, ObjectPath};
use almanac_base::Redacted;
use almanac_davxml::CalendarMultiget;

use super::members::Members;
use crate::BoxError;
use crate::calendar_data::Body;
use crate::error::{Reply, Violation};
use crate::limits::MULTIGET_OBJECTS;
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::service::Context;
use crate::stream::{self, Writer};
use crate::target::{Hosts, Target};

/// Answers a calendar-multiget on a calendar, or on one of its members, which then is the only one that can
/// be named. What is not there, not here or not to be read as an href has a response of status 404 with the
/// href as it was sent.
///
/// # Errors
/// `supported-calendar-data`, `need-privileges`.
pub(super) async fn run(
    cx: &Arc<Context>,
    request: Request,
    found: Loaded,
    multiget: CalendarMultiget,
) -> Reply {
    let (at, collection, only) = match found {
        Loaded::Collection(at, collection) => {
            resource::require_read(&at, &collection)?;
            (at, collection, None)
        }
        Loaded::Object(at, collection, _) => (at.collection, collection, Some(at.name)),
        _ => return Err(Violation::SupportedReport.into()),
    };
    let minimal = request.prefer().minimal();
    let members = Members::new(cx, &request, at, collection, &multiget.props)?;
    let fetch = Fetch { members, only, hosts: request.hosts };
    let response = stream::multistatus(|writer| fetch.answer(writer, multiget.hrefs)).await?;
    Ok(if minimal { stream::minimal(response) } else { response })
}

struct Fetch {
    members: Members,
    /// The one member that the request is about, if it is not about the calendar.
    only: Option<ObjectName>,
    hosts: Hosts,
}

impl Fetch {
    async fn answer(mut self, mut writer: Writer, hrefs: Vec<Redacted<String>>) -> Result<(), BoxError> {
        for batch in hrefs.chunks(MULTIGET_OBJECTS) {
            let named: Vec<Option<ObjectName>> = batch.iter().map(|href| self.name(href.expose())).collect();
            let names: Vec<ObjectName> = named.iter().flatten().cloned().collect();
            self.members.prepare(&names).await?;
            let Members { cx, caller, at, .. } = &self.members;
            let mut objects = cx.backend.objects(caller, at, &names).await?.into_iter();
            for (href, name) in batch.iter().zip(named) {
                let href = href.expose();
                let object = name.and_then(|_| objects.next().flatten());
                match object {
                    None => writer.xml.response_status(href, 404, None, None),
                    Some(object) => {
                        let body = Body::new(&object.body);
                        if self.members.write_object(&mut writer.xml, href, &object, &body).is_err() {
                            self.members.write_too_large(&mut writer.xml, href);
                        }
                    }
                }
                writer.flush().await?;
            }
            // The work on bodies is long; others want to run too.
            tokio::task::yield_now().await;
        }
        writer.finish(None).await
    }

    /// The member that an href names, if it is one that the request may name.
    fn name(&self, href: &str) -> Option<ObjectName> {
        let Ok(Target::Object(ObjectPath { collection, name })) = self.hosts.target(href) else {
            return None;
        };
        let here: &CollectionPath = &self.members.at;
        let meant = collection == *here && self.only.as_ref().is_none_or(|only| *only == name);
        meant.then_some(name)
    }
}
