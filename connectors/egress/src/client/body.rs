//! The body of an answer: read piece by piece, within its bounds.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use super::error::{EgressError, Kind, Sent};
use super::line::Line;
use super::pool::{Pool, origin};
use crate::guard::Target;

/// When waiting for a piece ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) idle: Duration,
    pub(super) whole: Instant,
}

/// The body of an answer. Dropping it before its end closes the connection.
pub struct AnswerBody {
    incoming: Incoming,
    /// Gone when the body has ended.
    line: Option<Line>,
    left: usize,
    deadline: Deadline,
    target: Target,
    pool: Weak<Pool>,
}

impl AnswerBody {
    pub(super) fn new(
        incoming: Incoming,
        line: Line,
        max: usize,
        deadline: Deadline,
        target: &Target,
    ) -> Self {
        Self { incoming, line: Some(line), left: max, deadline, target: target.clone(), pool: Weak::new() }
    }

    /// The connection goes there when the body was read.
    pub(super) fn returning_to(mut self, pool: &Arc<Pool>) -> Self {
        self.pool = Arc::downgrade(pool);
        self
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] as soon as it is known that the body exceeds the bound, [`Kind::Timeout`] if it stalls or
    /// takes too long, [`Kind::Protocol`] if it is cut. After an error the body is useless.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, EgressError> {
        let outcome = self.next_piece().await;
        if !matches!(outcome, Ok(Some(_)))
            && let Some(line) = self.line.take()
            && outcome.is_ok()
            && let Some(pool) = self.pool.upgrade()
        {
            pool.put(origin(&self.target), line);
        }
        outcome
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, EgressError> {
        let by = self.deadline.whole.min(Instant::now() + self.deadline.idle);
        loop {
            if self.incoming.size_hint().lower() > u64::try_from(self.left).unwrap_or(u64::MAX) {
                return Err(EgressError::new(Kind::TooLarge, &self.target));
            }
            let Some(line) = &mut self.line else { return Ok(None) };
            let incoming = &mut self.incoming;
            let frame = timeout_at(
                by,
                poll_fn(|cx| {
                    line.drive(cx);
                    let polled = Pin::new(&mut *incoming).poll_frame(cx);
                    if polled.is_ready() {
                        line.drive(cx); // the reader has made room; the end of the body may be next
                    }
                    polled
                }),
            );
            let frame =
                frame.await.map_err(|_| EgressError::new(Kind::Timeout(Sent::Maybe), &self.target))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame =
                frame.map_err(|e| EgressError::new(Kind::Protocol(Sent::Maybe), &self.target).by(e))?;
            let Ok(piece) = frame.into_data() else { continue }; // trailers
            let left = self.left.checked_sub(piece.len());
            self.left = left.ok_or_else(|| EgressError::new(Kind::TooLarge, &self.target))?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`AnswerBody::piece`].
    pub async fn whole(mut self) -> Result<Bytes, EgressError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerBody")
    }
}
