//! Taking back what a link wrote at its vendor, and nothing else.

use std::collections::HashSet;

use almanac_app::App;
use almanac_app::sync::LinkInfo;
use almanac_contract::{
    CalendarId, Changed, Connector, ConnectorError, Deletion, ErrorKind, Next, RemoteId, RemoteObject,
};

use crate::limits::{FETCH_IDS, PAGES_MAX};
use crate::report::Stop;

/// What came of taking back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Objects that were deleted at the vendor.
    pub deleted: u64,
    /// Objects that stay, because the vendor would mail their guests.
    pub mailing: u64,
}

/// Deletes the objects at the vendor that bear the mark of a link. Those that somebody made there stay, and so does everything
/// in the store. The link should be paused, and removed afterwards: to a run, what is purged is deleted.
///
/// # Errors
/// What was deleted until then stays deleted; the rest can be asked for again.
pub async fn purge(app: &App, connector: &dyn Connector, link: &LinkInfo) -> Result<Purged, Stop> {
    let calendar = CalendarId(link.remote.clone());
    let mut purge = Purge {
        connector,
        calendar,
        mark: link.id.to_string(),
        looked_at: HashSet::new(),
        purged: Purged::default(),
    };
    purge.what_is_listed().await.map_err(Stop::Vendor)?;
    // Some vendors list a window of time only.
    let mut after = None;
    loop {
        let (rows, next) = app.pairs(link, after.as_ref()).await?;
        let known = rows.into_iter().filter_map(|row| row.pair.remote.map(RemoteId));
        let known: Vec<RemoteId> = known.filter(|id| !purge.looked_at.contains(id)).collect();
        purge.what_these_are(&known).await.map_err(Stop::Vendor)?;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(purge.purged),
        }
    }
}

struct Purge<'a> {
    connector: &'a dyn Connector,
    calendar: CalendarId,
    mark: String,
    looked_at: HashSet<RemoteId>,
    purged: Purged,
}

impl Purge<'_> {
    async fn what_is_listed(&mut self) -> Result<(), ConnectorError> {
        let mut page_token = None;
        for _ in 0..PAGES_MAX {
            let page = self.connector.changes(&self.calendar, None, page_token.as_ref()).await?;
            let mut unread: Vec<RemoteId> = Vec::new();
            for line in page.changes {
                match line {
                    Changed::Now(object) => self.object(&object).await?,
                    Changed::Touched(id, _) => unread.push(id),
                    Changed::Gone(_) | Changed::Unreadable(..) => {}
                }
            }
            self.what_these_are(&unread).await?;
            match page.next {
                Next::Page(token) => page_token = Some(token),
                Next::Done(_) => return Ok(()),
            }
        }
        Err(ConnectorError::new(ErrorKind::Malformed, "list all objects to the last page"))
    }

    async fn what_these_are(&mut self, ids: &[RemoteId]) -> Result<(), ConnectorError> {
        for ids in ids.chunks(FETCH_IDS) {
            for line in self.connector.fetch(&self.calendar, ids).await? {
                if let Changed::Now(object) = line {
                    self.object(&object).await?;
                }
            }
        }
        Ok(())
    }

    async fn object(&mut self, object: &RemoteObject) -> Result<(), ConnectorError> {
        let ours = object.mark.as_ref().is_some_and(|found| found.link == self.mark);
        if !self.looked_at.insert(object.id.clone()) || !ours {
            return Ok(());
        }
        if object.mails > 0 {
            self.purged.mailing += 1;
            return Ok(());
        }
        let deletion = Deletion { calendar: &self.calendar, id: &object.id, version: &object.version };
        match self.connector.delete(&deletion).await {
            Ok(()) => self.purged.deleted += 1,
            // Somebody has changed it in this moment: it is theirs now.
            Err(ConnectorError { kind: ErrorKind::Conflict, .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
