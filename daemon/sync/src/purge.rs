//! Taking back what a link wrote at its vendor, and nothing else.

use almanac_app::sync::LinkInfo;
use almanac_contract::{
    CalendarId, Changed, Connector, ConnectorError, Deletion, ErrorKind, Next, RemoteId, RemoteObject,
};

use crate::limits::{FETCH_IDS, PAGES_MAX};

/// Deletes the objects at the vendor that bear the mark of a link; how many. Those that somebody made there stay, and so
/// does everything in the store. The link should be paused, and removed afterwards: to a run, what is purged is deleted.
///
/// # Errors
/// What was deleted until then stays deleted; the rest can be asked for again.
pub async fn purge(connector: &dyn Connector, link: &LinkInfo) -> Result<u64, ConnectorError> {
    let (calendar, mark) = (CalendarId(link.remote.clone()), link.id.to_string());
    let (mut page_token, mut purged) = (None, 0);
    for _ in 0..PAGES_MAX {
        let page = connector.changes(&calendar, None, page_token.as_ref()).await?;
        let mut unread: Vec<RemoteId> = Vec::new();
        for line in page.changes {
            match line {
                Changed::Now(object) => purged += purge_object(connector, &calendar, &mark, &object).await?,
                Changed::Touched(id, _) => unread.push(id),
                Changed::Gone(_) | Changed::Unreadable(..) => {}
            }
        }
        for ids in unread.chunks(FETCH_IDS) {
            for line in connector.fetch(&calendar, ids).await? {
                if let Changed::Now(object) = line {
                    purged += purge_object(connector, &calendar, &mark, &object).await?;
                }
            }
        }
        match page.next {
            Next::Page(token) => page_token = Some(token),
            Next::Done(_) => return Ok(purged),
        }
    }
    Err(ConnectorError::new(ErrorKind::Malformed, "list all objects to the last page"))
}

async fn purge_object(
    connector: &dyn Connector,
    calendar: &CalendarId,
    mark: &str,
    object: &RemoteObject,
) -> Result<u64, ConnectorError> {
    if object.mark.as_ref().is_none_or(|found| found.link != mark) {
        return Ok(0);
    }
    let deletion = Deletion { calendar, id: &object.id, version: &object.version };
    match connector.delete(&deletion).await {
        // Somebody has changed it in this moment: it is theirs now.
        Err(ConnectorError { kind: ErrorKind::Conflict, .. }) => Ok(0),
        other => other.map(|()| 1),
    }
}
