//! One component, reduced to what decides its times.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::alarm::Alarm;
use super::busy::{Busy, BusyKind};
use super::length::Length;
use super::marks::{Key, Marks};
use super::rules::Recurring;
use super::time::CalTime;
use crate::object::ComponentKind;
use crate::value::Nominal;
use crate::zone::Zone;

/// DTEND, DUE or DURATION.
#[derive(Clone, Debug)]
pub(super) enum End {
    None,
    At(CalTime),
    After(Nominal),
}

/// RECURRENCE-ID.
#[derive(Clone, Debug)]
pub(super) struct RecurrenceId {
    pub(super) at: CalTime,
    /// RANGE=THISANDFUTURE: the component also stands for the instances after it.
    pub(super) and_future: bool,
}

/// One component.
#[derive(Debug)]
pub(super) struct Part {
    /// Its place among the components of the calendar.
    pub(super) index: usize,
    pub(super) kind: ComponentKind,
    pub(super) start: Option<CalTime>,
    pub(super) end: End,
    pub(super) recurrence_id: Option<RecurrenceId>,
    pub(super) recurrence: Option<Recurrence>,
    /// What an instance makes of its time.
    pub(super) busy: Option<BusyKind>,
    /// The periods of a VFREEBUSY.
    pub(super) free_busy: Vec<(Busy, IsBusy)>,
    pub(super) alarms: Vec<Alarm>,
    pub(super) completed: Option<Timestamp>,
    pub(super) created: Option<Timestamp>,
}

/// Whether a period of a VFREEBUSY is one in which somebody is busy, or FBTYPE=FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsBusy {
    Yes,
    No,
}

/// What makes a component a series, and what other components take out of it.
#[derive(Debug, Default)]
pub(super) struct Recurrence {
    pub(super) rules: Vec<Recurring>,
    pub(super) exrules: Vec<Recurring>,
    pub(super) rdates: Vec<(CalTime, Option<Length>)>,
    pub(super) excluded: Marks,
    /// Instances that have a component of their own.
    pub(super) overridden: Marks,
    /// Components for an instance and those after it, in order.
    pub(super) futures: Vec<Future>,
}

/// An override with RANGE=THISANDFUTURE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Future {
    pub(super) from: Key,
    /// The place of the component in the series.
    pub(super) part: usize,
    /// How far it moves instances, in seconds on the wall.
    pub(super) shift: i64,
}

impl Part {
    /// What the component recurs by: DTSTART, or the DUE of a task that has nothing else.
    pub(super) fn anchor(&self) -> Option<&CalTime> {
        match (&self.start, &self.end, self.kind) {
            (Some(start), _, _) => Some(start),
            (None, End::At(due), ComponentKind::Todo) => Some(due),
            _ => None,
        }
    }

    /// How long each instance lasts; `None` where there is neither an end nor a length, and the start is no date.
    pub(super) fn length(&self, zone: &Zone) -> Option<Length> {
        match (&self.start, &self.end) {
            (None, _) => None,
            (Some(start), End::At(end)) => Some(Length::between(start, end, zone)),
            (Some(_), End::After(duration)) => Some(Length::of(*duration)),
            (Some(CalTime::Date(_)), End::None) if self.kind != ComponentKind::Todo => Some(Length::ONE_DAY),
            (Some(_), End::None) => None,
        }
    }

    /// The longest that an instance of this component can be.
    pub(super) fn length_most(&self, zone: &Zone) -> SignedDuration {
        let own = self.length(zone).map_or(SignedDuration::ZERO, Length::most);
        let rdates = self.recurrence.iter().flat_map(|recurrence| &recurrence.rdates);
        rdates.filter_map(|(_, length)| *length).map(Length::most).fold(own, Ord::max)
    }
}

impl Future {
    /// Where this override puts the instance that would have been at `at`; `like` is the override's own start.
    pub(super) fn place(self, at: &CalTime, like: &CalTime) -> CalTime {
        let wall: DateTime = super::time::add_wall_seconds(at.wall_by(like), self.shift);
        like.with_wall(wall)
    }
}
