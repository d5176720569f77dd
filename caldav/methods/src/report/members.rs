//! What the reports on the members of one calendar have in common: their responses.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use almanac_backend::{
    BackendError, Caller, Collection, CollectionPath, DeadProperty, Entry, ObjectName, StoredObject,
};
use almanac_davxml::{Multistatus, PropRequest};
use almanac_ical::recur::{Budget, Truncated};
use almanac_ical::zone::Zone;

use crate::batch::batch;
use crate::calendar_data::{Body, Rendering};
use crate::error::{Failure, Violation};
use crate::props::{Absent, Resource, Selection, View};
use crate::request::Request;
use crate::resource::entry_of;
use crate::service::Context;
use crate::target::{collection_href, push_segment};

/// The members of one calendar on their way into one answer.
pub(super) struct Members {
    pub(super) cx: Arc<Context>,
    pub(super) caller: Caller,
    pub(super) at: CollectionPath,
    collection: Collection,
    selection: Selection,
    /// How to return calendar data, if it is wanted.
    rendering: Option<Rendering>,
    /// Where floating and all-day times are.
    pub(super) zone: Zone,
    /// What recurrences may cost in this answer.
    pub(super) budget: Budget,
    base: String,
    /// The dead properties of the members in work, if the answer can hold any.
    dead: HashMap<ObjectName, Vec<DeadProperty>>,
}

impl Members {
    /// # Errors
    /// `supported-calendar-data` if calendar data is wanted in a form that we do not have.
    pub(super) fn new(
        cx: &Arc<Context>,
        request: &Request,
        at: CollectionPath,
        collection: Collection,
        props: &PropRequest,
    ) -> Result<Self, Failure> {
        let absent = if request.prefer().minimal() { Absent::LeaveOut } else { Absent::Report };
        let selection = Selection::new(&props.select, absent);
        let rendering = match &props.calendar_data {
            Some(wish) => Some(Rendering::new(wish)?),
            None => selection.wants_calendar_data().then(Rendering::default),
        };
        let rendering = rendering.map(|rendering| rendering.with_zones(request.zones()));
        let limits = &cx.settings.limits;
        Ok(Self {
            cx: Arc::clone(cx),
            caller: request.caller.clone(),
            base: collection_href(&at),
            zone: collection.zone.clone(),
            at,
            collection,
            selection,
            rendering,
            dead: HashMap::new(),
            budget: Budget { instances: limits.instances_max, periods: limits.periods_max },
        })
    }

    /// Whether a response needs the body of its member.
    pub(super) fn wants_bodies(&self) -> bool {
        self.rendering.is_some()
    }

    pub(super) fn href(&self, name: &ObjectName) -> String {
        let mut href = self.base.clone();
        push_segment(&mut href, name.as_str());
        href
    }

    /// Reads what responses for these members may need beside entries and bodies.
    ///
    /// # Errors
    /// What the backend reports.
    pub(super) async fn prepare(&mut self, names: &[ObjectName]) -> Result<(), BackendError> {
        if self.selection.wants_dead() {
            let dead = self.cx.backend.object_properties(&self.caller, &self.at, names).await?;
            self.dead = names.iter().cloned().zip(dead).collect();
        }
        Ok(())
    }

    /// Writes the response for a member without calendar data.
    pub(super) fn write_entry(&self, xml: &mut Multistatus, entry: &Entry) {
        self.write(xml, &self.href(&entry.name), entry, None);
    }

    /// Writes the response for a member with its calendar data, if that is wanted. ETag and data come from
    /// the same record.
    ///
    /// # Errors
    /// If the budget for recurrences runs out; nothing is written then.
    pub(super) fn write_object(
        &mut self,
        xml: &mut Multistatus,
        href: &str,
        object: &StoredObject,
        body: &Body<'_>,
    ) -> Result<(), Truncated> {
        let data = match &mut self.rendering {
            Some(rendering) => Some(rendering.render(body, &self.zone, &mut self.budget)?),
            None => None,
        };
        self.write(xml, href, &entry_of(object), data);
        Ok(())
    }

    fn write(&self, xml: &mut Multistatus, href: &str, entry: &Entry, data: Option<Cow<'_, [u8]>>) {
        let resource = Resource::Object(&self.collection, entry);
        let dead = self.dead.get(&entry.name).map(Vec::as_slice).unwrap_or_default();
        let view = View::new(&self.caller, &self.cx.settings, resource).with_dead(dead);
        xml.response_props(href, &self.selection.propstats(&view, data));
    }

    /// Writes that this one member is beyond what an answer may cost; the others are told all the same.
    pub(super) fn write_too_large(&self, xml: &mut Multistatus, href: &str) {
        let violation = Violation::NumberOfMatchesWithinLimits;
        xml.response_status(href, violation.status().as_u16(), Some(&violation.name()), None);
    }

    /// Writes that the answer is cut here: a response of status 507 for the collection (RFC 6578 section 3.6,
    /// RFC 5323 section 3.3).
    pub(super) fn write_truncated(&self, xml: &mut Multistatus) {
        let violation = Violation::NumberOfMatchesWithinLimits;
        let description = Some("the answer was cut at a limit");
        xml.response_status(&self.base, violation.status().as_u16(), Some(&violation.name()), description);
    }

    /// The first few of `entries` with their objects (`None`: deleted since), and the entries after them. How
    /// many depends on their size, so that memory is bounded.
    ///
    /// # Errors
    /// What the backend reports.
    pub(super) async fn load<'e>(
        &self,
        entries: &'e [Entry],
    ) -> Result<(Vec<(&'e Entry, Option<StoredObject>)>, &'e [Entry]), BackendError> {
        let (batch, rest) = batch(entries);
        let names: Vec<ObjectName> = batch.iter().map(|entry| entry.name.clone()).collect();
        let objects = self.cx.backend.objects(&self.caller, &self.at, &names).await?;
        Ok((batch.iter().zip(objects).collect(), rest))
    }
}
