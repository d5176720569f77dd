//! Rows in a sled tree, with changes that are not in it yet laid over it; and values in pieces.
//!
//! ```text
//! row                              -> 0 | version 16 | value
//! row                              -> 1 | version 16 | length of the value 4
//! tenant 16 | 255 | rest of the row | number 4 -> a piece of the value of this row
//! ```
//! No space has the number 255, so no scan meets a piece; and pieces of a tenant lie behind its rows.

use std::cmp;
use std::collections::BTreeMap;
use std::io;

use ::sled::{IVec, Tree};

use crate::engine::apply::RowsMut;
use crate::engine::read::{Next, Rows, Span, Visitor, is_empty};
use crate::engine::{EngineError, Order, Values};
use crate::files::is_full;
use crate::limits::{SLED_PIECE_BYTES, SLED_ROW_BYTES_MAX};
use crate::space::RecordVersion;

/// What lies over a tree: the new value of a place, or that it is empty.
pub(super) type Over = BTreeMap<IVec, Option<IVec>>;

const TENANT_BYTES: usize = 16;
/// In the place of a space: a piece of a value.
const PIECES: u8 = 255;
/// The first byte of a row whose value is in it.
const WHOLE: u8 = 0;
/// The first byte of a row whose value is in pieces.
const IN_PIECES: u8 = 1;
/// The bytes in front of a value: the kind of the row, the version.
const HEAD_BYTES: usize = 1 + 16;

/// A tree as it looks under what lies over it.
pub(super) struct View<'a> {
    pub(super) tree: &'a Tree,
    pub(super) over: &'a Over,
}

impl View<'_> {
    /// What lies at a place.
    fn raw(&self, place: &[u8]) -> Result<Option<IVec>, EngineError> {
        match self.over.get(place) {
            Some(changed) => Ok(changed.clone()),
            None => self.tree.get(place).map_err(storage),
        }
    }

    /// Shows the places of `span` in their order.
    fn walk(&self, span: Span<'_>, order: Order, visitor: &mut Visitor<'_>) -> Result<(), EngineError> {
        let mut stored = self.tree.range::<&[u8], _>(span);
        let mut changed = self.over.range::<[u8], _>(span);
        let mut next_stored = || {
            let entry = match order {
                Order::Ascending => stored.next(),
                Order::Descending => stored.next_back(),
            };
            entry.transpose().map_err(storage)
        };
        let mut next_changed = || match order {
            Order::Ascending => changed.next(),
            Order::Descending => changed.next_back(),
        };
        let (mut below, mut above) = (next_stored()?, next_changed());
        loop {
            let which = match (&below, &above) {
                (None, None) => return Ok(()),
                (Some(_), None) => cmp::Ordering::Less,
                (None, Some(_)) => cmp::Ordering::Greater,
                (Some((below, _)), Some((above, _))) => match order {
                    Order::Ascending => below.cmp(above),
                    Order::Descending => above.cmp(&below),
                },
            };
            let shown = match (which, &below, &above) {
                (cmp::Ordering::Less, Some((place, value)), _) => visitor(place, value)?,
                (_, _, Some((place, Some(value)))) => visitor(place, value)?,
                _ => Next::Go, // removed above
            };
            if shown == Next::Stop {
                return Ok(());
            }
            if which.is_le() {
                below = next_stored()?;
            }
            if which.is_ge() {
                above = next_changed();
            }
        }
    }

    /// The version and the value of a row; without the value if it lies in pieces and is not wanted.
    fn stored(&self, row: &[u8], raw: &[u8], values: Values) -> Result<Vec<u8>, EngineError> {
        let (kind, rest) = raw.split_first().ok_or(BAD_FORM)?;
        let Some(length) = length_in_pieces(raw)? else {
            return if *kind == WHOLE { Ok(rest.to_vec()) } else { Err(BAD_FORM) };
        };
        let mut stored = rest.get(..HEAD_BYTES - 1).ok_or(BAD_FORM)?.to_vec();
        if values == Values::Omit {
            return Ok(stored);
        }
        let whole = stored.len().saturating_add(length);
        stored.reserve_exact(length);
        for number in 0..pieces(length) {
            stored.extend_from_slice(&self.raw(&piece_place(row, number)?)?.ok_or(PIECE_MISSING)?);
        }
        if stored.len() == whole { Ok(stored) } else { Err(PIECE_MISSING) }
    }
}

impl Rows for View<'_> {
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.raw(row)?.map(|raw| self.stored(row, &raw, Values::Include)).transpose()
    }

    fn visit(
        &self,
        span: Span<'_>,
        order: Order,
        values: Values,
        visitor: &mut Visitor<'_>,
    ) -> Result<(), EngineError> {
        if is_empty(&span) {
            return Ok(());
        }
        self.walk(span, order, &mut |row, raw| {
            if is_piece(row) { Ok(Next::Go) } else { visitor(row, &self.stored(row, raw, values)?) }
        })
    }
}

/// Changes to a tree that are not written yet.
pub(super) struct Pending<'a> {
    tree: &'a Tree,
    over: Over,
}

impl<'a> Pending<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, over: Over::new() }
    }

    pub(super) fn into_changes(self) -> Over {
        self.over
    }

    fn view(&self) -> View<'_> {
        View { tree: self.tree, over: &self.over }
    }

    fn set(&mut self, place: &[u8], value: &[u8]) {
        debug_assert!(
            place.len() + value.len() <= SLED_ROW_BYTES_MAX,
            "sled would put this into a file of its own"
        );
        self.over.insert(place.into(), Some(value.into()));
    }

    fn remove_pieces(&mut self, row: &[u8]) -> Result<(), EngineError> {
        let Some(length) = self.view().raw(row)?.map(|raw| length_in_pieces(&raw)).transpose()?.flatten()
        else {
            return Ok(());
        };
        for number in 0..pieces(length) {
            self.over.insert(piece_place(row, number)?.into(), None);
        }
        Ok(())
    }
}

impl Rows for Pending<'_> {
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.view().get(row)
    }

    fn visit(
        &self,
        span: Span<'_>,
        order: Order,
        values: Values,
        visitor: &mut Visitor<'_>,
    ) -> Result<(), EngineError> {
        self.view().visit(span, order, values, visitor)
    }
}

impl RowsMut for Pending<'_> {
    fn put(&mut self, row: &[u8], version: RecordVersion, value: &[u8]) -> Result<(), EngineError> {
        self.remove_pieces(row)?;
        let version = version.as_bytes().as_slice();
        if row.len().saturating_add(HEAD_BYTES).saturating_add(value.len()) <= SLED_ROW_BYTES_MAX {
            self.set(row, &[&[WHOLE], version, value].concat());
            return Ok(());
        }
        let length = u32::try_from(value.len()).map_err(|_| EngineError::TooLarge)?;
        for (number, piece) in (0..).zip(value.chunks(SLED_PIECE_BYTES)) {
            self.set(&piece_place(row, number)?, piece);
        }
        self.set(row, &[&[IN_PIECES], version, &length.to_be_bytes()].concat());
        Ok(())
    }

    fn remove(&mut self, row: &[u8]) -> Result<(), EngineError> {
        self.remove_pieces(row)?;
        self.over.insert(row.into(), None);
        Ok(())
    }
}

const BAD_FORM: EngineError = EngineError::Corrupt("a row has a wrong form");
const PIECE_MISSING: EngineError = EngineError::Corrupt("a piece of a value is missing");

/// The length of the value of a row, if it lies in pieces.
fn length_in_pieces(raw: &[u8]) -> Result<Option<usize>, EngineError> {
    if raw.first() != Some(&IN_PIECES) {
        return Ok(None);
    }
    let length = raw.get(HEAD_BYTES..).and_then(|rest| <[u8; 4]>::try_from(rest).ok()).ok_or(BAD_FORM)?;
    Ok(Some(u32::from_be_bytes(length) as usize))
}

/// How many pieces a value of this length has.
fn pieces(length: usize) -> u32 {
    u32::try_from(length.div_ceil(SLED_PIECE_BYTES)).unwrap_or(u32::MAX) // a length has 32 bits
}

/// The place of a piece of the value of `row`. Numbers are equally long, so no two places are the same.
fn piece_place(row: &[u8], number: u32) -> Result<Vec<u8>, EngineError> {
    let (tenant, rest) = row.split_at_checked(TENANT_BYTES).ok_or(EngineError::TooLarge)?;
    Ok([tenant, &[PIECES], rest, &number.to_be_bytes()].concat())
}

fn is_piece(place: &[u8]) -> bool {
    place.get(TENANT_BYTES) == Some(&PIECES)
}

/// What a failure of sled means to callers. sled's own text goes to the log: it speaks of offsets, not of rows.
pub(super) fn storage(error: ::sled::Error) -> EngineError {
    match error {
        ::sled::Error::Io(error) if is_full(&error) => EngineError::NoSpace,
        ::sled::Error::Io(error) => EngineError::Io(error),
        ::sled::Error::Corruption { at, .. } => {
            tracing::error!(?at, "sled found damage");
            EngineError::Corrupt("sled found a page that contradicts itself")
        }
        other => EngineError::Io(io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

    fn tree() -> ::sled::Db {
        ::sled::Config::new().temporary(true).open().unwrap()
    }

    fn row(key: &[u8]) -> Vec<u8> {
        [&[7; 16], [1].as_slice(), key].concat()
    }

    fn write(tree: &Tree, work: impl FnOnce(&mut Pending<'_>)) {
        let mut pending = Pending::new(tree);
        work(&mut pending);
        for (place, value) in pending.into_changes() {
            match value {
                Some(value) => tree.insert(place, value).unwrap(),
                None => tree.remove(place).unwrap(),
            };
        }
    }

    #[test]
    fn no_row_of_sled_is_larger_than_a_page_takes_whatever_the_value() {
        let key = row(&[9; KEY_BYTES_MAX]);
        for length in [0, 1, 3000, 4096, 10 << 10, 1 << 20, VALUE_BYTES_MAX] {
            let tree = tree();
            let mut pending = Pending::new(&tree);
            pending.put(&key, RecordVersion::from_bytes([1; 16]), &vec![3; length]).unwrap();
            assert_eq!(pending.get(&key).unwrap().unwrap().len(), 16 + length);
            let largest = pending
                .into_changes()
                .iter()
                .map(|(place, value)| place.len() + value.as_ref().map_or(0, |value| value.len()))
                .max();
            assert!(largest.unwrap() <= 4 << 10, "{length}");
        }
    }

    #[test]
    fn the_pieces_of_a_value_vanish_when_it_is_replaced_or_removed() {
        let (tree, key) = (tree(), row(b"k"));
        let version = RecordVersion::from_bytes([1; 16]);
        for (length, rows) in [(100 << 10, 31), (10 << 10, 4), (10, 1), (50 << 10, 16)] {
            write(&tree, |pending| pending.put(&key, version, &vec![5; length]).unwrap());
            assert_eq!(tree.len(), rows, "{length}");
            let view = View { tree: &tree, over: &Over::new() };
            assert_eq!(view.get(&key).unwrap().unwrap().len(), 16 + length);
        }
        write(&tree, |pending| {
            pending.put(&key, version, &[6; 9000]).unwrap(); // and again within one group
            pending.remove(&key).unwrap();
        });
        assert_eq!(tree.len(), 0);
    }

    #[test]
    fn a_missing_piece_is_damage_and_not_a_shorter_value() {
        let (tree, key) = (tree(), row(b"k"));
        write(&tree, |pending| pending.put(&key, RecordVersion::NONE, &[5; 9000]).unwrap());
        tree.remove(piece_place(&key, 1).unwrap()).unwrap();
        let view = View { tree: &tree, over: &Over::new() };
        assert!(matches!(view.get(&key), Err(EngineError::Corrupt(_))));
    }
}
