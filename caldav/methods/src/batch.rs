//! How many members are loaded at once, so that memory is bounded whatever they weigh.

use almanac_backend::Entry;

use crate::limits::{BATCH_BYTES, BATCH_OBJECTS};

/// The first few of `entries`, to be loaded together, and the entries after them. The first part is empty only
/// if there are none.
pub(crate) fn batch(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    let mut bytes = 0_u64;
    let fits = |entry: &&Entry| {
        bytes = bytes.saturating_add(entry.bytes);
        bytes <= BATCH_BYTES
    };
    let count = entries.iter().take(BATCH_OBJECTS).take_while(fits).count().max(1);
    entries.split_at_checked(count).unwrap_or((entries, &[]))
}

#[cfg(test)]
mod tests {
    use almanac_backend::{ETag, ObjectName};
    use almanac_ical::ComponentKind;
    use jiff::Timestamp;

    use super::*;

    fn entries(sizes: &[u64]) -> Vec<Entry> {
        let entry = |bytes: &u64| Entry {
            name: ObjectName::new("a").unwrap(),
            etag: ETag::from_version([0; 16]),
            kind: ComponentKind::Event,
            bytes: *bytes,
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
        };
        sizes.iter().map(entry).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_in_size_and_makes_progress() {
        let rows: [(&[u64], usize); 6] = [
            (&[], 0),
            (&[1], 1),
            (&[1; BATCH_OBJECTS + 1], BATCH_OBJECTS),
            (&[BATCH_BYTES, 1], 1),
            (&[BATCH_BYTES - 1, 1, 1], 2),
            (&[u64::MAX, 1], 1),
        ];
        for (sizes, count) in rows {
            let all = entries(sizes);
            let (first, rest) = batch(&all);
            assert_eq!((first.len(), rest.len()), (count, sizes.len() - count), "{sizes:?}");
        }
    }
}
