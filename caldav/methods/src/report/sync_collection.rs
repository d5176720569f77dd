//! sync-collection (RFC 6578): what has changed in a calendar since a token.

use std::sync::Arc;

use almanac_backend::{ChangedMember, Changes, MemberState, ObjectName, StoredObject, SyncToken};
use almanac_davxml::{SyncCollection, SyncLevel};

use super::members::Members;
use crate::BoxError;
use crate::calendar_data::Body;
use crate::error::{Failure, Reply, Violation};
use crate::header::Depth;
use crate::limits::{BATCH_OBJECTS, SYNC_MEMBERS};
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::service::Context;
use crate::stream::{self, Writer};

/// Answers a sync-collection. A calendar has no collections in it, so both levels are the same.
///
/// # Errors
/// `valid-sync-token` for a token that is not one of this calendar; 400 without a scope (RFC 6578 section 3.3).
pub(super) async fn run(cx: &Arc<Context>, request: &Request, found: Loaded, sync: SyncCollection) -> Reply {
    let Loaded::Collection(at, collection) = found else { return Err(Violation::SupportedReport.into()) };
    resource::require_read(&at, &collection)?;
    require_scope(sync.level, request.depth()?)?;
    let members = Members::new(cx, request, at, collection, &sync.props)?;
    let since = sync.token.as_deref().map(SyncToken::new);
    let limit = sync.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let page = limit.unwrap_or(SYNC_MEMBERS).min(SYNC_MEMBERS);
    // A token that is refused must have its own status, so the first page is read before the answer begins.
    let first = cx.backend.changes(&members.caller, &members.at, since.as_ref(), page).await?;
    let report = Report { members, left: limit };
    let response = stream::multistatus(|writer| report.answer(writer, first)).await?;
    Ok(if request.prefer().minimal() { stream::minimal(response) } else { response })
}

/// Clients of the drafts before RFC 6578 send `Depth: 1` and no level (RFC 6578 appendix A); another depth than 0
/// "MUST" otherwise "result in a 400" (section 3.2).
fn require_scope(level: Option<SyncLevel>, depth: Option<Depth>) -> Result<(), Failure> {
    match (level, depth) {
        (_, Some(Depth::Infinity)) => Err(Failure::BadRequest("a sync is of depth 0")),
        (None, None | Some(Depth::Zero)) => Err(Failure::BadRequest("the sync-level is missing")),
        _ => Ok(()),
    }
}

struct Report {
    members: Members,
    /// How many more members the client wants; `None`: all.
    left: Option<usize>,
}

impl Report {
    /// Without a limit of the client the answer is whole, however many pages it takes: Apple's clients lose
    /// what a server leaves for later. Each page continues after the one before; only in a calendar with
    /// more than `SYNC_MEMBERS` changes can a member that changes meanwhile be named twice, the later
    /// state last.
    async fn answer(mut self, mut writer: Writer, first: Changes) -> Result<(), BoxError> {
        let mut changes = first;
        loop {
            let named = changes.members.len();
            let mut members = changes.members.into_iter();
            while !members.as_slice().is_empty() {
                let part = members.by_ref().take(BATCH_OBJECTS).collect();
                self.part(&mut writer, part).await?;
            }
            self.left = self.left.map(|left| left.saturating_sub(named));
            if changes.more && self.left == Some(0) {
                self.members.write_truncated(&mut writer.xml);
            }
            if !changes.more || self.left == Some(0) || named == 0 {
                return writer.finish(Some(changes.token.as_str())).await;
            }
            let Members { cx, caller, at, .. } = &self.members;
            let page = self.left.unwrap_or(SYNC_MEMBERS).min(SYNC_MEMBERS);
            changes = cx.backend.changes(caller, at, Some(&changes.token), page).await?;
        }
    }

    async fn part(&mut self, writer: &mut Writer, changed: Vec<ChangedMember>) -> Result<(), BoxError> {
        let names: Vec<_> = changed.iter().map(|member| member.name.clone()).collect();
        self.members.prepare(&names).await?;
        let mut present = Vec::with_capacity(changed.len());
        for member in changed {
            match member.state {
                MemberState::Removed => self.removed(writer, &member.name),
                MemberState::Present(entry) if self.members.wants_bodies() => present.push(entry),
                MemberState::Present(entry) => self.members.write_entry(&mut writer.xml, &entry),
            }
            writer.flush().await?;
        }
        let mut rest = present.as_slice();
        while !rest.is_empty() {
            let (objects, after) = self.members.load(rest).await?;
            rest = after;
            for (entry, object) in objects {
                match object {
                    None => self.removed(writer, &entry.name),
                    Some(object) => self.present(writer, &object),
                }
                writer.flush().await?;
            }
            // The work on bodies is long; others want to run too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn removed(&self, writer: &mut Writer, name: &ObjectName) {
        writer.xml.response_status(&self.members.href(name), 404, None, None);
    }

    /// A member whose expansion is beyond the budget has a response of its own that says so: to cut the
    /// answer there would need a token for the middle of a page.
    fn present(&mut self, writer: &mut Writer, object: &StoredObject) {
        let href = self.members.href(&object.name);
        if self.members.write_object(&mut writer.xml, &href, object, &Body::new(&object.body)).is_err() {
            self.members.write_too_large(&mut writer.xml, &href);
        }
    }
}
