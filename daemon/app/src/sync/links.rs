//! Links: which collection is kept equal to which calendar of which account, and how far that has come.

use std::sync::Arc;

use almanac_backend::CollectionPath;
use almanac_base::{AccountId, CollectionId, LinkId, Secret, TenantId};
use almanac_store::records::sync::{channel_key, place_key};
use almanac_store::records::{ChannelRecord, Document, LinkRecord, PlaceRecord};
use almanac_store::{Precondition, RecordVersion, Space, StoreError, Write};
use jiff::Timestamp;

use super::AccountInfo;
use crate::App;
use crate::directory::{CollectionEntry, Tenant};
use crate::error::AppError;
use crate::limits::{COMMIT_ATTEMPTS, LINKS_MAX};
use crate::open::{all, id, instant};

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMode {
    /// Both ways.
    TwoWay,
    /// The store follows the vendor.
    Pull,
    /// The vendor follows the store.
    Push,
}

/// What a vendor is told of what is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPrivacy {
    /// Everything.
    Full,
    /// Times, and the first letters of a title.
    Initials,
    /// Times only.
    Busy,
}

/// Who wins where both sides contradict each other. Never whose clock is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// The side of record: where the object was made.
    Record,
    /// The vendor.
    Vendor,
    /// The store.
    Store,
    /// A person is asked.
    Ask,
}

/// Whether a link works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// It does.
    Active,
    /// It rests, as the operator wishes.
    Paused,
    /// One of the two calendars is not there any more; why. Nothing was deleted on the other side.
    Detached(String),
}

/// A link to be made.
pub struct NewLink {
    /// The account.
    pub account: AccountId,
    /// The vendor's name for its calendar.
    pub remote: String,
    /// People's name for it.
    pub remote_name: String,
    /// The collection.
    pub at: CollectionPath,
    /// Which way.
    pub mode: LinkMode,
    /// What the vendor is told.
    pub privacy: LinkPrivacy,
    /// Who wins.
    pub policy: LinkPolicy,
    /// Whether it works from the beginning.
    pub state: LinkState,
}

/// A link as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkInfo {
    /// Its id.
    pub id: LinkId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The vendor's name for its calendar.
    pub remote: String,
    /// People's name for it.
    pub remote_name: String,
    /// The collection.
    pub collection: CollectionId,
    /// Where that is; `None` if it was deleted.
    pub at: Option<CollectionPath>,
    /// Which way.
    pub mode: LinkMode,
    /// What the vendor is told.
    pub privacy: LinkPrivacy,
    /// Who wins.
    pub policy: LinkPolicy,
    /// Whether it works.
    pub state: LinkState,
    /// When it was made.
    pub created: Timestamp,
    /// The version of its record: a step for a link that was changed since is refused.
    pub version: RecordVersion,
}

/// How far a link has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The change of the collection up to which its changes were looked at; `None`: all of it is to be looked at.
    pub seq: Option<u64>,
    /// Where the vendor's last listing ended.
    pub token: Option<String>,
    /// The last listing of everything.
    pub listed: Option<Timestamp>,
    /// The last run that came to its end.
    pub done: Option<Timestamp>,
    /// When the current hour of deletions began, and how many there were.
    pub deletions: Option<(Timestamp, u64)>,
    /// The last comparison of everything.
    pub compared: Option<Timestamp>,
    /// Until when the vendor asked to be left alone, by all links of the account.
    pub rests_until: Option<Timestamp>,
}

/// A channel through which a vendor calls.
#[derive(Debug, Clone)]
pub struct Channel {
    /// What its signals name.
    pub channel: String,
    /// What the vendor calls the watched calendar.
    pub resource: String,
    /// What the vendor proves itself with.
    pub secret: Secret,
    /// When it closes by itself.
    pub until: Timestamp,
    /// The last signal.
    pub signalled: Option<Timestamp>,
    /// The address that it calls, if that is known.
    pub address: Option<String>,
}

/// A link as it was read.
pub(super) struct Link {
    pub(super) tenant: Arc<Tenant>,
    pub(super) id: LinkId,
    pub(super) version: RecordVersion,
    pub(super) record: LinkRecord,
}

impl App {
    /// Makes a link between a calendar of an account and a collection of the account's tenant.
    ///
    /// # Errors
    /// `NotFound` if there is no such account or calendar, `Exists` if the two are linked already, `Invalid` if the
    /// calendar is another tenant's or the tenant has too many links.
    pub async fn add_link(&self, new: NewLink) -> Result<LinkInfo, AppError> {
        let account = self.account_record(new.account).await?;
        let _changing = self.changing.lock().await;
        let entry = self.owned(&new.at)?;
        if entry.tenant.id != account.tenant.id {
            return Err(AppError::Invalid(
                "the calendar belongs to another tenant than the account".to_owned(),
            ));
        }
        let links = self.links_of(&account.tenant).await?;
        if links.len() >= LINKS_MAX {
            return Err(AppError::Invalid(format!("a tenant has at most {LINKS_MAX} links")));
        }
        let same = |link: &Link| {
            link.record.account == *new.account.as_bytes()
                && link.record.remote == new.remote
                && link.record.collection == *entry.id.as_bytes()
        };
        if links.iter().any(same) {
            return Err(AppError::Exists("link"));
        }
        let record = LinkRecord {
            account: *new.account.as_bytes(),
            collection: *entry.id.as_bytes(),
            remote: new.remote,
            remote_name: new.remote_name,
            mode: mode_to_byte(new.mode),
            privacy: privacy_to_byte(new.privacy),
            policy: policy_to_byte(new.policy),
            state: u8::from(new.state != LinkState::Active),
            reason: None,
            created: self.clock.now().as_second(),
        };
        let link = Link {
            tenant: account.tenant,
            id: LinkId::from_bytes(self.ids.fresh()),
            version: RecordVersion::NONE,
            record,
        };
        let version = link.tenant.store.new_version();
        let link = Link { version, ..link };
        let (key, store) = (link.id.as_bytes().as_slice(), &link.tenant.store);
        let account = Precondition::Exists(Space::Accounts, new.account.as_bytes().as_slice().into());
        let write = Write::new().require(account).put(Space::Links, key, version, link.record.to_bytes());
        store.commit(write).await?;
        self.link_info(&link)
    }

    /// All links, ordered by tenant and creation.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn links(&self) -> Result<Vec<LinkInfo>, AppError> {
        let tenants: Vec<_> = self.directory().tenants.values().cloned().collect();
        let mut infos = Vec::new();
        for tenant in tenants {
            for link in self.links_of(&tenant).await? {
                infos.push(self.link_info(&link)?);
            }
        }
        Ok(infos)
    }

    /// The links of an account, ordered by creation.
    ///
    /// # Errors
    /// `NotFound` if its tenant is gone.
    pub async fn links_of_account(&self, account: &AccountInfo) -> Result<Vec<LinkInfo>, AppError> {
        let tenant = self.directory().tenants.get(&account.tenant).cloned();
        let mut links = self.links_of(&tenant.ok_or(AppError::NotFound("tenant"))?).await?;
        links.retain(|link| link.record.account == *account.id.as_bytes());
        links.iter().map(|link| self.link_info(link)).collect()
    }

    /// The link with this id.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn link(&self, id: LinkId) -> Result<LinkInfo, AppError> {
        self.link_info(&self.link_record(id).await?)
    }

    /// Makes a link work, rest, or be detached.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    pub async fn set_link_state(&self, id: LinkId, state: &LinkState) -> Result<LinkInfo, AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let mut link = self.link_record(id).await?;
            (link.record.state, link.record.reason) = match state {
                LinkState::Active => (0, None),
                LinkState::Paused => (1, None),
                LinkState::Detached(reason) => (2, Some(reason.clone())),
            };
            let (key, store) = (id.as_bytes().as_slice(), &link.tenant.store);
            let version = store.new_version();
            let write = Write::new()
                .require(Precondition::VersionIs(Space::Links, key.into(), link.version))
                .put(Space::Links, key, version, link.record.to_bytes());
            match store.commit(write).await {
                Ok(_) => return self.link_info(&Link { version, ..link }),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }

    /// How far a link has come.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    pub async fn link_place(&self, id: LinkId) -> Result<Place, AppError> {
        let link = self.link_record(id).await?;
        let row = link.tenant.store.get(Space::Links, &place_key(id)).await?;
        let record = row.map(|row| PlaceRecord::from_bytes(&row.value)).transpose()?.unwrap_or_default();
        Ok(Place {
            seq: record.seq,
            token: record.token,
            listed: record.listed.map(instant),
            done: record.done.map(instant),
            deletions: record.deletions.map(|(at, count)| (instant(at), count)),
            compared: record.compared.map(instant),
            rests_until: record.rests_until.and_then(|at| Timestamp::from_millisecond(at).ok()),
        })
    }

    /// Keeps how far a link has come. Only after everything up to there is durable.
    ///
    /// # Errors
    /// `NotFound` if there is no such link any more.
    pub async fn keep_link_place(&self, id: LinkId, place: &Place) -> Result<(), AppError> {
        let link = self.link_record(id).await?;
        let record = PlaceRecord {
            seq: place.seq,
            token: place.token.clone(),
            listed: place.listed.map(Timestamp::as_second),
            done: place.done.map(Timestamp::as_second),
            deletions: place.deletions.map(|(at, count)| (at.as_second(), count)),
            compared: place.compared.map(Timestamp::as_second),
            rests_until: place.rests_until.map(Timestamp::as_millisecond),
        };
        self.put_beside(&link, place_key(id), record.to_bytes()).await
    }

    /// The channel through which the vendor calls about a link, if one is open.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    pub async fn link_channel(&self, id: LinkId) -> Result<Option<Channel>, AppError> {
        let link = self.link_record(id).await?;
        let row = link.tenant.store.get(Space::Links, &channel_key(id)).await?;
        row.map(|row| {
            let record = ChannelRecord::from_bytes(&row.value)?;
            Ok(Channel {
                channel: record.channel,
                resource: record.resource,
                secret: Secret::new(record.secret),
                until: instant(record.until),
                signalled: record.signalled.map(instant),
                address: record.address,
            })
        })
        .transpose()
    }

    /// Keeps the channel of a link, or that it has none.
    ///
    /// # Errors
    /// `NotFound` if there is no such link any more.
    pub async fn keep_link_channel(&self, id: LinkId, channel: Option<&Channel>) -> Result<(), AppError> {
        let link = self.link_record(id).await?;
        let Some(channel) = channel else {
            link.tenant.store.commit(Write::new().delete(Space::Links, channel_key(id))).await?;
            return Ok(());
        };
        let record = ChannelRecord {
            channel: channel.channel.clone(),
            resource: channel.resource.clone(),
            secret: channel.secret.expose().to_owned(),
            until: channel.until.as_second(),
            signalled: channel.signalled.map(Timestamp::as_second),
            address: channel.address.clone(),
        };
        self.put_beside(&link, channel_key(id), record.to_bytes()).await
    }

    /// Notes when the vendor has called through this very channel; whether it is still the link's.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    pub async fn note_signal(&self, id: LinkId, channel: &str, at: Timestamp) -> Result<bool, AppError> {
        self.change_signal(id, channel, |_| Some(at.as_second())).await
    }

    /// Notes that the vendor did not call through this very channel when it should have; whether it is still the link's. A call
    /// at `since` or later stays noted.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    pub async fn forget_signal(&self, id: LinkId, channel: &str, since: Timestamp) -> Result<bool, AppError> {
        self.change_signal(id, channel, |at| at.filter(|at| *at >= since.as_second())).await
    }

    async fn change_signal(
        &self,
        id: LinkId,
        channel: &str,
        change: impl Fn(Option<i64>) -> Option<i64>,
    ) -> Result<bool, AppError> {
        let (link, key) = (self.link_record(id).await?, channel_key(id));
        let store = &link.tenant.store;
        for _ in 0..COMMIT_ATTEMPTS {
            let Some(row) = store.get(Space::Links, &key).await? else { return Ok(false) };
            let record = ChannelRecord::from_bytes(&row.value)?;
            if record.channel != channel {
                return Ok(false);
            }
            let record = ChannelRecord { signalled: change(record.signalled), ..record };
            let write = Write::new()
                .require(Precondition::VersionIs(Space::Links, key.as_slice().into(), row.version))
                .put(Space::Links, key.as_slice(), store.new_version(), record.to_bytes());
            match store.commit(write).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }

    /// Writes a row beside a link's own, if that is still there.
    async fn put_beside(&self, link: &Link, key: Vec<u8>, value: Vec<u8>) -> Result<(), AppError> {
        let store = &link.tenant.store;
        let write = Write::new()
            .require(Precondition::Exists(Space::Links, link.id.as_bytes().as_slice().into()))
            .put(Space::Links, key, store.new_version(), value);
        match store.commit(write).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(AppError::NotFound("link")),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn link_record(&self, id: LinkId) -> Result<Link, AppError> {
        let tenants: Vec<_> = self.directory().tenants.values().cloned().collect();
        for tenant in tenants {
            if let Some(row) = tenant.store.get(Space::Links, id.as_bytes()).await? {
                let record = LinkRecord::from_bytes(&row.value)?;
                return Ok(Link { tenant, id, version: row.version, record });
            }
        }
        Err(AppError::NotFound("link"))
    }

    /// The collection of a link, if it is still there.
    pub(super) fn collection_of(&self, link: &LinkInfo) -> Result<Arc<CollectionEntry>, AppError> {
        self.directory().collections.get(&link.collection).cloned().ok_or(AppError::NotFound("calendar"))
    }

    async fn links_of(&self, tenant: &Arc<Tenant>) -> Result<Vec<Link>, AppError> {
        let mut links = Vec::new();
        for (key, row) in all(&tenant.store, Space::Links).await? {
            if key.len() == 16 {
                let record = LinkRecord::from_bytes(&row.value)?;
                let (tenant, id) = (Arc::clone(tenant), LinkId::from_bytes(id(&key)?));
                links.push(Link { tenant, id, version: row.version, record });
            }
        }
        Ok(links)
    }

    fn link_info(&self, link: &Link) -> Result<LinkInfo, AppError> {
        let record = &link.record;
        let collection = CollectionId::from_bytes(record.collection);
        let entry = self.directory().collections.get(&collection).cloned();
        let at = match entry {
            Some(entry) => {
                Some(CollectionPath { home: self.login_of(entry.owner)?, name: entry.name.clone() })
            }
            None => None,
        };
        Ok(LinkInfo {
            id: link.id,
            tenant: link.tenant.id,
            account: AccountId::from_bytes(record.account),
            remote: record.remote.clone(),
            remote_name: record.remote_name.clone(),
            collection,
            at,
            mode: mode_from_byte(record.mode)?,
            privacy: privacy_from_byte(record.privacy)?,
            policy: policy_from_byte(record.policy)?,
            state: match record.state {
                0 => LinkState::Active,
                1 => LinkState::Paused,
                _ => LinkState::Detached(record.reason.clone().unwrap_or_default()),
            },
            created: instant(record.created),
            version: link.version,
        })
    }
}

fn mode_to_byte(mode: LinkMode) -> u8 {
    match mode {
        LinkMode::TwoWay => 0,
        LinkMode::Pull => 1,
        LinkMode::Push => 2,
    }
}

fn mode_from_byte(byte: u8) -> Result<LinkMode, AppError> {
    match byte {
        0 => Ok(LinkMode::TwoWay),
        1 => Ok(LinkMode::Pull),
        2 => Ok(LinkMode::Push),
        _ => Err(AppError::Bug("a stored mode is not known")),
    }
}

fn privacy_to_byte(privacy: LinkPrivacy) -> u8 {
    match privacy {
        LinkPrivacy::Full => 0,
        LinkPrivacy::Initials => 1,
        LinkPrivacy::Busy => 2,
    }
}

fn privacy_from_byte(byte: u8) -> Result<LinkPrivacy, AppError> {
    match byte {
        0 => Ok(LinkPrivacy::Full),
        1 => Ok(LinkPrivacy::Initials),
        2 => Ok(LinkPrivacy::Busy),
        _ => Err(AppError::Bug("a stored privacy level is not known")), // never guessed: it would tell more
    }
}

fn policy_to_byte(policy: LinkPolicy) -> u8 {
    match policy {
        LinkPolicy::Vendor => 0,
        LinkPolicy::Store => 1,
        LinkPolicy::Ask => 2,
        LinkPolicy::Record => 3,
    }
}

fn policy_from_byte(byte: u8) -> Result<LinkPolicy, AppError> {
    match byte {
        0 => Ok(LinkPolicy::Vendor),
        1 => Ok(LinkPolicy::Store),
        2 => Ok(LinkPolicy::Ask),
        3 => Ok(LinkPolicy::Record),
        _ => Err(AppError::Bug("a stored policy is not known")),
    }
}
