//! Feeds: calendars that whoever has a secret URL can read, without a login.

use std::collections::HashSet;
use std::sync::Arc;

use almanac_backend::{Caller, CollectionPath};
use almanac_base::{CollectionId, FeedId, Secret, UserId};
use almanac_ical::merge::Merger;
use almanac_ical::skeleton::{parse_skeleton, skeleton};
use almanac_ical::zone::vtimezone;
use almanac_ical::{CalendarObject, Component, ComponentKind, Property};
use almanac_store::records::{Document, FeedRecord, KeyedHash};
use almanac_store::{IndexField, Space, Write};
use bytes::Bytes;
use jiff::Timestamp;

use crate::App;
use crate::directory::{CollectionEntry, Feed, UserState};
use crate::error::AppError;
use crate::limits::FEEDS_MAX;
use crate::open::instant;
use crate::people::password_text;
use crate::transfer::Pieces;

/// What a feed shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedPrivacy {
    /// Everything.
    Full,
    /// When somebody is busy: no title, place, person or text, no tasks and journals.
    Busy,
}

/// A feed as the operator sees it: never the secret.
#[derive(Debug, Clone)]
pub struct FeedInfo {
    /// Its id.
    pub id: FeedId,
    /// Whose calendar it is.
    pub owner: String,
    /// The name of the calendar; `None` while it is deleted.
    pub calendar: Option<String>,
    /// What it shows.
    pub privacy: FeedPrivacy,
    /// When it was made.
    pub created: Timestamp,
}

impl App {
    /// Makes a feed of a calendar. The secret (26 characters of a-z2-7, 130 random bits) is shown only here.
    ///
    /// # Errors
    /// `NotFound` if there is no such calendar, `Invalid` if it has too many feeds already.
    pub async fn add_feed(
        &self,
        at: &CollectionPath,
        privacy: FeedPrivacy,
    ) -> Result<(FeedInfo, Secret), AppError> {
        let _changing = self.changing.lock().await;
        let entry = self.owned(at)?;
        let count = self.directory().feeds.values().filter(|feed| feed.collection == entry.id).count();
        if count >= FEEDS_MAX {
            return Err(AppError::Invalid(format!("a calendar has at most {FEEDS_MAX} feeds; revoke one")));
        }
        let system = self.store.system();
        let random = [*system.new_version().as_bytes(), *system.new_version().as_bytes()];
        let secret = Secret::new(password_text(&random));
        let record = FeedRecord {
            id: self.ids.fresh(),
            owner: *entry.owner.as_bytes(),
            collection: *entry.id.as_bytes(),
            privacy: u8::from(privacy == FeedPrivacy::Busy),
            created: self.clock.now().as_second(),
        };
        let hash = self.feed_hash(secret.expose());
        let write = Write::new().put(Space::Feeds, hash.as_slice(), system.new_version(), record.to_bytes());
        self.settle(&system, write).await?;
        let feed = Arc::new(feed_entry(&record));
        self.directory_mut().feeds.insert(hash, Arc::clone(&feed));
        Ok((self.feed_info(&feed)?, secret))
    }

    fn feed_hash(&self, secret: &str) -> KeyedHash {
        self.store.system().keyed_hash(IndexField::Token, &[b"feed", secret.as_bytes()])
    }

    /// The feeds of a person's calendars, or all, oldest first.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub fn feeds(&self, login: Option<&str>) -> Result<Vec<FeedInfo>, AppError> {
        let owner = login.map(|login| self.user_named(login)).transpose()?;
        let feeds: Vec<Arc<Feed>> = {
            let directory = self.directory();
            let all = directory.feeds.values();
            all.filter(|feed| owner.as_ref().is_none_or(|owner| owner.id == feed.owner)).cloned().collect()
        };
        let mut infos = feeds.iter().map(|feed| self.feed_info(feed)).collect::<Result<Vec<_>, _>>()?;
        infos.sort_by_key(|info| info.id);
        Ok(infos)
    }

    fn feed_info(&self, feed: &Feed) -> Result<FeedInfo, AppError> {
        let owner = self.login_of(feed.owner)?.as_str().to_owned();
        let calendar = self.directory().collections.get(&feed.collection).map(|entry| entry.name.clone());
        Ok(FeedInfo {
            id: feed.id,
            owner,
            calendar: calendar.map(|name| name.as_str().to_owned()),
            privacy: feed.privacy,
            created: feed.created,
        })
    }

    /// Revokes a feed; its URL leads nowhere from the next request on.
    ///
    /// # Errors
    /// `NotFound` if there is no such feed.
    pub async fn revoke_feed(&self, id: FeedId) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let hash = {
            let directory = self.directory();
            directory.feeds.iter().find(|(_, feed)| feed.id == id).map(|(hash, _)| *hash)
        };
        let hash = hash.ok_or(AppError::NotFound("feed"))?;
        self.settle(&self.store.system(), Write::new().delete(Space::Feeds, hash.as_slice())).await?;
        self.directory_mut().feeds.remove(&hash);
        Ok(())
    }

    /// What the feed with this secret shows now; `None` if there is none, if its calendar is deleted, or if its owner
    /// may not sign in. What is asked is memory only.
    ///
    /// # Errors
    /// `Store` if the state of the calendar cannot be read.
    pub async fn open_feed(self: &Arc<Self>, secret: &str) -> Result<Option<FeedExport>, AppError> {
        let hash = self.feed_hash(secret);
        let found = {
            let directory = self.directory();
            let feed = directory.feeds.get(&hash);
            feed.and_then(|feed| {
                let owner = directory.by_id.get(&feed.owner)?;
                let entry = directory.collections.get(&feed.collection)?;
                let enabled = owner.state == UserState::Enabled && entry.owner == owner.id;
                let caller = Caller { tenant: owner.tenant.id, user: owner.id, login: owner.login.clone() };
                enabled.then(|| (Arc::clone(feed), caller, Arc::clone(entry)))
            })
        };
        let Some((feed, caller, entry)) = found else { return Ok(None) };
        let at = CollectionPath { home: caller.login.clone(), name: entry.name.clone() };
        let Some(collection) = self.read_collection(&caller, &at).await? else { return Ok(None) };
        Ok(Some(FeedExport::new(Arc::clone(self), &feed, caller, at, &entry, collection.tag)))
    }
}

pub(crate) fn feed_entry(record: &FeedRecord) -> Feed {
    Feed {
        id: FeedId::from_bytes(record.id),
        owner: UserId::from_bytes(record.owner),
        collection: CollectionId::from_bytes(record.collection),
        privacy: if record.privacy == 0 { FeedPrivacy::Full } else { FeedPrivacy::Busy },
        created: instant(record.created),
    }
}

/// A feed on its way to a reader.
pub struct FeedExport {
    app: Arc<App>,
    caller: Caller,
    at: CollectionPath,
    entry: Arc<CollectionEntry>,
    tag: String,
    /// `None`: everything is shown.
    busy: Option<BusyView>,
    pieces: Pieces,
}

impl FeedExport {
    fn new(
        app: Arc<App>,
        feed: &Feed,
        caller: Caller,
        at: CollectionPath,
        entry: &Arc<CollectionEntry>,
        tag: String,
    ) -> Self {
        let busy = (feed.privacy == FeedPrivacy::Busy).then(BusyView::default);
        let name = if busy.is_some() { Some(BUSY) } else { entry.record.display_name.as_deref() };
        let pieces = Pieces::new(name);
        let entry = Arc::clone(entry);
        Self { app, caller, at, entry, tag, busy, pieces }
    }

    /// Another text whenever what the feed shows may be another one.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The next piece of the calendar; `None` after the last. What is held is a batch of objects.
    ///
    /// # Errors
    /// The calendar cannot be read any more: what came so far is no calendar.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, AppError> {
        let (busy, entry) = (&mut self.busy, &self.entry);
        let push = |object: &CalendarObject, merger: &mut Merger, text: &mut String| match busy {
            None => merger.push(object.calendar(), text),
            Some(view) => {
                let uid = entry.tenant.store.uid_hash(entry.id, object.uid());
                if let Some(shown) = view.of(object, &uid) {
                    merger.push(&shown, text);
                }
            }
        };
        self.pieces.next(&self.app, &self.caller, &self.at, push).await
    }
}

/// What everything is called in a feed that shows times only.
const BUSY: &str = "Busy";

/// Properties that such a feed keeps, beside those that it makes.
const SHOWN: [&str; 10] = [
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "EXRULE",
    "RECURRENCE-ID",
    "STATUS",
    "TRANSP",
];

/// Shows when somebody is busy. It starts from an object's skeleton, and keeps of it what is named here.
#[derive(Default)]
struct BusyView {
    /// Zones of the database that have been defined.
    defined: HashSet<String>,
}

impl BusyView {
    /// An event as its times; `None` for one that blocks no time, and for what is no event.
    fn of(&mut self, object: &CalendarObject, uid: &KeyedHash) -> Option<Component> {
        if object.kind() != ComponentKind::Event || object.components().all(is_free) {
            return None;
        }
        let uid: String = uid.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let mut bones = parse_skeleton(&skeleton(object)).ok()?;
        let mut known = HashSet::new();
        let mut used = HashSet::new();
        bones.rebuild_components(|mut component| {
            if component.is("VTIMEZONE") {
                known.extend(component.property("TZID").map(|id| id.text().trim().to_owned()));
                return Some(component);
            }
            component.retain_components(|_| false);
            component.retain_properties(|property| SHOWN.iter().any(|name| property.is(name)));
            used.extend(
                component
                    .properties()
                    .iter()
                    .filter_map(|property| property.param("TZID"))
                    .map(str::to_owned),
            );
            component.push_property(Property::new("UID", &format!("{uid}@almanac")));
            component.push_property(Property::new("DTSTAMP", "19700101T000000Z"));
            component.push_property(Property::new("SUMMARY", BUSY));
            Some(component)
        });
        for id in used.into_iter().filter(|id| !known.contains(id.trim())) {
            if !self.defined.contains(&id)
                && let Some(zone) = vtimezone(id.trim(), Timestamp::MIN, Timestamp::MAX)
            {
                bones.push_component(zone);
                self.defined.insert(id);
            }
        }
        Some(bones)
    }
}

/// Whether a component blocks no time.
fn is_free(component: &Component) -> bool {
    let says = |name, what: &str| {
        component.property(name).is_some_and(|property| property.value().trim().eq_ignore_ascii_case(what))
    };
    says("TRANSP", "TRANSPARENT") || says("STATUS", "CANCELLED")
}
