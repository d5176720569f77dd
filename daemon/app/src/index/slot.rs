//! One member of a collection as the index knows it.

use std::sync::{Arc, OnceLock};

use almanac_backend::{ETag, Entry, ObjectName};
use almanac_ical::series::{Budget, Busy, BusyKind, Floating, Series, Window};
use almanac_ical::skeleton::{parse_skeleton, skeleton};
use almanac_ical::zone::{Zone, tzdb_version};
use almanac_ical::{CalendarObject, ComponentKind};
use almanac_store::RecordVersion;
use almanac_store::records::{KeyedHash, SummaryRecord};
use jiff::Timestamp;

use crate::error::AppError;

const RECURRING: u8 = 1;
const FLOATING: u8 = 2;
const SIMPLE: u8 = 4;

/// A member without its body. The strings are most of its size.
pub(crate) struct Slot {
    pub(crate) hash: KeyedHash,
    pub(crate) version: RecordVersion,
    pub(crate) name: ObjectName,
    pub(crate) kind: ComponentKind,
    pub(crate) bytes: u64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// Seconds: nothing of it happens before.
    pub(crate) first: i64,
    /// Seconds: nothing of it happens after.
    pub(crate) last: i64,
    flags: u8,
    busy: u8,
    skeleton: Box<str>,
    /// Parsed when first needed, and kept for what recurs.
    series: OnceLock<Arc<Series>>,
}

/// The summary of `object`, to be stored under the object's key and version.
pub(crate) fn summarize(
    name: &ObjectName,
    object: &CalendarObject,
    created: i64,
    modified: i64,
) -> Result<SummaryRecord, AppError> {
    let text = skeleton(object);
    let times = times_of(object.kind(), &text)?;
    Ok(SummaryRecord {
        name: name.as_str().to_owned(),
        kind: kind_to_byte(object.kind()),
        bytes: object.bytes().len() as u64,
        created,
        modified,
        first: times.first,
        last: times.last,
        flags: times.flags,
        busy: times.busy,
        skeleton: text,
        tzdb: tzdb_version().to_owned(),
    })
}

struct Times {
    first: i64,
    last: i64,
    flags: u8,
    busy: u8,
}

fn times_of(kind: ComponentKind, text: &str) -> Result<Times, AppError> {
    let series = read_series(text)?;
    let bounds = series.bounds();
    let mut times =
        Times { first: bounds.first.as_second(), last: bounds.last.as_second(), flags: 0, busy: 0 };
    if bounds.floating == Floating::Yes {
        times.flags |= FLOATING;
    } else if bounds.recurring {
        times.flags |= RECURRING;
    } else if kind == ComponentKind::Event {
        make_simple(&series, &mut times);
    }
    Ok(times)
}

/// An event of one instance, which no zone and no expansion can change, is told by two instants and one byte.
fn make_simple(series: &Series, times: &mut Times) {
    let always = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let Ok(instances) = series.instances(&always, &Zone::utc(), &mut Budget::SERIES.clone()) else { return };
    let [only] = instances.as_slice() else { return };
    let mut busy = Vec::new();
    if series.busy(&always, &Zone::utc(), &mut Budget::SERIES.clone(), &mut busy).is_err() || busy.len() > 1 {
        return;
    }
    times.first = only.start.as_second();
    times.last = only.end.as_second();
    times.flags = SIMPLE;
    times.busy = busy.first().map_or(0, |period| busy_to_byte(period.kind));
}

fn read_series(text: &str) -> Result<Series, AppError> {
    let tree = parse_skeleton(text).map_err(|_| AppError::Bug("a stored skeleton does not parse"))?;
    Series::read(&tree).map_err(|_| AppError::Bug("a stored skeleton has no times"))
}

/// Whether an older time-zone database gave what the summary says of times.
pub(crate) fn is_outdated(record: &SummaryRecord) -> bool {
    record.tzdb != tzdb_version()
}

/// The summary as the database of this program gives it; `None` if it is so already.
pub(crate) fn renewed(record: SummaryRecord) -> Result<Option<SummaryRecord>, AppError> {
    if !is_outdated(&record) {
        return Ok(None);
    }
    let Times { first, last, flags, busy } = times_of(kind_from_byte(record.kind)?, &record.skeleton)?;
    Ok(Some(SummaryRecord { first, last, flags, busy, tzdb: tzdb_version().to_owned(), ..record }))
}

impl Slot {
    /// The member that `record` describes. Bounds that an older time-zone database gave are computed again.
    pub(crate) fn from_record(
        hash: KeyedHash,
        version: RecordVersion,
        record: SummaryRecord,
    ) -> Result<Self, AppError> {
        let kind = kind_from_byte(record.kind)?;
        let times = if is_outdated(&record) {
            times_of(kind, &record.skeleton)?
        } else {
            Times { first: record.first, last: record.last, flags: record.flags, busy: record.busy }
        };
        Ok(Self {
            hash,
            version,
            name: ObjectName::new(&record.name).map_err(|_| AppError::Bug("a stored name is not a name"))?,
            kind,
            bytes: record.bytes,
            created: record.created,
            modified: record.modified,
            first: times.first,
            last: times.last,
            flags: times.flags,
            busy: times.busy,
            skeleton: record.skeleton.into(),
            series: OnceLock::new(),
        })
    }

    /// About how much memory it takes, in bytes, the trees that hold it included.
    pub(crate) fn footprint(&self) -> usize {
        let parsed = if self.flags & SIMPLE == 0 { 8 * self.skeleton.len() } else { 0 };
        size_of::<Self>() + 160 + self.name.as_str().len() + self.skeleton.len() + parsed
    }

    pub(crate) fn etag(&self) -> ETag {
        ETag::from_version(*self.version.as_bytes())
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            name: self.name.clone(),
            etag: self.etag(),
            kind: self.kind,
            bytes: self.bytes,
            created: instant(self.created),
            modified: instant(self.modified),
        }
    }

    /// Whether one of its instances overlaps `window` (RFC 4791 section 9.9). An object too large to be
    /// searched through counts as overlapping: the client gets one too many, never one too few. `total` is what the
    /// request may still cost; one object takes at most [`Budget::SERIES`] of it.
    pub(crate) fn overlaps(&self, window: &Window, zone: &Zone, total: &mut Budget) -> bool {
        let (start, end) = (window.start.as_second(), window.end.as_second());
        if self.flags & SIMPLE != 0 {
            return if self.first == self.last {
                start <= self.first && self.first < end
            } else {
                start < self.last && self.first < end
            };
        }
        if end < self.first || self.last < start {
            return false;
        }
        self.series().is_none_or(|series| {
            let look = |budget: &mut Budget| series.overlaps(self.kind, window, zone, budget);
            total.within(Budget::SERIES, look).unwrap_or(true)
        })
    }

    /// Whether an alarm of one of its instances goes off in `window`; `total` as for [`Slot::overlaps`].
    pub(crate) fn alarm_overlaps(&self, window: &Window, zone: &Zone, total: &mut Budget) -> bool {
        self.series().is_none_or(|series| {
            let look = |budget: &mut Budget| series.alarm_overlaps(self.kind, window, zone, budget);
            total.within(Budget::SERIES, look).unwrap_or(true)
        })
    }

    /// Adds the busy time of its instances that overlap `window`; `total` as for [`Slot::overlaps`].
    ///
    /// # Errors
    /// `AppError::TooManyInstances` if the object is too large to be searched through.
    pub(crate) fn busy(
        &self,
        window: &Window,
        zone: &Zone,
        total: &mut Budget,
        out: &mut Vec<Busy>,
    ) -> Result<(), AppError> {
        if self.flags & SIMPLE != 0 {
            if let Some(kind) = busy_from_byte(self.busy)
                && self.first < self.last
                && self.overlaps(window, zone, total)
            {
                let (start, end) =
                    (instant(self.first).max(window.start), instant(self.last).min(window.end));
                out.push(Busy { start, end, kind });
            }
            return Ok(());
        }
        let Some(series) = self.series() else {
            return Err(AppError::Bug("a stored skeleton does not parse"));
        };
        let look = |budget: &mut Budget| series.busy(window, zone, budget, out);
        total.within(Budget::SERIES, look).map_err(|_| AppError::TooManyInstances)
    }

    fn series(&self) -> Option<Arc<Series>> {
        if let Some(series) = self.series.get() {
            return Some(Arc::clone(series));
        }
        let series = Arc::new(read_series(&self.skeleton).ok()?);
        if self.flags & SIMPLE == 0 {
            let _ = self.series.set(Arc::clone(&series));
        }
        Some(series)
    }
}

fn instant(second: i64) -> Timestamp {
    let bounded = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn kind_to_byte(kind: ComponentKind) -> u8 {
    match kind {
        ComponentKind::Event => 0,
        ComponentKind::Todo => 1,
        ComponentKind::Journal => 2,
        ComponentKind::FreeBusy => 3,
    }
}

pub(crate) fn kind_from_byte(byte: u8) -> Result<ComponentKind, AppError> {
    match byte {
        0 => Ok(ComponentKind::Event),
        1 => Ok(ComponentKind::Todo),
        2 => Ok(ComponentKind::Journal),
        3 => Ok(ComponentKind::FreeBusy),
        _ => Err(AppError::Bug("a stored kind of component is not known")),
    }
}

fn busy_to_byte(kind: BusyKind) -> u8 {
    match kind {
        BusyKind::Busy => 1,
        BusyKind::Tentative => 2,
        BusyKind::Unavailable => 3,
    }
}

fn busy_from_byte(byte: u8) -> Option<BusyKind> {
    match byte {
        1 => Some(BusyKind::Busy),
        2 => Some(BusyKind::Tentative),
        3 => Some(BusyKind::Unavailable),
        _ => None,
    }
}
