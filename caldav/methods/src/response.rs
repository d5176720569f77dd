//! Small builders of responses, and the body that makes itself while it is read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::mpsc;
use tracing::Span;

use crate::error::chain;
use crate::limits::PIECE_BYTES;
use crate::limits::PIECES_QUEUED;
use crate::{Body, BoxError};

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    with_body(status, None, Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// A sentence for people.
pub(crate) fn text(status: StatusCode, sentence: &'static str) -> Response<Body> {
    with_body(status, Some("text/plain; charset=utf-8"), full(format!("{sentence}\n").into()))
}

/// An XML document.
pub(crate) fn xml(status: StatusCode, document: Vec<u8>) -> Response<Body> {
    with_body(status, Some("application/xml; charset=utf-8"), full(document.into()))
}

/// An answer with this body and content type.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: Option<&'static str>,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// A body of these octets.
pub(crate) fn full(octets: Bytes) -> Body {
    Full::new(octets).map_err(|never| match never {}).boxed_unsync()
}

/// Sets a header to a text of our own making; one that HTTP cannot carry is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// A body that `produce` makes piece by piece while somebody reads it: nothing runs ahead of the reader by
/// more than a few pieces, and dropping the body stops the work. An `Err` breaks the connection off, because
/// the status is long sent; `stream::started` waits for the first piece and still makes a failure of it.
pub(crate) fn streamed<F>(produce: impl FnOnce(Pieces) -> F) -> Body
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(PIECES_QUEUED);
    let producer = Box::pin(produce(Pieces(sender)));
    Produced {
        producer: Some(producer),
        pieces,
        failed: None,
        progress: Progress::Nothing,
        handed_over: false,
        span: Span::current(),
    }
    .boxed_unsync()
}

/// Where the producer of a streamed body puts its pieces.
pub(crate) struct Pieces(mpsc::Sender<Bytes>);

impl Pieces {
    /// Hands a piece over, after waiting for room, in parts that even a slow reader takes in time. Empty pieces
    /// are dropped.
    ///
    /// # Errors
    /// If nobody reads the body any more; stop then.
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) -> Result<(), BoxError> {
        let mut rest: Bytes = piece.into();
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(PIECE_BYTES));
            self.0.send(part).await.map_err(|_| BoxError::from("the reader is gone"))?;
        }
        Ok(())
    }
}

type Producer = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

struct Produced {
    producer: Option<Producer>,
    pieces: mpsc::Receiver<Bytes>,
    failed: Option<BoxError>,
    progress: Progress,
    /// A piece was handed over since other tasks had their turn.
    handed_over: bool,
    span: Span,
}

/// Whether the reader has a piece already, so that an error comes too late for a status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Begun,
}

impl Produced {
    /// Lets the producer run until it waits or ends.
    fn advance(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        let Some(producer) = self.producer.as_mut() else { return Poll::Ready(()) };
        let _entered = self.span.enter();
        producer.as_mut().poll(task).map(|outcome| {
            self.producer = None;
            self.failed = outcome.err();
        })
    }

    /// The end of the body. An early error becomes an answer; a late one ends here, so it is logged here.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let error = self.failed.take()?;
        if self.progress == Progress::Begun {
            let _entered = self.span.enter();
            tracing::error!(error = chain(error.as_ref()), "an answer broke off");
        }
        Some(Err(error))
    }
}

impl http_body::Body for Produced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            // Not `poll_recv`: that one may claim to be empty to let other tasks run, and here it would be asked
            // again at once.
            if let Ok(piece) = self.pieces.try_recv() {
                self.progress = Progress::Begun;
                self.handed_over = true;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.producer.is_none() {
                return Poll::Ready(self.end());
            }
            // hyper goes on asking until the buffers of the system are full, which takes megabytes: others would
            // wait for all of that.
            if std::mem::take(&mut self.handed_over) {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Without a piece it does not wait for room but for something that wakes the task.
            if self.advance(task).is_pending() && self.pieces.is_empty() {
                return Poll::Pending;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.producer.is_none() && self.failed.is_none() && self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Reads without ever giving the task back while there is something to read, as hyper does.
    async fn read_greedily(mut body: Body) -> (usize, Option<String>) {
        let mut pieces = 0;
        let end = poll_fn(|task| {
            loop {
                match http_body::Body::poll_frame(Pin::new(&mut body), task) {
                    Poll::Ready(Some(Ok(_))) => pieces += 1,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(error.to_string())),
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        assert!(end.is_some() || http_body::Body::is_end_stream(&body));
        (pieces, end)
    }

    #[tokio::test]
    async fn a_greedy_reader_gets_all_pieces_and_then_the_end() {
        let body = streamed(|pieces| async move {
            for n in 0..10_000u32 {
                pieces.send(n.to_be_bytes().to_vec()).await?;
                pieces.send(Bytes::new()).await?;
                if n % 1_000 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        });
        assert_eq!(read_greedily(body).await, (10_000, None));
    }

    #[tokio::test]
    async fn a_greedy_reader_of_much_gives_way_to_others_after_each_few_pieces() {
        let mut body = streamed(|pieces| async move {
            for _ in 0..100 {
                pieces.send("a").await?;
            }
            Ok(())
        });
        let (mut all, mut longest) = (0, 0);
        poll_fn(|task| {
            let mut at_once = 0;
            loop {
                match http_body::Body::poll_frame(Pin::new(&mut body), task) {
                    Poll::Ready(Some(_)) => at_once += 1,
                    ended => {
                        (all, longest) = (all + at_once, longest.max(at_once));
                        return ended.map(|_| ());
                    }
                }
            }
        })
        .await;
        assert_eq!(all, 100);
        assert!(longest <= PIECES_QUEUED + 1, "{longest} pieces at once");
    }

    #[tokio::test]
    async fn an_error_comes_after_the_pieces_before_it() {
        let body = streamed(|pieces| async move {
            pieces.send("a").await?;
            Err("broken".into())
        });
        assert_eq!(read_greedily(body).await, (1, Some("broken".to_owned())));
    }

    #[test]
    fn what_http_cannot_carry_is_no_header() {
        let mut headers = HeaderMap::new();
        set(&mut headers, header::LOCATION, "/a\r\nb: c");
        assert!(headers.is_empty());
    }
}
