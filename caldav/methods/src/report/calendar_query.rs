//! calendar-query (RFC 4791 section 7.8): the members of a calendar that match a filter.

use std::ops::ControlFlow;
use std::sync::Arc;

use almanac_backend::{Entry, StoredObject};
use almanac_davxml::{CalendarQuery, Filter};
use almanac_ical::recur::Budget;

use super::members::Members;
use super::zone;
use crate::BoxError;
use crate::calendar_data::{Body, spend};
use crate::error::Reply;
use crate::filter::{self, Check, Plan};
use crate::header::Depth;
use crate::limits::{BATCH_OBJECTS, FILTER_LEAST, PAGE_ENTRIES};
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::service::Context;
use crate::stream::{self, Writer};

/// Answers a calendar-query on a calendar or on one of its members. Without a Depth header all members are
/// meant: by the letter it were the calendar itself, which holds nothing to match (RFC 4791 section 7.8).
///
/// # Errors
/// `valid-filter`, `supported-calendar-data`, and what is wrong with the zone of the query.
pub(super) async fn run(cx: &Arc<Context>, request: &Request, found: Loaded, query: CalendarQuery) -> Reply {
    let mut plan = filter::plan(&query.filter)?;
    let stated = zone::of_query(&query)?;
    let (at, collection, only) = match found {
        Loaded::Collection(at, collection) => {
            resource::require_read(&at, &collection)?;
            (at, collection, None)
        }
        Loaded::Object(at, collection, object) => (at.collection, collection, Some(object.1)),
        _ => return Err(crate::error::Violation::SupportedReport.into()),
    };
    if only.is_none() && request.depth()? == Some(Depth::Zero) {
        plan.check = Check::NoneMatches;
    }
    let mut members = Members::new(cx, request, at, collection, &query.props)?;
    plan.select.zone.clone_from(&stated);
    if let Some(stated) = stated {
        members.zone = stated;
    }
    let left = query.limit.unwrap_or(u32::MAX);
    let search = Search { budget: members.budget, members, plan, filter: query.filter, left };
    let response = stream::multistatus(|writer| search.answer(writer, only)).await?;
    Ok(if request.prefer().minimal() { stream::minimal(response) } else { response })
}

struct Search {
    members: Members,
    plan: Plan,
    filter: Filter,
    /// What recurrences may cost the filter; what they cost calendar data is counted apart (`Members`).
    budget: Budget,
    /// How many more matches the client wants.
    left: u32,
}

/// `Break`: the answer is complete, or cut and says so.
type Flow = ControlFlow<()>;

impl Search {
    async fn answer(mut self, mut writer: Writer, only: Option<StoredObject>) -> Result<(), BoxError> {
        match (self.plan.check, only) {
            (Check::NoneMatches, _) => {}
            (_, Some(object)) => {
                self.members.prepare(std::slice::from_ref(&object.name)).await?;
                // The listing has not selected it, so the filter decides alone.
                self.plan.check = Check::Bodies;
                let _ = self.object(&mut writer, &object);
            }
            (_, None) => self.members(&mut writer).await?,
        }
        writer.finish(None).await
    }

    async fn members(&mut self, writer: &mut Writer) -> Result<(), BoxError> {
        let mut after = None;
        loop {
            let Members { cx, caller, at, .. } = &self.members;
            let page = cx.backend.list(caller, at, &self.plan.select, after.as_ref(), PAGE_ENTRIES).await?;
            for entries in page.entries.chunks(BATCH_OBJECTS) {
                if self.part(writer, entries).await?.is_break() {
                    return Ok(());
                }
            }
            after = page.entries.last().map(|entry| entry.name.clone());
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    async fn part(&mut self, writer: &mut Writer, entries: &[Entry]) -> Result<Flow, BoxError> {
        let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
        self.members.prepare(&names).await?;
        if self.plan.check == Check::Nothing && !self.members.wants_bodies() {
            for entry in entries {
                if self.take(writer).is_break() {
                    return Ok(Flow::Break(()));
                }
                self.members.write_entry(&mut writer.xml, entry);
                writer.flush().await?;
            }
            return Ok(Flow::Continue(()));
        }
        let mut rest = entries;
        while !rest.is_empty() {
            let (objects, after) = self.members.load(rest).await?;
            rest = after;
            // Who was deleted since the listing is no match any more.
            for object in objects.into_iter().filter_map(|(_, object)| object) {
                if self.object(writer, &object).is_break() {
                    return Ok(Flow::Break(()));
                }
                writer.flush().await?;
            }
            // The work on bodies is long; others want to run too.
            tokio::task::yield_now().await;
        }
        Ok(Flow::Continue(()))
    }

    fn object(&mut self, writer: &mut Writer, object: &StoredObject) -> Flow {
        let body = Body::new(&object.body);
        if !self.matches(&body) {
            return Flow::Continue(());
        }
        self.take(writer)?;
        let href = self.members.href(&object.name);
        if self.members.write_object(&mut writer.xml, &href, object, &body).is_err() {
            let budget = self.members.budget;
            if budget.instances == 0 || budget.periods == 0 {
                return self.cut(writer); // not this object but all of them together are too much
            }
            self.members.write_too_large(&mut writer.xml, &href);
        }
        Flow::Continue(())
    }

    /// A series that costs more than it may counts as a match: the client gets one object too many, never one too
    /// few, and the others are told as ever.
    fn matches(&mut self, body: &Body<'_>) -> bool {
        if self.plan.check == Check::Nothing {
            return true;
        }
        let Some(calendar) = body.calendar() else { return false };
        let most = Budget {
            instances: self.budget.instances.clamp(FILTER_LEAST.instances, Budget::SERIES.instances),
            periods: self.budget.periods.clamp(FILTER_LEAST.periods, Budget::SERIES.periods),
        };
        let mut own = most;
        let matched = filter::matches(&self.filter, calendar, &self.members.zone, &mut own);
        spend(&mut self.budget, most, own);
        matched.unwrap_or(true)
    }

    /// Counts a match; beyond the limit the answer is cut.
    fn take(&mut self, writer: &mut Writer) -> Flow {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Flow::Continue(())
            }
            None => self.cut(writer),
        }
    }

    fn cut(&self, writer: &mut Writer) -> Flow {
        self.members.write_truncated(&mut writer.xml);
        Flow::Break(())
    }
}
