//! What an instance keeps for itself, on its way under other index keys: accounts, links, and what they know.

use std::collections::{HashMap, HashSet};

use almanac_base::{CollectionId, LinkId};
use almanac_store::records::export::OwnExport;
use almanac_store::records::sync::{collection_of, pair_key, place_key};
use almanac_store::records::{DispatchRecord, Document, LinkRecord, PairRecord, PlaceRecord, RemoteRecord};
use almanac_store::{Key, Space, TenantStore};

use super::import::broken;
use crate::error::AppError;
use crate::sync::remote_key;

/// Its spaces, in the order in which they are read. What leads from a vendor's id to a pair is made from the pair.
pub(super) const OWN: [Space; 5] =
    [Space::Accounts, Space::Links, Space::Pairs, Space::Dispatch, Space::History];

/// A record as it is written.
type Moved = (Space, Key, Vec<u8>);

/// The links that have come, each with its collection: what belongs to none stays behind.
#[derive(Default)]
pub(super) struct Links(HashMap<LinkId, CollectionId>);

impl Links {
    /// What a record of the tenant before becomes in `store`.
    ///
    /// A link of a collection that is not `known` stays behind: it is gone for good.
    pub(super) fn moved(
        &mut self,
        store: &TenantStore,
        known: &HashSet<CollectionId>,
        from: OwnExport,
    ) -> Result<Vec<Moved>, AppError> {
        let OwnExport { space, key, value } = from;
        let space = OWN.into_iter().find(|own| *own as u8 == space).ok_or_else(broken)?;
        if space == Space::Accounts {
            return Ok(vec![(space, key.into(), value)]);
        }
        let link = LinkId::from_bytes(*key.first_chunk().ok_or_else(broken)?);
        if space == Space::Links && key.len() == link.as_bytes().len() {
            let collection = collection_of(&LinkRecord::from_bytes(&value)?);
            if known.contains(&collection) {
                self.0.insert(link, collection);
            }
        }
        let Some(collection) = self.0.get(&link).copied() else { return Ok(Vec::new()) };
        Ok(match space {
            Space::Links if key == place_key(link) => {
                // The change log does not go along: all objects here are compared once.
                let place = PlaceRecord { seq: None, ..PlaceRecord::from_bytes(&value)? };
                vec![(space, key.into(), place.to_bytes())]
            }
            Space::Pairs => {
                let pair = PairRecord::from_bytes(&value)?;
                let mut moved = Vec::with_capacity(2);
                if let Some(remote) = &pair.remote {
                    let leads = RemoteRecord { name: pair.name.clone() };
                    let key = remote_key(store, link, remote).into();
                    moved.push((Space::Remotes, key, leads.to_bytes()));
                }
                let key = pair_key(link, &store.member(collection, &pair.name).name);
                moved.push((space, key.into(), value));
                moved
            }
            Space::Dispatch => {
                let name = DispatchRecord::from_bytes(&value)?.name;
                let key = pair_key(link, &store.member(collection, &name).name);
                vec![(space, key.into(), value)]
            }
            _ => vec![(space, key.into(), value)],
        })
    }
}
