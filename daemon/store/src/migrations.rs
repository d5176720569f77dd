//! How an older store becomes one of this version: one step for each version, run in order at start.
//!
//! A step is repeatable: the version is raised only when it is done, so a start that was interrupted runs it
//! again. Each step comes with a fixture of the format it reads, in `tests/fixtures`.

use crate::engine::Engine;
use crate::error::StoreError;

/// The version this program writes.
pub(crate) const CURRENT: u32 = 3;

/// Turns a store of version `from` into one of version `from + 1`.
pub(crate) struct Step {
    pub(crate) from: u32,
    pub(crate) run: fn(&dyn Engine) -> Result<(), StoreError>,
}

/// All steps, oldest first. Version 1 is the first there was.
pub(crate) const STEPS: &[Step] = &[
    // Version 2 reads all of version 1; that one knows no packed values, no names of wrapping keys, no root key before,
    // no trash and no tenant that is arriving, and must not take what it does not know for damage.
    Step { from: 1, run: |_| Ok(()) },
    // Version 3 adds spaces for the synchronisation with vendors; a program that does not know them would not seal them
    // anew with the rest when keys rotate.
    Step { from: 2, run: |_| Ok(()) },
];

/// The steps from version `from` to [`CURRENT`]; `None` if the way has a gap or leads back.
pub(crate) fn steps_from(steps: &'static [Step], from: u32, to: u32) -> Option<&'static [Step]> {
    let way = steps.get(steps.iter().position(|step| step.from == from).unwrap_or(steps.len())..)?;
    let joined = way.iter().zip(from..).all(|(step, version)| step.from == version);
    let reached = u32::try_from(way.len()).ok().and_then(|count| from.checked_add(count));
    (joined && reached == Some(to)).then_some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Step] = &[Step { from: 1, run: |_| Ok(()) }, Step { from: 2, run: |_| Ok(()) }];

    #[test]
    fn every_older_version_has_a_way_to_the_current_one() {
        for version in 1..=CURRENT {
            assert!(steps_from(STEPS, version, CURRENT).is_some(), "{version}");
        }
    }

    #[test]
    fn the_way_begins_at_the_stores_version_and_no_version_is_skipped() {
        let lengths = |from| steps_from(TWO, from, 3).map(<[Step]>::len);
        assert_eq!([lengths(1), lengths(2), lengths(3)], [Some(2), Some(1), Some(0)]);
        assert_eq!([lengths(0), lengths(4)], [None, None]);
    }
}
