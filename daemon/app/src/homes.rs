//! Calendar homes and their collections as a caller sees them.

use almanac_backend::{
    Access, Caller, Collection, CollectionKind, CollectionName, CollectionPath, Login, Quota, Share,
    Transparency,
};
use almanac_base::UserId;

use crate::App;
use crate::collections::{dead_property, tag};
use crate::directory::{CollectionEntry, Found};
use crate::error::AppError;
use crate::index::slot::kind_from_byte;
use crate::open::instant;
use crate::token::Place;

impl App {
    /// See `Backend::collection`.
    pub(crate) async fn read_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
    ) -> Result<Option<Collection>, AppError> {
        let found = self.directory().find(caller, at);
        match found {
            Some(found) => Ok(Some(self.view(caller, at.name.clone(), &found).await?)),
            None => Ok(None),
        }
    }

    /// See `Backend::home`.
    pub(crate) async fn read_home(
        &self,
        caller: &Caller,
        login: &Login,
    ) -> Result<Option<Vec<Collection>>, AppError> {
        let Some(found) = self.directory().home(caller, login) else { return Ok(None) };
        let mut collections = Vec::with_capacity(found.len());
        for (name, found) in found {
            collections.push(self.view(caller, name, &found).await?);
        }
        Ok(Some(collections))
    }

    /// See `Backend::quota`.
    pub(crate) async fn home_quota(&self, caller: &Caller, login: &Login) -> Result<Option<Quota>, AppError> {
        let Some(found) = self.directory().home(caller, login) else { return Ok(None) };
        let mut used_bytes = 0;
        for (_, found) in found {
            let owned = found.entry.owner == caller.user || login != &caller.login;
            if owned && found.access >= Access::Read {
                used_bytes += self.used_bytes(&found.entry).await?;
            }
        }
        Ok(Some(Quota { used_bytes, available_bytes: self.store.available_bytes() }))
    }

    /// A collection as the caller sees it: a sharee has a display name and dead properties of their own.
    async fn view(
        &self,
        caller: &Caller,
        name: CollectionName,
        found: &Found,
    ) -> Result<Collection, AppError> {
        let entry = &found.entry;
        let record = &entry.record;
        let head = self.head(entry).await?;
        let share = entry.shares.get(&caller.user);
        let (display_name, dead, version) = match share {
            Some(share) => (
                share.record.display_name.clone().or_else(|| record.display_name.clone()),
                &share.record.dead,
                share.version,
            ),
            None => (record.display_name.clone(), &record.dead, entry.version),
        };
        let owner = self.login_of(entry.owner)?;
        let components: Result<_, _> = record.components.iter().map(|byte| kind_from_byte(*byte)).collect();
        Ok(Collection {
            name,
            owner,
            kind: if record.kind == 0 { CollectionKind::Calendar } else { CollectionKind::Plain },
            access: found.access,
            display_name,
            description: record.description.clone(),
            timezone: record.timezone.clone(),
            timezone_id: record.timezone_id.clone(),
            zone: entry.zone().clone(),
            components: components?,
            transparency: if record.transparency == 0 {
                Transparency::Opaque
            } else {
                Transparency::Transparent
            },
            dead: dead.iter().map(dead_property).collect(),
            shares: if found.access == Access::Owner { self.shares_of(entry) } else { Vec::new() },
            created: instant(record.created),
            sync_token: self.token(entry, Place { at: head, initial: None }),
            tag: tag(head.seq, version),
        })
    }

    pub(crate) fn login_of(&self, user: UserId) -> Result<Login, AppError> {
        let directory = self.directory();
        let user = directory.by_id.get(&user).ok_or(AppError::Bug("a collection has no owner"))?;
        Ok(user.login.clone())
    }

    pub(crate) fn shares_of(&self, entry: &CollectionEntry) -> Vec<Share> {
        let directory = self.directory();
        let shares = entry.shares.iter();
        shares
            .filter_map(|(user, share)| {
                let login = directory.by_id.get(user)?.login.clone();
                Some(Share { login, access: share.access })
            })
            .collect()
    }
}
