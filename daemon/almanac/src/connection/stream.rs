//! The bytes of a connection, with an eye on whether they move.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watch::Watch;
use crate::limits::LINGER_BYTES_MAX;

/// A stream that tells its [`Watch`] what it does, and that closes without losing the last answer.
pub(crate) struct Watched<S> {
    inner: S,
    watch: Arc<Watch>,
    closing: Closing,
}

enum Closing {
    No,
    /// Our side is being shut.
    Shutting,
    /// Our side is shut; what still comes is dropped, up to so many bytes.
    Lingering(usize),
    Done,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S, watch: Arc<Watch>) -> Self {
        Self { inner, watch, closing: Closing::No }
    }

    /// Notes what became of a try to write.
    fn note<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &outcome {
            Poll::Pending => self.watch.blocked(),
            Poll::Ready(_) => self.watch.written(),
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.heard();
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.note(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.note(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush with nothing to do says nothing about the client: only a failure to flush is noted.
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        if outcome.is_pending() {
            self.watch.blocked();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::No => this.closing = Closing::Shutting,
                Closing::Shutting => {
                    let still_sending = this.watch.closing();
                    ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
                    this.closing =
                        if still_sending { Closing::Lingering(LINGER_BYTES_MAX) } else { Closing::Done };
                }
                Closing::Lingering(left) => {
                    let mut scratch = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let outcome = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buffer));
                    let read = buffer.filled().len();
                    *left = left.saturating_sub(read);
                    if outcome.is_err() || read == 0 || *left == 0 {
                        this.closing = Closing::Done;
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
