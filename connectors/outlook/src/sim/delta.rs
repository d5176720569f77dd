//! Listings of changes: a window frozen into links, pages, expiry.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::Asked;
use super::{Graph, Query};

/// What a link stands for.
#[derive(Debug, Clone)]
pub(super) struct Link {
    calendar: String,
    from: Timestamp,
    to: Timestamp,
    /// All lines of the listing, and how many were told.
    lines: Arc<Vec<Value>>,
    told: usize,
    /// The change up to which everything will have been told by then.
    upto: u64,
}

impl Graph {
    /// A page of a calendar's changes.
    pub(super) fn delta(
        &mut self,
        calendar: &str,
        path: &str,
        query: &Query,
        asked: &Asked,
        page_size: usize,
    ) -> Result<Value, (u16, &'static str)> {
        if !self.calendars.contains_key(calendar) {
            return Err((404, "ErrorItemNotFound"));
        }
        if ["$select", "$filter", "$expand", "$orderby", "$search"]
            .iter()
            .any(|name| query.get(name).is_some())
        {
            return Err((400, "ErrorInvalidUrlQuery"));
        }
        let token = query.get("$skiptoken").or_else(|| query.get("$deltatoken"));
        let mut link = match token {
            Some(token) => {
                let link = self.links.get(token).filter(|link| link.calendar == calendar);
                let link = link.cloned().ok_or((410, "syncStateNotFound"))?;
                if query.get("$skiptoken").is_some() { link } else { self.since(&link, asked) }
            }
            None => {
                let at = |name| query.get(name).and_then(|text| text.parse::<Timestamp>().ok());
                let (Some(from), Some(to)) = (at("startDateTime"), at("endDateTime")) else {
                    return Err((400, "ErrorInvalidParameter"));
                };
                self.since(
                    &Link {
                        calendar: calendar.to_owned(),
                        from,
                        to,
                        lines: Arc::default(),
                        told: 0,
                        upto: 0,
                    },
                    asked,
                )
            }
        };
        let page: Vec<Value> = link.lines.iter().skip(link.told).take(page_size).cloned().collect();
        link.told += page.len();
        // A page without events, and yet not the last.
        let more = link.told < link.lines.len() || (self.empty_pages && !page.is_empty());
        let name = if more { "$skiptoken" } else { "$deltatoken" };
        let number = self.next();
        let token = format!("R0usmc{number}-_");
        self.links.insert(token.clone(), link);
        let url = format!("{}{path}?{name}={token}", self.origin);
        let next = if more { "@odata.nextLink" } else { "@odata.deltaLink" };
        Ok(
            json!({ "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(event)", "value": page, next: url }),
        )
    }

    /// The lines that have come since a link, in its window.
    fn since(&self, link: &Link, asked: &Asked) -> Link {
        let mut rest = Vec::new();
        let here = self.events.iter().filter(|(_, event)| event.calendar == link.calendar);
        for (id, event) in here.filter(|(_, event)| event.changed > link.upto) {
            if !event.is_series() {
                let inside = event.span(None).is_some_and(|(start, end)| start < link.to && end >= link.from);
                if inside {
                    rest.push(event.shown(id, asked));
                } else if link.upto > 0 {
                    rest.push(json!({ "id": id, "@removed": { "reason": "deleted" } }));
                }
                continue;
            }
            let days = event.within(link.from, link.to);
            if days.is_empty() {
                continue;
            }
            // What is cancelled is not told; nor are instances whose ids are no more.
            let plain = Asked { cancelled: false, exceptions: false, extended: false, ..asked.clone() };
            rest.push(event.shown(id, &plain));
            for day in days {
                rest.push(match event.exceptions.contains_key(&day) {
                    true => event.shown_instance(id, day, &plain),
                    false => event.stub(id, day, asked),
                });
            }
        }
        if link.upto > 0 {
            let gone =
                self.removed.iter().filter(|(at, calendar, _)| *at > link.upto && *calendar == link.calendar);
            rest.extend(gone.map(|(_, _, id)| json!({ "id": id, "@removed": { "reason": "deleted" } })));
        }
        Link { lines: Arc::new(rest), told: 0, upto: self.counter, ..link.clone() }
    }
}
