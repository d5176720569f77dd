//! The patience with one connection: what it is doing, since when, and until when it may go on so.
//!
//! One rule at a time holds for the reading side (first byte, head, idle) and one for the writing side. The
//! bodies of requests have their own patience in `body.rs`, since those time-outs are answered, not cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::config::Limits;
use crate::limits::LINGER;

/// What a connection does. Shared by its reader, its writer, and the bodies in flight.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    state: Mutex<State>,
}

/// Why a connection may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It said nothing.
    FirstByte,
    /// The head of a request did not end.
    Header,
    /// No further request came.
    Idle,
    /// The client does not take the answer.
    Write,
    /// It was to be closed, and the client did not let go.
    Linger,
}

#[derive(Debug)]
struct State {
    /// Since when the connection has been waiting for a request.
    waiting: Instant,
    /// Whether anything was ever read.
    heard: bool,
    /// Since when the head of a request has been coming.
    head: Option<Instant>,
    /// Whether the first request said that this is HTTP/2, where bytes between requests begin no head.
    multiplexed: bool,
    /// Requests whose answer has not ended.
    exchanges: u64,
    /// The number of the next exchange.
    next: u64,
    /// Since when the socket has refused to take bytes.
    blocked: Option<Instant>,
    /// Exchanges whose last piece was handed over and whose next nobody asked for, since when.
    untaken: BTreeMap<u64, Instant>,
    /// Whether a request was answered before all of it was read.
    unread: bool,
    /// Since when the connection has been closing.
    closing: Option<Instant>,
}

impl Cut {
    /// The label in metrics.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::FirstByte => "first-byte-timeout",
            Self::Header => "header-timeout",
            Self::Idle => "idle-timeout",
            Self::Write => "write-timeout",
            Self::Linger => "linger-timeout",
        }
    }
}

impl Watch {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let state = State {
            waiting: Instant::now(),
            heard: false,
            head: None,
            multiplexed: false,
            exchanges: 0,
            next: 0,
            blocked: None,
            untaken: BTreeMap::new(),
            unread: false,
            closing: None,
        };
        Arc::new(Self { limits, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came in.
    pub(crate) fn heard(&self) {
        let mut state = self.state();
        state.heard = true;
        if state.exchanges == 0 && !state.multiplexed && state.head.is_none() {
            state.head = Some(Instant::now());
        }
    }

    /// The socket took bytes, or has none to take.
    pub(crate) fn written(&self) {
        self.state().blocked = None;
    }

    /// The socket takes no bytes now.
    pub(crate) fn blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    /// The head of a request is complete. Returns the number of the exchange.
    pub(crate) fn exchange_begun(&self, version: http::Version) -> u64 {
        let mut state = self.state();
        state.head = None;
        state.multiplexed = version == http::Version::HTTP_2;
        state.exchanges += 1;
        state.next += 1;
        state.next
    }

    /// The answer ended, or nobody waits for it any more.
    pub(crate) fn exchange_ended(&self, number: u64) {
        let mut state = self.state();
        state.untaken.remove(&number);
        state.exchanges = state.exchanges.saturating_sub(1);
        state.waiting = Instant::now();
    }

    /// A piece of an answer was handed over: now the client has to take it.
    pub(crate) fn piece_offered(&self, number: u64) {
        self.state().untaken.insert(number, Instant::now());
    }

    /// The next piece is wanted.
    pub(crate) fn piece_wanted(&self, number: u64) {
        self.state().untaken.remove(&number);
    }

    /// A request body was dropped before its end.
    pub(crate) fn body_left_unread(&self) {
        self.state().unread = true;
    }

    /// The connection begins to close. Says whether the client may still be sending.
    pub(crate) fn closing(&self) -> bool {
        let mut state = self.state();
        state.closing.get_or_insert_with(Instant::now);
        // A head that did not end: hyper answered 400 or 431 in the middle of it.
        state.unread || state.head.is_some()
    }

    /// Until when the connection may go on as it is, and what it is guilty of then.
    pub(crate) fn deadline(&self) -> Option<(Instant, Cut)> {
        let state = self.state();
        let write = state.blocked.iter().chain(state.untaken.values()).min();
        let write = write.map(|since| (*since + self.limits.write_timeout.0, Cut::Write));
        let read = if let Some(since) = state.closing {
            Some((since + LINGER, Cut::Linger))
        } else if state.exchanges > 0 || state.blocked.is_some() {
            None
        } else if !state.heard {
            Some((state.waiting + self.limits.first_byte_timeout.0, Cut::FirstByte))
        } else if let Some(since) = state.head {
            Some((since + self.limits.header_timeout.0, Cut::Header))
        } else {
            Some((state.waiting + self.limits.idle_timeout.0, Cut::Idle))
        };
        [write, read].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Version;

    use super::*;

    fn left(watch: &Watch) -> Option<(u64, Cut)> {
        watch.deadline().map(|(at, cut)| (at.duration_since(Instant::now()).as_secs(), cut))
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_of_a_connection_has_its_own_patience() {
        let watch = Watch::new(Limits::default());
        assert_eq!(left(&watch), Some((10, Cut::FirstByte)));
        pass(9).await;
        watch.heard();
        assert_eq!(left(&watch), Some((10, Cut::Header)));
        pass(9).await;
        watch.heard();
        assert_eq!(left(&watch), Some((1, Cut::Header)), "further bytes of a head buy no time");
        let number = watch.exchange_begun(Version::HTTP_11);
        assert_eq!(left(&watch), None, "the server may think as long as it needs");
        watch.heard();
        watch.exchange_ended(number);
        assert_eq!(left(&watch), Some((60, Cut::Idle)));
        watch.heard();
        assert_eq!(left(&watch), Some((10, Cut::Header)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_guilty_whoever_notices() {
        let watch = Watch::new(Limits::default());
        watch.heard();
        let number = watch.exchange_begun(Version::HTTP_11);
        watch.piece_offered(number);
        assert_eq!(left(&watch), Some((30, Cut::Write)));
        watch.piece_wanted(number);
        assert_eq!(left(&watch), None);
        watch.blocked();
        pass(5).await;
        watch.blocked();
        assert_eq!(left(&watch), Some((25, Cut::Write)));
        watch.exchange_ended(number);
        assert_eq!(left(&watch), Some((25, Cut::Write)), "what is not flushed is not idle");
        watch.written();
        assert_eq!(left(&watch), Some((60, Cut::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_between_the_requests_of_http2_begin_no_head() {
        let watch = Watch::new(Limits::default());
        watch.heard();
        let number = watch.exchange_begun(Version::HTTP_2);
        watch.exchange_ended(number);
        watch.heard();
        assert_eq!(left(&watch), Some((60, Cut::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_may_still_send_is_waited_for() {
        let quiet = Watch::new(Limits::default());
        quiet.heard();
        let number = quiet.exchange_begun(Version::HTTP_11);
        quiet.exchange_ended(number);
        assert!(!quiet.closing());
        let sending = Watch::new(Limits::default());
        sending.heard();
        assert!(sending.closing());
        assert_eq!(left(&sending), Some((2, Cut::Linger)));
        sending.body_left_unread();
        assert!(sending.closing());
    }
}
