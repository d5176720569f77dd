//! Bodies on their way in and out: in, with patience for progress; out, counted and watched.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use almanac_methods::{Body, BodyTimedOut, BoxError};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::exchange::Exchange;
use crate::config::Limits;
use crate::limits::REST_BYTES_MAX;

/// The body of a request. It ends with [`BodyTimedOut`] if it stalls, or is slower on average than allowed.
pub(crate) struct RequestBody {
    inner: Incoming,
    pace: Pace,
    received: Arc<AtomicU64>,
    exchange: Arc<Exchange>,
    complete: bool,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How fast a body has to come.
#[derive(Debug, Clone, Copy)]
struct Pace {
    patience: Duration,
    bytes_per_second: u64,
    /// When the body was first asked for, and when the last piece came.
    begun: Option<Instant>,
    last: Option<Instant>,
}

impl Pace {
    /// Until when the next piece has to come, after `received` bytes: a stall ends the patience, and so does
    /// being late against the rate, to which the same patience is added once.
    fn deadline(&mut self, now: Instant, received: u64) -> Instant {
        let begun = *self.begun.get_or_insert(now);
        let last = *self.last.get_or_insert(now);
        let earned = Duration::from_secs_f64(received as f64 / self.bytes_per_second.max(1) as f64);
        (last + self.patience).min(begun + self.patience + earned)
    }
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, limits: &Limits, exchange: Arc<Exchange>) -> Self {
        let pace = Pace {
            patience: limits.body_timeout.0,
            bytes_per_second: u64::try_from(limits.body_rate_min.0).unwrap_or(u64::MAX),
            begun: None,
            last: None,
        };
        let complete = inner.is_end_stream();
        Self { inner, pace, received: exchange.received(), exchange, complete, alarm: None }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.pace.deadline(Instant::now(), self.received.load(Relaxed));
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.received.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
                this.pace.last = Some(Instant::now());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                this.complete = true;
                Poll::Ready(None)
            }
            Poll::Pending => this.poll_alarm(cx).map(|()| {
                this.exchange.body_timed_out();
                Some(Err(BodyTimedOut.into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request body in two hands: the handler reads it, and the connection reads on what an early answer (a 401,
/// say) has left, so that the client's next request finds the connection open.
#[derive(Clone)]
pub(crate) struct LentBody(Arc<Mutex<RequestBody>>);

/// What became of the rest of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// All of it was read.
    Read,
    /// There is more than is worth reading; the connection ends after the answer.
    Left,
}

impl LentBody {
    pub(crate) fn new(body: RequestBody) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    fn lock(&self) -> MutexGuard<'_, RequestBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what is left of the body.
    pub(crate) fn left(&self) -> Rest {
        let body = self.lock();
        if body.complete || body.inner.is_end_stream() {
            return Rest::Read;
        }
        body.exchange.body_left_unread();
        Rest::Left
    }

    /// Reads what is left of the body, if that is little.
    pub(crate) async fn read_rest(&self) -> Rest {
        let mut read = 0;
        let rest = loop {
            let (complete, announced) = {
                let body = self.lock();
                (body.complete || body.inner.is_end_stream(), body.size_hint().lower())
            };
            if complete {
                break Rest::Read;
            }
            if announced.saturating_add(read) > REST_BYTES_MAX {
                break Rest::Left;
            }
            let frame = poll_fn(|cx| Pin::new(&mut *self.lock()).poll_frame(cx)).await;
            match frame {
                None => break Rest::Read,
                Some(Err(_)) => break Rest::Left,
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len) as u64,
            }
        };
        if rest == Rest::Left { self.left() } else { rest }
    }
}

impl HttpBody for LentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut *self.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().inner.size_hint()
    }
}

/// The body of an answer. It holds the exchange open until it is sent or dropped.
pub(crate) struct ResponseBody {
    inner: Body,
    exchange: Arc<Exchange>,
}

impl ResponseBody {
    pub(crate) fn new(inner: Body, exchange: Arc<Exchange>) -> Self {
        if inner.is_end_stream() {
            exchange.answer_complete();
        }
        Self { inner, exchange }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        this.exchange.piece_wanted();
        let outcome = Pin::new(&mut this.inner).poll_frame(cx);
        match &outcome {
            Poll::Ready(Some(Ok(frame))) => {
                this.exchange.piece_offered(frame.data_ref().map_or(0, Bytes::len));
                if this.inner.is_end_stream() {
                    this.exchange.answer_complete();
                }
            }
            Poll::Ready(None) => this.exchange.answer_complete(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        outcome
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_stall_for_the_patience_and_lag_behind_the_rate_by_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace =
            Pace { patience: Duration::from_secs(10), bytes_per_second: 1024, begun: None, last: None };
        assert_eq!(pace.deadline(start, 0), at(10), "nothing came");
        pace.last = Some(at(5));
        assert_eq!(
            pace.deadline(at(5), 1),
            at(10) + Duration::from_secs_f64(1.0 / 1024.0),
            "a byte buys its share"
        );
        assert_eq!(pace.deadline(at(5), 1 << 20), at(15), "a fast start does not excuse a stall");
        pace.last = Some(at(100));
        assert_eq!(pace.deadline(at(100), 100 * 1024), at(110));
        assert!(pace.deadline(at(100), 50 * 1024) < at(100), "slower than the rate for long");
    }
}
