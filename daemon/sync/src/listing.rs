//! Looking at the vendor: pages of changes, objects that are only named, and what is missing from a whole listing.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use almanac_app::sync::{LinkInfo, LinkPrivacy, PairOrigin, PairState, Place};
use almanac_contract::{
    Changed, ConnectorError, Coverage, DeltaToken, ErrorKind, Field, Form, Next, RemoteId, RemoteObject,
};

use crate::limits::{CLASHES_MAX, FETCH_IDS, LISTED_MAX, PAGES_MAX};
use crate::merge::Side;
use crate::names::{name_for, name_for_unread, other_uid};
use crate::report::Stop;
use crate::run::LinkRun;
use crate::step::Told;

/// What a listing of everything has shown: hashes of ids. Two ids of one hash hide a deletion, never make one up.
type Shown = HashSet<u64, BuildHasherDefault<DefaultHasher>>;

fn hash(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

impl LinkRun<'_> {
    /// Looks at what changed at the vendor; `place` is brought forward, to be kept once all of it is durable.
    pub(crate) async fn look_there(&mut self, place: &mut Place) -> Result<(), Stop> {
        let since = place.token.clone().map(DeltaToken);
        let listed = match self.list(since.as_ref()).await {
            Err(Stop::Vendor(ConnectorError { kind: ErrorKind::DeltaExpired, .. })) if since.is_some() => {
                self.list(None).await
            }
            other => other,
        };
        let (token, coverage) = listed?;
        place.token = Some(token.0);
        if coverage != Coverage::Changes || place.listed.is_none() {
            place.listed = Some(self.clock.now());
        }
        Ok(())
    }

    async fn list(&mut self, since: Option<&DeltaToken>) -> Result<(DeltaToken, Coverage), Stop> {
        let (mut page_token, mut shown) = (None, Shown::default());
        for _ in 0..PAGES_MAX {
            let page = self.connector.changes(&self.calendar, since, page_token.as_ref()).await;
            let page = page.map_err(Stop::Vendor)?;
            if page.coverage != Coverage::Changes {
                shown.extend(page.changes.iter().map(|line| hash(&line.id().0)));
                if shown.len() > LISTED_MAX {
                    return Err(Stop::Vendor(ConnectorError::new(ErrorKind::Malformed, "list all objects")));
                }
            }
            self.read_page(page.changes).await?;
            match page.next {
                Next::Page(token) => page_token = Some(token),
                Next::Done(token) => {
                    if page.coverage != Coverage::Changes {
                        self.look_for_missing(&shown).await?;
                    }
                    self.settle_clashes().await?;
                    return Ok((token, page.coverage));
                }
            }
        }
        Err(Stop::Vendor(ConnectorError::new(ErrorKind::Malformed, "list changes to the last page")))
    }

    async fn read_page(&mut self, changes: Vec<Changed>) -> Result<(), Stop> {
        // The last line about an object counts.
        let last: BTreeMap<String, usize> =
            changes.iter().enumerate().map(|(n, line)| (line.id().0.clone(), n)).collect();
        let mut touched = Vec::new();
        for (n, line) in changes.into_iter().enumerate() {
            if last.get(&line.id().0) != Some(&n) {
                continue;
            }
            match line {
                Changed::Touched(id, version) => {
                    if !self.is_known(&id, version.as_ref().map(|version| version.0.as_str())).await? {
                        touched.push(id);
                    }
                }
                line => self.read_line(line).await?,
            }
        }
        for ids in touched.chunks(FETCH_IDS) {
            self.fetch(ids).await?;
        }
        Ok(())
    }

    /// Asks how objects are now.
    async fn fetch(&mut self, ids: &[RemoteId]) -> Result<(), Stop> {
        for line in self.connector.fetch(&self.calendar, ids).await.map_err(Stop::Vendor)? {
            self.read_line(line).await?;
        }
        Ok(())
    }

    pub(crate) async fn read_line(&mut self, line: Changed) -> Result<(), Stop> {
        match line {
            Changed::Now(object) => self.read_object(*object).await,
            Changed::Touched(..) => {
                Err(Stop::Vendor(ConnectorError::new(ErrorKind::Malformed, "fetch the objects that changed")))
            }
            Changed::Gone(id) => match self.app.name_of_remote(&self.link, &id.0).await? {
                Some(name) => self.take(&name, Told::Gone).await,
                None => Ok(()),
            },
            Changed::Unreadable(id, reason) => {
                let known = self.app.name_of_remote(&self.link, &id.0).await?;
                let name = known.unwrap_or_else(|| name_for_unread(&id.0));
                self.park_unread(&name, &id, reason.0).await
            }
        }
    }

    /// Whether an object is in the version that the link last saw.
    async fn is_known(&self, id: &RemoteId, version: Option<&str>) -> Result<bool, Stop> {
        let Some(version) = version else { return Ok(false) };
        let Some(name) = self.app.name_of_remote(&self.link, &id.0).await? else { return Ok(false) };
        let pair = self.app.pair(&self.link, &name).await?;
        Ok(pair.is_some_and(|pair| pair.version.as_deref() == Some(version)))
    }

    /// An object as it is at the vendor: which of ours is it?
    async fn read_object(&mut self, object: RemoteObject) -> Result<(), Stop> {
        if let Some(name) = self.app.name_of_remote(&self.link, &object.id.0).await? {
            return self.take(&name, Told::Now(&object)).await;
        }
        let ours = object.mark.as_ref().is_some_and(|mark| mark.link == self.link.id.to_string());
        if !ours && self.is_mirror_of_another(&object).await? {
            self.report.mirrors += 1;
            return Ok(());
        }
        let uid = object.form.uid.clone();
        if let Some(name) = self.app.name_of_uid(&self.link, &uid).await? {
            let pair = self.app.pair(&self.link, &name).await?;
            return match pair.and_then(|pair| pair.remote) {
                Some(_) => self.put_aside(object).await,
                None => {
                    self.report.matched += 1;
                    self.take(&name, Told::Now(&object)).await
                }
            };
        }
        if ours && let Some(name) = self.unanswered(&uid).await? {
            return self.take(&name, Told::Now(&object)).await;
        }
        if let Some(name) = self.same_content(&object).await? {
            self.report.matched += 1;
            return self.take(&name, Told::Now(&object)).await;
        }
        self.take_new(&object).await
    }

    /// The object that was told with this UID and deleted here before an answer came: nothing else leads to it.
    async fn unanswered(&self, uid: &str) -> Result<Option<String>, Stop> {
        let mut after = None;
        loop {
            let (rows, next) = self.app.pairs(&self.link, after.as_ref()).await?;
            let mut found = None;
            for row in rows.into_iter().filter(|row| row.pair.remote.is_none()) {
                if self.told_uid(&row.pair)? == uid {
                    found = Some(row);
                }
            }
            match (found, next) {
                (Some(row), _) => return Ok(Some(row.name)),
                (None, Some(next)) => after = Some(next),
                (None, None) => return Ok(None),
            }
        }
    }

    /// Whether an object is what another link of this store wrote: taking it in would make a circle.
    pub(crate) async fn is_mirror_of_another(&self, object: &RemoteObject) -> Result<bool, Stop> {
        let Some(link) = object.mark.as_ref().and_then(|mark| mark.link.parse().ok()) else {
            return Ok(false);
        };
        let masks = |link: &LinkInfo| link.privacy != LinkPrivacy::Full;
        match self.app.link(link).await {
            // Those of other tenants are others' affair.
            Ok(other) if other.tenant != self.link.tenant => Ok(false),
            // Two links of one calendar to one calendar there share its objects, unless one of them tells the vendor less
            // than what is here: what it wrote says nothing about the object.
            Ok(other) => Ok(other.collection != self.link.collection || masks(&other) || masks(&self.link)),
            Err(almanac_app::AppError::NotFound(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in an object that nothing here is equal to.
    async fn take_new(&mut self, object: &RemoteObject) -> Result<(), Stop> {
        let mut name = name_for(&object.form.uid);
        let view = self.app.view_step(&self.link, &name).await?;
        let taken = view.object.is_some_and(|(_, other)| other.uid() != object.form.uid)
            || view.pair.is_some_and(|pair| pair.remote.is_some());
        if taken {
            name = name_for(&format!("{}/{}", object.form.uid, object.id.0));
        }
        self.take(&name, Told::Now(object)).await
    }

    /// Another object with a UID that an object here has. At the end of the listing it shows whether that one is gone.
    async fn put_aside(&mut self, object: RemoteObject) -> Result<(), Stop> {
        if self.clashes.len() < CLASHES_MAX {
            self.clashes.push(object);
            return Ok(());
        }
        self.take_under_other_uid(object).await
    }

    async fn settle_clashes(&mut self) -> Result<(), Stop> {
        for object in std::mem::take(&mut self.clashes) {
            let name = self.app.name_of_uid(&self.link, &object.form.uid).await?;
            match name {
                // The vendor deleted it and made it anew: a move, not a deletion.
                Some(name) if self.is_deleted_there(&name) => self.take(&name, Told::Now(&object)).await?,
                Some(_) => self.take_under_other_uid(object).await?,
                None => self.take_new(&object).await?,
            }
        }
        Ok(())
    }

    async fn take_under_other_uid(&mut self, mut object: RemoteObject) -> Result<(), Stop> {
        object.form.uid = other_uid(&object.form.uid, &object.id.0);
        match self.app.name_of_uid(&self.link, &object.form.uid).await? {
            Some(name) => self.take(&name, Told::Now(&object)).await,
            None => self.take_new(&object).await,
        }
    }

    /// Looks at each linked object that a listing of everything did not show: only the vendor's word about the very object
    /// is a deletion.
    async fn look_for_missing(&mut self, shown: &Shown) -> Result<(), Stop> {
        let mut after = None;
        loop {
            let (rows, next) = self.app.pairs(&self.link, after.as_ref()).await?;
            let missing: Vec<RemoteId> = rows
                .into_iter()
                .filter_map(|row| row.pair.remote)
                .filter(|remote| !shown.contains(&hash(remote)))
                .map(RemoteId)
                .collect();
            for ids in missing.chunks(FETCH_IDS) {
                self.fetch(ids).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// An object here that says the same and is linked with nothing: the two are taken for one.
    async fn same_content(&mut self, object: &RemoteObject) -> Result<Option<String>, Stop> {
        if self.unmatched.is_none() {
            self.unmatched = Some(self.contents().await?);
        }
        let Some(key) = content(&object.form) else { return Ok(None) };
        let found = self.unmatched.as_mut().and_then(|map| map.get_mut(&key)).and_then(Vec::pop);
        Ok(found)
    }

    /// The objects here without a pair, by what they say; only for the first listing of a link.
    async fn contents(&self) -> Result<BTreeMap<u64, Vec<String>>, Stop> {
        let mut contents = BTreeMap::<u64, Vec<String>>::new();
        let first = self.app.link_place(self.link.id).await?.listed.is_none();
        // Where the vendor is told less than what is here, nothing there looks like it.
        if !first || self.link.privacy != LinkPrivacy::Full {
            return Ok(contents);
        }
        let mut after = None;
        loop {
            let page = self.app.local_differences(&self.link, after.as_ref()).await?;
            for name in page.names {
                let view = self.app.view_step(&self.link, &name).await?;
                if let (Some((_, object)), None) = (&view.object, &view.pair)
                    && let Some(key) = content(&almanac_contract::form::read(object))
                {
                    contents.entry(key).or_default().push(name);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(contents),
            }
        }
    }

    fn is_deleted_there(&self, name: &str) -> bool {
        self.deletion_of(name) == Some(Side::Remote)
    }

    /// Keeps that the vendor has an object that cannot be read.
    async fn park_unread(&mut self, name: &str, id: &RemoteId, reason: &'static str) -> Result<(), Stop> {
        self.park(name, reason, |pair| {
            if pair.remote.is_none() {
                pair.remote = Some(id.0.clone());
                pair.origin = PairOrigin::There;
            }
            // Whatever comes next is news.
            pair.version = None;
            matches!(pair.state, PairState::Parked(_))
        })
        .await
    }
}

/// What makes two objects look the same: when, how often, and the title.
fn content(form: &Form) -> Option<u64> {
    let master = form.master()?;
    let fields = [Field::Time, Field::Rule, Field::Summary].map(|field| master.get(&field).cloned());
    fields[0].as_ref()?;
    Some(BuildHasherDefault::<DefaultHasher>::default().hash_one(fields))
}
