//! Connections that wait for the next request to the same origin.
//!
//! Each leads to an address that the guard has let through, and carries no credentials of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::line::Line;
use crate::guard::Target;
use crate::limits::{IDLE_AGE_MAX, IDLE_MAX, IDLE_PER_ORIGIN_MAX};

/// Plain or not, host, port.
type Origin = (bool, String, u16);

#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Origin, Vec<(Instant, Line)>>>);

impl Pool {
    /// An open connection to the origin of `target`, the one used last.
    pub(super) fn take(&self, target: &Target) -> Option<Line> {
        let now = Instant::now();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop_old(&mut idle, now);
        let lines = idle.get_mut(&origin(target))?;
        while let Some((_, mut line)) = lines.pop() {
            if line.is_open() {
                return Some(line);
            }
        }
        None
    }

    /// Keeps a connection, if it can be used again and there is room.
    pub(super) fn put(&self, origin: Origin, mut line: Line) {
        if !line.is_open() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop_old(&mut idle, now);
        if idle.values().map(Vec::len).sum::<usize>() >= IDLE_MAX {
            return;
        }
        let lines = idle.entry(origin).or_default();
        if lines.len() < IDLE_PER_ORIGIN_MAX {
            lines.push((now, line));
        }
    }
}

pub(super) fn origin(target: &Target) -> Origin {
    (target.is_plain(), target.host().to_owned(), target.port())
}

fn drop_old(idle: &mut HashMap<Origin, Vec<(Instant, Line)>>, now: Instant) {
    idle.retain(|_, lines| {
        lines.retain(|(since, _)| now.duration_since(*since) < IDLE_AGE_MAX);
        !lines.is_empty()
    });
}
