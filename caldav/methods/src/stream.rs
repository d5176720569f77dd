//! A multistatus that is sent while it is made: memory is bounded, whatever its size (RFC 4918 section 13).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use almanac_backend::BackendError;
use almanac_davxml::Multistatus;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;

use crate::error::{Failure, Reply};
use crate::header::preference_applied;
use crate::limits::PIECE_BYTES;
use crate::response::{self, Pieces};
use crate::{Body, BoxError};

/// Where the producer of a multistatus writes: one member after the other, with a [`flush`](Self::flush) after
/// each. So what waits here is less than a piece and one member, however much that one grew by its expansion:
/// `flush` comes back only once its reader has taken all of it but a few pieces.
pub(crate) struct Writer {
    /// Responses are appended here; [`flush`](Self::flush) sends them on.
    pub(crate) xml: Multistatus,
    pieces: Pieces,
}

impl Writer {
    /// Hands over what has been written, once it is a piece worth sending.
    ///
    /// # Errors
    /// If nobody reads the body any more; stop then.
    pub(crate) async fn flush(&mut self) -> Result<(), BoxError> {
        if self.xml.len() >= PIECE_BYTES {
            self.pieces.send(self.xml.take()).await?;
        }
        Ok(())
    }

    /// Ends the multistatus, with the token of a sync-collection.
    ///
    /// # Errors
    /// If nobody reads the body any more.
    pub(crate) async fn finish(self, sync_token: Option<&str>) -> Result<(), BoxError> {
        self.pieces.send(self.xml.finish(sync_token)).await
    }
}

/// Answers 207 with what `produce` writes. Its first piece decides the status: an error before that is
/// answered like any other, an error after it breaks the connection off. An answer of one piece is sent
/// with its length.
pub(crate) async fn multistatus<F>(produce: impl FnOnce(Writer) -> F) -> Reply
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let body =
        started(response::streamed(|pieces| produce(Writer { xml: Multistatus::new(), pieces }))).await?;
    Ok(response::with_body(StatusCode::MULTI_STATUS, Some("application/xml; charset=utf-8"), body))
}

/// A streamed body that has made its first piece, or the failure that kept it from that.
///
/// # Errors
/// What the producer failed with before its first piece.
pub(crate) async fn started(mut body: Body) -> Result<Body, Failure> {
    let first = match body.frame().await {
        Some(frame) => frame.map_err(failure)?.into_data().unwrap_or_default(),
        None => Bytes::new(),
    };
    Ok(if body.is_end_stream() {
        response::full(first)
    } else {
        Resumed { first, rest: body }.boxed_unsync()
    })
}

/// Notes on a response that it is a minimal one (RFC 7240 section 3, RFC 8144 section 2.1).
pub(crate) fn minimal(mut response: Response<Body>) -> Response<Body> {
    preference_applied(response.headers_mut(), "return=minimal");
    response
}

fn failure(error: BoxError) -> Failure {
    match error.downcast::<BackendError>() {
        Ok(error) => Failure::from(*error),
        Err(error) => Failure::Internal(error),
    }
}

/// A body whose first piece was read already.
struct Resumed {
    first: Bytes,
    rest: Body,
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let first = std::mem::take(&mut self.first);
        if first.is_empty() {
            Pin::new(&mut self.rest).poll_frame(task)
        } else {
            Poll::Ready(Some(Ok(Frame::data(first))))
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn write_one(writer: &mut Writer) {
        writer.xml.response_status(&"x".repeat(1_000), 404, None, None);
    }

    #[tokio::test]
    async fn a_small_answer_has_a_length_and_an_early_error_its_own_status() {
        let reply = multistatus(|mut writer| async move {
            write_one(&mut writer);
            writer.finish(None).await
        })
        .await
        .ok()
        .unwrap();
        assert!(reply.body().size_hint().exact().is_some());
        let refused = multistatus(|mut writer| async move {
            write_one(&mut writer);
            Err(BackendError::Unavailable.into())
        })
        .await;
        assert!(matches!(refused, Err(Failure::Unavailable)));
    }

    #[tokio::test]
    async fn the_producer_is_only_a_few_pieces_ahead_of_the_reader_and_stops_with_it() {
        const ALL: usize = 10_000;
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let reply = multistatus(move |mut writer| async move {
            for _ in 0..ALL {
                counter.fetch_add(1, Ordering::Relaxed);
                write_one(&mut writer);
                writer.flush().await?;
            }
            writer.finish(None).await
        })
        .await
        .ok()
        .unwrap();
        let ahead = (PIECE_BYTES / 1_000 + 1) * (crate::limits::PIECES_QUEUED + 2);
        assert!(made.load(Ordering::Relaxed) <= ahead);
        let mut body = reply.into_body();
        let mut read = 0;
        for _ in 0..10 {
            read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        assert!(made.load(Ordering::Relaxed) <= read / 1_000 + ahead);
        drop(body);
        assert!(made.load(Ordering::Relaxed) < ALL);
        assert_eq!(Arc::strong_count(&made), 1, "dropping the body drops the producer");
    }

    #[tokio::test]
    async fn a_large_member_is_taken_by_the_reader_before_the_next_is_made() {
        const MEMBER: usize = 1 << 20;
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let reply = multistatus(move |mut writer| async move {
            for _ in 0..8 {
                counter.fetch_add(1, Ordering::Relaxed);
                writer.xml.response_status(&"x".repeat(MEMBER), 404, None, None);
                writer.flush().await?;
            }
            writer.finish(None).await
        })
        .await
        .ok()
        .unwrap();
        let (mut body, mut read) = (reply.into_body(), 0);
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            read += piece.len();
            let waiting = (made.load(Ordering::Relaxed) * MEMBER).saturating_sub(read);
            assert!(waiting <= MEMBER + (crate::limits::PIECES_QUEUED + 2) * PIECE_BYTES, "{waiting}");
        }
    }

    #[tokio::test]
    async fn a_late_error_breaks_the_body_off() {
        let reply = multistatus(|mut writer| async move {
            for _ in 0..1_000 {
                write_one(&mut writer);
                writer.flush().await?;
            }
            Err(BackendError::Unavailable.into())
        })
        .await
        .ok()
        .unwrap();
        assert!(reply.into_body().collect().await.is_err());
    }
}
